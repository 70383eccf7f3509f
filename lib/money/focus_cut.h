/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Usage cut where its unit price changes: a month's free allowance, the tiers of the list price and those that the account
 * pays. Each piece has one list and one contracted price, so that price times quantity is the cost. What pools have used
 * is kept here, in the order in which charges come.
 */
#ifndef WEIR_FOCUS_CUT_H
#define WEIR_FOCUS_CUT_H

#include "lib/money/price.h"

struct weir_focus_piece {
	uint64_t from, bytes;	/* of the pool's month; of what is paid by the hour, seconds */
	uint32_t tier;		/* of the list price, from 1; 0 = the month's free allowance */
	uint64_t tier_from;	/* where that tier begins */
	int64_t list_nanos, contracted_nanos; /* a unit */
};

struct weir_focus_usage;
#define WEIR_FOCUS_POOLS_MAX 100000 /* (pool, meter, month) that are remembered */
int weir_focus_usage_new(struct weir_focus_usage **ret);
void weir_focus_usage_free(struct weir_focus_usage *u);
static inline void weir_focus_usage_freep(struct weir_focus_usage **u)
{
	weir_focus_usage_free(*u);
}
#define weir_auto_focus_usage weir_cleanup(weir_focus_usage_freep)

/*
 * Of `bytes` through m, which is what the account pays, behind what its pools have used in the month (202611); they have
 * used it then. The pieces are the caller's to free, in the order of usage, none empty; their bytes sum to all. -E2BIG.
 */
int weir_focus_cut(struct weir_focus_usage *u, const struct weir_meter *m, const char *account, uint32_t month,
		   uint64_t bytes, struct weir_focus_piece **ret, size_t *ret_n);

#endif
