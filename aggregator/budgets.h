/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of each budget is spent: the ledger is read once (at the start, when other budgets are there, for a new period), then what
 * is committed is added. So an evaluation costs an addition for each kind of charge since the one before, 65,536 at most,
 * whatever the ledger's size. Of 256 budgets, 1,000 workloads and five ways: 60 ns a charge, 2 ms for an evaluation with
 * all of these 5,000 kinds; the first reading, of a month in days and an hour in minutes (450,000 rows), 0.4 s. Time is an
 * argument.
 */
#ifndef AGGREGATOR_BUDGETS_H
#define AGGREGATOR_BUDGETS_H

#include "aggregator/store.h"
#include "lib/money/budget.h"

struct budget_kept {
	const struct weir_budget *budget; /* of the set that was given last */
	char name[WEIR_BUDGET_NAME];	  /* and what tells whether one of the next set is the same */
	uint64_t measure;
	int64_t spent_nanos;
	struct weir_budget_view view; /* as of the last update */
	char said[WEIR_BUDGET_THRESHOLDS][WEIR_BUDGET_SAID]; /* of this period; "" = nothing */
};

struct budgets;
int budgets_new(struct store *s, struct budgets **ret);
void budgets_free(struct budgets *b);
/* Before every use: set is NULL or lives until the next call, print tells one set from another. A failure is the store's. */
int budgets_update(struct budgets *b, const struct weir_budget_set *set, const uint8_t print[32], uint64_t now_s);
size_t budgets_count(const struct budgets *b);
struct budget_kept *budgets_at(struct budgets *b, size_t i);
struct budget_kept *budgets_find(struct budgets *b, const char *name); /* or NULL */
/* The dearest path of what a budget covers in this period; a pass over the period's days. */
int budgets_way(struct budgets *b, const struct budget_kept *k, struct weir_budget_way *ret);

#endif
