/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exponential smoothing with a damped trend, additive errors: ETS(A,Ad,N), and ETS(A,Ad,A) with the shortest season
 * (Hyndman, Koehler, Ord, Snyder 2008). Parameters by a search of a small grid, one after the
 * other, by the squared error one step ahead over the newest values.
 */
#include <math.h>

#include "lib/model/local.h"

#define NEWEST 504 /* values that the error is summed over: three weeks of hours */
#define WARM 24	   /* of them the first are not counted */

static double run(struct weir_damped *d, const double *y, size_t n)
{
	double sum = 0;

	d->level = y[0];
	d->slope = 0;
	for (size_t t = 1; t < n; t++) {
		double ahead = d->level + d->phi * d->slope, e = y[t] - ahead;

		d->level = ahead + d->alpha * e;
		d->slope = d->phi * d->slope + d->alpha * d->beta * e;
		sum += t >= WARM ? e * e : 0;
	}
	return sum;
}

void weir_damped_run(struct weir_damped *d, const double *y, size_t n)
{
	size_t from = n > NEWEST ? n - NEWEST : 0;

	run(d, y + from, n - from);
}

/* Is d better than what was best so far? */
static void try_damped(struct weir_damped d, const double *y, size_t n, double *least, struct weir_damped *best)
{
	double sum = run(&d, y, n);

	if (sum < *least) {
		*least = sum;
		*best = d;
	}
}

void weir_damped_fit(const double *y, size_t n, struct weir_damped *ret)
{
	static const double alphas[] = {0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99}, betas[] = {0.02, 0.1, 0.3}, phis[] = {0.8, 0.9, 0.98};
	size_t from = n > NEWEST ? n - NEWEST : 0;
	struct weir_damped level = {.alpha = 0.3, .phi = 0.9, .level = y[n - 1]};
	double least = INFINITY;

	y += from;
	n -= from;
	for (size_t a = 0; a < WEIR_ARRAY_SIZE(alphas); a++)
		try_damped((struct weir_damped){.alpha = alphas[a], .phi = 0.9}, y, n, &least, &level);
	*ret = level;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(betas) * WEIR_ARRAY_SIZE(phis); i++)
		try_damped((struct weir_damped){.alpha = level.alpha, .beta = betas[i / 3], .phi = phis[i % 3]}, y, n, &least, ret);
}

double weir_damped_ahead(const struct weir_damped *d, size_t h)
{
	double sum = d->phi * (1 - pow(d->phi, (double)(h + 1))) / (1 - d->phi);

	return d->level + sum * d->slope;
}

/* With a season: level, slope and the phases of one cycle, state[0 .. season). */
static double run_seasonal(struct weir_damped *d, double gamma, const double *y, size_t n, size_t season, double *state)
{
	double sum = 0, mean = 0;

	for (size_t t = 0; t < season; t++)
		mean += y[t] / (double)season;
	for (size_t t = 0; t < season; t++)
		state[t] = y[t] - mean;
	d->level = mean;
	d->slope = 0;
	for (size_t t = season, phase = 0; t < n; t++, phase = phase + 1 == season ? 0 : phase + 1) {
		double ahead = d->level + d->phi * d->slope, e = y[t] - ahead - state[phase];

		d->level = ahead + d->alpha * e;
		d->slope = d->phi * d->slope + d->alpha * d->beta * e;
		state[phase] += gamma * (1 - d->alpha) * e;
		sum += t >= 2 * season ? e * e : 0;
	}
	return sum;
}

static size_t season_of(const struct weir_past *p)
{
	return p->calendar->seasons && p->n >= 3 * p->calendar->season[0] ? p->calendar->season[0] : 0;
}

/* The series less its longer seasons, and behind it room for a cycle of the shortest. NULL: no memory. */
static double *without_longer(const struct weir_past *p, size_t season)
{
	double *y = malloc((p->n + season + 1) * sizeof(*y));

	for (size_t t = 0; y && t < p->n; t++) {
		y[t] = p->y[t];
		for (size_t s = 1; s < p->parts->seasons; s++)
			y[t] -= p->parts->seasonal[s][t];
	}
	return y;
}

/* One parameter after the other: alpha, gamma, beta. */
static int ets_fit(const struct weir_past *p, double *params)
{
	static const double alphas[] = {0.02, 0.1, 0.3, 0.6, 0.9, 0.99}, gammas[] = {0.03, 0.3, 0.7};
	size_t season = season_of(p), tries = WEIR_ARRAY_SIZE(alphas) + WEIR_ARRAY_SIZE(gammas) + 1;
	weir_auto_free double *y = without_longer(p, season);
	struct weir_damped best = {.alpha = 0.3, .phi = 0.95};
	double least = INFINITY, best_gamma = 0.1;

	if (!y)
		return -ENOMEM;
	if (!season)
		weir_damped_fit(y, p->n, &best);
	for (size_t i = 0; season && i < tries; i++) {
		struct weir_damped d = best;
		double gamma = best_gamma, sum;

		if (i < WEIR_ARRAY_SIZE(alphas))
			d.alpha = alphas[i];
		else if (i + 1 < tries)
			gamma = gammas[i - WEIR_ARRAY_SIZE(alphas)];
		else
			d.beta = 0.05;
		sum = run_seasonal(&d, gamma, y, p->n, season, y + p->n);
		if (sum < least) {
			least = sum;
			best = d;
			best_gamma = gamma;
		}
	}
	params[0] = best.alpha;
	params[1] = best.beta;
	params[2] = best.phi;
	params[3] = best_gamma;
	return 0;
}

static int ets_predict(const double *params, const struct weir_past *p, size_t horizon, double *ret)
{
	size_t season = season_of(p);
	weir_auto_free double *y = without_longer(p, season);
	struct weir_damped d = {.alpha = params[0], .beta = params[1], .phi = params[2]};

	if (!y)
		return -ENOMEM;
	if (season)
		run_seasonal(&d, params[3], y, p->n, season, y + p->n);
	else
		weir_damped_run(&d, y, p->n);
	for (size_t h = 0; h < horizon; h++) {
		ret[h] = weir_damped_ahead(&d, h) + (season ? y[p->n + (p->n + h) % season] : 0);
		for (size_t s = 1; s < p->parts->seasons; s++)
			ret[h] += weir_parts_phase(p->parts, p->calendar, s, h);
	}
	return 0;
}

const struct weir_local weir_local_ets = {"ets", 4, ets_fit, ets_predict};
