/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a budget is spent, and what there is to say of it. */
#include "lib/money/budget.h"

#define DAY_S 86400u

typedef __int128 i128;

static int64_t clamp(i128 v)
{
	return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

void weir_budget_evaluate(const struct weir_budget *b, int64_t spent_nanos, uint64_t now_s, struct weir_budget_view *ret)
{
	struct weir_budget_view v = {.nanos = spent_nanos};
	uint64_t elapsed;

	weir_budget_bounds(b->period, now_s, &v.from_s, &v.to_s);
	elapsed = WEIR_MAX(now_s - v.from_s, 1u);
	v.ppm = spent_nanos > 0 ? (uint64_t)clamp((i128)spent_nanos * WEIR_BUDGET_WHOLE / b->nanos) : 0;
	v.day_nanos = clamp((i128)spent_nanos * DAY_S / elapsed);
	v.projected = elapsed >= DAY_S;
	if (v.projected)
		v.end_nanos = clamp((i128)spent_nanos * (int64_t)(v.to_s - v.from_s) / (int64_t)elapsed);
	/* Not by ppm, which is rounded. */
	for (size_t i = 0; i < b->threshold_count; i++)
		if (!b->thresholds[i].forecast && (i128)spent_nanos * WEIR_BUDGET_WHOLE >= (i128)b->nanos * b->thresholds[i].ppm)
			v.crossed |= 1u << i;
	*ret = v;
}

const char *weir_budget_news_name(enum weir_budget_news n)
{
	static const char *const names[] = {"quiet", "crossed", "restated", "withdrawn"};

	return names[n];
}

enum weir_budget_news weir_budget_news(const struct weir_budget *b, const struct weir_budget_view *v, size_t threshold,
				       const char *said)
{
	bool crossed = v->crossed & 1u << threshold;
	char now[WEIR_BUDGET_SAID];

	/* Until something is foretold, nothing is taken back. */
	if (b->thresholds[threshold].forecast && !v->forecast.at_s)
		return WEIR_BUDGET_QUIET;
	if (!said)
		return crossed ? WEIR_BUDGET_CROSSED : WEIR_BUDGET_QUIET;
	if (!strcmp(said, weir_budget_said(b, threshold, now)))
		return WEIR_BUDGET_QUIET;
	return crossed ? WEIR_BUDGET_RESTATED : WEIR_BUDGET_WITHDRAWN;
}
