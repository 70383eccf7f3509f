/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a cost changed between two periods: price, volume and mix analysis, as in management accounting. Of a meter of a
 * workload on a path (a leaf), with bytes q and cost c before (0) and after (1), and Q the bytes of all leaves that are in
 * both periods:
 *
 *   volume = c0 * (Q1 / Q0 - 1)          everything grew alike
 *   price  = c1 - c0 * q1 / q0           a byte of this leaf costs another amount
 *   mix    = what is left                bytes moved between cheap and dear leaves: c0 * (q1 / q0 - Q1 / Q0)
 *   came   = c1, where there was nothing before;  went = -c0, where there is nothing after
 *
 * Each quotient is rounded to the nano-unit, and what is left takes the rounding: the parts of a leaf sum to its change.
 */
#ifndef WEIR_MONEY_WHY_H
#define WEIR_MONEY_WHY_H

#include "lib/base/base.h"

enum weir_why_part { WEIR_WHY_VOLUME, WEIR_WHY_PRICE, WEIR_WHY_MIX, WEIR_WHY_CAME, WEIR_WHY_WENT, WEIR_WHY_PARTS };

struct weir_why {
	uint64_t bytes[2]; /* before, after; through the meter */
	int64_t nanos[2];  /* below 2^61 */
	int64_t parts[WEIR_WHY_PARTS]; /* nanos; of weir_why_split() */
};

/* "volume", "price", "mix", "new", "ended" */
const char *weir_why_name(enum weir_why_part p);
/* Fills the parts of n leaves. Costs without bytes (an hourly resource) change by their price alone. */
void weir_why_split(struct weir_why *leaves, size_t n);

#endif
