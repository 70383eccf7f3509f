/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger and the meter simulator: what was committed window by window costs, by meter, what a replay of its hours says. */
#include "aggregator/ingest.h"
#include "aggregator/query.h"
#include "lib/money/replay.h"
#include "tests/lib/priced.h"
#include "tests/lib/test.h"
#include "tests/lib/traffic_fixture.h"

#define NOW_S 1795500000ull /* 2026-11-24 */
#define NS 1000000000ull

/* A first tier that is soon full, so that the month crosses it; path same-zone has no price. */
static const char prices_text[] =
	"apiVersion: weir.dev/v1alpha1\nkind: PriceBook\nmetadata: {name: p}\nspec:\n  provider: aws\n  currency: USD\n"
	"  region: us-east-1\n  source: list\n  meters:\n"
	"  - {name: internet-out, paths: [internet], directions: [egress], unit: GiB, pool: organisation-region,"
	" free: {amount: 3GiB, pool: organisation}, tiers: [{from: 0GiB, price: \"0.09\"}, {from: 20GiB, price: \"0.085\"}]}\n"
	"  - {name: internet-in, paths: [internet], directions: [ingress], unit: GiB, price: \"0\"}\n"
	"  - {name: cross-zone, paths: [cross-zone], directions: [ingress, egress], unit: GiB, price: \"0.01\"}\n";

struct both {
	struct store *store;
	struct priced world;
	struct weir_traffic_set *set;
	uint64_t sequence;
};

static void random_row(struct weir_sum_row *row, struct weir_traffic *t)
{
	static const char *const locals[] = {"10.1.1.5", "10.1.2.6"};
	static const char *const peers[] = {"203.0.113.7", "10.1.2.9", "10.1.1.77", "10.99.0.1"};
	const char *local = locals[rand() % 2], *peer = peers[rand() % 4];
	bool dropped = rand() % 8 == 0;

	*row = (struct weir_sum_row){.proto = 6, .dir = (uint8_t)(rand() & 1), .init_local = true, .peer_port = 443,
				     .verdict = dropped ? WEIR_V_DENY : WEIR_V_ACCEPT, .packets = 1, .rule = WEIR_NO_RULE,
				     .folded = rand() % 9 == 0, .bytes = (uint64_t)rand() >> (rand() % 20),
				     .interface = "eth0"};
	*t = traffic_row("aws/vpc", local, row->folded ? NULL : peer, row->dir, dropped ? 0 : row->bytes);
	row->local = t->local;
	if (!row->folded)
		row->peer = t->peer;
}

static int commit(struct both *w)
{
	struct weir_sum_workload web = {.name = "web", .namespace = "shop", .kind = "pod", .cgroup = "/web"};
	uint64_t before_s = (uint64_t)rand() % (20 * 86400);
	struct weir_sum_row rows[8];
	struct weir_summary s = {.epoch = 1, .sequence = ++w->sequence, .start_ns = (NOW_S - before_s) * NS,
				 .length_ns = 2 * NS, .windows = 1, .domain = "aws/vpc", .workloads = &web,
				 .workload_count = 1, .rows = rows, .row_count = 1 + (size_t)rand() % 8};
	const struct ingest_pricing pricing = {w->world.topology, w->world.prices};
	struct ingest_item it = {.node = "n1", .summary = &s};
	int r = 0;

	for (size_t i = 0; i < s.row_count && !r; i++) {
		struct weir_traffic t;

		random_row(&rows[i], &t);
		t.hour_s = (NOW_S - before_s) / 3600 * 3600;
		r = weir_traffic_add(w->set, &t);
	}
	return r ? r : ingest_commit(w->store, &pricing, &it, 1, NOW_S * NS);
}

struct compared {
	const struct weir_replay *replay;
	struct test_state *test_st;
	unsigned int seed;
	size_t n;
	int64_t total;
};

static int compare(const struct query_cost *q, void *arg)
{
	struct compared *c = arg;
	struct test_state *test_st = c->test_st;
	uint64_t bytes = 0;
	int64_t nanos = 0;

	for (size_t i = 0; i < weir_replay_count(c->replay); i++) {
		const struct weir_replay_charge *g = weir_replay_at(c->replay, i);

		if (strcmp(g->meter ? g->meter->name : g->free ? "none" : "unpriced", q->keys[0]) != 0)
			continue;
		bytes += g->bytes;
		nanos += g->nanos;
	}
	CHECK(bytes == q->metered_bytes && nanos == q->nanos, "seed %u: %s: %llu bytes %lld, the ledger has %llu and %lld",
	      c->seed, q->keys[0], (unsigned long long)bytes, (long long)nanos, (unsigned long long)q->metered_bytes,
	      (long long)q->nanos);
	c->n++;
	c->total += q->nanos;
	return 0;
}

TEST(a_month_of_windows_costs_what_its_hours_replay)
{
	static const enum query_dim by[] = {QUERY_METER};
	const struct query_range all = {0, INT64_MAX, STORE_10S};
	unsigned int seed = (unsigned int)getpid();
	int rounds = getenv("WEIR_LONG") ? 60 : 6;

	printf("# seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < rounds; round++) {
		weir_auto_replay struct weir_replay *replay = NULL;
		struct both w = {0};
		struct weir_err err = {0};
		struct compared c = {.test_st = test_st, .seed = seed};
		int r = store_open(":memory:", &w.store, &err);

		r = r ? r : priced_load(&w.world, prices_text, &err);
		r = r ? r : weir_traffic_new(&w.set);
		for (int i = 0; i < 60 && !r; i++)
			r = commit(&w);
		r = r ? r : weir_replay_run(w.world.topology, w.world.prices, w.set, NULL, 0, &replay);
		CHECK(!r, "%s", err.text[0] ? err.text : strerror(-r));
		c.replay = replay;
		CHECK(r || !query_cost(w.store, by, 1, &all, compare, &c), "%s", store_error(w.store));
		CHECK(r || (c.n == 4 && c.total == weir_replay_total(replay)), "seed %u: %zu meters", seed, c.n);
		weir_replay_free(weir_take_ptr(replay));
		weir_traffic_free(w.set);
		store_close(w.store);
		priced_free(&w.world);
	}
}

TEST_MAIN(T(a_month_of_windows_costs_what_its_hours_replay))
