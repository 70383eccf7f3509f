/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forecasters of the table: a pool (pool.h) of all members, "mix", and pools of one member each. What is kept of a series
 * is its forecast, what it is made of, and the quantiles of what the pool missed in its own back-test; a refit makes it anew.
 *
 * Intervals are split conformal (Vovk, Gammerman, Shafer 2005), on the scale on which the series is forecast: the quantile of
 * the misses of its own origins, each divided by how such misses grow with the horizon in the whole set. A factor of the set makes
 * the later origins covered as often as they should be by quantiles of the earlier ones. As values arrive, each series' level follows
 * what was covered (ACI: Gibbs, Candes 2021), and beyond the widest quantile the width itself.
 */
#include <math.h>

#include "lib/model/fill.h"
#include "lib/model/mix.h"
#include "lib/model/stat.h"

#define KNOTS 25	/* quantiles that are kept */
#define ACI_RATE 0.01	/* gamma */
#define LEVEL_MIN 0.001 /* of a series' level: there is no further quantile */
#define LEVEL_MAX 0.5
#define LEVEL_LEAST (-0.5) /* below LEVEL_MIN an interval is as many times the widest that was seen */
#define WIDENS 10.0	   /* in logarithms, by level: some 10 % wider with each value outside */
#define FACTOR_MIN 0.8 /* of the set's factor: few series say little */
#define FACTOR_MAX 2.0
#define FACTOR_FROM 3	    /* origins that a quantile is taken of at least */
#define GROWTH_PRIOR 20.0    /* origins' worth of no growth at all */
#define LINEAR_WINDOWS 60000 /* of all series, that the global map is learnt from */
#define LAGS_WITHOUT 48	    /* of the linear map, when nobody says a season */
#define ALL_MEMBERS ((1u << WEIR_MEMBERS) - 1)

/* Of each series so many doubles in a row, then its mean and parts. */
enum { AT_LOG, AT_SHIFT, AT_USED, AT_LEVEL, AT_WEIGHT, AT_KNOT = AT_WEIGHT + WEIR_MEMBERS, AT_MEAN = AT_KNOT + KNOTS };

struct mix {
	size_t count, horizon, season; /* season: the shortest, for steps beyond the horizon */
	double coverage, factor;
	double miss, covered; /* in the back-test: the mean miss; the share of later origins inside intervals of earlier ones */
	double *growth; /* of each step: how much more is missed there */
	double *all;	/* count times stride_of() */
};

static size_t stride_of(size_t horizon)
{
	return AT_MEAN + WEIR_PARTS * horizon;
}

static double *series_of(const struct mix *m, size_t i)
{
	return m->all + i * stride_of(m->horizon);
}

/* The probability of knot k: they lie close where intervals are asked for. */
static double knot_at(size_t k)
{
	return 1 - pow(2, -(double)k * 10 / (KNOTS - 1));
}

static void mix_free(void *state)
{
	struct mix *m = state;

	if (!m)
		return;
	free(m->growth);
	free(m->all);
	free(m);
}

static void mix_freep(struct mix **m)
{
	mix_free(*m);
}
#define auto_mix weir_cleanup(mix_freep) struct mix

static struct mix *mix_new(size_t count, size_t horizon, size_t season)
{
	struct mix *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	*m = (struct mix){.count = count, .horizon = horizon, .season = season, .factor = 1};
	m->growth = malloc(horizon * sizeof(*m->growth));
	m->all = calloc(count * stride_of(horizon), sizeof(*m->all));
	if (m->growth && m->all)
		return m;
	mix_free(m);
	return NULL;
}

/* What a fit holds of all series at once. */
struct fitting {
	const struct weir_model_data *data;
	unsigned int members;
	const struct weir_pool_caution *caution;
	struct weir_pool_task *task; /* y and v are the fitting's own, in `values` */
	struct weir_linear_series *lin;
	double *values, *misses; /* misses: count times origins times horizon, NaN where there is none */
	struct weir_linear *linear;
	struct weir_linear_opts opts;
	struct weir_curves curves;
};

static void fitting_fini(struct fitting *f)
{
	free(f->task);
	free(f->lin);
	free(f->values);
	free(f->misses);
	weir_linear_free(f->linear);
	weir_curves_fini(&f->curves);
}

/* y and v: n values each, of which task and map are. */
static int prepare_one(struct fitting *f, size_t i, size_t horizon, double *y, double *v)
{
	const struct weir_series *s = &f->data->series[i];
	weir_auto_free double *known = malloc(s->n * sizeof(*known)); /* transformed, not filled */
	struct weir_pool_task *t = &f->task[i];

	*t = (struct weir_pool_task){.v = v, .y = y, .n = s->n, .horizon = horizon, .calendar = &f->data->calendar,
				     .holidays = {&f->data->calendar, s->start_s, s->step_s, 1, 0}, .curves = &f->curves, .caution = f->caution};
	weir_fill_outages(s->v, s->n, t->calendar->seasons ? t->calendar->season[0] : horizon, v);
	if (!known || weir_fill_outliers(v, s->n, t->calendar) < 0)
		return -ENOMEM;
	t->transform = weir_transform_of(v, s->n);
	for (size_t k = 0; k < s->n; k++)
		known[k] = isnan(v[k]) ? NAN : weir_transform(&t->transform, v[k]);
	if (weir_holidays_learn(&t->holidays, known, s->n))
		return -ENOMEM;
	for (size_t k = 0; k < s->n && t->calendar->holidays; k++)
		v[k] = weir_holiday_is(&t->holidays, k) ? NAN : v[k];
	weir_fill(known, s->n, t->calendar, y);
	weir_pool_origins(t);
	f->lin[i] = (struct weir_linear_series){y, s->n, t->cut};
	return 0;
}

static int prepare(struct fitting *f, size_t horizon)
{
	const struct weir_calendar *c = &f->data->calendar;
	size_t count = f->data->count, points = 0, longest = 0, lags = c->seasons ? c->season[c->seasons - 1] : LAGS_WITHOUT, at = 0;

	/* A season that is longer than the map may be is left to the other members. */
	for (size_t s = c->seasons; s-- > 0 && lags > WEIR_LINEAR_LAGS_MAX;)
		lags = c->season[s];
	for (size_t i = 0; i < count; i++) {
		points += f->data->series[i].n;
		longest = WEIR_MAX(longest, f->data->series[i].n);
	}
	f->task = calloc(count, sizeof(*f->task));
	f->lin = calloc(count, sizeof(*f->lin));
	f->values = malloc(2 * points * sizeof(*f->values));
	f->misses = malloc(count * WEIR_POOL_ORIGINS * horizon * sizeof(*f->misses));
	if (!f->task || !f->lin || !f->values || !f->misses || weir_curves_of(c, longest, horizon, &f->curves))
		return -ENOMEM;
	for (size_t i = 0; i < count; at += f->data->series[i++].n)
		if (prepare_one(f, i, horizon, f->values + at, f->values + points + at))
			return -ENOMEM;
	f->opts = (struct weir_linear_opts){.lags = WEIR_MIN(lags, (size_t)WEIR_LINEAR_LAGS_MAX), .horizon = horizon,
					    .windows = LINEAR_WINDOWS};
	f->opts.level = c->seasons ? WEIR_MIN((size_t)c->season[0], f->opts.lags) : f->opts.lags / 2;
	if (!(f->members & 1u << WEIR_MEMBER_LINEAR))
		return 0;
	return weir_linear_new(f->lin, count, &f->opts, &f->linear);
}

static int run_one(struct fitting *f, struct mix *m, size_t i)
{
	struct weir_pool_task *t = &f->task[i];
	double *one = series_of(m, i);
	struct weir_pool_result res = {.mean = one + AT_MEAN, .miss = f->misses + i * WEIR_POOL_ORIGINS * m->horizon};
	int r = 0;

	for (size_t p = 0; p < WEIR_PART_REMAINDER; p++)
		res.part[p] = one + AT_MEAN + (1 + p) * m->horizon;
	for (size_t k = 0; k < WEIR_POOL_ORIGINS * m->horizon; k++)
		res.miss[k] = NAN;
	t->members = f->members;
	if (f->linear && WEIR_MIN(t->cut, t->n) >= f->opts.lags) {
		r = weir_linear_own(f->linear, &f->lin[i]);
		t->linear = f->linear;
	} else {
		t->members &= ~(1u << WEIR_MEMBER_LINEAR);
	}
	t->members = t->members ? t->members : 1u << WEIR_MEMBER_SNAIVE;
	r = r ? r : weir_pool_run(t, &res);
	one[AT_LOG] = t->transform.log;
	one[AT_SHIFT] = t->transform.shift;
	one[AT_LEVEL] = 1 - m->coverage;
	memcpy(one + AT_WEIGHT, res.weight, sizeof(res.weight));
	return r;
}

/* How misses grow with the horizon, over the set: each series' in units of its own mean. room: twice the horizon. */
static void learn_growth(const struct fitting *f, struct mix *m, double *room)
{
	double *sum = room, *known = room + m->horizon;

	for (size_t h = 0; h < m->horizon; h++)
		sum[h] = known[h] = GROWTH_PRIOR;
	for (size_t i = 0; i < m->count; i++) {
		const double *miss = f->misses + i * WEIR_POOL_ORIGINS * m->horizon;
		size_t n = f->task[i].origins * m->horizon, there = 0;
		double mean = 0;

		for (size_t k = 0; k < n; k++) {
			mean += isnan(miss[k]) ? 0 : miss[k];
			there += !isnan(miss[k]);
		}
		for (size_t k = 0, h = 0; k < n && mean > 0; k++, h = h + 1 == m->horizon ? 0 : h + 1)
			if (!isnan(miss[k])) {
				sum[h] += miss[k] / mean * (double)there;
				known[h]++;
			}
	}
	for (size_t h = 0; h < m->horizon; h++)
		m->growth[h] = fmax(sum[h] / known[h], 0.1);
}

/* Divided misses of the origins from one on and before another; returns how many. */
static size_t gather(const struct fitting *f, const struct mix *m, size_t i, size_t from, size_t before, double *room)
{
	const double *miss = f->misses + i * WEIR_POOL_ORIGINS * m->horizon;
	size_t n = 0;

	for (size_t q = from; q < WEIR_MIN(f->task[i].origins, before); q++)
		for (size_t h = 0; h < m->horizon; h++)
			if (!isnan(miss[q * m->horizon + h]))
				room[n++] = miss[q * m->horizon + h] / m->growth[h];
	return n;
}

/* What each origin missed, in units of the quantile that those before it say: its own quantile is the factor of the set. */
static void learn_factor(const struct fitting *f, struct mix *m, double *room, double *ratios)
{
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++)
		for (size_t q = FACTOR_FROM, others = gather(f, m, i, 0, q, room); q < f->task[i].origins; q++) {
			const double *miss = f->misses + (i * WEIR_POOL_ORIGINS + q) * m->horizon;
			double width = others ? weir_quantile_up(room, others, m->coverage) : 0;

			for (size_t h = 0; h < m->horizon && width > 0; h++)
				if (!isnan(miss[h]))
					ratios[n++] = miss[h] / m->growth[h] / width;
			others += gather(f, m, i, q, q + 1, room + others);
		}
	if (!n)
		return;
	m->factor = fmin(fmax(weir_quantile_up(ratios, n, m->coverage), FACTOR_MIN), FACTOR_MAX);
	for (size_t k = 0; k < n; k++)
		m->covered += (ratios[k] <= m->factor) / (double)n;
}

static void learn_knots(const struct fitting *f, const struct mix *m, size_t i, double *room)
{
	size_t n = gather(f, m, i, 0, SIZE_MAX, room);
	double p[KNOTS];

	for (size_t k = 0; k < KNOTS; k++)
		p[k] = knot_at(k);
	if (n)
		weir_quantiles_up(room, n, p, KNOTS, series_of(m, i) + AT_KNOT);
}

static double mean_miss(const struct fitting *f, const struct mix *m)
{
	double sum = 0;
	size_t known = 0;

	for (size_t k = 0; k < m->count * WEIR_POOL_ORIGINS * m->horizon; k++)
		if (!isnan(f->misses[k])) {
			sum += f->misses[k];
			known++;
		}
	return known ? sum / (double)known : 0;
}

static int learn_intervals(const struct fitting *f, struct mix *m)
{
	size_t one = WEIR_POOL_ORIGINS * m->horizon;
	weir_auto_free double *room = malloc((m->count + 1) * one * sizeof(*room));

	if (!room)
		return -ENOMEM;
	learn_growth(f, m, room);
	learn_factor(f, m, room, room + one);
	m->miss = mean_miss(f, m);
	for (size_t i = 0; i < m->count; i++)
		learn_knots(f, m, i, room);
	return 0;
}

int weir_mix_fit(const struct weir_model_data *data, const struct weir_model_opts *opts, unsigned int members,
		 const struct weir_pool_caution *caution, void **ret_state, struct weir_err *err)
{
	weir_cleanup(fitting_fini) struct fitting f = {.data = data, .members = members, .caution = caution};
	auto_mix *m = NULL;
	int r;

	if (!data->count)
		return weir_err_set(err, -EINVAL, "a forecast needs series");
	m = mix_new(data->count, opts->horizon, data->calendar.seasons ? data->calendar.season[0] : 1);
	if (!m)
		return -ENOMEM;
	m->coverage = opts->coverage;
	r = prepare(&f, opts->horizon);
	for (size_t i = 0; i < m->count && !r; i++)
		r = run_one(&f, m, i);
	r = r ? r : learn_intervals(&f, m);
	if (!r)
		*ret_state = weir_take_ptr(m);
	return r;
}

/* Half an interval, `step` steps behind where the fit ended, on the scale of the forecast. */
static double width_of(const struct mix *m, const double *one, size_t step)
{
	double level = fmax(one[AT_LEVEL], LEVEL_MIN), beyond = exp(WIDENS * (level - one[AT_LEVEL]));
	double at = -log2(level) * (KNOTS - 1) / 10;
	size_t k = at > 0 ? WEIR_MIN((size_t)at, (size_t)KNOTS - 2) : 0;
	double part = fmin(fmax(at - (double)k, 0), 1);

	return beyond * m->factor * m->growth[step] * (one[AT_KNOT + k] + part * (one[AT_KNOT + k + 1] - one[AT_KNOT + k]));
}

static void interval_of(const struct mix *m, const double *one, size_t step, double *lower, double *upper)
{
	struct weir_transform t = {.log = one[AT_LOG] != 0, .shift = one[AT_SHIFT]};
	double mean = one[AT_MEAN + step], at = weir_transform(&t, mean), width = width_of(m, one, step);

	*lower = isfinite(at) ? fmin(weir_transform_back(&t, at - width), mean) : mean;
	*upper = isfinite(at) ? fmax(weir_transform_back(&t, at + width), mean) : mean;
}

/* A step beyond the horizon is as it was a season before. */
static size_t step_of(const struct mix *m, size_t step)
{
	size_t season = WEIR_MIN(m->season, m->horizon);

	return step < m->horizon ? step : m->horizon - season + (step - m->horizon) % season;
}

/* The forecast stays until the next refit; what arrives moves it on, and widens or narrows its intervals. */
static int mix_update(void *state, size_t which, const struct weir_rows *rows)
{
	struct mix *m = state;
	double *one;

	if (which >= m->count || rows->width != 1)
		return -EINVAL;
	one = series_of(m, which);
	for (size_t i = 0; i < rows->n; i++) {
		double lower, upper, v = rows->v[i], missed;

		interval_of(m, one, step_of(m, (size_t)one[AT_USED]), &lower, &upper);
		one[AT_USED] = fmin(one[AT_USED] + 1, WEIR_SERIES_POINTS_MAX);
		if (isnan(v))
			continue;
		missed = v < lower || v > upper;
		one[AT_LEVEL] += ACI_RATE * (1 - m->coverage - missed);
		one[AT_LEVEL] = fmin(fmax(one[AT_LEVEL], LEVEL_LEAST), LEVEL_MAX);
	}
	return 0;
}

static int mix_predict(const void *state, size_t which, struct weir_forecast *f)
{
	const struct mix *m = state;
	const double *one;

	if (which >= m->count)
		return -EINVAL;
	one = series_of(m, which);
	for (size_t h = 0; h < f->horizon; h++) {
		size_t step = step_of(m, (size_t)one[AT_USED] + h);

		f->mean[h] = one[AT_MEAN + step];
		interval_of(m, one, step, &f->lower[h], &f->upper[h]);
		for (size_t p = 0; p < WEIR_PART_REMAINDER; p++)
			f->part[p][h] = one[AT_MEAN + (1 + p) * m->horizon + step];
	}
	weir_forecast_close(f);
	return 0;
}

static int mix_explain(const void *state, size_t which, const struct weir_rows *rows, struct weir_explain *ret)
{
	return weir_forecast_explain(mix_predict, state, which, rows, ret);
}

/* Scores of the back-test, and what each member counts for in the mean of the set. */
static void mix_describe(const void *state, struct weir_model_meta *meta)
{
	static const char *const names[WEIR_MEMBERS] = {"weight_linear", "weight_snaive", "weight_ets",	    "weight_theta",
							"weight_arima",	 "weight_mstl",	  "weight_prophet", "weight_cycle"};
	const struct mix *m = state;

	weir_meta_add(&meta->scores, "miss", m->miss);
	weir_meta_add(&meta->scores, "covered", m->covered);
	weir_meta_add(&meta->params, "interval_factor", m->factor);
	for (size_t k = 0; k < WEIR_MEMBERS; k++) {
		double sum = 0;

		for (size_t i = 0; i < m->count; i++)
			sum += series_of(m, i)[AT_WEIGHT + k] / (double)m->count;
		weir_meta_add(&meta->params, names[k], sum);
	}
}

static int mix_pack(const void *state, struct weir_buf *b)
{
	const struct mix *m = state;
	int r = weir_put_u32(b, (uint32_t)m->count);

	r = r ? r : weir_put_u32(b, (uint32_t)m->horizon);
	r = r ? r : weir_put_u32(b, (uint32_t)m->season);
	r = r ? r : weir_put_double(b, m->coverage);
	r = r ? r : weir_put_double(b, m->factor);
	r = r ? r : weir_put_doubles(b, m->growth, m->horizon);
	return r ? r : weir_put_doubles(b, m->all, m->count * stride_of(m->horizon));
}

/* What is used as an index or a probability; other numbers are but numbers. */
static bool is_sound(const struct mix *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const double *one = series_of(m, i);

		if (!(one[AT_USED] >= 0 && one[AT_USED] <= WEIR_SERIES_POINTS_MAX) ||
		    !(one[AT_LEVEL] >= LEVEL_LEAST && one[AT_LEVEL] < 1))
			return false;
	}
	return m->coverage > 0 && m->coverage < 1;
}

static int mix_unpack(struct weir_reader *r, void **ret_state)
{
	size_t count = weir_get_count(r, WEIR_SERIES_MAX), horizon = weir_get_count(r, WEIR_HORIZON_MAX);
	size_t season = weir_get_count(r, WEIR_SEASON_MAX), n = count * stride_of(horizon);
	double coverage = weir_get_double(r), factor = weir_get_double(r);
	auto_mix *m = NULL;

	if (r->bad || !count || !horizon || !season || (size_t)(r->end - r->at) / sizeof(double) < horizon + n)
		return -EBADMSG;
	m = mix_new(count, horizon, season);
	if (!m)
		return -ENOMEM;
	m->coverage = coverage;
	m->factor = factor;
	weir_get_doubles(r, m->growth, horizon);
	weir_get_doubles(r, m->all, n);
	if (!is_sound(m))
		return -EBADMSG;
	*ret_state = weir_take_ptr(m);
	return 0;
}

/* A pool by its members: a row of the table. */
#define POOL(id, text, wrong, bits)                                                                                          \
	static int fit_##id(const struct weir_model_data *d, const struct weir_model_opts *o, void **ret, struct weir_err *e) \
	{                                                                                                             \
		return weir_mix_fit(d, o, bits, &weir_pool_caution, ret, e);                                                                \
	}                                                                                                             \
	const struct weir_model_ops weir_model_##id = {.name = #id, .about = text, .limits = wrong,                  \
						       .version = 2, .fit = fit_##id,                                 \
						       .update = mix_update, .predict = mix_predict,                  \
						       .explain = mix_explain, .pack = mix_pack,                      \
						       .unpack = mix_unpack, .describe = mix_describe, .free = mix_free}

POOL(mix, "all forecasters, each counting by what it missed in a back-test of the series",
     "A break of the level within the last days is followed late; one spike among the origins of the back-test moves the weights. "
     "What arrives moves the intervals, not the forecast: that takes a refit.",
     ALL_MEMBERS);
POOL(linear, "a linear map of the last week, learnt from all series and shrunk to it for each",
     "A shift of the level within the last season is taken for season; a set of unlike series makes a poor common map.",
     1u << WEIR_MEMBER_LINEAR);
POOL(ets, "exponential smoothing with a damped trend and a season",
     "It knows the shortest season and a damped trend alone; changes of the day's shape are followed slowly.",
     1u << WEIR_MEMBER_ETS);
POOL(theta, "the theta method on what is left when the seasons are off",
     "A season that changes its shape is followed late, and growth goes on at half of its slope whatever comes.",
     1u << WEIR_MEMBER_THETA);
POOL(arima, "ARIMA of a selected order on what is left when the seasons are off",
     "A trend that breaks is run on with for hours; outliers in the last days change its order.",
     1u << WEIR_MEMBER_ARIMA);
POOL(mstl, "a decomposition by several seasons, what is left by ARIMA of its differences",
     "A season that changes its shape within a cycle or two is followed late.",
     1u << WEIR_MEMBER_MSTL);
POOL(prophet, "a trend that bends, and waves of each season",
     "Weak alone: noise near the end bends its trend.",
     1u << WEIR_MEMBER_PROPHET);
POOL(cycle, "what the longest season's same phase showed in its newest cycles",
     "One odd cycle is repeated once, and a day of another shape is taken for one of another level.",
     1u << WEIR_MEMBER_CYCLE);
