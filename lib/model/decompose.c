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
#define BLOCK 16 /* values that are smoothed together, in registers */

void weir_parts_fini(struct weir_parts *p)
{
	free(p->trend);
	*p = (struct weir_parts){0};
}

/*
 * The mean over `width` values around each, of an even width one more; at an end the window is moved, not cut: a cut one would
 * hold a part of a season.
 */
static void centred_mean(const double *y, size_t n, size_t width, double *sums, double *ret)
{
	size_t half = width / 2, whole = 2 * half + 1, inner = n > whole ? n - whole : 1, cut = WEIR_MIN(width, n);
	double sum = 0, first, last;

	sums[0] = 0;
	for (size_t t = 0; t < n; t++)
		sums[t + 1] = sum += y[t];
	first = sums[cut] / (double)cut;
	last = (sums[n] - sums[n - cut]) / (double)cut;
	for (size_t t = 0; t <= half && t < n; t++)
		ret[t] = first;
	for (size_t t = 1; t < inner; t++)
		ret[half + t] = (sums[whole + t] - sums[t]) / (double)whole;
	for (size_t t = half + inner; t < n; t++)
		ret[t] = last;
}

static double cube(double v)
{
	return v * v * v;
}

/* As weir_pair, anywhere in memory. */
typedef double pair __attribute__((vector_size(16), aligned(8)));

/*
 * The same phase in the cycles around, weighted by how near they are, of BLOCK values from t on. Sums of a value have one order:
 * the nearest first, what is before ahead of what is behind. There are BLOCK zeros on both sides of the n values of d.
 */
static inline __attribute__((always_inline)) void smooth_body(const double *d, size_t n, size_t season, const double *weight,
							      size_t t, double *ret)
{
	pair sum[BLOCK / 2];

#pragma GCC unroll 8
	for (size_t i = 0; i < BLOCK / 2; i++)
		sum[i] = weight[0] * *(const pair *)(d + t + 2 * i);
	for (size_t k = 1, off = season; k <= REACH && off < n; k++, off += season) {
		if (off < t + BLOCK)
#pragma GCC unroll 8
			for (size_t i = 0; i < BLOCK / 2; i++)
				sum[i] += weight[k] * *(const pair *)(d + t + 2 * i - off);
		if (t + off < n)
#pragma GCC unroll 8
			for (size_t i = 0; i < BLOCK / 2; i++)
				sum[i] += weight[k] * *(const pair *)(d + t + 2 * i + off);
	}
	memcpy(ret + t, sum, WEIR_MIN((size_t)BLOCK, n - t) * sizeof(*ret));
}

static void smooth_plain(const double *d, size_t n, size_t season, const double *weight, double *ret)
{
	for (size_t t = 0; t < n; t += BLOCK)
		smooth_body(d, n, season, weight, t, ret);
}

/* Instructions of three operands save copies; none is fused, so the same bits. */
#if defined(__x86_64__)
__attribute__((target("avx2"))) static void smooth_wide(const double *d, size_t n, size_t season, const double *weight, double *ret)
{
	for (size_t t = 0; t < n; t += BLOCK)
		smooth_body(d, n, season, weight, t, ret);
}
#define WIDE __builtin_cpu_supports("avx2")
#else
#define smooth_wide smooth_plain
#define WIDE false
#endif

static void smooth_phase(const double *d, size_t n, size_t season, double *ret)
{
	double weight[REACH + 1], upto[REACH + 1]; /* upto: their sums from 1 on */

	for (int k = 0; k <= REACH; k++) {
		weight[k] = cube(1 - cube((double)k / (REACH + 1)));
		upto[k] = k ? upto[k - 1] + weight[k] : 0;
	}
	(WIDE ? smooth_wide : smooth_plain)(d, n, season, weight, ret);
	/* From one to the next of these, as many cycles are before each value, and as many behind it. */
	for (size_t t = 0, end; t < n; t = end) {
		size_t before = t / season, behind = (n - 1 - t) / season;
		double all = weight[0] + upto[WEIR_MIN(before, (size_t)REACH)] + upto[WEIR_MIN(behind, (size_t)REACH)];

		end = WEIR_MIN((before + 1) * season, n - behind * season);
		for (size_t i = t; i < end; i++)
			ret[i] /= all;
	}
}

static void take_off(const double *what, size_t n, double *d)
{
	for (size_t t = 0; t < n; t++)
		d[t] -= what[t];
}

/* d = y less all seasonals but one, and less the trend if there is one. */
static void others_off(const double *y, const struct weir_parts *p, const double *trend, size_t but, double *d)
{
	memcpy(d, y, p->n * sizeof(*d));
	if (trend)
		take_off(trend, p->n, d);
	for (size_t s = 0; s < p->seasons; s++)
		if (s != but)
			take_off(p->seasonal[s], p->n, d);
}

int weir_parts_of(const double *y, size_t n, const struct weir_calendar *c, struct weir_parts *ret)
{
	size_t seasons = 0;
	weir_auto_free double *room = calloc(3 * n + 1 + 2 * BLOCK, sizeof(*room));
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
	d = room + BLOCK;
	level = d + n + BLOCK;
	sums = level + n;
	for (size_t s = 0; s < seasons; s++)
		p.seasonal[s] = p.trend + (2 + s) * n;
	for (int round = 0; round < ROUNDS; round++) {
		others_off(y, &p, NULL, SIZE_MAX, d);
		centred_mean(d, n, seasons ? c->season[seasons - 1] : WEIR_MIN(n, 25u), sums, p.trend);
		for (size_t s = 0; s < seasons; s++) {
			others_off(y, &p, p.trend, s, d);
			smooth_phase(d, n, c->season[s], p.seasonal[s]);
			centred_mean(p.seasonal[s], n, c->season[s], sums, level);
			take_off(level, n, p.seasonal[s]);
		}
	}
	others_off(y, &p, NULL, SIZE_MAX, p.adjusted);
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
