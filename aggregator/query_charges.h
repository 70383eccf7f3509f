/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the ledger as they are, hour by hour, with whose they are. */
#ifndef AGGREGATOR_QUERY_CHARGES_H
#define AGGREGATOR_QUERY_CHARGES_H

#include "aggregator/store.h"

struct query_charge {
	uint64_t hour_s, bytes, once;
	int64_t nanos;
	uint32_t path, month;
	const char *node, *domain, *namespace, *workload, *kind, *team, *labels, *meter, *pool;
};
/* Of whole hours from from_s (inclusive) to to_s, in the order of their key. */
int query_charges(struct store *s, uint64_t from_s, uint64_t to_s, int (*fn)(const struct query_charge *q, void *arg),
		  void *arg);

/* Bytes of each pool, meter and month in hours from from_s to to_s. */
int query_pools(struct store *s, uint64_t from_s, uint64_t to_s,
		int (*fn)(const char *pool, const char *meter, uint32_t month, uint64_t bytes, void *arg), void *arg);

#endif
