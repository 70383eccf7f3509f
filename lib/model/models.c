/* SPDX-License-Identifier: Apache-2.0 */
/* The table of models, and what is the same for all of them: checks, meta, files. */
#include <endian.h>
#include <math.h>

#include "lib/model/model.h"

static const struct weir_model_ops *const models[] = {
	&weir_model_mix,   &weir_model_snaive, &weir_model_linear, &weir_model_mstl,
	&weir_model_arima, &weir_model_theta,  &weir_model_ets,    &weir_model_prophet, &weir_model_cycle,
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
	free(m->series);
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
	for (size_t i = 0; d->rows.time_s && i < d->rows.n; i++) {
		m->from_s = !i || d->rows.time_s[i] < m->from_s ? d->rows.time_s[i] : m->from_s;
		m->to_s = !i || d->rows.time_s[i] > m->to_s ? d->rows.time_s[i] : m->to_s;
	}
	if (o->extended)
		weir_meta_add(&m->params, "extended", 1);
	weir_meta_add(&m->params, "horizon", (double)o->horizon);
	weir_meta_add(&m->params, "coverage", o->coverage);
	for (size_t i = 0; i < d->calendar.seasons; i++)
		weir_meta_add(&m->params, "season", d->calendar.season[i]);
}

uint64_t weir_series_key(const char *id)
{
	uint8_t hash[WEIR_SHA256_LEN];
	uint64_t key;

	if (weir_sha256(id, strlen(id), hash))
		return 0;
	memcpy(&key, hash, sizeof(key));
	return le64toh(key);
}

static int know_series(const struct weir_model_data *d, struct weir_model *m)
{
	m->series = calloc(d->count ? d->count : 1, sizeof(*m->series));
	if (!m->series)
		return -ENOMEM;
	for (size_t i = 0; i < d->count; i++) {
		const struct weir_series *s = &d->series[i];

		m->series[i].key = weir_series_key(s->id);
		m->series[i].end_s = s->start_s ? s->start_s + (int64_t)(s->n * s->step_s) : 0;
	}
	return 0;
}

int weir_model_which(const struct weir_model *m, const char *id, size_t *ret)
{
	uint64_t key = weir_series_key(id);

	for (size_t i = 0; i < m->meta.series; i++)
		if (m->series[i].key == key) {
			*ret = i;
			return 0;
		}
	return -ENOENT;
}

int weir_model_fit(const char *name, const struct weir_model_data *data, const struct weir_model_opts *opts,
		   struct weir_model *ret, struct weir_err *err)
{
	weir_auto_model m = {0};
	const struct weir_model_ops *ops = weir_model_find(name);
	int r;

	if (!ops)
		return weir_err_set(err, -EINVAL, "there is no model '%s'", name);
	if ((r = check_opts(opts, err)) || (r = check_data(data, err)) || (r = know_series(data, &m)) ||
	    (r = ops->fit(data, opts, &m.state, err)))
		return r;
	m.ops = ops;
	snprintf(m.meta.name, sizeof(m.meta.name), "%s", name);
	m.meta.version = m.ops->version;
	describe(data, opts, &m.meta);
	if (m.ops->describe)
		m.ops->describe(m.state, &m.meta);
	*ret = m;
	m = (struct weir_model){0};
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
	int r = m->ops->pack ? weir_put_u32(&body, (uint32_t)m->meta.series) : -EOPNOTSUPP;

	for (size_t i = 0; i < m->meta.series && !r; i++) {
		r = weir_put_u64(&body, m->series[i].key);
		r = r ? r : weir_put_u64(&body, (uint64_t)m->series[i].end_s);
	}
	r = r ? r : m->ops->pack(m->state, &body);
	return r ? r : weir_frame_pack(&m->meta, &body, b);
}

static int get_series(struct weir_reader *r, struct weir_model *m)
{
	size_t n = weir_get_count(r, WEIR_SERIES_MAX);

	if (r->bad || n != m->meta.series || (size_t)(r->end - r->at) / (2 * sizeof(uint64_t)) < n)
		return -EBADMSG;
	m->series = calloc(n ? n : 1, sizeof(*m->series));
	if (!m->series)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		m->series[i].key = weir_get_u64(r);
		m->series[i].end_s = (int64_t)weir_get_u64(r);
	}
	return 0;
}

int weir_model_unpack(const uint8_t *data, size_t len, struct weir_model *ret, struct weir_err *err)
{
	weir_auto_model m = {0};
	const struct weir_model_ops *ops;
	struct weir_reader body;
	int r = weir_frame_unpack(data, len, &m.meta, &body, err);

	if (r)
		return r;
	ops = weir_model_find(m.meta.name);
	if (!ops || !ops->unpack)
		return weir_err_set(err, -EBADMSG, "this weir has no model '%s'", m.meta.name);
	if (m.meta.version != ops->version)
		return weir_err_set(err, -EBADMSG, "model '%s' is of version %u, this weir reads %u; fit it anew", m.meta.name,
				    m.meta.version, ops->version);
	r = get_series(&body, &m);
	r = r ? r : ops->unpack(&body, &m.state);
	if (r)
		return r == -ENOMEM ? r : weir_err_set(err, -EBADMSG, "model '%s' is malformed", m.meta.name);
	m.ops = ops;
	if (body.bad || body.at != body.end)
		return weir_err_set(err, -EBADMSG, "model '%s' is malformed", m.meta.name);
	*ret = m;
	m = (struct weir_model){0};
	return 0;
}
