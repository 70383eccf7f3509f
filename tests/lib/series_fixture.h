/* SPDX-License-Identifier: Apache-2.0 */
/* Generated hourly traffic, and what goes wrong with it: breaks of level and trend, spikes, dead periods. */
#ifndef WEIR_TEST_SERIES_FIXTURE_H
#define WEIR_TEST_SERIES_FIXTURE_H

#include <math.h>

#include "lib/model/random.h"
#include "lib/model/series.h"

enum made_kind { MADE_PLAIN, MADE_LEVEL, MADE_TREND, MADE_SPIKES, MADE_DEAD, MADE_KINDS };

static const char *const made_names[MADE_KINDS] = {"plain", "level break", "trend break", "spikes", "dead periods"};

/* A day and a week of random shape, an AR(1) of its own size, all multiplied: what traffic looks like. */
static inline void made_plain(struct weir_series *s, struct weir_random *r)
{
	double level = exp(3 + 8 * weir_random_unit(r)), day = weir_random_unit(r), week = 0.5 * weir_random_unit(r);
	double phase = 24 * weir_random_unit(r), noise = 0.02 + 0.15 * weir_random_unit(r), at = 0;

	for (size_t t = 0; t < s->n; t++) {
		double wave = sin(2 * M_PI * ((double)t + phase) / 24) + 0.4 * sin(4 * M_PI * ((double)t + phase) / 24);

		at = 0.6 * at + noise * weir_random_normal(r);
		s->v[t] = level * exp(day * wave - week * (t / 24 % 7 >= 5) + at);
	}
}

static inline void made_spoil(struct weir_series *s, enum made_kind kind, struct weir_random *r)
{
	size_t from = s->n - 48 - 4 - weir_random_below(r, 240); /* a break lies in what is learnt from, mostly near its end */
	double by = exp((weir_random_unit(r) - 0.5) * 4);

	for (size_t t = 0; t < s->n; t++) {
		if (kind == MADE_LEVEL && t >= from)
			s->v[t] *= by;
		else if (kind == MADE_TREND) /* growth that ends, or begins */
			s->v[t] *= exp(log(by) / 200 * (double)(by > 1 ? WEIR_MIN(t, from) : WEIR_MAX(t, from) - from));
		else if (kind == MADE_SPIKES && weir_random_below(r, 100) == 0)
			s->v[t] *= 5 + 20 * weir_random_unit(r);
	}
	for (int i = 0; kind == MADE_DEAD && i < 4; i++) {
		size_t begin = i ? weir_random_below(r, s->n - 48) : from, length = 4 + weir_random_below(r, 60);

		for (size_t t = begin; t < s->n - 48 && t < begin + length; t++)
			s->v[t] = 0;
	}
}

/* Series i of a set: kinds in turn, 700 or 960 values, the last 48 to be forecast. */
static inline struct weir_series made_series(size_t i, struct weir_random *r)
{
	struct weir_series s;

	if (weir_series_init(&s, made_names[i % MADE_KINDS], weir_random_below(r, 2) ? 700 : 960))
		abort();
	made_plain(&s, r);
	made_spoil(&s, (enum made_kind)(i % MADE_KINDS), r);
	return s;
}

#endif
