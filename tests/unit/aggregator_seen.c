/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of each agent besides its rows: gaps, folded detail, when a loss grew, its clock, its cost. */
#include "aggregator/query.h"
#include "aggregator/stats.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/test.h"

/* Two rows, 100 bytes in detail and `folded` without; the node says that it counted `total` in all. */
static enum ingest_result send(struct store *s, uint64_t epoch, uint64_t sequence, uint64_t first_kept,
			       uint64_t folded, uint64_t total, uint64_t time_s)
{
	struct weir_sum_workload w = {.name = "a", .namespace = "", .kind = "pod", .cgroup = "/"};
	struct weir_sum_row rows[2] = {
		{.proto = 6, .dir = WEIR_EGRESS, .verdict = WEIR_V_ACCEPT, .bytes = 100, .packets = 1, .interface = "eth0"},
		{.folded = true, .proto = 6, .dir = WEIR_EGRESS, .verdict = WEIR_V_ACCEPT, .bytes = folded, .packets = 1,
		 .interface = "eth0"}};
	struct weir_summary sum = {.epoch = epoch, .sequence = sequence, .first_kept = first_kept, .start_ns = time_s * NS,
				   .length_ns = 2 * NS, .windows = 1, .domain = "d", .workloads = &w,
				   .workload_count = 1, .rows = rows, .row_count = folded ? 2 : 1,
				   .total_bytes = {0, total}, .clock_skew_ns = -5, .clock_error_ns = 7, .packet_ps = 24500,
				   .window_ns = 2 * NS};

	weir_addr_parse("10.0.0.5", &rows[0].local);
	weir_addr_parse("10.0.0.9", &rows[0].peer);
	return commit_one(s, "n1", &sum, time_s).result;
}

static int copy(const struct query_agent *a, void *arg)
{
	*(struct query_agent *)arg = *a; /* numbers only: its texts end with this call */
	return 0;
}

static struct query_agent agent(struct store *s)
{
	struct query_agent a = {0};

	query_agents(s, copy, &a);
	return a;
}

TEST(gaps_are_what_is_gone_for_good)
{
	auto_store *s = open_store();

	CHECK(send(s, 1, 1, 1, 0, 100, NOW_S) == INGEST_COMMITTED && agent(s).gaps == 0);
	CHECK(send(s, 1, 5, 2, 0, 500, NOW_S) == INGEST_GAP && agent(s).gaps == 0, "asked for again");
	CHECK(send(s, 1, 5, 5, 0, 500, NOW_S) == INGEST_COMMITTED && agent(s).gaps == 3, "2, 3 and 4: %d",
	      (int)agent(s).gaps);
	CHECK(send(s, 1, 5, 5, 0, 500, NOW_S) == INGEST_DUPLICATE && agent(s).gaps == 3);
	CHECK(send(s, 2, 1, 1, 0, 600, NOW_S) == INGEST_COMMITTED && agent(s).gaps == 3, "an epoch begins");
	CHECK(send(s, 3, 4, 4, 0, 700, NOW_S) == INGEST_COMMITTED && agent(s).gaps == 6, "or is known from 4 on");
}

TEST(folded_detail_adds_up)
{
	auto_store *s = open_store();

	send(s, 1, 1, 1, 40, 140, NOW_S);
	send(s, 1, 2, 1, 0, 240, NOW_S);
	send(s, 1, 2, 1, 50, 240, NOW_S); /* a duplicate */
	send(s, 1, 3, 1, 2, 342, NOW_S);
	CHECK(agent(s).folded_bytes == 42 && agent(s).folded_rows == 2, "%d in %d", (int)agent(s).folded_bytes,
	      (int)agent(s).folded_rows);
}

TEST(a_loss_has_the_time_when_it_grew)
{
	auto_store *s = open_store();

	send(s, 1, 1, 1, 0, 100, NOW_S);
	send(s, 1, 2, 1, 0, 200, NOW_S + 10);
	CHECK(agent(s).lost_s == 0 && agent(s).lost_bytes == 0);
	send(s, 1, 3, 1, 0, 350, NOW_S + 20); /* 50 that never came */
	CHECK(agent(s).lost_s == NOW_S + 20 && agent(s).lost_bytes == 50, "%d", (int)agent(s).lost_bytes);
	send(s, 1, 4, 1, 0, 450, NOW_S + 30);
	CHECK(agent(s).lost_s == NOW_S + 20 && agent(s).lost_bytes == 50, "it grew no further");
}

TEST(a_first_summary_may_come_with_a_loss)
{
	auto_store *s = open_store();

	send(s, 1, 9, 9, 0, 1000, NOW_S);
	CHECK(agent(s).lost_s == NOW_S && agent(s).lost_bytes == 900 && agent(s).gaps == 8);
}

TEST(clock_cost_and_window_are_the_latest)
{
	auto_store *s = open_store();
	struct query_agent a;

	send(s, 1, 1, 1, 0, 100, NOW_S);
	a = agent(s);
	CHECK(a.skew_ns == -5 && a.skew_error_ns == 7 && a.packet_ps == 24500 && a.window_ns == 2 * NS);
}

TEST(drifts_and_trust_are_news)
{
	struct weir_policy_sync p = {.refused_reason = "", .refused_text = "", .drifts = 1, .threshold = 2, .approvers = 3};
	struct store_reported had;
	auto_store *s = open_store();

	CHECK(!store_agent_policy(s, "n1", &p, NOW_S * NS), "%s", store_error(s));
	CHECK(agent(s).drifts == 1 && agent(s).threshold == 2 && agent(s).approvers == 3);
	CHECK(!store_agent_reported(s, "n1", &p, &had) && had.same && had.drifts == 1);
	p.drifts = 2;
	CHECK(!store_agent_reported(s, "n1", &p, &had) && !had.same && had.drifts == 1, "another drift is news");
	p.drifts = 1;
	p.approvers = 4;
	CHECK(!store_agent_reported(s, "n1", &p, &had) && !had.same, "so are other approvers");
}

TEST(the_aggregator_counts_what_became_of_summaries)
{
	struct weir_summary sum = {.row_count = 7};
	struct ingest_item items[] = {{.summary = &sum, .result = INGEST_COMMITTED},
				      {.summary = &sum, .result = INGEST_DUPLICATE},
				      {.summary = &sum, .result = INGEST_COMMITTED}};
	struct stats st = {0};

	stats_commit(&st, items, 3, 20000000, 5);
	CHECK(st.summaries[INGEST_COMMITTED] == 2 && st.summaries[INGEST_DUPLICATE] == 1 && st.rows == 14);
	CHECK(st.commits[3] == 1 && st.commit_s > 0.0199 && st.commit_s < 0.0201, "20 ms is at most 30");
	CHECK(st.good_ns == 5 && !st.failed_ns);
	items[1].result = INGEST_FAILED;
	stats_commit(&st, items, 3, 20 * NS, 6);
	CHECK(st.good_ns == 5 && st.failed_ns == 6 && st.commits[STATS_COMMIT_BOUNDS] == 1);
}

struct by_path {
	uint64_t bytes[2][WEIR_PATHS];
};

static int add_path(uint32_t path, bool priced, uint64_t bytes, void *arg)
{
	((struct by_path *)arg)->bytes[priced][path] += bytes;
	return 0;
}

TEST(what_has_no_price_is_told_by_path)
{
	const struct store_charge priced = {.key = {.node = 1, .epoch = 1, .sequence = 1}, .time_s = NOW_S, .workload = 1, .path = WEIR_PATH_NAT, .meter = "m", .pool = "p",
					    .bytes = 5, .once = 5},
				  not_priced = {.key = {.node = 1, .epoch = 1, .sequence = 1}, .time_s = NOW_S, .workload = 1, .path = WEIR_PATH_INTERNET, .meter = "unpriced",
						.pool = "", .bytes = 7, .once = 7};
	struct by_path got = {0};
	auto_store *s = open_store();

	CHECK(!store_charges_add(s, &priced, 1) && !store_charges_add(s, &not_priced, 1), "%s", store_error(s));
	CHECK(!query_priced(s, NOW_S - 86400, add_path, &got), "%s", store_error(s));
	CHECK(got.bytes[1][WEIR_PATH_NAT] == 5 && got.bytes[0][WEIR_PATH_INTERNET] == 7 && !got.bytes[0][WEIR_PATH_NAT]);
}

TEST_MAIN(T(gaps_are_what_is_gone_for_good), T(folded_detail_adds_up), T(a_loss_has_the_time_when_it_grew),
	  T(a_first_summary_may_come_with_a_loss), T(clock_cost_and_window_are_the_latest), T(drifts_and_trust_are_news),
	  T(the_aggregator_counts_what_became_of_summaries), T(what_has_no_price_is_told_by_path))
