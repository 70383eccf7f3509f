/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the subnets of a Topology document and their routes. */
#include "lib/money/model.h"

enum via_arg { ARG_NONE, ARG_OPTIONAL_DOMAIN, ARG_DOMAIN, ARG_HOP, ARG_SERVICE };

static const struct via_row {
	const char *name;
	enum topo_via via;
	enum via_arg arg;
} vias[] = {
	{"local", TOPO_VIA_LOCAL, ARG_NONE},
	{"igw", TOPO_VIA_IGW, ARG_NONE},
	{"egress-only", TOPO_VIA_IGW, ARG_NONE}, /* for IPv6; costs what an internet gateway costs */
	{"nat", TOPO_VIA_NAT, ARG_HOP},
	{"peering", TOPO_VIA_PEERING, ARG_DOMAIN},
	{"tgw", TOPO_VIA_TGW, ARG_OPTIONAL_DOMAIN},
	{"vpn", TOPO_VIA_VPN, ARG_NONE},
	{"direct", TOPO_VIA_DIRECT, ARG_NONE},
	{"endpoint", TOPO_VIA_ENDPOINT, ARG_HOP},
	{"gateway-endpoint", TOPO_VIA_GATEWAY_ENDPOINT, ARG_SERVICE},
};

const char *topo_via_name(enum topo_via via)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(vias); i++)
		if (vias[i].via == via)
			return vias[i].name;
	return "";
}

static const struct via_row *via_find(const char *s, size_t len)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(vias); i++)
		if (strlen(vias[i].name) == len && !strncmp(vias[i].name, s, len))
			return &vias[i];
	return NULL;
}

bool topo_via_parse(const char *name, enum topo_via *ret)
{
	const struct via_row *row = via_find(name, strlen(name));

	if (row)
		*ret = row->via;
	return row;
}

/* NAT gateways have no service, endpoints always have one: that tells them apart. */
static int find_hop(const struct weir_topology *t, uint32_t domain, const char *name, bool endpoint,
		    struct weir_y *y, uint32_t *ret, struct weir_err *err)
{
	for (uint32_t i = 0; i < t->hop_count; i++) {
		const struct topo_hop *h = &t->hops[i];

		if (h->domain == domain && !strcmp(h->name, name) &&
		    (h->service[0] != 0) == endpoint) {
			*ret = i;
			return 0;
		}
	}
	return weir_y_err(y, err, "no %s named '%.60s' in spec.%s",
			  endpoint ? "endpoint" : "NAT gateway", name,
			  endpoint ? "endpoints" : "nat");
}

/* The other domain may stand in a later document: keep the message for the seal. */
static int set_target(struct weir_topology *t, struct topo_route *rt, const char *domain,
		      struct weir_y *y)
{
	struct weir_err where = {0};

	weir_y_err(y, &where, "no topology has the domain '%.100s'", domain);
	rt->target = topo_string(t, domain);
	rt->unresolved = topo_string(t, where.text);
	return rt->target && rt->unresolved ? 0 : -ENOMEM;
}

static int read_via(struct weir_topology *t, uint32_t domain, struct weir_y *y,
		    struct topo_route *rt, struct weir_err *err)
{
	const struct via_row *row;
	const char *s, *arg;
	int r;

	r = weir_y_str(y, &s, err);
	if (r < 0)
		return r;
	arg = strchrnul(s, ':');
	row = via_find(s, (size_t)(arg - s));
	if (!row)
		return weir_y_err(
			y, err,
			"'%.60s' is none of local, igw, egress-only, nat:NAME, peering:DOMAIN, tgw, vpn, "
			"direct, endpoint:NAME, gateway-endpoint:SERVICE",
			s);
	if (*arg && (row->arg == ARG_NONE || !arg[1]))
		return weir_y_err(y, err,
				  "'%.60s': nothing may stand behind %s, or a name is missing", s,
				  row->name);
	if (!*arg && row->arg > ARG_OPTIONAL_DOMAIN)
		return weir_y_err(y, err, "'%.60s' needs a name: %s:...", s, row->name);
	rt->via = row->via;
	if (!*arg || row->arg == ARG_NONE)
		return 0;
	if (row->arg == ARG_HOP)
		return find_hop(t, domain, arg + 1, row->via == TOPO_VIA_ENDPOINT, y, &rt->hop,
				err);
	if (row->arg != ARG_SERVICE)
		return set_target(t, rt, arg + 1, y);
	rt->to_service = topo_string(t, arg + 1); /* what a gateway endpoint serves */
	return rt->to_service ? 0 : -ENOMEM;
}

/* `to` is a service unless it looks like a prefix: a digit first, or a colon. */
static int read_to(struct weir_topology *t, struct weir_y *y, struct topo_route *rt,
		   const char **ret_service, struct weir_err *err)
{
	struct weir_prefix p;
	const char *s;
	int r;

	r = weir_y_str(y, &s, err);
	if (r < 0)
		return r;
	*ret_service = NULL;
	if (weir_prefix_parse(s, &p) == 0 || strchr(s, ':') || (s[0] >= '0' && s[0] <= '9'))
		return topo_read_prefix(y, &rt->to, err);
	*ret_service = topo_string(t, s);
	return *ret_service ? 0 : -ENOMEM;
}

static int put_route(struct weir_topology *t, struct weir_lpm *lpm, struct topo_route *rt,
		     struct weir_y *y, struct weir_err *err)
{
	struct topo_route *row;
	uint32_t old = WEIR_LPM_NONE;

	if (!rt->to_service) {
		old = weir_lpm_find_prefix(lpm, &rt->to);
		if (old != WEIR_LPM_NONE && old != 0 && t->routes[old].to.len == rt->to.len)
			return weir_y_err(y, err, "the subnet has two routes to this prefix");
	}
	row = topo_add_row(&t->routes, &t->route_count);
	if (!row)
		return -ENOMEM;
	*row = *rt;
	return rt->to_service ? 0 : weir_lpm_put(lpm, &rt->to, (uint32_t)t->route_count - 1);
}

static int add_route(struct weir_topology *t, uint32_t subnet, struct weir_y *y,
		     struct weir_err *err)
{
	struct topo_route rt = {.hop = TOPO_NONE, .target_domain = TOPO_NONE, .subnet = subnet};
	const struct topo_subnet *s = &t->subnets[subnet];
	const char *service = NULL;
	struct weir_y *to, *via = NULL;
	int r;

	r = weir_y_get(y, "to", &to, err);
	if (r == 0)
		r = weir_y_get(y, "via", &via, err);
	if (r == 0)
		r = read_to(t, to, &rt, &service, err);
	if (r == 0)
		r = read_via(t, s->domain, via, &rt, err);
	if (r == 0)
		r = weir_y_end(y, err);
	if (r < 0)
		return r;
	if (service && rt.to_service && strcmp(service, rt.to_service))
		return weir_y_err(via, err, "the gateway endpoint serves '%.60s', not '%.60s'",
				  rt.to_service, service);
	rt.to_service = service;
	return put_route(t, s->routes, &rt, to, err);
}

static int add_routes(struct weir_topology *t, uint32_t subnet, struct weir_y *seq,
		      struct weir_err *err)
{
	static const struct weir_prefix v4 = {.addr = {.b = {[10] = 0xff, [11] = 0xff}}, .len = 96};
	int r;

	r = weir_lpm_put(t->subnets[subnet].routes, &v4, 0);
	if (r < 0 || !seq)
		return r;
	r = weir_y_seq(seq, err);
	for (size_t i = 0; i < weir_y_count(seq) && r == 0; i++)
		r = add_route(t, subnet, weir_y_item(seq, i), err);
	return r;
}

static int add_cidrs(struct weir_topology *t, uint32_t subnet, struct weir_y *seq,
		     struct weir_err *err)
{
	struct topo_domain *d = &t->domains[t->subnets[subnet].domain];
	int r;

	r = weir_y_seq(seq, err);
	for (size_t i = 0; i < weir_y_count(seq) && r == 0; i++) {
		struct weir_y *y = weir_y_item(seq, i);
		struct weir_prefix p;
		uint32_t other;

		r = topo_read_prefix(y, &p, err);
		if (r < 0)
			return r;
		if (weir_lpm_find_prefix(d->prefixes, &p) == WEIR_LPM_NONE)
			return weir_y_err(y, err,
					  "the prefix is outside the prefixes of the domain");
		other = weir_lpm_find_prefix(d->subnets, &p);
		if (other != WEIR_LPM_NONE)
			return weir_y_err(y, err, "the prefix overlaps subnet '%.60s'",
					  t->subnets[other].pub.name);
		r = weir_lpm_put(d->subnets, &p, subnet);
	}
	return r;
}

static int read_subnet(struct weir_topology *t, struct topo_subnet *s, struct weir_y *y,
		       struct weir_err *err)
{
	const struct topo_domain *d = &t->domains[s->domain];
	weir_auto_free char *class = NULL;
	const char *region;
	int r;

	r = topo_read_string(t, y, "name", NULL, &s->pub.name, err);
	if (r == 0)
		r = topo_read_string(t, y, "region", "", &region, err);
	if (r == 0)
		r = topo_read_string(t, y, "route_table", "", &s->table, err);
	if (r == 0) /* without a region a zone is needed, and says it */
		r = topo_read_string(t, y, "zone", region[0] ? "" : NULL, &s->pub.zone, err);
	if (r < 0)
		return r;
	s->pub.region = s->pub.zone[0] ? topo_region(d, s->pub.zone) : region;
	if (!s->pub.region)
		return weir_y_err(y, err, "zone '%.60s' is not in spec.zones", s->pub.zone);
	if (region[0] && strcmp(region, s->pub.region))
		return weir_y_err(y, err, "region '%.60s' is not that of zone '%.60s'", region,
				  s->pub.zone);
	for (size_t i = 0; i < t->subnet_count; i++)
		if (t->subnets[i].domain == s->domain &&
		    !strcmp(t->subnets[i].pub.name, s->pub.name))
			return weir_y_err(y, err, "subnet '%.60s' stands twice", s->pub.name);
	class = weir_strf("%s/%s", d->name, s->pub.name);
	s->class = class ? topo_string(t, class) : NULL;
	s->pub.domain = d->name;
	s->pub.account = d->account;
	return s->class ? 0 : -ENOMEM;
}

static int add_subnet(struct weir_topology *t, uint32_t domain, struct weir_y *y,
		      struct weir_err *err)
{
	struct topo_subnet s = {.domain = domain, .front = TOPO_NONE}, *row;
	struct weir_y *cidrs, *routes;
	uint32_t index;
	int r;

	r = weir_y_get(y, "cidrs", &cidrs, err);
	if (r == 0)
		r = read_subnet(t, &s, y, err);
	if (r < 0)
		return r;
	routes = weir_y_find(y, "routes");
	r = weir_y_end(y, err);
	if (r < 0)
		return r;
	row = topo_add_row(&t->subnets, &t->subnet_count);
	if (!row)
		return -ENOMEM;
	*row = s;
	index = (uint32_t)t->subnet_count - 1;
	r = weir_lpm_new(&row->routes);
	if (r == 0)
		r = add_cidrs(t, index, cidrs, err);
	return r < 0 ? r : add_routes(t, index, routes, err);
}

int topo_add_subnets(struct weir_topology *t, uint32_t domain, struct weir_y *seq,
		     struct weir_err *err)
{
	int r = weir_y_seq(seq, err);

	for (size_t i = 0; i < weir_y_count(seq) && r == 0; i++)
		r = add_subnet(t, domain, weir_y_item(seq, i), err);
	return r;
}
