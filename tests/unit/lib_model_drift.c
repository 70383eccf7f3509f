/* SPDX-License-Identifier: Apache-2.0 */
/* Drift: how late it is told at how many false alarms, printed; what is no drift; windows that forget what was. */
#include <math.h>

#include "lib/model/detect.h"
#include "lib/model/drift.h"
#include "lib/model/random.h"
#include "tests/lib/test.h"

#define TRIALS 400

/* Values until a shift by so many deviations is told; *ret_wrong: told before it, or the wrong way. */
static double page_delay(double shift, unsigned int *ret_wrong)
{
	double sum = 0;

	*ret_wrong = 0;
	for (uint64_t seed = 1; seed <= TRIALS; seed++) {
		struct weir_random r = weir_random_of(seed);
		struct weir_drift d = {0};
		int told = 0, n = 0;

		for (int i = 0; i < 1000 && !told; i++)
			told = weir_drift_step(&d, 1e6 + 50 * weir_random_normal(&r));
		*ret_wrong += told != 0;
		for (told = 0; n < 5000 && !told; n++)
			told = weir_drift_step(&d, 1e6 + 50 * (shift + weir_random_normal(&r)));
		*ret_wrong += told != (shift > 0 ? 1 : -1) || fabs(d.from - 1e6) > 25 ||
			      fabs((d.to - d.from) / 50 - shift) > 2 || d.late > (uint32_t)n + 20;
		sum += n;
	}
	return sum / TRIALS;
}

TEST(a_shift_of_a_mean_is_told_soon_and_nothing_else_is)
{
	unsigned int rounds = getenv("WEIR_LONG") ? 10000000 : 1000000, told = 0, wrong;
	struct weir_random r = weir_random_of(99);
	struct weir_drift d = {0};
	double late;

	for (unsigned int i = 0; i < rounds; i++)
		told += weir_drift_step(&d, weir_random_normal(&r)) != 0;
	printf("# Page-Hinkley: %.2f false alarms in 10^5 values\n", told * 1e5 / rounds);
	CHECK(told * 1e5 / rounds <= 1, "%u false alarms in %u", told, rounds);
	for (int s = 1; s <= 3; s++) {
		late = page_delay(s, &wrong);
		printf("# shift of %d deviations: told after %.1f values, wrong %u of %d\n", s, late, wrong, TRIALS);
		CHECK(wrong <= TRIALS / 50);
		CHECK(s < 3 || late <= 30, "3 deviations are told after %g", late);
	}
	late = page_delay(-3, &wrong);
	CHECK(late <= 30 && wrong <= TRIALS / 50, "a fall is told after %g, wrong %u", late, wrong);
}

/* Neighbours that hang together wander off for a while and come back: no drift of their mean. */
TEST(what_wanders_is_no_drift)
{
	unsigned int rounds = getenv("WEIR_LONG") ? 5000000 : 500000, told = 0;
	struct weir_random r = weir_random_of(3);
	struct weir_drift d = {0};
	double y = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		y = 0.5 * y + weir_random_normal(&r);
		told += weir_drift_step(&d, y) != 0;
	}
	printf("# neighbours correlated by 0.5: %.2f false alarms in 10^5 values\n", told * 1e5 / rounds);
	CHECK(told * 1e5 / rounds <= 1, "%u", told);
}

#define WEEKS 8

/*
 * A series of a week's pattern, days with a wave, weekends at a third, noise of 5, from a Monday on, that is raised from a
 * value on; one that is raised in its first week has no weekends. Returns how many drifts of the mean were told; *ret_first: at which value; *ret_n: values.
 */
static unsigned int weekly(uint64_t seed, uint32_t step_s, double hangs, double raise_weeks, double raise, size_t *ret_first, size_t *ret_n)
{
	double rest_days = raise_weeks < 1 ? 1 : 1.0 / 3;
	struct weir_random r = weir_random_of(seed);
	struct weir_detect *d = NULL;
	unsigned int told = 0;
	double noise = 0;

	*ret_n = WEEKS * 7 * 86400 / step_s;
	*ret_first = *ret_n;
	if (weir_detect_new(&d))
		return 1000;
	for (size_t i = 0; i < *ret_n; i++) {
		size_t day = i * step_s / 86400 % 7, second = i * step_s % 86400;
		double v = 100 - 60 * cos(2 * M_PI * (double)second / 86400);
		char text[WEIR_DETECT_SENTENCE_MAX];

		noise = hangs * noise + 5 * sqrt(1 - hangs * hangs) * weir_random_normal(&r);
		v = (day >= 5 ? v * rest_days : v) + noise + ((double)i >= raise_weeks * 7 * 86400 / step_s ? raise : 0);
		weir_detect_step(d, 1790553600 + (int64_t)i * step_s, v);
		if (!weir_detect_drift(d, text) || strncmp(text, "drift: the mean", 15))
			continue;
		*ret_first = told++ ? *ret_first : i;
	}
	weir_detect_free(d);
	return told;
}

TEST(a_weekend_is_no_drift_and_a_shift_in_a_week_is)
{
	static const struct {
		const char *name;
		uint32_t step_s;
		double hangs;
		size_t late; /* values: at most, in the mean */
	} rows[] = {{"hours", 3600, 0, 30}, {"hours, correlated by 0.5", 3600, 0.5, 60}, {"half hours", 1800, 0, 30}, {"five minutes", 300, 0, 30}};
	size_t first, n, trials = 20;

	for (size_t k = 0; k < WEIR_ARRAY_SIZE(rows); k++) {
		size_t told = 0, all = 0, found = 0, late = 0;

		for (uint64_t seed = 1; seed <= trials; seed++) {
			size_t at;

			told += weekly(seed, rows[k].step_s, rows[k].hangs, WEEKS, 0, &first, &n);
			all += n;
			at = 5 * 7 * 86400 / rows[k].step_s;
			weekly(100 + seed, rows[k].step_s, rows[k].hangs, 5, 15, &first, &n);
			found += first >= at && first < at + 7 * 86400 / rows[k].step_s;
			late += first >= at ? first - at + 1 : 0;
		}
		printf("# %s: %zu drifts told in %zu values of %d weeks; 3 deviations in week 6 told in %zu of %zu, after %.1f values\n", rows[k].name,
		       told, all, WEEKS, found, trials, (double)late / (double)trials);
		CHECK(told == 0, "%s: %zu", rows[k].name, told);
		CHECK(found == trials && late <= rows[k].late * trials, "%s: %zu found, %zu late", rows[k].name, found, late);
	}
}

/* Before two weeks are known a weekend looks like a drift, and what follows it too: only what outlasts a week is told. */
TEST(a_shift_in_the_first_weeks_is_told_when_it_outlasts_a_week)
{
	size_t first, n, at = 6 * 24, late = 0, trials = 20;

	for (uint64_t seed = 1; seed <= trials; seed++) {
		weekly(seed, 3600, 0, 6.0 / 7, 25, &first, &n);
		CHECK(first > at + 7 * 24 && first < at + 9 * 24, "seed %zu: at %zu", (size_t)seed, first);
		late += first - at;
	}
	printf("# in the first week: told after %.1f hours\n", (double)late / (double)trials);
}

TEST(outliers_stillness_and_missing_values_are_no_drift)
{
	struct weir_random r = weir_random_of(5);
	struct weir_drift d = {0}, still = {0};

	for (int i = 0; i < 5000; i++) {
		double v = weir_random_normal(&r);

		CHECK(!weir_drift_step(&d, i % 500 == 499 ? 1e12 : v), "value %d", i);
		CHECK(!weir_drift_step(&d, i % 2 ? NAN : -INFINITY));
		CHECK(!weir_drift_step(&still, 42));
	}
	for (int i = 0, told = 0; i < 10 && !told; i++) {
		told = weir_drift_step(&still, 43);
		CHECK(told >= 0 && (told || i < 9), "what was still moved, and nobody tells");
	}
}

TEST(a_window_keeps_what_belongs_together)
{
	struct weir_random r = weir_random_of(7);
	struct weir_adwin a;
	unsigned int told = 0, rounds = 300000;

	weir_adwin_init(&a, 0.002);
	for (unsigned int i = 0; i < rounds; i++)
		told += weir_adwin_step(&a, 5 + weir_random_normal(&r));
	printf("# ADWIN: %.2f false alarms in 10^5 values, window of %.0f\n", told * 1e5 / rounds, a.n);
	CHECK(told * 1e5 / rounds <= 1, "%u", told);
	CHECK(fabs(weir_adwin_mean(&a) - 5) < 0.02, "%g", weir_adwin_mean(&a));
}

TEST(a_window_forgets_what_was)
{
	double sum = 0, worst = 0;

	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct weir_random r = weir_random_of(seed);
		struct weir_adwin a;
		unsigned int late = 0;
		double off;

		weir_adwin_init(&a, 0.002);
		for (int i = 0; i < 5000; i++)
			weir_adwin_step(&a, 1 + 0.3 * weir_random_normal(&r));
		while (late < 5000 && !weir_adwin_step(&a, 2 + 0.3 * weir_random_normal(&r)))
			late++;
		sum += late;
		for (int i = 0; i < 2000; i++)
			weir_adwin_step(&a, 2 + 0.3 * weir_random_normal(&r));
		off = fabs(weir_adwin_mean(&a) - 2);
		worst = fmax(worst, off);
	}
	printf("# ADWIN: an error that doubles (3.3 deviations) is told after %.1f values; then the mean is off by %.3f\n", sum / 100, worst);
	CHECK(sum / 100 <= 64 && worst < 0.1);
}

TEST_MAIN(T(a_shift_of_a_mean_is_told_soon_and_nothing_else_is), T(outliers_stillness_and_missing_values_are_no_drift),
	  T(what_wanders_is_no_drift), T(a_weekend_is_no_drift_and_a_shift_in_a_week_is),
	  T(a_shift_in_the_first_weeks_is_told_when_it_outlasts_a_week), T(a_window_keeps_what_belongs_together), T(a_window_forgets_what_was))
