/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power, that errors are absolute, guard rails, the linear map's part and origins were chosen on the training part of M4 Hourly
 * (48 hours held back at eight ends, a day apart), on 195 days of CESNET ahead of those that are scored, and on 24 sets of
 * generated series that no test makes.
 */
#include "lib/model/pool.h"
#include "lib/model/stat.h"

#define POWER 5.0
#define LINEAR_FOR 2.0	/* members that the linear map counts for: it is learnt from the whole set */
#define RECENT 0.9	/* an origin counts by so much less than the next one */
#define LOOK 28		/* gaps: four weeks of days */
#define USUAL 0.9	/* of their changes: a week's two steps between work and rest are within */
#define FASTER 1.25	/* than usual a forecast may change, and by half of that more with each gap */
#define ROOM 0.5	/* of the range of the recent past: a forecast may leave that by so much */
#define HIGHEST 14	/* gaps: two weeks of days */
#define GROWS 0.05	/* beyond the highest of them a forecast grows at most, a gap, on the scale of logarithms */
#define NEWEST 3.0	/* values of a gap's so manyth part are the newest: a day's last eight hours */
#define LOSES_FROM 0.0	/* against the naive forecast, in logarithms of the errors' ratio: what is lost by chance */
#define LOSES_TO 0.2
#define WORSE_FROM 0.4 /* than the naive one used to be, in logarithms: what is usual */
#define WORSE_TO 1.3
#define ERROR_MIN 1e-6	/* of the largest error: below, members are alike */
#define LEAST_CYCLES 2	/* of the longest season, ahead of the cut */

static const struct weir_local *const locals[WEIR_MEMBERS] = {
	[WEIR_MEMBER_SNAIVE] = &weir_local_snaive, [WEIR_MEMBER_ETS] = &weir_local_ets,
	[WEIR_MEMBER_THETA] = &weir_local_theta,   [WEIR_MEMBER_ARIMA] = &weir_local_arima,
	[WEIR_MEMBER_MSTL] = &weir_local_mstl,	   [WEIR_MEMBER_PROPHET] = &weir_local_prophet,
};

/* Scratch of one series: forecasts in units, by member and origin; the last origin is the end. */
struct scratch {
	double *f;
	double params[WEIR_MEMBERS][WEIR_LOCAL_PARAMS_MAX];
	double error[WEIR_MEMBERS][WEIR_POOL_ORIGINS];
};

static double *forecast_of(const struct weir_pool_task *t, const struct scratch *s, size_t member, size_t origin)
{
	return s->f + (origin * WEIR_MEMBERS + member) * t->horizon;
}

void weir_pool_origins(struct weir_pool_task *t)
{
	const struct weir_calendar *c = t->calendar;
	size_t longest = c->seasons ? c->season[c->seasons - 1] : 1, shortest = c->seasons ? c->season[0] : t->horizon / 2;
	size_t least = WEIR_MAX(LEAST_CYCLES * longest, 16u);

	t->gap = WEIR_MAX(WEIR_MIN(shortest, t->horizon), 1u);
	t->origins = 0;
	t->cut = t->n;
	if (t->n < least + t->gap)
		return;
	t->origins = WEIR_MIN((t->n - least - t->gap) / t->gap + 1, (size_t)WEIR_POOL_ORIGINS);
	while (t->origins > 1 && t->n - t->origins * t->gap < t->n / 4 * 3)
		t->origins--;
	t->cut = t->n - t->origins * t->gap;
}

struct range {
	double low, high;
};

/* The guard rail: no forecast leaves the range of the recent past by more than a part of it, and each is a number. */
static struct range range_of(const struct weir_pool_task *t, size_t n)
{
	size_t longest = t->calendar->seasons ? t->calendar->season[t->calendar->seasons - 1] : t->horizon;
	size_t from = n > LEAST_CYCLES * longest ? n - LEAST_CYCLES * longest : 0;
	double low = INFINITY, high = -INFINITY, room;

	for (size_t i = from; i < n; i++) {
		low = t->y[i] < low ? t->y[i] : low;
		high = t->y[i] > high ? t->y[i] : high;
	}
	room = ROOM * (high - low);
	return (struct range){low - room, high + room};
}

static void bound(const struct weir_pool_task *t, struct range r, const double *instead, double *f)
{
	for (size_t h = 0; h < t->horizon; h++) {
		double v = isfinite(f[h]) ? f[h] : instead[h];

		v = v > r.low ? v : r.low;
		f[h] = v < r.high ? v : r.high;
	}
}

static struct weir_past past_of(const struct weir_pool_task *t, size_t n, const struct weir_parts *parts)
{
	return (struct weir_past){t->y, n, t->start_s, t->step_s, t->calendar, parts, t->curves};
}

/* How much the mean over a gap changed to the next one, in most of the past's LOOK gaps. */
static double usual_change(const struct weir_pool_task *t, size_t n)
{
	double change[LOOK];
	size_t known = 0;

	for (size_t k = 0; k < LOOK && (k + 2) * t->gap <= n; k++) {
		const double *y = t->y + n - (k + 2) * t->gap;
		double sum = 0;

		for (size_t i = 0; i < t->gap; i++)
			sum += y[t->gap + i] - y[i];
		change[known++] = fabs(sum) / (double)t->gap;
	}
	return known ? weir_quantile_up(change, known, USUAL) : INFINITY;
}

/* How much higher than the last gap the highest of the recent ones was. */
static double highest_over_last(const struct weir_pool_task *t, size_t n)
{
	double last = 0, highest = 0;

	for (size_t k = 0; k < HIGHEST && (k + 1) * t->gap <= n; k++) {
		const double *y = t->y + n - (k + 1) * t->gap;
		double mean = 0;

		for (size_t i = 0; i < t->gap; i++)
			mean += y[i] / (double)t->gap;
		last = k ? last : mean;
		highest = k ? fmax(highest, mean) : mean;
	}
	return highest - last;
}

/*
 * The other guard rails: gap by gap a forecast moves away from the last one no faster than the series used to, and it goes on
 * growing slowly alone: what doubled each three days may have stopped hours ago, and to be too high costs more than too low.
 */
static void hold(const struct weir_pool_task *t, size_t n, double usual, double above, double *f)
{
	for (size_t from = 0, far = 0; from < t->horizon; from += t->gap, far++) {
		size_t to = WEIR_MIN(from + t->gap, t->horizon);
		double off = 0, most = usual * FASTER * (1 + (double)far / 2), up = most, excess;

		if (t->transform.log && t->calendar->seasons)
			up = fmin(up, above + GROWS * (double)(1 + far));
		for (size_t h = from; h < to; h++)
			off += (f[h] - t->y[n - t->gap + h - from]) / (double)(to - from);
		excess = off > up ? off - up : off < -most ? off + most : 0;
		for (size_t h = from; h < to; h++)
			f[h] -= excess;
	}
}

/* Steps behind an origin whose values are known. */
static size_t known_behind(const struct weir_pool_task *t, size_t origin)
{
	return WEIR_MIN(t->n - t->cut - origin * t->gap, t->horizon);
}

/* What the mean is made of: each part is what it adds to those before it, in units. */
static int explain(const struct weir_pool_task *t, const struct weir_past *past, struct weir_pool_result *ret)
{
	const struct weir_parts *parts = past->parts;
	struct weir_damped d;
	double params[WEIR_LOCAL_PARAMS_MAX];
	int r = t->calendar->holidays ? weir_local_prophet.fit(past, params) : 0;

	if (r)
		return r;
	weir_damped_fit(parts->adjusted, t->n, &d);
	for (size_t h = 0; h < t->horizon; h++) {
		double sum = weir_damped_ahead(&d, h), before = weir_transform_back(&t->transform, sum);

		ret->part[WEIR_PART_TREND][h] = before;
		for (size_t p = WEIR_PART_DAY; p < WEIR_PART_REMAINDER; p++) {
			double now;

			if (p == WEIR_PART_DAY && parts->seasons)
				sum += weir_parts_phase(parts, t->calendar, 0, h);
			for (size_t s = 1; p == WEIR_PART_WEEK && s < parts->seasons; s++)
				sum += weir_parts_phase(parts, t->calendar, s, h);
			if (p == WEIR_PART_HOLIDAY && t->calendar->holidays)
				sum += weir_prophet_holiday(params, past, h);
			now = weir_transform_back(&t->transform, sum);
			ret->part[p][h] = now - before;
			before = now;
		}
	}
	return 0;
}

/* All members at one origin; locals learn first at the cut and at the end. */
static int ask(const struct weir_pool_task *t, struct scratch *s, size_t origin, struct weir_pool_result *ret)
{
	bool end = origin == t->origins, learn = end || !origin;
	size_t n = end ? t->n : t->cut + origin * t->gap;
	weir_auto_parts parts = {0};
	struct weir_past past = past_of(t, n, &parts);
	double *naive = forecast_of(t, s, WEIR_MEMBER_SNAIVE, origin), usual = usual_change(t, n), above = highest_over_last(t, n);
	struct range range = range_of(t, n);
	int r = weir_parts_of(t->y, n, t->calendar, &parts);

	for (size_t m = 0; m < WEIR_MEMBERS && !r; m++) {
		const struct weir_local *l = locals[m];

		if (!l || !(t->members & 1u << m))
			continue;
		r = learn ? l->fit(&past, s->params[m]) : 0;
		r = r ? r : l->predict(s->params[m], &past, t->horizon, forecast_of(t, s, m, origin));
	}
	if (!r && end)
		r = explain(t, &past, ret);
	if (!r && t->linear && (t->members & 1u << WEIR_MEMBER_LINEAR))
		weir_linear_predict(t->linear, !end, t->y, n, forecast_of(t, s, WEIR_MEMBER_LINEAR, origin));
	for (size_t m = 0; m < WEIR_MEMBERS && !r; m++) {
		double *f = forecast_of(t, s, m, origin);

		if (!(t->members & 1u << m))
			continue;
		bound(t, range, naive, f);
		if (n >= t->gap)
			hold(t, n, usual, above, f);
		for (size_t h = 0; h < t->horizon; h++)
			f[h] = weir_transform_back(&t->transform, f[h]);
	}
	return r;
}

static void measure(const struct weir_pool_task *t, struct scratch *s)
{
	for (size_t m = 0; m < WEIR_MEMBERS; m++)
		for (size_t q = 0; q < t->origins; q++) {
			const double *f = forecast_of(t, s, m, q), *v = t->v + t->cut + q * t->gap;
			size_t steps = known_behind(t, q);

			s->error[m][q] = 0;
			for (size_t h = 0; h < steps && (t->members & 1u << m); h++)
				s->error[m][q] += isnan(v[h]) ? 0 : fabs(v[h] - f[h]) / (double)steps;
			s->error[m][q] *= pow(RECENT, (double)(t->origins - 1 - q));
		}
}

/* By the errors of all origins but one (of all, when there is no such origin). */
static void weights(const struct weir_pool_task *t, const struct scratch *s, size_t but, double *w)
{
	double error[WEIR_MEMBERS] = {0}, most = 0, least, sum = 0;

	for (size_t m = 0; m < WEIR_MEMBERS; m++)
		for (size_t q = 0; q < t->origins; q++)
			error[m] += q == but && t->origins > 1 ? 0 : s->error[m][q];
	for (size_t m = 0; m < WEIR_MEMBERS; m++)
		most = t->members & 1u << m ? fmax(most, error[m]) : most;
	least = most * ERROR_MIN;
	for (size_t m = 0; m < WEIR_MEMBERS; m++) {
		/* Nothing known of anybody: those that cannot run away. */
		bool safe = m == WEIR_MEMBER_SNAIVE || m == WEIR_MEMBER_LINEAR;

		if (!(t->members & 1u << m))
			w[m] = 0;
		else if (!t->origins || !(most > 0))
			w[m] = safe || !(t->members & 1u << WEIR_MEMBER_SNAIVE);
		else
			w[m] = pow(most / fmax(error[m], least), POWER) * (m == WEIR_MEMBER_LINEAR ? LINEAR_FOR : 1);
		sum += w[m];
	}
	for (size_t m = 0; m < WEIR_MEMBERS; m++)
		w[m] /= sum;
}

static void combine(const struct weir_pool_task *t, const struct scratch *s, size_t origin, const double *w, double *ret)
{
	for (size_t h = 0; h < t->horizon; h++)
		ret[h] = 0;
	for (size_t m = 0; m < WEIR_MEMBERS; m++)
		for (size_t h = 0; h < t->horizon && w[m] > 0; h++)
			ret[h] += w[m] * forecast_of(t, s, m, origin)[h];
}

/* 0 to 1, as v goes from one bound to the other. */
static double ramp(double v, double from, double to)
{
	return fmin(fmax((v - from) / (to - from), 0), 1);
}

/*
 * Something has just changed when the combination errs more, in the newest values, than the naive forecast does and than that
 * used to: then the naive one gets this share of it. In the newest a value counts exp(-age).
 */
static double share_of_naive(const struct weir_pool_task *t, const struct scratch *s, const double *w, double *room)
{
	double missed = 0, naive[2] = {0}, known[2] = {0}; /* of the newest values; of all others */

	if (!(t->members & 1u << WEIR_MEMBER_SNAIVE))
		return 0;
	for (size_t q = 0; q < t->origins; q++) {
		const double *v = t->v + t->cut + q * t->gap, *plain = forecast_of(t, s, WEIR_MEMBER_SNAIVE, q);

		combine(t, s, q, w, room);
		for (size_t h = 0; h < known_behind(t, q); h++) {
			double age = (double)(t->n - t->cut - q * t->gap - h) / (double)t->gap, newest = exp(-age * NEWEST);

			if (isnan(v[h]))
				continue;
			missed += newest * fabs(v[h] - room[h]);
			for (size_t i = 0; i < 2; i++) {
				naive[i] += (i ? 1 - newest : newest) * fabs(v[h] - plain[h]);
				known[i] += i ? 1 - newest : newest;
			}
		}
	}
	if (!(missed > 0) || !(known[1] > 0))
		return 0;
	return ramp(log(missed / naive[0]), LOSES_FROM, LOSES_TO) *
	       ramp(log(missed / known[0] * known[1] / naive[1]), WORSE_FROM, WORSE_TO);
}

/* What the combination misses at each origin, with weights that have not seen it. */
static void miss(const struct weir_pool_task *t, const struct scratch *s, double *room, double *ret)
{
	for (size_t q = 0; q < t->origins; q++) {
		const double *v = t->v + t->cut + q * t->gap;
		double w[WEIR_MEMBERS];

		weights(t, s, q, w);
		combine(t, s, q, w, room);
		for (size_t h = 0; h < t->horizon; h++)
			ret[q * t->horizon + h] = h >= known_behind(t, q) || isnan(v[h]) ? NAN : fabs(weir_transform(&t->transform, v[h]) -
									     weir_transform(&t->transform, room[h]));
	}
}

int weir_pool_run(const struct weir_pool_task *t, struct weir_pool_result *ret)
{
	weir_auto_free struct scratch *s = malloc(sizeof(*s));
	weir_auto_free double *f = calloc((t->origins + 1) * WEIR_MEMBERS * t->horizon, sizeof(*f));
	double share;
	int r = 0;

	if (!s || !f)
		return -ENOMEM;
	s->f = f;
	for (size_t q = 0; q <= t->origins && !r; q++)
		r = ask(t, s, q, ret);
	if (r)
		return r;
	measure(t, s);
	miss(t, s, ret->mean, ret->miss);
	weights(t, s, SIZE_MAX, ret->weight);
	share = share_of_naive(t, s, ret->weight, ret->mean);
	for (size_t m = 0; m < WEIR_MEMBERS; m++)
		ret->weight[m] = (1 - share) * ret->weight[m] + (m == WEIR_MEMBER_SNAIVE ? share : 0);
	combine(t, s, t->origins, ret->weight, ret->mean);
	return 0;
}
