/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of a row of numbers. NaN must be taken out before. */
#ifndef WEIR_MODEL_STAT_H
#define WEIR_MODEL_STAT_H

#include "lib/base/base.h"

/* The k-th smallest (from 0) of n > k; v is reordered. O(n). */
double weir_select(double *v, size_t n, size_t k);
/* n > 0; v is reordered. */
double weir_median(double *v, size_t n);
/*
 * The value that covers what comes next with probability p, as split conformal prediction has it: the ceil(p (n + 1))-th
 * smallest, the largest when there are too few. n > 0; v is reordered.
 */
double weir_quantile_up(double *v, size_t n, double p);
/* The same for `count` ascending p, in little more time. */
void weir_quantiles_up(double *v, size_t n, const double *p, size_t count, double *ret);

#endif
