/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network is trained twice from the same seed: of what was known at a cut, for the misses behind it, which make the
 * intervals; and of all, for forecasts.
 */
#include <math.h>

#include "lib/model/fill.h"
#include "lib/model/lstm_state.h"
#include "lib/model/transform.h"

#define HELD 2 /* horizons of values that are held back for intervals */
#define PACKED_REST ((size_t)1 << 20) /* bytes of a file that are no series: weights are 150 kB */

/* What a fit holds: filled and transformed values of all series, and those that are targets. */
struct fitting {
	struct weir_lstm_set set;
	struct weir_lstm_past *one;
	double *values, *width;
	struct weir_lstm *m;
	size_t first; /* of the group that is walked */
};

static void fitting_fini(struct fitting *f)
{
	free(f->one);
	free(f->values);
	free(f->width);
}

static void prepare_one(struct fitting *f, const struct weir_model_data *d, size_t i, double *y, double *v)
{
	struct weir_lstm *m = f->m;
	const struct weir_series *s = &d->series[i];
	size_t outputs = m->net.shape.outputs, known = WEIR_MIN(s->n, m->view.keep);
	struct weir_transform t;

	weir_fill_outages(s->v, s->n, d->calendar.seasons ? d->calendar.season[0] : outputs, v);
	t = weir_transform_of(v, s->n);
	weir_fill(v, s->n, &d->calendar, y);
	for (size_t k = 0; k < s->n; k++)
		y[k] = fmin(fmax(weir_transform(&t, y[k]), -WEIR_LSTM_VALUE_MAX), WEIR_LSTM_VALUE_MAX);
	f->one[i] = (struct weir_lstm_past){y, v, s->n, s->n - WEIR_MIN(HELD * outputs, s->n / 4)};
	m->one[i] = (struct weir_lstm_one){.log = t.log, .shift = t.shift, .known = (uint32_t)known};
	memcpy(weir_lstm_kept(m, i) + m->view.keep - known, y + s->n - known, known * sizeof(*y));
}

static int prepare(struct fitting *f, const struct weir_model_data *d)
{
	size_t points = 0, at = 0;

	for (size_t i = 0; i < d->count; i++)
		points += d->series[i].n;
	f->one = calloc(d->count, sizeof(*f->one));
	f->values = malloc(2 * points * sizeof(*f->values));
	f->width = malloc(d->count * sizeof(*f->width));
	if (!f->one || !f->values || !f->width)
		return -ENOMEM;
	for (size_t i = 0; i < d->count; at += d->series[i++].n)
		prepare_one(f, d, i, f->values + at, f->values + points + at);
	f->set = (struct weir_lstm_set){f->m->view, f->one, d->count};
	return 0;
}

/* At the end of a series: the state goes on from here. */
static void settle(struct weir_lstm_walk *w, size_t which, size_t known, const struct weir_lstm_seen *seen, const float *out,
		   const float *h, const float *c)
{
	const struct fitting *f = w->user;
	size_t i = f->first + which, units = f->m->net.shape.units;
	struct weir_lstm_one *one = &f->m->one[i];

	(void)known;
	memcpy(weir_lstm_state(f->m, i), h, units * sizeof(*h));
	memcpy(weir_lstm_state(f->m, i) + units, c, units * sizeof(*c));
	one->scale = seen->scale;
	one->next = seen->level + seen->scale * (double)out[0];
	one->width = f->width[i];
}

static int learn(struct fitting *f, uint64_t seed)
{
	struct weir_lstm *m = f->m;
	int r = 0;

	for (int all = 0; all < 2 && !r; all++) {
		struct weir_random random = weir_random_of(seed);

		weir_lstm_net_seed(&m->net, &random);
		r = weir_lstm_train(&m->net, &f->set, !all, &weir_lstm_whole, &random);
		if (!r && !all)
			r = weir_lstm_misses(&m->net, &f->set, m->coverage, m->growth, f->width);
	}
	for (f->first = 0; f->first < m->count && !r; f->first += WEIR_LSTM_BATCH) {
		struct weir_lstm_set part = {m->view, f->one + f->first, WEIR_MIN(m->count - f->first, (size_t)WEIR_LSTM_BATCH)};

		r = weir_lstm_walk(&m->net, &part, &(struct weir_lstm_walk){.see = settle, .user = f});
	}
	return r;
}

static size_t packed_of(const struct weir_lstm_view *v, const struct weir_lstm_shape *s, size_t count)
{
	return count * (v->keep * sizeof(double) + 2 * s->units * sizeof(float) + sizeof(struct weir_lstm_one));
}

int weir_lstm_fit(const struct weir_model_data *data, const struct weir_model_opts *opts, void **ret_state,
		    struct weir_err *err)
{
	weir_cleanup(fitting_fini) struct fitting f = {0};
	struct weir_lstm_view view = weir_lstm_view_of(&data->calendar);
	struct weir_lstm_shape shape = weir_lstm_shape_of(&data->calendar, opts->horizon);
	weir_auto_lstm *m = NULL;
	int r;

	if (!data->count)
		return weir_err_set(err, -EINVAL, "a forecast needs series");
	if (packed_of(&view, &shape, data->count) > WEIR_FRAME_MAX - PACKED_REST)
		return weir_err_set(err, -E2BIG, "%zu series of %zu values each are more than a model file holds; fit fewer at a time",
				    data->count, view.keep);
	m = f.m = weir_lstm_new(&data->calendar, data->count, opts->horizon);
	if (!m)
		return -ENOMEM;
	m->coverage = opts->coverage;
	r = prepare(&f, data);
	r = r ? r : learn(&f, opts->seed);
	if (!r)
		*ret_state = weir_take_ptr(m);
	return r;
}
