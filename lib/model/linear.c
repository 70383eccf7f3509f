/* SPDX-License-Identifier: Apache-2.0 */
/* The ridges, and how errors weigh, were chosen on the last 144 hours of the training part of M4 Hourly; the stride where pool.c's constants were. */
#include "lib/model/linear.h"

#include <math.h>

#include "lib/model/blas.h"
#include "lib/model/model.h"
#include "lib/model/stat.h"

#define GLOBAL_RIDGE 0.001f /* a, for each window */
#define OWN_STRIDE 2	    /* of a series' windows: neighbours say the same */
#define OWN_RIDGE 15.0f	    /* b, in windows */
#define HEAVY 4.0	    /* the most that a window counts */
#define OWN_WINDOWS_MAX 2048 /* of a series, the newest */
#define PROBE 3		    /* each so manyth step of the horizon says how far the global map errs in a window */
#define SCALE_MIN 1e-9	    /* of the level: what is less is rounding */
#define FLAT 1e-6	    /* of the series' own deviation from its last value */

enum { CUT, ALL, MAPS };

/* Windows of a series as rows: x (lags), z (horizon). */
struct windows {
	float *x, *z, *e;
	double *error, *sorted, *sum, *square, base;
	size_t room, n;
};

struct weir_linear {
	struct weir_linear_opts o;
	struct windows w;
	float *gram, *work;	   /* lags x lags */
	float *cross, *global[MAPS]; /* lags x horizon */
	float *own[MAPS];
	float *probe; /* lags x probes: of the global map of the cut, the columns that weigh windows */
};

void weir_linear_free(struct weir_linear *m)
{
	if (!m)
		return;
	free(m->w.x);
	free(m->w.error);
	free(m->gram);
	free(m->cross);
	free(m);
}

static int make_room(struct weir_linear *m, size_t longest)
{
	const struct weir_linear_opts *o = &m->o;
	size_t span = o->lags + o->horizon, size = o->lags * o->horizon;
	size_t room = longest >= span ? WEIR_MIN(longest - span + 1, (size_t)OWN_WINDOWS_MAX) : 1;

	m->w.room = room;
	m->w.x = malloc(room * (o->lags + 2 * o->horizon) * sizeof(float));
	m->w.error = malloc(2 * (room + longest + 1) * sizeof(double));
	m->gram = malloc(2 * o->lags * o->lags * sizeof(float));
	m->cross = calloc((2 + 2 * MAPS) * size, sizeof(float));
	if (!m->w.x || !m->w.error || !m->gram || !m->cross)
		return -ENOMEM;
	m->w.z = m->w.x + room * o->lags;
	m->w.e = m->w.z + room * o->horizon;
	m->w.sorted = m->w.error + room;
	m->w.sum = m->w.sorted + room;
	m->w.square = m->w.sum + longest + 1;
	m->work = m->gram + o->lags * o->lags;
	for (size_t i = 0; i < MAPS; i++) {
		m->global[i] = m->cross + (1 + i) * size;
		m->own[i] = m->cross + (1 + MAPS + i) * size;
	}
	m->probe = m->cross + (1 + 2 * MAPS) * size;
	return 0;
}

static size_t probes_of(const struct weir_linear_opts *o)
{
	return (o->horizon + PROBE - 1) / PROBE;
}

/* Level and scale from sums over a window, and over its end. */
static void scale_of(double sum, double squares, double near, const struct weir_linear_opts *o, double *level, double *scale)
{
	double mean = sum / (double)o->lags;

	*level = near / (double)o->level;
	*scale = sqrt(fmax(squares / (double)o->lags - mean * mean, 0));
}

/* A flat window has the scale 1: it is its level, whatever the map says. */
static void level_of(const double *y, const struct weir_linear_opts *o, double *level, double *scale)
{
	double sum = 0, near = 0, squares = 0, base = y[o->lags - 1];

	for (size_t i = 0; i < o->lags; i++) {
		sum += y[i] - base;
		squares += (y[i] - base) * (y[i] - base);
	}
	for (size_t i = o->lags - o->level; i < o->lags; i++)
		near += y[i] - base;
	scale_of(sum, squares, near, o, level, scale);
	*level += base;
	if (!(*scale > SCALE_MIN * fabs(*level)))
		*scale = 1;
}

/* Sums of y and its squares up to each value, less the last one: large numbers would leave no digits. */
static void sum_up(struct windows *w, const double *y, size_t n)
{
	double base = n ? y[n - 1] : 0, sum = 0, square = 0, *sums = w->sum, *squares = w->square;

	w->base = base;
	sums[0] = squares[0] = 0;
	for (size_t i = 0; i < n; i++) {
		double v = y[i] - base;

		sums[i + 1] = sum += v;
		squares[i + 1] = square += v * v;
	}
}

/* n values less their level, in units of their scale. */
static void put_scaled(const double *y, size_t n, double level, double by, float *ret)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = (float)((y[i] - level) * by);
}

/*
 * The windows that end, targets included, behind `from` and at most at `to`: from the newest back, every stride-th. Flat ones
 * teach nothing, and are left out.
 */
static void windows_of(struct weir_linear *m, const double *y, size_t from, size_t to, size_t stride)
{
	const struct weir_linear_opts *o = &m->o;
	struct windows *w = &m->w;
	size_t span = o->lags + o->horizon;
	double flat;

	w->n = 0;
	sum_up(w, y, to);
	flat = FLAT * sqrt(w->square[to] / (double)(to + 1));
	for (size_t end = to; end >= span && end > from && w->n < w->room; end -= WEIR_MIN(stride, end)) {
		const double *at = y + end - span;
		float *x = w->x + w->n * o->lags, *z = w->z + w->n * o->horizon;
		size_t from_at = end - span, to_at = end - o->horizon;
		double level, scale;

		scale_of(w->sum[to_at] - w->sum[from_at], w->square[to_at] - w->square[from_at],
			 w->sum[to_at] - w->sum[to_at - o->level], o, &level, &scale);
		if (!(scale > flat))
			continue;
		level += w->base;
		scale = 1 / scale;
		put_scaled(at, o->lags, level, scale, x);
		put_scaled(at + o->lags, o->horizon, level, scale, z);
		w->n++;
	}
}

static void add_windows(struct weir_linear *m, float *cross)
{
	const struct weir_linear_opts *o = &m->o;
	const struct windows *w = &m->w;

	if (!w->n)
		return;
	weir_blas_gram(w->n, o->lags, w->x, o->lags, m->gram);
	weir_blas_gemm(true, false, o->lags, o->horizon, w->n, 1, w->x, o->lags, w->z, o->horizon, 1, cross, o->horizon);
}

/* map = (gram + ridge I)^-1 map; gram stays. */
static int solve(struct weir_linear *m, float ridge, float *map)
{
	size_t lags = m->o.lags;

	memcpy(m->work, m->gram, lags * lags * sizeof(*m->work));
	for (size_t i = 0; i < lags; i++)
		m->work[i * lags + i] += ridge;
	return weir_blas_solve(lags, m->work, m->o.horizon, map);
}

static int fit_global(struct weir_linear *m, const struct weir_linear_series *s, size_t count)
{
	const struct weir_linear_opts *o = &m->o;
	size_t span = o->lags + o->horizon, all = 0, used = 0, size = o->lags * o->horizon, stride;

	for (size_t i = 0; i < count; i++)
		all += s[i].n >= span ? s[i].n - span + 1 : 0;
	stride = all / o->windows + 1;
	memset(m->gram, 0, o->lags * o->lags * sizeof(*m->gram));
	for (size_t k = 0; k < MAPS; k++) {
		for (size_t i = 0; i < count; i++) {
			windows_of(m, s[i].y, k == CUT ? 0 : s[i].cut, k == CUT ? s[i].cut : s[i].n, stride);
			add_windows(m, m->cross);
			used += m->w.n;
		}
		memcpy(m->global[k], m->cross, size * sizeof(float));
		if (used && solve(m, GLOBAL_RIDGE * (float)used, m->global[k]))
			memset(m->global[k], 0, size * sizeof(float));
	}
	for (size_t i = 0; i < o->lags; i++)
		for (size_t k = 0; k < probes_of(o); k++)
			m->probe[i * probes_of(o) + k] = m->global[CUT][i * o->horizon + k * PROBE];
	return 0;
}

int weir_linear_new(const struct weir_linear_series *s, size_t count, const struct weir_linear_opts *o,
		    struct weir_linear **ret)
{
	weir_auto_linear *m = calloc(1, sizeof(*m));
	size_t longest = 0;
	int r;

	if (!m)
		return -ENOMEM;
	m->o = *o;
	weir_blas_ready();
	for (size_t i = 0; i < count; i++)
		longest = WEIR_MAX(longest, s[i].n);
	r = make_room(m, longest);
	r = r ? r : fit_global(m, s, count);
	if (!r)
		*ret = weir_take_ptr(m);
	return r;
}

/* The root of the sum of the squares of each of n rows; four at a time, since each of their sums waits for itself. */
static void lengths(const float *e, size_t n, size_t width, double *ret)
{
	for (size_t i = 0; i < n; i += 4) {
		const float *row[4];
		float sum[4] = {0};

		for (size_t k = 0; k < 4; k++)
			row[k] = e + WEIR_MIN(i + k, n - 1) * width;
		for (size_t h = 0; h < width; h++)
#pragma GCC unroll 4
			for (size_t k = 0; k < 4; k++)
				sum[k] += row[k][h] * row[k][h];
		for (size_t k = 0; k < 4 && i + k < n; k++)
			ret[i + k] = sqrt((double)sum[k]);
	}
}

static void scale_row(float *x, size_t n, float by)
{
	for (size_t i = 0; i < n; i++)
		x[i] *= by;
}

/* A window counts by how far the global map of the cut errs there, beside the median of all. */
static void weigh(struct weir_linear *m, double *median)
{
	const struct weir_linear_opts *o = &m->o;
	struct windows *w = &m->w;
	size_t probes = probes_of(o);

	if (!w->n)
		return;
	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; k < probes; k++)
			w->e[i * probes + k] = w->z[i * o->horizon + k * PROBE];
	weir_blas_gemm(false, false, w->n, probes, o->lags, -1, w->x, o->lags, m->probe, probes, 1, w->e, probes);
	lengths(w->e, w->n, probes, w->error);
	if (!(*median > 0)) {
		memcpy(w->sorted, w->error, w->n * sizeof(*w->sorted));
		*median = weir_median(w->sorted, w->n);
	}
	for (size_t i = 0; i < w->n; i++) {
		float k = (float)fmin(sqrt(*median / (w->error[i] + 1e-9)), HEAVY);

		scale_row(w->x + i * o->lags, o->lags, k);
		scale_row(w->z + i * o->horizon, o->horizon, k);
	}
}

int weir_linear_own(struct weir_linear *m, const struct weir_linear_series *s)
{
	size_t size = m->o.lags * m->o.horizon, seen = 0;
	float *cross = m->own[ALL]; /* what is summed, until it is solved */
	double median = 0;

	memset(m->gram, 0, m->o.lags * m->o.lags * sizeof(*m->gram));
	memset(cross, 0, size * sizeof(*cross));
	for (size_t k = 0; k < MAPS; k++) {
		const float *global = m->global[k];
		float *map = m->own[k];

		windows_of(m, s->y, k == CUT ? 0 : s->cut, k == CUT ? s->cut : s->n, OWN_STRIDE);
		weigh(m, &median);
		add_windows(m, cross);
		seen += m->w.n;
		for (size_t i = 0; i < size; i++)
			map[i] = cross[i] + OWN_RIDGE * global[i];
		if (!seen || solve(m, OWN_RIDGE, map))
			memcpy(map, m->global[k], size * sizeof(*map));
	}
	return 0;
}

void weir_linear_predict(const struct weir_linear *m, bool at_cut, const double *y, size_t n, double *ret)
{
	const struct weir_linear_opts *o = &m->o;
	float x[WEIR_LINEAR_LAGS_MAX], z[WEIR_HORIZON_MAX];
	double level, scale;

	level_of(y + n - o->lags, o, &level, &scale);
	for (size_t i = 0; i < o->lags; i++)
		x[i] = (float)((y[n - o->lags + i] - level) / scale);
	weir_blas_gemv(true, o->lags, o->horizon, 1, m->own[at_cut ? CUT : ALL], o->horizon, x, 0, z);
	for (size_t i = 0; i < o->horizon; i++)
		ret[i] = level + scale * (double)z[i];
}
