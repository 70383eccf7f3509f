/* SPDX-License-Identifier: Apache-2.0 */
/* The forecasters: what each member must get right, and what missing, odd and broken values do to them. */
#include <math.h>

#include "lib/model/fill.h"
#include "lib/model/local.h"
#include "lib/model/model.h"
#include "lib/model/pool.h"
#include "tests/lib/forecast_fixture.h"

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

static double damped_error(const double *y, size_t n, double alpha, double beta, double phi)
{
	double level = y[0], slope = 0, sum = 0;

	for (size_t t = 1; t < n; t++) {
		double ahead = level + phi * slope, e = y[t] - ahead;

		level = ahead + alpha * e;
		slope = phi * slope + alpha * beta * e;
		sum += t >= 24 ? e * e : 0;
	}
	return sum;
}

/* Candidates go side by side; each must be what it is alone. */
TEST(a_damped_fit_is_the_best_of_its_grid)
{
	static const double alphas[] = {0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99}, betas[] = {0.02, 0.1, 0.3}, phis[] = {0.8, 0.9, 0.98};
	struct weir_random r = weir_random_of(31);

	for (size_t round = 0; round < 40; round++) {
		double y[200], slope = 0, least = INFINITY, alpha = 0, beta = 0, phi = 0.9;
		struct weir_damped d, again;

		y[0] = 0;
		for (size_t t = 1; t < 200; t++) {
			slope = 0.9 * slope + 0.1 * weir_random_normal(&r);
			y[t] = y[t - 1] + slope + (double)(round % 4) * 0.3 * weir_random_normal(&r);
		}
		for (size_t i = 0; i < 7; i++)
			if (damped_error(y, 200, alphas[i], 0, 0.9) < least) {
				alpha = alphas[i];
				least = damped_error(y, 200, alpha, 0, 0.9);
			}
		for (size_t i = 0; i < 9; i++)
			if (damped_error(y, 200, alpha, betas[i / 3], phis[i % 3]) < least) {
				beta = betas[i / 3];
				phi = phis[i % 3];
				least = damped_error(y, 200, alpha, beta, phi);
			}
		weir_damped_fit(y, 200, &d);
		CHECK(d.alpha == alpha && d.beta == beta && d.phi == phi, "round %zu: %g %g %g, not %g %g %g", round, d.alpha, d.beta, d.phi,
		      alpha, beta, phi);
		again = d;
		weir_damped_run(&again, y, 200);
		CHECK(again.level == d.level && again.slope == d.slope, "round %zu: its end is another", round);
	}
}

static double mean_around(const double *y, size_t n, size_t width, size_t t)
{
	size_t half = width / 2, a = t > half ? t - half : 0, b = WEIR_MIN(t + half + 1, n);
	double sum = 0;

	b = a ? b : WEIR_MIN(width, n);
	a = b == n ? n - WEIR_MIN(width, n) : a;
	for (size_t i = a; i < b; i++)
		sum += y[i] / (double)(b - a);
	return sum;
}

/* One season of lengths that are no multiple of a block: each value by its formula. */
TEST(a_season_is_what_its_phase_shows_around)
{
	static const size_t lengths[] = {14, 15, 16, 33, 100, 211};
	struct weir_calendar c = {.season = {7}, .seasons = 1};
	struct weir_random r = weir_random_of(32);

	for (size_t k = 0; k < WEIR_ARRAY_SIZE(lengths); k++) {
		size_t n = lengths[k];
		double y[211], season[211] = {0}, raw[211];
		weir_auto_parts parts = {0};

		for (size_t t = 0; t < n; t++)
			y[t] = 5 + sin((double)t) + weir_random_normal(&r);
		CHECK(!weir_parts_of(y, n, &c, &parts));
		for (int round = 0; round < 2; round++) {
			double left[211], trend[211];

			for (size_t t = 0; t < n; t++)
				left[t] = y[t] - season[t];
			for (size_t t = 0; t < n; t++)
				trend[t] = mean_around(left, n, 7, t);
			for (size_t t = 0; t < n; t++) {
				double sum = 0, all = 0;

				for (size_t i = t % 7; i < n; i += 7) {
					double far = fabs((double)i - (double)t) / 7 / 21, w = far < 1 ? pow(1 - pow(far, 3), 3) : 0;

					sum += w * (y[i] - trend[i]);
					all += w;
				}
				raw[t] = sum / all;
			}
			for (size_t t = 0; t < n; t++)
				season[t] = raw[t] - mean_around(raw, n, 7, t);
		}
		for (size_t t = 0; t < n; t++)
			CHECK(fabs(parts.seasonal[0][t] - season[t]) < 1e-9 && fabs(parts.adjusted[t] - y[t] + season[t]) < 1e-9,
			      "%zu of %zu: %g, not %g", t, n, parts.seasonal[0][t], season[t]);
	}
}

/* Weeks of one ragged shape, 4 higher since 36 hours: it goes on from there. */
TEST(a_cycle_comes_again_at_the_new_level)
{
	enum { N = 840, BROKEN = 36 };
	struct weir_random r = weir_random_of(33);
	weir_auto_parts parts = {0};
	double y[N], ahead[AHEAD], params[WEIR_LOCAL_PARAMS_MAX];
	struct weir_past p = {.y = y, .n = N, .calendar = &weekly, .parts = &parts};

	for (size_t t = 0; t < N; t++)
		y[t] = t < 168 ? 5 * weir_random_normal(&r) : y[t - 168];
	for (size_t t = N - BROKEN; t < N; t++)
		y[t] += 4;
	CHECK(!weir_parts_of(y, N, &weekly, &parts) && !weir_local_cycle.fit(&p, params));
	CHECK(!weir_local_cycle.predict(params, &p, AHEAD, ahead));
	for (size_t h = 0; h < AHEAD; h++)
		CHECK(fabs(ahead[h] - y[h] - 4) < 0.6, "step %zu: %g, not %g", h, ahead[h], y[h] + 4);
}

/* Half a day of work, none of it on Sundays; series begin on a Monday. Days that are told are 1.5 lower than that at all hours. */
static void make_weeks(double *y, size_t n, const struct weir_holidays *h)
{
	for (size_t t = 0; t < n; t++)
		y[t] = (t % 24 >= 12 && t / 24 % 7 != 6 ? 2.0 : 0.0) - (weir_holiday_is(h, t) ? 1.5 : 0);
}

#define MONDAY_S (4 * 86400)

TEST(a_holiday_is_like_a_sunday_until_one_is_known)
{
	enum { N = 28 * 24 };
	static const int64_t days[] = {MONDAY_S + 30 * 86400, MONDAY_S + 34 * 86400};
	struct weir_calendar c = {.season = {24, 168}, .seasons = 2, .holidays_s = days, .holidays = 2};
	struct weir_holidays h = {.calendar = &c, .start_s = MONDAY_S, .step_s = 3600};
	weir_auto_free double *y = malloc(N * sizeof(*y)), *was = malloc(N * sizeof(*y));

	make_weeks(y, N, &h);
	memcpy(was, y, N * sizeof(*y));
	CHECK(!weir_holidays_learn(&h, y, N) && !memcmp(y, was, N * sizeof(*y)), "nothing to learn from");
	CHECK(weir_holidays_add(&h, y, N, 30 * 24 + 15, 2) == -2, "%g", weir_holidays_add(&h, y, N, 30 * 24 + 15, 2));
	CHECK(weir_holidays_add(&h, y, N, 30 * 24 + 3, 0) == 0, "at night");
	CHECK(weir_holidays_add(&h, y, N, 31 * 24 + 15, 2) == 0, "the day after");
	CHECK(weir_holidays_add(&h, y, N, 34 * 24 + 15, 0.5) == 0, "a Sunday");
}

TEST(holidays_are_learnt_and_what_is_left_is_usual)
{
	enum { N = 40 * 24 };
	static const int64_t days[] = {MONDAY_S + 10 * 86400, MONDAY_S + 17 * 86400, MONDAY_S + 30 * 86400, MONDAY_S + 40 * 86400};
	struct weir_calendar c = {.season = {24, 168}, .seasons = 2, .holidays_s = days, .holidays = 4};
	struct weir_holidays h = {.calendar = &c, .start_s = MONDAY_S, .step_s = 3600};
	weir_auto_free double *y = malloc(N * sizeof(*y));
	double night, noon;

	make_weeks(y, N, &h);
	CHECK(!weir_holidays_learn(&h, y, N));
	night = weir_holidays_add(&h, y, N, 40 * 24 + 3, 0);
	noon = weir_holidays_add(&h, y, N, 40 * 24 + 15, 2);
	CHECK(night < -0.9 && noon > -1.8 && noon < night, "%g at night, %g at noon", night, noon);
	for (size_t t = 0; t < N; t++)
		CHECK(isnan(y[t]) == weir_holiday_is(&h, t), "step %zu: %g", t, y[t]);
	make_weeks(y, N, &h);
	CHECK(!weir_holidays_learn(&h, y + 240, 0) && !isnan(y[240]));
	h.start_s = days[0];
	CHECK(!weir_holidays_learn(&h, y, 24) && !isnan(y[0]), "a series of a holiday alone stays as it is");
	h.step_s = 86401;
	CHECK(!weir_holiday_is(&h, 0), "no whole number of steps is a day");
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

TEST(the_same_data_give_the_same_model)
{
	auto_set set = make(5, 18);
	weir_auto_model a = {0}, b = {0};
	weir_auto_buf struct weir_buf x = {0}, y = {0};

	CHECK(!fit_set("mix", set.s, 5, &weekly, &a) && !fit_set("mix", set.s, 5, &weekly, &b));
	CHECK(!weir_model_pack(&a, &x) && !weir_model_pack(&b, &y) && x.len == y.len && !memcmp(x.data, y.data, x.len));
}

TEST_MAIN(T(missing_values_cost_little), T(odd_series_get_numbers),
	  T(a_short_series_has_the_map_of_the_others), T(a_break_neither_runs_on_nor_is_undone),
	  T(seasons_are_found_where_they_are), T(arima_finds_an_autoregression),
	  T(a_damped_trend_goes_on_and_ends), T(a_damped_fit_is_the_best_of_its_grid), T(a_season_is_what_its_phase_shows_around),
	  T(a_cycle_comes_again_at_the_new_level),
	  T(a_holiday_is_like_a_sunday_until_one_is_known), T(holidays_are_learnt_and_what_is_left_is_usual),
	  T(outages_are_missing_and_what_lasts_is_not),
	  T(outliers_are_missing_and_steps_are_not), T(holes_are_filled_by_the_same_phase), T(the_same_data_give_the_same_model))
