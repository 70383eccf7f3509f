/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/drift.h"

#include <math.h>

#define FAR 8.0		/* deviations: one value that is further off is an outlier, no drift of its own */
#define TOGETHER_MAX 0.9 /* correlation of neighbours: beyond, nothing would be news */
#define CALM 5.0 /* a sum below which nothing begins */
#define SUM_MAX (1.2 * WEIR_DRIFT_THRESHOLD)
#define LEAST 1e-9	/* deviation of a still stream, in its mean */
#define LOOK_EVERY 32	/* values between two searches for a cut, as the authors have it */
#define PART_LEAST 5.0	/* values of a part */

static void learn_usual(struct weir_drift *d, double value)
{
	double off = value - d->mean;

	d->cross += d->n ? off * (d->before - d->mean) : 0;
	d->before = value;
	d->n++;
	d->mean += off / d->n;
	d->square += off * (value - d->mean);
	if (d->n < WEIR_DRIFT_WARM)
		return;
	d->cross = d->square > 0 ? fmax(0, fmin(TOGETHER_MAX, d->cross / d->square)) : 0;
	d->square = fmax(sqrt(d->square / (d->n - 1)), fabs(d->mean) * LEAST);
	d->before = 0;
}

/* A sum no larger than it must be: what comes back is soon below the threshold again. */
static void sum_up(double *sum, uint32_t *n, double off)
{
	*sum = fmax(0, fmin(SUM_MAX, *sum + off - WEIR_DRIFT_SLACK));
	*n = *sum > 0 ? *n + 1 : 0;
}

/* A drift's size is what was summed, with the slack, by its values. What is usual is learnt anew. */
static void tell(struct weir_drift *d, int way)
{
	uint32_t n = way > 0 ? d->rising : d->falling;
	double size = (way > 0 ? d->up : d->down) / n + WEIR_DRIFT_SLACK, whole = sqrt((1 + d->cross) / (1 - d->cross));

	*d = (struct weir_drift){.from = d->mean, .to = d->mean + way * size * whole * d->square, .late = n};
}

/* The value in deviations, less what the one before it led to. */
static double news(struct weir_drift *d, double value)
{
	double off = value - d->mean, ret;

	off = d->square > 0 ? fmax(-FAR, fmin(FAR, off / d->square)) : off > 0 ? FAR : off < 0 ? -FAR : 0;
	ret = (off - d->cross * d->before) / sqrt(1 - d->cross * d->cross);
	d->before = off;
	if (d->n < WEIR_DRIFT_SURE && d->up < CALM && d->down < CALM && d->square > 0) /* too few values know a mean well */
		d->mean += off * d->square / ++d->n;
	return ret;
}

int weir_drift_step_patient(struct weir_drift *d, double value, int64_t time_s, int64_t patience_s)
{
	double off;
	int ret;

	if (!isfinite(value))
		return 0;
	if (d->n < WEIR_DRIFT_WARM) {
		learn_usual(d, value);
		return 0;
	}
	off = news(d, value);
	sum_up(&d->up, &d->rising, off);
	sum_up(&d->down, &d->falling, -off);
	ret = d->up > WEIR_DRIFT_THRESHOLD ? 1 : d->down > WEIR_DRIFT_THRESHOLD ? -1 : 0;
	d->since_s = ret ? d->since_s ? d->since_s : time_s : 0;
	if (!ret || time_s - d->since_s < patience_s)
		return 0;
	tell(d, ret);
	return ret;
}

int weir_drift_step(struct weir_drift *d, double value)
{
	return weir_drift_step_patient(d, value, 0, 0);
}

void weir_adwin_init(struct weir_adwin *a, double delta)
{
	*a = (struct weir_adwin){.delta = delta};
}

double weir_adwin_mean(const struct weir_adwin *a)
{
	return a->n > 0 ? a->total / a->n : 0;
}

static void put(struct weir_adwin *a, size_t row, double sum, double square)
{
	for (size_t i = a->used[row]; i > 0; i--) {
		a->sum[row][i] = a->sum[row][i - 1];
		a->square[row][i] = a->square[row][i - 1];
	}
	a->sum[row][0] = sum;
	a->square[row][0] = square;
	a->used[row]++;
}

static void drop_oldest(struct weir_adwin *a)
{
	size_t row = WEIR_ADWIN_ROWS - 1, last;

	while (row && !a->used[row])
		row--;
	last = --a->used[row];
	a->n -= ldexp(1, (int)row);
	a->total -= a->sum[row][last];
	a->total_square -= a->square[row][last];
}

/* Two buckets that are too many in a row become one of the next; out of the last row they fall. */
static void insert(struct weir_adwin *a, double value)
{
	put(a, 0, value, value * value);
	a->n++;
	a->total += value;
	a->total_square += value * value;
	for (size_t row = 0; row < WEIR_ADWIN_ROWS && a->used[row] > WEIR_ADWIN_BUCKETS; row++) {
		size_t last = a->used[row] - 1;

		if (row + 1 == WEIR_ADWIN_ROWS) {
			drop_oldest(a);
			return;
		}
		put(a, row + 1, a->sum[row][last] + a->sum[row][last - 1], a->square[row][last] + a->square[row][last - 1]);
		a->used[row] -= 2;
	}
}

/* Whether means of a part of n values and the rest differ by more than chance. */
static bool differ(const struct weir_adwin *a, double n, double sum, double variance, double chance)
{
	double rest = a->n - n, harmonic = 1 / (1 / n + 1 / rest);
	double bound = sqrt(2 / harmonic * variance * chance) + 2 / (3 * harmonic) * chance * sqrt(variance);

	return fabs(sum / n - (a->total - sum) / rest) > bound;
}

/* From the oldest bucket on: a cut behind any of them. */
static bool has_cut(const struct weir_adwin *a)
{
	double n = 0, sum = 0, mean = weir_adwin_mean(a);
	double variance = fmax(0, a->total_square / a->n - mean * mean), chance = log(2 * log(a->n) / a->delta);

	for (size_t row = WEIR_ADWIN_ROWS; row-- > 0;)
		for (size_t i = a->used[row]; i-- > 0;) {
			n += ldexp(1, (int)row);
			sum += a->sum[row][i];
			if (n >= PART_LEAST && a->n - n >= PART_LEAST && differ(a, n, sum, variance, chance))
				return true;
		}
	return false;
}

bool weir_adwin_step(struct weir_adwin *a, double value)
{
	bool ret = false;

	if (!isfinite(value))
		return false;
	insert(a, value);
	if (++a->seen % LOOK_EVERY)
		return false;
	while (a->n > 2 * PART_LEAST && has_cut(a)) {
		drop_oldest(a);
		ret = true;
	}
	return ret;
}

bool weir_adwin_whole(const struct weir_adwin *a)
{
	double n = 0;

	for (size_t row = 0; row < WEIR_ADWIN_ROWS; row++) {
		if (a->used[row] > WEIR_ADWIN_BUCKETS)
			return false;
		n += ldexp(a->used[row], (int)row);
	}
	return n == a->n && a->delta > 0 && a->delta < 1;
}
