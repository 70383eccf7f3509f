/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes as a reviewer's tools would read them: Terraform's JSON has what each resource needs, by the providers'
 * documentation, and refers only to what is in the file; YAML is read by our own strict parsers.
 */
#ifndef WEIR_TEST_SAVINGS_FILES_H
#define WEIR_TEST_SAVINGS_FILES_H

#include <jansson.h>

#include "lib/policy/policy.h"
#include "tests/lib/savings_fixture.h"

static const struct needs {
	const char *block, *type;
	const char *args[6];
	const char *one_of[4]; /* exactly one; none = not asked */
} needs[] = {
	{"resource", "aws_vpc_endpoint", {"vpc_id", "service_name", "vpc_endpoint_type"}, {"route_table_ids", "subnet_ids"}},
	{"resource", "aws_security_group", {"vpc_id", "ingress"}, {NULL}},
	{"resource", "aws_eip", {"domain"}, {NULL}},
	{"resource", "aws_nat_gateway", {"allocation_id", "subnet_id"}, {NULL}},
	{"resource", "aws_route", {"route_table_id"}, {"nat_gateway_id", "vpc_peering_connection_id", "egress_only_gateway_id"}},
	{"resource", "aws_lb", {"name", "load_balancer_type", "subnets", "enable_cross_zone_load_balancing"}, {NULL}},
	{"resource", "aws_vpc_peering_connection", {"vpc_id", "peer_vpc_id"}, {"auto_accept", "peer_region"}},
	{"resource", "aws_vpc_peering_connection_accepter", {"vpc_peering_connection_id", "auto_accept"}, {NULL}},
	{"resource", "aws_egress_only_internet_gateway", {"vpc_id"}, {NULL}},
	{"resource", "google_compute_subnetwork",
	 {"name", "network", "region", "ip_cidr_range", "project", "private_ip_google_access"}, {NULL}},
	{"resource", "azurerm_subnet",
	 {"name", "resource_group_name", "virtual_network_name", "address_prefixes", "service_endpoints"}, {NULL}},
	{"resource", "terraform_data", {"provisioner"}, {NULL}},
	{"data", "aws_subnet", {"vpc_id", "cidr_block"}, {NULL}},
	{"data", "aws_route_table", {"subnet_id"}, {NULL}},
	{"data", "aws_vpc", {"filter"}, {NULL}},
	{"data", "aws_nat_gateway", {NULL}, {"id", "filter"}},
	{"data", "aws_vpc_endpoint", {"vpc_id", "service_name"}, {NULL}},
	{"data", "aws_vpc_peering_connection", {"vpc_id", "peer_vpc_id"}, {NULL}},
	{"data", "aws_lb", {"name"}, {NULL}},
	{"data", "aws_elb", {"name"}, {NULL}},
	{"data", "azurerm_resources", {"type", "name"}, {NULL}},
};

static bool is_value(const json_t *v)
{
	if (json_is_string(v))
		return *json_string_value(v) != 0;
	return json_is_boolean(v) || (json_is_array(v) && json_array_size(v) > 0);
}

static void check_block(struct test_state *test_st, const char *block, const char *type, const char *name, const json_t *body)
{
	const struct needs *n = NULL;
	int chosen = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(needs); i++)
		if (!strcmp(needs[i].type, type) && !strcmp(needs[i].block, block))
			n = &needs[i];
	CHECK(n, "%s %s: nobody knows what it needs", block, type);
	CHECK(strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(name), "%s", name);
	for (size_t i = 0; n && i < 6 && n->args[i]; i++)
		CHECK(is_value(json_object_get(body, n->args[i])), "%s.%s: no %s", type, name, n->args[i]);
	for (size_t i = 0; n && i < 4 && n->one_of[i]; i++)
		chosen += is_value(json_object_get(body, n->one_of[i]));
	CHECK(!n || !n->one_of[0] || chosen == 1, "%s.%s: %d of its targets", type, name, chosen);
	if (!strcmp(type, "aws_route"))
		CHECK(is_value(json_object_get(body, "destination_cidr_block")) !=
			      is_value(json_object_get(body, "destination_ipv6_cidr_block")), "%s: where to", name);
}

/* "data.aws_vpc.x" or "aws_route.x", up to a dot or the end, is in the document. */
static bool is_there(const json_t *root, const char *ref)
{
	char type[64], name[192];
	const char *block = "resource";

	if (!strncmp(ref, "data.", 5)) {
		block = "data";
		ref += 5;
	}
	return sscanf(ref, "%63[^.}].%191[^.}[]", type, name) == 2 &&
	       json_object_get(json_object_get(json_object_get(root, block), type), name);
}

static void check_references(struct test_state *test_st, const json_t *root, const json_t *v)
{
	const char *key;
	json_t *o;
	size_t i;

	if (json_is_object(v))
		json_object_foreach((json_t *)(uintptr_t)v, key, o)
			check_references(test_st, root, o);
	json_array_foreach(v, i, o)
		check_references(test_st, root, o);
	for (const char *p = json_string_value(v); p && (p = strstr(p, "${")); p += 2)
		CHECK((p > json_string_value(v) && p[-1] == '$') || is_there(root, p + 2), "%.80s: refers to nothing", p);
}

static void check_terraform(struct test_state *test_st, const char *text)
{
	json_error_t why;
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &why), *types, *bodies, *body;
	static const char *const blocks[] = {"resource", "data"};
	const char *type, *name;
	size_t i, n = 0;

	CHECK(root, "%s", why.text);
	for (size_t b = 0; b < 2; b++)
		json_object_foreach(json_object_get(root, blocks[b]), type, bodies)
			json_object_foreach(bodies, name, body) {
				check_block(test_st, blocks[b], type, name, body);
				n += b == 0;
			}
	CHECK(n > 0, "no resource");
	types = json_object_get(root, "import");
	json_array_foreach(types, i, body)
		CHECK(is_there(root, json_string_value(json_object_get(body, "to"))) && is_value(json_object_get(body, "id")),
		      "import %zu", i);
	check_references(test_st, root, root);
	json_decref(root);
}

static void check_kubernetes(struct test_state *test_st, const char *text)
{
	static const char *const fields[] = {"apiVersion", "kind", NULL};
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	struct weir_err err = {0};
	struct weir_y *y, *v = NULL;
	const char *s = "";

	CHECK(weir_ydoc_parse(text, strlen(text), "patch", &d, &err) == 0 && weir_ydoc_count(d) == 1, "%s", err.text);
	y = d ? weir_ydoc_root(d, 0) : NULL;
	for (size_t i = 0; y && fields[i]; i++)
		CHECK(weir_y_get(y, fields[i], &v, &err) == 0 && weir_y_str(v, &s, &err) == 0 && *s, "%s", err.text);
	CHECK(y && weir_y_get(y, "metadata", &v, &err) == 0 && weir_y_find(v, "name") && weir_y_find(v, "namespace") &&
		      weir_y_find(y, "spec"), "%s", err.text);
}

static void check_policy(struct test_state *test_st, const char *text)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	struct weir_policy_set *set = NULL;
	struct weir_err err = {0};

	CHECK(weir_ydoc_parse(text, strlen(text), "policy", &d, &err) == 0 && weir_policy_set_new(&set) == 0, "%s", err.text);
	CHECK(weir_policy_set_add(set, weir_ydoc_root(d, 0), &err) == 0 && weir_policy_set_seal(set, &err) == 0, "%s", err.text);
	CHECK(weir_policy_set_rules(set) > 0, "no rule");
	weir_policy_set_free(set);
}

static void check_files(struct test_state *test_st, const struct weir_candidate *c)
{
	static void (*const checks[])(struct test_state *, const char *) = {check_terraform, check_kubernetes, check_policy};

	CHECK(c->file_count > 0, "%s: no change", c->id);
	for (size_t i = 0; i < c->file_count; i++)
		checks[c->files[i].format](test_st, c->files[i].text);
}

#endif
