/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/alloc_ledger.h"

#include "aggregator/query_charges.h"
#include "aggregator/query_traffic.h"
#include "lib/ds/map.h"

#define HOUR_S 3600u
#define KEY_MAX 16384
#define METERS_MAX 64 /* names of one hour; behind them, any flow of the path stands for the meter */
#define NONE UINT32_MAX

struct flow {
	uint64_t bytes, meters; /* bit per name */
	uint32_t next;		/* of the same workload and path */
};

struct hour {
	struct weir_alloc *alloc;
	const struct ingest_pricing *pricing;
	const struct alloc_tags *tags;
	struct weir_map *first; /* number of a flow plus one, by workload and path */
	struct flow *flows;
	size_t count, cap;
	const char *names[METERS_MAX]; /* of the price book */
	size_t name_count;
	uint32_t *picked; /* flows of a row of the ledger, and what they get */
	uint64_t *weights;
	int64_t *nanos, *once;
	size_t picked_cap;
};

static void hour_fini(struct hour *h)
{
	weir_alloc_free(h->alloc);
	if (h->first)
		weir_map_free(h->first, NULL);
	free(h->flows);
	free(h->picked);
	free(h->weights);
	free(h->nanos);
	free(h->once);
}

int alloc_meters(const struct ingest_pricing *pricing, const struct weir_traffic *t, struct weir_route *ret_route,
		 const struct weir_meter *ret[WEIR_MAX_METERS])
{
	struct weir_route answered;
	int n;

	*ret_route = (struct weir_route){.service = "", .region = "", .zone = "", .peer_domain = t->domain};
	if (t->folded || !pricing->topology)
		return 0;
	weir_topology_route_at(pricing->topology, t->domain, &t->local, &t->peer, t->hour_s, ret_route);
	if (ret_route->front && !t->opened) {
		weir_route_answered(ret_route, &answered);
		*ret_route = answered;
	}
	n = pricing->prices ? weir_pricebook_meters(pricing->prices, ret_route, t->dir, t->hour_s, ret) : 0;
	return n > 0 ? n : 0;
}

static uint64_t bit_of(struct hour *h, const char *name, bool add)
{
	for (size_t i = 0; i < h->name_count; i++)
		if (!strcmp(h->names[i], name))
			return 1ull << i;
	if (!add || h->name_count == METERS_MAX)
		return 0;
	h->names[h->name_count++] = name;
	return 1ull << (h->name_count - 1);
}

/* Who moved it, and by which path: the same for a flow and for the ledger's row. 0 = longer than any. */
static size_t key_of(char key[KEY_MAX], const char *node, const char *domain, const char *namespace, const char *workload,
		     const char *kind, const char *labels, uint32_t path)
{
	const char *const texts[] = {node, domain, namespace, workload, kind, labels};
	size_t len = 0;

	key[len++] = (char)path;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++) {
		size_t size = strlen(texts[i]) + 1;

		if (size > KEY_MAX - len)
			return 0;
		memcpy(key + len, texts[i], size);
		len += size;
	}
	return len;
}

static int grow(struct hour *h)
{
	size_t want = h->cap ? 2 * h->cap : 256;
	void *p;

	if (h->count < h->cap)
		return 0;
	p = reallocarray(h->flows, want, sizeof(*h->flows));
	if (!p)
		return -ENOMEM;
	h->flows = p;
	h->cap = want;
	return 0;
}

static int add_flow(struct hour *h, const struct weir_traffic *t, const char *resource, uint64_t meters)
{
	char key[KEY_MAX];
	size_t len = key_of(key, t->node, t->domain, t->namespace, t->workload, t->kind, t->labels, t->path);
	void *old = NULL;
	int r = len ? grow(h) : -E2BIG;

	if (!r)
		r = weir_alloc_row(h->alloc, t, resource);
	if (!r)
		r = weir_map_put(h->first, key, len, (void *)(uintptr_t)(h->count + 1), &old);
	if (r)
		return r;
	h->flows[h->count++] = (struct flow){t->bytes, meters, old ? (uint32_t)((uintptr_t)old - 1) : NONE};
	return 0;
}

static int on_flow(const struct weir_traffic *t, void *arg)
{
	const struct weir_meter *meters[WEIR_MAX_METERS];
	struct hour *h = arg;
	struct weir_route route;
	uint64_t bits = 0;
	int n = alloc_meters(h->pricing, t, &route, meters);

	for (int i = 0; i < n; i++)
		bits |= bit_of(h, meters[i]->name, true);
	return add_flow(h, t, h->pricing->topology ? weir_alloc_resource(h->pricing->topology, t) : "", bits);
}

static int widen(void *array_p, size_t n, size_t size)
{
	void *p;

	memcpy(&p, array_p, sizeof(p));
	p = reallocarray(p, n, size);
	if (!p)
		return -ENOMEM;
	memcpy(array_p, &p, sizeof(p));
	return 0;
}

static int make_room(struct hour *h, size_t n)
{
	size_t want = WEIR_MAX(2 * h->picked_cap, WEIR_MAX(n, (size_t)64));

	if (n <= h->picked_cap)
		return 0;
	if (widen(&h->picked, want, sizeof(*h->picked)) || widen(&h->weights, want, sizeof(*h->weights)) ||
	    widen(&h->nanos, want, sizeof(*h->nanos)) || widen(&h->once, want, sizeof(*h->once)))
		return -ENOMEM;
	h->picked_cap = want;
	return 0;
}

/* Flows of a list that pass the meter; all of them when none is known to. */
static int pick(struct hour *h, uint32_t first, uint64_t meter, size_t *ret_n)
{
	size_t n = 0, all = 0;

	for (uint32_t i = first; i != NONE; i = h->flows[i].next) {
		n += meter && (h->flows[i].meters & meter);
		all++;
	}
	if (make_room(h, all))
		return -ENOMEM;
	*ret_n = n ? n : all;
	meter = n ? meter : 0;
	n = 0;
	for (uint32_t i = first; i != NONE; i = h->flows[i].next)
		if (!meter || (h->flows[i].meters & meter)) {
			h->picked[n] = i;
			h->weights[n++] = h->flows[i].bytes;
		}
	return 0;
}

/* What no flow is there for: its own, with nobody on the other side. */
static int add_own(struct hour *h, const struct query_charge *q)
{
	const struct weir_traffic t = {.hour_s = q->hour_s, .domain = q->domain, .folded = true, .path = (enum weir_path)q->path,
				       .dir = WEIR_EGRESS, .opened = true, .node = q->node, .namespace = q->namespace,
				       .workload = q->workload, .kind = q->kind, .team = q->team, .labels = q->labels,
				       .peer_namespace = "", .peer_workload = "", .peer_team = ""};

	return add_flow(h, &t, "", 0);
}

/* By what they have of a row's bytes: its own, or those that it moved. */
static int charge(struct hour *h, const struct query_charge *q, uint32_t tag, size_t n)
{
	int r = 0;

	weir_split(q->nanos, h->weights, n, h->nanos);
	weir_split((int64_t)(tag ? q->bytes : q->once), h->weights, n, h->once);
	for (size_t i = 0; !r && i < n; i++)
		if (tag)
			r = weir_alloc_charge_as(h->alloc, tag, h->picked[i], h->nanos[i], (uint64_t)h->once[i]);
		else
			weir_alloc_charge(h->alloc, h->picked[i], h->nanos[i], (uint64_t)h->once[i]);
	return r;
}

static int on_charge(const struct query_charge *q, void *arg)
{
	struct hour *h = arg;
	char key[KEY_MAX];
	size_t n = 0, len = key_of(key, q->node, q->domain, q->namespace, q->workload, q->kind, q->labels, q->path);
	uintptr_t at = len ? (uintptr_t)weir_map_find(h->first, key, len) : 0;
	uint32_t tag = h->tags ? h->tags->of(q, h->tags->arg) : 0;
	int r = 0;

	if (h->tags && !tag)
		return -E2BIG;
	if (!strcmp(q->kind, STORE_RESOURCE))
		return weir_alloc_hour_as(h->alloc, tag, q->hour_s, q->namespace, q->workload, q->team, q->nanos);
	if (!at) {
		r = add_own(h, q);
		at = h->count;
	}
	if (!r)
		r = pick(h, (uint32_t)at - 1, bit_of(h, q->meter, false), &n);
	return r ? r : charge(h, q, tag, n);
}

int alloc_ledger_hour(struct store *s, const struct ingest_pricing *pricing, const struct weir_allocation *rules,
		      enum weir_payer payer, uint64_t hour_s, const struct alloc_tags *tags, struct weir_alloc **ret,
		      uint32_t *ret_rows)
{
	weir_cleanup(hour_fini) struct hour h = {.pricing = pricing, .tags = tags};
	struct query_traffic_key last;
	int r = weir_alloc_new(rules, payer, &h.alloc);

	if (!r)
		r = weir_map_new(&h.first);
	if (!r)
		r = query_traffic(s, hour_s, hour_s + HOUR_S, NULL, ALLOC_HOUR_ROWS, on_flow, &h, &last, ret_rows);
	if (!r && *ret_rows == ALLOC_HOUR_ROWS)
		r = -E2BIG;
	if (!r)
		r = query_charges(s, hour_s, hour_s + HOUR_S, on_charge, &h);
	if (!r)
		r = weir_alloc_settle(h.alloc);
	if (!r)
		*ret = weir_take_ptr(h.alloc);
	return r;
}
