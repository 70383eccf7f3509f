/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node of 200 rows a window, as its summaries say it: the same as node_traffic.py's. Of 100 conversations 90 were there
 * in the window before.
 */
#ifndef WEIR_BENCH_NODE_H
#define WEIR_BENCH_NODE_H

#include "lib/base/clock.h"
#include "lib/wire/msg.h"

#define NODE_WINDOW_NS (2 * WEIR_NS_PER_S)
#define NODE_WORKLOADS 10
#define NODE_POOL 800
#define NODE_ACTIVE 100
#define NODE_TERMS 5 /* of each direction of one interface */

struct talk {
	struct weir_addr peer;
	uint16_t port;
	uint32_t workload;
	bool opened, udp;
	double asks, request, answer;
};

struct node {
	uint64_t state; /* of the random numbers */
	struct talk talks[NODE_POOL];
	uint32_t active[NODE_ACTIVE];
	struct weir_addr local;
	struct weir_sum_workload workloads[NODE_WORKLOADS + 1];
	char names[NODE_WORKLOADS + 1][64], groups[NODE_WORKLOADS + 1][64];
	struct weir_sum_row rows[2 * NODE_ACTIVE];
	struct weir_sum_identity identity[2 * NODE_TERMS];
	struct weir_sum_health health[NODE_WORKLOADS];
	uint64_t rtt[NODE_WORKLOADS][8];
	struct weir_summary s; /* the last window; its totals are those of all */
};

/* The n-th node of a fleet; its first window begins at start_ns (wall clock). domain is not copied. */
void node_init(struct node *n, uint32_t number, const char *domain, uint64_t start_ns);
/* One window more. */
void node_window(struct node *n);

#endif
