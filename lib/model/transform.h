/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scale on which a series is forecast: log(v + shift) where it is never negative, so that what doubles is as far as what
 * halves and no forecast is below 0; else as it is. The shift is 0 without zeros, else a part of the mean: a dead hour is
 * then low, and not minus infinity.
 */
#ifndef WEIR_MODEL_TRANSFORM_H
#define WEIR_MODEL_TRANSFORM_H

#include <math.h>

#include "lib/base/base.h"

struct weir_transform {
	bool log;
	double shift;
};

struct weir_transform weir_transform_of(const double *v, size_t n);

static inline double weir_transform(const struct weir_transform *t, double v)
{
	return t->log ? log(fmax(v, 0) + t->shift) : v;
}

static inline double weir_transform_back(const struct weir_transform *t, double y)
{
	return t->log ? fmax(exp(fmin(y, 690)) - t->shift, 0) : y;
}

#endif
