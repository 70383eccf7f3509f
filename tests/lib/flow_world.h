/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A labelled world of flows, made from a seed: some 80 workloads of 20 services in three zones of one network, as the store
 * would have their rows, bucket by bucket, and events of each pattern among them whose place and time are known.
 *
 * What is usual in it was chosen to look like what is not: clients from everywhere with heavy-tailed sizes, a crawler and
 * a resolver that meet dead hosts, a monitor that tries many ports, health checks without data, receivers whom nobody answers,
 * clocks, telemetry and pollers that call the internet at fixed intervals, backups to addresses that rotate, batch jobs, uploads
 * by people, releases with refused connections, an outage without a storm, a crowd, bursts of one bucket, replication
 * across zones. Jobs have run once before the first event (FLOW_WORLD_WARM_S).
 */
#ifndef TESTS_FLOW_WORLD_H
#define TESTS_FLOW_WORLD_H

#include "lib/model/pattern.h"

#define FLOW_WORLD_START 1790000000ull /* Unix time, a multiple of 10 */
#define FLOW_WORLD_WARM_S 5400
#define FLOW_WORLD_LENGTH_S 16200
#define FLOW_WORLD_DOMAIN "aws/1/prod"

/* Numbers of paths, as topology.h has them. */
enum { WORLD_SAME_HOST = 1, WORLD_SAME_ZONE, WORLD_CROSS_ZONE, WORLD_CROSS_REGION, WORLD_INTERNET, WORLD_NAT };

struct flow_event {
	enum weir_finding_kind kind;
	struct weir_pattern_who who; /* the workload it is of; of chatter the caller's group counts */
	struct weir_addr peer;	     /* has_peer: its only one */
	bool has_peer, in;	     /* in: opened from outside */
	uint16_t port;
	uint64_t from_s, to_s;
	double strength; /* of the kind's own unit, see the generator */
};

struct flow_bucket {
	uint64_t time_s;
	const struct weir_pattern_row *rows;
	const uint16_t *event; /* of each row: number of the event it belongs to + 1, 0 = usual */
	size_t n;
	const struct weir_pattern_health *health;
	size_t hn;
};

struct flow_world;
int flow_world_new(uint64_t seed, struct flow_world **ret);
void flow_world_free(struct flow_world *w);
/* Lives until the next call; false at the end. */
bool flow_world_next(struct flow_world *w, struct flow_bucket *ret);
const struct flow_event *flow_world_events(const struct flow_world *w, size_t *ret_count);
/* Names of paths as weir_patterns_opts wants them. */
void flow_world_paths(const char *ret[WEIR_PATTERN_PATHS]);

#endif
