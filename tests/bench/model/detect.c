/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many values a second one core scores, learning from each: series with a day's wave, noise and bursts, a value of each in
 * turn, as they come live; of one series, of ten, and of a thousand, which are more than the caches hold. Processor time; the best of
 * five rounds. And what a detector takes. Prints "name unit value at-most" (minus: at least).
 */
#include <math.h>
#include <time.h>

#include "lib/model/detect.h"
#include "lib/model/random.h"

#define SERIES_MAX 1000
#define VALUES 500000 /* of all series together */
#define ROUNDS 5
#define DAY 288

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill(double *v, size_t series)
{
	struct weir_random r = weir_random_of(1);

	for (size_t i = 0; i < VALUES; i++) {
		size_t t = i / series;
		double burst = weir_random_below(&r, 500) ? 0 : 200 * weir_random_unit(&r);

		v[i] = 100 + 50 * sin(2 * M_PI * (double)(t % DAY) / DAY) + 5 * weir_random_normal(&r) + burst;
	}
}

/* Seconds, or -errno. *ret_sum keeps the work from being optimised away. */
static double round_of(const double *v, size_t series, double *ret_sum)
{
	static struct weir_detect *d[SERIES_MAX];
	double began, took = 0;
	int r = 0;

	memset(d, 0, sizeof(d));
	for (size_t i = 0; i < series && !r; i++)
		r = weir_detect_new(&d[i]);
	began = now_s();
	for (size_t i = 0; i < VALUES && !r; i++)
		*ret_sum += weir_detect_step(d[i % series], (int64_t)(i / series) * 300, v[i]);
	took = now_s() - began;
	for (size_t i = 0; i < series; i++)
		weir_detect_free(d[i]);
	return r ? r : took;
}

/* Values a second, or 0. */
static double rate_of(double *v, size_t series)
{
	double best = INFINITY, sum = 0;

	fill(v, series);
	for (int i = 0; i < ROUNDS; i++) {
		double took = round_of(v, series, &sum);

		if (took <= 0)
			return 0;
		best = fmin(best, took);
	}
	fprintf(stderr, "tests/bench/model/detect: %zu series, the scores sum to %.3f\n", series, sum / ROUNDS);
	return VALUES / best;
}

int main(void)
{
	weir_auto_free double *v = malloc(VALUES * sizeof(*v));
	double one, ten, many;

	if (!v || (one = rate_of(v, 1)) <= 0 || (ten = rate_of(v, 10)) <= 0 || (many = rate_of(v, SERIES_MAX)) <= 0)
		return 1;
	printf("online_points_per_s_core 1/s %.0f -1000000\n", one);
	printf("online_points_per_s_core_10_series 1/s %.0f -1000000\n", ten);
	printf("online_points_per_s_core_1000_series 1/s %.0f -300000\n", many);
	printf("detect_bytes_per_series B %zu 16384\n", weir_detect_bytes());
	return 0;
}
