/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's own /metrics on a Unix socket: so that a node can be looked at when the aggregator is dead.
 * What the last summary says is read back from the spool, the rest is asked of those who know.
 */
#ifndef WEIR_AGENT_METRICS_H
#define WEIR_AGENT_METRICS_H

#include "agent/policy.h"
#include "agent/spool.h"
#include "agent/uplink.h"
#include "lib/os/httpd.h"

struct metrics_conf {
	const struct config *conf;
	struct probe *probe;
	struct spool *spool;
	const struct policy *policy;
	const struct uplink *uplink; /* NULL = summaries go nowhere */
};

struct metrics;
/* path: of the socket. What conf points to must outlive it. */
int metrics_new(const struct metrics_conf *conf, const char *path, struct weir_loop *loop, struct metrics **ret,
		struct weir_err *err);
void metrics_free(struct metrics *m);

#endif
