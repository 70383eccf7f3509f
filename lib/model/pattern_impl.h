/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the patterns: what the families share. A bucket goes through three steps: its rows are joined to flows
 * (pattern.c: both directions, all verdicts and local addresses of one workload, peer, port and protocol), each flow is shown
 * to the families that remember peers (pattern_scan.c, pattern_peer.c, pattern_zone.c), each workload to those that watch
 * rates (pattern_rate.c). What they find goes to pattern_found.c, which tells what is new and what has ended.
 */
#ifndef WEIR_PATTERN_IMPL_H
#define WEIR_PATTERN_IMPL_H

#include <math.h>

#include "lib/ds/map.h"
#include "lib/model/pattern.h"
#include "lib/model/pattern_cache.h"
#include "lib/model/pattern_usual.h"

#define PATTERN_HOUR (3600 / WEIR_PATTERN_BUCKET_S) /* in buckets */

/* Rates that are watched, of the group: what one of its workloads does at most. */
enum pattern_rate { RATE_EGRESS, RATE_FLOOD_IN, RATE_FLOOD_OUT, RATE_ATTEMPTS, RATES };

struct pattern_group {
	uint64_t key;
	uint64_t born_s;
	uint32_t seen, workloads; /* bucket; members in use */
	struct usual usual[RATES];
	struct usual usual_bytes[2]; /* all bytes, by weir_dir: what a limit must leave */
	float peer_top;		     /* most that one public peer got in an epoch of the pair table */
	uint32_t peer_at;	     /* bucket of its last decay */
	float nanos;		     /* mean cost of a bucket's billable egress of a workload, some ten minutes long */
	uint32_t nanos_buckets;	     /* that are in it, as far as it matters */
};

/* A rate on its way over its bar. What was usual when it was told stays so for it while it lasts. */
struct pattern_run {
	uint32_t at, since, over; /* buckets: the last one, the first one of the run, the last one over the bar */
	float ratio;		  /* of the last value over its bar */
	bool told;
	double bar, usual;
	uint64_t limit_bps;
};

struct pattern_workload {
	int64_t id;
	const struct weir_pattern_who *who; /* of this bucket's rows: invalid in the next one */
	struct pattern_group *group;
	uint32_t seen; /* bucket; what follows is of it */
	uint32_t head; /* flows, + 1 */
	uint64_t bytes[2];
	uint64_t egress, hollow[2]; /* billable bytes out; packets that carry nothing */
	uint64_t folded_packets[2], folded_bytes[2];
	int64_t nanos; /* of egress */
	uint64_t attempts, failures;
	struct pattern_run hot[RATES];
};

struct pattern_flow {
	struct pattern_workload *w;
	const struct weir_pattern_who *peer_who; /* NULL: nobody holds the peer's address */
	struct weir_addr peer;
	uint64_t bytes[2], packets[2], denied[2]; /* passed, by weir_dir; packets that were not */
	int64_t nanos;
	uint32_t next; /* of the workload, + 1 */
	uint16_t port;
	uint8_t proto, path;
	bool opened, is_public;
};

/* What a path is to money. */
enum pattern_way { WAY_FREE, WAY_ZONE, WAY_BILLED };

struct pattern_candidate {
	enum weir_finding_kind kind;
	struct cache_slot *slot;
	uint64_t tag; /* of the slot when it was put here */
	uint32_t flow;
};
#define PATTERN_CANDIDATES 4096

struct weir_patterns {
	struct weir_patterns_opts opts;
	enum pattern_way ways[WEIR_PATTERN_PATHS];
	uint64_t time_s;  /* of the bucket at hand */
	uint32_t bucket;  /* its number */
	struct weir_map *workloads, *groups, *findings;
	struct pattern_flow *flows;
	size_t flow_count, flow_cap;
	uint32_t *index; /* flow + 1, by hash */
	size_t index_size;
	struct pattern_workload **active; /* of this bucket */
	size_t active_count, active_cap;
	struct cache ports, peers, pairs, popular, zones; /* see who uses them */
	struct pattern_candidate candidates[PATTERN_CANDIDATES];
	size_t candidate_count;
	struct weir_patterns_stats stats;
	weir_finding_fn fn;
	void *arg;
	int told; /* what fn returned */
};

/* The value of a parameter of the table. */
double pattern_param(enum weir_finding_kind k, unsigned int i);
enum { SCAN_TARGETS, SCAN_SHARE, SCAN_MEMORY };
enum { FLOOD_TIMES, FLOOD_PACKETS, FLOOD_UNANSWERED, FLOOD_ONE_PEER };
enum { EXFIL_TIMES, EXFIL_BYTES, EXFIL_LOPSIDED, EXFIL_NOVEL };
enum { BEACON_INTERVALS, BEACON_SPREAD, BEACON_BYTES, BEACON_SIZE_SPREAD, BEACON_POPULAR, BEACON_NOVEL };
enum { RETRY_TIMES, RETRY_ATTEMPTS, RETRY_FAILED, RETRY_ONE_PEER, RETRY_DEAD };
enum { RUNAWAY_TIMES, RUNAWAY_HISTORY, RUNAWAY_FIRST, RUNAWAY_ONE_PEER };
enum { ZONE_AGE, ZONE_SAME, ZONE_ACTIVE };

uint64_t pattern_hash(uint64_t seed, const void *data, size_t len);
bool pattern_is_v4(const struct weir_addr *a);

/* pattern_group.c: the workload of the row, its counts zeroed at its first row of the bucket. NULL: no memory. */
struct pattern_workload *pattern_workload(struct weir_patterns *p, const struct weir_pattern_who *who);
struct pattern_group *pattern_group(struct weir_patterns *p, const struct weir_pattern_who *who);
void pattern_sweep(struct weir_patterns *p);

/* Tables of the families. */
int pattern_scan_init(struct weir_patterns *p);
int pattern_peer_init(struct weir_patterns *p);
int pattern_zone_init(struct weir_patterns *p);

/* The families. A flow's index is its place in p->flows. */
void pattern_scan_flow(struct weir_patterns *p, uint32_t flow);
void pattern_scan_judge(struct weir_patterns *p, const struct pattern_candidate *c);
/* Whether nothing came back but refusals: what a scan's targets and a dead destination do. */
bool pattern_failed(const struct pattern_flow *f);
void pattern_peer_flow(struct weir_patterns *p, uint32_t flow);
void pattern_peer_judge(struct weir_patterns *p, const struct pattern_candidate *c);
void pattern_peer_sweep(struct weir_patterns *p);
void pattern_peer_learn(struct weir_patterns *p, const struct weir_pattern_row *row);
void pattern_zone_flow(struct weir_patterns *p, uint32_t flow);
void pattern_zone_judge(struct weir_patterns *p, const struct pattern_candidate *c);
void pattern_rates(struct weir_patterns *p, struct pattern_workload *w);

void pattern_candidate(struct weir_patterns *p, enum weir_finding_kind kind, struct cache_slot *slot, uint32_t flow);

/* pattern_found.c. Fills subject, kind, times; the caller the rest. */
void pattern_begin(const struct weir_patterns *p, enum weir_finding_kind kind, const struct weir_pattern_who *who,
		   struct weir_finding *ret);
void pattern_with(struct weir_finding *f, const struct weir_patterns *p, const struct pattern_flow *flow);
double pattern_score(double observed, double bar);
/* f is the event `tag`, seen in this bucket; it ends when it was not seen for `hold` buckets. */
void pattern_found(struct weir_patterns *p, uint64_t tag, struct weir_finding *f, uint32_t hold);
/* Tells what has ended. */
void pattern_end(struct weir_patterns *p);
void pattern_finding_free(void *active);

#endif
