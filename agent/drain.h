/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exactly-once draining of cumulative counters; see drain.c for the protocol. Works on plain arrays
 * and knows neither BPF nor files, so that a test can end it after every step.
 */
#ifndef WEIR_AGENT_DRAIN_H
#define WEIR_AGENT_DRAIN_H

#include "agent/rows.h"

/* What a row counted since the committed sequence. */
struct drain_delta {
	uint32_t row;
	uint64_t bytes, packets;
	struct weir_flow_said health; /* in a delta of its own, without bytes and packets */
};

struct drain {
	struct rows rows;
	struct weir_base *bases; /* parallel to rows */
	struct weir_flow_health *health; /* places for TCP health of rows */
	size_t health_count;		 /* a power of two */
	bool health_due; /* the next read takes it; else only that of rows on their way back to the kernel */
	struct weir_spooled *spooled;
	/* A new epoch is at least this. The wall clock in seconds: a node that lost both its state
	 * directory and its counters cannot know what the aggregator has seen of it, and must come
	 * above that. */
	uint64_t epoch_floor;
	/* After it returns no BPF program still uses what it read before the call. */
	int (*grace)(void *arg);
	void *arg;
	uint32_t now; /* WEIR_TICK: what rows that grew were last seen at */
	struct drain_delta *deltas; /* room for rows.count + health_count */
	size_t delta_count;
	uint32_t flows_used; /* of the flow regions, seen by the last read */
};

enum drain_began {
	DRAIN_CONTINUED, /* the spool ends where the kernel says */
	DRAIN_COMMITTED, /* the last agent ended between append and commit: committed now */
	DRAIN_FRESH,	 /* first start on this machine */
	DRAIN_REBOOTED,	 /* new counters, old spool: a new epoch */
	DRAIN_LOST, /* spool and kernel disagree: a new epoch, what only the lost spool held is lost
		     */
};

/* last_epoch, last_sequence: of the last durable record, 0 and 0 when the spool is empty. -ESTALE
 * when the bases belong to a table of another size. */
int drain_start(struct drain *d, uint64_t last_epoch, uint64_t last_sequence,
		enum drain_began *ret);
/* Reads every row once into the half of the next sequence and fills deltas. Repeat at will. */
void drain_read(struct drain *d);
/* The record spooled->sequence + 1 of what the last drain_read found is durable. */
void drain_commit(struct drain *d);
/* Clears rows that were retired before and did not change since; then retires rows without packets
 * since before (WEIR_TICK). Only directly after a commit. */
int drain_retire(struct drain *d, uint32_t before);
/* By weir_dir: all that rows counted since the counters began, what the last drain_read found included. */
const struct weir_count *drain_totals(const struct drain *d);
/* The value of row i that the committed sequence stands for; zero for rows not in use. */
void drain_base(const struct drain *d, size_t i, uint64_t *ret_bytes, uint64_t *ret_packets);
bool drain_in_use(const struct weir_row *row);

#endif
