/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends the spool to the aggregator, in order, one record at a time, each until it is acknowledged. Records are spooled
 * plain; who takes it gets them deflated, as a difference to the last one that was acknowledged in the session.
 */
#ifndef WEIR_AGENT_UPLINK_H
#define WEIR_AGENT_UPLINK_H

#include "agent/config.h"
#include "agent/link.h"
#include "agent/skew.h"
#include "agent/spool.h"

struct uplink;
int uplink_new(struct weir_loop *loop, const struct config *c, const struct weir_hello *self,
	       const struct weir_key *key, struct spool *spool, struct uplink **ret,
	       struct weir_err *err);
void uplink_free(struct uplink *u);
/* Sees the heads of the audit log that come with acknowledgements; borrowed. */
struct witness;
void uplink_witness(struct uplink *u, struct witness *w);
struct link *uplink_link(struct uplink *u);
/* What the next summaries say about this node's keys (keys.h). */
void uplink_keys(struct uplink *u, uint64_t expires_s, bool broken);
/* A record was appended. */
void uplink_kick(struct uplink *u);
/* End of the last window that was acknowledged since the start; 0 = none. */
uint64_t uplink_acked_ns(const struct uplink *u);
const struct skew *uplink_skew(const struct uplink *u);

#endif
