/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAT gateways. R04: one in each zone when the boundary to a shared one costs more than another's hours, and fewer when it
 * is the other way round; R05: one that nothing passes.
 */
#include "lib/money/rules_impl.h"

static const struct weir_prefix all_v4 = {.addr = {.b = {[10] = 0xff, [11] = 0xff}}, .len = 96};

static bool is_nat(const struct weir_topology *t, uint32_t hop, const struct topo_domain *d)
{
	return t->hops[hop].balancer == TOPO_NONE && !*t->hops[hop].service && &t->domains[t->hops[hop].domain] == d;
}

/* NAT gateway of the zone; TOPO_NONE. */
static uint32_t nat_in(const struct weir_topology *t, const struct topo_domain *d, const char *zone)
{
	for (uint32_t i = 0; i < t->hop_count; i++)
		if (is_nat(t, i, d) && !strcmp(t->hops[i].zone, zone))
			return i;
	return TOPO_NONE;
}

/* Subnets (of a zone, or all with NULL) whose default route leads to a gateway; the caller frees. */
static uint32_t *users_of(const struct weir_savings *s, uint32_t nat, const char *zone, size_t *ret_n)
{
	const struct weir_topology *t = s->now;
	uint32_t *list = calloc(t->route_count + 1, sizeof(*list));

	*ret_n = 0;
	for (size_t i = 1; list && i < t->route_count; i++) {
		const struct topo_route *rt = &t->routes[i];

		if (rt->via == TOPO_VIA_NAT && rt->hop == nat && (!zone || !strcmp(t->subnets[rt->subnet].pub.zone, zone)))
			list[(*ret_n)++] = rt->subnet;
	}
	return list;
}

static bool only_defaults(const struct weir_savings *s, uint32_t nat)
{
	const struct weir_topology *t = s->now;

	for (size_t i = 1; i < t->route_count; i++)
		if (t->routes[i].via == TOPO_VIA_NAT && t->routes[i].hop == nat &&
		    (t->routes[i].to_service || weir_prefix_cmp(&t->routes[i].to, &all_v4) != 0))
			return false;
	return true;
}

/* A table that subnets outside the list use too would take them along. */
static void hold_shared_tables(struct weir_savings *s, struct rules_draft *d, const uint32_t *subnets, size_t n)
{
	const struct weir_topology *t = s->now;

	for (size_t i = 0; i < n; i++) {
		for (uint32_t k = 0; *t->subnets[subnets[i]].table && k < t->subnet_count; k++) {
			bool listed = false;

			for (size_t j = 0; j < n && !listed; j++)
				listed = subnets[j] == k;
			if (!listed && t->subnets[k].domain == t->subnets[subnets[i]].domain &&
			    !strcmp(t->subnets[k].table, t->subnets[subnets[i]].table))
				rules_hold(s, d, "subnets %s and %s share route table %s: give each a table of its own first",
					   t->subnets[subnets[i]].pub.name, t->subnets[k].pub.name, t->subnets[k].table);
		}
	}
}

static void edit_routes(struct weir_savings *s, struct rules_draft *d, const uint32_t *subnets, size_t n, const char *nat)
{
	const struct weir_topology *t = s->now;

	for (size_t i = 0; i < n; i++) {
		struct weir_edit *e = rules_edit(s, d, WEIR_EDIT_ROUTE);

		e->domain = t->subnets[subnets[i]].pub.domain;
		e->subnet = t->subnets[subnets[i]].pub.name;
		e->to = all_v4;
		e->via = "nat";
		e->gateway = nat;
	}
}

static const char *region_of(const struct topo_domain *d, const char *zone)
{
	const char *region = topo_region(d, zone);

	return region ? region : "";
}

/* Of one gateway in the span: its hours, and those of its address, which no topology has. */
static int64_t nat_hours(const struct weir_savings *s, const struct topo_domain *d, const char *region, int64_t *ret_address)
{
	*ret_address = rules_hours(s, d, region, "public-ipv4-hour", 1);
	return rules_hours(s, d, region, "nat-gateway-hour", 1) + *ret_address;
}

/* R04: the tally is what one zone sends through a gateway of another. */
static void change_split(struct weir_savings *s, struct rules_draft *d, const struct topo_domain *domain, const char *zone,
			 const uint32_t *subnets, size_t n, uint32_t near)
{
	const struct topo_subnet *public = rules_public_subnet(s, domain, zone);
	const char *gateway, *address;
	struct rules_tf tf;

	if (near == TOPO_NONE && !public) {
		rules_hold(s, d, "zone %s has no subnet with a route to the internet gateway", zone);
		return;
	}
	rules_tf_init(&tf, s, d, domain);
	if (near != TOPO_NONE) {
		gateway = rules_tf_nat(&tf, &s->now->hops[near]);
	} else {
		address = rules_tf_put(&tf, "resource", "aws_eip", zone, json_pack("{s:s}", "domain", "vpc"));
		gateway = rules_tf_put(&tf, "resource", "aws_nat_gateway", zone,
				       json_pack("{s:s, s:s}", "allocation_id", rules_text(s, "${%s.id}", address), "subnet_id",
						 rules_tf_subnet(&tf, public)));
		gateway = rules_text(s, "${%s.id}", gateway);
	}
	rules_tf_routes(&tf, subnets, n, &all_v4, "nat_gateway_id", gateway, true);
	rules_tf_done(&tf);
}

static void propose_split(struct weir_savings *s, const struct rules_tally *y)
{
	const struct rules_row *row = &s->rows[y->sample];
	const struct weir_topology *t = s->now;
	const char *zone = row->subnet->pub.zone, *name;
	uint32_t near = nat_in(t, row->domain, zone);
	struct rules_draft *d = rules_draft(s, "R04", y->key);
	weir_auto_free uint32_t *subnets = NULL;
	size_t n;

	subnets = d ? users_of(s, row->hop, zone, &n) : NULL;
	if (!subnets)
		return;
	name = near == TOPO_NONE ? rules_text(s, "weir-nat-%s", zone) : t->hops[near].name;
	if (near == TOPO_NONE) {
		struct weir_edit *e = rules_edit(s, d, WEIR_EDIT_NAT);

		e->domain = row->domain->name;
		e->name = name;
		e->zone = zone;
	}
	edit_routes(s, d, subnets, n, name);
	d->pub.what = near == TOPO_NONE ? rules_text(s, "a NAT gateway of its own for %s of %s", zone, row->domain->name) :
					  rules_text(s, "%s of %s by its own NAT gateway %s", zone, row->domain->name, name);
	d->pub.note = "Public addresses change for what the zone sends: allow the new one where it is listed.";
	d->pub.bytes = rules_bytes(y);
	d->pub.rows = y->rows;
	d->pub.formula_nanos = rules_legs(s, &row->route, y->hop, WEIR_LEG_HOP);
	if (near == TOPO_NONE)
		d->pub.formula_nanos -= nat_hours(s, row->domain, row->subnet->pub.region, &d->pub.extra_nanos);
	if (!only_defaults(s, row->hop))
		rules_hold(s, d, "gateway %s has other routes than the default one", t->hops[row->hop].name);
	hold_shared_tables(s, d, subnets, n);
	change_split(s, d, row->domain, zone, subnets, n, near);
}

struct through { /* a gateway */
	uint64_t bytes, rows;
};

static void measure(const struct weir_savings *s, uint32_t nat, struct through *ret)
{
	*ret = (struct through){.rows = 0};
	for (size_t i = 0; i < s->row_count; i++) {
		if (s->rows[i].hop != nat)
			continue;
		ret->rows++;
		ret->bytes += s->rows[i].t.bytes;
	}
}

/* What the boundary costs of all that passes a gateway, if that is in the zone. */
static int64_t boundary(const struct weir_savings *s, uint32_t nat, const char *zone)
{
	int64_t sum = 0;

	for (size_t i = 0; i < s->row_count; i++) {
		struct weir_route r = s->rows[i].route;

		if (s->rows[i].hop != nat)
			continue;
		r.cross_zone_hop = strcmp(s->rows[i].subnet->pub.zone, zone) != 0;
		sum += rules_leg(s, &r, s->rows[i].t.dir, WEIR_LEG_HOP, s->rows[i].t.bytes);
	}
	return sum;
}

static void edit_gone(struct weir_savings *s, struct rules_draft *d, uint32_t nat)
{
	struct weir_edit *e = rules_edit(s, d, WEIR_EDIT_NAT_REMOVE);

	e->domain = s->now->domains[s->now->hops[nat].domain].name;
	e->name = s->now->hops[nat].name;
}

/* The gateway, and its address, which costs as long as it is held. */
static void put_removal(struct rules_tf *tf, uint32_t nat)
{
	const struct topo_hop *h = &tf->s->now->hops[nat];
	const char *region = region_of(&tf->s->now->domains[h->domain], h->zone), *data = rules_tf_nat_data(tf, h);

	rules_tf_command(tf, h->name,
			 rules_text(tf->s,
				    "aws ec2 delete-nat-gateway --region %s --nat-gateway-id ${data.%s.id} && "
				    "aws ec2 wait nat-gateway-deleted --region %s --nat-gateway-ids ${data.%s.id} && "
				    "aws ec2 release-address --region %s --allocation-id ${data.%s.allocation_id}",
				    region, data, region, data, region, data));
}

/* R04 the other way: what passes `nat` goes by `other`, over a zone boundary. */
static void propose_merge(struct weir_savings *s, uint32_t nat, uint32_t other, const struct through *x)
{
	const struct topo_hop *h = &s->now->hops[nat], *o = &s->now->hops[other];
	const struct topo_domain *domain = &s->now->domains[h->domain];
	struct rules_draft *d = rules_draft(s, "R04", rules_text(s, "%s merge %s", domain->name, h->name));
	weir_auto_free uint32_t *subnets = NULL;
	struct rules_tf tf;
	size_t n;

	subnets = d ? users_of(s, nat, NULL, &n) : NULL;
	if (!subnets)
		return;
	edit_routes(s, d, subnets, n, o->name);
	edit_gone(s, d, nat);
	d->pub.what = rules_text(s, "%s of %s by NAT gateway %s, without %s", h->zone, domain->name, o->name, h->name);
	d->pub.note = "When the zone of the gateway that stays fails, this zone has no way out any more.";
	d->pub.bytes = x->bytes;
	d->pub.rows = x->rows;
	d->pub.formula_nanos = nat_hours(s, domain, region_of(domain, h->zone), &d->pub.extra_nanos) +
			       boundary(s, nat, h->zone) - boundary(s, nat, o->zone);
	d->pub.extra_nanos = -d->pub.extra_nanos;
	if (!only_defaults(s, nat))
		rules_hold(s, d, "gateway %s has other routes than the default one", h->name);
	rules_tf_init(&tf, s, d, domain);
	rules_tf_routes(&tf, subnets, n, &all_v4, "nat_gateway_id", rules_tf_nat(&tf, o), true);
	rules_tf_done(&tf);
	rules_tf_init(&tf, s, d, domain); /* of its own: when it is applied, the gateway can be looked up no more */
	put_removal(&tf, nat);
	rules_tf_done(&tf);
}

static void propose_idle(struct weir_savings *s, uint32_t nat)
{
	const struct weir_topology *t = s->now;
	const struct topo_hop *h = &t->hops[nat];
	const struct topo_domain *domain = &t->domains[h->domain];
	struct rules_draft *d = rules_draft(s, "R05", rules_text(s, "%s %s", domain->name, h->name));
	weir_auto_free uint32_t *subnets = NULL;
	struct rules_tf tf;
	size_t n;

	subnets = d ? users_of(s, nat, NULL, &n) : NULL;
	if (!subnets)
		return;
	for (size_t i = 0; i < n; i++) {
		struct weir_edit *e = rules_edit(s, d, WEIR_EDIT_ROUTE_REMOVE);

		e->domain = domain->name;
		e->subnet = t->subnets[subnets[i]].pub.name;
		e->to = all_v4;
		if (!rules_measured(s, &t->subnets[subnets[i]]))
			rules_hold(s, d, "subnet %s leads to it, and nothing is measured there", e->subnet);
	}
	edit_gone(s, d, nat);
	d->pub.what = rules_text(s, "NAT gateway %s of %s, which nothing passes", h->name, domain->name);
	d->pub.note = "Its public address is released: it cannot be had again.";
	d->pub.formula_nanos = nat_hours(s, domain, region_of(domain, h->zone), &d->pub.extra_nanos);
	d->pub.extra_nanos = -d->pub.extra_nanos;
	if (!only_defaults(s, nat))
		rules_hold(s, d, "gateway %s has other routes than the default one", h->name);
	rules_tf_init(&tf, s, d, domain);
	put_removal(&tf, nat);
	rules_tf_done(&tf);
}

static void find_splits(struct weir_savings *s)
{
	weir_cleanup(rules_tallies_fini) struct rules_tallies all = {.s = s};

	for (size_t i = 0; i < s->row_count && s->r == 0; i++) {
		const struct rules_row *row = &s->rows[i];

		if (row->hop != TOPO_NONE && row->route.path == WEIR_PATH_NAT && row->route.cross_zone_hop &&
		    *row->subnet->pub.zone && !strcmp(row->domain->provider, "aws"))
			rules_tally(&all, i, "%s %s %s", row->domain->name, row->subnet->pub.zone,
				    s->now->hops[row->hop].name);
	}
	for (size_t i = 0; i < all.count && s->r == 0; i++)
		propose_split(s, all.list[i]);
}

/* Each gateway, towards each other one of its network: which is best is replay's to say. */
void rules_find_nat(struct weir_savings *s)
{
	const struct weir_topology *t = s->now;

	find_splits(s);
	for (uint32_t i = 0; i < t->hop_count && s->r == 0; i++) {
		const struct topo_domain *d = &t->domains[t->hops[i].domain];
		struct through x;

		if (!d->latest || !is_nat(t, i, d) || !*t->hops[i].zone || strcmp(d->provider, "aws") != 0)
			continue;
		measure(s, i, &x);
		if (!x.rows)
			propose_idle(s, i);
		for (uint32_t k = 0; x.rows && k < t->hop_count; k++)
			if (k != i && is_nat(t, k, d) && *t->hops[k].zone && strcmp(t->hops[k].zone, t->hops[i].zone) != 0)
				propose_merge(s, i, k, &x);
	}
}
