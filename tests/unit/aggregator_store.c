/* SPDX-License-Identifier: Apache-2.0 */
/* What the store must keep: once and only once, in order, by the right holder, for as long as asked. */
#include "aggregator/query.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/test.h"

/* A summary of one row of 100 bytes by workload `name`. */
static struct ingest_item send(struct store *s, const char *node, uint64_t epoch, uint64_t sequence,
			       const char *name, uint64_t time_s)
{
	struct weir_sum_workload w = {.name = name, .namespace = name, .kind = "pod", .cgroup = "/"};
	struct weir_sum_row row = {.proto = 6, .dir = WEIR_EGRESS, .verdict = WEIR_V_ACCEPT,
				   .init_local = true, .peer_port = 443, .bytes = 100, .packets = 2,
				   .rule = WEIR_NO_RULE, .interface = "eth0"};
	struct weir_summary sum = {.epoch = epoch, .sequence = sequence, .start_ns = time_s * NS,
				   .length_ns = 2 * NS, .windows = 1, .domain = "d", .workloads = &w,
				   .workload_count = 1, .rows = &row, .row_count = 1};

	weir_addr_parse("10.0.0.5", &row.local);
	weir_addr_parse("10.0.0.9", &row.peer);
	return commit_one(s, node, &sum, NOW_S);
}

struct sum {
	uint64_t bytes;
	size_t rows;
};

static int add_flow(const struct query_flow *f, void *arg)
{
	struct sum *s = arg;

	s->bytes += f->bytes;
	s->rows++;
	return 0;
}

static struct sum stored(struct store *s, enum store_res res)
{
	const struct query_range all = {0, INT64_MAX, res};
	struct sum sum = {0};

	query_flows(s, &all, 1000, add_flow, &sum);
	return sum;
}

TEST(decide_is_exactly_once)
{
	CHECK(ingest_decide(0, 0, 1, 1, 0) == INGEST_COMMITTED);
	CHECK(ingest_decide(3, 7, 3, 8, 0) == INGEST_COMMITTED);
	CHECK(ingest_decide(3, 7, 3, 7, 0) == INGEST_DUPLICATE);
	CHECK(ingest_decide(3, 7, 3, 9, 0) == INGEST_GAP);
	CHECK(ingest_decide(3, 7, 2, 8, 0) == INGEST_FENCED);
	CHECK(ingest_decide(3, 7, 4, 1, 0) == INGEST_COMMITTED);
	CHECK(ingest_decide(3, 7, 4, 5, 0) == INGEST_COMMITTED, "an agent that cannot say what it has");
}

/* The agent sends again what it still has, and says what that is. */
TEST(what_can_still_be_had_is_asked_for)
{
	CHECK(ingest_decide(3, 7, 3, 12, 8) == INGEST_GAP);
	CHECK(ingest_decide(3, 7, 3, 12, 5) == INGEST_GAP);
	CHECK(ingest_decide(3, 7, 3, 12, 10) == INGEST_GAP);
	CHECK(ingest_decide(3, 7, 3, 10, 10) == INGEST_COMMITTED, "8 and 9 are gone");
	CHECK(ingest_decide(3, 7, 3, 6, 6) == INGEST_DUPLICATE);
	CHECK(ingest_decide(3, 7, 4, 2, 1) == INGEST_GAP, "a new epoch from its begin");
	CHECK(ingest_decide(3, 7, 4, 2, 2) == INGEST_COMMITTED);
	CHECK(ingest_decide(0, 0, 4, 9, 3) == INGEST_GAP, "a new store");
}

TEST(a_summary_counts_once)
{
	auto_store *s = open_store();
	struct ingest_item again;

	send(s, "n1", 1, 1, "a", NOW_S);
	again = send(s, "n1", 1, 1, "a", NOW_S);
	CHECK(again.result == INGEST_DUPLICATE, "%d", again.result);
	CHECK(again.committed == 1, "%d", (int)again.committed);
	for (enum store_res res = STORE_10S; res < STORE_RESOLUTIONS; res++)
		CHECK(stored(s, res).bytes == 100, "%d", (int)stored(s, res).bytes);
}

/* Rows of many peers, two of each side by side: their bytes say which they are. */
#define ROWS 53

static int check_row(const struct query_flow *f, void *arg)
{
	uint64_t *seen = arg;
	unsigned int host = f->peer.b[15];

	if (f->peer.b[13] != 1 || f->bytes != 1000 + 2 * host + (f->dir == WEIR_EGRESS))
		return -EPROTO;
	*seen |= 1ull << (2 * host + (f->dir == WEIR_EGRESS));
	return 0;
}

TEST(many_rows_are_each_stored_as_they_are)
{
	const struct query_range all = {0, INT64_MAX, STORE_10S};
	struct weir_sum_workload w = {.name = "a", .namespace = "a", .kind = "pod", .cgroup = "/"};
	struct weir_sum_row rows[ROWS];
	struct weir_summary sum = {.epoch = 1, .sequence = 1, .start_ns = NOW_S * NS, .length_ns = 2 * NS, .windows = 1,
				   .domain = "d", .workloads = &w, .workload_count = 1, .rows = rows, .row_count = ROWS};
	auto_store *s = open_store();
	uint64_t seen = 0;
	int r;

	for (unsigned int i = 0; i < ROWS; i++) {
		char peer[32];

		rows[i] = (struct weir_sum_row){.proto = 6, .dir = i % 2 ? WEIR_EGRESS : WEIR_INGRESS, .init_local = true,
						.peer_port = 443, .bytes = 1000 + i, .packets = 1, .rule = WEIR_NO_RULE,
						.interface = "eth0"};
		snprintf(peer, sizeof(peer), "10.1.0.%u", i / 2);
		weir_addr_parse("10.0.0.5", &rows[i].local);
		weir_addr_parse(peer, &rows[i].peer);
	}
	commit_one(s, "n1", &sum, NOW_S);
	r = query_flows(s, &all, 1000, check_row, &seen);
	CHECK(!r && seen == (1ull << ROWS) - 1, "%d, rows %llx", r, (unsigned long long)seen);
}

TEST(a_gap_is_answered_with_what_is_committed)
{
	auto_store *s = open_store();
	struct ingest_item it;

	send(s, "n1", 1, 1, "a", NOW_S);
	it = send(s, "n1", 1, 3, "a", NOW_S);
	CHECK(it.result == INGEST_GAP, "%d", it.result);
	CHECK(it.committed == 1, "%d", (int)it.committed);
	CHECK(stored(s, STORE_10S).bytes == 100);
}

static int take_loss(const struct query_agent *a, void *arg)
{
	memcpy(arg, &a->lost_bytes, sizeof(a->lost_bytes));
	return a->lost_packets * 50 == a->lost_bytes ? 0 : -EPROTO;
}

/* A window of a boot that has counted total_bytes, 50 in a packet; its own row is of `bytes`. */
static void say(struct store *s, uint8_t boot, uint64_t epoch, uint64_t sequence, uint64_t bytes, uint64_t total)
{
	struct weir_sum_workload w = {.name = "a", .namespace = "a", .kind = "pod", .cgroup = "/"};
	struct weir_sum_row row = {.folded = true, .bytes = bytes, .packets = bytes / 50, .rule = WEIR_NO_RULE,
				   .interface = "eth0"};
	struct weir_summary sum = {.boot_id = {boot}, .epoch = epoch, .sequence = sequence, .first_kept = sequence,
				   .start_ns = NOW_S * NS, .length_ns = NS, .windows = 1, .domain = "d",
				   .workloads = &w, .workload_count = 1, .rows = &row, .row_count = 1,
				   .total_bytes = {total}, .total_packets = {total / 50}};

	commit_one(s, "n1", &sum, NOW_S);
}

static int64_t loss(struct store *s)
{
	int64_t lost = -1;

	return query_agents(s, take_loss, &lost) ? -2 : lost;
}

TEST(a_loss_is_stated_to_the_byte)
{
	auto_store *s = open_store();

	say(s, 1, 1, 1, 1000, 1000);
	CHECK(loss(s) == 0, "%d", (int)loss(s));
	say(s, 1, 1, 1, 1000, 1000);
	CHECK(loss(s) == 0, "what came twice: %d", (int)loss(s));
	say(s, 1, 1, 4, 500, 1800); /* 2 and 3 are gone */
	CHECK(loss(s) == 300, "%d", (int)loss(s));
	say(s, 1, 2, 1, 100, 1950); /* so is the end of that epoch */
	CHECK(loss(s) == 350, "%d", (int)loss(s));
	say(s, 2, 3, 1, 700, 700);
	CHECK(loss(s) == 350, "another boot counts from 0: %d", (int)loss(s));
	say(s, 2, 3, 2, 50, 750);
	CHECK(loss(s) == 350, "%d", (int)loss(s));
}

TEST(a_newer_epoch_fences_the_older)
{
	auto_store *s = open_store();
	struct ingest_item it;

	send(s, "n1", 1, 1, "a", NOW_S);
	it = send(s, "n1", 2, 1, "a", NOW_S);
	CHECK(it.result == INGEST_COMMITTED, "%d", it.result);
	it = send(s, "n1", 1, 2, "a", NOW_S);
	CHECK(it.result == INGEST_FENCED, "%d", it.result);
	it = send(s, "n2", 1, 1, "a", NOW_S);
	CHECK(it.result == INGEST_COMMITTED, "another node has its own epochs: %d", it.result);
}

/* Its counts waited in the kernel. */
TEST(an_agent_may_have_been_away_for_weeks)
{
	auto_store *s = open_store();
	struct weir_summary sum = {.epoch = 1, .sequence = 1, .start_ns = (NOW_S - 30 * 86400) * NS,
				   .length_ns = 30ull * 86400 * NS, .windows = 1, .domain = "d"};

	CHECK(commit_one(s, "n1", &sum, NOW_S).result == INGEST_COMMITTED, "refused");
}

TEST(rows_of_one_bucket_add_up)
{
	auto_store *s = open_store();

	send(s, "n1", 1, 1, "a", NOW_S);
	send(s, "n1", 1, 2, "a", NOW_S + 2);
	send(s, "n1", 1, 3, "a", NOW_S + 10);
	CHECK(stored(s, STORE_10S).rows == 2, "%zu", stored(s, STORE_10S).rows);
	CHECK(stored(s, STORE_1M).rows == 1, "%zu", stored(s, STORE_1M).rows);
	CHECK(stored(s, STORE_1M).bytes == 300);
}

/* One transaction for many: what is wrong with one leaves the others whole. */
TEST(an_invalid_summary_does_not_hold_up_others)
{
	auto_store *s = open_store();
	struct weir_sum_row row = {.workload = 5, .interface = ""};
	struct weir_summary bad = {.epoch = 1, .sequence = 1, .length_ns = NS, .domain = "d",
				   .rows = &row, .row_count = 1};
	struct weir_summary good = {.epoch = 1, .sequence = 1, .length_ns = NS, .domain = "d"};
	struct ingest_item items[] = {{.node = "n1", .summary = &bad}, {.node = "n2", .summary = &good}};
	const struct ingest_pricing pricing = {NULL, NULL};

	CHECK(!ingest_commit(s, &pricing, items, 2, NOW_S * NS), "%s", store_error(s));
	CHECK(items[0].result == INGEST_INVALID && items[0].reason, "%d", items[0].result);
	CHECK(items[1].result == INGEST_COMMITTED, "%d", items[1].result);
}

static int64_t holder(struct store *s, int64_t address, uint64_t time_s)
{
	int64_t workload = -1;

	store_holder_at(s, address, time_s, &workload);
	return workload;
}

TEST(a_reused_address_belongs_to_its_holder_at_the_time)
{
	auto_store *s = open_store();
	struct weir_addr a;
	int64_t id = 0;

	weir_addr_parse("10.0.0.5", &a);
	CHECK(!store_address(s, "d", &a, &id));
	CHECK(!store_holder(s, id, 1, 1, 100));
	CHECK(!store_holder(s, id, 1, 1, 150));
	CHECK(!store_holder(s, id, 2, 1, 200));
	CHECK(holder(s, id, 99) == 0, "%lld", (long long)holder(s, id, 99));
	CHECK(holder(s, id, 199) == 1, "%lld", (long long)holder(s, id, 199));
	CHECK(holder(s, id, 200) == 2, "%lld", (long long)holder(s, id, 200));
	CHECK(!store_holder(s, id, 1, 1, 160));
	CHECK(holder(s, id, 300) == 2, "an old window came late: %lld", (long long)holder(s, id, 300));
}

TEST(the_same_address_in_two_domains_is_two)
{
	auto_store *s = open_store();
	struct weir_addr a;
	int64_t one = 0, two = 0;

	weir_addr_parse("10.0.0.5", &a);
	CHECK(!store_address(s, "east", &a, &one));
	CHECK(!store_address(s, "west", &a, &two));
	CHECK(one != two && one && two, "%lld %lld", (long long)one, (long long)two);
}

TEST(a_nodes_own_address_is_held_by_nobody)
{
	auto_store *s = open_store();

	for (uint64_t t = 100; t < 110; t++)
		CHECK(!store_holder(s, 7, 1 + (int64_t)(t & 1), 1, t));
	CHECK(holder(s, 7, 109) == 0, "%lld", (long long)holder(s, 7, 109));
	CHECK(!store_holder(s, 7, 3, 2, 120));
	CHECK(holder(s, 7, 120) == 3, "another node took it: %lld", (long long)holder(s, 7, 120));
}

TEST(retention_is_by_resolution)
{
	static const uint64_t keep[STORE_RESOLUTIONS] = {60, 3600, 86400, 7 * 86400};
	auto_store *s = open_store();

	send(s, "n1", 1, 1, "a", NOW_S - 7200);
	send(s, "n1", 1, 2, "a", NOW_S - 1800);
	send(s, "n1", 1, 3, "a", NOW_S);
	send(s, "n1", 1, 4, "a", NOW_S - 3 * 86400);
	CHECK(!retain_all(s, NOW_S, keep), "%s", store_error(s));
	CHECK(stored(s, STORE_10S).bytes == 100, "%d", (int)stored(s, STORE_10S).bytes);
	CHECK(stored(s, STORE_1M).bytes == 200, "%d", (int)stored(s, STORE_1M).bytes);
	CHECK(stored(s, STORE_1H).bytes == 300, "%d", (int)stored(s, STORE_1H).bytes);
	CHECK(stored(s, STORE_1D).bytes == 400, "%d", (int)stored(s, STORE_1D).bytes);
}

TEST(a_clock_that_was_never_set_is_booked_at_arrival)
{
	auto_store *s = open_store();
	const struct query_range now = {NOW_S - 10, NOW_S + 10, STORE_10S};
	struct sum sum = {0};

	send(s, "n1", 1, 1, "a", 12);
	send(s, "n1", 1, 2, "a", NOW_S + 86400);
	CHECK(!query_flows(s, &now, 10, add_flow, &sum));
	CHECK(sum.bytes == 200, "%d", (int)sum.bytes);
}

TEST(team_is_label_else_namespace)
{
	struct weir_sum_label l[] = {{"app", "x"}, {"team", "data"}};
	struct weir_sum_workload w = {.namespace = "ns", .kind = "pod", .labels = l, .label_count = 2};

	CHECK(!strcmp(store_team(&w), "data"), "%s", store_team(&w));
	w.label_count = 1;
	CHECK(!strcmp(store_team(&w), "ns"), "%s", store_team(&w));
	w.kind = STORE_RESOURCE;
	CHECK(!*store_team(&w), "a domain is no team: %s", store_team(&w));
}

static int first_top(const struct query_top *t, void *arg)
{
	struct query_top *got = arg;

	if (!got->bytes_out)
		*got = *t;
	got->node = NULL; /* texts end with the row */
	return 0;
}

TEST(top_ranks_by_bytes)
{
	const struct query_range all = {0, INT64_MAX, STORE_1M};

	for (enum query_by by = QUERY_BY_WORKLOAD; by <= QUERY_BY_PATH; by++) {
		auto_store *s = open_store();
		struct query_top top = {0};

		send(s, "n1", 1, 1, "a", NOW_S);
		CHECK(!query_top(s, by, &all, 5, first_top, &top), "%s", store_error(s));
		CHECK(top.bytes_out == 100 && !top.bytes_in && top.packets == 2, "%d",
		      (int)top.bytes_out);
	}
}

static int last_drop(uint32_t reason, uint64_t bytes, uint64_t packets, void *arg)
{
	struct weir_sum_drop *got = arg;

	got[packets != 9] = (struct weir_sum_drop){reason, bytes, packets};
	return 0;
}

TEST(drops_are_the_latest_by_reason)
{
	const struct weir_sum_drop first = {WEIR_D_FRAGMENT, 100, 1}, second = {WEIR_D_FRAGMENT, 900, 9},
				   other = {WEIR_D_TRUNCATED, 60, 2};
	struct weir_sum_drop got[2] = {{0}};
	struct store_agent a;
	auto_store *s = open_store();

	send(s, "n1", 1, 1, "a", NOW_S);
	CHECK(!store_agent_get(s, "n1", &a), "%s", store_error(s));
	CHECK(!store_drop(s, a.node, &first) && !store_drop(s, a.node, &second) &&
		      !store_drop(s, a.node, &other), "%s", store_error(s));
	CHECK(!query_drops(s, a.node, last_drop, got), "%s", store_error(s));
	CHECK(got[0].reason == WEIR_D_FRAGMENT && got[0].bytes == 900, "%d", (int)got[0].bytes);
	CHECK(got[1].reason == WEIR_D_TRUNCATED && got[1].bytes == 60 && got[1].packets == 2, "%d",
	      (int)got[1].packets);
}

TEST(an_ended_lease_is_said_once_and_so_is_its_end)
{
	struct weir_summary sum = {.epoch = 1, .sequence = 1, .lease_until_ns = 5000, .domain = ""};
	char node[WEIR_NODE_MAX] = "";
	auto_store *s = open_store();
	uint64_t value = 0;
	int64_t id = 0;

	CHECK(!store_node(s, "n1", &id) && !store_agent_summary(s, id, &sum, 0, 1), "%s", store_error(s));
	CHECK(store_lease_ended(s, 4999, node, &value) == -ENOENT, "said before it ended");
	CHECK(!store_lease_ended(s, 6000, node, &value) && !strcmp(node, "n1") && value == 5000, "%s", node);
	CHECK(store_lease_ended(s, 7000, node, &value) == -ENOENT, "said twice");
	sum.lease_until_ns = 9000;
	sum.lapsed_s = 12;
	CHECK(!store_agent_summary(s, id, &sum, 0, 2), "%s", store_error(s));
	CHECK(!store_lapse_ended(s, node, &value) && value == 12, "%d s", (int)value);
	CHECK(store_lapse_ended(s, node, &value) == -ENOENT, "said twice");
	sum.lapsed_s = 20;
	CHECK(!store_agent_summary(s, id, &sum, 0, 3) && !store_lapse_ended(s, node, &value) && value == 8,
	      "the second lapse, %d s", (int)value);
	sum.lapsed_s = 0;
	CHECK(!store_agent_summary(s, id, &sum, 0, 4) && store_lapse_ended(s, node, &value) == -ENOENT, "after a boot");
	CHECK(!store_lease_ended(s, 9001, node, &value) && value == 9000, "a renewed lease that ended");
}

TEST_MAIN(T(decide_is_exactly_once), T(what_can_still_be_had_is_asked_for), T(a_loss_is_stated_to_the_byte), T(a_summary_counts_once), T(many_rows_are_each_stored_as_they_are),
	  T(a_gap_is_answered_with_what_is_committed), T(a_newer_epoch_fences_the_older),
	  T(an_agent_may_have_been_away_for_weeks), T(rows_of_one_bucket_add_up), T(an_invalid_summary_does_not_hold_up_others),
	  T(a_reused_address_belongs_to_its_holder_at_the_time),
	  T(the_same_address_in_two_domains_is_two), T(a_nodes_own_address_is_held_by_nobody),
	  T(retention_is_by_resolution), T(a_clock_that_was_never_set_is_booked_at_arrival),
	  T(team_is_label_else_namespace), T(top_ranks_by_bytes), T(drops_are_the_latest_by_reason),
	  T(an_ended_lease_is_said_once_and_so_is_its_end))
