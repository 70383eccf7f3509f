/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The theta method (Assimakopoulos, Nikolopoulos 2000) in the form of Hyndman and Billah (2003): simple exponential
 * smoothing of the series without seasons, and half of the slope of its line through time, here of its newest values.
 */
#include <math.h>

#include "lib/model/local.h"

#define NEWEST 336 /* values of the line: of all of a long series it would say what was, not what is */
#define STEPS 20   /* alpha: 1/20 to 19/20 */
#define TRIES 10   /* side by side */

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

static double smooth(const double *y, size_t n, double alpha)
{
	double level = y[0];

	for (size_t t = 1; t < n; t++)
		level += alpha * (y[t] - level);
	return level;
}

/* TRIES values of alpha from the first-th on: what is left of each. */
static void smooth_tries(const double *y, size_t n, size_t first, double sums[TRIES])
{
	weir_pair level[TRIES / 2], sum[TRIES / 2] = {{0}}, alpha[TRIES / 2];

	for (size_t i = 0; i < TRIES / 2; i++) {
		level[i] = (weir_pair){y[0], y[0]};
		alpha[i] = (weir_pair){(double)(first + 2 * i) / STEPS, (double)(first + 2 * i + 1) / STEPS};
	}
	for (size_t t = 1; t < n; t++)
#pragma GCC unroll 8
		for (size_t i = 0; i < TRIES / 2; i++) {
			weir_pair e = y[t] - level[i];

			sum[i] += e * e;
			level[i] += alpha[i] * e;
		}
	for (size_t i = 0; i < TRIES; i++)
		sums[i] = sum[i / 2][i % 2];
}

static int theta_fit(const struct weir_past *p, double *params)
{
	double least = INFINITY, sums[STEPS];

	params[0] = 0.5;
	for (size_t i = 0; i < STEPS; i += TRIES)
		smooth_tries(p->parts->adjusted, p->n, i, sums + i);
	for (int i = 1; i < STEPS; i++)
		if (sums[i] < least) {
			least = sums[i];
			params[0] = (double)i / STEPS;
		}
	return 0;
}

static int theta_predict(const double *params, const struct weir_past *p, size_t horizon, double *ret)
{
	double level = smooth(p->parts->adjusted, p->n, params[0]), drift = slope_of(p->parts->adjusted, p->n) / 2;

	for (size_t h = 0; h < horizon; h++)
		ret[h] = level + drift * ((double)h + 1 / params[0]) + weir_parts_season(p->parts, p->calendar, h);
	return 0;
}

const struct weir_local weir_local_theta = {"theta", 1, theta_fit, theta_predict};
