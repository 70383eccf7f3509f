/* SPDX-License-Identifier: Apache-2.0 */
/* Missing values, for models that need a number everywhere. */
#ifndef WEIR_MODEL_FILL_H
#define WEIR_MODEL_FILL_H

#include "lib/model/series.h"

/*
 * out[0..n) = v with each NaN replaced: by the mean of the nearest known values of the same phase before and behind it, of the
 * shortest season that has both, else by the one that there is, moved by as much as its known neighbours are off theirs; without
 * any by a line between its known neighbours. All 0 when nothing is known.
 */
void weir_fill(const double *v, size_t n, const struct weir_calendar *c, double *out);

/*
 * out[0..n) = v with outages missing: runs of zeros of a series that is never negative and mostly above 0. A run at the end that is as
 * long as `lasting` is no outage but how things are now. Returns how many values were taken out.
 */
size_t weir_fill_outages(const double *v, size_t n, size_t lasting, double *out);

/*
 * Makes missing, in place, what no neighbour in time or phase explains: values that are further from the median of those
 * than most by a wide margin, alone or in twos; a longer run is how things are. A series that is never negative is looked at by its
 * logarithm. Returns how many were taken out, -ENOMEM.
 */
int weir_fill_outliers(double *v, size_t n, const struct weir_calendar *c);

#endif
