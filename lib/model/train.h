/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Training: candidates are fitted to the past, judged by what was held back of it, and the winner is fitted to all and put on
 * the shelf. What competes is a *recipe*: a name in the table of models with its options.
 *
 *   1. every candidate and the champion's recipe is fitted to the same past and asked for what was held back
 *   2. the best candidate that is not the champion's recipe must pass the gate (gate.h) against the champion's recipe
 *   3. where the shelved champion has seen nothing of what was held back, it is asked too, as it is, brought up to date (update): what
 *      is worse than it, by the margin and not by chance, does not take its place. Series that it does not know are left out, those
 *      that are no more are its own matter
 *   4. the winner is fitted to all data and offered. Where the champion's recipe stays, that is a refresh
 *
 * No clock, no global: any thread may call it, one shelf is shared. The cost is that of the fits: (candidates and champion) * origins + 1.
 */
#ifndef WEIR_MODEL_TRAIN_H
#define WEIR_MODEL_TRAIN_H

#include "lib/model/gate.h"
#include "lib/model/shelf.h"

#define WEIR_TRAIN_CANDIDATES_MAX 8
#define WEIR_TRAIN_ORIGINS_MAX 32

struct weir_recipe {
	const char *name;
	bool extended; /* isolation forest */
};

struct weir_train {
	const char *use;
	const struct weir_recipe *candidates;
	size_t candidate_count; /* 1 to WEIR_TRAIN_CANDIDATES_MAX */
	const struct weir_model_data *data;
	const struct weir_gate_slices *slices; /* of the series; of rows, of each row. NULL = none */
	struct weir_model_opts opts;	       /* of all; extended is the recipe's */
	/*
	 * Of series: steps, in whole horizons, at least one: each is one more origin, and one more fit of each recipe. With fewer than
	 * WEIR_GATE_UNITS series take five horizons or more, else nothing can be told from chance.
	 * Of rows: how many of the last ones.
	 */
	size_t holdback;
	int64_t now_s;
	const char *reason; /* "schedule", "drift", "first" */
	/* Rows alone: */
	double alarm_rate;	       /* promised share of calm rows above the threshold, 0.0001 to 0.1 */
	const struct weir_rows *planted; /* anomalies to be found, of the data's width; NULL: they are made of what was held back */
};

struct weir_train_result {
	struct weir_shelf_decision decision;
	struct weir_gate_result gate; /* of the best challenger against the champion's recipe; of the only recipe, its own scores */
	size_t series, origins;	      /* that were judged by */
};

/*
 * Series of which less than two longest seasons would be left are not judged by, and learnt from only in the end. -EINVAL with a line when nothing can be
 * judged by, or what is asked makes no sense; a candidate that cannot be fitted is left out, and err says so only when none could.
 */
int weir_train_forecast(struct weir_shelf *s, const struct weir_train *t, struct weir_train_result *ret, struct weir_err *err);

/*
 * The same for rows in the order of time. Recipes are fitted to all but the last `holdback` rows, each with WEIR_TRAIN_SEEDS seeds; a threshold is what
 * alarm_rate of those rows exceed. A challenger must
 *
 *   stay within its promise: not so many held-back rows above the threshold that chance explains it with less than 1 % (binomial),
 *     unless the champion's recipe has as many
 *   rank planted anomalies better: the error of a planted row is the share of held-back rows that score as high or higher, alarm_rate at least, and
 *     the gate is over planted rows, slices by how they were planted
 *
 * Planted rows, when not given, are held-back rows in which one feature is as extreme as nobody's ("one"), three are half as much ("three"), or
 * each comes from another row, so that only the combination is strange ("mixed"). What is shelved has the parameters threshold and alarm_rate.
 */
int weir_train_rows(struct weir_shelf *s, const struct weir_train *t, struct weir_train_result *ret, struct weir_err *err);
#define WEIR_TRAIN_SEEDS 5

#endif
