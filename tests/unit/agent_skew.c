/* SPDX-License-Identifier: Apache-2.0 */
/* How far two clocks are apart. The aggregator's clock is at A, the node's SKEW ahead of it. */
#include "agent/skew.h"
#include "tests/lib/test.h"

#define MS 1000000ull
#define S (1000 * MS)
#define A (1795500000 * S)

/* An exchange that began at `at`: so long there, held, and back. */
static struct skew_exchange exchange(int64_t skew, uint64_t at, uint64_t there, uint64_t held, uint64_t back)
{
	uint64_t node = A + (uint64_t)skew + at;

	return (struct skew_exchange){.sent_ns = node,
				      .sent_mono_ns = at,
				      .received_ns = A + at + there,
				      .replied_ns = A + at + there + held,
				      .got_ns = node + there + held + back,
				      .got_mono_ns = at + there + held + back};
}

TEST(an_even_way_gives_the_exact_skew)
{
	static const int64_t skews[] = {0, 3, -3, 3600ll * (int64_t)S, -3600ll * (int64_t)S};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(skews); i++) {
		struct skew_exchange e = exchange(skews[i], 5 * S, 20 * MS, 7 * MS, 20 * MS);
		struct skew s = {0};

		skew_note(&s, &e);
		CHECK(s.skew_ns - skews[i] <= 1 && skews[i] - s.skew_ns <= 1, "%lld", (long long)s.skew_ns);
		CHECK(s.error_ns == 20 * MS, "half of the way: %llu", (unsigned long long)s.error_ns);
	}
}

TEST(an_uneven_way_is_within_its_error)
{
	struct skew_exchange e = exchange((int64_t)S, 5 * S, 90 * MS, 0, 10 * MS);
	struct skew s = {0};

	skew_note(&s, &e);
	CHECK(s.skew_ns == (int64_t)(S - 40 * MS) && s.error_ns == 50 * MS, "%lld", (long long)s.skew_ns);
}

TEST(the_better_measurement_stays_for_a_minute)
{
	struct skew_exchange good = exchange(0, 5 * S, MS, 0, MS), worse = exchange(0, 10 * S, 30 * MS, 0, MS),
			     late = exchange(0, 66 * S, 30 * MS, 0, MS);
	struct skew s = {0};

	skew_note(&s, &good);
	skew_note(&s, &worse);
	CHECK(s.error_ns == MS, "worse and soon");
	skew_note(&s, &late);
	CHECK(s.error_ns > MS && s.at_ns == late.got_mono_ns, "worse, and a minute later");
}

TEST(a_clock_that_moved_is_believed_at_once)
{
	struct skew_exchange good = exchange(0, 5 * S, MS, 0, MS), moved = exchange((int64_t)S, 7 * S, 30 * MS, 0, 30 * MS);
	struct skew s = {0};

	skew_note(&s, &good);
	skew_note(&s, &moved);
	CHECK(s.skew_ns == (int64_t)S, "%lld", (long long)s.skew_ns);
}

TEST(a_step_between_is_left_out)
{
	struct skew_exchange e[4];
	struct skew s = {0};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(e); i++)
		e[i] = exchange(0, 5 * S, MS, MS, MS);
	e[0].got_ns += S;      /* here */
	e[1].replied_ns += S;  /* there */
	e[2].replied_ns -= S;
	e[3].received_ns = e[3].replied_ns = 0; /* an aggregator that does not say */
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(e); i++) {
		skew_note(&s, &e[i]);
		CHECK(!s.error_ns, "%zu", i);
	}
}

TEST_MAIN(T(an_even_way_gives_the_exact_skew), T(an_uneven_way_is_within_its_error),
	  T(the_better_measurement_stays_for_a_minute), T(a_clock_that_moved_is_believed_at_once),
	  T(a_step_between_is_left_out))
