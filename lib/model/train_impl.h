/* SPDX-License-Identifier: Apache-2.0 */
/* What training of series and of rows share. */
#ifndef WEIR_MODEL_TRAIN_IMPL_H
#define WEIR_MODEL_TRAIN_IMPL_H

#include "lib/model/train.h"

#define TRAIN_RECIPES_MAX (WEIR_TRAIN_CANDIDATES_MAX + 1) /* and the champion's, when it is no candidate */
#define TRAIN_NONE SIZE_MAX

/* Recipes and what they scored on what was held back. */
struct train_run {
	const struct weir_train *t;
	struct weir_shelf *shelf;
	size_t units, origins; /* of scores */
	const char *unit;      /* what they are called */
	double noise;	       /* of the gate */
	const struct weir_gate_slices *slices; /* of the units */
	struct weir_recipe recipe[TRAIN_RECIPES_MAX];
	struct weir_gate_score *score[TRAIN_RECIPES_MAX]; /* NULL: could not be fitted */
	size_t recipes, champion_recipe;		  /* TRAIN_NONE: there is no champion, or its recipe cannot be fitted */
	char against[WEIR_MODEL_HASH_TEXT];		  /* hash of the champion, "" = none */
	struct weir_model champion;			  /* ops NULL: none, or it cannot be read */
	struct weir_err trouble;			  /* why a recipe could not be fitted: the first one */
};

/* Takes candidates and champion from the task and the shelf. */
int train_begin(struct train_run *run, struct weir_shelf *s, const struct weir_train *t, struct weir_err *err);
void train_fini(struct train_run *run);
#define train_auto weir_cleanup(train_fini) struct train_run

/*
 * The best challenger, and what the gate says of it; *ret_best is the recipe, TRAIN_NONE when there is but the champion's. -EINVAL when none could
 * be fitted.
 */
int train_compare(const struct train_run *run, size_t *ret_best, struct weir_gate_result *ret, struct weir_err *err);
/* The recipe that is fitted to all: the challenger when it is better, or when there is nothing that it could be compared with. */
size_t train_winner(const struct train_run *run, size_t best, const struct weir_gate_result *gate);
/* Recipe `which` as it scored, against the scores `other`. */
int train_gate(const struct train_run *run, const struct weir_gate_score *other, const char *other_name, size_t which, size_t challengers,
	       struct weir_gate_result *ret);

/* What a challenger must have besides a better score; all said by the caller. */
struct train_verdict {
	size_t winner;		 /* the recipe that is to be champion, or would have been */
	enum weir_shelf_verdict verdict;
	double before, after;
	char why[WEIR_SHELF_WHY_MAX];
};

/* The winner, fitted to all data with its scores in its meta, is offered. finish (may be NULL) adds what is the caller's own to the model. */
int train_offer(const struct train_run *run, const struct train_verdict *v, int (*finish)(const struct train_run *run, struct weir_model *m),
		struct weir_shelf_decision *ret, struct weir_err *err);
/* By the gate's word on the best challenger, and by that on the champion as it stands (own; told 0 when that could not be asked). */
void train_decide(const struct train_run *run, size_t best, const struct weir_gate_result *gate, const struct weir_gate_result *own, int64_t to_s,
		  struct train_verdict *ret);

#endif
