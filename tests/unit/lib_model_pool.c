/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of forecasters: beside the seasonal naive model, its weights and guard rails, its intervals and parts. */
#include <math.h>

#include "lib/model/pool.h"
#include "tests/lib/forecast_fixture.h"

/*
 * Of each kind of series, with every seed: never more than a twentieth worse than the naive forecast, and of all together well
 * ahead of it. The constants of the guard rails were chosen with other seeds (101 to 124).
 */
TEST(the_pool_is_never_much_worse_than_the_naive_one)
{
	const uint64_t seeds = getenv("WEIR_LONG") ? 12 : 2;

	printf("# MASE of pool / naive %16s", "");
	for (size_t k = 0; k < MADE_KINDS; k++)
		printf(" %18s", made_names[k]);
	printf("\n");
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		auto_set set = make(SET, seed);
		double naive[MADE_KINDS] = {0}, pool[MADE_KINDS] = {0}, all[2] = {0};

		errors_of(test_st, "snaive", &set, naive);
		errors_of(test_st, "mix", &set, pool);
		printf("# seed %-31d", (int)seed);
		for (size_t k = 0; k < MADE_KINDS; k++) {
			printf(" %5.3f/%5.3f = %4.2f", pool[k], naive[k], pool[k] / naive[k]);
			CHECK(pool[k] <= 1.05 * naive[k], "seed %d, %s: %g times", (int)seed, made_names[k], pool[k] / naive[k]);
			all[0] += naive[k];
			all[1] += pool[k];
		}
		printf("\n");
		CHECK(all[1] < 0.85 * all[0], "seed %d, all: %g times", (int)seed, all[1] / all[0]);
	}
}

/* Growth by a fifth a day that ended ten hours ago, hidden by noise: who goes on with it ends far above. */
TEST(growth_is_not_run_on_with)
{
	struct weir_random r = weir_random_of(23);
	struct weir_series s;
	weir_auto_model m = {0};
	weir_auto_forecast f = {0};
	double off = 0;

	CHECK(!weir_series_init(&s, "grown", 720));
	for (size_t t = 0; t < 720; t++)
		s.v[t] = exp(3 + 0.2 / 24 * (double)WEIR_MIN(t, (size_t)710) + 0.3 * sin(2 * M_PI * (double)t / 24) + 0.1 * weir_random_normal(&r));
	CHECK(!fit_set("mix", &s, 1, &weekly, &m) && !weir_forecast_init(&f, AHEAD) && !weir_model_predict(&m, 0, &f));
	for (size_t h = 24; h < 48; h++)
		off += log(f.mean[h] / s.v[696 + h - 24]) / 24;
	CHECK(off < 0.11, "the second day is %g times the last one", exp(off));
	weir_series_fini(&s);
}

/* The level rose 30 hours ago: those that know no root are sure of the old one, and have always been better. */
TEST(what_has_just_changed_counts_for_those_that_follow)
{
	enum { N = 840 };
	weir_auto_free double *y = malloc((N + (1 + WEIR_PART_REMAINDER + WEIR_POOL_ORIGINS) * AHEAD) * sizeof(*y));
	struct weir_pool_result res = {.mean = y + N, .miss = y + N + (1 + WEIR_PART_REMAINDER) * AHEAD};
	struct weir_curves curves = {.powers = 0};
	double share[2];

	CHECK(!weir_curves_of(&weekly, N, AHEAD, &curves));
	for (size_t p = 0; p < WEIR_PART_REMAINDER; p++)
		res.part[p] = y + N + (1 + p) * AHEAD;
	for (size_t broken = 0; broken < 2; broken++) {
		struct weir_random r = weir_random_of(24);
		struct weir_pool_task t = {.v = y, .y = y, .n = N, .horizon = AHEAD, .calendar = &weekly, .curves = &curves, .constants = &weir_pool_constants,
					   .members = 1u << WEIR_MEMBER_SNAIVE | 1u << WEIR_MEMBER_ARIMA | 1u << WEIR_MEMBER_PROPHET};

		for (size_t i = 0; i < N; i++)
			y[i] = 10 + sin(2 * M_PI * (double)i / 24) + (broken && i >= N - 30 ? 6 : 0) + 0.5 * weir_random_normal(&r);
		weir_pool_origins(&t);
		CHECK(!weir_pool_run(&t, &res));
		share[broken] = res.weight[WEIR_MEMBER_SNAIVE];
	}
	CHECK(share[0] < 0.2 && share[1] > 0.5, "%g, with a new level %g", share[0], share[1]);
	weir_curves_fini(&curves);
}

/* Noise that is remembered for hours: ARIMA knows the next of them, waves and a level what comes after a day. */
TEST(a_member_counts_at_the_steps_where_it_is_good)
{
	enum { N = 840, RUNS = 3 };
	static const unsigned int members[RUNS] = {1u << WEIR_MEMBER_ARIMA, 1u << WEIR_MEMBER_PROPHET, 1u << WEIR_MEMBER_ARIMA | 1u << WEIR_MEMBER_PROPHET};
	weir_auto_free double *y = malloc((N + (RUNS + WEIR_PART_REMAINDER + WEIR_POOL_ORIGINS) * AHEAD) * sizeof(*y));
	static const struct weir_calendar daily = {.season = {24}, .seasons = 1};
	struct weir_pool_result res = {.miss = y + N + (RUNS + WEIR_PART_REMAINDER) * AHEAD};
	struct weir_random r = weir_random_of(31);
	struct weir_curves curves = {.powers = 0};
	double at = 0, counts[2];

	CHECK(!weir_curves_of(&daily, N, AHEAD, &curves));
	for (size_t i = 0; i < N; i++) {
		at = 0.9 * at + weir_random_normal(&r);
		y[i] = 50 + 5 * sin(2 * M_PI * (double)i / 24) + at;
	}
	for (size_t p = 0; p < WEIR_PART_REMAINDER; p++)
		res.part[p] = y + N + (RUNS + p) * AHEAD;
	for (size_t i = 0; i < RUNS; i++) {
		struct weir_pool_task t = {.v = y, .y = y, .n = N, .horizon = AHEAD, .calendar = &daily, .curves = &curves, .constants = &weir_pool_constants, .members = members[i]};

		res.mean = y + N + i * AHEAD;
		weir_pool_origins(&t);
		CHECK(!weir_pool_run(&t, &res));
	}
	for (size_t i = 0; i < 2; i++) {
		const double *mean = y + N + i * 23;

		counts[i] = (mean[2 * AHEAD] - mean[AHEAD]) / (mean[0] - mean[AHEAD]);
	}
	CHECK(counts[0] > counts[1] + 0.1, "ARIMA counts for %g in the first hour, for %g a day ahead", counts[0], counts[1]);
	weir_curves_fini(&curves);
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

/* A week's wave: who knows the week counts, who repeats the day does not. */
TEST(members_count_by_what_they_missed)
{
	enum { N = 840, MISSES = WEIR_POOL_ORIGINS * AHEAD };
	weir_auto_free double *y = malloc((N + (1 + WEIR_PART_REMAINDER) * AHEAD + MISSES) * sizeof(*y));
	struct weir_curves curves = {.powers = 0};
	struct weir_pool_task t = {.v = y, .y = y, .n = N, .horizon = AHEAD, .calendar = &weekly, .curves = &curves, .constants = &weir_pool_constants,
				   .members = 1u << WEIR_MEMBER_SNAIVE | 1u << WEIR_MEMBER_MSTL};
	struct weir_pool_result res = {.mean = y + N, .miss = y + N + (1 + WEIR_PART_REMAINDER) * AHEAD};
	struct weir_random r = weir_random_of(21);

	for (size_t p = 0; p < WEIR_PART_REMAINDER; p++)
		res.part[p] = y + N + (1 + p) * AHEAD;
	for (size_t i = 0; i < N; i++)
		y[i] = 10 + sin(2 * M_PI * (double)i / 24) + 3 * sin(2 * M_PI * (double)i / 168) + 0.1 * weir_random_normal(&r);
	weir_pool_origins(&t);
	CHECK(!weir_curves_of(&weekly, N, AHEAD, &curves));
	CHECK(t.origins >= 4 && t.cut + (t.origins - 1) * t.gap < N && !weir_pool_run(&t, &res), "%zu origins", t.origins);
	CHECK(res.weight[WEIR_MEMBER_MSTL] > 0.95 && res.weight[WEIR_MEMBER_LINEAR] == 0, "%g", res.weight[WEIR_MEMBER_MSTL]);
	CHECK(fabs(res.weight[WEIR_MEMBER_MSTL] + res.weight[WEIR_MEMBER_SNAIVE] - 1) < 1e-12);
	weir_curves_fini(&curves);
}

/* Five days of work, two of rest: on a Wednesday the naive forecast has been good on Wednesdays, on a Sunday never on Sundays. */
TEST(origins_of_the_same_day_count_more)
{
	enum { N = 1344, WEDNESDAY = 96, MISSES = WEIR_POOL_ORIGINS * 24 };
	weir_auto_free double *y = malloc((N + (1 + WEIR_PART_REMAINDER) * 24 + MISSES) * sizeof(*y));
	struct weir_pool_result res = {.mean = y + N, .miss = y + N + (1 + WEIR_PART_REMAINDER) * 24};
	struct weir_random r = weir_random_of(34);
	struct weir_curves curves = {.powers = 0};
	double naive[2];

	CHECK(!weir_curves_of(&weekly, N, 24, &curves));
	for (size_t p = 0; p < WEIR_PART_REMAINDER; p++)
		res.part[p] = y + N + (1 + p) * 24;
	for (size_t i = 0; i < N; i++)
		y[i] = 10 + sin(2 * M_PI * (double)i / 24) + (i / 24 % 7 < 5 ? 2 : 0) + 0.3 * weir_random_normal(&r);
	for (size_t sunday = 0; sunday < 2; sunday++) {
		struct weir_pool_task t = {.v = y, .y = y, .n = sunday ? N : N - WEDNESDAY, .horizon = 24, .calendar = &weekly, .curves = &curves, .constants = &weir_pool_constants,
					   .members = 1u << WEIR_MEMBER_SNAIVE | 1u << WEIR_MEMBER_PROPHET};

		weir_pool_origins(&t);
		CHECK(t.origins >= 7 && !weir_pool_run(&t, &res));
		naive[sunday] = res.weight[WEIR_MEMBER_SNAIVE];
	}
	printf("# naive: %g on a Wednesday, %g on a Sunday\n", naive[0], naive[1]);
	CHECK(naive[0] > 3 * naive[1], "%g on a Wednesday, %g on a Sunday", naive[0], naive[1]);
	weir_curves_fini(&curves);
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

/* Three times the noise that all of the past had: intervals are wide enough after some dozen misses, and stay so. */
TEST(intervals_cover_after_the_noise_has_grown)
{
	enum { N = 720, AFTER = 600, COUNTED = 300 };
	struct weir_random r = weir_random_of(25);
	struct weir_series s;
	weir_auto_model m = {0};
	weir_auto_forecast f = {0};
	size_t inside = 0;

	CHECK(!weir_series_init(&s, "noise", N));
	for (size_t t = 0; t < N; t++)
		s.v[t] = exp(5 + 0.5 * sin(2 * M_PI * (double)t / 24) + 0.05 * weir_random_normal(&r));
	CHECK(!fit_set("mix", &s, 1, &weekly, &m) && !weir_forecast_init(&f, 1));
	for (size_t i = 0; i < AFTER; i++) {
		double v = exp(5 + 0.5 * sin(2 * M_PI * (double)(N + i) / 24) + 0.15 * weir_random_normal(&r));

		CHECK(!weir_model_predict(&m, 0, &f));
		inside += i >= AFTER - COUNTED && v >= f.lower[0] && v <= f.upper[0];
		CHECK(!weir_model_update(&m, 0, &(struct weir_rows){.v = &v, .n = 1, .width = 1}));
	}
	printf("# %zu of the last %d values covered\n", inside, COUNTED);
	CHECK(inside >= 0.92 * COUNTED && inside <= 0.98 * COUNTED, "%zu of %d", inside, COUNTED);
	weir_series_fini(&s);
}

/* Each tenth day is a holiday, with a third of the usual; the first of the days that are forecast is one too. */
TEST(a_holiday_is_a_part_of_its_own)
{
	enum { N = 40 * 24 };
	static const int64_t days[] = {10 * 86400, 20 * 86400, 30 * 86400, 40 * 86400};
	const struct weir_calendar c = {.season = {24, 168}, .seasons = 2, .holidays_s = days, .holidays = 4};
	struct weir_random r = weir_random_of(26);
	struct weir_series s;
	weir_auto_model m = {0};
	weir_auto_forecast f = {0};
	double least = 0;

	CHECK(!weir_series_init(&s, "holidays", N));
	s.step_s = 3600;
	for (size_t t = 0; t < N; t++)
		s.v[t] = 1000 * exp(0.5 * sin(2 * M_PI * (double)t / 24) + 0.02 * weir_random_normal(&r)) / (t >= 240 && t / 24 % 10 == 0 ? 3 : 1);
	CHECK(!fit_set("mix", &s, 1, &c, &m) && !weir_forecast_init(&f, AHEAD) && !weir_model_predict(&m, 0, &f));
	for (size_t h = 0; h < AHEAD; h++) {
		double part = f.part[WEIR_PART_HOLIDAY][h];

		CHECK(h < 24 ? part < -100 : part == 0, "step %zu: %g", h, part);
		CHECK(weir_forecast_sum(&f, h) == f.mean[h], "step %zu", h);
		least = fmin(least, part);
	}
	printf("# the holiday takes up to %.0f\n", -least);
	weir_series_fini(&s);
}

/* Yesterday was a holiday that is told, or not: who knows it expects the usual today. */
TEST(the_day_after_a_holiday_is_a_usual_one)
{
	enum { N = 40 * 24 };
	static const int64_t days[] = {25 * 86400, 39 * 86400};
	const struct weir_calendar told = {.season = {24, 168}, .seasons = 2, .holidays_s = days, .holidays = 2}, *c[] = {&weekly, &told};
	struct weir_random r = weir_random_of(27);
	struct weir_series s;
	double off[2] = {0};

	CHECK(!weir_series_init(&s, "after", N));
	s.step_s = 3600;
	for (size_t t = 0; t < N; t++)
		s.v[t] = 1000 * exp(0.5 * sin(2 * M_PI * (double)t / 24) + 0.02 * weir_random_normal(&r)) / (t / 24 == 25 || t / 24 == 39 ? 3 : 1);
	for (size_t k = 0; k < 2; k++) {
		weir_auto_model m = {0};
		weir_auto_forecast f = {0};

		CHECK(!fit_set("mix", &s, 1, c[k], &m) && !weir_forecast_init(&f, AHEAD) && !weir_model_predict(&m, 0, &f));
		for (size_t h = 0; h < 24; h++)
			off[k] += fabs(log(f.mean[h] / 1000) - 0.5 * sin(2 * M_PI * (double)h / 24)) / 24;
	}
	printf("# off by %.3f, told %.3f\n", off[0], off[1]);
	CHECK(off[1] < 0.03 && off[1] < off[0] / 2, "%g, told %g", off[0], off[1]);
	weir_series_fini(&s);
}

TEST_MAIN(T(the_pool_is_never_much_worse_than_the_naive_one),
	  T(growth_is_not_run_on_with),
	  T(what_has_just_changed_counts_for_those_that_follow),
	  T(a_member_counts_at_the_steps_where_it_is_good),
	  T(intervals_cover_what_they_say),
	  T(intervals_follow_what_arrives),
	  T(parts_of_each_forecast_sum_to_it),
	  T(members_count_by_what_they_missed),
	  T(origins_of_the_same_day_count_more),
	  T(a_model_says_how_it_did_on_what_it_held_back),
	  T(intervals_cover_after_the_noise_has_grown),
	  T(a_holiday_is_a_part_of_its_own),
	  T(the_day_after_a_holiday_is_a_usual_one))
