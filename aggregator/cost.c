/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cost.h"

#include "aggregator/text.h"
#include "lib/ds/grow.h"
#include "lib/ds/map.h"
#include "lib/money/charge.h"

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

/* Rows of one workload and path come again and again: where the last ones are. */
#define RECENT 64u

struct cost_batch {
	struct item *items;
	size_t count, cap;
	uint32_t recent[RECENT]; /* index in items, plus one */
	struct weir_map *by_key; /* index in items, plus one */
	struct weir_groups groups;
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
	weir_groups_fini(&b->groups);
	free(b);
}

/* The place in items of a key, plus one; 0 = there is none yet. */
static size_t item_find(struct cost_batch *b, const struct item_key *key)
{
	uint32_t *recent = &b->recent[((uint32_t)key->workload * 7 + key->group * 3 + key->path) % RECENT];

	if (!*recent || memcmp(&b->items[*recent - 1].key, key, sizeof(*key)) != 0)
		*recent = (uint32_t)(uintptr_t)weir_map_find(b->by_key, key, sizeof(*key));
	return *recent;
}

static int item_add(struct cost_batch *b, const struct store_flow *f, uint32_t group, bool first, bool unpriced)
{
	const struct item_key key = {.node = f->key.node, .workload = f->workload, .epoch = f->key.epoch,
				     .sequence = f->key.sequence, .time_s = f->time_s, .group = group,
				     .path = f->path, .unpriced = unpriced};
	size_t at = item_find(b, &key);
	int r = 0;

	if (!at) {
		r = weir_grow(&b->items, b->count, &b->cap, sizeof(*b->items));
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

int cost_charge(struct cost_batch *b, const struct weir_pricebook *book, const struct weir_route *route,
		const struct store_flow *f)
{
	const struct weir_meter *meters[WEIR_MAX_METERS];
	const char *account = weir_route_account(route);
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
		r = weir_groups_find(&b->groups, meters[i], account, f->time_s, &group);
		if (!r)
			r = item_add(b, f, group, i == 0, false);
	}
	return r;
}

int cost_charge_hour(struct cost_batch *b, const struct weir_resource *r, const struct store_key *key, int64_t workload,
		     uint64_t time_s)
{
	const struct store_flow hour = {.key = *key, .time_s = time_s, .workload = workload, .path = (uint8_t)r->path,
					.bytes = r->meter ? (uint64_t)r->count * WEIR_RESOURCE_HOUR_S : 0};
	uint32_t group = NO_GROUP;
	int e = r->meter ? weir_groups_find(&b->groups, r->meter, r->account, time_s, &group) : 0;

	return e ? e : item_add(b, &hour, group, false, !r->meter);
}

static struct store_charge charge_of(const struct item *it, const struct weir_group *g, int64_t nanos)
{
	return (struct store_charge){
		.key = {it->key.node, it->key.epoch, it->key.sequence, it->row},
		.time_s = it->key.time_s,
		.workload = it->key.workload,
		.path = it->key.path,
		.meter = g ? g->meter->name : it->key.unpriced ? COST_UNPRICED : COST_NONE,
		.pool = g ? g->pool : "",
		.month = g ? g->month : text_month(it->key.time_s),
		.bytes = g && g->meter->by_hour ? 0 : it->bytes, /* else they are seconds */
		.once = it->once,
		.nanos = nanos,
	};
}

/* Memory for as many as there are items. */
struct settling {
	uint64_t *weights;
	int64_t *nanos;
	struct store_charge *charges;
	size_t n;
};

/* What delta costs behind the usage so far, and the usage is then with it. The meter's free allowance has a usage of
 * its own: its pool may be wider than that of the tiers. */
static int charge_group(const struct weir_group *g, uint64_t delta, struct store *s, int64_t *ret)
{
	char pool[WEIR_POOL_MAX], name[WEIR_POOL_MAX];
	uint64_t usage, free_usage = 0;
	int r = store_usage(s, g->pool, g->meter->name, g->month, &usage);

	if (!r && g->meter->free_bytes) {
		weir_meter_free_pool(g->meter, g->account, pool, sizeof(pool));
		r = store_usage(s, pool, weir_free_name(g->meter, name, sizeof(name)), g->month, &free_usage);
		if (!r)
			r = store_usage_add(s, pool, name, g->month, delta);
	}
	if (r)
		return r;
	*ret = weir_meter_charge(g->meter, usage, free_usage, delta, NULL);
	return store_usage_add(s, g->pool, g->meter->name, g->month, delta);
}

/* The items of one group, in their order: one price difference, split by bytes. */
static int settle_group(const struct cost_batch *b, uint32_t group, struct settling *t, struct store *s)
{
	const struct weir_group *g = &b->groups.rows[group];
	uint64_t delta = 0;
	int64_t cost;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < b->count; i++)
		if (b->items[i].key.group == group) {
			t->weights[n++] = b->items[i].bytes;
			delta += b->items[i].bytes;
		}
	r = charge_group(g, delta, s, &cost);
	if (r)
		return r;
	weir_split(cost, t->weights, n, t->nanos);
	n = 0;
	for (size_t i = 0; i < b->count; i++)
		if (b->items[i].key.group == group)
			t->charges[t->n++] = charge_of(&b->items[i], g, t->nanos[n++]);
	return 0;
}

int cost_settle(struct cost_batch *b, struct store *s)
{
	weir_auto_free uint64_t *weights = calloc(b->count + 1, sizeof(*weights));
	weir_auto_free int64_t *nanos = calloc(b->count + 1, sizeof(*nanos));
	weir_auto_free struct store_charge *charges = calloc(b->count + 1, sizeof(*charges));
	struct settling t = {weights, nanos, charges, 0};
	int r = 0;

	if (!weights || !nanos || !charges)
		return -ENOMEM;
	for (size_t i = 0; i < b->count; i++)
		if (b->items[i].key.group == NO_GROUP)
			t.charges[t.n++] = charge_of(&b->items[i], NULL, 0);
	for (uint32_t g = 0; !r && g < b->groups.count; g++)
		r = settle_group(b, g, &t, s);
	return r ? r : store_charges_add(s, t.charges, t.n);
}
