/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger: what bytes cost. No clock, no I/O but the store's.
 *
 * A batch collects every charged row of one commit; those of one summary with the same workload, path and meter
 * become one row of the ledger. Settling prices, per (pool, meter, month), the difference of the cumulative cost
 * before and after the batch, and splits it by bytes (largest remainder, ties to the earlier row). So the rows of
 * a month sum to the month's cost exactly, whatever the tiers crossed and however the month was cut into batches.
 */
#ifndef AGGREGATOR_COST_H
#define AGGREGATOR_COST_H

#include "aggregator/store.h"
#include "lib/money/resource.h"

#define COST_UNPRICED "unpriced" /* a price is missing: shown, never silently free */
#define COST_NONE "none"	 /* no meter charges on this path */

struct cost_batch;
int cost_batch_new(struct cost_batch **ret);
void cost_batch_free(struct cost_batch *b);
static inline void cost_batch_freep(struct cost_batch **b)
{
	cost_batch_free(*b);
}

/*
 * Notes one row. Dropped rows (DENY, LIMITED) cost nothing and leave no trace. book NULL = unpriced.
 * The meters must live until the batch is settled.
 */
int cost_charge(struct cost_batch *b, const struct weir_pricebook *book, const struct weir_route *route,
		const struct store_flow *f);
/*
 * An hour of a resource, as a charge of the workload that stands for it: bytes 0, whatever the seconds cost. Without a price
 * it is unpriced.
 */
int cost_charge_hour(struct cost_batch *b, const struct weir_resource *r, const struct store_key *key, int64_t workload,
		     uint64_t time_s);
/* Writes ledger and usage, inside the caller's transaction. */
int cost_settle(struct cost_batch *b, struct store *s);

#endif
