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
#define TRIES 10   /* side by side */
#define SEASONAL 6 /* of those with a season */

void weir_damped_run(struct weir_damped *d, const double *y, size_t n)
{
	size_t from = n > NEWEST ? n - NEWEST : 0;

	d->level = y[from];
	d->slope = 0;
	for (size_t t = from + 1; t < n; t++) {
		double ahead = d->level + d->phi * d->slope, e = y[t] - ahead;

		d->level = ahead + d->alpha * e;
		d->slope = d->phi * d->slope + d->alpha * d->beta * e;
	}
}

/* The best of at most TRIES candidates, if it is better than what was best so far. */
static void try_damped(const struct weir_damped *tries, size_t count, const double *y, size_t n, double *least,
		       struct weir_damped *best)
{
	weir_pair alpha[TRIES / 2] = {{0}}, trend[TRIES / 2] = {{0}}, phi[TRIES / 2] = {{0}};
	weir_pair level[TRIES / 2], slope[TRIES / 2] = {{0}}, sum[TRIES / 2] = {{0}};

	for (size_t i = 0; i < TRIES; i++) {
		const struct weir_damped *d = &tries[WEIR_MIN(i, count - 1)];

		alpha[i / 2][i % 2] = d->alpha;
		trend[i / 2][i % 2] = d->alpha * d->beta;
		phi[i / 2][i % 2] = d->phi;
		level[i / 2] = (weir_pair){y[0], y[0]};
	}
	for (size_t t = 1; t < n; t++)
#pragma GCC unroll 8
		for (size_t i = 0; i < TRIES / 2; i++) {
			weir_pair kept = phi[i] * slope[i], ahead = level[i] + kept, e = y[t] - ahead;

			level[i] = ahead + alpha[i] * e;
			slope[i] = kept + trend[i] * e;
			sum[i] += t >= WARM ? e * e : (weir_pair){0};
		}
	for (size_t i = 0; i < count; i++)
		if (sum[i / 2][i % 2] < *least) {
			*least = sum[i / 2][i % 2];
			*best = tries[i];
			best->level = level[i / 2][i % 2];
			best->slope = slope[i / 2][i % 2];
		}
}

void weir_damped_fit(const double *y, size_t n, struct weir_damped *ret)
{
	static const double alphas[] = {0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99}, betas[] = {0.02, 0.1, 0.3}, phis[] = {0.8, 0.9, 0.98};
	size_t from = n > NEWEST ? n - NEWEST : 0;
	struct weir_damped tries[TRIES];
	double least = INFINITY;

	*ret = (struct weir_damped){.alpha = 0.3, .phi = 0.9, .level = y[n - 1]};
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(alphas); i++)
		tries[i] = (struct weir_damped){.alpha = alphas[i], .phi = 0.9};
	try_damped(tries, WEIR_ARRAY_SIZE(alphas), y + from, n - from, &least, ret);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(betas) * WEIR_ARRAY_SIZE(phis); i++)
		tries[i] = (struct weir_damped){.alpha = ret->alpha, .beta = betas[i / 3], .phi = phis[i % 3]};
	try_damped(tries, WEIR_ARRAY_SIZE(betas) * WEIR_ARRAY_SIZE(phis), y + from, n - from, &least, ret);
}

double weir_damped_ahead(const struct weir_damped *d, size_t h)
{
	double sum = d->phi * (1 - pow(d->phi, (double)(h + 1))) / (1 - d->phi);

	return d->level + sum * d->slope;
}

/* With a season: level, slope and the phases of one cycle, state[0 .. season). */
static void start_seasonal(struct weir_damped *d, const double *y, size_t season, double *state)
{
	double mean = 0;

	for (size_t t = 0; t < season; t++)
		mean += y[t] / (double)season;
	for (size_t t = 0; t < season; t++)
		state[t] = y[t] - mean;
	d->level = mean;
	d->slope = 0;
}

static void run_seasonal(struct weir_damped *d, double gamma, const double *y, size_t n, size_t season, double *state)
{
	start_seasonal(d, y, season, state);
	for (size_t t = season, phase = 0; t < n; t++, phase = phase + 1 == season ? 0 : phase + 1) {
		double ahead = d->level + d->phi * d->slope, e = y[t] - ahead - state[phase];

		d->level = ahead + d->alpha * e;
		d->slope = d->phi * d->slope + d->alpha * d->beta * e;
		state[phase] += gamma * (1 - d->alpha) * e;
	}
}

struct seasonal {
	struct weir_damped d;
	double gamma;
};

/* As try_damped(). room: what without_longer() leaves. */
static void try_seasonal(const struct seasonal *tries, size_t count, const double *y, size_t n, size_t season, double *room,
			 double *least, struct seasonal *best)
{
	weir_pair alpha[SEASONAL / 2] = {{0}}, trend[SEASONAL / 2] = {{0}}, gamma[SEASONAL / 2] = {{0}}, level[SEASONAL / 2];
	weir_pair slope[SEASONAL / 2] = {{0}}, sum[SEASONAL / 2] = {{0}}, *state = (weir_pair *)room;
	struct weir_damped start;
	double phi = tries[0].d.phi, *one = room + season * SEASONAL;

	start_seasonal(&start, y, season, one);
	for (size_t i = 0; i < SEASONAL; i++) {
		const struct seasonal *s = &tries[WEIR_MIN(i, count - 1)];

		alpha[i / 2][i % 2] = s->d.alpha;
		trend[i / 2][i % 2] = s->d.alpha * s->d.beta;
		gamma[i / 2][i % 2] = s->gamma * (1 - s->d.alpha);
		level[i / 2] = (weir_pair){start.level, start.level};
		for (size_t t = 0; t < season; t++)
			room[t * SEASONAL + i] = one[t];
	}
	for (size_t t = season, phase = 0; t < n; t++, phase = phase + 1 == season ? 0 : phase + 1) {
		weir_pair *now = state + phase * (SEASONAL / 2);
#pragma GCC unroll 8
		for (size_t i = 0; i < SEASONAL / 2; i++) {
			weir_pair kept = phi * slope[i], ahead = level[i] + kept, e = y[t] - ahead - now[i];

			level[i] = ahead + alpha[i] * e;
			slope[i] = kept + trend[i] * e;
			now[i] += gamma[i] * e;
			sum[i] += t >= 2 * season ? e * e : (weir_pair){0};
		}
	}
	for (size_t i = 0; i < count; i++)
		if (sum[i / 2][i % 2] < *least) {
			*least = sum[i / 2][i % 2];
			*best = tries[i];
		}
}

static size_t season_of(const struct weir_past *p)
{
	return p->calendar->seasons && p->n >= 3 * p->calendar->season[0] ? p->calendar->season[0] : 0;
}

/* The series less its longer seasons, and `room` more. NULL: no memory. */
static double *without_longer(const struct weir_past *p, size_t room)
{
	double *y = malloc((p->n + room + 1) * sizeof(*y));

	for (size_t t = 0; y && t < p->n; t++)
		y[t] = p->y[t];
	for (size_t s = 1; y && s < p->parts->seasons; s++)
		for (size_t t = 0; t < p->n; t++)
			y[t] -= p->parts->seasonal[s][t];
	return y;
}

/* One parameter after the other: alpha, gamma, beta. */
static void fit_seasonal(const double *y, size_t n, size_t season, double *room, struct seasonal *best)
{
	static const double alphas[] = {0.02, 0.1, 0.3, 0.6, 0.9, 0.99}, gammas[] = {0.03, 0.3, 0.7};
	struct seasonal tries[SEASONAL];
	double least = INFINITY;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(alphas); i++) {
		tries[i] = *best;
		tries[i].d.alpha = alphas[i];
	}
	try_seasonal(tries, WEIR_ARRAY_SIZE(alphas), y, n, season, room, &least, best);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(gammas); i++) {
		tries[i] = *best;
		tries[i].gamma = gammas[i];
	}
	try_seasonal(tries, WEIR_ARRAY_SIZE(gammas), y, n, season, room, &least, best);
	tries[0] = *best;
	tries[0].d.beta = 0.05;
	try_seasonal(tries, 1, y, n, season, room, &least, best);
}

static int ets_fit(const struct weir_past *p, double *params)
{
	size_t season = season_of(p), at = p->n + p->n % 2;
	weir_auto_free double *y = without_longer(p, 1 + season * (SEASONAL + 1));
	struct seasonal best = {.d = {.alpha = 0.3, .phi = 0.95}, .gamma = 0.1};

	if (!y)
		return -ENOMEM;
	if (season)
		fit_seasonal(y, p->n, season, y + at, &best);
	else
		weir_damped_fit(y, p->n, &best.d);
	params[0] = best.d.alpha;
	params[1] = best.d.beta;
	params[2] = best.d.phi;
	params[3] = best.gamma;
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
