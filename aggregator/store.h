/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: one SQLite file, WAL, synchronous=FULL. Knows no clock: time is an argument.
 *
 * Rows are written into buckets of 10 s, in the same transaction as the agent's (epoch, last sequence): what was
 * acknowledged is on disk once, and once only. By and by they are folded into minutes, those into hours, those into
 * days (store_retain.c); whoever asks for one of these gets what is not folded yet with it. Bucket = Unix time of its
 * start. Names are interned: workload and address ids never change their meaning.
 *
 * This header is all that ingest and cost see of it, and no type of SQLite is in it (tests/floors), so that
 * another engine, say a columnar server over HTTP, can stand behind the same functions. What such an engine
 * may rely on:
 * - Ingest brackets the summaries of one commit by store_begin() and store_commit(), and acknowledges only after
 *   the latter returned 0. An engine may collect rows in between and send them as one block per table.
 * - Every row carries its store_key, which is the same whenever the agent sends that window again. An engine
 *   without transactions over tables makes a commit that failed in the middle whole by it: it replaces rows
 *   of the same key, and derives an agent's mark (store_agent_get()) from the keys of whole summaries.
 * - Ids (node, workload, address) are the engine's own, needed within a commit at once, and never reused.
 * - Rollups are sums over rows of a window's start: the engine makes them in whatever way it has.
 * - What one summary says of a node's present state (identity, drops, health, boot) replaces what an earlier one
 *   said or is a sum that belongs to the same commit as the summary's mark.
 * - Usage (store_usage()) is read and grown within one commit: one writer per pool at a time.
 */
#ifndef AGGREGATOR_STORE_H
#define AGGREGATOR_STORE_H

#include "lib/wire/msg.h"

enum store_res { STORE_10S, STORE_1M, STORE_1H, STORE_1D, STORE_RESOLUTIONS };
uint32_t store_bucket_s(enum store_res r);

struct store;
/* ":memory:" for tests. Refuses a file of a newer schema. */
int store_open(const char *path, struct store **ret, struct weir_err *err);
/*
 * A connection of its own to a file that store_open() has opened, for questions from one other thread: it sees what is
 * committed, holds up nobody who writes, and cannot write. For the functions of query*.h alone.
 */
int store_reader(const char *path, struct store **ret, struct weir_err *err);
void store_close(struct store *s);
/* Text of the last failure. */
const char *store_error(const struct store *s);

int store_begin(struct store *s);
int store_commit(struct store *s);
void store_rollback(struct store *s);

/* --- agents (store_agent.c) --- */
struct store_agent {
	int64_t node;
	uint64_t epoch, last_sequence;
};
int store_node(struct store *s, const char *name, int64_t *ret);
/* -ENOENT: never seen. */
int store_agent_get(struct store *s, const char *node, struct store_agent *ret);
/* Agents of which something came since then. */
int store_agents_since(struct store *s, uint64_t since_ns, uint64_t *ret);
int store_agent_hello(struct store *s, const struct weir_hello *h);
/* gaps: summaries before this one that are gone for good. */
int store_agent_summary(struct store *s, int64_t node, const struct weir_summary *sum, uint64_t gaps,
			uint64_t now_ns);
int store_agent_policy(struct store *s, const char *node, const struct weir_policy_sync *p,
		       uint64_t now_ns);
/* The next node whose lease is over and of which that was not said; it counts as said. -ENOENT: none. */
int store_lease_ended(struct store *s, uint64_t now_ns, char ret_node[WEIR_NODE_MAX], uint64_t *ret_until_ns);
/* The next node that enforces again after so many seconds without, not said yet; it counts as said. */
int store_lapse_ended(struct store *s, char ret_node[WEIR_NODE_MAX], uint64_t *ret_lapsed_s);
/* What the agent last reported; same: p says nothing new. Zeros for one never seen. */
struct store_reported {
	uint64_t serial, refused, candidate, undone_from, undone_ns, drifts;
	bool same;
};
int store_agent_reported(struct store *s, const char *node, const struct weir_policy_sync *p,
			 struct store_reported *ret);
/* An operator's order as it was signed; the last one is the one that counts. */
int store_order_add(struct store *s, uint64_t number, const void *text, size_t len, const struct weir_push_sig *sig);
int store_order_last(struct store *s, void *text, size_t max, size_t *ret_len, struct weir_push_sig *ret_sig); /* -ENOENT */
/* Identity and drop counters are cumulative: the latest replaces. */
/* What is stored of the summary's boot grows by its rows, what the boot counted is what it says (store_boot.c). */
int store_boot(struct store *s, int64_t node, const struct weir_summary *sum, uint64_t time_s);
/* Before the lines of a summary. */
int store_identity_begin(struct store *s, int64_t node);
int store_identity(struct store *s, int64_t node, const struct weir_sum_identity *i);
int store_drop(struct store *s, int64_t node, const struct weir_sum_drop *d);

/* --- what is counted (store_row.c, addresses: store_names.c) --- */
/* Kind of the workload that an hourly resource is in the ledger. */
#define STORE_RESOURCE "resource"
/* Team: label "team", else the namespace, else "". A resource's namespace is its domain, and no team. */
const char *store_team(const struct weir_sum_workload *w);
int store_workload(struct store *s, int64_t node, const char *domain,
		   const struct weir_sum_workload *w, int64_t *ret);
/* Id of an address in a domain; a NULL (folded row) is id 0. */
int store_address(struct store *s, const char *domain, const struct weir_addr *a, int64_t *ret);
/*
 * The workload was seen with the address at time_s. Another workload closes the old interval. An
 * address whose former holder comes back is shared by several (a node's own address): it is then held
 * by nobody, until another node is seen with it. Windows older than the current interval change nothing.
 */
int store_holder(struct store *s, int64_t address, int64_t workload, int64_t node, uint64_t time_s);
/* Id of the holder at time_s, 0 = nobody known. */
int store_holder_at(struct store *s, int64_t address, uint64_t time_s, int64_t *ret_workload);

/* Which row of which summary: nothing has it twice. Row: its number in the summary. */
struct store_key {
	int64_t node;
	uint64_t epoch, sequence;
	uint32_t row;
};
struct store_flow {
	struct store_key key;
	uint64_t time_s;
	int64_t workload, local, peer;
	uint8_t path, proto, dir, verdict;
	bool opened;	/* the workload opened the connection: the service port is the peer's */
	uint16_t port;	/* service port */
	uint64_t bytes, packets;
};
/* Of n rows; what comes late into the longer buckets too. */
int store_flows_add(struct store *s, const struct store_flow *flows, size_t n);

/* TCP health by path, of one summary. */
struct store_path_health {
	struct store_key key; /* of its first row */
	uint64_t time_s;
	int64_t workload;
	uint8_t path;
	struct weir_sum_tcp tcp;
};
int store_path_health_add(struct store *s, const struct store_path_health *h, size_t n);

/* --- money --- */
int store_usage(struct store *s, const char *pool, const char *meter, uint32_t month, uint64_t *ret);
int store_usage_add(struct store *s, const char *pool, const char *meter, uint32_t month,
		    uint64_t bytes);
struct store_charge {
	struct store_key key; /* of its first flow; such charges differ by workload, path or meter */
	uint64_t time_s;
	int64_t workload;
	uint8_t path;
	const char *meter; /* "unpriced": no price is known; "none": nothing charges on this path */
	const char *pool;
	uint32_t month;
	uint64_t bytes; /* that passed this meter */
	uint64_t once;	/* those of which it is the first meter: sums to the bytes moved */
	int64_t nanos;
};
int store_charges_add(struct store *s, const struct store_charge *charges, size_t n);
/* Up to when hourly resources are charged, exclusive; -ENOENT: they never were. */
int store_hours(struct store *s, uint64_t *ret_charged_s);
int store_hours_set(struct store *s, uint64_t charged_s);

/* --- upkeep (store_retain.c) --- */
/* Rows that one step touches at most. */
#define STORE_STEP_ROWS 2048
/*
 * One step, in a transaction of its own: folds hours that are over into days, removes buckets that ended before
 * now - retain (seconds, by store_res) and names' old holders, gives free pages back to the file system.
 * *ret_more: there is more to do now. What any rollup that is kept says of a span never changes by it.
 */
int store_retain(struct store *s, uint64_t now_s, const uint64_t retain_s[STORE_RESOLUTIONS], bool *ret_more);

#endif
