/* SPDX-License-Identifier: Apache-2.0 */
/* What settlement.c (lines and claims, and each line made of its parts) and deal.c (which claim is of which line) share. */
#ifndef WEIR_SETTLEMENT_IMPL_H
#define WEIR_SETTLEMENT_IMPL_H

#include "lib/ds/map.h"
#include "lib/money/settlement.h"

#define DEALS_MAX (4u << 20)

/* Lines of one meter, account and region; claims of the same and one time. Both lie side by side. */
struct group {
	size_t first, count;
};
/* So much of a class of claims is of a line. */
struct deal {
	uint32_t line, class;
	uint64_t bytes;
};
struct weir_settlement {
	weir_settled_fn fn;
	void *arg;
	struct weir_map *names;
	struct weir_settlement_line *lines;
	struct weir_settlement_claim *claims;
	size_t line_count, line_cap, claim_count, claim_cap;
	/* of the run */
	uint64_t *quantity, *dealt; /* of lines: what they have after corrections, what of it has been dealt */
	struct group *groups, *classes;
	size_t group_count, class_count;
	struct deal *deals; /* by line */
	size_t deal_count, deal_cap;
	size_t *deal_first; /* of lines, and one more */
	uint64_t *left;	    /* bytes of claims that are in no line yet */
	int64_t *left_nanos;
	uint64_t *in_group;	      /* bytes of claims in the lines of the group */
	uint32_t *touched;	      /* claims with some */
	size_t touched_count;
	struct weir_claim *parts; /* of one line */
	struct weir_settled_share *shares;
	uint64_t *weights;
	int64_t *amounts;
};

static inline bool settlement_same(const char *a, const char *b)
{
	return a == b; /* all texts are of the map */
}

/* Fills quantity, groups, classes, deals and deal_first of sorted lines and claims. */
int settlement_deal(struct weir_settlement *s, struct weir_err *err);

#endif
