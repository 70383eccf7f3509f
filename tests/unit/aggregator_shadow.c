/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates in the store: the latest list of a node replaces its last, and old candidates go. */
#include "aggregator/query_shadow.h"
#include "aggregator/store_shadow.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/test.h"

/* A window of a node that evaluates a candidate. */
static enum ingest_result send(struct store *s, const char *node, uint64_t sequence, uint64_t serial,
			       struct weir_sum_disagreement *list, size_t n)
{
	struct weir_summary sum = {.epoch = 1, .sequence = sequence, .start_ns = (NOW_S + sequence) * NS,
				   .length_ns = NS, .windows = 1, .domain = "d", .mode = WEIR_MODE_ENFORCE,
				   .candidate_serial = serial, .disagreements = list, .disagreement_count = n};

	return commit_one(s, node, &sum, NOW_S + sequence).result;
}

/* "node rule denied/accepted/limited; ..." of a serial. */
static int add_rule(const struct query_shadow_rule *d, void *arg)
{
	char *text = arg;

	snprintf(text + strlen(text), 512 - strlen(text), "%s %s %d/%d/%d; ", d->node, d->rule, (int)d->flows.denied,
		 (int)d->flows.accepted, (int)d->flows.limited);
	return 0;
}

static const char *rules(struct store *s, uint64_t serial)
{
	static char text[512];

	*text = '\0';
	return query_shadow_rules(s, serial, 100, add_rule, text) ? store_error(s) : text;
}

/* "node since+seen denied; ..." of a serial, in seconds since the first window. */
static int add_node(const struct query_shadow_node *n, void *arg)
{
	char *text = arg;

	snprintf(text + strlen(text), 512 - strlen(text), "%s %d+%d %d; ", n->node,
		 n->since_s ? (int)(n->since_s - NOW_S) : 0, n->seen_s ? (int)(n->seen_s - NOW_S) : 0,
		 (int)n->flows.denied);
	return 0;
}

static const char *nodes(struct store *s, uint64_t serial)
{
	static char text[512];

	*text = '\0';
	return query_shadow_nodes(s, serial, add_node, text) ? store_error(s) : text;
}

TEST(the_latest_list_replaces_the_last)
{
	struct weir_sum_disagreement one[] = {{"p#1", 5, 0, 0}, {"p#2", 0, 1, 0}}, two[] = {{"p#1", 7, 0, 2}};
	auto_store *s = open_store();
	uint64_t last = 9;

	CHECK(!query_shadow_last(s, &last) && last == 0);
	CHECK(send(s, "n1", 1, 3, one, 2) == INGEST_COMMITTED);
	CHECK(send(s, "n2", 1, 3, two, 1) == INGEST_COMMITTED);
	CHECK(!strcmp(rules(s, 3), "n2 p#1 7/0/2; n1 p#1 5/0/0; n1 p#2 0/1/0; "), "%s", rules(s, 3));
	CHECK(send(s, "n1", 2, 3, one, 2) == INGEST_COMMITTED, "the same again");
	CHECK(send(s, "n1", 3, 3, two, 1) == INGEST_COMMITTED);
	CHECK(!strcmp(rules(s, 3), "n1 p#1 7/0/2; n2 p#1 7/0/2; "), "%s", rules(s, 3));
	CHECK(!strcmp(nodes(s, 3), "n1 1+3 7; n2 1+1 7; "), "%s", nodes(s, 3));
	CHECK(send(s, "n1", 4, 3, NULL, 0) == INGEST_COMMITTED, "a node that booted begins anew");
	CHECK(!strcmp(rules(s, 3), "n2 p#1 7/0/2; "), "%s", rules(s, 3));
	CHECK(!query_shadow_last(s, &last) && last == 3);
	CHECK(!strcmp(rules(s, 4), "") && !strcmp(nodes(s, 4), "n1 0+0 0; n2 0+0 0; "), "%s", nodes(s, 4));
}

TEST(without_a_candidate_nothing_is_kept)
{
	struct weir_sum_disagreement list[] = {{"p#1", 5, 0, 0}};
	auto_store *s = open_store();
	uint64_t last = 9;

	CHECK(send(s, "n1", 1, 0, list, 1) == INGEST_COMMITTED);
	CHECK(!query_shadow_last(s, &last) && last == 0);
	CHECK(!strcmp(rules(s, 0), ""), "%s", rules(s, 0));
}

TEST(a_node_keeps_few_candidates)
{
	struct weir_sum_disagreement list[] = {{"p#1", 5, 0, 0}};
	auto_store *s = open_store();

	CHECK(send(s, "n2", 1, 1, list, 1) == INGEST_COMMITTED);
	for (uint64_t i = 1; i <= STORE_CANDIDATES + 2; i++)
		CHECK(send(s, "n1", i, i, list, 1) == INGEST_COMMITTED);
	CHECK(!strcmp(rules(s, 1), "n2 p#1 5/0/0; "), "another node's stay: %s", rules(s, 1));
	CHECK(!strcmp(rules(s, 2), ""), "%s", rules(s, 2));
	for (uint64_t i = 3; i <= STORE_CANDIDATES + 2; i++)
		CHECK(!strcmp(rules(s, i), "n1 p#1 5/0/0; "), "%d: %s", (int)i, rules(s, i));
}

TEST(a_rule_that_comes_twice_is_added_and_a_wild_count_refused)
{
	struct weir_sum_disagreement twice[] = {{"p#1", 5, 0, 0}, {"p#1", 1, 0, 0}}, wild[] = {{"p#1", 1ull << 62, 0, 0}};
	auto_store *s = open_store();

	CHECK(send(s, "n1", 1, 3, twice, 2) == INGEST_COMMITTED);
	CHECK(!strcmp(rules(s, 3), "n1 p#1 6/0/0; "), "%s", rules(s, 3));
	CHECK(send(s, "n1", 2, 3, wild, 1) == INGEST_INVALID);
}

TEST(what_an_agent_evaluates_is_remembered)
{
	struct weir_policy_sync p = {.applied_serial = 2, .candidate_serial = 3, .refused_reason = "", .refused_text = ""};
	auto_store *s = open_store();
	struct store_reported had;

	CHECK(!store_agent_reported(s, "n1", &p, &had) && !had.candidate && !had.same);
	CHECK(!store_agent_policy(s, "n1", &p, NOW_S * NS));
	CHECK(!store_agent_reported(s, "n1", &p, &had) && had.candidate == 3 && had.same);
	p.candidate_serial = 0;
	CHECK(!store_agent_reported(s, "n1", &p, &had) && had.candidate == 3 && !had.same);
}

TEST_MAIN(T(the_latest_list_replaces_the_last), T(without_a_candidate_nothing_is_kept),
	  T(a_node_keeps_few_candidates), T(a_rule_that_comes_twice_is_added_and_a_wild_count_refused),
	  T(what_an_agent_evaluates_is_remembered))
