/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting money: the parts sum to the whole, and no part is a whole unit away from its share. */
#include "lib/money/price.h"
#include "tests/lib/test.h"

static uint64_t random64(void)
{
	return ((uint64_t)rand() << 62) ^ ((uint64_t)rand() << 31) ^ (uint64_t)rand();
}

TEST(known_splits)
{
	static const struct {
		int64_t total;
		uint64_t weights[4];
		int64_t want[4];
	} rows[] = {
		{10, {1, 1, 1, 0}, {4, 3, 3, 0}}, /* tie: lower index */
		{11, {1, 1, 1, 0}, {4, 4, 3, 0}},
		{-10, {1, 1, 1, 0}, {-4, -3, -3, 0}},
		{100, {0, 0, 0, 0}, {100, 0, 0, 0}}, /* no weights: index 0 */
		{7, {1, 2, 3, 4}, {1, 1, 2, 3}},     /* 0.7 1.4 2.1 2.8: to .8 and .7 */
		{1, {5, 6, 5, 0}, {0, 1, 0, 0}},
		{0, {3, 2, 1, 0}, {0, 0, 0, 0}},
		{INT64_MAX, {0, UINT64_MAX, 0, 0}, {0, INT64_MAX, 0, 0}},
		{INT64_MIN, {0, 0, 1, 0}, {0, 0, INT64_MIN, 0}},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		int64_t got[4];

		weir_split(rows[i].total, rows[i].weights, 4, got);
		CHECK(!memcmp(got, rows[i].want, sizeof(got)), "row %zu: %lld %lld %lld %lld", i,
		      (long long)got[0], (long long)got[1], (long long)got[2], (long long)got[3]);
	}
}

/* |part - share| < 1, with share = total x weight / sum: compared in whole numbers. */
static bool near_share(int64_t total, uint64_t weight, unsigned __int128 sum, int64_t part)
{
	unsigned __int128 size = total < 0 ? 0 - (uint64_t)total : (uint64_t)total;
	unsigned __int128 abs_part = part < 0 ? 0 - (uint64_t)part : (uint64_t)part;
	unsigned __int128 low = size * weight / sum;

	return abs_part == low || (abs_part == low + 1 && size * weight % sum != 0);
}

TEST(random_splits_are_exact)
{
	unsigned int seed = (unsigned int)getpid();

	printf("# seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 2000; round++) {
		size_t n = 1 + (size_t)rand() % 40;
		unsigned __int128 sum_weights = 0;
		uint64_t weights[40];
		int64_t got[40], total = (int64_t)(random64() >> (rand() % 64));
		__int128 sum = 0;

		total = rand() % 2 ? total : ~total;
		for (size_t i = 0; i < n; i++) {
			weights[i] = rand() % 4 ? random64() >> (rand() % 64) : 0;
			sum_weights += weights[i];
		}
		weir_split(total, weights, n, got);
		for (size_t i = 0; i < n; i++) {
			sum += got[i];
			CHECK(!sum_weights || near_share(total, weights[i], sum_weights, got[i]),
			      "round %d part %zu", round, i);
		}
		CHECK(sum == total, "round %d does not sum", round);
	}
}

TEST_MAIN(T(known_splits), T(random_splits_are_exact))
