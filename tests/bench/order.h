/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BENCH_ORDER_H
#define WEIR_BENCH_ORDER_H

#include "lib/base/base.h"

/* seq has room for BENCH_SEQUENCE; flows and *ret_len are powers of two. zipf 0 = each flow once. */
int order_fill(uint32_t *seq, uint32_t flows, double zipf, uint32_t *ret_len);

#endif
