/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/live_forecast.h"

#include <inttypes.h>
#include <math.h>

#define HOUR_S 3600u
#define DAY 24
#define WEEK 168
#define COVERAGE 0.95
/* Below this many hours there is no week to see, and below that no day. */
#define WEEK_FROM (2 * WEEK + LIVE_AHEAD)
#define DAY_FROM (2 * DAY)

struct set_of {
	struct live_series *series[LIVE_TOGETHER];
	struct weir_series data[LIVE_TOGETHER];
	size_t count;
};

static void set_of_free(struct set_of **s)
{
	for (size_t i = 0; *s && i < (*s)->count; i++)
		weir_series_fini(&(*s)->data[i]);
	free(*s);
}

void live_calendar(size_t hours, const struct live_holidays *h, struct weir_calendar *ret)
{
	*ret = (struct weir_calendar){.holidays_s = h->day_s, .holidays = h->count};
	if (hours >= DAY_FROM)
		ret->season[ret->seasons++] = DAY;
	if (hours >= WEEK_FROM)
		ret->season[ret->seasons++] = WEEK;
}

/* Which series are learnt from together: those that see the same seasons. */
static size_t class_of(size_t hours)
{
	return (size_t)(hours >= DAY_FROM) + (hours >= WEEK_FROM);
}

static size_t hours_until(const struct live_series *s, uint64_t end_s)
{
	if (!s->hour_count || end_s <= s->first_s)
		return 0;
	return WEIR_MIN(s->hour_count, (end_s - s->first_s) / HOUR_S);
}

static double nothing(const struct live_series *s)
{
	return s->measure == LIVE_RTT ? NAN : 0;
}

/* What came behind the last hour that has a value was nothing. */
int live_series_of(const struct live_series *s, uint64_t end_s, struct weir_series *ret)
{
	size_t has = hours_until(s, end_s), n = has ? (end_s - s->first_s) / HOUR_S : 0;
	char id[WEIR_SERIES_ID_MAX];
	int r;

	snprintf(id, sizeof(id), "%.40s/%.40s %.20s", s->owner->namespace, s->owner->name, live_way_name(s->way));
	r = weir_series_init(ret, id, n);
	if (r)
		return r;
	ret->start_s = (int64_t)s->first_s;
	ret->step_s = HOUR_S;
	for (size_t i = 0; i < n; i++)
		ret->v[i] = i < has ? (double)s->hours[i] : nothing(s);
	return 0;
}

/* Where a past was too short to measure what is missed, an interval has no width: then there is none. */
static void keep(struct live_series *s, uint64_t end_s, const struct weir_forecast *f)
{
	struct live_forecast *k = s->forecast;
	bool wide = false;

	for (size_t i = 0; i < LIVE_AHEAD; i++)
		wide |= f->lower[i] < f->upper[i];
	k->from_s = end_s;
	for (size_t i = 0; i < LIVE_AHEAD; i++) {
		k->mean[i] = (float)f->mean[i];
		k->lower[i] = wide ? (float)f->lower[i] : NAN;
		k->upper[i] = wide ? (float)f->upper[i] : NAN;
	}
}

static int forecast_set(struct set_of *set, const struct live_forecast_ask *ask, const char *name, size_t class, struct weir_err *err)
{
	const struct weir_model_opts opts = {.horizon = LIVE_AHEAD, .coverage = COVERAGE, .seed = 1};
	struct weir_model_data data = {.series = set->data, .count = set->count};
	weir_auto_model model = {0};
	weir_auto_forecast f = {0};
	int r;

	live_calendar(class > 1 ? WEEK_FROM : class ? DAY_FROM : 0, ask->holidays, &data.calendar);
	r = weir_model_fit(name, &data, &opts, &model, err);
	if (!r)
		r = weir_forecast_init(&f, LIVE_AHEAD);
	for (size_t i = 0; !r && i < set->count; i++) {
		struct live_series *s = set->series[i];

		r = weir_model_predict(&model, i, &f);
		if (!r && !s->forecast && !(s->forecast = calloc(1, sizeof(*s->forecast))))
			r = -ENOMEM;
		if (!r)
			keep(s, ask->end_s, &f);
	}
	return r;
}

static int forecast_class(struct live_set *all, const struct live_forecast_ask *ask, enum live_measure m, size_t class, struct weir_err *err)
{
	uint64_t end_s = ask->end_s;
	int r = 0;

	for (size_t i = 0; !r && i < live_set_count(all);) {
		weir_cleanup(set_of_free) struct set_of *set = calloc(1, sizeof(*set));

		if (!set)
			return -ENOMEM;
		for (; !r && i < live_set_count(all) && set->count < LIVE_TOGETHER; i++) {
			struct live_series *s = live_set_at(all, i);
			size_t hours = hours_until(s, end_s) ? (end_s - s->first_s) / HOUR_S : 0;

			if (s->measure != m || hours < LIVE_LEAST_HOURS || class_of(hours) != class || s->seen_s + LIVE_QUIET_S <= end_s)
				continue;
			r = live_series_of(s, end_s, &set->data[set->count]);
			if (!r)
				set->series[set->count++] = s;
		}
		if (!r && ask->ending(ask->arg))
			r = -ECANCELED;
		if (!r && set->count)
			r = forecast_set(set, ask, ask->model[m], class, err);
	}
	return r;
}

int live_forecast_all(struct live_set *set, const struct live_forecast_ask *ask, struct weir_err *err)
{
	int r = 0;

	for (int m = 0; !r && m < LIVE_MEASURES; m++)
		for (size_t class = 0; !r && class <= 2; class ++)
			r = forecast_class(set, ask, (enum live_measure)m, class, err);
	return r;
}

void live_forecast_compare(struct live_set *set, uint64_t end_s, struct live_missed ret[LIVE_MEASURES])
{
	memset(ret, 0, LIVE_MEASURES * sizeof(*ret));
	for (size_t i = 0; i < live_set_count(set); i++) {
		const struct live_series *s = live_set_at(set, i);
		const struct live_forecast *f = s->forecast;
		size_t n = hours_until(s, end_s), h;
		struct live_missed *t = &ret[s->measure];
		double came;

		if (!f || !f->from_s || end_s <= f->from_s || (h = (end_s - f->from_s) / HOUR_S - 1) >= LIVE_AHEAD || !n)
			continue;
		came = s->first_s + n * HOUR_S == end_s ? (double)s->hours[n - 1] : nothing(s);
		if (!isfinite(came))
			continue;
		t->miss += fabs(came - (double)f->mean[h]);
		t->of += fabs(came);
		if (isfinite(f->lower[h])) {
			t->inside += came >= (double)f->lower[h] && came <= (double)f->upper[h];
			t->all++;
		}
	}
}
