/* SPDX-License-Identifier: Apache-2.0 */
/* Data quality: each way in which observations go wrong, by its flag, and that nothing else gets one. */
#include <math.h>

#include "lib/model/quality.h"
#include "lib/model/random.h"
#include "tests/lib/test.h"

#define T0 1790000000 /* no multiple of 60 */
#define N 100

static const struct weir_quality_opts plain = {.step_s = 60};

struct made {
	struct weir_observation o[2 * N];
	size_t n;
	struct weir_series s;
	struct weir_quality_counts c;
	int r;
};

static void made_fini(struct made *m)
{
	weir_series_fini(&m->s);
}
#define auto_made weir_cleanup(made_fini) struct made

/* N steps of a minute, received two seconds later. */
static struct made minutes(void)
{
	struct made m = {.n = N};
	struct weir_random r = weir_random_of(1);

	for (size_t i = 0; i < N; i++)
		m.o[i] = (struct weir_observation){T0 / 60 * 60 + (int64_t)i * 60 + 7, T0 / 60 * 60 + (int64_t)i * 60 + 9,
						   100 + 10 * weir_random_unit(&r)};
	return m;
}

static void look(struct made *m, const struct weir_quality_opts *opts)
{
	weir_series_fini(&m->s);
	m->s = (struct weir_series){0};
	m->r = weir_quality_series(m->o, m->n, opts, "x", &m->s, &m->c);
}

static size_t flagged(const struct made *m, uint8_t flag)
{
	size_t n = 0;

	for (size_t i = 0; i < m->s.n; i++)
		n += (m->s.flags[i] & flag) != 0;
	return n;
}

TEST(good_data_get_no_flag)
{
	auto_made m = minutes();

	look(&m, &(struct weir_quality_opts){.step_s = 60, .late_s = 120, .skew_s = 60, .stuck = 5, .units = true});
	CHECK(!m.r && m.s.n == N && m.s.start_s == T0 / 60 * 60 && m.s.step_s == 60, "%d, %zu values", m.r, m.s.n);
	CHECK(!flagged(&m, 0xff), "%zu flags", flagged(&m, 0xff));
	for (size_t i = 0; i < N; i++)
		CHECK(m.s.v[i] == m.o[i].value, "value %zu", i);
}

TEST(gaps_are_missing_and_not_made_up)
{
	auto_made m = minutes();

	memmove(&m.o[40], &m.o[43], (N - 43) * sizeof(m.o[0]));
	m.n = N - 3;
	m.o[10].value = NAN;
	look(&m, &plain);
	CHECK(m.s.n == N && flagged(&m, WEIR_Q_GAP) == 4 && m.c.gaps == 4, "%zu gaps", flagged(&m, WEIR_Q_GAP));
	CHECK(isnan(m.s.v[10]) && isnan(m.s.v[40]) && isnan(m.s.v[42]) && !isnan(m.s.v[43]));
}

TEST(of_duplicates_the_last_one_counts)
{
	auto_made m = minutes();

	m.o[m.n++] = (struct weir_observation){m.o[N - 1].time_s, 0, 7};
	look(&m, &plain);
	CHECK(m.s.n == N && m.s.v[N - 1] == 7 && m.s.flags[N - 1] == WEIR_Q_DUPLICATE && m.c.duplicates == 1);
	CHECK(flagged(&m, 0xff) == 1);
}

TEST(counters_become_differences_over_resets_and_wraps)
{
	auto_made m = minutes();
	double at = 4294967296.0 - 2050;

	for (size_t i = 0; i < N; i++, at += 100) {
		double v = at >= 4294967296.0 ? at - 4294967296.0 : at;

		m.o[i].value = i >= 60 ? (double)(i - 60) * 100 + 30 : v;
	}
	look(&m, &(struct weir_quality_opts){.step_s = 60, .counter = true});
	CHECK(isnan(m.s.v[0]) && m.s.flags[0] == WEIR_Q_GAP);
	for (size_t i = 1; i < N; i++)
		CHECK(m.s.v[i] == (i == 60 ? 30 : 100), "step %zu: %g", i, m.s.v[i]);
	CHECK(m.s.flags[21] == WEIR_Q_WRAP && m.c.wraps == 1, "%u, %llu wraps", m.s.flags[21], (unsigned long long)m.c.wraps);
	CHECK(m.s.flags[60] == WEIR_Q_RESET && m.c.resets == 1);
}

TEST(a_counter_over_a_gap_is_shared_out)
{
	auto_made m = minutes();

	for (size_t i = 0; i < N; i++)
		m.o[i].value = (double)i * 50;
	m.o[30].value = m.o[31].value = NAN;
	look(&m, &(struct weir_quality_opts){.step_s = 60, .counter = true});
	CHECK(m.s.v[30] == 50 && m.s.v[32] == 50 && m.s.flags[30] == WEIR_Q_GAP && m.s.flags[31] == WEIR_Q_GAP && !m.s.flags[32]);
}

TEST(stuck_values_are_missing_behind_the_first)
{
	auto_made m = minutes();

	for (size_t i = 50; i < 60; i++)
		m.o[i].value = 105;
	for (size_t i = 70; i < 80; i++)
		m.o[i].value = 0; /* nothing happened: that is no stuck value */
	look(&m, &(struct weir_quality_opts){.step_s = 60, .stuck = 5});
	CHECK(flagged(&m, WEIR_Q_STUCK) == 9 && m.c.stuck == 9 && m.s.v[50] == 105 && isnan(m.s.v[51]) && isnan(m.s.v[59]));
	CHECK(m.s.v[75] == 0 && !m.s.flags[75]);
}

TEST(another_unit_is_scaled_to_the_last_one)
{
	static const double by[] = {8, 1000, 1024, 1.0 / 1024, 1.0 / 8};

	for (size_t k = 0; k < WEIR_ARRAY_SIZE(by); k++) {
		auto_made m = minutes();
		auto_made whole = minutes();

		for (size_t i = 40; i < N; i++)
			m.o[i].value *= by[k];
		look(&m, &(struct weir_quality_opts){.step_s = 60, .units = true});
		CHECK(flagged(&m, WEIR_Q_UNIT) == 40 && m.c.units == 40, "%g: %zu flags", by[k], flagged(&m, WEIR_Q_UNIT));
		for (size_t i = 0; i < N; i++)
			CHECK(fabs(m.s.v[i] / (whole.o[i].value * by[k]) - 1) < 0.03, "%g: value %zu is %g", by[k], i, m.s.v[i]);
	}
}

TEST(a_true_jump_is_no_unit)
{
	auto_made m = minutes();

	for (size_t i = 40; i < N; i++)
		m.o[i].value *= 5;
	m.o[20].value *= 1000; /* one spike */
	look(&m, &(struct weir_quality_opts){.step_s = 60, .units = true});
	CHECK(!flagged(&m, WEIR_Q_UNIT), "%zu flags", flagged(&m, WEIR_Q_UNIT));
}

TEST(late_and_ahead_are_told_apart)
{
	auto_made m = minutes();
	struct weir_observation late = m.o[20];

	memmove(&m.o[20], &m.o[21], 10 * sizeof(m.o[0]));
	m.o[30] = late; /* after ten later ones, each of which is in its place */
	m.o[60].received_s += 3600;
	m.o[80].time_s += 7200; /* its clock runs two hours ahead */
	look(&m, &(struct weir_quality_opts){.step_s = 60, .late_s = 600, .skew_s = 300});
	CHECK(m.s.n == N, "%zu values", m.s.n);
	CHECK(m.s.flags[20] == WEIR_Q_LATE && m.s.flags[60] == WEIR_Q_LATE && m.c.late == 2, "%llu late", (unsigned long long)m.c.late);
	CHECK(m.s.flags[80] == WEIR_Q_SKEW && m.c.skewed == 1 && m.s.v[80] == m.o[80].value);
	CHECK(flagged(&m, 0xff) == 3, "%zu flags", flagged(&m, 0xff));
}

TEST(what_would_be_too_long_is_refused)
{
	auto_made m = minutes();

	m.o[1].time_s += (int64_t)60 * 2 * WEIR_SERIES_POINTS_MAX;
	look(&m, &plain);
	CHECK(m.r == -E2BIG);
	m.n = 0;
	look(&m, &plain);
	CHECK(m.r == -EINVAL);
}

TEST_MAIN(T(good_data_get_no_flag), T(gaps_are_missing_and_not_made_up), T(of_duplicates_the_last_one_counts),
	  T(counters_become_differences_over_resets_and_wraps), T(a_counter_over_a_gap_is_shared_out),
	  T(stuck_values_are_missing_behind_the_first), T(another_unit_is_scaled_to_the_last_one), T(a_true_jump_is_no_unit),
	  T(late_and_ahead_are_told_apart), T(what_would_be_too_long_is_refused))
