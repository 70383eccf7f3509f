/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seasonal naive model: what was one season ago. It learns nothing that could be wrong, so it is in every pool and
 * is what others are measured by (M4, "sNaive": the shortest season). An interval is the quantile of the model's own
 * errors that many seasons ahead, on the series itself.
 */
#include <math.h>

#include "lib/model/model.h"
#include "lib/model/stat.h"

struct one {
	double *last;  /* of each phase: the last value known */
	double *width; /* of each season ahead: half an interval */
};

struct snaive {
	size_t count, season, cycles; /* cycles: seasons that the horizon reaches into */
	double coverage;
	struct one *one;
	double *all; /* what they point into */
};

static void snaive_free(void *state)
{
	struct snaive *m = state;

	if (!m)
		return;
	free(m->one);
	free(m->all);
	free(m);
}

static struct snaive *snaive_new(size_t count, size_t season, size_t cycles, double coverage)
{
	struct snaive *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	*m = (struct snaive){.count = count, .season = season, .cycles = cycles, .coverage = coverage};
	m->one = calloc(count, sizeof(*m->one));
	m->all = calloc(count * (season + cycles), sizeof(*m->all));
	if (!m->one || !m->all) {
		snaive_free(m);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		m->one[i].last = m->all + i * (season + cycles);
		m->one[i].width = m->one[i].last + season;
	}
	return m;
}

/* last[0] is the phase of the next value. A phase that was never seen gets the mean of those that were. */
static void learn_last(const struct weir_series *s, size_t season, double *last)
{
	double mean = 0;
	size_t known = 0;

	for (size_t p = 0; p < season; p++) {
		last[p] = NAN;
		for (size_t back = season - p; back <= s->n && isnan(last[p]); back += season)
			last[p] = s->v[s->n - back];
		if (!isnan(last[p])) {
			mean += last[p];
			known++;
		}
	}
	for (size_t p = 0; p < season; p++)
		if (isnan(last[p]))
			last[p] = known ? mean / (double)known : 0;
}

static double learn_width(const struct weir_series *s, size_t ahead, double coverage, double *room)
{
	size_t n = 0;

	for (size_t t = ahead; t < s->n; t++)
		if (!isnan(s->v[t]) && !isnan(s->v[t - ahead]))
			room[n++] = fabs(s->v[t] - s->v[t - ahead]);
	return n ? weir_quantile_up(room, n, coverage) : 0;
}

static int snaive_fit(const struct weir_model_data *data, const struct weir_model_opts *opts, void **ret_state,
		      struct weir_err *err)
{
	size_t season = data->calendar.seasons ? data->calendar.season[0] : 1, longest = 0;
	struct snaive *m;
	weir_auto_free double *room = NULL;

	if (!data->count)
		return weir_err_set(err, -EINVAL, "a forecast needs series");
	for (size_t i = 0; i < data->count; i++)
		longest = WEIR_MAX(longest, data->series[i].n);
	room = malloc(longest * sizeof(*room));
	m = snaive_new(data->count, season, (opts->horizon + season - 1) / season, opts->coverage);
	if (!m || !room) {
		snaive_free(m);
		return -ENOMEM;
	}
	for (size_t i = 0; i < m->count; i++) {
		learn_last(&data->series[i], season, m->one[i].last);
		for (size_t c = 0; c < m->cycles; c++) {
			double width = learn_width(&data->series[i], (c + 1) * season, opts->coverage, room);

			m->one[i].width[c] = c ? WEIR_MAX(width, m->one[i].width[c - 1]) : width;
		}
	}
	*ret_state = m;
	return 0;
}

static int snaive_update(void *state, size_t which, const struct weir_rows *rows)
{
	struct snaive *m = state;

	if (which >= m->count || rows->width != 1)
		return -EINVAL;
	for (size_t i = 0; i < rows->n; i++) {
		double *last = m->one[which].last, v = isnan(rows->v[i]) ? last[0] : rows->v[i];

		memmove(last, last + 1, (m->season - 1) * sizeof(*last));
		last[m->season - 1] = v;
	}
	return 0;
}

static int snaive_predict(const void *state, size_t which, struct weir_forecast *f)
{
	const struct snaive *m = state;
	double mean = 0;

	if (which >= m->count || (f->horizon + m->season - 1) / m->season > m->cycles)
		return -EINVAL;
	for (size_t p = 0; p < m->season; p++)
		mean += m->one[which].last[p] / (double)m->season;
	for (size_t h = 0; h < f->horizon; h++) {
		double v = m->one[which].last[h % m->season], width = m->one[which].width[h / m->season];

		f->mean[h] = v;
		f->lower[h] = v - width;
		f->upper[h] = v + width;
		f->part[WEIR_PART_TREND][h] = mean;
		f->part[WEIR_PART_DAY][h] = v - mean;
		f->part[WEIR_PART_WEEK][h] = f->part[WEIR_PART_HOLIDAY][h] = 0;
	}
	weir_forecast_close(f);
	return 0;
}

static int snaive_pack(const void *state, struct weir_buf *b)
{
	const struct snaive *m = state;
	int r = weir_put_u32(b, (uint32_t)m->count);

	r = r ? r : weir_put_u32(b, (uint32_t)m->season);
	r = r ? r : weir_put_u32(b, (uint32_t)m->cycles);
	r = r ? r : weir_put_double(b, m->coverage);
	return r ? r : weir_put_doubles(b, m->all, m->count * (m->season + m->cycles));
}

static int snaive_unpack(struct weir_reader *r, void **ret_state)
{
	size_t count = weir_get_count(r, WEIR_SERIES_MAX), season = weir_get_count(r, WEIR_SEASON_MAX);
	size_t cycles = weir_get_count(r, WEIR_HORIZON_MAX), n = count * (season + cycles);
	double coverage = weir_get_double(r);
	struct snaive *m;

	if (r->bad || !count || !season || !cycles || (size_t)(r->end - r->at) / sizeof(double) < n)
		return -EBADMSG;
	m = snaive_new(count, season, cycles, coverage);
	if (!m)
		return -ENOMEM;
	weir_get_doubles(r, m->all, n);
	*ret_state = m;
	return 0;
}

const struct weir_model_ops weir_model_snaive = {
	.name = "snaive",
	.about = "what was one season ago",
	.limits = "It knows no week where a day is the season, no trend, and repeats each spike once.",
	.version = 1,
	.fit = snaive_fit,
	.update = snaive_update,
	.predict = snaive_predict,
	.pack = snaive_pack,
	.unpack = snaive_unpack,
	.free = snaive_free,
};
