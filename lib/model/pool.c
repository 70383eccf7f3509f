/* SPDX-License-Identifier: Apache-2.0 */
/*
 * That errors are absolute, guard rails, the linear map's part and origins were chosen by hand on the training part of M4 Hourly
 * (48 hours held back at eight ends, a day apart), on 195 days of CESNET ahead of those that are scored, and on 24 sets of
 * generated series that no test makes; what is in pool_constants.c by a program on the same.
 */
#include "lib/model/pool.h"
#include "lib/model/stat.h"

#define LOOK 28		/* gaps: four weeks of days */
#define USUAL 0.9	/* of their changes: a week's two steps between work and rest are within */
#define FASTER 1.25	/* than usual a forecast may change, and by half of that more with each gap */
#define ROOM 0.5	/* of the range of the recent past: a forecast may leave that by so much */
#define HIGHEST 14	/* gaps: two weeks of days */
#define GROWS 0.05	/* beyond the highest of them a forecast grows at most, a gap, on the scale of logarithms */
#define ERROR_MIN 1e-6	/* of the largest error: below, members are alike */
#define LEAST_CYCLES 2	/* of the longest season, ahead of the cut */

static const struct weir_local *const locals[WEIR_MEMBERS] = {
	[WEIR_MEMBER_SNAIVE] = &weir_local_snaive, [WEIR_MEMBER_ETS] = &weir_local_ets,
	[WEIR_MEMBER_THETA] = &weir_local_theta,   [WEIR_MEMBER_ARIMA] = &weir_local_arima,
	[WEIR_MEMBER_MSTL] = &weir_local_mstl,	   [WEIR_MEMBER_PROPHET] = &weir_local_prophet,
	[WEIR_MEMBER_CYCLE] = &weir_local_cycle,
};

/* Scratch of one series, by origin, member and step of the horizon; the last origin is the end. */
struct scratch {
	const double *f; /* forecasts, in units */
	double *error; /* absolute, as their origins count; 0 where nothing was measured; those of all origins in the last one's place */
	double *w;     /* weights, by member and step */
};

struct params {
	double of[WEIR_MEMBERS][WEIR_LOCAL_PARAMS_MAX];
};

static size_t at_of(const struct weir_pool_task *t, size_t member, size_t origin)
{
	return (origin * WEIR_MEMBERS + member) * t->horizon;
}

static const double *forecast_of(const struct weir_pool_task *t, const struct scratch *s, size_t member, size_t origin)
{
	return s->f + at_of(t, member, origin);
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
	return (struct weir_past){t->y, n, t->calendar, parts, t->curves};
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

/* What a usual day's mean is made of: each part is what it adds to those before it, in units. */
static void explain(const struct weir_pool_task *t, const struct weir_past *past, struct weir_pool_result *ret)
{
	const struct weir_parts *parts = past->parts;
	struct weir_damped d;

	weir_damped_fit(parts->adjusted, t->n, &d);
	for (size_t h = 0; h < t->horizon; h++) {
		double sum = weir_damped_ahead(&d, h), before = weir_transform_back(&t->transform, sum);

		ret->part[WEIR_PART_TREND][h] = before;
		for (size_t p = WEIR_PART_DAY; p < WEIR_PART_HOLIDAY; p++) {
			double now;

			if (p == WEIR_PART_DAY && parts->seasons)
				sum += weir_parts_phase(parts, t->calendar, 0, h);
			for (size_t s = 1; p == WEIR_PART_WEEK && s < parts->seasons; s++)
				sum += weir_parts_phase(parts, t->calendar, s, h);
			now = weir_transform_back(&t->transform, sum);
			ret->part[p][h] = now - before;
			before = now;
		}
	}
}

/* All members at one origin; locals learn first at the cut and at the end. */
static int ask(const struct weir_pool_task *t, struct params *params, size_t origin, double *f, struct weir_pool_result *ret)
{
	bool end = origin == t->origins, learn = end || !origin;
	size_t n = end ? t->n : t->cut + origin * t->gap;
	weir_auto_parts parts = {0};
	struct weir_past past = past_of(t, n, &parts);
	double *naive = f + at_of(t, WEIR_MEMBER_SNAIVE, origin), usual = usual_change(t, n), above = highest_over_last(t, n);
	struct range range = range_of(t, n);
	int r = weir_parts_of(t->y, n, t->calendar, &parts);

	for (size_t m = 0; m < WEIR_MEMBERS && !r; m++) {
		const struct weir_local *l = locals[m];

		if (!l || !(t->members & 1u << m))
			continue;
		r = learn ? l->fit(&past, params->of[m]) : 0;
		r = r ? r : l->predict(params->of[m], &past, t->horizon, f + at_of(t, m, origin));
	}
	if (!r && end)
		explain(t, &past, ret);
	if (!r && t->linear && (t->members & 1u << WEIR_MEMBER_LINEAR))
		weir_linear_predict(t->linear, !end, t->y, n, f + at_of(t, WEIR_MEMBER_LINEAR, origin));
	if (!r && t->lstm && (t->members & 1u << WEIR_MEMBER_LSTM))
		memcpy(f + at_of(t, WEIR_MEMBER_LSTM, origin), t->lstm + origin * t->horizon, t->horizon * sizeof(double));
	for (size_t m = 0; m < WEIR_MEMBERS && !r; m++) {
		double *one = f + at_of(t, m, origin);

		if (!(t->members & 1u << m))
			continue;
		bound(t, range, naive, one);
		if (n >= t->gap)
			hold(t, n, usual, above, one);
		for (size_t h = 0; h < t->horizon; h++)
			one[h] = weir_transform_back(&t->transform, one[h]);
	}
	return r;
}

/* How much an origin counts: what is asked at the end of a Sunday is what was asked at the end of other Sundays. */
static double origin_counts(const struct weir_pool_task *t, size_t origin)
{
	const struct weir_calendar *c = t->calendar;
	size_t longest = c->seasons ? c->season[c->seasons - 1] : 1, off = (t->n - t->cut - origin * t->gap) % longest;
	double gaps = (double)WEIR_MIN(off, longest - off) / (double)t->gap;

	return pow(t->constants->recent, (double)(t->origins - 1 - origin)) * (1 + t->constants->same * fmax(1 - gaps / 2, 0));
}

static void measure(const struct weir_pool_task *t, struct scratch *s)
{
	for (size_t q = 0; q < t->origins; q++) {
		const double *v = t->v + t->cut + q * t->gap;
		double counts = origin_counts(t, q);

		for (size_t m = 0; m < WEIR_MEMBERS; m++) {
			const double *f = forecast_of(t, s, m, q);
			double *error = s->error + at_of(t, m, q), *all = s->error + at_of(t, m, t->origins);

			for (size_t h = 0; h < known_behind(t, q) && (t->members & 1u << m); h++) {
				error[h] = isnan(v[h]) ? 0 : counts * fabs(v[h] - f[h]);
				all[h] += error[h];
			}
		}
	}
}

/* In place: at each step the sum over all of them, each decay^distance times. */
static void smooth(double *v, size_t n, double decay, double *room)
{
	double behind = 0;

	for (size_t h = n; h-- > 0;) {
		room[h] = behind;
		behind = decay * (behind + v[h]);
	}
	for (size_t h = 1; h < n; h++)
		v[h] += decay * v[h - 1];
	for (size_t h = 0; h < n; h++)
		v[h] += room[h];
}

/* error[m * horizon + h]: what members missed about a step; returns what they missed in all, by member. */
static void errors_but(const struct weir_pool_task *t, const struct scratch *s, size_t but, double *error, double *total)
{
	bool less = but < t->origins && t->origins > 1;
	const double *all = s->error + at_of(t, 0, t->origins), *one = less ? s->error + at_of(t, 0, but) : all;
	double room[WEIR_HORIZON_MAX], decay = exp(-1 / t->constants->near);

	for (size_t m = 0; m < WEIR_MEMBERS; m++) {
		double *e = error + m * t->horizon;

		total[m] = 0;
		for (size_t h = 0; h < t->horizon; h++) {
			e[h] = less ? fmax(all[m * t->horizon + h] - one[m * t->horizon + h], 0) : all[m * t->horizon + h];
			total[m] += e[h];
		}
		smooth(e, t->horizon, decay, room);
	}
}

/* Nothing known of anybody: those that cannot run away. */
static double unknown(const struct weir_pool_task *t, size_t m)
{
	return m == WEIR_MEMBER_SNAIVE || m == WEIR_MEMBER_LINEAR || !(t->members & 1u << WEIR_MEMBER_SNAIVE);
}

/* In place: one member's errors about each step become what it counts there; whole: its errors at all, of the most. power: whole. */
static void count(double *w, size_t n, const double *most, double whole, double counts, size_t power)
{
	double square[WEIR_HORIZON_MAX]; /* of the mean */

	for (size_t h = 0; h < n; h++)
		square[h] = fmax((most[h] > 0 ? w[h] / most[h] : whole) * whole, ERROR_MIN * ERROR_MIN);
	for (size_t h = 0; h < n; h++)
		w[h] = power % 2 ? counts / sqrt(square[h]) : counts;
	for (size_t k = 0; k < power / 2; k++)
		for (size_t h = 0; h < n; h++)
			w[h] /= square[h];
}

/*
 * w[m * horizon + h], by the errors of all origins but one (of all, when there is no such origin): to a negative power the geometric
 * mean of what a member missed about this step and of what it missed at all.
 */
static void weights(const struct weir_pool_task *t, const struct scratch *s, size_t but, double *w)
{
	double total[WEIR_MEMBERS], most_total = 0, most[WEIR_HORIZON_MAX] = {0}, sum[WEIR_HORIZON_MAX] = {0};
	size_t n = t->horizon;

	errors_but(t, s, but, w, total);
	for (size_t m = 0; m < WEIR_MEMBERS; m++) {
		most_total = fmax(most_total, total[m]);
		for (size_t h = 0; h < n; h++)
			most[h] = w[m * n + h] > most[h] ? w[m * n + h] : most[h];
	}
	for (size_t m = 0; m < WEIR_MEMBERS; m++) {
		double *at = w + m * n;

		if (t->members & 1u << m && most_total > 0)
			count(at, n, most, total[m] / most_total, t->constants->counts[m], (size_t)t->constants->power);
		else
			for (size_t h = 0; h < n; h++)
				at[h] = t->members & 1u << m ? unknown(t, m) : 0;
		for (size_t h = 0; h < n; h++)
			sum[h] += at[h];
	}
	for (size_t m = 0; m < WEIR_MEMBERS; m++)
		for (size_t h = 0; h < n; h++)
			w[m * n + h] /= sum[h];
}

static void combine(const struct weir_pool_task *t, const struct scratch *s, size_t origin, double *ret)
{
	for (size_t h = 0; h < t->horizon; h++)
		ret[h] = 0;
	for (size_t m = 0; m < WEIR_MEMBERS; m++)
		for (size_t h = 0; h < t->horizon; h++)
			ret[h] += s->w[m * t->horizon + h] * forecast_of(t, s, m, origin)[h];
}

/* 0 to 1, as v goes from one bound to the other. */
static double ramp(double v, double from, double to)
{
	return fmin(fmax((v - from) / (to - from), 0), 1);
}

/* Their parts among those that are asked; all 0 where none is. */
static void followers_of(const struct weir_pool_task *t, double *ret)
{
	double sum = 0;

	for (size_t m = 0; m < WEIR_MEMBERS; m++)
		sum += t->members & 1u << m ? t->constants->follows[m] : 0;
	for (size_t m = 0; m < WEIR_MEMBERS; m++)
		ret[m] = t->members & 1u << m && sum > 0 ? t->constants->follows[m] / sum : 0;
}

/*
 * Something has just changed when the combination errs more, in the newest values, than those that follow quickly do, and than the
 * naive forecast used to: then they get this share of it. In the newest a value counts exp(-age).
 */
static double share_of_followers(const struct weir_pool_task *t, const struct scratch *s, const double *followers, double *room)
{
	const struct weir_pool_constants *c = t->constants;
	double missed = 0, followed = 0, newly = 0; /* of the newest values */
	double naive = 0, known = 0;		    /* of all others */

	if (!(t->members & 1u << WEIR_MEMBER_SNAIVE))
		return 0;
	for (size_t q = 0; q < t->origins; q++) {
		const double *v = t->v + t->cut + q * t->gap, *plain = forecast_of(t, s, WEIR_MEMBER_SNAIVE, q);

		combine(t, s, q, room);
		for (size_t h = 0; h < known_behind(t, q); h++) {
			double age = (double)(t->n - t->cut - q * t->gap - h) / (double)t->gap, newest = exp(-age * c->newest), f = 0;

			if (isnan(v[h]))
				continue;
			for (size_t m = 0; m < WEIR_MEMBERS; m++)
				f += followers[m] * forecast_of(t, s, m, q)[h];
			missed += newest * fabs(v[h] - room[h]);
			followed += newest * fabs(v[h] - f);
			newly += newest;
			naive += (1 - newest) * fabs(v[h] - plain[h]);
			known += 1 - newest;
		}
	}
	if (!(missed > 0) || !(known > 0))
		return 0;
	return ramp(log(missed / followed), c->loses, c->loses + c->loses_ramp) *
	       ramp(log(missed / newly * known / naive), c->worse, c->worse + c->worse_ramp);
}

/* What the combination misses at each origin, with weights that have not seen it. */
static void miss(const struct weir_pool_task *t, const struct scratch *s, double *room, double *ret)
{
	for (size_t q = 0; q < t->origins; q++) {
		const double *v = t->v + t->cut + q * t->gap;

		weights(t, s, q, s->w);
		combine(t, s, q, room);
		for (size_t h = 0; h < t->horizon; h++)
			ret[q * t->horizon + h] = h >= known_behind(t, q) || isnan(v[h]) ? NAN : fabs(weir_transform(&t->transform, v[h]) -
									     weir_transform(&t->transform, room[h]));
	}
}

/* Those that follow quickly get their share of the weights, and each member's mean over the horizon is told. */
static void share_out(const struct weir_pool_task *t, struct scratch *s, const double *followers, double share, double *ret)
{
	for (size_t m = 0; m < WEIR_MEMBERS; m++) {
		ret[m] = 0;
		for (size_t h = 0; h < t->horizon; h++) {
			double *w = s->w + m * t->horizon + h;

			*w = (1 - share) * *w + share * followers[m];
			ret[m] += *w / (double)t->horizon;
		}
	}
}

/* What holidays among the steps ahead add to the mean, and that as a part of its own. */
static void add_holidays(const struct weir_pool_task *t, struct weir_pool_result *ret)
{
	for (size_t h = 0; h < t->horizon; h++) {
		double before = ret->mean[h], usual = weir_transform(&t->transform, before);
		double more = isfinite(usual) ? weir_holidays_add(&t->holidays, t->y, t->n, t->n + h, usual) : 0;

		if (more != 0)
			ret->mean[h] = weir_transform_back(&t->transform, usual + more);
		ret->part[WEIR_PART_HOLIDAY][h] = ret->mean[h] - before;
	}
}

size_t weir_pool_room(const struct weir_pool_task *t)
{
	return (t->origins + 1) * WEIR_MEMBERS * t->horizon;
}

int weir_pool_ask(const struct weir_pool_task *t, double *f, struct weir_pool_result *ret)
{
	weir_auto_free struct params *params = malloc(sizeof(*params));
	int r = params ? 0 : -ENOMEM;

	memset(f, 0, weir_pool_room(t) * sizeof(*f));
	for (size_t q = 0; q <= t->origins && !r; q++)
		r = ask(t, params, q, f, ret);
	return r;
}

int weir_pool_combine(const struct weir_pool_task *t, const double *f, struct weir_pool_result *ret)
{
	size_t size = weir_pool_room(t);
	weir_auto_free double *room = calloc(size + WEIR_MEMBERS * t->horizon, sizeof(*room));
	struct scratch s = {f, room, room + size};
	double followers[WEIR_MEMBERS];

	if (!room)
		return -ENOMEM;
	measure(t, &s);
	miss(t, &s, ret->mean, ret->miss);
	weights(t, &s, SIZE_MAX, s.w);
	followers_of(t, followers);
	share_out(t, &s, followers, share_of_followers(t, &s, followers, ret->mean), ret->weight);
	combine(t, &s, t->origins, ret->mean);
	add_holidays(t, ret);
	return 0;
}

int weir_pool_run(const struct weir_pool_task *t, struct weir_pool_result *ret)
{
	weir_auto_free double *f = malloc(weir_pool_room(t) * sizeof(*f));
	int r = f ? weir_pool_ask(t, f, ret) : -ENOMEM;

	return r ? r : weir_pool_combine(t, f, ret);
}
