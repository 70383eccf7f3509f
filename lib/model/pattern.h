/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threat and waste patterns: what buckets of flows show that no single flow does. One object watches all workloads; it is
 * handed the rows of each closed bucket of 10 s, in order, and tells each finding once when it begins and once when it
 * has ended. Pure: no clock, no I/O; the same buckets give the same findings.
 *
 * What is usual is learnt per group: workloads of one domain, namespace and set of labels (those that change with each
 * release left out), or of one name without a pod's suffix. So a new replica, or a new release, is judged by what its
 * group does, each workload by what one of its group did at most.
 *
 * Room: some 1 kB per workload and group in use, 90 bytes per flow of a bucket, and three tables of fixed size (48 MB with the
 * defaults); findings under way some 3 kB each. All have a maximum, and what finds no room takes the place of what was not
 * seen for longest. State is not kept: after a start hand in the buckets of the last hour with a callback that ignores
 * them (every pattern then judges as before, with the hour for its past), and before that what of older, longer buckets there
 * is to weir_patterns_learn(), so that peers of last night's job are not taken for new ones.
 */
#ifndef WEIR_MODEL_PATTERN_H
#define WEIR_MODEL_PATTERN_H

#include "bpf/abi/weir_abi.h"
#include "lib/model/finding.h"

#define WEIR_PATTERN_BUCKET_S 10
#define WEIR_PATTERN_PATHS 32

/* A workload. id: the caller's, never reused; texts may be NULL and are read only while the call lasts. */
struct weir_pattern_who {
	int64_t id;
	const char *node, *domain, *namespace, *name, *team;
	const char *labels; /* JSON, {"app":"web"} */
};

/* A row of a bucket as the store has it; rows of one flow (directions, verdicts) may come in any order. */
struct weir_pattern_row {
	const struct weir_pattern_who *who;
	const struct weir_pattern_who *peer_who; /* who held the peer's address; NULL = nobody known */
	struct weir_addr peer;
	bool has_peer; /* false: folded, no addresses, no ports */
	bool is_public; /* no domain holds the peer's address */
	bool opened;   /* the workload opened the connection */
	uint8_t path;  /* index into weir_patterns_opts.paths */
	uint8_t proto; /* IP protocol number */
	uint8_t dir, verdict; /* weir_dir, weir_verdict */
	uint16_t port;	      /* service port */
	uint64_t bytes, packets;
	int64_t nanos; /* what these bytes cost */
};

/* What a workload's TCP connections did within the bucket, towards a kind of peer (differences, not sums). */
struct weir_pattern_health {
	const struct weir_pattern_who *who;
	uint8_t scope; /* weir_scope */
	uint64_t n[WEIR_H_COUNTS];
};

struct weir_patterns_opts {
	/* Names of paths by number, as weir_path_name() has them; NULL and unknown ones cost nothing. */
	const char *paths[WEIR_PATTERN_PATHS];
	size_t max_workloads; /* 0: 20,000 */
	size_t max_flows;     /* of a bucket, 0: 1,000,000; rows beyond are summed per workload only, and counted */
	size_t max_pairs;     /* entries of each table of peers, 0: 65,536; a power of two */
	size_t max_findings;  /* under way at a time, 0: 1,000 */
	int64_t runaway_nanos_per_hour; /* a runaway is worth this, 0: 0.5 units of the currency, */
	uint64_t runaway_bytes_per_s;	/* or this much, whatever it costs; 0: 2,000,000 */
	int64_t zone_nanos_per_month;	/* cross-zone chatter is worth this, 0: 10 units */
	const char *currency;		/* in sentences, at most 8 bytes; NULL: "units" */
};

struct weir_patterns;
int weir_patterns_new(const struct weir_patterns_opts *opts, struct weir_patterns **ret); /* -ENOMEM, -EINVAL */
void weir_patterns_free(struct weir_patterns *p);

typedef int (*weir_finding_fn)(const struct weir_finding *f, void *arg);

/*
 * The bucket [time_s, time_s + 10), which must be later than the one before (-EINVAL); one that is left out was silent or
 * is not known. Calls fn for each finding that began or ended; its non-zero return ends the calls and is returned, the
 * bucket then counts as seen. -EINVAL also for a row without `who`, or with dir or verdict out of range. Cost: docs/models.md.
 */
int weir_patterns_window(struct weir_patterns *p, uint64_t time_s, const struct weir_pattern_row *rows, size_t n,
			 const struct weir_pattern_health *h, size_t hn, weir_finding_fn fn, void *arg);
/* Only who there is and whom it speaks to, from rows of a bucket of whatever length that began at time_s, before the first window. */
int weir_patterns_learn(struct weir_patterns *p, uint64_t time_s, const struct weir_pattern_row *rows, size_t n);
/* Findings under way, as last seen; order of their beginning. */
int weir_patterns_each(const struct weir_patterns *p, weir_finding_fn fn, void *arg);

struct weir_patterns_stats {
	size_t workloads, groups, findings, bytes; /* in use now; bytes of memory */
	uint64_t unjoined, evicted, untold;	   /* rows beyond max_flows, entries that made room, findings beyond max_findings */
};
void weir_patterns_stats(const struct weir_patterns *p, struct weir_patterns_stats *ret);

/* The table of patterns: what each is and by what it is told, for documents and people. */
struct weir_pattern_param {
	const char *name;
	double value;
	const char *unit, *reason;
};
#define WEIR_PATTERN_PARAMS 8
struct weir_pattern {
	const char *name, *sentence;
	struct weir_pattern_param params[WEIR_PATTERN_PARAMS]; /* ends at a NULL name */
};
const struct weir_pattern *weir_pattern_at(enum weir_finding_kind k); /* NULL behind the patterns */

#endif
