/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of models' work: forecasts put together, findings as they are kept and told, metrics. */
#include "aggregator/api_live.h"
#include "aggregator/live_sums.h"
#include "aggregator/live_text.h"
#include "aggregator/metrics_live.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/stored.h"
#include "tests/lib/test.h"

#include "lib/model/random.h"

#include <math.h>
#include <time.h>

#define SERIES 300

static struct weir_random random_state;

__attribute__((constructor)) static void seed_set(void)
{
	const char *s = getenv("WEIR_TEST_SEED");
	uint64_t seed = s ? strtoull(s, NULL, 0) : (uint64_t)time(NULL);

	random_state = weir_random_of(seed);
	printf("# seed %llu (WEIR_TEST_SEED)\n", (unsigned long long)seed);
}

static uint64_t rnd(void)
{
	return weir_random_below(&random_state, UINT32_MAX);
}

static const char *const *params; /* name, value, ..., NULL */

static const char *param(const struct api_call *c, const char *name)
{
	(void)c;
	for (const char *const *p = params; p && *p; p += 2)
		if (!strcmp(*p, name))
			return p[1];
	return NULL;
}

struct world {
	struct scratch dir;
	struct service sv;
};

static void world_fini(struct world *w)
{
	gitops_free(w->sv.gitops);
	store_close(w->sv.store);
	scratch_fini(&w->dir);
}
#define auto_world weir_cleanup(world_fini) struct world

static int world_new(struct world *w)
{
	int r = scratch_new(&w->dir);

	w->sv.store = open_store();
	return r || !w->sv.store ? -EIO : gitops_new(w->dir.dir, &w->sv.gitops);
}

static void view_freep(struct live_view **v)
{
	live_view_free(*v);
}
#define auto_view weir_cleanup(view_freep) struct live_view

/* Texts: domain, namespace, name, kind, team; the caller's. */
static void add_series(struct live_view *v, const char *const texts[LIVE_TEXTS], enum live_measure m, uint32_t way, float base)
{
	struct live_shown *s = &v->items[v->count++];

	*s = (struct live_shown){.owner = malloc(sizeof(*s->owner)), .measure = m, .way = way, .from_s = NOW_S, .hours = 100, .forecast = true};
	memcpy(s->owner->text, texts, sizeof(s->owner->text));
	for (size_t h = 0; h < LIVE_AHEAD; h++) {
		s->past[h] = base;
		s->mean[h] = base * (float)(h + 1);
		s->lower[h] = s->mean[h] / 2;
		s->upper[h] = s->mean[h] * 2;
	}
}

static struct live_view *view_new(size_t n)
{
	struct live_view *v = calloc(1, sizeof(*v));

	v->items = calloc(n + 1, sizeof(*v->items));
	for (int m = 0; m < LIVE_MEASURES; m++)
		strcpy(v->model[m], "mix");
	return v;
}

/* Of some teams' workloads on some ways, a few without a forecast, a few hours unmeasured. */
static struct live_view *random_view(void)
{
	static const char *const some[] = {"", "a", "b", "ab", "a b", "\xc3\xa4"};
	struct live_view *v = view_new(SERIES);

	for (size_t i = 0; i < SERIES; i++) {
		const char *const texts[LIVE_TEXTS] = {some[rnd() % 2], some[rnd() % 6], some[rnd() % 6], "pod", some[rnd() % 6]};
		struct live_shown *s;

		add_series(v, texts, rnd() % 2 ? LIVE_COST : LIVE_BYTES, (uint32_t)(i % WEIR_PATHS), (float)(rnd() % 1000));
		s = &v->items[i];
		s->forecast = rnd() % 5 != 0;
		s->hours = rnd() % 1000;
		if (rnd() % 4 == 0)
			s->past[rnd() % LIVE_AHEAD] = NAN;
	}
	return v;
}

static bool same(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fmax(1, fmax(fabs(a), fabs(b)));
}

TEST(sums_are_conserved_however_they_are_cut)
{
	for (int round = 0; round < 200; round++) {
		auto_view *v = random_view();
		struct live_ask ask = {.measure = rnd() % 2 ? LIVE_COST : LIVE_BYTES, .by = rnd() % LIVE_BYS, .limit = rnd() % 2 ? SERIES : 1 + rnd() % 5};
		weir_auto_free struct live_line *lines = NULL;
		double mean = 0, upper = 0, past = 0, day = 0, all = 0;
		size_t n = 0, hidden = 0, series = 0, learning = 0;
		struct live_line total;
		bool ordered = true;

		for (size_t i = 0; i < v->count; i++)
			all += v->items[i].measure == ask.measure && v->items[i].forecast ? (double)v->items[i].mean[47] : 0;
		CHECK(!live_sums(v, &ask, &lines, &n, &hidden, &total));
		for (size_t i = 0; i < n; i++) {
			mean += lines[i].mean[47];
			upper += lines[i].upper[0];
			past += isnan(lines[i].past[7]) ? 0 : lines[i].past[7];
			day += lines[i].day;
			series += lines[i].series;
			learning += lines[i].learning;
			if (i && lines[i].series > lines[i].learning)
				ordered &= lines[i - 1].series > lines[i - 1].learning && lines[i - 1].day >= lines[i].day;
		}
		CHECK(ordered, "the most ahead first, those that learn last");
		CHECK(n <= ask.limit && (!hidden || n == ask.limit), "%zu and %zu hidden of %zu", n, hidden, ask.limit);
		CHECK(same(total.mean[47], all), "all: %g, %g", total.mean[47], all);
		if (hidden)
			continue;
		CHECK(same(mean, total.mean[47]) && same(upper, total.upper[0]) && same(past, total.past[7]) && same(day, total.day),
		      "by %s: %g of %g", live_by_name(ask.by), mean, total.mean[47]);
		CHECK(series == total.series && learning == total.learning, "%zu series", series);
	}
}

static int ask_forecast(struct world *w, const struct live_view *v, const char *const *with, json_t **ret, struct weir_err *err)
{
	struct api_call c = {.sv = &w->sv, .now_ns = NOW_S * NS, .param = param};
	int r;

	params = with;
	*ret = NULL;
	r = api_forecast_of(&c, v, ret);
	*err = c.err;
	return r;
}

static double number_at(const json_t *o, const char *list, size_t i)
{
	return json_number_value(json_array_get(json_object_get(o, list), i));
}

TEST(a_forecast_has_its_hours_and_its_day)
{
	static const char *const web[LIVE_TEXTS] = {"d", "shop", "web", "pod", "sales"}, *const db[LIVE_TEXTS] = {"d", "shop", "db", "pod", "sales"};
	auto_world w = {.sv = {.store = NULL}};
	auto_view *v = view_new(4);
	api_auto_json json_t *one = NULL, *team = NULL, *none = NULL;
	const json_t *item, *day;
	struct weir_err err;

	CHECK(!world_new(&w));
	add_series(v, web, LIVE_COST, WEIR_PATH_INTERNET, 10);
	add_series(v, web, LIVE_COST, WEIR_PATH_NAT, 1);
	add_series(v, db, LIVE_COST, WEIR_PATH_NAT, 5);
	add_series(v, db, LIVE_BYTES, WEIR_PATH_NAT, 5);
	v->items[2].forecast = false;
	v->items[0].past[0] = NAN;
	CHECK(!ask_forecast(&w, v, (const char *const[]){"limit", "1", NULL}, &one, &err), "%s", err.text);
	item = json_array_get(json_object_get(one, "items"), 0);
	day = json_object_get(item, "next_24h");
	CHECK(json_array_size(json_object_get(one, "items")) == 1 && json_integer_value(json_object_get(one, "hidden")) == 2, "cost alone, one of three");
	CHECK(!strcmp(json_string_value(json_object_get(item, "path")), "internet") && !strcmp(json_string_value(json_object_get(item, "model")), "mix"),
	      "the dearest");
	CHECK(json_array_size(json_object_get(item, "mean")) == LIVE_AHEAD && number_at(item, "mean", 47) == 480 && number_at(item, "lower", 0) == 5 &&
		      number_at(item, "upper", 1) == 40, "48 hours with bounds");
	CHECK(json_is_null(json_array_get(json_object_get(item, "past"), 0)) && number_at(item, "past", 1) == 10, "what was not measured is null");
	CHECK(json_integer_value(json_object_get(day, "nanos")) == 3000 && !strcmp(json_string_value(json_object_get(day, "amount")), "0.000003"),
	      "24 hours: %s", json_string_value(json_object_get(day, "amount")));
	CHECK((uint64_t)json_integer_value(json_object_get(one, "from_s")) == NOW_S && !strcmp(json_string_value(json_object_get(one, "hour_bounds")), "model"));
	CHECK(!ask_forecast(&w, v, (const char *const[]){"by", "team", "namespace", "shop", NULL}, &team, &err), "%s", err.text);
	item = json_array_get(json_object_get(team, "items"), 0);
	CHECK(json_object_get(item, "team") && !json_object_get(item, "workload") && json_integer_value(json_object_get(item, "series")) == 3 &&
		      json_integer_value(json_object_get(item, "learning")) == 1, "three series of a team");
	CHECK(number_at(item, "mean", 0) == 11 && number_at(item, "past", 1) == 16 && number_at(item, "past", 0) == 6, "what learns has a past alone");
	CHECK(!strcmp(json_string_value(json_object_get(team, "hour_bounds")), "sum"), "it says that bounds are summed");
	CHECK(!ask_forecast(&w, NULL, NULL, &none, &err) && !json_array_size(json_object_get(none, "items")) &&
		      json_is_null(json_object_get(none, "from_s")), "before the first forecast: none");
}

TEST(what_cannot_be_asked_is_said_in_a_line)
{
	static const struct {
		const char *with[5], *says;
	} cases[] = {
		{{"measure", "watts"}, "measure: 'watts' is none of bytes, cost"},
		{{"by", "node"}, "by: 'node' is none of series"},
		{{"limit", "1001"}, "limit: must be a number of 1 to 1000"},
		{{"measure", "rtt", "by", "team"}, "round trips do not sum"},
	};
	auto_world w = {.sv = {.store = NULL}};
	auto_view *v = random_view();

	CHECK(!world_new(&w));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		api_auto_json json_t *o = NULL;
		struct weir_err err;

		CHECK(ask_forecast(&w, v, cases[i].with, &o, &err) == -EINVAL && strstr(err.text, cases[i].says) && !o, "%zu: %s", i, err.text);
	}
}

/* A text of up to 300 bytes of all that a name may and may not hold. */
static void hostile(char *s)
{
	static const char *const parts[] = {"\"", "\\", "/", "\n", "\x1b[2J", "\xc3\xa4", "\xf0\x9f\x8c\x8a", "\xc3", "\xff", "\xed\xa0\x80", "a", "\x7f", "}", "%s",
					    "\xc2\x85"};
	size_t len = rnd() % 300;

	*s = '\0';
	while (strlen(s) < len)
		strcat(s, parts[rnd() % WEIR_ARRAY_SIZE(parts)]);
}

TEST(hostile_names_are_texts)
{
	auto_world w = {.sv = {.store = NULL}};

	CHECK(!world_new(&w));
	for (int round = 0; round < 300; round++) {
		char names[LIVE_TEXTS][320], sentence[700];
		const char *const texts[LIVE_TEXTS] = {names[0], names[1], names[2], names[3], names[4]};
		struct weir_finding f = {.kind = rnd() % WEIR_FINDING_KINDS, .action = rnd() % WEIR_ACTIONS, .observed = NAN, .expected = INFINITY};
		weir_auto_buf struct weir_buf body = {0}, notice = {0};
		api_auto_json json_t *answer = NULL, *told = NULL, *kept = NULL;
		auto_view *v = view_new(1);
		struct weir_err err;

		for (size_t i = 0; i < LIVE_TEXTS; i++)
			hostile(names[i]);
		add_series(v, texts, LIVE_COST, 3, 1);
		CHECK(!ask_forecast(&w, v, NULL, &answer, &err), "%s", err.text);
		CHECK(json_is_string(json_object_get(json_array_get(json_object_get(answer, "items"), 0), "workload")), "a name");
		weir_finding_text(f.subject.namespace, sizeof(f.subject.namespace), names[1]);
		weir_finding_text(f.subject.name, sizeof(f.subject.name), names[2]);
		weir_finding_text(f.peer_name, sizeof(f.peer_name), names[0]);
		/* As a sentence may be made: cut wherever it is too long. */
		snprintf(sentence, sizeof(sentence), "%s %s", names[3], names[4]);
		memcpy(f.sentence, sentence, sizeof(f.sentence) - 1);
		CHECK(!live_text_body(&f, "USD", "", &body) && !live_text_notice(&f, 7, NOW_S, "USD", rnd() % 2, &notice));
		CHECK(!api_finding(&(struct store_finding){.id = 1, .body = (const char *)body.data, .since_s = NOW_S}, NOW_S, &kept), "round %d", round);
		told = json_loadb((const char *)notice.data, notice.len, JSON_REJECT_DUPLICATES, NULL);
		CHECK(told, "round %d", round);
		CHECK(json_is_null(json_object_get(kept, "observed")) && json_is_null(json_object_get(kept, "expected")), "no number is null");
	}
}

static int put_finding(struct store *s, const char *key, const char *kind, uint64_t since_s, uint64_t last_s, uint64_t ended_s, int64_t nanos)
{
	weir_auto_free char *body = weir_strf("{\"kind\":\"%s\",\"sentence\":\"%s\"}", kind, key);
	int64_t id;
	bool fresh;

	return store_finding_put(s, &(struct store_finding){.key = key, .kind = kind, .namespace = "shop", .workload = key, .team = "sales",
							    .since_s = since_s, .last_s = last_s, .ended_s = ended_s, .score = 0.75,
							    .nanos_per_hour = nanos, .body = body}, &id, &fresh);
}

static int ask_anomalies(struct world *w, const char *const *with, json_t **ret, struct weir_err *err)
{
	struct api_call c = {.sv = &w->sv, .now_ns = NOW_S * NS, .param = param};
	int r;

	params = with;
	json_decref(*ret);
	*ret = NULL;
	r = api_find("/api/v1/anomalies", false)(&c, ret);
	*err = c.err;
	return r;
}

static size_t items_of(const json_t *o)
{
	return json_array_size(json_object_get(o, "items"));
}

TEST(findings_are_listed_with_what_they_cost)
{
	auto_world w = {.sv = {.store = NULL}};
	api_auto_json json_t *o = NULL;
	const json_t *item;
	struct weir_err err;

	CHECK(!world_new(&w));
	CHECK(!put_finding(w.sv.store, "a", "series-anomaly", NOW_S - 7200, NOW_S - 60, 0, 3600000000) &&
	      !put_finding(w.sv.store, "b", "port-scan", NOW_S - 7200, NOW_S - 3600, NOW_S - 3600, 1000) &&
	      !put_finding(w.sv.store, "c", "series-anomaly", NOW_S - 30 * 86400, NOW_S - 29 * 86400, NOW_S - 29 * 86400, 5));
	CHECK(!ask_anomalies(&w, NULL, &o, &err) && items_of(o) == 2, "a week back: %zu", items_of(o));
	item = json_array_get(json_object_get(o, "items"), 0);
	CHECK(!strcmp(json_string_value(json_object_get(item, "state")), "open") && !strcmp(json_string_value(json_object_get(item, "sentence")), "a"));
	CHECK(json_integer_value(json_object_get(item, "nanos")) == 7200000000 && !strcmp(json_string_value(json_object_get(item, "amount")), "7.20") &&
		      json_integer_value(json_object_get(item, "seconds")) == 7200, "two hours of it until now");
	CHECK(json_real_value(json_object_get(item, "score")) == 0.75 && json_is_null(json_object_get(item, "ended_s")), "%g",
	      json_real_value(json_object_get(item, "score")));
	item = json_array_get(json_object_get(o, "items"), 1);
	CHECK(!strcmp(json_string_value(json_object_get(item, "state")), "ended") && json_integer_value(json_object_get(item, "nanos")) == 1000, "one hour until its end");
	CHECK(json_integer_value(json_object_get(o, "open")) == 1 && json_integer_value(json_object_get(o, "open_nanos_per_hour")) == 3600000000, "what goes on");
	CHECK(!ask_anomalies(&w, (const char *const[]){"open", "1", NULL}, &o, &err) && items_of(o) == 1, "what goes on alone");
	CHECK(!ask_anomalies(&w, (const char *const[]){"since", "3000000", "kind", "series-anomaly", NULL}, &o, &err) && items_of(o) == 2, "%zu", items_of(o));
	CHECK(!ask_anomalies(&w, (const char *const[]){"limit", "1", NULL}, &o, &err) && items_of(o) == 1 && json_is_true(json_object_get(o, "more")));
	CHECK(!ask_anomalies(&w, (const char *const[]){"id", "3", NULL}, &o, &err) && items_of(o) == 1, "one, however old");
	CHECK(!ask_anomalies(&w, (const char *const[]){"namespace", "other", NULL}, &o, &err) && !items_of(o));
	CHECK(ask_anomalies(&w, (const char *const[]){"id", "9", NULL}, &o, &err) == -EINVAL && strstr(err.text, "no finding 9"), "%s", err.text);
	CHECK(ask_anomalies(&w, (const char *const[]){"kind", "noise", NULL}, &o, &err) == -EINVAL && strstr(err.text, "'noise' is none of port-scan, "), "%s",
	      err.text);
}

static int put_series(struct store *s, const char *series, const char *path, int64_t nanos)
{
	weir_auto_free char *body = weir_strf("{\"path\":\"%s\"}", path), *key = weir_strf("%s %s", series, path);
	int64_t id;
	bool fresh;

	return store_finding_put(s, &(struct store_finding){.key = key, .kind = "series-anomaly", .namespace = "shop", .workload = "web", .team = "",
							    .since_s = NOW_S, .last_s = NOW_S, .nanos_per_hour = nanos, .body = body}, &id, &fresh);
}

static int take_sum(const char *kind, uint64_t count, int64_t nanos_per_hour, void *arg)
{
	int64_t *sum = arg;

	(void)kind;
	sum[0] += (int64_t)count;
	sum[1] += nanos_per_hour;
	return 0;
}

TEST(what_is_said_twice_costs_once)
{
	auto_world w = {.sv = {.store = NULL}};
	int64_t sum[2] = {0}, nanos = -1;
	uint64_t count = 9;

	CHECK(!world_new(&w) && !store_findings_sum(w.sv.store, &count, &nanos) && !count && !nanos, "nothing goes on");
	CHECK(!put_series(w.sv.store, "bytes", "nat", 70) && !put_series(w.sv.store, "cost", "nat", 100) && !put_series(w.sv.store, "cost", "internet", 5));
	CHECK(!store_findings_sum(w.sv.store, &count, &nanos) && count == 3 && nanos == 105, "%llu cost %lld", (unsigned long long)count, (long long)nanos);
	CHECK(!store_findings_open(w.sv.store, take_sum, sum) && sum[0] == 3 && sum[1] == 105, "%lld cost %lld", (long long)sum[0], (long long)sum[1]);
}

TEST(findings_merge_end_and_are_forgotten)
{
	auto_world w = {.sv = {.store = NULL}};
	api_auto_json json_t *o = NULL;
	const json_t *item;
	struct weir_err err;

	CHECK(!world_new(&w));
	CHECK(!put_finding(w.sv.store, "a", "flood", NOW_S - 900, NOW_S - 800, 0, 9) && !put_finding(w.sv.store, "a", "flood", NOW_S - 100, NOW_S - 50, 0, 4));
	CHECK(!ask_anomalies(&w, NULL, &o, &err) && items_of(o) == 1, "within half an hour it is the same: %zu", items_of(o));
	item = json_array_get(json_object_get(o, "items"), 0);
	CHECK((uint64_t)json_integer_value(json_object_get(item, "since_s")) == NOW_S - 900 && json_integer_value(json_object_get(item, "nanos_per_hour")) == 9,
	      "since its first sight, at its dearest");
	CHECK(!put_finding(w.sv.store, "a", "flood", NOW_S + 1800, NOW_S + 1801, 0, 1) && !ask_anomalies(&w, NULL, &o, &err) && items_of(o) == 2,
	      "later it is another: %zu", items_of(o));
	CHECK(!store_findings_end(w.sv.store, NOW_S) && !ask_anomalies(&w, (const char *const[]){"open", "1", NULL}, &o, &err) && items_of(o) == 1,
	      "of which nothing was heard is over");
	CHECK(!store_findings_forget(w.sv.store, NOW_S) && !ask_anomalies(&w, NULL, &o, &err) && items_of(o) == 1, "what is old is forgotten");
}

TEST(metrics_say_how_models_do)
{
	static const char *const web[LIVE_TEXTS] = {"d", "shop", "web", "pod", "sales"};
	struct live_stats st = {.series = 7, .left_out = 3, .points = 500, .minute_s = NOW_S - 90, .cpu_ns = 1500000000, .held = 2,
				.missed = {[LIVE_BYTES] = {.miss = 5, .of = 20, .inside = 19, .all = 20}}};
	auto_world w = {.sv = {.store = NULL}};
	auto_view *v = view_new(1);
	weir_auto_buf struct weir_buf b = {0};
	struct weir_metrics m;

	CHECK(!world_new(&w) && !put_finding(w.sv.store, "a", "port-scan", NOW_S, NOW_S, 0, 2500000000));
	add_series(v, web, LIVE_COST, WEIR_PATH_NAT, 1e6f);
	weir_metrics_begin(&m, &b, false);
	CHECK(!metrics_live_write(&m, &st, v, w.sv.store, "USD", NOW_S * NS) && !weir_metrics_end(&m));
	for (size_t i = 0; i < 10; i++) {
		static const char *const lines[] = {
			"weir_series 7\n", "weir_series_left_out_total 3\n", "weir_series_points_total 500\n", "weir_models_cpu_seconds_total 1.5\n",
			"weir_models_behind_seconds 90\n", "weir_findings_open{kind=\"port-scan\"} 1\n",
			"weir_findings_cost_per_hour{currency=\"USD\",kind=\"port-scan\"} 2.5\n", "weir_forecast_error_ratio{measure=\"bytes\"} 0.25\n",
			"weir_forecast_covered_ratio{measure=\"bytes\"} 0.95\n", "weir_forecast_day_cost{currency=\"USD\",team=\"sales\"} 0.3\n",
		};

		CHECK(strstr((const char *)b.data, lines[i]), "no %s in:\n%s", lines[i], b.data);
	}
	CHECK(!strstr((const char *)b.data, "weir_forecast_error_ratio{measure=\"cost\"}"), "what had no value to miss says nothing");
}

TEST_MAIN(T(sums_are_conserved_however_they_are_cut), T(a_forecast_has_its_hours_and_its_day), T(what_cannot_be_asked_is_said_in_a_line),
	  T(hostile_names_are_texts), T(findings_are_listed_with_what_they_cost), T(what_is_said_twice_costs_once), T(findings_merge_end_and_are_forgotten),
	  T(metrics_say_how_models_do))
