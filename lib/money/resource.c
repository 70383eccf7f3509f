/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/resource.h"

#include "lib/money/book.h"
#include "lib/money/model.h"

static const char *const balancer_meters[WEIR_LB_KINDS] = {
	[WEIR_LB_ALB] = "alb-hour",  [WEIR_LB_NLB] = "nlb-hour",	     [WEIR_LB_CLB] = "clb-hour",
	[WEIR_LB_AZURE] = "lb-hour", [WEIR_LB_GCP] = "forwarding-rule-hour",
};

struct visit {
	const struct weir_topology *t;
	const struct weir_pricebook *b;
	const struct topo_domain *d;
	uint64_t time_s;
	int (*fn)(const struct weir_resource *r, void *arg);
	void *arg;
};

/* Where all subnets of a domain are, "" when they are in several regions (Google's networks are). */
static const char *only_region(const struct weir_topology *t, const struct topo_domain *d)
{
	const char *region = "";

	for (size_t i = d->first_subnet; i < d->first_subnet + d->subnet_count; i++) {
		const char *other = t->subnets[i].pub.region;

		if (*region && strcmp(region, other))
			return "";
		region = other;
	}
	return region;
}

static const char *region_of(const struct visit *v, const char *zone)
{
	const char *region = *zone ? topo_region(v->d, zone) : NULL;

	return region ? region : only_region(v->t, v->d);
}

static int tell(const struct visit *v, struct weir_resource *r)
{
	const struct weir_meter *m;

	r->domain = v->d->name;
	r->provider = v->d->provider;
	r->account = v->d->account;
	m = weir_pricebook_find(v->b, r->provider, r->region, r->meter_name, v->time_s);
	m = m && m->by_hour ? weir_meter_effective(m, r->account, v->time_s) : NULL;
	r->meter = m && m->by_hour ? m : NULL;
	return v->fn(r, v->arg);
}

static int each_hop(const struct visit *v)
{
	uint32_t domain = (uint32_t)(v->d - v->t->domains);
	int r = 0;

	for (size_t i = 0; !r && i < v->t->hop_count; i++) {
		const struct topo_hop *h = &v->t->hops[i];
		bool endpoint = *h->service != '\0';
		struct weir_resource one = {.name = h->name, .owner = "", .region = region_of(v, h->zone), .count = 1};

		if (h->domain != domain || h->balancer != TOPO_NONE)
			continue;
		one.meter_name = !endpoint			    ? "nat-gateway-hour"
				 : strcmp(h->service, "aws/gwlb") ? "endpoint-hour"
								    : "endpoint-gwlb-hour";
		one.path = endpoint ? WEIR_PATH_ENDPOINT : WEIR_PATH_NAT;
		/* Azure's is one, wherever it is asked from. */
		if (endpoint && !*h->zone && v->d->zone_count && !strcmp(v->d->provider, "aws"))
			one.count = (uint32_t)v->d->zone_count;
		r = tell(v, &one);
	}
	return r;
}

static int each_balancer(const struct visit *v)
{
	uint32_t domain = (uint32_t)(v->d - v->t->domains);
	int r = 0;

	for (size_t i = 0; !r && i < v->t->balancer_count; i++) {
		const struct topo_balancer *b = &v->t->balancers[i];
		const char *zone = b->node_count ? v->t->hops[b->first_node].zone : "";
		struct weir_resource one = {.name = b->pub.name, .owner = b->pub.owner, .region = region_of(v, zone),
					    .meter_name = balancer_meters[b->pub.kind], .path = WEIR_PATH_LB, .count = 1};

		if (b->domain == domain)
			r = tell(v, &one);
	}
	return r;
}

static bool holds(const struct topo_domain *d, uint64_t time_s)
{
	return time_s == WEIR_TOPOLOGY_LATEST ? d->latest : time_s >= d->valid_from && time_s < d->valid_to;
}

/* One of the whole domain when any of its subnets has a route by it, or another domain one that leads here through it. */
static int by_route(const struct visit *v, enum topo_via via, struct weir_resource one)
{
	for (size_t i = 1; i < v->t->route_count; i++) {
		const struct topo_route *rt = &v->t->routes[i];
		const struct topo_domain *from = &v->t->domains[v->t->subnets[rt->subnet].domain];

		if (rt->via == via && (from == v->d || (holds(from, v->time_s) && topo_target(v->t, rt, v->time_s) == v->d)))
			return tell(v, &one);
	}
	return 0;
}

int weir_resource_each(const struct weir_topology *t, const struct weir_pricebook *b, uint64_t time_s,
		       int (*fn)(const struct weir_resource *r, void *arg), void *arg)
{
	int r = 0;

	for (size_t i = 0; !r && i < t->domain_count; i++) {
		const struct visit v = {t, b, &t->domains[i], time_s, fn, arg};
		const char *vpn = strcmp(v.d->provider, "aws") ? "vpn-tunnel-hour" : "vpn-connection-hour";

		if (!holds(v.d, time_s))
			continue;
		r = each_hop(&v);
		if (!r)
			r = each_balancer(&v);
		if (!r)
			r = by_route(&v, TOPO_VIA_TGW,
				     (struct weir_resource){.name = "tgw", .owner = "", .region = only_region(t, v.d), .count = 1,
							    .meter_name = "tgw-attachment-hour", .path = WEIR_PATH_TGW});
		if (!r)
			r = by_route(&v, TOPO_VIA_VPN,
				     (struct weir_resource){.name = "vpn", .owner = "", .region = only_region(t, v.d), .count = 1,
							    .meter_name = vpn, .path = WEIR_PATH_VPN});
	}
	return r;
}

static void earlier(uint64_t *at_s, uint64_t time_s, uint64_t than_s)
{
	if (than_s > time_s && than_s < *at_s)
		*at_s = than_s;
}

uint64_t weir_resource_until(const struct weir_topology *t, const struct weir_pricebook *b, uint64_t time_s)
{
	uint64_t at_s = UINT64_MAX;

	for (size_t i = 0; i < t->domain_count; i++) {
		earlier(&at_s, time_s, t->domains[i].valid_from);
		earlier(&at_s, time_s, t->domains[i].valid_to);
	}
	for (size_t i = 0; i < b->count; i++)
		for (const struct weir_meter *m = &b->rows[i]->pub; m && m->by_hour; m = weir_meter_over(m)) {
			earlier(&at_s, time_s, m->valid_from);
			earlier(&at_s, time_s, m->valid_to);
		}
	return at_s;
}
