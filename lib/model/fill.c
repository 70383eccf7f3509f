/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/fill.h"

#include <float.h>
#include <math.h>

#include "lib/model/stat.h"

#define REACH 4	/* seasons that are looked at on each side */
#define NEAR 3	/* steps to a neighbour that says how far a phase is off */
#define OUTAGE 3	/* zeros in a row */
#define WIDE 6.0	/* deviations: what is further off is not explained */
#define WIDE_LOG 0.7	/* and at least so much of a logarithm: to twice or half */
#define ALONE 2		/* values in a row at most */
#define FEW 5		/* of those that are FAR times as far off */
#define FAR 2
#define NEIGHBOURS (4 + 4 * WEIR_SEASONS_MAX)
#define BLOCK 32	/* values whose neighbours are sorted together */
#define FLOOR 0.01	/* of the mean, added before the logarithm */
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

/* What the known neighbours within NEAR steps are off what their own phases say: the mean of both sides; 0 without any. */
static double off_phase(const double *v, size_t n, size_t t, const struct weir_calendar *c)
{
	double sum = 0;
	int sides = 0;

	for (ptrdiff_t way = -1; way <= 1; way += 2)
		for (ptrdiff_t k = 1; k <= NEAR; k++) {
			ptrdiff_t at = (ptrdiff_t)t + way * k;
			double phase = at < 0 || at >= (ptrdiff_t)n || isnan(v[at]) ? NAN : same_phase(v, n, (size_t)at, c);

			if (isnan(phase))
				continue;
			sum += v[at] - phase;
			sides++;
			break;
		}
	return sides ? sum / sides : 0;
}

void weir_fill(const double *v, size_t n, const struct weir_calendar *c, double *out)
{
	for (size_t t = 0; t < n; t++) {
		out[t] = v[t];
		if (!isnan(v[t]))
			continue;
		out[t] = same_phase(v, n, t, c) + off_phase(v, n, t, c);
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

/* All are finite: so told, GCC makes it a minimum and a maximum, two instructions and no branch. */
__attribute__((optimize("O3", "finite-math-only", "no-signed-zeros", "no-trapping-math"))) static void order_rows(double *restrict a,
														    double *restrict b)
{
	for (size_t i = 0; i < BLOCK; i++) {
		double x = a[i], y = b[i];

		a[i] = x < y ? x : y;
		b[i] = x < y ? y : x;
	}
}

/* Each column for itself: Batcher's odd-even merge sort, which compares the same places whatever is there. */
static void sort_columns(double (*row)[BLOCK], size_t n)
{
	for (size_t level = 0; (size_t)1 << level < n; level++)
		for (size_t k = (size_t)1 << level; k >= 1; k /= 2)
			for (size_t j = k >> level ? 0 : k; j + k < n; j += 2 * k)
				for (size_t i = j; i < WEIR_MIN(j + k, n - k); i++)
					if (i >> (level + 1) == (i + k) >> (level + 1))
						order_rows(row[i], row[i + k]);
}

/*
 * The medians, at BLOCK values from t on, of what is known one step and one season away, two seasons of each; NaN without any.
 * y is DBL_MAX where nothing is known, which is larger than all that is, and there 1 where something is, else 0.
 */
static void expected(const double *y, const double *there, size_t n, size_t t, const struct weir_calendar *c, double ret[BLOCK])
{
	double row[NEIGHBOURS][BLOCK], count[BLOCK] = {0};
	size_t rows = 0;

	for (size_t s = 0; s <= c->seasons; s++) {
		ptrdiff_t step = s ? (ptrdiff_t)c->season[s - 1] : 1, end = (ptrdiff_t)n;

		for (ptrdiff_t k = -2; k <= 2; k++) {
			ptrdiff_t at = (ptrdiff_t)t + k * step, from = WEIR_MIN(WEIR_MAX(-at, 0), BLOCK);
			ptrdiff_t to = WEIR_MAX(WEIR_MIN(end - at, BLOCK), from);
			double *to_row = row[rows];

			if (!k)
				continue;
			for (ptrdiff_t i = 0; i < from; i++)
				to_row[i] = DBL_MAX;
			for (ptrdiff_t i = from; i < to; i++) {
				to_row[i] = y[at + i];
				count[i] += there[at + i];
			}
			for (ptrdiff_t i = to; i < BLOCK; i++)
				to_row[i] = DBL_MAX;
			rows++;
		}
	}
	sort_columns(row, rows);
	for (size_t i = 0; i < BLOCK; i++) {
		size_t known = (size_t)count[i];
		double upper = known ? row[known / 2][i] : NAN;

		ret[i] = known % 2 || !known ? upper : (upper + row[known / 2 - 1][i]) / 2;
	}
}

/* What is logarithmic of v, or v: for series of both signs. */
static bool look_at(const double *v, size_t n, double *y)
{
	double sum = 0;
	size_t known = 0;
	bool negative = false;

	for (size_t t = 0; t < n; t++) {
		sum += isnan(v[t]) ? 0 : v[t];
		known += !isnan(v[t]);
		negative |= v[t] < 0;
	}
	for (size_t t = 0; t < n; t++)
		y[t] = negative || !(sum > 0) ? v[t] : log(v[t] + FLOOR * sum / (double)known);
	return !negative;
}

int weir_fill_outliers(double *v, size_t n, const struct weir_calendar *c)
{
	weir_auto_free double *y = malloc((5 * n + 1) * sizeof(*y));
	double *off = y + n, *sorted = off + n, *known_y = sorted + n, *there = known_y + n, most;
	size_t known = 0;
	bool logarithmic;
	int taken = 0;

	if (!y)
		return -ENOMEM;
	logarithmic = look_at(v, n, y);
	for (size_t t = 0; t < n; t++) {
		there[t] = !isnan(y[t]);
		known_y[t] = isnan(y[t]) ? DBL_MAX : y[t];
	}
	for (size_t t = 0; t < n; t += BLOCK) {
		double median[BLOCK];

		expected(known_y, there, n, t, c, median);
		for (size_t i = t; i < WEIR_MIN(t + BLOCK, n); i++) {
			off[i] = fabs(y[i] - median[i - t]);
			if (!isnan(off[i]))
				sorted[known++] = off[i];
		}
	}
	if (!known)
		return 0;
	most = fmax(WIDE * 1.4826 * weir_median(sorted, known), logarithmic ? WIDE_LOG : 0);
	for (size_t t = 0, end; t < n && most > 0; t = end + 1) {
		double least = INFINITY;

		for (end = t; end < n && off[end] > most; end++)
			least = fmin(least, off[end]);
		for (size_t i = t; i < end && end - t <= (least > FAR * most ? FEW : ALONE); i++, taken++)
			v[i] = NAN;
	}
	return taken;
}
