/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which bytes are priced together: those of one meter, in one pool, of one month. The ledger and a replay charge by it.
 * A meter whose price changed within the month is a group of its own there, and goes on from the same usage.
 */
#ifndef WEIR_MONEY_CHARGE_H
#define WEIR_MONEY_CHARGE_H

#include "lib/money/price.h"

#define WEIR_POOL_MAX 192
#define WEIR_GROUPS_CACHE 64u

struct weir_group {
	const struct weir_meter *meter;
	const char *account; /* for which it was found first */
	uint32_t month;
	char pool[WEIR_POOL_MAX];
};

struct weir_groups { /* zeroed at first */
	struct weir_group *rows;
	size_t count, cap;
	struct {
		const struct weir_meter *meter; /* NULL = empty */
		const char *account;
		uint32_t month, group;
	} cache[WEIR_GROUPS_CACHE];
	uint64_t day;			   /* whose month is: */
	uint32_t month;
};

void weir_groups_fini(struct weir_groups *g);
/* The number of the group of a meter for an account at a time; a new one has the next number. Texts and meters must
 * live as long as the groups. Constant time for what comes again with the same pointers. -ENOMEM. */
int weir_groups_find(struct weir_groups *g, const struct weir_meter *m, const char *account, uint64_t time_s,
		     uint32_t *ret);
uint32_t weir_groups_month(struct weir_groups *g, uint64_t time_s);

/* The name under which usage of a meter's free allowance is kept: "free internet-out". */
char *weir_free_name(const struct weir_meter *m, char *buf, size_t size);
/* The account whose bytes a route is: "" = nobody's. */
const char *weir_route_account(const struct weir_route *r);

#endif
