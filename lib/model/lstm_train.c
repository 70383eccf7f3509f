/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Learning goes by chains: up to 64 places in series, at random, from which the network runs on for WEIR_LSTM_CHAIN steps, its
 * state carried from chunk to chunk; each chunk is one step down the gradient. Each series is met as often as any other.
 */
#include "lib/model/lstm_train.h"

#include <assert.h>
#include <math.h>

#define CHUNK 48	/* steps that gradients reach back */
#define CHAINS_MIN 8
#define NORM 0.5f	/* of a gradient at most */

const struct weir_lstm_effort weir_lstm_whole = {.passes = 30, .chunks_min = 200, .chunks_max = 2400, .chain = CHUNK,
						 .chains_max = WEIR_LSTM_BATCH, .every = 1, .rate = 6e-3f};
/* Of any set 200 steps. */
const struct weir_lstm_effort weir_lstm_brief = {.chunks_min = 200, .chunks_max = 200, .chain = WEIR_LSTM_CHAIN,
						 .chains_max = 32, .every = 12, .rate = 4e-2f};

struct training {
	const struct weir_lstm_set *set;
	bool at_cut;
	const struct weir_lstm_effort *effort;
	struct weir_random *random;
	struct weir_lstm_run run;
	struct weir_lstm_learner learner;
	size_t which[WEIR_LSTM_BATCH], at[WEIR_LSTM_BATCH];
};

static void training_fini(struct training *t)
{
	weir_lstm_run_fini(&t->run);
	weir_lstm_learner_fini(&t->learner);
}

static size_t limit_of(const struct training *t, size_t which)
{
	return t->at_cut ? t->set->one[which].cut : t->set->one[which].n;
}

/* What is seen, of series `which` when `known` values are, becomes a row; a row of nothing when there is none to see. */
static struct weir_lstm_seen see_row(const struct weir_lstm_set *s, struct weir_lstm_run *r, size_t row, size_t which, size_t known,
				     bool says)
{
	const struct weir_lstm_past *p = &s->one[which];
	float *x = r->x + row * r->shape.inputs, *base = r->base + row * r->shape.bases * r->shape.outputs;
	struct weir_lstm_seen seen = weir_lstm_look(&s->view, p->y, known, x);

	if (says)
		weir_lstm_bases(&s->view, p->y, known, &seen, r->shape.outputs, base);
	return seen;
}

static void teach_row(struct training *t, size_t step, size_t b)
{
	const struct weir_lstm_past *p = &t->set->one[t->which[b]];
	size_t row = step * t->run.batch + b, known = t->at[b]++, limit = limit_of(t, t->which[b]), outputs = t->run.shape.outputs;
	float *target = t->run.target + row * outputs;
	bool says = (step + 1) % t->effort->every == 0;
	struct weir_lstm_seen seen;

	for (size_t h = 0; h < outputs; h++)
		target[h] = NAN;
	if (known >= limit)
		return; /* what stands in the row is of an earlier one, and teaches nothing */
	seen = see_row(t->set, &t->run, row, t->which[b], known, says);
	for (size_t h = 0; h < outputs && known + h < limit && says; h++)
		if (!isnan(p->v[known + h]))
			target[h] = weir_lstm_near(p->y[known + h], &seen);
}

static void begin_chains(struct training *t)
{
	size_t state = t->run.batch * t->run.shape.units;

	memset(t->run.h, 0, state * sizeof(float));
	memset(t->run.c, 0, state * sizeof(float));
	for (size_t b = 0; b < t->run.batch; b++) {
		size_t limit, first;

		do
			t->which[b] = weir_random_below(t->random, t->set->count);
		while ((limit = limit_of(t, t->which[b])) < 2);
		first = WEIR_MAX(WEIR_MIN(t->set->view.keep, limit / 2), 1u);
		t->at[b] = first + weir_random_below(t->random, limit - first);
	}
}

/* How often and by how many chains at a time is learnt from a set. */
static size_t chunks_of(const struct training *t, size_t *ret_chains)
{
	const struct weir_lstm_effort *e = t->effort;
	size_t points = 0;

	for (size_t i = 0; i < t->set->count; i++)
		points += limit_of(t, i) >= 2 ? limit_of(t, i) : 0;
	*ret_chains = WEIR_MIN(WEIR_MAX(points / e->chain, (size_t)CHAINS_MIN), e->chains_max);
	if (!points)
		return 0;
	return WEIR_MIN(WEIR_MAX(points * e->passes / (CHUNK * *ret_chains), e->chunks_min), e->chunks_max);
}

int weir_lstm_train(struct weir_lstm_net *n, const struct weir_lstm_set *s, bool at_cut, const struct weir_lstm_effort *effort,
		    struct weir_random *random)
{
	weir_cleanup(training_fini) struct training t = {.set = s, .at_cut = at_cut, .effort = effort, .random = random};
	size_t chains, chunks = chunks_of(&t, &chains);
	int r = weir_lstm_run_init(&t.run, &n->shape, chains, CHUNK, true);

	r = r ? r : weir_lstm_learner_init(&t.learner, n);
	t.learner.norm = NORM;
	t.run.every = effort->every;
	for (size_t i = 0; i < chunks && !r; i++) {
		double done = (double)i / (double)chunks;

		if (i % (WEIR_LSTM_CHAIN / CHUNK) == 0)
			begin_chains(&t);
		for (size_t step = 0; step < CHUNK; step++)
			for (size_t b = 0; b < chains; b++)
				teach_row(&t, step, b);
		weir_lstm_gradient(n, &t.run, CHUNK, &t.learner);
		t.learner.rate = effort->rate * (float)(0.01 + 0.99 * 0.5 * (1 + cos(M_PI * done)));
		weir_lstm_learn(n, &t.learner);
		weir_lstm_carry(&t.run, CHUNK);
	}
	return r;
}

static bool is_seen(const struct weir_lstm_walk *w, const struct weir_lstm_past *p, size_t known)
{
	size_t from = w->from_cut ? WEIR_MAX(p->cut, 1u) : p->n;

	return known <= p->n && known >= from && (!w->every || (known - from) % w->every == 0);
}

static void walk_on(const struct weir_lstm_net *n, const struct weir_lstm_set *s, struct weir_lstm_run *r,
		    struct weir_lstm_walk *w, size_t *known)
{
	struct weir_lstm_seen seen[WEIR_LSTM_BATCH];
	bool any = false;

	for (size_t b = 0; b < s->count; b++) {
		bool is = is_seen(w, &s->one[b], known[b]);

		seen[b] = see_row(s, r, b, b, WEIR_MIN(known[b], s->one[b].n), is);
		any = any || is;
	}
	weir_lstm_forward(n, r, 1);
	if (any)
		weir_lstm_head(n, r, 1);
	for (size_t b = 0; b < s->count; b++, known++) {
		float h[WEIR_LSTM_UNITS], c[WEIR_LSTM_UNITS];

		for (size_t k = 0; k < n->shape.units; k++) {
			h[k] = r->h[r->stride + k * r->batch + b];
			c[k] = r->c[(n->shape.units + k) * r->batch + b];
		}
		if (is_seen(w, &s->one[b], *known))
			w->see(w, b, *known, &seen[b], r->out + b * n->shape.outputs, h, c);
		++*known;
	}
	weir_lstm_carry(r, 1);
}

int weir_lstm_walk(const struct weir_lstm_net *n, const struct weir_lstm_set *s, struct weir_lstm_walk *w)
{
	weir_cleanup(weir_lstm_run_fini) struct weir_lstm_run run = {0};
	size_t known[WEIR_LSTM_BATCH], steps = 0;
	int r = weir_lstm_run_init(&run, &n->shape, s->count, 1, false);

	assert(s->count <= WEIR_LSTM_BATCH && n->shape.units <= WEIR_LSTM_UNITS);
	for (size_t b = 0; b < s->count; b++) {
		const struct weir_lstm_past *p = &s->one[b];
		size_t seen = w->from_cut ? p->cut : p->n;

		known[b] = seen > WEIR_LSTM_CHAIN ? seen - WEIR_LSTM_CHAIN : 1;
		steps = WEIR_MAX(steps, p->n + 1 - known[b]);
	}
	for (size_t t = 0; t < steps && !r; t++)
		walk_on(n, s, &run, w, known);
	return r;
}
