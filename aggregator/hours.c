/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/hours.h"

#define HOUR_S 3600u

struct charging {
	struct store *store;
	struct cost_batch *batch;
	struct store_key key;
	uint64_t time_s;
};

/* Resources are on no node. */
static int charge_one(const struct weir_resource *r, void *arg)
{
	struct charging *c = arg;
	struct weir_sum_label owner = {"team", r->owner};
	const struct weir_sum_workload w = {.name = r->name, .namespace = r->domain, .kind = STORE_RESOURCE, .cgroup = "",
					    .labels = &owner, .label_count = *r->owner != '\0'};
	int64_t workload;
	int e = store_workload(c->store, c->key.node, r->domain, &w, &workload);

	c->key.row++;
	return e ? e : cost_charge_hour(c->batch, r, &c->key, workload, c->time_s);
}

static int charge_hour(struct store *s, const struct ingest_pricing *p, uint64_t hour_s)
{
	weir_cleanup(cost_batch_freep) struct cost_batch *batch = NULL;
	struct charging c = {.store = s, .key = {.epoch = 1, .sequence = hour_s / HOUR_S},
			     .time_s = hour_s + HOUR_S - store_bucket_s(STORE_10S)};
	int r = cost_batch_new(&batch);

	if (r)
		return r;
	c.batch = batch;
	r = store_node(s, "", &c.key.node);
	if (!r)
		r = weir_resource_each(p->topology, p->prices, hour_s, charge_one, &c);
	if (!r)
		r = cost_settle(batch, s);
	return r ? r : store_hours_set(s, hour_s + HOUR_S);
}

/* Rows and mark, or nothing. */
static int commit(struct store *s, const struct ingest_pricing *p, uint64_t hour_s)
{
	int r = store_begin(s);

	if (r)
		return r;
	r = charge_hour(s, p, hour_s);
	if (!r)
		r = store_commit(s);
	if (r)
		store_rollback(s);
	return r;
}

int hours_charge(struct store *s, const struct ingest_pricing *pricing, uint64_t now_s, struct hours_done *ret)
{
	uint64_t over_s = now_s - now_s % HOUR_S, mark, first;
	struct hours_done done = {0};
	int r = store_hours(s, &mark);

	if (r == -ENOENT) {
		r = store_hours_set(s, now_s % HOUR_S ? over_s + HOUR_S : over_s);
		*ret = done;
		return r;
	}
	if (r)
		return r;
	if (pricing->topology && pricing->prices && mark < over_s) {
		first = over_s - mark > HOURS_BACK_S ? over_s - HOURS_BACK_S : mark;
		r = commit(s, pricing, first);
		done.skipped = (first - mark) / HOUR_S;
		done.more = first + HOUR_S < over_s;
	}
	if (!r)
		*ret = done;
	return r;
}
