/* SPDX-License-Identifier: Apache-2.0 */
/* Which things of a topology cost by the hour, at what price. Prices are the test's own. */
#include "lib/money/resource.h"
#include "tests/lib/test.h"
#include "tests/lib/topology_fixture.h"

#define BEFORE 1780000000ull /* 2026-05-28 */
#define AFTER 1790000000ull  /* 2026-09-21 */

#define ZONES "  zones: [{id: use1-az1, region: us-east-1}, {id: use1-az2, region: us-east-1}]\n"
#define HEAD "---\napiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"

static const char text[] =
	HEAD "  domain: aws/1/vpc\n  provider: aws\n  account: \"1\"\n  valid_to: 2026-07-01\n" ZONES
	     "  prefixes: [10.1.0.0/16]\n"
	     "  nat: [{name: nat-a, zone: use1-az1}]\n"
	     "  subnets:\n"
	     "  - {name: a, cidrs: [10.1.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: \"nat:nat-a\"}]}\n"
	HEAD "  domain: aws/1/vpc\n  provider: aws\n  account: \"1\"\n  valid_from: 2026-07-01\n" ZONES
	     "  prefixes: [10.1.0.0/16]\n"
	     "  nat: [{name: nat-a, zone: use1-az1}, {name: nat-b, zone: use1-az2}]\n"
	     "  endpoints: [{name: logs, service: aws/logs}, {name: kms, service: aws/kms, zone: use1-az2},"
	     " {name: inspect, service: aws/gwlb, zone: use1-az1}]\n"
	     "  subnets:\n"
	     "  - {name: a, cidrs: [10.1.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: \"nat:nat-a\"}, {to: 10.9.0.0/16, via: tgw}]}\n"
	     "  - {name: b, cidrs: [10.1.2.0/24], zone: use1-az2, routes: [{to: 10.9.0.0/16, via: tgw}, {to: 192.168.0.0/16, via: vpn},"
	     " {to: 10.3.0.0/16, via: \"tgw:aws/1/far\"}]}\n"
	     "  load_balancers:\n"
	     "  - {name: web, kind: alb, scheme: internet-facing, owner: shop, nodes: [{subnet: a}], targets: [b]}\n"
	     "  - {name: edge, kind: nlb, scheme: internal, nodes: [{subnet: a}], targets: [b]}\n"
	HEAD "  domain: aws/1/far\n  provider: aws\n  account: \"1\"\n" ZONES "  prefixes: [10.3.0.0/16]\n"
	     "  subnets: [{name: a, cidrs: [10.3.1.0/24], zone: use1-az1}]\n"
	HEAD "  domain: gcp/p/net\n  provider: gcp\n  account: p\n  prefixes: [10.2.0.0/16]\n"
	     "  nat: [{name: nat-g}]\n"
	     "  subnets:\n"
	     "  - {name: a, cidrs: [10.2.1.0/24], region: europe-west1, routes: [{to: 0.0.0.0/0, via: \"nat:nat-g\"}]}\n"
	     "  - {name: b, cidrs: [10.2.2.0/24], region: us-east1}\n";

static const char prices[] =
	"apiVersion: weir.dev/v1alpha1\nkind: PriceBook\nmetadata: {name: p}\nspec:\n"
	"  provider: aws\n  currency: USD\n  region: us-east-1\n  source: test\n  resources:\n"
	"  - {name: nat-gateway-hour, unit: hour, price: \"0.045\"}\n"
	"  - {name: endpoint-hour, unit: hour, price: \"0.01\"}\n"
	"  - {name: alb-hour, unit: hour, price: \"0.0225\", valid_to: 2026-12-01}\n"
	"  - {name: tgw-attachment-hour, unit: hour, price: \"0.05\"}\n"
	"  - {name: vpn-connection-hour, unit: GiB, price: \"0.05\"}\n" /* counts bytes: no price of an hour */
	"---\n"
	"apiVersion: weir.dev/v1alpha1\nkind: PriceContract\nmetadata: {name: c}\nspec:\n"
	"  provider: aws\n  accounts: [\"1\"]\n  source: agreed\n  terms:\n"
	"  - {meters: [nat-gateway-hour], discount: \"10%\"}\n";

struct want {
	const char *domain, *name, *meter, *owner;
	int64_t nanos; /* of an hour of all units; -1 = no price */
	uint32_t count;
	enum weir_path path;
};

struct search {
	const struct want *want;
	size_t n, at;
	struct test_state *st;
};

static int compare(const struct weir_resource *r, void *arg)
{
	struct search *s = arg;
	struct test_state *test_st = s->st;
	const struct want *w = &s->want[s->at];
	int64_t nanos = r->meter ? weir_meter_cost(r->meter, (uint64_t)r->count * WEIR_RESOURCE_HOUR_S) : -1;

	CHECK(s->at < s->n, "one more: %s", r->name);
	if (s->at++ >= s->n)
		return 0;
	CHECK(!strcmp(w->domain, r->domain) && !strcmp(w->name, r->name) && !strcmp(w->meter, r->meter_name), "%zu: %s %s %s",
	      s->at - 1, r->domain, r->name, r->meter_name);
	CHECK(!strcmp(w->owner, r->owner) && w->count == r->count && w->path == r->path, "%s: %s %u %u", r->name, r->owner, r->count,
	      r->path);
	CHECK(w->nanos == nanos, "%s: %lld", r->name, (long long)nanos);
	return 0;
}

static int load(struct topology_fixture *w, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	int r = topology_fixture_load(w, text, "topology", err);

	if (!r)
		r = weir_ydoc_parse(prices, strlen(prices), "prices", &d, err);
	for (size_t i = 0; !r && i < weir_ydoc_count(d); i++)
		r = weir_pricebook_add(w->prices, weir_ydoc_root(d, i), err);
	return r ? r : weir_pricebook_seal(w->prices, err);
}

static const struct want before[] = {
	{"aws/1/vpc", "nat-a", "nat-gateway-hour", "", 40500000, 1, WEIR_PATH_NAT},
	{"gcp/p/net", "nat-g", "nat-gateway-hour", "", -1, 1, WEIR_PATH_NAT},
};
static const struct want after[] = {
	{"aws/1/vpc", "nat-a", "nat-gateway-hour", "", 40500000, 1, WEIR_PATH_NAT}, /* 0.045 less 10 % */
	{"aws/1/vpc", "nat-b", "nat-gateway-hour", "", 40500000, 1, WEIR_PATH_NAT},
	{"aws/1/vpc", "logs", "endpoint-hour", "", 20000000, 2, WEIR_PATH_ENDPOINT}, /* in two zones */
	{"aws/1/vpc", "kms", "endpoint-hour", "", 10000000, 1, WEIR_PATH_ENDPOINT},
	{"aws/1/vpc", "inspect", "endpoint-gwlb-hour", "", -1, 1, WEIR_PATH_ENDPOINT},
	{"aws/1/vpc", "web", "alb-hour", "shop", 22500000, 1, WEIR_PATH_LB},
	{"aws/1/vpc", "edge", "nlb-hour", "", -1, 1, WEIR_PATH_LB},
	{"aws/1/vpc", "tgw", "tgw-attachment-hour", "", 50000000, 1, WEIR_PATH_TGW}, /* once, by two subnets' routes */
	{"aws/1/vpc", "vpn", "vpn-connection-hour", "", -1, 1, WEIR_PATH_VPN},
	{"aws/1/far", "tgw", "tgw-attachment-hour", "", 50000000, 1, WEIR_PATH_TGW}, /* it has no route by it: others' lead here */
	{"gcp/p/net", "nat-g", "nat-gateway-hour", "", -1, 1, WEIR_PATH_NAT},
};

TEST(resources_of_the_version_that_holds)
{
	const struct {
		uint64_t time_s;
		const struct want *want;
		size_t n;
	} cases[] = {{BEFORE, before, WEIR_ARRAY_SIZE(before)}, {AFTER, after, WEIR_ARRAY_SIZE(after)}};
	struct topology_fixture w = {0};
	struct weir_err err = {{0}};

	CHECK(!load(&w, &err), "%s", err.text);
	for (size_t i = 0; !*err.text && i < WEIR_ARRAY_SIZE(cases); i++) {
		struct search s = {cases[i].want, cases[i].n, 0, test_st};

		CHECK(!weir_resource_each(w.topology, w.prices, cases[i].time_s, compare, &s));
		CHECK(s.at == s.n, "%zu of %zu", s.at, s.n);
	}
	topology_fixture_free(&w);
}

static int stop(const struct weir_resource *r, void *arg)
{
	(void)r;
	return ++*(int *)arg == 3 ? 77 : 0;
}

TEST(a_caller_ends_the_walk)
{
	struct topology_fixture w = {0};
	struct weir_err err = {{0}};
	int seen = 0;

	CHECK(!load(&w, &err), "%s", err.text);
	CHECK(weir_resource_each(w.topology, w.prices, AFTER, stop, &seen) == 77 && seen == 3, "%d", seen);
	topology_fixture_free(&w);
}

TEST(until_when_they_are_the_same)
{
	struct topology_fixture w = {0};
	struct weir_err err = {{0}};

	CHECK(!load(&w, &err), "%s", err.text);
	CHECK(weir_resource_until(w.topology, w.prices, BEFORE) == 1782864000, "the version begins on 2026-07-01");
	CHECK(weir_resource_until(w.topology, w.prices, 1782864000) == 1796083200, "a price ends on 2026-12-01");
	CHECK(weir_resource_until(w.topology, w.prices, 1796083200) == UINT64_MAX, "nothing more");
	topology_fixture_free(&w);
}

TEST_MAIN(T(resources_of_the_version_that_holds), T(a_caller_ends_the_walk), T(until_when_they_are_the_same))
