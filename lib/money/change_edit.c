/* SPDX-License-Identifier: Apache-2.0 */
/* The edits of a topology, one by one: each looks at everything before it changes a row. */
#include "lib/money/change_impl.h"

static uint32_t hop_named(const struct editing *c, const char *name, bool endpoint)
{
	for (uint32_t i = 0; i < c->t->hop_count; i++) {
		const struct topo_hop *h = &c->t->hops[i];

		if (h->domain == c->domain && h->balancer == TOPO_NONE && (h->service[0] != 0) == endpoint &&
		    !strcmp(h->name, name))
			return i;
	}
	return TOPO_NONE;
}

static int keep(struct editing *c, const char *s, const char **ret)
{
	*ret = topo_string(c->t, change_text(s));
	return *ret ? 0 : -ENOMEM;
}

static int edit_hop(struct editing *c)
{
	bool endpoint = c->e->kind == WEIR_EDIT_ENDPOINT;
	struct topo_hop hop = {.domain = c->domain, .service = "", .balancer = TOPO_NONE, .next = TOPO_NONE,
			       .at = {.len = 128}}, *row;
	int r;

	if (!*change_text(c->e->name) || (endpoint && !*change_text(c->e->service)))
		return weir_err_set(c->err, -EINVAL, "a name%s is missing", endpoint ? " or service" : "");
	if (hop_named(c, c->e->name, true) != TOPO_NONE || hop_named(c, c->e->name, false) != TOPO_NONE)
		return weir_err_set(c->err, -EINVAL, "'%.60s' is there already", c->e->name);
	if (*change_text(c->e->zone) && !topo_region(c->d, c->e->zone))
		return weir_err_set(c->err, -EINVAL, "no zone '%.60s'", c->e->zone);
	r = keep(c, c->e->name, &hop.name);
	if (!r)
		r = keep(c, c->e->zone, &hop.zone);
	if (!r && endpoint)
		r = keep(c, c->e->service, &hop.service);
	if (r)
		return r;
	row = topo_add_row(&c->t->hops, &c->t->hop_count);
	if (!row)
		return -ENOMEM;
	*row = hop;
	return 0;
}

struct endpoints {
	struct weir_topology *t;
	struct weir_lpm *to;
};

/* The first one at the prefix that is still there. */
static int copy_endpoint(const struct weir_prefix *p, uint32_t value, void *arg)
{
	const struct endpoints *e = arg;
	struct topo_hop *hops = e->t->hops;

	while (value != TOPO_NONE && hops[value].domain == TOPO_NONE)
		value = hops[value].next;
	if (value == TOPO_NONE)
		return 0;
	for (uint32_t i = value; i != TOPO_NONE; i = hops[i].next)
		while (hops[i].next != TOPO_NONE && hops[hops[i].next].domain == TOPO_NONE)
			hops[i].next = hops[hops[i].next].next;
	return weir_lpm_put(e->to, p, value);
}

static int renew_endpoints(struct editing *c)
{
	struct weir_lpm *old = c->d->endpoints;
	struct endpoints e = {.t = c->t};
	int r = weir_lpm_new(&e.to);

	if (r)
		return r;
	r = weir_lpm_each(old, copy_endpoint, &e);
	if (r) {
		weir_lpm_free(e.to);
		return r;
	}
	if (old != c->t->base->domains[c->domain].endpoints)
		weir_lpm_free(old);
	c->d->endpoints = e.to;
	return 0;
}

static int edit_hop_remove(struct editing *c)
{
	bool endpoint = c->e->kind == WEIR_EDIT_ENDPOINT_REMOVE;
	uint32_t hop = hop_named(c, change_text(c->e->name), endpoint);

	if (hop == TOPO_NONE)
		return weir_err_set(c->err, -EINVAL, "no %s named '%.60s'", endpoint ? "endpoint" : "NAT gateway",
				    change_text(c->e->name));
	c->t->hops[hop].domain = TOPO_NONE;
	return endpoint ? renew_endpoints(c) : 0;
}

static struct topo_balancer *balancer_named(const struct editing *c)
{
	for (uint32_t i = 0; i < c->t->balancer_count; i++)
		if (c->t->balancers[i].domain == c->domain && !strcmp(c->t->balancers[i].pub.name, change_text(c->e->name)))
			return &c->t->balancers[i];
	weir_err_set(c->err, -EINVAL, "no load balancer named '%.60s'", change_text(c->e->name));
	return NULL;
}

static int edit_balancer_remove(struct editing *c)
{
	struct topo_balancer *b = balancer_named(c);

	if (!b)
		return -EINVAL;
	for (uint32_t i = 0; i < b->node_count; i++)
		c->t->hops[b->first_node + i].domain = TOPO_NONE;
	b->domain = TOPO_NONE;
	b->subnet_count = 0;
	return renew_endpoints(c);
}

static int edit_cross_zone(struct editing *c)
{
	struct topo_balancer *b = balancer_named(c);

	if (!b)
		return -EINVAL;
	b->pub.cross_zone = c->e->on;
	return 0;
}

static bool same_to(const struct topo_route *rt, const struct weir_edit *e)
{
	if (*change_text(e->service))
		return rt->to_service && !strcmp(rt->to_service, e->service);
	return !rt->to_service && !weir_prefix_cmp(&rt->to, &e->to);
}

static bool drop_route(struct editing *c, uint32_t subnet)
{
	for (uint32_t i = 1; i < c->t->route_count; i++) {
		struct topo_route *rt = &c->t->routes[i];

		if (rt->subnet != subnet || rt->via == TOPO_VIA_NONE || !same_to(rt, c->e))
			continue;
		*rt = (struct topo_route){.subnet = subnet, .hop = TOPO_NONE, .target_domain = TOPO_NONE};
		c->changed[subnet] = true;
		return true;
	}
	return false;
}

/* What the edit says of the way, but for the subnet. */
static int read_way(struct editing *c, struct topo_route *ret)
{
	const struct weir_edit *e = c->e;

	*ret = (struct topo_route){.to = e->to, .hop = TOPO_NONE, .target_domain = TOPO_NONE};
	if (!topo_via_parse(change_text(e->via), &ret->via))
		return weir_err_set(c->err, -EINVAL, "'%.60s' is no way of a route", change_text(e->via));
	if (*change_text(e->service)) {
		int r = keep(c, e->service, &ret->to_service);

		if (r)
			return r;
	}
	if (ret->via == TOPO_VIA_NAT || ret->via == TOPO_VIA_ENDPOINT) {
		ret->hop = hop_named(c, change_text(e->gateway), ret->via == TOPO_VIA_ENDPOINT);
		if (ret->hop == TOPO_NONE)
			return weir_err_set(c->err, -EINVAL, "no %s named '%.60s'", e->via, change_text(e->gateway));
	}
	if (ret->via == TOPO_VIA_PEERING || (ret->via == TOPO_VIA_TGW && *change_text(e->target))) {
		const struct topo_domain *d = topo_domain_at(c->t, change_text(e->target), WEIR_TOPOLOGY_LATEST);

		if (!d)
			return weir_err_set(c->err, -EINVAL, "no topology has the domain '%.100s'", change_text(e->target));
		ret->target = d->name;
		ret->target_domain = (uint32_t)(d - c->t->domains);
	}
	return 0;
}

static int put_route(struct editing *c, uint32_t subnet, const struct topo_route *way)
{
	struct topo_route *row;

	drop_route(c, subnet);
	row = topo_add_row(&c->t->routes, &c->t->route_count);
	if (!row)
		return -ENOMEM;
	*row = *way;
	row->subnet = subnet;
	c->changed[subnet] = true;
	return 0;
}

static int edit_route(struct editing *c)
{
	bool removes = c->e->kind == WEIR_EDIT_ROUTE_REMOVE, all = !*change_text(c->e->subnet);
	struct topo_route way = {0};
	size_t found = 0, dropped = 0;
	int r = removes ? 0 : read_way(c, &way);

	for (size_t i = c->d->first_subnet; !r && i < c->d->first_subnet + c->d->subnet_count; i++) {
		if (!all && strcmp(c->t->subnets[i].pub.name, c->e->subnet))
			continue;
		found++;
		if (removes)
			dropped += drop_route(c, (uint32_t)i);
		else
			r = put_route(c, (uint32_t)i, &way);
	}
	if (r)
		return r;
	if (!found)
		return weir_err_set(c->err, -EINVAL, "no subnet named '%.60s'", change_text(c->e->subnet));
	return removes && !dropped ? weir_err_set(c->err, -EINVAL, "there is no such route") : 0;
}

static int (*const editors[WEIR_EDITS])(struct editing *c) = {
	[WEIR_EDIT_ROUTE] = edit_route,
	[WEIR_EDIT_ROUTE_REMOVE] = edit_route,
	[WEIR_EDIT_NAT] = edit_hop,
	[WEIR_EDIT_NAT_REMOVE] = edit_hop_remove,
	[WEIR_EDIT_ENDPOINT] = edit_hop,
	[WEIR_EDIT_ENDPOINT_REMOVE] = edit_hop_remove,
	[WEIR_EDIT_BALANCER_REMOVE] = edit_balancer_remove,
	[WEIR_EDIT_BALANCER_CROSS_ZONE] = edit_cross_zone,
};

int change_edit(struct editing *c)
{
	return editors[c->e->kind](c);
}
