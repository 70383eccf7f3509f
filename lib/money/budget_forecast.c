/* SPDX-License-Identifier: Apache-2.0 */
/* What is foretold of a budget, beside what is spent of it. Whoever foretells is not known here. */
#include "lib/money/budget.h"

#include <time.h>

typedef __int128 i128;

void weir_budget_foresee(const struct weir_budget *b, const struct weir_budget_forecast *f, struct weir_budget_view *v)
{
	v->forecast = (struct weir_budget_forecast){0};
	if (!f->at_s || f->from_s != v->from_s || f->amount_nanos != b->nanos)
		return;
	v->forecast = *f;
	/* More was spent since. */
	v->forecast.nanos = WEIR_MAX(f->nanos, v->nanos);
	v->forecast.lower_nanos = WEIR_MAX(f->lower_nanos, v->nanos);
	v->forecast.upper_nanos = WEIR_MAX(f->upper_nanos, v->nanos);
	v->forecast.lower95_nanos = WEIR_MAX(f->lower95_nanos, v->nanos);
	v->forecast.upper95_nanos = WEIR_MAX(f->upper95_nanos, v->nanos);
	for (size_t i = 0; i < b->threshold_count; i++)
		if (b->thresholds[i].forecast && (i128)v->forecast.lower_nanos * WEIR_BUDGET_WHOLE >= (i128)b->nanos * b->thresholds[i].ppm)
			v->crossed |= 1u << i;
}

/* "23rd" of a month, "23 Nov" of a longer period. */
static char *day_text(const struct weir_budget *b, uint64_t time_s, char buf[32])
{
	time_t t = (time_t)time_s;
	struct tm tm = {0};
	int day;

	gmtime_r(&t, &tm);
	day = tm.tm_mday;
	if (b->period == WEIR_BUDGET_MONTH)
		snprintf(buf, 32, "%d%s", day, day / 10 == 1 ? "th" : day % 10 == 1 ? "st" : day % 10 == 2 ? "nd" : day % 10 == 3 ? "rd" : "th");
	else
		strftime(buf, 32, "%-d %b", &tm);
	return buf;
}

char *weir_budget_outlook(const struct weir_budget *b, const struct weir_budget_view *v, char buf[WEIR_BUDGET_OUTLOOK])
{
	const struct weir_budget_forecast *f = &v->forecast;
	const char *the = b->period == WEIR_BUDGET_MONTH ? "the " : "";
	char at[32], early[32], late[32];

	*buf = '\0';
	if (!f->at_s)
		return buf;
	day_text(b, f->passes_s, at);
	day_text(b, f->early_s, early);
	day_text(b, f->late_s, late);
	if (v->nanos > b->nanos)
		snprintf(buf, WEIR_BUDGET_OUTLOOK, "has exceeded");
	else if (f->passes_s && f->late_s && !strcmp(early, late))
		snprintf(buf, WEIR_BUDGET_OUTLOOK, "will exceed on %s%s (80 %%)", the, at);
	else if (f->passes_s && f->late_s)
		snprintf(buf, WEIR_BUDGET_OUTLOOK, "will exceed on %s%s (80 %%: %s-%s)", the, at, early, late);
	else if (f->passes_s)
		snprintf(buf, WEIR_BUDGET_OUTLOOK, "will probably exceed, on %s%s (80 %%: %s or later, or not)", the, at, early);
	else if (f->early_s)
		snprintf(buf, WEIR_BUDGET_OUTLOOK, "will probably not exceed (80 %%: on %s%s or later, or not)", the, early);
	else
		snprintf(buf, WEIR_BUDGET_OUTLOOK, "will not exceed (80 %%: at most %lld %% of it)",
			 (long long)(((i128)f->upper_nanos * 100 + b->nanos - 1) / b->nanos));
	return buf;
}
