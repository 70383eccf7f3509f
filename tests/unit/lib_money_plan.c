/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plans cost, against calculations by hand with the prices of policies/prices/aws-us-east-1.yaml: NAT 0.045 a GiB and an
 * hour, between zones 0.01, out to the internet 0.09 behind 100 GiB, transit gateway 0.02 for who sends and 0.05 an
 * attachment and hour, interface endpoint 0.01 a GiB and hour and zone. A month is 730 hours.
 */
#include "lib/money/plan.h"
#include "lib/money/plan_impl.h"
#include "tests/lib/plan_fixture.h"
#include "tests/lib/test.h"
#include "tests/lib/topology_fixture.h"
#include "tests/lib/traffic_fixture.h"

#define CENTS(n) ((n) * 10000000ll)
#define OTHERS CENTS(3285) /* the NAT gateway of the network of policies/topology, which no plan here changes */

struct world {
	struct plan_files files;
	struct weir_topology *before, *after;
	struct weir_pricebook *prices;
	struct weir_traffic_set *set;
	struct weir_plan_cost *cost;
	const char *others[3];
	char notes[4096];
};

static void on_note(const char *line, void *arg)
{
	struct world *w = arg;
	size_t used = strlen(w->notes);

	snprintf(w->notes + used, sizeof(w->notes) - used, "%s\n", line);
}

static void world_with(struct test_state *test_st, struct world *w, const char *plan, const char *one, const char *other)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	struct weir_err err = {0};
	int r;

	*w = (struct world){.others = {one, other}};
	plan_files_new(&w->files, plan);
	r = weir_plan_networks(w->files.plan, w->others, "policies", on_note, w, &w->before, &w->after, &err);
	r = r ? r : weir_pricebook_new(&w->prices);
	r = r ? r : weir_ydoc_load("policies/prices/aws-us-east-1.yaml", &d, &err);
	for (size_t i = 0; !r && i < weir_ydoc_count(d); i++)
		r = weir_pricebook_add(w->prices, weir_ydoc_root(d, i), &err);
	r = r ? r : weir_pricebook_seal(w->prices, &err);
	CHECK(!r && !weir_traffic_new(&w->set), "%s", err.text);
}

static void world_new(struct test_state *test_st, struct world *w, const char *plan)
{
	world_with(test_st, w, plan, NULL, NULL);
}

static void world_fini(struct world *w)
{
	weir_plan_cost_free(w->cost);
	weir_traffic_free(w->set);
	weir_topology_free(w->before);
	weir_topology_free(w->after);
	weir_pricebook_free(w->prices);
	plan_files_fini(&w->files);
}
#define auto_world weir_cleanup(world_fini) struct world

/* So many bytes in each of the hours. */
static void flow(struct world *w, const char *domain, const char *local, const char *peer, int dir, uint64_t bytes, unsigned int from,
		 unsigned int hours, const char *team)
{
	for (unsigned int i = 0; i < hours; i++) {
		struct weir_traffic t = traffic_row(domain, local, peer, dir, bytes);

		t.hour_s += 3600ull * (from + i);
		t.team = team;
		weir_traffic_add(w->set, &t);
	}
}

static void price(struct test_state *test_st, struct world *w)
{
	int r = w->before && w->after ? weir_plan_cost(w->before, w->after, w->prices, w->set, &w->cost) : -EINVAL;

	CHECK(!r, "%s", strerror(-r));
	if (!w->cost) /* the checks that follow read it */
		exit(1);
}

static const struct weir_plan_line *line(const struct weir_plan_line *lines, size_t n, const char *key)
{
	static const struct weir_plan_line none;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(lines[i].key, key))
			return &lines[i];
	return &none;
}
#define PATH(w, key) line((w)->cost->paths, (w)->cost->path_count, key)
#define TEAM(w, key) line((w)->cost->teams, (w)->cost->team_count, key)

/* Two days from the second zone: a GiB an hour to the internet, two to S3. */
static void private_traffic(struct world *w)
{
	flow(w, PLAN_DOMAIN, "10.0.4.5", "203.0.113.7", WEIR_EGRESS, GIB, 0, 48, "shop");
	flow(w, PLAN_DOMAIN, "10.0.4.6", "52.216.0.9", WEIR_EGRESS, 2 * GIB, 0, 48, "data");
}

/*
 * A month: 730 GiB to the internet, 1,460 to S3, through NAT in the other zone. Before: 2,190 x (0.045 + 0.01) = 120.45,
 * 630 x 0.09 = 56.70, the gateway 32.85, attachments 73.00. After: S3 by the endpoint, 1,460 x 0.055 = 80.30 less.
 */
TEST(a_gateway_endpoint)
{
	auto_world w;

	world_new(test_st, &w, PLAN_GATEWAY_ENDPOINT);
	private_traffic(&w);
	price(test_st, &w);
	CHECK(w.cost->total.before == CENTS(28300) + OTHERS && w.cost->total.after == CENTS(28300 - 8030) + OTHERS, "%lld to %lld",
	      (long long)w.cost->total.before, (long long)w.cost->total.after);
	CHECK(PATH(&w, "nat")->before - PATH(&w, "nat")->after == CENTS(8030), "by path");
	CHECK(PATH(&w, "gateway-endpoint")->after == 0 && PATH(&w, "tgw")->before == CENTS(7300), "other paths");
	CHECK(TEAM(&w, "data")->before == CENTS(8030) && TEAM(&w, "data")->after == 0, "who gains: %lld", (long long)TEAM(&w, "data")->before);
	CHECK(TEAM(&w, "shop")->before == TEAM(&w, "shop")->after && TEAM(&w, WEIR_PLAN_SHARED)->before == CENTS(3285 + 7300) + OTHERS,
	      "who does not");
	CHECK(w.cost->resource_count == 0 && w.cost->hours == 48 && w.cost->days == 2 && w.cost->rows_here == w.cost->rows, "the rest");
	CHECK(w.cost->total.interval && w.cost->total.low == w.cost->total.high && w.cost->total.low == CENTS(-8030),
	      "equal days leave no doubt: %lld", (long long)w.cost->total.low);
}

/* Another gateway 32.85; 2,190 GiB less between zones, 21.90. */
TEST(a_nat_gateway_in_each_zone)
{
	auto_world w;

	world_new(test_st, &w, PLAN_NAT_PER_ZONE);
	private_traffic(&w);
	price(test_st, &w);
	CHECK(w.cost->total.after - w.cost->total.before == CENTS(3285 - 2190), "%lld",
	      (long long)(w.cost->total.after - w.cost->total.before));
	CHECK(w.cost->resource_count == 1 && w.cost->resources[0].added && w.cost->resources[0].nanos == CENTS(3285) &&
	      !strcmp(w.cost->resources[0].name, "nat-aws_nat_gateway.b") &&
	      !strcmp(w.cost->resources[0].meter, "nat-gateway-hour") && !strcmp(w.cost->resources[0].domain, PLAN_DOMAIN),
	      "the new gateway");
	CHECK(TEAM(&w, WEIR_PLAN_SHARED)->after - TEAM(&w, WEIR_PLAN_SHARED)->before == CENTS(3285), "its hours are shared");
	CHECK(TEAM(&w, "data")->before - TEAM(&w, "data")->after == CENTS(1460), "1,460 GiB less between zones");
}

/* All that went through it has no way that is known: not free, but unpriced. */
TEST(no_nat_gateway)
{
	auto_world w;

	world_new(test_st, &w, PLAN_NO_NAT);
	private_traffic(&w);
	price(test_st, &w);
	CHECK(w.cost->total.after == CENTS(7300) + OTHERS, "attachments: %lld", (long long)w.cost->total.after);
	CHECK(w.cost->unpriced[0] == 0 && w.cost->unpriced[1] == 2190 * GIB, "%llu", (unsigned long long)w.cost->unpriced[1]);
	CHECK(w.cost->resource_count == 1 && !w.cost->resources[0].added && w.cost->resources[0].nanos == -CENTS(3285), "it goes");
}

/* 730 GiB by transit gateway 14.60 and two attachments 73.00; by the peering, in one zone, nothing; 365 to another zone cost
 * 0.01 at either end: 7.30. */
TEST(a_peering_for_a_transit_gateway)
{
	auto_world w;

	world_new(test_st, &w, PLAN_PEERING);
	flow(&w, PLAN_DOMAIN, "10.0.4.5", "10.9.1.5", WEIR_EGRESS, GIB / 2, 0, 48, "shop");
	flow(&w, PLAN_DOMAIN, "10.0.2.5", "10.9.1.5", WEIR_EGRESS, GIB / 2, 0, 48, "shop");
	flow(&w, PLAN_DOMAIN_2, "10.9.1.5", "10.0.4.5", WEIR_INGRESS, GIB / 2, 0, 48, "data");
	flow(&w, PLAN_DOMAIN_2, "10.9.1.5", "10.0.2.5", WEIR_INGRESS, GIB / 2, 0, 48, "data");
	price(test_st, &w);
	CHECK(PATH(&w, "tgw")->before == CENTS(8760) && PATH(&w, "tgw")->after == 0, "%lld", (long long)PATH(&w, "tgw")->before);
	CHECK(PATH(&w, "peering")->before == 0 && PATH(&w, "peering")->after == CENTS(730), "%lld", (long long)PATH(&w, "peering")->after);
	CHECK(w.cost->total.after - w.cost->total.before == CENTS(730 - 8760), "in all");
	CHECK(w.cost->resource_count == 2 && w.cost->unpriced[1] == 0, "%zu resources", w.cost->resource_count);
}

/*
 * 24 and 72 GiB a day to S3 are months of 730 and 2,190 GiB, at 0.055: savings of 40.15 and 120.45, 80.30 in the middle. Their
 * deviation is 56.7807; t(1) = 12.7062, sqrt(1/2 + 24/730) = 0.729984: half of the interval is 526.66.
 */
TEST(days_that_differ_make_an_interval)
{
	auto_world w;
	int64_t half;

	world_new(test_st, &w, PLAN_GATEWAY_ENDPOINT);
	flow(&w, PLAN_DOMAIN, "10.0.4.6", "52.216.0.9", WEIR_EGRESS, GIB, 0, 24, "data");
	flow(&w, PLAN_DOMAIN, "10.0.4.6", "52.216.0.9", WEIR_EGRESS, 3 * GIB, 24, 24, "data");
	price(test_st, &w);
	half = w.cost->total.high - (w.cost->total.after - w.cost->total.before);
	CHECK(w.cost->total.before - w.cost->total.after == CENTS(8030), "the middle");
	CHECK(half > CENTS(52665) && half < CENTS(52667), "%lld", (long long)half);
	CHECK(w.cost->total.low == -CENTS(8030) - half, "on both sides");
	CHECK(TEAM(&w, "data")->high == w.cost->total.high && PATH(&w, "tgw")->interval && PATH(&w, "tgw")->low == 0, "by line");
}

TEST(an_interval_by_hand)
{
	/* Of a month like each day: 30, 60, 90 with 72 hours recorded. s = 30, t(2) = 4.3027, sqrt(1/3 + 24/730) = 0.605158. */
	const int64_t days[] = {10, 20, 30};
	int64_t low = 0, high = 0;

	CHECK(plan_interval(days, 3, 72, 60, &low, &high) && high == 60 + 78 && low == 60 - 78, "%lld to %lld", (long long)low,
	      (long long)high);
	CHECK(!plan_interval(days, 1, 24, 60, &low, &high), "of one day");
}

/* In which month the days lie makes no difference: the allowance is one month's. */
TEST(tiers_are_of_one_whole_month)
{
	auto_world a, b;
	struct weir_traffic t = traffic_row(PLAN_DOMAIN, "10.0.4.5", "203.0.113.7", WEIR_EGRESS, GIB);

	world_new(test_st, &a, PLAN_GATEWAY_ENDPOINT);
	world_new(test_st, &b, PLAN_GATEWAY_ENDPOINT);
	for (uint64_t i = 0; i < 48; i++) {
		t.hour_s = 1796083200 - 24 * 3600 + 3600 * i; /* around the end of November */
		weir_traffic_add(a.set, &t);
		t.hour_s = TRAFFIC_HOUR_S + 3600 * i;
		weir_traffic_add(b.set, &t);
	}
	price(test_st, &a);
	price(test_st, &b);
	CHECK(a.cost->total.before == b.cost->total.before && PATH(&a, "nat")->before == CENTS(3285 + 4015 + 5670) + OTHERS, "%lld",
	      (long long)PATH(&a, "nat")->before);
}

#define INTERFACE_ENDPOINT(id)                                                                                   \
	RES("aws_vpc_endpoint", "s3", id "\"vpc_id\":\"vpc-1\",\"service_name\":\"com.amazonaws.us-east-1.s3\","      \
	    "\"vpc_endpoint_type\":\"Interface\",\"private_dns_enabled\":true,\"subnet_ids\":[\"subnet-priv1\",\"subnet-priv2\"]" \
	    ",\"subnet_configuration\":[{\"subnet_id\":\"subnet-priv2\",\"ipv4\":\"10.0.4.200\"}]")
#define PLAN_INTERFACE PLAN(PLAN_ALL, PLAN_ALL "," INTERFACE_ENDPOINT(""), CHANGE("aws_vpc_endpoint.s3", "\"id\":true"), "")
#define PLAN_NO_INTERFACE PLAN(PLAN_ALL "," INTERFACE_ENDPOINT("\"id\":\"vpce-1\","), PLAN_ALL, "", "")

/* Its names lead there: 1,460 GiB at 0.01 for 0.055, and an hour of it in two zones: 14.60. */
TEST(an_interface_endpoint_takes_its_service)
{
	auto_world w;

	world_new(test_st, &w, PLAN_INTERFACE);
	private_traffic(&w);
	price(test_st, &w);
	CHECK(w.cost->total.after - w.cost->total.before == CENTS(1460 + 1460 - 8030), "%lld",
	      (long long)(w.cost->total.after - w.cost->total.before));
	CHECK(w.cost->resource_count == 2, "%zu resources", w.cost->resource_count);
}

/* And back: what was sent to its address goes through NAT to the service. */
TEST(an_interface_endpoint_that_goes)
{
	auto_world w;

	world_new(test_st, &w, PLAN_NO_INTERFACE);
	flow(&w, PLAN_DOMAIN, "10.0.4.6", "10.0.4.200", WEIR_EGRESS, 2 * GIB, 0, 48, "data");
	price(test_st, &w);
	CHECK(w.cost->total.after - w.cost->total.before == CENTS(8030 - 1460 - 1460), "%lld",
	      (long long)(w.cost->total.after - w.cost->total.before));
	CHECK(PATH(&w, "nat")->after == CENTS(8030 + 3285) + OTHERS, "by NAT");
}

/* Who has the plan alone knows no prefix of S3: nothing changes, and it is said. */
TEST(a_service_of_no_known_prefix)
{
	auto_world w;
	struct weir_err err = {0};

	world_new(test_st, &w, PLAN_GATEWAY_ENDPOINT);
	weir_topology_free(weir_take_ptr(w.before));
	weir_topology_free(weir_take_ptr(w.after));
	w.notes[0] = 0;
	CHECK(!weir_plan_networks(w.files.plan, NULL, NULL, on_note, &w, &w.before, &w.after, &err), "%s", err.text);
	CHECK(strstr(w.notes, "service aws/s3: no prefix of it in us-east-1 is known"), "%s", w.notes);
	private_traffic(&w);
	price(test_st, &w);
	CHECK(w.cost->total.after == w.cost->total.before, "it changed");
}

/* The endpoint's plan knows ids alone, which it looked up: the network is another state's, with an AWS list beside it. */
TEST(a_plan_beside_other_states)
{
	static const char plan[] =
		PLAN("", RES("aws_vpc_endpoint", "s3", "\"vpc_id\":\"vpc-1\",\"service_name\":\"com.amazonaws.us-east-1.s3\","
			 "\"vpc_endpoint_type\":\"Gateway\",\"route_table_ids\":[\"rtb-priv\"]"),
		     CHANGE("aws_vpc_endpoint.s3", "\"id\":true"), "");
	static const char state[] = "{\"format_version\":\"1.0\",\"values\":{\"root_module\":{\"resources\":[" PLAN_BASE "," PLAN_PRIV2
				    "," NAT_ROUTE "," TGW_ROUTES "]}}}";
	static const char gateways[] = "{\"NatGateways\":[{\"NatGatewayId\":\"nat-a\",\"SubnetId\":\"subnet-pub1\",\"VpcId\":\"vpc-1\"}]}";
	struct plan_files one, other;
	auto_world w;

	plan_files_new(&one, state);
	plan_files_new(&other, gateways);
	world_with(test_st, &w, plan, one.plan, other.plan);
	private_traffic(&w);
	price(test_st, &w);
	CHECK(w.cost->total.before == CENTS(28300) + OTHERS && w.cost->total.after == CENTS(28300 - 8030) + OTHERS, "%lld to %lld",
	      (long long)w.cost->total.before, (long long)w.cost->total.after);
	plan_files_fini(&one);
	plan_files_fini(&other);
}

TEST(what_is_no_plan)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"{", "plan.json:1:"},
		{"{}", "plan.json: not a plan as terraform show -json prints it"},
		{"{\"format_version\":\"1.0\",\"values\":{}}", "plan.json: not a plan"},
		{PLAN("", "", "", ""), "plan.json: no network in this plan, neither before nor after"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		struct weir_topology *a = NULL, *b = NULL;
		struct weir_err err = {0};
		struct plan_files f;
		int r;

		plan_files_new(&f, rows[i].text);
		r = weir_plan_networks(f.plan, NULL, NULL, NULL, NULL, &a, &b, &err);
		CHECK(r < 0 && !a && !b && strstr(err.text, rows[i].want), "row %zu: %s", i, err.text);
		plan_files_fini(&f);
	}
}

TEST(a_network_that_is_made_as_a_whole)
{
	auto_world w;

	world_new(test_st, &w, PLAN("", PLAN_ALL, "", ""));
	private_traffic(&w);
	price(test_st, &w);
	CHECK(w.cost->total.before == OTHERS && w.cost->total.after == CENTS(28300) + OTHERS && w.cost->rows_here == 0, "%lld",
	      (long long)w.cost->total.after);
}

TEST(nothing_recorded)
{
	auto_world w;

	world_new(test_st, &w, PLAN_GATEWAY_ENDPOINT);
	CHECK(weir_plan_cost(w.before, w.after, w.prices, w.set, &w.cost) == -ENODATA, "of nothing");
	flow(&w, PLAN_DOMAIN, "10.0.4.6", "52.216.0.9", WEIR_EGRESS, 1, 0, 1, "");
	flow(&w, PLAN_DOMAIN, "10.0.4.6", "52.216.0.9", WEIR_EGRESS, 1, 24 * WEIR_PLAN_DAYS_MAX, 1, "");
	CHECK(weir_plan_cost(w.before, w.after, w.prices, w.set, &w.cost) == -ERANGE, "of too many days");
}

TEST_MAIN(T(a_gateway_endpoint), T(a_nat_gateway_in_each_zone), T(no_nat_gateway), T(a_peering_for_a_transit_gateway),
	  T(days_that_differ_make_an_interval), T(an_interval_by_hand), T(tiers_are_of_one_whole_month),
	  T(an_interface_endpoint_takes_its_service), T(an_interface_endpoint_that_goes), T(a_service_of_no_known_prefix), T(a_plan_beside_other_states),
	  T(what_is_no_plan), T(a_network_that_is_made_as_a_whole), T(nothing_recorded))
