/* SPDX-License-Identifier: Apache-2.0 */
/* Edits of recorded traffic. A row passes them in their order; one that keeps a part of it in the zone makes two of it. */
#include "lib/money/change_impl.h"

#define MILLION 1000000u
#define TRIES 256u /* addresses looked at before there is none left */

struct pass {
	const struct weir_topology *t;
	const struct weir_edit *edits;
	size_t n;
	struct weir_traffic_set *to;
};

static bool is_named(const char *want, const char *got)
{
	return !want || !*want || !strcmp(want, got);
}

/* 1: the row is the workload's, 2: its peer's, 0: neither. */
static int side_of(const struct weir_edit *e, const struct weir_traffic *t)
{
	if (is_named(e->workload_namespace, t->namespace) && is_named(e->workload, t->workload) &&
	    is_named(e->peer_namespace, t->peer_namespace) && is_named(e->peer_workload, t->peer_workload))
		return 1;
	if (is_named(e->workload_namespace, t->peer_namespace) && is_named(e->workload, t->peer_workload) &&
	    is_named(e->peer_namespace, t->namespace) && is_named(e->peer_workload, t->workload))
		return 2;
	return 0;
}

static void route_of(const struct pass *p, const struct weir_traffic *t, const struct weir_addr *peer, struct weir_route *ret)
{
	weir_topology_route_at(p->t, t->domain, &t->local, peer, t->hour_s, ret);
}

static uint64_t part_of(uint64_t n, uint32_t ppm)
{
	return (uint64_t)((unsigned __int128)n * ppm / MILLION);
}

/* An address of the workload's own subnet that is nobody else's way: no endpoint, no load balancer. */
static bool find_near(const struct pass *p, const struct weir_traffic *t, struct weir_addr *ret)
{
	struct weir_route r;

	for (unsigned int i = 1; i < TRIES; i++) {
		*ret = t->local;
		ret->b[15] ^= (uint8_t)i;
		route_of(p, t, ret, &r);
		if (r.path == WEIR_PATH_SAME_ZONE)
			return true;
	}
	return false;
}

static int apply(const struct pass *p, size_t first, struct weir_traffic t);

static int stay_local(const struct pass *p, size_t i, struct weir_traffic *t)
{
	const struct weir_edit *e = &p->edits[i];
	struct weir_traffic near = *t;
	struct weir_route r;

	if (t->folded || !is_named(e->domain, t->domain) || !side_of(e, t))
		return 0;
	route_of(p, t, &t->peer, &r);
	if (r.path != WEIR_PATH_CROSS_ZONE || !find_near(p, t, &near.peer))
		return 0;
	near.path = WEIR_PATH_SAME_ZONE;
	near.bytes = part_of(t->bytes, WEIR_MIN(e->ppm, MILLION));
	near.packets = part_of(t->packets, WEIR_MIN(e->ppm, MILLION));
	t->bytes -= near.bytes;
	t->packets -= near.packets;
	return near.bytes ? apply(p, i + 1, near) : 0;
}

static int scale(const struct pass *p, size_t i, struct weir_traffic *t)
{
	const struct weir_edit *e = &p->edits[i];
	int side = side_of(e, t);
	struct weir_route r;

	if (*change_text(e->service)) {
		if (side != 1 || t->folded)
			return 0;
		route_of(p, t, &t->peer, &r);
		if (strcmp(r.service, e->service) != 0)
			return 0;
	} else if (!side) {
		return 0;
	}
	t->bytes = part_of(t->bytes, e->ppm);
	t->packets = part_of(t->packets, e->ppm);
	return t->bytes > WEIR_TRAFFIC_BYTES_MAX ? -ERANGE : 0;
}

static int readdress(const struct pass *p, size_t i, struct weir_traffic *t)
{
	const struct weir_edit *e = &p->edits[i];

	if (!t->folded && is_named(e->domain, t->domain) && side_of(e, t) == 1 && weir_prefix_covers(&e->to, &t->peer))
		t->peer = e->address;
	return 0;
}

struct place {
	const struct topo_domain *d;
	uint32_t subnet;
	bool v4, found;
	struct weir_prefix prefix;
};

static int find_prefix(const struct weir_prefix *p, uint32_t value, void *arg)
{
	struct place *place = arg;

	if (value != place->subnet || weir_addr_is_v4(&p->addr) != place->v4)
		return 0;
	place->prefix = *p;
	place->found = true;
	return 1;
}

static int find_place(const struct weir_topology *t, const struct weir_edit *e, bool v4, struct place *ret)
{
	*ret = (struct place){.d = topo_domain_at(t, change_text(e->domain), WEIR_TOPOLOGY_LATEST), .subnet = TOPO_NONE,
			      .v4 = v4};
	for (size_t i = 0; ret->d && i < ret->d->subnet_count; i++)
		if (!strcmp(t->subnets[ret->d->first_subnet + i].pub.name, change_text(e->subnet)))
			ret->subnet = (uint32_t)(ret->d->first_subnet + i);
	if (ret->subnet != TOPO_NONE)
		weir_lpm_each(ret->d->subnets, find_prefix, ret);
	return ret->found ? 0 : -EINVAL;
}

/* The same old address has the same new one in all rows. */
static int move_address(const struct pass *p, const struct weir_edit *e, struct weir_addr *inout)
{
	struct place place;
	int r = find_place(p->t, e, weir_addr_is_v4(inout), &place);
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < sizeof(inout->b); i++)
		h = (h ^ inout->b[i]) * 0x100000001b3ull;
	for (unsigned int i = 0; i < TRIES && !r; i++) {
		struct weir_prefix a = {.addr = place.prefix.addr, .len = 128};

		for (unsigned int bit = WEIR_MAX(place.prefix.len, 64u); bit < 128; bit++)
			a.addr.b[bit / 8] |= (uint8_t)(((h + i) >> (127 - bit) & 1) << (7 - bit % 8));
		if (memcmp(&a.addr, &place.prefix.addr, sizeof(a.addr)) == 0 && place.prefix.len < 128)
			continue;
		if (weir_lpm_find_prefix(place.d->endpoints, &a) != WEIR_LPM_NONE && i + 1 < TRIES)
			continue;
		*inout = a.addr;
		break;
	}
	return r;
}

static int move(const struct pass *p, size_t i, struct weir_traffic *t)
{
	struct weir_edit e = p->edits[i];
	int r = 0;

	e.peer_namespace = e.peer_workload = NULL;
	if (t->folded || !is_named(e.target, t->domain))
		return 0;
	if (is_named(e.workload_namespace, t->peer_namespace) && is_named(e.workload, t->peer_workload))
		r = move_address(p, &e, &t->peer);
	if (!r && is_named(e.workload_namespace, t->namespace) && is_named(e.workload, t->workload)) {
		r = move_address(p, &e, &t->local);
		t->domain = p->edits[i].domain;
	}
	return r;
}

/* What came from a node of another zone comes from one of the target's own, where there is one. */
static int nearest_node(const struct pass *p, size_t i, struct weir_traffic *t)
{
	const struct weir_edit *e = &p->edits[i];
	const struct topo_balancer *b;
	struct weir_route r;

	if (t->folded || e->on || strcmp(t->domain, change_text(e->domain)) != 0)
		return 0;
	route_of(p, t, &t->peer, &r);
	if (r.path != WEIR_PATH_LB || !r.behind || !r.cross_zone_hop || strcmp(r.balancer->name, change_text(e->name)) != 0)
		return 0;
	b = (const struct topo_balancer *)((const char *)r.balancer - offsetof(struct topo_balancer, pub));
	for (uint32_t k = 0; k < b->node_count; k++) {
		const struct topo_hop *node = &p->t->hops[b->first_node + k];

		if (strcmp(node->zone, r.local->zone) != 0)
			continue;
		t->peer = node->at.addr;
		if (node->at.len < 128)
			t->peer.b[15] |= 1;
		break;
	}
	return 0;
}

static int (*const editors[WEIR_EDITS])(const struct pass *p, size_t i, struct weir_traffic *t) = {
	[WEIR_EDIT_BALANCER_CROSS_ZONE] = nearest_node,
	[WEIR_EDIT_LOCAL] = stay_local,
	[WEIR_EDIT_SCALE] = scale,
	[WEIR_EDIT_ADDRESS] = readdress,
	[WEIR_EDIT_MOVE] = move,
};

/* A part that stays in the zone is no longer across zones, so that a row has at most n + 1 parts. */
static int apply(const struct pass *p, size_t first, struct weir_traffic t)
{
	int r = 0;

	for (size_t i = first; i < p->n && !r; i++)
		if (weir_edit_is_traffic(&p->edits[i]))
			r = editors[p->edits[i].kind](p, i, &t);
	return r ? r : weir_traffic_add(p->to, &t);
}

int weir_change_traffic(const struct weir_topology *t, const struct weir_traffic_set *s, const struct weir_edit *edits,
			size_t n, struct weir_traffic_set **ret)
{
	weir_auto_traffic struct weir_traffic_set *to = NULL;
	struct pass p = {.t = t, .edits = edits, .n = n};
	int r = n > WEIR_EDITS_MAX ? -EINVAL : weir_traffic_new(&to);

	p.to = to;
	for (size_t i = 0; i < n && !r; i++)
		if ((unsigned int)edits[i].kind >= WEIR_EDITS)
			r = -EINVAL;
	for (size_t i = 0; i < weir_traffic_count(s) && !r; i++) {
		struct weir_traffic row;

		weir_traffic_get(s, i, &row);
		r = apply(&p, 0, row);
	}
	if (!r)
		*ret = weir_take_ptr(to);
	return r;
}
