/* SPDX-License-Identifier: Apache-2.0 */
/* Price books beyond one list price: allowances and their pools, regions, hours, contracts, calibrated rates. */
#include "lib/money/price.h"
#include "tests/lib/test.h"

#define GIB 1073741824ULL
#define NOV 1793491200ULL /* 2026-11-01 */
#define DEC 1796083200ULL /* 2026-12-01 */

#define HEAD(kind) "---\napiVersion: weir.dev/v1alpha1\nkind: " kind "\nmetadata: {name: n}\nspec:\n  provider: aws\n"
#define BOOK(text) HEAD("PriceBook") "  currency: USD\n" text
/* Lines 1 to 30 of most texts here: two regions that share an allowance. */
#define LIST                                                                                                \
	BOOK("  groups: {us: [us-east-1, us-west-2]}\n"                                                     \
	     "  regions: [us, eu-west-1]\n  source: list\n  confidence: high\n  valid_from: 2026-01-01\n"   \
	     "  meters:\n"                                                                                  \
	     "  - name: internet-out\n    paths: [internet]\n    directions: [egress]\n    unit: GiB\n"     \
	     "    pool: organisation-region\n    free: {amount: 100GiB, pool: organisation}\n    prices:\n" \
	     "    - {regions: [us], tiers: [{from: 0GiB, price: '0.09'}, {from: 1000GiB, price: '0.08'}]}\n" \
	     "    - {regions: [eu-west-1], price: '0.1', source: other, confidence: low}\n"                 \
	     "  - {name: cross-zone, paths: [cross-zone], directions: [egress], unit: GiB, price: '0.01'}\n" \
	     "  resources:\n  - {name: nat-gateway-hour, unit: hour, price: '0.045', sku: '*NatGateway-Hours'}\n" \
	     "  - {name: grain, unit: B, price: '0.000000005'}\n")

struct world {
	struct weir_pricebook *b;
	struct weir_err err;
};

static void world_fini(struct world *w)
{
	weir_pricebook_free(w->b);
}
#define auto_world weir_cleanup(world_fini)

static int add(struct world *w, const char *text)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	int r = weir_ydoc_parse(text, strlen(text), "b.yaml", &d, &w->err);

	if (r == 0)
		r = weir_pricebook_new(&w->b);
	for (size_t i = 0; r == 0 && i < weir_ydoc_count(d); i++)
		r = weir_pricebook_add(w->b, weir_ydoc_root(d, i), &w->err);
	return r;
}

static int load(struct world *w, const char *text)
{
	int r = add(w, text);

	return r ? r : weir_pricebook_seal(w->b, &w->err);
}

static const struct weir_meter *meter(const struct world *w, const char *region, const char *name)
{
	return w->b ? weir_pricebook_find(w->b, "aws", region, name, NOV) : NULL;
}

/* What a GiB behind all tiers and allowances costs the account. */
static int64_t last_gib(const struct world *w, const char *region, const char *account, uint64_t time_s)
{
	const struct weir_meter *m = weir_meter_effective(meter(w, region, "internet-out"), account, time_s);

	return weir_meter_charge(m, 5000 * GIB, 5000 * GIB, GIB, NULL);
}

TEST(a_price_holds_where_it_says)
{
	auto_world struct world w = {0};
	const struct weir_meter *east, *eu;

	CHECK(load(&w, LIST) == 0, "%s", w.err.text);
	east = meter(&w, "us-west-2", "internet-out");
	eu = meter(&w, "eu-west-1", "internet-out");
	CHECK(east && east->tier_count == 2 && !strcmp(east->source, "list") &&
		      east->confidence == WEIR_CONFIDENCE_HIGH, "a group's");
	CHECK(eu && eu->tier_count == 1 && eu->tiers->nanos_per_unit == 100000000 && !strcmp(eu->source, "other") &&
		      eu->confidence == WEIR_CONFIDENCE_LOW, "its own");
	CHECK(meter(&w, "eu-west-1", "cross-zone") && meter(&w, "us-east-1", "cross-zone"), "of the book's regions");
	CHECK(!meter(&w, "us-east-2", "cross-zone") && !weir_pricebook_find(w.b, "aw", "us-east-1", "cross-zone", NOV) &&
		      !weir_pricebook_find(w.b, "awsx", "us-east-1", "cross-zone", NOV), "nowhere else");
	CHECK(!weir_pricebook_find(w.b, "aws", "us-east-1", "cross-zone", 1767225599) &&
		      weir_pricebook_find(w.b, "aws", "us-east-1", "cross-zone", 1767225600), "valid from 2026-01-01");
}

/* 60 GiB in one region and 60 in the other: 20 are not free, and they are in the second region's first tier. */
TEST(an_allowance_is_shared_and_tiers_are_not)
{
	auto_world struct world w = {0};
	const struct weir_meter *east, *eu;
	uint64_t is_free = 0;
	char buf[64];

	CHECK(load(&w, LIST) == 0, "%s", w.err.text);
	east = meter(&w, "us-east-1", "internet-out");
	eu = meter(&w, "eu-west-1", "internet-out");
	CHECK(!strcmp(weir_meter_pool(east, "1", buf, sizeof(buf)), "1/us-east-1"), "%s", buf);
	CHECK(!strcmp(weir_meter_free_pool(east, "1", buf, sizeof(buf)), "1/aws"), "%s", buf);
	CHECK(!strcmp(weir_meter_free_pool(eu, "1", buf, sizeof(buf)), "1/aws"), "%s", buf);
	CHECK(weir_meter_charge(east, 0, 0, 60 * GIB, &is_free) == 0 && is_free == 60 * GIB, "all free");
	CHECK(weir_meter_charge(eu, 0, 60 * GIB, 60 * GIB, &is_free) == 2000000000 && is_free == 40 * GIB, "20 x 0.1");
	CHECK(weir_meter_charge(eu, 60 * GIB, 120 * GIB, GIB, &is_free) == 100000000 && !is_free, "none is left");
	/* What is free counts in the tiers: 1,000 GiB are 900 x 0.09, and 0.08 from there. */
	CHECK(weir_meter_cost(east, 1000 * GIB) == 81000000000, "%lld", (long long)weir_meter_cost(east, 1000 * GIB));
	CHECK(weir_meter_cost(east, 1001 * GIB) == 81080000000, "%lld", (long long)weir_meter_cost(east, 1001 * GIB));
}

/* However a month comes in parts, they sum to it. */
TEST(parts_with_an_allowance_sum_to_the_month)
{
	auto_world struct world w = {0};
	unsigned int seed = (unsigned int)getpid();
	const struct weir_meter *m;
	uint64_t used = 0;
	int64_t sum = 0;

	printf("# seed %u\n", seed);
	srand(seed);
	CHECK(load(&w, LIST) == 0, "%s", w.err.text);
	m = meter(&w, "us-east-1", "internet-out");
	while (used < 1500 * GIB) {
		uint64_t more = (uint64_t)rand() * ((uint64_t)rand() % 16);

		sum += weir_meter_charge(m, used, used, more, NULL);
		used += more;
	}
	CHECK(sum == weir_meter_cost(m, used), "%lld of %lld", (long long)sum, (long long)weir_meter_cost(m, used));
}

TEST(hours_cost_by_the_second)
{
	auto_world struct world w = {0};
	const struct weir_meter *m;

	CHECK(load(&w, LIST) == 0, "%s", w.err.text);
	m = meter(&w, "us-east-1", "nat-gateway-hour");
	CHECK(m && m->by_hour && !strcmp(m->sku, "*NatGateway-Hours"), "not there");
	CHECK(weir_meter_cost(m, 730 * m->unit_bytes) == 32850000000, "a month");
	CHECK(weir_meter_cost(m, 90 * 60) == 67500000, "an hour and a half");
}

#define CONTRACT(terms)                                                                                     \
	HEAD("PriceContract") "  organisation: acme\n  accounts: ['1', '2']\n  valid_from: 2026-11-01\n"    \
			      "  valid_to: 2026-12-01\n  source: signed\n  terms:\n" terms

TEST(contracts_discount_and_fix_prices_while_they_hold)
{
	auto_world struct world w = {0};
	const struct weir_meter *m;

	CHECK(load(&w, LIST CONTRACT("  - {discount: 10%}\n"
				     "  - {meters: [internet-out], regions: [us-east-1], discount: 12.3456%}\n"
				     "  - {meters: [nat-gateway-hour], price: '0.03', confidence: high}\n")) == 0,
	      "%s", w.err.text);
	CHECK(last_gib(&w, "us-west-2", "1", NOV) == 72000000, "0.08 less 10 %%");
	CHECK(last_gib(&w, "us-east-1", "2", NOV) == 70123520, "0.08 x 0.876544: %lld",
	      (long long)last_gib(&w, "us-east-1", "2", NOV));
	CHECK(last_gib(&w, "us-west-2", "3", NOV) == 80000000, "nobody else's");
	CHECK(last_gib(&w, "us-west-2", "1", NOV - 1) == 80000000, "a second before");
	CHECK(last_gib(&w, "us-west-2", "1", DEC - 1) == 72000000, "its last second");
	CHECK(last_gib(&w, "us-west-2", "1", DEC) == 80000000, "its end");
	m = weir_meter_effective(meter(&w, "eu-west-1", "nat-gateway-hour"), "1", NOV);
	CHECK(m->layer == WEIR_PRICE_CONTRACT && weir_meter_cost(m, 3600) == 30000000 && !strcmp(m->source, "signed"),
	      "fixed");
	CHECK(m->list == meter(&w, "eu-west-1", "nat-gateway-hour"), "what it replaces");
	m = weir_meter_effective(meter(&w, "eu-west-1", "grain"), "1", NOV);
	CHECK(weir_meter_cost(m, 10) == 50, "4.5 nano-units are 5");
	/* Every tier, and the allowance stays. */
	m = weir_meter_effective(meter(&w, "us-west-2", "internet-out"), "1", NOV);
	CHECK(m->tier_count == 2 && m->free_bytes == 100 * GIB && m->tiers[0].nanos_per_unit == 81000000 &&
		      m->tiers[1].from_bytes == 1000 * GIB, "tiers");
}

TEST(an_organisation_pools_its_accounts)
{
	auto_world struct world w = {0};
	const struct weir_meter *m;
	char buf[64];

	CHECK(load(&w, LIST CONTRACT("  - {discount: 0%}\n")) == 0, "%s", w.err.text);
	m = meter(&w, "us-east-1", "internet-out");
	CHECK(!strcmp(weir_meter_pool(m, "1", buf, sizeof(buf)), "acme/us-east-1"), "%s", buf);
	CHECK(!strcmp(weir_meter_free_pool(m, "2", buf, sizeof(buf)), "acme/aws"), "%s", buf);
	CHECK(!strcmp(weir_meter_pool(m, "3", buf, sizeof(buf)), "3/us-east-1"), "%s", buf);
	m = meter(&w, "us-east-1", "cross-zone");
	CHECK(!strcmp(weir_meter_pool(m, "1", buf, sizeof(buf)), "1/us-east-1"), "%s", buf);
}

TEST(areas_are_pools_of_their_own)
{
	auto_world struct world w = {0};
	const struct weir_meter *m;
	char buf[64];

	CHECK(load(&w, BOOK("  source: s\n  resources:\n"
			    "  - {name: a, unit: GB, pool: organisation, free: {amount: 5GB}, price: '1', region: r,\n"
			    "     area: zone-1}\n")) == 0, "%s", w.err.text);
	m = meter(&w, "r", "a");
	CHECK(!strcmp(weir_meter_pool(m, "1", buf, sizeof(buf)), "1/aws/zone-1"), "%s", buf);
	CHECK(!strcmp(weir_meter_free_pool(m, "1", buf, sizeof(buf)), "1/aws/zone-1"), "the tiers' pool: %s", buf);
	CHECK(weir_meter_cost(m, 7000000000) == 2000000000, "%lld", (long long)weir_meter_cost(m, 7000000000));
}

#define CALIBRATION                                                                                         \
	HEAD("PriceCalibration") "  month: 2026-11\n  source: bill\n  rates:\n"                             \
	"  - {meter: internet-out, region: us-east-1, sku: DataTransfer-Out-Bytes, price: '0.0731'}\n"      \
	"  - {meter: internet-out, region: us-east-1, account: '2', price: '0.05', confidence: medium}\n"

TEST(a_calibrated_rate_wins_for_its_month)
{
	auto_world struct world w = {0};
	const struct weir_meter *list, *m;

	/* The order of documents says nothing. */
	CHECK(load(&w, CALIBRATION CONTRACT("  - {discount: 10%}\n") LIST) == 0, "%s", w.err.text);
	CHECK(last_gib(&w, "us-east-1", "1", NOV) == 73100000, "over the contract");
	CHECK(last_gib(&w, "us-east-1", "9", NOV) == 73100000, "over the list");
	CHECK(last_gib(&w, "us-east-1", "2", NOV) == 50000000, "an account's own");
	CHECK(last_gib(&w, "us-east-1", "1", NOV - 1) == 80000000, "the month before");
	CHECK(last_gib(&w, "us-east-1", "1", DEC - 1) == 73100000, "its last second");
	CHECK(last_gib(&w, "us-east-1", "1", DEC) == 80000000, "the month after");
	CHECK(last_gib(&w, "us-west-2", "1", NOV) == 72000000, "the other region");
	list = meter(&w, "us-east-1", "internet-out");
	m = weir_meter_effective(list, "1", NOV);
	CHECK(m->layer == WEIR_PRICE_CALIBRATED && !m->free_bytes && m->tier_count == 1 &&
		      !strcmp(m->sku, "DataTransfer-Out-Bytes"), "the allowance is in it");
	m = weir_meter_layer(list, WEIR_PRICE_CONTRACT, "1", NOV);
	CHECK(m && m->layer == WEIR_PRICE_CONTRACT && m->tiers[1].nanos_per_unit == 72000000, "the contract is known");
	CHECK(!weir_meter_layer(list, WEIR_PRICE_CONTRACT, "9", NOV), "of others there is none");
	CHECK(weir_meter_layer(m, WEIR_PRICE_LIST, "1", NOV) == list, "and the list");
}

/* What the ledger takes is what the account pays. */
TEST(meters_of_a_route_are_the_accounts)
{
	static const struct weir_subnet local = {
		.domain = "aws/1/v", .name = "s", .region = "us-east-1", .zone = "z", .account = "1"};
	static const struct weir_route route = {.path = WEIR_PATH_INTERNET, .service = "", .region = "", .zone = "",
						.peer_domain = "", .local = &local};
	const struct weir_meter *m[WEIR_MAX_METERS];
	auto_world struct world w = {0};

	CHECK(load(&w, LIST CONTRACT("  - {discount: 50%}\n")) == 0, "%s", w.err.text);
	CHECK(weir_pricebook_meters(w.b, &route, 1, NOV, m) == 1 && m[0]->layer == WEIR_PRICE_CONTRACT &&
		      m[0]->tiers[0].nanos_per_unit == 45000000, "the contract's");
	CHECK(weir_pricebook_meters(w.b, &route, 1, DEC, m) == 1 && m[0]->layer == WEIR_PRICE_LIST, "the list's");
}

TEST(refusals_name_their_place)
{
	static const char *const rows[][2] = {
		{BOOK("  region: r\n  meters:\n  - {name: a, paths: [nat], directions: [egress], unit: GiB, price: '1'}\n"),
		 "b.yaml:10:5 spec.meters[0]: needs a source: where the price stands"},
		{BOOK("  source: s\n  resources:\n  - {name: a, unit: hour, price: '1'}\n"),
		 "b.yaml:10:5 spec.resources[0]: needs region or regions, here or above"},
		{BOOK("  source: s\n  region: r\n"), "b.yaml:6:3 spec: needs meters or resources"},
		{BOOK("  source: s\n  region: r\n  resources:\n  - {name: a, unit: hour, price: '1', colour: red}\n"),
		 "b.yaml:11:39 spec.resources[0]: unknown field 'colour'; known: name, region, regions, source"},
		{BOOK("  source: s\n  region: r\n  resources:\n  - {name: a, unit: GiB, price: '1', tiers: []}\n"),
		 "b.yaml:11:33 spec.resources[0].price: price or tiers, not both"},
		{BOOK("  source: s\n  region: r\n  resources:\n  - {name: a, unit: hour, tiers: [{from: 0B, price: '1'}]}\n"),
		 "b.yaml:11:34 spec.resources[0].tiers: what costs by the hour has one price, no tiers"},
		{BOOK("  source: s\n  region: r\n  meters:\n"
		      "  - {name: a, paths: [nat], directions: [egress], unit: hour, price: '1'}\n"),
		 "b.yaml:11:57 spec.meters[0].unit: a path's meter counts bytes; what costs by the hour stands in resources"},
		{BOOK("  source: s\n  region: r\n  resources:\n"
		      "  - {name: a, unit: GiB, pool: organisation, free: {amount: 1GiB, pool: account}, price: '1'}\n"),
		 "b.yaml:11:52 spec.resources[0].free: the tiers are an organisation's, so must the allowance be"},
		{LIST CONTRACT("  - {discount: 10%, price: '1'}\n"), ".terms[0]: needs a discount or a price, and not both"},
		{LIST CONTRACT("  - {price: '1'}\n"), ".terms[0].price: a price is of meters: name them"},
		{LIST CONTRACT("  - {discount: 100.1%}\n"), ": '100.1%' is no discount such as 22.5%, from 0% to 100%"},
		{LIST CONTRACT("  - {discount: '10'}\n"), ": '10' is no discount such as 22.5%, from 0% to 100%"},
		{LIST CONTRACT("  - {discount: 1.23456%}\n"), ": '1.23456%' is no discount such as 22.5%, from 0% to 100%"},
		{LIST CONTRACT("  - {discount: 9%, meters: [internet-oud]}\n"), ": no price book of aws has 'internet-oud'"},
		{LIST CONTRACT("  - {discount: 9%, regions: [us]}\n"), ": no price book of aws has 'us'"},
		{LIST CONTRACT("  - {discount: 9%}\n  - {discount: 8%}\n"), " prices the same as "},
		{LIST HEAD("PriceCalibration") "  month: 2026-13\n  source: s\n  rates: []\n",
		 ".month: '2026-13' is no month such as 2026-10"},
		{LIST HEAD("PriceCalibration") "  month: 2026-1\n  source: s\n  rates: []\n",
		 ".month: '2026-1' is no month such as 2026-10"},
		{LIST CALIBRATION CALIBRATION, " prices the same as "},
		{LIST CONTRACT("  - {discount: 9%}\n") HEAD("PriceContract")
		 "  organisation: other\n  accounts: ['2']\n  source: s\n  terms: []\n",
		 ".organisation: account 2 is in organisation 'acme' too"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		auto_world struct world w = {0};
		int r = load(&w, rows[i][0]);

		CHECK(r == -EINVAL && !strncmp(w.err.text, "b.yaml:", 7), "row %zu gave %d: %s", i, r, w.err.text);
		CHECK(strstr(w.err.text, rows[i][1]), "row %zu: got '%s'", i, w.err.text);
	}
}

struct said {
	size_t count[2];
	char last[2][256];
};

static void say(enum weir_problem kind, const char *line, void *arg)
{
	struct said *s = arg;

	s->count[kind]++;
	(void)weir_strcpy(s->last[kind], sizeof(s->last[kind]), line);
}

TEST(a_check_tells_everything)
{
	auto_world struct world w = {0}, touching = {0};
	struct said said = {0}, none = {0};

	CHECK(add(&w, BOOK("  source: s\n  region: r\n  resources:\n"
			   "  - {name: a, unit: hour, price: '1', valid_to: 2026-01-01}\n"
			   "  - {name: a, unit: hour, price: '2', valid_from: 2026-01-03}\n"
			   "  - {name: b, unit: hour, price: '1', valid_to: 2026-01-02}\n"
			   "  - {name: b, unit: hour, price: '2', valid_from: 2026-01-01}\n"
			   "  - {name: c, unit: hour, price: '1'}\n  - {name: c, unit: hour, price: '1'}\n")) == 0,
	      "%s", w.err.text);
	CHECK(weir_pricebook_check(w.b, say, &said) == -EINVAL, "accepted");
	CHECK(said.count[WEIR_PROBLEM_ERROR] == 2 && said.count[WEIR_PROBLEM_WARNING] == 1, "%zu, %zu",
	      said.count[WEIR_PROBLEM_ERROR], said.count[WEIR_PROBLEM_WARNING]);
	CHECK(!strcmp(said.last[WEIR_PROBLEM_ERROR],
		      "b.yaml:16:1 spec.resources: meter 'c' has two prices at the same time in r"), "%s",
	      said.last[WEIR_PROBLEM_ERROR]);
	CHECK(!strcmp(said.last[WEIR_PROBLEM_WARNING],
		      "b.yaml:12:1 spec.resources: meter 'a' of r has no price for 2 days before this one"), "%s",
	      said.last[WEIR_PROBLEM_WARNING]);
	CHECK(load(&touching, BOOK("  source: s\n  region: r\n  resources:\n"
				   "  - {name: a, unit: hour, price: '1', valid_to: 2026-01-01}\n"
				   "  - {name: a, unit: hour, price: '2', valid_from: 2026-01-01}\n")) == 0,
	      "%s", touching.err.text);
	CHECK(weir_pricebook_check(touching.b, say, &none) == 0 && !none.count[WEIR_PROBLEM_WARNING], "%s",
	      none.last[WEIR_PROBLEM_WARNING]);
}

TEST_MAIN(T(a_price_holds_where_it_says), T(an_allowance_is_shared_and_tiers_are_not),
	  T(parts_with_an_allowance_sum_to_the_month), T(hours_cost_by_the_second),
	  T(contracts_discount_and_fix_prices_while_they_hold), T(an_organisation_pools_its_accounts),
	  T(areas_are_pools_of_their_own), T(a_calibrated_rate_wins_for_its_month), T(meters_of_a_route_are_the_accounts),
	  T(refusals_name_their_place), T(a_check_tells_everything))
