/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan's configuration says of ids that are known after apply: each case is a route to the internet, or to S3, by what is made. */
#include "lib/money/plan.h"
#include "tests/lib/plan_fixture.h"
#include "tests/lib/test.h"

#define PLANNED PLAN_BASE "," NAT "," TGW_ROUTES ","
#define OWN_ASSOCIATION(id) RES("aws_route_table_association", "priv2", "\"subnet_id\":\"subnet-priv2\",\"route_table_id\":\"" id "\"")
#define OWN_TABLE(more) RES("aws_route_table", "own", "\"id\":\"rtb-own\",\"vpc_id\":\"vpc-1\"" more)
#define NEW_NAT RES("aws_nat_gateway", "b", "\"subnet_id\":\"subnet-pub2\"")
#define OWN_ROUTE RES("aws_route", "own", "\"route_table_id\":\"rtb-own\",\"destination_cidr_block\":\"0.0.0.0/0\"")
#define ROUTE_CHANGE CHANGE("aws_route.own", "\"nat_gateway_id\":true")
/* Modules of planned_values and of the configuration. */
#define PLAN_M(resources, children, changes, config)                                                             \
	"{\"format_version\":\"1.2\",\"prior_state\":{\"values\":{\"root_module\":{\"resources\":[" PLAN_ALL "]}}},"  \
	"\"planned_values\":{\"root_module\":{\"resources\":[" resources "],\"child_modules\":[" children "]}},"      \
	"\"resource_changes\":[" changes "],\"configuration\":{\"root_module\":{" config "}}}"
#define CHILD(address, resources) "{\"address\":\"" address "\",\"resources\":[" resources "]}"
#define NAT_OF(n, subnet) RES_AT("module.net.aws_nat_gateway.this[" n "]", "aws_nat_gateway", "this", "\"subnet_id\":\"" subnet "\"")
#define NET_MODULE CHILD("module.net", NAT_OF("0", "subnet-pub1") "," NAT_OF("1", "subnet-pub2"))
#define REFS(attribute, list) "\"" attribute "\":{\"references\":[" list "]}"

static const struct {
	const char *name, *plan, *peer;
	enum weir_path path;
	const char *gateway, *note;
} plans[] = {
	{"a resource of the same module",
	 PLAN(PLAN_ALL, PLANNED NEW_NAT "," OWN_TABLE("") "," OWN_ASSOCIATION("rtb-own") "," OWN_ROUTE, ROUTE_CHANGE,
	      CONFIG("aws_route", "own", REF("nat_gateway_id", "aws_nat_gateway.b"))),
	 "203.0.113.7", WEIR_PATH_NAT, "nat-aws_nat_gateway.b", NULL},
	{"the only instance, without an index in the reference",
	 PLAN(PLAN_ALL, PLANNED RES_AT("aws_nat_gateway.b[0]", "aws_nat_gateway", "b", "\"subnet_id\":\"subnet-pub2\"") "," OWN_TABLE("")
	      "," OWN_ASSOCIATION("rtb-own") "," OWN_ROUTE, ROUTE_CHANGE,
	      CONFIG("aws_route", "own", REFS("nat_gateway_id", "\"aws_nat_gateway.b[0].id\",\"aws_nat_gateway.b[0]\",\"aws_nat_gateway.b\""))),
	 "203.0.113.7", WEIR_PATH_NAT, "nat-aws_nat_gateway.b[0]", NULL},
	{"the instance of the same index, in a module",
	 PLAN_M(PLANNED OWN_TABLE("") "," OWN_ASSOCIATION("rtb-own"),
		CHILD("module.net", NAT_OF("0", "subnet-pub1") "," NAT_OF("1", "subnet-pub2") ","
		      RES_AT("module.net.aws_route.r[1]", "aws_route", "r", "\"route_table_id\":\"rtb-own\",\"destination_cidr_block\":\"0.0.0.0/0\"")),
		CHANGE("module.net.aws_route.r[1]", "\"nat_gateway_id\":true"),
		"\"module_calls\":{\"net\":{\"module\":{\"resources\":["
		CONFIG("aws_route", "r", REFS("nat_gateway_id", "\"aws_nat_gateway.this\",\"count.index\"")) "]}}}"),
	 "203.0.113.7", WEIR_PATH_NAT, "nat-module.net.aws_nat_gateway.this[1]", NULL},
	{"a variable of a module",
	 PLAN_M(PLANNED NEW_NAT "," OWN_TABLE("") "," OWN_ASSOCIATION("rtb-own"),
		CHILD("module.ways", RES_AT("module.ways.aws_route.r", "aws_route", "r",
					    "\"route_table_id\":\"rtb-own\",\"destination_cidr_block\":\"0.0.0.0/0\"")),
		CHANGE("module.ways.aws_route.r", "\"nat_gateway_id\":true"),
		"\"module_calls\":{\"ways\":{\"expressions\":{" REF("gateway", "aws_nat_gateway.b") "},\"module\":{\"resources\":["
		CONFIG("aws_route", "r", REFS("nat_gateway_id", "\"var.gateway\"")) "]}}}"),
	 "203.0.113.7", WEIR_PATH_NAT, "nat-aws_nat_gateway.b", NULL},
	{"an output of a module",
	 PLAN_M(PLANNED OWN_TABLE("") "," OWN_ASSOCIATION("rtb-own") "," OWN_ROUTE, NET_MODULE, ROUTE_CHANGE,
		"\"resources\":[" CONFIG("aws_route", "own", REFS("nat_gateway_id", "\"module.net.gateway\",\"module.net\""))
		"],\"module_calls\":{\"net\":{\"module\":{\"outputs\":{\"gateway\":{\"expression\":{\"references\":["
		"\"aws_nat_gateway.this[1].id\",\"aws_nat_gateway.this[1]\",\"aws_nat_gateway.this\"]}}}}}}"),
	 "203.0.113.7", WEIR_PATH_NAT, "nat-module.net.aws_nat_gateway.this[1]", NULL},
	{"a block of a table",
	 PLAN(PLAN_ALL, PLANNED NEW_NAT "," OWN_TABLE(",\"route\":[{\"cidr_block\":\"10.9.0.0/16\",\"transit_gateway_id\":\"tgw-1\"},"
						      "{\"cidr_block\":\"0.0.0.0/0\"}]") "," OWN_ASSOCIATION("rtb-own"),
	      CHANGE("aws_route_table.own", "\"route\":[{},{\"nat_gateway_id\":true}]"),
	      CONFIG("aws_route_table", "own", "\"route\":[{\"cidr_block\":{\"constant_value\":\"0.0.0.0/0\"}," REF("nat_gateway_id", "aws_nat_gateway.b") "},"
		     "{\"cidr_block\":{\"constant_value\":\"10.9.0.0/16\"},\"transit_gateway_id\":{\"constant_value\":\"tgw-1\"}}]")),
	 "203.0.113.7", WEIR_PATH_NAT, "nat-aws_nat_gateway.b", NULL},
	{"blocks of which nothing is known",
	 PLAN(PLAN_ALL, PLANNED NEW_NAT "," OWN_TABLE("") "," OWN_ASSOCIATION("rtb-own"), CHANGE("aws_route_table.own", "\"route\":true"),
	      CONFIG("aws_route_table", "own", "\"route\":[{\"cidr_block\":{\"constant_value\":\"0.0.0.0/0\"}," REF("nat_gateway_id", "aws_nat_gateway.b") "}]")),
	 "203.0.113.7", WEIR_PATH_NAT, "nat-aws_nat_gateway.b", NULL},
	{"a list",
	 PLAN(PLAN_ALL, PLANNED NAT_ROUTE "," RES("aws_route_table", "own", "\"vpc_id\":\"vpc-1\"") ","
	      RES("aws_route_table_association", "priv2", "\"subnet_id\":\"subnet-priv2\"") ","
	      RES("aws_vpc_endpoint", "s3", "\"vpc_id\":\"vpc-1\",\"service_name\":\"com.amazonaws.us-east-1.s3\",\"vpc_endpoint_type\":\"Gateway\""),
	      CHANGE("aws_vpc_endpoint.s3", "\"route_table_ids\":true") "," CHANGE("aws_route_table_association.priv2", "\"route_table_id\":true"),
	      CONFIG("aws_vpc_endpoint", "s3", REF("route_table_ids", "aws_route_table.own")) ","
	      CONFIG("aws_route_table_association", "priv2", REF("route_table_id", "aws_route_table.own"))),
	 "52.216.0.9", WEIR_PATH_GATEWAY_ENDPOINT, "", NULL},
	{"a list of which a part is known",
	 PLAN(PLAN_ALL, PLANNED RES("aws_route_table", "own", "\"vpc_id\":\"vpc-1\"") ","
	      RES("aws_route_table_association", "priv2", "\"subnet_id\":\"subnet-priv2\"") ","
	      RES("aws_vpc_endpoint", "s3", "\"vpc_id\":\"vpc-1\",\"service_name\":\"com.amazonaws.us-east-1.s3\",\"vpc_endpoint_type\":\"Gateway\","
		  "\"route_table_ids\":[\"rtb-priv\"]"),
	      CHANGE("aws_vpc_endpoint.s3", "\"route_table_ids\":[false,true]") "," CHANGE("aws_route_table_association.priv2", "\"route_table_id\":true"),
	      CONFIG("aws_vpc_endpoint", "s3", REF("route_table_ids", "aws_route_table.own")) ","
	      CONFIG("aws_route_table_association", "priv2", REF("route_table_id", "aws_route_table.own"))),
	 "52.216.0.9", WEIR_PATH_GATEWAY_ENDPOINT, "", NULL},
	{"a local, which no plan explains",
	 PLAN(PLAN_ALL, PLANNED NEW_NAT "," OWN_TABLE("") "," OWN_ASSOCIATION("rtb-own") "," OWN_ROUTE, ROUTE_CHANGE,
	      CONFIG("aws_route", "own", REFS("nat_gateway_id", "\"local.gateways\""))),
	 "203.0.113.7", WEIR_PATH_UNKNOWN, "", "aws_route.own: nat_gateway_id is known after apply, and the plan does not say"},
	{"one of several, nobody knows which",
	 PLAN_M(PLANNED OWN_TABLE("") "," OWN_ASSOCIATION("rtb-own") "," OWN_ROUTE, NET_MODULE, ROUTE_CHANGE,
		"\"resources\":[" CONFIG("aws_route", "own", REFS("nat_gateway_id", "\"module.net.gateway\",\"module.net\""))
		"],\"module_calls\":{\"net\":{\"module\":{\"outputs\":{\"gateway\":{\"expression\":{\"references\":["
		"\"aws_nat_gateway.this\",\"random_shuffle.x\"]}}}}}}"),
	 "203.0.113.7", WEIR_PATH_UNKNOWN, "", "aws_route.own: nat_gateway_id is known after apply, and the plan does not say"},
	{"a module that calls itself in a ring of outputs ends",
	 PLAN_M(PLANNED OWN_TABLE("") "," OWN_ASSOCIATION("rtb-own") "," OWN_ROUTE, NET_MODULE, ROUTE_CHANGE,
		"\"resources\":[" CONFIG("aws_route", "own", REFS("nat_gateway_id", "\"module.net.gateway\""))
		"],\"module_calls\":{\"net\":{\"expressions\":{\"x\":{\"references\":[\"module.net.gateway\"]}},\"module\":{\"outputs\":"
		"{\"gateway\":{\"expression\":{\"references\":[\"var.x\"]}}}}}}"),
	 "203.0.113.7", WEIR_PATH_UNKNOWN, "", NULL},
};

static void on_note(const char *line, void *arg)
{
	char *notes = arg;

	snprintf(notes + strlen(notes), 8192 - strlen(notes), "%s\n", line);
}

TEST(references_lead_to_what_is_made)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(plans); i++) {
		struct weir_topology *before = NULL, *after = NULL;
		struct weir_route_reason why = {.gateway = ""};
		char notes[8192] = "";
		struct weir_addr local, peer;
		struct weir_route route = {0};
		struct weir_err err = {0};
		struct plan_files f;

		plan_files_new(&f, plans[i].plan);
		weir_addr_parse("10.0.4.5", &local);
		weir_addr_parse(plans[i].peer, &peer);
		CHECK(!weir_plan_networks(f.plan, NULL, "policies", on_note, notes, &before, &after, &err), "%s: %s", plans[i].name, err.text);
		if (after) {
			weir_topology_route(after, PLAN_DOMAIN, &local, &peer, &route);
			weir_topology_reason(after, PLAN_DOMAIN, &local, &peer, WEIR_TOPOLOGY_LATEST, &why);
		}
		CHECK(route.path == plans[i].path && !strcmp(why.gateway, plans[i].gateway), "%s: %s by '%s'\n%s", plans[i].name,
		      weir_path_name(route.path), why.gateway, notes);
		CHECK(!plans[i].note || strstr(notes, plans[i].note), "%s: notes:\n%s", plans[i].name, notes);
		weir_topology_free(before);
		weir_topology_free(after);
		plan_files_fini(&f);
	}
}

/* A subnet to come says its zone's name alone. */
TEST(a_new_subnet_is_in_a_zone)
{
	static const char plan[] =
		PLAN(PLAN_ALL, PLAN_ALL "," RES("aws_subnet", "new", "\"vpc_id\":\"vpc-1\",\"cidr_block\":\"10.0.9.0/24\",\"availability_zone\":\"us-east-1b\""),
		     CHANGE("aws_subnet.new", "\"id\":true,\"availability_zone_id\":true"), "");
	struct weir_topology *before = NULL, *after = NULL;
	const struct weir_subnet *s;
	struct weir_err err = {0};
	struct plan_files f;
	struct weir_addr a;

	plan_files_new(&f, plan);
	weir_addr_parse("10.0.9.5", &a);
	CHECK(!weir_plan_networks(f.plan, NULL, NULL, NULL, NULL, &before, &after, &err), "%s", err.text);
	s = after ? weir_topology_subnet(after, PLAN_DOMAIN, &a) : NULL;
	CHECK(s && !strcmp(s->zone, "use1-az2") && !strcmp(s->region, "us-east-1"), "%s", s ? s->zone : "no subnet");
	CHECK(before && !weir_topology_subnet(before, PLAN_DOMAIN, &a), "it was there before");
	weir_topology_free(before);
	weir_topology_free(after);
	plan_files_fini(&f);
}

TEST_MAIN(T(references_lead_to_what_is_made), T(a_new_subnet_is_in_a_zone))
