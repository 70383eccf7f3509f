/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of generated series (series_fixture.h), a model fitted to one, and its errors by kind of series. */
#ifndef WEIR_TEST_FORECAST_FIXTURE_H
#define WEIR_TEST_FORECAST_FIXTURE_H

#include "lib/model/model.h"
#include "tests/lib/series_fixture.h"
#include "tests/lib/test.h"

#define SET 200
#define AHEAD 48

static const struct weir_calendar weekly = {.season = {24, 168}, .seasons = 2};

struct set {
	struct weir_series s[SET];
	size_t count;
};

static inline void set_fini(struct set *set)
{
	for (size_t i = 0; i < set->count; i++)
		weir_series_fini(&set->s[i]);
}
#define auto_set weir_cleanup(set_fini) struct set

/* The last AHEAD values stay behind the end: what is to be forecast. */
static inline struct set make(size_t count, uint64_t seed)
{
	struct weir_random r = weir_random_of(seed);
	struct set set = {.count = count};

	for (size_t i = 0; i < count; i++) {
		set.s[i] = made_series(i, &r);
		set.s[i].n -= AHEAD;
	}
	return set;
}

static inline int fit_set(const char *name, const struct weir_series *s, size_t count, const struct weir_calendar *c, struct weir_model *ret)
{
	struct weir_err err = {{0}};
	int r = weir_model_fit(name, &(struct weir_model_data){.series = s, .count = count, .calendar = *c},
			       &(struct weir_model_opts){.horizon = AHEAD, .coverage = 0.95, .seed = 1}, ret, &err);

	if (r)
		printf("# %s: %s\n", name, err.text);
	return r;
}

/* The mean absolute error over the mean change in a day (MASE), by kind of series. */
static inline void errors_of(struct test_state *test_st, const char *name, const struct set *set, double ret[MADE_KINDS])
{
	weir_auto_model m = {0};
	weir_auto_forecast f = {0};

	CHECK(!fit_set(name, set->s, set->count, &weekly, &m) && !weir_forecast_init(&f, AHEAD));
	for (size_t i = 0; i < set->count; i++) {
		const struct weir_series *s = &set->s[i];
		double scale = 0, error = 0;
		size_t known = 0;

		CHECK(!weir_model_predict(&m, i, &f));
		for (size_t t = 24; t < s->n; t++)
			if (!isnan(s->v[t] - s->v[t - 24])) {
				scale += fabs(s->v[t] - s->v[t - 24]);
				known++;
			}
		scale /= (double)known;
		for (size_t h = 0; h < AHEAD; h++)
			error += fabs(s->v[s->n + h] - f.mean[h]) / AHEAD;
		ret[i % MADE_KINDS] += error / scale / (double)(set->count / MADE_KINDS);
	}
}

#endif
