/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes: each kind of edit, replayed before and after to the nano-dollar. The prices are this file's, a GiB or an hour:
 * NAT 0.045, out to the internet 0.09, between zones 0.01, transit gateway 0.02, interface endpoint 0.01, load balancer
 * 0.008; by the hour NAT 0.045, endpoint 0.01, load balancer 0.0225, attachment 0.05. The network has one NAT gateway, one
 * endpoint, one load balancer and two attachments: an hour of it costs 0.045 + 0.01 + 0.0225 + 0.1 = 0.1775.
 */
#include "lib/money/change.h"
#include "lib/money/replay.h"
#include "tests/lib/test.h"
#include "tests/lib/topology_fixture.h"
#include "tests/lib/traffic_fixture.h"

#define A "aws/1/a"
#define B "aws/1/b"
#define HOURS 177500000LL
#define TOPOLOGY "---\napiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n  provider: aws\n  account: \"1\"\n"
#define ZONES "  zones: [{id: z1, region: r1}, {id: z2, region: r1}]\n"

static const char world_text[] =
	TOPOLOGY "  domain: aws/1/a\n  valid_from: 2026-11-01\n" ZONES
	"  prefixes: [10.0.0.0/16]\n"
	"  nat: [{name: nat-1, zone: z1}]\n"
	"  endpoints: [{name: sqs, service: aws/sqs, zone: z1, addresses: [10.0.2.200]}]\n"
	"  subnets:\n"
	"  - {name: pub1, cidrs: [10.0.1.0/24], zone: z1, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
	"  - {name: pub2, cidrs: [10.0.3.0/24], zone: z2, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
	"  - {name: priv1, cidrs: [10.0.2.0/24], zone: z1, routes: [{to: 0.0.0.0/0, via: \"nat:nat-1\"}, {to: 10.9.0.0/16, via: \"tgw:aws/1/b\"}]}\n"
	"  - {name: priv2, cidrs: [10.0.4.0/24], zone: z2, routes: [{to: 0.0.0.0/0, via: \"nat:nat-1\"}, {to: 10.9.0.0/16, via: \"tgw:aws/1/b\"}]}\n"
	"  load_balancers:\n"
	"  - name: web\n"
	"    kind: alb\n"
	"    scheme: internet-facing\n"
	"    nodes: [{subnet: pub1, addresses: [10.0.1.20]}, {subnet: pub2, addresses: [10.0.3.20]}]\n"
	"    targets: [priv2]\n"
	TOPOLOGY "  domain: aws/1/a\n  valid_to: 2026-11-01\n" ZONES
	"  prefixes: [10.0.0.0/16]\n"
	"  nat: [{name: nat-1, zone: z1}]\n"
	"  subnets: [{name: priv2, cidrs: [10.0.4.0/24], zone: z2, routes: [{to: 0.0.0.0/0, via: \"nat:nat-1\"}]}]\n"
	TOPOLOGY "  domain: aws/1/b\n" ZONES
	"  prefixes: [10.9.0.0/16]\n"
	"  subnets: [{name: s, cidrs: [10.9.1.0/24], zone: z2, routes: [{to: 10.0.0.0/16, via: \"tgw:aws/1/a\"}]}]\n"
	TOPOLOGY "  domain: aws/1/other\n  prefixes: [10.8.0.0/16]\n  subnets: [{name: far, cidrs: [10.8.0.0/24], region: r1}]\n"
	"---\napiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: ranges}\nspec:\n  ranges:\n"
	"  - {prefix: 198.51.100.0/24, service: aws/s3, region: r1}\n"
	"  - {prefix: 198.51.101.0/24, service: aws/logs, region: r1}\n";

static const char book_text[] =
	"apiVersion: weir.dev/v1alpha1\nkind: PriceBook\nmetadata: {name: p}\nspec:\n  provider: aws\n  currency: USD\n"
	"  region: r1\n  source: hand\n  meters:\n"
	"  - {name: out, paths: [internet, nat, lb], directions: [egress], when: [public], unit: GiB, price: \"0.09\"}\n"
	"  - {name: service, paths: [internet, nat, gateway-endpoint], directions: [ingress, egress], when: [service], unit: GiB, price: \"0\"}\n"
	"  - {name: in, paths: [internet, nat, lb], directions: [ingress], when: [public], unit: GiB, price: \"0\"}\n"
	"  - {name: nat, leg: processing, paths: [nat], directions: [ingress, egress], unit: GiB, price: \"0.045\"}\n"
	"  - {name: hop, leg: hop, paths: [nat, lb], directions: [ingress, egress], unit: GiB, price: \"0.01\"}\n"
	"  - {name: endpoint-hop, leg: hop, paths: [endpoint], directions: [ingress, egress], unit: GiB, price: \"0\"}\n"
	"  - {name: cross-zone, paths: [cross-zone], directions: [ingress, egress], unit: GiB, price: \"0.01\"}\n"
	"  - {name: local, paths: [same-zone, peering], directions: [ingress, egress], unit: GiB, price: \"0\"}\n"
	"  - {name: peering, paths: [peering], directions: [ingress, egress], when: [other-zone], unit: GiB, price: \"0.01\"}\n"
	"  - {name: tgw, leg: processing, paths: [tgw], directions: [egress], unit: GiB, price: \"0.02\"}\n"
	"  - {name: tgw-in, leg: processing, paths: [tgw], directions: [ingress], unit: GiB, price: \"0\"}\n"
	"  - {name: endpoint, leg: processing, paths: [endpoint], directions: [ingress, egress], unit: GiB, price: \"0.01\"}\n"
	"  - {name: lcu, leg: processing, paths: [lb], directions: [ingress, egress], unit: GiB, price: \"0.008\"}\n"
	"  resources:\n"
	"  - {name: nat-gateway-hour, unit: hour, price: \"0.045\"}\n"
	"  - {name: endpoint-hour, unit: hour, price: \"0.01\"}\n"
	"  - {name: alb-hour, unit: hour, price: \"0.0225\"}\n"
	"  - {name: tgw-attachment-hour, unit: hour, price: \"0.05\"}\n";

static int load(struct topology_fixture *w, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	int r = topology_fixture_load(w, world_text, "world", err);

	if (!r)
		r = weir_ydoc_parse(book_text, strlen(book_text), "book", &d, err);
	for (size_t i = 0; !r && i < weir_ydoc_count(d); i++)
		r = weir_pricebook_add(w->prices, weir_ydoc_root(d, i), err);
	return r ? r : weir_pricebook_seal(w->prices, err);
}

#define P4(w, x, y, z, n) {.addr = {.b = {[10] = 0xff, 0xff, w, x, y, z}}, .len = 96 + (n)}
#define ADDR4(w, x, y, z) {.b = {[10] = 0xff, 0xff, w, x, y, z}}
#define ALL4 P4(0, 0, 0, 0, 0)
#define WEB .workload_namespace = "shop", .workload = "web"
#define DB .peer_namespace = "shop", .peer_workload = "db"

struct flow {
	const char *domain, *local, *peer, *workload, *peer_workload;
	int dir;
	uint64_t gib;
};

static const struct change {
	const char *name;
	struct flow flows[3];
	struct weir_edit edits[5];
	int64_t before, after; /* nanos of the flows and of the hours of the network */
} changes[] = {
	/* 10 GiB to S3: NAT 0.45, then nothing. */
	{"a gateway endpoint in all subnets", {{A, "10.0.2.5", "198.51.100.7", "web", "", WEIR_EGRESS, 10}},
	 {{.kind = WEIR_EDIT_ROUTE, .domain = A, .service = "aws/s3", .via = "gateway-endpoint"}},
	 450000000 + HOURS, HOURS},
	{"in another subnet alone", {{A, "10.0.2.5", "198.51.100.7", "web", "", WEIR_EGRESS, 10}},
	 {{.kind = WEIR_EDIT_ROUTE, .domain = A, .subnet = "priv2", .service = "aws/s3", .via = "gateway-endpoint"}},
	 450000000 + HOURS, 450000000 + HOURS},
	{"of another service", {{A, "10.0.2.5", "198.51.100.7", "web", "", WEIR_EGRESS, 10}},
	 {{.kind = WEIR_EDIT_ROUTE, .domain = A, .service = "aws/logs", .via = "gateway-endpoint"}},
	 450000000 + HOURS, 450000000 + HOURS},
	/* 100 GiB from z2 to the internet: 4.50 + 1.00 between zones + 9.00; with a gateway in z2 13.50 and its hour. */
	{"a NAT gateway in each zone", {{A, "10.0.4.5", "203.0.113.7", "web", "", WEIR_EGRESS, 100}},
	 {{.kind = WEIR_EDIT_NAT, .domain = A, .name = "nat-2", .zone = "z2"},
	  {.kind = WEIR_EDIT_ROUTE, .domain = A, .subnet = "priv2", .to = ALL4, .via = "nat", .gateway = "nat-2"}},
	 14500000000 + HOURS, 13500000000 + HOURS + 45000000},
	/* What goes nowhere has no price; the gateway's hour is saved. */
	{"no NAT gateway", {{A, "10.0.4.5", "203.0.113.7", "web", "", WEIR_EGRESS, 100}},
	 {{.kind = WEIR_EDIT_ROUTE_REMOVE, .domain = A, .to = ALL4}, {.kind = WEIR_EDIT_NAT_REMOVE, .domain = A, .name = "nat-1"}},
	 14500000000 + HOURS, HOURS - 45000000},
	/* 10 GiB to a service: NAT 0.45; by an endpoint 0.10 and its hour. */
	{"an interface endpoint", {{A, "10.0.2.5", "198.51.101.7", "web", "", WEIR_EGRESS, 10}},
	 {{.kind = WEIR_EDIT_ENDPOINT, .domain = A, .name = "logs", .service = "aws/logs", .zone = "z1"},
	  {.kind = WEIR_EDIT_ROUTE, .domain = A, .service = "aws/logs", .via = "endpoint", .gateway = "logs"}},
	 450000000 + HOURS, 100000000 + HOURS + 10000000},
	/* The address is then one like others of its subnet. */
	{"no interface endpoint", {{A, "10.0.2.5", "10.0.2.200", "web", "", WEIR_EGRESS, 10}},
	 {{.kind = WEIR_EDIT_ENDPOINT_REMOVE, .domain = A, .name = "sqs"}},
	 100000000 + HOURS, HOURS - 10000000},
	/* A target answers users by the node in z1: 0.08 + 0.10 + 0.90; without, 10 GiB between zones. */
	{"no load balancer", {{A, "10.0.4.5", "10.0.1.20", "web", "", WEIR_EGRESS, 10}},
	 {{.kind = WEIR_EDIT_BALANCER_REMOVE, .domain = A, .name = "web"}},
	 1080000000 + HOURS, 100000000 + HOURS - 22500000},
	{"a load balancer that stays in the zone", {{A, "10.0.4.5", "10.0.1.20", "web", "", WEIR_EGRESS, 10}},
	 {{.kind = WEIR_EDIT_BALANCER_CROSS_ZONE, .domain = A, .name = "web", .on = false}},
	 1080000000 + HOURS, 980000000 + HOURS},
	/* 10 GiB from z1 to z2, counted at both ends, 0.01 each; half of it stays. */
	{"half of it in the zone", {{A, "10.0.2.5", "10.0.4.9", "web", "db", WEIR_EGRESS, 10},
				    {A, "10.0.4.9", "10.0.2.5", "db", "web", WEIR_INGRESS, 10},
				    {A, "10.0.2.5", "10.0.4.10", "web", "cache", WEIR_EGRESS, 10}},
	 {{.kind = WEIR_EDIT_LOCAL, .domain = A, WEB, DB, .ppm = 500000}},
	 300000000 + HOURS, 200000000 + HOURS},
	{"a tenth of the bytes to a peer", {{A, "10.0.2.5", "10.0.4.9", "web", "db", WEIR_EGRESS, 10},
					    {A, "10.0.4.9", "10.0.2.5", "db", "web", WEIR_INGRESS, 10},
					    {A, "10.0.4.9", "10.0.2.6", "db", "api", WEIR_INGRESS, 10}},
	 {{.kind = WEIR_EDIT_SCALE, .domain = A, WEB, DB, .ppm = 100000}},
	 300000000 + HOURS, 120000000 + HOURS},
	{"a tenth of the bytes to a service", {{A, "10.0.2.5", "198.51.100.7", "web", "", WEIR_EGRESS, 10},
					       {A, "10.0.2.5", "198.51.101.7", "web", "", WEIR_EGRESS, 10}},
	 {{.kind = WEIR_EDIT_SCALE, .domain = A, WEB, .service = "aws/s3", .ppm = 100000}},
	 900000000 + HOURS, 495000000 + HOURS},
	/* Our own public address by NAT and the internet: 0.45 + 0.90; inside the zone nothing. */
	{"by the private address", {{A, "10.0.2.5", "192.0.2.10", "web", "", WEIR_EGRESS, 10}},
	 {{.kind = WEIR_EDIT_ADDRESS, .to = P4(192, 0, 2, 8, 29), .address = ADDR4(10, 0, 1, 50)}},
	 1350000000 + HOURS, HOURS},
	/* The workload is where its peer is. */
	{"in the other zone", {{A, "10.0.2.5", "10.0.4.9", "web", "db", WEIR_EGRESS, 10},
			       {A, "10.0.4.9", "10.0.2.5", "db", "web", WEIR_INGRESS, 10}},
	 {{.kind = WEIR_EDIT_MOVE, .domain = A, WEB, .subnet = "priv2"}},
	 200000000 + HOURS, HOURS},
	/* And in another network, from which it goes by the transit gateway: 10 GiB x 0.02 for who sends. */
	{"in another network", {{A, "10.0.2.5", "10.0.4.9", "web", "db", WEIR_EGRESS, 10},
				{A, "10.0.4.9", "10.0.2.5", "db", "web", WEIR_INGRESS, 10}},
	 {{.kind = WEIR_EDIT_MOVE, .domain = B, WEB, .subnet = "s"}},
	 200000000 + HOURS, 200000000 + HOURS},
	/* z1 to z2 by a peering: 0.01 at either end, and no attachment. */
	{"a peering for a transit gateway", {{A, "10.0.2.5", "10.9.1.5", "web", "db", WEIR_EGRESS, 10},
					     {B, "10.9.1.5", "10.0.2.5", "db", "web", WEIR_INGRESS, 10}},
	 {{.kind = WEIR_EDIT_ROUTE, .domain = A, .to = P4(10, 9, 0, 0, 16), .via = "peering", .target = B},
	  {.kind = WEIR_EDIT_ROUTE, .domain = B, .to = P4(10, 0, 0, 0, 16), .via = "peering", .target = A}},
	 200000000 + HOURS, 200000000 + HOURS - 100000000},
};

static size_t edit_count(const struct change *c)
{
	size_t n = WEIR_ARRAY_SIZE(c->edits);

	while (n && !c->edits[n - 1].domain && !c->edits[n - 1].address.b[10])
		n--;
	return n;
}

static int64_t total_of(const struct topology_fixture *w, const struct weir_topology *t, const struct weir_traffic_set *s)
{
	weir_auto_replay struct weir_replay *r = NULL;

	return weir_replay_run(t, w->prices, s, NULL, 0, &r) ? -1 : weir_replay_total(r);
}

static struct weir_traffic row_of(const struct flow *f, uint64_t hour_s)
{
	struct weir_traffic t = traffic_row(f->domain, f->local, f->peer, f->dir, f->gib * GIB);

	t.hour_s = hour_s;
	t.workload = f->workload;
	t.peer_namespace = *f->peer_workload ? "shop" : "";
	t.peer_workload = f->peer_workload;
	return t;
}

TEST(each_edit_before_and_after)
{
	struct topology_fixture w = {0};
	struct weir_err err = {0};

	CHECK(load(&w, &err) == 0, "%s", err.text);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(changes); i++) {
		const struct change *c = &changes[i];
		weir_auto_traffic struct weir_traffic_set *s = NULL, *changed = NULL;
		struct weir_topology *t = NULL;
		struct weir_err why = {0};
		int64_t before, after, again;

		weir_traffic_new(&s);
		for (size_t k = 0; k < WEIR_ARRAY_SIZE(c->flows) && c->flows[k].domain; k++) {
			const struct weir_traffic row = row_of(&c->flows[k], TRAFFIC_HOUR_S);

			CHECK(weir_traffic_add(s, &row) == 0, "%s", c->name);
		}
		CHECK(weir_change_topology(w.topology, c->edits, edit_count(c), &t, &why) == 0, "%s: %s", c->name, why.text);
		CHECK(weir_change_traffic(w.topology, s, c->edits, edit_count(c), &changed) == 0, "%s", c->name);
		if (!t || !changed)
			continue;
		before = total_of(&w, w.topology, s);
		after = total_of(&w, t, changed);
		CHECK(before == c->before && after == c->after, "%s: %lld, then %lld", c->name, (long long)before,
		      (long long)after);
		weir_topology_free(t);
		again = total_of(&w, w.topology, s);
		CHECK(again == before, "%s: what was copied is not what it was: %lld", c->name, (long long)again);
	}
	topology_fixture_free(&w);
}

static const struct weir_edit added[] = {
	{.kind = WEIR_EDIT_NAT, .domain = A, .name = "nat-2", .zone = "z2"},
	{.kind = WEIR_EDIT_ROUTE, .domain = A, .subnet = "priv2", .to = ALL4, .via = "nat", .gateway = "nat-2"},
};
static const struct weir_edit taken_back[] = {
	{.kind = WEIR_EDIT_ROUTE, .domain = A, .subnet = "priv2", .to = ALL4, .via = "nat", .gateway = "nat-1"},
	{.kind = WEIR_EDIT_NAT_REMOVE, .domain = A, .name = "nat-2"},
};

/* A change of a change, as a consistent set is made; and what is taken back is as if it had not been. */
TEST(a_change_of_a_change)
{
	const struct flow f = {A, "10.0.4.5", "203.0.113.7", "web", "", WEIR_EGRESS, 100};
	const struct weir_traffic row = row_of(&f, TRAFFIC_HOUR_S);
	weir_auto_traffic struct weir_traffic_set *s = NULL;
	struct weir_topology *one = NULL, *two = NULL;
	struct topology_fixture w = {0};
	struct weir_err err = {0};

	CHECK(load(&w, &err) == 0 && weir_traffic_new(&s) == 0 && weir_traffic_add(s, &row) == 0, "%s", err.text);
	CHECK(weir_change_topology(w.topology, added, 2, &one, &err) == 0, "%s", err.text);
	CHECK(one && weir_change_topology(one, taken_back, 2, &two, &err) == 0, "%s", err.text);
	if (two) {
		CHECK(total_of(&w, one, s) == 13500000000 + HOURS + 45000000, "one");
		CHECK(total_of(&w, two, s) == 14500000000 + HOURS, "two: %lld", (long long)total_of(&w, two, s));
	}
	weir_topology_free(two);
	weir_topology_free(one);
	topology_fixture_free(&w);
}

/* An hour of October: the old version gets the gateway too, and its subnet the route. Its hours are 0.045 and b's and a's
 * attachments, to which b's route leads: 0.145. */
TEST(older_versions_change_where_it_fits)
{
	const struct flow f = {A, "10.0.4.5", "203.0.113.7", "web", "", WEIR_EGRESS, 100};
	const struct weir_traffic row = row_of(&f, 1793491200 - 3600);
	const struct weir_edit no_fit[] = {{.kind = WEIR_EDIT_BALANCER_REMOVE, .domain = A, .name = "web"}};
	weir_auto_traffic struct weir_traffic_set *s = NULL;
	struct weir_topology *one = NULL, *two = NULL;
	struct topology_fixture w = {0};
	struct weir_err err = {0};

	CHECK(load(&w, &err) == 0 && weir_traffic_new(&s) == 0 && weir_traffic_add(s, &row) == 0, "%s", err.text);
	CHECK(total_of(&w, w.topology, s) == 14500000000 + 145000000, "before: %lld", (long long)total_of(&w, w.topology, s));
	CHECK(weir_change_topology(w.topology, added, 2, &one, &err) == 0, "%s", err.text);
	CHECK(one && total_of(&w, one, s) == 13500000000 + 190000000, "after: %lld", (long long)total_of(&w, one, s));
	CHECK(weir_change_topology(w.topology, no_fit, 1, &two, &err) == 0, "%s", err.text);
	CHECK(two && total_of(&w, two, s) == 14500000000 + 145000000, "no load balancer then");
	weir_topology_free(one);
	weir_topology_free(two);
	topology_fixture_free(&w);
}

TEST(what_does_not_fit_is_told)
{
	static const struct {
		struct weir_edit e;
		const char *want;
	} rows[] = {
		{{.kind = WEIR_EDIT_NAT, .domain = "aws/9/x", .name = "n"}, "edit 0 (nat): no topology has the domain 'aws/9/x'"},
		{{.kind = WEIR_EDIT_NAT, .name = "n"}, "edit 0 (nat): no topology has the domain ''"},
		{{.kind = WEIR_EDIT_NAT, .domain = A, .name = "nat-1"}, "edit 0 (nat): 'nat-1' is there already"},
		{{.kind = WEIR_EDIT_NAT, .domain = A, .name = "n", .zone = "z9"}, "edit 0 (nat): no zone 'z9'"},
		{{.kind = WEIR_EDIT_NAT, .domain = A}, "edit 0 (nat): a name is missing"},
		{{.kind = WEIR_EDIT_ENDPOINT, .domain = A, .name = "e"}, "edit 0 (endpoint): a name or service is missing"},
		{{.kind = WEIR_EDIT_NAT_REMOVE, .domain = A, .name = "sqs"}, "edit 0 (nat-remove): no NAT gateway named 'sqs'"},
		{{.kind = WEIR_EDIT_NAT_REMOVE, .domain = A, .name = "nat-1"}, "a route of subnet 'priv1' of aws/1/a leads to 'nat-1', which is removed"},
		{{.kind = WEIR_EDIT_ENDPOINT_REMOVE, .domain = A, .name = "nat-1"}, "(endpoint-remove): no endpoint named 'nat-1'"},
		{{.kind = WEIR_EDIT_BALANCER_REMOVE, .domain = A, .name = "x"}, "(balancer-remove): no load balancer named 'x'"},
		{{.kind = WEIR_EDIT_BALANCER_CROSS_ZONE, .domain = A, .name = "x"}, "no load balancer named 'x'"},
		{{.kind = WEIR_EDIT_ROUTE, .domain = A, .subnet = "x", .to = ALL4, .via = "igw"}, "edit 0 (route): no subnet named 'x'"},
		{{.kind = WEIR_EDIT_ROUTE, .domain = A, .to = ALL4, .via = "x"}, "edit 0 (route): 'x' is no way of a route"},
		{{.kind = WEIR_EDIT_ROUTE, .domain = A, .to = ALL4, .via = "nat", .gateway = "x"}, "no nat named 'x'"},
		{{.kind = WEIR_EDIT_ROUTE, .domain = A, .to = ALL4, .via = "peering", .target = "x"}, "no topology has the domain 'x'"},
		{{.kind = WEIR_EDIT_ROUTE_REMOVE, .domain = A, .service = "aws/s3"}, "(route-remove): there is no such route"},
		{{.kind = WEIR_EDITS, .domain = A}, "edit 0: no such kind"},
	};
	struct topology_fixture w = {0};
	struct weir_err err = {0};

	CHECK(load(&w, &err) == 0, "%s", err.text);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		struct weir_topology *t = NULL;
		struct weir_err why = {0};
		int r = weir_change_topology(w.topology, &rows[i].e, 1, &t, &why);

		CHECK(r == -EINVAL && !t && strstr(why.text, rows[i].want), "row %zu: %d %s", i, r, why.text);
	}
	topology_fixture_free(&w);
}

/* To a subnet that is not there, or has no prefix of the address's family. */
TEST(nobody_moves_nowhere)
{
	const struct weir_edit e[] = {{.kind = WEIR_EDIT_MOVE, .domain = A, .subnet = "x"}};
	const struct flow f = {A, "10.0.4.5", "203.0.113.7", "web", "", WEIR_EGRESS, 1};
	const struct weir_traffic row = row_of(&f, TRAFFIC_HOUR_S);
	weir_auto_traffic struct weir_traffic_set *s = NULL, *to = NULL;
	struct topology_fixture w = {0};
	struct weir_err err = {0};

	CHECK(load(&w, &err) == 0 && weir_traffic_new(&s) == 0 && weir_traffic_add(s, &row) == 0, "%s", err.text);
	CHECK(weir_change_traffic(w.topology, s, e, 1, &to) == -EINVAL && !to, "it moved");
	topology_fixture_free(&w);
}

/* Bytes are moved about, never made or lost, but by scaling. */
TEST(bytes_stay)
{
	const struct weir_edit e[] = {
		{.kind = WEIR_EDIT_LOCAL, WEB, DB, .ppm = 333333},
		{.kind = WEIR_EDIT_LOCAL, .ppm = 777777},
		{.kind = WEIR_EDIT_MOVE, .domain = A, .workload = "cache", .subnet = "priv1"},
		{.kind = WEIR_EDIT_BALANCER_CROSS_ZONE, .domain = A, .name = "web"},
	};
	weir_auto_traffic struct weir_traffic_set *s = NULL, *to = NULL;
	struct topology_fixture w = {0};
	struct weir_err err = {0};
	uint64_t bytes[2] = {0}, packets[2] = {0};

	CHECK(load(&w, &err) == 0 && weir_traffic_new(&s) == 0, "%s", err.text);
	for (unsigned int i = 0; i < 400; i++) {
		const struct flow f = {A, i % 2 ? "10.0.2.5" : "10.0.4.6", i % 3 ? "10.0.4.9" : "10.0.2.9", i % 5 ? "web" : "cache",
				       i % 7 ? "db" : "", (int)(i % 2), 0};
		struct weir_traffic row = row_of(&f, TRAFFIC_HOUR_S + 3600 * (i % 4));

		row.port = (uint16_t)i;
		row.bytes = i * 7919;
		row.packets = i * 3;
		weir_traffic_add(s, &row);
	}
	CHECK(weir_change_traffic(w.topology, s, e, 4, &to) == 0, "change");
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < weir_traffic_count(k ? to : s); i++) {
			struct weir_traffic row;

			weir_traffic_get(k ? to : s, i, &row);
			bytes[k] += row.bytes;
			packets[k] += row.packets;
		}
	CHECK(bytes[0] == bytes[1] && packets[0] == packets[1], "%llu bytes became %llu", (unsigned long long)bytes[0],
	      (unsigned long long)bytes[1]);
	topology_fixture_free(&w);
}

static int agrees(const struct weir_prefix *p, const struct weir_route *r, void *arg)
{
	const struct weir_topology *t = arg;
	struct weir_addr local;
	struct weir_route got;

	weir_addr_parse("10.0.4.5", &local);
	weir_topology_route(t, A, &local, &p->addr, &got);
	return got.path == r->path && got.cross_zone_hop == r->cross_zone_hop ? 0 : 1;
}

/* What nodes would enforce of a changed network is what its lookups say. */
TEST(tables_of_a_changed_network)
{
	const struct weir_edit e[] = {
		{.kind = WEIR_EDIT_BALANCER_REMOVE, .domain = A, .name = "web"},
		{.kind = WEIR_EDIT_ENDPOINT_REMOVE, .domain = A, .name = "sqs"},
		{.kind = WEIR_EDIT_ROUTE, .domain = A, .service = "aws/s3", .via = "gateway-endpoint"},
	};
	struct topology_fixture w = {0};
	struct weir_topology *t = NULL;
	struct weir_err err = {0};

	CHECK(load(&w, &err) == 0 && weir_change_topology(w.topology, e, 3, &t, &err) == 0, "%s", err.text);
	CHECK(t && weir_topology_each(t, A "/priv2", agrees, t) == 0, "a table differs from its lookup");
	weir_topology_free(t);
	topology_fixture_free(&w);
}

TEST_MAIN(T(each_edit_before_and_after), T(a_change_of_a_change), T(older_versions_change_where_it_fits),
	  T(what_does_not_fit_is_told), T(nobody_moves_nowhere), T(bytes_stay), T(tables_of_a_changed_network))
