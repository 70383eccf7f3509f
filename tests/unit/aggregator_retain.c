/* SPDX-License-Identifier: Apache-2.0 */
/* Upkeep of the rollups: whatever was folded and removed, each level says the same of what it still covers. */
#include "aggregator/query_health.h"
#include "aggregator/store_health.h"
#include "aggregator/store_impl.h"
#include "tests/lib/charge_fixture.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/test.h"

#define HOUR 3600ull
#define DAY 86400ull
#define WORKLOADS 4
#define MOVES_MAX 6000

/* The model: all that was ever moved. */
struct move {
	uint64_t time_s, bytes;
	int64_t nanos;
	int workload;
};
struct world {
	struct store *s;
	int64_t node[2], workload[WORKLOADS];
	struct move moves[MOVES_MAX];
	size_t count;
	uint64_t sequence, connections[WORKLOADS];
	unsigned int seed;
};

static uint64_t rnd(struct world *w, uint64_t n)
{
	return (uint64_t)rand_r(&w->seed) % n;
}

static int world_names(struct world *w)
{
	char name[16];
	int r = 0;

	for (int i = 0; !r && i < WORKLOADS; i++) {
		struct weir_sum_workload sw = {.name = name, .namespace = name, .kind = "pod", .cgroup = "/"};

		snprintf(name, sizeof(name), "w%d", i);
		if (i < 2)
			r = store_node(w->s, i ? "n2" : "n1", &w->node[i]);
		if (!r)
			r = store_workload(w->s, w->node[i % 2], "d", &sw, &w->workload[i]);
	}
	return r;
}

/* One row as ingest hands it over, with its charge, and the connections that were opened. */
static int move(struct world *w, uint64_t time_s)
{
	struct move *m = &w->moves[w->count++];
	static const char *const meters[] = {"internet-out", "cross-zone", "none"};
	struct store_flow f;
	struct store_charge c;
	int r;

	*m = (struct move){.time_s = time_s, .bytes = 1 + rnd(w, 1000000), .workload = (int)rnd(w, WORKLOADS),
			   .nanos = (int64_t)rnd(w, 100000)};
	f = (struct store_flow){.key = {w->node[m->workload % 2], 1, ++w->sequence, 0}, .time_s = time_s,
				.workload = w->workload[m->workload], .path = (uint8_t)rnd(w, 3), .proto = 6,
				.port = (uint16_t)(1 + rnd(w, 3)), .dir = WEIR_EGRESS, .bytes = m->bytes, .packets = 1};
	c = (struct store_charge){.key = f.key, .time_s = time_s, .workload = f.workload, .path = f.path,
				  .meter = meters[rnd(w, 3)], .pool = rnd(w, 2) ? "a" : "b", .month = 202611,
				  .bytes = m->bytes, .once = m->bytes, .nanos = m->nanos};
	r = store_flows_add(w->s, &f, 1);
	if (!r)
		r = store_charges_add(w->s, &c, 1);
	if (!r) {
		struct weir_sum_health h = {.index = (uint32_t)m->workload, .since_ns = 1, .scope = 2};

		h.n[WEIR_H_CONNECTIONS] = w->connections[m->workload] += m->bytes;
		r = store_health_add(w->s, f.key.node, f.workload, time_s, &h);
	}
	if (!r) {
		const struct store_path_health p = {.key = f.key, .time_s = time_s, .workload = f.workload, .path = f.path,
						    .tcp = {m->bytes, 1, m->bytes / 3}};

		r = store_path_health_add(w->s, &p, 1);
	}
	return r;
}

struct sums {
	uint64_t ledger[WORKLOADS], flow[WORKLOADS], health[WORKLOADS], rtt[WORKLOADS], samples, retrans;
	int64_t nanos[WORKLOADS];
};

static int add_cost(const struct query_cost *q, void *arg)
{
	struct sums *t = arg;
	int i = q->keys[0][1] - '0';

	t->ledger[i] += q->bytes;
	t->nanos[i] += q->nanos;
	return 0;
}

static int add_top(const struct query_top *q, void *arg)
{
	((struct sums *)arg)->flow[q->workload[1] - '0'] += q->bytes_out;
	return 0;
}

static int add_health(const struct query_health *q, void *arg)
{
	((struct sums *)arg)->health[q->workload[1] - '0'] += q->h.n[WEIR_H_CONNECTIONS];
	return 0;
}

static int add_path_health(const struct query_path_health *q, void *arg)
{
	struct sums *t = arg;

	t->rtt[q->workload[1] - '0'] += q->rtt_us;
	t->samples += q->samples;
	t->retrans += q->retrans;
	return 0;
}

/* What a level says of a span beside what the model says; false: they differ. */
static bool same(struct world *w, enum store_res res, uint64_t from_s, uint64_t to_s)
{
	static const enum query_dim by_workload[] = {QUERY_WORKLOAD};
	const struct query_range range = {from_s, to_s, res};
	struct sums got = {0}, want = {0};

	for (size_t i = 0; i < w->count; i++) {
		const struct move *m = &w->moves[i];

		if (m->time_s < from_s || m->time_s >= to_s)
			continue;
		want.ledger[m->workload] += m->bytes;
		want.nanos[m->workload] += m->nanos;
		want.samples++;
		want.retrans += m->bytes / 3;
	}
	memcpy(want.flow, want.ledger, sizeof(want.flow));
	memcpy(want.health, want.ledger, sizeof(want.health));
	memcpy(want.rtt, want.ledger, sizeof(want.rtt));
	if (query_cost(w->s, by_workload, 1, &range, add_cost, &got) ||
	    query_top(w->s, QUERY_BY_WORKLOAD, &range, 100, add_top, &got) ||
	    query_health(w->s, QUERY_HEALTH_WORKLOAD, &range, add_health, &got) ||
	    query_path_health(w->s, true, &range, add_path_health, &got))
		return false;
	return !memcmp(&got, &want, sizeof(got));
}

/* Spans at random, of whole buckets, within what the level still covers. */
static bool all_same(struct world *w, uint64_t now_s, const uint64_t retain_s[STORE_RESOLUTIONS])
{
	bool ok = true;

	for (enum store_res res = 0; res < STORE_RESOLUTIONS; res++) {
		uint64_t width = store_bucket_s(res), first = now_s - WEIR_MIN(retain_s[res], 70 * DAY);

		first += width - first % width;
		for (int i = 0; i < 3 && first < now_s; i++) {
			uint64_t from = first + rnd(w, now_s - first), to;

			from -= from % width;
			to = i ? from + width * (1 + rnd(w, 50)) : now_s - now_s % width + width;
			if (!same(w, res, from, to)) {
				printf("# level %d differs in [%llu, %llu)\n", res, (unsigned long long)from,
				       (unsigned long long)to);
				ok = false;
			}
		}
	}
	return ok;
}

TEST(every_level_says_the_same_of_any_span_that_it_covers)
{
	static const uint64_t retain_s[STORE_RESOLUTIONS] = {DAY, 7 * DAY, 20 * DAY, 400 * DAY};
	weir_auto_free struct world *w = calloc(1, sizeof(*w));
	const char *seed = getenv("WEIR_SEED");
	auto_store *s = open_store();
	uint64_t now_s = NOW_S;
	bool more;

	w->s = s;
	w->seed = seed ? (unsigned int)atoi(seed) : (unsigned int)getpid();
	printf("# seed %u\n", w->seed);
	CHECK(!world_names(w), "%s", store_error(s));
	for (int round = 0; round < 60 && !test_st->failed; round++, now_s += rnd(w, DAY)) {
		CHECK(!store_begin(s));
		for (int i = 0; i < 100; i++) /* most of now, some of agents that were away for up to 10 days */
			CHECK(!move(w, now_s - (rnd(w, 10) ? rnd(w, 600) : rnd(w, 10 * DAY))), "%s", store_error(s));
		CHECK(!store_commit(s));
		if (rnd(w, 2))
			CHECK(!retain_all(s, now_s, retain_s), "%s", store_error(s));
		else
			CHECK(!store_retain(s, now_s, retain_s, &more), "%s", store_error(s));
		CHECK(all_same(w, now_s, retain_s), "round %d, seed %u", round, w->seed);
	}
	CHECK(same(w, STORE_1D, 0, INT64_MAX), "all that was ever moved, seed %u", w->seed);
	CHECK(s->folded_s[STORE_LEDGER][STORE_1D] > NOW_S, "hours were folded");
}

/* Rows of one bucket, each its own. */
static int fill(struct store *s, uint64_t time_s, uint32_t count)
{
	int r = store_begin(s);

	for (uint32_t i = 0; !r && i < count; i++) {
		const struct store_flow f = {.key = {1, 1, 1, i}, .time_s = time_s, .workload = 1, .local = i, .proto = 6,
					     .bytes = 1, .packets = 1};

		r = store_flows_add(s, &f, 1);
	}
	return r ? r : store_commit(s);
}

TEST(a_step_is_bounded)
{
	static const uint64_t retain_s[STORE_RESOLUTIONS] = {DAY, DAY, 2 * DAY, 30 * DAY};
	auto_store *s = open_store();
	uint32_t steps = 0, most = 0;
	bool more = true;

	CHECK(!fill(s, NOW_S, 3 * STORE_STEP_ROWS), "%s", store_error(s));
	for (; more && steps < 100; steps++) {
		int before = sqlite3_total_changes(s->db);

		CHECK(!store_retain(s, NOW_S + 5 * DAY, retain_s, &more), "%s", store_error(s));
		most = WEIR_MAX(most, (uint32_t)(sqlite3_total_changes(s->db) - before));
	}
	CHECK(most >= STORE_STEP_ROWS && most <= STORE_STEP_ROWS + STORE_KINDS * STORE_RESOLUTIONS, "%u rows in a step", most);
	CHECK(steps >= 18 && !more, "%u steps", steps); /* 9 of folding, 9 of removal */
}

static int64_t pragma(struct store *s, const char *what)
{
	sqlite3_stmt *st = NULL;
	int64_t v = -1;

	if (!sqlite3_prepare_v2(s->db, what, -1, &st, NULL) && sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

TEST(space_is_given_back)
{
	static const uint64_t retain_s[STORE_RESOLUTIONS] = {DAY, DAY, 2 * DAY, 3 * DAY};
	auto_store *s = open_store();
	int64_t full;

	CHECK(!fill(s, NOW_S, 100000), "%s", store_error(s));
	full = pragma(s, "PRAGMA page_count");
	CHECK(!retain_all(s, NOW_S + 9 * DAY, retain_s), "%s", store_error(s));
	CHECK(pragma(s, "SELECT COUNT(*) FROM flow_days") == 0);
	CHECK(pragma(s, "PRAGMA page_count") < full / 2, "%lld of %lld pages", (long long)pragma(s, "PRAGMA page_count"),
	      (long long)full);
}

TEST(a_day_outlives_its_hours_and_takes_what_comes_late)
{
	static const uint64_t retain_s[STORE_RESOLUTIONS] = {60, 60, HOUR, 30 * DAY};
	auto_store *s = open_store();

	CHECK(!fill(s, NOW_S, 10) && !retain_all(s, NOW_S + 3 * DAY, retain_s), "%s", store_error(s));
	CHECK(pragma(s, "SELECT COUNT(*) FROM flow_1h") == 0);
	CHECK(pragma(s, "SELECT SUM(bytes) FROM flow_days") == 10);
	CHECK(!fill(s, NOW_S, 10) && !fill(s, NOW_S + 2 * DAY, 7), "%s", store_error(s));
	CHECK(pragma(s, "SELECT SUM(bytes) FROM flow_days") == 27);
	CHECK(pragma(s, "SELECT COUNT(*) FROM flow_days WHERE bytes=2") == 10, "in the same rows");
	CHECK(!retain_all(s, NOW_S + 4 * DAY, retain_s), "%s", store_error(s));
	CHECK(pragma(s, "SELECT SUM(bytes) FROM flow_1d") == 27);
}

TEST(old_holders_and_boots_go)
{
	static const uint64_t retain_s[STORE_RESOLUTIONS] = {60, 60, DAY, 3 * DAY};
	auto_store *s = open_store();

	for (int64_t a = 1; a < 20000; a += 100)
		CHECK(!store_holder(s, a, 1, 1, NOW_S) && !store_holder(s, a, 2, 2, NOW_S + 60), "%s", store_error(s));
	for (int i = 0; i < 4; i++)
		CHECK(!retain_all(s, NOW_S + DAY, retain_s), "%s", store_error(s));
	CHECK(pragma(s, "SELECT COUNT(*) FROM holder") == 400, "%d", (int)pragma(s, "SELECT COUNT(*) FROM holder"));
	for (int i = 0; i < 4; i++)
		CHECK(!retain_all(s, NOW_S + 5 * DAY, retain_s), "%s", store_error(s));
	CHECK(pragma(s, "SELECT COUNT(*) FROM holder") == 200, "who holds an address now stays");
}

TEST(a_question_goes_to_what_reaches_back_far_enough)
{
	static const uint64_t usual[STORE_RESOLUTIONS] = {DAY, 7 * DAY, 400 * DAY, 1830 * DAY},
			      odd[STORE_RESOLUTIONS] = {HOUR, 7 * DAY, 400 * DAY, DAY};

	CHECK(query_resolution(NOW_S - HOUR, NOW_S, usual) == STORE_10S);
	CHECK(query_resolution(NOW_S - 2 * DAY, NOW_S, usual) == STORE_1M);
	CHECK(query_resolution(NOW_S - 90 * DAY, NOW_S, usual) == STORE_1H);
	CHECK(query_resolution(NOW_S - 300 * DAY, NOW_S, usual) == STORE_1D, "as few buckets as are bearable");
	CHECK(query_resolution(0, NOW_S, usual) == STORE_1D);
	CHECK(query_resolution(NOW_S - 2 * HOUR, NOW_S, odd) == STORE_1M, "10 s are gone");
	CHECK(query_resolution(0, NOW_S, odd) == STORE_1H, "what is kept longest");
}

static int add_nanos(const struct query_cost *c, void *arg)
{
	*(int64_t *)arg += c->nanos;
	return 0;
}

/* The last bucket has a row of the first workload alone, its minute one of the third: a row of the second stands between. */
TEST(a_late_row_beside_the_last_one_counts_once)
{
	static const uint64_t keep[STORE_RESOLUTIONS] = {7 * 86400, 7 * 86400, 400 * 86400, 1830 * 86400};
	static const enum query_dim dims[] = {QUERY_WORKLOAD};
	static const char *const names[] = {"a", "b", "c"};
	const uint64_t minute = NOW_S - NOW_S % 3600 + 600;
	auto_store *s = open_store();

	for (size_t i = 0; i < 3; i++)
		CHECK(!charge_committed(s, &(struct charged){.workload = names[i], .nanos = 1, .time_s = minute - 86400}));
	CHECK(!charge_committed(s, &(struct charged){.workload = "c", .nanos = 10, .time_s = minute}));
	CHECK(!charge_committed(s, &(struct charged){.workload = "a", .nanos = 100, .time_s = minute + 10}));
	CHECK(!retain_all(s, minute + 2 * 3600, keep), "%s", store_error(s));
	CHECK(!charge_committed(s, &(struct charged){.workload = "b", .nanos = 1000, .time_s = minute + 10}));
	for (int pass = 0; pass < 2; pass++) {
		for (enum store_res res = STORE_10S; res < STORE_RESOLUTIONS; res++) {
			const struct query_range all = {0, INT64_MAX, res};
			int64_t sum = 0;

			CHECK(!query_cost(s, dims, 1, &all, add_nanos, &sum) && sum == 1113, "pass %d, %u s: %lld", pass, store_bucket_s(res),
			      (long long)sum);
		}
		CHECK(!retain_all(s, minute + 3 * 3600, keep), "%s", store_error(s));
	}
}

TEST_MAIN(T(a_late_row_beside_the_last_one_counts_once), T(every_level_says_the_same_of_any_span_that_it_covers), T(a_step_is_bounded), T(space_is_given_back),
	  T(a_day_outlives_its_hours_and_takes_what_comes_late), T(old_holders_and_boots_go),
	  T(a_question_goes_to_what_reaches_back_far_enough))
