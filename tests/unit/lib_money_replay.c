/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The meter simulator against hand calculations and the ledger's arithmetic. Prices are those of policies/prices and
 * short books of this file.
 */
#include <dirent.h>

#include "lib/money/replay.h"
#include "lib/os/file.h"
#include "tests/lib/test.h"
#include "tests/lib/topology_cases.h"
#include "tests/lib/traffic_fixture.h"

#define FOLDER "tests/topology"
#define DOMAIN "aws/1/a"
#define NOVEMBER 202611u

/* Two zones, a NAT gateway in the first, one in another account and region. */
static const char world_text[] =
	"apiVersion: weir.dev/v1alpha1\n"
	"kind: Topology\n"
	"metadata: {name: a}\n"
	"spec:\n"
	"  domain: aws/1/a\n"
	"  provider: aws\n"
	"  account: \"1\"\n"
	"  zones: [{id: z1, region: r1}, {id: z2, region: r1}]\n"
	"  prefixes: [10.0.0.0/16]\n"
	"  nat: [{name: nat-1, zone: z1}]\n"
	"  subnets:\n"
	"  - {name: pub, cidrs: [10.0.1.0/24], zone: z1, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
	"  - {name: priv, cidrs: [10.0.2.0/24], zone: z2, routes: [{to: 0.0.0.0/0, via: \"nat:nat-1\"}]}\n"
	"---\n"
	"apiVersion: weir.dev/v1alpha1\n"
	"kind: Topology\n"
	"metadata: {name: b}\n"
	"spec:\n"
	"  domain: aws/2/b\n"
	"  provider: aws\n"
	"  account: \"2\"\n"
	"  zones: [{id: y1, region: r2}]\n"
	"  prefixes: [10.9.0.0/16]\n"
	"  subnets:\n"
	"  - {name: pub, cidrs: [10.9.1.0/24], zone: y1, routes: [{to: 0.0.0.0/0, via: igw}]}\n";

/* As AWS: tiers per payer and region, 100 GiB free over all regions; NAT, a hop between zones. */
static const char book_text[] =
	"apiVersion: weir.dev/v1alpha1\n"
	"kind: PriceBook\n"
	"metadata: {name: p}\n"
	"spec:\n"
	"  provider: aws\n"
	"  currency: USD\n"
	"  regions: [r1, r2]\n"
	"  source: hand\n"
	"  meters:\n"
	"  - name: internet-out\n"
	"    paths: [internet, nat]\n"
	"    directions: [egress]\n"
	"    unit: GiB\n"
	"    pool: organisation-region\n"
	"    free: {amount: 100GiB, pool: organisation}\n"
	"    prices:\n"
	"    - {regions: [r1], tiers: [{from: 0GiB, price: \"0.09\"}, {from: 10240GiB, price: \"0.085\"}]}\n"
	"    - {regions: [r2], tiers: [{from: 0GiB, price: \"0.12\"}, {from: 10240GiB, price: \"0.1\"}]}\n"
	"  - {name: internet-in, paths: [internet, nat], directions: [ingress], unit: GiB, price: \"0\"}\n"
	"  - {name: nat, leg: processing, paths: [nat], directions: [ingress, egress], unit: GiB, price: \"0.045\"}\n"
	"  - {name: cross-zone, leg: hop, paths: [nat], directions: [ingress, egress], unit: GiB, price: \"0.01\"}\n"
	"  - {name: cross-zone, paths: [cross-zone], directions: [ingress, egress], unit: GiB, price: \"0.01\"}\n"
	"  - {name: local, paths: [same-zone], directions: [ingress, egress], unit: GiB, price: \"0\"}\n"
	"  resources:\n"
	"  - {name: nat-gateway-hour, unit: hour, prices: [{regions: [r1], price: \"0.045\"}]}\n"
	"---\n"
	"apiVersion: weir.dev/v1alpha1\n"
	"kind: PriceContract\n"
	"metadata: {name: acme}\n"
	"spec:\n"
	"  provider: aws\n"
	"  organisation: acme\n"
	"  accounts: [\"1\", \"2\"]\n"
	"  source: hand\n"
	"  terms: [{meters: [cross-zone], discount: 50%}]\n";

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

struct run {
	struct topology_fixture world;
	struct weir_traffic_set *set;
	struct weir_replay *replay;
};

static void run_begin(struct test_state *test_st, struct run *x)
{
	struct weir_err err = {0};

	*x = (struct run){0};
	CHECK(load(&x->world, &err) == 0 && weir_traffic_new(&x->set) == 0, "%s", err.text);
}

static void run_go(struct test_state *test_st, struct run *x, const struct weir_replay_usage *before, size_t n)
{
	int r = weir_replay_run(x->world.topology, x->world.prices, x->set, before, n, &x->replay);

	CHECK(r == 0, "%s", strerror(-r));
}

static void run_end(struct run *x)
{
	weir_replay_free(x->replay);
	weir_traffic_free(x->set);
	topology_fixture_free(&x->world);
}

static int64_t sum_of(const struct weir_replay *r, const char *meter, const char *pool, uint64_t *ret_bytes)
{
	int64_t nanos = 0;

	*ret_bytes = 0;
	for (size_t i = 0; i < weir_replay_count(r); i++) {
		const struct weir_replay_charge *c = weir_replay_at(r, i);

		if (!c->meter || strcmp(c->meter->name, meter) || (pool && strcmp(c->pool, pool)))
			continue;
		nanos += c->nanos;
		*ret_bytes += c->bytes;
	}
	return nanos;
}

/*
 * By hand: 150 GiB out of r1 (60 through NAT in another zone, 90 direct), 50 out of r2. Free 100 GiB of the organisation,
 * by bytes 75 and 25: r1 75 x 0.09 = 6.75, r2 25 x 0.12 = 3.00. NAT 60 x 0.045 = 2.70; the hop 60 x 0.005 (half the list
 * price by contract) = 0.30. The gateway's one hour 0.045. Together 12.795.
 */
TEST(an_hour_by_hand)
{
	struct run x;
	uint64_t bytes;

	run_begin(test_st, &x);
	traffic_add(x.set, DOMAIN, "10.0.1.5", "203.0.113.7", WEIR_EGRESS, 90 * GIB);
	traffic_add(x.set, DOMAIN, "10.0.2.5", "203.0.113.7", WEIR_EGRESS, 60 * GIB);
	traffic_add(x.set, "aws/2/b", "10.9.1.5", "203.0.113.7", WEIR_EGRESS, 50 * GIB);
	run_go(test_st, &x, NULL, 0);
	CHECK(sum_of(x.replay, "internet-out", "acme/r1", &bytes) == 6750000000 && bytes == 150 * GIB, "r1");
	CHECK(sum_of(x.replay, "internet-out", "acme/r2", &bytes) == 3000000000 && bytes == 50 * GIB, "r2");
	CHECK(sum_of(x.replay, "nat", "1/r1", &bytes) == 2700000000 && bytes == 60 * GIB, "NAT");
	CHECK(sum_of(x.replay, "cross-zone", "1/r1", &bytes) == 300000000 && bytes == 60 * GIB, "hop");
	CHECK(sum_of(x.replay, "nat-gateway-hour", "1/r1", &bytes) == 45000000 && bytes == 3600, "the gateway's hour");
	CHECK(weir_replay_total(x.replay) == 12795000000, "%lld", (long long)weir_replay_total(x.replay));
	run_end(&x);
}

TEST(legs_of_a_row_stand_in_order)
{
	static const struct {
		enum weir_leg leg;
		const char *meter;
	} want[] = {{WEIR_LEG_PROCESSING, "nat"}, {WEIR_LEG_HOP, "cross-zone"}, {WEIR_LEG_TRANSFER, "internet-out"}};
	struct run x;

	run_begin(test_st, &x);
	traffic_add(x.set, DOMAIN, "10.0.2.5", "203.0.113.7", WEIR_EGRESS, 1000);
	run_go(test_st, &x, NULL, 0);
	CHECK(weir_replay_count(x.replay) == 4, "%zu charges", weir_replay_count(x.replay));
	for (size_t i = 0; i < 3 && i < weir_replay_count(x.replay); i++) {
		const struct weir_replay_charge *c = weir_replay_at(x.replay, i);

		CHECK(c->row == 0 && c->path == WEIR_PATH_NAT && c->leg == want[i].leg && c->month == NOVEMBER &&
		      !strcmp(c->meter->name, want[i].meter) && c->once == (i == 0) && !c->resource, "charge %zu", i);
	}
	if (weir_replay_count(x.replay) == 4) {
		const struct weir_replay_charge *c = weir_replay_at(x.replay, 3);

		CHECK(c->row == WEIR_REPLAY_RESOURCE && !strcmp(c->resource, "nat-1") && !strcmp(c->resource_domain, DOMAIN) &&
		      !strcmp(c->resource_meter, "nat-gateway-hour") && c->path == WEIR_PATH_NAT && c->leg == WEIR_LEGS, "the resource's charge");
	}
	run_end(&x);
}

/* 10,230 GiB used and 60 of the allowance: 40 free ones bring it to 10,270, where the second tier is: 60 x 0.085. */
TEST(usage_before_the_span_counts)
{
	static const struct weir_replay_usage before[] = {
		{"acme/r1", "internet-out", NOVEMBER, 10230 * GIB},
		{"acme/aws", "free internet-out", NOVEMBER, 60 * GIB},
		{"acme/r1", "internet-out", NOVEMBER - 1, 1000000 * GIB}, /* another month's */
	};
	struct run x;
	uint64_t bytes;

	run_begin(test_st, &x);
	traffic_add(x.set, DOMAIN, "10.0.1.5", "203.0.113.7", WEIR_EGRESS, 100 * GIB);
	run_go(test_st, &x, before, WEIR_ARRAY_SIZE(before));
	CHECK(sum_of(x.replay, "internet-out", NULL, &bytes) == 5100000000, "%lld",
	      (long long)sum_of(x.replay, "internet-out", NULL, &bytes));
	run_end(&x);
}

TEST(a_month_is_a_pool_of_its_own)
{
	struct weir_traffic t = traffic_row(DOMAIN, "10.0.1.5", "203.0.113.7", WEIR_EGRESS, 110 * GIB);
	struct run x;
	uint64_t bytes;

	run_begin(test_st, &x);
	t.hour_s = 1796083200 - 3600; /* the last hour of November, and the first of December */
	weir_traffic_add(x.set, &t);
	t.hour_s += 3600;
	weir_traffic_add(x.set, &t);
	run_go(test_st, &x, NULL, 0);
	CHECK(sum_of(x.replay, "internet-out", NULL, &bytes) == 1800000000, "twice 10 GiB behind the free ones: %lld",
	      (long long)sum_of(x.replay, "internet-out", NULL, &bytes));
	CHECK(sum_of(x.replay, "nat-gateway-hour", NULL, &bytes) == 90000000 && bytes == 7200, "an hour of each month");
	run_end(&x);
}

TEST(unpriced_and_free_are_not_the_same)
{
	struct weir_traffic folded = traffic_row(DOMAIN, "10.0.1.5", NULL, WEIR_EGRESS, 7);
	const struct weir_replay_charge *c;
	struct run x;

	run_begin(test_st, &x);
	traffic_add(x.set, DOMAIN, "10.0.1.5", "10.77.0.1", WEIR_EGRESS, 5); /* no topology explains it */
	folded.path = WEIR_PATH_INTERNET;
	weir_traffic_add(x.set, &folded);
	traffic_add(x.set, DOMAIN, "10.0.1.5", "10.0.1.6", WEIR_EGRESS, 9); /* a meter of price 0 */
	run_go(test_st, &x, NULL, 0);
	c = weir_replay_at(x.replay, 0);
	CHECK(!c->meter && !c->free && c->path == WEIR_PATH_UNKNOWN && c->bytes == 5 && c->once && !c->nanos && !*c->pool,
	      "an unknown path is unpriced");
	c = weir_replay_at(x.replay, 1);
	CHECK(!c->meter && !c->free && c->path == WEIR_PATH_INTERNET && c->bytes == 7,
	      "a folded row keeps its path, and is unpriced");
	c = weir_replay_at(x.replay, 2);
	CHECK(c->meter && !strcmp(c->meter->name, "local") && !c->nanos, "free by a price of 0");
	run_end(&x);
}

TEST(a_flow_log_gives_way_to_an_agent)
{
	struct weir_traffic t = traffic_row(DOMAIN, "10.0.1.5", "203.0.113.7", WEIR_EGRESS, GIB);
	struct run x;
	uint64_t bytes;

	run_begin(test_st, &x);
	weir_traffic_add(x.set, &t);
	t.source = WEIR_TRAFFIC_FLOW_LOG;
	t.port = 0; /* as a log says it: another row of nearly the same bytes */
	t.bytes = GIB + 5;
	weir_traffic_add(x.set, &t);
	t.hour_s += 3600; /* no agent has it then */
	t.bytes = 2 * GIB;
	weir_traffic_add(x.set, &t);
	t.hour_s -= 3600;
	t.bytes = 4 * GIB; /* another address, without one */
	weir_addr_parse("10.0.1.6", &t.local);
	weir_traffic_add(x.set, &t);
	run_go(test_st, &x, NULL, 0);
	sum_of(x.replay, "internet-out", NULL, &bytes);
	CHECK(bytes == 7 * GIB, "%llu GiB", (unsigned long long)(bytes / GIB));
	run_end(&x);
}

/* Rows of random ends, directions, hours and sizes; */
static void random_rows(struct weir_traffic *rows, size_t n)
{
	static const char *const ends[][2] = {
		{DOMAIN, "10.0.1.5"}, {DOMAIN, "10.0.1.6"}, {DOMAIN, "10.0.2.5"}, {DOMAIN, "10.0.2.6"}, {"aws/2/b", "10.9.1.5"},
	};
	static const char *const peers[] = {"203.0.113.7", "198.51.100.9", "10.0.1.77", "10.0.2.77", "10.9.1.77"};

	for (size_t i = 0; i < n; i++) {
		size_t e = (size_t)rand() % WEIR_ARRAY_SIZE(ends), p = (size_t)rand() % WEIR_ARRAY_SIZE(peers);

		rows[i] = traffic_row(ends[e][0], ends[e][1], peers[p], rand() & 1,
				      ((uint64_t)rand() * 1024 + (uint64_t)rand()) >> (rand() % 30));
		rows[i].hour_s += 3600ull * (uint64_t)(rand() % 240); /* into December */
		rows[i].port = (uint16_t)i; /* none becomes another's */
	}
}

/* Each pool and month: what the meter says of the sum, the allowance apart; and the whole is the sum of the parts. */
static void check_pools(struct test_state *test_st, const struct weir_replay *r, unsigned int seed)
{
	int64_t total = 0;

	for (size_t i = 0; i < weir_replay_count(r); i++) {
		const struct weir_replay_charge *c = weir_replay_at(r, i);
		uint64_t bytes = 0;
		int64_t nanos = 0;

		total += c->nanos;
		if (!c->meter || c->meter->free_bytes)
			continue;
		for (size_t k = 0; k < weir_replay_count(r); k++) {
			const struct weir_replay_charge *o = weir_replay_at(r, k);

			if (!o->meter || o->month != c->month || strcmp(o->pool, c->pool) || strcmp(o->meter->name, c->meter->name))
				continue;
			bytes += o->bytes;
			nanos += o->nanos;
		}
		CHECK(nanos == weir_meter_cost(c->meter, bytes), "seed %u: %s of %s: %lld", seed, c->meter->name, c->pool,
		      (long long)nanos);
	}
	CHECK(total == weir_replay_total(r), "seed %u: the parts sum to %lld, the whole is %lld", seed, (long long)total,
	      (long long)weir_replay_total(r));
}

/* The allowance is used up to the last byte: those behind it cost what r1 takes at least and r2 at most. */
static void check_allowance(struct test_state *test_st, const struct weir_replay *r, uint32_t month, unsigned int seed)
{
	uint64_t all = 0, paid;
	int64_t nanos = 0;

	for (size_t i = 0; i < weir_replay_count(r); i++) {
		const struct weir_replay_charge *c = weir_replay_at(r, i);

		if (!c->meter || !c->meter->free_bytes || c->month != month)
			continue;
		all += c->bytes;
		nanos += c->nanos;
	}
	paid = all > 100 * GIB ? all - 100 * GIB : 0;
	CHECK(nanos >= (int64_t)((unsigned __int128)paid * 85000000 / GIB) - 2 &&
	      nanos <= (int64_t)((unsigned __int128)paid * 120000000 / GIB) + 2, "seed %u: of %llu bytes %lld", seed,
	      (unsigned long long)all, (long long)nanos);
}

TEST(charges_sum_to_the_months_cost_in_any_order)
{
	unsigned int seed = (unsigned int)getpid();
	int rounds = getenv("WEIR_LONG") ? 300 : 20;

	printf("# seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < rounds; round++) {
		struct weir_traffic rows[300];
		struct run x, y;

		run_begin(test_st, &x);
		run_begin(test_st, &y);
		random_rows(rows, WEIR_ARRAY_SIZE(rows));
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
			weir_traffic_add(x.set, &rows[i]);
			weir_traffic_add(y.set, &rows[WEIR_ARRAY_SIZE(rows) - 1 - i]);
		}
		run_go(test_st, &x, NULL, 0);
		run_go(test_st, &y, NULL, 0);
		check_pools(test_st, x.replay, seed);
		check_allowance(test_st, x.replay, NOVEMBER, seed);
		check_allowance(test_st, x.replay, NOVEMBER + 1, seed);
		CHECK(weir_replay_total(x.replay) == weir_replay_total(y.replay), "seed %u: another order, another sum", seed);
		run_end(&x);
		run_end(&y);
	}
}

static bool replay_agrees(const struct cases *c, const char *domain, const struct weir_addr *local,
			  const struct weir_addr *peer, bool answered, const char *out, const char *in)
{
	char got[WEIR_DIRS][256] = {"", ""};
	weir_auto_traffic struct weir_traffic_set *s = NULL;
	weir_auto_replay struct weir_replay *r = NULL;
	bool good;

	if (weir_traffic_new(&s))
		return false;
	for (uint8_t dir = 0; dir < WEIR_DIRS; dir++) {
		const struct weir_traffic t = {.hour_s = c->time_s, .domain = domain, .local = *local, .peer = *peer,
					       .dir = dir, .opened = !answered, .bytes = 1000};

		if (weir_traffic_add(s, &t))
			return false;
	}
	if (weir_replay_run(c->world.topology, c->world.prices, s, NULL, 0, &r))
		return false;
	for (size_t i = 0; i < weir_replay_count(r); i++) {
		const struct weir_replay_charge *charge = weir_replay_at(r, i);
		char *text = charge->row < WEIR_DIRS ? got[charge->row] : NULL; /* the row's number is its direction */

		if (text)
			snprintf(text + strlen(text), sizeof(got[0]) - strlen(text), "%s%s", *text ? " " : "",
				 charge->meter ? charge->meter->name : charge->free ? "-" : "?");
	}
	good = !strcmp(got[WEIR_EGRESS], out) && !strcmp(got[WEIR_INGRESS], in);
	if (!good)
		printf("# %s: replay has out %s, in %s; not out %s, in %s\n", domain, got[WEIR_EGRESS], got[WEIR_INGRESS], out, in);
	return good;
}

TEST(every_labelled_topology_passes_the_same_meters)
{
	weir_auto_close int fd = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weir_auto_strv char **names = NULL;
	int count = 0;

	CHECK(fd >= 0 && weir_dir_list(fd, ".cases", 100, &names) == 0, "no " FOLDER);
	for (size_t i = 0; names && names[i]; i++) {
		weir_auto_free char *path = weir_strf(FOLDER "/%s", names[i]), *data = NULL;
		struct cases c = {.file = names[i], .time_s = CASES_NOW_S, .also = replay_agrees};
		struct weir_err err = {0};
		size_t len;
		char *rows;
		int r = weir_file_read(path, 1u << 20, &data, &len);

		rows = r < 0 ? NULL : strstr(data, "\n%%\n");
		CHECK(rows, "%s", path);
		if (!rows)
			continue;
		*rows = 0;
		r = topology_fixture_load(&c.world, data, names[i], &err);
		if (!r)
			r = read_rows(&c, rows + 4, &err);
		CHECK(r == 0 && c.failed == 0, "%s: %d cases differ %s", names[i], c.failed, err.text);
		topology_fixture_free(&c.world);
		count += c.count;
	}
	CHECK(count >= 45, "%d cases", count);
}

TEST_MAIN(T(an_hour_by_hand), T(legs_of_a_row_stand_in_order), T(usage_before_the_span_counts),
	  T(a_month_is_a_pool_of_its_own), T(unpriced_and_free_are_not_the_same), T(a_flow_log_gives_way_to_an_agent),
	  T(charges_sum_to_the_months_cost_in_any_order), T(every_labelled_topology_passes_the_same_meters))
