/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shipped price book and topology against sums by hand. Prices are typed here from AWS's list
 * for us-east-1, USD per GiB: internet out 0 (100 GiB), 0.09, 0.085 from 10,240; cross-zone 0.01
 * each side; NAT processing 0.045; inter-region 0.02.
 */
#include "lib/money/price.h"
#include "tests/lib/test.h"

#define GIB 1073741824ULL
#define NOW 1793491200ULL /* 2026-11-01 */
#define EAST "aws/111111111111/vpc-east"
#define WEST "aws/222222222222/vpc-west"

struct world {
	struct weir_topology *t;
	struct weir_pricebook *b;
	struct weir_err err;
};

static void world_fini(struct world *w)
{
	weir_topology_free(w->t);
	weir_pricebook_free(w->b);
}
#define auto_world weir_cleanup(world_fini)

static int load(struct world *w, const char *path, bool book)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	int r = weir_ydoc_load(path, &d, &w->err);

	for (size_t i = 0; r == 0 && i < weir_ydoc_count(d); i++)
		r = book ? weir_pricebook_add(w->b, weir_ydoc_root(d, i), &w->err)
			 : weir_topology_add(w->t, weir_ydoc_root(d, i), &w->err);
	return r;
}

/* What ships in policies/; tests run from the root of the repository. */
static int world_load(struct world *w)
{
	int r = weir_topology_new(&w->t);

	if (r == 0)
		r = weir_pricebook_new(&w->b);
	if (r == 0)
		r = load(w, "policies/topology/vpc-west.yaml", false);
	if (r == 0)
		r = load(w, "policies/topology/vpc-east.yaml", false);
	if (r == 0)
		r = load(w, "policies/topology/aws-services.yaml", false);
	if (r == 0)
		r = load(w, "policies/prices/aws-us-east-1.yaml", true);
	if (r == 0)
		r = weir_topology_seal(w->t, &w->err);
	return r < 0 ? r : weir_pricebook_seal(w->b, &w->err);
}

static int meters(const struct world *w, const char *domain, const char *local, const char *peer,
		  unsigned int dir, const struct weir_meter **ret)
{
	struct weir_addr l, p;
	struct weir_route r;

	if (weir_addr_parse(local, &l) < 0 || weir_addr_parse(peer, &p) < 0)
		abort();
	weir_topology_route(w->t, domain, &l, &p, &r);
	return weir_pricebook_meters(w->b, &r, dir, NOW, ret);
}

TEST(meters_of_a_path)
{
	static const struct {
		const char *domain, *local, *peer;
		unsigned int dir;
		const char *want; /* names, blank-separated; "" = unpriced */
	} rows[] = {
		{EAST, "10.7.1.11", "10.7.1.12", 1, "local "},
		{EAST, "10.7.1.11", "10.7.2.11", 1, "cross-zone "},
		{EAST, "10.7.2.11", "10.7.1.11", 0, "cross-zone "},
		{EAST, "fd07:1:1::11", "fd07:1:2::11", 1, "cross-zone "},
		{EAST, "10.7.1.11", "198.18.0.10", 1, "nat-processing internet-out "},
		{EAST, "10.7.1.11", "198.18.0.10", 0, "nat-processing internet-in "},
		{EAST, "10.7.2.11", "198.18.0.10", 1, "nat-processing cross-zone internet-out "},
		{EAST, "10.7.2.11", "198.18.0.10", 0, "nat-processing cross-zone internet-in "},
		{EAST, "fd07:1:1::11", "2001:db8:99::10", 1, "internet-out "},
		{WEST, "10.7.1.11", "198.18.0.10", 1, "internet-out "},
		{WEST, "10.7.1.11", "198.18.0.10", 0, "internet-in "},
		{WEST, "10.7.1.11", "52.216.0.9", 1, "service-same-region "},
		{EAST, "10.7.1.11", "52.216.0.9", 1, "nat-processing service-same-region "},
		{WEST, "10.7.1.11", "10.7.2.11", 1, ""}, /* held, but in no subnet */
		{WEST, "10.9.0.1", "198.18.0.10", 1, ""},
	};
	auto_world struct world w = {0};

	if (world_load(&w) < 0) {
		CHECK(false, "%s", w.err.text);
		return;
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		const struct weir_meter *m[WEIR_MAX_METERS];
		char names[200] = "";
		int n = meters(&w, rows[i].domain, rows[i].local, rows[i].peer, rows[i].dir, m);

		for (int k = 0; k < n; k++) {
			strcat(names, m[k]->name);
			strcat(names, " ");
		}
		CHECK(!strcmp(names, rows[i].want), "row %zu: '%s', want '%s'", i, names,
		      rows[i].want);
		CHECK(n != 0 && (n > 0 || n == -ENOENT), "row %zu: %d", i, n);
	}
}

/* Each path of the enumeration with a made-up route, since the example has not all of them. */
TEST(paths_with_conditions)
{
	static const struct weir_subnet local = {.domain = EAST,
						 .name = "s",
						 .region = "us-east-1",
						 .zone = "use1-az1",
						 .account = "1"};
	static const struct {
		enum weir_path path;
		const char *region, *zone;
		unsigned int dir;
		int n;
		int64_t nanos_per_gib;
	} rows[] = {
		{WEIR_PATH_PEERING, "us-east-1", "use1-az1", 1, 1, 0},
		{WEIR_PATH_PEERING, "us-east-1", "use1-az2", 1, 1, 10000000},
		{WEIR_PATH_PEERING, "us-east-1", "use1-az2", 0, 1, 10000000},
		{WEIR_PATH_PEERING, "us-west-2", "usw2-az1", 1, 1, 20000000},
		{WEIR_PATH_PEERING, "us-west-2", "usw2-az1", 0, 1, 0},
		{WEIR_PATH_PEERING, "", "", 1, -ENOENT, 0},
		{WEIR_PATH_CROSS_REGION, "us-west-2", "usw2-az1", 1, 1, 20000000},
		{WEIR_PATH_CROSS_REGION, "us-east-2", "use2-az1", 1, 1, 10000000},
		{WEIR_PATH_CROSS_REGION, "us-east-2", "use2-az1", 0, 1, 0},
		{WEIR_PATH_TGW, "", "", 1, 1, 20000000},
		{WEIR_PATH_TGW, "us-east-2", "use2-az1", 1, 2, 30000000},
		{WEIR_PATH_TGW, "", "", 0, 1, 0},
		{WEIR_PATH_ENDPOINT, "us-east-1", "", 1, 1, 10000000},
		{WEIR_PATH_GATEWAY_ENDPOINT, "us-east-1", "", 1, 1, 0},
		{WEIR_PATH_UNKNOWN, "", "", 1, -ENOENT, 0},
		{WEIR_PATH_CDN, "", "", 1, 1, 0},
		{WEIR_PATH_ONPREM, "", "", 1, -ENOENT, 0},
	};
	auto_world struct world w = {0};

	if (world_load(&w) < 0) {
		CHECK(false, "%s", w.err.text);
		return;
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		struct weir_route r = {.path = rows[i].path,
				       .service = "",
				       .region = rows[i].region,
				       .zone = rows[i].zone,
				       .peer_domain = "",
				       .local = &local};
		const struct weir_meter *m[WEIR_MAX_METERS];
		int n = weir_pricebook_meters(w.b, &r, rows[i].dir, NOW, m);
		int64_t sum = 0;

		for (int k = 0; k < n; k++)
			sum += weir_meter_cost(m[k], GIB);
		CHECK(n == rows[i].n, "row %zu: %d meters", i, n);
		CHECK(sum == rows[i].nanos_per_gib, "row %zu: %lld", i, (long long)sum);
	}
}

TEST(internet_out_over_free_tier_and_tier_edge)
{
	static const struct {
		uint64_t bytes;
		int64_t nanos;
	} rows[] = {
		{0, 0},
		{100 * GIB, 0},
		{100 * GIB + 11, 0}, /* 11 x 90,000,000 / 2^30 = 0.9220: down */
		{100 * GIB + 12, 1}, /* 12 x 90,000,000 / 2^30 = 1.0058 */
		{101 * GIB, 90000000},
		{10240 * GIB, 912600000000}, /* 10,140 x 0.09 */
		{10241 * GIB, 912685000000}, /* + 0.085 */
		{10240 * GIB + GIB / 2, 912642500000},
		{51200 * GIB, 4394200000000},	/* 912.6 + 40,960 x 0.085 */
		{153600 * GIB, 11562200000000}, /* + 102,400 x 0.07 */
		{153601 * GIB, 11562250000000}, /* + 0.05 */
	};
	const struct weir_meter *m[WEIR_MAX_METERS];
	auto_world struct world w = {0};

	if (world_load(&w) < 0 || meters(&w, WEST, "10.7.1.11", "198.18.0.10", 1, m) != 1) {
		CHECK(false, "%s", w.err.text);
		return;
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		int64_t got = weir_meter_cost(m[0], rows[i].bytes);

		CHECK(got == rows[i].nanos, "row %zu: %lld, want %lld", i, (long long)got,
		      (long long)rows[i].nanos);
	}
}

/* 3 GiB from east-b through the NAT gateway of the other zone, behind the free tier:
 * 3 x (0.045 + 0.01 + 0.09) = 0.435 USD. */
TEST(nat_path_sums_its_meters)
{
	const struct weir_meter *m[WEIR_MAX_METERS];
	auto_world struct world w = {0};
	int64_t sum = 0;
	int n;

	if (world_load(&w) < 0) {
		CHECK(false, "%s", w.err.text);
		return;
	}
	n = meters(&w, EAST, "10.7.2.11", "198.18.0.10", 1, m);
	for (int i = 0; i < n; i++)
		sum += weir_meter_cost(m[i], 103 * GIB) - weir_meter_cost(m[i], 100 * GIB);
	CHECK(sum == 435000000, "%lld", (long long)sum);
}

TEST(parts_of_a_month_sum_to_the_month)
{
	const struct weir_meter *m[WEIR_MAX_METERS];
	auto_world struct world w = {0};
	unsigned int seed = (unsigned int)getpid();
	int64_t sum = 0;
	uint64_t used = 0;

	printf("# seed %u\n", seed);
	srand(seed);
	if (world_load(&w) < 0 || meters(&w, WEST, "10.7.1.11", "198.18.0.10", 1, m) != 1) {
		CHECK(false, "%s", w.err.text);
		return;
	}
	while (used < 60000 * GIB) {
		uint64_t more = (uint64_t)rand() * ((uint64_t)rand() % 4096);
		int64_t before = weir_meter_cost(m[0], used),
			after = weir_meter_cost(m[0], used + more);

		CHECK(after >= before, "cost falls at %llu", (unsigned long long)used);
		sum += after - before;
		used += more;
	}
	CHECK(sum == weir_meter_cost(m[0], used), "%lld of %lld", (long long)sum,
	      (long long)weir_meter_cost(m[0], used));
}

TEST(pools)
{
	const struct weir_meter *m[WEIR_MAX_METERS];
	auto_world struct world w = {0};
	char buf[64];

	if (world_load(&w) < 0 || meters(&w, EAST, "10.7.1.11", "198.18.0.10", 1, m) != 2) {
		CHECK(false, "%s", w.err.text);
		return;
	}
	CHECK(!strcmp(weir_meter_pool(m[0], "1", buf, sizeof(buf)), "1/us-east-1"), "%s", buf);
	CHECK(!strcmp(weir_meter_pool(m[1], "1", buf, sizeof(buf)), "1/us-east-1"), "%s", buf);
	/* What is free is so over all regions. */
	CHECK(!strcmp(weir_meter_free_pool(m[1], "1", buf, sizeof(buf)), "1/aws"), "%s", buf);
	CHECK(!strcmp(weir_pricebook_currency(w.b), "USD"), "%s", weir_pricebook_currency(w.b));
}

#define BOOK(meters)                                                                               \
	"apiVersion: weir.dev/v1alpha1\nkind: PriceBook\nmetadata: {name: b}\nspec:\n"             \
	"  provider: aws\n  currency: USD\n  region: us-east-1\n  meters:\n" meters
#define METER(name, tiers, rest)                                                                   \
	"  - {name: " name ", paths: [internet], directions: [egress], unit: GiB, source: x,\n"    \
	"     tiers: " tiers rest "}\n"
#define FLAT "[{from: 0GiB, price: '1'}]"

static int load_book(struct world *w, const char *text)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	int r = weir_ydoc_parse(text, strlen(text), "b.yaml", &d, &w->err);

	if (r == 0)
		r = weir_pricebook_new(&w->b);
	if (r == 0)
		r = weir_pricebook_add(w->b, weir_ydoc_root(d, 0), &w->err);
	return r < 0 ? r : weir_pricebook_seal(w->b, &w->err);
}

TEST(validity_and_missing_prices)
{
	static const struct weir_subnet local = {
		.domain = EAST, .name = "s", .region = "us-east-1", .zone = "z", .account = "1"};
	struct weir_route r = {.path = WEIR_PATH_INTERNET,
			       .service = "",
			       .region = "",
			       .zone = "",
			       .peer_domain = "",
			       .local = &local};
	const struct weir_meter *m[WEIR_MAX_METERS];
	auto_world struct world w = {0};

	CHECK(load_book(&w, BOOK(METER("a", FLAT, ", valid_to: 2026-11-01")
					 METER("b", FLAT, ", valid_from: 2026-11-01"))) == 0,
	      "%s", w.err.text);
	CHECK(weir_pricebook_meters(w.b, &r, 1, NOW - 1, m) == 1 && !strcmp(m[0]->name, "a"),
	      "before");
	CHECK(weir_pricebook_meters(w.b, &r, 1, NOW, m) == 1 && !strcmp(m[0]->name, "b"), "after");
	CHECK(weir_pricebook_meters(w.b, &r, 0, NOW, m) == -ENOENT, "ingress has no price");
	r.path = WEIR_PATH_NAT;
	CHECK(weir_pricebook_meters(w.b, &r, 1, NOW, m) == -ENOENT, "nat has no price");
}

TEST(book_refusals_name_their_place)
{
	static const char *const rows[][2] = {
		{BOOK(METER("a", "[{from: 1GiB, price: '1'}]", "")),
		 "b.yaml:10:21 spec.meters[0].tiers[0].from: the first tier begins at 0GiB"},
		{BOOK(METER("a", "[{from: 0GiB, price: '1'}, {from: 0GiB, price: '2'}]", "")),
		 "b.yaml:10:47 spec.meters[0].tiers[1].from: tiers must ascend"},
		{BOOK(METER("a", "[{from: 0GiB, price: '-1'}]", "")),
		 "b.yaml:10:34 spec.meters[0].tiers[0].price: a price lies between 0 and 1000"},
		{BOOK(METER("a", "[]", "")),
		 "b.yaml:10:13 spec.meters[0].tiers: 1 to 32 tiers are needed"},
		{BOOK(METER("a", FLAT, ", when: [sunny]")),
		 "b.yaml:10:48 spec.meters[0].when[0]: 'sunny' is none of public, service, "
		 "same-region, "
		 "other-region, same-zone, other-zone, target, client, internet-facing, internal, alb, nlb, "
		 "clb, azure-lb, gcp-lb"},
		{BOOK(METER("a", FLAT, ", valid_from: 2026-02-30")),
		 "b.yaml:10:53 spec.meters[0].valid_from: '2026-02-30' is no time such as "
		 "2026-11-01 or "
		 "2026-11-01T00:00:00Z"},
		{BOOK(METER("a", FLAT, "") METER("b", FLAT, "")),
		 "b.yaml:11:1 spec.meters: meters 'a' and 'b' price the same bytes"},
		{BOOK(METER("a", FLAT, "")
			      METER("a", "[{from: 0GiB, price: '2'}]", ", when: [public]")),
		 "b.yaml:11:1 spec.meters: meter 'a' stands twice with different unit, pool or "
		 "tiers"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		auto_world struct world w = {0};
		int r = load_book(&w, rows[i][0]);

		CHECK(r == -EINVAL, "row %zu gave %d", i, r);
		CHECK(!strcmp(w.err.text, rows[i][1]), "got  '%s'\n# want '%s'", w.err.text,
		      rows[i][1]);
	}
}

TEST_MAIN(T(meters_of_a_path), T(paths_with_conditions),
	  T(internet_out_over_free_tier_and_tier_edge), T(nat_path_sums_its_meters),
	  T(parts_of_a_month_sum_to_the_month), T(pools), T(validity_and_missing_prices),
	  T(book_refusals_name_their_place))
