/* SPDX-License-Identifier: Apache-2.0 */
/* What budgets will come to: by the hours of what they cover, read once and then anew at their end, on the worker. */
#include "aggregator/outlook.h"

#include "aggregator/alerts.h"
#include "aggregator/store_impl.h"
#include "lib/base/clock.h"
#include "lib/money/topology.h"
#include "tests/lib/charge_fixture.h"
#include "tests/lib/test.h"

#include <math.h>
#include <sched.h>

#define HOUR 3600ull
#define DAY 86400ull
#define NOVEMBER 1793491200ull
#define WEEKS 8
#define GUARD_NS (120 * NS)

static const char documents[][400] = {
	"apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: data}\nspec:\n  scope: {team: data, path: nat}\n  amount: \"10000\"\n  currency: USD\n",
	"apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: nobody}\nspec:\n  scope: {team: nobody}\n  amount: \"1\"\n  currency: USD\n",
	"apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: quarter}\nspec:\n"
	"  scope: {}\n  amount: \"17500\"\n  currency: USD\n  period: quarter\n",
};

struct world {
	struct store *store;
	struct budgets *budgets;
	struct weir_budget_set *set;
	struct outlook *outlook;
	uint8_t print[32];
	char dir[40], path[64];
};

static void set_add(struct weir_budget_set *set, const char *text)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_err err = {{0}};

	if (weir_ydoc_parse(text, strlen(text), "b", &doc, &err) || weir_budget_set_add(set, weir_ydoc_root(doc, 0), &err)) {
		printf("# %s\n", err.text);
		abort();
	}
}

static struct weir_budget_set *set_of(const char *amount)
{
	weir_auto_free char *shop = weir_strf("apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: shop}\nspec:\n  scope: {team: shop}\n"
					      "  amount: \"%s\"\n  currency: USD\n  thresholds: [100%%, {at: 100%%, on: forecast}]\n", amount);
	struct weir_budget_set *set = NULL;

	if (weir_budget_set_new(&set))
		abort();
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(documents); i++)
		set_add(set, documents[i]);
	set_add(set, shop);
	return set;
}

/* Of the hours of [from_s, to_s): shop 1 each, data 5 by nat, 2 by another path. */
static void spend(struct world *w, uint64_t from_s, uint64_t to_s)
{
	struct charged c[] = {{.team = "shop", .path = WEIR_PATH_NAT, .nanos = 1000000000},
			      {.team = "data", .path = WEIR_PATH_NAT, .nanos = 5000000000},
			      {.team = "data", .path = WEIR_PATH_INTERNET, .nanos = 2000000000}};

	if (store_begin(w->store))
		abort();
	for (uint64_t t = from_s; t < to_s; t += HOUR)
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(c); i++) {
			c[i].time_s = t;
			if (charge(w->store, &c[i]))
				abort();
		}
	if (store_commit(w->store))
		abort();
}

/* At dawn of the 15th of November, after eight weeks. */
static void world_new(struct world *w, const char *amount)
{
	struct weir_err err = {{0}};

	*w = (struct world){.print = {1}};
	strcpy(w->dir, "/tmp/weir-outlook-XXXXXX");
	if (!mkdtemp(w->dir))
		abort();
	snprintf(w->path, sizeof(w->path), "%s/weir.db", w->dir);
	w->set = set_of(amount);
	if (store_open(w->path, &w->store, &err) || store_exec(w->store, "PRAGMA synchronous=OFF") || budgets_new(w->store, &w->budgets) ||
	    outlook_new(NULL, w->path, &w->outlook)) {
		printf("# %s\n", err.text);
		abort();
	}
	spend(w, NOVEMBER + 14 * DAY - WEEKS * 7 * DAY, NOVEMBER + 14 * DAY);
}

static void world_fini(struct world *w)
{
	weir_auto_free char *line = weir_strf("rm -rf %s", w->dir);

	outlook_free(w->outlook);
	budgets_free(w->budgets);
	weir_budget_set_free(w->set);
	store_close(w->store);
	if (system(line))
		fprintf(stderr, "%s stays\n", w->dir);
}
#define auto_world weir_cleanup(world_fini) struct world

static const struct weir_budget_view *view(struct world *w, const char *name, uint64_t now_s)
{
	if (budgets_update(w->budgets, w->set, w->print, now_s))
		abort();
	outlook_apply(w->outlook, w->budgets);
	return &budgets_find(w->budgets, name)->view;
}

static int foretell(struct world *w, uint64_t now_s)
{
	int r = budgets_update(w->budgets, w->set, w->print, now_s);

	return r ? r : outlook_now(w->outlook, w->budgets, w->store, now_s);
}

static bool is_near(int64_t nanos, double units)
{
	return fabs((double)nanos / 1e9 - units) < 0.01 * units;
}

TEST(each_budget_is_foretold_by_what_it_covers)
{
	const uint64_t now = NOVEMBER + 14 * DAY + 100;
	const struct weir_budget_view *v;
	char text[WEIR_BUDGET_OUTLOOK];
	auto_world w;

	world_new(&w, "500.5");
	CHECK(!foretell(&w, now), "%s", store_error(w.store));
	v = view(&w, "shop", now);
	CHECK(is_near(v->forecast.nanos, 720) && v->forecast.days == 56 && !v->forecast.rough, "%g", (double)v->forecast.nanos / 1e9);
	CHECK(v->forecast.lower_nanos < 719 * (int64_t)1e9 && v->forecast.lower_nanos > 690 * (int64_t)1e9, "%g", (double)v->forecast.lower_nanos / 1e9);
	CHECK(v->forecast.passes_s >= NOVEMBER + 499 * HOUR && v->forecast.passes_s <= NOVEMBER + 502 * HOUR, "in hour %llu",
	      (unsigned long long)(v->forecast.passes_s - NOVEMBER) / HOUR);
	CHECK(v->crossed == 2, "the forecast reaches what is not spent: %u", v->crossed);
	weir_budget_outlook(budgets_find(w.budgets, "shop")->budget, v, text);
	CHECK(!strncmp(text, "will exceed on the 21st (80 %: ", 31), "%s", text);
	v = view(&w, "data", now);
	CHECK(is_near(v->forecast.nanos, 3600) && !v->forecast.passes_s && !v->forecast.early_s, "of one path: %g", (double)v->forecast.nanos / 1e9);
	CHECK(!view(&w, "nobody", now)->forecast.at_s, "nothing is made of nothing");
	v = view(&w, "quarter", now);
	CHECK(is_near(v->forecast.nanos, 8 * 92 * 24) && v->forecast.passes_s && !v->forecast.late_s, "from October to December: %g",
	      (double)v->forecast.nanos / 1e9);
	weir_budget_outlook(budgets_find(w.budgets, "quarter")->budget, v, text);
	CHECK(!strncmp(text, "will probably exceed, on ", 25) && strstr(text, " Dec (80 %: ") && strstr(text, " or later, or not)"), "%s", text);
}

static bool is_same(struct world *w, struct world *fresh, const char *name, uint64_t now)
{
	/* They share the budgets, and so the view. */
	const struct weir_budget_forecast a = view(w, name, now)->forecast, *b = &view(fresh, name, now)->forecast;

	return a.at_s == now && a.nanos == b->nanos && a.lower_nanos == b->lower_nanos && a.upper_nanos == b->upper_nanos && a.days == b->days &&
	       a.passes_s == b->passes_s && a.early_s == b->early_s && a.late_s == b->late_s;
}

/* A charge for the hour before last that comes late; a night without a look; a clock that goes back. */
TEST(hours_go_on_as_if_they_were_read_anew)
{
	static const uint64_t later[] = {0, HOUR, 2 * HOUR, 14 * HOUR, 13 * HOUR, 80 * HOUR, 30 * DAY, 80 * DAY};
	const uint64_t begin = NOVEMBER + 14 * DAY + 200;
	auto_world w;

	world_new(&w, "500");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(later); i++) {
		uint64_t now = begin + later[i];
		struct world fresh = w;

		CHECK(!foretell(&w, now));
		if (outlook_new(NULL, w.path, &fresh.outlook))
			abort();
		CHECK(!foretell(&fresh, now) && is_same(&w, &fresh, "shop", now) && is_same(&w, &fresh, "data", now), "after %llu hours",
		      (unsigned long long)(later[i] / HOUR));
		outlook_free(fresh.outlook);
		spend(&w, now - 7 * HOUR, now);
	}
}

struct wait {
	struct world *w;
	uint64_t now_s, end_ns, at_s;
};

static int on_look(uint32_t events, void *arg)
{
	const struct wait *t = arg;

	(void)events;
	if (view(t->w, "shop", t->now_s)->forecast.at_s == t->at_s)
		return 1;
	return weir_monotonic_ns() < t->end_ns ? 0 : -ETIME;
}

/* A run, and the loop until a forecast of at_s is there: 1. */
static int run(struct world *w, struct weir_loop *loop, uint64_t now_s, uint64_t at_s)
{
	struct wait t = {w, now_s, weir_monotonic_ns() + GUARD_NS, at_s};
	struct weir_source *look = NULL;
	int r;

	view(w, "shop", now_s);
	outlook_run(w->outlook, w->budgets, now_s);
	if (weir_loop_timer(loop, 1000000, 1000000, on_look, &t, &look))
		return -ENOMEM;
	r = weir_loop_run(loop);
	weir_source_free(look);
	return r;
}

static uint64_t jobs(struct worker *k)
{
	struct worker_stats st;

	worker_stats(k, &st);
	return st.jobs;
}

TEST(a_worker_is_asked_once_an_hour_and_when_budgets_change)
{
	const uint64_t now = NOVEMBER + 14 * DAY + 300;
	struct weir_budget_set *other = set_of("400");
	struct weir_loop *loop = NULL;
	struct worker *k = NULL;
	auto_world w;

	world_new(&w, "500");
	outlook_free(w.outlook);
	if (weir_loop_new(&loop, NULL, NULL) || worker_new(loop, "weir-test", 0, &k) || outlook_new(k, w.path, &w.outlook))
		abort();
	CHECK(run(&w, loop, now, now) == 1 && is_near(view(&w, "shop", now)->forecast.nanos, 720) && jobs(k) == 1);
	CHECK(run(&w, loop, now + 1000, now) == 1 && run(&w, loop, now + HOUR - 200, now) == 1 && jobs(k) == 1, "%llu jobs in an hour",
	      (unsigned long long)jobs(k));
	CHECK(run(&w, loop, now + HOUR, now + HOUR) == 1 && jobs(k) == 2);
	weir_budget_set_free(w.set);
	w.set = other;
	w.print[0] = 2;
	CHECK(!view(&w, "shop", now + HOUR)->forecast.at_s, "what was foretold for another amount is not shown");
	CHECK(run(&w, loop, now + HOUR + 3, now + HOUR + 3) == 1 && jobs(k) == 3 && view(&w, "shop", now + HOUR)->forecast.amount_nanos == 400 * (int64_t)1e9);
	/* The end of the program with a job under way. */
	outlook_run(w.outlook, w.budgets, now + 3 * HOUR);
	worker_free(k);
	outlook_free(w.outlook);
	w.outlook = NULL;
	weir_loop_free(loop);
	if (outlook_new(NULL, w.path, &w.outlook))
		abort();
}

TEST(a_store_that_cannot_be_read_is_tried_again)
{
	const uint64_t now = NOVEMBER + 14 * DAY + 300;
	struct weir_loop *loop = NULL;
	struct worker *k = NULL;
	auto_world w;
	char away[80];

	world_new(&w, "500");
	outlook_free(w.outlook);
	snprintf(away, sizeof(away), "%s/later.db", w.dir);
	if (weir_loop_new(&loop, NULL, NULL) || worker_new(loop, "weir-test", 0, &k) || outlook_new(k, away, &w.outlook))
		abort();
	view(&w, "shop", now);
	outlook_run(w.outlook, w.budgets, now);
	for (uint64_t end = weir_monotonic_ns() + GUARD_NS; !jobs(k) && weir_monotonic_ns() < end;)
		sched_yield();
	CHECK(jobs(k) == 1 && !symlink("weir.db", away));
	CHECK(run(&w, loop, now + 1, 0) == 1, "it failed, and waits");
	CHECK(run(&w, loop, now + 301, now + 301) == 1 && jobs(k) == 2);
	worker_free(k);
	weir_loop_free(loop);
}

TEST(an_alert_says_what_is_foretold)
{
	const uint64_t now = NOVEMBER + 14 * DAY + 100;
	weir_auto_buf struct weir_buf body = {0};
	struct alert_text t = {.threshold = 1, .news = WEIR_BUDGET_CROSSED, .now_s = now, .id = "x"};
	auto_world w;

	world_new(&w, "500");
	CHECK(!foretell(&w, now));
	t.kept = budgets_find(w.budgets, "shop");
	CHECK(!alert_text(&t, &body) && !weir_buf_add(&body, "", 1));
	CHECK(strstr((char *)body.data, "\"threshold\":\"forecast 100%\"") && strstr((char *)body.data, "\"on\":\"forecast\""), "%s", body.data);
	CHECK(strstr((char *)body.data, "Budget shop (team=shop) will reach forecast 100%: this month is forecast to cost 7"), "%s", body.data);
	CHECK(strstr((char *)body.data, "\"exceeds\":\"2026-11-21T") && strstr((char *)body.data, "of 500.00 USD, 336.00 are spent; it will exceed on the 21st (80 %: "),
	      "%s", body.data);
}

TEST_MAIN(T(each_budget_is_foretold_by_what_it_covers), T(hours_go_on_as_if_they_were_read_anew), T(a_worker_is_asked_once_an_hour_and_when_budgets_change),
	  T(a_store_that_cannot_be_read_is_tried_again), T(an_alert_says_what_is_foretold))
