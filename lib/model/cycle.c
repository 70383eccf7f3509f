/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the same phase of the longest season showed in its newest cycles, the last one most, moved by what the newest values are off
 * what the cycles before them said: a seasonal naive forecast of the week that knows a new level.
 */
#include <math.h>

#include "lib/model/local.h"

#define CYCLES 5    /* that are looked at */
#define AGAIN 0.2   /* a cycle counts so many times the next one */
#define NEWEST 0.75 /* of the shortest season: a value counts exp(-age / NEWEST) there */

/* Of the longest season that the series holds twice, if any. */
static int cycle_fit(const struct weir_past *p, double *params)
{
	params[0] = p->parts->seasons ? p->calendar->season[p->parts->seasons - 1] : 1;
	params[1] = p->parts->seasons ? exp(-1 / (NEWEST * p->calendar->season[0])) : 0;
	return 0;
}

/* What the newest cycles of n values say of the step h behind them. */
static double said(const double *y, size_t n, size_t season, size_t h)
{
	double sum = 0, counts = 0, count = 1;

	for (size_t back = season - h % season, k = 0; k < CYCLES && (k + 1) * season <= n; k++, back += season, count *= AGAIN) {
		sum += count * y[n - back];
		counts += count;
	}
	return sum / counts;
}

static int cycle_predict(const double *params, const struct weir_past *p, size_t horizon, double *ret)
{
	size_t season = (size_t)params[0], before = p->n - season;
	double off = 0, counts = 0;

	for (size_t h = 0; h < season && before >= season; h++) {
		off = params[1] * off + p->y[before + h] - said(p->y, before, season, h);
		counts = params[1] * counts + 1;
	}
	for (size_t h = 0; h < horizon; h++)
		ret[h] = said(p->y, p->n, season, h) + (counts > 0 ? off / counts : 0);
	return 0;
}

const struct weir_local weir_local_cycle = {"cycle", 2, cycle_fit, cycle_predict};
