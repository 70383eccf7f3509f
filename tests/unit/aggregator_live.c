/* SPDX-License-Identifier: Apache-2.0 */
/* Models on what comes in: which series there are, what is found in them and when it is over, who is waited for. */
#include "aggregator/live_sums.h"
#include "tests/lib/live_fixture.h"
#include "tests/lib/test.h"

#include <math.h>

#define NOW_S LIVE_NOW_S
/* An hour is read so soon after its end. */
#define HOUR_READ_S 100
#define MINUTE_READ_S 70
#define TIMES 8

static bool near(double a, double b, double share)
{
	return fabs(a - b) <= share * fmax(fabs(a), fabs(b));
}

static const struct live_shown *shown(const struct live_view *v, const char *name, enum live_measure m)
{
	for (size_t i = 0; v && i < v->count; i++)
		if (v->items[i].measure == m && !strcmp(v->items[i].owner->text[LIVE_NAME], name))
			return &v->items[i];
	return NULL;
}

/* Drifts and patterns of flows are another matter. */
static bool is_odd(const struct weir_finding *f)
{
	return f->kind == WEIR_FINDING_SERIES;
}

/* NULL: none is. */
static const struct weir_finding *odd(const struct live_told *t)
{
	for (size_t i = 0; i < t->finding_count; i++)
		if (is_odd(&t->findings[i]))
			return &t->findings[i];
	return NULL;
}

TEST(replicas_are_one_series)
{
	auto_live_world t = {.s = NULL};
	struct live_told told = {0};
	const struct live_shown *web;
	int64_t bytes;

	CHECK(!live_world_new(&t, 100) && !live_look(&t, NOW_S + HOUR_READ_S, &told));
	CHECK(told.series == 8, "%zu", told.series);
	CHECK(told.view && told.view->count == 8 && !told.left_out, "four workloads, bytes and cost");
	CHECK(!shown(told.view, "web-7d9f8b6c5-x2x4z", LIVE_BYTES), "a replica is not shown by its own name");
	web = shown(told.view, "web", LIVE_BYTES);
	CHECK(web && web->forecast && web->from_s == NOW_S, "web has a forecast");
	bytes = stored_number(t.dir.store, "SELECT SUM(bytes) FROM flow_10s WHERE workload IN (" LIVE_WEB ") AND bucket>=1795496400 AND bucket<1795500000");
	CHECK(web && bytes > 0 && near((double)web->past[LIVE_AHEAD - 1], (double)bytes, 1e-6), "the last hour of both: %g, %lld",
	      web ? (double)web->past[LIVE_AHEAD - 1] : 0, (long long)bytes);
	CHECK(!odd(&told), "nothing is odd: %s", odd(&told)->sentence);
	CHECK(told.minute_s == NOW_S + 60, "scored up to the last whole minute");
	live_told_free(&told);
}

/* The days are alike: a forecast that is off by more than a tenth has not learnt them. */
TEST(a_name_of_any_length_is_watched)
{
	auto_live_world t = {.s = NULL};
	struct live_told told = {0};

	CHECK(!live_world_new(&t, 100) && !live_sql(&t, "UPDATE workload SET namespace=hex(zeroblob(750)) WHERE id=" LIVE_DB));
	CHECK(!live_look(&t, NOW_S + HOUR_READ_S, &told) && told.series == 8, "%zu series", told.series);
	CHECK(shown(told.view, "db", LIVE_BYTES) && strlen(shown(told.view, "db", LIVE_BYTES)->owner->text[LIVE_NAMESPACE]) == 255, "cut");
	live_told_free(&told);
}

TEST(the_next_day_is_as_the_last)
{
	auto_live_world t = {.s = NULL};
	struct live_told told = {0};
	const struct live_shown *s;
	double sum = 0, was = 0, ordered = 0;

	CHECK(!live_world_new(&t, 100) && !live_look(&t, NOW_S + HOUR_READ_S, &told));
	s = shown(told.view, "loader", LIVE_BYTES);
	for (size_t h = 0; s && h < LIVE_DAY; h++) {
		sum += (double)s->mean[h];
		was += (double)s->past[LIVE_AHEAD - LIVE_DAY + h];
		ordered += s->lower[h] <= s->mean[h] && s->mean[h] <= s->upper[h];
	}
	CHECK(s && near(sum, was, 0.1), "%g, then %g", was, sum);
	CHECK(ordered == LIVE_DAY, "within its bounds");
	s = shown(told.view, "young", LIVE_BYTES);
	CHECK(s && !s->forecast && s->hours == 5, "five hours are none to learn from: %zu", s ? s->hours : 0);
	live_told_free(&told);
}

/* Round trips of db on two paths: by the hours before an odd one, and in the minutes since. */
TEST(round_trips_and_retransmits_are_series_of_a_path)
{
	auto_live_world t = {.s = NULL};
	struct live_told told = {0};
	const struct live_shown *near_by = NULL, *far = NULL;

	CHECK(!live_world_new(&t, 100));
	CHECK(!live_sql(&t, "WITH RECURSIVE at(b) AS (SELECT %llu UNION ALL SELECT b+3600 FROM at WHERE b+3600<%llu) "
			"INSERT INTO path_health_1h SELECT b," LIVE_DB ",%d,300*40,40,0 FROM at UNION ALL "
			"SELECT b," LIVE_DB ",%d,90000*20,20,b/3600%%24 FROM at",
			NOW_S - 10 * 86400, NOW_S - 3600, WEIR_PATH_SAME_ZONE, WEIR_PATH_INTERNET));
	CHECK(!live_sql(&t, "INSERT INTO path_health_10s VALUES(%llu," LIVE_DB ",%d,1000,2,0),(%llu," LIVE_DB ",%d,200,2,7)",
			NOW_S - 3000, WEIR_PATH_SAME_ZONE, NOW_S - 60, WEIR_PATH_SAME_ZONE));
	CHECK(!live_look(&t, NOW_S + HOUR_READ_S, &told));
	for (size_t i = 0; told.view && i < told.view->count; i++) {
		const struct live_shown *s = &told.view->items[i];

		if (s->measure == LIVE_RTT && s->way == WEIR_PATH_SAME_ZONE)
			near_by = s;
		if (s->measure == LIVE_RETRANS && s->way == WEIR_PATH_INTERNET)
			far = s;
	}
	CHECK(near_by && !strcmp(near_by->owner->text[LIVE_NAME], "db") && near_by->forecast);
	CHECK(near_by && near((double)near_by->past[LIVE_AHEAD - 1], 300, 1e-6) && near((double)near_by->mean[0], 300, 0.01),
	      "four samples of the last hour, 1,200 us; and one like the next: %g, %g", near_by ? (double)near_by->past[LIVE_AHEAD - 1] : 0,
	      near_by ? (double)near_by->mean[0] : 0);
	CHECK(far && far->forecast && near((double)far->past[LIVE_AHEAD - 3], 3, 1e-6), "%g", far ? (double)far->past[LIVE_AHEAD - 3] : 0);
	live_told_free(&told);
}

#define JUMP_S (NOW_S + 600)
#define JUMP_END_S (JUMP_S + 900)

struct kept {
	size_t count;
	/* Of db's bytes and cost: how many findings, what was told of them first and last, and when first. */
	size_t of[LIVE_MEASURES];
	struct weir_finding first[LIVE_MEASURES], last[LIVE_MEASURES];
	uint64_t found_s[LIVE_MEASURES];
};

static void note(struct kept *k, const struct weir_finding *f, bool fresh, uint64_t now_s)
{
	enum live_measure m = strcmp(f->series, "bytes") ? LIVE_COST : LIVE_BYTES;

	if (!k->of[m]) {
		k->found_s[m] = now_s;
		k->first[m] = *f;
	}
	k->of[m] += fresh;
	k->last[m] = *f;
}

/* As live.c keeps them. */
static int keep(struct live_world *t, const struct live_told *told, uint64_t now_s, struct kept *k)
{
	int r = 0;

	for (size_t i = 0; !r && i < told->finding_count; i++) {
		const struct weir_finding *f = &told->findings[i];
		weir_auto_buf struct weir_buf key = {0};
		struct store_finding s = {.kind = weir_finding_kind_name(f->kind), .namespace = f->subject.namespace, .workload = f->subject.name,
					  .team = f->subject.team, .since_s = f->since_s, .last_s = f->last_s,
					  .ended_s = f->ended ? f->last_s : 0, .score = f->score, .nanos_per_hour = f->nanos_per_hour, .body = "{}"};
		int64_t id;
		bool fresh;

		if (!is_odd(f))
			continue;
		r = weir_finding_key(f, &key);
		s.key = (const char *)key.data;
		r = r ? r : store_finding_put(t->s, &s, &id, &fresh);
		k->count += fresh;
		if (!strcmp(f->subject.name, "db"))
			note(k, f, fresh, now_s);
	}
	return r;
}

/* Looks once a minute in [from_s, to_s). */
static int look_on(struct live_world *t, uint64_t from_s, uint64_t to_s, struct kept *k)
{
	int r = 0;

	for (uint64_t now_s = from_s; !r && now_s < to_s; now_s += 60) {
		struct live_told told = {0};

		r = live_look(t, now_s, &told);
		r = r ? r : keep(t, &told, now_s, k);
		live_told_free(&told);
	}
	return r;
}

TEST(a_jump_is_one_finding_with_its_price)
{
	auto_live_world t = {.s = NULL};
	const struct weir_finding *f;
	struct kept k = {0};
	int64_t usual;

	CHECK(!live_world_new(&t, 100));
	usual = stored_number(t.dir.store, "SELECT AVG(bytes) FROM flow_10s WHERE workload=" LIVE_DB " AND bucket>=1795500000 AND bucket<1795500600");
	CHECK(!live_times(&t, LIVE_DB, JUMP_S, JUMP_END_S, TIMES) && !look_on(&t, NOW_S + HOUR_READ_S, JUMP_END_S - 60, &k));
	CHECK(k.count == 2 && k.of[LIVE_BYTES] == 1 && k.of[LIVE_COST] == 1, "bytes of db and what they cost, nothing else: %zu", k.count);
	for (int m = LIVE_BYTES; m <= LIVE_COST; m++) {
		double unit = m == LIVE_COST ? LIVE_BYTES_A_NANO : 1;

		f = &k.first[m];
		CHECK(k.found_s[m] >= JUMP_S + 60 && k.found_s[m] <= JUMP_S + 60 + MINUTE_READ_S, "told with the first minute: %lld s after",
		      (long long)(k.found_s[m] - JUMP_S));
		CHECK(f->since_s == JUMP_S, "since its first minute: %lld", (long long)(f->since_s - JUMP_S));
		CHECK(!strcmp(f->subject.namespace, "shop") && !strcmp(f->subject.team, "shop") && !strcmp(f->path, "internet"), "whose it is");
		CHECK(strstr(f->sentence, "shop/db, internet: ") && !f->ended, "%s", f->sentence);
		CHECK(near(f->observed * unit, (double)usual * TIMES, 0.1) && near(f->expected * unit, (double)usual, 0.1), "%g where %g", f->observed,
		      f->expected);
	}
	f = &k.first[LIVE_COST];
	CHECK(near((double)f->nanos_per_hour, 60.0 * (f->observed - f->expected), 0.001), "an hour: %lld", (long long)f->nanos_per_hour);
	CHECK(near((double)k.first[LIVE_BYTES].nanos_per_hour, (double)f->nanos_per_hour, 0.1), "bytes cost what their cost says: %lld",
	      (long long)k.first[LIVE_BYTES].nanos_per_hour);
	CHECK(k.first[LIVE_BYTES].dir == WEIR_EGRESS && k.first[LIVE_BYTES].opened, "of what is sent");
	CHECK(k.last[LIVE_BYTES].action == WEIR_ACTION_POLICY && k.last[LIVE_BYTES].limit_bps, "what would hold it is proposed");
	/* That it is as before is odd at first, too. */
	CHECK(!look_on(&t, JUMP_END_S - 60 + 10, JUMP_END_S + 1500, &k));
	f = &k.last[LIVE_COST];
	CHECK(f->ended && f->last_s >= JUMP_END_S && f->last_s <= JUMP_END_S + 600, "it ends soon after its last minute: %lld",
	      (long long)(f->last_s - JUMP_END_S));
	CHECK(k.of[LIVE_COST] == 1, "and is told once: %zu", k.of[LIVE_COST]);
	CHECK(k.of[LIVE_BYTES] == 1 && k.last[LIVE_BYTES].ended, "nor are its bytes");
	CHECK(stored_number(t.dir.store, "SELECT COUNT(*) FROM finding WHERE ended_s=0") == 0, "nothing goes on");
}

TEST(a_new_start_finds_it_again_and_keeps_one)
{
	auto_live_world t = {.s = NULL};
	struct kept k = {0};

	CHECK(!live_world_new(&t, 100) && !live_times(&t, LIVE_DB, JUMP_S, JUMP_S + 3600, TIMES));
	CHECK(!look_on(&t, NOW_S + HOUR_READ_S, JUMP_S + 400, &k));
	CHECK(k.count == 2, "%zu", k.count);
	CHECK(!live_watch_again(&t, 100) && !look_on(&t, JUMP_S + 700, JUMP_S + 701, &k));
	CHECK(k.count == 2, "known already: %zu", k.count);
	CHECK(stored_number(t.dir.store, "SELECT COUNT(*) FROM finding") == 2);
	CHECK(k.last[LIVE_COST].since_s == JUMP_S, "since when is known from the minutes before: %lld",
	      (long long)(k.last[LIVE_COST].since_s - JUMP_S));
	CHECK(stored_number(t.dir.store, "SELECT MAX(last_s) FROM finding") > (int64_t)JUMP_S + 400, "and goes on");
}

#define LATE_S (NOW_S + 180) /* the minute in question */

static struct live_told after(struct live_world *t, uint64_t now_s, struct test_state *test_st)
{
	struct live_told told = {0};

	CHECK(!live_look(t, now_s, &told));
	return told;
}

TEST(who_is_late_is_waited_for_and_then_missing)
{
	auto_live_world t = {.s = NULL};
	struct live_told told;
	struct kept k = {0};

	CHECK(!live_world_new(&t, 100) && !look_on(&t, NOW_S + HOUR_READ_S, LATE_S + 41, &k) && !k.count);
	/* The loader is on node 1, whose agent has told of some seconds of it; node 2 is in time. */
	CHECK(!live_sql(&t, "DELETE FROM flow_10s WHERE workload=" LIVE_LOADER " AND bucket=%llu", (unsigned long long)LATE_S));
	CHECK(!live_agent(&t, 1, LATE_S + 20) && !live_agent(&t, 2, LATE_S + 60));
	told = after(&t, LATE_S + MINUTE_READ_S, test_st);
	CHECK(told.minute_s == LATE_S && !told.points, "the minute waits");
	live_told_free(&told);
	told = after(&t, LATE_S + 60 + 61, test_st);
	CHECK(told.minute_s == LATE_S + 60, "for a minute: %lld", (long long)(told.minute_s - LATE_S));
	CHECK(told.points == 7, "what nobody told of has no value: %llu", (unsigned long long)told.points);
	CHECK(!odd(&told), "and is not 0: %s", odd(&told)->sentence);
	live_told_free(&told);
}

TEST(nothing_told_in_time_is_nothing)
{
	auto_live_world t = {.s = NULL};
	struct kept k = {0};
	size_t gone = 0;

	CHECK(!live_world_new(&t, 100) && !look_on(&t, NOW_S + HOUR_READ_S, LATE_S + 41, &k) && !k.count);
	CHECK(!live_sql(&t, "DELETE FROM flow_10s WHERE workload=" LIVE_LOADER " AND bucket>=%llu", (unsigned long long)LATE_S));
	CHECK(!live_agent(&t, 1, LATE_S + 600) && !live_agent(&t, 2, LATE_S + 600));
	for (uint64_t i = 0; i < 5; i++) {
		struct live_told told = after(&t, LATE_S + i * 60 + MINUTE_READ_S, test_st);

		CHECK(told.points == 8, "each has a value: %llu", (unsigned long long)told.points);
		for (size_t f = 0; f < told.finding_count; f++)
			gone += told.findings[f].kind == WEIR_FINDING_SERIES && !strcmp(told.findings[f].subject.name, "loader") &&
				told.findings[f].observed == 0;
		live_told_free(&told);
	}
	CHECK(gone > 0, "that nothing comes any more is found");
}

TEST(an_agent_that_is_gone_holds_up_nobody)
{
	auto_live_world t = {.s = NULL};
	struct live_told told;

	CHECK(!live_world_new(&t, 100) && !live_agent(&t, 1, NOW_S - 3600));
	told = after(&t, NOW_S + HOUR_READ_S, test_st);
	CHECK(told.minute_s == NOW_S + 60, "%lld", (long long)(told.minute_s - NOW_S));
	live_told_free(&told);
}

TEST(there_is_room_for_so_many)
{
	auto_live_world t = {.s = NULL};
	struct live_told told;

	CHECK(!live_world_new(&t, 3));
	told = after(&t, NOW_S + HOUR_READ_S, test_st);
	CHECK(told.series == 3 && told.view && told.view->count == 3, "%zu", told.series);
	CHECK(told.left_out > 0, "the others are counted");
	live_told_free(&told);
}

static bool at_once(void *arg)
{
	(void)arg;
	return true;
}

TEST(what_was_cut_short_is_read_by_the_next_run)
{
	auto_live_world t = {.s = NULL};
	struct live_told told = {0};
	struct weir_err err = {{0}};
	int r;

	CHECK(!live_world_new(&t, 100));
	do {
		live_told_free(&told);
		r = live_watch_run(t.w, NOW_S + HOUR_READ_S, "USD", at_once, NULL, &told, &err);
	} while (!r && told.more);
	CHECK(r == -ECANCELED, "%s", err.text);
	CHECK(!told.points && !told.view, "nothing was told");
	live_told_free(&told);
	told = after(&t, NOW_S + HOUR_READ_S, test_st);
	CHECK(told.points > 0 && told.view && told.view->count == 8, "all of it");
	live_told_free(&told);
}

TEST(a_pod_is_called_as_what_made_it)
{
	static const struct {
		const char *kind, *name, *is;
	} cases[] = {
		{"pod", "web-7d9f8b6c5-x2x4z", "web"},	     {"pod", "a-web-7d9f8b6c5-x2x4z", "a-web"}, {"pod", "db-0", "db"},
		{"pod", "db-9999", "db"},		     {"pod", "db-10000", "db-10000"},		{"pod", "backup-28923480-h8x7k", "backup"},
		{"pod", "node-exporter-x2x4z", "node-exporter"}, {"pod", "x2x4z", "x2x4z"},		{"pod", "-x2x4z", "-x2x4z"},
		{"pod", "front-apple", "front-apple"},	     {"service", "db-0", "db-0"},		{"pod", "", ""},
		{"pod", "web", "web"},			     {"pod", "-", "-"},				{"pod", "--0", "-"},
	};
	char name[256], small[4];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		live_name(cases[i].kind, cases[i].name, name, sizeof(name));
		CHECK(!strcmp(name, cases[i].is), "%s: '%s'", cases[i].name, name);
	}
	live_name("pod", "web-7d9f8b6c5-x2x4z", small, sizeof(small));
	CHECK(!strcmp(small, "web"), "%s", small);
}

TEST_MAIN(T(replicas_are_one_series), T(a_name_of_any_length_is_watched), T(the_next_day_is_as_the_last),
	  T(round_trips_and_retransmits_are_series_of_a_path), T(a_jump_is_one_finding_with_its_price),
	  T(a_new_start_finds_it_again_and_keeps_one), T(who_is_late_is_waited_for_and_then_missing), T(nothing_told_in_time_is_nothing),
	  T(an_agent_that_is_gone_holds_up_nobody), T(there_is_room_for_so_many), T(what_was_cut_short_is_read_by_the_next_run),
	  T(a_pod_is_called_as_what_made_it))
