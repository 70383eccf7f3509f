/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a workload paid, traced to its flows: each row of the ledger of an hour is split by bytes over the flows of that hour that
 * pass its meter by the topology and prices of then, as it is for allocation. Sums to the ledger to the nano-unit.
 */
#ifndef AGGREGATOR_EXPLAIN_H
#define AGGREGATOR_EXPLAIN_H

#include "aggregator/ingest.h"
#include "aggregator/query_explain.h"

#define EXPLAIN_ITEMS_MAX 1024u
#define EXPLAIN_FLOWS_MAX 65536u /* of all items; behind them flows are told as others */
#define EXPLAIN_IDENTITIES_MAX 256u

struct explain_flow {
	struct weir_addr local, peer;
	bool folded, opened;
	uint8_t dir, proto;
	uint16_t port;
	const char *domain, *peer_namespace, *peer_workload; /* the peer's as of the last hour */
	uint64_t first_s, last_s;			     /* hours */
	uint64_t bytes, packets;			     /* moved, whatever part of them the meter's */
	int64_t nanos;
};
struct explain_item {
	uint32_t path, month;
	const char *meter, *pool;
	const struct weir_meter *price; /* of today's price book for the time; NULL = none, or the flows' way is another now */
	uint64_t bytes;			/* through the meter */
	int64_t nanos;
	struct explain_flow **flows; /* most expensive first when it is sorted */
	size_t flow_count, flow_cap;
	int64_t other_nanos; /* of flows beyond EXPLAIN_FLOWS_MAX, and of hours in which no flow is left */
};
struct explain_identity {
	struct query_identity_of of; /* texts are its own */
	uint64_t first_s, last_s;    /* hours in which it paid; 0 = in none */
};

struct explain;
/* path: WEIR_PATHS = any; meter: NULL = any. Strings and pricing must live as long. */
int explain_new(struct store *s, const struct ingest_pricing *pricing, const char *namespace, const char *workload,
		uint32_t path, const char *meter, struct explain **ret);
void explain_free(struct explain *e);
/* One hour of it; -E2BIG. */
int explain_hour(struct explain *e, uint64_t hour_s);
/* Behind the last hour. */
void explain_sort(struct explain *e);
size_t explain_items(const struct explain *e);
const struct explain_item *explain_at(const struct explain *e, size_t i);
size_t explain_identities(const struct explain *e);
const struct explain_identity *explain_identity_at(const struct explain *e, size_t i);

#endif
