/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After Prophet (Taylor, Letham 2018): a line through time that may bend at CHANGES points of the first four fifths, waves
 * (Fourier terms) of each season, all in one ridge regression: the slopes' changes have their own penalty; holidays are the pool's.
 * Unlike there the last slope is damped behind the end, or a bend near it would lead anywhere, and a forecast
 * begins where the newest values are, not where the curve is.
 */
#include <assert.h>
#include <math.h>

#include "lib/model/blas.h"
#include "lib/model/local.h"

#define CHANGES 10
#define WAVES 6	  /* of a season, sine and cosine each */
#define DAMP 0.9  /* of the slope, by step behind the end */
#define ORIGINS_MAX 16 /* horizons that the newest origin may lie behind what was fitted */
#define STAYS 0.98 /* of what the newest values are off the curve, by step */
#define TERMS_MAX (2 + CHANGES + 2 * WAVES * WEIR_SEASONS_MAX)
#define BEND_RIDGE 10.0 /* in values */
#define WAVE_RIDGE 1.0

enum { TERM_LEVEL, TERM_SLOPE, TERM_BEND, TERM_WAVE = TERM_BEND + CHANGES };

static size_t waves_of(const struct weir_past *p)
{
	size_t n = 0;

	while (n < p->calendar->seasons && 2 * p->calendar->season[n] <= p->n)
		n++;
	return n;
}

int weir_curves_of(const struct weir_calendar *c, size_t longest, size_t horizon, struct weir_curves *ret)
{
	struct weir_curves r = {.powers = (ORIGINS_MAX + 1) * horizon + 1, .longest = longest};

	r.rows = malloc((longest + 1) * (TERM_WAVE + 2 * WAVES * c->seasons + 1) * sizeof(*r.rows));
	r.damp = malloc(2 * r.powers * sizeof(*r.damp));
	for (size_t s = 0; s < c->seasons && r.damp; s++) {
		float *x = r.wave[s] = malloc(c->season[s] * 2 * WAVES * sizeof(*x));

		for (size_t t = 0; t < c->season[s] && x; t++) {
			double angle = 2 * M_PI * (double)t / c->season[s];
			double one = cos(angle), n = sin(angle), cw = 1, sw = 0;

			for (size_t w = 0; w < WAVES; w++) {
				double next = cw * one - sw * n;

				sw = sw * one + cw * n;
				cw = next;
				*x++ = (float)cw;
				*x++ = (float)sw;
			}
		}
	}
	for (size_t i = 0; i < c->seasons; i++)
		if (!r.wave[i]) {
			weir_curves_fini(&r);
			return -ENOMEM;
		}
	if (!r.damp || !r.rows) {
		weir_curves_fini(&r);
		return -ENOMEM;
	}
	r.stays = r.damp + r.powers;
	for (size_t i = 0; i < r.powers; i++) {
		r.damp[i] = pow(DAMP, (double)i);
		r.stays[i] = pow(STAYS, (double)i);
	}
	*ret = r;
	return 0;
}

void weir_curves_fini(struct weir_curves *c)
{
	for (size_t s = 0; s < WEIR_SEASONS_MAX; s++)
		free(c->wave[s]);
	free(c->damp);
	free(c->rows);
	*c = (struct weir_curves){0};
}

/* Time in units of the n values that were fitted; behind them it goes slower and slower. */
static double time_of(const struct weir_curves *c, size_t t, size_t n)
{
	size_t over = t < n ? 0 : t - n + 1;

	return over ? ((double)(n - 1) + (1 - c->damp[WEIR_MIN(over, c->powers - 1)]) / (1 - DAMP) * DAMP) / (double)n :
		      (double)t / (double)n;
}

/* The row of step t; returns its length. The phase of a wave counts from the beginning of the series. */
static size_t row_of(const struct weir_past *p, size_t t, size_t fitted, size_t waves, float *x)
{
	double at = time_of(p->curves, t, fitted);
	size_t k = TERM_WAVE;

	x[TERM_LEVEL] = 1;
	x[TERM_SLOPE] = (float)at;
	for (size_t i = 0; i < CHANGES; i++) {
		double bent = at - 0.8 * (double)(i + 1) / (CHANGES + 1);

		x[TERM_BEND + i] = bent > 0 ? (float)bent : 0;
	}
	for (size_t s = 0; s < waves; s++, k += 2 * WAVES)
		memcpy(x + k, p->curves->wave[s] + t % p->calendar->season[s] * 2 * WAVES, 2 * WAVES * sizeof(*x));
	return k;
}

static void put_penalties(float *gram, size_t k)
{
	for (size_t i = 0; i < k; i++)
		gram[i * k + i] += i < TERM_BEND ? 1e-3f : i < TERM_WAVE ? (float)BEND_RIDGE : (float)WAVE_RIDGE;
}

/* params: how many values were fitted, how many seasons had waves, coefficients. */
static int prophet_fit(const struct weir_past *p, double *params)
{
	size_t waves = waves_of(p), k = TERM_WAVE + 2 * WAVES * waves;
	float gram[TERMS_MAX * TERMS_MAX] = {0}, coef[TERMS_MAX] = {0}, *x = p->curves->rows, *y = x + p->n * k;

	assert(p->n <= p->curves->longest);
	for (size_t t = 0; t < p->n; t++) {
		row_of(p, t, p->n, waves, x + t * k);
		y[t] = (float)p->y[t];
	}
	weir_blas_gram(p->n, k, x, k, gram);
	weir_blas_gemv(true, p->n, k, 1, x, k, y, 0, coef);
	put_penalties(gram, k);
	if (weir_blas_solve(k, gram, 1, coef))
		memset(coef, 0, sizeof(coef));
	params[0] = (double)p->n;
	params[1] = (double)waves;
	for (size_t i = 0; i < k; i++)
		params[2 + i] = coef[i];
	return 0;
}

static double value_at(const double *params, const struct weir_past *p, size_t t)
{
	float x[TERMS_MAX];
	size_t k = row_of(p, t, (size_t)params[0], (size_t)params[1], x);
	double sum = 0;

	for (size_t i = 0; i < k; i++)
		sum += params[2 + i] * (double)x[i];
	return sum;
}

/* What the newest values are off the curve stays off it, less and less. */
static int prophet_predict(const double *params, const struct weir_past *p, size_t horizon, double *ret)
{
	size_t newest = p->calendar->seasons ? WEIR_MIN((size_t)p->calendar->season[0], p->n) : 1;
	double off = 0;

	for (size_t t = p->n - newest; t < p->n; t++)
		off += (p->y[t] - value_at(params, p, t)) / (double)newest;
	for (size_t h = 0; h < horizon; h++)
		ret[h] = value_at(params, p, p->n + h) + off * p->curves->stays[h + 1];
	return 0;
}

const struct weir_local weir_local_prophet = {"prophet", 2 + TERMS_MAX, prophet_fit, prophet_predict};
