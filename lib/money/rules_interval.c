/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/rules.h"

#define SAMPLES 1000
#define SEED 0x9e3779b97f4a7c15ull

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static int cmp(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void weir_saving_interval(const int64_t *days, size_t n, int64_t *ret_low, int64_t *ret_high)
{
	int64_t sums[SAMPLES];
	uint64_t state = SEED;

	for (size_t i = 0; i < SAMPLES; i++) {
		sums[i] = 0;
		for (size_t k = 0; k < n; k++)
			sums[i] += days[next(&state) % n];
	}
	qsort(sums, SAMPLES, sizeof(*sums), cmp);
	*ret_low = sums[SAMPLES / 20];
	*ret_high = sums[SAMPLES - 1 - SAMPLES / 20];
}
