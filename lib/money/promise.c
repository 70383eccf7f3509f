/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a proposal: its edits, and those that undo them, by what the topology had in their place. */
#include "lib/money/promise_impl.h"

const char *promise_string(struct weir_promise *p, const char *s, int *r)
{
	char *copy, **slot;

	if (!s || !*s)
		return "";
	copy = strdup(s);
	slot = copy ? topo_grow(&p->strings, &p->string_count, sizeof(*slot)) : NULL;
	if (!slot) {
		free(copy);
		*r = -ENOMEM;
		return "";
	}
	*slot = copy;
	return copy;
}

struct weir_edit *promise_edit(struct weir_edit **list, size_t *count)
{
	return topo_grow(list, count, sizeof(**list));
}

void weir_promise_free(struct weir_promise *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->string_count; i++)
		free(p->strings[i]);
	free(p->strings);
	free(p->edits);
	free(p->undo);
	free(p->crossings);
	free(p);
}

static int add(struct weir_promise *p, struct weir_edit **list, size_t *count, const struct weir_edit *e)
{
	struct weir_edit *row = promise_edit(list, count);
	int r = row ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	*row = *e;
	row->domain = promise_string(p, e->domain, &r);
	row->subnet = promise_string(p, e->subnet, &r);
	row->name = promise_string(p, e->name, &r);
	row->zone = promise_string(p, e->zone, &r);
	row->service = promise_string(p, e->service, &r);
	row->via = promise_string(p, e->via, &r);
	row->gateway = promise_string(p, e->gateway, &r);
	row->target = promise_string(p, e->target, &r);
	row->workload_namespace = promise_string(p, e->workload_namespace, &r);
	row->workload = promise_string(p, e->workload, &r);
	row->peer_namespace = promise_string(p, e->peer_namespace, &r);
	row->peer_workload = promise_string(p, e->peer_workload, &r);
	return r;
}

struct undoing {
	const struct weir_savings *s;
	struct weir_promise *p;
	const struct topo_domain *d; /* of the edit */
	const struct weir_edit *e;
};

static int undo(struct undoing *u, const struct weir_edit *e)
{
	return add(u->p, &u->p->undo, &u->p->undo_count, e);
}

static const struct topo_subnet *subnet_of(const struct undoing *u)
{
	for (size_t i = 0; i < u->d->subnet_count; i++) {
		const struct topo_subnet *n = &u->s->now->subnets[u->d->first_subnet + i];

		if (!strcmp(n->pub.name, u->e->subnet))
			return n;
	}
	return NULL;
}

static const struct topo_route *route_there(const struct undoing *u, const struct topo_subnet *n)
{
	const struct weir_topology *t = u->s->now;

	for (size_t i = 1; i < t->route_count; i++) {
		const struct topo_route *rt = &t->routes[i];
		bool same = u->e->service && *u->e->service ? rt->to_service && !strcmp(rt->to_service, u->e->service) :
							     !rt->to_service && !weir_prefix_cmp(&rt->to, &u->e->to);

		if (same && rt->via != TOPO_VIA_NONE && &t->subnets[rt->subnet] == n)
			return rt;
	}
	return NULL;
}

static void way_of(const struct undoing *u, const struct topo_route *rt, struct weir_edit *inout)
{
	inout->kind = WEIR_EDIT_ROUTE;
	inout->via = topo_via_name(rt->via);
	inout->gateway = rt->hop != TOPO_NONE ? u->s->now->hops[rt->hop].name : rt->to_service;
	inout->target = rt->target;
}

/* IPv6 took the place of NAT: without it the service's IPv6 peers are reached as its IPv4 ones were. */
static int undo_ipv6(struct undoing *u, const struct topo_subnet *n)
{
	const struct weir_topology *t = u->s->now;
	uint32_t range = weir_lpm_find_prefix(t->range_lpm, &u->e->to);
	const struct topo_route *rt = rules_route(u->s, n, &u->e->to.addr);
	int r = 0;

	for (size_t i = 0; rt && rt->via == TOPO_VIA_NAT && range != WEIR_LPM_NONE && i < t->range_count && r == 0; i++) {
		struct weir_edit e = {.domain = u->d->name, .subnet = n->pub.name, .to = t->ranges[i].prefix};
		bool there = false;

		if (weir_addr_is_v4(&e.to.addr) || strcmp(t->ranges[i].service, t->ranges[range].service) != 0 ||
		    strcmp(t->ranges[i].region, t->ranges[range].region) != 0)
			continue;
		for (size_t k = 0; k < u->p->undo_count && !there; k++)
			there = !strcmp(u->p->undo[k].subnet, n->pub.name) && !weir_prefix_cmp(&u->p->undo[k].to, &e.to);
		way_of(u, rt, &e);
		r = there ? 0 : undo(u, &e);
	}
	return r;
}

static int undo_route(struct undoing *u)
{
	const struct topo_subnet *n = subnet_of(u);
	const struct topo_route *rt = n ? route_there(u, n) : NULL;
	struct weir_edit e = *u->e;

	if (n && u->e->via && !strcmp(u->e->via, "egress-only"))
		return undo_ipv6(u, n);
	if (rt)
		way_of(u, rt, &e);
	else
		e.kind = WEIR_EDIT_ROUTE_REMOVE;
	return n ? undo(u, &e) : 0;
}

static const struct topo_hop *hop_there(const struct undoing *u)
{
	const struct weir_topology *t = u->s->now;

	for (size_t i = 0; i < t->hop_count; i++)
		if (&t->domains[t->hops[i].domain] == u->d && t->hops[i].balancer == TOPO_NONE &&
		    !strcmp(t->hops[i].name, u->e->name))
			return &t->hops[i];
	return NULL;
}

/* An endpoint was asked by its own address; without the change all of the domain asks it by the service's. */
static int undo_removal(struct undoing *u)
{
	const struct topo_hop *h = hop_there(u);
	bool nat = u->e->kind == WEIR_EDIT_NAT_REMOVE;
	struct weir_edit e = {.kind = nat ? WEIR_EDIT_NAT : WEIR_EDIT_ENDPOINT, .domain = u->d->name, .name = u->e->name};
	int r;

	if (!h)
		return 0;
	e.zone = h->zone;
	e.service = h->service;
	r = undo(u, &e);
	if (r < 0 || nat)
		return r;
	for (size_t k = 0; k < u->p->undo_count; k++)
		if (u->p->undo[k].kind == WEIR_EDIT_ROUTE && !strcmp(u->p->undo[k].service, h->service))
			return 0;
	return undo(u, &(struct weir_edit){.kind = WEIR_EDIT_ROUTE, .domain = u->d->name, .service = h->service,
					   .via = "endpoint", .gateway = h->name});
}

static int add_crossing(struct undoing *u, const struct weir_crossing *like)
{
	struct weir_crossing *c = topo_grow(&u->p->crossings, &u->p->crossing_count, sizeof(*c));
	unsigned __int128 all = 0, crossed = 0;
	int r = c ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	c->domain = promise_string(u->p, like->domain, &r);
	c->balancer = promise_string(u->p, like->balancer, &r);
	c->workload_namespace = promise_string(u->p, like->workload_namespace, &r);
	c->workload = promise_string(u->p, like->workload, &r);
	c->peer_namespace = promise_string(u->p, like->peer_namespace, &r);
	c->peer_workload = promise_string(u->p, like->peer_workload, &r);
	for (size_t i = 0; i < u->s->row_count; i++) {
		const struct rules_row *row = &u->s->rows[i];
		bool cross;

		if (!row->subnet || !promise_crosses(c, &row->t, &row->route, &cross))
			continue;
		all += row->t.bytes;
		crossed += cross ? row->t.bytes : 0;
	}
	c->ppm = all ? (uint32_t)(crossed * 1000000 / all) : 0;
	return r;
}

static int undo_move(struct undoing *u)
{
	for (size_t i = 0; i < u->s->row_count; i++) {
		const struct rules_row *row = &u->s->rows[i];
		struct weir_edit e = *u->e;

		if (row->domain != u->d || !row->subnet || strcmp(row->t.workload, e.workload) != 0 ||
		    strcmp(row->t.namespace, e.workload_namespace) != 0)
			continue;
		e.subnet = row->subnet->pub.name;
		return undo(u, &e);
	}
	return 0;
}

static int undo_edit(struct undoing *u)
{
	const struct weir_edit *e = u->e;
	struct weir_edit back = *e;

	switch (e->kind) {
	case WEIR_EDIT_ROUTE:
	case WEIR_EDIT_ROUTE_REMOVE:
		return undo_route(u);
	case WEIR_EDIT_NAT:
	case WEIR_EDIT_ENDPOINT:
		back.kind = e->kind == WEIR_EDIT_NAT ? WEIR_EDIT_NAT_REMOVE : WEIR_EDIT_ENDPOINT_REMOVE;
		return undo(u, &back);
	case WEIR_EDIT_NAT_REMOVE:
	case WEIR_EDIT_ENDPOINT_REMOVE:
		return undo_removal(u);
	case WEIR_EDIT_BALANCER_CROSS_ZONE:
		back.on = !e->on;
		return add_crossing(u, &(struct weir_crossing){.domain = e->domain, .balancer = e->name}) ? -ENOMEM : undo(u, &back);
	case WEIR_EDIT_LOCAL:
		return add_crossing(u, &(struct weir_crossing){.domain = e->domain, .workload_namespace = e->workload_namespace,
							       .workload = e->workload, .peer_namespace = e->peer_namespace,
							       .peer_workload = e->peer_workload});
	case WEIR_EDIT_MOVE:
		return undo_move(u);
	default: /* an address asked by another one goes with its endpoint; a load balancer cannot be made again */
		return 0;
	}
}

static int undo_all(const struct weir_savings *s, const struct weir_candidate *c, struct weir_promise *p)
{
	int r = 0;

	for (size_t i = c->edit_count; i-- > 0 && r == 0;) {
		struct undoing u = {.s = s, .p = p, .e = &c->edits[i]};

		u.d = topo_domain_at(s->now, u.e->domain, WEIR_TOPOLOGY_LATEST);
		r = u.d ? undo_edit(&u) : 0;
		if (r == 0 && u.e->kind == WEIR_EDIT_BALANCER_REMOVE)
			p->hour_nanos += c->formula_nanos / (int64_t)s->hours; /* it had no bytes */
	}
	return r;
}

int weir_promise_of(const struct weir_savings *s, size_t i, uint64_t now_s, struct weir_promise **ret)
{
	weir_auto_promise struct weir_promise *p = calloc(1, sizeof(*p));
	const struct weir_proposed *m = &s->chosen[i];
	const struct weir_candidate *c = m->candidate;
	int r = 0;

	if (!p)
		return -ENOMEM;
	p->id = promise_string(p, c->id, &r);
	p->rule = promise_string(p, c->rule->id, &r);
	p->what = promise_string(p, c->what, &r);
	p->currency = promise_string(p, weir_pricebook_currency(s->in.book), &r);
	p->saved_s = now_s;
	p->from_s = s->first_s;
	p->to_s = s->last_s + 3600;
	p->month_nanos = m->month_nanos;
	p->low_nanos = m->low_nanos;
	p->high_nanos = m->high_nanos;
	p->extra_month_nanos = (int64_t)((__int128)c->extra_nanos * RULES_MONTH_H / (__int128)s->hours);
	for (size_t k = 0; k < c->edit_count && r == 0; k++)
		r = add(p, &p->edits, &p->edit_count, &c->edits[k]);
	if (r == 0)
		r = undo_all(s, c, p);
	if (r == 0)
		*ret = weir_take_ptr(p);
	return r;
}
