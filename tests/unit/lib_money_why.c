/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a change: by hand, and that they sum to it whatever the numbers are. */
#include "lib/money/why.h"
#include "tests/lib/test.h"

#include <time.h>

static int64_t sum(const struct weir_why *w)
{
	int64_t n = 0;

	for (int i = 0; i < WEIR_WHY_PARTS; i++)
		n += w->parts[i];
	return n;
}

static void expect(struct test_state *test_st, const struct weir_why *w, int64_t volume, int64_t price, int64_t mix,
		   int64_t came, int64_t went)
{
	const int64_t want[WEIR_WHY_PARTS] = {volume, price, mix, came, went};

	for (int i = 0; i < WEIR_WHY_PARTS; i++)
		CHECK(w->parts[i] == want[i], "%s: %lld, want %lld", weir_why_name(i), (long long)w->parts[i],
		      (long long)want[i]);
}

/*
 * By hand. Before: 100 bytes at 2 = 200, and 300 at 1 = 300. After: 200 at 2.5 = 500, and 400 at 1 = 400. All bytes went
 * from 400 to 600, by one half. The first: volume 200 x 0.5 = 100; price 500 - 200 x 2 = 100; mix 200 x (2 - 1.5) = 100.
 * The second: volume 150; price 400 - 300 x 4/3 = 0; mix 300 x (4/3 - 3/2) = -50.
 */
TEST(a_change_by_hand)
{
	struct weir_why w[] = {{.bytes = {100, 200}, .nanos = {200, 500}}, {.bytes = {300, 400}, .nanos = {300, 400}}};

	weir_why_split(w, 2);
	expect(test_st, &w[0], 100, 100, 100, 0, 0);
	expect(test_st, &w[1], 150, 0, -50, 0, 0);
}

TEST(what_comes_and_goes_is_neither_volume_nor_mix)
{
	struct weir_why w[] = {{.bytes = {0, 9}, .nanos = {0, 70}}, {.bytes = {5, 0}, .nanos = {30, 0}},
			       {.bytes = {10, 10}, .nanos = {40, 40}}};

	weir_why_split(w, 3);
	expect(test_st, &w[0], 0, 0, 0, 70, 0);
	expect(test_st, &w[1], 0, 0, 0, 0, -30);
	expect(test_st, &w[2], 0, 0, 0, 0, 0);
}

TEST(what_has_no_bytes_changes_by_its_price)
{
	struct weir_why w[] = {{.nanos = {100, 130}}, {.bytes = {7, 0}, .nanos = {20, 5}}};

	weir_why_split(w, 2);
	expect(test_st, &w[0], 0, 30, 0, 0, 0);
	expect(test_st, &w[1], 0, -15, 0, 0, 0);
}

/* 100 x 4/3 is 133.33, rounded to 133; 10 x 1/4 is 2.5, to 3; what is left takes it. */
TEST(rounding_is_in_what_is_left)
{
	struct weir_why w[] = {{.bytes = {3, 4}, .nanos = {100, 133}}, {.bytes = {1, 1}, .nanos = {10, 10}}};

	weir_why_split(w, 2);
	expect(test_st, &w[0], 25, 0, 8, 0, 0);
	expect(test_st, &w[1], 3, 0, -3, 0, 0);
}

static uint64_t state;

static uint64_t rnd(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	z ^= z >> 31;
	return z >> (z % 50); /* of all sizes */
}

TEST(parts_sum_to_the_change)
{
	const char *seed = getenv("WEIR_TEST_SEED");

	state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
	printf("# seed %llu (WEIR_TEST_SEED)\n", (unsigned long long)state);
	for (int round = 0; round < 2000; round++) {
		struct weir_why w[20];

		for (int i = 0; i < 20; i++)
			for (int k = 0; k < 2; k++) {
				w[i].bytes[k] = rnd() % 5 ? rnd() >> 6 : 0;
				w[i].nanos[k] = rnd() % 5 ? (int64_t)(rnd() >> 4) * (rnd() % 9 ? 1 : -1) : 0;
			}
		weir_why_split(w, 20);
		for (int i = 0; i < 20; i++)
			CHECK(sum(&w[i]) == w[i].nanos[1] - w[i].nanos[0], "round %d, leaf %d", round, i);
	}
}

TEST_MAIN(T(a_change_by_hand), T(what_comes_and_goes_is_neither_volume_nor_mix), T(what_has_no_bytes_changes_by_its_price),
	  T(rounding_is_in_what_is_left), T(parts_sum_to_the_change))
