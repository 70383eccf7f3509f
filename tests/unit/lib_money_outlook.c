/* SPDX-License-Identifier: Apache-2.0 */
/* What is foretold of budgets: thresholds on it, what they say, and when nothing is known. */
#include "lib/money/budget.h"
#include "tests/lib/test.h"

#define HEAD "apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: b}\nspec:\n  scope: {team: shop, labels: {app: a}}\n  currency: USD\n"
#define DAY 86400ull
#define NOVEMBER 1793491200ull /* 2026-11-01 */
#define UNIT 1000000000ll

static void set_freep(struct weir_budget_set **s)
{
	weir_budget_set_free(*s);
}
#define auto_set weir_cleanup(set_freep) struct weir_budget_set

static int add(struct weir_budget_set *s, const char *spec, struct weir_err *err)
{
	weir_auto_free char *text = weir_strf("%s%s", HEAD, spec);
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	int r;

	*err = (struct weir_err){{0}};
	r = weir_ydoc_parse(text, strlen(text), "b.yaml", &doc, err);
	return r ? r : weir_budget_set_add(s, weir_ydoc_root(doc, 0), err);
}

static struct weir_budget_set *set_of(const char *spec)
{
	struct weir_budget_set *s = NULL;
	struct weir_err err;

	if (weir_budget_set_new(&s) || add(s, spec, &err)) {
		printf("# %s\n", err.text);
		abort();
	}
	return s;
}

TEST(thresholds_are_on_what_is_spent_or_foretold)
{
	static const struct {
		const char *thresholds, *says;
	} cases[] = {
		{"[{at: 100%, on: forecast}]", "100% must be one of the thresholds on what is spent"},
		{"[100%, {at: 100%, on: hope}]", "b.yaml:8:"},
		{"[100%, {at: 100%, on: forecast}, {at: 90%, on: forecast}]", "thresholds rise"},
		{"[100%, {at: 100%, on: forecast}, {at: 100%, on: forecast}]", "thresholds rise"},
		{"[100%, {name: a, at: 80%, on: forecast}, {name: a, at: 120%}]", "a name of its own"},
		{"[100%, {on: forecast}]", "at"},
	};
	auto_set *s = set_of("  amount: \"100\"\n  thresholds: [50%, {at: 90%, on: forecast}, {at: 80%, on: spent}, 100%, {name: far, at: 110%, on: forecast}]\n");
	const struct weir_budget *b = weir_budget_at(s, 0);
	char said[WEIR_BUDGET_SAID], other[WEIR_BUDGET_SAID];

	CHECK(b->threshold_count == 5 && !b->thresholds[0].forecast && b->thresholds[1].forecast && !b->thresholds[2].forecast && b->thresholds[4].forecast);
	CHECK(!strcmp(b->thresholds[1].name, "forecast 90%") && !strcmp(b->thresholds[4].name, "far"), "%s", b->thresholds[1].name);
	CHECK(strcmp(weir_budget_said(b, 1, said), weir_budget_said(b, 2, other)) && strstr(said, "forecast 90%"), "%s", said);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *spec = weir_strf("  amount: \"100\"\n  thresholds: %s\n", cases[i].thresholds);
		auto_set *bad = NULL;
		struct weir_err err;

		CHECK(!weir_budget_set_new(&bad) && add(bad, spec, &err) == -EINVAL && strstr(err.text, cases[i].says), "case %zu: %s", i, err.text);
	}
}

static struct weir_budget_forecast forecast_of(int64_t mean, int64_t lower, int64_t upper)
{
	return (struct weir_budget_forecast){.at_s = NOVEMBER + 10 * DAY, .from_s = NOVEMBER, .amount_nanos = 100 * UNIT, .nanos = mean * UNIT,
					     .lower_nanos = lower * UNIT, .upper_nanos = upper * UNIT, .lower95_nanos = (lower - 1) * UNIT,
					     .upper95_nanos = (upper + 1) * UNIT, .days = 50};
}

TEST(a_forecast_reaches_a_threshold_when_nine_of_ten_do)
{
	auto_set *s = set_of("  amount: \"100\"\n  thresholds: [50%, {at: 90%, on: forecast}, 100%, {at: 110%, on: forecast}]\n");
	const struct weir_budget *b = weir_budget_at(s, 0);
	struct weir_budget_forecast f = forecast_of(105, 90, 120);
	struct weir_budget_view v;
	char said[WEIR_BUDGET_SAID];

	weir_budget_evaluate(b, 30 * UNIT, NOVEMBER + 10 * DAY, &v);
	CHECK(!v.crossed && !v.forecast.at_s && weir_budget_news(b, &v, 1, NULL) == WEIR_BUDGET_QUIET);
	weir_budget_foresee(b, &f, &v);
	CHECK(v.crossed == 2 && weir_budget_news(b, &v, 1, NULL) == WEIR_BUDGET_CROSSED && weir_budget_news(b, &v, 3, NULL) == WEIR_BUDGET_QUIET, "%u",
	      v.crossed);
	weir_budget_said(b, 1, said);
	CHECK(weir_budget_news(b, &v, 1, said) == WEIR_BUDGET_QUIET, "once");
	f.lower_nanos--;
	weir_budget_evaluate(b, 30 * UNIT, NOVEMBER + 10 * DAY, &v);
	weir_budget_foresee(b, &f, &v);
	CHECK(!v.crossed && weir_budget_news(b, &v, 1, said) == WEIR_BUDGET_QUIET, "and not taken back by another forecast");
	/* More than what was foretold is spent meanwhile: 111. */
	weir_budget_evaluate(b, 111 * UNIT, NOVEMBER + 11 * DAY, &v);
	weir_budget_foresee(b, &f, &v);
	CHECK(v.crossed == 15 && v.forecast.nanos == 111 * UNIT && v.forecast.lower95_nanos == 111 * UNIT && v.forecast.upper_nanos == 120 * UNIT, "%u", v.crossed);
}

/* The amount was 100 and is 120, the period over, or nothing known: no alert is begun or withdrawn by that. */
TEST(what_was_foretold_for_something_else_is_not_said)
{
	auto_set *s = set_of("  amount: \"120\"\n  thresholds: [{at: 90%, on: forecast}, 100%]\n");
	const struct weir_budget *b = weir_budget_at(s, 0);
	struct weir_budget_forecast f = forecast_of(150, 140, 160);
	char said[WEIR_BUDGET_SAID] = "forecast 90% of something else", text[WEIR_BUDGET_OUTLOOK] = "x";
	struct weir_budget_view v;

	for (int i = 0; i < 3; i++) {
		uint64_t now = NOVEMBER + (i == 1 ? 31 : 10) * DAY;

		f.at_s = i == 2 ? 0 : f.at_s;
		f.amount_nanos = i ? 120 * UNIT : 100 * UNIT;
		weir_budget_evaluate(b, 0, now, &v);
		weir_budget_foresee(b, &f, &v);
		CHECK(!v.forecast.at_s && !v.crossed, "case %d", i);
		CHECK(weir_budget_news(b, &v, 0, NULL) == WEIR_BUDGET_QUIET && weir_budget_news(b, &v, 0, said) == WEIR_BUDGET_QUIET, "case %d", i);
		CHECK(!*weir_budget_outlook(b, &v, text), "case %d: %s", i, text);
	}
	f.at_s = NOVEMBER + 10 * DAY;
	weir_budget_evaluate(b, 0, NOVEMBER + 10 * DAY, &v);
	weir_budget_foresee(b, &f, &v);
	CHECK(weir_budget_news(b, &v, 0, said) == WEIR_BUDGET_RESTATED, "of another amount, reached");
	f.lower_nanos = 0;
	weir_budget_evaluate(b, 0, NOVEMBER + 10 * DAY, &v);
	weir_budget_foresee(b, &f, &v);
	CHECK(weir_budget_news(b, &v, 0, said) == WEIR_BUDGET_WITHDRAWN, "of another amount, not reached");
}

TEST(an_outlook_is_a_sentence)
{
	static const struct {
		uint64_t passes, early, late; /* days of November, 0: not */
		int64_t spent;
		const char *month, *year;
	} cases[] = {
		{23, 19, 28, 30, "will exceed on the 23rd (80 %: 19th-28th)", "will exceed on 23 Nov (80 %: 19 Nov-28 Nov)"},
		{12, 12, 12, 99, "will exceed on the 12th (80 %)", "will exceed on 12 Nov (80 %)"},
		{22, 21, 0, 30, "will probably exceed, on the 22nd (80 %: 21st or later, or not)", "will probably exceed, on 22 Nov (80 %: 21 Nov or later, or not)"},
		{0, 11, 0, 30, "will probably not exceed (80 %: on the 11th or later, or not)", "will probably not exceed (80 %: on 11 Nov or later, or not)"},
		{0, 0, 0, 30, "will not exceed (80 %: at most 91 % of it)", "will not exceed (80 %: at most 91 % of it)"},
		{11, 11, 11, 101, "has exceeded", "has exceeded"},
	};
	auto_set *months = set_of("  amount: \"100\"\n"), *years = set_of("  amount: \"100\"\n  period: year\n");
	char text[WEIR_BUDGET_OUTLOOK];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++)
		for (int year = 0; year < 2; year++) {
			const struct weir_budget *b = weir_budget_at(year ? years : months, 0);
			struct weir_budget_forecast f = forecast_of(80, 70, 90);
			const uint64_t days[] = {cases[i].passes, cases[i].early, cases[i].late};
			uint64_t *const times[] = {&f.passes_s, &f.early_s, &f.late_s};
			struct weir_budget_view v;

			for (size_t k = 0; k < 3; k++)
				*times[k] = days[k] ? NOVEMBER + (days[k] - 1) * DAY + 23 * 3600 : 0;
			weir_budget_evaluate(b, cases[i].spent * UNIT, NOVEMBER + 10 * DAY, &v);
			f.from_s = v.from_s;
			f.upper_nanos++;
			weir_budget_foresee(b, &f, &v);
			CHECK(!strcmp(weir_budget_outlook(b, &v, text), year ? cases[i].year : cases[i].month), "case %zu: %s", i, text);
		}
}

TEST(a_copy_stands_alone)
{
	auto_set *s = set_of("  amount: \"100\"\n");
	const struct weir_budget *b = weir_budget_at(s, 0);
	struct weir_budget *copy = NULL;
	char scope[128];

	CHECK(!weir_budget_copy(b, &copy) && copy->scope[WEIR_BUDGET_TEAM] != b->scope[WEIR_BUDGET_TEAM]);
	CHECK(weir_budget_measure(copy) == weir_budget_measure(b));
	weir_budget_set_free(s);
	s = NULL;
	CHECK(!strcmp(weir_budget_scope(copy, scope, sizeof(scope)), "team=shop label:app=a"), "%s", scope);
	weir_budget_free(copy);
}

TEST_MAIN(T(thresholds_are_on_what_is_spent_or_foretold), T(a_forecast_reaches_a_threshold_when_nine_of_ten_do),
	  T(what_was_foretold_for_something_else_is_not_said), T(an_outlook_is_a_sentence), T(a_copy_stands_alone))
