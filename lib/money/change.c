/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of a topology: the rows are copied and edited (change_edit.c), and the tries that an edit touched are made anew.
 * All others are those of the topology that was copied.
 */
#include "lib/money/change_impl.h"

static const char *const names[WEIR_EDITS] = {
	[WEIR_EDIT_ROUTE] = "route",
	[WEIR_EDIT_ROUTE_REMOVE] = "route-remove",
	[WEIR_EDIT_NAT] = "nat",
	[WEIR_EDIT_NAT_REMOVE] = "nat-remove",
	[WEIR_EDIT_ENDPOINT] = "endpoint",
	[WEIR_EDIT_ENDPOINT_REMOVE] = "endpoint-remove",
	[WEIR_EDIT_BALANCER_REMOVE] = "balancer-remove",
	[WEIR_EDIT_BALANCER_CROSS_ZONE] = "balancer-cross-zone",
	[WEIR_EDIT_LOCAL] = "local",
	[WEIR_EDIT_SCALE] = "scale",
	[WEIR_EDIT_ADDRESS] = "address",
	[WEIR_EDIT_MOVE] = "move",
};

const char *weir_edit_name(enum weir_edit_kind k)
{
	return (unsigned int)k < WEIR_EDITS ? names[k] : "";
}

bool weir_edit_is_traffic(const struct weir_edit *e)
{
	return e->kind >= WEIR_EDIT_LOCAL || (e->kind == WEIR_EDIT_BALANCER_CROSS_ZONE && !e->on);
}


/* Room for the next row, as topo_grow() expects it. */
static void *copy_rows(const void *rows, size_t n, size_t size)
{
	size_t cap = 1;
	void *p;

	while (cap < n)
		cap *= 2;
	p = calloc(cap, size);
	if (p && n)
		memcpy(p, rows, n * size);
	return p;
}

static int copy_topology(const struct weir_topology *from, struct weir_topology **ret)
{
	struct weir_topology *t = malloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	*t = *from;
	t->base = from;
	t->strings = NULL;
	t->string_count = 0;
	t->domains = copy_rows(from->domains, from->domain_count, sizeof(*t->domains));
	t->subnets = copy_rows(from->subnets, from->subnet_count, sizeof(*t->subnets));
	t->hops = copy_rows(from->hops, from->hop_count, sizeof(*t->hops));
	t->routes = copy_rows(from->routes, from->route_count, sizeof(*t->routes));
	t->balancers = copy_rows(from->balancers, from->balancer_count, sizeof(*t->balancers));
	t->classes = copy_rows(from->classes, from->class_count, sizeof(*t->classes));
	if (t->domains && t->subnets && t->hops && t->routes && t->balancers && t->classes) {
		*ret = t;
		return 0;
	}
	t->domain_count = t->domains ? t->domain_count : 0;
	t->subnet_count = t->subnets ? t->subnet_count : 0;
	weir_topology_free(t);
	return -ENOMEM;
}

/* An older version in which the edit does not fit stays as it is. */
static int edit_versions(struct editing *c, size_t number, struct weir_err *err)
{
	const char *name = change_text(c->e->domain);
	bool done = false;

	for (uint32_t i = 0; i < c->t->domain_count; i++) {
		struct weir_err why = {0};
		int r;

		c->d = &c->t->domains[i];
		c->domain = i;
		c->err = &why;
		if (strcmp(c->d->name, name))
			continue;
		done |= c->d->latest;
		r = change_edit(c);
		if (r == -ENOMEM)
			return r;
		if (r && c->d->latest)
			return weir_err_set(err, r, "edit %zu (%s): %s", number, weir_edit_name(c->e->kind), why.text);
	}
	return done ? 0 : weir_err_set(err, -EINVAL, "edit %zu (%s): no topology has the domain '%.100s'", number,
				       weir_edit_name(c->e->kind), name);
}

/* What was removed is there no more, unless an older version of its domain, where edits of routes did not fit, needs it. */
static int check_gateways(struct weir_topology *t, struct weir_err *err)
{
	for (size_t i = 1; i < t->route_count; i++) {
		const struct topo_route *rt = &t->routes[i];
		const struct topo_subnet *s = &t->subnets[rt->subnet];

		if (rt->hop == TOPO_NONE || t->hops[rt->hop].domain != TOPO_NONE)
			continue;
		if (t->domains[s->domain].latest)
			return weir_err_set(err, -EINVAL, "a route of subnet '%.60s' of %.100s leads to '%.60s', which is removed",
					    s->pub.name, s->pub.domain, t->hops[rt->hop].name);
		t->hops[rt->hop].domain = s->domain;
	}
	return 0;
}

/* The trie of a subnet from its routes, as the loader and the seal make it: prefixes first, then services. */
static int renew_routes(struct weir_topology *t, uint32_t subnet)
{
	static const struct weir_prefix v4 = {.addr = {.b = {[10] = 0xff, [11] = 0xff}}, .len = 96};
	struct weir_lpm *lpm;
	int r = weir_lpm_new(&lpm);

	if (r)
		return r;
	t->subnets[subnet].routes = lpm;
	r = weir_lpm_put(lpm, &v4, 0);
	for (uint32_t pass = 0; pass < 2; pass++)
		for (uint32_t i = 1; i < t->route_count && !r; i++) {
			const struct topo_route *rt = &t->routes[i];

			if (rt->subnet != subnet || rt->via == TOPO_VIA_NONE || (rt->to_service != NULL) != (pass == 1))
				continue;
			r = pass ? topo_expand_service(t, i) : weir_lpm_put(lpm, &rt->to, i);
		}
	return r;
}

static int settle(struct weir_topology *t, const bool *changed, struct weir_err *err)
{
	int r = check_gateways(t, err);

	for (uint32_t i = 0; i < t->subnet_count && !r; i++)
		if (changed[i])
			r = renew_routes(t, i);
	return r;
}

int weir_change_topology(const struct weir_topology *t, const struct weir_edit *edits, size_t n,
			 struct weir_topology **ret, struct weir_err *err)
{
	weir_auto_free bool *changed = calloc(t->subnet_count + 1, sizeof(*changed));
	struct editing c = {.changed = changed};
	int r = changed ? copy_topology(t, &c.t) : -ENOMEM;

	if (r)
		return weir_err_set(err, r, "out of memory");
	if (n > WEIR_EDITS_MAX)
		r = weir_err_set(err, -EINVAL, "more than %u edits", WEIR_EDITS_MAX);
	for (size_t i = 0; i < n && !r; i++) {
		c.e = &edits[i];
		if ((unsigned int)edits[i].kind >= WEIR_EDITS)
			r = weir_err_set(err, -EINVAL, "edit %zu: no such kind", i);
		else if (edits[i].kind < WEIR_EDIT_LOCAL)
			r = edit_versions(&c, i, err);
	}
	if (!r)
		r = settle(c.t, changed, err);
	if (r) {
		weir_topology_free(c.t);
		return weir_err_set(err, r, "out of memory");
	}
	*ret = c.t;
	return 0;
}
