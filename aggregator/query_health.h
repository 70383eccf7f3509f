/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about TCP health; see query.h. */
#ifndef AGGREGATOR_QUERY_HEALTH_H
#define AGGREGATOR_QUERY_HEALTH_H

#include "aggregator/query.h"
#include "aggregator/store_health.h"

#define QUERY_HEALTH_WORKLOAD 1
#define QUERY_HEALTH_PEER 2
#define QUERY_HEALTH_PATH 4 /* of query_path_health() */

struct query_health {
	const char *node, *namespace, *workload, *team; /* "" unless by workload */
	uint32_t scope, peer_class;			/* 0 unless by peer */
	struct store_health h;				/* within the range */
	uint64_t open;					/* connections at the last window of each node */
};
/* by: QUERY_HEALTH_*, one or both. In the order of the keys. */
int query_health(struct store *s, uint32_t by, const struct query_range *r,
		 int (*fn)(const struct query_health *q, void *arg), void *arg);

/* Round trips and segments sent again by path; "" unless by workload. In the order of the keys. */
struct query_path_health {
	const char *node, *namespace, *workload, *team;
	uint8_t path; /* weir_path */
	uint64_t rtt_us, samples, retrans;
};
int query_path_health(struct store *s, bool by_workload, const struct query_range *r,
		      int (*fn)(const struct query_path_health *q, void *arg), void *arg);

#endif
