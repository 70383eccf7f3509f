/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles from the control socket: verify -> durable -> gate -> reported with the next poll -> confirmed by
 * its answer. Whatever fails, the running bundle stays; one under which no answer comes is taken back
 * (policy_commit.c). Bundles are kept in <state_dir>/bundle as the packed push itself (one file, so it is
 * never half old and half new) and are verified again at start; `candidate` is that of a candidate.
 *
 * How serials order: bundles in force and candidates are numbered in one row, and each must be above the
 * high-water mark, but only what is enforced raises the mark. So a candidate stands above what is in force,
 * and never in the way of what is approved for real later, whatever its serial; it ends when a bundle of
 * its serial or above is in force. Candidates replace each other freely, as none of them is enforced.
 */
#ifndef WEIR_AGENT_POLICY_H
#define WEIR_AGENT_POLICY_H

#include "agent/config.h"
#include "agent/gate.h"
#include "agent/link.h"
#include "agent/rollback.h"

struct policy;
/* Applies the stored bundle; polls when a control URL is configured. */
int policy_new(struct weir_loop *loop, const struct config *c, const struct weir_hello *self,
	       const struct weir_key *key, struct probe *probe, struct gate *gate,
	       struct policy **ret, struct weir_err *err);
void policy_free(struct policy *p);
/* Which heads of the aggregator's audit log were seen, told with each poll; borrowed. */
struct witness;
void policy_witness(struct policy *p, struct witness *w);
struct link *policy_link(struct policy *p); /* NULL = none */
/* A poll, and an answer to it. < 0: wait before the next. */
int policy_request(struct policy *p, const uint8_t token[WEIR_TOKEN_LEN], struct weir_buf *ret);
int policy_reply(struct policy *p, const struct weir_msg *m);
/* Root takes back what is in force; text says what came of it. */
int policy_rollback(struct policy *p, char text[ROLLBACK_TEXT_MAX]);
uint64_t policy_serial(const struct policy *p); /* in force, 0 = none */
uint64_t policy_drifts(const struct policy *p); /* times that the kernel held other tables than were put there */
uint64_t policy_applied_ns(const struct policy *p);
uint64_t policy_refused(const struct policy *p); /* serial of the last one that was refused, 0 = none */
uint64_t policy_candidate(const struct policy *p); /* evaluated beside it, 0 = none */

#endif
