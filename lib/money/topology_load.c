/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a Topology document, subnets apart (topology_subnet.c); the schema is in topology.c. */
#include "lib/money/model.h"

static int no_memory(struct weir_y *y, struct weir_err *err)
{
	weir_err_set(err, -ENOMEM, "%s:%u:1 .: out of memory", weir_y_file(y), weir_y_line(y));
	return -ENOMEM;
}

int topo_read_string(struct weir_topology *t, struct weir_y *y, const char *key, const char *def,
		     const char **ret, struct weir_err *err)
{
	struct weir_y *v = weir_y_find(y, key);
	const char *s = def;
	int r;

	if (v) {
		r = weir_y_str(v, &s, err);
		if (r < 0)
			return r;
	} else if (!def) {
		return weir_y_get(y, key, &v, err);
	}
	s = topo_string(t, s);
	if (!s)
		return no_memory(y, err);
	*ret = s;
	return 0;
}

int topo_read_prefix(struct weir_y *y, struct weir_prefix *ret, struct weir_err *err)
{
	static const struct weir_addr mapped = {.b = {[10] = 0xff, [11] = 0xff}};
	struct weir_prefix p;
	int r;

	r = weir_y_prefix(y, &p, err);
	if (r < 0)
		return r;
	if (p.len < 96 && p.len > 0 && weir_prefix_covers(&p, &mapped))
		return weir_y_err(y, err,
				  "this prefix would also cover IPv4; write ::/0 or 0.0.0.0/0");
	*ret = p;
	return 0;
}

int topo_add_prefixes(struct weir_lpm *lpm, struct weir_y *seq, struct weir_err *err)
{
	int r = weir_y_seq(seq, err);

	for (size_t i = 0; i < weir_y_count(seq) && r == 0; i++) {
		struct weir_prefix p;

		r = topo_read_prefix(weir_y_item(seq, i), &p, err);
		if (r == 0 && p.len == 0)
			return weir_y_err(weir_y_item(seq, i), err, "::/0 is too wide here");
		if (r == 0)
			r = weir_lpm_put(lpm, &p, 0);
	}
	return r;
}

static int add_range(struct weir_topology *t, struct weir_y *y, struct weir_err *err)
{
	struct topo_range range = {.rank = UINT8_MAX}; /* what people wrote stands above the providers' files */
	struct weir_y *v;
	uint32_t old;
	int r;

	r = weir_y_get(y, "prefix", &v, err);
	if (r == 0)
		r = topo_read_prefix(v, &range.prefix, err);
	if (r == 0)
		r = topo_read_string(t, y, "service", NULL, &range.service, err);
	if (r == 0)
		r = topo_read_string(t, y, "region", "", &range.region, err);
	if (r == 0)
		r = weir_y_end(y, err);
	if (r < 0)
		return r;
	if (range.prefix.len == 0)
		return weir_y_err(v, err, "::/0 is too wide here");
	old = weir_lpm_find_prefix(t->range_lpm, &range.prefix);
	if (old != WEIR_LPM_NONE && t->ranges[old].prefix.len == range.prefix.len)
		return weir_y_err(v, err, "the prefix already belongs to service '%.60s'",
				  t->ranges[old].service);
	r = topo_put_range(t, &range);
	return r < 0 ? no_memory(y, err) : 0;
}

static int add_range_files(struct weir_topology *t, struct weir_y *spec, struct weir_err *err)
{
	struct weir_y *seq = weir_y_find(spec, "range_files");
	int r = seq ? weir_y_seq(seq, err) : 0;

	for (size_t i = 0; seq && i < weir_y_count(seq) && r == 0; i++) {
		struct weir_y *y = weir_y_item(seq, i);
		const char *s, **row;

		r = weir_y_str(y, &s, err);
		if (r < 0)
			return r;
		if (s[0] == '/' || strstr(s, ".."))
			return weir_y_err(y, err, "the path is relative to the repository and stays in it");
		s = topo_string(t, s);
		row = s ? topo_add_row(&t->range_files, &t->range_file_count) : NULL;
		if (!row)
			return no_memory(y, err);
		*row = s;
	}
	return r;
}

static int add_zone(struct weir_topology *t, struct topo_domain *d, struct weir_y *y,
		    struct weir_err *err)
{
	struct topo_zone zone = {0}, *row;
	int r;

	r = topo_read_string(t, y, "id", NULL, &zone.id, err);
	if (r == 0)
		r = topo_read_string(t, y, "region", NULL, &zone.region, err);
	if (r == 0)
		r = weir_y_end(y, err);
	if (r < 0)
		return r;
	if (topo_region(d, zone.id))
		return weir_y_err(y, err, "zone '%.60s' stands twice", zone.id);
	row = topo_add_row(&d->zones, &d->zone_count);
	if (!row)
		return no_memory(y, err);
	*row = zone;
	return 0;
}

static int add_addresses(struct topo_domain *d, struct weir_y *seq, uint32_t hop,
			 struct weir_err *err)
{
	int r = weir_y_seq(seq, err);

	for (size_t i = 0; i < weir_y_count(seq) && r == 0; i++) {
		struct weir_prefix p = {.len = 128};

		r = weir_y_addr(weir_y_item(seq, i), &p.addr, err);
		if (r == 0 && weir_lpm_find_prefix(d->prefixes, &p) == WEIR_LPM_NONE)
			return weir_y_err(weir_y_item(seq, i), err,
					  "the address is outside the prefixes of the domain");
		if (r == 0)
			r = weir_lpm_put(d->endpoints, &p, hop); /* the length of hop.at is that of an address */
	}
	return r;
}

/* Of a NAT gateway: no path depends on it, but whose bytes its interface's are. */
static int read_own_address(const struct topo_domain *d, struct weir_y *nat, struct topo_hop *hop, struct weir_err *err)
{
	struct weir_y *y = weir_y_find(nat, "address");
	int r = y ? weir_y_addr(y, &hop->at.addr, err) : 0;

	if (r == 0 && y && weir_lpm_find_prefix(d->prefixes, &hop->at) == WEIR_LPM_NONE)
		return weir_y_err(y, err, "the address is outside the prefixes of the domain");
	return r;
}

/* A NAT gateway (endpoint false) or an endpoint. */
static int add_hop(struct weir_topology *t, struct topo_domain *d, struct weir_y *y, bool endpoint,
		   struct weir_err *err)
{
	struct topo_hop hop = {.domain = (uint32_t)(d - t->domains), .service = "", .balancer = TOPO_NONE,
			       .next = TOPO_NONE, .at = {.len = 128}}, *row;
	struct weir_y *addresses = NULL;
	int r;

	r = topo_read_string(t, y, "name", NULL, &hop.name, err);
	if (r == 0)
		r = topo_read_string(t, y, "zone", "", &hop.zone, err);
	if (r == 0 && endpoint)
		r = topo_read_string(t, y, "service", NULL, &hop.service, err);
	if (r == 0 && endpoint)
		addresses = weir_y_find(y, "addresses");
	if (r == 0 && !endpoint)
		r = read_own_address(d, y, &hop, err);
	if (r == 0)
		r = weir_y_end(y, err);
	if (r < 0)
		return r;
	if (hop.zone[0] && !topo_region(d, hop.zone))
		return weir_y_err(y, err, "zone '%.60s' is not in spec.zones", hop.zone);
	for (size_t i = 0; i < t->hop_count; i++)
		if (t->hops[i].domain == hop.domain && !strcmp(t->hops[i].name, hop.name))
			return weir_y_err(y, err, "name '%.60s' stands twice", hop.name);
	row = topo_add_row(&t->hops, &t->hop_count);
	if (!row)
		return no_memory(y, err);
	*row = hop;
	return addresses ? add_addresses(d, addresses, (uint32_t)t->hop_count - 1, err) : 0;
}

enum list { LIST_ZONES, LIST_NAT, LIST_ENDPOINTS, LIST_RANGES };

static int add_list(struct weir_topology *t, struct topo_domain *d, struct weir_y *spec,
		    const char *key, enum list kind, struct weir_err *err)
{
	struct weir_y *seq = weir_y_find(spec, key);
	int r;

	if (!seq)
		return 0;
	r = weir_y_seq(seq, err);
	for (size_t i = 0; i < weir_y_count(seq) && r == 0; i++) {
		struct weir_y *y = weir_y_item(seq, i);

		r = weir_y_map(y, err);
		if (r < 0)
			return r;
		switch (kind) {
		case LIST_ZONES:
			r = add_zone(t, d, y, err);
			break;
		case LIST_NAT:
		case LIST_ENDPOINTS:
			r = add_hop(t, d, y, kind == LIST_ENDPOINTS, err);
			break;
		case LIST_RANGES:
			r = add_range(t, y, err);
			break;
		}
	}
	return r;
}

static int read_validity(struct weir_y *spec, struct topo_domain *d, struct weir_err *err)
{
	struct weir_y *from = weir_y_find(spec, "valid_from"), *to = weir_y_find(spec, "valid_to");
	int r = 0;

	d->valid_from = 0;
	d->valid_to = UINT64_MAX;
	if (from)
		r = weir_y_time(from, &d->valid_from, err);
	if (r == 0 && to)
		r = weir_y_time(to, &d->valid_to, err);
	if (r == 0 && d->valid_to <= d->valid_from)
		return weir_y_err(to, err, "valid_to must lie behind valid_from");
	return r;
}

/* Versions of a domain do not overlap, and one of them is the latest. */
static int place_version(struct weir_topology *t, struct weir_y *spec, struct topo_domain *d,
			 struct weir_err *err)
{
	d->latest = true;
	for (size_t i = 0; i < t->domain_count; i++) {
		struct topo_domain *o = &t->domains[i];

		if (strcmp(o->name, d->name))
			continue;
		if (o->valid_from < d->valid_to && d->valid_from < o->valid_to)
			return weir_y_err(weir_y_find(spec, "domain"), err,
					  "domain already stands in %.100s%s", o->where,
					  o->valid_from || o->valid_to != UINT64_MAX ? " for a part of this time" : "");
		if (o->valid_from > d->valid_from)
			d->latest = false;
	}
	for (size_t i = 0; d->latest && i < t->domain_count; i++)
		if (!strcmp(t->domains[i].name, d->name))
			t->domains[i].latest = false;
	return 0;
}

static int new_domain(struct weir_topology *t, struct weir_y *spec, struct topo_domain **ret,
		      struct weir_err *err)
{
	struct topo_domain d = {0}, *row;
	size_t len;
	int r;

	r = topo_read_string(t, spec, "domain", NULL, &d.name, err);
	if (r == 0)
		r = topo_read_string(t, spec, "provider", NULL, &d.provider, err);
	if (r == 0)
		r = topo_read_string(t, spec, "account", NULL, &d.account, err);
	if (r < 0)
		return r;
	len = strlen(d.provider);
	if (strncmp(d.name, d.provider, len) || d.name[len] != '/')
		return weir_y_err(weir_y_find(spec, "domain"), err,
				  "domain must begin with the provider: %.60s/...", d.provider);
	r = read_validity(spec, &d, err);
	if (r == 0)
		r = place_version(t, spec, &d, err);
	if (r < 0)
		return r;
	if (t->domain_count == TOPO_MAX_DOMAINS)
		return weir_y_err(spec, err, "more than %d domains", TOPO_MAX_DOMAINS);
	d.where = topo_string(t, weir_y_file(spec));
	row = d.where ? topo_add_row(&t->domains, &t->domain_count) : NULL;
	if (!row)
		return no_memory(spec, err);
	*row = d;
	if (weir_lpm_new(&row->prefixes) < 0 || weir_lpm_new(&row->subnets) < 0 ||
	    weir_lpm_new(&row->endpoints) < 0 || weir_lpm_new(&row->onprem) < 0)
		return no_memory(spec, err);
	*ret = row;
	return 0;
}

static int add_domain(struct weir_topology *t, struct weir_y *spec, struct weir_err *err)
{
	struct weir_y *prefixes = NULL, *subnets = NULL, *onprem, *balancers;
	struct topo_domain *d = NULL;
	uint32_t index;
	int r;

	r = new_domain(t, spec, &d, err);
	if (r == 0)
		r = weir_y_get(spec, "prefixes", &prefixes, err);
	if (r == 0)
		r = weir_y_get(spec, "subnets", &subnets, err);
	if (r == 0)
		r = topo_add_prefixes(d->prefixes, prefixes, err);
	if (r == 0)
		r = add_list(t, d, spec, "zones", LIST_ZONES, err);
	if (r == 0)
		r = add_list(t, d, spec, "nat", LIST_NAT, err);
	if (r == 0)
		r = add_list(t, d, spec, "endpoints", LIST_ENDPOINTS, err);
	if (r < 0)
		return r;
	onprem = weir_y_find(spec, "onprem");
	if (onprem)
		r = topo_add_prefixes(d->onprem, onprem, err);
	index = (uint32_t)(d - t->domains);
	d->first_subnet = t->subnet_count;
	if (r == 0)
		r = topo_add_subnets(t, index, subnets, err);
	d->subnet_count = t->subnet_count - d->first_subnet;
	balancers = weir_y_find(spec, "load_balancers");
	return r < 0 || !balancers ? r : topo_add_balancers(t, index, balancers, err);
}

int weir_topology_add(struct weir_topology *t, struct weir_y *doc, struct weir_err *err)
{
	struct weir_y *spec = NULL;
	int r;

	r = weir_y_head(doc, "Topology", &spec, err);
	if (r == 0 && (weir_y_find(spec, "domain") || (!weir_y_find(spec, "ranges") && !weir_y_find(spec, "range_files"))))
		r = add_domain(t, spec, err);
	if (r == 0)
		r = add_list(t, NULL, spec, "ranges", LIST_RANGES, err);
	if (r == 0)
		r = add_range_files(t, spec, err);
	if (r == 0)
		r = weir_y_end(spec, err);
	if (r == -ENOMEM)
		no_memory(doc, err);
	return r;
}
