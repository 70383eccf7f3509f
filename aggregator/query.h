/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the store. Rows come one by one to fn, whose non-zero return ends the query and is
 * returned; texts of a row live until fn returns. A range is [from_s, to_s), widened to whole buckets.
 */
#ifndef AGGREGATOR_QUERY_H
#define AGGREGATOR_QUERY_H

#include "aggregator/store.h"
#include "lib/money/topology.h"

struct query_range {
	uint64_t from_s, to_s;
	enum store_res res;
};
/* The finest buckets that still reach back to from_s and whose number stays bearable, else those kept longest. */
enum store_res query_resolution(uint64_t from_s, uint64_t now_s,
				const uint64_t retain_s[STORE_RESOLUTIONS]);

struct query_flow {
	uint64_t time_s, bytes, packets;
	const char *node, *workload, *namespace, *team, *peer_workload;
	struct weir_addr local, peer;
	bool folded, opened;
	uint32_t port, proto, dir, verdict, path;
};
int query_flows(struct store *s, const struct query_range *r, uint32_t limit,
		int (*fn)(const struct query_flow *f, void *arg), void *arg); /* newest first */

/* What a view of flows or of the ledger ends in. */
extern const char *const query_suffix[STORE_RESOLUTIONS];

enum query_by { QUERY_BY_WORKLOAD, QUERY_BY_PEER, QUERY_BY_PATH };
struct query_top {
	const char *node, *workload, *namespace, *team; /* by workload */
	const char *peer_domain, *peer_workload;	/* by peer */
	struct weir_addr peer;
	bool folded;
	uint32_t path; /* by path */
	uint64_t bytes_in, bytes_out, packets, dropped_bytes;
};
/* Most bytes first. bytes and packets are what passed; dropped_bytes what a verdict stopped. */
int query_top(struct store *s, enum query_by by, const struct query_range *r, uint32_t limit,
	      int (*fn)(const struct query_top *t, void *arg), void *arg);

#define QUERY_DIMS 7
enum query_dim { QUERY_WORKLOAD, QUERY_NAMESPACE, QUERY_TEAM, QUERY_PATH, QUERY_METER, QUERY_NODE, QUERY_CLASS };
extern const char *const query_dim_names[QUERY_DIMS + 1]; /* NULL-terminated */
struct query_cost {
	const char *keys[QUERY_DIMS]; /* in the order asked */
	uint64_t metered_bytes; /* through the meters of the group: a byte counts once for each */
	uint64_t bytes;		/* moved: a byte counts once */
	int64_t nanos;
	uint32_t slot; /* of a series */
};
/* Most expensive first, then by keys. */
int query_cost(struct store *s, const enum query_dim *dims, size_t n, const struct query_range *r,
	       int (*fn)(const struct query_cost *c, void *arg), void *arg);
/* The same for each slot of step_s, a multiple of the bucket, from the first bucket of the range on. */
int query_cost_series(struct store *s, const enum query_dim *dims, size_t n, const struct query_range *r, uint64_t step_s,
		      int (*fn)(const struct query_cost *c, void *arg), void *arg);

/*
 * What the ledger has of each workload, path, meter and pool in each step of the range, by workload: those above
 * `after`. from_s and to_s are begins of buckets, a step is a multiple of one; 0: the range is one step.
 */
struct query_ledger {
	int64_t workload_id;
	uint64_t time_s; /* of the step's begin */
	const char *domain, *class, *namespace, *workload, *kind, *team, *labels; /* class is its node's; labels: JSON */
	const char *meter, *pool;
	uint32_t path, month;
	uint64_t bytes, once;
	int64_t nanos;
};
int query_ledger(struct store *s, const struct query_range *r, uint64_t step_s, int64_t after,
		 int (*fn)(const struct query_ledger *l, void *arg), void *arg);

/* Bytes that moved since from_s, by path and whether a price or a meter was known for them. */
int query_priced(struct store *s, uint64_t from_s,
		 int (*fn)(uint32_t path, bool priced, uint64_t bytes, void *arg), void *arg);

struct query_agent {
	int64_t id;
	const char *node, *domain, *class, *version, *kernel, *hooks;
	const char *refused_reason, *refused_text;
	uint64_t epoch, sequence, last_seen_ns, window_end_ns, serial, applied_ns, refused_serial;
	uint64_t flow_rows_used, flow_rows, spool_bytes, spool_max, bytes_in, bytes_out;
	uint64_t lease_until_ns, lapsed_s;
	uint64_t key_epoch, undone_from, undone_to, undone_ns;
	uint32_t undone_why; /* weir_undo */
	uint32_t mode;
	const uint8_t *digest; /* 32 bytes, or NULL */
	int64_t lost_bytes, lost_packets; /* counted by the node since its boots, and not stored here */
	uint64_t lost_s;		  /* when the loss last grew; 0 = nothing was ever lost */
	uint64_t unexplained_bytes; /* sum of magnitudes over interfaces and directions */
	uint64_t gaps, folded_bytes, folded_rows, skew_error_ns, window_ns, packet_ps, drifts, threshold, approvers;
	int64_t skew_ns;
};
int query_agents(struct store *s, int (*fn)(const struct query_agent *a, void *arg), void *arg);

struct query_identity {
	const char *interface;
	uint32_t dir, term;
	int64_t bytes;
	uint64_t packets;
};
int query_identity(struct store *s, int64_t node,
		   int (*fn)(const struct query_identity *i, void *arg), void *arg);
/* Packets of a node that were not fully accounted, by reason, cumulative. */
int query_drops(struct store *s, int64_t node,
		int (*fn)(uint32_t reason, uint64_t bytes, uint64_t packets, void *arg), void *arg);

#endif
