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

/* Whose caches are paid by their owner; what a workload sends them is an origin's answer. */
static bool is_cdn(const char *service)
{
	static const char *const names[] = {"aws/cloudfront", "aws/cloudfront-origin-facing",
					    "azure/azurefrontdoor"};

	for (size_t i = 0; service[0] && i < WEIR_ARRAY_SIZE(names); i++)
		if (!strcmp(service, names[i]))
			return true;
	return false;
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

static void route_inside(const struct weir_topology *t, const struct topo_from *from,
			 const struct weir_prefix *p, struct weir_route *ret)
{
	const struct topo_domain *d = from->d;
	const struct topo_subnet *s = from->s, *other = subnet_of(t, d, p);
	uint32_t hop = weir_lpm_find_prefix(d->endpoints, p);

	set_peer(t, d, p, ret);
	if (hop != WEIR_LPM_NONE && t->hops[hop].balancer == TOPO_NONE) {
		route_endpoint(&t->hops[hop], s, ret);
		return;
	}
	if (hop != WEIR_LPM_NONE && topo_route_balancer(t, from, hop, ret))
		return;
	if (!other)
		ret->path = WEIR_PATH_UNKNOWN;
	else if (strcmp(other->pub.region, s->pub.region))
		ret->path = WEIR_PATH_CROSS_REGION;
	else if (!other->pub.zone[0] || !s->pub.zone[0])
		ret->path = WEIR_PATH_UNKNOWN;
	else if (strcmp(other->pub.zone, s->pub.zone))
		ret->path = WEIR_PATH_CROSS_ZONE;
	else
		ret->path = WEIR_PATH_SAME_ZONE;
}

static bool is_default(const struct topo_route *rt)
{
	return !rt->to_service && topo_is_all(&rt->to);
}

static void route_public(const struct weir_topology *t, const struct topo_route *rt,
			 const struct topo_from *from, const struct fixed_row *f,
			 struct weir_route *ret)
{
	if (f && is_default(rt))
		return;
	if (rt->via == TOPO_VIA_IGW) {
		ret->path = is_cdn(ret->service) ? WEIR_PATH_CDN : WEIR_PATH_INTERNET;
	} else {
		ret->path = WEIR_PATH_NAT;
		ret->cross_zone_hop = hop_elsewhere(&t->hops[rt->hop], from->s);
	}
	if (from->s->front != TOPO_NONE)
		topo_set_front(t, from, ret);
}

/* A transit gateway hands over in the zone of the sender, where it can; there, or else in the first subnet
 * of the network that knows a way, is the NAT gateway that goes on. */
static void route_onward(const struct weir_topology *t, const struct topo_domain *target,
			 const struct topo_from *from, const struct weir_prefix *p, struct weir_route *ret)
{
	const struct topo_hop *nat = NULL;
	bool near = false;

	ret->onward = true;
	for (size_t i = 0; target && i < target->subnet_count && !near; i++) {
		const struct topo_subnet *s = &t->subnets[target->first_subnet + i];
		uint32_t index = weir_lpm_find_prefix(s->routes, p);

		if (index == WEIR_LPM_NONE || t->routes[index].via != TOPO_VIA_NAT)
			continue;
		near = !strcmp(s->pub.zone, from->s->pub.zone);
		if (near || !nat)
			nat = &t->hops[t->routes[index].hop];
	}
	if (!nat)
		return;
	ret->onward_path = WEIR_PATH_NAT;
	ret->cross_zone_hop = hop_elsewhere(nat, from->s);
}

static void route_outside(const struct weir_topology *t, const struct topo_from *from,
			  const struct weir_prefix *p, const struct fixed_row *f,
			  struct weir_route *ret)
{
	const struct topo_domain *d = from->d, *target;
	const struct topo_subnet *s = from->s;
	uint32_t index = weir_lpm_find_prefix(s->routes, p);
	const struct topo_route *rt = &t->routes[index == WEIR_LPM_NONE ? 0 : index];

	target = topo_target(t, rt, from->time_s);
	if (target)
		set_peer(t, target, p, ret);
	switch (rt->via) {
	case TOPO_VIA_NONE:
		if (weir_lpm_find_prefix(d->onprem, p) != WEIR_LPM_NONE)
			ret->path = WEIR_PATH_ONPREM;
		break;
	case TOPO_VIA_LOCAL: /* says where it goes, not to which zone */
		break;
	case TOPO_VIA_IGW:
	case TOPO_VIA_NAT:
		route_public(t, rt, from, f, ret);
		break;
	case TOPO_VIA_PEERING: /* what the peer does not hold goes nowhere */
		if (ret->peer_domain[0])
			ret->path = WEIR_PATH_PEERING;
		break;
	case TOPO_VIA_TGW:
		ret->path = WEIR_PATH_TGW;
		if (!ret->peer_domain[0] && !f)
			route_onward(t, target, from, p, ret);
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

/* A provider's proxies have addresses that no domain holds. */
static bool route_proxy(const struct weir_topology *t, const struct topo_from *from,
			const struct weir_prefix *p, struct weir_route *ret)
{
	uint32_t hop = weir_lpm_find_prefix(from->d->endpoints, p);

	return hop != WEIR_LPM_NONE && topo_route_balancer(t, from, hop, ret);
}

void topo_route_prefix(const struct weir_topology *t, const struct topo_from *from,
		       const struct weir_prefix *peer, struct weir_route *ret)
{
	const struct fixed_row *f = fixed_find(peer);
	uint32_t range = weir_lpm_find_prefix(t->range_lpm, peer);
	const struct topo_domain *d = from->d;
	const struct topo_subnet *s = from->s;

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
		route_inside(t, from, peer, ret);
		return;
	}
	if (d && s && d->outside && route_proxy(t, from, peer, ret))
		return;
	if (d)
		set_peer(t, d, peer, ret);
	if (!ret->peer_domain[0] && range != WEIR_LPM_NONE) {
		ret->service = t->ranges[range].service;
		ret->region = t->ranges[range].region;
	}
	if (d && s)
		route_outside(t, from, peer, f, ret);
}

const struct weir_subnet *weir_topology_subnet(const struct weir_topology *t, const char *domain,
					       const struct weir_addr *a)
{
	const struct topo_domain *d = topo_domain_at(t, domain, WEIR_TOPOLOGY_LATEST);
	struct weir_prefix p = {.addr = *a, .len = 128};
	const struct topo_subnet *s = d ? subnet_of(t, d, &p) : NULL;

	return s ? &s->pub : NULL;
}

void weir_topology_route_at(const struct weir_topology *t, const char *domain,
			    const struct weir_addr *local, const struct weir_addr *peer,
			    uint64_t time_s, struct weir_route *ret)
{
	struct topo_from from = {.d = topo_domain_at(t, domain, time_s), .local = local, .time_s = time_s};
	struct weir_prefix l = {.addr = *local, .len = 128}, p = {.addr = *peer, .len = 128};

	from.s = from.d ? subnet_of(t, from.d, &l) : NULL;
	topo_route_prefix(t, &from, &p, ret);
	if (!memcmp(local, peer, sizeof(*local)))
		ret->path = WEIR_PATH_SAME_HOST;
}

void weir_topology_route(const struct weir_topology *t, const char *domain,
			 const struct weir_addr *local, const struct weir_addr *peer,
			 struct weir_route *ret)
{
	weir_topology_route_at(t, domain, local, peer, WEIR_TOPOLOGY_LATEST, ret);
}

void weir_route_answered(const struct weir_route *r, struct weir_route *ret)
{
	*ret = *r;
	if (!r->front)
		return;
	ret->path = WEIR_PATH_LB;
	ret->balancer = r->front;
	ret->behind = true;
	ret->cross_zone_hop = r->front_hop;
}

void weir_topology_reason(const struct weir_topology *t, const char *domain,
			  const struct weir_addr *local, const struct weir_addr *peer,
			  uint64_t time_s, struct weir_route_reason *ret)
{
	const struct topo_domain *d = topo_domain_at(t, domain, time_s);
	struct weir_prefix l = {.addr = *local, .len = 128}, p = {.addr = *peer, .len = 128};
	const struct topo_subnet *s = d ? subnet_of(t, d, &l) : NULL, *other = d ? subnet_of(t, d, &p) : NULL;
	uint32_t range = weir_lpm_find_prefix(t->range_lpm, &p), index = 0, hop = TOPO_NONE;

	*ret = (struct weir_route_reason){.local = s ? &s->pub : NULL, .peer = other ? &other->pub : NULL,
					  .domain_file = d ? d->where : "", .via = "", .target = "",
					  .gateway = "", .gateway_zone = "", .range_service = ""};
	if (range != WEIR_LPM_NONE) {
		ret->range_service = t->ranges[range].service;
		ret->range_region = t->ranges[range].region;
		ret->range = t->ranges[range].prefix;
	}
	if (s && !holds(d, &p))
		index = weir_lpm_find_prefix(s->routes, &p);
	else if (s)
		hop = weir_lpm_find_prefix(d->endpoints, &p);
	if (index && index != WEIR_LPM_NONE) {
		const struct topo_route *rt = &t->routes[index];

		ret->via = topo_via_name(rt->via);
		ret->to = rt->to;
		ret->to_service = rt->to_service;
		ret->target = rt->target ? rt->target : "";
		hop = rt->hop;
	}
	if (hop != TOPO_NONE && t->hops[hop].balancer == TOPO_NONE) {
		ret->gateway = t->hops[hop].name;
		ret->gateway_zone = t->hops[hop].zone;
	}
}
