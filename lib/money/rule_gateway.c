/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R01, R27, R28: a provider's services are reached by its own network without a NAT gateway, for nothing: AWS's gateway
 * endpoints, Google's private access, Azure's service endpoints.
 */
#include "lib/money/rules_impl.h"

struct way {
	const char *rule, *provider, *name;
	const char *const *services;
	const char *hour_meter; /* what it costs by the hour, which no topology has; NULL */
	bool anywhere;		/* also of services whose ranges name no region */
	const char *note;
	void (*change)(struct weir_savings *s, struct rules_draft *d, const struct rules_tally *y);
};

static const struct rules_row *sample(const struct weir_savings *s, const struct rules_tally *y)
{
	return &s->rows[y->sample];
}

/* "s3" of "aws/s3" */
static const char *short_name(const char *service)
{
	const char *slash = strchr(service, '/');

	return slash ? slash + 1 : service;
}

static void change_aws(struct weir_savings *s, struct rules_draft *d, const struct rules_tally *y)
{
	const struct rules_row *row = sample(s, y);
	const char *service = short_name(row->route.service);
	struct rules_tf tf;

	rules_tf_init(&tf, s, d, row->domain);
	rules_tf_put(&tf, "resource", "aws_vpc_endpoint", service,
		     json_pack("{s:s, s:s, s:s, s:o}", "vpc_id", rules_tf_vpc(&tf, row->domain), "service_name",
			       rules_text(s, "com.amazonaws.%s.%s", row->subnet->pub.region, service), "vpc_endpoint_type",
			       "Gateway", "route_table_ids", rules_tf_tables(&tf, y->subnets, y->subnet_count)));
	rules_tf_done(&tf);
}

/* A subnet that exists is taken over; what is not known of it stays as it is. */
static void change_google(struct weir_savings *s, struct rules_draft *d, const struct rules_tally *y)
{
	const struct rules_row *row = sample(s, y);
	struct rules_tf tf;

	rules_tf_init(&tf, s, d, row->domain);
	for (size_t i = 0; i < y->subnet_count; i++) {
		const struct topo_subnet *n = &s->now->subnets[y->subnets[i]];
		const char *to = rules_tf_put(
			&tf, "resource", "google_compute_subnetwork", n->pub.name,
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:{s:[s,s,s,s,s]}}", "name", n->pub.name, "project",
				  row->domain->account, "region", n->pub.region, "network", rules_tf_net(&tf, row->domain),
				  "ip_cidr_range", rules_tf_cidr(&tf, n), "private_ip_google_access", 1, "lifecycle",
				  "ignore_changes", "secondary_ip_range", "log_config", "description", "stack_type",
				  "private_ipv6_google_access"));

		rules_tf_import(&tf, to, rules_text(s, "projects/%s/regions/%s/subnetworks/%s", row->domain->account,
						    n->pub.region, n->pub.name));
	}
	rules_tf_done(&tf);
}

static const char *azure_service(const char *service)
{
	static const char *const names[][2] = {{"azure/storage", "Microsoft.Storage"}, {"azure/sql", "Microsoft.Sql"},
					       {"azure/azurekeyvault", "Microsoft.KeyVault"},
					       {"azure/azurecosmosdb", "Microsoft.AzureCosmosDB"},
					       {"azure/servicebus", "Microsoft.ServiceBus"},
					       {"azure/eventhub", "Microsoft.EventHub"}};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++)
		if (!strcmp(names[i][0], service))
			return names[i][1];
	return NULL;
}

/* The list of a subnet's service endpoints is one value: those that it has stay in it. */
static json_t *azure_endpoints(const struct weir_savings *s, uint32_t subnet, const char *service)
{
	const struct weir_topology *t = s->now;
	json_t *list = json_pack("[s]", azure_service(service));

	for (size_t i = 1; i < t->route_count; i++) {
		const struct topo_route *rt = &t->routes[i];

		if (rt->subnet == subnet && rt->via == TOPO_VIA_GATEWAY_ENDPOINT && rt->to_service &&
		    azure_service(rt->to_service) && strcmp(rt->to_service, service) != 0)
			json_array_append_new(list, json_string(azure_service(rt->to_service)));
	}
	return list;
}

static void change_azure(struct weir_savings *s, struct rules_draft *d, const struct rules_tally *y)
{
	const struct rules_row *row = sample(s, y);
	struct rules_tf tf;
	const char *net, *name, *to;

	rules_tf_init(&tf, s, d, row->domain);
	name = rules_tf_net(&tf, row->domain);
	net = rules_tf_put(&tf, "data", "azurerm_resources", name,
			   json_pack("{s:s, s:s}", "type", "Microsoft.Network/virtualNetworks", "name", name));
	for (size_t i = 0; i < y->subnet_count; i++) {
		const struct topo_subnet *n = &s->now->subnets[y->subnets[i]];

		to = rules_tf_put(
			&tf, "resource", "azurerm_subnet", n->pub.name,
			json_pack("{s:s, s:s, s:s, s:[s], s:o, s:{s:[s,s,s,s,s,s]}}", "name", n->pub.name, "resource_group_name",
				  rules_text(s, "${data.%s.resources[0].resource_group_name}", net), "virtual_network_name", name,
				  "address_prefixes", rules_tf_cidr(&tf, n), "service_endpoints",
				  azure_endpoints(s, y->subnets[i], row->route.service), "lifecycle", "ignore_changes",
				  "address_prefixes", "delegation", "private_endpoint_network_policies",
				  "private_link_service_network_policies_enabled", "service_endpoint_policy_ids",
				  "default_outbound_access_enabled"));
		rules_tf_import(&tf, to, rules_text(s, "${data.%s.resources[0].id}/subnets/%s", net, n->pub.name));
	}
	rules_tf_done(&tf);
}

static const char *const aws_services[] = {"aws/s3", "aws/dynamodb", NULL};
static const char *const google_services[] = {"gcp/google", NULL};
static const char *const azure_services[] = {"azure/storage", "azure/sql", "azure/azurekeyvault", "azure/azurecosmosdb",
					     "azure/servicebus", "azure/eventhub", NULL};
static const struct way ways[] = {
	{"R01", "aws", "a gateway endpoint", aws_services, NULL, false,
	 "Policies of buckets and tables that name aws:SourceIp refuse the endpoint: let them name aws:sourceVpce first. "
	 "Connections that are open when the route changes are cut.",
	 change_aws},
	{"R27", "gcp", "Private Google Access", google_services, NULL, true,
	 "Machines keep reaching other addresses by Cloud NAT; VPC Service Controls may need the restricted addresses.",
	 change_google},
	{"R28", "azure", "a service endpoint", azure_services, "service-endpoint-vnet-hour", false,
	 "Accounts see the subnet in place of the gateway's public address: their firewalls must let it in first.",
	 change_azure},
};

static const struct way *way_of(const struct rules_row *row)
{
	bool home = row->subnet && !strcmp(row->route.region, row->subnet->pub.region);

	if (row->route.path != WEIR_PATH_NAT)
		return NULL;
	for (size_t i = 0; row->subnet && i < WEIR_ARRAY_SIZE(ways); i++)
		if (!strcmp(row->domain->provider, ways[i].provider) && rules_is(ways[i].services, row->route.service) &&
		    (home || (ways[i].anywhere && !*row->route.region)))
			return &ways[i];
	return NULL;
}

static void edit_services(struct weir_savings *s, struct rules_draft *d, const struct rules_tally *y)
{
	const struct rules_row *row = sample(s, y);

	for (size_t i = 0; i < y->subnet_count; i++) {
		struct weir_edit *e = rules_edit(s, d, WEIR_EDIT_ROUTE);

		e->domain = row->domain->name;
		e->subnet = s->now->subnets[y->subnets[i]].pub.name;
		e->service = row->route.service;
		e->via = "gateway-endpoint";
		e->gateway = row->route.service;
	}
}

/* The hour of the first service endpoint of a network; those behind it are of the same network. */
static int64_t extra(const struct weir_savings *s, const struct way *way, const struct rules_row *row)
{
	const struct weir_topology *t = s->now;

	for (size_t i = 1; way->hour_meter && i < t->route_count; i++)
		if (t->routes[i].via == TOPO_VIA_GATEWAY_ENDPOINT &&
		    &t->domains[t->subnets[t->routes[i].subnet].domain] == row->domain)
			return 0;
	return way->hour_meter ? rules_hours(s, row->domain, row->subnet->pub.region, way->hour_meter, 1) : 0;
}

static void propose(struct weir_savings *s, const struct way *way, const struct rules_tally *y)
{
	const struct rules_row *row = sample(s, y);
	struct rules_draft *d = rules_draft(s, way->rule, y->key);
	struct weir_route hop = row->route;

	if (!d)
		return;
	d->pub.what = rules_text(s, "%s of %s by %s instead of NAT", row->route.service, row->domain->name, way->name);
	d->pub.note = way->note;
	d->pub.bytes = rules_bytes(y);
	d->pub.rows = y->rows;
	hop.cross_zone_hop = true;
	d->pub.extra_nanos = extra(s, way, row);
	d->pub.formula_nanos = rules_legs(s, &row->route, y->bytes, WEIR_LEG_PROCESSING) +
			       rules_legs(s, &hop, y->hop, WEIR_LEG_HOP) - d->pub.extra_nanos;
	if (*row->route.region)
		edit_services(s, d, y);
	else /* such ranges are no route's: those that were seen are */
		rules_edit_ranges(s, d, y, "gateway-endpoint", row->route.service);
	way->change(s, d, y);
}

void rules_find_gateways(struct weir_savings *s)
{
	weir_cleanup(rules_tallies_fini) struct rules_tallies all = {.s = s};

	for (size_t i = 0; i < s->row_count && s->r == 0; i++) {
		const struct rules_row *row = &s->rows[i];

		if (way_of(row))
			rules_tally(&all, i, "%s %s %s", row->domain->name, row->route.service, row->route.region);
	}
	for (size_t i = 0; i < all.count && s->r == 0; i++)
		propose(s, way_of(sample(s, all.list[i])), all.list[i]);
}
