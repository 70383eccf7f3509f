/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a fitted pool (mix.c, mix_fit.c): of each series its forecast, what it is made of, and what was missed in its back-test. */
#ifndef WEIR_MODEL_MIX_STATE_H
#define WEIR_MODEL_MIX_STATE_H

#include <math.h>

#include "lib/model/pool.h"

#define WEIR_MIX_KNOTS 25 /* quantiles that are kept */

/* Of each series so many doubles in a row, then its mean and parts. */
enum {
	WEIR_MIX_LOG,
	WEIR_MIX_SHIFT,
	WEIR_MIX_USED,
	WEIR_MIX_LEVEL,
	WEIR_MIX_WEIGHT,
	WEIR_MIX_KNOT = WEIR_MIX_WEIGHT + WEIR_MEMBERS,
	WEIR_MIX_MEAN = WEIR_MIX_KNOT + WEIR_MIX_KNOTS,
};

struct weir_mix {
	size_t count, horizon, season; /* season: the shortest, for steps beyond the horizon */
	double coverage, factor;
	double miss, covered; /* in the back-test: the mean miss; the share of later origins inside intervals of earlier ones */
	double *growth; /* of each step: how much more is missed there */
	double *all;	/* count times weir_mix_stride() */
};

void weir_mix_free(void *state); /* struct weir_mix; takes NULL */
static inline void weir_mix_freep(struct weir_mix **m)
{
	weir_mix_free(*m);
}
#define weir_auto_mix weir_cleanup(weir_mix_freep) struct weir_mix

struct weir_mix *weir_mix_new(size_t count, size_t horizon, size_t season);
/* As fit of the table's rows (model.h), of the members whose bits are set. */
int weir_mix_fit(const struct weir_model_data *data, const struct weir_model_opts *opts, unsigned int members, void **ret_state,
		 struct weir_err *err);

static inline size_t weir_mix_stride(size_t horizon)
{
	return WEIR_MIX_MEAN + WEIR_PARTS * horizon;
}

static inline double *weir_mix_series(const struct weir_mix *m, size_t i)
{
	return m->all + i * weir_mix_stride(m->horizon);
}

/* The probability of knot k: they lie close where intervals are asked for. */
static inline double weir_mix_knot(size_t k)
{
	return 1 - pow(2, -(double)k * 10 / (WEIR_MIX_KNOTS - 1));
}

#endif
