/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about candidates; see query.h. */
#ifndef AGGREGATOR_QUERY_SHADOW_H
#define AGGREGATOR_QUERY_SHADOW_H

#include "aggregator/store.h"

struct query_shadow_flows {
	uint64_t denied, accepted, limited; /* by what the candidate would do */
};

/* A node, and what it counted for the candidate of a serial. */
struct query_shadow_node {
	const char *node, *class, *refused_reason; /* "" unless it refused this candidate */
	uint32_t mode;
	uint64_t candidate;	  /* serial that it evaluates now, 0 = none */
	uint64_t since_s, seen_s; /* windows in which it evaluated the one asked for; 0 = never */
	struct query_shadow_flows flows;
};
int query_shadow_nodes(struct store *s, uint64_t serial,
		       int (*fn)(const struct query_shadow_node *n, void *arg), void *arg);

struct query_shadow_rule {
	const char *node, *rule;
	struct query_shadow_flows flows;
};
/* Most flows first. */
int query_shadow_rules(struct store *s, uint64_t serial, uint64_t limit,
		       int (*fn)(const struct query_shadow_rule *d, void *arg), void *arg);

/* The candidate that was evaluated last; 0 = there was none. */
int query_shadow_last(struct store *s, uint64_t *ret);

#endif
