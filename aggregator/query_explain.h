/* SPDX-License-Identifier: Apache-2.0 */
/* All that the store knows of one workload: who it was, what it moved, what it paid. */
#ifndef AGGREGATOR_QUERY_EXPLAIN_H
#define AGGREGATOR_QUERY_EXPLAIN_H

#include "aggregator/query_charges.h"
#include "lib/money/traffic.h"

struct query_identity_of {
	int64_t workload, node;
	const char *node_name, *domain, *kind, *team, *labels, *cgroup;
};
/* The workloads of a namespace and name: one for each node, domain, kind and set of labels. */
int query_identities(struct store *s, const char *namespace, const char *name,
		     int (*fn)(const struct query_identity_of *i, void *arg), void *arg);
/* Addresses that a workload held between from_s and to_s; until_s 0 = it still does. */
int query_held(struct store *s, int64_t workload, uint64_t from_s, uint64_t to_s,
	       int (*fn)(const struct weir_addr *a, uint64_t since_s, uint64_t until_s, void *arg), void *arg);
/* What passed of a workload in an hour, as recorded traffic; node, namespace and the like are "". One search where the hour is folded. */
int query_hour_flows(struct store *s, const struct query_identity_of *i, uint64_t hour_s,
		     int (*fn)(const struct weir_traffic *t, void *arg), void *arg);
/* What it paid; node and the like are "". */
int query_hour_charges(struct store *s, const struct query_identity_of *i, uint64_t hour_s,
		       int (*fn)(const struct query_charge *q, void *arg), void *arg);

#endif
