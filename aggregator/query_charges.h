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
/* Of whole hours from from_s (inclusive) to to_s; of one workload, when it is not NULL, by namespace and name. In the order of their key. */
int query_charges(struct store *s, uint64_t from_s, uint64_t to_s, const char *namespace, const char *workload,
		  int (*fn)(const struct query_charge *q, void *arg), void *arg);
/* Bytes of a pool's meter in a month in hours before before_s, as the ledger has them. */
int query_pool_before(struct store *s, const char *pool, const char *meter, uint32_t month, uint64_t before_s, uint64_t *ret_bytes);

#endif
