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
#define WEIR_REPLAY_MAX (64u << 20) /* charges of one replay, some 100 bytes each */

struct weir_replay_charge {
	size_t row; /* of the set, or WEIR_REPLAY_RESOURCE */
	enum weir_path path;
	enum weir_leg leg; /* of a resource WEIR_LEGS */
	const struct weir_meter *meter; /* NULL: unpriced, or nothing charges (then free) */
	bool free;			/* no meter charges on this path */
	const char *resource, *resource_domain; /* of an hourly one: its name in the topology; else NULL */
	const char *resource_meter;		/* "nat-gateway-hour", priced or not; else NULL */
	const char *pool;			/* "" without a meter */
	uint32_t month; /* 202611 */
	uint64_t bytes; /* through the meter; of a resource its seconds */
	bool once;	/* the first meter of these bytes: sums to what moved */
	int64_t nanos;
};

/*
 * Bytes are metered once: where both ends of a flow are in the set, the meters of either side are charged from that side's
 * own row. A row of a flow log is left out, without a charge, when an agent has a row of the same address in that hour:
 * the agent saw all that the address moved.
 */
struct weir_replay;
struct weir_replay_usage { /* what a pool had used when the span began */
	const char *pool, *meter; /* as in the ledger: "free internet-out" is the allowance's, of its own pool */
	uint32_t month;
	uint64_t bytes;
};
/*
 * before is borrowed until it returns; the result keeps texts of topology, book and set: free it first. Charges stand in
 * the order of the rows, then the resources. A free allowance over several pools is divided by their bytes. -ENOMEM,
 * -E2BIG behind WEIR_REPLAY_MAX, -ERANGE when a pool's bytes of a month pass 2^62.
 */
int weir_replay_run(const struct weir_topology *t, const struct weir_pricebook *b, const struct weir_traffic_set *s,
		    const struct weir_replay_usage *before, size_t before_count, struct weir_replay **ret);
void weir_replay_free(struct weir_replay *r);
static inline void weir_replay_freep(struct weir_replay **r)
{
	weir_replay_free(*r);
}
#define weir_auto_replay weir_cleanup(weir_replay_freep)
size_t weir_replay_count(const struct weir_replay *r);
const struct weir_replay_charge *weir_replay_at(const struct weir_replay *r, size_t i);
int64_t weir_replay_total(const struct weir_replay *r); /* nanos */

#endif
