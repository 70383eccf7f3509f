/* SPDX-License-Identifier: Apache-2.0 */
/* TCP health in the store: cumulative rows become differences in time, each counted once. */
#include "aggregator/query_health.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/test.h"

#include <limits.h>

/* A row as a node sends it: one count and two buckets. */
static struct weir_sum_health row(uint32_t index, uint64_t since_ns, uint64_t connections, uint64_t fast)
{
	static uint64_t rtt[4][2];
	static int next;
	uint64_t *mine = rtt[next++ % 4];

	mine[0] = fast;
	mine[1] = connections;
	return (struct weir_sum_health){.index = index, .scope = WEIR_SCOPE_PRIVATE, .since_ns = since_ns,
					.n = {[WEIR_H_CONNECTIONS] = connections, [WEIR_H_CLOSED] = 1},
					.rtt = mine, .rtt_first = 10, .rtt_count = 2};
}

/* One summary of workload `name` with one row of health. */
static enum ingest_result send(struct store *s, uint64_t epoch, uint64_t sequence, const char *name,
			       uint64_t time_s, struct weir_sum_health *h)
{
	struct weir_sum_workload w = {.name = name, .namespace = "shop", .kind = "pod", .cgroup = "/"};
	struct weir_summary sum = {.epoch = epoch, .sequence = sequence, .start_ns = time_s * NS,
				   .length_ns = 2 * NS, .windows = 1, .domain = "d", .workloads = &w,
				   .workload_count = 1, .health = h, .health_count = 1};

	return commit_one(s, "n1", &sum, NOW_S).result;
}

struct got {
	struct query_health q;
	char workload[32];
	size_t groups;
};

static int keep(const struct query_health *q, void *arg)
{
	struct got *g = arg;

	g->q = *q;
	snprintf(g->workload, sizeof(g->workload), "%s", q->workload);
	g->groups++;
	return 0;
}

static struct got ask(struct store *s, uint32_t by, enum store_res res, uint64_t from_s, uint64_t to_s)
{
	const struct query_range range = {from_s, to_s, res};
	struct got g = {.groups = 0};

	query_health(s, by, &range, keep, &g);
	return g;
}

TEST(differences_are_booked_once)
{
	auto_store *s = open_store();
	struct weir_sum_health a = row(7, 100, 5, 50), b = row(7, 100, 8, 51), again = row(7, 100, 8, 51);
	struct got g;

	CHECK(send(s, 1, 1, "checkout", NOW_S - 100, &a) == INGEST_COMMITTED);
	CHECK(send(s, 1, 1, "checkout", NOW_S - 100, &a) == INGEST_DUPLICATE);
	CHECK(send(s, 1, 2, "checkout", NOW_S, &b) == INGEST_COMMITTED);
	CHECK(send(s, 1, 3, "checkout", NOW_S, &again) == INGEST_COMMITTED, "an agent that restarted says all again");
	for (enum store_res res = 0; res < STORE_RESOLUTIONS; res++) {
		g = ask(s, QUERY_HEALTH_WORKLOAD, res, 0, INT64_MAX);
		CHECK(g.groups == 1 && g.q.h.n[WEIR_H_CONNECTIONS] == 8 && g.q.h.n[WEIR_H_CLOSED] == 1, "%d: %d",
		      (int)res, (int)g.q.h.n[WEIR_H_CONNECTIONS]);
		CHECK(g.q.h.rtt[10] == 51 && g.q.h.rtt[11] == 8 && g.q.h.rtt[12] == 0, "%d", (int)res);
		CHECK(g.q.open == 7);
	}
	g = ask(s, QUERY_HEALTH_WORKLOAD, STORE_10S, NOW_S - 10, INT64_MAX);
	CHECK(g.q.h.n[WEIR_H_CONNECTIONS] == 3 && g.q.h.rtt[10] == 1 && g.q.h.n[WEIR_H_CLOSED] == 0,
	      "the range has what came in it: %d", (int)g.q.h.n[WEIR_H_CONNECTIONS]);
}

/* Two CPUs exchange a value at once: for a moment the sum is short of what it was. */
TEST(a_dip_is_not_counted_twice)
{
	auto_store *s = open_store();
	struct weir_sum_health a = row(7, 100, 5, 0), dip = row(7, 100, 4, 0), b = row(7, 100, 6, 0);

	send(s, 1, 1, "checkout", NOW_S, &a);
	send(s, 1, 2, "checkout", NOW_S, &dip);
	send(s, 1, 3, "checkout", NOW_S, &b);
	CHECK(ask(s, QUERY_HEALTH_WORKLOAD, STORE_1H, 0, INT64_MAX).q.h.n[WEIR_H_CONNECTIONS] == 6);
}

TEST(counters_that_begin_anew_add)
{
	auto_store *s = open_store();
	struct weir_sum_health a = row(7, 100, 5, 0), b = row(7, 200, 2, 0);
	struct got g;

	send(s, 1, 1, "checkout", NOW_S, &a);
	send(s, 2, 1, "checkout", NOW_S, &b);
	g = ask(s, QUERY_HEALTH_WORKLOAD, STORE_10S, 0, INT64_MAX);
	CHECK(g.q.h.n[WEIR_H_CONNECTIONS] == 7, "%d", (int)g.q.h.n[WEIR_H_CONNECTIONS]);
	CHECK(g.q.open == 1, "what was open before a reboot is not: %d", (int)g.q.open);
}

TEST(a_late_name_moves_nothing)
{
	auto_store *s = open_store();
	struct weir_sum_health a = row(7, 100, 5, 0), b = row(7, 100, 5, 0);
	struct got g;

	send(s, 1, 1, "", NOW_S - 60, &a);
	send(s, 1, 2, "checkout", NOW_S, &b);
	g = ask(s, QUERY_HEALTH_PEER, STORE_10S, 0, INT64_MAX);
	CHECK(g.groups == 1 && g.q.h.n[WEIR_H_CONNECTIONS] == 5 && g.q.scope == WEIR_SCOPE_PRIVATE, "%zu groups",
	      g.groups);
	CHECK(g.q.open == 4);
	g = ask(s, QUERY_HEALTH_WORKLOAD, STORE_10S, NOW_S - 10, INT64_MAX);
	CHECK(g.groups == 1 && !strcmp(g.workload, "checkout") && g.q.open == 4, "what is open has the new name");
}

TEST(groups)
{
	auto_store *s = open_store();
	struct weir_sum_health a = row(7, 100, 5, 0), b = row(8, 101, 3, 0), c = row(7, 102, 2, 0);

	c.scope = WEIR_SCOPE_PUBLIC;
	send(s, 1, 1, "checkout", NOW_S, &a);
	send(s, 1, 2, "backup", NOW_S, &b);
	send(s, 1, 3, "checkout", NOW_S, &c);
	CHECK(ask(s, QUERY_HEALTH_WORKLOAD | QUERY_HEALTH_PEER, STORE_10S, 0, INT64_MAX).groups == 3);
	CHECK(ask(s, QUERY_HEALTH_PEER, STORE_10S, 0, INT64_MAX).groups == 2);
	CHECK(ask(s, QUERY_HEALTH_WORKLOAD, STORE_10S, 0, INT64_MAX).groups == 2);
	/* Ordered by name: checkout is last, both its kinds of peer in one. */
	CHECK(ask(s, QUERY_HEALTH_WORKLOAD, STORE_10S, 0, INT64_MAX).q.h.n[WEIR_H_CONNECTIONS] == 7);
}

TEST(retention_and_bounds)
{
	auto_store *s = open_store();
	const uint64_t keep_s[STORE_RESOLUTIONS] = {60, 60, 60, 86400};
	struct weir_sum_health a = row(7, 100, 5, 0), big = row(7, 100, 1ull << 57, 0);
	struct store_health h;

	CHECK(send(s, 1, 1, "checkout", NOW_S, &big) == INGEST_INVALID);
	CHECK(send(s, 1, 1, "checkout", NOW_S, &a) == INGEST_COMMITTED);
	CHECK(!retain_all(s, NOW_S + 30, keep_s), "%s", store_error(s));
	CHECK(ask(s, QUERY_HEALTH_WORKLOAD, STORE_10S, 0, INT64_MAX).groups == 1);
	CHECK(!retain_all(s, NOW_S + 2 * 3600 + 60, keep_s), "%s", store_error(s));
	CHECK(ask(s, QUERY_HEALTH_WORKLOAD, STORE_1H, 0, INT64_MAX).groups == 0);
	CHECK(ask(s, QUERY_HEALTH_WORKLOAD, STORE_1D, 0, INT64_MAX).q.h.n[WEIR_H_CONNECTIONS] == 5);
	CHECK(store_health_unpack("", 0, &h) && h.n[0] == 0);
	CHECK(store_health_unpack("\x81\x01\x05", 3, &h) && h.n[0] == 129 && h.n[1] == 5);
	CHECK(!store_health_unpack("\x81", 1, &h), "ends within a number");
	CHECK(!store_health_unpack((char[STORE_HEALTH_NUMBERS + 1]){0}, STORE_HEALTH_NUMBERS + 1, &h), "too many");
}

TEST_MAIN(T(differences_are_booked_once), T(a_dip_is_not_counted_twice), T(counters_that_begin_anew_add),
	  T(a_late_name_moves_nothing), T(groups), T(retention_and_bounds))
