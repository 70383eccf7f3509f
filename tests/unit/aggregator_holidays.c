/* SPDX-License-Identifier: Apache-2.0 */
/* Holidays of the settings: what live forecasts and trainings make of them, and which are refused. */
#include "aggregator/live_sums.h"
#include "aggregator/live_train.h"
#include "lib/base/clock.h"
#include "tests/lib/live_fixture.h"
#include "tests/lib/model_fixture.h"
#include "tests/lib/test.h"

/* Of what is usual, on a holiday. */
#define LOW 0.1
#define DAY_S 86400
/* From LIVE_NOW_S, six in the morning, to the next day. */
#define UNTIL_NEXT_DAY 18
#define OLDER_DAYS 24
#define TRAINED_WITHIN_NS (120 * LIVE_NS)

static int low_on(struct live_world *t, const char *day)
{
	uint64_t at_s;
	int r = weir_time_day(day, &at_s);

	return r ? r : live_sql(t, "UPDATE flow_1h SET bytes=CAST(bytes*%f AS INTEGER) WHERE bucket>=%llu AND bucket<%llu;"
				"UPDATE ledger_1h SET nanos=CAST(nanos*%f AS INTEGER) WHERE bucket>=%llu AND bucket<%llu;",
				LOW, (unsigned long long)at_s, (unsigned long long)at_s + DAY_S, LOW, (unsigned long long)at_s,
				(unsigned long long)at_s + DAY_S);
}

static int told_of(const char *const *days, struct live_holidays *h)
{
	struct weir_err err = {{0}};
	int r = live_holidays_init(h, (char *const *)(uintptr_t)days, &err);

	if (r)
		fprintf(stderr, "%s\n", err.text);
	return r;
}

/* A watch that is told of days, up to now. *ret: live_told_free() */
static int look_told(struct live_world *t, const char *const *days, struct live_told *ret)
{
	struct live_holidays h;
	const struct live_watch_opts opts = {.store_path = t->dir.store, .series_max = 100, .holidays = &h};
	struct weir_err err = {{0}};

	live_watch_free(t->w);
	t->w = NULL;
	return told_of(days, &h) || live_watch_new(&opts, &t->w, &err) ? -EINVAL : live_look(t, LIVE_NOW_S + 100, ret);
}

static const struct live_shown *shown(const struct live_told *t, const char *name, enum live_measure m)
{
	for (size_t i = 0; t->view && i < t->view->count; i++)
		if (t->view->items[i].measure == m && !strcmp(t->view->items[i].owner->text[LIVE_NAME], name))
			return &t->view->items[i];
	return NULL;
}

/* What is forecast of the next day, in parts of the day before. */
static double next_day(const struct live_shown *s)
{
	double ahead = 0, before = 0;

	for (size_t h = 0; s && s->forecast && h < LIVE_DAY; h++) {
		ahead += (double)s->mean[UNTIL_NEXT_DAY + h];
		before += (double)s->past[LIVE_AHEAD - LIVE_DAY + h];
	}
	return ahead / before;
}

TEST(a_holiday_ahead_is_forecast_as_the_one_behind_and_a_day_that_nobody_told_of_as_usual)
{
	static const char *const none[] = {NULL}, *const both[] = {"2026-11-18", "2026-11-25", NULL};
	auto_live_world t = {.s = NULL};
	struct live_told told = {0};
	double usual, low;

	CHECK(!live_world_new(&t, 100) && !low_on(&t, "2026-11-18"));
	for (int m = LIVE_BYTES; m <= LIVE_COST; m++) {
		CHECK(!look_told(&t, none, &told));
		usual = next_day(shown(&told, "db", (enum live_measure)m));
		CHECK(usual > 0.85 && usual < 1.15, "%s untold: %g", live_measure_name((enum live_measure)m), usual);
		CHECK(!look_told(&t, both, &told));
		low = next_day(shown(&told, "db", (enum live_measure)m));
		/* One holiday behind is two thirds of what is believed, of the logarithm: .1 is taken for .22. */
		CHECK(low > LOW && low < 0.3, "%s told: %g", live_measure_name((enum live_measure)m), low);
	}
	live_told_free(&told);
}

/* 30 hours, all of them on holidays: nothing usual is known of it. */
TEST(a_series_that_saw_holidays_alone_keeps_nobody_from_a_forecast)
{
	static const char *const days[] = {"2026-11-23", "2026-11-24", NULL};
	auto_live_world t = {.s = NULL};
	struct live_told told = {0};
	const struct live_shown *young;

	CHECK(!live_world_new(&t, 100) && !live_rows(&t, "1h", LIVE_YOUNG, LIVE_NOW_S - 30 * 3600, LIVE_NOW_S - LIVE_FINE_S, 3600));
	CHECK(!look_told(&t, days, &told) && told.view);
	young = shown(&told, "young", LIVE_BYTES);
	CHECK(young && young->forecast && young->hours == 30, "%zu hours", young ? young->hours : 0);
	for (size_t h = 0; young && h < LIVE_AHEAD; h++)
		CHECK(isfinite(young->mean[h]) && young->mean[h] >= 0, "hour %zu: %g", h, (double)young->mean[h]);
	CHECK(shown(&told, "db", LIVE_BYTES) && shown(&told, "db", LIVE_BYTES)->forecast, "the others have theirs");
	live_told_free(&told);
}

struct trial {
	struct weir_loop *loop;
	struct weir_shelf *shelf;
	struct live_train *train;
	struct weir_source *timer;
	uint64_t until_ns;
};

static void trial_fini(struct trial *t)
{
	weir_source_free(t->timer);
	if (live_train_free(t->train))
		abort();
	weir_shelf_close(t->shelf);
	weir_loop_free(t->loop);
}
#define auto_trial weir_cleanup(trial_fini) struct trial

static int has_champion(uint32_t events, void *arg)
{
	struct trial *t = arg;
	char hash[WEIR_MODEL_HASH_TEXT];

	(void)events;
	weir_shelf_champion_hash(t->shelf, "forecast-bytes", hash);
	if (*hash || weir_monotonic_ns() > t->until_ns)
		weir_loop_stop(t->loop, *hash ? 0 : 1);
	return 0;
}

/* Three holidays behind, on other days of the week than the one ahead; two of them are within what is held back. */
TEST(champions_are_trained_with_the_same_holidays)
{
	static const char *const days[] = {"2026-11-06", "2026-11-16", "2026-11-19", "2026-11-25", NULL};
	static const struct live_missed none[LIVE_MEASURES];
	auto_shelf_dir dir = shelf_dir_new();
	auto_live_world w = {.s = NULL};
	auto_trial t = {.until_ns = weir_monotonic_ns() + TRAINED_WITHIN_NS};
	weir_auto_model champion = {0};
	weir_auto_forecast f = {0};
	struct live_told told = {0};
	struct live_holidays h;
	struct weir_err err = {{0}};
	double ahead = 0, before = 0;

	CHECK(!live_world_new(&w, 100) && !live_rows(&w, "1h", LIVE_DB, LIVE_NOW_S - OLDER_DAYS * DAY_S, LIVE_NOW_S - LIVE_DAYS * DAY_S, 3600));
	CHECK(!live_sql(&w, "DELETE FROM ledger_1h"), "bytes alone are trained");
	for (size_t i = 0; i < 3; i++)
		CHECK(!low_on(&w, days[i]));
	CHECK(!told_of(days, &h) && !look_told(&w, days, &told));
	t.shelf = shelf_of(&dir);
	CHECK(!weir_loop_new(&t.loop, NULL, NULL) && !live_train_new(t.loop, t.shelf, 0, &h, &t.train));
	/* What it was made with may change. */
	memset(&h, 0, sizeof(h));
	live_train_hour(t.train, live_watch_set(w.w), live_watch_forest(w.w), LIVE_NOW_S, none);
	CHECK(!weir_loop_timer(t.loop, LIVE_NS / 50, LIVE_NS / 50, has_champion, &t, &t.timer) && !weir_loop_run(t.loop), "in time");
	CHECK(!weir_shelf_champion(t.shelf, "forecast-bytes", &champion, &err) && champion.ops, "%s", err.text);
	CHECK(!weir_forecast_init(&f, LIVE_AHEAD) && champion.ops && !weir_model_predict(&champion, 0, &f));
	for (size_t k = 0; champion.ops && k < LIVE_DAY; k++) {
		ahead += f.mean[UNTIL_NEXT_DAY + k];
		before += (double)shown(&told, "db", LIVE_BYTES)->past[LIVE_AHEAD - LIVE_DAY + k];
	}
	CHECK(ahead > LOW * before / 2 && ahead < 0.3 * before, "%s: %g of %g", champion.meta.name, ahead, before);
	live_told_free(&told);
}

static int load(const char *yaml, struct config *c, char file[32], struct weir_err *err)
{
	weir_auto_close int fd = mkstemp(strcpy(file, "/tmp/weir-holidays-XXXXXX"));
	int r = dprintf(fd, "%s", yaml) < 0 ? -errno : config_load(file, c, err);

	unlink(file);
	return r;
}

TEST(a_day_that_is_none_is_refused_with_its_place)
{
	static const struct {
		const char *days, *says;
	} cases[] = {
		{"[2026-12-25, 2026-02-30]", "entry 2: '2026-02-30' is no day: write YYYY-MM-DD, as 2026-12-25"},
		{"[2026-12-5]", "entry 1: '2026-12-5' is no day"},
		{"[\" 2026-1-05\"]", "entry 1: ' 2026-1-05' is no day"},
		{"[Christmas]", "entry 1: 'Christmas' is no day"},
		{"[1793491200]", "entry 1: '1793491200' is no day"},
		{"[2026-12-25T00:00:00Z]", "entry 1: '2026-12-25T00:00:00Z' is no day"},
		{"[1969-12-31]", "entry 1: '1969-12-31' is no day"},
		{"[2026-12-26, 2026-12-25]", "entry 2: 2026-12-25 does not come after 2026-12-26: write each day once, the earliest first"},
		{"[2026-12-25, 2026-12-25]", "entry 2: 2026-12-25 does not come after 2026-12-25"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *yaml = weir_strf("models: {holidays: %s}\n", cases[i].days), *says = NULL;
		struct weir_err err = {{0}};
		struct config c;
		char file[32];
		int r = load(yaml, &c, file, &err);

		says = weir_strf("%s: models.holidays: %s", file, cases[i].says);
		CHECK(r == -EINVAL && !strncmp(err.text, says, strlen(says)), "%s: %s", cases[i].days, err.text);
		if (!r)
			config_fini(&c);
	}
}

TEST(so_many_days_are_taken_and_not_one_more)
{
	for (size_t n = WEIR_HOLIDAYS_MAX; n <= WEIR_HOLIDAYS_MAX + 1; n++) {
		char yaml[32768] = "models:\n  holidays:\n", file[32], day[21];
		size_t used = strlen(yaml);
		struct live_holidays h = {0};
		struct weir_err err = {{0}};
		struct config c;
		int r;

		for (size_t i = 0; i < n; i++)
			used += (size_t)snprintf(yaml + used, sizeof(yaml) - used, "  - %.10s\n", weir_time_text(i * DAY_S * LIVE_NS, day));
		r = load(yaml, &c, file, &err);
		CHECK(r == (n > WEIR_HOLIDAYS_MAX ? -EINVAL : 0), "%zu: %s", n, err.text);
		CHECK(!r || strstr(err.text, "models.holidays: more than 1024 days: leave out the oldest"), "%s", err.text);
		if (r)
			continue;
		CHECK(!live_holidays_init(&h, c.models_holidays, &err) && h.count == n && h.day_s[0] == 0 && h.day_s[n - 1] == (int64_t)(n - 1) * DAY_S);
		config_fini(&c);
	}
}

TEST_MAIN(T(a_holiday_ahead_is_forecast_as_the_one_behind_and_a_day_that_nobody_told_of_as_usual),
	  T(a_series_that_saw_holidays_alone_keeps_nobody_from_a_forecast), T(champions_are_trained_with_the_same_holidays),
	  T(a_day_that_is_none_is_refused_with_its_place), T(so_many_days_are_taken_and_not_one_more))
