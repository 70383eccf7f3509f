/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP health in the store. Nodes send cumulative rows; the store keeps the last of each and books the
 * differences into the buckets of time, in one transaction. A row that began anew (another since_ns,
 * after a reboot or a removal) is another row, so nothing is counted twice and nothing is taken away.
 */
#ifndef AGGREGATOR_STORE_HEALTH_H
#define AGGREGATOR_STORE_HEALTH_H

#include "aggregator/store.h"

#define STORE_HEALTH_NUMBERS (WEIR_H_COUNTS + WEIR_RTT_BUCKETS)
struct store_health {
	union {
		struct {
			uint64_t n[WEIR_H_COUNTS];
			uint64_t rtt[WEIR_RTT_BUCKETS];
		};
		uint64_t all[STORE_HEALTH_NUMBERS];
	};
};

/* h is the row as the node counts it; time_s the window's start. */
int store_health_add(struct store *s, int64_t node, int64_t workload, uint64_t time_s,
		     const struct weir_sum_health *h);
/* The node's counters began anew, or it says all of them again: what it had open is not any more. */
int store_health_gone(struct store *s, int64_t node);
/* A stored blob; false when it was not written by this program. */
bool store_health_unpack(const void *data, size_t len, struct store_health *ret);

#endif
