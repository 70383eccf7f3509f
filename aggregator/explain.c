/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/explain.h"

#include "aggregator/alloc_ledger.h"
#include "lib/ds/map.h"

#define HOUR_S 3600u
#define HOUR_FLOWS_MAX 262144u /* of one workload in one hour, some 250 bytes each */

struct moved { /* a flow of the hour that is being read */
	struct weir_traffic t;
	const struct weir_meter *meters[WEIR_MAX_METERS];
	int n;
};

struct explain {
	struct store *s;
	const struct ingest_pricing *pricing;
	const char *namespace, *workload, *meter;
	uint32_t path;
	struct weir_map *texts, *item_ids, *flow_ids; /* numbers plus one; flows */
	struct explain_item *items;
	size_t item_count, item_cap;
	struct explain_identity *identities;
	size_t identity_count, identity_cap;
	struct explain_identity *now; /* whose hour is being read */
	struct moved *moved;
	size_t moved_count, moved_cap;
	uint64_t *weights;
	size_t *picked;
	int64_t *nanos;
	size_t room;
};

static const char *kept(struct explain *e, const char *text)
{
	char *copy = weir_map_find(e->texts, text, strlen(text) + 1);

	if (copy)
		return copy;
	copy = strdup(text);
	if (copy && weir_map_put(e->texts, text, strlen(text) + 1, copy, NULL)) {
		free(copy);
		return NULL;
	}
	return copy;
}

/* One more zeroed row of an array. */
static int more(void *array_p, size_t *count, size_t *cap, size_t size, size_t max)
{
	size_t want = *cap ? 2 * *cap : 16;
	char *p;

	memcpy(&p, array_p, sizeof(p));
	if (*count == max)
		return -E2BIG;
	if (*count == *cap) {
		p = reallocarray(p, want, size);
		if (!p)
			return -ENOMEM;
		memcpy(array_p, &p, sizeof(p));
		*cap = want;
	}
	memset(p + *count * size, 0, size);
	++*count;
	return 0;
}

static int on_identity(const struct query_identity_of *i, void *arg)
{
	struct explain *e = arg;
	struct query_identity_of *of;
	int r = more(&e->identities, &e->identity_count, &e->identity_cap, sizeof(*e->identities), EXPLAIN_IDENTITIES_MAX);

	if (r)
		return r;
	of = &e->identities[e->identity_count - 1].of;
	*of = (struct query_identity_of){i->workload, i->node, kept(e, i->node_name), kept(e, i->domain), kept(e, i->kind),
					 kept(e, i->team), kept(e, i->labels), kept(e, i->cgroup)};
	return of->node_name && of->domain && of->kind && of->team && of->labels && of->cgroup ? 0 : -ENOMEM;
}

int explain_new(struct store *s, const struct ingest_pricing *pricing, const char *namespace, const char *workload,
		uint32_t path, const char *meter, struct explain **ret)
{
	struct explain *e = calloc(1, sizeof(*e));
	int r = e ? 0 : -ENOMEM;

	if (r)
		return r;
	*e = (struct explain){.s = s, .pricing = pricing, .namespace = namespace, .workload = workload, .path = path, .meter = meter};
	if (weir_map_new(&e->texts) || weir_map_new(&e->item_ids) || weir_map_new(&e->flow_ids))
		r = -ENOMEM;
	if (!r)
		r = query_identities(s, namespace, workload, on_identity, e);
	if (r) {
		explain_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

void explain_free(struct explain *e)
{
	if (!e)
		return;
	if (e->texts)
		weir_map_free(e->texts, free);
	if (e->item_ids)
		weir_map_free(e->item_ids, NULL);
	if (e->flow_ids)
		weir_map_free(e->flow_ids, free);
	for (size_t i = 0; i < e->item_count; i++)
		free(e->items[i].flows);
	free(e->items);
	free(e->identities);
	free(e->moved);
	free(e->weights);
	free(e->picked);
	free(e->nanos);
	free(e);
}

static int on_flow(const struct weir_traffic *t, void *arg)
{
	struct explain *e = arg;
	struct weir_route route;
	struct moved *m;
	int r = more(&e->moved, &e->moved_count, &e->moved_cap, sizeof(*e->moved), HOUR_FLOWS_MAX);

	if (r)
		return r;
	m = &e->moved[e->moved_count - 1];
	m->t = *t;
	m->t.peer_namespace = kept(e, t->peer_namespace);
	m->t.peer_workload = kept(e, t->peer_workload);
	m->n = alloc_meters(e->pricing, t, &route, m->meters);
	return m->t.peer_namespace && m->t.peer_workload ? 0 : -ENOMEM;
}

static const struct weir_meter *passes(const struct moved *m, const char *meter)
{
	for (int i = 0; i < m->n; i++)
		if (!strcmp(m->meters[i]->name, meter))
			return m->meters[i];
	return NULL;
}

static int make_room(struct explain *e, size_t n)
{
	if (n <= e->room)
		return 0;
	free(e->weights);
	free(e->picked);
	free(e->nanos);
	e->room = 0;
	e->weights = calloc(n, sizeof(*e->weights));
	e->picked = calloc(n, sizeof(*e->picked));
	e->nanos = calloc(n, sizeof(*e->nanos));
	if (!e->weights || !e->picked || !e->nanos)
		return -ENOMEM;
	e->room = n;
	return 0;
}

/* Flows of the path that pass the meter; all of the path when none is known to. */
static int pick(struct explain *e, const struct query_charge *q, size_t *ret_n, const struct weir_meter **ret_price)
{
	size_t n = 0;
	int r = make_room(e, e->moved_count + 1);

	for (size_t i = 0; !r && i < e->moved_count; i++) {
		const struct weir_meter *m = e->moved[i].t.path == q->path ? passes(&e->moved[i], q->meter) : NULL;

		if (!m)
			continue;
		*ret_price = m;
		e->picked[n++] = i;
	}
	for (size_t i = 0; !r && !*ret_price && i < e->moved_count; i++)
		if (e->moved[i].t.path == q->path)
			e->picked[n++] = i;
	for (size_t i = 0; !r && i < n; i++)
		e->weights[i] = e->moved[e->picked[i]].t.bytes;
	*ret_n = n;
	return r;
}

struct resource_search {
	const struct query_charge *q;
	const char *domain, *name;
	const struct weir_meter *found;
};

static int same_resource(const struct weir_resource *r, void *arg)
{
	struct resource_search *s = arg;

	if (!strcmp(r->domain, s->domain) && !strcmp(r->name, s->name) && r->meter && !strcmp(r->meter->name, s->q->meter))
		s->found = r->meter;
	return 0;
}

/* The price of an hour of what stands in that domain. */
static const struct weir_meter *resource_price(const struct explain *e, const struct query_charge *q)
{
	struct resource_search s = {.q = q, .domain = e->namespace, .name = e->workload};

	if (e->pricing->topology && e->pricing->prices)
		weir_resource_each(e->pricing->topology, e->pricing->prices, q->hour_s, same_resource, &s);
	return s.found;
}

static int item_of(struct explain *e, const struct query_charge *q, const struct weir_meter *price, size_t *ret)
{
	char key[512];
	int r = 0, len = snprintf(key, sizeof(key), "%u %u %p %s\n%s", q->path, q->month, (const void *)price, q->meter, q->pool);
	uintptr_t at = len < (int)sizeof(key) ? (uintptr_t)weir_map_find(e->item_ids, key, (size_t)len) : 0;

	if (at) {
		*ret = at - 1;
		return 0;
	}
	r = len < (int)sizeof(key) ? more(&e->items, &e->item_count, &e->item_cap, sizeof(*e->items), EXPLAIN_ITEMS_MAX) : -E2BIG;
	if (!r)
		r = weir_map_put(e->item_ids, key, (size_t)len, (void *)(uintptr_t)e->item_count, NULL);
	if (r)
		return r;
	*ret = e->item_count - 1;
	e->items[*ret] = (struct explain_item){.path = q->path, .month = q->month, .meter = kept(e, q->meter), .pool = kept(e, q->pool),
					       .price = price};
	return e->items[*ret].meter && e->items[*ret].pool ? 0 : -ENOMEM;
}

/* The flow of an item, however many hours it took; NULL: there are too many, or no memory (*ret_r). */
static struct explain_flow *flow_of(struct explain *e, size_t item, const struct weir_traffic *t, int *ret_r)
{
	struct {
		uint64_t item;
		struct weir_addr local, peer;
		uint8_t dir, proto, opened, folded, port[2], zero[2];
	} key = {.item = item, .dir = t->dir, .proto = t->proto, .opened = t->opened, .folded = t->folded,
		 .port = {(uint8_t)(t->port >> 8), (uint8_t)t->port}};
	struct explain_item *it = &e->items[item];
	struct explain_flow *f;

	_Static_assert(sizeof(key) == 16 + 2 * sizeof(struct weir_addr), "no padding");
	*ret_r = 0;
	if (!t->folded) {
		key.local = t->local;
		key.peer = t->peer;
	}
	f = weir_map_find(e->flow_ids, &key, sizeof(key));
	if (f || weir_map_count(e->flow_ids) == EXPLAIN_FLOWS_MAX)
		return f;
	*ret_r = more(&it->flows, &it->flow_count, &it->flow_cap, sizeof(struct explain_flow *), EXPLAIN_FLOWS_MAX);
	f = *ret_r ? NULL : calloc(1, sizeof(*f));
	if (!*ret_r && (!f || weir_map_put(e->flow_ids, &key, sizeof(key), f, NULL))) {
		it->flow_count--;
		free(f);
		*ret_r = -ENOMEM;
	}
	if (*ret_r)
		return NULL;
	*f = (struct explain_flow){.local = key.local, .peer = key.peer, .folded = t->folded, .opened = t->opened, .dir = t->dir,
				   .proto = t->proto, .port = t->port, .domain = e->now->of.domain, .first_s = t->hour_s};
	it->flows[it->flow_count - 1] = f;
	return f;
}

static int add_flow(struct explain *e, size_t item, const struct weir_traffic *t, int64_t nanos)
{
	int r;
	struct explain_flow *f = flow_of(e, item, t, &r);

	if (!f) {
		e->items[item].other_nanos += nanos;
		return r;
	}
	f->last_s = t->hour_s;
	f->peer_namespace = t->peer_namespace;
	f->peer_workload = t->peer_workload;
	f->bytes += t->bytes;
	f->packets += t->packets;
	f->nanos += nanos;
	return 0;
}

static int on_charge(const struct query_charge *q, void *arg)
{
	struct explain *e = arg;
	const struct weir_meter *price = NULL;
	size_t n = 0, item;
	int r = 0;

	if ((e->path != WEIR_PATHS && q->path != e->path) || (e->meter && strcmp(e->meter, q->meter) != 0))
		return 0;
	if (!strcmp(q->kind, STORE_RESOURCE))
		price = resource_price(e, q);
	else
		r = pick(e, q, &n, &price);
	if (!r)
		r = item_of(e, q, price, &item);
	if (r)
		return r;
	e->items[item].bytes += q->bytes;
	e->items[item].nanos += q->nanos;
	if (!n)
		e->items[item].other_nanos += q->nanos;
	else
		weir_split(q->nanos, e->weights, n, e->nanos);
	for (size_t i = 0; !r && i < n; i++)
		r = add_flow(e, item, &e->moved[e->picked[i]].t, e->nanos[i]);
	e->now->first_s = e->now->first_s ? e->now->first_s : q->hour_s;
	e->now->last_s = q->hour_s;
	return r;
}

int explain_hour(struct explain *e, uint64_t hour_s)
{
	int r = 0;

	for (size_t i = 0; !r && i < e->identity_count; i++) {
		e->now = &e->identities[i];
		e->moved_count = 0;
		r = query_hour_flows(e->s, &e->now->of, hour_s, on_flow, e);
		if (!r)
			r = query_hour_charges(e->s, &e->now->of, hour_s, on_charge, e);
	}
	return r;
}

static int flow_by_cost(const void *a, const void *b)
{
	const struct explain_flow *const *x = a, *const *y = b;

	if ((*x)->nanos != (*y)->nanos)
		return (*x)->nanos < (*y)->nanos ? 1 : -1;
	return (*x)->bytes != (*y)->bytes ? ((*x)->bytes < (*y)->bytes ? 1 : -1) : memcmp(&(*x)->peer, &(*y)->peer, sizeof((*x)->peer));
}

static int item_by_cost(const void *a, const void *b)
{
	const struct explain_item *x = a, *y = b;

	if (x->nanos != y->nanos)
		return x->nanos < y->nanos ? 1 : -1;
	return x->path != y->path ? (int)x->path - (int)y->path : strcmp(x->meter, y->meter);
}

void explain_sort(struct explain *e)
{
	for (size_t i = 0; i < e->item_count; i++)
		if (e->items[i].flow_count)
			qsort(e->items[i].flows, e->items[i].flow_count, sizeof(*e->items[i].flows), flow_by_cost);
	if (e->item_count)
		qsort(e->items, e->item_count, sizeof(*e->items), item_by_cost);
}

size_t explain_items(const struct explain *e)
{
	return e->item_count;
}

const struct explain_item *explain_at(const struct explain *e, size_t i)
{
	return &e->items[i];
}

size_t explain_identities(const struct explain *e)
{
	return e->identity_count;
}

const struct explain_identity *explain_identity_at(const struct explain *e, size_t i)
{
	return &e->identities[i];
}
