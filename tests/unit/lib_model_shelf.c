/* SPDX-License-Identifier: Apache-2.0 */
/* The shelf of models: offers, rollback, what a kill leaves behind, what is damaged, what is kept. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "lib/model/shelf_impl.h"
#include "tests/lib/model_fixture.h"
#include "tests/lib/test.h"

#define USE "forecast-cost-hourly"

/* A small model whose data end `hour` hours behind the start. */
static struct weir_model model_of(size_t hour, uint64_t seed)
{
	struct weir_random random = weir_random_of(seed);
	struct weir_series s = model_series("s0", hour, 0.1, &random);
	const struct weir_model_data data = {.series = &s, .count = 1, .calendar = {.season = {24}, .seasons = 1}};
	const struct weir_model_opts opts = {.horizon = 24, .coverage = 0.95, .seed = seed};
	struct weir_model m;

	if (weir_model_fit("snaive", &data, &opts, &m, &(struct weir_err){{0}}))
		abort();
	weir_series_fini(&s);
	return m;
}

static int offer(struct weir_shelf *s, size_t hour, enum weir_shelf_verdict verdict, struct weir_shelf_decision *ret)
{
	weir_auto_model m = model_of(hour, 1);
	char against[WEIR_MODEL_HASH_TEXT];
	struct weir_offer o = {.verdict = verdict, .against = against, .before = 2, .after = 1, .reason = "schedule", .why = "better\tby \x01half"};

	weir_shelf_champion_hash(s, USE, against);
	return weir_shelf_offer(s, USE, &m, &o, 1800000000 + (int64_t)hour, ret, &(struct weir_err){{0}});
}

static size_t listed(struct weir_shelf *s, const char *state)
{
	weir_auto_free struct weir_shelf_item *list = NULL;
	size_t n = 0, count = 0;

	if (weir_shelf_list(s, NULL, &list, &n))
		abort();
	for (size_t i = 0; i < n; i++)
		count += !state || !strcmp(list[i].state, state);
	return count;
}

TEST(a_better_one_replaces_and_a_worse_one_does_not)
{
	auto_shelf_dir dir = shelf_dir_new();
	weir_auto_shelf *s = shelf_of(&dir);
	weir_auto_model m = {0};
	struct weir_shelf_decision first, second, third;
	char now[WEIR_MODEL_HASH_TEXT];

	CHECK(weir_shelf_champion(s, USE, &m, NULL) == -ENOENT);
	CHECK(!offer(s, 100, WEIR_SHELF_FIRST, &first) && !strcmp(first.champion, first.hash) && !*first.previous);
	CHECK(!offer(s, 124, WEIR_SHELF_KEPT, &second) && !strcmp(second.champion, first.hash) && second.verdict == WEIR_SHELF_KEPT);
	CHECK(listed(s, "challenger") == 1 && listed(s, "champion") == 1);
	CHECK(!offer(s, 148, WEIR_SHELF_REPLACED, &third) && !strcmp(third.champion, third.hash) && !strcmp(third.previous, first.hash));
	CHECK(listed(s, NULL) == 2 && listed(s, "previous") == 1, "the challenger that lost is still there, or more: %zu", listed(s, NULL));
	CHECK(!strcmp(third.why, "better?by ?half"), "%s", third.why);
	weir_shelf_champion_hash(s, USE, now);
	CHECK(!strcmp(now, third.hash) && !weir_shelf_champion(s, USE, &m, NULL) && m.meta.to_s == MODEL_START_S + 148 * MODEL_HOUR_S);
	weir_shelf_close(weir_take_ptr(s));
	s = shelf_of(&dir);
	weir_shelf_champion_hash(s, USE, now);
	CHECK(!strcmp(now, third.hash) && !dir.noted, "another champion after a restart; %s", dir.notes);
}

TEST(a_rollback_goes_back_and_keeps_it_away)
{
	auto_shelf_dir dir = shelf_dir_new();
	weir_auto_shelf *s = shelf_of(&dir);
	struct weir_shelf_decision first, second, third, back, d;
	struct weir_err err = {{0}};

	CHECK(weir_shelf_rollback(s, USE, 1, "olga", NULL, &err) == -ENOENT && strstr(err.text, "there is no use"), "%s", err.text);
	CHECK(!offer(s, 100, WEIR_SHELF_FIRST, &first));
	err = (struct weir_err){{0}};
	CHECK(weir_shelf_rollback(s, USE, 1, "olga", NULL, &err) == -ENOENT && strstr(err.text, "no champion before"), "%s", err.text);
	CHECK(!offer(s, 124, WEIR_SHELF_REFRESHED, &second) && !offer(s, 148, WEIR_SHELF_REPLACED, &third));
	CHECK(!weir_shelf_rollback(s, USE, 1800000500, "olga", &back, NULL) && !strcmp(back.champion, second.hash) && !strcmp(back.previous, first.hash));
	CHECK(!strcmp(back.hash, third.hash) && !strcmp(back.reason, "olga") && back.verdict == WEIR_SHELF_ROLLED_BACK);
	weir_shelf_close(weir_take_ptr(s));
	s = shelf_of(&dir); /* it is remembered */
	CHECK(!offer(s, 148, WEIR_SHELF_REPLACED, &d) && d.verdict == WEIR_SHELF_REFUSED && !strcmp(d.champion, second.hash), "%s", d.why);
	CHECK(!offer(s, 147, WEIR_SHELF_REFRESHED, &d) && d.verdict == WEIR_SHELF_REFUSED, "older data than what was rolled back: %s", d.why);
	CHECK(!weir_shelf_rollback(s, USE, 1800000600, "olga", &back, NULL) && !strcmp(back.champion, first.hash) && !*back.previous, "a second one");
	CHECK(!offer(s, 149, WEIR_SHELF_REPLACED, &d) && d.verdict == WEIR_SHELF_REPLACED && !strcmp(d.champion, d.hash), "newer data: %s", d.why);
}

TEST(a_champion_that_came_in_between_is_not_replaced)
{
	auto_shelf_dir dir = shelf_dir_new();
	weir_auto_shelf *s = shelf_of(&dir);
	weir_auto_model m = model_of(148, 1);
	struct weir_shelf_decision first, second, d;
	struct weir_offer o = {.verdict = WEIR_SHELF_REPLACED, .reason = "drift", .why = "better"};

	CHECK(!offer(s, 100, WEIR_SHELF_FIRST, &first) && !offer(s, 124, WEIR_SHELF_REPLACED, &second));
	o.against = first.hash;
	CHECK(!weir_shelf_offer(s, USE, &m, &o, 1, &d, NULL) && d.verdict == WEIR_SHELF_KEPT && !strcmp(d.champion, second.hash), "%s", d.why);
	CHECK(strstr(d.why, "became another one"), "%s", d.why);
	o.against = second.hash;
	CHECK(!weir_shelf_offer(s, USE, &m, &o, 1, &d, NULL) && d.verdict == WEIR_SHELF_REPLACED);
	o.against = d.hash;
	CHECK(!weir_shelf_offer(s, USE, &m, &o, 1, &d, NULL) && d.verdict == WEIR_SHELF_KEPT && strstr(d.why, "to the byte"), "%s", d.why);
}

TEST(names_are_checked_and_models_found_by_how_they_begin)
{
	static const char *const bad[] = {"", "..", "a/b", "A", "-a", "a b", "0123456789012345678901234567890123456789012345678"};
	auto_shelf_dir dir = shelf_dir_new();
	weir_auto_shelf *s = shelf_of(&dir);
	weir_auto_model m = model_of(100, 1), back = {0};
	const struct weir_offer o = {.verdict = WEIR_SHELF_FIRST, .against = "", .reason = "first", .why = "x"};
	struct weir_shelf_decision d;
	char begin[16];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		struct weir_err err = {{0}};

		CHECK(weir_shelf_offer(s, bad[i], &m, &o, 1, NULL, &err) == -EINVAL && strstr(err.text, "is no name of a use"), "'%s': %s", bad[i], err.text);
	}
	CHECK(!weir_shelf_offer(s, USE, &m, &o, 1, &d, NULL));
	snprintf(begin, sizeof(begin), "%.8s", d.hash);
	CHECK(!weir_shelf_load(s, USE, begin, &back, NULL) && back.meta.points == 100);
	begin[7] = '\0';
	CHECK(weir_shelf_load(s, USE, begin, &back, NULL) == -ENOENT && weir_shelf_load(s, USE, "../../etc", &back, NULL) == -ENOENT);
	CHECK(weir_shelf_load(s, "other", d.hash, &back, NULL) == -ENOENT);
}

TEST(a_thousand_offers_leave_a_few_models_and_decisions)
{
	auto_shelf_dir dir = shelf_dir_new();
	weir_auto_shelf *s = shelf_of(&dir);
	weir_auto_free struct weir_shelf_decision *history = NULL;
	struct weir_shelf_decision d, champion = {0};
	char path[512];
	struct stat st;
	size_t n;

	for (size_t i = 0; i < 1000; i++) {
		CHECK(!offer(s, 50 + i, !i ? WEIR_SHELF_FIRST : i % 3 ? WEIR_SHELF_KEPT : WEIR_SHELF_REPLACED, &d), "offer %zu", i);
		champion = i % 3 ? champion : d;
		if (i % 100 == 99)
			CHECK(listed(s, NULL) <= WEIR_SHELF_MODELS_MAX && listed(s, "champion") == 1 && listed(s, "previous") == 1, "behind offer %zu: %zu", i, listed(s, NULL));
	}
	CHECK(shelf_dir_files(&dir, USE, ".model", path) <= WEIR_SHELF_MODELS_MAX, "%zu files", shelf_dir_files(&dir, USE, ".model", path));
	CHECK(!strcmp(d.champion, champion.hash) && !strcmp(d.previous, champion.previous));
	CHECK(!weir_shelf_history(s, USE, &history, &n) && n == WEIR_SHELF_HISTORY && history[n - 1].time_s == 1800000000 + 1049);
	CHECK(shelf_dir_files(&dir, USE, "history", path) == 1 && !stat(path, &st) && st.st_size < 2 * WEIR_SHELF_HISTORY * SHELF_LINE_MAX, "%lld bytes",
	      (long long)st.st_size);
}

/* What a kill leaves at each point: a file that was being written, one without a decision, a torn line. */
TEST(a_kill_at_any_point_leaves_the_old_champion)
{
	auto_shelf_dir dir = shelf_dir_new();
	weir_auto_shelf *s = shelf_of(&dir);
	weir_auto_free char *data = NULL, *whole = NULL;
	struct weir_shelf_decision first, second;
	char path[512], old_path[600];
	size_t len, before_len;

	CHECK(!offer(s, 100, WEIR_SHELF_FIRST, &first));
	snprintf(old_path, sizeof(old_path), "%s/%s/history", dir.path, USE);
	CHECK(!weir_file_read(old_path, 1 << 20, &data, &before_len));
	CHECK(!offer(s, 124, WEIR_SHELF_REPLACED, &second));
	CHECK(!weir_file_read(old_path, 1 << 20, &whole, &len) && len > before_len);
	weir_shelf_close(weir_take_ptr(s));
	for (size_t cut = before_len; cut <= len; cut += cut == before_len || cut + 7 > len ? 1 : 7) {
		char temp[700], now[WEIR_MODEL_HASH_TEXT];
		weir_auto_shelf *again = NULL;

		CHECK(!weir_file_write(old_path, whole, cut, 0600));
		snprintf(temp, sizeof(temp), "%s/%s/.%s.model.Ab12Cd", dir.path, USE, second.hash);
		CHECK(!weir_file_create(temp, "half", 4, 0600));
		again = shelf_of(&dir);
		weir_shelf_champion_hash(again, USE, now);
		CHECK(!strcmp(now, cut == len ? second.hash : first.hash), "cut at %zu of %zu: %.8s", cut, len, now);
		CHECK(!shelf_dir_files(&dir, USE, "Ab12Cd", path), "what was half written is still there");
		if (cut == before_len) /* put it back: without a decision it is removed with the next one */
			CHECK(shelf_dir_files(&dir, USE, ".model", path) == 1, "a model that was never decided on stays");
		if (cut < len) {
			weir_auto_model m = model_of(124, 1);
			weir_auto_buf struct weir_buf b = {.max = WEIR_FRAME_MAX};

			snprintf(temp, sizeof(temp), "%s/%s/%s.model", dir.path, USE, second.hash);
			CHECK(!weir_model_pack(&m, &b) && !weir_file_write(temp, b.data, b.len, 0600));
		}
	}
}

TEST(what_is_damaged_is_told_and_passed_over)
{
	auto_shelf_dir dir = shelf_dir_new();
	weir_auto_shelf *s = shelf_of(&dir);
	weir_auto_model m = {0};
	struct weir_shelf_decision first, second, third;
	char path[700], now[WEIR_MODEL_HASH_TEXT];
	int fd;

	CHECK(!offer(s, 100, WEIR_SHELF_FIRST, &first) && !offer(s, 124, WEIR_SHELF_REPLACED, &second) && !offer(s, 148, WEIR_SHELF_REPLACED, &third));
	weir_shelf_close(weir_take_ptr(s));
	snprintf(path, sizeof(path), "%s/%s/%s.model", dir.path, USE, third.hash);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && pwrite(fd, "x", 1, 60) == 1);
	close(fd);
	s = shelf_of(&dir);
	weir_shelf_champion_hash(s, USE, now);
	CHECK(!strcmp(now, second.hash) && !weir_shelf_champion(s, USE, &m, NULL), "%s", dir.notes);
	CHECK(dir.noted == 2 && strstr(dir.notes, "damaged: its hash is another") && strstr(dir.notes, "is missing or damaged; in its place is"), "%s", dir.notes);
	weir_shelf_close(weir_take_ptr(s));
	/* A line in the middle: the last one still says all. Its file is kept for whoever looks. */
	dir.notes[0] = '\0';
	snprintf(path, sizeof(path), "%s/%s/history", dir.path, USE);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && pwrite(fd, "9", 1, 15) == 1);
	close(fd);
	s = shelf_of(&dir);
	weir_shelf_champion_hash(s, USE, now);
	CHECK(!strcmp(now, second.hash) && strstr(dir.notes, "history:1: 1 damaged lines"), "%s", dir.notes);
	CHECK(shelf_dir_files(&dir, USE, "history.damaged", path) == 1);
	weir_shelf_close(weir_take_ptr(s));
	/* A directory that is no use, and one whose history is a directory. */
	dir.notes[0] = '\0';
	snprintf(path, sizeof(path), "%s/other", dir.path);
	CHECK(!mkdir(path, 0700));
	snprintf(path, sizeof(path), "%s/other/history", dir.path);
	CHECK(!mkdir(path, 0700));
	snprintf(path, sizeof(path), "%s/Not A Use", dir.path);
	CHECK(!mkdir(path, 0700));
	s = shelf_of(&dir);
	weir_shelf_champion_hash(s, USE, now);
	CHECK(!strcmp(now, second.hash) && strstr(dir.notes, "other cannot be read") && strstr(dir.notes, "none of a use"), "%s", dir.notes);
}

TEST(a_decision_comes_back_from_its_line_and_no_other_line_is_one)
{
	struct weir_shelf_decision d = {.time_s = 5, .verdict = WEIR_SHELF_KEPT, .barrier_s = INT64_MIN, .before = NAN, .after = 0.1}, back;
	weir_auto_buf struct weir_buf b = {0};

	strcpy(d.model, "mix");
	memset(d.hash, 'a', 64);
	strcpy(d.why, "a sentence");
	CHECK(!weir_shelf_decision_line(&d, &b) && !weir_shelf_decision_parse((const char *)b.data, b.len - 1, &back));
	CHECK(back.after == 0.1 && isnan(back.before) && back.barrier_s == INT64_MIN && !strcmp(back.why, d.why) && !*back.champion && !*back.reason);
	for (size_t i = 0; i + 1 < b.len; i++) {
		b.data[i] ^= 1;
		CHECK(weir_shelf_decision_parse((const char *)b.data, b.len - 1, &back) == -EBADMSG, "byte %zu", i);
		b.data[i] ^= 1;
		CHECK(weir_shelf_decision_parse((const char *)b.data, i, &back) == -EBADMSG, "cut at %zu", i);
	}
}

struct crowd {
	struct weir_shelf *s;
	unsigned int bad;
};

/* Reads as the API does while others offer. */
static void *read_on(void *arg)
{
	struct crowd *c = arg;

	for (int i = 0; i < 200; i++) {
		weir_auto_model m = {0};
		weir_auto_free struct weir_shelf_item *list = NULL;
		size_t n;

		c->bad += weir_shelf_champion(c->s, USE, &m, NULL) != 0;
		c->bad += weir_shelf_list(c->s, NULL, &list, &n) != 0 || n > WEIR_SHELF_MODELS_MAX;
	}
	return NULL;
}

TEST(threads_may_read_and_roll_back_while_one_offers)
{
	auto_shelf_dir dir = shelf_dir_new();
	weir_auto_shelf *s = shelf_of(&dir);
	struct crowd c[2] = {{.s = s}, {.s = s}};
	struct weir_shelf_decision d;
	pthread_t t[2];

	CHECK(!offer(s, 50, WEIR_SHELF_FIRST, &d));
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, read_on, &c[i]));
	for (size_t i = 0; i < 60; i++) {
		CHECK(!offer(s, 51 + i, WEIR_SHELF_REPLACED, &d));
		if (i % 10 == 9)
			CHECK(!weir_shelf_rollback(s, USE, 1, "olga", NULL, NULL));
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
		CHECK(!c[i].bad, "thread %d: %u", i, c[i].bad);
	}
}

TEST_MAIN(T(a_better_one_replaces_and_a_worse_one_does_not), T(a_rollback_goes_back_and_keeps_it_away),
	  T(a_champion_that_came_in_between_is_not_replaced), T(names_are_checked_and_models_found_by_how_they_begin),
	  T(a_thousand_offers_leave_a_few_models_and_decisions), T(a_kill_at_any_point_leaves_the_old_champion),
	  T(what_is_damaged_is_told_and_passed_over), T(a_decision_comes_back_from_its_line_and_no_other_line_is_one),
	  T(threads_may_read_and_roll_back_while_one_offers))
