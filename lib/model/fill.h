/* SPDX-License-Identifier: Apache-2.0 */
/* Missing values, for models that need a number everywhere. */
#ifndef WEIR_MODEL_FILL_H
#define WEIR_MODEL_FILL_H

#include "lib/model/series.h"

/*
 * out[0..n) = v with each NaN replaced: by the mean of the nearest known values of the same phase before and behind it (of the
 * longest season that has both, else of the shortest), moved by as much as its known neighbours are off theirs; without any
 * by what its neighbours say. All 0 when nothing is known.
 */
void weir_fill(const double *v, size_t n, const struct weir_calendar *c, double *out);

#endif
