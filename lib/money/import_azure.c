/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure: what `az network ... list` prints, and Terraform's azurerm. Ids are paths, whose case is not told
 * apart, and name what a thing belongs to: /subscriptions/S/resourceGroups/G/providers/Microsoft.Network/
 * virtualNetworks/V/subnets/N.
 */
#include <ctype.h>

#include "lib/money/import_facts.h"

#define ID_MAX 512

static const char *lower(const char *s, char buf[ID_MAX])
{
	size_t n = 0;

	for (; *s && n < ID_MAX - 1; s++)
		buf[n++] = (char)tolower((unsigned char)*s);
	buf[n] = 0;
	return buf;
}

/* The id in lower case, cut in front of "/subnets/" or the like; "" without it. */
static const char *owner_of(const char *id, const char *part, char buf[ID_MAX])
{
	char *at;

	lower(id, buf);
	at = strstr(buf, part);
	if (at)
		*at = 0;
	else
		buf[0] = 0;
	return buf;
}

static void account_of(json_t *f, const char *id)
{
	char buf[ID_MAX], *at, *end;

	lower(id, buf);
	at = strstr(buf, "/subscriptions/");
	if (!at)
		return;
	at += strlen("/subscriptions/");
	end = strchr(at, '/');
	if (end)
		*end = 0;
	import_set(f, "account", at);
}

static const char *id_of(const json_t *o, const char *key)
{
	return import_text(json_object_get(o, key), "id", NULL);
}

static void put_services(json_t *f, const json_t *list)
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		const char *s = json_is_string(v) ? json_string_value(v) : import_text(v, "service", NULL);
		char name[ID_MAX], low[ID_MAX];

		s = strchr(s, '.') ? strchr(s, '.') + 1 : s;
		snprintf(name, sizeof(name), "azure/%.200s", lower(s, low));
		import_put(f, "services", name);
	}
}

static void add_subnet(struct weir_import *m, const json_t *o)
{
	const char *id = import_text(o, "id", NULL);
	char key[ID_MAX], net[ID_MAX];
	json_t *f = import_fact(m, FACT_SUBNET, lower(id, key));

	import_set(f, "net", owner_of(id, "/subnets/", net));
	import_set(f, "name", import_text(o, "name", NULL));
	import_put(f, "cidrs", import_text(o, "addressPrefix", NULL));
	import_put_all(f, "cidrs", import_get(o, "addressPrefixes", "address_prefixes"));
	import_set(f, "table", lower(id_of(o, "routeTable"), key));
	import_set(f, "nat", lower(id_of(o, "natGateway"), key));
	put_services(f, import_get(o, "serviceEndpoints", "service_endpoints"));
}

static void add_peering(struct weir_import *m, const json_t *o)
{
	const char *id = import_text(o, "id", NULL), *remote = id_of(o, "remoteVirtualNetwork");
	char key[ID_MAX], net[ID_MAX];
	json_t *f = import_fact(m, FACT_PEERING, lower(id, key));

	import_set(f, "a", owner_of(id, "/virtualnetworkpeerings/", net));
	import_set(f, "b", lower(*remote ? remote : import_text(o, "remote_virtual_network_id", NULL), net));
	import_put_all(f, "cidrs", json_object_get(json_object_get(o, "remoteAddressSpace"), "addressPrefixes"));
}

static void add_network(struct weir_import *m, const json_t *o)
{
	const char *id = import_text(o, "id", NULL);
	char key[ID_MAX];
	json_t *f = import_fact(m, FACT_NET, lower(id, key)), *v;
	size_t i;

	import_set(f, "provider", "azure");
	import_set(f, "name", import_text(o, "name", NULL));
	import_set(f, "region", import_text(o, "location", NULL));
	account_of(f, id);
	import_put_all(f, "cidrs", json_object_get(json_object_get(o, "addressSpace"), "addressPrefixes"));
	import_put_all(f, "cidrs", import_get(o, "address_space", NULL));
	json_array_foreach(import_get(o, "subnets", NULL), i, v)
		add_subnet(m, v);
	json_array_foreach(import_get(o, "virtualNetworkPeerings", NULL), i, v)
		add_peering(m, v);
}

static void put_route(json_t *table, const json_t *o)
{
	char id[64];

	snprintf(id, sizeof(id), "azure:%.50s", import_text(o, "nextHopType", "next_hop_type"));
	import_route(table, import_text(o, "addressPrefix", "address_prefix"), id);
}

static void add_table(struct weir_import *m, const json_t *o)
{
	char key[ID_MAX];
	json_t *f = import_fact(m, FACT_TABLE, lower(import_text(o, "id", NULL), key)), *v;
	size_t i;

	json_array_foreach(import_get(o, "routes", "route"), i, v)
		put_route(f, v);
}

static void add_route(struct weir_import *m, const json_t *o)
{
	char key[ID_MAX];

	put_route(import_fact(m, FACT_TABLE, owner_of(import_text(o, "id", NULL), "/routes/", key)), o);
}

static void add_table_association(struct weir_import *m, const json_t *o)
{
	char key[ID_MAX], table[ID_MAX];

	import_set(import_fact(m, FACT_SUBNET, lower(import_text(o, "subnet_id", NULL), key)), "table",
		   lower(import_text(o, "route_table_id", NULL), table));
}

static void add_nat_association(struct weir_import *m, const json_t *o)
{
	char key[ID_MAX], nat[ID_MAX];

	import_set(import_fact(m, FACT_SUBNET, lower(import_text(o, "subnet_id", NULL), key)), "nat",
		   lower(import_text(o, "nat_gateway_id", NULL), nat));
}

static void add_nat(struct weir_import *m, const json_t *o)
{
	char key[ID_MAX];

	import_set(import_fact(m, FACT_NAT, lower(import_text(o, "id", NULL), key)), "name", import_text(o, "name", NULL));
}

/* ".../providers/Microsoft.Storage/storageAccounts/x": azure/storage */
static void set_service(json_t *f, const char *target)
{
	char low[ID_MAX], name[ID_MAX], *at;

	lower(target, low);
	at = strstr(low, "/providers/microsoft.");
	if (at) {
		at += strlen("/providers/microsoft.");
		at[strcspn(at, "/")] = 0;
	}
	snprintf(name, sizeof(name), "azure/%.200s", at ? at : "privatelink");
	import_set(f, "service", name);
}

static void add_endpoint(struct weir_import *m, const json_t *o)
{
	const char *subnet = import_text(o, "subnet_id", NULL);
	const json_t *link = import_get(o, "privateLinkServiceConnections", "private_service_connection"), *first, *ips;
	char key[ID_MAX], low[ID_MAX], net[ID_MAX];
	json_t *f = import_fact(m, FACT_ENDPOINT, lower(import_text(o, "id", NULL), key)), *v, *ip;
	size_t i, k;

	subnet = *subnet ? subnet : id_of(o, "subnet");
	lower(subnet, low);
	first = json_array_get(link, 0);
	import_set(f, "name", import_text(o, "name", NULL));
	import_set(f, "type", "Interface");
	import_set(f, "net", owner_of(subnet, "/subnets/", net));
	set_service(f, import_text(first, "privateLinkServiceId", "private_connection_resource_id"));
	import_put(f, "subnets", low);
	if (*import_text(first, "private_ip_address", NULL))
		import_node(f, low, import_text(first, "private_ip_address", NULL));
	json_array_foreach(import_get(o, "customDnsConfigs", NULL), i, v) {
		ips = import_get(v, "ipAddresses", NULL);
		json_array_foreach(ips, k, ip)
			if (json_is_string(ip))
				import_node(f, low, json_string_value(ip));
	}
}

static void add_frontend(json_t *f, const json_t *o)
{
	const char *subnet = import_text(o, "subnet_id", NULL), *address = import_text(o, "privateIPAddress", "private_ip_address");
	char low[ID_MAX], net[ID_MAX];

	if (!*address) /* newer versions of az write it so */
		address = import_text(o, "privateIpAddress", NULL);
	subnet = *subnet ? subnet : id_of(o, "subnet");
	if (*id_of(o, "publicIPAddress") || *id_of(o, "publicIpAddress") || *import_text(o, "public_ip_address_id", NULL))
		import_set(f, "internet", "true");
	if (!*subnet)
		return;
	import_set(f, "net", owner_of(subnet, "/subnets/", net));
	import_put(f, "subnets", lower(subnet, low));
	if (*address)
		import_node(f, low, address);
}

static void add_lb(struct weir_import *m, const json_t *o)
{
	const json_t *front = import_get(o, "frontendIPConfigurations", "frontend_ip_configuration"), *list;
	char key[ID_MAX];
	json_t *f = import_fact(m, FACT_BALANCER, lower(import_text(o, "id", NULL), key)), *v, *x;
	size_t i, k;

	import_set(f, "name", import_text(o, "name", NULL));
	import_set(f, "kind", "azure-lb");
	import_set(f, "passthrough", "true");
	if (!front)
		front = import_get(o, "frontendIpConfigurations", NULL);
	json_array_foreach(front, i, v)
		add_frontend(f, v);
	json_array_foreach(import_get(o, "backendAddressPools", NULL), i, v) {
		list = import_get(v, "backendIPConfigurations", "backendIpConfigurations");
		json_array_foreach(list, k, x)
			import_put(f, "targets", lower(import_text(x, "id", NULL), key));
		list = import_get(v, "loadBalancerBackendAddresses", NULL);
		json_array_foreach(list, k, x)
			import_put(f, "targets", import_text(x, "ipAddress", NULL));
	}
}

static void add_pool_address(struct weir_import *m, const json_t *o)
{
	char key[ID_MAX];

	import_put(import_fact(m, FACT_BALANCER,
			       owner_of(import_text(o, "backend_address_pool_id", NULL), "/backendaddresspools/", key)),
		   "targets", import_text(o, "ip_address", NULL));
}

static void add_pool_interface(struct weir_import *m, const json_t *o)
{
	char key[ID_MAX], nic[ID_MAX];

	import_put(import_fact(m, FACT_BALANCER,
			       owner_of(import_text(o, "backend_address_pool_id", NULL), "/backendaddresspools/", key)),
		   "targets", lower(import_text(o, "network_interface_id", NULL), nic));
}

/* Pools name the interface (Terraform) or one of its configurations (az). */
static void add_interface(struct weir_import *m, const json_t *o)
{
	const json_t *list = import_get(o, "ipConfigurations", "ip_configuration");
	char key[ID_MAX], net[ID_MAX];
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		const char *id = import_text(v, "id", NULL), *subnet = import_text(v, "subnet_id", NULL);
		const char *address = import_text(v, "privateIPAddress", "private_ip_address");
		json_t *f = import_fact(m, FACT_INSTANCE, lower(*id ? id : import_text(o, "id", NULL), key));

		import_put(f, "addresses", *address ? address : import_text(v, "privateIpAddress", NULL));
		import_set(f, "net", owner_of(*subnet ? subnet : id_of(v, "subnet"), "/subnets/", net));
	}
}

static void add_gateway(struct weir_import *m, const json_t *o)
{
	const json_t *list = import_get(o, "ipConfigurations", "ip_configuration");
	const char *type = import_text(o, "gatewayType", "type"), *subnet = import_text(json_array_get(list, 0), "subnet_id", NULL);
	char key[ID_MAX], net[ID_MAX];
	json_t *f = import_fact(m, FACT_GATEWAY, lower(import_text(o, "id", NULL), key));

	import_set(f, "type", !strcasecmp(type, "ExpressRoute") ? "direct" : "vpn");
	import_set(f, "net", owner_of(*subnet ? subnet : id_of(json_array_get(list, 0), "subnet"), "/subnets/", net));
}

static void add_local_gateway(struct weir_import *m, const json_t *o)
{
	char key[ID_MAX];
	json_t *f = import_fact(m, FACT_ONPREM, lower(import_text(o, "id", NULL), key));

	import_put_all(f, "cidrs", json_object_get(json_object_get(o, "localNetworkAddressSpace"), "addressPrefixes"));
	import_put_all(f, "cidrs", import_get(o, "address_space", NULL));
}

static const struct import_row az_types[] = {
	{"virtualnetworks", add_network},
	{"routetables", add_table},
	{"natgateways", add_nat},
	{"loadbalancers", add_lb},
	{"privateendpoints", add_endpoint},
	{"virtualnetworkgateways", add_gateway},
	{"localnetworkgateways", add_local_gateway},
	{"networkinterfaces", add_interface},
	{"publicipaddresses", NULL},
	{NULL, NULL},
};

void import_azure_resource(struct weir_import *m, const json_t *o)
{
	const char *id = import_text(o, "id", NULL), *at;
	char low[ID_MAX];

	lower(id, low);
	at = strstr(low, "/providers/microsoft.network/");
	at = at ? at + strlen("/providers/microsoft.network/") : "";
	for (const struct import_row *row = az_types; row->name; row++) {
		size_t len = strlen(row->name);

		if (strncmp(at, row->name, len) || at[len] != '/')
			continue;
		if (row->fn)
			row->fn(m, o);
		return;
	}
	import_note(m, "%s: %s: resources of this type are not placed", m->file, *id ? id : "an entry without id");
}

const struct import_row import_azure_types[] = {
	{"azurerm_virtual_network", add_network},
	{"azurerm_subnet", add_subnet},
	{"azurerm_virtual_network_peering", add_peering},
	{"azurerm_route_table", add_table},
	{"azurerm_route", add_route},
	{"azurerm_subnet_route_table_association", add_table_association},
	{"azurerm_nat_gateway", add_nat},
	{"azurerm_subnet_nat_gateway_association", add_nat_association},
	{"azurerm_private_endpoint", add_endpoint},
	{"azurerm_lb", add_lb},
	{"azurerm_lb_backend_address_pool_address", add_pool_address},
	{"azurerm_network_interface_backend_address_pool_association", add_pool_interface},
	{"azurerm_network_interface", add_interface},
	{"azurerm_virtual_network_gateway", add_gateway},
	{"azurerm_virtual_network_gateway_connection", NULL},
	{"azurerm_virtual_network_dns_servers", NULL},
	{"azurerm_subnet_network_security_group_association", NULL},
	{"azurerm_lb_backend_address_pool", NULL},
	{"azurerm_lb_rule", NULL},
	{"azurerm_lb_probe", NULL},
	{"azurerm_lb_nat_rule", NULL},
	{"azurerm_lb_nat_pool", NULL},
	{"azurerm_local_network_gateway", add_local_gateway},
	{NULL, NULL},
};
