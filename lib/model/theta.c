/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The theta method (Assimakopoulos, Nikolopoulos 2000) in the form of Hyndman and Billah (2003): simple exponential
 * smoothing of the series without seasons, and half of the slope of its line through time, here of its newest values.
 */
#include <math.h>

#include "lib/model/local.h"

#define NEWEST 336 /* values of the line: of all of a long series it would say what was, not what is */

static double slope_of(const double *y, size_t n)
{
	size_t from = n > NEWEST ? n - NEWEST : 0;
	double mid = (double)(n - from - 1) / 2, top = 0, bottom = 0;

	for (size_t t = from; t < n; t++) {
		double x = (double)(t - from) - mid;

		top += x * y[t];
		bottom += x * x;
	}
	return bottom > 0 ? top / bottom : 0;
}

static double smooth(const double *y, size_t n, double alpha, double *ret_level)
{
	double level = y[0], sum = 0;

	for (size_t t = 1; t < n; t++) {
		double e = y[t] - level;

		sum += e * e;
		level += alpha * e;
	}
	*ret_level = level;
	return sum;
}

static int theta_fit(const struct weir_past *p, double *params)
{
	double least = INFINITY;

	params[0] = 0.5;
	for (int i = 1; i < 20; i++) {
		double level, sum = smooth(p->parts->adjusted, p->n, i / 20.0, &level);

		if (sum < least) {
			least = sum;
			params[0] = i / 20.0;
		}
	}
	return 0;
}

static int theta_predict(const double *params, const struct weir_past *p, size_t horizon, double *ret)
{
	double level, drift = slope_of(p->parts->adjusted, p->n) / 2;

	smooth(p->parts->adjusted, p->n, params[0], &level);
	for (size_t h = 0; h < horizon; h++)
		ret[h] = level + drift * ((double)h + 1 / params[0]) + weir_parts_season(p->parts, p->calendar, h);
	return 0;
}

const struct weir_local weir_local_theta = {"theta", 1, theta_fit, theta_predict};
