/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/quality.h"

#include <math.h>

/* What a unit jumps by: bits and bytes, kilo and kibi, and their squares and cubes. */
static const double units[] = {8, 1e3, 1024, 8e3, 8192, 1e6, 1048576, 1e9, 1073741824};
#define UNIT_RUN 12	   /* values on each side of a jump that must agree */
#define UNIT_FIT 0.1	   /* how far the ratio of medians may be from a unit */
#define UNIT_CALM 2.0	   /* and the values of a side from their median: calm ones only, else a ratio means nothing */
#define WRAP_NEAR 0.75	   /* a counter that wraps was in the last quarter, and is then in the first */

/* Orders by time, then by arrival; the index is the arrival. */
struct arrived {
	struct weir_observation o;
	size_t index;
	uint8_t flags;
};

static int by_time(const void *a, const void *b)
{
	const struct arrived *x = a, *y = b;

	if (x->o.time_s != y->o.time_s)
		return x->o.time_s < y->o.time_s ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Flags that only the order of arrival and the two clocks tell. */
static void mark_arrival(struct arrived *a, size_t n, const struct weir_quality_opts *opts, struct weir_quality_counts *c)
{
	int64_t newest_s = INT64_MIN;

	for (size_t i = 0; i < n; i++) {
		int64_t behind_s = a[i].o.received_s ? a[i].o.received_s - a[i].o.time_s : 0;
		bool late = a[i].o.time_s < newest_s || (opts->late_s && behind_s >= (int64_t)opts->late_s);
		bool ahead = opts->skew_s && behind_s <= -(int64_t)opts->skew_s;

		if (ahead) /* what it means is when we got it */
			a[i].o.time_s = a[i].o.received_s;
		else if (a[i].o.time_s > newest_s)
			newest_s = a[i].o.time_s;
		a[i].flags = (uint8_t)((late ? WEIR_Q_LATE : 0) | (ahead ? WEIR_Q_SKEW : 0));
		c->late += late;
		c->skewed += ahead;
	}
}

static int64_t floor_step(int64_t t, uint32_t step_s)
{
	int64_t rest = t % step_s;

	return t - (rest < 0 ? rest + step_s : rest);
}

/* Puts what is sorted into its steps: the last of a step counts. */
static void place(const struct arrived *a, size_t n, struct weir_series *s, struct weir_quality_counts *c)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = (size_t)((a[i].o.time_s - s->start_s) / s->step_s);

		if (!isfinite(a[i].o.value))
			continue;
		if (!isnan(s->v[at])) {
			s->flags[at] |= WEIR_Q_DUPLICATE;
			c->duplicates++;
		}
		s->v[at] = a[i].o.value;
		s->flags[at] |= a[i].flags;
	}
}

/* The difference of two readings of a counter; what is between a reset and the next reading is not known. */
static double difference(double before, double now, uint8_t *flags, struct weir_quality_counts *c)
{
	static const double sizes[] = {4294967296.0, 18446744073709551616.0};

	if (now >= before)
		return now - before;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(sizes); i++)
		if (before < sizes[i] && before >= WRAP_NEAR * sizes[i] && now <= (1 - WRAP_NEAR) * sizes[i]) {
			*flags |= WEIR_Q_WRAP;
			c->wraps++;
			return now + (sizes[i] - before);
		}
	*flags |= WEIR_Q_RESET;
	c->resets++;
	return now;
}

/* Behind a gap the difference is of many steps: each of them gets its share, with the flag of a gap. */
static void differences(struct weir_series *s, struct weir_quality_counts *c)
{
	double before = NAN;
	size_t last = 0;

	for (size_t i = 0; i < s->n; i++) {
		double now = s->v[i];

		if (isnan(now))
			continue;
		s->v[i] = NAN;
		if (!isnan(before)) {
			double d = difference(before, now, &s->flags[i], c) / (double)(i - last);

			for (size_t j = last + 1; j <= i; j++)
				s->v[j] = d;
			for (size_t j = last + 1; j < i; j++)
				s->flags[j] |= WEIR_Q_GAP;
		}
		before = now;
		last = i;
	}
}

static void mark_gaps(struct weir_series *s, struct weir_quality_counts *c)
{
	for (size_t i = 0; i < s->n; i++) {
		if (isnan(s->v[i]))
			s->flags[i] |= WEIR_Q_GAP;
		c->gaps += (s->flags[i] & WEIR_Q_GAP) != 0;
	}
}

/* The first of a run was measured; the rest repeats it, and says nothing. */
static void mark_stuck(struct weir_series *s, unsigned int least, struct weir_quality_counts *c)
{
	for (size_t i = 0, end; i < s->n; i = end) {
		for (end = i + 1; end < s->n && s->v[end] == s->v[i];)
			end++;
		if (!least || end - i < least || s->v[i] == 0 || isnan(s->v[i]))
			continue;
		for (size_t j = i + 1; j < end; j++) {
			s->flags[j] |= WEIR_Q_STUCK;
			s->v[j] = NAN;
			c->stuck++;
		}
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The median of UNIT_RUN values from at; 0 when one is missing, not above 0 or far from it. */
static double calm_median(const struct weir_series *s, size_t at)
{
	double v[UNIT_RUN], median;

	memcpy(v, s->v + at, sizeof(v));
	for (size_t i = 0; i < UNIT_RUN; i++)
		if (!(v[i] > 0))
			return 0;
	qsort(v, UNIT_RUN, sizeof(*v), by_value);
	median = (v[UNIT_RUN / 2 - 1] + v[UNIT_RUN / 2]) / 2;
	return v[0] * UNIT_CALM < median || v[UNIT_RUN - 1] > UNIT_CALM * median ? 0 : median;
}

/* The unit by which what begins at `at` differs from what ends there, or 1. */
static double unit_of(const struct weir_series *s, size_t at)
{
	double before, after, ratio, step = s->v[at] / s->v[at - 1], best = 1, off = UNIT_FIT;

	/* Most values are no jump, and are told so by two of them. */
	if (!(step > 4 || step < 0.25) || !(before = calm_median(s, at - UNIT_RUN)) || !(after = calm_median(s, at)))
		return 1;
	ratio = after / before;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(units); i++)
		for (int up = 0; up < 2; up++) {
			double unit = up ? units[i] : 1 / units[i];

			if (fabs(ratio / unit - 1) < off) {
				off = fabs(ratio / unit - 1);
				best = unit;
			}
		}
	return best;
}

/* All is brought to the unit of the last values, which is what the future is measured in. */
static void undo_units(struct weir_series *s, struct weir_quality_counts *c)
{
	double scale = 1;

	for (size_t at = s->n; at-- > 0;) {
		double unit = at + 1 >= UNIT_RUN + 1 && at + UNIT_RUN <= s->n ? unit_of(s, at) : 1;

		if (scale != 1) {
			s->v[at] *= scale;
			s->flags[at] |= WEIR_Q_UNIT;
			c->units++;
		}
		scale *= unit;
	}
}

int weir_quality_values(struct weir_series *s, unsigned int stuck, bool units_too, struct weir_quality_counts *ret_counts)
{
	struct weir_quality_counts c = {0};

	if (!s->flags && !(s->flags = calloc(s->n ? s->n : 1, 1)))
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++)
		if (!isfinite(s->v[i]))
			s->v[i] = NAN;
	mark_gaps(s, &c);
	mark_stuck(s, stuck, &c);
	if (units_too)
		undo_units(s, &c);
	*ret_counts = c;
	return 0;
}

int weir_quality_series(const struct weir_observation *o, size_t n, const struct weir_quality_opts *opts,
			const char *id, struct weir_series *ret, struct weir_quality_counts *ret_counts)
{
	weir_auto_free struct arrived *a = NULL;
	struct weir_quality_counts c = {0};
	struct weir_series s;
	int64_t first_s, last_s;
	int r;

	if (!n || !opts->step_s)
		return -EINVAL;
	a = calloc(n, sizeof(*a));
	if (!a)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		a[i] = (struct arrived){.o = o[i], .index = i};
	mark_arrival(a, n, opts, &c);
	qsort(a, n, sizeof(*a), by_time);
	first_s = floor_step(a[0].o.time_s, opts->step_s);
	last_s = a[n - 1].o.time_s;
	if ((uint64_t)last_s - (uint64_t)first_s >= (uint64_t)WEIR_SERIES_POINTS_MAX * opts->step_s)
		return -E2BIG;
	r = weir_series_init(&s, id, (size_t)((last_s - first_s) / opts->step_s) + 1);
	if (r)
		return r;
	s.start_s = first_s;
	s.step_s = opts->step_s;
	place(a, n, &s, &c);
	if (opts->counter)
		differences(&s, &c);
	mark_gaps(&s, &c);
	mark_stuck(&s, opts->stuck, &c);
	if (opts->units)
		undo_units(&s, &c);
	*ret = s;
	*ret_counts = c;
	return 0;
}
