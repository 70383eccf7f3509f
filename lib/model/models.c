/* SPDX-License-Identifier: Apache-2.0 */
/* The table of models, and what is the same for all of them: checks, meta, files. */
#include <math.h>

#include "lib/model/model.h"

static const struct weir_model_ops *const models[] = {
	&weir_model_mix,   &weir_model_snaive, &weir_model_linear, &weir_model_mstl,
	&weir_model_arima, &weir_model_theta,  &weir_model_ets,    &weir_model_prophet,
	&weir_model_detect, &weir_model_lstm,
	&weir_model_iforest,
};

const struct weir_model_ops *weir_model_at(size_t i)
{
	return i < WEIR_ARRAY_SIZE(models) ? models[i] : NULL;
}

const struct weir_model_ops *weir_model_find(const char *name)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(models); i++)
		if (!strcmp(models[i]->name, name))
			return models[i];
	return NULL;
}

void weir_model_fini(struct weir_model *m)
{
	if (m->ops)
		m->ops->free(m->state);
	*m = (struct weir_model){0};
}

void weir_forecast_fini(struct weir_forecast *f)
{
	free(f->mean);
	*f = (struct weir_forecast){0};
}

int weir_forecast_init(struct weir_forecast *f, size_t horizon)
{
	double *all = horizon && horizon <= WEIR_HORIZON_MAX ? calloc(horizon * (3 + WEIR_PARTS), sizeof(*all)) : NULL;

	if (!all)
		return horizon && horizon <= WEIR_HORIZON_MAX ? -ENOMEM : -EINVAL;
	*f = (struct weir_forecast){.horizon = horizon, .mean = all, .lower = all + horizon, .upper = all + 2 * horizon};
	for (size_t i = 0; i < WEIR_PARTS; i++)
		f->part[i] = all + (3 + i) * horizon;
	return 0;
}

double weir_forecast_sum(const struct weir_forecast *f, size_t step)
{
	double sum = 0;

	for (size_t i = 0; i < WEIR_PARTS; i++)
		sum += f->part[i][step];
	return sum;
}

/* A difference of doubles is rounded, so the sum may miss by a bit or two: then the remainder moves by as much. */
void weir_forecast_close(struct weir_forecast *f)
{
	for (size_t h = 0; h < f->horizon; h++) {
		double *rest = &f->part[WEIR_PART_REMAINDER][h];

		*rest = 0;
		*rest = f->mean[h] - weir_forecast_sum(f, h);
		for (int i = 0; i < 4 && weir_forecast_sum(f, h) != f->mean[h]; i++)
			*rest += f->mean[h] - weir_forecast_sum(f, h);
		f->mean[h] = weir_forecast_sum(f, h);
	}
}

int weir_forecast_explain(int (*predict)(const void *state, size_t which, struct weir_forecast *f), const void *state, size_t which,
			  const struct weir_rows *rows, struct weir_explain *ret)
{
	static const char *const names[WEIR_PARTS] = {"trend", "day", "week", "holiday", "remainder"};
	size_t step = rows->n && rows->v[0] >= 0 && rows->v[0] < WEIR_HORIZON_MAX ? (size_t)rows->v[0] : 0;
	weir_auto_forecast f = {0};
	int r = weir_forecast_init(&f, step + 1);

	r = r ? r : predict(state, which, &f);
	if (r)
		return r;
	*ret = (struct weir_explain){.value = f.mean[step], .count = WEIR_PARTS};
	for (size_t p = 0; p < WEIR_PARTS; p++) {
		snprintf(ret->item[p].name, sizeof(ret->item[p].name), "%s", names[p]);
		ret->item[p].value = f.part[p][step];
	}
	return 0;
}

static int check_opts(const struct weir_model_opts *o, struct weir_err *err)
{
	if (!o->horizon || o->horizon > WEIR_HORIZON_MAX)
		return weir_err_set(err, -EINVAL, "a horizon must be 1 to %d steps", WEIR_HORIZON_MAX);
	if (!(o->coverage > 0 && o->coverage < 1))
		return weir_err_set(err, -EINVAL, "an interval must cover more than 0 and less than all");
	return 0;
}

static int check_calendar(const struct weir_calendar *c, struct weir_err *err)
{
	if (c->seasons > WEIR_SEASONS_MAX)
		return weir_err_set(err, -EINVAL, "at most %d seasons", WEIR_SEASONS_MAX);
	for (size_t i = 0; i < c->seasons; i++)
		if (c->season[i] < 2 || c->season[i] > WEIR_SEASON_MAX || (i && c->season[i] <= c->season[i - 1]))
			return weir_err_set(err, -EINVAL, "seasons must ascend, each 2 to %d steps", WEIR_SEASON_MAX);
	return 0;
}

static int check_data(const struct weir_model_data *d, struct weir_err *err)
{
	if (!d->count && !d->rows.n)
		return weir_err_set(err, -EINVAL, "there is nothing to learn from");
	if (d->count > WEIR_SERIES_MAX)
		return weir_err_set(err, -E2BIG, "%zu series; at most %zu in one set", d->count, WEIR_SERIES_MAX);
	for (size_t i = 0; i < d->count; i++)
		if (!d->series[i].n || d->series[i].n > WEIR_SERIES_POINTS_MAX)
			return weir_err_set(err, -EINVAL, "series '%s' has %zu values; 1 to %zu are needed", d->series[i].id,
					    d->series[i].n, WEIR_SERIES_POINTS_MAX);
	return check_calendar(&d->calendar, err);
}

static void describe(const struct weir_model_data *d, const struct weir_model_opts *o, struct weir_model_meta *m)
{
	m->seed = o->seed;
	m->series = d->count;
	m->points = d->rows.n * d->rows.width;
	for (size_t i = 0; i < d->count; i++) {
		const struct weir_series *s = &d->series[i];
		int64_t end_s = s->start_s + (int64_t)(s->n * s->step_s);

		m->points += s->n;
		m->from_s = !i || s->start_s < m->from_s ? s->start_s : m->from_s;
		m->to_s = !i || end_s > m->to_s ? end_s : m->to_s;
	}
	weir_meta_add(&m->params, "horizon", (double)o->horizon);
	weir_meta_add(&m->params, "coverage", o->coverage);
	for (size_t i = 0; i < d->calendar.seasons; i++)
		weir_meta_add(&m->params, "season", d->calendar.season[i]);
}

int weir_model_fit(const char *name, const struct weir_model_data *data, const struct weir_model_opts *opts,
		   struct weir_model *ret, struct weir_err *err)
{
	struct weir_model m = {.ops = weir_model_find(name)};
	int r;

	if (!m.ops)
		return weir_err_set(err, -EINVAL, "there is no model '%s'", name);
	if ((r = check_opts(opts, err)) || (r = check_data(data, err)) || (r = m.ops->fit(data, opts, &m.state, err)))
		return r;
	snprintf(m.meta.name, sizeof(m.meta.name), "%s", name);
	m.meta.version = m.ops->version;
	describe(data, opts, &m.meta);
	if (m.ops->describe)
		m.ops->describe(m.state, &m.meta);
	*ret = m;
	return 0;
}

int weir_model_update(struct weir_model *m, size_t which, const struct weir_rows *rows)
{
	return m->ops->update ? m->ops->update(m->state, which, rows) : -EOPNOTSUPP;
}

int weir_model_predict(const struct weir_model *m, size_t which, struct weir_forecast *f)
{
	return m->ops->predict ? m->ops->predict(m->state, which, f) : -EOPNOTSUPP;
}

int weir_model_score(struct weir_model *m, size_t which, const struct weir_rows *rows, double *ret)
{
	return m->ops->score ? m->ops->score(m->state, which, rows, ret) : -EOPNOTSUPP;
}

int weir_model_explain(const struct weir_model *m, size_t which, const struct weir_rows *rows, struct weir_explain *ret)
{
	return m->ops->explain ? m->ops->explain(m->state, which, rows, ret) : -EOPNOTSUPP;
}

int weir_model_pack(const struct weir_model *m, struct weir_buf *b)
{
	weir_auto_buf struct weir_buf body = {.max = WEIR_FRAME_MAX};
	int r = m->ops->pack ? m->ops->pack(m->state, &body) : -EOPNOTSUPP;

	return r ? r : weir_frame_pack(&m->meta, &body, b);
}

int weir_model_unpack(const uint8_t *data, size_t len, struct weir_model *ret, struct weir_err *err)
{
	struct weir_model m = {0};
	struct weir_reader body;
	int r = weir_frame_unpack(data, len, &m.meta, &body, err);

	if (r)
		return r;
	m.ops = weir_model_find(m.meta.name);
	if (!m.ops || !m.ops->unpack)
		return weir_err_set(err, -EBADMSG, "this weir has no model '%s'", m.meta.name);
	if (m.meta.version != m.ops->version)
		return weir_err_set(err, -EBADMSG, "model '%s' is of version %u, this weir reads %u; fit it anew", m.meta.name,
				    m.meta.version, m.ops->version);
	r = m.ops->unpack(&body, &m.state);
	if (r)
		return r == -ENOMEM ? r : weir_err_set(err, -EBADMSG, "model '%s' is malformed", m.meta.name);
	if (body.bad || body.at != body.end) {
		m.ops->free(m.state);
		return weir_err_set(err, -EBADMSG, "model '%s' is malformed", m.meta.name);
	}
	*ret = m;
	return 0;
}
