/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/mix_set.h"

#include <math.h>

#include "lib/model/fill.h"
#include "lib/model/model.h"

#define LINEAR_WINDOWS 30000 /* of all series, that the global map is learnt from */
#define LAGS_WITHOUT 48	    /* of the linear map, when nobody says a season */

void weir_mix_set_fini(struct weir_mix_set *s)
{
	free(s->task);
	free(s->lin);
	free(s->values);
	weir_linear_free(s->linear);
	weir_lstm_member_fini(&s->lstm);
	weir_curves_fini(&s->curves);
}

/* y and v: n values each, of which task and map are. */
static int prepare_one(struct weir_mix_set *s, size_t i, size_t horizon, double *y, double *v)
{
	const struct weir_series *from = &s->data->series[i];
	weir_auto_free double *known = malloc(from->n * sizeof(*known)); /* transformed, not filled */
	struct weir_pool_task *t = &s->task[i];

	*t = (struct weir_pool_task){.v = v, .y = y, .n = from->n, .horizon = horizon, .calendar = &s->data->calendar,
				     .holidays = {&s->data->calendar, from->start_s, from->step_s, 1, 0}, .curves = &s->curves, .constants = &weir_pool_constants};
	weir_fill_outages(from->v, from->n, t->calendar->seasons ? t->calendar->season[0] : horizon, v);
	if (!known || weir_fill_outliers(v, from->n, t->calendar) < 0)
		return -ENOMEM;
	t->transform = weir_transform_of(v, from->n);
	for (size_t k = 0; k < from->n; k++)
		known[k] = isnan(v[k]) ? NAN : weir_transform(&t->transform, v[k]);
	if (weir_holidays_learn(&t->holidays, known, from->n))
		return -ENOMEM;
	for (size_t k = 0; k < from->n && t->calendar->holidays; k++)
		v[k] = weir_holiday_is(&t->holidays, k) ? NAN : v[k];
	weir_fill(known, from->n, t->calendar, y);
	weir_pool_origins(t);
	s->lin[i] = (struct weir_linear_series){y, from->n, t->cut};
	return 0;
}

int weir_mix_set_init(struct weir_mix_set *s, const struct weir_model_data *data, const struct weir_model_opts *opts, unsigned int members)
{
	const struct weir_calendar *c = &data->calendar;
	size_t count = data->count, horizon = opts->horizon, points = 0, longest = 0, at = 0;
	size_t lags = c->seasons ? c->season[c->seasons - 1] : LAGS_WITHOUT;
	int r = 0;

	s->data = data;
	s->members = members;
	/* A season that is longer than the map may be is left to the other members. */
	for (size_t k = c->seasons; k-- > 0 && lags > WEIR_LINEAR_LAGS_MAX;)
		lags = c->season[k];
	for (size_t i = 0; i < count; i++) {
		points += data->series[i].n;
		longest = WEIR_MAX(longest, data->series[i].n);
	}
	s->task = calloc(count, sizeof(*s->task));
	s->lin = calloc(count, sizeof(*s->lin));
	s->values = malloc(2 * points * sizeof(*s->values));
	if (!s->task || !s->lin || !s->values || weir_curves_of(c, longest, horizon, &s->curves))
		return -ENOMEM;
	for (size_t i = 0; i < count; at += data->series[i++].n)
		if (prepare_one(s, i, horizon, s->values + at, s->values + points + at))
			return -ENOMEM;
	s->opts = (struct weir_linear_opts){.lags = WEIR_MIN(lags, (size_t)WEIR_LINEAR_LAGS_MAX), .horizon = horizon,
					    .windows = LINEAR_WINDOWS};
	s->opts.level = c->seasons ? WEIR_MIN((size_t)c->season[0], s->opts.lags) : s->opts.lags / 2;
	if (members & 1u << WEIR_MEMBER_LINEAR)
		r = weir_linear_new(s->lin, count, &s->opts, &s->linear);
	if (!r && members & 1u << WEIR_MEMBER_LSTM)
		r = weir_lstm_member_init(&s->lstm, s->task, count, opts->seed);
	return r;
}

int weir_mix_set_task(struct weir_mix_set *s, size_t i, struct weir_pool_task **ret)
{
	struct weir_pool_task *t = *ret = &s->task[i];
	int r = weir_lstm_member_ask(&s->lstm, i, &t->lstm);

	t->members = s->members & ~(t->lstm ? 0 : 1u << WEIR_MEMBER_LSTM);
	if (!r && s->linear && WEIR_MIN(t->cut, t->n) >= s->opts.lags) {
		r = weir_linear_own(s->linear, &s->lin[i]);
		t->linear = s->linear;
	} else {
		t->members &= ~(1u << WEIR_MEMBER_LINEAR);
	}
	t->members = t->members ? t->members : 1u << WEIR_MEMBER_SNAIVE;
	return r;
}
