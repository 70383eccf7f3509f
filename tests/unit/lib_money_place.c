/* SPDX-License-Identifier: Apache-2.0 */
/* Where a charge of the ledger was: by its pool, then by its node's subnet. */
#include "lib/money/place.h"
#include "tests/lib/test.h"

static const char topology[] =
	"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n  domain: aws/vpc\n  provider: aws\n"
	"  account: \"111111111111\"\n"
	"  zones: [{id: use1-az1, region: us-east-1}, {id: euw1-az1, region: eu-west-1}, {id: usw2-az1, region: us-west-2}]\n"
	"  prefixes: [10.1.0.0/16]\n  subnets:\n"
	"  - {name: east, cidrs: [10.1.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
	"  - {name: eu, cidrs: [10.1.2.0/24], zone: euw1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
	"  - {name: west, cidrs: [10.1.3.0/24], zone: usw2-az1, routes: [{to: 0.0.0.0/0, via: igw}]}\n";
static const char prices[] =
	"apiVersion: weir.dev/v1alpha1\nkind: PriceBook\nmetadata: {name: p}\nspec:\n  provider: aws\n  currency: USD\n  source: list\n"
	"  regions: [us-east-1, eu-west-1]\n  meters:\n"
	"  - {name: cross-zone, paths: [cross-zone], directions: [egress], unit: GiB, price: '0.01'}\n"
	"  - {name: internet-out, paths: [internet], directions: [egress], unit: GiB, pool: account, price: '0.09'}\n";

struct world {
	struct weir_topology *t;
	struct weir_pricebook *b;
};

static void world_fini(struct world *w)
{
	weir_topology_free(w->t);
	weir_pricebook_free(w->b);
}

static int world_new(struct world *w, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *t = NULL, *p = NULL;
	int r = weir_topology_new(&w->t);

	r = r ? r : weir_pricebook_new(&w->b);
	r = r ? r : weir_ydoc_parse(topology, strlen(topology), "t", &t, err);
	r = r ? r : weir_topology_add(w->t, weir_ydoc_root(t, 0), err);
	r = r ? r : weir_topology_seal(w->t, err);
	r = r ? r : weir_ydoc_parse(prices, strlen(prices), "p", &p, err);
	r = r ? r : weir_pricebook_add(w->b, weir_ydoc_root(p, 0), err);
	return r ? r : weir_pricebook_seal(w->b, err);
}

TEST(place_is_where_the_pool_is)
{
	static const struct {
		const char *class, *meter, *pool, *region; /* region NULL: nowhere */
	} cases[] = {
		/* The pool says the region, whatever the node's subnet. */
		{"aws/vpc/east", "cross-zone", "111111111111/eu-west-1", "eu-west-1"},
		{"", "cross-zone", "111111111111/us-east-1", "us-east-1"},
		/* A pool over all regions does not: then the node's subnet, or the first. */
		{"aws/vpc/eu", "internet-out", "111111111111/aws", "eu-west-1"},
		{"", "internet-out", "111111111111/aws", "us-east-1"},
		/* The pool of other books: where the meter is at all. */
		{"aws/vpc/eu", "cross-zone", "acme/eu-west-1", "eu-west-1"},
		{"aws/vpc/west", "cross-zone", "acme/us-west-2", "us-east-1"},
		{"aws/vpc/east", "moon-out", "111111111111/us-east-1", NULL},
	};
	weir_cleanup(world_fini) struct world w = {0};
	struct weir_err err = {0};

	CHECK(!world_new(&w, &err), "%s", err.text);
	for (size_t i = 0; !*err.text && i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_place p = {"", ""};
		int r = weir_place_find(w.t, w.b, "aws/vpc", cases[i].class, cases[i].meter, cases[i].pool, 1793491200, &p);

		CHECK(cases[i].region ? !r && !strcmp(p.region, cases[i].region) && !strcmp(p.account, "111111111111") : r == -ENOENT,
		      "case %zu: %d, %s", i, r, p.region);
	}
}

TEST(place_of_another_domain_is_none)
{
	weir_cleanup(world_fini) struct world w = {0};
	struct weir_place p = {"", ""};
	struct weir_err err = {0};

	CHECK(!world_new(&w, &err), "%s", err.text);
	CHECK(weir_place_find(w.t, w.b, "aws/other", "", "cross-zone", "111111111111/us-east-1", 1793491200, &p) == -ENOENT, "%s",
	      p.region);
}

TEST_MAIN(T(place_is_where_the_pool_is), T(place_of_another_domain_is_none))
