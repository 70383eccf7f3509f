/* SPDX-License-Identifier: Apache-2.0 */
/* The histogram of round-trip times: the kernel's buckets and the reader's bounds are one scale. */
#include "tests/lib/test.h"

#include "lib/ds/rtt.h"

#include "bpf/inc/rtt.h"

TEST(every_value_lies_in_its_bucket)
{
	uint32_t last = 0;

	for (uint64_t us = 0; us < 1ull << 27; us += 1 + us / 1024) {
		uint32_t b = weir_rtt_bucket((uint32_t)us);

		CHECK(b < WEIR_RTT_BUCKETS && b >= last && b <= last + 1, "%llu us: bucket %u after %u",
		      (unsigned long long)us, b, last);
		CHECK(weir_rtt_floor_us(b) <= us, "%llu us: bucket %u", (unsigned long long)us, b);
		CHECK(b + 1 == WEIR_RTT_BUCKETS || us < weir_rtt_floor_us(b + 1), "%llu us: bucket %u",
		      (unsigned long long)us, b);
		last = b;
	}
	CHECK(last == WEIR_RTT_BUCKETS - 1, "ended in %u", last);
	CHECK(weir_rtt_bucket(UINT32_MAX) == WEIR_RTT_BUCKETS - 1);
}

/* By hand: 2^4 us is the first bucket behind "below 16", 100 us lies in [96, 112), 1 s in [917504, 2^20). */
TEST(buckets_are_those_of_the_contract)
{
	CHECK(weir_rtt_bucket(15) == 0 && weir_rtt_bucket(16) == 1 && weir_rtt_bucket(20) == 2);
	CHECK(weir_rtt_floor_us(weir_rtt_bucket(100)) == 96 && weir_rtt_floor_us(weir_rtt_bucket(100) + 1) == 112);
	CHECK(weir_rtt_floor_us(weir_rtt_bucket(1000000)) == 917504);
	CHECK(weir_rtt_floor_us(WEIR_RTT_BUCKETS - 1) == 33554432);
}

TEST(buckets_are_a_quarter_wide_at_most)
{
	for (uint32_t b = 1; b + 1 < WEIR_RTT_BUCKETS; b++)
		CHECK((weir_rtt_floor_us(b + 1) - weir_rtt_floor_us(b)) * 4 <= weir_rtt_floor_us(b), "%u", b);
}

TEST(quantiles)
{
	uint64_t h[WEIR_RTT_BUCKETS] = {0};
	uint32_t at = weir_rtt_bucket(100), far = weir_rtt_bucket(1000000);

	CHECK(weir_rtt_quantile_us(h, 500) == 0);
	h[at] = 90;
	h[far] = 10;
	/* rank 50 of 90 in [96, 112): 96 + 16 * 50 / 90 */
	CHECK(weir_rtt_quantile_us(h, 500) == 104, "%llu", (unsigned long long)weir_rtt_quantile_us(h, 500));
	CHECK(weir_rtt_quantile_us(h, 900) == 112);
	/* rank 99: the 9th of 10 in [917504, 1048576) */
	CHECK(weir_rtt_quantile_us(h, 990) == 917504 + 131072 * 9 / 10);
	CHECK(weir_rtt_quantile_us(h, 0) == 96 && weir_rtt_quantile_us(h, 1000) == 1048576);
	memset(h, 0, sizeof(h));
	h[WEIR_RTT_BUCKETS - 1] = 1;
	CHECK(weir_rtt_quantile_us(h, 500) == 33554432);
	h[0] = h[1] = UINT64_MAX;
	CHECK(weir_rtt_quantile_us(h, 500) == 16, "%llu", (unsigned long long)weir_rtt_quantile_us(h, 500));
}

TEST_MAIN(T(every_value_lies_in_its_bucket), T(buckets_are_those_of_the_contract),
	  T(buckets_are_a_quarter_wide_at_most), T(quantiles))
