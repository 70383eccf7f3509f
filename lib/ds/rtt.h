/* SPDX-License-Identifier: Apache-2.0 */
/* Reading histograms of round-trip times, whose buckets bpf/abi/weir_abi.h describes. Pure. */
#ifndef WEIR_RTT_HISTOGRAM_H
#define WEIR_RTT_HISTOGRAM_H

#include "bpf/abi/weir_abi.h"
#include "lib/base/base.h"

/* Lower bound of a bucket in microseconds. */
uint64_t weir_rtt_floor_us(uint32_t bucket);
/*
 * Value that `permille` of the samples do not exceed, linear within its bucket, so off by less than a
 * quarter of it; of the last bucket its lower bound. 0 without samples. O(buckets).
 */
uint64_t weir_rtt_quantile_us(const uint64_t counts[WEIR_RTT_BUCKETS], uint32_t permille);

#endif
