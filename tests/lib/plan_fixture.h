/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans as terraform show -json prints them, made of pieces: a network of two zones with one NAT gateway, another network
 * behind a transit gateway, and what a plan makes of them.
 */
#ifndef WEIR_TEST_PLAN_FIXTURE_H
#define WEIR_TEST_PLAN_FIXTURE_H

#include "lib/base/base.h"

#define PLAN_DOMAIN "aws/111111111111/vpc-1"
#define PLAN_DOMAIN_2 "aws/111111111111/vpc-2"

#define RES_AT(address, type, name, values) \
	"{\"address\":\"" address "\",\"mode\":\"managed\",\"type\":\"" type "\",\"name\":\"" name "\",\"values\":{" values "}}"
#define RES(type, name, values) RES_AT(type "." name, type, name, values)
#define VPC(n, cidr)                                                                                             \
	RES("aws_vpc", "v" n, "\"id\":\"vpc-" n "\",\"arn\":\"arn:aws:ec2:us-east-1:111111111111:vpc/vpc-" n "\"," \
	    "\"cidr_block\":\"" cidr "\",\"main_route_table_id\":\"rtb-main" n "\"")
#define SUBNET(id, vpc, cidr, az, name)                                                                          \
	RES("aws_subnet", id, "\"id\":\"subnet-" id "\",\"vpc_id\":\"" vpc "\",\"cidr_block\":\"" cidr "\","       \
	    "\"availability_zone_id\":\"" az "\",\"availability_zone\":\"" name "\"")
#define TABLE(id, vpc) RES("aws_route_table", id, "\"id\":\"rtb-" id "\",\"vpc_id\":\"" vpc "\"")
#define ASSOCIATION(subnet, table)                                                                               \
	RES("aws_route_table_association", subnet, "\"id\":\"a-" subnet "\",\"subnet_id\":\"subnet-" subnet "\","   \
	    "\"route_table_id\":\"rtb-" table "\"")
#define ROUTE(name, table, to, what, id)                                                                         \
	RES("aws_route", name, "\"id\":\"r-" name "\",\"route_table_id\":\"rtb-" table "\",\"destination_cidr_block\":\"" to \
	    "\",\"" what "\":\"" id "\"")
#define ATTACHMENT(vpc)                                                                                          \
	RES("aws_ec2_transit_gateway_vpc_attachment", "t" vpc, "\"id\":\"tgw-attach-" vpc "\",\"transit_gateway_id\":\"tgw-1\"," \
	    "\"vpc_id\":\"" vpc "\"")
#define NAT RES("aws_nat_gateway", "a", "\"id\":\"nat-a\",\"subnet_id\":\"subnet-pub1\"")
#define NAT_ROUTE ROUTE("priv", "priv", "0.0.0.0/0", "nat_gateway_id", "nat-a")
#define TGW_ROUTES                                                                                               \
	ROUTE("to2", "priv", "10.9.0.0/16", "transit_gateway_id", "tgw-1") ","                                     \
	ROUTE("to1", "b", "10.0.0.0/16", "transit_gateway_id", "tgw-1") "," ATTACHMENT("vpc-1") "," ATTACHMENT("vpc-2")

/* All but NAT gateway, routes to it, and the transit gateway's. */
#define PLAN_BASE                                                                                                \
	VPC("1", "10.0.0.0/16") "," VPC("2", "10.9.0.0/16") ","                                                    \
	SUBNET("pub1", "vpc-1", "10.0.1.0/24", "use1-az1", "us-east-1a") ","                                       \
	SUBNET("pub2", "vpc-1", "10.0.3.0/24", "use1-az2", "us-east-1b") ","                                       \
	SUBNET("priv1", "vpc-1", "10.0.2.0/24", "use1-az1", "us-east-1a") ","                                      \
	SUBNET("priv2", "vpc-1", "10.0.4.0/24", "use1-az2", "us-east-1b") ","                                      \
	SUBNET("b", "vpc-2", "10.9.1.0/24", "use1-az2", "us-east-1b") ","                                          \
	TABLE("pub", "vpc-1") "," TABLE("priv", "vpc-1") "," TABLE("b", "vpc-2") ","                               \
	ASSOCIATION("pub1", "pub") "," ASSOCIATION("pub2", "pub") "," ASSOCIATION("priv1", "priv") ","             \
	ASSOCIATION("b", "b") "," ROUTE("pub", "pub", "0.0.0.0/0", "gateway_id", "igw-1")
#define PLAN_PRIV2 ASSOCIATION("priv2", "priv")
#define PLAN_ALL PLAN_BASE "," PLAN_PRIV2 "," NAT "," NAT_ROUTE "," TGW_ROUTES

/* A change whose `unknown` attributes are known after apply; the configuration of its block. */
#define CHANGE(address, unknown) "{\"address\":\"" address "\",\"change\":{\"actions\":[\"create\"],\"after_unknown\":{" unknown "}}}"
#define CONFIG(type, name, expressions) \
	"{\"address\":\"" type "." name "\",\"mode\":\"managed\",\"type\":\"" type "\",\"name\":\"" name "\",\"expressions\":{" expressions "}}"
#define REF(attribute, of) "\"" attribute "\":{\"references\":[\"" of ".id\",\"" of "\"]}"
#define PLAN(prior, planned, changes, config)                                                                    \
	"{\"format_version\":\"1.2\",\"terraform_version\":\"1.9.0\",\"prior_state\":{\"format_version\":\"1.0\",\"values\":" \
	"{\"root_module\":{\"resources\":[" prior "]}}},\"planned_values\":{\"root_module\":{\"resources\":[" planned "]}},"  \
	"\"resource_changes\":[" changes "],\"configuration\":{\"root_module\":{\"resources\":[" config "]}}}"

/* A gateway endpoint in the private table. */
#define PLAN_GATEWAY_ENDPOINT                                                                                    \
	PLAN(PLAN_ALL, PLAN_ALL "," RES("aws_vpc_endpoint", "s3", "\"vpc_id\":\"vpc-1\",\"service_name\":"          \
	     "\"com.amazonaws.us-east-1.s3\",\"vpc_endpoint_type\":\"Gateway\",\"route_table_ids\":[\"rtb-priv\"]"), \
	     CHANGE("aws_vpc_endpoint.s3", "\"id\":true,\"arn\":true,\"subnet_ids\":true"), CONFIG("aws_vpc_endpoint", "s3", ""))
/* A NAT gateway in the second zone too, with a table of its own. */
#define PLAN_NAT_PER_ZONE                                                                                        \
	PLAN(PLAN_ALL,                                                                                             \
	     PLAN_BASE "," NAT "," NAT_ROUTE "," TGW_ROUTES ","                                                    \
	     RES("aws_nat_gateway", "b", "\"subnet_id\":\"subnet-pub2\",\"connectivity_type\":\"public\"") ","     \
	     RES("aws_route_table", "own", "\"vpc_id\":\"vpc-1\"") ","                                             \
	     RES("aws_route", "own", "\"destination_cidr_block\":\"0.0.0.0/0\"") ","                               \
	     RES("aws_route_table_association", "priv2", "\"id\":\"a-priv2\",\"subnet_id\":\"subnet-priv2\""),     \
	     CHANGE("aws_nat_gateway.b", "\"id\":true") "," CHANGE("aws_route_table.own", "\"id\":true,\"route\":true") "," \
	     CHANGE("aws_route.own", "\"id\":true,\"nat_gateway_id\":true,\"route_table_id\":true") ","            \
	     CHANGE("aws_route_table_association.priv2", "\"route_table_id\":true"),                               \
	     CONFIG("aws_route", "own", REF("nat_gateway_id", "aws_nat_gateway.b") "," REF("route_table_id", "aws_route_table.own")) "," \
	     CONFIG("aws_route_table_association", "priv2", REF("route_table_id", "aws_route_table.own")))
#define PLAN_NO_NAT PLAN(PLAN_ALL, PLAN_BASE "," PLAN_PRIV2 "," TGW_ROUTES, "", "")
/* A peering takes the place of the transit gateway. */
#define PLAN_PEERING                                                                                             \
	PLAN(PLAN_ALL,                                                                                             \
	     PLAN_BASE "," PLAN_PRIV2 "," NAT "," NAT_ROUTE ","                                                    \
	     RES("aws_vpc_peering_connection", "p", "\"vpc_id\":\"vpc-1\",\"peer_vpc_id\":\"vpc-2\"") ","          \
	     RES("aws_route", "to2", "\"id\":\"r-to2\",\"route_table_id\":\"rtb-priv\",\"destination_cidr_block\":\"10.9.0.0/16\"," \
		 "\"transit_gateway_id\":\"\"") ","                                                                \
	     RES("aws_route", "to1", "\"id\":\"r-to1\",\"route_table_id\":\"rtb-b\",\"destination_cidr_block\":\"10.0.0.0/16\""), \
	     CHANGE("aws_vpc_peering_connection.p", "\"id\":true") "," CHANGE("aws_route.to2", "\"vpc_peering_connection_id\":true") "," \
	     CHANGE("aws_route.to1", "\"vpc_peering_connection_id\":true"),                                        \
	     CONFIG("aws_route", "to2", REF("vpc_peering_connection_id", "aws_vpc_peering_connection.p")) ","      \
	     CONFIG("aws_route", "to1", REF("vpc_peering_connection_id", "aws_vpc_peering_connection.p")))

struct plan_files {
	char dir[32], plan[64], traffic[64];
};

static inline void plan_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) == EOF || fclose(f))
		abort();
}

/* Two days of traffic: an hour of each has rows[]; the first day's bytes times by[0], the second's times by[1]. */
static inline void plan_files_new(struct plan_files *p, const char *plan)
{
	strcpy(p->dir, "/tmp/weir-plan-XXXXXX");
	if (!mkdtemp(p->dir))
		abort();
	snprintf(p->plan, sizeof(p->plan), "%s/plan.json", p->dir);
	snprintf(p->traffic, sizeof(p->traffic), "%s/t.csv", p->dir);
	plan_write(p->plan, plan);
}

static inline void plan_files_fini(struct plan_files *p)
{
	unlink(p->plan);
	unlink(p->traffic);
	rmdir(p->dir);
}

#endif
