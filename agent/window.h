/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what rows counted to the rows of a summary. Pure: no clock, no file, no BPF. Whatever is cut
 * or folded, the sums of bytes and packets of the result equal those of the input.
 */
#ifndef WEIR_AGENT_WINDOW_H
#define WEIR_AGENT_WINDOW_H

#include "agent/config.h"
#include "agent/drain.h"
#include "lib/wire/msg.h"

struct window_names {
	/* Never NULL; what it returns must outlive the window. */
	const struct weir_sum_workload *(*who)(uint32_t workload, void *arg);
	const char *(*ifname)(uint32_t ifindex, void *arg);
	/* A virtual peer of a flow becomes the one that really answers. */
	void (*peer)(const struct weir_row *row, struct weir_addr *peer, uint16_t *port, void *arg);
	void *arg;
};

struct window_conf {
	uint32_t detail;   /* config_detail */
	uint32_t max_rows; /* kept in detail; 0 = fold all */
};

/* The tables of a summary that this module fills; strings belong to window_names. */
struct window {
	struct weir_sum_workload *workloads;
	size_t workload_count;
	struct weir_sum_row *rows; /* detailed ones first, by bytes */
	size_t row_count;
};

/* With detail `service` the port of the side that opened the connection is 0; with `total`, and of
 * all but the max_rows largest, one row remains per (workload, peer class, direction, verdict).
 * Beyond WEIR_SUMMARY_WORKLOADS_MAX workloads the bytes go to the unidentified one. -E2BIG: more
 * rows than a summary may have even when folded. O(n log n). */
int window_build(const struct window_conf *conf, const struct rows *rows,
		 const struct drain_delta *deltas, size_t n, const struct window_names *names,
		 struct window *ret);
void window_fini(struct window *w);
/* Folds all rows of a summary; *ret_rows is malloc'ed. */
int window_fold(const struct weir_sum_row *rows, size_t n, struct weir_sum_row **ret_rows,
		size_t *ret_count);

#endif
