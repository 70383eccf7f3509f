/* SPDX-License-Identifier: Apache-2.0 */
/* Budgets: documents, periods, what is crossed and what is new of it, what is proposed. */
#include "lib/money/budget.h"
#include "lib/money/topology.h"
#include "lib/policy/policy.h"
#include "tests/lib/test.h"

#define HEAD "apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: b}\nspec:\n"
#define MONEY "  scope: {team: shop, path: internet}\n  amount: \"1200.00\"\n  currency: USD\n"
#define DAY 86400ull
#define NOVEMBER 1793491200ull /* 2026-11-01 */

static void set_freep(struct weir_budget_set **s)
{
	weir_budget_set_free(*s);
}
#define auto_set weir_cleanup(set_freep) struct weir_budget_set

static int add(struct weir_budget_set *s, const char *text, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	int r;

	*err = (struct weir_err){{0}};
	r = weir_ydoc_parse(text, strlen(text), "b.yaml", &doc, err);
	return r ? r : weir_budget_set_add(s, weir_ydoc_root(doc, 0), err);
}

static struct weir_budget_set *set_of(const char *text)
{
	struct weir_budget_set *s = NULL;
	struct weir_err err;

	if (weir_budget_set_new(&s) || add(s, text, &err)) {
		printf("# %s\n", err.text);
		abort();
	}
	return s;
}

TEST(a_document_says_all_or_takes_defaults)
{
	auto_set *s = set_of(HEAD MONEY);
	auto_set *full = set_of(HEAD "  scope: {namespace: n, workload: w, meter: nat-processing, labels: {app: a, tier: \"1\"}}\n  amount: \"0.5\"\n"
				     "  currency: EUR\n  period: year\n  thresholds: [12.5%, {name: near, at: 90%}, 100%, 1000%]\n"
				     "  notify: [finops, chat-2]\n  at_limit: propose\n  proposal: deny\n");
	const struct weir_budget *b = weir_budget_at(s, 0), *f = weir_budget_at(full, 0);
	char text[128];

	CHECK(b->nanos == 1200000000000 && !strcmp(b->currency, "USD") && b->period == WEIR_BUDGET_MONTH && !b->hook_count);
	CHECK(b->threshold_count == 3 && b->thresholds[1].ppm == 800000 && !strcmp(b->thresholds[1].name, "80%"), "%s", b->thresholds[1].name);
	CHECK(b->at_limit == WEIR_BUDGET_NOTIFY && !strcmp(weir_budget_scope(b, text, sizeof(text)), "team=shop path=internet"), "%s", text);
	CHECK(f->nanos == 500000000 && f->threshold_count == 4 && f->thresholds[0].ppm == 125000 && f->thresholds[3].ppm == 10000000);
	CHECK(!strcmp(f->thresholds[0].name, "12.5%") && !strcmp(f->thresholds[1].name, "near") && f->hook_count == 2);
	CHECK(f->label_count == 2 && !strcmp(f->labels[1].value, "1") && f->at_limit == WEIR_BUDGET_PROPOSE && f->deny);
}

TEST(what_is_wrong_is_said_with_its_place)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{HEAD "  scope: {}\n  amount: \"1\"\n", "missing"},
		{HEAD "  amount: \"1\"\n  currency: USD\n", "scope"},
		{HEAD "  scope: {team: a, colour: red}\n  amount: \"1\"\n  currency: USD\n", "b.yaml:5:20 spec.scope: unknown field 'colour'"},
		{HEAD "  scope: {path: interned}\n  amount: \"1\"\n  currency: USD\n", "unknown path 'interned'"},
		{HEAD "  scope: {}\n  amount: \"0\"\n  currency: USD\n", "b.yaml:6:11 spec.amount: must be above 0"},
		{HEAD "  scope: {}\n  amount: \"1.0000000001\"\n  currency: USD\n", "b.yaml:6:11"},
		{HEAD "  scope: {}\n  amount: \"1\"\n  currency: dollars\n", "is no currency"},
		{HEAD MONEY "  period: week\n", "spec.period"},
		{HEAD MONEY "  thresholds: [50%]\n", "100% must be one of the thresholds"},
		{HEAD MONEY "  thresholds: [100%, 50%]\n", "thresholds rise"},
		{HEAD MONEY "  thresholds: [{name: a, at: 50%}, {name: a, at: 100%}]\n", "a name of its own"},
		{HEAD MONEY "  thresholds: [100]\n", "'100' is no share"},
		{HEAD MONEY "  thresholds: [0%, 100%]\n", "'0%' is no share"},
		{HEAD MONEY "  thresholds: [50.%, 100%]\n", "'50.%' is no share"},
		{HEAD MONEY "  thresholds: [1%,2%,3%,4%,5%,6%,7%,8%,100%]\n", "more than 8"},
		{HEAD MONEY "  notify: [Finops]\n", "'Finops' is no name"},
		{HEAD MONEY "  notify: [a, a]\n", "'a' is there already"},
		{HEAD MONEY "  notify: [a, b, c, d, e]\n", "more than 4"},
		{HEAD MONEY "  at_limit: block\n", "at_limit"},
		{HEAD MONEY "  at_limit: {policy: slow}\n", "bundles have no condition; write propose"},
		{HEAD MONEY "  proposal: deny\n", "needs at_limit: propose"},
		{HEAD "  scope: {node: n1}\n  amount: \"1\"\n  currency: USD\n  at_limit: propose\n", "no policy is of one node alone"},
		{HEAD "  scope: {workload: w}\n  amount: \"1\"\n  currency: USD\n  at_limit: propose\n", "select by namespace and labels"},
		{HEAD "  scope: {}\n  amount: \"1\"\n  currency: USD\n  at_limit: propose\n  proposal: deny\n", "is no proposal"},
		{HEAD "  scope: {team: \"a\\nb\"}\n  amount: \"1\"\n  currency: USD\n", "control character"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		auto_set *s = NULL;
		struct weir_err err = {{0}};

		CHECK(!weir_budget_set_new(&s) && add(s, cases[i].text, &err) == -EINVAL, "case %zu is taken", i);
		CHECK(strstr(err.text, cases[i].says) && !strncmp(err.text, "b.yaml:", 7), "case %zu: %s", i, err.text);
		CHECK(!weir_budget_count(s), "case %zu", i);
	}
}

TEST(names_are_unique_and_one_currency_is_spoken)
{
	auto_set *s = set_of(HEAD MONEY);
	struct weir_err err;

	CHECK(add(s, HEAD MONEY, &err) == -EINVAL && strstr(err.text, "there is a budget 'b' already"), "%s", err.text);
	CHECK(!add(s, "apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: a}\nspec:\n" MONEY, &err), "%s", err.text);
	CHECK(!strcmp(weir_budget_at(s, 0)->name, "a") && weir_budget_find(s, "b") == weir_budget_at(s, 1) && !weir_budget_find(s, "c"));
	err = (struct weir_err){{0}};
	CHECK(!weir_budget_set_seal(s, "USD", &err) && !weir_budget_set_seal(s, "", &err), "%s", err.text);
	CHECK(weir_budget_set_seal(s, "EUR", &err) == -EINVAL &&
		      !strcmp(err.text, "b.yaml:7:13 spec.currency: 'USD': the price books are in EUR"), "%s", err.text);
}

/* By the calendar: cal(1). */
TEST(periods_are_of_the_calendar)
{
	static const struct {
		enum weir_budget_period p;
		uint64_t now, from, to;
	} cases[] = {
		{WEIR_BUDGET_MONTH, NOVEMBER, NOVEMBER, NOVEMBER + 30 * DAY},
		{WEIR_BUDGET_MONTH, NOVEMBER - 1, NOVEMBER - 31 * DAY, NOVEMBER},
		{WEIR_BUDGET_MONTH, 1709208000, 1706745600, 1706745600 + 29 * DAY}, /* 2024-02-29 */
		{WEIR_BUDGET_QUARTER, NOVEMBER, NOVEMBER - 31 * DAY, NOVEMBER + 61 * DAY},
		{WEIR_BUDGET_YEAR, NOVEMBER, NOVEMBER - 304 * DAY, NOVEMBER + 61 * DAY},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		uint64_t from, to;

		weir_budget_bounds(cases[i].p, cases[i].now, &from, &to);
		CHECK(from == cases[i].from && to == cases[i].to, "case %zu: %llu to %llu", i, (unsigned long long)from, (unsigned long long)to);
	}
}

TEST(spent_is_set_beside_the_amount)
{
	auto_set *s = set_of(HEAD MONEY);
	const struct weir_budget *b = weir_budget_at(s, 0);
	struct weir_budget_view v;

	weir_budget_evaluate(b, 600000000000, NOVEMBER + 10 * DAY, &v);
	CHECK(v.ppm == 500000 && v.crossed == 1, "50 %% is reached: %llu", (unsigned long long)v.ppm);
	CHECK(v.day_nanos == 60000000000 && v.projected && v.end_nanos == 1800000000000, "%lld", (long long)v.end_nanos);
	weir_budget_evaluate(b, 599999999999, NOVEMBER + 10 * DAY, &v);
	CHECK(v.crossed == 0, "a nano-unit less is not");
	weir_budget_evaluate(b, 1200000000000, NOVEMBER + DAY - 1, &v);
	CHECK(v.crossed == 7 && !v.projected && !v.end_nanos, "of the first day nothing is projected");
	weir_budget_evaluate(b, INT64_MAX, NOVEMBER, &v);
	CHECK(v.crossed == 7 && v.day_nanos == INT64_MAX, "nothing overflows");
	weir_budget_evaluate(b, -5, NOVEMBER, &v);
	CHECK(!v.crossed && !v.ppm, "a credit");
}

TEST(a_threshold_is_news_once)
{
	auto_set *s = set_of(HEAD MONEY), *more = NULL;
	const struct weir_budget *b = weir_budget_at(s, 0), *m;
	struct weir_budget_view v, w;
	char said[WEIR_BUDGET_SAID];
	struct weir_err err;

	weir_budget_evaluate(b, 1000000000000, NOVEMBER, &v);
	CHECK(weir_budget_news(b, &v, 1, NULL) == WEIR_BUDGET_CROSSED && weir_budget_news(b, &v, 2, NULL) == WEIR_BUDGET_QUIET);
	weir_budget_said(b, 1, said);
	CHECK(weir_budget_news(b, &v, 1, said) == WEIR_BUDGET_QUIET, "said already");
	weir_budget_evaluate(b, 0, NOVEMBER, &v);
	CHECK(weir_budget_news(b, &v, 1, said) == WEIR_BUDGET_QUIET, "and not taken back by itself");
	/* 1,250 and 1,300: 80 % of these are 1,000 and 1,040. */
	CHECK(!weir_budget_set_new(&more) && !add(more, HEAD "  scope: {team: shop, path: internet}\n  amount: \"1250\"\n  currency: USD\n", &err));
	m = weir_budget_at(more, 0);
	weir_budget_evaluate(m, 1000000000000, NOVEMBER, &w);
	CHECK(weir_budget_news(m, &w, 1, said) == WEIR_BUDGET_RESTATED, "another amount, crossed too");
	weir_budget_evaluate(m, 999999999999, NOVEMBER, &w);
	CHECK(weir_budget_news(m, &w, 1, said) == WEIR_BUDGET_WITHDRAWN, "another amount, not crossed");
}

static bool has(const struct weir_budget_workload *w, const char *key, const char *value)
{
	char want[64];

	snprintf(want, sizeof(want), "%s=%s;", key, value);
	return strstr(w->labels, want);
}

TEST(scopes_hold_together)
{
	auto_set *s = set_of(HEAD "  scope: {namespace: n, meter: nat, labels: {app: a}}\n  amount: \"1\"\n  currency: USD\n");
	auto_set *all = set_of(HEAD "  scope: {}\n  amount: \"1\"\n  currency: USD\n");
	const struct weir_budget *b = weir_budget_at(s, 0);
	struct weir_budget_workload w = {.team = "t", .namespace = "n", .workload = "w", .node = "n1", .label = has, .labels = "app=a;"};

	CHECK(weir_budget_covers_workload(b, &w) && weir_budget_covers_workload(weir_budget_at(all, 0), &w));
	CHECK(weir_budget_covers_way(b, "internet", "nat") && !weir_budget_covers_way(b, "internet", "internet-out"));
	w.labels = "app=ab;";
	CHECK(!weir_budget_covers_workload(b, &w), "another label");
	w.labels = "app=a;";
	w.namespace = "m";
	CHECK(!weir_budget_covers_workload(b, &w), "another namespace");
	w.namespace = "n";
	w.label = NULL;
	CHECK(!weir_budget_covers_workload(b, &w), "no labels");
}

/* What is proposed is a policy that compiles' first step takes. */
static int takes(const char *text, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_policy_set *s = NULL;
	int r = weir_policy_set_new(&s);

	*err = (struct weir_err){{0}};
	if (!r)
		r = weir_ydoc_parse(text, strlen(text), "proposal", &doc, err);
	if (!r)
		r = weir_policy_set_add(s, weir_ydoc_root(doc, 0), err);
	if (!r)
		r = weir_policy_set_seal(s, err);
	weir_policy_set_free(s);
	return r;
}

static char *propose(const char *text, const struct weir_budget_way *way)
{
	auto_set *s = set_of(text);
	const struct weir_budget *b = weir_budget_at(s, 0);
	struct weir_budget_view v;
	struct weir_buf out = {0};

	weir_budget_evaluate(b, 1300000000000, NOVEMBER + 20 * DAY, &v);
	return weir_budget_propose(b, &v, way, NOVEMBER + 20 * DAY, &out) ? NULL : (char *)out.data;
}

TEST(a_proposal_is_a_policy)
{
	const struct weir_budget_way way = {"internet", 1ull << 44, 1300000000000, 4};
	weir_auto_free char *limit = propose(HEAD MONEY "  at_limit: propose\n", &way);
	weir_auto_free char *deny = propose(HEAD "  scope: {namespace: \"a \\\"b\\\\\", labels: {x/y: \"1\"}}\n  amount: \"1200\"\n"
						 "  currency: USD\n  at_limit: propose\n  proposal: deny\n", &way);
	struct weir_err err;

	/* 16 TiB for 1,300: 1,200 a month of 30 days are 16 TiB x 12/13 x 8 / 2,592,000 s = 50.12 Mbit/s, over 4 nodes. */
	CHECK(strstr(limit, "limit: {rate: 12530kbit, mode: pace, per: node}") && strstr(limit, "subject: {labels: {\"team\": \"shop\"}}"), "%s", limit);
	CHECK(strstr(limit, "tier: baseline") && strstr(limit, "to: [{path: internet}]") && strstr(limit, "name: budget-b"), "%s", limit);
	CHECK(!takes(limit, &err), "%s:\n%s", err.text, limit);
	CHECK(strstr(deny, "action: deny") && !strstr(deny, "limit:") && strstr(deny, "namespace: \"a \\\"b\\\\\""), "%s", deny);
	CHECK(!takes(deny, &err), "%s:\n%s", err.text, deny);
}

TEST(a_proposal_is_a_policy_on_every_path)
{
	for (int p = 0; p < WEIR_PATHS; p++) {
		const struct weir_budget_way way = {weir_path_name((enum weir_path)p), 1000, 1, 0};
		weir_auto_free char *text = propose(HEAD "  scope: {}\n  amount: \"0.01\"\n  currency: USD\n  at_limit: propose\n", &way);
		struct weir_err err;

		CHECK(text && !takes(text, &err), "%s:\n%s", err.text, text);
	}
}

TEST(a_rate_has_bounds)
{
	const struct weir_budget_way dear = {"nat", 1, INT64_MAX, 1}, cheap = {"nat", 1ull << 60, 1, 1}, none = {"", 0, 0, 0};
	weir_auto_free char *low = propose(HEAD MONEY "  at_limit: propose\n", &dear), *high = propose(HEAD MONEY "  at_limit: propose\n", &cheap);
	weir_auto_free char *unknown = propose(HEAD MONEY "  at_limit: propose\n", &none);
	struct weir_err err;

	CHECK(strstr(low, "rate: 64kbit") && !takes(low, &err), "%s", low);
	CHECK(strstr(high, "rate: 1000000000kbit") && !takes(high, &err), "%s", high);
	CHECK(!unknown, "without a price for a byte there is no rate:\n%s", unknown);
}

TEST_MAIN(T(a_document_says_all_or_takes_defaults), T(what_is_wrong_is_said_with_its_place), T(names_are_unique_and_one_currency_is_spoken),
	  T(periods_are_of_the_calendar), T(spent_is_set_beside_the_amount), T(a_threshold_is_news_once), T(scopes_hold_together),
	  T(a_proposal_is_a_policy), T(a_proposal_is_a_policy_on_every_path), T(a_rate_has_bounds))
