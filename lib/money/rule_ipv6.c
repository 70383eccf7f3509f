/* SPDX-License-Identifier: Apache-2.0 */
/* R17: what is reached by IPv6 needs no NAT gateway: an egress-only gateway costs nothing. */
#include "lib/money/rules_impl.h"

#define NAMED 2 /* ranges.c: a service of its own, not the provider as a whole nor customers' machines */

static const struct weir_prefix all_v6 = {.len = 0};

/* The provider's ranges of this service and region, or what was seen, say that it answers by IPv6. */
static bool has_v6(const struct weir_savings *s, const struct weir_route *r)
{
	const struct weir_topology *t = s->now;

	for (size_t i = 0; i < t->range_count; i++) {
		const struct topo_range *range = &t->ranges[i];

		if (range->rank >= NAMED && !weir_addr_is_v4(&range->prefix.addr) && !strcmp(range->service, r->service) &&
		    !strcmp(range->region, r->region))
			return true;
	}
	return false;
}

struct own_v6 {
	uint32_t subnet;
	bool found;
};

static int look(const struct weir_prefix *p, uint32_t value, void *arg)
{
	struct own_v6 *o = arg;

	o->found = o->found || (value == o->subnet && !weir_addr_is_v4(&p->addr));
	return 0;
}

static void hold_unready(struct weir_savings *s, struct rules_draft *d, uint32_t subnet)
{
	const struct weir_topology *t = s->now;
	const struct topo_subnet *n = &t->subnets[subnet];
	static const struct weir_addr outside = {.b = {0x20}};
	const struct topo_route *rt = rules_route(s, n, &outside);
	struct own_v6 o = {.subnet = subnet};

	weir_lpm_each(t->domains[n->domain].subnets, look, &o);
	if (!o.found)
		rules_hold(s, d, "subnet %s has no IPv6 prefix", n->pub.name);
	if (rt && !rt->to_service)
		rules_hold(s, d, "subnet %s has a way for IPv6 already: its workloads ask for IPv4", n->pub.name);
}

static void propose(struct weir_savings *s, const struct rules_tally *y)
{
	const struct rules_row *row = &s->rows[y->sample];
	struct rules_draft *d = rules_draft(s, "R17", y->key);
	struct weir_route hop = row->route;
	const char *gateway;
	struct rules_tf tf;

	if (!d)
		return;
	hop.cross_zone_hop = true;
	d->pub.what = rules_text(s, "%s of %s by IPv6 instead of NAT", row->route.service, row->domain->name);
	d->pub.note = "Programs must ask for the service's IPv6 names (dual-stack endpoints), and policies that name IPv4 addresses "
		      "must know the IPv6 ones.";
	d->pub.bytes = rules_bytes(y);
	d->pub.rows = y->rows;
	d->pub.formula_nanos = rules_legs(s, &row->route, y->bytes, WEIR_LEG_PROCESSING) +
			       rules_legs(s, &hop, y->hop, WEIR_LEG_HOP);
	rules_edit_ranges(s, d, y, "egress-only", "");
	for (size_t i = 0; i < y->subnet_count; i++)
		hold_unready(s, d, y->subnets[i]);
	rules_tf_init(&tf, s, d, row->domain);
	gateway = rules_tf_put(&tf, "resource", "aws_egress_only_internet_gateway", "out",
			       json_pack("{s:s}", "vpc_id", rules_tf_vpc(&tf, row->domain)));
	rules_tf_routes(&tf, y->subnets, y->subnet_count, &all_v6, "egress_only_gateway_id",
			rules_text(s, "${%s.id}", gateway), false);
	rules_tf_done(&tf);
}

void rules_find_ipv6(struct weir_savings *s)
{
	weir_cleanup(rules_tallies_fini) struct rules_tallies all = {.s = s};

	for (size_t i = 0; i < s->row_count && s->r == 0; i++) {
		const struct rules_row *row = &s->rows[i];

		if (row->route.path == WEIR_PATH_NAT && row->subnet && *row->route.service && weir_addr_is_v4(&row->t.peer) &&
		    !strcmp(row->domain->provider, "aws") && has_v6(s, &row->route))
			rules_tally(&all, i, "%s %s %s", row->domain->name, row->route.service, row->route.region);
	}
	for (size_t i = 0; i < all.count && s->r == 0; i++)
		propose(s, all.list[i]);
}
