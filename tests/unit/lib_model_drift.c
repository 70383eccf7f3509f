/* SPDX-License-Identifier: Apache-2.0 */
/* Drift: how late it is told at how many false alarms, printed; what is no drift; windows that forget what was. */
#include <math.h>

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
	  T(a_window_keeps_what_belongs_together), T(a_window_forgets_what_was))
