/* SPDX-License-Identifier: Apache-2.0 */
/* What a node class sees: every prefix at which the path of a byte may change. */
#include "lib/money/model.h"

struct visit {
	const struct weir_topology *t;
	const struct topo_subnet *s;
	int (*fn)(const struct weir_prefix *p, const struct weir_route *r, void *arg);
	void *arg;
};

static int copy_boundary(const struct weir_prefix *p, uint32_t value, void *arg)
{
	(void)value;
	return weir_lpm_put(arg, p, 0);
}

static int domain_boundaries(struct weir_lpm *b, const struct topo_domain *d)
{
	struct weir_lpm *const tries[] = {d->prefixes, d->subnets, d->endpoints};
	int r = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(tries) && r == 0; i++)
		r = weir_lpm_each(tries[i], copy_boundary, b);
	return r;
}

/* The domains that a route of the subnet leads to decide region and zone of a peer. */
static int target_boundaries(struct weir_lpm *b, const struct weir_topology *t, uint32_t subnet)
{
	int r = 0;

	for (size_t i = 1; i < t->route_count && r == 0; i++)
		if (t->routes[i].subnet == subnet && t->routes[i].target_domain != TOPO_NONE)
			r = domain_boundaries(b, topo_target(t, &t->routes[i], WEIR_TOPOLOGY_LATEST));
	return r;
}

static int boundaries(struct weir_lpm *b, const struct weir_topology *t,
		      const struct topo_subnet *s)
{
	static const struct weir_prefix all = {.len = 0};
	static const struct weir_prefix v4 = {.addr = {.b = {[10] = 0xff, [11] = 0xff}}, .len = 96};
	const struct topo_domain *d = &t->domains[s->domain];
	int r;

	r = weir_lpm_put(b, &all, 0);
	if (r == 0)
		r = weir_lpm_put(b, &v4, 0);
	if (r == 0)
		r = topo_fixed_boundaries(b);
	if (r == 0)
		r = domain_boundaries(b, d);
	if (r == 0)
		r = weir_lpm_each(d->onprem, copy_boundary, b);
	if (r == 0)
		r = weir_lpm_each(s->routes, copy_boundary, b);
	if (r == 0)
		r = weir_lpm_each(t->range_lpm, copy_boundary, b);
	return r < 0 ? r : target_boundaries(b, t, (uint32_t)(s - t->subnets));
}

static int visit_boundary(const struct weir_prefix *p, uint32_t value, void *arg)
{
	const struct visit *v = arg;
	const struct topo_from from = {.d = &v->t->domains[v->s->domain], .s = v->s, .time_s = WEIR_TOPOLOGY_LATEST};
	struct weir_route route;

	(void)value;
	topo_route_prefix(v->t, &from, p, &route);
	return v->fn(p, &route, v->arg);
}

static const struct topo_subnet *class_find(const struct weir_topology *t, const char *class)
{
	for (size_t i = 0; i < t->subnet_count; i++)
		if (t->domains[t->subnets[i].domain].latest && !strcmp(t->subnets[i].class, class))
			return &t->subnets[i];
	return NULL;
}

int weir_topology_each(const struct weir_topology *t, const char *class,
		       int (*fn)(const struct weir_prefix *p, const struct weir_route *r,
				 void *arg),
		       void *arg)
{
	struct visit v = {.t = t, .s = class_find(t, class), .fn = fn, .arg = arg};
	struct weir_lpm *b;
	int r;

	if (!v.s)
		return -ENOENT;
	r = weir_lpm_new(&b);
	if (r < 0)
		return r;
	r = boundaries(b, t, v.s);
	if (r == 0)
		r = weir_lpm_each(b, visit_boundary, &v);
	weir_lpm_free(b);
	return r;
}
