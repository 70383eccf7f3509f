/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/fill.h"

#include <math.h>

#define REACH 4	/* seasons that are looked at on each side */
#define OUTAGE 3	/* zeros in a row */
#define DEAD_MOST 0.25	/* of a series: with more zeros than that they are what it does */

/* The nearest known value of the same phase on one side; NaN when there is none within reach. */
static double phase_value(const double *v, size_t n, size_t t, ptrdiff_t season)
{
	for (ptrdiff_t k = 1; k <= REACH; k++) {
		ptrdiff_t at = (ptrdiff_t)t + k * season;

		if (at < 0 || at >= (ptrdiff_t)n)
			break;
		if (!isnan(v[at]))
			return v[at];
	}
	return NAN;
}

/* What the same phase says, from both sides where there are two. */
static double same_phase(const double *v, size_t n, size_t t, const struct weir_calendar *c)
{
	double one = NAN;

	for (size_t i = 0; i < c->seasons; i++) {
		double before = phase_value(v, n, t, -(ptrdiff_t)c->season[i]), behind = phase_value(v, n, t, c->season[i]);

		if (!isnan(before) && !isnan(behind))
			return (before + behind) / 2;
		if (isnan(one))
			one = isnan(before) ? behind : before;
	}
	return one;
}

/* A line between the known values around; level at the ends. */
static double between(const double *v, size_t n, size_t t)
{
	size_t a = t, b = t;

	while (a > 0 && isnan(v[a]))
		a--;
	while (b + 1 < n && isnan(v[b]))
		b++;
	if (isnan(v[a]))
		return isnan(v[b]) ? 0 : v[b];
	if (isnan(v[b]))
		return v[a];
	return v[a] + (v[b] - v[a]) * (double)(t - a) / (double)(b - a);
}

void weir_fill(const double *v, size_t n, const struct weir_calendar *c, double *out)
{
	for (size_t t = 0; t < n; t++) {
		out[t] = v[t];
		if (!isnan(v[t]))
			continue;
		out[t] = same_phase(v, n, t, c);
		if (isnan(out[t]))
			out[t] = between(v, n, t);
	}
}

static bool mostly_alive(const double *v, size_t n)
{
	size_t zeros = 0;

	for (size_t t = 0; t < n; t++) {
		if (v[t] < 0)
			return false;
		zeros += v[t] == 0;
	}
	return (double)zeros <= DEAD_MOST * (double)n;
}

size_t weir_fill_outages(const double *v, size_t n, size_t lasting, double *out)
{
	bool alive = mostly_alive(v, n);
	size_t taken = 0;

	memcpy(out, v, n * sizeof(*out));
	for (size_t t = 0, end; t < n && alive; t = end) {
		for (end = t + 1; end < n && v[t] == 0 && v[end] == 0;)
			end++;
		if (v[t] != 0 || end - t < OUTAGE || (end == n && end - t >= lasting))
			continue;
		for (size_t i = t; i < end; i++)
			out[i] = NAN;
		taken += end - t;
	}
	return taken;
}
