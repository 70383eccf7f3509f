/* SPDX-License-Identifier: Apache-2.0 */
/* Series as they are kept, and which of what is kept belongs to a finding. */
#include "tests/lib/signals_fixture.h"
#include "tests/lib/test.h"

#include <math.h>

static struct signals_kept_series *series(struct signals *s, const char *labels)
{
	json_t *o = json_loads(labels, 0, NULL);
	struct signals_kept_series *k;
	enum signals_drop why;

	if (signals_set_find(&s->set, "q", 60, o, &k, &why))
		abort();
	json_decref(o);
	return k;
}

TEST(a_series_keeps_the_newest)
{
	struct signals s;
	struct signals_kept_series *k;
	const struct signals_series *v;

	source(&s);
	k = series(&s, "{\"a\":\"1\"}");
	v = &k->view;
	for (uint64_t i = 0; i < SIGNALS_POINTS_MAX + 10; i++)
		CHECK(!signals_set_put(k, 60 * i, (double)i), "%llu", (unsigned long long)i);
	CHECK(v->n == SIGNALS_POINTS_MAX && v->start_s == 600 && v->values[0] == 10 && v->values[v->n - 1] == SIGNALS_POINTS_MAX + 9, "%zu", v->n);
	CHECK(!signals_set_put(k, 0, 5) && v->values[0] == 10, "what is older is left out");
	CHECK(!signals_set_put(k, 660, 5) && v->values[1] == 5, "what is there is replaced");
	CHECK(!signals_set_put(k, v->start_s + 60 * (SIGNALS_POINTS_MAX + 100), 1) && v->n == SIGNALS_POINTS_MAX && v->values[v->n - 1] == 1 &&
		      isnan(v->values[v->n - 2]) && v->values[0] == 111, "a gap is missing");
	CHECK(!signals_set_put(k, 60000000, 1) && v->n == 1 && v->start_s == 60000000, "behind a long gap it begins anew");
	CHECK(!signals_set_put(k, 60000000 + 60 * (2 * SIGNALS_POINTS_MAX - 1), 2) && v->values[v->n - 1] == 2, "%zu", v->n);
	signals_set_drop(&s.set, "other", 1ull << 40);
	CHECK(signals_series(&s) == 1, "of another query");
	signals_set_drop(&s.set, "q", 1ull << 40);
	CHECK(signals_series(&s) == 0, "nothing came any more");
	CHECK(series(&s, "{\"a\":\"1\"}")->view.n == 0, "it may come again");
	signals_fini(&s);
}

TEST(series_have_a_limit)
{
	struct signals s;
	struct signals_kept_series *k;
	enum signals_drop why;
	weir_auto_free char *large = malloc(SIGNALS_LABELS_MAX + 1);
	json_t *o;

	source(&s);
	memset(large, 'x', SIGNALS_LABELS_MAX);
	large[SIGNALS_LABELS_MAX] = '\0';
	o = json_pack("{s:s}", "a", large);
	CHECK(!signals_set_find(&s.set, "q", 60, o, &k, &why) && !k && why == SIGNALS_TOO_LONG, "%s", signals_drop_name(why));
	json_decref(o);
	for (int i = 0; i <= SIGNALS_SERIES_MAX; i++) {
		o = json_pack("{s:o}", "a", json_sprintf("%d", i));
		CHECK(!signals_set_find(&s.set, "q", 60, o, &k, &why) && !k == (i == SIGNALS_SERIES_MAX), "%d", i);
		json_decref(o);
	}
	CHECK(why == SIGNALS_SERIES_LIMIT && signals_series(&s) == SIGNALS_SERIES_MAX, "%s", signals_drop_name(why));
	signals_fini(&s);
}

struct found {
	struct signals_match m[SIGNALS_JOIN_MAX];
	size_t n;
};

static int on_match(const struct signals_match *m, void *arg)
{
	struct found *f = arg;

	f->m[f->n++] = *m;
	return 0;
}

static void event(struct signals_source *src, int64_t at, enum signals_severity severity, const char *from, const char *to, const char *namespace,
		  const char *workload, const char *text)
{
	struct signals_event e = {.time_s = (uint64_t)((int64_t)NOW_S + at), .severity = severity, .has_src = from, .has_dst = to};

	if (from)
		e.src = addr(from);
	if (to)
		e.dst = addr(to);
	strcpy(e.namespace, namespace);
	strcpy(e.workload, workload);
	strcpy(e.text, text);
	signals_put(src, &e);
}

TEST(what_belongs_to_a_finding_nearest_first)
{
	static const char *const order[] = {"pair", "peer-high", "peer-near", "peer-far", "local", "pod", "workload", "namespace"};
	const struct weir_addr peer = addr("198.18.0.10"), local = addr("10.7.1.11");
	const struct signals_subject subject = {"shop", "cart", &peer, &local};
	struct signals s;
	struct signals_source *src = source(&s);
	struct found f = {.n = 0};
	size_t all = 0;

	event(src, -10, SIGNALS_INFO, NULL, NULL, "shop", "", "namespace");
	event(src, -10, SIGNALS_INFO, NULL, NULL, "shop", "cart", "workload");
	event(src, -3, SIGNALS_INFO, NULL, NULL, "shop", "cart-7d9f8b6c5d-x2x7q", "pod");
	event(src, -10, SIGNALS_INFO, NULL, NULL, "shop", "cartographer", "another workload");
	event(src, -10, SIGNALS_INFO, NULL, NULL, "other", "cart", "another namespace");
	event(src, -10, SIGNALS_INFO, "10.7.1.11", "10.0.0.1", "", "", "local");
	event(src, -50, SIGNALS_LOW, "10.0.0.1", "198.18.0.10", "", "", "peer-far");
	event(src, 30, SIGNALS_LOW, "198.18.0.10", NULL, "", "", "peer-near");
	event(src, -60, SIGNALS_HIGH, "198.18.0.10", NULL, "", "", "peer-high");
	event(src, 72, SIGNALS_INFO, "10.7.1.11", "198.18.0.10", "", "", "pair");
	event(src, -61, SIGNALS_HIGH, "198.18.0.10", NULL, "", "", "too early");
	event(src, 161, SIGNALS_HIGH, "198.18.0.10", NULL, "", "", "too late");
	CHECK(!signals_join(&s, &subject, NOW_S, NOW_S + 100, 32, on_match, &f, &all) && f.n == 8 && all == 8, "%zu of %zu", f.n, all);
	for (size_t i = 0; i < WEIR_MIN(f.n, WEIR_ARRAY_SIZE(order)); i++)
		CHECK(!strcmp(f.m[i].event->text, order[i]), "%zu: %s, not %s", i, f.m[i].event->text, order[i]);
	CHECK(!strcmp(f.m[0].text, "same peer and local address, 72 s after it began"), "%s", f.m[0].text);
	CHECK(!strcmp(f.m[1].text, "same peer, 60 s before"), "%s", f.m[1].text);
	CHECK(!strcmp(f.m[6].text, "same workload, 10 s before") && !strcmp(f.m[7].text, "same namespace, 10 s before"), "%s", f.m[6].text);
	f.n = 0;
	CHECK(!signals_join(&s, &subject, NOW_S - 100, NOW_S - 10, 2, on_match, &f, &all) && f.n == 2 && all == 8, "the first two of %zu", all);
	CHECK(!strcmp(f.m[0].event->text, "peer-high") && !strcmp(f.m[1].event->text, "too early") && strstr(f.m[1].text, "39 s after it began"), "%s", f.m[1].text);
	signals_fini(&s);
}

TEST(nothing_known_belongs_to_nothing)
{
	const struct signals_subject nobody = {NULL, "", NULL, NULL}, unit = {"", "payments.slice/checkout", NULL, NULL};
	struct signals s;
	struct signals_source *src = source(&s);
	struct found f = {.n = 0};
	size_t all;

	event(src, 0, SIGNALS_HIGH, "::", "::", "", "", "no names");
	event(src, 0, SIGNALS_HIGH, NULL, NULL, "x", "checkout", "a unit");
	CHECK(!signals_join(&s, &nobody, NOW_S, NOW_S, 32, on_match, &f, &all) && !f.n && !all, "%zu", all);
	CHECK(!signals_join(&s, &unit, NOW_S, NOW_S, 32, on_match, &f, &all) && f.n == 1, "%zu", all);
	signals_fini(&s);
}

TEST(series_come_with_what_they_were)
{
	const struct weir_addr local = addr("10.7.1.11");
	const struct signals_subject subject = {"shop", "cart", NULL, &local};
	struct signals s;
	struct signals_source *src = source(&s);
	struct signals_kept_series *k = series(&s, "{\"namespace\":\"shop\",\"pod\":\"cart-0\"}");
	struct signals_kept_series *node = series(&s, "{\"instance\":\"10.7.1.11:9100\"}");
	struct signals_kept_series *gone = series(&s, "{\"namespace\":\"shop\",\"pod\":\"cart-1\"}");
	struct found f = {.n = 0};
	size_t all;

	for (uint64_t t = NOW_S - 7200; t <= NOW_S + 300; t += 60) {
		signals_set_put(k, t, t < NOW_S - 60 ? 11 : 42);
		signals_set_put(gone, t, t < NOW_S - 600 ? 1 : NAN);
	}
	signals_set_put(node, NOW_S, 7);
	event(src, 0, SIGNALS_INFO, NULL, NULL, "shop", "cart", "event");
	CHECK(!signals_join(&s, &subject, NOW_S, NOW_S + 120, 32, on_match, &f, &all) && f.n == 3, "%zu", f.n);
	CHECK(f.m[0].series == &node->view && f.m[0].relation == SIGNALS_SAME_LOCAL && !strcmp(f.m[0].text, "same local address: 7 while it lasted"), "%s",
	      f.m[0].text);
	CHECK(f.m[1].event && f.m[2].series == &k->view && f.m[2].before == 11, "of one relation events come first");
	CHECK(!strncmp(f.m[2].text, "same workload: ", 15) && strstr(f.m[2].text, " while it lasted, 11 in the hour before"), "%s", f.m[2].text);
	CHECK(f.m[2].mean > 30 && f.m[2].mean <= 42, "%g", f.m[2].mean);
	signals_fini(&s);
}

TEST_MAIN(T(a_series_keeps_the_newest), T(series_have_a_limit), T(what_belongs_to_a_finding_nearest_first), T(nothing_known_belongs_to_nothing),
	  T(series_come_with_what_they_were))
