/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each rule against a number by hand, of the list prices of us-east-1, its formula and its replay to the cent; guards; what
 * a rule must not propose. A month is 730 hours, AWS's "GB" 2^30 bytes.
 */
#include "tests/lib/savings_files.h"

#define EAST "policies/prices/aws-us-east-1.yaml"
#define HEAD "apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
#define VPC "aws/111111111111/vpc-0123456789abcdef0"
#define ZONES                                                                                                                  \
	"  provider: aws\n  account: '111111111111'\n  zones: [{id: use1-az1, region: us-east-1}, {id: use1-az2, region: "    \
	"us-east-1}, {id: use1-az3, region: us-east-1}]\n  prefixes: [10.0.0.0/16, 'fd00:1::/32']\n"
#define RANGES                                                                                                                 \
	"  ranges:\n  - {prefix: 52.216.0.0/15, service: aws/s3, region: us-east-1}\n"                                        \
	"  - {prefix: 3.5.0.0/24, service: aws/logs, region: us-east-1}\n"                                                    \
	"  - {prefix: 3.6.0.0/24, service: aws/dual, region: us-west-2}\n"                                                    \
	"  - {prefix: '2600:1f00::/32', service: aws/dual, region: us-west-2}\n"
#define NAT_A "  nat: [{name: nat-0123456789abcdef0, zone: use1-az1}]\n"
#define BY_NAT ", routes: [{to: 0.0.0.0/0, via: 'nat:nat-0123456789abcdef0'}]}\n"
#define SUBNETS                                                                                                                \
	"  subnets:\n"                                                                                                         \
	"  - {name: a, cidrs: [10.0.1.0/24, 'fd00:1:1::/64'], zone: use1-az1, route_table: rtb-0123456789abcdef1" BY_NAT       \
	"  - {name: b, cidrs: [10.0.2.0/24, 'fd00:1:2::/64'], zone: use1-az2, route_table: rtb-0123456789abcdef2" BY_NAT       \
	"  - {name: c, cidrs: [10.0.3.0/24, 'fd00:1:3::/64'], zone: use1-az3, route_table: rtb-0123456789abcdef3" BY_NAT       \
	"  - {name: pub-a, cidrs: [10.0.11.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}\n"                     \
	"  - {name: pub-b, cidrs: [10.0.12.0/24], zone: use1-az2, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
#define SHARED                                                                                                                 \
	HEAD "  domain: " VPC "\n" ZONES NAT_A "  subnets:\n"                                                                  \
	     "  - {name: a, cidrs: [10.0.1.0/24], zone: use1-az1, route_table: rtb-0123456789abcdef1" BY_NAT                      \
	     "  - {name: b, cidrs: [10.0.2.0/24], zone: use1-az2, route_table: rtb-0123456789abcdef1" BY_NAT                      \
	     "  - {name: pub-b, cidrs: [10.0.12.0/24], zone: use1-az2, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
#define PLAIN HEAD "  domain: " VPC "\n" ZONES NAT_A SUBNETS RANGES

static void check_rule(struct test_state *test_st, struct fleet *f, const char *rule, int64_t hand)
{
	const struct weir_candidate *c;
	int64_t replay;

	CHECK(fleet_find(f) == 0, "%s", f->err.text);
	c = fleet_candidate(f, rule);
	CHECK(c, "%s: no candidate", rule);
	if (!c)
		return;
	replay = fleet_replay(f, c);
	CHECK(!c->held, "%s: held: %s", rule, c->held);
	CHECK(llabs(c->formula_nanos - hand) < CENT, "%s: formula %lld, by hand %lld", rule, (long long)c->formula_nanos,
	      (long long)hand);
	CHECK(llabs(replay - hand) < CENT, "%s: replay %lld, by hand %lld: %s", rule, (long long)replay, (long long)hand,
	      f->err.text);
	check_files(test_st, c);
	CHECK(weir_savings_choose(f->savings, &f->err) == 0, "%s", f->err.text);
}

static bool chosen(const struct fleet *f, const char *rule)
{
	for (size_t i = 0; i < weir_savings_count(f->savings); i++)
		if (!strcmp(weir_savings_at(f->savings, i)->candidate->rule->id, rule))
			return true;
	return false;
}

/* wellcomecollection/platform PR#2623: 20,504 GB at 0.048 in eu-west-1, 984 a month. */
TEST(r01_gateway_endpoint)
{
	static const char text[] =
		HEAD "  domain: aws/1/vpc-0123456789abcdef0\n  provider: aws\n  account: '1'\n"
		     "  zones: [{id: euw1-az1, region: eu-west-1}]\n  prefixes: [10.0.0.0/16]\n"
		     "  nat: [{name: nat-0123456789abcdef0, zone: euw1-az1}]\n  subnets:\n"
		     "  - {name: a, cidrs: [10.0.1.0/24], zone: euw1-az1" BY_NAT
		     "  ranges: [{prefix: 52.218.0.0/17, service: aws/s3, region: eu-west-1}]\n";
	auto_fleet struct fleet f = {0};

	CHECK(fleet_init(&f, text, "policies/prices/aws.yaml") == 0, "%s", f.err.text);
	fleet_move(&f, "aws/1/vpc-0123456789abcdef0", "10.0.1.5", "52.218.1.1", 1, 20000);
	fleet_move(&f, "aws/1/vpc-0123456789abcdef0", "10.0.1.5", "52.218.1.1", 0, 504);
	check_rule(test_st, &f, "R01", 984 * USD + 192 * USD / 1000);
	CHECK(chosen(&f, "R01"), "not chosen");
}

/* A thousand GiB of a zone, 45 - 10 - 7.30; by three zones 208.6 GiB in each break even. */
TEST(r02_interface_endpoint)
{
	auto_fleet struct fleet f = {0}, less = {0}, more = {0};

	CHECK(fleet_init(&f, PLAIN, EAST) == 0, "%s", f.err.text);
	fleet_move(&f, VPC, "10.0.1.5", "3.5.0.9", 1, 600);
	fleet_move(&f, VPC, "10.0.1.5", "3.5.0.9", 0, 400);
	check_rule(test_st, &f, "R02", 27 * USD + 700 * USD / 1000);
	CHECK(chosen(&f, "R02"), "not chosen");
	CHECK(fleet_init(&less, PLAIN, EAST) == 0 && fleet_init(&more, PLAIN, EAST) == 0, "%s", more.err.text);
	fleet_move(&less, VPC, "10.0.1.5", "3.5.0.9", 1, 208);
	fleet_move(&more, VPC, "10.0.1.5", "3.5.0.9", 1, 209);
	check_rule(test_st, &less, "R02", -2 * CENT);
	check_rule(test_st, &more, "R02", 15 * CENT / 10);
	CHECK(!chosen(&less, "R02") && chosen(&more, "R02"), "208.6 GiB a month break even");
}

TEST(r02_in_three_zones)
{
	auto_fleet struct fleet less = {0}, more = {0};

	CHECK(fleet_init(&less, PLAIN, EAST) == 0 && fleet_init(&more, PLAIN, EAST) == 0, "%s", more.err.text);
	/* Two of the three zones cross a boundary to the gateway, which costs 0.01 more. */
	for (int i = 1; i <= 3; i++) {
		char local[32];

		snprintf(local, sizeof(local), "10.0.%d.5", i);
		fleet_move(&less, VPC, local, "3.5.0.9", 1, i == 1 ? 624 : 0);
		fleet_move(&more, VPC, local, "3.5.0.9", 1, i == 1 ? 626 : 0);
	}
	check_rule(test_st, &less, "R02", 624 * 35 * USD / 1000 - 219 * USD / 10);
	check_rule(test_st, &more, "R02", 626 * 35 * USD / 1000 - 219 * USD / 10);
	CHECK(!chosen(&less, "R02") && chosen(&more, "R02"), "625.7 GiB a month break even over three zones");
}

TEST(r03_endpoint_of_few_bytes)
{
	static const char text[] = HEAD "  domain: " VPC "\n" ZONES NAT_A
		"  endpoints: [{name: vpce-0123456789abcdef0, service: aws/logs, zone: use1-az1, addresses: [10.0.1.200]}]\n" SUBNETS
		RANGES;
	auto_fleet struct fleet f = {0};

	CHECK(fleet_init(&f, text, EAST) == 0, "%s", f.err.text);
	fleet_move(&f, VPC, "10.0.1.5", "10.0.1.200", 1, 100);
	check_rule(test_st, &f, "R03", 7 * USD + 300 * USD / 1000 + 1 * USD - 4 * USD - 500 * USD / 1000);
	CHECK(chosen(&f, "R03"), "not chosen");
}

/* 5,000 GiB of zone 2 to the gateway of zone 1: 50 - 32.85 - 3.65 for its address. */
TEST(r04_gateway_of_its_own)
{
	auto_fleet struct fleet f = {0}, less = {0}, shared = {0};
	const struct weir_candidate *c;

	CHECK(fleet_init(&f, PLAIN, EAST) == 0 && fleet_init(&less, PLAIN, EAST) == 0, "%s", f.err.text);
	fleet_move(&f, VPC, "10.0.2.5", "198.51.100.1", 0, 5000);
	check_rule(test_st, &f, "R04", 13 * USD + 500 * USD / 1000);
	CHECK(chosen(&f, "R04"), "not chosen");
	fleet_move(&less, VPC, "10.0.2.5", "198.51.100.1", 0, 3649);
	check_rule(test_st, &less, "R04", -CENT);
	CHECK(!chosen(&less, "R04"), "3,650 GiB a month break even");
	/* Both zones by one table: the routes of one are those of the other. */
	CHECK(fleet_init(&shared, SHARED, EAST) == 0, "%s", shared.err.text);
	fleet_move(&shared, VPC, "10.0.2.5", "198.51.100.1", 0, 5000);
	CHECK(fleet_find(&shared) == 0, "%s", shared.err.text);
	c = fleet_candidate(&shared, "R04");
	CHECK(c && c->held && strstr(c->held, "share route table rtb-0123456789abcdef1"), "%s", c && c->held ? c->held : "not held");
}

#define NAT_AB "  nat: [{name: nat-0123456789abcdef0, zone: use1-az1}, {name: nat-0123456789abcdef1, zone: use1-az2}]\n"
#define SUBNETS_AB                                                                                                             \
	"  subnets:\n  - {name: a, cidrs: [10.0.1.0/24], zone: use1-az1" BY_NAT                                               \
	"  - {name: b, cidrs: [10.0.2.0/24], zone: use1-az2, routes: [{to: 0.0.0.0/0, via: 'nat:nat-0123456789abcdef1'}]}\n"

/* Two gateways, 1,000 GiB by one, 100 by the other: the second saves 36.50 - 1. */
TEST(r04_gateways_merged)
{
	static const char text[] = HEAD "  domain: " VPC "\n" ZONES NAT_AB SUBNETS_AB RANGES;
	auto_fleet struct fleet f = {0};
	int64_t sum = 0;

	CHECK(fleet_init(&f, text, EAST) == 0, "%s", f.err.text);
	fleet_move(&f, VPC, "10.0.1.5", "198.51.100.1", 0, 1000);
	fleet_move(&f, VPC, "10.0.2.5", "198.51.100.1", 0, 100);
	check_rule(test_st, &f, "R04", 36 * USD + 500 * USD / 1000 - 10 * USD);
	CHECK(weir_savings_count(f.savings) == 1, "%zu chosen: one gateway must stay", weir_savings_count(f.savings));
	for (size_t i = 0; i < weir_savings_count(f.savings); i++)
		sum += weir_savings_at(f.savings, i)->span_nanos;
	CHECK(llabs(sum - (35 * USD + 500 * USD / 1000)) < CENT, "%lld: the lesser one goes", (long long)sum);
}

TEST(r05_idle_gateway)
{
	static const char text[] = HEAD "  domain: " VPC "\n" ZONES NAT_AB SUBNETS_AB RANGES;
	auto_fleet struct fleet f = {0}, unseen = {0};
	const struct weir_candidate *c;

	CHECK(fleet_init(&f, text, EAST) == 0 && fleet_init(&unseen, text, EAST) == 0, "%s", f.err.text);
	fleet_move(&f, VPC, "10.0.1.5", "198.51.100.1", 0, 10);
	fleet_move(&f, VPC, "10.0.2.5", "10.0.2.6", 0, 10);
	check_rule(test_st, &f, "R05", 36 * USD + 500 * USD / 1000);
	CHECK(chosen(&f, "R05"), "not chosen");
	fleet_move(&unseen, VPC, "10.0.1.5", "198.51.100.1", 0, 10);
	CHECK(fleet_find(&unseen) == 0, "%s", unseen.err.text);
	c = fleet_candidate(&unseen, "R05");
	CHECK(c && c->held && strstr(c->held, "nothing is measured"), "what nobody looked at is not idle");
}

#define LB                                                                                                                     \
	"  load_balancers: [{name: net, kind: nlb, scheme: internal, nodes: [{subnet: a, addresses: [10.0.1.20]}, {subnet: b, "  \
	"addresses: [10.0.2.20]}, {subnet: c, addresses: [10.0.3.20]}], targets: [a, b, c]}]\n"

TEST(r06_idle_balancer_and_endpoint)
{
	static const char text[] = HEAD "  domain: " VPC "\n" ZONES
		"  endpoints: [{name: vpce-0123456789abcdef0, service: aws/logs, zone: use1-az1, addresses: [10.0.1.200]}]\n"
		"  subnets:\n  - {name: a, cidrs: [10.0.1.0/24], zone: use1-az1}\n  - {name: b, cidrs: [10.0.2.0/24], zone: "
		"use1-az2}\n  - {name: c, cidrs: [10.0.3.0/24], zone: use1-az3}\n" LB RANGES;
	auto_fleet struct fleet f = {0};
	int64_t sum = 0;

	CHECK(fleet_init(&f, text, EAST) == 0, "%s", f.err.text);
	fleet_move(&f, VPC, "10.0.1.5", "10.0.1.6", 0, 10);
	fleet_move(&f, VPC, "10.0.2.5", "10.0.2.6", 0, 10);
	fleet_move(&f, VPC, "10.0.3.5", "10.0.3.6", 0, 10);
	check_rule(test_st, &f, "R06", 16 * USD + 425 * USD / 1000);
	for (size_t i = 0; i < weir_savings_count(f.savings); i++)
		sum += weir_savings_at(f.savings, i)->span_nanos;
	CHECK(llabs(sum - (23 * USD + 725 * USD / 1000)) < CENT, "%lld: the endpoint's 7.30 too", (long long)sum);
}

/* Of three zones evenly loaded two thirds of 900 GiB cross a boundary, at 0.02. */
TEST(r08_balancer_without_cross_zone)
{
	static const char text[] = HEAD "  domain: " VPC "\n" ZONES NAT_A SUBNETS LB RANGES;
	auto_fleet struct fleet f = {0};
	char local[32], node[32];

	CHECK(fleet_init(&f, text, EAST) == 0, "%s", f.err.text);
	for (int t = 1; t <= 3; t++)
		for (int n = 1; n <= 3; n++) {
			snprintf(local, sizeof(local), "10.0.%d.5", t);
			snprintf(node, sizeof(node), "10.0.%d.20", n);
			fleet_move(&f, VPC, local, node, 1, 100);
		}
	check_rule(test_st, &f, "R08", 12 * USD);
	CHECK(chosen(&f, "R08"), "not chosen");
}

#define OTHER "aws/111111111111/vpc-0123456789abcdef9"
#define TGW_ROUTES(what) ", routes: [" what "]}\n"
#define TWO_NETS(ways, back)                                                                                                         \
	HEAD "  domain: " VPC "\n" ZONES "  subnets:\n  - {name: a, cidrs: [10.0.1.0/24], zone: use1-az1" TGW_ROUTES(ways)     \
	"---\n" HEAD "  domain: " OTHER "\n  provider: aws\n  account: '111111111111'\n  zones: [{id: use1-az1, region: "      \
	"us-east-1}, {id: use1-az2, region: us-east-1}]\n  prefixes: [10.1.0.0/16]\n  subnets:\n"                              \
	"  - {name: x, cidrs: [10.1.1.0/24], zone: use1-az1, routes: [{to: " back ", via: 'tgw:" VPC "'}]}\n"                 \
	"  - {name: y, cidrs: [10.1.2.0/24], zone: use1-az2, routes: [{to: " back ", via: 'tgw:" VPC "'}]}\n"

static void pair(struct fleet *f, const char *peer, uint64_t gib)
{
	fleet_move(f, VPC, "10.0.1.5", peer, 1, gib);
	fleet_move(f, OTHER, peer, "10.0.1.5", 0, gib);
}

/* 1,000 GiB, half of them between zones: 20 - 10. When all are, nothing is left. */
TEST(r09_peering)
{
	static const char text[] = TWO_NETS("{to: 10.0.0.0/8, via: 'tgw:" OTHER "'}", "10.0.0.0/8");
	auto_fleet struct fleet f = {0}, all = {0};

	CHECK(fleet_init(&f, text, EAST) == 0 && fleet_init(&all, text, EAST) == 0, "%s", f.err.text);
	pair(&f, "10.1.1.5", 500);
	pair(&f, "10.1.2.5", 500);
	check_rule(test_st, &f, "R09", 10 * USD);
	CHECK(chosen(&f, "R09"), "not chosen");
	pair(&all, "10.1.2.5", 1000);
	check_rule(test_st, &all, "R09", 0);
	CHECK(!chosen(&all, "R09"), "a saving of nothing was chosen");
}

/* The routes to each other are the only ones by the gateway: both attachments go, 36.50 each. */
TEST(r09_frees_attachments)
{
	static const char text[] = TWO_NETS("{to: 10.1.0.0/16, via: 'tgw:" OTHER "'}", "10.0.0.0/16");
	auto_fleet struct fleet f = {0};

	CHECK(fleet_init(&f, text, EAST) == 0, "%s", f.err.text);
	pair(&f, "10.1.1.5", 1000);
	check_rule(test_st, &f, "R09", 20 * USD + 73 * USD);
}

static void ask(struct fleet *f, const char *client, const char *server, uint16_t port, uint64_t gib)
{
	struct weir_traffic t = traffic_row(VPC, client, server, 0, gib * GIB), back = traffic_row(VPC, server, client, 1, gib * GIB);

	t.kind = back.kind = "deployment";
	t.port = back.port = port;
	t.peer_namespace = back.namespace = "shop";
	t.peer_workload = back.workload = "store";
	back.peer_namespace = "shop";
	back.peer_workload = "web";
	back.opened = false;
	back.labels = "{\"app\":\"store\",\"strimzi.io/cluster\":\"events\"}";
	fleet_add(f, &t);
	fleet_add(f, &back);
}

static void ask_evenly(struct fleet *f, uint16_t port)
{
	char client[32], server[32];

	for (int c = 1; c <= 3; c++)
		for (int s = 1; s <= 3; s++) {
			snprintf(client, sizeof(client), "10.0.%d.5", c);
			snprintf(server, sizeof(server), "10.0.%d.9", s);
			ask(f, client, server, port, 100);
		}
}

/* 600 of 900 GiB cross a boundary, both sides are recorded: 600 x 0.02. */
TEST(r07_clients_in_their_zone)
{
	auto_fleet struct fleet f = {0}, few = {0}, uid = {0};
	struct weir_traffic t = traffic_row(VPC, "10.0.1.5", "10.0.2.9", 0, 100 * GIB);
	const struct weir_candidate *c;

	CHECK(fleet_init(&f, PLAIN, EAST) == 0 && fleet_init(&few, PLAIN, EAST) == 0, "%s", f.err.text);
	ask_evenly(&f, 8080);
	check_rule(test_st, &f, "R07", 12 * USD);
	CHECK(chosen(&f, "R07"), "not chosen");
	/* Three clients' zones, nearly all endpoints in one: the lonely one would be overrun. */
	ask(&few, "10.0.1.5", "10.0.1.9", 8080, 100);
	ask(&few, "10.0.1.5", "10.0.1.10", 8080, 100);
	ask(&few, "10.0.1.5", "10.0.1.11", 8080, 100);
	ask(&few, "10.0.2.5", "10.0.1.9", 8080, 290);
	ask(&few, "10.0.2.5", "10.0.2.9", 8080, 10);
	CHECK(fleet_find(&few) == 0, "%s", few.err.text);
	c = fleet_candidate(&few, "R07");
	CHECK(c && c->held && strstr(c->held, "200 %"), "%s", c && c->held ? c->held : "not held");
	CHECK(fleet_init(&uid, PLAIN, EAST) == 0, "%s", uid.err.text);
	t.peer_namespace = "shop";
	t.peer_workload = "0b1c2d3e-4f50-4a6b-8c7d-9e8f7a6b5c4d";
	fleet_add(&uid, &t);
	CHECK(fleet_find(&uid) == 0, "%s", uid.err.text);
	c = fleet_candidate(&uid, "R07");
	CHECK(c && c->held && strstr(c->held, "uid"), "%s", c && c->held ? c->held : "not held");
}

/* The reference's G_read x 0.02 x (n-1)/n of 900 GiB by three zones. */
TEST(r23_readers_in_their_zone)
{
	auto_fleet struct fleet f = {0};
	const struct weir_candidate *c;

	CHECK(fleet_init(&f, PLAIN, EAST) == 0, "%s", f.err.text);
	ask_evenly(&f, 9092);
	check_rule(test_st, &f, "R23", 12 * USD);
	c = fleet_candidate(&f, "R23");
	CHECK(c && c->file_count == 1 && strstr(c->files[0].text, "name: events\n"), "%s", c ? c->files[0].text : "");
}

/* 1,000 GiB to Ohio and 500 back at 0.01 on the sender's side; 100 GiB at home become the far ones. */
TEST(r12_workload_moves)
{
	static const char text[] = HEAD "  domain: " VPC "\n  provider: aws\n  account: '1'\n  zones: [{id: use1-az1, region: "
		"us-east-1}, {id: use2-az1, region: us-east-2}]\n  prefixes: [10.0.0.0/16]\n  subnets:\n"
		"  - {name: a, cidrs: [10.0.1.0/24], zone: use1-az1}\n  - {name: o, cidrs: [10.0.2.0/24], zone: use2-az1}\n";
	auto_fleet struct fleet f = {0};
	struct weir_traffic t = traffic_row(VPC, "10.0.1.5", "10.0.2.9", 1, 1000 * GIB), back;
	const struct weir_candidate *c;

	CHECK(fleet_init(&f, text, "tests/lib/two-regions.yaml") == 0, "%s", f.err.text);
	t.kind = "deployment";
	t.peer_namespace = "data";
	t.peer_workload = "db";
	fleet_add(&f, &t);
	t.dir = 0;
	t.bytes = 500 * GIB;
	fleet_add(&f, &t);
	back = traffic_row(VPC, "10.0.2.9", "10.0.1.5", 1, 500 * GIB);
	back.namespace = "data";
	back.workload = "db";
	back.peer_namespace = "shop";
	back.peer_workload = "web";
	back.opened = false;
	fleet_add(&f, &back);
	t = traffic_row(VPC, "10.0.1.5", "10.0.1.9", 1, 100 * GIB);
	t.kind = "deployment";
	t.peer_namespace = "shop";
	t.peer_workload = "cache";
	fleet_add(&f, &t);
	check_rule(test_st, &f, "R12", 14 * USD);
	CHECK(chosen(&f, "R12"), "not chosen");
	c = fleet_candidate(&f, "R12");
	CHECK(c && strstr(c->files[1].text, "labels: {team: shop}}") && strstr(c->files[1].text, "to: [{region: us-east-1}]"), "%s",
	      c ? c->files[1].text : "");
}

TEST(r17_ipv6)
{
	auto_fleet struct fleet f = {0};

	CHECK(fleet_init(&f, PLAIN, EAST) == 0, "%s", f.err.text);
	fleet_move(&f, VPC, "10.0.1.5", "3.6.0.9", 0, 1000);
	check_rule(test_st, &f, "R17", 45 * USD);
	CHECK(chosen(&f, "R17"), "not chosen");
}

TEST(r27_private_google_access)
{
	static const char text[] = HEAD
		"  domain: gcp/acme/main\n  provider: gcp\n  account: acme\n  zones: [{id: us-east1-b, region: us-east1}]\n"
		"  prefixes: [10.0.0.0/16]\n  nat: [{name: router}]\n  subnets:\n  - {name: a, cidrs: [10.0.1.0/24], zone: "
		"us-east1-b, routes: [{to: 0.0.0.0/0, via: 'nat:router'}]}\n  ranges: [{prefix: 142.250.0.0/15, service: "
		"gcp/google}]\n";
	auto_fleet struct fleet f = {0};

	CHECK(fleet_init(&f, text, "policies/prices/gcp.yaml") == 0, "%s", f.err.text);
	fleet_move(&f, "gcp/acme/main", "10.0.1.5", "142.250.1.1", 1, 600);
	fleet_move(&f, "gcp/acme/main", "10.0.1.5", "142.250.1.1", 0, 400);
	check_rule(test_st, &f, "R27", 45 * USD);
	CHECK(chosen(&f, "R27"), "not chosen");
}

/* 10,000 GB of 10^9 at 0.045, less 73 for the network's first service endpoint. */
TEST(r28_service_endpoint)
{
	static const char text[] = HEAD
		"  domain: azure/0a/net\n  provider: azure\n  account: 0a\n  zones: [{id: westeurope, region: westeurope}]\n"
		"  prefixes: [10.0.0.0/16]\n  nat: [{name: out}]\n  subnets:\n  - {name: a, cidrs: [10.0.1.0/24], zone: "
		"westeurope, routes: [{to: 0.0.0.0/0, via: 'nat:out'}]}\n  ranges: [{prefix: 20.60.0.0/16, service: "
		"azure/storage, region: westeurope}]\n";
	auto_fleet struct fleet f = {0}, less = {0};
	struct weir_traffic t = traffic_row("azure/0a/net", "10.0.1.5", "20.60.1.1", 0, 10000000000000ull);

	CHECK(fleet_init(&f, text, "policies/prices/azure.yaml") == 0, "%s", f.err.text);
	CHECK(fleet_init(&less, text, "policies/prices/azure.yaml") == 0, "%s", less.err.text);
	fleet_add(&f, &t);
	check_rule(test_st, &f, "R28", 377 * USD);
	CHECK(chosen(&f, "R28"), "not chosen");
	t.bytes = 1000000000000ull;
	fleet_add(&less, &t);
	check_rule(test_st, &less, "R28", -28 * USD);
	CHECK(!chosen(&less, "R28"), "its hours cost more");
}

/* Names that are no ids are looked up; an account of its own gets a file of its own. */
TEST(r09_between_accounts)
{
	static const char text[] = HEAD "  domain: " VPC "\n" ZONES "  subnets:\n  - {name: a, cidrs: [10.0.1.0/24], zone: "
		"use1-az1, routes: [{to: 10.1.0.0/16, via: 'tgw:aws/2/vpc-0123456789abcdef9'}]}\n"
		"---\n" HEAD "  domain: aws/2/vpc-0123456789abcdef9\n  provider: aws\n  account: '2'\n  zones: [{id: use1-az1, "
		"region: us-east-1}]\n  prefixes: [10.1.0.0/16]\n  subnets:\n  - {name: x, cidrs: [10.1.1.0/24], zone: use1-az1, "
		"routes: [{to: 10.0.0.0/16, via: 'tgw:" VPC "'}]}\n";
	auto_fleet struct fleet f = {0};
	const struct weir_candidate *c;

	CHECK(fleet_init(&f, text, EAST) == 0, "%s", f.err.text);
	fleet_move(&f, VPC, "10.0.1.5", "10.1.1.5", 1, 1000);
	check_rule(test_st, &f, "R09", 20 * USD + 73 * USD);
	c = fleet_candidate(&f, "R09");
	CHECK(c && c->file_count == 2, "%zu files", c ? c->file_count : 0);
}

TEST(names_that_are_no_ids)
{
	static const char text[] = HEAD "  domain: aws/1/${main}\n  provider: aws\n  account: '1'\n  zones: [{id: use1-az1, region: "
		"us-east-1}, {id: use1-az2, region: us-east-1}]\n  prefixes: [10.0.0.0/16]\n  nat: [{name: out-a, zone: use1-az1}, "
		"{name: out-b, zone: use1-az2}]\n  endpoints: [{name: logs, service: aws/logs, zone: use1-az1, addresses: "
		"[10.0.1.200]}]\n  subnets:\n  - {name: a, cidrs: [10.0.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: "
		"'nat:out-a'}]}\n  - {name: b, cidrs: [10.0.2.0/24], zone: use1-az2, routes: [{to: 0.0.0.0/0, via: 'nat:out-b'}]}\n"
		RANGES;
	auto_fleet struct fleet f = {0};

	CHECK(fleet_init(&f, text, EAST) == 0, "%s", f.err.text);
	fleet_move(&f, "aws/1/${main}", "10.0.1.5", "198.51.100.1", 1, 10);
	fleet_move(&f, "aws/1/${main}", "10.0.1.5", "52.216.0.1", 1, 10);
	fleet_move(&f, "aws/1/${main}", "10.0.1.5", "10.0.1.200", 1, 10);
	fleet_move(&f, "aws/1/${main}", "10.0.2.5", "198.51.100.1", 1, 10);
	CHECK(fleet_find(&f) == 0, "%s", f.err.text);
	CHECK(fleet_candidate(&f, "R01") && fleet_candidate(&f, "R03") && fleet_candidate(&f, "R04"), "what was found");
	for (size_t i = 0; i < weir_savings_candidates(f.savings); i++)
		check_files(test_st, weir_savings_candidate(f.savings, i));
}

/* A candidate needs its evidence. */
TEST(window)
{
	auto_fleet struct fleet f = {0}, gap = {0};
	struct weir_savings_in in;
	const struct weir_candidate *c;
	struct weir_traffic t = traffic_row(VPC, "10.0.1.5", "52.216.0.9", 1, 1000 * GIB);

	CHECK(fleet_init(&f, PLAIN, EAST) == 0, "%s", f.err.text);
	t.hour_s = SAVINGS_FROM_S;
	weir_traffic_add(f.traffic, &t);
	t.hour_s += 334 * 3600;
	weir_traffic_add(f.traffic, &t);
	CHECK(fleet_find(&f) == 0, "%s", f.err.text);
	c = fleet_candidate(&f, "R01");
	CHECK(c && c->held && !strcmp(c->held, "335 of 336 hours of evidence"), "%s", c && c->held ? c->held : "not held");
	CHECK(fleet_init(&gap, PLAIN, EAST) == 0, "%s", gap.err.text);
	weir_traffic_add(gap.traffic, &t);
	t.hour_s += 400 * 3600;
	weir_traffic_add(gap.traffic, &t);
	in = (struct weir_savings_in){.topology = gap.world.topology, .book = gap.world.prices, .traffic = gap.traffic};
	CHECK(weir_savings_new(&in, &gap.savings, &gap.err) == 0, "%s", gap.err.text);
	c = fleet_candidate(&gap, "R01");
	CHECK(c && c->held && !strcmp(c->held, "2 of 336 hours of evidence"), "a gap is no evidence: %s", c && c->held ? c->held : "");
}

TEST_MAIN(T(window), T(r01_gateway_endpoint), T(r02_interface_endpoint), T(r02_in_three_zones),
	  T(r03_endpoint_of_few_bytes), T(r04_gateway_of_its_own), T(r04_gateways_merged), T(r05_idle_gateway),
	  T(r06_idle_balancer_and_endpoint), T(r07_clients_in_their_zone), T(r08_balancer_without_cross_zone), T(r09_peering),
	  T(r09_frees_attachments), T(r09_between_accounts), T(names_that_are_no_ids), T(r12_workload_moves), T(r17_ipv6), T(r23_readers_in_their_zone),
	  T(r27_private_google_access), T(r28_service_endpoint))
