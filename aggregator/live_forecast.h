/* SPDX-License-Identifier: Apache-2.0 */
/* The next two days of each series of a set, by the hours that it keeps. */
#ifndef AGGREGATOR_LIVE_FORECAST_H
#define AGGREGATOR_LIVE_FORECAST_H

#include "aggregator/live_holidays.h"
#include "aggregator/live_set.h"
#include "lib/model/model.h"

#define LIVE_LEAST_HOURS 24 /* a shorter past is none to learn from */
#define LIVE_TOGETHER 512   /* series that are fitted as one set */

/* What came in the hour that is over beside what was forecast of it, over all series. */
struct live_missed {
	double miss, of;      /* sums: |came - forecast|, and what came */
	uint64_t inside, all; /* values within their intervals; values that had one */
};

/* Hours [.., end_s) are over: compares the newest with what was forecast. */
void live_forecast_compare(struct live_set *set, uint64_t end_s, struct live_missed ret[LIVE_MEASURES]);

struct live_forecast_ask {
	uint64_t end_s;		  /* from which on */
	const char *const *model; /* of each measure: a row of models.c */
	const struct live_holidays *holidays;
	bool (*ending)(void *arg); /* asked between sets; -ECANCELED then */
	void *arg;
};
/* Forecasts every series that has not been quiet. What cannot be forecast has none. */
int live_forecast_all(struct live_set *set, const struct live_forecast_ask *ask, struct weir_err *err);

/* Hours of a series as a model takes them: from its first one to end_s. ret: weir_series_fini(). */
int live_series_of(const struct live_series *s, uint64_t end_s, struct weir_series *ret);
/* A day, and a week where the shortest of the series is long enough for two; and the holidays, which stay h's. */
void live_calendar(size_t hours, const struct live_holidays *h, struct weir_calendar *ret);

#endif
