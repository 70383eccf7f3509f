/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ARIMA(p,d,q), p <= 5, q <= 2, d <= 1, of what is left when the seasons are taken off (MSTL + ARIMA). Estimated after
 * Hannan and Rissanen (1982): residuals of a long autoregression stand for the shocks, then each order is one least-squares
 * regression; the order is the one with the least AIC of its conditional sum of squares. d = 1 where the last value tells
 * more of the next ones than the mean does. An order whose forecasts would grow without bound is passed over.
 */
#include <math.h>

#include "lib/model/blas.h"
#include "lib/model/local.h"

#define P_MAX 5
#define Q_MAX 2
#define LONG 24 /* lags of the long autoregression */
#define LAGS 5 /* of them are summed together */
#define TERMS (P_MAX + Q_MAX)
#define GROWS 20.0 /* an impulse that is beyond it within IMPULSE steps grows without bound */
#define IMPULSE 96
_Static_assert((LONG + 1) % LAGS == 0, "autocovariances are summed LAGS at a time");

enum { PARAM_P, PARAM_D, PARAM_Q, PARAM_MEAN, PARAM_AR, PARAM_MA = PARAM_AR + P_MAX, PARAMS = PARAM_MA + Q_MAX };

/* LAGS sums of w[t] w[t - k], from lag k on: together, since each waits for itself. */
static void autocovariances(const double *w, size_t n, size_t k, double ret[LAGS])
{
	double sum[LAGS] = {0};

	for (size_t i = 0; i < LAGS; i++)
		for (size_t t = k + i; t < WEIR_MIN(k + LAGS - 1, n); t++)
			sum[i] += w[t] * w[t - k - i];
	for (size_t t = k + LAGS - 1; t < n; t++)
#pragma GCC unroll 8
		for (size_t i = 0; i < LAGS; i++)
			sum[i] += w[t] * w[t - k - i];
	memcpy(ret, sum, sizeof(sum));
}

/* Autoregression of LONG lags, by Levinson's recursion on autocovariances. */
static void long_autoregression(const double *w, size_t n, double ar[LONG])
{
	double cov[LONG + 1], next[LONG], error;

	for (size_t k = 0; k <= LONG; k += LAGS)
		autocovariances(w, n, k, cov + k);
	memset(ar, 0, LONG * sizeof(*ar));
	error = cov[0];
	for (size_t k = 0; k < LONG && error > 1e-12 * cov[0]; k++) {
		double reflect = cov[k + 1];

		for (size_t i = 0; i < k; i++)
			reflect -= ar[i] * cov[k - i];
		reflect /= error;
		for (size_t i = 0; i < k; i++)
			next[i] = ar[i] - reflect * ar[k - 1 - i];
		memcpy(ar, next, k * sizeof(*ar));
		ar[k] = reflect;
		error *= 1 - reflect * reflect;
	}
}

/* Sums over t of all products that any order needs: P_MAX lags of w, Q_MAX lags of e, and w itself. */
struct products {
	double gram[P_MAX + Q_MAX][P_MAX + Q_MAX], right[P_MAX + Q_MAX], squares;
	size_t n;
};

static void multiply(const double *w, const double *e, size_t n, struct products *p)
{
	*p = (struct products){.n = n - LONG - Q_MAX};
	for (size_t t = LONG + Q_MAX; t < n; t++) {
		double x[P_MAX + Q_MAX];

		for (size_t i = 0; i < P_MAX; i++)
			x[i] = w[t - 1 - i];
		for (size_t i = 0; i < Q_MAX; i++)
			x[P_MAX + i] = e[t - 1 - i];
		for (size_t i = 0; i < P_MAX + Q_MAX; i++) {
			for (size_t j = 0; j <= i; j++)
				p->gram[i][j] += x[i] * x[j];
			p->right[i] += x[i] * w[t];
		}
		p->squares += w[t] * w[t];
	}
}

/* Least squares of w on its first p lags and the first q of e; coef gets p + q. Returns the mean square that is left. */
static double regress(const struct products *all, size_t p, size_t q, double *coef)
{
	double gram[TERMS * TERMS], sum = 0;
	size_t k = p + q, at[TERMS];

	for (size_t i = 0; i < k; i++) {
		at[i] = i < p ? i : P_MAX + i - p;
		coef[i] = all->right[at[i]];
		for (size_t j = 0; j <= i; j++)
			gram[i * k + j] = all->gram[at[i]][at[j]];
		gram[i * k + i] += 1e-6 * all->squares + 1e-12;
	}
	if (k && weir_blas_solve_double(k, gram, 1, coef))
		return INFINITY;
	for (size_t i = 0; i < k; i++)
		sum += coef[i] * all->right[at[i]];
	return (all->squares - sum) / (double)all->n;
}

static void take_off(double by, const double *w, size_t n, double *e)
{
	for (size_t t = 0; t < n; t++)
		e[t] -= by * w[t];
}

static void residuals(const double *w, size_t n, const double *ar, size_t p, const double *ma, size_t q, double *e)
{
	size_t from = WEIR_MIN(p, n);
	double last = 0, before = 0;

	memset(e, 0, from * sizeof(*e));
	memcpy(e + from, w + from, (n - from) * sizeof(*e));
	for (size_t i = 0; i < p; i++)
		take_off(ar[i], w + from - 1 - i, n - from, e + from);
	for (size_t t = from; t < n && q; t++) {
		double now = q > 1 ? e[t] - ma[1] * before : e[t]; /* the last shock comes last: it is what is waited for */

		before = last;
		e[t] = last = now - ma[0] * last;
	}
}

/* Does what follows one shock stay bounded, and are the shocks to be had from the values? */
static bool is_stable(const double *ar, size_t p, const double *ma, size_t q)
{
	double y[IMPULSE] = {1}, e[IMPULSE] = {1};

	for (size_t t = 1; t < IMPULSE; t++) {
		y[t] = t <= q ? ma[t - 1] : 0;
		for (size_t i = 0; i < p && i < t; i++)
			y[t] += ar[i] * y[t - 1 - i];
		for (size_t i = 0; i < q && i < t; i++)
			e[t] -= ma[i] * e[t - 1 - i];
		if (!(fabs(y[t]) < GROWS) || !(fabs(e[t]) < GROWS))
			return false;
	}
	return fabs(y[IMPULSE - 1]) < 1 && fabs(e[IMPULSE - 1]) < 1;
}

/* In place: less the mean, or differences. Returns how many are left. */
static size_t stationary(double *w, size_t n, bool differenced, double *mean)
{
	*mean = 0;
	if (differenced) {
		for (size_t t = 0; t + 1 < n; t++)
			w[t] = w[t + 1] - w[t];
		return n - 1;
	}
	for (size_t t = 0; t < n; t++)
		*mean += w[t] / (double)n;
	for (size_t t = 0; t < n; t++)
		w[t] -= *mean;
	return n;
}

static double variance(const double *w, size_t n)
{
	double mean = 0, sum = 0;

	for (size_t t = 0; t < n; t++)
		mean += w[t] / (double)n;
	for (size_t t = 0; t < n; t++)
		sum += (w[t] - mean) * (w[t] - mean);
	return sum / (double)n;
}

/* Over a day: is the value a day ago nearer to now than the mean is? Then there is a unit root, as far as a forecast minds. */
static bool has_root(const double *w, size_t n)
{
	size_t lag = WEIR_MIN((size_t)24, n / 4);
	double sum = 0;

	if (n < 2)
		return false;

	for (size_t t = lag; t < n; t++)
		sum += (w[t] - w[t - lag]) * (w[t] - w[t - lag]);
	return sum / (double)(n - lag) < variance(w, n);
}

static void select_order(const double *w, const double *e, size_t n, double *params)
{
	struct products all;
	double least = INFINITY, coef[TERMS];

	multiply(w, e, n, &all);
	for (size_t p = 0; p <= P_MAX; p++)
		for (size_t q = 0; q <= Q_MAX; q++) {
			double square = regress(&all, p, q, coef);
			double aic = (double)all.n * log(fmax(square, 0) + 1e-300) + 2.0 * (double)(p + q);

			if (!(aic < least) || !is_stable(coef, p, coef + p, q))
				continue;
			least = aic;
			params[PARAM_P] = (double)p;
			params[PARAM_Q] = (double)q;
			memset(params + PARAM_AR, 0, (P_MAX + Q_MAX) * sizeof(*params));
			memcpy(params + PARAM_AR, coef, p * sizeof(*coef));
			memcpy(params + PARAM_MA, coef + p, q * sizeof(*coef));
		}
}

static int fit(const struct weir_past *past, bool always, double *params)
{
	weir_auto_free double *w = malloc(2 * past->n * sizeof(*w));
	double coef[LONG], *e = w ? w + past->n : NULL;
	size_t n;

	if (!w)
		return -ENOMEM;
	memset(params, 0, PARAMS * sizeof(*params));
	memcpy(w, past->parts->adjusted, past->n * sizeof(*w));
	params[PARAM_D] = always || has_root(w, past->n);
	n = stationary(w, past->n, params[PARAM_D] > 0, &params[PARAM_MEAN]);
	if (n < 4 * LONG)
		return 0;
	long_autoregression(w, n, coef);
	residuals(w, n, coef, LONG, NULL, 0, e);
	select_order(w, e, n, params);
	return 0;
}

static int arima_fit(const struct weir_past *past, double *params)
{
	return fit(past, false, params);
}

static int differenced_fit(const struct weir_past *past, double *params)
{
	return fit(past, true, params);
}

static int arima_predict(const double *params, const struct weir_past *past, size_t horizon, double *ret)
{
	weir_auto_free double *w = malloc(2 * (past->n + horizon) * sizeof(*w));
	size_t p = (size_t)params[PARAM_P], q = (size_t)params[PARAM_Q], n;
	const double *ar = params + PARAM_AR, *ma = params + PARAM_MA;
	double *e = w ? w + past->n + horizon : NULL, at, mean;

	if (!w)
		return -ENOMEM;
	memcpy(w, past->parts->adjusted, past->n * sizeof(*w));
	at = w[past->n - 1];
	n = stationary(w, past->n, params[PARAM_D] > 0, &mean);
	if (q)
		residuals(w, n, ar, p, ma, q, e);
	for (size_t h = 0; h < horizon; h++) {
		double v = 0;

		for (size_t i = 0; i < p && i < n + h; i++)
			v += ar[i] * w[n + h - 1 - i];
		for (size_t i = h; i < q && i < n + h; i++)
			v += ma[i] * e[n + h - 1 - i];
		w[n + h] = v;
		at += v;
		ret[h] = (params[PARAM_D] > 0 ? at : mean + v) + weir_parts_season(past->parts, past->calendar, h);
	}
	return 0;
}

const struct weir_local weir_local_arima = {"arima", PARAMS, arima_fit, arima_predict};
const struct weir_local weir_local_mstl = {"mstl", PARAMS, differenced_fit, arima_predict};
