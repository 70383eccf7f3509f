/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/lstm_net.h"

#include <math.h>

#include "lib/model/blas.h"

#define BETA_MEAN 0.9f /* Adam's own, of the paper */
#define BETA_SQUARE 0.999f
#define ADAM_LEAST 1e-8f
#define FORGET_BIAS 1.0f /* a gate that begins open: gradients reach back (Jozefowicz, Zaremba, Sutskever 2015) */

int weir_lstm_net_init(struct weir_lstm_net *n, const struct weir_lstm_shape *s)
{
	size_t gates = WEIR_LSTM_GATES * s->units;
	size_t count = gates * (s->inputs + s->units + 1) + s->outputs * (s->units + 1 + s->bases);
	float *w = calloc(count, sizeof(*w));

	if (!w)
		return -ENOMEM;
	*n = (struct weir_lstm_net){.shape = *s, .count = count, .w = w, .wx = w};
	n->wh = n->wx + gates * s->inputs;
	n->b = n->wh + gates * s->units;
	n->v = n->b + gates;
	n->d = n->v + s->outputs * s->units;
	n->a = n->d + s->outputs;
	return 0;
}

void weir_lstm_net_fini(struct weir_lstm_net *n)
{
	free(n->w);
	*n = (struct weir_lstm_net){0};
}

static void at_random(float *w, size_t n, size_t fan, struct weir_random *r)
{
	float reach = 1 / sqrtf((float)fan);

	for (size_t i = 0; i < n; i++)
		w[i] = reach * (2 * (float)weir_random_unit(r) - 1);
}

void weir_lstm_net_seed(struct weir_lstm_net *n, struct weir_random *r)
{
	const struct weir_lstm_shape *s = &n->shape;

	memset(n->w, 0, n->count * sizeof(*n->w));
	at_random(n->wx, WEIR_LSTM_GATES * s->units * s->inputs, s->inputs + s->units, r);
	at_random(n->wh, WEIR_LSTM_GATES * s->units * s->units, s->inputs + s->units, r);
	for (size_t i = 0; i < s->units; i++)
		n->b[s->units + i] = FORGET_BIAS;
	for (size_t i = 0; i < s->bases * s->outputs; i++)
		n->a[i] = 1 / (float)s->bases;
}

/*
 * tanh by nine levels of Lambert's continued fraction: within 7e-6 of it. Only sums, products and one quotient, so that a
 * loop of them is a few vector instructions, and vectors of any width give the same floats.
 */
static inline __attribute__((always_inline)) float near_tanh(float x)
{
	float s = x * x;
	float top = x * (34459425 + s * (4729725 + s * (135135 + s * (990 + s))));
	float bottom = 34459425 + s * (16216200 + s * (945945 + s * (13860 + s * 45)));
	float q = top / bottom;

	q = q > 1 ? 1 : q;
	return q < -1 ? -1 : q;
}

/* One sequence's step: gates hold sums, and become gates; c and h come of them. tanh_c is where tanh(c) is kept, h else. */
static inline __attribute__((always_inline)) void step_body(size_t units, float *restrict gates, const float *restrict before,
							    float *restrict c, float *restrict h, float *restrict tanh_c)
{
	float *restrict i = gates, *restrict f = gates + units, *restrict o = gates + 2 * units, *restrict g = gates + 3 * units;

	for (size_t k = 0; k < 3 * units; k++)
		gates[k] = 0.5f + 0.5f * near_tanh(0.5f * gates[k]);
	for (size_t k = 0; k < units; k++)
		g[k] = near_tanh(g[k]);
	for (size_t k = 0; k < units; k++)
		c[k] = f[k] * before[k] + i[k] * g[k];
	for (size_t k = 0; k < units; k++)
		tanh_c[k] = near_tanh(c[k]);
	for (size_t k = 0; k < units; k++)
		h[k] = o[k] * tanh_c[k];
}

/* Back through it: dh and dc of behind the step become gradients of the sums (dgates), and dc that of before. */
static inline __attribute__((always_inline)) void back_body(size_t units, const float *restrict gates, const float *restrict before,
							    const float *restrict tanh_c, const float *restrict dh,
							    float *restrict dc, float *restrict dgates)
{
	const float *i = gates, *f = gates + units, *o = gates + 2 * units, *g = gates + 3 * units;

	for (size_t k = 0; k < units; k++) {
		float d = dc[k] + dh[k] * o[k] * (1 - tanh_c[k] * tanh_c[k]);

		dgates[k] = d * g[k] * i[k] * (1 - i[k]);
		dgates[units + k] = d * before[k] * f[k] * (1 - f[k]);
		dgates[2 * units + k] = dh[k] * tanh_c[k] * o[k] * (1 - o[k]);
		dgates[3 * units + k] = d * i[k] * (1 - g[k] * g[k]);
		dc[k] = d * f[k];
	}
}

static inline __attribute__((always_inline)) void adam_body(size_t n, float *restrict w, const float *restrict gradient,
							    float *restrict mean, float *restrict square, float scale, float rate,
							    float least)
{
	for (size_t i = 0; i < n; i++) {
		float g = gradient[i] * scale;

		mean[i] = BETA_MEAN * mean[i] + (1 - BETA_MEAN) * g;
		square[i] = BETA_SQUARE * square[i] + (1 - BETA_SQUARE) * g * g;
		w[i] -= rate * mean[i] / (__builtin_sqrtf(square[i]) + least);
	}
}

/* The same loops twice: for every processor, and for those with vectors of eight; without fused products, so alike to the bit. */
#define LOOPS(suffix, how)                                                                                                    \
	static how void step_##suffix(size_t units, float *gates, const float *before, float *c, float *h, float *tanh_c)     \
	{                                                                                                                     \
		step_body(units, gates, before, c, h, tanh_c);                                                                \
	}                                                                                                                     \
	static how void back_##suffix(size_t units, const float *gates, const float *before, const float *tanh_c,             \
				      const float *dh, float *dc, float *dgates)                                              \
	{                                                                                                                     \
		back_body(units, gates, before, tanh_c, dh, dc, dgates);                                                      \
	}                                                                                                                     \
	static how void adam_##suffix(size_t n, float *w, const float *gradient, float *mean, float *square, float scale,     \
				      float rate, float least)                                                                \
	{                                                                                                                     \
		adam_body(n, w, gradient, mean, square, scale, rate, least);                                                  \
	}

LOOPS(plain, __attribute__((optimize("O3", "no-math-errno", "no-trapping-math"))))
#if defined(__x86_64__)
LOOPS(wide, __attribute__((target("avx2"), optimize("O3", "no-math-errno", "no-trapping-math"))))
#define WIDE __builtin_cpu_supports("avx2")
#else
#define step_wide step_plain
#define back_wide back_plain
#define adam_wide adam_plain
#define WIDE false
#endif

int weir_lstm_run_init(struct weir_lstm_run *r, const struct weir_lstm_shape *s, size_t batch, size_t steps, bool learns)
{
	size_t rows = batch * steps, state = (rows + batch) * s->units, gates = rows * WEIR_LSTM_GATES * s->units;
	size_t known = rows * (s->inputs + (s->bases + 1) * s->outputs), out = rows * s->outputs;
	size_t learning = gates + out + 2 * batch * s->units, squashed = (learns ? rows : 1) * s->units;
	float *at = calloc(known + 2 * state + gates + out + squashed + (learns ? learning : 0), sizeof(*at));

	if (!at)
		return -ENOMEM;
	*r = (struct weir_lstm_run){.shape = *s, .batch = batch, .steps = steps, .wide = WIDE, .all = at, .x = at};
	r->base = r->x + rows * s->inputs;
	r->target = r->base + rows * s->bases * s->outputs;
	r->h = r->target + out;
	r->c = r->h + state;
	r->gates = r->c + state;
	r->out = r->gates + gates;
	r->tanh_c = r->out + out;
	if (!learns)
		return 0;
	r->dgates = r->tanh_c + squashed;
	r->dout = r->dgates + gates;
	r->dh = r->dout + out;
	r->dc = r->dh + batch * s->units;
	return 0;
}

void weir_lstm_run_fini(struct weir_lstm_run *r)
{
	free(r->all);
	*r = (struct weir_lstm_run){0};
}

void weir_lstm_forward(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t steps)
{
	const struct weir_lstm_shape *s = &n->shape;
	size_t gates = WEIR_LSTM_GATES * s->units, rows = steps * r->batch;

	for (size_t i = 0; i < rows; i++)
		memcpy(r->gates + i * gates, n->b, gates * sizeof(float));
	weir_blas_gemm(false, true, rows, gates, s->inputs, 1, r->x, s->inputs, n->wx, s->inputs, 1, r->gates, gates);
	for (size_t t = 0; t < steps; t++) {
		weir_blas_gemm(false, true, r->batch, gates, s->units, 1, r->h + t * r->batch * s->units, s->units, n->wh, s->units,
			       1, r->gates + t * r->batch * gates, gates);
		for (size_t b = 0; b < r->batch; b++) {
			size_t row = t * r->batch + b, next = row + r->batch;
			float *h = r->h + next * s->units;

			(r->wide ? step_wide : step_plain)(s->units, r->gates + row * gates, r->c + row * s->units,
							r->c + next * s->units, h, r->tanh_c + (r->dgates ? row * s->units : 0));
		}
	}
}

void weir_lstm_head(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t from, size_t rows)
{
	const struct weir_lstm_shape *s = &n->shape;
	float *out = r->out + from * s->outputs;

	for (size_t i = 0; i < rows; i++) {
		const float *base = r->base + (from + i) * s->bases * s->outputs;

		memcpy(out + i * s->outputs, n->d, s->outputs * sizeof(float));
		for (size_t k = 0; k < s->bases; k++)
			for (size_t j = 0; j < s->outputs; j++)
				out[i * s->outputs + j] += n->a[k * s->outputs + j] * base[k * s->outputs + j];
	}
	weir_blas_gemm(false, true, rows, s->outputs, s->units, 1, r->h + (from + r->batch) * s->units, s->units, n->v, s->units, 1,
		       out, s->outputs);
}

void weir_lstm_carry(struct weir_lstm_run *r, size_t steps)
{
	size_t one = r->batch * r->shape.units;

	memcpy(r->h, r->h + steps * one, one * sizeof(float));
	memcpy(r->c, r->c + steps * one, one * sizeof(float));
}

int weir_lstm_learner_init(struct weir_lstm_learner *l, const struct weir_lstm_net *n)
{
	float *all = calloc(3 * n->count, sizeof(*all));

	if (!all)
		return -ENOMEM;
	*l = (struct weir_lstm_learner){.gradient = all, .mean = all + n->count, .square = all + 2 * n->count, .wide = WIDE};
	return 0;
}

void weir_lstm_learner_fini(struct weir_lstm_learner *l)
{
	free(l->gradient);
	*l = (struct weir_lstm_learner){0};
}

/* dout, and the mean loss; NaN when no target is known. */
static double loss_of(struct weir_lstm_run *r, size_t rows)
{
	size_t n = rows * r->shape.outputs, known = 0;
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		float e = r->out[i] - r->target[i], root = sqrtf(e * e + WEIR_LSTM_SOFT * WEIR_LSTM_SOFT);
		bool there = !isnan(r->target[i]);

		r->dout[i] = there ? e / root : 0;
		sum += there ? (double)(root - WEIR_LSTM_SOFT) : 0;
		known += there;
	}
	for (size_t i = 0; i < n; i++)
		r->dout[i] /= known ? (float)known : 1;
	return known ? sum / (double)known : NAN;
}

static void back_head(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t rows, float *gradient)
{
	const struct weir_lstm_shape *s = &n->shape;
	float *d = gradient + (n->d - n->w), *a = gradient + (n->a - n->w);

	weir_blas_gemm(true, false, s->outputs, s->units, rows, 1, r->dout, s->outputs, r->h + r->batch * s->units, s->units, 0,
		       gradient + (n->v - n->w), s->units);
	for (size_t i = 0; i < rows; i++) {
		const float *dout = r->dout + i * s->outputs, *base = r->base + i * s->bases * s->outputs;

		for (size_t j = 0; j < s->outputs; j++)
			d[j] += dout[j];
		for (size_t k = 0; k < s->bases; k++)
			for (size_t j = 0; j < s->outputs; j++)
				a[k * s->outputs + j] += dout[j] * base[k * s->outputs + j];
	}
}

/* From the last step to the first: dh is what the head wants of a state, and what the step behind it does. */
static void back_steps(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t steps)
{
	const struct weir_lstm_shape *s = &n->shape;
	size_t gates = WEIR_LSTM_GATES * s->units;

	memset(r->dc, 0, r->batch * s->units * sizeof(float));
	for (size_t t = steps; t-- > 0;) {
		size_t row = t * r->batch;

		weir_blas_gemm(false, false, r->batch, s->units, s->outputs, 1, r->dout + row * s->outputs, s->outputs, n->v,
			       s->units, 0, r->dh, s->units);
		if (t + 1 < steps)
			weir_blas_gemm(false, false, r->batch, s->units, gates, 1, r->dgates + (row + r->batch) * gates, gates,
				       n->wh, s->units, 1, r->dh, s->units);
		for (size_t b = 0; b < r->batch; b++)
			(r->wide ? back_wide : back_plain)(s->units, r->gates + (row + b) * gates, r->c + (row + b) * s->units,
							r->tanh_c + (row + b) * s->units, r->dh + b * s->units,
							r->dc + b * s->units, r->dgates + (row + b) * gates);
	}
}

double weir_lstm_gradient(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t steps, struct weir_lstm_learner *l)
{
	const struct weir_lstm_shape *s = &n->shape;
	size_t rows = steps * r->batch, gates = WEIR_LSTM_GATES * s->units;
	float *b = l->gradient + (n->b - n->w);
	double loss;

	weir_lstm_forward(n, r, steps);
	weir_lstm_head(n, r, 0, rows);
	loss = loss_of(r, rows);
	memset(l->gradient, 0, n->count * sizeof(float));
	if (isnan(loss))
		return loss;
	back_head(n, r, rows, l->gradient);
	back_steps(n, r, steps);
	weir_blas_gemm(true, false, gates, s->inputs, rows, 1, r->dgates, gates, r->x, s->inputs, 0, l->gradient, s->inputs);
	weir_blas_gemm(true, false, gates, s->units, rows, 1, r->dgates, gates, r->h, s->units, 0, l->gradient + (n->wh - n->w),
		       s->units);
	for (size_t i = 0; i < rows; i++)
		for (size_t k = 0; k < gates; k++)
			b[k] += r->dgates[i * gates + k];
	return loss;
}

void weir_lstm_learn(struct weir_lstm_net *n, struct weir_lstm_learner *l)
{
	double squares = 0, t = (double)++l->steps, norm;
	float scale, step;

	for (size_t i = 0; i < n->count; i++)
		squares += (double)l->gradient[i] * (double)l->gradient[i];
	norm = sqrt(squares);
	scale = norm > (double)l->norm ? (float)((double)l->norm / norm) : 1;
	step = l->rate * (float)(sqrt(1 - pow((double)BETA_SQUARE, t)) / (1 - pow((double)BETA_MEAN, t)));
	(l->wide ? adam_wide : adam_plain)(n->count, n->w, l->gradient, l->mean, l->square, scale, step, ADAM_LEAST);
}
