/* SPDX-License-Identifier: Apache-2.0 */
/* What each workload moved and paid, with its labels. */
#ifndef AGGREGATOR_QUERY_COVERAGE_H
#define AGGREGATOR_QUERY_COVERAGE_H

#include "aggregator/query.h"

struct query_labelled {
	const char *node, *namespace, *workload, *kind, *labels;
	uint64_t bytes; /* each counted once */
	int64_t nanos;
};
/* In the order of their ids. */
int query_labelled(struct store *s, const struct query_range *r, int (*fn)(const struct query_labelled *q, void *arg), void *arg);

#endif
