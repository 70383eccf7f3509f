/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long short-term memory of eight units over the scaled values (Hochreiter, Schmidhuber 1997; forget gates: Gers, Schmidhuber,
 * Cummins 2000). Its gates are fixed, drawn once (lib/model/detect_gates.c), their memory spread from 2 to 256 values by the
 * forget gates' biases (chrono initialisation: Tallec, Ollivier 2018); what it remembers is read out by a regression
 * that is fitted as it goes by recursive least squares, so that it learns at the pace of one series, causally.
 */
#include "lib/model/detect_impl.h"

#define COV_FIRST 1.0f
#define TRACE_MAX 1e4f
#define TANH_MAX 4.97f /* of the approximation: there it is 1 */

static inline detect_v4 chosen(detect_i4 which, detect_v4 yes, detect_v4 no)
{
	return (detect_v4)((which & (detect_i4)yes) | (~which & (detect_i4)no));
}

/* Lambert's continued fraction, cut: to 1e-4. */
static inline detect_v4 tanh4(detect_v4 x)
{
	const detect_v4 most = {TANH_MAX, TANH_MAX, TANH_MAX, TANH_MAX};
	detect_v4 s;

	x = chosen(x > most, most, x);
	x = chosen(x < -most, -most, x);
	s = x * x;
	return x * (135135 + s * (17325 + s * (378 + s))) / (135135 + s * (62370 + s * (3150 + s * 28)));
}

static inline detect_v4 logistic4(detect_v4 x)
{
	return 0.5f + 0.5f * tanh4(0.5f * x);
}

void detect_lstm_init(struct detect_lstm *l)
{
	*l = (struct detect_lstm){0};
	detect_rls_begin(l->cov, DETECT_READ, DETECT_READ_WIDE, COV_FIRST);
}

/* The state behind y. */
static void remember(struct detect_lstm *l, float y, float season)
{
	detect_v4 gate[DETECT_GATES][2];
	float in[DETECT_UNITS + 2];

	memcpy(in, l->h, sizeof(l->h));
	in[DETECT_UNITS] = y;
	in[DETECT_UNITS + 1] = season;
	for (size_t g = 0; g < DETECT_GATES; g++)
		for (size_t k = 0; k < 2; k++) {
			detect_v4 sum = detect_gate_bias[g][k];

#pragma GCC unroll 10
			for (size_t i = 0; i < DETECT_UNITS + 2; i++)
				sum += detect_gate_weight[g][i][k] * in[i];
			gate[g][k] = sum;
		}
	for (size_t k = 0; k < 2; k++) {
		l->c[k] = logistic4(gate[DETECT_FORGET][k]) * l->c[k] + logistic4(gate[DETECT_IN][k]) * tanh4(gate[DETECT_CELL][k]);
		l->h[k] = logistic4(gate[DETECT_OUT][k]) * tanh4(l->c[k]);
	}
}

float detect_lstm_step(struct detect_lstm *l, const struct detect_tuning *t, float y, float season)
{
	detect_v4 x[DETECT_READ_WIDE] = {l->h[0], l->h[1], {l->last, season, 1}}, sum = {0};
	float err, trace;

	for (size_t k = 0; k < DETECT_READ_WIDE; k++)
		sum += l->weight[k] * x[k];
	l->expected = detect_sum4(sum);
	err = y - l->expected;
	trace = detect_rls(l->weight, l->cov, x, DETECT_READ, DETECT_READ_WIDE, err, (float)(1 - t->lstm_forget));
	if (!(trace > 0 && trace < TRACE_MAX))
		detect_rls_begin(l->cov, DETECT_READ, DETECT_READ_WIDE, COV_FIRST);
	remember(l, y, season);
	l->last = y;
	return err;
}
