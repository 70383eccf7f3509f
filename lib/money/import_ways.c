/* SPDX-License-Identifier: Apache-2.0 */
/* Where the routes of a subnet lead, each provider in its way. */
#include "lib/ds/lpm.h"
#include "lib/money/import_writer.h"

struct asker {
	const struct weir_import *m;
	const char *net, *subnet;
	const json_t *facts; /* of the subnet */
	struct import_ways *ways;
	int r;
};

void import_ways_fini(struct import_ways *w)
{
	for (size_t i = 0; i < w->count; i++) {
		free(w->rows[i].to);
		free(w->rows[i].via);
		free(w->rows[i].why);
	}
	free(w->rows);
	*w = (struct import_ways){0};
}

/* The first route to a prefix stays. via is taken. */
static void put(struct asker *a, const char *to, char *via, const char *why)
{
	struct import_way way = {.to = strdup(to), .via = via, .why = why ? strdup(why) : NULL}, *rows;

	for (size_t i = 0; i < a->ways->count; i++)
		if (!strcmp(a->ways->rows[i].to, to)) {
			free(way.to);
			free(way.via);
			free(way.why);
			return;
		}
	rows = reallocarray(a->ways->rows, a->ways->count + 1, sizeof(*rows));
	if (rows)
		a->ways->rows = rows;
	if (!rows || !way.to || !via) {
		free(way.to);
		free(way.via);
		free(way.why);
		a->r = -ENOMEM;
		return;
	}
	rows[a->ways->count++] = way;
}

/* Its bytes are of path unknown, and it is said why. */
static void put_unknown(struct asker *a, const char *to, const char *why)
{
	import_note(a->m, "subnet %s: route to %s: %s: its bytes are of path unknown", import_str(a->facts, "name"), to,
		    why);
	put(a, to, strdup("local"), why);
}

static bool is_v6(const char *to)
{
	return strchr(to, ':') != NULL;
}

static void put_peering(struct asker *a, const char *to, const char *id)
{
	const json_t *f = import_find(a->m, FACT_PEERING, id);
	const char *other = import_str(f, "a");
	weir_auto_free char *domain = NULL;
	char why[256];

	if (!strcmp(other, a->net))
		other = import_str(f, "b");
	if (!*other || !*import_str(import_find(a->m, FACT_NET, other), "provider")) {
		snprintf(why, sizeof(why), "the network behind peering %.100s is not in the input", id);
		put_unknown(a, to, why);
		return;
	}
	domain = import_domain(a->m, other);
	put(a, to, weir_strf("peering:%s", domain), NULL);
}

/* The network attached to the gateway that holds all of the prefix, when it is one. */
static void put_tgw(struct asker *a, const char *to, const char *tgw)
{
	weir_auto_free const char **ids = import_ids(a->m, FACT_ATTACHMENT);
	weir_auto_free char *domain = NULL;
	const char *found = NULL;

	for (size_t i = 0; ids && ids[i]; i++) {
		const json_t *f = import_find(a->m, FACT_ATTACHMENT, ids[i]);
		const char *net = import_str(f, "net");

		if (!strcmp(import_str(f, "tgw"), tgw) && strcmp(net, a->net) &&
		    import_holds(json_object_get(import_find(a->m, FACT_NET, net), "cidrs"), to))
			found = net;
	}
	domain = found ? import_domain(a->m, found) : NULL;
	if (found)
		put(a, to, domain ? weir_strf("tgw:%s", domain) : NULL, NULL);
	else
		put(a, to, strdup("tgw"), "what lies behind it is not in the input");
}

static void put_nat(struct asker *a, const char *to, const char *id)
{
	const json_t *f = import_find(a->m, FACT_NAT, id), *v;
	const json_t *nets = json_object_get(f, "nets");
	bool here = !strcmp(import_str(f, "net"), a->net);

	for (size_t i = 0; (v = json_array_get(nets, i)); i++)
		here = here || !strcmp(json_string_value(v), a->net);
	if (f && here)
		put(a, to, weir_strf("nat:%s", import_str(f, "name")), NULL);
	else
		put_unknown(a, to, "its NAT gateway is not in the input");
}

static void put_gateway(struct asker *a, const char *to)
{
	weir_auto_free const char **ids = import_ids(a->m, FACT_GATEWAY);
	const char *type = "vpn";

	for (size_t i = 0; ids && ids[i]; i++) {
		const json_t *f = import_find(a->m, FACT_GATEWAY, ids[i]);

		if (!strcmp(import_str(f, "net"), a->net))
			type = import_str(f, "type");
	}
	put(a, to, strdup(type), NULL);
}

static void put_endpoint(struct asker *a, const char *to, const char *id)
{
	const json_t *f = import_find(a->m, FACT_ENDPOINT, id);

	if (!strcmp(import_str(f, "type"), "Gateway"))
		return; /* of the endpoint's own list of tables */
	if (f && !strcmp(import_str(f, "net"), a->net))
		put(a, to, weir_strf("endpoint:%s", id), NULL);
	else
		put_unknown(a, to, "its endpoint is not in the input");
}

static void put_internet(struct asker *a, const char *to)
{
	const char *nat = import_str(a->facts, "nat");

	if (*nat && !is_v6(to))
		put_nat(a, to, nat);
	else
		put(a, to, strdup("igw"), NULL);
}

static void put_azure(struct asker *a, const char *to, const char *hop)
{
	struct weir_prefix p;

	if (weir_prefix_parse(to, &p) < 0) {
		import_note(a->m, "subnet %s: route to %s: service tags are not placed", import_str(a->facts, "name"), to);
		return;
	}
	if (!strcasecmp(hop, "Internet"))
		put_internet(a, to);
	else if (!strcasecmp(hop, "VirtualNetworkGateway"))
		put_gateway(a, to);
	else if (!strcasecmp(hop, "None"))
		put(a, to, strdup("local"), "dropped");
	else if (strcasecmp(hop, "VnetLocal") != 0)
		put_unknown(a, to, "what a virtual appliance does is not known");
}

static void put_route(struct asker *a, const char *to, const char *id)
{
	static const char *const internet[] = {"igw-", "igw"};
	struct weir_prefix p;

	if (!strncmp(id, "azure:", 6)) {
		put_azure(a, to, id + 6);
	} else if (weir_prefix_parse(to, &p) < 0 && strncmp(to, "pl-", 3)) {
		import_note(a->m, "subnet %s: route to '%s': no prefix", import_str(a->facts, "name"), to);
	} else if (!strncmp(to, "pl-", 3)) {
		if (strncmp(id, "vpce-", 5))
			import_note(a->m, "subnet %s: route to prefix list %s: its prefixes are not in the input",
				    import_str(a->facts, "name"), to);
	} else if (!strcmp(id, "local")) {
		return;
	} else if (!strncmp(id, internet[0], 4) || !strcmp(id, internet[1])) {
		put_internet(a, to);
	} else if (!strncmp(id, "eigw-", 5)) {
		put(a, to, strdup("egress-only"), NULL);
	} else if (!strncmp(id, "nat-", 4)) {
		put_nat(a, to, id);
	} else if (!strncmp(id, "pcx-", 4)) {
		put_peering(a, to, id);
	} else if (!strncmp(id, "tgw-", 4)) {
		put_tgw(a, to, id);
	} else if (!strncmp(id, "vgw-", 4)) {
		import_note(a->m, "subnet %s: route to %s: %s is taken for a VPN's: write direct where it is Direct Connect",
			    import_str(a->facts, "name"), to, id);
		put(a, to, strdup("vpn"), "or direct");
	} else if (!strcmp(id, "vpn")) {
		put(a, to, strdup("vpn"), NULL);
	} else if (!strncmp(id, "vpce-", 5)) {
		put_endpoint(a, to, id);
	} else {
		char why[256];

		snprintf(why, sizeof(why), "what '%.100s' does is not known", *id ? id : "an empty target");
		put_unknown(a, to, why);
	}
}

static void put_table(struct asker *a, const json_t *table)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(table, "routes"), i, v)
		put_route(a, import_str(v, "to"), import_str(v, "id"));
}

static bool lists(const json_t *list, const char *s)
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (!strcmp(json_string_value(v), s))
			return true;
	return false;
}

static void put_services(struct asker *a, const json_t *services)
{
	json_t *v;
	size_t i;

	json_array_foreach(services, i, v)
		put(a, json_string_value(v), weir_strf("gateway-endpoint:%s", json_string_value(v)), NULL);
}

/* Whoever asks for the service by its name will come to the endpoint in his zone, else to the first: its name is that of
 * the endpoint, and from the second on with a number (write_endpoint()). */
static void put_planned(struct asker *a, const char *id, const json_t *f)
{
	weir_auto_free const char **subnets = import_sorted(json_object_get(f, "subnets"));
	char here[64], zone[64], region[64];
	size_t chosen = 0;

	import_place(a->m, a->facts, here, region);
	for (size_t i = 0; subnets && subnets[i]; i++) {
		import_place(a->m, import_find(a->m, FACT_SUBNET, subnets[i]), zone, region);
		if (*here && !strcmp(here, zone)) {
			chosen = i;
			break;
		}
	}
	if (!subnets || !subnets[0])
		return;
	if (chosen)
		put(a, import_str(f, "service"), weir_strf("endpoint:%s-%zu", id, chosen + 1), NULL);
	else
		put(a, import_str(f, "service"), weir_strf("endpoint:%s", id), NULL);
}

const char *import_table(const struct weir_import *m, const char *net, const char *subnet)
{
	weir_auto_free const char **ids = import_ids(m, FACT_TABLE);
	const char *main = import_str(import_find(m, FACT_NET, net), "main"), *own = NULL;

	for (size_t i = 0; ids && ids[i]; i++) {
		const json_t *f = import_find(m, FACT_TABLE, ids[i]);

		if (lists(json_object_get(f, "subnets"), subnet))
			own = ids[i];
		if (!*main && *import_str(f, "main") && !strcmp(import_str(f, "net"), net))
			main = ids[i];
	}
	own = own ? own : main;
	return *own && import_find(m, FACT_TABLE, own) ? own : "";
}

/* The table's routes, and the gateway endpoints of that table. */
static void ways_aws(struct asker *a)
{
	weir_auto_free const char **endpoints = import_ids(a->m, FACT_ENDPOINT);
	const char *own = import_table(a->m, a->net, a->subnet);

	if (!*own) {
		import_note(a->m, "subnet %s: its route table is not in the input", a->subnet);
		return;
	}
	put_table(a, import_find(a->m, FACT_TABLE, own));
	for (size_t i = 0; endpoints && endpoints[i]; i++) {
		const json_t *f = import_find(a->m, FACT_ENDPOINT, endpoints[i]);
		const char *service = import_str(f, "service");

		if (!strcmp(import_str(f, "type"), "Gateway") && lists(json_object_get(f, "tables"), own))
			put(a, service, weir_strf("gateway-endpoint:%s", service), NULL);
		else if (*import_str(f, "planned") && !strcmp(import_str(f, "net"), a->net))
			put_planned(a, endpoints[i], f);
	}
}

static void put_peer_networks(struct asker *a)
{
	weir_auto_free const char **ids = import_ids(a->m, FACT_PEERING);

	for (size_t i = 0; ids && ids[i]; i++) {
		const json_t *f = import_find(a->m, FACT_PEERING, ids[i]);
		const json_t *cidrs = json_object_get(import_find(a->m, FACT_NET, import_str(f, "b")), "cidrs");
		json_t *v;
		size_t k;

		if (strcmp(import_str(f, "a"), a->net))
			continue;
		if (!json_array_size(cidrs))
			cidrs = json_object_get(f, "cidrs");
		if (!json_array_size(cidrs))
			import_note(a->m, "peering %s: the network behind it is not in the input", ids[i]);
		json_array_foreach(cidrs, k, v)
			put_peering(a, json_string_value(v), ids[i]);
	}
}

/* A table's routes, then what the platform has by itself: peers, what a gateway announces, the internet. */
static void ways_azure(struct asker *a)
{
	weir_auto_free const char **ids = import_ids(a->m, FACT_ONPREM), **gateways = import_ids(a->m, FACT_GATEWAY);
	const char *table = import_str(a->facts, "table");
	json_t *v;
	size_t k;

	if (*table && !import_find(a->m, FACT_TABLE, table))
		import_note(a->m, "subnet %s: its route table is not in the input", a->subnet);
	put_table(a, import_find(a->m, FACT_TABLE, table));
	put_peer_networks(a);
	for (size_t g = 0; gateways && gateways[g]; g++) {
		if (strcmp(import_str(import_find(a->m, FACT_GATEWAY, gateways[g]), "net"), a->net))
			continue;
		for (size_t i = 0; ids && ids[i]; i++)
			json_array_foreach(json_object_get(import_find(a->m, FACT_ONPREM, ids[i]), "cidrs"), k, v)
				put_gateway(a, json_string_value(v));
	}
	put_internet(a, "0.0.0.0/0");
	put_services(a, json_object_get(a->facts, "services"));
}

/* Routes are the network's; Cloud NAT is of a region, for machines without an address of their own. */
static void ways_google(struct asker *a)
{
	weir_auto_free const char **ids = import_ids(a->m, FACT_NAT);
	const char *nat = NULL;

	for (size_t i = 0; ids && ids[i]; i++) {
		const json_t *f = import_find(a->m, FACT_NAT, ids[i]);

		if (*import_str(f, "name") && !strcmp(import_str(f, "net"), a->net) &&
		    !strcmp(import_str(f, "region"), import_str(a->facts, "region")))
			nat = ids[i];
	}
	put_table(a, import_find(a->m, FACT_TABLE, a->net));
	for (size_t i = 0; nat && i < a->ways->count; i++)
		if (!strcmp(a->ways->rows[i].to, "0.0.0.0/0") && !strcmp(a->ways->rows[i].via, "igw")) {
			free(a->ways->rows[i].via);
			a->ways->rows[i].via = weir_strf("nat:%s", import_str(import_find(a->m, FACT_NAT, nat), "name"));
		}
	put_peer_networks(a);
	if (nat)
		put_nat(a, "0.0.0.0/0", nat);
	else
		put(a, "0.0.0.0/0", strdup("igw"), NULL);
	put_services(a, json_object_get(a->facts, "services"));
}

static int cmp_way(const void *x, const void *y)
{
	const struct import_way *a = x, *b = y;
	struct weir_prefix p, q;
	int no_a = weir_prefix_parse(a->to, &p), no_b = weir_prefix_parse(b->to, &q);

	if (no_a || no_b)
		return no_a && no_b ? strcmp(a->to, b->to) : no_a ? 1 : -1;
	if (is_v6(a->to) != is_v6(b->to))
		return is_v6(a->to) ? 1 : -1;
	return weir_prefix_cmp(&p, &q);
}

int import_ways_of(const struct weir_import *m, const char *net, const char *subnet, struct import_ways *ret)
{
	struct asker a = {.m = m, .net = net, .subnet = subnet, .facts = import_find(m, FACT_SUBNET, subnet), .ways = ret};
	const char *provider = import_str(import_find(m, FACT_NET, net), "provider");

	if (!strcmp(provider, "aws"))
		ways_aws(&a);
	else if (!strcmp(provider, "azure"))
		ways_azure(&a);
	else
		ways_google(&a);
	if (ret->count)
		qsort(ret->rows, ret->count, sizeof(*ret->rows), cmp_way);
	for (size_t i = 0; i < ret->count; i++)
		if (!ret->rows[i].via)
			return -ENOMEM;
	return a.r;
}
