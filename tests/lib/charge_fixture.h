/* SPDX-License-Identifier: Apache-2.0 */
/* Charges in a ledger, without a byte. */
#ifndef WEIR_TEST_CHARGE_FIXTURE_H
#define WEIR_TEST_CHARGE_FIXTURE_H

#include "tests/lib/store_fixture.h"

struct charged {
	const char *node, *namespace, *workload, *team, *app; /* team and app: labels, NULL = none */
	uint8_t path;
	const char *meter;
	uint64_t bytes;
	int64_t nanos;
	uint64_t time_s;
};

/* Of a transaction under way, or of its own. */
static inline int charge(struct store *s, const struct charged *c)
{
	static uint64_t sequence;
	struct weir_sum_label labels[] = {{"team", c->team ? c->team : ""}, {"app", c->app ? c->app : ""}};
	const struct weir_sum_workload w = {.name = c->workload ? c->workload : "w", .namespace = c->namespace ? c->namespace : "n",
					    .kind = "pod", .cgroup = "/", .labels = c->team ? labels : labels + 1,
					    .label_count = (size_t)(c->team != NULL) + (c->app != NULL)};
	struct store_charge charge = {.key = {.node = 1, .epoch = 1, .sequence = ++sequence}, .time_s = c->time_s, .path = c->path,
				      .meter = c->meter ? c->meter : "m", .pool = "p", .month = 202611, .bytes = c->bytes,
				      .once = c->bytes, .nanos = c->nanos};
	int64_t node;
	int r = store_node(s, c->node ? c->node : "n1", &node);

	if (!r)
		r = store_workload(s, node, "d", &w, &charge.workload);
	if (!r)
		r = store_charges_add(s, &charge, 1);
	if (r)
		fprintf(stderr, "%s\n", store_error(s));
	return r;
}

static inline int charge_committed(struct store *s, const struct charged *c)
{
	int r = store_begin(s);

	if (!r)
		r = charge(s, c);
	if (!r)
		r = store_commit(s);
	if (r)
		store_rollback(s);
	return r;
}

#endif
