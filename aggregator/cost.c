/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cost.h"

#include "aggregator/text.h"
#include "lib/ds/map.h"

#define POOL_MAX 192
#define NO_GROUP UINT32_MAX

/* Which rows of a summary become one row of the ledger. Without padding: its bytes are the map's key. */
struct item_key {
	int64_t node, workload;
	uint64_t epoch, sequence, time_s;
	uint32_t group; /* NO_GROUP: no meter charges them */
	uint8_t path, unpriced, zero[2];
};
_Static_assert(sizeof(struct item_key) == 48, "no padding");
struct item {
	struct item_key key;
	uint32_t row;	      /* the first one's number */
	uint64_t bytes, once; /* once: counted at the first meter of a byte only */
};

struct group {
	const struct weir_meter *meter;
	uint32_t month;
	char pool[POOL_MAX];
};

struct cost_batch {
	struct item *items;
	size_t count, cap;
	struct weir_map *by_key; /* index in items, plus one */
	struct group *groups;
	size_t group_count, group_cap;
};

int cost_batch_new(struct cost_batch **ret)
{
	struct cost_batch *b = calloc(1, sizeof(*b));
	int r = b ? weir_map_new(&b->by_key) : -ENOMEM;

	if (r) {
		free(b);
		return r;
	}
	*ret = b;
	return 0;
}

void cost_batch_free(struct cost_batch *b)
{
	if (!b)
		return;
	weir_map_free(b->by_key, NULL);
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

static int item_add(struct cost_batch *b, const struct store_flow *f, uint32_t group, bool first, bool unpriced)
{
	const struct item_key key = {.node = f->key.node, .workload = f->workload, .epoch = f->key.epoch,
				     .sequence = f->key.sequence, .time_s = f->time_s, .group = group,
				     .path = f->path, .unpriced = unpriced};
	uintptr_t at = (uintptr_t)weir_map_find(b->by_key, &key, sizeof(key));
	int r = 0;

	if (!at) {
		r = grow((void **)&b->items, b->count, &b->cap, sizeof(*b->items));
		if (!r)
			r = weir_map_put(b->by_key, &key, sizeof(key), (void *)(uintptr_t)(b->count + 1), NULL);
		if (r)
			return r;
		b->items[b->count++] = (struct item){.key = key, .row = f->key.row};
		at = b->count;
	}
	b->items[at - 1].bytes += f->bytes;
	b->items[at - 1].once += first ? f->bytes : 0;
	return 0;
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
	const char *account = route->local && route->local->account ? route->local->account : "";
	uint32_t group = 0;
	int n, r = 0;

	if (f->verdict == WEIR_V_DENY || f->verdict == WEIR_V_LIMITED)
		return 0;
	n = book ? weir_pricebook_meters(book, route, f->dir, f->time_s, meters) : -ENOENT;
	if (n < 0 && n != -ENOENT)
		return n;
	if (n <= 0)
		return item_add(b, f, NO_GROUP, true, n < 0);
	for (int i = 0; !r && i < n; i++) {
		r = group_of(b, meters[i], account, text_month(f->time_s), &group);
		if (!r)
			r = item_add(b, f, group, i == 0, false);
	}
	return r;
}

static int write_item(struct store *s, const struct item *it, const struct group *g, int64_t nanos)
{
	struct store_charge c = {
		.key = {it->key.node, it->key.epoch, it->key.sequence, it->row},
		.time_s = it->key.time_s,
		.workload = it->key.workload,
		.path = it->key.path,
		.meter = g ? g->meter->name : it->key.unpriced ? COST_UNPRICED : COST_NONE,
		.pool = g ? g->pool : "",
		.month = g ? g->month : text_month(it->key.time_s),
		.bytes = it->bytes,
		.once = it->once,
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
		if (b->items[i].key.group == group) {
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
		if (b->items[i].key.group == group)
			r = write_item(s, &b->items[i], g, nanos[n++]);
	return r ? r : store_usage_add(s, g->pool, g->meter->name, g->month, delta);
}

int cost_settle(struct cost_batch *b, struct store *s)
{
	int r = 0;

	for (size_t i = 0; !r && i < b->count; i++)
		if (b->items[i].key.group == NO_GROUP)
			r = write_item(s, &b->items[i], NULL, 0);
	for (uint32_t g = 0; !r && g < b->group_count; g++)
		r = settle_group(b, g, s);
	return r;
}
