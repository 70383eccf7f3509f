/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which path a byte takes. Everything is decided for a prefix, of which an address is the longest:
 * an answer for prefix p holds for those of its addresses that no longer boundary takes away. So
 * the agent's table (weir_topology_each) and a single lookup cannot disagree.
 *
 * Order: the domain's own addresses, then the longest route of the subnet, then on-premises ranges.
 * What none of them explains stays unknown; it is never guessed to be internet.
 */
#include "lib/money/model.h"

enum fixed_kind { FIXED_LOOPBACK, FIXED_LINK, FIXED_PRIVATE };

/* RFC 1122, 3927, 4291 (never leave the host or link); RFC 1918, 6598, 4193 (no path over the
 * internet: a default route to an internet or NAT gateway does not explain them). */
static const struct fixed_row {
	struct weir_prefix prefix;
	enum fixed_kind kind;
} fixed[] = {
#define V4(len4, ...)                                                                              \
	{                                                                                          \
		.addr = {.b = {[10] = 0xff, [11] = 0xff, __VA_ARGS__}}, .len = 96 + (len4)         \
	}
	{V4(8, [12] = 127), FIXED_LOOPBACK},
	{{.addr = {.b = {[15] = 1}}, .len = 128}, FIXED_LOOPBACK},
	{V4(16, [12] = 169, [13] = 254), FIXED_LINK},
	{{.addr = {.b = {0xfe, 0x80}}, .len = 10}, FIXED_LINK},
	{V4(8, [12] = 10), FIXED_PRIVATE},
	{V4(12, [12] = 172, [13] = 16), FIXED_PRIVATE},
	{V4(16, [12] = 192, [13] = 168), FIXED_PRIVATE},
	{V4(10, [12] = 100, [13] = 64), FIXED_PRIVATE},
	{{.addr = {.b = {0xfc}}, .len = 7}, FIXED_PRIVATE},
#undef V4
};

static bool prefix_within(const struct weir_prefix *outer, const struct weir_prefix *inner)
{
	return inner->len >= outer->len && weir_prefix_covers(outer, &inner->addr);
}

static const struct fixed_row *fixed_find(const struct weir_prefix *p)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(fixed); i++)
		if (prefix_within(&fixed[i].prefix, p))
			return &fixed[i];
	return NULL;
}

int topo_fixed_boundaries(struct weir_lpm *b)
{
	int r = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(fixed) && r == 0; i++)
		r = weir_lpm_put(b, &fixed[i].prefix, 0);
	return r;
}

static const struct topo_subnet *subnet_of(const struct weir_topology *t,
					   const struct topo_domain *d, const struct weir_prefix *p)
{
	uint32_t i = weir_lpm_find_prefix(d->subnets, p);

	return i == WEIR_LPM_NONE ? NULL : &t->subnets[i];
}

static bool holds(const struct topo_domain *d, const struct weir_prefix *p)
{
	return weir_lpm_find_prefix(d->prefixes, p) != WEIR_LPM_NONE;
}

/* Place of the peer when a domain holds its address. */
static void set_peer(const struct weir_topology *t, const struct topo_domain *d,
		     const struct weir_prefix *p, struct weir_route *ret)
{
	const struct topo_subnet *s = subnet_of(t, d, p);

	if (!holds(d, p))
		return;
	ret->peer_domain = d->name;
	if (s) {
		ret->region = s->pub.region;
		ret->zone = s->pub.zone;
	}
}

static bool hop_elsewhere(const struct topo_hop *h, const struct topo_subnet *s)
{
	return h->zone[0] && strcmp(h->zone, s->pub.zone);
}

static void route_endpoint(const struct topo_hop *h, const struct topo_subnet *s,
			   struct weir_route *ret)
{
	ret->path = WEIR_PATH_ENDPOINT;
	ret->service = h->service;
	ret->region = s->pub.region;
	ret->zone = h->zone;
	ret->cross_zone_hop = hop_elsewhere(h, s);
}

static void route_inside(const struct weir_topology *t, const struct topo_domain *d,
			 const struct topo_subnet *s, const struct weir_prefix *p,
			 struct weir_route *ret)
{
	const struct topo_subnet *other = subnet_of(t, d, p);
	uint32_t endpoint = weir_lpm_find_prefix(d->endpoints, p);

	set_peer(t, d, p, ret);
	if (endpoint != WEIR_LPM_NONE)
		route_endpoint(&t->hops[endpoint], s, ret);
	else if (!other)
		ret->path = WEIR_PATH_UNKNOWN;
	else if (strcmp(other->pub.region, s->pub.region))
		ret->path = WEIR_PATH_CROSS_REGION;
	else if (strcmp(other->pub.zone, s->pub.zone))
		ret->path = WEIR_PATH_CROSS_ZONE;
	else
		ret->path = WEIR_PATH_SAME_ZONE;
}

static bool is_default(const struct topo_route *rt)
{
	return !rt->to_service && (rt->to.len == 0 || rt->to.len == 96);
}

static void route_public(const struct weir_topology *t, const struct topo_route *rt,
			 const struct topo_subnet *s, const struct fixed_row *f,
			 struct weir_route *ret)
{
	if (f && is_default(rt))
		return;
	if (rt->via == TOPO_VIA_IGW) {
		ret->path = WEIR_PATH_INTERNET;
		return;
	}
	ret->path = WEIR_PATH_NAT;
	ret->cross_zone_hop = hop_elsewhere(&t->hops[rt->hop], s);
}

static void route_outside(const struct weir_topology *t, const struct topo_domain *d,
			  const struct topo_subnet *s, const struct weir_prefix *p,
			  const struct fixed_row *f, struct weir_route *ret)
{
	uint32_t index = weir_lpm_find_prefix(s->routes, p);
	const struct topo_route *rt = &t->routes[index == WEIR_LPM_NONE ? 0 : index];

	if (rt->target_domain != TOPO_NONE)
		set_peer(t, &t->domains[rt->target_domain], p, ret);
	switch (rt->via) {
	case TOPO_VIA_NONE:
		if (weir_lpm_find_prefix(d->onprem, p) != WEIR_LPM_NONE)
			ret->path = WEIR_PATH_ONPREM;
		break;
	case TOPO_VIA_LOCAL: /* says where it goes, not to which zone */
		break;
	case TOPO_VIA_IGW:
	case TOPO_VIA_NAT:
		route_public(t, rt, s, f, ret);
		break;
	case TOPO_VIA_PEERING: /* what the peer does not hold goes nowhere */
		if (ret->peer_domain[0])
			ret->path = WEIR_PATH_PEERING;
		break;
	case TOPO_VIA_TGW:
		ret->path = WEIR_PATH_TGW;
		break;
	case TOPO_VIA_VPN:
		ret->path = WEIR_PATH_VPN;
		break;
	case TOPO_VIA_DIRECT:
		ret->path = WEIR_PATH_DIRECT;
		break;
	case TOPO_VIA_ENDPOINT:
		route_endpoint(&t->hops[rt->hop], s, ret);
		break;
	case TOPO_VIA_GATEWAY_ENDPOINT:
		ret->path = WEIR_PATH_GATEWAY_ENDPOINT;
		break;
	}
}

void topo_route_prefix(const struct weir_topology *t, const struct topo_domain *d,
		       const struct topo_subnet *s, const struct weir_prefix *peer,
		       struct weir_route *ret)
{
	const struct fixed_row *f = fixed_find(peer);
	uint32_t range = weir_lpm_find_prefix(t->range_lpm, peer);

	*ret = (struct weir_route){
		.service = "",
		.region = "",
		.zone = "",
		.peer_domain = "",
		.local = s ? &s->pub : NULL,
	};
	if (f && f->kind == FIXED_LOOPBACK) {
		ret->path = WEIR_PATH_SAME_HOST;
		return;
	}
	if (f && f->kind == FIXED_LINK) {
		ret->path = WEIR_PATH_SAME_ZONE;
		return;
	}
	if (d && s && holds(d, peer)) {
		route_inside(t, d, s, peer, ret);
		return;
	}
	if (d)
		set_peer(t, d, peer, ret);
	if (!ret->peer_domain[0] && range != WEIR_LPM_NONE) {
		ret->service = t->ranges[range].service;
		ret->region = t->ranges[range].region;
	}
	if (d && s)
		route_outside(t, d, s, peer, f, ret);
}

const struct weir_subnet *weir_topology_subnet(const struct weir_topology *t, const char *domain,
					       const struct weir_addr *a)
{
	const struct topo_domain *d = topo_domain_find(t, domain);
	struct weir_prefix p = {.addr = *a, .len = 128};
	const struct topo_subnet *s = d ? subnet_of(t, d, &p) : NULL;

	return s ? &s->pub : NULL;
}

void weir_topology_route(const struct weir_topology *t, const char *domain,
			 const struct weir_addr *local, const struct weir_addr *peer,
			 struct weir_route *ret)
{
	const struct topo_domain *d = topo_domain_find(t, domain);
	struct weir_prefix l = {.addr = *local, .len = 128}, p = {.addr = *peer, .len = 128};
	const struct topo_subnet *s = d ? subnet_of(t, d, &l) : NULL;

	topo_route_prefix(t, d, s, &p, ret);
	if (!memcmp(local, peer, sizeof(*local)))
		ret->path = WEIR_PATH_SAME_HOST;
}
