/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An autoregression of a few lags and the time of day's usual value, by recursive least squares with forgetting (Haykin,
 * Adaptive Filter Theory, the exponentially weighted form). What forgetting would blow up in a quiet time begins anew.
 */
#include "lib/model/detect_impl.h"

#define COV_FIRST 10.0
#define TRACE_MAX 1e4

static void begin(struct detect_linear *l)
{
	memset(l->cov, 0, sizeof(l->cov));
	for (size_t i = 0; i < DETECT_INPUTS; i++)
		l->cov[i][i] = COV_FIRST;
}

void detect_linear_init(struct detect_linear *l)
{
	*l = (struct detect_linear){0};
	begin(l);
}

static double learn(struct detect_linear *l, const double *x, double err)
{
	double keep = 1 - detect_tuning.forget, gain[DETECT_INPUTS] = {0}, below = keep, trace = 0;

	for (size_t j = 0; j < DETECT_INPUTS; j++)
		for (size_t i = 0; i < DETECT_INPUTS; i++)
			gain[i] += l->cov[j][i] * x[j];
	for (size_t i = 0; i < DETECT_INPUTS; i++)
		below += gain[i] * x[i];
	for (size_t i = 0; i < DETECT_INPUTS; i++) {
		double step = gain[i] / below;

		l->weight[i] += step * err;
		for (size_t j = 0; j < DETECT_INPUTS; j++)
			l->cov[i][j] = (l->cov[i][j] - step * gain[j]) * (1 / keep);
		trace += l->cov[i][i];
	}
	return trace;
}

double detect_linear_step(struct detect_linear *l, double y, double season)
{
	double x[DETECT_INPUTS], trace, err;

	memcpy(x, l->lag, sizeof(l->lag));
	x[DETECT_LAGS] = 1;
	x[DETECT_LAGS + 1] = season;
	l->expected = 0;
	for (size_t i = 0; i < DETECT_INPUTS; i++)
		l->expected += l->weight[i] * x[i];
	err = y - l->expected;
	trace = learn(l, x, err);
	if (!(trace > 0 && trace < TRACE_MAX))
		begin(l);
	for (size_t i = DETECT_LAGS - 1; i > 0; i--)
		l->lag[i] = l->lag[i - 1];
	l->lag[0] = y;
	return err;
}
