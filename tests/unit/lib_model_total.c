/* SPDX-License-Identifier: Apache-2.0 */
/* Totals of periods: sums of what is known to come, month ends, crossings, intervals that hold, and what nobody can say. */
#include <math.h>

#include "lib/model/random.h"
#include "lib/model/total.h"
#include "tests/lib/test.h"

#define DAY 24
#define WEEK 168
#define NOVEMBER 1793491200 /* 2026-11-01T00:00:00Z, a Sunday */

/* Of office hours, half of it on two days of seven. */
static double office(size_t hour)
{
	return (hour / DAY % 7 < 5 ? 1 : 0.5) * (1 + (hour % DAY >= 9 && hour % DAY < 18 ? 4 : 0));
}

static double sum_of(const double *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += isnan(v[i]) ? 0 : v[i];
	return sum;
}

static bool is_ordered(const struct weir_total_ask *a, const struct weir_total *t)
{
	return a->spent <= t->lower[WEIR_TOTAL_95] && t->lower[WEIR_TOTAL_95] <= t->lower[WEIR_TOTAL_80] &&
	       t->lower[WEIR_TOTAL_80] <= t->mean && t->mean <= t->upper[WEIR_TOTAL_80] &&
	       t->upper[WEIR_TOTAL_80] <= t->upper[WEIR_TOTAL_95] && isfinite(t->upper[WEIR_TOTAL_95]);
}

TEST(what_repeats_is_summed)
{
	enum { N = 8 * WEEK + 5, ALL = N + 31 * DAY };
	double v[ALL];
	struct weir_total t;

	for (size_t i = 0; i < ALL; i++)
		v[i] = office(i);
	/* In the middle of a day, with a part of a day at the end. */
	for (size_t left = 1; left <= 31 * DAY; left += 37) {
		struct weir_total_ask a = {.v = v, .n = N, .left = left, .spent = 10};
		double truth = 10 + sum_of(v + N, left);

		CHECK(!weir_total(&a, &t) && t.basis == WEIR_TOTAL_POOL && t.days == 56, "%zu days", t.days);
		CHECK(fabs(t.mean - truth) < 0.04 * truth, "%zu hours: %g, not %g", left, t.mean, truth);
		CHECK(is_ordered(&a, &t) && t.lower[WEIR_TOTAL_80] < truth && truth < t.upper[WEIR_TOTAL_80], "%zu hours", left);
		if (left % DAY == 0)
			CHECK(fabs(t.mean - truth) < 0.01 * truth, "%zu hours: %g, not %g", left, t.mean, truth);
	}
}

/* Eight weeks, then an answer to what comes in `left` hours, with the last `elapsed` hours in the period. */
static struct weir_total asked(const double *v, size_t n, size_t elapsed, size_t left, double amount, int64_t now_s)
{
	struct weir_total_ask a = {.v = v, .n = n, .left = left, .amount = amount, .now_s = now_s, .spent = sum_of(v + n - elapsed, elapsed)};
	struct weir_total t;

	if (weir_total(&a, &t) || !is_ordered(&a, &t))
		abort();
	return t;
}

/* 100 days, to the 29th of November; the two last of August, September and October are dear. */
TEST(what_is_done_at_months_ends_comes_again)
{
	enum { N = 100 * DAY };
	static const size_t dear[] = {9, 10, 39, 40, 70, 71}; /* August 30 and 31, September 29 and 30, October 30 and 31 */
	int64_t now_s = NOVEMBER + 28 * 86400;
	struct weir_total t;
	double v[N];

	for (size_t i = 0; i < N; i++)
		v[i] = 1;
	for (size_t k = 0; k < sizeof(dear) / sizeof(*dear); k++)
		for (size_t h = 0; h < DAY; h++)
			v[dear[k] * DAY + h] = 3;
	t = asked(v, N, 0, 2 * DAY, 0, now_s);
	CHECK(t.mean > 2.4 * 2 * DAY && t.mean < 3.1 * 2 * DAY, "%g", t.mean);
	t = asked(v, N, 0, 2 * DAY, 0, now_s - 3 * 86400);
	CHECK(t.mean < 1.4 * 2 * DAY, "days that end no month: %g", t.mean);
	t = asked(v, N, 0, 2 * DAY, 0, 0);
	CHECK(t.mean < 1.4 * 2 * DAY, "without a calendar: %g", t.mean);
	for (size_t h = 0; h < 2 * DAY; h++)
		v[dear[0] * DAY + h] = v[dear[2] * DAY + h] = 1;
	t = asked(v, N, 0, 2 * DAY, 0, now_s);
	CHECK(t.mean < 1.7 * 2 * DAY, "once in three months is half of it at most: %g", t.mean);
}

TEST(an_amount_is_passed_at_an_hour)
{
	enum { N = 4 * WEEK };
	double v[N];
	struct weir_total t;

	for (size_t i = 0; i < N; i++)
		v[i] = 2;
	t = asked(v, N, 10 * DAY, 20 * DAY, 2 * (10 * DAY + 100) + 1, 0);
	CHECK(t.crosses >= 100 && t.crosses <= 102, "after %zu hours", t.crosses);
	CHECK(t.early < t.crosses && t.crosses < t.late && t.late < 200, "%zu to %zu", t.early, t.late);
	t = asked(v, N, 10 * DAY, 20 * DAY, 2 * 30 * DAY * 1.02, 0);
	CHECK(t.crosses == WEIR_TOTAL_NEVER && t.early < 20 * DAY && t.late == WEIR_TOTAL_NEVER, "by chance alone: %zu", t.early);
	t = asked(v, N, 10 * DAY, 20 * DAY, 2 * 30 * DAY * 2.0, 0);
	CHECK(t.crosses == WEIR_TOTAL_NEVER && t.early == WEIR_TOTAL_NEVER && t.late == WEIR_TOTAL_NEVER);
	t = asked(v, N, 10 * DAY, 20 * DAY, 2 * 10 * DAY - 1, 0);
	CHECK(!t.crosses && !t.early && !t.late, "it is passed already");
	t = asked(v, N, 10 * DAY, 0, 2 * 10 * DAY, 0);
	CHECK(t.mean == 2 * 10 * DAY && t.upper[WEIR_TOTAL_95] == t.mean && t.crosses == WEIR_TOTAL_NEVER, "the period is over, and just not passed");
}

TEST(little_is_known_of_little)
{
	enum { N = 8 * WEEK };
	double v[N], before = 0;
	struct weir_total t;

	for (size_t i = 0; i < N; i++)
		v[i] = i < N - 23 ? 0 : 1;
	t = asked(v, N, 23, 100, 1000, 0);
	CHECK(t.basis == WEIR_TOTAL_NONE && t.mean == 23 && t.upper[WEIR_TOTAL_95] == 23 && t.early == WEIR_TOTAL_NEVER, "23 hours");
	for (size_t days = 1; days <= 8 * 7; days += days < 7 ? 1 : 7) {
		double width;

		for (size_t i = 0; i < N; i++)
			v[i] = i < N - days * DAY ? 0 : 1;
		t = asked(v, N, DAY, 10 * DAY, 0, 0);
		width = log(t.upper[WEIR_TOTAL_80] - DAY) - log(t.lower[WEIR_TOTAL_80] - DAY);
		CHECK(t.basis == (days < 21 ? WEIR_TOTAL_MEAN : WEIR_TOTAL_POOL) && t.days == days, "%zu days: %zu", days, t.days);
		CHECK(fabs(t.mean - 11 * DAY) < 0.1, "%zu days: %g", days, t.mean);
		CHECK(days == 1 || width < before, "%zu days: %g, %g", days, width, before);
		CHECK(days != 1 || width > 0.8, "a day says nearly nothing: %g", width);
		before = width;
	}
}

TEST(nothing_is_made_of_nothing)
{
	enum { N = 8 * WEEK };
	double v[N];
	struct weir_total t;

	for (size_t i = 0; i < N; i++)
		v[i] = 0;
	t = asked(v, N, DAY, 100, 1, NOVEMBER);
	CHECK(t.basis == WEIR_TOTAL_NONE && t.mean == 0 && t.crosses == WEIR_TOTAL_NEVER);
	for (size_t i = 0; i < N; i++)
		v[i] = i % 3 ? NAN : i % 2 ? INFINITY : -INFINITY;
	t = asked(v, N, 0, 100, 1, NOVEMBER);
	CHECK(t.basis == WEIR_TOTAL_NONE && t.mean == 0);
	t = asked(v, 0, 0, 100, 1, NOVEMBER);
	CHECK(t.basis == WEIR_TOTAL_NONE);
	/* It ended a week ago. */
	for (size_t i = 0; i < N; i++)
		v[i] = i < N - WEEK ? 1 : 0;
	t = asked(v, N, 2 * WEEK, 100, 0, NOVEMBER);
	CHECK(t.basis == WEIR_TOTAL_POOL && t.mean < WEEK + 75, "%g", t.mean);
	/* As large as numbers may be, credits, and one hour alone that is dear. */
	for (size_t i = 0; i < N; i++)
		v[i] = i == 700 ? 1e100 : i % 7 ? 1e-300 : -5;
	t = asked(v, N, 0, 744, 1, NOVEMBER);
	CHECK(isfinite(t.mean));
}

TEST(gaps_cost_little)
{
	enum { N = 8 * WEEK, ALL = N + 20 * DAY };
	struct weir_random r = weir_random_of(5);
	double v[ALL], truth;
	struct weir_total t;

	for (size_t i = 0; i < ALL; i++)
		v[i] = office(i);
	truth = sum_of(v + N, 20 * DAY);
	for (size_t i = 0; i < N; i++)
		v[i] = weir_random_unit(&r) < 0.1 || (i > 900 && i < 1000) ? NAN : v[i];
	t = asked(v, N, 0, 20 * DAY, 0, 0);
	CHECK(fabs(t.mean - truth) < 0.03 * truth, "%g, not %g", t.mean, truth);
}

/* Levels wander: half of the teams by little, half by much. */
TEST(intervals_hold_as_often_as_they_say)
{
	enum { N = 8 * WEEK, LEFT = 20 * DAY, TEAMS = 200 };
	unsigned int held[WEIR_TOTAL_LEVELS] = {0};
	double widths[2] = {0};

	for (uint64_t seed = 1; seed <= TEAMS; seed++) {
		struct weir_random r = weir_random_of(seed);
		double v[N + LEFT], level = 0, rough = seed % 2 ? 0.02 : 0.1, truth;
		struct weir_total t;

		for (size_t i = 0; i < N + LEFT; i++) {
			level = i % DAY ? level : 0.9 * level + rough * weir_random_normal(&r);
			v[i] = office(i) * exp(level);
		}
		truth = sum_of(v + N, LEFT);
		t = asked(v, N, 0, LEFT, 0, 0);
		for (size_t k = 0; k < WEIR_TOTAL_LEVELS; k++)
			held[k] += t.lower[k] <= truth && truth <= t.upper[k];
		widths[seed % 2] += log(t.upper[WEIR_TOTAL_80] / t.lower[WEIR_TOTAL_80]) / (TEAMS / 2);
	}
	printf("# of %d teams (seeds 1 to %d): %u in intervals of 80 %%, %u of 95 %%; widths %.2f of the calm, %.2f of the restless\n", TEAMS,
	       TEAMS, held[WEIR_TOTAL_80], held[WEIR_TOTAL_95], widths[1], widths[0]);
	CHECK(held[WEIR_TOTAL_80] >= TEAMS * 70 / 100 && held[WEIR_TOTAL_80] <= TEAMS * 90 / 100);
	CHECK(held[WEIR_TOTAL_95] >= TEAMS * 87 / 100);
	CHECK(widths[0] > 1.5 * widths[1], "who was missed by more is promised less");
}

TEST(questions_out_of_bounds_are_refused)
{
	const struct weir_total_ask bad[] = {
		{.left = WEIR_TOTAL_LEFT_MAX + 1}, {.spent = NAN}, {.spent = INFINITY}, {.amount = -1}, {.amount = NAN}, {.amount = INFINITY},
	};
	struct weir_total t = {.days = 77};
	static double v[WEIR_TOTAL_HOURS_MAX + 500];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(weir_total(&bad[i], &t) == -EINVAL && t.days == 77, "case %zu", i);
	for (size_t i = 0; i < WEIR_TOTAL_HOURS_MAX + 500; i++)
		v[i] = i < 500 ? 1e9 : 1;
	t = asked(v, WEIR_TOTAL_HOURS_MAX + 500, 0, WEIR_TOTAL_LEFT_MAX, 0, NOVEMBER);
	CHECK(t.days == WEIR_TOTAL_HOURS_MAX / DAY && fabs(t.mean - WEIR_TOTAL_LEFT_MAX) < 100, "%g", t.mean);
}

TEST_MAIN(T(what_repeats_is_summed), T(what_is_done_at_months_ends_comes_again), T(an_amount_is_passed_at_an_hour), T(little_is_known_of_little),
	  T(nothing_is_made_of_nothing), T(gaps_cost_little), T(intervals_hold_as_often_as_they_say), T(questions_out_of_bounds_are_refused))
