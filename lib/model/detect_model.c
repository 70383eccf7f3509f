/* SPDX-License-Identifier: Apache-2.0 */
/* Detectors as a model of the table: one for each series of a set, and what they know as bytes. */
#include <float.h>

#include "lib/model/detect_impl.h"
#include "lib/model/frame.h"
#include "lib/model/model.h"

#define SERIES_MAX ((size_t)1500) /* of one model: what WEIR_FRAME_MAX holds */

struct detectors {
	size_t count;
	struct weir_detect *one[];
};

static void detectors_free(void *state)
{
	struct detectors *m = state;

	for (size_t i = 0; m && i < m->count; i++)
		weir_detect_free(m->one[i]);
	free(m);
}

static struct detectors *detectors_new(size_t count)
{
	struct detectors *m = calloc(1, sizeof(*m) + count * sizeof(m->one[0]));

	for (size_t i = 0; m && i < count; i++) {
		if (weir_detect_new(&m->one[i])) {
			detectors_free(m);
			return NULL;
		}
		m->count++;
	}
	return m;
}

static int detect_fit(const struct weir_model_data *data, const struct weir_model_opts *opts, void **ret_state,
		      struct weir_err *err)
{
	struct detectors *m;

	(void)opts;
	if (!data->count || data->count > SERIES_MAX)
		return weir_err_set(err, -EINVAL, "a detector of series needs 1 to %zu series", SERIES_MAX);
	m = detectors_new(data->count);
	if (!m)
		return -ENOMEM;
	for (size_t i = 0; i < data->count; i++) {
		const struct weir_series *s = &data->series[i];

		for (size_t t = 0; t < s->n; t++)
			weir_detect_step(m->one[i], s->step_s ? s->start_s + (int64_t)(t * s->step_s) : -1, s->v[t]);
	}
	*ret_state = m;
	return 0;
}

static int detect_score_rows(void *state, size_t which, const struct weir_rows *rows, double *ret)
{
	struct detectors *m = state;

	if (which >= m->count || rows->width != 1)
		return -EINVAL;
	for (size_t i = 0; i < rows->n; i++)
		ret[i] = weir_detect_step(m->one[which], rows->time_s ? rows->time_s[i] : -1, rows->v[i]);
	return 0;
}

static int detect_update(void *state, size_t which, const struct weir_rows *rows)
{
	struct detectors *m = state;

	if (which >= m->count || rows->width != 1)
		return -EINVAL;
	for (size_t i = 0; i < rows->n; i++)
		weir_detect_step(m->one[which], rows->time_s ? rows->time_s[i] : -1, rows->v[i]);
	return 0;
}

/* Row 0 as the next value, on a copy; without rows, the last value. */
static int detect_explain(const void *state, size_t which, const struct weir_rows *rows, struct weir_explain *ret)
{
	const struct detectors *m = state;
	struct weir_detect_part part[WEIR_DETECT_COMPONENTS];
	weir_auto_free struct weir_detect *d = NULL;
	int r;

	if (which >= m->count || (rows->n && rows->width != 1))
		return -EINVAL;
	r = weir_detect_new(&d);
	if (r)
		return r;
	*d = *m->one[which];
	if (rows->n)
		weir_detect_step(d, rows->time_s ? rows->time_s[0] : -1, rows->v[0]);
	*ret = (struct weir_explain){.value = weir_detect_explain(d, part), .count = WEIR_DETECT_COMPONENTS};
	for (size_t i = 0; i < WEIR_DETECT_COMPONENTS; i++) {
		snprintf(ret->item[i].name, sizeof(ret->item[i].name), "%s", part[i].name);
		ret->item[i].value = part[i].share;
	}
	return 0;
}

/* One walk over all fields, for writing (b) and for reading (r): so neither can forget what the other knows. */
struct walk {
	struct weir_buf *b;
	struct weir_reader *r;
	int err;
};

static void doubles(struct walk *w, double *v, size_t n)
{
	if (!w->err && w->b)
		w->err = weir_put_doubles(w->b, v, n);
	if (!w->r)
		return;
	weir_get_doubles(w->r, v, n);
	for (size_t i = 0; i < n; i++)
		if (!isfinite(v[i]))
			w->r->bad = true;
}

static void words_of(struct walk *w, uint64_t *v, size_t n)
{
	for (size_t i = 0; i < n && !w->err; i++) {
		if (w->b)
			w->err = weir_put_u64(w->b, v[i]);
		else
			v[i] = weir_get_u64(w->r);
	}
}

static void halves(struct walk *w, uint32_t *v, size_t n)
{
	for (size_t i = 0; i < n && !w->err; i++) {
		if (w->b)
			w->err = weir_put_u32(w->b, v[i]);
		else
			v[i] = weir_get_u32(w->r);
	}
}

static void floats(struct walk *w, float *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double wide = (double)v[i];

		doubles(w, &wide, 1);
		v[i] = (float)fmax(-FLT_MAX, fmin(FLT_MAX, wide));
	}
}

static void shorts(struct walk *w, uint16_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t wide = v[i];

		halves(w, &wide, 1);
		v[i] = (uint16_t)wide;
	}
}

static void bytes(struct walk *w, uint8_t *v, size_t n)
{
	if (w->b && !w->err)
		w->err = weir_buf_add(w->b, v, n);
	if (!w->r || (w->r->bad |= (size_t)(w->r->end - w->r->at) < n))
		return;
	memcpy(v, w->r->at, n);
	w->r->at += n;
}

static void vectors(struct walk *w, detect_v4 *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float wide[4];

		memcpy(wide, &v[i], sizeof(wide));
		floats(w, wide, 4);
		memcpy(&v[i], wide, sizeof(wide));
	}
}

static void walk_tail(struct walk *w, struct detect_tail *t)
{
	floats(w, t->count, WEIR_ARRAY_SIZE(t->count));
	floats(w, t->group, WEIR_ARRAY_SIZE(t->group));
	floats(w, &t->total, 1);
	floats(w, &t->unit, 1);
	floats(w, &t->largest, 1);
}

static void walk_memory(struct walk *w, struct detect_memory *m)
{
	for (size_t i = 0; i < DETECT_SLOTS; i++) {
		shorts(w, &m->slot[i].tag, 1);
		shorts(w, &m->slot[i].count, 1);
	}
	halves(w, (uint32_t *)m->before, DETECT_DEPTH);
	floats(w, &m->surprise, 1);
}

static void walk_gate(struct walk *w, struct detect_gate *g)
{
	words_of(w, (uint64_t *)&g->last_s, 1);
	words_of(w, (uint64_t *)&g->ahead_s, 1);
	floats(w, g->near, DETECT_NEAR);
	floats(w, &g->zero, 1);
	floats(w, &g->spread, 1);
	floats(w, &g->size, 1);
	floats(w, &g->faults, 1);
	floats(w, &g->odds, 1);
	floats(w, &g->suspect, 1);
	halves(w, &g->n, 1);
	halves(w, &g->wild, 1);
	halves(w, &g->told, 1);
	halves(w, &g->faulty, 1);
	halves(w, &g->backward, 1);
}

static void walk_parts(struct walk *w, struct weir_detect *d)
{
	vectors(w, &d->linear.lag, 1);
	vectors(w, d->linear.weight, WEIR_ARRAY_SIZE(d->linear.weight));
	vectors(w, d->linear.cov, WEIR_ARRAY_SIZE(d->linear.cov));
	floats(w, &d->linear.expected, 1);
	vectors(w, d->lstm.h, WEIR_ARRAY_SIZE(d->lstm.h));
	vectors(w, d->lstm.c, WEIR_ARRAY_SIZE(d->lstm.c));
	vectors(w, d->lstm.weight, WEIR_ARRAY_SIZE(d->lstm.weight));
	vectors(w, d->lstm.cov, WEIR_ARRAY_SIZE(d->lstm.cov));
	floats(w, &d->lstm.last, 1);
	floats(w, &d->lstm.expected, 1);
	bytes(w, &d->shape.box[0][0], sizeof(d->shape.box));
	floats(w, d->shape.share, DETECT_BOXES);
	halves(w, d->shape.used, DETECT_BOXES);
	halves(w, &d->shape.boxes, 1);
	floats(w, d->shape.ring, WEIR_ARRAY_SIZE(d->shape.ring));
	bytes(w, d->shape.code, sizeof(d->shape.code));
	doubles(w, &d->shape.sum, 1);
}

static void walk_drift(struct walk *w, struct weir_detect *d)
{
	struct weir_drift *m = &d->drift;
	struct weir_adwin *e = &d->error;

	halves(w, &m->n, 1);
	doubles(w, &m->mean, 1);
	doubles(w, &m->square, 1);
	doubles(w, &m->cross, 1);
	doubles(w, &m->before, 1);
	words_of(w, (uint64_t *)&m->since_s, 1);
	doubles(w, &m->up, 1);
	doubles(w, &m->down, 1);
	halves(w, &m->rising, 1);
	halves(w, &m->falling, 1);
	doubles(w, &m->from, 1);
	doubles(w, &m->to, 1);
	halves(w, &m->late, 1);
	doubles(w, &e->sum[0][0], sizeof(e->sum) / sizeof(double));
	doubles(w, &e->square[0][0], sizeof(e->square) / sizeof(double));
	halves(w, e->used, WEIR_ADWIN_ROWS);
	doubles(w, &e->n, 1);
	doubles(w, &e->total, 1);
	doubles(w, &e->total_square, 1);
	words_of(w, &e->seen, 1);
	doubles(w, &e->delta, 1);
	doubles(w, &d->error_before, 1);
	halves(w, (uint32_t *)&d->moved, 1);
	halves(w, &d->worse, 1);
}

static void walk_week(struct walk *w, struct detect_week *k)
{
	words_of(w, (uint64_t *)&k->first_s, 1);
	floats(w, &k->mean, 1);
	halves(w, &k->known, 1);
	floats(w, k->usual, DETECT_SLOTS_WEEK);
	bytes(w, k->seen, DETECT_SLOTS_WEEK);
}

static void walk_detect(struct walk *w, struct weir_detect *d)
{
	words_of(w, &d->n, 1);
	halves(w, &d->warm, 1);
	halves(w, &d->flags, 1);
	doubles(w, &d->middle, 1);
	doubles(w, &d->scale, 1);
	floats(w, &d->mean, 1);
	floats(w, &d->deviation, 1);
	floats(w, &d->few, 1);
	floats(w, &d->many, 1);
	floats(w, &d->variance, 1);
	floats(w, d->usual, DETECT_PHASES);
	floats(w, d->usual_y, DETECT_PHASES);
	shorts(w, d->seen, DETECT_PHASES);
	doubles(w, &d->judge.held, 1);
	doubles(w, &d->judge.onsets, 1);
	doubles(w, &d->judge.strangeness, 1);
	floats(w, d->judge.rare, WEIR_DETECT_COMPONENTS);
	floats(w, &d->z, 1);
	floats(w, d->strange, WEIR_DETECT_COMPONENTS);
	floats(w, d->likely, WEIR_DETECT_COMPONENTS);
	floats(w, d->expected, WEIR_DETECT_COMPONENTS);
	floats(w, d->unit, WEIR_DETECT_COMPONENTS);
	walk_drift(w, d);
	walk_week(w, &d->week);
	walk_gate(w, &d->gate);
	walk_parts(w, d);
	for (size_t i = 0; i < WEIR_DETECT_COMPONENTS; i++)
		walk_tail(w, &d->tail[i]);
	if (d->warm < WEIR_DETECT_WARM) {
		doubles(w, d->first.value, WEIR_DETECT_WARM);
		words_of(w, (uint64_t *)d->first.time, WEIR_DETECT_WARM);
	} else {
		walk_memory(w, &d->memory);
	}
}

static int detect_pack(const void *state, struct weir_buf *b)
{
	const struct detectors *m = state;
	struct walk w = {.b = b, .err = weir_put_u32(b, (uint32_t)m->count)};

	for (size_t i = 0; i < m->count && !w.err; i++)
		walk_detect(&w, m->one[i]);
	return w.err;
}

static int detect_unpack(struct weir_reader *r, void **ret_state)
{
	size_t count = weir_get_count(r, SERIES_MAX);
	struct walk w = {.r = r};
	struct detectors *m;

	if (r->bad || !count || (size_t)(r->end - r->at) / count < sizeof(struct weir_detect) / 2)
		return -EBADMSG;
	m = detectors_new(count);
	if (!m)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct weir_detect *d = m->one[i];

		walk_detect(&w, d);
		if (!weir_adwin_whole(&d->error) || d->warm > WEIR_DETECT_WARM || d->shape.boxes > DETECT_BOXES || !(d->scale >= 0))
			r->bad = true;
	}
	if (r->bad) {
		detectors_free(m);
		return -EBADMSG;
	}
	*ret_state = m;
	return 0;
}

const struct weir_model_ops weir_model_detect = {
	.name = "detect",
	.about = "seven components that watch a series as it comes, and one score",
	.limits = "A season of a week or a month is an anomaly until it has been seen; bursts of heavy-tailed counts are most of the false "
		  "alarms, a lone value of 100 times the last ones is told when it stays, and the first 120 values are taken for usual.",
	.version = 4,
	.fit = detect_fit,
	.update = detect_update,
	.score = detect_score_rows,
	.explain = detect_explain,
	.pack = detect_pack,
	.unpack = detect_unpack,
	.free = detectors_free,
};
