/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics: what the aggregator counts of itself, then all that is known of each agent (lib/wire/facts.h). At
 * most METRICS_AGENTS agents are exposed, the first by name; how many are left out is said.
 */
#ifndef AGGREGATOR_METRICS_H
#define AGGREGATOR_METRICS_H

#include "aggregator/service.h"

#define METRICS_AGENTS 4096

/* Appends to ret. classic: the older text format. */
int metrics_write(struct service *sv, uint64_t now_ns, bool classic, struct weir_buf *ret);

#endif
