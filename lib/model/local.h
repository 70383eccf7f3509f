/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forecasters that look at one series alone. Each is a row of local.c: it learns some numbers from values that are known
 * everywhere and have been transformed (transform.h), and goes on from any longer stretch of the same series.
 */
#ifndef WEIR_MODEL_LOCAL_H
#define WEIR_MODEL_LOCAL_H

#include "lib/model/model.h"

#define WEIR_LOCAL_PARAMS_MAX 320

/* What a series is made of, at each step: y = trend + seasonal of each season + rest. */
struct weir_parts {
	size_t n, seasons;
	double *trend, *seasonal[WEIR_SEASONS_MAX], *adjusted; /* y less all seasonals */
};

int weir_parts_of(const double *y, size_t n, const struct weir_calendar *c, struct weir_parts *ret);
void weir_parts_fini(struct weir_parts *p);
#define weir_auto_parts weir_cleanup(weir_parts_fini) struct weir_parts
/* Season s h steps behind the end (from 0), as it was in its last cycle; and the sum of all. */
double weir_parts_phase(const struct weir_parts *p, const struct weir_calendar *c, size_t s, size_t h);
double weir_parts_season(const struct weir_parts *p, const struct weir_calendar *c, size_t h);

/*
 * Candidates of a parameter run over a series side by side, two in a register: each step waits for the one before it, and so all
 * take the time of one. Each sums as it would alone.
 */
typedef double weir_pair __attribute__((vector_size(16)));

/* What prophet.c asks for with each series of a set, once: cosines and sines of each phase, powers, and room for its rows. */
struct weir_curves {
	float *wave[WEIR_SEASONS_MAX]; /* NULL: there is no such season */
	double *damp, *stays;	       /* of the exponents 0 to powers - 1 */
	float *rows;		       /* who fits writes here: one at a time */
	size_t powers, longest;
};

/* For forecasts of `horizon` steps of series of at most `longest` values; -ENOMEM. */
int weir_curves_of(const struct weir_calendar *c, size_t longest, size_t horizon, struct weir_curves *ret);
void weir_curves_fini(struct weir_curves *c);

/* What a local forecaster sees of a series. */
struct weir_past {
	const double *y; /* filled and transformed */
	size_t n;
	const struct weir_calendar *calendar;
	const struct weir_parts *parts; /* of these n values */
	const struct weir_curves *curves; /* of the calendar */
};

struct weir_local {
	const char *name;
	size_t params; /* numbers that fit writes; at most WEIR_LOCAL_PARAMS_MAX */
	int (*fit)(const struct weir_past *p, double *params);
	int (*predict)(const double *params, const struct weir_past *p, size_t horizon, double *ret);
};

extern const struct weir_local weir_local_snaive, weir_local_ets, weir_local_theta, weir_local_arima, weir_local_mstl,
	weir_local_prophet, weir_local_cycle;

/* Damped trend on a series without season: level and slope at the end, and the damping. */
struct weir_damped {
	double alpha, beta, phi, level, slope;
};
void weir_damped_fit(const double *y, size_t n, struct weir_damped *ret);
void weir_damped_run(struct weir_damped *d, const double *y, size_t n);
double weir_damped_ahead(const struct weir_damped *d, size_t h);

#endif
