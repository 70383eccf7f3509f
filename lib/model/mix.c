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

#include "lib/model/mix_state.h"

#define ACI_RATE 0.01	/* gamma */
#define LEVEL_MIN 0.001 /* of a series' level: there is no further quantile */
#define LEVEL_MAX 0.5
#define LEVEL_LEAST (-0.5) /* below LEVEL_MIN an interval is as many times the widest that was seen */
#define WIDENS 10.0	   /* in logarithms, by level: some 10 % wider with each value outside */
#define ALL_MEMBERS ((1u << WEIR_MEMBERS) - 1)

void weir_mix_free(void *state)
{
	struct weir_mix *m = state;

	if (!m)
		return;
	free(m->growth);
	free(m->all);
	free(m);
}

struct weir_mix *weir_mix_new(size_t count, size_t horizon, size_t season)
{
	struct weir_mix *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	*m = (struct weir_mix){.count = count, .horizon = horizon, .season = season, .factor = 1};
	m->growth = malloc(horizon * sizeof(*m->growth));
	m->all = calloc(count * weir_mix_stride(horizon), sizeof(*m->all));
	if (m->growth && m->all)
		return m;
	weir_mix_free(m);
	return NULL;
}

/* Half an interval, `step` steps behind where the fit ended, on the scale of the forecast. */
static double width_of(const struct weir_mix *m, const double *one, size_t step)
{
	double level = fmax(one[WEIR_MIX_LEVEL], LEVEL_MIN), beyond = exp(WIDENS * (level - one[WEIR_MIX_LEVEL]));
	double at = -log2(level) * (WEIR_MIX_KNOTS - 1) / 10;
	size_t k = at > 0 ? WEIR_MIN((size_t)at, (size_t)WEIR_MIX_KNOTS - 2) : 0;
	double part = fmin(fmax(at - (double)k, 0), 1);

	return beyond * m->factor * m->growth[step] * (one[WEIR_MIX_KNOT + k] + part * (one[WEIR_MIX_KNOT + k + 1] - one[WEIR_MIX_KNOT + k]));
}

static void interval_of(const struct weir_mix *m, const double *one, size_t step, double *lower, double *upper)
{
	struct weir_transform t = {.log = one[WEIR_MIX_LOG] != 0, .shift = one[WEIR_MIX_SHIFT]};
	double mean = one[WEIR_MIX_MEAN + step], at = weir_transform(&t, mean), width = width_of(m, one, step);

	*lower = isfinite(at) ? fmin(weir_transform_back(&t, at - width), mean) : mean;
	*upper = isfinite(at) ? fmax(weir_transform_back(&t, at + width), mean) : mean;
}

/* A step beyond the horizon is as it was a season before. */
static size_t step_of(const struct weir_mix *m, size_t step)
{
	size_t season = WEIR_MIN(m->season, m->horizon);

	return step < m->horizon ? step : m->horizon - season + (step - m->horizon) % season;
}

/* The forecast stays until the next refit; what arrives moves it on, and widens or narrows its intervals. */
static int mix_update(void *state, size_t which, const struct weir_rows *rows)
{
	struct weir_mix *m = state;
	double *one;

	if (which >= m->count || rows->width != 1)
		return -EINVAL;
	one = weir_mix_series(m, which);
	for (size_t i = 0; i < rows->n; i++) {
		double lower, upper, v = rows->v[i], missed;

		interval_of(m, one, step_of(m, (size_t)one[WEIR_MIX_USED]), &lower, &upper);
		one[WEIR_MIX_USED] = fmin(one[WEIR_MIX_USED] + 1, WEIR_SERIES_POINTS_MAX);
		if (isnan(v))
			continue;
		missed = v < lower || v > upper;
		one[WEIR_MIX_LEVEL] += ACI_RATE * (1 - m->coverage - missed);
		one[WEIR_MIX_LEVEL] = fmin(fmax(one[WEIR_MIX_LEVEL], LEVEL_LEAST), LEVEL_MAX);
	}
	return 0;
}

static int mix_predict(const void *state, size_t which, struct weir_forecast *f)
{
	const struct weir_mix *m = state;
	const double *one;

	if (which >= m->count)
		return -EINVAL;
	one = weir_mix_series(m, which);
	for (size_t h = 0; h < f->horizon; h++) {
		size_t step = step_of(m, (size_t)one[WEIR_MIX_USED] + h);

		f->mean[h] = one[WEIR_MIX_MEAN + step];
		interval_of(m, one, step, &f->lower[h], &f->upper[h]);
		for (size_t p = 0; p < WEIR_PART_REMAINDER; p++)
			f->part[p][h] = one[WEIR_MIX_MEAN + (1 + p) * m->horizon + step];
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
							"weight_arima",	 "weight_mstl",	  "weight_prophet", "weight_cycle", "weight_lstm"};
	const struct weir_mix *m = state;

	weir_meta_add(&meta->scores, "miss", m->miss);
	weir_meta_add(&meta->scores, "covered", m->covered);
	weir_meta_add(&meta->params, "interval_factor", m->factor);
	for (size_t k = 0; k < WEIR_MEMBERS; k++) {
		double sum = 0;

		for (size_t i = 0; i < m->count; i++)
			sum += weir_mix_series(m, i)[WEIR_MIX_WEIGHT + k] / (double)m->count;
		weir_meta_add(&meta->params, names[k], sum);
	}
}

static int mix_pack(const void *state, struct weir_buf *b)
{
	const struct weir_mix *m = state;
	int r = weir_put_u32(b, (uint32_t)m->count);

	r = r ? r : weir_put_u32(b, (uint32_t)m->horizon);
	r = r ? r : weir_put_u32(b, (uint32_t)m->season);
	r = r ? r : weir_put_double(b, m->coverage);
	r = r ? r : weir_put_double(b, m->factor);
	r = r ? r : weir_put_doubles(b, m->growth, m->horizon);
	return r ? r : weir_put_doubles(b, m->all, m->count * weir_mix_stride(m->horizon));
}

/* What is used as an index or a probability; other numbers are but numbers. */
static bool is_sound(const struct weir_mix *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const double *one = weir_mix_series(m, i);

		if (!(one[WEIR_MIX_USED] >= 0 && one[WEIR_MIX_USED] <= WEIR_SERIES_POINTS_MAX) ||
		    !(one[WEIR_MIX_LEVEL] >= LEVEL_LEAST && one[WEIR_MIX_LEVEL] < 1))
			return false;
	}
	return m->coverage > 0 && m->coverage < 1;
}

static int mix_unpack(struct weir_reader *r, void **ret_state)
{
	size_t count = weir_get_count(r, WEIR_SERIES_MAX), horizon = weir_get_count(r, WEIR_HORIZON_MAX);
	size_t season = weir_get_count(r, WEIR_SEASON_MAX), n = count * weir_mix_stride(horizon);
	double coverage = weir_get_double(r), factor = weir_get_double(r);
	weir_auto_mix *m = NULL;

	if (r->bad || !count || !horizon || !season || (size_t)(r->end - r->at) / sizeof(double) < horizon + n)
		return -EBADMSG;
	m = weir_mix_new(count, horizon, season);
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
		return weir_mix_fit(d, o, bits, ret, e);                                                                \
	}                                                                                                             \
	const struct weir_model_ops weir_model_##id = {.name = #id, .about = text, .limits = wrong,                  \
						       .version = 3, .fit = fit_##id,                                 \
						       .update = mix_update, .predict = mix_predict,                  \
						       .explain = mix_explain, .pack = mix_pack,                      \
						       .unpack = mix_unpack, .describe = mix_describe, .free = weir_mix_free}

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
