/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which flows come: scrambled, uniform or Zipf. The same on every run. */
#include "tests/bench/order.h"

#include <math.h>

#include "tests/bench/drive.h"

static uint64_t next(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ull; /* splitmix64 */

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static void shuffle(uint32_t *v, uint32_t n, uint64_t *state)
{
	for (uint32_t i = n - 1; i; i--) {
		uint32_t k = next(state) % (i + 1), was = v[i];

		v[i] = v[k];
		v[k] = was;
	}
}

/* Rank by binary search in the cumulated weights. */
static uint32_t draw(const double *sum, uint32_t n, double x)
{
	uint32_t lo = 0, hi = n - 1;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (sum[mid] < x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int order_fill(uint32_t *seq, uint32_t flows, double zipf, uint32_t *ret_len)
{
	weir_auto_free uint32_t *of_rank = calloc(flows, sizeof(*of_rank));
	weir_auto_free double *sum = calloc(flows, sizeof(*sum));
	uint64_t state = 1;
	double total = 0;

	if (!of_rank || !sum)
		return -ENOMEM;
	for (uint32_t i = 0; i < flows; i++)
		of_rank[i] = i;
	shuffle(of_rank, flows, &state);
	if (zipf == 0) {
		memcpy(seq, of_rank, flows * sizeof(*seq));
		*ret_len = flows;
		return 0;
	}
	for (uint32_t i = 0; i < flows; i++)
		sum[i] = total += pow(i + 1, -zipf);
	for (uint32_t i = 0; i < BENCH_SEQUENCE; i++)
		seq[i] = of_rank[draw(sum, flows, (double)(next(&state) >> 11) * 0x1p-53 * total)];
	*ret_len = BENCH_SEQUENCE;
	return 0;
}
