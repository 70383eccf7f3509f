/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of a replay: which gateway bytes pass, and all that the replay charged, hours of resources too. */
#include "lib/money/alloc.h"
#include "tests/lib/test.h"
#include "tests/lib/topology_fixture.h"
#include "tests/lib/traffic_fixture.h"

#include <time.h>

#define D "aws/1/vpc"
#define MONTH_S 1796083200ull /* 2026-12-01: the hours of the test lie on both sides */
#define TREE "  domain: " D "\n  provider: aws\n  account: \"1\"\n" \
	     "  zones: [{id: use1-az1, region: us-east-1}, {id: use1-az2, region: us-east-1}]\n" \
	     "  prefixes: [10.1.0.0/16]\n"
#define HEAD "apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"

static const char topology[] =
	HEAD TREE
	"  nat: [{name: nat-a, zone: use1-az1}, {name: nat-b, zone: use1-az2}]\n"
	"  endpoints: [{name: logs, service: aws/logs, zone: use1-az1, addresses: [10.1.1.200]}]\n"
	"  subnets:\n"
	"  - name: a\n    cidrs: [10.1.1.0/24]\n    zone: use1-az1\n"
	"    routes: [{to: 0.0.0.0/0, via: \"nat:nat-a\"}, {to: 10.9.0.0/16, via: tgw}, {to: 192.168.0.0/16, via: vpn}]\n"
	"  - {name: b, cidrs: [10.1.2.0/24], zone: use1-az2, routes: [{to: 0.0.0.0/0, via: \"nat:nat-b\"}]}\n"
	"  load_balancers:\n"
	"  - {name: web, kind: alb, scheme: internet-facing, nodes: [{subnet: a, addresses: [10.1.1.20]}], targets: [b]}\n";

/* Gateways' price changes in the second half of an hour; load balancers' not. */
static const char prices[] =
	"apiVersion: weir.dev/v1alpha1\nkind: PriceBook\nmetadata: {name: p}\nspec:\n"
	"  provider: aws\n  currency: USD\n  region: us-east-1\n  source: test\n"
	"  meters:\n"
	"  - {name: nat-processing, leg: processing, paths: [nat], directions: [ingress, egress], unit: GiB, price: \"0.045\"}\n"
	"  - {name: internet-out, paths: [nat], directions: [egress], unit: GiB, price: \"0.09\"}\n"
	"  - {name: internet-in, paths: [nat], directions: [ingress], unit: GiB, price: \"0\"}\n"
	"  - {name: cross-zone, paths: [cross-zone], directions: [ingress, egress], unit: GiB, price: \"0.01\"}\n"
	"  resources:\n"
	"  - {name: nat-gateway-hour, unit: hour, price: \"0.045\", valid_to: \"2026-12-01T02:30:00Z\"}\n"
	"  - {name: nat-gateway-hour, unit: hour, price: \"0.05\", valid_from: \"2026-12-01T02:30:00Z\"}\n"
	"  - {name: alb-hour, unit: hour, price: \"0.0225\"}\n"
	"  - {name: endpoint-hour, unit: hour, price: \"0.01\"}\n"
	"  - {name: tgw-attachment-hour, unit: hour, price: \"0.05\"}\n";

static int load(struct topology_fixture *w, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	int r = topology_fixture_load(w, topology, "topology", err);

	if (!r)
		r = weir_ydoc_parse(prices, strlen(prices), "prices", &d, err);
	if (!r)
		r = weir_pricebook_add(w->prices, weir_ydoc_root(d, 0), err);
	return r ? r : weir_pricebook_seal(w->prices, err);
}

TEST(which_resource_bytes_pass)
{
	static const struct {
		const char *local, *peer, *want;
		bool opened;
	} cases[] = {
		{"10.1.1.5", "203.0.113.7", "nat-a", true},  {"10.1.2.6", "203.0.113.7", "nat-b", true},
		{"10.1.1.5", "10.9.0.1", "tgw", true},	     {"10.1.1.5", "192.168.3.3", "vpn", true},
		{"10.1.1.5", "10.1.1.200", "logs", true},    {"10.1.2.6", "10.1.1.20", "web", false},
		{"10.1.1.5", "10.1.2.6", "", true},	     {"10.1.1.5", NULL, "", true},
		{"10.1.77.5", "203.0.113.7", "", true},
	};
	struct topology_fixture w = {0};
	struct weir_err err = {{0}};

	CHECK(!load(&w, &err), "%s", err.text);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases) && !*err.text; i++) {
		struct weir_traffic t = traffic_row(D, cases[i].local, cases[i].peer, WEIR_EGRESS, 1);

		t.opened = cases[i].opened;
		CHECK(!strcmp(weir_alloc_resource(w.topology, &t), cases[i].want), "%zu: %s", i, weir_alloc_resource(w.topology, &t));
	}
	topology_fixture_free(&w);
}

static int random_set(struct weir_traffic_set *s, unsigned int *seed)
{
	static const char *const locals[] = {"10.1.1.5", "10.1.2.6", "10.1.77.1"};
	static const char *const peers[] = {"203.0.113.7", "10.1.2.9", "10.9.0.1", "10.1.1.20", NULL};
	static const char *const names[] = {"web", "cart", "db"};
	int r = 0;

	for (int i = 0, n = 1 + rand_r(seed) % 30; !r && i < n; i++) {
		struct weir_traffic t = traffic_row(D, locals[rand_r(seed) % 3], peers[rand_r(seed) % 5], rand_r(seed) & 1,
						    (uint64_t)rand_r(seed) * 97);

		t.hour_s = MONTH_S + 3600u * (uint64_t)(rand_r(seed) % 9) - 4 * 3600;
		t.workload = names[rand_r(seed) % 3];
		r = weir_traffic_add(s, &t);
	}
	return r;
}

struct sums {
	int64_t nanos, hourly;
};

static int one(const struct topology_fixture *w, const struct weir_allocation *rules, unsigned int *seed, struct sums *ret,
	       int64_t *ret_total, uint64_t *ret_hours)
{
	weir_auto_traffic struct weir_traffic_set *s = NULL;
	weir_auto_replay struct weir_replay *replay = NULL;
	weir_auto_alloc struct weir_alloc *a = NULL;
	uint64_t first, last;
	int r = weir_traffic_new(&s);

	if (!r)
		r = random_set(s, seed);
	if (!r)
		r = weir_replay_run(w->topology, w->prices, s, NULL, 0, &replay);
	if (!r)
		r = weir_alloc_new(rules, WEIR_PAYER_SENDER, &a);
	if (!r)
		r = weir_alloc_replay(a, w->topology, w->prices, s, replay);
	if (!r)
		r = weir_alloc_settle(a);
	for (size_t i = 0; !r && i < weir_alloc_count(a); i++) {
		ret->nanos += weir_alloc_at(a, i)->nanos;
		ret->hourly += weir_alloc_at(a, i)->how == WEIR_ALLOC_DIRECT ? 0 : weir_alloc_at(a, i)->nanos;
	}
	if (!r) {
		weir_traffic_span(s, &first, &last);
		*ret_hours = (last - first) / 3600 + 1;
		*ret_total = weir_replay_total(replay);
	}
	return r;
}

/* Each hour at least a load balancer, an endpoint, an attachment and two gateways: 0.0225 + 0.01 + 0.05 + 2 x 0.045. */
TEST(all_of_a_replay_is_someones)
{
	int cases = getenv("WEIR_LONG") ? 20000 : 1000;
	unsigned int seed = (unsigned int)time(NULL);
	struct weir_allocation *rules = NULL;
	struct topology_fixture w = {0};
	struct weir_err err = {{0}};

	printf("# seed %u\n", seed);
	CHECK(!load(&w, &err) && !weir_allocation_new(&rules), "%s", err.text);
	for (int i = 0; i < cases && !test_st->failed; i++) {
		unsigned int before = seed;
		struct sums s = {0};
		int64_t total;
		uint64_t hours;

		CHECK(!one(&w, rules, &seed, &s, &total, &hours));
		CHECK(s.nanos == total, "case %d, seed %u: %lld of %lld", i, before, (long long)s.nanos, (long long)total);
		CHECK(s.hourly >= (int64_t)hours * 172500000 && s.hourly <= (int64_t)hours * 182500000, "%lld in %llu hours",
		      (long long)s.hourly, (unsigned long long)hours);
	}
	weir_allocation_free(rules);
	topology_fixture_free(&w);
}

TEST_MAIN(T(which_resource_bytes_pass), T(all_of_a_replay_is_someones))
