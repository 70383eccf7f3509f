/* SPDX-License-Identifier: Apache-2.0 */
/* Flows of one bucket or some, as they are stored, with what they cost and who held the peers' addresses; and what TCP did in it. */
#ifndef AGGREGATOR_QUERY_BUCKET_H
#define AGGREGATOR_QUERY_BUCKET_H

#include "aggregator/query.h"
#include "aggregator/store_health.h"

struct query_bucket_flow {
	int64_t workload, peer_workload; /* 0: nobody known held the address then */
	bool has_peer;			 /* false: a folded row */
	bool is_public;			 /* no domain has the address */
	struct weir_addr peer;
	uint8_t path, proto, dir, verdict;
	bool opened;
	uint16_t port;
	uint64_t bytes, packets;
	/* Of the workload on the path in this bucket, all rows together: what was charged, and the bytes that it is shared by: those that
	 * left on ways where only they cost, else all that passed. */
	int64_t way_nanos;
	uint64_t way_bytes;
};
/* Of [from_s, to_s), buckets of res taken together. At most limit rows, the largest first; *ret_more: there were more. */
int query_bucket_flows(struct store *s, enum store_res res, uint64_t from_s, uint64_t to_s, uint32_t limit,
		       int (*fn)(const struct query_bucket_flow *f, void *arg), void *arg, bool *ret_more);
/* Of 10 s. */
int query_bucket_health(struct store *s, uint64_t time_s,
			int (*fn)(int64_t workload, uint8_t scope, const struct store_health *h, void *arg), void *arg);

#endif
