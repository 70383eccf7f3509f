/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a summary of TCP health: changed rows once, in turn, under the workload's name. */
#include "tests/lib/test.h"

#include "agent/health.h"

static const struct weir_sum_workload *who(uint32_t workload, void *arg)
{
	static struct weir_sum_workload w[3] = {
		{.name = "unidentified"}, {.name = "a", .cgroup_id = 11}, {.name = "b", .cgroup_id = 12}};

	(void)arg;
	return &w[workload < 3 ? workload : 0];
}

static void health_freep(struct health **h)
{
	health_free(*h);
}

struct filled {
	struct weir_sum_workload *workloads;
	size_t count;
	struct weir_summary s;
};

static void filled_fini(struct filled *f)
{
	free(f->workloads);
}

/* One record; committed like the agent does it. */
static void record(struct test_state *test_st, struct health *h, struct filled *f, bool durable)
{
	free(f->workloads);
	f->workloads = calloc(1, sizeof(*f->workloads));
	f->workloads[0] = *who(0, NULL);
	f->count = 1;
	h->due = true;
	CHECK(!health_fill(h, who, NULL, &f->workloads, &f->count, &f->s));
	CHECK(f->s.workload_count == f->count && f->s.workloads == f->workloads);
	if (durable)
		CHECK(!health_sent(h));
}

TEST(a_record_has_what_changed)
{
	weir_cleanup(health_freep) struct health *h = NULL;
	weir_cleanup(filled_fini) struct filled f = {0};

	CHECK(!health_new(4, 1, &h));
	h->count = 4;
	for (uint32_t i = 0; i < 4; i++) {
		h->keys[i] = (struct weir_health_key){.workload = i % 3, .scope = i / 3};
		h->rows[i].since_ns = 100 + i;
	}
	h->rows[1].n[WEIR_H_CONNECTIONS] = 5;
	h->rows[1].rtt[7] = 1;
	h->rows[1].rtt[9] = 2;
	h->rows[3].n[WEIR_H_REFUSED] = 1;
	record(test_st, h, &f, false);
	CHECK(f.s.health_count == 2, "empty rows stay: %zu", f.s.health_count);
	CHECK(f.count == 2 && !strcmp(f.workloads[f.s.health[0].workload].name, "a"));
	CHECK(f.s.health[0].index == 1 && f.s.health[0].since_ns == 101 && f.s.health[0].n[WEIR_H_CONNECTIONS] == 5);
	CHECK(f.s.health[0].rtt_first == 7 && f.s.health[0].rtt_count == 3 && f.s.health[0].rtt[2] == 2);
	CHECK(f.s.health[1].workload == 0 && f.s.health[1].scope == 1 && f.s.health[1].rtt_count == 0);
	record(test_st, h, &f, true);
	CHECK(f.s.health_count == 2, "what was not durable comes again: %zu", f.s.health_count);
	record(test_st, h, &f, true);
	CHECK(f.s.health_count == 0 && f.count == 1, "what is durable does not: %zu", f.s.health_count);
	h->rows[1].rtt[80]++;
	record(test_st, h, &f, true);
	CHECK(f.s.health_count == 1 && f.s.health[0].rtt_count == 74, "a change does");
}

TEST(what_changed_is_reported_once_in_a_pass)
{
	weir_cleanup(health_freep) struct health *h = NULL;
	weir_cleanup(filled_fini) struct filled f = {.workloads = calloc(1, sizeof(*f.workloads)), .count = 1};
	size_t taken, in_records = 0;

	CHECK(!health_new(HEALTH_PER_RECORD + 1, 100, &h));
	h->next_pass_ns = UINT64_MAX; /* no sockets here */
	h->count = HEALTH_PER_RECORD + 1;
	for (uint32_t i = 0; i <= HEALTH_PER_RECORD; i++) {
		h->keys[i] = (struct weir_health_key){.workload = i};
		h->rows[i].since_ns = h->rows[i].n[WEIR_H_CONNECTIONS] = 1;
	}
	for (uint64_t now = 1000; now < 1100; now += 20) {
		CHECK(!health_pass(h, NULL, now, &taken));
		h->rows[0].n[WEIR_H_CONNECTIONS]++;
		CHECK(!health_fill(h, who, NULL, &f.workloads, &f.count, &f.s) && !health_sent(h));
		in_records += f.s.health_count;
	}
	/* The first row is in both: its turn comes again behind the last one. */
	CHECK(in_records == HEALTH_PER_RECORD + 2, "%zu: all of them, over two records", in_records);
	CHECK(!health_pass(h, NULL, 1100, &taken));
	CHECK(!health_fill(h, who, NULL, &f.workloads, &f.count, &f.s) && f.s.health_count == 1, "%zu", f.s.health_count);
}

TEST(open_connections_keep_their_workload)
{
	weir_cleanup(health_freep) struct health *h = NULL;
	weir_cleanup(filled_fini) struct filled f = {0};
	bool used[3] = {false};

	CHECK(!health_new(4, 1, &h));
	h->count = 2;
	for (uint32_t i = 0; i < 2; i++) {
		h->keys[i].workload = i + 1;
		h->rows[i].since_ns = 1;
		h->rows[i].n[WEIR_H_CONNECTIONS] = 2;
		h->rows[i].n[WEIR_H_CLOSED] = 1 + i;
	}
	record(test_st, h, &f, true);
	health_mark(h, used, 3);
	CHECK(used[1], "one of two is open");
	CHECK(!used[2], "all are closed and sent");
	h->rows[1].n[WEIR_H_RESETS_OUT]++;
	health_mark(h, used, 3);
	CHECK(used[2], "not sent yet");
}

/* 600 rows that all change all the time: a record has room for some, and each has its turn. */
TEST(a_record_is_bounded_and_fair)
{
	weir_cleanup(health_freep) struct health *h = NULL;
	weir_cleanup(filled_fini) struct filled f = {0};
	int seen[600] = {0}, least = 100;

	CHECK(!health_new(600, 1, &h));
	h->count = 600;
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 600; i++) {
			h->keys[i].workload = 1;
			h->keys[i].peer_class = i;
			h->rows[i].since_ns = 1;
			h->rows[i].n[WEIR_H_RETRANS]++;
		}
		record(test_st, h, &f, true);
		CHECK(f.s.health_count == HEALTH_PER_RECORD);
		for (size_t i = 0; i < f.s.health_count; i++)
			seen[f.s.health[i].peer_class]++;
	}
	for (int i = 0; i < 600; i++)
		least = WEIR_MIN(least, seen[i]);
	CHECK(least >= 2, "a row came %d times in 3 records", least);
}

TEST_MAIN(T(what_changed_is_reported_once_in_a_pass), T(a_record_has_what_changed), T(open_connections_keep_their_workload),
	  T(a_record_is_bounded_and_fair))
