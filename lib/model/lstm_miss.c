/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/lstm_train.h"

#include <math.h>

#include "lib/model/stat.h"

#define GROWTH_PRIOR 4.0 /* series' worth of no growth at all */
#define GROWTH_MIN 0.05
#define WIDTH_ANY 2.0 /* scales, when nothing was measured */

/* Misses of a group of series: `origins` times outputs of each, NaN where nothing was measured. */
struct misses {
	const struct weir_lstm_set *set;
	size_t outputs, origins;
	double *miss, *room;
};

static void misses_fini(struct misses *m)
{
	free(m->miss);
	free(m->room);
}

static size_t one_of(const struct misses *m)
{
	return m->origins * m->outputs;
}

static void take(struct weir_lstm_walk *w, size_t which, size_t known, const struct weir_lstm_seen *seen, const float *out,
		 const float *h, const float *c)
{
	const struct misses *m = w->user;
	const struct weir_lstm_past *p = &m->set->one[which];
	double *miss = m->miss + which * one_of(m) + (known - p->cut) * m->outputs;

	(void)h;
	(void)c;
	for (size_t k = 0; k < m->outputs; k++)
		miss[k] = known + k < p->n && !isnan(p->v[known + k]) ?
				  fabs((p->y[known + k] - seen->level) / seen->scale - (double)out[k]) : NAN;
}

/* sum and known, of each output: each series' misses in units of their mean. */
static void add_growth(const struct misses *m, const double *miss, double *sum, double *known)
{
	double mean = 0, there = 0;

	for (size_t i = 0; i < one_of(m); i++)
		if (!isnan(miss[i])) {
			mean += miss[i];
			there++;
		}
	for (size_t i = 0; i < one_of(m) && mean > 0; i++)
		if (!isnan(miss[i])) {
			sum[i % m->outputs] += miss[i] / mean * there;
			known[i % m->outputs]++;
		}
}

static double width_of(const struct misses *m, const double *miss, double coverage, const double *growth)
{
	size_t n = 0;

	for (size_t i = 0; i < one_of(m); i++)
		if (!isnan(miss[i]))
			m->room[n++] = miss[i] / growth[i % m->outputs];
	return n ? fmin(fmax(weir_quantile_up(m->room, n, coverage), WEIR_LSTM_WIDTH_MIN), WEIR_LSTM_WIDTH_MAX) : WIDTH_ANY;
}

/* All series of the set, group by group; what is missed in a group stands in m until the next. */
static int each_group(const struct weir_lstm_net *n, const struct weir_lstm_set *s, struct misses *m,
		      int (*group)(struct misses *m, size_t first, void *user), void *user)
{
	int r = 0;

	for (size_t i = 0; i < s->count && !r; i += WEIR_LSTM_BATCH) {
		struct weir_lstm_set part = {s->view, s->one + i, WEIR_MIN(s->count - i, (size_t)WEIR_LSTM_BATCH)};
		struct weir_lstm_walk w = {.see = take, .from_cut = true, .user = m};

		m->set = &part;
		for (size_t k = 0; k < part.count * one_of(m); k++)
			m->miss[k] = NAN;
		r = weir_lstm_walk(n, &part, &w);
		r = r ? r : group(m, i, user);
	}
	return r;
}

struct result {
	double coverage, *growth, *width, *sum, *known;
};

static int grow(struct misses *m, size_t first, void *user)
{
	struct result *res = user;

	(void)first;
	for (size_t b = 0; b < m->set->count; b++)
		add_growth(m, m->miss + b * one_of(m), res->sum, res->known);
	return 0;
}

static int widen(struct misses *m, size_t first, void *user)
{
	struct result *res = user;

	for (size_t b = 0; b < m->set->count; b++)
		res->width[first + b] = width_of(m, m->miss + b * one_of(m), res->coverage, res->growth);
	return 0;
}

int weir_lstm_misses(const struct weir_lstm_net *n, const struct weir_lstm_set *s, double coverage, double *growth,
		     double *width)
{
	weir_cleanup(misses_fini) struct misses m = {.outputs = n->shape.outputs};
	weir_auto_free double *sums = malloc(2 * n->shape.outputs * sizeof(*sums));
	struct result res = {coverage, growth, width, sums, sums + n->shape.outputs};
	int r;

	for (size_t i = 0; i < s->count; i++)
		m.origins = WEIR_MAX(m.origins, s->one[i].n - s->one[i].cut + 1);
	m.miss = malloc(WEIR_MIN(s->count, (size_t)WEIR_LSTM_BATCH) * one_of(&m) * sizeof(*m.miss));
	m.room = malloc(one_of(&m) * sizeof(*m.room));
	if (!sums || !m.miss || !m.room)
		return -ENOMEM;
	for (size_t k = 0; k < m.outputs; k++)
		res.sum[k] = res.known[k] = GROWTH_PRIOR;
	r = each_group(n, s, &m, grow, &res);
	for (size_t k = 0; k < m.outputs; k++)
		growth[k] = fmax(res.sum[k] / res.known[k], GROWTH_MIN);
	return r ? r : each_group(n, s, &m, widen, &res);
}
