/* SPDX-License-Identifier: Apache-2.0 */
/* One window: read the rows, make the summary, spool it, commit, give rows back. */
#ifndef WEIR_AGENT_HARVEST_H
#define WEIR_AGENT_HARVEST_H

#include "agent/config.h"
#include "agent/ident.h"
#include "agent/probe.h"
#include "agent/spool.h"

struct harvest;
/* Settles with the spool what the last agent left; says loudly what was lost, if anything was. */
int harvest_new(const struct config *c, struct probe *p, struct ident *id, struct spool *spool,
		struct harvest **ret, struct weir_err *err);
void harvest_free(struct harvest *h);
/* What is decided by while a window is read. */
struct harvest_policy {
	uint64_t serial, candidate_serial; /* in force, and evaluated beside it; 0 = none */
	const struct weir_bundle *candidate;
	uint64_t packet_ps; /* what a packet costs, as last measured */
};
/* end_ns: wall clock, a multiple of the window length. 0 when a record was spooled; -EALREADY when that
 * window is over already. On failure the counts stay in the kernel and the next record covers them. */
int harvest_run(struct harvest *h, uint64_t end_ns, const struct harvest_policy *policy);
/* Takes in which connections the host translates for pods; harvest_run does, too. */
void harvest_follow(struct harvest *h);
/* For spool_conf.fold. */
int harvest_fold(const void *data, size_t len, struct weir_buf *ret);

#endif
