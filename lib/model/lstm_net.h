/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recurrent network of one layer (long short-term memory: Hochreiter, Schmidhuber 1997; with a forget gate: Gers,
 * Schmidhuber, Cummins 2000) and a linear head, in floats, over a batch of sequences that step together:
 *
 *   i, f, o = sigmoid(Wx x + Wh h' + b), g = tanh(Wx x + Wh h' + b)        four blocks of `units` rows each
 *   c = f c' + i g,  h = o tanh(c)                                         c', h': of the step before
 *   out_j = V_j h + d_j + sum_k A_kj base_kj                               base: what is known to be near, unlearnt
 *
 * The loss is the mean over known targets of sqrt(e^2 + WEIR_LSTM_SOFT^2) - WEIR_LSTM_SOFT: absolute errors, smooth at 0.
 * Gradients by backpropagation through all steps of a run, learnt by Adam (Kingma, Ba 2015), the gradient's norm bounded.
 * Products are OpenBLAS's (blas.h), one a step: what a step needs stays in the caches, and the sequences of a batch, which lie
 * side by side, are its columns.
 */
#ifndef WEIR_MODEL_LSTM_NET_H
#define WEIR_MODEL_LSTM_NET_H

#include "lib/model/random.h"

#define WEIR_LSTM_SOFT 0.05f
#define WEIR_LSTM_GATES 4

struct weir_lstm_shape {
	size_t inputs, units, outputs, bases;
};

/* Weights, all of them in `w`, row by row: of each of 4 units those of Wh, of Wx and b, so that a step is one product; v, d, a (bases x outputs). */
struct weir_lstm_net {
	struct weir_lstm_shape shape;
	size_t count;
	float *w, *v, *d, *a;
};

/* Columns of Wh, Wx and b together. */
static inline size_t weir_lstm_width(const struct weir_lstm_shape *s)
{
	return s->units + s->inputs + 1;
}

/* Room, all 0. -ENOMEM. */
int weir_lstm_net_init(struct weir_lstm_net *n, const struct weir_lstm_shape *shape);
void weir_lstm_net_fini(struct weir_lstm_net *n);
/* Weights to begin with: small ones at random, forget gates open, the forecast the mean of the bases. */
void weir_lstm_net_seed(struct weir_lstm_net *n, struct weir_random *r);

/*
 * A run of at most `steps` steps of at most `batch` sequences. What is seen and said lies by rows: t * batch + b is step t of
 * sequence b. What is within lies by units: of each step a row a unit (gates: four blocks of them), a column a sequence; h and c have
 * one step more, step 0 what the run begins with. Who runs fills x, base and (to learn) target, NaN where it is not known.
 */
struct weir_lstm_run {
	struct weir_lstm_shape shape;
	size_t batch, steps;
	size_t every; /* the last of so many steps says something, and learns by its targets; the others are on the way there. 1 unless set */
	bool wide; /* by vectors of eight: where the processor has them; without, the same to the bit */
	float *x, *base, *target, *out; /* of each row: inputs; bases x outputs; outputs; outputs */
	size_t stride;			/* of h, from a step to the next: behind a step's h stand x, as forward() turns it, and a row of ones */
	float *h, *c, *gates;		/* of each step: units x batch; the same; 4 units (i, f, o, g) x batch */
	float *tanh_c;			/* of each step that learns; of one in a run that only infers */
	float *dgates, *dout, *dh, *dc; /* what learning needs: NULL in a run that only infers; as gates; as out; dh, dc: of one step */
	float *all;
};

int weir_lstm_run_init(struct weir_lstm_run *r, const struct weir_lstm_shape *shape, size_t batch, size_t steps, bool learns);
void weir_lstm_run_fini(struct weir_lstm_run *r);
/* h and c of steps 1 to `steps`. */
void weir_lstm_forward(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t steps);
/* out of those of `steps` steps that say something, by the states behind them. */
void weir_lstm_head(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t steps);
/* The step behind the last becomes what the next run begins with. */
void weir_lstm_carry(struct weir_lstm_run *r, size_t steps);

struct weir_lstm_learner {
	float *gradient, *mean, *square; /* of each weight */
	uint64_t steps;
	bool wide; /* as in a run */
	float rate, norm; /* of the step to come; the bound of the gradient's norm */
};

int weir_lstm_learner_init(struct weir_lstm_learner *l, const struct weir_lstm_net *n);
void weir_lstm_learner_fini(struct weir_lstm_learner *l);
/* Forward, head and backward: the loss, and its gradient in l. NaN without a known target; then the gradient is 0. */
double weir_lstm_gradient(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t steps, struct weir_lstm_learner *l);
/* One step of Adam down the gradient. */
void weir_lstm_learn(struct weir_lstm_net *n, struct weir_lstm_learner *l);

#endif
