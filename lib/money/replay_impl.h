/* SPDX-License-Identifier: Apache-2.0 */
/* A replay's result, and how its groups are priced (replay_price.c). */
#ifndef WEIR_MONEY_REPLAY_IMPL_H
#define WEIR_MONEY_REPLAY_IMPL_H

#include "lib/ds/map.h"
#include "lib/money/charge.h"
#include "lib/money/replay.h"

#define REPLAY_BYTES_MAX (1ull << 62) /* of a pool in a month, also with what it had used before */

struct weir_replay {
	struct weir_replay_charge *rows;
	size_t count;
	int64_t total;
	struct weir_groups groups; /* whose pools the rows name */
};

struct replay_group {
	const struct weir_group *group;
	uint64_t bytes; /* of all its charges */
	int64_t nanos;	/* what they cost */
};

/* Fills nanos. */
int replay_price(struct replay_group *groups, size_t n, const struct weir_replay_usage *before, size_t before_count);

/* Which address an agent has rows of, by hour; *ret NULL: the set has no flow log (replay_seen.c). */
int replay_seen_new(const struct weir_traffic_set *s, struct weir_map **ret);
/* The row of a flow log whose bytes an agent counted too. */
bool replay_seen(const struct weir_map *seen, const struct weir_traffic *t);

/* The first second of the next month. */
uint64_t replay_month_end(uint64_t time_s);

#endif
