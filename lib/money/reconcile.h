/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of the bill, and what was measured of it. To the nano-unit
 *
 *   billed = measured + adjusted + unattributed
 *
 * measured: what weir had said that these bytes cost. unattributed: the part of the line for bytes that nobody was seen to
 * move. adjusted: what makes the others' part of the bill of what was said; by reason. A line without bytes (an hourly
 * resource, a tax) has no measured part: it is unattributed until it is allocated by another key.
 */
#ifndef WEIR_MONEY_RECONCILE_H
#define WEIR_MONEY_RECONCILE_H

#include "lib/base/base.h"

enum weir_adjustment {
	WEIR_ADJUST_DISCOUNT, /* the bill's own difference between its list cost and what it charges */
	WEIR_ADJUST_TIER,     /* another list price: the tier was reached elsewhere, or the book is not up to date */
	WEIR_ADJUST_OVER,     /* more bytes were measured than the line has: another line has them, or a path is mistaken */
	WEIR_ADJUST_ROUNDING, /* at most a nano-unit a claim */
	WEIR_ADJUSTMENTS
};

struct weir_billed {
	int64_t billed, list; /* nanos; list: 0 and has_list false = not said */
	uint64_t bytes;	      /* 0 = the line is not by bytes */
	bool has_list;
};
struct weir_claim {
	uint64_t bytes;	  /* measured */
	int64_t measured; /* nanos; at least 0 */
	int64_t adjusted; /* of weir_reconcile(): measured + adjusted is this one's share of the bill */
};
struct weir_parts {
	int64_t measured, adjusted, unattributed;
	int64_t reasons[WEIR_ADJUSTMENTS]; /* sum to adjusted */
};

/* Whether a bill's usage type or meter is of a price book's `sku`: shell patterns, several behind a bar each. */
bool weir_sku_matches(const char *patterns, const char *usage);
const char *weir_adjustment_name(enum weir_adjustment a);
/* Fills adjusted of n claims, whose shares are by bytes (largest remainder). Sums must stay within int64_t. -ENOMEM. */
int weir_reconcile(const struct weir_billed *line, struct weir_claim *claims, size_t n, struct weir_parts *ret);

#endif
