/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google's resources as Terraform keeps them. A network is known as PROJECT/NAME, whatever link names it:
 * "https://www.googleapis.com/compute/v1/projects/P/global/networks/N", or N with a project beside it.
 */
#include "lib/money/import_facts.h"

#define KEY_MAX 256

/* PROJECT/NAME of a link or name; project is that of the resource. */
static const char *key_of(const char *link, const char *project, char buf[KEY_MAX])
{
	const char *at = strstr(link, "projects/"), *name = strrchr(link, '/');

	if (at) {
		project = at + strlen("projects/");
		snprintf(buf, KEY_MAX, "%.*s/%s", (int)strcspn(project, "/"), project, name ? name + 1 : link);
	} else {
		snprintf(buf, KEY_MAX, "%s/%s", *project ? project : "unknown", name ? name + 1 : link);
	}
	return *link ? buf : "";
}

static const char *own_key(const json_t *o, char buf[KEY_MAX])
{
	return key_of(import_text(o, "name", NULL), import_text(o, "project", NULL), buf);
}

static const char *ref_key(const json_t *o, const char *field, char buf[KEY_MAX])
{
	return key_of(import_text(o, field, NULL), import_text(o, "project", NULL), buf);
}

static const char *last_of(const char *link)
{
	const char *slash = strrchr(link, '/');

	return slash ? slash + 1 : link;
}

static void add_network(struct weir_import *m, const json_t *o)
{
	char key[KEY_MAX];
	json_t *f = import_fact(m, FACT_NET, own_key(o, key));

	import_set(f, "provider", "gcp");
	import_set(f, "account", import_text(o, "project", NULL));
	import_set(f, "name", import_text(o, "name", NULL));
}

static void add_subnet(struct weir_import *m, const json_t *o)
{
	char key[KEY_MAX], name[KEY_MAX];
	const char *region = last_of(import_text(o, "region", NULL));
	json_t *f, *v;
	size_t i;

	/* Names are unique in a region. */
	snprintf(name, sizeof(name), "%.100s/%.60s", own_key(o, key), region);
	f = import_fact(m, FACT_SUBNET, name);
	import_set(f, "net", ref_key(o, "network", key));
	import_set(f, "name", import_text(o, "name", NULL));
	import_set(f, "region", region);
	import_put(f, "cidrs", import_text(o, "ip_cidr_range", NULL));
	import_put(f, "cidrs", import_text(o, "external_ipv6_prefix", "internal_ipv6_prefix"));
	json_array_foreach(import_get(o, "secondary_ip_range", NULL), i, v)
		import_put(f, "cidrs", import_text(v, "ip_cidr_range", NULL));
	if (import_true(o, "private_ip_google_access", NULL))
		import_put(f, "services", "gcp/google");
}

/* A NAT belongs to a router, which says its network: whichever is read first. */
static void add_router(struct weir_import *m, const json_t *o)
{
	char key[KEY_MAX], net[KEY_MAX];
	json_t *f = import_fact(m, FACT_NAT, own_key(o, key));

	import_set(f, "net", ref_key(o, "network", net));
	import_set(f, "region", last_of(import_text(o, "region", NULL)));
}

static void add_nat(struct weir_import *m, const json_t *o)
{
	char key[KEY_MAX];
	json_t *f = import_fact(m, FACT_NAT, ref_key(o, "router", key));

	import_set(f, "name", import_text(o, "name", NULL));
	import_set(f, "region", last_of(import_text(o, "region", NULL)));
}

static void add_route(struct weir_import *m, const json_t *o)
{
	static const char *const hops[][2] = {{"next_hop_gateway", "igw"}, {"next_hop_vpn_tunnel", "vpn"},
					      {"next_hop_ilb", "ilb"}, {"next_hop_instance", "instance"},
					      {"next_hop_ip", "address"}};
	char key[KEY_MAX];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(hops); i++) {
		if (!*import_text(o, hops[i][0], NULL))
			continue;
		import_route(import_fact(m, FACT_TABLE, ref_key(o, "network", key)), import_text(o, "dest_range", NULL),
			     hops[i][1]);
		return;
	}
}

static void add_peering(struct weir_import *m, const json_t *o)
{
	char key[KEY_MAX], peer[KEY_MAX];
	json_t *f = import_fact(m, FACT_PEERING, import_text(o, "id", NULL));

	import_set(f, "a", ref_key(o, "network", key));
	import_set(f, "b", ref_key(o, "peer_network", peer));
}

static void add_forwarding(struct weir_import *m, const json_t *o)
{
	const char *scheme = import_text(o, "load_balancing_scheme", NULL), *address = import_text(o, "ip_address", NULL);
	char key[KEY_MAX], net[KEY_MAX];
	bool internet = !strncmp(scheme, "EXTERNAL", 8);
	bool proxied = strstr(scheme, "MANAGED") || *import_text(o, "target", NULL);
	json_t *f = import_fact(m, FACT_BALANCER, own_key(o, key));

	import_set(f, "name", import_text(o, "name", NULL));
	import_set(f, "kind", "gcp-lb");
	import_set(f, "net", ref_key(o, "network", net));
	import_set(f, "internet", internet ? "true" : "");
	import_set(f, "passthrough", proxied ? "" : "true");
	/* Where Google's proxies and their checks come from. */
	if (internet && proxied) {
		import_node(f, "", "35.191.0.0/16");
		import_node(f, "", "130.211.0.0/22");
	} else if (!internet && *address) {
		import_node(f, "", address);
	}
}

const struct import_row import_google_types[] = {
	{"google_compute_network", add_network},
	{"google_compute_subnetwork", add_subnet},
	{"google_compute_router", add_router},
	{"google_compute_router_nat", add_nat},
	{"google_compute_route", add_route},
	{"google_compute_network_peering", add_peering},
	{"google_compute_router_interface", NULL},
	{"google_compute_router_peer", NULL},
	{"google_compute_network_peering_routes_config", NULL},
	{"google_compute_network_firewall_policy", NULL},
	{"google_compute_network_firewall_policy_association", NULL},
	{"google_compute_network_firewall_policy_rule", NULL},
	{"google_compute_forwarding_rule", add_forwarding},
	{"google_compute_global_forwarding_rule", add_forwarding},
	{NULL, NULL},
};
