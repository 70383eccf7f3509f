/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A series of several seasons in parts, after MSTL (Bandara, Hyndman, Bergmeir 2021): the trend is a centred mean over the
 * longest season; each season in turn, twice, is what the same phase shows in neighbouring cycles, a mean with tricube
 * weights that fall to 0 beyond REACH cycles, less its own mean over a cycle. A season that the series does not hold twice is
 * left out. Linear in n.
 */
#include <math.h>

#include "lib/model/local.h"

#define REACH 20 /* cycles. MSTL takes 5 and 7; by held-back OWA of M4 Hourly: 3 .394, 5 .381, 8 .379, 12 .378, 20 .377, 30 .377 */
#define ROUNDS 2

void weir_parts_fini(struct weir_parts *p)
{
	free(p->trend);
	*p = (struct weir_parts){0};
}

/* The mean over `width` values around each; at the ends over what is there, on both sides alike. */
static void centred_mean(const double *y, size_t n, size_t width, double *sums, double *ret)
{
	sums[0] = 0;
	for (size_t t = 0; t < n; t++)
		sums[t + 1] = sums[t] + y[t];
	for (size_t t = 0; t < n; t++) {
		size_t half = width / 2, a = t > half ? t - half : 0, b = t + half + 1 < n ? t + half + 1 : n;

		/* At an end the window is moved, not cut: a cut one would hold a part of a season. */
		if (a == 0)
			b = WEIR_MIN(width, n);
		if (b == n)
			a = n > width ? n - width : 0;
		ret[t] = (sums[b] - sums[a]) / (double)(b - a);
	}
}

static double cube(double v)
{
	return v * v * v;
}

/*
 * The same phase in the cycles around, weighted by how near they are: cycle by cycle, so that memory is read in order and
 * by vectors; sums of a value keep their order.
 */
__attribute__((optimize("O3"))) static void smooth_phase(const double *d, size_t n, size_t season, double *ret)
{
	double weight[REACH + 1], upto[REACH + 1]; /* upto: their sums from 1 on */

	for (int k = 0; k <= REACH; k++) {
		weight[k] = cube(1 - cube((double)k / (REACH + 1)));
		upto[k] = k ? upto[k - 1] + weight[k] : 0;
	}
	for (size_t t = 0; t < n; t++)
		ret[t] = weight[0] * d[t];
	for (size_t k = 1, off = season; k <= REACH && off < n; k++, off += season) {
		double w = weight[k];

		for (size_t t = off; t < n; t++)
			ret[t] += w * d[t - off];
		for (size_t t = 0; t + off < n; t++)
			ret[t] += w * d[t + off];
	}
	for (size_t t = 0, before = 0, behind = (n - 1) / season, phase = 0, left = (n - 1) % season; t < n; t++) {
		ret[t] /= weight[0] + upto[WEIR_MIN(before, (size_t)REACH)] + upto[WEIR_MIN(behind, (size_t)REACH)];
		if (++phase == season) {
			phase = 0;
			before++;
		}
		if (!left--) {
			left = season - 1;
			behind--;
		}
	}
}

/* d = y less trend and the other seasonals. */
static void others_off(const double *y, const struct weir_parts *p, size_t but, double *d)
{
	for (size_t t = 0; t < p->n; t++) {
		d[t] = y[t] - p->trend[t];
		for (size_t s = 0; s < p->seasons; s++)
			d[t] -= s == but ? 0 : p->seasonal[s][t];
	}
}

static void adjust(const struct weir_parts *p, const double *y, double *ret)
{
	for (size_t t = 0; t < p->n; t++) {
		ret[t] = y[t];
		for (size_t s = 0; s < p->seasons; s++)
			ret[t] -= p->seasonal[s][t];
	}
}

int weir_parts_of(const double *y, size_t n, const struct weir_calendar *c, struct weir_parts *ret)
{
	size_t seasons = 0;
	weir_auto_free double *room = malloc((3 * n + 1) * sizeof(*room));
	double *d, *level, *sums;
	struct weir_parts p = {.n = n};

	while (seasons < c->seasons && 2 * c->season[seasons] <= n)
		seasons++;
	p.seasons = seasons;
	p.trend = calloc((2 + seasons) * n, sizeof(*p.trend));
	if (!room || !p.trend) {
		free(p.trend);
		return -ENOMEM;
	}
	p.adjusted = p.trend + n;
	d = room;
	level = d + n;
	sums = level + n;
	for (size_t s = 0; s < seasons; s++)
		p.seasonal[s] = p.trend + (2 + s) * n;
	for (int round = 0; round < ROUNDS; round++) {
		adjust(&p, y, d);
		centred_mean(d, n, seasons ? c->season[seasons - 1] : WEIR_MIN(n, 25u), sums, p.trend);
		for (size_t s = 0; s < seasons; s++) {
			others_off(y, &p, s, d);
			smooth_phase(d, n, c->season[s], p.seasonal[s]);
			centred_mean(p.seasonal[s], n, c->season[s], sums, level);
			for (size_t t = 0; t < n; t++)
				p.seasonal[s][t] -= level[t];
		}
	}
	adjust(&p, y, p.adjusted);
	*ret = p;
	return 0;
}

double weir_parts_phase(const struct weir_parts *p, const struct weir_calendar *c, size_t s, size_t h)
{
	return p->seasonal[s][p->n - c->season[s] + h % c->season[s]];
}

double weir_parts_season(const struct weir_parts *p, const struct weir_calendar *c, size_t h)
{
	double sum = 0;

	for (size_t s = 0; s < p->seasons; s++)
		sum += weir_parts_phase(p, c, s, h);
	return sum;
}

static int mstl_fit(const struct weir_past *p, double *params)
{
	struct weir_damped d;

	weir_damped_fit(p->parts->adjusted, p->n, &d);
	params[0] = d.alpha;
	params[1] = d.beta;
	params[2] = d.phi;
	return 0;
}

static int mstl_predict(const double *params, const struct weir_past *p, size_t horizon, double *ret)
{
	struct weir_damped d = {.alpha = params[0], .beta = params[1], .phi = params[2]};

	weir_damped_run(&d, p->parts->adjusted, p->n);
	for (size_t h = 0; h < horizon; h++)
		ret[h] = weir_damped_ahead(&d, h) + weir_parts_season(p->parts, p->calendar, h);
	return 0;
}

const struct weir_local weir_local_mstl = {"mstl", 3, mstl_fit, mstl_predict};
