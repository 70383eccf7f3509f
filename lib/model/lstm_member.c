/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/lstm_member.h"

#define VALUES_MIN 4 /* times the network's weights */

void weir_lstm_member_fini(struct weir_lstm_member *m)
{
	weir_lstm_net_fini(&m->net);
	free(m->one);
	free(m->said);
	*m = (struct weir_lstm_member){0};
}

static int learn(struct weir_lstm_member *m, uint64_t seed)
{
	struct weir_random random = weir_random_of(seed);

	weir_lstm_net_seed(&m->net, &random);
	return weir_lstm_train(&m->net, &m->set, true, &weir_lstm_brief, &random);
}

int weir_lstm_member_init(struct weir_lstm_member *m, const struct weir_pool_task *t, size_t count, uint64_t seed)
{
	struct weir_lstm_shape shape = weir_lstm_shape_of(t->calendar, t->horizon);
	size_t values = 0, origins = 0;
	int r;

	shape.units = WEIR_LSTM_MEMBER_UNITS;
	*m = (struct weir_lstm_member){.task = t, .group = SIZE_MAX, .one = calloc(count, sizeof(*m->one))};
	m->said = calloc(WEIR_LSTM_MEMBER_GROUP * (WEIR_POOL_ORIGINS + 1) * t->horizon, sizeof(*m->said));
	m->set = (struct weir_lstm_set){weir_lstm_view_of(t->calendar), m->one, count};
	if (!m->one || !m->said)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		m->one[i] = (struct weir_lstm_past){t[i].y, t[i].v, t[i].n, t[i].cut};
		values += t[i].cut;
		origins += t[i].origins;
	}
	r = weir_lstm_net_init(&m->net, &shape);
	if (!r && origins && values >= VALUES_MIN * m->net.count)
		return learn(m, seed);
	weir_lstm_member_fini(m);
	return r;
}

static double *said_of(const struct weir_lstm_member *m, size_t which, size_t origin)
{
	return m->said + (which % WEIR_LSTM_MEMBER_GROUP * (WEIR_POOL_ORIGINS + 1) + origin) * m->task->horizon;
}

static void note(struct weir_lstm_walk *w, size_t which, size_t known, const struct weir_lstm_seen *seen, const float *out,
		 const float *h, const float *c)
{
	const struct weir_lstm_member *m = w->user;
	const struct weir_pool_task *t = m->task + m->group + which;
	size_t outputs = m->net.shape.outputs, season = m->set.view.season[0];
	double *said = said_of(m, which, (known - t->cut) / t->gap);

	(void)h;
	(void)c;
	for (size_t k = 0; k < outputs; k++)
		said[k] = seen->level + seen->scale * (double)out[k];
	for (size_t k = outputs; k < t->horizon; k++) {
		if (k >= season)
			said[k] = said[k - season];
		else
			said[k] = known + k >= season ? t->y[known + k - season] : seen->level;
	}
}

int weir_lstm_member_ask(struct weir_lstm_member *m, size_t which, const double **ret)
{
	size_t group = which - which % WEIR_LSTM_MEMBER_GROUP;
	struct weir_lstm_walk w = {.see = note, .from_cut = true, .user = m};
	int r = 0;

	*ret = NULL;
	if (!m->said || !m->task[which].origins)
		return 0;
	if (m->group != group) {
		struct weir_lstm_set part = {m->set.view, m->one + group, WEIR_MIN(m->set.count - group, (size_t)WEIR_LSTM_MEMBER_GROUP)};

		m->group = group;
		w.every = m->task[which].gap;
		r = weir_lstm_walk(&m->net, &part, &w);
	}
	*ret = said_of(m, which, 0);
	return r;
}
