/* SPDX-License-Identifier: Apache-2.0 */
/* The forecasters: what each member must get right, guard rails, intervals, and the pool beside the seasonal naive model. */
#include <math.h>

#include "lib/model/fill.h"
#include "lib/model/local.h"
#include "lib/model/model.h"
#include "lib/model/pool.h"
#include "tests/lib/series_fixture.h"
#include "tests/lib/test.h"

#define SET 200
#define AHEAD 48

static const struct weir_calendar weekly = {.season = {24, 168}, .seasons = 2};

struct set {
	struct weir_series s[SET];
	size_t count;
};

static void set_fini(struct set *set)
{
	for (size_t i = 0; i < set->count; i++)
		weir_series_fini(&set->s[i]);
}
#define auto_set weir_cleanup(set_fini) struct set

/* The last AHEAD values stay behind the end: what is to be forecast. */
static struct set make(size_t count, uint64_t seed)
{
	struct weir_random r = weir_random_of(seed);
	struct set set = {.count = count};

	for (size_t i = 0; i < count; i++) {
		set.s[i] = made_series(i, &r);
		set.s[i].n -= AHEAD;
	}
	return set;
}

static int fit_set(const char *name, const struct weir_series *s, size_t count, const struct weir_calendar *c, struct weir_model *ret)
{
	struct weir_err err = {{0}};
	int r = weir_model_fit(name, &(struct weir_model_data){.series = s, .count = count, .calendar = *c},
			       &(struct weir_model_opts){.horizon = AHEAD, .coverage = 0.95, .seed = 1}, ret, &err);

	if (r)
		printf("# %s: %s\n", name, err.text);
	return r;
}

/* The mean absolute error over the mean change in a day (MASE), by kind of series. */
static void errors_of(struct test_state *test_st, const char *name, const struct set *set, double ret[MADE_KINDS])
{
	weir_auto_model m = {0};
	weir_auto_forecast f = {0};

	CHECK(!fit_set(name, set->s, set->count, &weekly, &m) && !weir_forecast_init(&f, AHEAD));
	for (size_t i = 0; i < set->count; i++) {
		const struct weir_series *s = &set->s[i];
		double scale = 0, error = 0;
		size_t known = 0;

		CHECK(!weir_model_predict(&m, i, &f));
		for (size_t t = 24; t < s->n; t++)
			if (!isnan(s->v[t] - s->v[t - 24])) {
				scale += fabs(s->v[t] - s->v[t - 24]);
				known++;
			}
		scale /= (double)known;
		for (size_t h = 0; h < AHEAD; h++)
			error += fabs(s->v[s->n + h] - f.mean[h]) / AHEAD;
		ret[i % MADE_KINDS] += error / scale / (double)(set->count / MADE_KINDS);
	}
}

/* Over all, and for each kind as far as 40 series say it: growth that stopped hours ago is what nobody can see. */
TEST(the_pool_is_never_much_worse_than_the_naive_one)
{
	for (uint64_t seed = 1; seed <= (getenv("WEIR_LONG") ? 5 : 1); seed++) {
		auto_set set = make(SET, seed);
		double naive[MADE_KINDS] = {0}, pool[MADE_KINDS] = {0}, all[2] = {0};

		errors_of(test_st, "snaive", &set, naive);
		errors_of(test_st, "mix", &set, pool);
		for (size_t k = 0; k < MADE_KINDS; k++) {
			printf("# seed %d, %s: MASE %.3f, naive %.3f\n", (int)seed, made_names[k], pool[k], naive[k]);
			CHECK(pool[k] <= (k == MADE_TREND ? 1.25 : k == MADE_LEVEL ? 1.1 : 1.05) * naive[k], "%s: %g times", made_names[k], pool[k] / naive[k]);
			all[0] += naive[k];
			all[1] += pool[k];
		}
		CHECK(all[1] <= 1.05 * all[0] && all[1] < 0.95 * all[0], "all: %g times", all[1] / all[0]);
	}
}

TEST(intervals_cover_what_they_say)
{
	auto_set set = make(SET, 11);
	weir_auto_model m = {0};
	weir_auto_forecast f = {0};
	size_t inside = 0, n = 0;

	CHECK(!fit_set("mix", set.s, SET, &weekly, &m) && !weir_forecast_init(&f, AHEAD));
	for (size_t i = 0; i < SET; i += MADE_KINDS) { /* plain ones: a break is what nobody can know */
		CHECK(!weir_model_predict(&m, i, &f));
		for (size_t h = 0; h < AHEAD; h++, n++) {
			double v = set.s[i].v[set.s[i].n + h];

			inside += v >= f.lower[h] && v <= f.upper[h];
			CHECK(f.lower[h] <= f.mean[h] && f.mean[h] <= f.upper[h] && f.lower[h] >= 0);
		}
	}
	printf("# %.1f %% of %zu values covered\n", 100.0 * (double)inside / (double)n, n);
	CHECK(inside >= 0.92 * (double)n && inside <= 0.985 * (double)n, "%zu of %zu", inside, n);
}

/* Values outside an interval widen those that come, values inside narrow them. */
TEST(intervals_follow_what_arrives)
{
	auto_set set = make(5, 12);
	weir_auto_model wide = {0}, narrow = {0};
	weir_auto_forecast f = {0};
	double before, far = 1e12, near;

	CHECK(!fit_set("mix", set.s, 5, &weekly, &wide) && !fit_set("mix", set.s, 5, &weekly, &narrow) && !weir_forecast_init(&f, AHEAD));
	CHECK(!weir_model_predict(&wide, 0, &f));
	before = log(f.upper[30] / f.mean[30]);
	for (int i = 0; i < 4; i++)
		CHECK(!weir_model_update(&wide, 0, &(struct weir_rows){.v = &far, .n = 1, .width = 1}));
	CHECK(!weir_model_predict(&wide, 0, &f));
	CHECK(log(f.upper[26] / f.mean[26]) > 1.02 * before, "%g, before %g", log(f.upper[26] / f.mean[26]), before);
	for (int i = 0; i < 24; i++) {
		CHECK(!weir_model_predict(&narrow, 0, &f));
		near = f.mean[0];
		CHECK(!weir_model_update(&narrow, 0, &(struct weir_rows){.v = &near, .n = 1, .width = 1}));
	}
	CHECK(!weir_model_predict(&narrow, 0, &f));
	CHECK(log(f.upper[6] / f.mean[6]) < 0.99 * before, "%g, before %g", log(f.upper[6] / f.mean[6]), before);
}

TEST(parts_of_each_forecast_sum_to_it)
{
	auto_set set = make(10, 13);
	weir_auto_model m = {0};
	weir_auto_forecast f = {0};
	size_t days = 0;

	CHECK(!fit_set("mix", set.s, 10, &weekly, &m) && !weir_forecast_init(&f, AHEAD));
	for (size_t i = 0; i < 10; i++) {
		CHECK(!weir_model_predict(&m, i, &f));
		for (size_t h = 0; h < AHEAD; h++) {
			struct weir_explain why;
			double step = (double)h, sum = 0;

			CHECK(weir_forecast_sum(&f, h) == f.mean[h], "series %zu, step %zu", i, h);
			CHECK(!weir_model_explain(&m, i, &(struct weir_rows){.v = &step, .n = 1, .width = 1}, &why));
			for (size_t k = 0; k < why.count; k++)
				sum += why.item[k].value;
			CHECK(why.value == f.mean[h] && sum == why.value, "series %zu, step %zu: %g", i, h, why.value);
			days += fabs(f.part[WEIR_PART_DAY][h]) > 0.01 * f.mean[h];
		}
	}
	CHECK(days > 240, "a day is seen in %zu of 480 steps", days);
}

/* A tenth of the values missing, at random, costs at most a twentieth of the score. */
TEST(missing_values_cost_little)
{
	auto_set whole = make(100, 14), holes = make(100, 14);
	struct weir_random r = weir_random_of(15);
	double a[MADE_KINDS] = {0}, b[MADE_KINDS] = {0}, sum[2] = {0};

	for (size_t i = 0; i < holes.count; i++)
		for (size_t t = 0; t < holes.s[i].n; t++)
			if (weir_random_below(&r, 10) == 0)
				holes.s[i].v[t] = NAN;
	errors_of(test_st, "mix", &whole, a);
	errors_of(test_st, "mix", &holes, b);
	for (size_t k = 0; k < MADE_KINDS; k++) {
		sum[0] += a[k];
		sum[1] += b[k];
	}
	printf("# MASE %.4f whole, %.4f with a tenth missing\n", sum[0] / MADE_KINDS, sum[1] / MADE_KINDS);
	CHECK(sum[1] <= 1.05 * sum[0], "%g times", sum[1] / sum[0]);
}

/* Training takes a second a time: the network's own tests are its everyday ones. */
static bool is_asked(const struct weir_model_ops *m)
{
	return m->predict && (getenv("WEIR_LONG") || strcmp(m->name, "lstm") != 0);
}

/* What no model can learn from: a number comes for each step, and no crash. */
TEST(odd_series_get_numbers)
{
	static const size_t lengths[] = {1, 2, 3, 5, 25, 49, 100, 170, 220, 400};

	for (size_t k = 0; weir_model_at(k); k++)
		for (size_t i = 0; is_asked(weir_model_at(k)) && i < 5 * WEIR_ARRAY_SIZE(lengths); i++) {
			struct weir_series s;
			weir_auto_model m = {0};
			weir_auto_forecast f = {0};
			struct weir_random r = weir_random_of(i);

			CHECK(!weir_series_init(&s, "odd", lengths[i / 5]));
			for (size_t t = 0; t < s.n && i % 5; t++) /* all missing, constant, zero, both signs, enormous */
				s.v[t] = i % 5 == 1 ? 7 : i % 5 == 2 ? 0 : weir_random_normal(&r) * (i % 5 == 3 ? 1 : 1e90);
			CHECK(!fit_set(weir_model_at(k)->name, &s, 1, &weekly, &m) && !weir_forecast_init(&f, AHEAD));
			CHECK(m.ops && !weir_model_predict(&m, 0, &f), "%s %zu", weir_model_at(k)->name, i);
			for (size_t h = 0; h < AHEAD; h++) {
				CHECK(isfinite(f.mean[h]) && isfinite(f.lower[h]) && isfinite(f.upper[h]), "%s, kind %zu of %zu values: %g",
				      weir_model_at(k)->name, i % 5, s.n, f.mean[h]);
				CHECK(i % 5 != 1 || fabs(f.mean[h] - 7) < 1e-4, "%s: a constant 7 of %zu becomes %g", weir_model_at(k)->name, s.n, f.mean[h]);
			}
			weir_series_fini(&s);
		}
}

/* The map of a set of long series serves one that is too short to have its own. */
TEST(a_short_series_has_the_map_of_the_others)
{
	struct weir_random r = weir_random_of(16);
	auto_set set = {.count = 6};
	weir_auto_model m = {0};
	weir_auto_forecast f = {0};
	double error = 0, change = 0;

	for (size_t i = 0; i < 6; i++) {
		size_t n = i ? 700 : 230;

		CHECK(!weir_series_init(&set.s[i], "wave", n));
		for (size_t t = 0; t < n; t++) /* day and week, the phase its own */
			set.s[i].v[t] = 100 * exp(sin(2 * M_PI * (double)(t + 5 * i) / 24) * ((t + 30 * i) / 24 % 7 < 5 ? 1 : 0.3) +
						  0.02 * weir_random_normal(&r));
		set.s[i].n -= AHEAD;
	}
	CHECK(!fit_set("linear", set.s, 6, &weekly, &m) && !weir_forecast_init(&f, AHEAD) && !weir_model_predict(&m, 0, &f));
	for (size_t h = 0; h < AHEAD; h++) {
		error += fabs(f.mean[h] - set.s[0].v[182 + h]);
		change += fabs(set.s[0].v[158 + h % 24] - set.s[0].v[182 + h]);
	}
	CHECK(error < 0.5 * change, "error %g, the naive model's %g", error, change);
}

/* A tenth of the level since 30 hours, which four weeks do not know: no member may go back up tenfold, or on down. */
TEST(a_break_neither_runs_on_nor_is_undone)
{
	for (size_t k = 0; weir_model_at(k); k++) {
		struct weir_random r = weir_random_of(20);
		struct weir_series s;
		weir_auto_model m = {0};
		weir_auto_forecast f = {0};
		double off = 0;

		if (!is_asked(weir_model_at(k)))
			continue;
		CHECK(!weir_series_init(&s, "broken", 720));
		for (size_t t = 0; t < 720; t++)
			s.v[t] = exp(5 + 0.5 * sin(2 * M_PI * (double)t / 24) + 0.05 * weir_random_normal(&r)) / (t >= 690 ? 10 : 1);
		CHECK(!fit_set(weir_model_at(k)->name, &s, 1, &weekly, &m) && !weir_forecast_init(&f, AHEAD) && !weir_model_predict(&m, 0, &f));
		for (size_t h = 0; h < 24; h++)
			off += log(f.mean[h] / s.v[696 + h]) / 24;
		CHECK(fabs(off) < 0.75, "%s: the next day is %g times the last", weir_model_at(k)->name, exp(off));
		weir_series_fini(&s);
	}
}

/* A week's wave: who knows the week counts, who repeats the day does not. */
TEST(members_count_by_what_they_missed)
{
	enum { N = 840, MISSES = WEIR_POOL_ORIGINS * AHEAD };
	weir_auto_free double *y = malloc((N + (1 + WEIR_PART_REMAINDER) * AHEAD + MISSES) * sizeof(*y));
	struct weir_pool_task t = {.v = y, .y = y, .n = N, .horizon = AHEAD, .calendar = &weekly,
				   .members = 1u << WEIR_MEMBER_SNAIVE | 1u << WEIR_MEMBER_MSTL};
	struct weir_pool_result res = {.mean = y + N, .miss = y + N + (1 + WEIR_PART_REMAINDER) * AHEAD};
	struct weir_random r = weir_random_of(21);

	for (size_t p = 0; p < WEIR_PART_REMAINDER; p++)
		res.part[p] = y + N + (1 + p) * AHEAD;
	for (size_t i = 0; i < N; i++)
		y[i] = 10 + sin(2 * M_PI * (double)i / 24) + 3 * sin(2 * M_PI * (double)i / 168) + 0.1 * weir_random_normal(&r);
	weir_pool_origins(&t);
	CHECK(t.origins >= 4 && t.cut + (t.origins - 1) * t.gap < N && !weir_pool_run(&t, &res), "%zu origins", t.origins);
	CHECK(res.weight[WEIR_MEMBER_MSTL] > 0.95 && res.weight[WEIR_MEMBER_LINEAR] == 0, "%g", res.weight[WEIR_MEMBER_MSTL]);
	CHECK(fabs(res.weight[WEIR_MEMBER_MSTL] + res.weight[WEIR_MEMBER_SNAIVE] - 1) < 1e-12);
}

TEST(seasons_are_found_where_they_are)
{
	enum { N = 840 };
	double y[N], worst = 0;
	weir_auto_parts p = {0};

	for (size_t t = 0; t < N; t++)
		y[t] = 10 + 0.001 * (double)t + 3 * sin(2 * M_PI * (double)(t % 24) / 24) + (t / 24 % 7 >= 5 ? -2 : 0);
	CHECK(!weir_parts_of(y, N, &weekly, &p) && p.seasons == 2);
	for (size_t t = 200; t < N - 200; t++)
		worst = fmax(worst, fabs(p.adjusted[t] - (10 + 0.001 * (double)t - 2 * 2.0 / 7)));
	CHECK(worst < 0.15, "off by %g", worst);
	for (size_t h = 0; h < 48; h++) {
		size_t t = N + h;
		double season = 3 * sin(2 * M_PI * (double)(t % 24) / 24) + (t / 24 % 7 >= 5 ? -2 : 0) + 4.0 / 7;

		CHECK(fabs(weir_parts_season(&p, &weekly, h) - season) < 0.2, "step %zu: %g of %g", h, weir_parts_season(&p, &weekly, h), season);
	}
}

/* AR(1) of 0.8: the forecast falls back to the mean by 0.8 a step. */
TEST(arima_finds_an_autoregression)
{
	enum { N = 2000 };
	weir_auto_free double *y = malloc(N * sizeof(*y));
	struct weir_random r = weir_random_of(17);
	struct weir_calendar none = {.seasons = 0};
	double params[WEIR_LOCAL_PARAMS_MAX], f[10], e = 0;
	weir_auto_parts parts = {0};
	struct weir_past p = {.y = y, .n = N, .calendar = &none, .parts = &parts};

	for (size_t t = 0; t < N; t++)
		y[t] = 50 + (e = 0.8 * e + weir_random_normal(&r));
	y[N - 1] = 60;
	CHECK(!weir_parts_of(y, N, &none, &parts) && !weir_local_arima.fit(&p, params) && !weir_local_arima.predict(params, &p, 10, f));
	for (size_t h = 0; h < 10; h++)
		CHECK(fabs(f[h] - (50 + 10 * pow(0.8, (double)h + 1))) < 1.2, "step %zu: %g", h, f[h]);
}

TEST(a_damped_trend_goes_on_and_ends)
{
	double y[300];
	struct weir_damped d;

	for (size_t t = 0; t < 300; t++)
		y[t] = 100 + 2 * (double)t;
	weir_damped_fit(y, 300, &d);
	CHECK(fabs(weir_damped_ahead(&d, 0) - 700) < 3, "%g", weir_damped_ahead(&d, 0));
	CHECK(weir_damped_ahead(&d, 20) > 710 && weir_damped_ahead(&d, 20) < 742, "%g", weir_damped_ahead(&d, 20));
	CHECK(weir_damped_ahead(&d, 2000) < 850, "it runs away: %g", weir_damped_ahead(&d, 2000));
}

TEST(holidays_are_learnt_where_days_are_known)
{
	enum { N = 40 * 24 };
	static const int64_t days[] = {10 * 86400, 20 * 86400, 30 * 86400, 40 * 86400};
	struct weir_calendar c = {.season = {24, 168}, .seasons = 2, .holidays_s = days, .holidays = 4};
	weir_auto_free double *y = malloc(N * sizeof(*y));
	double params[WEIR_LOCAL_PARAMS_MAX];
	weir_auto_parts parts = {0};
	struct weir_past p = {.y = y, .n = N, .step_s = 3600, .calendar = &c, .parts = &parts};

	for (size_t t = 0; t < N; t++)
		y[t] = sin(2 * M_PI * (double)(t % 24) / 24) - (t / 24 % 10 == 0 && t >= 240 ? 1.5 : 0);
	CHECK(!weir_parts_of(y, N, &c, &parts) && !weir_local_prophet.fit(&p, params));
	CHECK(fabs(weir_prophet_holiday(params, &p, 3) + 1.5) < 0.2, "%g", weir_prophet_holiday(params, &p, 3));
	CHECK(weir_prophet_holiday(params, &p, 24) == 0, "the day after");
}

TEST(outages_are_missing_and_what_lasts_is_not)
{
	double v[60], out[60];

	for (size_t t = 0; t < 60; t++)
		v[t] = 5;
	v[3] = 0;			      /* one zero is a value */
	v[20] = v[21] = v[22] = v[23] = 0;    /* an outage */
	v[56] = v[57] = v[58] = v[59] = 0;    /* at the end, and shorter than what lasts */
	CHECK(weir_fill_outages(v, 60, 24, out) == 8 && out[3] == 0 && isnan(out[21]) && isnan(out[59]) && out[30] == 5);
	CHECK(weir_fill_outages(v, 60, 4, out) == 4 && out[59] == 0, "what lasts is taken for an outage");
	for (size_t t = 0; t < 60; t += 2)
		v[t] = 0;
	CHECK(weir_fill_outages(v, 60, 24, out) == 0, "zeros are what this series does");
}

/* On a noisy wave: spikes and single zeros go, a step and a lasting spike stay. */
TEST(outliers_are_missing_and_steps_are_not)
{
	struct weir_calendar day = {.season = {24}, .seasons = 1};
	struct weir_random r = weir_random_of(19);
	double v[480];

	for (size_t t = 0; t < 480; t++)
		v[t] = 100 * exp(0.5 * sin(2 * M_PI * (double)t / 24) + 0.05 * weir_random_normal(&r)) * (t >= 300 ? 3 : 1);
	for (size_t t = 350; t < 358; t++)
		v[t] *= 6;
	v[50] *= 10;
	v[100] = 0;
	v[200] *= 10;
	v[201] *= 10;
	CHECK(weir_fill_outliers(v, 480, &day) == 4 && isnan(v[50]) && isnan(v[100]) && isnan(v[200]) && isnan(v[201]), "%g %g %g", v[50], v[100], v[200]);
	CHECK(!isnan(v[300]) && !isnan(v[354]));
}

TEST(holes_are_filled_by_the_same_phase)
{
	double v[96], out[96];
	struct weir_calendar day = {.season = {24}, .seasons = 1};

	for (size_t t = 0; t < 96; t++)
		v[t] = (double)(t % 24) + 100 * (double)(t / 24);
	v[30] = v[31] = NAN;
	v[90] = NAN;
	weir_fill(v, 96, &day, out);
	CHECK(out[30] == 106 && out[31] == 107 && out[90] == 318 && out[0] == 0, "%g %g %g", out[30], out[31], out[90]);
	weir_fill(v, 10, &day, out);
	v[4] = NAN;
	weir_fill(v, 10, &(struct weir_calendar){0}, out);
	CHECK(out[4] == 4, "%g", out[4]);
}

TEST(a_model_says_how_it_did_on_what_it_held_back)
{
	auto_set set = make(20, 22);
	weir_auto_model m = {0};
	double sum = 0;

	CHECK(!fit_set("mix", set.s, 20, &weekly, &m));
	for (uint32_t i = 0; i < m.meta.params.count; i++)
		sum += strncmp(m.meta.params.item[i].name, "weight_", 7) ? 0 : m.meta.params.item[i].value;
	CHECK(fabs(sum - 1) < 1e-9, "weights sum to %g", sum);
	CHECK(weir_meta_get(&m.meta.scores, "miss") > 0.01 && weir_meta_get(&m.meta.scores, "miss") < 1, "%g", weir_meta_get(&m.meta.scores, "miss"));
	CHECK(weir_meta_get(&m.meta.scores, "covered") > 0.9 && weir_meta_get(&m.meta.scores, "covered") < 0.99);
}

TEST(the_same_data_give_the_same_model)
{
	auto_set set = make(5, 18);
	weir_auto_model a = {0}, b = {0};
	weir_auto_buf struct weir_buf x = {0}, y = {0};

	CHECK(!fit_set("mix", set.s, 5, &weekly, &a) && !fit_set("mix", set.s, 5, &weekly, &b));
	CHECK(!weir_model_pack(&a, &x) && !weir_model_pack(&b, &y) && x.len == y.len && !memcmp(x.data, y.data, x.len));
}

TEST_MAIN(T(the_pool_is_never_much_worse_than_the_naive_one), T(intervals_cover_what_they_say), T(intervals_follow_what_arrives),
	  T(parts_of_each_forecast_sum_to_it), T(missing_values_cost_little), T(odd_series_get_numbers),
	  T(a_short_series_has_the_map_of_the_others), T(a_break_neither_runs_on_nor_is_undone),
	  T(members_count_by_what_they_missed), T(seasons_are_found_where_they_are), T(arima_finds_an_autoregression),
	  T(a_damped_trend_goes_on_and_ends), T(holidays_are_learnt_where_days_are_known), T(outages_are_missing_and_what_lasts_is_not),
	  T(outliers_are_missing_and_steps_are_not), T(holes_are_filled_by_the_same_phase), T(the_same_data_give_the_same_model),
	  T(a_model_says_how_it_did_on_what_it_held_back))
