/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change saved: traffic since it landed, through the network as it is and as it would be without. Mostly the
 * topology has the change by then, and `undo` takes it out: names that the change gave are found by zone and service. What
 * cannot be taken out, names having changed, is as the version before it was. When the topology still is as it was, the
 * change is taken for made, unless it has endpoints, whose addresses only the new topology knows.
 */
#include "lib/money/promise_impl.h"

struct realising {
	const struct weir_promise *p;
	const struct weir_savings_in *in;
	struct weir_topology *now, *with, *without; /* with NULL: it is now; without likewise */
	struct weir_traffic_set *since, *then;	    /* then: what it would be, NULL = since */
	struct weir_edit *undo;
	size_t undo_count;
	uint64_t first_s, last_s, landed_s;
	struct weir_err *err;
};

static void realising_fini(struct realising *x)
{
	weir_traffic_free(x->then);
	weir_traffic_free(x->since);
	weir_topology_free(x->with);
	weir_topology_free(x->without);
	weir_topology_free(x->now);
	free(x->undo);
}

static bool is(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static const struct topo_domain *domain_of(const struct realising *x, const struct weir_edit *e)
{
	return topo_domain_at(x->now, e->domain, WEIR_TOPOLOGY_LATEST);
}

/* By its name, else (unless strict) the one in its place. */
static uint32_t find_hop(const struct realising *x, const struct weir_edit *e, bool strict)
{
	const struct weir_topology *t = x->now;
	uint32_t found = TOPO_NONE;

	for (uint32_t i = 0; i < t->hop_count; i++) {
		const struct topo_hop *h = &t->hops[i];

		if (h->domain == TOPO_NONE || &t->domains[h->domain] != domain_of(x, e) || h->balancer != TOPO_NONE)
			continue;
		if (is(h->name, e->name))
			return i;
		if (!strict && is(h->zone, e->zone) && is(h->service, e->service))
			found = i;
	}
	return found;
}

static bool has_balancer(const struct realising *x, const struct weir_edit *e)
{
	for (size_t i = 0; i < x->now->balancer_count; i++)
		if (&x->now->domains[x->now->balancers[i].domain] == domain_of(x, e) && is(x->now->balancers[i].pub.name, e->name))
			return true;
	return false;
}

static bool has_route(const struct realising *x, const struct weir_edit *e)
{
	static const struct weir_addr v6 = {.b = {0x20}};
	const struct weir_topology *t = x->now;

	for (size_t i = 1; i < t->route_count; i++) {
		const struct topo_route *rt = &t->routes[i];
		const struct topo_subnet *n = &t->subnets[rt->subnet];
		bool same = *e->service ? is(rt->to_service, e->service) : !rt->to_service && !weir_prefix_cmp(&rt->to, &e->to);

		if (&t->domains[n->domain] != domain_of(x, e) || !is(n->pub.name, e->subnet) || rt->via == TOPO_VIA_NONE)
			continue;
		if (is(e->via, "egress-only")) /* of IPv6, whatever is asked of it */
			same = rt->via == TOPO_VIA_IGW && !rt->to_service && weir_prefix_covers(&rt->to, &v6);
		if (same && (e->kind == WEIR_EDIT_ROUTE_REMOVE || is(e->via, "egress-only") || is(topo_via_name(rt->via), e->via)))
			return true;
	}
	return false;
}

static bool replaced(const struct weir_promise *p, enum weir_edit_kind kind)
{
	for (size_t i = 0; i < p->edit_count; i++)
		if (p->edits[i].kind == kind)
			return true;
	return false;
}

/* Does the topology have what the edit makes? Endpoints are asked by their own addresses: no route shows them. */
static bool has(const struct realising *x, const struct weir_edit *e)
{
	switch (e->kind) {
	case WEIR_EDIT_ROUTE:
		return (is(e->via, "endpoint") && replaced(x->p, WEIR_EDIT_ENDPOINT)) || has_route(x, e);
	case WEIR_EDIT_ROUTE_REMOVE:
		return !has_route(x, e);
	case WEIR_EDIT_NAT:
	case WEIR_EDIT_ENDPOINT:
		return find_hop(x, e, false) != TOPO_NONE;
	case WEIR_EDIT_NAT_REMOVE:
	case WEIR_EDIT_ENDPOINT_REMOVE:
		return find_hop(x, e, true) == TOPO_NONE;
	case WEIR_EDIT_BALANCER_REMOVE:
		return !has_balancer(x, e);
	default:
		return true;
	}
}

static bool has_change(const struct realising *x)
{
	for (size_t i = 0; i < x->p->edit_count; i++)
		if (!has(x, &x->p->edits[i]))
			return false;
	return true;
}

static int add_undo(struct realising *x, const struct weir_edit *e)
{
	struct weir_edit *row = promise_edit(&x->undo, &x->undo_count);

	if (!row)
		return -ENOMEM;
	*row = *e;
	return 0;
}

struct addresses {
	struct realising *x;
	const struct topo_domain *d;
	uint32_t hop;
	struct weir_addr to;
};

static int readdress(const struct weir_prefix *p, uint32_t hop, void *arg)
{
	const struct addresses *a = arg;

	if (hop != a->hop)
		return 0;
	return add_undo(a->x, &(struct weir_edit){.kind = WEIR_EDIT_ADDRESS, .domain = a->d->name, .to = *p, .address = a->to});
}

/* What asks an endpoint now would ask the service's public address. */
static int undo_endpoint(struct realising *x, const struct weir_edit *e, uint32_t hop)
{
	const struct topo_domain *d = domain_of(x, e);
	struct addresses a = {.x = x, .d = d, .hop = hop};
	const char *region = d->subnet_count ? x->now->subnets[d->first_subnet].pub.region : "";

	if (!rules_public_address(x->now, e->service, region, &a.to))
		return weir_err_set(x->err, -EINVAL, "%s: the topology has no range of %s in %s", x->p->id, e->service, region);
	return weir_lpm_each(d->endpoints, readdress, &a);
}

/* Routes that were made and are not there need no removing; names are those of the topology. */
static int resolve(struct realising *x)
{
	int r = 0;

	for (size_t i = 0; i < x->p->undo_count && r == 0; i++) {
		struct weir_edit e = x->p->undo[i];
		bool gone = e.kind == WEIR_EDIT_NAT_REMOVE || e.kind == WEIR_EDIT_ENDPOINT_REMOVE;
		uint32_t hop = gone ? find_hop(x, &e, false) : TOPO_NONE;

		if (e.kind == WEIR_EDIT_ROUTE_REMOVE && !has_route(x, &e))
			continue;
		if (hop != TOPO_NONE)
			e.name = x->now->hops[hop].name;
		r = add_undo(x, &e);
		if (r == 0 && e.kind == WEIR_EDIT_ENDPOINT_REMOVE && hop != TOPO_NONE)
			r = undo_endpoint(x, &e, hop);
	}
	return r;
}

static int undo_traffic(struct realising *x)
{
	weir_auto_traffic struct weir_traffic_set *spread = NULL;
	int r = promise_spread(x->p, x->now, x->since, &spread);

	return r < 0 ? r : weir_change_traffic(x->now, spread, x->undo, x->undo_count, &x->then);
}

/* A domain of the change had another version before. */
static bool older_version(const struct realising *x)
{
	const struct weir_topology *t = x->in->topology;

	for (size_t i = 0; i < x->p->edit_count && x->landed_s; i++) {
		const struct topo_domain *then = topo_domain_at(t, x->p->edits[i].domain, x->landed_s - 1);

		if (then && then != topo_domain_at(t, x->p->edits[i].domain, WEIR_TOPOLOGY_LATEST))
			return true;
	}
	return false;
}

/* The two networks. */
static int choose_worlds(struct realising *x, bool *ret_assumed)
{
	struct weir_err why = {0};
	int r;

	*ret_assumed = !has_change(x);
	if (*ret_assumed && replaced(x->p, WEIR_EDIT_ENDPOINT))
		return weir_err_set(x->err, -EINVAL, "%s: the topology does not have the endpoint: import it as it is now", x->p->id);
	if (*ret_assumed) {
		r = weir_change_topology(x->now, x->p->edits, x->p->edit_count, &x->with, &why);
		return r < 0 ? weir_err_set(x->err, r, "%s: the topology is neither with nor without it: %.300s", x->p->id, why.text) : 0;
	}
	r = resolve(x);
	if (r == 0)
		r = weir_change_topology(x->now, x->undo, x->undo_count, &x->without, &why);
	if (r == -EINVAL && older_version(x))
		r = rules_versions_at(x->in->topology, x->landed_s - 1, &x->without, &why);
	if (r < 0)
		return weir_err_set(x->err, r, "%s: it cannot be taken out of the topology: %.300s", x->p->id, why.text);
	return undo_traffic(x);
}

static int take_since(struct realising *x, uint64_t landed_s)
{
	int r = weir_traffic_new(&x->since);

	for (size_t i = 0; i < weir_traffic_count(x->in->traffic) && r == 0; i++) {
		struct weir_traffic t;

		weir_traffic_get(x->in->traffic, i, &t);
		if (t.hour_s >= landed_s)
			r = weir_traffic_add(x->since, &t);
	}
	if (r == 0 && !weir_traffic_count(x->since))
		return weir_err_set(x->err, -ENODATA, "%s: no traffic is recorded since it landed", x->p->id);
	weir_traffic_span(x->since, &x->first_s, &x->last_s);
	return r;
}

static int cost(const struct realising *x, const struct weir_topology *t, const struct weir_traffic_set *traffic, int64_t extra,
		int64_t *ret_total, int64_t *days)
{
	weir_auto_replay struct weir_replay *replay = NULL;
	int r = weir_replay_run(t, x->in->book, traffic, x->in->before, x->in->before_count, &replay);

	if (r < 0)
		return r;
	*ret_total = weir_replay_total(replay);
	return rules_by_day(replay, traffic, x->first_s, x->last_s, extra, days);
}

/* What went and cannot be made again is in neither network, unless the topology still has it: then in one. */
static int compare(const struct realising *x, struct weir_realised *ret)
{
	size_t n = rules_days(x->first_s, x->last_s);
	weir_auto_free int64_t *with = calloc(n, sizeof(int64_t)), *without = calloc(n, sizeof(int64_t));
	int64_t hours = (int64_t)((x->last_s - x->first_s) / 3600 + 1), low, high;
	int64_t extra = (int64_t)((__int128)x->p->extra_month_nanos * hours / RULES_MONTH_H);
	int r = with && without ? cost(x, x->with ? x->with : x->now, x->since, extra, &ret->actual_nanos, with) : -ENOMEM;

	if (r == 0)
		r = cost(x, x->without ? x->without : x->now, x->then ? x->then : x->since, ret->assumed ? 0 : x->p->hour_nanos * hours,
			 &ret->without_nanos, without);
	if (r < 0)
		return r;
	ret->saved_nanos = 0;
	for (size_t i = 0; i < n; i++) {
		without[i] -= with[i];
		ret->saved_nanos += without[i];
	}
	weir_saving_interval(without, n, &low, &high);
	ret->hours = (uint64_t)hours;
	ret->month_nanos = (int64_t)((__int128)ret->saved_nanos * RULES_MONTH_H / hours);
	ret->low_nanos = (int64_t)((__int128)low * RULES_MONTH_H / hours);
	ret->high_nanos = (int64_t)((__int128)high * RULES_MONTH_H / hours);
	return 0;
}

int weir_promise_realised(const struct weir_promise *p, const struct weir_savings_in *in, uint64_t landed_s,
			  struct weir_realised *ret, struct weir_err *err)
{
	weir_cleanup(realising_fini) struct realising x = {.p = p, .in = in, .landed_s = landed_s, .err = err};
	struct weir_realised out = {0};
	int r = take_since(&x, landed_s);

	if (r == 0)
		r = rules_last_versions(in->topology, &x.now, err);
	if (r == 0)
		r = choose_worlds(&x, &out.assumed);
	if (r == 0)
		r = compare(&x, &out);
	if (r < 0)
		return weir_err_set(err, r, "%s: %s", p->id, strerror(-r));
	*ret = out;
	return 0;
}
