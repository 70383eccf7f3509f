/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP health from the kernel's rows to the summary. Rows are cumulative, so a record carries those that
 * changed since the last durable one and a killed agent counts nothing twice: its successor sends all
 * rows again, and what is stored is the last value.
 */
#ifndef WEIR_AGENT_HEALTH_H
#define WEIR_AGENT_HEALTH_H

#include "agent/probe.h"
#include "lib/ds/map.h"
#include "lib/wire/msg.h"

/* Of at most a kilobyte each: a record has room for its rows beside them. */
#define HEALTH_PER_RECORD 512

struct health {
	/* The last read; parallel. */
	struct weir_health_key *keys;
	struct weir_health *rows;
	size_t count, max;
	struct weir_map *sent;	     /* key -> weight of what the last durable record says */
	struct weir_sum_health *out; /* of HEALTH_PER_RECORD; filled last */
	size_t *out_row, out_count;
	size_t next; /* row with which the next record begins: all have their turn */
	uint64_t pass_ns, next_pass_ns, next_report_ns;
	bool due; /* changed rows go into the records that come, until all have gone */
};

int health_new(uint32_t max_rows, uint64_t pass_ns, struct health **ret);
void health_free(struct health *h);
/* Visits all sockets when it is time; says how many older ones were taken over. now_ns: since boot. What changed
 * is reported as often: a record in each window would be a third of what weir sends. */
int health_pass(struct health *h, struct probe *p, uint64_t now_ns, size_t *ret_taken);
int health_read(struct health *h, struct probe *p);
/*
 * Puts changed rows into s and their workloads behind those that are there (*workloads is malloc'ed
 * and may move). What finds no room comes with the next record. The rows of s live until the next
 * read.
 */
int health_fill(struct health *h, const struct weir_sum_workload *(*who)(uint32_t workload, void *arg),
		void *arg, struct weir_sum_workload **workloads, size_t *count, struct weir_summary *s);
/* What was filled last is durable now. */
int health_sent(struct health *h);
/* Marks workloads that have open connections or rows not yet sent. */
void health_mark(const struct health *h, bool *used, uint32_t limit);
/* The workload is gone: gives its rows back. */
void health_forget(struct health *h, struct probe *p, uint32_t workload);

#endif
