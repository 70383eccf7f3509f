/* SPDX-License-Identifier: Apache-2.0 */
/* What budgets are measured by: cost by workload and way. */
#ifndef AGGREGATOR_QUERY_BUDGET_H
#define AGGREGATOR_QUERY_BUDGET_H

#include "aggregator/store_charged.h"

struct query_charged {
	int64_t workload;
	const char *team, *namespace, *name, *node, *labels; /* labels: {"key":"value",...} */
	uint8_t path;
	const char *meter;
	uint64_t moved, metered; /* bytes: once each; through the meter */
	int64_t nanos;
};
/* Of the days of [from_s, to_s), which begin days; each workload, path and meter once. A pass over these days of the ledger. */
int query_charged(struct store *s, uint64_t from_s, uint64_t to_s, int (*fn)(const struct query_charged *c, void *arg), void *arg);
/*
 * Of the hours of [from_s, to_s), which begin hours; an hour, workload, path and meter comes once for each pool, and of what is not
 * folded yet for each minute or window. A pass over these hours, and one over what is not folded: ask for many at a time.
 */
int query_charged_hours(struct store *s, uint64_t from_s, uint64_t to_s, int (*fn)(const struct store_charged *c, void *arg), void *arg);
/* Who a workload is; the rest is zero. -ENOENT. */
int query_workload(struct store *s, int64_t id, int (*fn)(const struct query_charged *c, void *arg), void *arg);
/* Is the label in such a text? */
bool query_has_label(const char *labels, const char *key, const char *value);

#endif
