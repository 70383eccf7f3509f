/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /api/v1/allocation: whose the ledger's costs are. Prices are those of policies/prices/aws-us-east-1.yaml: between zones
 * 0.01 USD a GiB on each side, NAT 0.045 a GiB and 0.045 an hour, to the internet nothing for the first 100 GiB.
 */
#include "aggregator/alloc_ledger.h"
#include "aggregator/query_charges.h"
#include "aggregator/store_impl.h"
#include "tests/lib/paid_fixture.h"
#include "tests/lib/priced.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <time.h>

#define WEB "10.7.1.11"
#define DB "10.7.2.12"
#define OUTSIDE "203.0.113.9"

/* web asks db, 1 GiB there and 3 back, both ends seen, and sends 2 GiB out through nat-a. */
static void fill(struct paid *w)
{
	static const struct paid_row web[] = {{DB, WEIR_EGRESS, true, GIB}, {DB, WEIR_INGRESS, true, 3 * GIB}, {OUTSIDE, WEIR_EGRESS, true, 2 * GIB}};
	static const struct paid_row db[] = {{WEB, WEIR_INGRESS, false, GIB}, {WEB, WEIR_EGRESS, false, 3 * GIB}};
	const struct ingest_pricing pricing = paid_pricing(w);
	struct hours_done done;

	if (paid_window(w, "n1", "shop", "web", "shop", WEB, 100, web, 3) || paid_window(w, "n2", "data", "db", "", DB, 104, db, 2) ||
	    store_hours_set(w->sv.store, PAID_HOUR) || hours_charge(w->sv.store, &pricing, PAID_HOUR + 3600, &done))
		fprintf(stderr, "%s\n", store_error(w->sv.store));
}

static json_int_t number(const json_t *o, const char *field)
{
	return json_integer_value(json_object_get(o, field));
}

static const char *part(const json_t *o, const char *field)
{
	const char *s = json_string_value(json_object_get(o, field));

	return s ? s : "";
}

/* "owner kind direct proxy shared bytes" lines. */
static void lines_of(const json_t *o, char *text, size_t size)
{
	const json_t *items = json_object_get(o, "items");
	size_t used = 0;

	*text = '\0';
	for (size_t i = 0; i < json_array_size(items) && used < size; i++) {
		const json_t *it = json_array_get(items, i);

		used += (size_t)snprintf(text + used, size - used, "%s %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
					 json_string_value(json_object_get(it, "owner")), json_string_value(json_object_get(it, "kind")),
					 (int64_t)number(it, "direct_nanos"), (int64_t)number(it, "proxy_nanos"),
					 (int64_t)number(it, "shared_nanos"), (int64_t)number(it, "bytes"));
	}
}

/* By hand, in millions of nanos: rows of 1 GiB cost 10 on each side, those of 3 GiB 30; NAT 90; nat-a's hour 45, of which
 * web is the only user. Sender: web 10 + 10 + 90, db 30 + 30. Receiver: web 30 + 30 + 90, db 10 + 10. Initiator: all web's. */
TEST(who_pays_for_the_ledger)
{
	static const struct {
		const char *payer, *want;
	} cases[] = {
		{"sender", "shop owner 110000000 0 45000000 4294967296\ndata owner 60000000 0 0 6442450944\n"},
		{"receiver", "shop owner 150000000 0 45000000 8589934592\ndata owner 20000000 0 0 2147483648\n"},
		{"initiator", "shop owner 170000000 0 45000000 10737418240\n"},
	};
	auto_paid w;

	paid_new(&w);
	fill(&w);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_err err = {{0}};
		api_auto_json json_t *o = PAID_ASK(&w, api_allocation, &err, {"payer", cases[i].payer}, {"by", "team"}, {"from", "1795496400"});
		char text[512];

		CHECK(o, "%s", err.text);
		lines_of(o, text, sizeof(text));
		CHECK(!strcmp(text, cases[i].want), "%s: %s", cases[i].payer, text);
		CHECK(number(json_object_get(o, "total"), "nanos") == 215000000 && !json_object_get(o, "next"));
	}
}

static const json_t *claim_of(const json_t *o, const char *team, const char *path, const char *meter)
{
	const json_t *claims = json_object_get(o, "claims");

	for (size_t i = 0; i < json_array_size(claims); i++) {
		const json_t *c = json_array_get(claims, i);

		if (!strcmp(part(c, "team"), team) && !strcmp(part(c, "path"), path) && !strcmp(part(c, "meter"), meter))
			return c;
	}
	return NULL;
}

/* As above, sender: of the zone boundary's 80, shop has 20 for 1 GiB seen at both ends, data 60 for 3; NAT's 2 GiB are shop's. */
TEST(claims_say_of_what_a_share_is)
{
	auto_paid w;
	struct weir_err err = {{0}};
	api_auto_json json_t *o = NULL;
	const json_t *shop, *data, *nat, *hour;
	json_int_t sum = 0;

	paid_new(&w);
	fill(&w);
	o = PAID_ASK(&w, api_allocation, &err, {"payer", "sender"}, {"by", "team"}, {"claims", "1"}, {"from", "1795496400"});
	CHECK(o, "%s", err.text);
	shop = claim_of(o, "shop", "cross-zone", "cross-zone");
	data = claim_of(o, "data", "cross-zone", "cross-zone");
	nat = claim_of(o, "shop", "nat", "nat-processing");
	hour = claim_of(o, "shop", "nat", "nat-gateway-hour");
	CHECK(number(shop, "nanos") == 20000000 && number(shop, "bytes") == 2 * (json_int_t)GIB && number(data, "nanos") == 60000000);
	CHECK(number(nat, "nanos") == 90000000 && number(nat, "bytes") == 2 * (json_int_t)GIB && number(hour, "nanos") == 45000000);
	/* The second meter of the same bytes has them too, or a bill's line of it would be nobody's. */
	CHECK(number(claim_of(o, "shop", "nat", "internet-out"), "bytes") == 2 * (json_int_t)GIB);
	CHECK(nat && !strcmp(part(nat, "class"), PAID_DOMAIN) && hour && !strcmp(part(hour, "class"), PAID_DOMAIN));
	for (size_t i = 0; i < json_array_size(json_object_get(o, "claims")); i++)
		sum += number(json_array_get(json_object_get(o, "claims"), i), "nanos");
	CHECK(sum == number(json_object_get(o, "total"), "nanos") && sum == 215000000, "%lld", (long long)sum);
}

/* An ingress controller of the example repository's Allocation: 4 GiB to clients through nat-a cost 180, of which web, with 3 GiB between
 * them, has 135 and db, with 1 GiB, 45; that 1 GiB crossed a zone for 10, which are db's whole, as are the 10 on its own side by payer.
 * nat-a's hour is 45, used by the proxy alone: 33.75 and 11.25. Who answers for names is no backend: of the 6 GiB that clients and names
 * took on both sides, web has 4.5 and db 1.5, beside 6 and 2 that were theirs. */
TEST(a_proxy_passes_on_what_the_ledger_has)
{
	static const struct paid_row web[] = {{"10.7.1.33", WEIR_INGRESS, false, 3 * GIB}}, db[] = {{"10.7.1.33", WEIR_INGRESS, false, GIB}};
	static const struct paid_row dns[] = {{"10.7.1.33", WEIR_INGRESS, false, GIB}};
	static const struct paid_row nginx[] = {{OUTSIDE, WEIR_EGRESS, false, 4 * GIB}, {WEB, WEIR_EGRESS, true, 3 * GIB}, {DB, WEIR_EGRESS, true, GIB},
						{"10.7.1.53", WEIR_EGRESS, true, GIB}};
	struct weir_err err = {{0}};
	struct hours_done done;
	api_auto_json json_t *o = NULL;
	const json_t *proxies;
	char text[512];
	auto_paid w;

	paid_new(&w);
	CHECK(!paid_window(&w, "n1", "shop", "web", "shop", WEB, 100, web, 1) && !paid_window(&w, "n2", "data", "db", "", DB, 100, db, 1) &&
	      !paid_window(&w, "n1", "kube-system", "dns", "", "10.7.1.53", 100, dns, 1) &&
	      !paid_window(&w, "n1", "ingress-nginx", "nginx", "platform", "10.7.1.33", 200, nginx, 4));
	CHECK(!store_hours_set(w.sv.store, PAID_HOUR) &&
	      !hours_charge(w.sv.store, &(struct ingest_pricing){paid_pricing(&w).topology, paid_pricing(&w).prices}, PAID_HOUR + 3600, &done));
	o = PAID_ASK(&w, api_allocation, &err, {"by", "workload"}, {"from", "1795500000"}, {"payer", "sender"});
	CHECK(o, "%s", err.text);
	lines_of(o, text, sizeof(text));
	CHECK(!strcmp(text, "shop/web owner 0 168750000 0 11274289152\ndata/db owner 0 76250000 0 3758096384\n"), "%s", text);
	proxies = json_object_get(o, "proxies");
	CHECK(json_array_size(proxies) == 2);
	for (size_t i = 0; i < json_array_size(proxies); i++) {
		const json_t *p = json_array_get(proxies, i);
		bool to_web = !strcmp(part(p, "workload"), "web");

		CHECK(!strcmp(part(p, "proxy"), "ingress-nginx/nginx") && number(p, "bytes") == (json_int_t)(to_web ? 3 * GIB : GIB) &&
		      number(p, "nanos") == (to_web ? 168750000 : 76250000), "%s %lld", part(p, "workload"), (long long)number(p, "nanos"));
	}
}

TEST(owners_by_other_keys)
{
	static const struct {
		const char *by, *want;
	} cases[] = {
		{"workload", "shop/web owner 110000000 0 45000000 4294967296\ndata/db owner 60000000 0 0 6442450944\n"},
		{"label:team", "shop owner 110000000 0 45000000 4294967296\n unallocated 60000000 0 0 6442450944\n"},
		{"label:tier", "back owner 170000000 0 45000000 10737418240\n"},
		{"cost-centre", " unallocated 170000000 0 45000000 10737418240\n"},
	};
	auto_paid w;

	paid_new(&w);
	fill(&w);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_err err = {{0}};
		api_auto_json json_t *o = PAID_ASK(&w, api_allocation, &err, {"by", cases[i].by}, {"from", "1795496400"});
		char text[512];

		CHECK(o, "%s", err.text);
		lines_of(o, text, sizeof(text));
		CHECK(!strcmp(text, cases[i].want), "%s: %s", cases[i].by, text);
	}
}

/* A price in one direction alone: what it costs is of the flows that go there, 10 for 1 GiB, and the peer of these pays. */
TEST(a_meter_is_of_the_flows_that_pass_it)
{
	static const char prices[] =
		"apiVersion: weir.dev/v1alpha1\nkind: PriceBook\nmetadata: {name: p}\nspec:\n"
		"  provider: aws\n  currency: USD\n  region: us-east-1\n  source: test\n  meters:\n"
		"  - {name: out, paths: [cross-zone], directions: [egress], unit: GiB, price: \"0.01\"}\n"
		"  - {name: in, paths: [cross-zone], directions: [ingress], unit: GiB, price: \"0\"}\n";
	struct weir_sum_workload web = {.name = "web", .namespace = "shop", .kind = "pod", .cgroup = "/"};
	struct weir_sum_workload db = {.name = "db", .namespace = "data", .kind = "pod", .cgroup = "/"};
	struct weir_sum_row rows[2] = {{.proto = 6, .dir = WEIR_EGRESS, .verdict = WEIR_V_ACCEPT, .init_local = true, .peer_port = 1, .bytes = GIB,
					.packets = 1, .rule = WEIR_NO_RULE, .interface = "eth0"}};
	struct weir_summary s = {.epoch = 1, .sequence = 1, .start_ns = PAID_HOUR * NS, .length_ns = 2 * NS, .windows = 1, .domain = "aws/vpc",
				 .workload_count = 1, .rows = rows};
	weir_auto_alloc struct weir_alloc *a = NULL;
	struct weir_allocation *rules = NULL;
	auto_store *store = open_store();
	struct priced world = {0};
	struct ingest_pricing pricing;
	struct weir_err err = {{0}};
	struct ingest_item it;
	uint32_t n;

	CHECK(!priced_load(&world, prices, &err) && !weir_allocation_new(&rules), "%s", err.text);
	pricing = (struct ingest_pricing){world.topology, world.prices};
	weir_addr_parse("10.1.1.5", &rows[0].local);
	weir_addr_parse("10.1.2.6", &rows[0].peer);
	rows[1] = rows[0];
	rows[1].dir = WEIR_INGRESS;
	rows[1].bytes = 3 * GIB;
	s.workloads = &web;
	s.row_count = 2;
	it = (struct ingest_item){.node = "n1", .summary = &s};
	CHECK(!ingest_commit(store, &pricing, &it, 1, (PAID_HOUR + 5) * NS) && it.result == INGEST_COMMITTED);
	weir_addr_parse("10.1.2.6", &rows[0].local);
	rows[0].bytes = 0; /* db is there */
	weir_addr_parse("10.1.2.7", &rows[0].peer);
	s.workloads = &db;
	s.row_count = 1;
	it = (struct ingest_item){.node = "n2", .summary = &s};
	CHECK(!ingest_commit(store, &pricing, &it, 1, (PAID_HOUR + 5) * NS) && it.result == INGEST_COMMITTED);
	CHECK(!alloc_ledger_hour(store, &pricing, rules, WEIR_PAYER_RECEIVER, PAID_HOUR, NULL, &a, &n), "%s", store_error(store));
	for (size_t i = 0; a && i < weir_alloc_count(a); i++) {
		const struct weir_alloc_share *share = weir_alloc_at(a, i);

		CHECK(share->nanos == (strcmp(share->workload, "db") ? 0 : 10000000), "%s: %lld", share->workload, (long long)share->nanos);
	}
	CHECK(a && weir_alloc_total(a) == 10000000);
	weir_allocation_free(rules);
	priced_free(&world);
}

TEST(questions_that_are_refused)
{
	static const char *const cases[][3] = {{"by", "path", "by: must be team"}, {"payer", "both", "payer: must be sender"}, {"by", "label:", "by: must"}};
	auto_paid w;

	paid_new(&w);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_err err = {{0}};
		api_auto_json json_t *o = PAID_ASK(&w, api_allocation, &err, {cases[i][0], cases[i][1]});

		CHECK(!o && strstr(err.text, cases[i][2]), "%s", err.text);
	}
}

/* web has label team and paid 130 (10 + 30 + 90) for 6 GiB, db has it not and paid 40 for 4 GiB; nobody has a cost centre. */
TEST(coverage_says_what_is_missing_where)
{
	static const struct {
		const char *labels, *where, *want;
	} cases[] = {
		{NULL, "workload", "team|app.kubernetes.io/part-of 130000000 40000000 6442450944\ncost-centre 0 170000000 0\n"
				   "cost-centre n1 shop web 130000000\n"
				   "team|app.kubernetes.io/part-of n2 data db 40000000\ncost-centre n2 data db 40000000\n"},
		{"team|tier,tier", "node", "team|tier 170000000 0 10737418240\ntier 170000000 0 10737418240\n"},
		{"team", "namespace", "team 130000000 40000000 6442450944\nteam  data  40000000\n"},
	};
	auto_paid w;

	paid_new(&w);
	fill(&w);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_err err = {{0}};
		api_auto_json json_t *o =
			cases[i].labels ? PAID_ASK(&w, api_coverage, &err, {"labels", cases[i].labels}, {"where", cases[i].where}, {"from", "1795496400"}) :
					  PAID_ASK(&w, api_coverage, &err, {"where", cases[i].where}, {"from", "1795496400"});
		char text[512] = "";
		size_t used = 0, k;
		const json_t *v;

		CHECK(o, "%s", err.text);
		json_array_foreach (json_object_get(o, "labels"), k, v)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %" PRId64 " %" PRId64 " %" PRId64 "\n",
						 json_string_value(json_object_get(v, "label")), (int64_t)number(v, "covered_nanos"),
						 (int64_t)number(v, "missing_nanos"), (int64_t)number(v, "covered_bytes"));
		json_array_foreach (json_object_get(o, "items"), k, v)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s %s %s %" PRId64 "\n",
						 json_string_value(json_object_get(v, "label")), part(v, "node"), part(v, "namespace"),
						 part(v, "workload"), (int64_t)number(v, "nanos"));
		CHECK(!strcmp(text, cases[i].want), "%zu: %s", i, text);
		CHECK(number(json_object_get(o, "total"), "nanos") == 170000000 && number(json_object_get(o, "resources"), "nanos") == 45000000);
	}
}

static int64_t sum_of(const json_t *list)
{
	int64_t sum = 0;
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v)
		sum += number(v, "nanos");
	return sum;
}

/* What is asked about web: 10 + 30 between the zones, 90 by NAT, and 2 GiB to the internet that are free. */
TEST(each_amount_is_traced)
{
	static const struct {
		const char *path, *meter;
		int64_t nanos;
		uint64_t before, after;
	} want[] = {{"nat", "nat-processing", 90000000, 0, 2 * GIB}, {"cross-zone", "cross-zone", 40000000, 0, 8 * GIB}, {"nat", "internet-out", 0, 0, 2 * GIB}};
	struct weir_err err = {{0}};
	auto_paid w;

	paid_new(&w);
	fill(&w);
	for (int shown = 0; shown <= 5; shown += 5) {
		api_auto_json json_t *o = PAID_ASK(&w, api_explain, &err, {"namespace", "shop"}, {"workload", "web"}, {"from", "1795496400"},
						   {"flows", shown ? "5" : "0"});
		const json_t *items = json_object_get(o, "items"), *id = json_array_get(json_object_get(o, "identity"), 0);
		const json_t *flow, *held;

		CHECK(o && json_array_size(items) == 3, "%s", err.text);
		CHECK(number(json_object_get(o, "total"), "nanos") == 130000000 && sum_of(items) == 130000000);
		for (size_t i = 0; i < json_array_size(items) && i < 3; i++) {
			const json_t *it = json_array_get(items, i);

			CHECK(!strcmp(part(it, "path"), want[i].path) && !strcmp(part(it, "meter"), want[i].meter) && number(it, "nanos") == want[i].nanos,
			      "%zu: %s %s", i, part(it, "path"), part(it, "meter"));
			CHECK(sum_of(json_object_get(it, "flows")) + number(json_object_get(it, "others"), "nanos") == want[i].nanos, "%zu", i);
			CHECK((uint64_t)number(json_object_get(it, "usage"), "before_bytes") == want[i].before &&
			      (uint64_t)number(json_object_get(it, "usage"), "after_bytes") == want[i].after, "%zu", i);
			CHECK(*part(json_object_get(it, "price"), "source") && json_array_size(json_object_get(json_object_get(it, "price"), "tiers")) > 0);
		}
		flow = json_array_get(json_object_get(json_array_get(items, 0), "flows"), 0);
		CHECK(!shown || (!strcmp(part(flow, "peer"), OUTSIDE) && strstr(part(flow, "because"), "route 0.0.0.0/0 via nat nat-a in use1-az1")), "%s",
		      part(flow, "because"));
		flow = json_array_get(json_object_get(json_array_get(items, 1), "flows"), 0);
		CHECK(!shown || (!strcmp(part(flow, "peer_workload"), "db") && strstr(part(flow, "because"), "holds both addresses; from subnet east-a")), "%s",
		      part(flow, "because"));
		held = json_array_get(json_object_get(id, "addresses"), 0);
		CHECK(!strcmp(part(id, "node"), "n1") && !strcmp(part(id, "cgroup"), "/kubepods/pod1") && strstr(part(id, "labels"), "\"team\":\"shop\""));
		CHECK(!strcmp(part(held, "address"), WEB) && number(held, "since_s") == (json_int_t)PAID_HOUR + 100 && !number(held, "until_s"));
	}
}

TEST(a_resource_and_a_part_are_explained)
{
	static const struct {
		const char *namespace, *workload, *filter, *value;
		int64_t nanos;
		size_t items;
	} cases[] = {
		{PAID_DOMAIN, "nat-a", "path", "nat", 45000000, 1},
		{"shop", "web", "path", "cross-zone", 40000000, 1},
		{"shop", "web", "meter", "nat-processing", 90000000, 1},
		{"data", "db", "path", "nat", 0, 0},
	};
	struct weir_err err = {{0}};
	auto_paid w;

	paid_new(&w);
	fill(&w);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		api_auto_json json_t *o = PAID_ASK(&w, api_explain, &err, {"namespace", cases[i].namespace}, {"workload", cases[i].workload},
						   {"from", "1795496400"}, {cases[i].filter, cases[i].value});

		CHECK(number(json_object_get(o, "total"), "nanos") == cases[i].nanos && json_array_size(json_object_get(o, "items")) == cases[i].items,
		      "%zu: %s", i, err.text);
		CHECK(i || *part(json_object_get(json_array_get(json_object_get(o, "items"), 0), "price"), "source"), "the price of an hour");
	}
	CHECK(!PAID_ASK(&w, api_explain, &err, {"namespace", "shop"}, {"workload", "wbe"}) && strstr(err.text, "was ever seen"), "%s", err.text);
}

static int add_nanos(const struct query_cost *c, void *arg)
{
	*(int64_t *)arg += c->nanos;
	return 0;
}

static int random_windows(struct paid *w, unsigned int *seed, int n)
{
	static const char *const peers[] = {WEB, DB, "10.7.1.33", OUTSIDE, "10.99.1.1", NULL};
	static const struct {
		const char *node, *namespace, *name, *team, *local;
	} who[] = {{"n1", "shop", "web", "shop", WEB}, {"n2", "data", "db", "", DB}, {"n1", "ingress-nginx", "nginx", "", "10.7.1.33"}};
	int r = 0;

	for (int i = 0; !r && i < n; i++) {
		struct paid_row rows[8];
		size_t k = 1 + (size_t)rand_r(seed) % 8, from = (size_t)rand_r(seed) % 3;

		for (size_t j = 0; j < k; j++)
			rows[j] = (struct paid_row){peers[rand_r(seed) % 6], rand_r(seed) & 1, rand_r(seed) & 1, (uint64_t)rand_r(seed) * 7};
		r = paid_window(w, who[from].node, who[from].namespace, who[from].name, who[from].team, who[from].local,
				(uint64_t)(rand_r(seed) % 7200), rows, k);
	}
	return r;
}

/* Nobody's money is lost, whatever moved, whoever pays: by the hour the shares are the ledger. */
TEST(shares_sum_to_the_ledger)
{
	static const enum query_dim dims[] = {QUERY_TEAM};
	int rounds = getenv("WEIR_LONG") ? 300 : 20;
	unsigned int seed = (unsigned int)time(NULL);

	printf("# seed %u\n", seed);
	for (int i = 0; i < rounds && !test_st->failed; i++) {
		const struct weir_repo *repo;
		struct ingest_pricing pricing;
		struct hours_done done;
		auto_paid w;

		paid_new(&w);
		repo = gitops_repo(w.sv.gitops);
		pricing = paid_pricing(&w);
		CHECK(!random_windows(&w, &seed, 30), "%s", store_error(w.sv.store));
		CHECK(!store_hours_set(w.sv.store, PAID_HOUR) && !hours_charge(w.sv.store, &pricing, PAID_HOUR + 3600, &done));
		for (uint64_t hour = PAID_HOUR; hour <= PAID_HOUR + 3600; hour += 3600) {
			const struct query_range range = {hour, hour + 3600, STORE_1H};
			weir_auto_alloc struct weir_alloc *a = NULL;
			int64_t ledger = 0, shares = 0;
			uint32_t rows;

			CHECK(!query_cost(w.sv.store, dims, 1, &range, add_nanos, &ledger));
			CHECK(!alloc_ledger_hour(w.sv.store, &pricing, repo->allocation, (enum weir_payer)(i % WEIR_PAYERS), hour, NULL, &a, &rows));
			for (size_t k = 0; a && k < weir_alloc_count(a); k++)
				shares += weir_alloc_at(a, k)->nanos;
			CHECK(ledger > 0 && shares == ledger, "round %d: %lld of %lld", i, (long long)shares, (long long)ledger);
		}
	}
}

struct paid_by {
	const char *name;
	int64_t nanos;
};

static int add_named(const struct query_cost *c, void *arg)
{
	struct paid_by *p = arg;

	p->nanos += strcmp(c->keys[0], p->name) ? 0 : c->nanos;
	return 0;
}

static void check_explained(struct test_state *test_st, struct paid *w, const char *namespace, const char *name)
{
	static const enum query_dim dims[] = {QUERY_WORKLOAD};
	const struct query_range range = {PAID_HOUR, PAID_HOUR + 7200, STORE_1H};
	struct paid_by ledger = {name, 0};
	struct weir_err err = {{0}};
	api_auto_json json_t *o = PAID_ASK(w, api_explain, &err, {"namespace", namespace}, {"workload", name}, {"from", "1795500000"}, {"flows", "2"});
	const json_t *v;
	size_t i;

	CHECK(!query_cost(w->sv.store, dims, 1, &range, add_named, &ledger));
	if (!o && !ledger.nanos)
		return; /* never seen */
	CHECK(o && number(json_object_get(o, "total"), "nanos") == ledger.nanos, "%s: %lld of %lld %s", name,
	      (long long)number(json_object_get(o, "total"), "nanos"), (long long)ledger.nanos, err.text);
	json_array_foreach (json_object_get(o, "items"), i, v)
		CHECK(sum_of(json_object_get(v, "flows")) + number(json_object_get(v, "others"), "nanos") == number(v, "nanos"), "%s %s", name,
		      part(v, "meter"));
}

/* Before and after the hours are folded. */
TEST(what_is_explained_is_the_ledger)
{
	static const uint64_t keep[STORE_RESOLUTIONS] = {86400, 7 * 86400, 400 * 86400, 1830 * 86400};
	int rounds = getenv("WEIR_LONG") ? 200 : 10;
	unsigned int seed = (unsigned int)time(NULL);

	printf("# seed %u\n", seed);
	for (int i = 0; i < rounds && !test_st->failed; i++) {
		auto_paid w;

		paid_new(&w);
		CHECK(!random_windows(&w, &seed, 30), "%s", store_error(w.sv.store));
		for (int k = 0; k < 2; k++) {
			check_explained(test_st, &w, "shop", "web");
			check_explained(test_st, &w, "data", "db");
			check_explained(test_st, &w, "ingress-nginx", "nginx");
			CHECK(!retain_all(w.sv.store, PAID_HOUR + 5 * 3600, keep));
		}
		CHECK(w.sv.store->folded_s[STORE_FLOW][STORE_1H] >= PAID_HOUR + 3600, "%llu",
		      (unsigned long long)w.sv.store->folded_s[STORE_FLOW][STORE_1H]);
	}
}

TEST_MAIN(T(who_pays_for_the_ledger), T(claims_say_of_what_a_share_is), T(a_proxy_passes_on_what_the_ledger_has), T(owners_by_other_keys),
	  T(a_meter_is_of_the_flows_that_pass_it), T(questions_that_are_refused),
	  T(coverage_says_what_is_missing_where), T(each_amount_is_traced), T(a_resource_and_a_part_are_explained), T(shares_sum_to_the_ledger), T(what_is_explained_is_the_ledger))
