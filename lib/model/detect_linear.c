/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An autoregression of a few lags and the time of day's usual value, by recursive least squares. What forgetting would blow
 * up in a quiet time begins anew.
 */
#include "lib/model/detect_impl.h"

#define COV_FIRST 10.0f
#define TRACE_MAX 1e4f

void detect_linear_init(struct detect_linear *l)
{
	*l = (struct detect_linear){0};
	detect_rls_begin(l->cov, DETECT_INPUTS, 2, COV_FIRST);
}

float detect_linear_step(struct detect_linear *l, const struct detect_tuning *t, float y, float season)
{
	detect_v4 x[2] = {l->lag, {1, season}}, sum = l->weight[0] * x[0] + l->weight[1] * x[1];
	float err, trace;

	l->expected = detect_sum4(sum);
	err = y - l->expected;
	trace = detect_rls(l->weight, l->cov, x, DETECT_INPUTS, 2, err, (float)(1 - t->forget));
	if (!(trace > 0 && trace < TRACE_MAX))
		detect_rls_begin(l->cov, DETECT_INPUTS, 2, COV_FIRST);
	l->lag = (detect_v4){y, l->lag[0], l->lag[1], l->lag[2]};
	return err;
}
