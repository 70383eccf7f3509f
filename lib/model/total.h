/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a period costs in the end, and when its sum passes an amount: a forecast of a sum, not of its steps. Whole days are
 * forecast, counted back from now: the day's season is in them, and a sum needs no more. Source of the intervals: split conformal
 * prediction (Vovk, Gammerman, Shafer 2005) on the logarithm of what came by what was said, of sums, asked in the series' own past.
 */
#ifndef WEIR_MODEL_TOTAL_H
#define WEIR_MODEL_TOTAL_H

#include "lib/base/base.h"

#define WEIR_TOTAL_HOURS_MAX ((size_t)60 * 168) /* of history; older ones are not looked at */
#define WEIR_TOTAL_LEFT_MAX ((size_t)366 * 24)
#define WEIR_TOTAL_LEAST 24 /* hours that must be known: with less there is no forecast */
#define WEIR_TOTAL_NEVER SIZE_MAX

struct weir_total_ask {
	const double *v; /* cost of each hour, the newest last; NaN where missing. Before the first that is above 0 there is no history */
	size_t n;
	int64_t now_s; /* Unix time at the end of the last one: what a month's turn is known by; 0: not known */
	size_t left;   /* hours to the end of the period, at most WEIR_TOTAL_LEFT_MAX */
	double spent;  /* in the period, up to now */
	double amount; /* whose crossing is asked for; 0: none */
};

/* What a forecast rests on: nothing (there is none), a mean of the few days that are known, or the pool and recent weeks. */
enum weir_total_basis { WEIR_TOTAL_NONE, WEIR_TOTAL_MEAN, WEIR_TOTAL_POOL };
const char *weir_total_basis_name(enum weir_total_basis b);

enum { WEIR_TOTAL_80, WEIR_TOTAL_95, WEIR_TOTAL_LEVELS };

struct weir_total {
	enum weir_total_basis basis;
	size_t days; /* of history */
	double mean, lower[WEIR_TOTAL_LEVELS], upper[WEIR_TOTAL_LEVELS]; /* of the whole period; never below what is spent */
	/* Hours from now after which the amount is passed, 0 when it is already; WEIR_TOTAL_NEVER: not in this period. By the mean; the
	 * 80 % interval is [early, late]: what is spent is above the amount at `early` with 10 %, at `late` with 90 %. */
	size_t crosses, early, late;
};

/*
 * -EINVAL for a question that is out of bounds, -ENOMEM. Some 2 ms for eight weeks and a month, up to 35 ms for sixty and a year. The same question
 * has the same answer.
 */
int weir_total(const struct weir_total_ask *a, struct weir_total *ret);

#endif
