/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many values a second one core scores, learning from each: SERIES series with a day's wave, noise and bursts, a value of
 * each in turn, as they come live. Processor time; the best of five rounds. Prints "name unit value at-most" (minus: at least).
 */
#include <math.h>
#include <time.h>

#include "lib/model/detect.h"
#include "lib/model/random.h"

#define SERIES 10
#define VALUES 50000 /* of each */
#define ROUNDS 5
#define DAY 288

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill(double *v)
{
	struct weir_random r = weir_random_of(1);

	for (size_t i = 0; i < (size_t)SERIES * VALUES; i++) {
		size_t t = i / SERIES;
		double burst = weir_random_below(&r, 500) ? 0 : 200 * weir_random_unit(&r);

		v[i] = 100 + 50 * sin(2 * M_PI * (double)(t % DAY) / DAY) + 5 * weir_random_normal(&r) + burst;
	}
}

/* Seconds, or -errno. *ret_sum keeps the work from being optimised away. */
static double round_of(const double *v, double *ret_sum)
{
	struct weir_detect *d[SERIES] = {NULL};
	double began, took = 0;
	int r = 0;

	for (size_t i = 0; i < SERIES && !r; i++)
		r = weir_detect_new(&d[i]);
	began = now_s();
	for (size_t i = 0; i < (size_t)SERIES * VALUES && !r; i++)
		*ret_sum += weir_detect_step(d[i % SERIES], (int64_t)(i / SERIES) * 300, v[i]);
	took = now_s() - began;
	for (size_t i = 0; i < SERIES; i++)
		weir_detect_free(d[i]);
	return r ? r : took;
}

int main(void)
{
	weir_auto_free double *v = malloc((size_t)SERIES * VALUES * sizeof(*v));
	double best = INFINITY, sum = 0;

	if (!v)
		return 1;
	fill(v);
	for (int i = 0; i < ROUNDS; i++) {
		double took = round_of(v, &sum);

		if (took <= 0)
			return 1;
		best = fmin(best, took);
	}
	fprintf(stderr, "tests/bench/model/detect: the scores sum to %.3f\n", sum / ROUNDS);
	printf("online_points_per_s_core 1/s %.0f -1000000\n", SERIES * VALUES / best);
	return 0;
}
