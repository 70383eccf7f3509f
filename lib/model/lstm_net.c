/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/lstm_net.h"

#include <math.h>

#include "lib/model/blas.h"

#define BETA_MEAN 0.9f /* Adam's own, of the paper */
#define BETA_SQUARE 0.999f
#define ADAM_LEAST 1e-8f
#define PART 256
#define LOSSES 256
#define FORGET_BIAS 1.0f /* a gate that begins open: gradients reach back (Jozefowicz, Zaremba, Sutskever 2015) */

int weir_lstm_net_init(struct weir_lstm_net *n, const struct weir_lstm_shape *s)
{
	size_t gates = WEIR_LSTM_GATES * s->units * weir_lstm_width(s);
	size_t count = gates + s->outputs * (s->units + 1 + s->bases);
	float *w = calloc(count, sizeof(*w));

	if (!w)
		return -ENOMEM;
	*n = (struct weir_lstm_net){.shape = *s, .count = count, .w = w, .v = w + gates};
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
	for (size_t i = 0; i < WEIR_LSTM_GATES * s->units; i++) {
		float *row = n->w + i * weir_lstm_width(s);

		at_random(row, s->units + s->inputs, s->inputs + s->units, r);
		row[s->units + s->inputs] = i / s->units == 1 ? FORGET_BIAS : 0;
	}
	for (size_t i = 0; i < s->bases * s->outputs; i++)
		n->a[i] = 1 / (float)s->bases;
}

/* Eight floats, from and to anywhere in memory; the answer to a question of each. */
typedef float lanes __attribute__((vector_size(32), aligned(4)));
typedef int32_t answers __attribute__((vector_size(32), aligned(4)));
#define LANES 8
#define LANES_OF(v) ((lanes){v, v, v, v, v, v, v, v})

static inline __attribute__((always_inline)) void choose(const answers *which, const lanes *one, lanes *x)
{
	*x = (lanes)((*which & (answers)*one) | (~*which & (answers)*x));
}

/*
 * tanh by nine levels of Lambert's continued fraction: within 7e-6 of it. Only sums, products and one quotient, so that it
 * is a few vector instructions, and vectors of any width give the same floats.
 */
static inline __attribute__((always_inline)) void near_tanh(lanes *x)
{
	const lanes most = LANES_OF(1.0f), least = LANES_OF(-1.0f);
	lanes s = *x * *x;
	lanes top = *x * (34459425.0f + s * (4729725.0f + s * (135135.0f + s * (990.0f + s))));
	lanes bottom = 34459425.0f + s * (16216200.0f + s * (945945.0f + s * (13860.0f + s * 45.0f)));
	lanes q = top / bottom;
	answers above = q > most, below = q < least;

	choose(&above, &most, &q);
	choose(&below, &least, &q);
	*x = q;
}

static inline __attribute__((always_inline)) void near_sigmoid(lanes *x)
{
	*x *= 0.5f;
	near_tanh(x);
	*x = 0.5f + 0.5f * *x;
}

/* Eight units of a step: gates hold sums, and become gates; c comes of them. `far` is from a gate to the next. */
static inline __attribute__((always_inline)) void gate_lanes(size_t far, float *gates, const float *before, float *c)
{
	lanes *at[] = {(lanes *)gates, (lanes *)(gates + far), (lanes *)(gates + 2 * far), (lanes *)(gates + 3 * far)};
	lanes i = *at[0], f = *at[1], o = *at[2], g = *at[3];

	near_sigmoid(&i);
	near_sigmoid(&f);
	near_sigmoid(&o);
	near_tanh(&g);
	*(lanes *)c = f * *(const lanes *)before + i * g;
	*at[0] = i;
	*at[1] = f;
	*at[2] = o;
	*at[3] = g;
}

static inline __attribute__((always_inline)) void state_lanes(const float *o, const float *c, float *h, float *tanh_c)
{
	lanes now = *(const lanes *)c;

	near_tanh(&now);
	*(lanes *)tanh_c = now;
	*(lanes *)h = *(const lanes *)o * now;
}

/*
 * `units` units of a step, which may be of several sequences; c and h come of them. In parts, so that what one loop leaves is still
 * near when the next takes it; in two loops, since tanh(c) waits for all else.
 */
static inline __attribute__((always_inline)) void step_whole(size_t units, size_t far, float *gates, const float *before, float *c,
							     float *h, float *tanh_c)
{
	for (size_t from = 0, to; from < units; from = to) {
		to = WEIR_MIN(from + PART, units);
		for (size_t k = from; k < to; k += LANES)
			gate_lanes(far, gates + k, before + k, c + k);
		for (size_t k = from; k < to; k += LANES)
			state_lanes(gates + 2 * far + k, c + k, h + k, tanh_c + k);
	}
}

static inline __attribute__((always_inline)) void step_body(size_t units, float *gates, const float *before, float *c, float *h,
							    float *tanh_c)
{
	float few[WEIR_LSTM_GATES + 4][LANES] = {{0}}; /* the last ones: gates, then before, c, h, tanh_c */
	size_t left = units % LANES * sizeof(float), k = units - units % LANES;

	step_whole(k, units, gates, before, c, h, tanh_c);
	if (!left)
		return;
	for (size_t j = 0; j < WEIR_LSTM_GATES; j++)
		memcpy(few[j], gates + j * units + k, left);
	memcpy(few[4], before + k, left);
	step_whole(LANES, LANES, few[0], few[4], few[5], few[6], few[7]);
	for (size_t j = 0; j < WEIR_LSTM_GATES; j++)
		memcpy(gates + j * units + k, few[j], left);
	memcpy(c + k, few[5], left);
	memcpy(h + k, few[6], left);
	memcpy(tanh_c + k, few[7], left);
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

static void fill(float *to, size_t n, float v)
{
	for (size_t i = 0; i < n; i++)
		to[i] = v;
}

static void scale(float *x, size_t n, float by)
{
	for (size_t i = 0; i < n; i++)
		x[i] *= by;
}

static void add(size_t n, const float *restrict a, float *restrict to)
{
	for (size_t i = 0; i < n; i++)
		to[i] += a[i];
}

static void add_products(size_t n, const float *restrict a, const float *restrict b, float *restrict to)
{
	for (size_t i = 0; i < n; i++)
		to[i] += a[i] * b[i];
}

int weir_lstm_run_init(struct weir_lstm_run *r, const struct weir_lstm_shape *s, size_t batch, size_t steps, bool learns)
{
	size_t rows = batch * steps, state = (rows + batch) * s->units, gates = rows * WEIR_LSTM_GATES * s->units;
	size_t stride = batch * weir_lstm_width(s), hidden = (steps + 1) * stride;
	size_t known = rows * (s->inputs + (s->bases + 1) * s->outputs), out = rows * s->outputs;
	size_t learning = gates + out + 2 * batch * s->units, squashed = (learns ? rows : batch) * s->units;
	float *at = calloc(known + hidden + state + gates + out + squashed + (learns ? learning : 0), sizeof(*at));

	if (!at)
		return -ENOMEM;
	if (batch > 1)
		weir_blas_ready();
	*r = (struct weir_lstm_run){.shape = *s, .batch = batch, .steps = steps, .every = 1, .wide = WIDE, .stride = stride, .all = at, .x = at};
	r->base = r->x + rows * s->inputs;
	r->target = r->base + rows * s->bases * s->outputs;
	r->h = r->target + out;
	r->c = r->h + hidden;
	r->gates = r->c + state;
	r->out = r->gates + gates;
	r->tanh_c = r->out + out;
	for (size_t t = 0; t <= steps; t++)
		fill(r->h + (t + 1) * stride - batch, batch, 1);
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

/* x of a step, of which each sequence has a row, becomes a row an input. */
static void turn(const float *x, size_t batch, size_t inputs, float *to)
{
	for (size_t b = 0; b < batch; b++)
		for (size_t k = 0; k < inputs; k++)
			to[k * batch + b] = x[b * inputs + k];
}

void weir_lstm_forward(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t steps)
{
	const struct weir_lstm_shape *s = &n->shape;
	size_t batch = r->batch, one = s->units * batch, all = WEIR_LSTM_GATES * s->units, width = weir_lstm_width(s);

	for (size_t t = 0; t < steps; t++) {
		float *gates = r->gates + t * all * batch, *h = r->h + t * r->stride, *c = r->c + t * one;

		turn(r->x + t * batch * s->inputs, batch, s->inputs, h + one);
		weir_blas_gemm(false, false, all, batch, width, 1, n->w, width, h, batch, 0, gates, batch);
		(r->wide ? step_wide : step_plain)(one, gates, c, c + one, h + r->stride, r->tanh_c + (r->dgates ? t * one : 0));
	}
}

static bool says(const struct weir_lstm_run *r, size_t step)
{
	return (step + 1) % r->every == 0;
}

void weir_lstm_head(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t steps)
{
	const struct weir_lstm_shape *s = &n->shape;
	size_t one = s->outputs, batch = r->batch;

	for (size_t t = r->every - 1; t < steps; t += r->every) {
		for (size_t i = t * batch; i < (t + 1) * batch; i++) {
			const float *base = r->base + i * s->bases * one;
			float *out = r->out + i * one;

			memcpy(out, n->d, one * sizeof(float));
			for (size_t k = 0; k < s->bases; k++)
				add_products(one, n->a + k * one, base + k * one, out);
		}
		weir_blas_gemm(true, true, batch, one, s->units, 1, r->h + (t + 1) * r->stride, batch, n->v, s->units, 1,
			       r->out + t * batch * one, one);
	}
}

void weir_lstm_carry(struct weir_lstm_run *r, size_t steps)
{
	size_t one = r->batch * r->shape.units;

	memcpy(r->h, r->h + steps * r->stride, one * sizeof(float));
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

/* Of at most LOSSES outputs the slopes, and the sum of their losses; 0 of those whose target is not known. Returns how many are. */
static size_t lose(size_t n, const float *restrict out, const float *restrict target, float *restrict slope, double *sum)
{
	float loss[LOSSES], part[4] = {0};
	int32_t known = 0;

	/* Loop by loop, for GCC to make vectors of. */
	for (size_t i = 0; i < n; i++)
		known += target[i] == target[i];
	for (size_t i = 0; i < n; i++) {
		float e = out[i] - target[i];

		slope[i] = e == e ? e : 0;
	}
	for (size_t i = 0; i < n; i++)
		loss[i] = __builtin_sqrtf(slope[i] * slope[i] + WEIR_LSTM_SOFT * WEIR_LSTM_SOFT);
	for (size_t i = 0; i < n; i++)
		slope[i] /= loss[i];
	for (size_t i = 0; i < n; i++)
		loss[i] -= WEIR_LSTM_SOFT;
	for (size_t i = 0; i < n; i++)
		part[i % 4] += loss[i];
	*sum += (double)((part[0] + part[1]) + (part[2] + part[3]));
	return (size_t)known;
}

/* dout, and the mean loss; NaN when no target is known. */
static double loss_of(struct weir_lstm_run *r, size_t steps)
{
	size_t n = r->batch * r->shape.outputs, known = 0;
	double sum = 0;
	float by;

	for (size_t t = r->every - 1; t < steps; t += r->every)
		for (size_t i = t * n; i < (t + 1) * n; i += LOSSES)
			known += lose(WEIR_MIN((t + 1) * n - i, (size_t)LOSSES), r->out + i, r->target + i, r->dout + i, &sum);
	by = known ? 1 / (float)known : 0;
	for (size_t t = r->every - 1; t < steps; t += r->every)
		scale(r->dout + t * n, n, by);
	return known ? sum / (double)known : NAN;
}

static void back_head(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t steps, float *gradient)
{
	const struct weir_lstm_shape *s = &n->shape;
	float *d = gradient + (n->d - n->w), *a = gradient + (n->a - n->w);

	for (size_t t = r->every - 1; t < steps; t += r->every)
		for (size_t i = t * r->batch; i < (t + 1) * r->batch; i++) {
			const float *dout = r->dout + i * s->outputs, *base = r->base + i * s->bases * s->outputs;

			add(s->outputs, dout, d);
			for (size_t k = 0; k < s->bases; k++)
				add_products(s->outputs, dout, base + k * s->outputs, a + k * s->outputs);
		}
}

/* What a step's gradients of sums and of outputs say of the weights: it is added up step by step, while they are at hand. */
static void back_weights(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t t, float *gradient)
{
	const struct weir_lstm_shape *s = &n->shape;
	size_t batch = r->batch, all = WEIR_LSTM_GATES * s->units, width = weir_lstm_width(s);
	const float *dgates = r->dgates + t * all * batch, *h = r->h + t * r->stride;

	weir_blas_gemm(false, true, all, width, batch, 1, dgates, batch, h, batch, 1, gradient, width);
	if (!says(r, t))
		return;
	weir_blas_gemm(true, true, s->outputs, s->units, batch, 1, r->dout + t * batch * s->outputs, s->outputs, h + r->stride, batch, 1,
		       gradient + (n->v - n->w), s->units);
}

/* From the last step to the first: dh is what the head wants of a state, and what the step behind it does. */
static void back_steps(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t steps, float *gradient)
{
	const struct weir_lstm_shape *s = &n->shape;
	size_t batch = r->batch, one = s->units * batch, all = WEIR_LSTM_GATES * s->units;

	memset(r->dc, 0, one * sizeof(float));
	for (size_t t = steps; t-- > 0;) {
		float *dgates = r->dgates + t * all * batch;

		if (!says(r, t))
			memset(r->dh, 0, one * sizeof(float));
		else
			weir_blas_gemm(true, true, s->units, batch, s->outputs, 1, n->v, s->units, r->dout + t * batch * s->outputs,
				       s->outputs, 0, r->dh, batch);
		if (t + 1 < steps)
			weir_blas_gemm(true, false, s->units, batch, all, 1, n->w, weir_lstm_width(s), dgates + all * batch, batch, 1, r->dh, batch);
		(r->wide ? back_wide : back_plain)(one, r->gates + t * all * batch, r->c + t * one, r->tanh_c + t * one, r->dh, r->dc,
						   dgates);
		back_weights(n, r, t, gradient);
	}
}

double weir_lstm_gradient(const struct weir_lstm_net *n, struct weir_lstm_run *r, size_t steps, struct weir_lstm_learner *l)
{
	double loss;

	weir_lstm_forward(n, r, steps);
	weir_lstm_head(n, r, steps);
	loss = loss_of(r, steps);
	memset(l->gradient, 0, n->count * sizeof(float));
	if (isnan(loss))
		return loss;
	back_head(n, r, steps, l->gradient);
	back_steps(n, r, steps, l->gradient);
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
