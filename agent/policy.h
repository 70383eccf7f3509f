/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles from the control socket: verify -> gate -> durable -> reported with the next poll.
 * Whatever fails, the running bundle stays. The last applied one is kept in
 * <state_dir>/bundle/current as the packed push itself (one file, so it is never half old and half
 * new) and is verified again at start.
 */
#ifndef WEIR_AGENT_POLICY_H
#define WEIR_AGENT_POLICY_H

#include "agent/config.h"
#include "agent/gate.h"
#include "agent/link.h"

struct policy;
/* Applies the stored bundle; polls when a control URL is configured. */
int policy_new(struct weir_loop *loop, const struct config *c, const struct weir_hello *self,
	       const struct weir_key *key, struct probe *probe, struct gate *gate,
	       struct policy **ret, struct weir_err *err);
void policy_free(struct policy *p);
uint64_t policy_serial(const struct policy *p); /* in force, 0 = none */

#endif
