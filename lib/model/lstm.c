/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LSTM as a row of the table: what is done with a fitted one (lstm_state.h, lstm_fit.c).
 *
 * An interval is the quantile of a series' own misses, in scales and divided by how misses grow with the horizon in the whole
 * set; with each value that arrives it widens or narrows by whether that was covered (quantile tracking: Angelopoulos, Candes,
 * Tibshirani 2023). A score is the error of one step in units of that interval.
 */
#include <math.h>

#include "lib/model/lstm_state.h"
#include "lib/model/transform.h"

#define TRACK_RATE 0.02 /* of the logarithm of a width, for a miss */
#define ROOM 0.5	/* of the range of what is kept: a forecast may leave it by so much */

/* What a series comes to, apart from its place in a model: who looks ahead has a copy. */
struct cursor {
	const struct weir_lstm *m;
	struct weir_lstm_one one;
	double *past;
	struct weir_lstm_run run; /* of one sequence, its h and c those of now */
	struct weir_lstm_seen seen;
};

static void cursor_fini(struct cursor *c)
{
	weir_lstm_run_fini(&c->run);
	free(c->past);
}
#define auto_cursor weir_cleanup(cursor_fini) struct cursor

static int cursor_init(struct cursor *c, const struct weir_lstm *m, size_t which)
{
	size_t units = m->net.shape.units;
	int r = weir_lstm_run_init(&c->run, &m->net.shape, 1, 1, false);

	c->m = m;
	c->one = m->one[which];
	c->past = malloc(m->view.keep * sizeof(*c->past));
	if (r || !c->past)
		return -ENOMEM;
	memcpy(c->past, weir_lstm_kept(m, which), m->view.keep * sizeof(*c->past));
	memcpy(c->run.h + c->run.stride, weir_lstm_state(m, which), units * sizeof(float)); /* step 1: behind what is known */
	memcpy(c->run.c + units, weir_lstm_state(m, which) + units, units * sizeof(float));
	return 0;
}

/* All outputs behind what is known, by the state that stands at step 1. */
static void look_ahead(struct cursor *c)
{
	const struct weir_lstm *m = c->m;
	const double *y = c->past + m->view.keep - c->one.known;

	c->seen = weir_lstm_look(&m->view, y, c->one.known, c->run.x);
	weir_lstm_bases(&m->view, y, c->one.known, &c->seen, m->net.shape.outputs, c->run.base);
	weir_lstm_head(&m->net, &c->run, 1);
	c->one.scale = c->seen.scale;
	c->one.next = c->seen.level + c->seen.scale * (double)c->run.out[0];
}

/* One more value is known. */
static void push(struct cursor *c, double y)
{
	size_t keep = c->m->view.keep;

	memmove(c->past, c->past + 1, (keep - 1) * sizeof(*c->past));
	c->past[keep - 1] = y;
	c->one.known = (uint32_t)WEIR_MIN(c->one.known + 1, keep);
	weir_lstm_carry(&c->run, 1);
	weir_lstm_look(&c->m->view, c->past + keep - c->one.known, c->one.known, c->run.x);
	weir_lstm_forward(&c->m->net, &c->run, 1);
}

/* One value more of a series: its score, and what is known then. A missing one is taken to be as it was forecast. */
static double advance(struct cursor *c, double v)
{
	const struct weir_lstm *m = c->m;
	struct weir_transform t = {.log = c->one.log, .shift = c->one.shift};
	double y = isfinite(v) ? weir_transform(&t, v) : c->one.next, score = 0;

	y = fmin(fmax(y, -WEIR_LSTM_VALUE_MAX), WEIR_LSTM_VALUE_MAX);
	if (isfinite(v)) {
		score = fabs(y - c->one.next) / (c->one.width * m->growth[0] * c->one.scale);
		c->one.width *= exp(TRACK_RATE * ((score > 1) - (1 - m->coverage)));
		c->one.width = fmin(fmax(c->one.width, WEIR_LSTM_WIDTH_MIN), WEIR_LSTM_WIDTH_MAX);
	}
	push(c, y);
	look_ahead(c);
	return score;
}

static int go_on(struct weir_lstm *m, size_t which, const struct weir_rows *rows, double *ret)
{
	auto_cursor c = {0};
	size_t units = m->net.shape.units;
	int r;

	if (which >= m->count || rows->width != 1)
		return -EINVAL;
	r = cursor_init(&c, m, which);
	if (r)
		return r;
	for (size_t i = 0; i < rows->n; i++) {
		double score = advance(&c, rows->v[i]);

		if (ret)
			ret[i] = score;
	}
	m->one[which] = c.one;
	memcpy(weir_lstm_kept(m, which), c.past, m->view.keep * sizeof(*c.past));
	memcpy(weir_lstm_state(m, which), c.run.h + c.run.stride, units * sizeof(float));
	memcpy(weir_lstm_state(m, which) + units, c.run.c + units, units * sizeof(float));
	return 0;
}

static int lstm_update(void *state, size_t which, const struct weir_rows *rows)
{
	return go_on(state, which, rows, NULL);
}

static int lstm_score(void *state, size_t which, const struct weir_rows *rows, double *ret)
{
	return go_on(state, which, rows, ret);
}

/* The guard rail: of what is kept, transformed. */
static void range_of(const struct weir_lstm *m, const struct cursor *c, double *low, double *high)
{
	const double *y = c->past + m->view.keep - c->one.known;
	double room;

	*low = *high = y[0];
	for (size_t i = 1; i < c->one.known; i++) {
		*low = fmin(*low, y[i]);
		*high = fmax(*high, y[i]);
	}
	room = ROOM * (*high - *low);
	*low -= room;
	*high += room;
}

/* A step: its mean, interval and parts. Each part is what it adds to those before it, in the series' units. */
static double say(const struct cursor *c, size_t ahead, size_t step, const double *range, struct weir_forecast *f)
{
	const struct weir_lstm *m = c->m;
	const struct weir_lstm_shape *s = &m->net.shape;
	struct weir_transform t = {.log = c->one.log, .shift = c->one.shift};
	double y = c->seen.level + c->seen.scale * (double)c->run.out[ahead], sum = c->seen.level;
	double before = weir_transform_back(&t, sum);
	double width = c->one.width * m->growth[WEIR_MIN(step, s->outputs - 1)] * c->seen.scale;

	y = fmin(fmax(y, range[0]), range[1]);
	if (step >= s->outputs)
		width *= sqrt((double)(step + 1) / (double)s->outputs);
	f->mean[step] = weir_transform_back(&t, y);
	f->lower[step] = weir_transform_back(&t, y - width);
	f->upper[step] = weir_transform_back(&t, y + width);
	f->part[WEIR_PART_TREND][step] = before;
	for (size_t k = 0; k < s->bases; k++) {
		double now;

		sum += c->seen.scale * (double)(m->net.a[k * s->outputs + ahead] * c->run.base[k * s->outputs + ahead]);
		now = weir_transform_back(&t, sum);
		f->part[k ? WEIR_PART_WEEK : WEIR_PART_DAY][step] = now - before;
		before = now;
	}
	return y;
}

static int lstm_predict(const void *state, size_t which, struct weir_forecast *f)
{
	const struct weir_lstm *m = state;
	auto_cursor c = {0};
	double range[2];
	int r;

	if (which >= m->count)
		return -EINVAL;
	r = cursor_init(&c, m, which);
	if (r)
		return r;
	range_of(m, &c, &range[0], &range[1]);
	for (size_t step = 0; step < f->horizon; ) {
		double y[WEIR_LSTM_AHEAD];
		size_t n = WEIR_MIN(f->horizon - step, m->net.shape.outputs);

		look_ahead(&c);
		for (size_t k = 0; k < n; k++)
			y[k] = say(&c, k, step + k, range, f);
		step += n;
		for (size_t k = 0; k < n && step < f->horizon; k++)
			push(&c, y[k]);
	}
	weir_forecast_close(f);
	return 0;
}

/* What the network itself says is the remainder. */
static int lstm_explain(const void *state, size_t which, const struct weir_rows *rows, struct weir_explain *ret)
{
	return weir_forecast_explain(lstm_predict, state, which, rows, ret);
}

const struct weir_model_ops weir_model_lstm = {
	.name = "lstm",
	.about = "a recurrent network, one for all series of a set, a state for each",
	.limits = "It costs some hundred times the linear map and seldom beats it; a pattern unlike all that it was taught is followed only as far "
		  "as the level goes, and after a long gap it knows but its own echo.",
	.version = 2,
	.fit = weir_lstm_fit,
	.update = lstm_update,
	.predict = lstm_predict,
	.score = lstm_score,
	.explain = lstm_explain,
	.pack = weir_lstm_pack,
	.unpack = weir_lstm_unpack,
	.free = weir_lstm_free,
};
