/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded hours out of the store, page by page: what was committed, once, with who held the peers' addresses. */
#include "aggregator/api.h"
#include "aggregator/query_traffic.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/test.h"

#define HOUR 3600ull
#define FIRST (NOW_S - NOW_S % HOUR - 10 * HOUR)

static const uint64_t kept_s[STORE_RESOLUTIONS] = {86400, 7 * 86400, 400 * 86400, 1830 * 86400ull};

struct moved {
	const char *node, *workload, *local, *peer; /* peer NULL: folded */
	uint8_t dir, verdict;
	uint64_t bytes, time_s;
};

static int put(struct store *s, const struct moved *m)
{
	static uint64_t sequence;
	struct weir_sum_label label = {"team", m->workload};
	struct weir_sum_workload w = {.name = m->workload, .namespace = "shop", .kind = "pod", .cgroup = "/", .labels = &label,
				      .label_count = 1};
	struct weir_sum_row row = {.proto = 6, .dir = m->dir, .verdict = m->verdict, .init_local = true, .local_port = 40000,
				   .peer_port = 443, .bytes = m->bytes, .packets = 2, .rule = WEIR_NO_RULE, .interface = "eth0",
				   .folded = !m->peer};
	struct weir_summary sum = {.epoch = ++sequence, .sequence = 1, .start_ns = m->time_s * NS, .length_ns = 2 * NS,
				   .windows = 1, .domain = "aws/1/a", .workloads = &w, .workload_count = 1, .rows = &row,
				   .row_count = 1};

	weir_addr_parse(m->local, &row.local);
	if (m->peer)
		weir_addr_parse(m->peer, &row.peer);
	return commit_one(s, m->node, &sum, NOW_S).result == INGEST_COMMITTED ? 0 : -EIO;
}

struct got {
	size_t n;
	uint64_t bytes;
	struct weir_traffic rows[64];
	char texts[64][128];
};

static int take(const struct weir_traffic *t, void *arg)
{
	struct got *g = arg;

	if (g->n == WEIR_ARRAY_SIZE(g->rows))
		return -E2BIG;
	snprintf(g->texts[g->n], sizeof(g->texts[0]), "%s %s/%s %s %s %s: %s/%s %s", t->node, t->namespace, t->workload, t->kind,
		 t->team, t->labels, t->peer_namespace, t->peer_workload, t->peer_team);
	g->rows[g->n++] = *t;
	g->bytes += t->bytes;
	return 0;
}

static void read_all(struct test_state *test_st, struct store *s, uint64_t from_s, uint64_t to_s, uint32_t limit,
		     struct got *ret)
{
	struct query_traffic_key last, *after = NULL;
	uint32_t n;

	*ret = (struct got){0};
	do {
		CHECK(!query_traffic(s, from_s, to_s, after, limit, take, ret, &last, &n), "%s", store_error(s));
		after = &last;
	} while (n == limit);
}

TEST(a_row_has_all_that_a_replay_needs)
{
	const struct moved rows[] = {
		{"n1", "web", "10.0.0.1", "10.0.0.2", WEIR_EGRESS, WEIR_V_ACCEPT, 1000, FIRST + 10},
		{"n2", "db", "10.0.0.2", "10.0.0.1", WEIR_INGRESS, WEIR_V_NONE, 1000, FIRST + 20},
		{"n1", "web", "10.0.0.1", NULL, WEIR_EGRESS, WEIR_V_ACCEPT, 7, FIRST + 30},
	};
	auto_store *s = open_store();
	struct got g;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++)
		CHECK(!put(s, &rows[i]), "row %zu", i);
	read_all(test_st, s, FIRST, FIRST + HOUR, 100, &g);
	CHECK(g.n == 3, "%zu rows", g.n);
	for (size_t i = 0; i < g.n; i++) {
		const struct weir_traffic *t = &g.rows[i];
		bool web = !strncmp(g.texts[i], "n1", 2);

		CHECK(t->hour_s == FIRST && t->proto == 6 && t->opened && t->port == 443 && t->packets == 2 &&
		      t->source == WEIR_TRAFFIC_AGENT && t->dir == (web ? WEIR_EGRESS : WEIR_INGRESS), "row %zu", i);
		CHECK(t->folded == (t->bytes == 7), "row %zu", i);
		CHECK(!strcmp(g.texts[i], t->folded ? "n1 shop/web pod web {\"team\":\"web\"}: / " :
				      web	    ? "n1 shop/web pod web {\"team\":\"web\"}: shop/db db" :
						      "n2 shop/db pod db {\"team\":\"db\"}: shop/web web"), "%s", g.texts[i]);
	}
}

TEST(what_a_verdict_stopped_did_not_pass)
{
	auto_store *s = open_store();
	struct got g;

	for (uint8_t v = 0; v < WEIR_VERDICTS; v++)
		CHECK(!put(s, &(struct moved){"n1", "web", "10.0.0.1", "10.0.0.2", WEIR_EGRESS, v, 1ull << v, FIRST}), "%u", v);
	read_all(test_st, s, FIRST, FIRST + HOUR, 100, &g);
	CHECK(g.bytes == (1u << WEIR_V_NONE | 1u << WEIR_V_ACCEPT | 1u << WEIR_V_WOULD_DENY | 1u << WEIR_V_WOULD_LIMIT),
	      "%llu", (unsigned long long)g.bytes);
}

/* A pod's address that another pod had an hour before. */
TEST(the_holder_is_that_of_the_hour)
{
	auto_store *s = open_store();
	struct got g;

	CHECK(!put(s, &(struct moved){"n2", "old", "10.0.0.2", "10.0.0.9", WEIR_EGRESS, WEIR_V_ACCEPT, 1, FIRST + 60}), "old");
	CHECK(!put(s, &(struct moved){"n1", "web", "10.0.0.1", "10.0.0.2", WEIR_EGRESS, WEIR_V_ACCEPT, 2, FIRST + 90}), "web");
	CHECK(!put(s, &(struct moved){"n2", "new", "10.0.0.2", "10.0.0.9", WEIR_EGRESS, WEIR_V_ACCEPT, 4, FIRST + HOUR + 60}), "new");
	CHECK(!put(s, &(struct moved){"n1", "web", "10.0.0.1", "10.0.0.2", WEIR_EGRESS, WEIR_V_ACCEPT, 8, FIRST + HOUR + 90}), "web");
	read_all(test_st, s, FIRST, FIRST + 2 * HOUR, 100, &g);
	CHECK(g.n == 4, "%zu rows", g.n);
	for (size_t i = 0; i < g.n; i++)
		if (g.rows[i].bytes == 2 || g.rows[i].bytes == 8)
			CHECK(strstr(g.texts[i], g.rows[i].bytes == 2 ? "shop/old" : "shop/new"), "%s", g.texts[i]);
}

/* Thirty rows over ten hours; in pages of any size each comes once, in an order, folded or not yet or in part. */
TEST(pages_have_each_row_once)
{
	static const uint32_t limits[] = {1, 2, 7, 29, 30, 31, 1000};
	auto_store *s = open_store();

	for (unsigned int i = 0; i < 30; i++) {
		char peer[16];

		snprintf(peer, sizeof(peer), "10.0.1.%u", i % 5);
		CHECK(!put(s, &(struct moved){i % 2 ? "n1" : "n2", "web", "10.0.0.1", peer, WEIR_EGRESS, WEIR_V_ACCEPT, 1u << (i % 20),
					      FIRST + HOUR * (i / 3) + i}), "row %u", i);
	}
	for (int round = 0; round < 3; round++) {
		if (round) /* first half of the hours is folded, then all */
			CHECK(!retain_all(s, round == 1 ? FIRST + 6 * HOUR : NOW_S, kept_s), "%s", store_error(s));
		for (size_t k = 0; k < WEIR_ARRAY_SIZE(limits); k++) {
			struct got g;

			read_all(test_st, s, FIRST, FIRST + 10 * HOUR, limits[k], &g);
			CHECK(g.n == 30, "round %d, pages of %u: %zu rows", round, limits[k], g.n);
			for (size_t i = 1; i < g.n; i++)
				CHECK(g.rows[i - 1].hour_s <= g.rows[i].hour_s, "round %d: row %zu is out of order", round, i);
		}
	}
}

TEST(whole_hours_of_the_range)
{
	auto_store *s = open_store();
	struct got g;

	for (unsigned int i = 0; i < 4; i++)
		CHECK(!put(s, &(struct moved){"n1", "web", "10.0.0.1", "10.0.0.2", WEIR_EGRESS, WEIR_V_ACCEPT, 1u << i,
					      FIRST + HOUR * i + 100}), "row %u", i);
	read_all(test_st, s, FIRST + HOUR + 1800, FIRST + 2 * HOUR + 1, 100, &g);
	CHECK(g.bytes == (2 | 4), "%llu", (unsigned long long)g.bytes);
	read_all(test_st, s, FIRST + HOUR, FIRST + 2 * HOUR, 100, &g);
	CHECK(g.bytes == 2, "%llu", (unsigned long long)g.bytes);
	read_all(test_st, s, 0, UINT64_MAX, 100, &g);
	CHECK(g.bytes == 15, "%llu", (unsigned long long)g.bytes);
}

TEST(keys_there_and_back)
{
	static const char *const bad[] = {"", "1.2", "1.2.3.4.5.6.7.8.9.10.11.12", "1.2.3.4.5.6.7.8.9.10.x", "-1.2.3.4.5.6.7.8.9.10.11",
					  "1.2.3.4.5.6.7.8.9.10.99999999999999999999", "1.2.3.4.5.6.7.8.9.10.11 "};
	struct query_traffic_key k, back;
	char text[QUERY_TRAFFIC_KEY_TEXT];

	for (int i = 0; i < QUERY_TRAFFIC_KEY; i++)
		k.n[i] = i ? INT64_MAX - i : 0;
	CHECK(!query_traffic_key_parse(query_traffic_key_text(&k, text), &back) && !memcmp(&k, &back, sizeof(k)), "%s", text);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++)
		CHECK(query_traffic_key_parse(bad[i], &back) == -EINVAL, "'%s'", bad[i]);
}

static const char *const (*params)[2];

static const char *param(const struct api_call *c, const char *name)
{
	(void)c;
	for (const char *const(*p)[2] = params; (*p)[0]; p++)
		if (!strcmp((*p)[0], name))
			return (*p)[1];
	return NULL;
}

static int call(struct service *sv, const char *const (*p)[2], json_t **ret, struct weir_err *err)
{
	struct api_call c = {.sv = sv, .now_ns = NOW_S * NS, .param = param};
	int r;

	params = p;
	r = api_find("/api/v1/traffic", false)(&c, ret);
	*err = c.err;
	return r;
}
#define CALL(sv, ret, err, ...)                                                              \
	({                                                                                   \
		const char *const _p[][2] = {__VA_ARGS__, {NULL, NULL}};                     \
		call(sv, _p, ret, err);                                                      \
	})

TEST(an_answer_names_the_next_one)
{
	struct service sv = {.store = open_store()};
	api_auto_json json_t *one = NULL, *two = NULL;
	struct weir_err err = {0};
	const json_t *item;
	char after[QUERY_TRAFFIC_KEY_TEXT] = "";

	for (unsigned int i = 0; i < 3; i++)
		CHECK(!put(sv.store, &(struct moved){"n1", "web", "10.0.0.1", "203.0.113.7", WEIR_EGRESS, WEIR_V_ACCEPT, 1u << i,
						     FIRST + HOUR * i}), "row %u", i);
	CHECK(!CALL(&sv, &one, &err, {"limit", "2"}), "%s", err.text);
	CHECK(json_array_size(json_object_get(one, "items")) == 2 && json_string_value(json_object_get(one, "next")), "the first");
	if (json_object_get(one, "next"))
		snprintf(after, sizeof(after), "%s", json_string_value(json_object_get(one, "next")));
	CHECK(!CALL(&sv, &two, &err, {"limit", "2"}, {"after", after}), "%s", err.text);
	CHECK(json_array_size(json_object_get(two, "items")) == 1 && !json_object_get(two, "next"), "the last");
	item = json_array_get(json_object_get(two, "items"), 0);
	CHECK(json_integer_value(json_object_get(item, "bytes")) == 4 &&
	      json_integer_value(json_object_get(item, "hour_s")) == (json_int_t)(FIRST + 2 * HOUR) &&
	      !strcmp(json_string_value(json_object_get(item, "peer")), "203.0.113.7") &&
	      !strcmp(json_string_value(json_object_get(item, "direction")), "egress") &&
	      !strcmp(json_string_value(json_object_get(item, "opened")), "local"), "its item");
	CHECK(CALL(&sv, &two, &err, {"after", "x"}) == -EINVAL && strstr(err.text, "after:"), "%s", err.text);
	CHECK(CALL(&sv, &two, &err, {"limit", "10001"}) == -EINVAL && strstr(err.text, "limit:"), "%s", err.text);
	store_close(sv.store);
}

/* Nobody plans by an hour of which most is still to come. */
TEST(the_present_hour_only_when_asked_for)
{
	struct service sv = {.store = open_store()};
	api_auto_json json_t *one = NULL, *two = NULL;
	struct weir_err err = {0};
	char to[24];

	snprintf(to, sizeof(to), "%llu", (unsigned long long)NOW_S + 1);
	CHECK(!put(sv.store, &(struct moved){"n1", "web", "10.0.0.1", "203.0.113.7", WEIR_EGRESS, WEIR_V_ACCEPT, 1, NOW_S}), "put");
	CHECK(!CALL(&sv, &one, &err, {"limit", "2"}) && json_array_size(json_object_get(one, "items")) == 0, "by itself");
	CHECK(!CALL(&sv, &two, &err, {"to", to}) && json_array_size(json_object_get(two, "items")) == 1, "asked for");
	store_close(sv.store);
}

TEST_MAIN(T(a_row_has_all_that_a_replay_needs), T(what_a_verdict_stopped_did_not_pass), T(the_holder_is_that_of_the_hour),
	  T(pages_have_each_row_once), T(whole_hours_of_the_range), T(keys_there_and_back), T(an_answer_names_the_next_one),
	  T(the_present_hour_only_when_asked_for))
