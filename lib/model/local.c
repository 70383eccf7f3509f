/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/local.h"

/* The seasonal naive forecast of transformed and filled values is the one of snaive.c. */
static int snaive_fit(const struct weir_past *p, double *params)
{
	params[0] = p->calendar->seasons && p->calendar->season[0] <= p->n ? p->calendar->season[0] : 1;
	return 0;
}

static int snaive_predict(const double *params, const struct weir_past *p, size_t horizon, double *ret)
{
	size_t season = (size_t)params[0];

	for (size_t h = 0; h < horizon; h++)
		ret[h] = p->y[p->n - season + h % season];
	return 0;
}

const struct weir_local weir_local_snaive = {"snaive", 1, snaive_fit, snaive_predict};
