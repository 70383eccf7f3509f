/* SPDX-License-Identifier: Apache-2.0 */
/* R08: a network load balancer whose nodes send to targets of their own zone alone. */
#include "lib/money/rules_impl.h"

/* Is a target in each zone that has a node? Else that node's clients find nobody. */
static void hold_without_targets(struct weir_savings *s, struct rules_draft *d, const struct topo_balancer *b)
{
	const struct weir_topology *t = s->now;

	for (uint32_t i = 0; i < b->node_count; i++) {
		const char *zone = t->hops[b->first_node + i].zone;
		bool found = false;

		for (size_t k = 0; k < s->row_count && !found; k++)
			found = s->rows[k].route.balancer == &b->pub && s->rows[k].route.behind &&
				!strcmp(s->rows[k].subnet->pub.zone, zone);
		if (!found)
			rules_hold(s, d, "no target in %s answered: its node would have none", *zone ? zone : "an unknown zone");
	}
}

/* The load balancer is taken over; all but the one argument stays as it is. */
static void change(struct weir_savings *s, struct rules_draft *d, const struct topo_balancer *b)
{
	const struct topo_domain *domain = &s->now->domains[b->domain];
	struct rules_tf tf;
	const char *data, *to;

	rules_tf_init(&tf, s, d, domain);
	data = rules_tf_put(&tf, "data", "aws_lb", b->pub.name, json_pack("{s:s}", "name", b->pub.name));
	to = rules_tf_put(&tf, "resource", "aws_lb", b->pub.name,
			  json_pack("{s:s, s:s, s:b, s:s, s:b, s:{s:[s,s,s,s,s,s]}}", "name", b->pub.name, "load_balancer_type",
				    "network", "internal", !b->pub.internet, "subnets",
				    rules_text(s, "${data.%s.subnets}", data), "enable_cross_zone_load_balancing", 0,
				    "lifecycle", "ignore_changes", "subnet_mapping", "security_groups", "access_logs",
				    "enable_deletion_protection", "dns_record_client_routing_policy", "tags"));
	rules_tf_import(&tf, to, rules_text(s, "${data.%s.arn}", data));
	rules_tf_done(&tf);
}

static const struct topo_balancer *balancer_of(const struct weir_savings *s, const struct weir_balancer *pub)
{
	for (size_t i = 0; i < s->now->balancer_count; i++)
		if (&s->now->balancers[i].pub == pub)
			return &s->now->balancers[i];
	return NULL;
}

static void propose(struct weir_savings *s, const struct rules_tally *y)
{
	const struct rules_row *row = &s->rows[y->sample];
	const struct topo_balancer *b = balancer_of(s, row->route.balancer);
	struct rules_draft *d = rules_draft(s, "R08", y->key);
	struct weir_route hop = row->route;
	struct weir_edit *e;

	if (!d || !b)
		return;
	hop.cross_zone_hop = true;
	e = rules_edit(s, d, WEIR_EDIT_BALANCER_CROSS_ZONE);
	e->domain = row->domain->name;
	e->name = b->pub.name;
	e->on = false;
	d->pub.what = rules_text(s, "%s of %s without cross-zone load balancing", b->pub.name, row->domain->name);
	d->pub.note = "A zone's clients reach that zone's targets alone: each must carry its zone's load.";
	d->pub.bytes = rules_bytes(y);
	d->pub.rows = y->rows;
	d->pub.formula_nanos = rules_legs(s, &hop, y->hop, WEIR_LEG_HOP);
	hold_without_targets(s, d, b);
	change(s, d, b);
}

void rules_find_balancers(struct weir_savings *s)
{
	weir_cleanup(rules_tallies_fini) struct rules_tallies all = {.s = s};

	for (size_t i = 0; i < s->row_count && s->r == 0; i++) {
		const struct rules_row *row = &s->rows[i];
		const struct weir_balancer *b = row->route.path == WEIR_PATH_LB ? row->route.balancer : NULL;

		if (b && row->subnet && row->route.behind && b->kind == WEIR_LB_NLB && b->cross_zone)
			rules_tally(&all, i, "%s %s", row->domain->name, b->name);
	}
	for (size_t i = 0; i < all.count && s->r == 0; i++)
		if (all.list[i]->hop[0] + all.list[i]->hop[1])
			propose(s, all.list[i]);
}
