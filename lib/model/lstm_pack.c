/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An LSTM's own part of a model file: u32 series, outputs, seasons and each; double coverage, of each output its growth; the weights as
 * floats, in their order (lstm_net.h); and of each series u32 log, values known, doubles shift, width, next, scale, the values that are
 * kept, floats h and c.
 */
#include <math.h>

#include "lib/model/lstm_state.h"

#define WEIGHT_MAX 1e4f /* of a network that can have been learnt */

void weir_lstm_free(void *state)
{
	struct weir_lstm *m = state;

	if (!m)
		return;
	weir_lstm_net_fini(&m->net);
	free(m->growth);
	free(m->one);
	free(m->past);
	free(m->state);
	free(m);
}

struct weir_lstm *weir_lstm_new(const struct weir_calendar *c, size_t count, size_t horizon)
{
	struct weir_lstm_shape shape = weir_lstm_shape_of(c, horizon);
	weir_auto_lstm *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->view = weir_lstm_view_of(c);
	m->count = count;
	m->growth = malloc(shape.outputs * sizeof(*m->growth));
	m->one = calloc(count, sizeof(*m->one));
	m->past = calloc(count * m->view.keep, sizeof(*m->past));
	m->state = calloc(count * 2 * shape.units, sizeof(*m->state));
	if (!m->growth || !m->one || !m->past || !m->state || weir_lstm_net_init(&m->net, &shape))
		return NULL;
	return weir_take_ptr(m);
}

static int put_floats(struct weir_buf *b, const float *v, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		uint32_t bits;

		memcpy(&bits, &v[i], sizeof(bits));
		r = weir_put_u32(b, bits);
	}
	return r;
}

/* Floats that a network can bear; false, and the reader bad, when one is none. */
static bool get_floats(struct weir_reader *r, float *ret, size_t n)
{
	for (size_t i = 0; i < n && !r->bad; i++) {
		uint32_t bits = weir_get_u32(r);

		memcpy(&ret[i], &bits, sizeof(bits));
		if (!(fabsf(ret[i]) <= WEIGHT_MAX))
			r->bad = true;
	}
	return !r->bad;
}

static int put_one(const struct weir_lstm *m, size_t i, struct weir_buf *b)
{
	const struct weir_lstm_one *o = &m->one[i];
	int r = weir_put_u32(b, o->log);

	r = r ? r : weir_put_u32(b, o->known);
	r = r ? r : weir_put_doubles(b, (double[]){o->shift, o->width, o->next, o->scale}, 4);
	r = r ? r : weir_put_doubles(b, weir_lstm_kept(m, i), m->view.keep);
	return r ? r : put_floats(b, weir_lstm_state(m, i), 2 * m->net.shape.units);
}

static bool get_one(struct weir_lstm *m, size_t i, struct weir_reader *r)
{
	struct weir_lstm_one *o = &m->one[i];
	double d[4];

	o->log = (uint32_t)weir_get_count(r, 1);
	o->known = (uint32_t)weir_get_count(r, m->view.keep);
	if (!weir_get_doubles(r, d, 4) || !weir_get_doubles(r, weir_lstm_kept(m, i), m->view.keep) ||
	    !get_floats(r, weir_lstm_state(m, i), 2 * m->net.shape.units))
		return false;
	o->shift = d[0];
	o->width = d[1];
	o->next = d[2];
	o->scale = d[3];
	for (size_t k = 0; k < m->view.keep; k++)
		if (!(fabs(weir_lstm_kept(m, i)[k]) <= WEIR_LSTM_VALUE_MAX))
			return false;
	return o->known > 0 && o->shift >= 0 && o->shift <= WEIR_LSTM_VALUE_MAX && o->width >= WEIR_LSTM_WIDTH_MIN &&
	       o->width <= WEIR_LSTM_WIDTH_MAX && isfinite(o->next) && o->scale > 0 && isfinite(o->scale);
}

int weir_lstm_pack(const void *state, struct weir_buf *b)
{
	const struct weir_lstm *m = state;
	const struct weir_lstm_view *v = &m->view;
	int r = weir_put_u32(b, (uint32_t)m->count);

	r = r ? r : weir_put_u32(b, (uint32_t)m->net.shape.outputs);
	r = r ? r : weir_put_u32(b, v->season[0] > 1 ? (uint32_t)v->seasons : 0);
	for (size_t k = 0; k < v->seasons && v->season[0] > 1; k++)
		r = r ? r : weir_put_u32(b, (uint32_t)v->season[k]);
	r = r ? r : weir_put_double(b, m->coverage);
	r = r ? r : weir_put_doubles(b, m->growth, m->net.shape.outputs);
	r = r ? r : put_floats(b, m->net.w, m->net.count);
	for (size_t i = 0; i < m->count && !r; i++)
		r = put_one(m, i, b);
	return r;
}

static bool get_calendar(struct weir_reader *r, struct weir_calendar *c)
{
	c->seasons = weir_get_count(r, WEIR_LSTM_SEASONS);
	for (size_t k = 0; k < c->seasons; k++) {
		c->season[k] = (unsigned int)weir_get_count(r, WEIR_LSTM_PAST);
		if (c->season[k] < 2 || (k && c->season[k] <= c->season[k - 1]))
			return false;
	}
	return !r->bad;
}

int weir_lstm_unpack(struct weir_reader *r, void **ret_state)
{
	size_t count = weir_get_count(r, WEIR_SERIES_MAX), outputs = weir_get_count(r, WEIR_LSTM_AHEAD);
	struct weir_calendar c = {0};
	struct weir_lstm_view view;
	weir_auto_lstm *m = NULL;

	if (r->bad || !count || !outputs || !get_calendar(r, &c))
		return -EBADMSG;
	view = weir_lstm_view_of(&c);
	if ((size_t)(r->end - r->at) / (view.keep * sizeof(double)) < count)
		return -EBADMSG; /* before anything is made for so many */
	m = weir_lstm_new(&c, count, outputs);
	if (!m)
		return -ENOMEM;
	m->coverage = weir_get_double(r);
	if (!(m->coverage > 0 && m->coverage < 1) || !weir_get_doubles(r, m->growth, outputs) ||
	    !get_floats(r, m->net.w, m->net.count))
		return -EBADMSG;
	for (size_t k = 0; k < outputs; k++)
		if (!(m->growth[k] > 0 && m->growth[k] <= WEIR_LSTM_WIDTH_MAX))
			return -EBADMSG;
	for (size_t i = 0; i < count; i++)
		if (!get_one(m, i, r))
			return -EBADMSG;
	*ret_state = weir_take_ptr(m);
	return 0;
}
