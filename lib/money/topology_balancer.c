/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load balancers. A byte between a target and a node of its load balancer is one of the clients' on its
 * other side: it pays the processing, the zone boundary between node and target, and, when the clients
 * are on the internet, the transfer to them. Between a client and a node only the zone boundary: what is
 * processed is counted once, at the target.
 *
 * The path must be the same for all addresses of a subnet, as the agents' tables are; so whether an
 * address is a target decides about money alone (weir_route.behind).
 */
#include "lib/money/model.h"

static const char *const kinds[] = {"alb", "nlb", "clb", "azure-lb", "gcp-lb", NULL};
static const char *const schemes[] = {"internal", "internet-facing", NULL};

const char *weir_lb_kind_name(enum weir_lb_kind k)
{
	return (unsigned int)k < WEIR_LB_KINDS ? kinds[k] : "";
}

void topo_balancer_fini(struct topo_balancer *b)
{
	weir_lpm_free(b->targets);
	free(b->subnets);
}

static uint32_t subnet_named(const struct weir_topology *t, uint32_t domain, const char *name)
{
	for (uint32_t i = 0; i < t->subnet_count; i++)
		if (t->subnets[i].domain == domain && !strcmp(t->subnets[i].pub.name, name))
			return i;
	return TOPO_NONE;
}

static int read_subnet(const struct weir_topology *t, uint32_t domain, struct weir_y *y, uint32_t *ret,
		       struct weir_err *err)
{
	const char *s;
	int r = weir_y_str(y, &s, err);

	if (r < 0)
		return r;
	*ret = subnet_named(t, domain, s);
	return *ret == TOPO_NONE ? weir_y_err(y, err, "no subnet named '%.60s' in spec.subnets", s) : 0;
}

/* Behind what stands at the prefix already, or as the first there. */
static int put_node(struct weir_topology *t, struct topo_domain *d, const struct topo_hop *node,
		    struct weir_y *y, struct weir_err *err)
{
	uint32_t old = weir_lpm_find_prefix(d->endpoints, &node->at), index = (uint32_t)t->hop_count;
	bool there = old != WEIR_LPM_NONE && t->hops[old].at.len == node->at.len;
	struct topo_hop *row;

	if (there && t->hops[old].balancer == TOPO_NONE)
		return weir_y_err(y, err, "the address already belongs to endpoint '%.60s'", t->hops[old].name);
	if (there && node->at.len == 128)
		return weir_y_err(y, err, "the address already belongs to load balancer '%.60s'", t->hops[old].name);
	row = topo_add_row(&t->hops, &t->hop_count);
	if (!row)
		return -ENOMEM;
	*row = *node;
	if (!there)
		return weir_lpm_put(d->endpoints, &node->at, index);
	while (t->hops[old].next != TOPO_NONE)
		old = t->hops[old].next;
	t->hops[old].next = index;
	return 0;
}

struct anywhere {
	struct weir_topology *t;
	struct topo_domain *d;
	struct topo_hop node;
	uint32_t subnet;
	struct weir_y *y;
	struct weir_err *err;
};

static int put_cidr(const struct weir_prefix *p, uint32_t value, void *arg)
{
	struct anywhere *a = arg;

	if (value != a->subnet)
		return 0;
	a->node.at = *p;
	return put_node(a->t, a->d, &a->node, a->y, a->err);
}

static int add_node_address(struct weir_topology *t, struct topo_domain *d, struct topo_hop node, uint32_t subnet,
			    struct weir_y *y, struct weir_err *err)
{
	uint32_t holder;
	int r = topo_read_prefix(y, &node.at, err);

	if (r < 0)
		return r;
	if (topo_is_all(&node.at))
		return weir_y_err(y, err, "this prefix is too wide here");
	holder = weir_lpm_find_prefix(d->subnets, &node.at);
	if (subnet != TOPO_NONE && holder != subnet)
		return weir_y_err(y, err, "the address is outside subnet '%.60s'", t->subnets[subnet].pub.name);
	if (holder != WEIR_LPM_NONE)
		node.zone = t->subnets[holder].pub.zone;
	if (weir_lpm_find_prefix(d->prefixes, &node.at) == WEIR_LPM_NONE)
		node.outside = d->outside = true;
	return put_node(t, d, &node, y, err);
}

static int add_node(struct weir_topology *t, struct topo_domain *d, uint32_t balancer, struct weir_y *y,
		    struct weir_err *err)
{
	struct topo_hop node = {.domain = (uint32_t)(d - t->domains), .name = t->balancers[balancer].pub.name,
				.zone = "", .service = "", .balancer = balancer, .next = TOPO_NONE};
	struct weir_y *addresses, *named;
	uint32_t subnet = TOPO_NONE;
	int r = weir_y_map(y, err);

	if (r < 0)
		return r;
	named = weir_y_find(y, "subnet");
	addresses = weir_y_find(y, "addresses");
	r = weir_y_end(y, err);
	if (r == 0 && !named && !addresses)
		return weir_y_err(y, err, "a node has a subnet, addresses, or both");
	if (r == 0 && named)
		r = read_subnet(t, node.domain, named, &subnet, err);
	if (r == 0 && addresses)
		r = weir_y_seq(addresses, err);
	if (r < 0)
		return r;
	if (!addresses) {
		struct anywhere a = {t, d, node, subnet, y, err};

		a.node.anywhere = true;
		a.node.zone = t->subnets[subnet].pub.zone;
		return weir_lpm_each(d->subnets, put_cidr, &a);
	}
	for (size_t i = 0; i < weir_y_count(addresses) && r == 0; i++)
		r = add_node_address(t, d, node, subnet, weir_y_item(addresses, i), err);
	return r;
}

struct cidrs {
	struct weir_lpm *to;
	uint32_t subnet;
};

static int copy_cidr(const struct weir_prefix *p, uint32_t value, void *arg)
{
	const struct cidrs *c = arg;

	return value == c->subnet ? weir_lpm_put(c->to, p, 0) : 0;
}

/* A target is a subnet unless it looks like a prefix, as in the `to` of routes. */
static int add_target(struct weir_topology *t, uint32_t balancer, struct weir_y *y, struct weir_err *err)
{
	struct topo_balancer *b = &t->balancers[balancer];
	struct topo_domain *d = &t->domains[b->domain];
	struct cidrs c = {.to = b->targets};
	struct weir_prefix p;
	const char *s;
	int r = weir_y_str(y, &s, err);

	if (r < 0)
		return r;
	if (weir_prefix_parse(s, &p) < 0 && !strchr(s, ':') && strspn(s, "0123456789./") != strlen(s)) {
		r = read_subnet(t, b->domain, y, &c.subnet, err);
		return r < 0 ? r : weir_lpm_each(d->subnets, copy_cidr, &c);
	}
	r = topo_read_prefix(y, &p, err);
	if (r == 0 && weir_lpm_find_prefix(d->prefixes, &p) == WEIR_LPM_NONE)
		return weir_y_err(y, err, "the target is outside the prefixes of the domain");
	return r < 0 ? r : weir_lpm_put(b->targets, &p, 0);
}

static int read_bool(struct weir_y *y, const char *key, bool *inout, struct weir_err *err)
{
	struct weir_y *v = weir_y_find(y, key);

	return v ? weir_y_bool(v, inout, err) : 0;
}

static int read_balancer(struct weir_topology *t, struct weir_y *y, struct weir_balancer *b, struct weir_err *err)
{
	unsigned int kind = 0, scheme = 0;
	struct weir_y *k = NULL, *s = NULL;
	int r = topo_read_string(t, y, "name", NULL, &b->name, err);

	b->cross_zone = true;
	if (r == 0)
		r = topo_read_string(t, y, "owner", "", &b->owner, err);
	if (r == 0)
		r = weir_y_get(y, "kind", &k, err);
	if (r == 0)
		r = weir_y_enum(k, kinds, &kind, err);
	if (r == 0)
		r = weir_y_get(y, "scheme", &s, err);
	if (r == 0)
		r = weir_y_enum(s, schemes, &scheme, err);
	if (r == 0)
		r = read_bool(y, "cross_zone", &b->cross_zone, err);
	if (r == 0)
		r = read_bool(y, "passthrough", &b->passthrough, err);
	b->kind = kind;
	b->internet = scheme == 1;
	return r;
}

static int add_balancer(struct weir_topology *t, uint32_t domain, struct weir_y *y, struct weir_err *err)
{
	struct topo_domain *d = &t->domains[domain];
	struct topo_balancer b = {.domain = domain, .first_node = (uint32_t)t->hop_count}, *row;
	struct weir_y *nodes = NULL, *targets = NULL;
	uint32_t index = (uint32_t)t->balancer_count;
	int r = weir_y_map(y, err);

	if (r == 0)
		r = read_balancer(t, y, &b.pub, err);
	if (r == 0)
		r = weir_y_get(y, "nodes", &nodes, err);
	if (r == 0)
		r = weir_y_get(y, "targets", &targets, err);
	if (r == 0)
		r = weir_y_seq(nodes, err);
	if (r == 0)
		r = weir_y_seq(targets, err);
	if (r == 0)
		r = weir_y_end(y, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < t->balancer_count; i++)
		if (t->balancers[i].domain == domain && !strcmp(t->balancers[i].pub.name, b.pub.name))
			return weir_y_err(y, err, "load balancer '%.60s' stands twice", b.pub.name);
	row = topo_add_row(&t->balancers, &t->balancer_count);
	if (!row)
		return -ENOMEM;
	*row = b;
	r = weir_lpm_new(&row->targets);
	for (size_t i = 0; i < weir_y_count(targets) && r == 0; i++)
		r = add_target(t, index, weir_y_item(targets, i), err);
	for (size_t i = 0; i < weir_y_count(nodes) && r == 0; i++)
		r = add_node(t, d, index, weir_y_item(nodes, i), err);
	t->balancers[index].node_count = (uint32_t)t->hop_count - b.first_node;
	return r;
}

int topo_add_balancers(struct weir_topology *t, uint32_t domain, struct weir_y *seq, struct weir_err *err)
{
	int r = weir_y_seq(seq, err);

	for (size_t i = 0; i < weir_y_count(seq) && r == 0; i++)
		r = add_balancer(t, domain, weir_y_item(seq, i), err);
	return r;
}

/* Do targets and subnets meet? One of two prefixes that meet covers the other. */
struct meeting {
	struct weir_topology *t;
	struct topo_balancer *b;
	const struct weir_lpm *targets;
	const struct weir_prefix *target;
};

static bool touches(const struct topo_balancer *b, uint32_t subnet)
{
	for (size_t i = 0; i < b->subnet_count; i++)
		if (b->subnets[i] == subnet)
			return true;
	return false;
}

static int touch(struct topo_balancer *b, uint32_t subnet)
{
	uint32_t *row;

	if (touches(b, subnet))
		return 0;
	row = topo_add_row(&b->subnets, &b->subnet_count);
	if (!row)
		return -ENOMEM;
	*row = subnet;
	return 0;
}

static int meet_cidr(const struct weir_prefix *p, uint32_t subnet, void *arg)
{
	const struct meeting *m = arg;

	if (p->len >= m->target->len && weir_prefix_covers(m->target, &p->addr))
		return touch(m->b, subnet);
	return 0;
}

static int meet_target(const struct weir_prefix *p, uint32_t value, void *arg)
{
	struct meeting *m = arg;
	const struct topo_domain *d = &m->t->domains[m->b->domain];
	uint32_t holder = weir_lpm_find_prefix(d->subnets, p);

	(void)value;
	m->target = p;
	return holder != WEIR_LPM_NONE ? touch(m->b, holder) : weir_lpm_each(d->subnets, meet_cidr, m);
}

int topo_seal_balancers(struct weir_topology *t)
{
	int r = 0;

	for (uint32_t i = 0; i < t->balancer_count && r == 0; i++) {
		struct topo_balancer *b = &t->balancers[i];
		struct meeting m = {.t = t, .b = b};

		r = weir_lpm_each(b->targets, meet_target, &m);
		for (size_t k = 0; k < b->subnet_count && b->pub.passthrough && b->pub.internet; k++)
			if (t->subnets[b->subnets[k]].front == TOPO_NONE)
				t->subnets[b->subnets[k]].front = i;
	}
	return r;
}

static bool is_target(const struct topo_balancer *b, const struct topo_from *from)
{
	if (!from->local)
		return true; /* some address of the subnet, which the caller has looked at */
	return weir_lpm_find(b->targets, from->local) != WEIR_LPM_NONE;
}

bool topo_route_balancer(const struct weir_topology *t, const struct topo_from *from, uint32_t hop,
			 struct weir_route *ret)
{
	uint32_t subnet = (uint32_t)(from->s - t->subnets);
	const struct topo_hop *node = NULL;
	bool behind = false;

	for (uint32_t i = hop; i != TOPO_NONE && !behind; i = t->hops[i].next) {
		const struct topo_hop *h = &t->hops[i];
		const struct topo_balancer *b = &t->balancers[h->balancer];
		bool near = touches(b, subnet);

		/* Nobody is a client of a provider's proxies by their own addresses. */
		if (near && (h->outside || is_target(b, from))) {
			node = h;
			behind = true;
		} else if (!node && !h->outside && (near || !h->anywhere)) {
			node = h;
		}
	}
	if (!node)
		return false;
	ret->path = WEIR_PATH_LB;
	ret->balancer = &t->balancers[node->balancer].pub;
	ret->behind = behind;
	ret->region = from->s->pub.region;
	ret->zone = node->zone;
	ret->cross_zone_hop = node->zone[0] && strcmp(node->zone, from->s->pub.zone) != 0;
	return true;
}

/* Through which node a client came is not known. Without cross-zone it was one of the target's zone; with
 * it the boundary is counted when any node is elsewhere: what may have been paid is never taken for free. */
static bool front_elsewhere(const struct weir_topology *t, const struct topo_balancer *b, const char *zone)
{
	for (uint32_t i = 0; b->pub.cross_zone && i < b->node_count; i++) {
		const char *z = t->hops[b->first_node + i].zone;

		if (z[0] && strcmp(z, zone) != 0)
			return true;
	}
	return false;
}

void topo_set_front(const struct weir_topology *t, const struct topo_from *from, struct weir_route *ret)
{
	uint32_t subnet = (uint32_t)(from->s - t->subnets);

	for (uint32_t i = from->s->front; i < t->balancer_count; i++) {
		const struct topo_balancer *b = &t->balancers[i];

		if (!b->pub.passthrough || !b->pub.internet || !touches(b, subnet) || !is_target(b, from))
			continue;
		ret->front = &b->pub;
		ret->front_hop = front_elsewhere(t, b, from->s->pub.zone);
		return;
	}
}
