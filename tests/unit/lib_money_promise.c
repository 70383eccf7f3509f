/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Realised savings: a rule is proposed on one fleet, its promise kept as text and read again, and asked on the network and
 * traffic after it landed. Numbers are by hand, of a month and the list prices of us-east-1.
 */
#include "lib/money/promise.h"
#include "tests/lib/savings_fixture.h"

#define EAST "policies/prices/aws-us-east-1.yaml"
#define HEAD "apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
#define VPC "aws/1/vpc-1"
#define ZONES                                                                                                                  \
	HEAD "  domain: " VPC "\n  provider: aws\n  account: '1'\n  zones: [{id: z1, region: us-east-1}, {id: z2, region: "    \
	"us-east-1}]\n  prefixes: [10.0.0.0/16, 'fd00::/16']\n"
#define RANGES                                                                                                                 \
	"  ranges:\n  - {prefix: 52.216.0.0/15, service: aws/s3, region: us-east-1}\n  - {prefix: 3.5.0.0/24, service: aws/logs, " \
	"region: us-east-1}\n  - {prefix: 3.6.0.0/24, service: aws/dual, region: us-west-2}\n  - {prefix: '2600:1f00::/32', "     \
	"service: aws/dual, region: us-west-2}\n"
#define NAT1 "  nat: [{name: nat-1, zone: z1}]\n"
#define NAT12 "  nat: [{name: nat-1, zone: z1}, {name: nat-0f, zone: z2}]\n"
#define PUB "  - {name: pub, cidrs: [10.0.12.0/24], zone: z2, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
#define A(more) "  - {name: a, cidrs: [10.0.1.0/24, 'fd00:1::/64'], zone: z1, routes: [{to: 0.0.0.0/0, via: 'nat:nat-1'}" more "]}\n"
#define B(nat, more) "  - {name: b, cidrs: [10.0.2.0/24, 'fd00:2::/64'], zone: z2, routes: [{to: 0.0.0.0/0, via: 'nat:" nat "'}" more "]}\n"
#define BEFORE ZONES NAT1 "  subnets:\n" A("") B("nat-1", "") PUB RANGES

static void fill(struct fleet *f, const struct weir_traffic *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fleet_add(f, &rows[i]);
}

/* The promise of the rule, written and read. */
static struct weir_promise *promise(struct test_state *test_st, const char *topology, const char *rule,
				    const struct weir_traffic *rows, size_t n)
{
	auto_fleet struct fleet f = {0};
	weir_auto_promise struct weir_promise *p = NULL;
	struct weir_promise *again = NULL;
	weir_auto_free char *text = NULL;
	size_t i = 0;

	CHECK(fleet_init(&f, topology, EAST) == 0, "%s", f.err.text);
	fill(&f, rows, n);
	CHECK(fleet_find(&f) == 0 && weir_savings_choose(f.savings, &f.err) == 0, "%s", f.err.text);
	while (i < weir_savings_count(f.savings) && strcmp(weir_savings_at(f.savings, i)->candidate->rule->id, rule) != 0)
		i++;
	CHECK(i < weir_savings_count(f.savings), "%s was not chosen", rule);
	if (i == weir_savings_count(f.savings) || weir_promise_of(f.savings, i, SAVINGS_TO_S, &p) < 0)
		return NULL;
	text = weir_promise_text(p);
	CHECK(text && weir_promise_parse(text, strlen(text), "promise.json", &again, &f.err) == 0, "%s\n%s", f.err.text, text);
	return again;
}

/* What it saved a month on the network and traffic of afterwards. */
static void check_realised(struct test_state *test_st, const struct weir_promise *p, const char *topology,
			   const struct weir_traffic *rows, size_t n, int64_t hand, bool assumed)
{
	auto_fleet struct fleet f = {0};
	struct weir_savings_in in;
	struct weir_realised got = {0};
	int r;

	CHECK(fleet_init(&f, topology, EAST) == 0, "%s", f.err.text);
	fill(&f, rows, n);
	in = (struct weir_savings_in){.topology = f.world.topology, .book = f.world.prices, .traffic = f.traffic};
	r = p ? weir_promise_realised(p, &in, SAVINGS_FROM_S, &got, &f.err) : -1;
	CHECK(r == 0, "%s", f.err.text);
	CHECK(llabs(got.month_nanos - hand) < CENT, "%s: %lld, by hand %lld", p ? p->id : "", (long long)got.month_nanos, (long long)hand);
	CHECK(got.assumed == assumed, "assumed %d", got.assumed);
	CHECK(got.low_nanos <= got.month_nanos && got.month_nanos <= got.high_nanos, "%lld of %lld to %lld",
	      (long long)got.month_nanos, (long long)got.low_nanos, (long long)got.high_nanos);
}

static struct weir_traffic row(const char *local, const char *peer, uint64_t gib)
{
	return traffic_row(VPC, local, peer, 0, gib * GIB);
}

/* Half of what was promised moves after it landed: half is realised, also while the topology is not imported anew. */
TEST(gateway_endpoint)
{
	static const char after[] = ZONES NAT1 "  subnets:\n" A(", {to: aws/s3, via: 'gateway-endpoint:aws/s3'}") B("nat-1", "") PUB RANGES;
	const struct weir_traffic rows[] = {row("10.0.1.5", "52.216.0.9", 1000)}, then[] = {row("10.0.1.5", "52.216.0.9", 500)};
	weir_auto_promise struct weir_promise *p = promise(test_st, BEFORE, "R01", rows, 1);

	CHECK(p && p->month_nanos == 45 * USD, "%lld", p ? (long long)p->month_nanos : 0);
	check_realised(test_st, p, after, then, 1, 225 * USD / 10, false);
	check_realised(test_st, p, BEFORE, then, 1, 225 * USD / 10, true);
}

/* Peers are the endpoint's own addresses then: 1,000 GiB at 0.045 - 0.01, less 7.30. */
TEST(interface_endpoint)
{
	static const char after[] = ZONES NAT1
		"  endpoints: [{name: vpce-0f, service: aws/logs, zone: z1, addresses: [10.0.1.200]}]\n  subnets:\n" A("") B("nat-1", "") PUB RANGES;
	const struct weir_traffic rows[] = {row("10.0.1.5", "3.5.0.9", 2000)}, then[] = {row("10.0.1.5", "10.0.1.200", 1000)};
	weir_auto_promise struct weir_promise *p = promise(test_st, BEFORE, "R02", rows, 1);

	check_realised(test_st, p, after, then, 1, 277 * USD / 10, false);
}

/* The gateway that was made has a name that nobody knew: 10,000 x 0.01 - 36.50. */
TEST(gateway_of_its_own)
{
	static const char after[] = ZONES NAT12 "  subnets:\n" A("") B("nat-0f", "") PUB RANGES;
	const struct weir_traffic rows[] = {row("10.0.2.5", "198.51.100.1", 5000)}, then[] = {row("10.0.2.5", "198.51.100.1", 10000)};
	weir_auto_promise struct weir_promise *p = promise(test_st, BEFORE, "R04", rows, 1);

	check_realised(test_st, p, after, then, 1, 635 * USD / 10, false);
}

/* The gateway that was shared has another name since then: what was is the version before. */
TEST(the_version_before)
{
	static const char after[] = ZONES NAT1 "  valid_to: 2026-11-01\n  subnets:\n" A("") B("nat-1", "") PUB RANGES "---\n" ZONES
		"  nat: [{name: nat-9, zone: z1}, {name: nat-0f, zone: z2}]\n  valid_from: 2026-11-01\n  subnets:\n"
		"  - {name: a, cidrs: [10.0.1.0/24], zone: z1, routes: [{to: 0.0.0.0/0, via: 'nat:nat-9'}]}\n" B("nat-0f", "") PUB;
	const struct weir_traffic rows[] = {row("10.0.2.5", "198.51.100.1", 5000)}, then[] = {row("10.0.2.5", "198.51.100.1", 10000)};
	weir_auto_promise struct weir_promise *p = promise(test_st, BEFORE, "R04", rows, 1);

	check_realised(test_st, p, after, then, 1, 635 * USD / 10, false);
}

TEST(idle_gateway)
{
	static const char before[] = ZONES NAT12 "  subnets:\n" A("") B("nat-0f", "") PUB RANGES;
	static const char after[] = ZONES NAT1 "  subnets:\n" A("") "  - {name: b, cidrs: [10.0.2.0/24], zone: z2}\n" PUB RANGES;
	const struct weir_traffic rows[] = {row("10.0.1.5", "198.51.100.1", 10), row("10.0.2.5", "10.0.2.6", 10)};
	weir_auto_promise struct weir_promise *p = promise(test_st, before, "R05", rows, 2);

	check_realised(test_st, p, after, rows, 2, 365 * USD / 10, false);
}

#define NLB                                                                                                                    \
	"  load_balancers: [{name: net, kind: nlb, scheme: internal, nodes: [{subnet: a, addresses: [10.0.1.20]}, {subnet: b, "   \
	"addresses: [10.0.2.20]}], targets: [a, b]}]\n"

/* It is in no topology any more: 16.425 a month. */
TEST(idle_balancer)
{
	static const char before[] = ZONES NAT1 "  subnets:\n" A("") B("nat-1", "") PUB NLB RANGES;
	const struct weir_traffic rows[] = {row("10.0.1.5", "10.0.1.6", 10), row("10.0.2.5", "10.0.2.6", 10)};
	weir_auto_promise struct weir_promise *p = promise(test_st, before, "R06", rows, 2);

	check_realised(test_st, p, BEFORE, rows, 2, 16425 * USD / 1000, false);
	check_realised(test_st, p, before, rows, 2, 16425 * USD / 1000, true);
}

/* Half crossed a zone before, nothing does now: half of 600 GiB at 0.02. */
TEST(balancer_without_cross_zone)
{
	static const char before[] = ZONES NAT1 "  subnets:\n" A("") B("nat-1", "") PUB NLB RANGES;
	const struct weir_traffic rows[] = {row("10.0.1.5", "10.0.1.20", 100), row("10.0.1.5", "10.0.2.20", 100),
					    row("10.0.2.5", "10.0.1.20", 100), row("10.0.2.5", "10.0.2.20", 100)};
	const struct weir_traffic then[] = {row("10.0.1.5", "10.0.1.20", 300), row("10.0.2.5", "10.0.2.20", 300)};
	weir_auto_promise struct weir_promise *p = promise(test_st, before, "R08", rows, 4);

	check_realised(test_st, p, before, then, 2, 6 * USD, false);
}

static struct weir_traffic ask(const char *client, const char *server, uint64_t gib)
{
	struct weir_traffic t = row(client, server, gib);

	t.peer_namespace = "shop";
	t.peer_workload = "store";
	t.port = 8080;
	return t;
}

/* Two thirds crossed; of 900 GiB 100 still do: 600 - 100 at 0.01, of the clients' side alone. */
TEST(clients_in_their_zone)
{
	const struct weir_traffic rows[] = {ask("10.0.1.5", "10.0.1.9", 100), ask("10.0.1.5", "10.0.2.9", 200),
					    ask("10.0.2.5", "10.0.2.9", 100), ask("10.0.2.5", "10.0.1.9", 200)};
	const struct weir_traffic then[] = {ask("10.0.1.5", "10.0.1.9", 400), ask("10.0.2.5", "10.0.2.9", 400),
					    ask("10.0.2.5", "10.0.1.9", 100)};
	weir_auto_promise struct weir_promise *p = promise(test_st, BEFORE, "R07", rows, 4);

	check_realised(test_st, p, BEFORE, then, 3, 5 * USD, false);
}

/* Peers are IPv6 then: 1,000 GiB by NAT in the other zone would have cost 0.055. */
TEST(ipv6)
{
	static const char after[] = ZONES NAT1 "  subnets:\n" A("") B("nat-1", ", {to: '::/0', via: egress-only}") PUB RANGES;
	const struct weir_traffic rows[] = {row("10.0.2.5", "3.6.0.9", 500)}, then[] = {row("fd00:2::5", "2600:1f00::9", 1000)};
	weir_auto_promise struct weir_promise *p = promise(test_st, BEFORE, "R17", rows, 1);

	check_realised(test_st, p, after, then, 1, 55 * USD, false);
}

/* An endpoint of 100 GiB went, 7.30 + 1 - 4.50; of 200 GiB since then 7.30 + 2 - 9. */
TEST(no_endpoint)
{
	static const char before[] = ZONES NAT1
		"  endpoints: [{name: vpce-0f, service: aws/logs, zone: z1, addresses: [10.0.1.200]}]\n  subnets:\n" A("") B("nat-1", "") PUB RANGES;
	const struct weir_traffic rows[] = {row("10.0.1.5", "10.0.1.200", 100)}, then[] = {row("10.0.1.5", "3.5.0.77", 200)};
	weir_auto_promise struct weir_promise *p = promise(test_st, before, "R03", rows, 1);

	CHECK(p && p->month_nanos == 38 * USD / 10, "%lld", p ? (long long)p->month_nanos : 0);
	check_realised(test_st, p, BEFORE, then, 1, 3 * USD / 10, false);
}

#define NETS(there, back)                                                                                                      \
	ZONES "  subnets:\n  - {name: a, cidrs: [10.0.1.0/24], zone: z1, routes: [{to: 10.0.0.0/8, via: 'tgw:aws/1/vpc-2'}" there  \
	"]}\n---\n" HEAD "  domain: aws/1/vpc-2\n  provider: aws\n  account: '1'\n  zones: [{id: z1, region: us-east-1}]\n"        \
	"  prefixes: [10.1.0.0/16]\n  subnets:\n  - {name: x, cidrs: [10.1.1.0/24], zone: z1, routes: [{to: 10.0.0.0/8, via: "   \
	"'tgw:" VPC "'}" back "]}\n"

/* The peering is there: 500 GiB of the sender at 0.02. */
TEST(peering)
{
	static const char before[] = NETS("", "");
	static const char after[] = NETS(", {to: 10.1.0.0/16, via: 'peering:aws/1/vpc-2'}", ", {to: 10.0.0.0/16, via: 'peering:" VPC "'}");
	struct weir_traffic rows[] = {row("10.0.1.5", "10.1.1.5", 1000)}, then[] = {row("10.0.1.5", "10.1.1.5", 500)};
	weir_auto_promise struct weir_promise *p = NULL;

	rows[0].dir = then[0].dir = 1;
	p = promise(test_st, before, "R09", rows, 1);
	check_realised(test_st, p, after, then, 1, 10 * USD, false);
	check_realised(test_st, p, before, then, 1, 10 * USD, true);
}

TEST(what_is_not_there_is_said)
{
	const struct weir_traffic rows[] = {row("10.0.1.5", "3.5.0.9", 2000)};
	weir_auto_promise struct weir_promise *p = promise(test_st, BEFORE, "R02", rows, 1);
	auto_fleet struct fleet f = {0};
	struct weir_savings_in in;
	struct weir_realised got;
	struct weir_err err = {0}, none = {0};

	CHECK(fleet_init(&f, BEFORE, EAST) == 0, "%s", f.err.text);
	fill(&f, rows, 1);
	in = (struct weir_savings_in){.topology = f.world.topology, .book = f.world.prices, .traffic = f.traffic};
	CHECK(p && weir_promise_realised(p, &in, SAVINGS_FROM_S, &got, &err) == -EINVAL && strstr(err.text, "import it as it is now"),
	      "%s", err.text);
	CHECK(p && weir_promise_realised(p, &in, SAVINGS_TO_S + 3600, &got, &none) == -ENODATA, "%s", none.text);
}

TEST(files_are_checked)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"{", "p.json:1:"},
		{"{}", "p.json: format: "},
		{"{\"format\": \"weir-promise-1\"}", "p.json: saved_s: "},
		{"{\"format\":\"weir-promise-1\",\"saved_s\":0,\"from_s\":0,\"to_s\":0,\"month_nanos\":0,\"low_nanos\":0,\"high_nanos\":0,"
		 "\"extra_month_nanos\":0,\"hour_nanos\":0,\"edits\":[{\"kind\":\"fly\"}],\"undo\":[],\"crossings\":[]}", "p.json: edits: "},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		struct weir_promise *p = NULL;
		struct weir_err err = {0};

		CHECK(weir_promise_parse(bad[i].text, strlen(bad[i].text), "p.json", &p, &err) == -EINVAL && !p &&
			      !strncmp(err.text, bad[i].says, strlen(bad[i].says)), "%s", err.text);
	}
}

TEST_MAIN(T(gateway_endpoint), T(interface_endpoint), T(gateway_of_its_own), T(the_version_before), T(idle_gateway), T(idle_balancer),
	  T(balancer_without_cross_zone), T(clients_in_their_zone), T(ipv6), T(no_endpoint), T(peering), T(what_is_not_there_is_said), T(files_are_checked))
