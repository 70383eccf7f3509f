/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R02: a service of AWS by an endpoint of its own, one in each zone that asks for it, instead of NAT; R03: the way back,
 * when an endpoint's hours cost more than it saves.
 */
#include "lib/money/rules_impl.h"

/* Services that AWS offers an interface endpoint for, as ranges and imports name them. */
static const struct offer {
	const char *service, *name; /* com.amazonaws.REGION.NAME */
} offers[] = {
	{"aws/logs", "logs"},
	{"aws/monitoring", "monitoring"},
	{"aws/ecr.api", "ecr.api"},
	{"aws/ecr.dkr", "ecr.dkr"},
	{"aws/api", "ecr.api"},
	{"aws/dkr", "ecr.dkr"},
	{"aws/sqs", "sqs"},
	{"aws/sns", "sns"},
	{"aws/kms", "kms"},
	{"aws/sts", "sts"},
	{"aws/ssm", "ssm"},
	{"aws/secretsmanager", "secretsmanager"},
	{"aws/kinesis-streams", "kinesis-streams"},
	{"aws/kinesis-firehose", "kinesis-firehose"},
	{"aws/kinesis-video-streams", "kinesisvideo"},
	{"aws/api-gateway", "execute-api"},
	{"aws/execute-api", "execute-api"},
	{"aws/events", "events"},
	{"aws/states", "states"},
	{"aws/athena", "athena"},
	{"aws/glue", "glue"},
};

static const struct offer *offer_of(const char *service)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(offers); i++)
		if (!strcmp(offers[i].service, service))
			return &offers[i];
	return NULL;
}

bool rules_endpoint_offered(const char *service)
{
	return offer_of(service) != NULL;
}

static bool has_endpoint(const struct weir_savings *s, const struct topo_domain *d, const char *service)
{
	const struct weir_topology *t = s->now;

	for (size_t i = 0; i < t->hop_count; i++)
		if (&t->domains[t->hops[i].domain] == d && !strcmp(t->hops[i].service, service))
			return true;
	return false;
}

static const char *zone_of(const struct weir_savings *s, uint32_t subnet)
{
	return s->now->subnets[subnet].pub.zone;
}

/* The first of the subnets that is of its zone: there an endpoint has its address. */
static bool first_of_zone(const struct weir_savings *s, const struct rules_tally *y, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(zone_of(s, y->subnets[k]), zone_of(s, y->subnets[i])))
			return false;
	return true;
}

static const char *endpoint_name(struct weir_savings *s, const char *service, const char *zone)
{
	const char *slash = strchr(service, '/');

	return rules_text(s, "weir-%s%s%s", slash ? slash + 1 : service, *zone ? "-" : "", zone);
}

static uint32_t edit_endpoints(struct weir_savings *s, struct rules_draft *d, const struct rules_tally *y)
{
	const struct rules_row *row = &s->rows[y->sample];
	uint32_t zones = 0;

	for (size_t i = 0; i < y->subnet_count; i++) {
		const char *zone = zone_of(s, y->subnets[i]);
		struct weir_edit *e;

		if (!first_of_zone(s, y, i))
			continue;
		e = rules_edit(s, d, WEIR_EDIT_ENDPOINT);
		e->domain = row->domain->name;
		e->name = endpoint_name(s, row->route.service, zone);
		e->service = row->route.service;
		e->zone = zone;
		zones++;
	}
	for (size_t i = 0; i < y->subnet_count; i++) {
		struct weir_edit *e = rules_edit(s, d, WEIR_EDIT_ROUTE);

		e->domain = row->domain->name;
		e->subnet = s->now->subnets[y->subnets[i]].pub.name;
		e->service = row->route.service;
		e->via = "endpoint";
		e->gateway = endpoint_name(s, row->route.service, zone_of(s, y->subnets[i]));
	}
	return zones;
}

/* Who may ask the endpoint: all that the network holds. */
static json_t *https_from(struct rules_tf *tf, const struct topo_domain *d)
{
	const char *cidr = rules_tf_net_cidr(tf, d);

	return json_pack("[{s:s, s:i, s:i, s:s, s:[s], s:[], s:[], s:[], s:b}]", "description", "the network's own", "from_port",
			 443, "to_port", 443, "protocol", "tcp", "cidr_blocks", cidr, "ipv6_cidr_blocks", "prefix_list_ids",
			 "security_groups", "self", 0);
}

static void change_aws(struct weir_savings *s, struct rules_draft *d, const struct rules_tally *y, const struct offer *o)
{
	const struct rules_row *row = &s->rows[y->sample];
	const char *vpc, *group;
	json_t *subnets = json_array();
	struct rules_tf tf;

	rules_tf_init(&tf, s, d, row->domain);
	vpc = rules_tf_vpc(&tf, row->domain);
	group = rules_tf_put(&tf, "resource", "aws_security_group", o->name,
			     json_pack("{s:s, s:s, s:s, s:o}", "name", rules_text(s, "weir-%s", o->name), "description",
				       "HTTPS to the endpoint", "vpc_id", vpc, "ingress", https_from(&tf, row->domain)));
	for (size_t i = 0; i < y->subnet_count; i++)
		if (first_of_zone(s, y, i))
			json_array_append_new(subnets,
					      json_string(rules_tf_subnet(&tf, &s->now->subnets[y->subnets[i]])));
	rules_tf_put(&tf, "resource", "aws_vpc_endpoint", o->name,
		     json_pack("{s:s, s:s, s:s, s:o, s:[s], s:b}", "vpc_id", vpc, "service_name",
			       rules_text(s, "com.amazonaws.%s.%s", row->subnet->pub.region, o->name), "vpc_endpoint_type",
			       "Interface", "subnet_ids", subnets, "security_group_ids", rules_text(s, "${%s.id}", group),
			       "private_dns_enabled", 1));
	rules_tf_done(&tf);
}

static void propose_aws(struct weir_savings *s, const struct rules_tally *y)
{
	const struct rules_row *row = &s->rows[y->sample];
	const struct offer *o = offer_of(row->route.service);
	struct rules_draft *d = rules_draft(s, "R02", y->key);
	struct weir_route to = row->route, hop = row->route;
	uint32_t zones;

	if (!d)
		return;
	zones = edit_endpoints(s, d, y);
	to.path = WEIR_PATH_ENDPOINT;
	to.cross_zone_hop = false;
	hop.cross_zone_hop = true;
	d->pub.what = rules_text(s, "%s of %s by an interface endpoint in %u zone%s instead of NAT", row->route.service,
				 row->domain->name, zones, zones == 1 ? "" : "s");
	d->pub.note = "Private DNS must be on for the network (enableDnsSupport and enableDnsHostnames).";
	d->pub.bytes = rules_bytes(y);
	d->pub.rows = y->rows;
	d->pub.formula_nanos = rules_legs(s, &row->route, y->bytes, WEIR_LEG_PROCESSING) +
			       rules_legs(s, &hop, y->hop, WEIR_LEG_HOP) -
			       rules_legs(s, &to, y->bytes, WEIR_LEG_PROCESSING) -
			       rules_hours(s, row->domain, row->subnet->pub.region, "endpoint-hour", zones);
	change_aws(s, d, y, o);
}

/* R03: endpoints of one service in one domain, with the bytes through them. */
uint32_t rules_edit_endpoints_gone(struct weir_savings *s, struct rules_draft *d, const struct topo_domain *domain,
			     const char *service)
{
	const struct weir_topology *t = s->now;
	uint32_t n = 0;

	for (size_t i = 1; i < t->route_count; i++) {
		const struct topo_route *rt = &t->routes[i];
		const struct topo_subnet *subnet = &t->subnets[rt->subnet];
		struct weir_edit *e;

		if (rt->via != TOPO_VIA_ENDPOINT || &t->domains[subnet->domain] != domain ||
		    strcmp(t->hops[rt->hop].service, service) != 0)
			continue;
		e = rules_edit(s, d, WEIR_EDIT_ROUTE_REMOVE);
		e->domain = domain->name;
		e->subnet = subnet->pub.name;
		e->service = rt->to_service;
		e->to = rt->to;
	}
	for (uint32_t i = 0; i < t->hop_count; i++) {
		struct weir_edit *e;

		if (&t->domains[t->hops[i].domain] != domain || strcmp(t->hops[i].service, service) != 0)
			continue;
		e = rules_edit(s, d, WEIR_EDIT_ENDPOINT_REMOVE);
		e->domain = domain->name;
		e->name = t->hops[i].name;
		n += *t->hops[i].zone ? 1 : (uint32_t)WEIR_MAX(domain->zone_count, 1u); /* it costs in each */
	}
	return n;
}

bool rules_public_address(const struct weir_topology *t, const char *service, const char *region, struct weir_addr *ret)
{
	for (size_t i = 0; i < t->range_count; i++) {
		const struct topo_range *range = &t->ranges[i];
		uint32_t holder = weir_lpm_find(t->range_lpm, &range->prefix.addr);

		if (!weir_addr_is_v4(&range->prefix.addr) || strcmp(range->service, service) != 0 ||
		    strcmp(range->region, region) != 0 || holder != (uint32_t)i)
			continue;
		*ret = range->prefix.addr;
		return true;
	}
	return false;
}

/* What was asked by the endpoint's own address is asked by a public one; false: which is not known. */
static bool edit_addresses(struct weir_savings *s, struct rules_draft *d, const struct rules_tally *y)
{
	const struct rules_row *first = &s->rows[y->sample];
	struct weir_addr to;

	for (size_t i = 0; i < s->row_count; i++) {
		const struct rules_row *row = &s->rows[i];
		struct weir_edit *e;
		size_t k = 0;

		if (row->domain != first->domain || row->route.path != WEIR_PATH_ENDPOINT || !*row->route.peer_domain ||
		    strcmp(row->route.service, first->route.service) != 0)
			continue;
		if (!rules_public_address(s->now, row->route.service, row->subnet->pub.region, &to))
			return false;
		while (k < d->edit_count && (d->edits[k].kind != WEIR_EDIT_ADDRESS ||
					     memcmp(&d->edits[k].to.addr, &row->t.peer, sizeof(row->t.peer)) != 0))
			k++;
		if (k < d->edit_count)
			continue;
		e = rules_edit(s, d, WEIR_EDIT_ADDRESS);
		e->domain = row->domain->name;
		e->to = (struct weir_prefix){.addr = row->t.peer, .len = 128};
		e->address = to;
	}
	return true;
}

/* The gateway by which the workloads of a subnet go on without the endpoint; TOPO_NONE. */
static uint32_t nat_of(const struct weir_savings *s, const struct topo_subnet *subnet)
{
	const struct weir_topology *t = s->now;
	uint32_t index = (uint32_t)(subnet - t->subnets);

	for (size_t i = 1; i < t->route_count; i++)
		if (t->routes[i].subnet == index && t->routes[i].via == TOPO_VIA_NAT && topo_is_all(&t->routes[i].to) &&
		    !t->routes[i].to_service)
			return t->routes[i].hop;
	return TOPO_NONE;
}

/* What the rows pay at the endpoint, minus what they would by NAT. */
static int64_t by_nat_again(const struct weir_savings *s, const struct rules_tally *y)
{
	int64_t sum = 0;

	for (size_t i = 0; i < y->member_count; i++) {
		const struct rules_row *row = &s->rows[y->members[i]];
		uint32_t nat = nat_of(s, row->subnet);
		struct weir_route r = row->route;

		r.path = WEIR_PATH_NAT;
		r.zone = "";
		r.cross_zone_hop = nat != TOPO_NONE && *s->now->hops[nat].zone &&
				   strcmp(s->now->hops[nat].zone, row->subnet->pub.zone) != 0;
		for (int leg = WEIR_LEG_PROCESSING; leg <= WEIR_LEG_HOP; leg++)
			sum += rules_leg(s, &row->route, row->t.dir, leg, row->t.bytes) -
			       rules_leg(s, &r, row->t.dir, leg, row->t.bytes);
	}
	return sum;
}

/* An import names the further addresses of vpce-1 vpce-1-2. */
static const char *endpoint_id(struct weir_savings *s, const char *name)
{
	const char *id = strncmp(name, "vpce-", 5) ? "" : rules_text(s, "vpce-%.*s", (int)strcspn(name + 5, "-"), name + 5);

	return rules_is_id(id, "vpce-") ? id : "";
}

void rules_change_endpoints_gone(struct weir_savings *s, struct rules_draft *d, const struct topo_domain *domain,
			   const char *region, const char *service)
{
	const char *ids = "", *data = NULL;
	struct rules_tf tf;

	rules_tf_init(&tf, s, d, domain);
	for (size_t i = 0; i < d->edit_count; i++) {
		const char *id = d->edits[i].kind == WEIR_EDIT_ENDPOINT_REMOVE ? endpoint_id(s, d->edits[i].name) : NULL;

		if (id && *id && !strstr(ids, id))
			ids = rules_text(s, "%s %s", ids, id);
		if (id && !*id && !data) {
			data = rules_tf_put(&tf, "data", "aws_vpc_endpoint", service,
					    json_pack("{s:s, s:s}", "vpc_id", rules_tf_vpc(&tf, domain), "service_name",
						      rules_text(s, "com.amazonaws.%s.%s", region, offer_of(service)->name)));
			ids = rules_text(s, "%s ${data.%s.id}", ids, data);
		}
	}
	rules_tf_command(&tf, service, rules_text(s, "aws ec2 delete-vpc-endpoints --region %s --vpc-endpoint-ids%s", region, ids));
	rules_tf_done(&tf);
}

static void propose_removal(struct weir_savings *s, const struct rules_tally *y)
{
	const struct rules_row *row = &s->rows[y->sample];
	const char *service = row->route.service;
	struct rules_draft *d = rules_draft(s, "R03", y->key);
	uint32_t n;

	if (!d)
		return;
	n = rules_edit_endpoints_gone(s, d, row->domain, service);
	d->pub.what = rules_text(s, "%s of %s by NAT again instead of %u interface endpoint%s", service, row->domain->name, n,
				 n == 1 ? "" : "s");
	d->pub.bytes = rules_bytes(y);
	d->pub.rows = y->rows;
	d->pub.formula_nanos = rules_hours(s, row->domain, row->subnet->pub.region, "endpoint-hour", n) + by_nat_again(s, y);
	for (size_t i = 0; i < y->subnet_count; i++)
		if (nat_of(s, &s->now->subnets[y->subnets[i]]) == TOPO_NONE)
			rules_hold(s, d, "subnet %s has no NAT gateway to go on by", s->now->subnets[y->subnets[i]].pub.name);
	if (!edit_addresses(s, d, y))
		rules_hold(s, d, "the topology has no range of %s in %s", service, row->subnet->pub.region);
	rules_change_endpoints_gone(s, d, row->domain, row->subnet->pub.region, service);
}

void rules_find_endpoints(struct weir_savings *s)
{
	weir_cleanup(rules_tallies_fini) struct rules_tallies to = {.s = s}, from = {.s = s};

	for (size_t i = 0; i < s->row_count && s->r == 0; i++) {
		const struct rules_row *row = &s->rows[i];
		bool aws = row->subnet && !strcmp(row->domain->provider, "aws");
		bool home = row->subnet && !strcmp(row->route.region, row->subnet->pub.region);

		if (aws && home && row->route.path == WEIR_PATH_NAT && offer_of(row->route.service) &&
		    !has_endpoint(s, row->domain, row->route.service))
			rules_tally(&to, i, "%s %s", row->domain->name, row->route.service);
		if (aws && row->route.path == WEIR_PATH_ENDPOINT && offer_of(row->route.service))
			rules_tally(&from, i, "%s %s", row->domain->name, row->route.service);
	}
	for (size_t i = 0; i < to.count && s->r == 0; i++)
		propose_aws(s, to.list[i]);
	for (size_t i = 0; i < from.count && s->r == 0; i++)
		propose_removal(s, from.list[i]);
}
