/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R09: two networks by a peering connection instead of a transit gateway. Between zones peering costs on both sides what a
 * transit gateway costs once, so nothing is left when all bytes cross one.
 */
#include "lib/money/rules_impl.h"

struct pair {
	struct weir_savings *s;
	struct rules_draft *d;
	const struct topo_domain *from, *to;
	uint32_t *subnets; /* of from, whose route to `to` is the transit gateway's */
	size_t n;
	bool overlap;
};

static bool asks_tgw(const struct pair *p, uint32_t subnet, const struct weir_prefix *to)
{
	uint32_t i = weir_lpm_find_prefix(p->s->now->subnets[subnet].routes, to);

	return i != WEIR_LPM_NONE && p->s->now->routes[i].via == TOPO_VIA_TGW;
}

/* A route to each prefix of the other network in each subnet that asks the transit gateway for it. */
static int edit_prefix(const struct weir_prefix *to, uint32_t value, void *arg)
{
	struct pair *p = arg;
	const struct weir_topology *t = p->s->now;

	(void)value;
	if (weir_lpm_find_prefix(p->from->prefixes, to) != WEIR_LPM_NONE)
		p->overlap = true;
	for (size_t i = 0; i < p->from->subnet_count; i++) {
		uint32_t subnet = (uint32_t)(p->from->first_subnet + i);
		struct weir_edit *e;
		bool listed;

		if (!asks_tgw(p, subnet, to))
			continue;
		e = rules_edit(p->s, p->d, WEIR_EDIT_ROUTE);
		e->domain = p->from->name;
		e->subnet = t->subnets[subnet].pub.name;
		e->to = *to;
		e->via = "peering";
		e->target = p->to->name;
		listed = false;
		for (size_t k = 0; k < p->n && !listed; k++)
			listed = p->subnets[k] == subnet;
		if (!listed)
			p->subnets[p->n++] = subnet;
	}
	return 0;
}

struct routes {
	struct rules_tf *tf;
	const struct pair *p;
	const char *connection;
};

static bool replaces(const struct pair *p, const struct weir_prefix *to)
{
	uint32_t i = p->n ? weir_lpm_find_prefix(p->s->now->subnets[p->subnets[0]].routes, to) : WEIR_LPM_NONE;

	return i != WEIR_LPM_NONE && weir_prefix_cmp(&p->s->now->routes[i].to, to) == 0;
}

static int put_prefix(const struct weir_prefix *to, uint32_t value, void *arg)
{
	const struct routes *r = arg;
	weir_auto_free uint32_t *subnets = calloc(r->p->n + 1, sizeof(*subnets));
	size_t n = 0;

	(void)value;
	for (size_t i = 0; subnets && i < r->p->n; i++)
		if (asks_tgw(r->p, r->p->subnets[i], to))
			subnets[n++] = r->p->subnets[i];
	rules_tf_routes(r->tf, subnets, n, to, "vpc_peering_connection_id", r->connection, replaces(r->p, to));
	return subnets ? 0 : -ENOMEM;
}

/* Of the side that asks; of the other, when another account owns it, a file of its own. */
static void change(struct weir_savings *s, struct rules_draft *d, const struct pair *here, const struct pair *there,
		   const char *region)
{
	bool same = !strcmp(here->from->account, there->from->account);
	struct rules_tf tf;
	const char *connection;
	json_t *body;

	rules_tf_init(&tf, s, d, here->from);
	body = json_pack("{s:s, s:s, s:s}", "vpc_id", rules_tf_vpc(&tf, here->from), "peer_vpc_id",
			 same ? rules_tf_vpc(&tf, there->from) : rules_tf_net(&tf, there->from), "peer_owner_id",
			 there->from->account);
	json_object_set_new(body, same ? "auto_accept" : "peer_region", same ? json_true() : json_string(region));
	connection = rules_tf_put(&tf, "resource", "aws_vpc_peering_connection", "pair", body);
	connection = rules_text(s, "${%s.id}", connection);
	weir_lpm_each(here->to->prefixes, put_prefix, &(struct routes){&tf, here, connection});
	if (same)
		weir_lpm_each(there->to->prefixes, put_prefix, &(struct routes){&tf, there, connection});
	rules_tf_done(&tf);
	if (same)
		return;
	rules_tf_init(&tf, s, d, there->from);
	connection = rules_tf_put(&tf, "data", "aws_vpc_peering_connection", "pair",
				  json_pack("{s:s, s:s, s:s}", "vpc_id", rules_tf_net(&tf, here->from), "owner_id",
					    here->from->account, "peer_vpc_id", rules_tf_vpc(&tf, there->from)));
	connection = rules_tf_put(&tf, "resource", "aws_vpc_peering_connection_accepter", "pair",
				  json_pack("{s:s, s:b}", "vpc_peering_connection_id",
					    rules_text(s, "${data.%s.id}", connection), "auto_accept", 1));
	connection = rules_text(s, "${%s.id}", connection);
	weir_lpm_each(there->to->prefixes, put_prefix, &(struct routes){&tf, there, connection});
	rules_tf_done(&tf);
}

/* What the rows of a pair pay now, and what they would pay. */
static int64_t formula(const struct weir_savings *s, const struct rules_tally *y)
{
	int64_t sum = 0;

	for (size_t i = 0; i < y->member_count; i++) {
		const struct rules_row *row = &s->rows[y->members[i]];
		struct weir_route to = row->route;

		to.path = WEIR_PATH_PEERING;
		sum += rules_leg(s, &row->route, row->t.dir, WEIR_LEG_PROCESSING, row->t.bytes) -
		       rules_leg(s, &to, row->t.dir, WEIR_LEG_TRANSFER, row->t.bytes) +
		       rules_leg(s, &row->route, row->t.dir, WEIR_LEG_TRANSFER, row->t.bytes);
	}
	return sum;
}

static bool edited(const struct weir_savings *s, const struct rules_draft *d, const struct topo_route *rt)
{
	const struct weir_subnet *subnet = &s->now->subnets[rt->subnet].pub;

	for (size_t i = 0; i < d->edit_count; i++)
		if (!rt->to_service && !strcmp(d->edits[i].domain, subnet->domain) && !strcmp(d->edits[i].subnet, subnet->name) &&
		    weir_prefix_cmp(&d->edits[i].to, &rt->to) == 0)
			return true;
	return false;
}

/* Do edits take the last route by a transit gateway out of the domain, and into it? Then its attachment can go. */
static bool frees(const struct weir_savings *s, const struct rules_draft *d, const struct topo_domain *domain)
{
	const struct weir_topology *t = s->now;

	for (size_t i = 1; i < t->route_count; i++) {
		const struct topo_route *rt = &t->routes[i];
		bool here = &t->domains[t->subnets[rt->subnet].domain] == domain ||
			    topo_target(t, rt, WEIR_TOPOLOGY_LATEST) == domain;

		if (rt->via == TOPO_VIA_TGW && here && !edited(s, d, rt))
			return false;
	}
	return true;
}

static void propose(struct weir_savings *s, const struct rules_tally *y)
{
	const struct rules_row *row = &s->rows[y->sample];
	const struct topo_domain *other = topo_domain_at(s->now, row->route.peer_domain, WEIR_TOPOLOGY_LATEST);
	struct rules_draft *d = other ? rules_draft(s, "R09", y->key) : NULL;
	struct pair here = {.s = s, .d = d, .from = row->domain, .to = other}, there = {.s = s, .d = d, .from = other, .to = row->domain};
	size_t n = s->now->subnet_count + 1;
	weir_auto_free uint32_t *a = calloc(n, sizeof(*a)), *b = calloc(n, sizeof(*b));
	const char *net;

	if (!d || !a || !b)
		return;
	here.subnets = a;
	there.subnets = b;
	weir_lpm_each(other->prefixes, edit_prefix, &here);
	weir_lpm_each(row->domain->prefixes, edit_prefix, &there);
	d->pub.what = rules_text(s, "%s and %s by peering instead of a transit gateway", row->domain->name, other->name);
	d->pub.note = "Security groups and network ACLs must let the other network in; an attachment that is not used any more "
		      "costs until it is deleted.";
	d->pub.bytes = rules_bytes(y);
	d->pub.rows = y->rows;
	d->pub.formula_nanos = formula(s, y);
	if (frees(s, d, row->domain))
		d->pub.formula_nanos += rules_hours(s, row->domain, row->subnet->pub.region, "tgw-attachment-hour", 1);
	if (frees(s, d, other))
		d->pub.formula_nanos += rules_hours(s, other, row->route.region, "tgw-attachment-hour", 1);
	if (here.overlap || there.overlap)
		rules_hold(s, d, "the networks have prefixes in common");
	net = strrchr(other->name, '/');
	if (strcmp(row->domain->account, other->account) != 0 && (!net || !rules_is_id(net + 1, "vpc-")))
		rules_hold(s, d, "the id of %s, of another account, is not known", other->name);
	change(s, d, &here, &there, row->route.region);
}

void rules_find_peerings(struct weir_savings *s)
{
	weir_cleanup(rules_tallies_fini) struct rules_tallies all = {.s = s};

	for (size_t i = 0; i < s->row_count && s->r == 0; i++) {
		const struct rules_row *row = &s->rows[i];
		const char *a = row->domain ? row->domain->name : "", *b = row->route.peer_domain;

		if (row->route.path != WEIR_PATH_TGW || !row->subnet || !*b || strcmp(row->domain->provider, "aws") != 0 ||
		    strncmp(b, "aws/", 4) != 0)
			continue;
		rules_tally(&all, i, "%s %s", strcmp(a, b) < 0 ? a : b, strcmp(a, b) < 0 ? b : a);
	}
	for (size_t i = 0; i < all.count && s->r == 0; i++)
		propose(s, all.list[i]);
}
