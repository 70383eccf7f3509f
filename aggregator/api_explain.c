/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /api/v1/cost/explain?namespace=N&workload=W&path=P&meter=M&from=T&to=T&flows=N: why a workload paid what it did. Each amount of the
 * ledger with its flows, the way they took and what decided it, the price entry, what the pool had used, and who the workload was.
 */
#include "aggregator/api.h"
#include "aggregator/explain.h"
#include "lib/base/clock.h"

#include <time.h>

#define HOUR_S 3600u
/* The aggregator does nothing else meanwhile. */
#define WORK_NS (2 * WEIR_NS_PER_S)
#define FLOWS_MAX 1000
#define REASON_MAX 512

struct question {
	const char *namespace, *workload, *meter;
	uint32_t path;
	uint64_t from_s, to_s, flows;
	struct ingest_pricing pricing;
};

/* What a pool had used; for the items of an answer. */
struct pool_use {
	uint64_t before, within;
};
struct pool_list {
	const struct explain *e;
	struct pool_use *uses; /* by item */
	bool within;
};

static int on_pool(const char *pool, const char *meter, uint32_t month, uint64_t bytes, void *arg)
{
	struct pool_list *l = arg;

	for (size_t i = 0; i < explain_items(l->e); i++) {
		const struct explain_item *it = explain_at(l->e, i);

		if (it->month == month && !strcmp(it->pool, pool) && !strcmp(it->meter, meter))
			*(l->within ? &l->uses[i].within : &l->uses[i].before) += bytes;
	}
	return 0;
}

static uint64_t month_start(uint64_t time_s)
{
	uint32_t month = weir_time_month(time_s);
	struct tm tm = {.tm_year = (int)(month / 100) - 1900, .tm_mon = (int)(month % 100) - 1, .tm_mday = 1};

	return (uint64_t)timegm(&tm);
}

static int read_pools(struct store *s, const struct question *q, struct pool_list *l)
{
	int r = query_pools(s, month_start(q->from_s), q->from_s, on_pool, l);

	l->within = true;
	return r ? r : query_pools(s, q->from_s, q->to_s, on_pool, l);
}

/* Why the way is what it is, in words. */
static void reason_text(const struct question *q, const struct explain_flow *f, char buf[REASON_MAX])
{
	struct weir_route_reason w = {0};
	struct weir_route route, answered;
	char prefix[50];
	size_t n;

	*buf = '\0';
	if (f->folded || !q->pricing.topology)
		return;
	weir_topology_route_at(q->pricing.topology, f->domain, &f->local, &f->peer, f->last_s, &route);
	if (route.front && !f->opened) {
		weir_route_answered(&route, &answered);
		route = answered;
	}
	weir_topology_reason(q->pricing.topology, f->domain, &f->local, &f->peer, f->last_s, &w);
	if (!w.local)
		n = (size_t)snprintf(buf, REASON_MAX, "no subnet of %s holds the workload's address", f->domain);
	else if (route.balancer)
		n = (size_t)snprintf(buf, REASON_MAX, "load balancer %s", route.balancer->name);
	else if (w.via[0])
		n = (size_t)snprintf(buf, REASON_MAX, "route %s via %s", w.to_service ? w.to_service : weir_prefix_text(&w.to, prefix), w.via);
	else
		n = (size_t)snprintf(buf, REASON_MAX, w.gateway[0] ? "endpoint" : w.peer ? "the network holds both addresses" : "no route fits");
	if (n < REASON_MAX && w.target[0])
		n += (size_t)snprintf(buf + n, REASON_MAX - n, " to %s", w.target);
	if (n < REASON_MAX && w.gateway[0])
		n += (size_t)snprintf(buf + n, REASON_MAX - n, " %s%s%s", w.gateway, *w.gateway_zone ? " in " : "", w.gateway_zone);
	if (n < REASON_MAX && w.local)
		n += (size_t)snprintf(buf + n, REASON_MAX - n, "; from subnet %s in %s", w.local->name, *w.local->zone ? w.local->zone : w.local->region);
	if (n < REASON_MAX && w.peer)
		snprintf(buf + n, REASON_MAX - n, " to subnet %s in %s", w.peer->name, *w.peer->zone ? w.peer->zone : w.peer->region);
}

static int put_flow(const struct question *q, const struct explain_flow *f, json_t *list)
{
	char local[46] = "", peer[46] = "", because[REASON_MAX];
	json_t *o;

	if (!f->folded) {
		weir_addr_text(&f->local, local);
		weir_addr_text(&f->peer, peer);
	}
	reason_text(q, f, because);
	o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:s,s:I,s:I,s:I,s:I}", "local", local, "peer", peer, "peer_namespace",
		      f->peer_namespace, "peer_workload", f->peer_workload, "direction", weir_dir_name(f->dir), "opened",
		      f->opened ? "local" : "peer", "port", (int)f->port, "protocol", (int)f->proto, "because", because, "first_s",
		      (json_int_t)f->first_s, "last_s", (json_int_t)f->last_s, "bytes", (json_int_t)f->bytes, "packets",
		      (json_int_t)f->packets);
	return json_array_append_new(list, o) ? -ENOMEM : api_money(o, f->nanos);
}

/* Those that are shown, and all others in one. */
static int put_flows(const struct question *q, const struct explain_item *it, json_t *o)
{
	size_t shown = WEIR_MIN(it->flow_count, (size_t)q->flows);
	json_t *list = json_array(), *others = NULL;
	int64_t nanos = it->other_nanos;
	uint64_t bytes = 0;
	int r = json_object_set_new(o, "flows", list) ? -ENOMEM : 0;

	for (size_t i = 0; !r && i < shown; i++)
		r = put_flow(q, it->flows[i], list);
	for (size_t i = shown; i < it->flow_count; i++) {
		nanos += it->flows[i]->nanos;
		bytes += it->flows[i]->bytes;
	}
	if (r || (shown == it->flow_count && !nanos))
		return r;
	others = json_pack("{s:I,s:I}", "flows", (json_int_t)(it->flow_count - shown), "bytes", (json_int_t)bytes);
	return json_object_set_new(o, "others", others) ? -ENOMEM : api_money(others, nanos);
}

static int put_price(const struct weir_meter *m, json_t *o)
{
	json_t *tiers = json_array();
	int r = tiers ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < m->tier_count; i++)
		r = json_array_append_new(tiers, json_pack("{s:I,s:I}", "from_bytes", (json_int_t)m->tiers[i].from_bytes, "nanos_per_unit",
							   (json_int_t)m->tiers[i].nanos_per_unit)) ? -ENOMEM : 0;
	if (r) {
		json_decref(tiers);
		return r;
	}
	return json_object_set_new(o, "price",
				   json_pack("{s:s,s:s,s:s,s:I,s:I,s:s,s:s,s:s,s:I,s:o}", "provider", m->provider, "region", m->region,
					     "unit", m->unit, "unit_bytes", (json_int_t)m->unit_bytes, "free_bytes",
					     (json_int_t)m->free_bytes, "layer", weir_price_layer_name(m->layer), "confidence",
					     weir_confidence_name(m->confidence), "source", m->source ? m->source : "", "valid_from_s",
					     (json_int_t)m->valid_from, "tiers", tiers)) ? -ENOMEM : 0;
}

static int put_items(const struct question *q, const struct explain *e, const struct pool_use *uses, json_t *items)
{
	int r = 0;

	for (size_t i = 0; !r && i < explain_items(e); i++) {
		const struct explain_item *it = explain_at(e, i);
		json_t *o = json_pack("{s:s,s:s,s:s,s:i,s:I}", "path", weir_path_name((enum weir_path)it->path), "meter", it->meter, "pool",
				      it->pool, "month", (int)it->month, "bytes", (json_int_t)it->bytes);

		r = json_array_append_new(items, o) ? -ENOMEM : api_money(o, it->nanos);
		if (!r && it->price)
			r = put_price(it->price, o);
		if (!r && *it->pool && !(it->price && it->price->by_hour))
			r = json_object_set_new(o, "usage", json_pack("{s:I,s:I}", "before_bytes", (json_int_t)uses[i].before, "after_bytes",
								      (json_int_t)(uses[i].before + uses[i].within))) ? -ENOMEM : 0;
		if (!r)
			r = put_flows(q, it, o);
	}
	return r;
}

static int put_held(const struct weir_addr *a, uint64_t since_s, uint64_t until_s, void *arg)
{
	char text[46];

	return json_array_append_new(arg, json_pack("{s:s,s:I,s:I}", "address", weir_addr_text(a, text), "since_s", (json_int_t)since_s,
						    "until_s", (json_int_t)until_s)) ? -ENOMEM : 0;
}

/* Those that paid; who it was then, and by what it is known. */
static int put_identities(struct store *s, const struct question *q, const struct explain *e, json_t *list)
{
	int r = 0;

	for (size_t i = 0; !r && i < explain_identities(e); i++) {
		const struct explain_identity *id = explain_identity_at(e, i);
		json_t *held = json_array();
		json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:o}", "node", id->of.node_name, "domain", id->of.domain, "kind",
				      id->of.kind, "team", id->of.team, "labels", id->of.labels, "cgroup", id->of.cgroup, "first_s",
				      (json_int_t)id->first_s, "last_s", (json_int_t)id->last_s, "addresses", held);

		if (!id->first_s) {
			json_decref(o);
			continue;
		}
		r = json_array_append_new(list, o) ? -ENOMEM : query_held(s, id->of.workload, q->from_s, q->to_s, put_held, held);
	}
	return r;
}

static int answer(struct api_call *c, const struct question *q, const struct explain *e, json_t **ret)
{
	weir_auto_free struct pool_use *uses = calloc(explain_items(e) + 1, sizeof(*uses));
	struct pool_list l = {.e = e, .uses = uses};
	api_auto_json json_t *o = json_pack("{s:s,s:s,s:s,s:I,s:I,s:{},s:[],s:[]}", "currency", api_currency(c->sv), "namespace",
					    q->namespace, "workload", q->workload, "from", (json_int_t)q->from_s, "to",
					    (json_int_t)q->to_s, "total", "identity", "items");
	int64_t nanos = 0;
	int r = uses && o ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < explain_items(e); i++)
		nanos += explain_at(e, i)->nanos;
	if (!r)
		r = read_pools(c->sv->store, q, &l);
	if (!r)
		r = put_items(q, e, uses, json_object_get(o, "items"));
	if (!r)
		r = put_identities(c->sv->store, q, e, json_object_get(o, "identity"));
	if (!r)
		r = api_money(json_object_get(o, "total"), nanos);
	if (!r)
		*ret = weir_take_ptr(o);
	return r;
}

static int run(struct api_call *c, const struct question *q, struct explain *e)
{
	uint64_t began_ns = weir_monotonic_ns();
	int r = 0;

	if (!explain_identities(e))
		return weir_err_set(&c->err, -EINVAL, "no workload %s of namespace %s was ever seen", q->workload,
				    *q->namespace ? q->namespace : "\"\"");
	for (uint64_t hour_s = q->from_s; !r && hour_s < q->to_s; hour_s += HOUR_S) {
		if (weir_monotonic_ns() - began_ns > WORK_NS)
			return weir_err_set(&c->err, -EINVAL, "this takes longer than %llu s: ask for a shorter time", WORK_NS / WEIR_NS_PER_S);
		r = explain_hour(e, hour_s);
	}
	if (r == -E2BIG)
		return weir_err_set(&c->err, -EINVAL, "too many flows or lines: ask for a shorter time, or for one path");
	explain_sort(e);
	return r ? api_store_failed(c, r) : 0;
}

static int ask(struct api_call *c, struct question *q)
{
	const struct weir_repo *repo = gitops_repo(c->sv->gitops);
	const char *path = c->param(c, "path"), *namespace = c->param(c, "namespace");
	uint64_t now_s = c->now_ns / WEIR_NS_PER_S, keep_s = c->sv->config.retain_ns[STORE_1H] / WEIR_NS_PER_S + HOUR_S;
	enum weir_path p = WEIR_PATHS;
	int r = api_u64(c, "to", now_s + 60, 1, 1ull << 40, &q->to_s);

	if (!r)
		r = api_u64(c, "from", q->to_s - WEIR_MIN(q->to_s, (uint64_t)HOUR_S), 0, q->to_s, &q->from_s);
	if (!r)
		r = api_u64(c, "flows", 5, 0, FLOWS_MAX, &q->flows);
	if (r)
		return r;
	q->to_s = WEIR_MIN((q->to_s + HOUR_S - 1) / HOUR_S * HOUR_S, now_s + 2 * HOUR_S);
	q->from_s = WEIR_MAX(q->from_s, now_s > keep_s ? now_s - keep_s : 0);
	q->from_s -= q->from_s % HOUR_S;
	q->namespace = namespace ? namespace : "";
	q->workload = c->param(c, "workload");
	q->meter = c->param(c, "meter");
	if (!q->workload)
		return weir_err_set(&c->err, -EINVAL, "workload: is needed");
	if (path && weir_path_parse(path, &p))
		return weir_err_set(&c->err, -EINVAL, "path: there is none of that name");
	q->path = (uint32_t)p;
	if (repo)
		q->pricing = (struct ingest_pricing){repo->topology, repo->prices};
	return 0;
}

int api_explain(struct api_call *c, json_t **ret)
{
	struct question q = {.workload = NULL};
	struct explain *e = NULL;
	int r = ask(c, &q);

	if (r)
		return r;
	r = explain_new(c->sv->store, &q.pricing, q.namespace, q.workload, q.path, q.meter, &e);
	if (r)
		return r == -E2BIG ? weir_err_set(&c->err, -EINVAL, "more than %u workloads of that name", EXPLAIN_IDENTITIES_MAX) :
				     api_store_failed(c, r);
	r = run(c, &q, e);
	if (!r)
		r = answer(c, &q, e, ret);
	explain_free(e);
	return r;
}
