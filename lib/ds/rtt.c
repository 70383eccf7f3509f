/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ds/rtt.h"

#define LAST (WEIR_RTT_BUCKETS - 1)

uint64_t weir_rtt_floor_us(uint32_t bucket)
{
	uint32_t octave, quarter;

	if (!bucket)
		return 0;
	if (bucket >= LAST)
		return 1ull << WEIR_RTT_MAX_BITS;
	octave = WEIR_RTT_MIN_BITS + (bucket - 1) / 4;
	quarter = (bucket - 1) % 4;
	return (4ull + quarter) << (octave - 2);
}

uint64_t weir_rtt_quantile_us(const uint64_t counts[WEIR_RTT_BUCKETS], uint32_t permille)
{
	unsigned __int128 total = 0, rank, before = 0;
	uint32_t i = 0;
	uint64_t floor;

	for (uint32_t b = 0; b < WEIR_RTT_BUCKETS; b++)
		total += counts[b];
	if (!total)
		return 0;
	rank = (total * permille + 999) / 1000;
	rank = rank ? rank : 1;
	while (before + counts[i] < rank)
		before += counts[i++];
	floor = weir_rtt_floor_us(i);
	if (i == LAST)
		return floor;
	return floor + (uint64_t)((weir_rtt_floor_us(i + 1) - floor) * (rank - before) / counts[i]);
}
