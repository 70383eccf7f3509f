/* SPDX-License-Identifier: Apache-2.0 */
/* What a change keeps inside a zone crosses it again, as much of it as before. */
#include "lib/money/promise_impl.h"

static bool is_pair(const struct weir_crossing *c, const struct weir_traffic *t)
{
	return (!strcmp(c->workload, t->workload) && !strcmp(c->workload_namespace, t->namespace) &&
		!strcmp(c->peer_workload, t->peer_workload) && !strcmp(c->peer_namespace, t->peer_namespace)) ||
	       (!strcmp(c->workload, t->peer_workload) && !strcmp(c->workload_namespace, t->peer_namespace) &&
		!strcmp(c->peer_workload, t->workload) && !strcmp(c->peer_namespace, t->namespace));
}

bool promise_crosses(const struct weir_crossing *c, const struct weir_traffic *t, const struct weir_route *r, bool *ret_cross)
{
	if (t->folded || strcmp(c->domain, t->domain) != 0)
		return false;
	if (*c->balancer) {
		*ret_cross = r->cross_zone_hop;
		return r->path == WEIR_PATH_LB && r->behind && !strcmp(r->balancer->name, c->balancer);
	}
	*ret_cross = r->path == WEIR_PATH_CROSS_ZONE;
	return (*ret_cross || r->path == WEIR_PATH_SAME_ZONE) && is_pair(c, t);
}

struct spread {
	const struct weir_topology *t;
	const struct weir_crossing *c;
	unsigned __int128 all, crossed;
};

static void route_of(const struct spread *x, const struct weir_traffic *t, struct weir_route *ret)
{
	struct weir_route r;

	weir_topology_route(x->t, t->domain, &t->local, &t->peer, &r);
	weir_route_answered(&r, ret);
	if (t->opened)
		*ret = r;
}

struct far {
	const struct weir_topology *t;
	const char *zone, *region;
	struct weir_prefix found;
	bool v4, is_found;
};

static int find_far(const struct weir_prefix *p, uint32_t subnet, void *arg)
{
	struct far *f = arg;
	const struct weir_subnet *s = &f->t->subnets[subnet].pub;

	if (f->is_found || weir_addr_is_v4(&p->addr) != f->v4 || p->len > 126 || strcmp(s->region, f->region) != 0 ||
	    !strcmp(s->zone, f->zone) || !*s->zone)
		return 0;
	f->found = *p;
	f->is_found = true;
	return 0;
}

/* An address of another zone: of a node of the load balancer, or of a subnet. */
static bool far_address(const struct spread *x, const struct weir_traffic *t, const struct weir_route *r, struct weir_addr *ret)
{
	const struct topo_domain *d = topo_domain_at(x->t, t->domain, WEIR_TOPOLOGY_LATEST);
	struct far f = {.t = x->t, .zone = r->local->zone, .region = r->local->region, .v4 = weir_addr_is_v4(&t->peer)};

	for (size_t i = 0; *x->c->balancer && i < x->t->hop_count; i++) {
		const struct topo_hop *h = &x->t->hops[i];

		if (h->balancer == TOPO_NONE || &x->t->balancers[h->balancer].pub != r->balancer || !strcmp(h->zone, r->local->zone))
			continue;
		*ret = h->at.addr;
		return h->at.len == 128;
	}
	if (*x->c->balancer || !d)
		return false;
	weir_lpm_each(d->subnets, find_far, &f);
	*ret = f.found.addr;
	ret->b[15] |= 1;
	return f.is_found;
}

/* Of each row that stays, the part that crosses besides. */
static int spread_row(const struct spread *x, struct weir_traffic *t, struct weir_traffic_set *to)
{
	unsigned __int128 want = x->all * x->c->ppm / 1000000, stays = x->all - x->crossed;
	struct weir_traffic far = *t;
	struct weir_route r;
	bool cross;

	route_of(x, t, &r);
	if (want <= x->crossed || !r.local || !promise_crosses(x->c, t, &r, &cross) || cross || !far_address(x, t, &r, &far.peer))
		return 0;
	far.bytes = (uint64_t)((unsigned __int128)t->bytes * ((want - x->crossed) >> 16) / ((stays >> 16) ? stays >> 16 : 1));
	far.bytes = WEIR_MIN(far.bytes, t->bytes);
	t->bytes -= far.bytes;
	return far.bytes ? weir_traffic_add(to, &far) : 0;
}

static int spread_one(struct spread *x, const struct weir_traffic_set *s, struct weir_traffic_set **ret)
{
	weir_auto_traffic struct weir_traffic_set *to = NULL;
	struct weir_traffic t;
	struct weir_route r;
	bool cross;
	int e = weir_traffic_new(&to);

	for (size_t i = 0; i < weir_traffic_count(s) && e == 0; i++) {
		weir_traffic_get(s, i, &t);
		if (t.folded)
			continue;
		route_of(x, &t, &r);
		if (!r.local || !promise_crosses(x->c, &t, &r, &cross))
			continue;
		x->all += t.bytes;
		x->crossed += cross ? t.bytes : 0;
	}
	for (size_t i = 0; i < weir_traffic_count(s) && e == 0; i++) {
		weir_traffic_get(s, i, &t);
		e = t.folded ? 0 : spread_row(x, &t, to);
		if (e == 0)
			e = weir_traffic_add(to, &t);
	}
	if (e == 0)
		*ret = weir_take_ptr(to);
	return e;
}

int promise_spread(const struct weir_promise *p, const struct weir_topology *t, const struct weir_traffic_set *s,
		   struct weir_traffic_set **ret)
{
	weir_auto_traffic struct weir_traffic_set *now = NULL;
	int r = weir_change_traffic(t, s, NULL, 0, &now);

	for (size_t i = 0; i < p->crossing_count && r == 0; i++) {
		struct spread x = {.t = t, .c = &p->crossings[i]};
		struct weir_traffic_set *next = NULL;

		r = spread_one(&x, now, &next);
		if (r < 0)
			break;
		weir_traffic_free(now);
		now = next;
	}
	if (r == 0)
		*ret = weir_take_ptr(now);
	return r;
}
