/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recorded fixture through ingest, topology, price book and ledger, against a hand calculation.
 * Prices are typed from the provider's list (AWS us-east-1, EC2 on-demand, data transfer):
 *   out to the internet: first 100 GB of a month free, then 0.09 USD a GB up to 10 TB, then 0.085;
 *   between zones: 0.01 USD a GB in each direction. AWS's GB is 2^30 bytes.
 */
#include "aggregator/ingest.h"
#include "aggregator/query.h"
#include "aggregator/query_health.h"
#include "aggregator/text.h"
#include "tests/lib/priced.h"
#include "tests/lib/test.h"
#include "tests/lib/topology_fixture.h"

#define GIB 1073741824ull
#define NOW_S 1795500000ull /* 2026-11-24 */
#define NS 1000000000ull

static const char prices_text[] =
	"apiVersion: weir.dev/v1alpha1\n"
	"kind: PriceBook\n"
	"metadata: {name: p}\n"
	"spec:\n"
	"  provider: aws\n"
	"  currency: USD\n"
	"  region: us-east-1\n"
	"  meters:\n"
	"  - name: internet-out\n"
	"    paths: [internet]\n"
	"    directions: [egress]\n"
	"    unit: GiB\n"
	"    pool: account\n"
	"    tiers: [{from: 0GiB, price: \"0\"}, {from: 100GiB, price: \"0.09\"},"
	" {from: 10240GiB, price: \"0.085\"}]\n"
	"    source: list\n"
	"  - name: cross-zone\n"
	"    paths: [cross-zone]\n"
	"    directions: [ingress, egress]\n"
	"    unit: GiB\n"
	"    tiers: [{from: 0GiB, price: \"0.01\"}]\n"
	"    source: list\n";

struct fixture {
	struct store *store;
	struct priced world;
	uint64_t sequence;
	bool answered;	   /* the peers opened the connections */
	uint64_t before_s; /* so long before NOW_S the bytes passed */
	uint64_t rtt_us;   /* what goes out has a round trip of this and i, and i retransmits; 0 = nothing */
};

static int load(struct fixture *f, const char *path, struct weir_err *err)
{
	int r = store_open(path, &f->store, err);

	return r ? r : priced_load(&f->world, prices_text, err);
}

static void unload(struct fixture *f)
{
	store_close(f->store);
	priced_free(&f->world);
}

struct moved {
	uint32_t workload; /* 0 web, 1 batch */
	const char *peer;
	uint8_t dir, verdict;
	uint64_t bytes;
};

/* One summary, one commit. */
static enum ingest_result commit(struct fixture *f, const struct moved *moved, size_t n)
{
	struct weir_sum_label shop = {"team", "shop"}, data = {"team", "data"};
	struct weir_sum_workload w[] = {
		{.name = "web", .namespace = "front", .kind = "pod", .cgroup = "/web", .labels = &shop,
		 .label_count = 1},
		{.name = "batch", .namespace = "back", .kind = "pod", .cgroup = "/batch",
		 .labels = &data, .label_count = 1},
	};
	struct weir_sum_row rows[8] = {0};
	struct weir_summary s = {.epoch = 1, .sequence = ++f->sequence, .start_ns = (NOW_S - f->before_s) * NS,
				 .length_ns = 2 * NS, .windows = 1, .domain = "aws/vpc", .workloads = w,
				 .workload_count = 2, .rows = rows, .row_count = n};
	const struct ingest_pricing pricing = {f->world.topology, f->world.prices};
	struct ingest_item it = {.node = "n1", .summary = &s};

	for (size_t i = 0; i < n; i++) {
		rows[i] = (struct weir_sum_row){.workload = moved[i].workload, .proto = 6,
						.dir = moved[i].dir, .verdict = moved[i].verdict,
						.init_local = !f->answered, .local_port = 40000, .peer_port = 443,
						.bytes = moved[i].bytes, .packets = moved[i].bytes ? 1 : 0,
						.rule = WEIR_NO_RULE, .interface = "eth0"};
		weir_addr_parse(moved[i].workload ? "10.1.1.6" : "10.1.1.5", &rows[i].local);
		weir_addr_parse(moved[i].peer, &rows[i].peer);
		if (f->rtt_us && moved[i].dir == WEIR_EGRESS)
			rows[i].tcp = (struct weir_sum_tcp){f->rtt_us + i, 1, i};
	}
	ingest_commit(f->store, &pricing, &it, 1, NOW_S * NS);
	return it.result;
}

#define INTERNET "203.0.113.7"
#define OTHER_ZONE "10.1.2.9"
#define SAME_ZONE "10.1.1.77"

static const struct moved first[] = {
	{0, INTERNET, WEIR_EGRESS, WEIR_V_ACCEPT, 60 * GIB},
	{1, INTERNET, WEIR_EGRESS, WEIR_V_ACCEPT, 50 * GIB},
	{0, OTHER_ZONE, WEIR_EGRESS, WEIR_V_ACCEPT, 3 * GIB},
	{0, OTHER_ZONE, WEIR_INGRESS, WEIR_V_ACCEPT, 5 * GIB},
	{1, OTHER_ZONE, WEIR_EGRESS, WEIR_V_ACCEPT, 1000000007},
	{0, SAME_ZONE, WEIR_EGRESS, WEIR_V_ACCEPT, 2 * GIB},
	{1, INTERNET, WEIR_EGRESS, WEIR_V_DENY, 7 * GIB},
};
static const struct moved second[] = {{0, INTERNET, WEIR_EGRESS, WEIR_V_ACCEPT, 1}};
static const struct moved third[] = {{1, INTERNET, WEIR_EGRESS, WEIR_V_ACCEPT, 10200 * GIB}};

struct found {
	const char *team, *path;
	uint64_t bytes;
	int64_t nanos;
	bool seen;
};

struct search {
	struct found *rows;
	size_t n, extra;
	int64_t total;
};

static int match(const struct query_cost *c, void *arg)
{
	struct search *s = arg;

	s->total += c->nanos;
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->rows[i].team, c->keys[0]) && !strcmp(s->rows[i].path, c->keys[1])) {
			s->rows[i].bytes = c->bytes;
			s->rows[i].nanos = c->nanos;
			s->rows[i].seen = true;
			return 0;
		}
	s->extra++;
	return 0;
}

/*
 * By hand, in nano-dollars.
 * Commit 1, internet-out: 110 GiB, of which 100 are free: 10 x 0.09 = 0.90 = 900,000,000, by bytes 60:50
 *   = 490,909,090.909 : 409,090,909.091; the one left over goes to the larger remainder:
 *   shop 490,909,091, data 409,090,909.
 * Commit 1, cross-zone: 8 GiB + 1,000,000,007 B = 9,589,934,599 B x 10,000,000 / 2^30 = 89,313,225.8
 *   -> 89,313,225, by bytes: 3 GiB 29,999,999.7, 5 GiB 49,999,999.5, 1,000,000,007 B 9,313,225.7: floors
 *   sum to 89,313,223, two left over: to .73 (3 GiB) and .72 (1,000,000,007 B):
 *   shop 30,000,000 + 49,999,999 = 79,999,999, data 9,313,226.
 * Commit 1, same-zone: no price in this book: unpriced, 0. The denied 7 GiB: nothing.
 * Commit 2: usage 110 GiB -> 110 GiB + 1 B; 900,000,000.08 rounds down to the same: 0.
 * Commit 3: usage -> 10,310 GiB + 1 B: 10,140 x 0.09 = 912.60 up to the edge at 10,240 GiB, then 70 x
 *   0.085 = 5.95 (and 1 B: 0.00000000008): cumulative 918,550,000,000; less 900,000,000 =
 *   917,650,000,000, all data's.
 */
TEST(cost_by_team_and_path)
{
	struct found want[] = {
		{"shop", "internet", 0, 0, false},   {"data", "internet", 0, 0, false},
		{"shop", "cross-zone", 0, 0, false}, {"data", "cross-zone", 0, 0, false},
		{"shop", "same-zone", 0, 0, false},
	};
	static const int64_t nanos[] = {490909091, 409090909 + 917650000000, 79999999, 9313226, 0};
	static const uint64_t bytes[] = {60 * GIB + 1, 10250 * GIB, 8 * GIB, 1000000007, 2 * GIB};
	static const enum query_dim dims[] = {QUERY_TEAM, QUERY_PATH};
	struct search s = {want, 5, 0, 0};
	struct fixture f = {0};
	struct weir_err err = {0};
	const char *keep = getenv("WEIR_TEST_STORE"); /* tests/e2e/test_cost.sh reads it with weirctl */

	CHECK(!load(&f, keep ? keep : ":memory:", &err), "%s", err.text);
	CHECK(commit(&f, first, WEIR_ARRAY_SIZE(first)) == INGEST_COMMITTED, "%s", store_error(f.store));
	CHECK(commit(&f, second, 1) == INGEST_COMMITTED);
	CHECK(commit(&f, third, 1) == INGEST_COMMITTED);
	for (enum store_res res = STORE_10S; res < STORE_RESOLUTIONS; res++) {
		const struct query_range range = {0, INT64_MAX, res};

		s.extra = 0;
		s.total = 0;
		CHECK(!query_cost(f.store, dims, 2, &range, match, &s), "%s", store_error(f.store));
		for (size_t i = 0; i < 5; i++) {
			CHECK(want[i].seen, "%s %s", want[i].team, want[i].path);
			CHECK(want[i].nanos == nanos[i], "%s %s: %lld", want[i].team, want[i].path,
			      (long long)want[i].nanos);
			CHECK(want[i].bytes == bytes[i], "%s %s: %llu", want[i].team, want[i].path,
			      (unsigned long long)want[i].bytes);
			want[i].seen = false;
		}
		CHECK(!s.extra, "%zu rows that nobody caused", s.extra);
		CHECK(s.total == 918550000000 + 89313225, "%lld", (long long)s.total);
	}
	unload(&f);
}

static int find_unpriced(const struct query_cost *c, void *arg)
{
	uint64_t *bytes = arg;

	if (!strcmp(c->keys[0], COST_UNPRICED))
		*bytes = c->metered_bytes;
	return 0;
}

/* More workloads than the batch keeps near at hand. */
#define MANY 150

static int check_workload(const struct query_cost *c, void *arg)
{
	unsigned int i = 0;

	*(size_t *)arg += 1;
	return sscanf(c->keys[0], "w%u", &i) == 1 && c->bytes == GIB + i && !strcmp(c->keys[1], "cross-zone") ? 0 : -EPROTO;
}

TEST(each_of_many_workloads_has_its_own)
{
	static const enum query_dim by[] = {QUERY_WORKLOAD, QUERY_PATH};
	const struct query_range all = {0, INT64_MAX, STORE_10S};
	static struct weir_sum_workload w[MANY];
	static struct weir_sum_row rows[2 * MANY];
	static char names[MANY][8];
	struct weir_summary s = {.epoch = 1, .sequence = 1, .start_ns = NOW_S * NS, .length_ns = 2 * NS, .windows = 1,
				 .domain = "aws/vpc", .workloads = w, .workload_count = MANY, .rows = rows,
				 .row_count = 2 * MANY};
	struct fixture f = {0};
	struct ingest_item it = {.node = "n1", .summary = &s};
	struct weir_err err = {{0}};
	size_t n = 0;
	int r = load(&f, ":memory:", &err);
	const struct ingest_pricing pricing = {f.world.topology, f.world.prices};

	CHECK(!r, "%s", err.text);
	for (uint32_t i = 0; !r && i < 2 * MANY; i++) { /* twice around: the second is found, not made */
		snprintf(names[i % MANY], sizeof(names[0]), "w%u", i % MANY);
		w[i % MANY] = (struct weir_sum_workload){.name = names[i % MANY], .namespace = "n", .kind = "pod", .cgroup = "/"};
		rows[i] = (struct weir_sum_row){.workload = i % MANY, .proto = 6, .dir = WEIR_EGRESS, .verdict = WEIR_V_ACCEPT,
						.init_local = true, .peer_port = 443, .packets = 1, .rule = WEIR_NO_RULE,
						.bytes = i < MANY ? GIB : i % MANY, .interface = "eth0"};
		weir_addr_parse("10.1.1.5", &rows[i].local);
		weir_addr_parse(OTHER_ZONE, &rows[i].peer);
	}
	if (!r)
		ingest_commit(f.store, &pricing, &it, 1, NOW_S * NS);
	r = r ? r : query_cost(f.store, by, 2, &all, check_workload, &n);
	CHECK(!r && n == MANY, "%d, %zu workloads", r, n);
	unload(&f);
}

TEST(unpriced_bytes_are_shown)
{
	static const enum query_dim dims[] = {QUERY_METER};
	const struct query_range range = {0, INT64_MAX, STORE_10S};
	struct fixture f = {0};
	struct weir_err err = {0};
	uint64_t bytes = 0;

	CHECK(!load(&f, ":memory:", &err), "%s", err.text);
	commit(&f, first, WEIR_ARRAY_SIZE(first));
	CHECK(!query_cost(f.store, dims, 1, &range, find_unpriced, &bytes));
	CHECK(bytes == 2 * GIB, "%llu", (unsigned long long)bytes);
	unload(&f);
}

TEST(the_same_summary_again_costs_nothing)
{
	static const enum query_dim dims[] = {QUERY_TEAM, QUERY_PATH};
	const struct query_range range = {0, INT64_MAX, STORE_1H};
	struct search s = {0};
	struct fixture f = {0};
	struct weir_err err = {0};

	CHECK(!load(&f, ":memory:", &err), "%s", err.text);
	commit(&f, first, WEIR_ARRAY_SIZE(first));
	f.sequence--;
	CHECK(commit(&f, first, WEIR_ARRAY_SIZE(first)) == INGEST_DUPLICATE);
	CHECK(!query_cost(f.store, dims, 2, &range, match, &s));
	CHECK(s.total == 900000000 + 89313225, "%lld", (long long)s.total);
	unload(&f);
}

/* Until November 20 the pods had addresses of their own, since then a load balancer stands before them that
 * shows the clients' addresses. */
static const char fronted[] =
	"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n  domain: aws/vpc\n"
	"  valid_from: 2026-11-20\n  provider: aws\n  account: \"1\"\n"
	"  zones: [{id: use1-az1, region: us-east-1}]\n  prefixes: [10.1.0.0/16]\n  subnets:\n"
	"  - {name: a, cidrs: [10.1.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
	"  load_balancers:\n  - name: game\n    kind: nlb\n    scheme: internet-facing\n    passthrough: true\n"
	"    nodes: []\n    targets: [a]\n---\n"
	"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: old}\nspec:\n  domain: aws/vpc\n"
	"  valid_to: 2026-11-20\n  provider: aws\n  account: \"1\"\n"
	"  zones: [{id: use1-az1, region: us-east-1}]\n  prefixes: [10.1.0.0/16]\n  subnets:\n"
	"  - {name: a, cidrs: [10.1.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}\n";
static const char fronted_prices[] =
	"apiVersion: weir.dev/v1alpha1\nkind: PriceBook\nmetadata: {name: p}\nspec:\n  provider: aws\n  currency: USD\n"
	"  region: us-east-1\n  meters:\n"
	"  - {name: internet-out, paths: [internet, lb], directions: [egress], unit: GiB, source: list,"
	" tiers: [{from: 0GiB, price: \"0.09\"}]}\n"
	"  - {name: nlb-processing, leg: processing, paths: [lb], directions: [egress], unit: GiB, source: list,"
	" tiers: [{from: 0GiB, price: \"0.006\"}]}\n";

/*
 * 2 GiB that users asked for pay 2 x 0.006 and 2 x 0.09; 3 GiB that the pod asked for, and 5 GiB of a week before,
 * whoever asked, 8 x 0.09 on path internet.
 */
TEST(what_users_asked_for_came_through_the_load_balancer)
{
	static const struct moved answered[] = {{0, INTERNET, WEIR_EGRESS, WEIR_V_ACCEPT, 2 * GIB}};
	static const struct moved asked[] = {{0, INTERNET, WEIR_EGRESS, WEIR_V_ACCEPT, 3 * GIB}};
	static const struct moved before[] = {{0, INTERNET, WEIR_EGRESS, WEIR_V_ACCEPT, 5 * GIB}};
	struct found want[] = {
		{"lb", "nlb-processing", 0, 0, false},
		{"lb", "internet-out", 0, 0, false},
		{"internet", "internet-out", 0, 0, false},
	};
	static const int64_t nanos[] = {12000000, 180000000, 720000000};
	static const enum query_dim dims[] = {QUERY_PATH, QUERY_METER};
	const struct query_range range = {0, INT64_MAX, STORE_10S};
	struct search s = {want, WEIR_ARRAY_SIZE(want), 0, 0};
	struct topology_fixture w = {0};
	struct fixture f = {0};
	struct weir_err err = {0};

	CHECK(!load(&f, ":memory:", &err), "%s", err.text);
	CHECK(!topology_fixture_load(&w, fronted, "t.yaml", &err), "%s", err.text);
	priced_free(&f.world);
	f.world.topology = w.topology;
	f.world.prices = w.prices;
	{
		weir_auto_ydoc struct weir_ydoc *d = NULL;

		CHECK(!weir_ydoc_parse(fronted_prices, strlen(fronted_prices), "p.yaml", &d, &err), "%s", err.text);
		CHECK(!weir_pricebook_add(w.prices, weir_ydoc_root(d, 0), &err), "%s", err.text);
		CHECK(!weir_pricebook_seal(w.prices, &err), "%s", err.text);
	}
	CHECK(commit(&f, asked, 1) == INGEST_COMMITTED);
	f.answered = true;
	CHECK(commit(&f, answered, 1) == INGEST_COMMITTED);
	f.before_s = 7 * 86400;
	CHECK(commit(&f, before, 1) == INGEST_COMMITTED);
	CHECK(!query_cost(f.store, dims, 2, &range, match, &s), "%s", store_error(f.store));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(want); i++)
		CHECK(want[i].nanos == nanos[i], "%s %s: %lld", want[i].team, want[i].path, (long long)want[i].nanos);
	CHECK(!s.extra, "%zu rows that nobody caused", s.extra);
	unload(&f);
}

static int count_flow(const struct query_flow *q, void *arg)
{
	(void)q;
	++*(int *)arg;
	return 0;
}

static int stored_flows(struct store *s)
{
	const struct query_range all = {0, INT64_MAX, STORE_10S};
	int n = 0;

	return query_flows(s, &all, 100, count_flow, &n) ? -1 : n;
}

struct fared {
	struct weir_sum_tcp by_path[WEIR_PATHS], web;
	size_t lines;
};

static int add_fared(const struct query_path_health *q, void *arg)
{
	struct fared *f = arg;

	f->lines++;
	weir_sum_tcp_add(&f->by_path[q->path], &(struct weir_sum_tcp){q->rtt_us, q->samples, q->retrans});
	if (!strcmp(q->workload, "web"))
		weir_sum_tcp_add(&f->web, &(struct weir_sum_tcp){q->rtt_us, q->samples, q->retrans});
	return 0;
}

/* Also of rows that moved nothing in this window, which are no flows of it. */
TEST(round_trips_are_told_by_path)
{
	static const struct moved quiet[] = {{0, "10.1.1.78", WEIR_EGRESS, WEIR_V_ACCEPT, 0}};
	const struct query_range all = {0, INT64_MAX, STORE_1D};
	struct fixture f = {0};
	struct weir_err err = {0};
	struct fared got = {.lines = 0}, each = {.lines = 0};

	CHECK(load(&f, ":memory:", &err) == 0, "%s", err.text);
	f.rtt_us = 1000;
	CHECK(commit(&f, first, WEIR_ARRAY_SIZE(first)) == INGEST_COMMITTED);
	CHECK(commit(&f, quiet, 1) == INGEST_COMMITTED && !query_path_health(f.store, true, &all, add_fared, &each) &&
	      !query_path_health(f.store, false, &all, add_fared, &got));
	/* Rows 0, 1: internet; 2, 4 (3 came in): another zone; 5 and the quiet one: the same; 6 was denied, and tried all the same. */
	CHECK(got.lines == 3 && each.lines == 5, "%zu, by workload %zu", got.lines, each.lines);
	CHECK(got.by_path[WEIR_PATH_INTERNET].samples == 3 && got.by_path[WEIR_PATH_INTERNET].rtt_us == 1000 + 1001 + 1006 &&
	      got.by_path[WEIR_PATH_INTERNET].retrans == 0 + 1 + 6, "%llu", (unsigned long long)got.by_path[WEIR_PATH_INTERNET].rtt_us);
	CHECK(got.by_path[WEIR_PATH_CROSS_ZONE].samples == 2 && got.by_path[WEIR_PATH_CROSS_ZONE].retrans == 2 + 4);
	CHECK(got.by_path[WEIR_PATH_SAME_ZONE].samples == 2 && got.by_path[WEIR_PATH_SAME_ZONE].rtt_us == 1005 + 1000);
	CHECK(each.web.samples == 4 && each.web.retrans == 0 + 2 + 5 + 0, "%llu", (unsigned long long)each.web.retrans);
	CHECK(stored_flows(f.store) == 7, "%d rows of flows", stored_flows(f.store));
	unload(&f);
}

TEST(money_text)
{
	char buf[TEXT_MONEY_MAX];

	CHECK(!strcmp(text_money(918550000000, buf), "918.55"), "%s", buf);
	CHECK(!strcmp(text_money(1, buf), "0.000000001"), "%s", buf);
	CHECK(!strcmp(text_money(-1500000000, buf), "-1.50"), "%s", buf);
	CHECK(!strcmp(text_money(INT64_MIN, buf), "-9223372036.854775808"), "%s", buf);
}

TEST(month_is_utc)
{
	CHECK(text_month(1796083199) == 202611, "%u", text_month(1796083199));
	CHECK(text_month(1796083200) == 202612, "%u", text_month(1796083200));
}

TEST_MAIN(T(cost_by_team_and_path), T(each_of_many_workloads_has_its_own), T(unpriced_bytes_are_shown),
	  T(the_same_summary_again_costs_nothing),
	  T(what_users_asked_for_came_through_the_load_balancer), T(round_trips_are_told_by_path), T(money_text), T(month_is_utc))
