/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row's route and meters are found as the ledger finds them, with the row's hour as the time. Charges are collected
 * first, each with its group (charge.h); then groups are priced, those of one pool one after the other, and each group's
 * price is split over its charges.
 */
#include "lib/money/replay.h"

#include "lib/ds/map.h"
#include "lib/money/charge.h"
#include "lib/money/replay_impl.h"
#include "lib/money/resource.h"

#define NO_GROUP UINT32_MAX

struct collecting {
	const struct weir_topology *t;
	const struct weir_pricebook *b;
	const struct weir_traffic_set *s;
	struct weir_groups groups;
	struct weir_replay *r;
	uint32_t *group_of; /* of each charge */
	size_t cap;
	struct weir_map *seen; /* (domain, address, hour) of which an agent has a row; NULL: no flow log is in the set */
};

static int charge_add(struct collecting *c, const struct weir_replay_charge *charge, uint32_t group)
{
	struct weir_replay *r = c->r;
	size_t cap = c->cap ? 2 * c->cap : 256;
	struct weir_replay_charge *rows;
	uint32_t *group_of;

	if (r->count == WEIR_REPLAY_MAX)
		return -E2BIG;
	if (r->count == c->cap) {
		rows = reallocarray(r->rows, cap, sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		r->rows = rows;
		group_of = reallocarray(c->group_of, cap, sizeof(*group_of));
		if (!group_of)
			return -ENOMEM;
		c->group_of = group_of;
		c->cap = cap;
	}
	c->group_of[r->count] = group;
	r->rows[r->count++] = *charge;
	return 0;
}

/* As aggregator/cost.c: all legs are priced, or the byte is unpriced; without a leg nothing charges. */
static int charge_row(struct collecting *c, size_t row, const struct weir_traffic *t, const struct weir_route *route)
{
	const char *account = weir_route_account(route);
	struct weir_route_leg legs[WEIR_MAX_LEGS];
	struct weir_replay_charge charge = {.row = row, .path = route->path, .leg = WEIR_LEG_TRANSFER, .bytes = t->bytes,
					    .once = true, .pool = "", .month = weir_groups_month(&c->groups, t->hour_s)};
	int n = weir_pricebook_priced(c->b, route, t->dir, t->hour_s, legs), r = 0;

	if (n < 0 && n != -ENOENT)
		return n;
	if (n <= 0) {
		charge.free = n == 0;
		return charge_add(c, &charge, NO_GROUP);
	}
	for (int i = 0; !r && i < n; i++) {
		uint32_t group;

		charge.meter = legs[i].meter;
		charge.leg = legs[i].leg;
		charge.once = i == 0;
		r = weir_groups_find(&c->groups, legs[i].meter, account, t->hour_s, &group);
		if (!r)
			r = charge_add(c, &charge, group);
	}
	return r;
}

static void route_of(const struct weir_topology *topology, const struct weir_traffic *t, struct weir_route *ret)
{
	struct weir_route r;

	*ret = (struct weir_route){.path = t->path, .service = "", .region = "", .zone = "", .peer_domain = ""};
	if (t->folded)
		return;
	weir_topology_route_at(topology, t->domain, &t->local, &t->peer, t->hour_s, &r);
	if (r.front && !t->opened)
		weir_route_answered(&r, ret);
	else
		*ret = r;
}

static int collect_rows(struct collecting *c)
{
	size_t n = weir_traffic_count(c->s);
	int r = replay_seen_new(c->s, &c->seen);

	for (size_t i = 0; i < n && !r; i++) {
		struct weir_traffic t;
		struct weir_route route;

		weir_traffic_get(c->s, i, &t);
		if (replay_seen(c->seen, &t))
			continue;
		route_of(c->t, &t, &route);
		r = charge_row(c, i, &t, &route);
	}
	return r;
}

/* Within one month, and between two changes. */
struct span {
	struct collecting *c;
	uint64_t from_s, to_s;
};

static int charge_resource(const struct weir_resource *res, void *arg)
{
	const struct span *span = arg;
	struct collecting *c = span->c;
	struct weir_replay_charge charge = {
		.row = WEIR_REPLAY_RESOURCE, .path = res->path, .leg = WEIR_LEGS, .meter = res->meter, .resource = res->name,
		.resource_domain = res->domain, .resource_meter = res->meter_name, .pool = "",
		.month = weir_groups_month(&c->groups, span->from_s), .bytes = (span->to_s - span->from_s) * res->count,
	};
	uint32_t group = NO_GROUP;
	int r = res->meter ? weir_groups_find(&c->groups, res->meter, res->account, span->from_s, &group) : 0;

	return r ? r : charge_add(c, &charge, group);
}

static int collect_resources(struct collecting *c)
{
	uint64_t first_s, last_s;
	struct span span = {.c = c};
	int r = 0;

	weir_traffic_span(c->s, &first_s, &last_s);
	if (!weir_traffic_count(c->s))
		return 0;
	for (span.from_s = first_s; span.from_s < last_s + 3600 && !r; span.from_s = span.to_s) {
		span.to_s = WEIR_MIN(replay_month_end(span.from_s), weir_resource_until(c->t, c->b, span.from_s));
		span.to_s = WEIR_MIN(span.to_s, last_s + 3600);
		r = weir_resource_each(c->t, c->b, span.from_s, charge_resource, &span);
	}
	return r;
}

/* Charges by their group: offsets[g] to offsets[g + 1] of order. */
static int sort_charges(const struct collecting *c, size_t **ret_offsets, size_t **ret_order)
{
	weir_auto_free size_t *offsets = calloc(c->groups.count + 2, sizeof(*offsets));
	weir_auto_free size_t *order = calloc(c->r->count + 1, sizeof(*order));

	if (!offsets || !order)
		return -ENOMEM;
	for (size_t i = 0; i < c->r->count; i++)
		if (c->group_of[i] != NO_GROUP)
			offsets[c->group_of[i] + 2]++;
	for (size_t g = 2; g < c->groups.count + 2; g++)
		offsets[g] += offsets[g - 1];
	for (size_t i = 0; i < c->r->count; i++)
		if (c->group_of[i] != NO_GROUP)
			order[offsets[c->group_of[i] + 1]++] = i;
	*ret_offsets = weir_take_ptr(offsets);
	*ret_order = weir_take_ptr(order);
	return 0;
}

static int sum_groups(const struct collecting *c, struct replay_group *groups)
{
	for (size_t i = 0; i < c->r->count; i++) {
		struct replay_group *g = c->group_of[i] == NO_GROUP ? NULL : &groups[c->group_of[i]];

		if (g && (__builtin_add_overflow(g->bytes, c->r->rows[i].bytes, &g->bytes) || g->bytes > REPLAY_BYTES_MAX))
			return -ERANGE;
	}
	for (size_t g = 0; g < c->groups.count; g++)
		groups[g].group = &c->groups.rows[g];
	return 0;
}

static int split_groups(struct collecting *c, const struct replay_group *groups)
{
	weir_auto_free size_t *offsets = NULL, *order = NULL;
	weir_auto_free uint64_t *weights = calloc(c->r->count + 1, sizeof(*weights));
	weir_auto_free int64_t *nanos = calloc(c->r->count + 1, sizeof(*nanos));
	int r = weights && nanos ? sort_charges(c, &offsets, &order) : -ENOMEM;

	for (size_t g = 0; g < c->groups.count && !r; g++) {
		size_t n = offsets[g + 1] - offsets[g];
		const size_t *of = &order[offsets[g]];

		for (size_t i = 0; i < n; i++)
			weights[i] = c->r->rows[of[i]].bytes;
		weir_split(groups[g].nanos, weights, n, nanos);
		for (size_t i = 0; i < n; i++) {
			c->r->rows[of[i]].nanos = nanos[i];
			c->r->rows[of[i]].pool = c->r->groups.rows[g].pool;
		}
	}
	return r;
}

static int settle(struct collecting *c, const struct weir_replay_usage *before, size_t before_count)
{
	weir_auto_free struct replay_group *groups = calloc(c->groups.count + 1, sizeof(*groups));
	int r = groups ? sum_groups(c, groups) : -ENOMEM;

	if (!r)
		r = replay_price(groups, c->groups.count, before, before_count);
	for (size_t g = 0; g < c->groups.count && !r; g++)
		if (__builtin_add_overflow(c->r->total, groups[g].nanos, &c->r->total))
			r = -ERANGE;
	c->r->groups = c->groups;
	return r ? r : split_groups(c, groups);
}

int weir_replay_run(const struct weir_topology *t, const struct weir_pricebook *b, const struct weir_traffic_set *s,
		    const struct weir_replay_usage *before, size_t before_count, struct weir_replay **ret)
{
	weir_auto_replay struct weir_replay *r = calloc(1, sizeof(*r));
	struct collecting c = {.t = t, .b = b, .s = s, .r = r};
	int err = r ? collect_rows(&c) : -ENOMEM;

	if (!err)
		err = collect_resources(&c);
	if (!err)
		err = settle(&c, before, before_count);
	else
		weir_groups_fini(&c.groups);
	weir_map_free(c.seen, NULL);
	free(c.group_of);
	if (!err)
		*ret = weir_take_ptr(r);
	return err;
}

void weir_replay_free(struct weir_replay *r)
{
	if (!r)
		return;
	weir_groups_fini(&r->groups);
	free(r->rows);
	free(r);
}

size_t weir_replay_count(const struct weir_replay *r)
{
	return r->count;
}

const struct weir_replay_charge *weir_replay_at(const struct weir_replay *r, size_t i)
{
	return &r->rows[i];
}

int64_t weir_replay_total(const struct weir_replay *r)
{
	return r->total;
}
