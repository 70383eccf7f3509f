/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/lstm.h"

#include <math.h>

#define NEWEST 4	/* inputs that are values; of what came before the state knows */
#define LEVEL 24	/* values whose mean is the level, where nobody says a season */
#define WITHOUT 48	/* values of a scale when nobody says a season */
#define SCALE_MIN 1e-3	/* of a level: what moves less is flat */

struct weir_lstm_view weir_lstm_view_of(const struct weir_calendar *c)
{
	struct weir_lstm_view v = {.season = {1}, .seasons = 1, .newest = NEWEST, .level = LEVEL, .past = WITHOUT};
	size_t n = c->seasons;

	v.keep = WITHOUT;
	while (n && c->season[n - 1] > WEIR_LSTM_PAST)
		n--;
	if (!n)
		return v;
	v.season[0] = v.level = v.past = c->season[0];
	if (n > 1) {
		v.season[1] = v.past = c->season[n - 1];
		v.seasons = 2;
	}
	v.past = WEIR_MAX(v.past, (size_t)NEWEST);
	v.keep = WEIR_MAX(v.past, v.level + v.season[0]);
	return v;
}

struct weir_lstm_shape weir_lstm_shape_of(const struct weir_calendar *c, size_t horizon)
{
	struct weir_lstm_view v = weir_lstm_view_of(c);

	return (struct weir_lstm_shape){.inputs = v.newest + v.seasons + 1, .units = WEIR_LSTM_UNITS,
					.outputs = WEIR_MIN(horizon, (size_t)WEIR_LSTM_AHEAD), .bases = v.seasons};
}

/* Two doubles, from anywhere in memory: sums side by side, since in one each addition would wait for the last. */
typedef double pair __attribute__((vector_size(16), aligned(8)));

static double mean_of(const double *y, size_t n)
{
	pair a = {0}, b = {0};
	size_t i = 0;

	for (; i + 4 <= n; i += 4) {
		a += *(const pair *)(y + i);
		b += *(const pair *)(y + i + 2);
	}
	for (; i < n; i++)
		a[0] += y[i];
	a += b;
	return (a[0] + a[1]) / (double)n;
}

/* Sums of what values are off the last one: the deviation is at least a part of the largest of these, so that they have its digits. */
static double scale_of(const double *y, size_t n)
{
	double last = y[n - 1], off, mean, scale;
	pair sum = {0}, more = {0}, square = {0}, squares = {0};
	size_t i = 0;

	for (; i + 4 <= n; i += 4) {
		pair a = *(const pair *)(y + i) - last, b = *(const pair *)(y + i + 2) - last;

		sum += a;
		more += b;
		square += a * a;
		squares += b * b;
	}
	for (; i < n; i++) {
		sum[0] += y[i] - last;
		square[0] += (y[i] - last) * (y[i] - last);
	}
	sum += more;
	square += squares;
	off = (sum[0] + sum[1]) / (double)n;
	mean = last + off;
	scale = sqrt(fmax((square[0] + square[1]) / (double)n - off * off, 0));
	if (scale > SCALE_MIN * fabs(mean))
		return scale;
	return mean != 0 ? fabs(mean) : 1;
}

struct weir_lstm_seen weir_lstm_look(const struct weir_lstm_view *v, const double *y, size_t n, float *x)
{
	size_t level = WEIR_MIN(v->level, n), past = WEIR_MIN(v->past, n);
	struct weir_lstm_seen s = {mean_of(y + n - level, level), scale_of(y + n - past, past)};

	for (size_t i = 0; i < v->newest; i++)
		*x++ = i < n ? weir_lstm_near(y[n - 1 - i], &s) : 0;
	for (size_t k = 0; k < v->seasons; k++)
		*x++ = v->season[k] <= n ? weir_lstm_near(y[n - v->season[k]], &s) : 0;
	*x = n >= level + v->season[0] ? weir_lstm_near(mean_of(y + n - level - v->season[0], level), &s) : 0;
	return s;
}

void weir_lstm_bases(const struct weir_lstm_view *v, const double *y, size_t n, const struct weir_lstm_seen *s, size_t outputs,
		     float *base)
{
	for (size_t k = 0; k < v->seasons; k++)
		for (size_t h = 0; h < outputs; h++) {
			size_t back = v->season[k] - h % v->season[k];

			*base++ = back <= n ? weir_lstm_near(y[n - back], s) : 0;
		}
}
