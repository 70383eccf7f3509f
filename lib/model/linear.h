/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The global linear map on lags. A window of the last `lags` values, less its level and in units of its scale, is mapped
 * to the next `horizon` values in the same units, all steps at once. The map W of all series of a set is a ridge
 * regression; each series then has its own, a ridge that is shrunk to W instead of to 0, in which a window counts less
 * the more W errs there:
 *
 *   W   = (sum X'X + a I)^-1 sum X'Z            W_i = (X_i'K X_i + b I)^-1 (X_i'K Z_i + b W)
 *
 * Each map is made twice, of what was known at a cut, for a back-test, and of all: the windows are summed once.
 */
#ifndef WEIR_MODEL_LINEAR_H
#define WEIR_MODEL_LINEAR_H

#include "lib/model/series.h"

#define WEIR_LINEAR_LAGS_MAX 512

/* Values of a series, filled and transformed; cut at most n. */
struct weir_linear_series {
	const double *y;
	size_t n, cut;
};

struct weir_linear_opts {
	size_t lags, level, horizon; /* level: values at the end of a window whose mean is its level; at most lags */
	size_t windows;		     /* that the global map is learnt from, of all series together, about */
};

struct weir_linear;

void weir_linear_free(struct weir_linear *m);
static inline void weir_linear_freep(struct weir_linear **m)
{
	weir_linear_free(*m);
}
#define weir_auto_linear weir_cleanup(weir_linear_freep) struct weir_linear

/* The global maps. Without a window in the whole set the maps are 0: forecasts are levels. */
int weir_linear_new(const struct weir_linear_series *s, size_t count, const struct weir_linear_opts *o,
		    struct weir_linear **ret);
/* The maps of one series, kept until the next call. A series without windows has the global ones. */
int weir_linear_own(struct weir_linear *m, const struct weir_linear_series *s);
/* The steps behind n values (at least lags), by the map of the cut or of all. */
void weir_linear_predict(const struct weir_linear *m, bool at_cut, const double *y, size_t n, double *ret);

#endif
