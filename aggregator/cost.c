/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cost.h"

#include "aggregator/text.h"

#define POOL_MAX 192
#define NO_GROUP UINT32_MAX

/* One metered row, or a row that no meter charges (group NO_GROUP). */
struct item {
	struct store_key key;
	uint64_t time_s, bytes;
	int64_t workload;
	uint32_t group;
	uint8_t path;
	bool first;    /* counts the bytes once, however many meters charge them */
	bool unpriced; /* of NO_GROUP */
};

struct group {
	const struct weir_meter *meter;
	uint32_t month;
	char pool[POOL_MAX];
};

struct cost_batch {
	struct item *items;
	size_t count, cap;
	struct group *groups;
	size_t group_count, group_cap;
};

int cost_batch_new(struct cost_batch **ret)
{
	struct cost_batch *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	*ret = b;
	return 0;
}

void cost_batch_free(struct cost_batch *b)
{
	if (!b)
		return;
	free(b->items);
	free(b->groups);
	free(b);
}

static int grow(void **array, size_t count, size_t *cap, size_t size)
{
	size_t want = *cap ? 2 * *cap : 64;
	void *p;

	if (count < *cap)
		return 0;
	p = reallocarray(*array, want, size);
	if (!p)
		return -ENOMEM;
	*array = p;
	*cap = want;
	return 0;
}

static int item_add(struct cost_batch *b, const struct item *it)
{
	int r = grow((void **)&b->items, b->count, &b->cap, sizeof(*b->items));

	if (!r)
		b->items[b->count++] = *it;
	return r;
}

/* Few: a meter of a region for an account and a month. A meter whose price changed within the month
 * is another meter here, and goes on from the same usage. */
static int group_of(struct cost_batch *b, const struct weir_meter *m, const char *account,
		    uint32_t month, uint32_t *ret)
{
	struct group g = {.meter = m, .month = month};
	int r;

	weir_meter_pool(m, account, g.pool, sizeof(g.pool));
	for (size_t i = 0; i < b->group_count; i++)
		if (b->groups[i].meter == m && b->groups[i].month == month &&
		    !strcmp(b->groups[i].pool, g.pool)) {
			*ret = (uint32_t)i;
			return 0;
		}
	r = grow((void **)&b->groups, b->group_count, &b->group_cap, sizeof(*b->groups));
	if (r)
		return r;
	*ret = (uint32_t)b->group_count;
	b->groups[b->group_count++] = g;
	return 0;
}

int cost_charge(struct cost_batch *b, const struct weir_pricebook *book, const struct weir_route *route,
		const struct store_flow *f)
{
	const struct weir_meter *meters[WEIR_MAX_METERS];
	struct item it = {.key = f->key, .time_s = f->time_s, .bytes = f->bytes, .workload = f->workload,
			  .group = NO_GROUP, .path = f->path, .first = true};
	const char *account = route->local && route->local->account ? route->local->account : "";
	int n, r = 0;

	if (f->verdict == WEIR_V_DENY || f->verdict == WEIR_V_LIMITED)
		return 0;
	n = book ? weir_pricebook_meters(book, route, f->dir, f->time_s, meters) : -ENOENT;
	if (n < 0 && n != -ENOENT)
		return n;
	if (n <= 0) {
		it.unpriced = n < 0;
		return item_add(b, &it);
	}
	for (int i = 0; !r && i < n; i++) {
		it.first = i == 0;
		r = group_of(b, meters[i], account, text_month(f->time_s), &it.group);
		if (!r)
			r = item_add(b, &it);
	}
	return r;
}

static int write_item(struct store *s, const struct item *it, const struct group *g, int64_t nanos)
{
	struct store_charge c = {
		.key = it->key,
		.time_s = it->time_s,
		.workload = it->workload,
		.path = it->path,
		.meter = g ? g->meter->name : it->unpriced ? COST_UNPRICED : COST_NONE,
		.pool = g ? g->pool : "",
		.month = g ? g->month : text_month(it->time_s),
		.bytes = it->bytes,
		.once = it->first ? it->bytes : 0,
		.nanos = nanos,
	};

	return store_ledger_add(s, &c);
}

/* The items of one group, in their order: one price difference, split by bytes. */
static int settle_group(const struct cost_batch *b, uint32_t group, struct store *s)
{
	const struct group *g = &b->groups[group];
	weir_auto_free uint64_t *weights = calloc(b->count, sizeof(*weights));
	weir_auto_free int64_t *nanos = calloc(b->count, sizeof(*nanos));
	uint64_t usage, delta = 0;
	size_t n = 0;
	int r;

	if (!weights || !nanos)
		return -ENOMEM;
	for (size_t i = 0; i < b->count; i++)
		if (b->items[i].group == group) {
			weights[n++] = b->items[i].bytes;
			delta += b->items[i].bytes;
		}
	r = store_usage(s, g->pool, g->meter->name, g->month, &usage);
	if (r)
		return r;
	weir_split(weir_meter_cost(g->meter, usage + delta) - weir_meter_cost(g->meter, usage), weights,
		   n, nanos);
	n = 0;
	for (size_t i = 0; !r && i < b->count; i++)
		if (b->items[i].group == group)
			r = write_item(s, &b->items[i], g, nanos[n++]);
	return r ? r : store_usage_add(s, g->pool, g->meter->name, g->month, delta);
}

int cost_settle(struct cost_batch *b, struct store *s)
{
	int r = 0;

	for (size_t i = 0; !r && i < b->count; i++)
		if (b->items[i].group == NO_GROUP)
			r = write_item(s, &b->items[i], NULL, 0);
	for (uint32_t g = 0; !r && g < b->group_count; g++)
		r = settle_group(b, g, s);
	return r;
}
