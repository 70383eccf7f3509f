/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Bucket of a round-trip time, see WEIR_RTT_BUCKETS. No loop: the verifier sees one path per bit. */
#ifndef WEIR_RTT_H
#define WEIR_RTT_H

static inline __attribute__((always_inline)) __u32 weir_rtt_bucket(__u32 us)
{
	__u32 bits = 0, v = us;

	if (us < 1u << WEIR_RTT_MIN_BITS)
		return 0;
	if (us >= 1u << WEIR_RTT_MAX_BITS)
		return WEIR_RTT_BUCKETS - 1;
	if (v >> 16) {
		bits += 16;
		v >>= 16;
	}
	if (v >> 8) {
		bits += 8;
		v >>= 8;
	}
	if (v >> 4) {
		bits += 4;
		v >>= 4;
	}
	if (v >> 2) {
		bits += 2;
		v >>= 2;
	}
	bits += v >> 1;
	return 1 + 4 * (bits - WEIR_RTT_MIN_BITS) + ((us >> (bits - 2)) & 3);
}

#endif
