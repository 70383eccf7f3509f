/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The meter simulator: recorded traffic through a topology and a price book, as the ledger would have charged it. Usage
 * per (pool, meter, month) is summed first and priced once, tiers and allowances included, then split by bytes (largest
 * remainder): the charges of a month sum to what the month costs, whatever the order of the rows. Hourly resources of the
 * topology are charged for each hour of the span. No clock, no I/O, no global.
 */
#ifndef WEIR_MONEY_REPLAY_H
#define WEIR_MONEY_REPLAY_H

#include "lib/money/price.h"
#include "lib/money/traffic.h"

#define WEIR_REPLAY_RESOURCE SIZE_MAX /* as a row: an hourly resource, no byte */

struct weir_replay_charge {
	size_t row; /* of the set, or WEIR_REPLAY_RESOURCE */
	enum weir_path path;
	enum weir_leg leg;
	const struct weir_meter *meter; /* NULL: unpriced, or nothing charges (then free) */
	bool free;			/* no meter charges on this path */
	const char *resource, *resource_domain; /* of an hourly one: its name in the topology */
	const char *pool;
	uint32_t month; /* 202611 */
	uint64_t bytes; /* through the meter; of a resource its seconds */
	bool once;	/* the first meter of these bytes: sums to what moved */
	int64_t nanos;
};

/* Bytes are metered once: where both ends of a flow are in the set, the meters of either side are charged from that side's
 * own row, and what an agent and a flow log both saw is taken from the agent. */
struct weir_replay;
struct weir_replay_usage { /* what a pool had used when the span began */
	const char *pool, *meter;
	uint32_t month;
	uint64_t bytes;
};
/* All is borrowed but until it returns. The result keeps the meters' and the set's texts: free it first. -ENOMEM, -E2BIG. */
int weir_replay_run(const struct weir_topology *t, const struct weir_pricebook *b, const struct weir_traffic_set *s,
		    const struct weir_replay_usage *before, size_t before_count, struct weir_replay **ret);
void weir_replay_free(struct weir_replay *r);
size_t weir_replay_count(const struct weir_replay *r);
const struct weir_replay_charge *weir_replay_at(const struct weir_replay *r, size_t i);
int64_t weir_replay_total(const struct weir_replay *r); /* nanos */

#endif
