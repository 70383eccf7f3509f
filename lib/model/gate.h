/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate between champion and challenger. Both have been asked for the same values, which neither had seen: paired errors of
 * each unit (a series, or a planted row), perhaps at several origins. The challenger is better when all of this holds:
 *
 *   size      the geometric mean of error ratios (AvgRelMAE: Davydenko, Fildes 2013) is at most 1 - WEIR_GATE_MARGIN: no single
 *             unit decides, and twice as good weighs as much as half as good
 *   chance    a sign test over units (Dixon, Mood 1946) says that so many wins are chance with at most WEIR_GATE_CHANCE, divided
 *             by the number of challengers among which the best was chosen (Bonferroni). Fewer than WEIR_GATE_UNITS units
 *             are split by origin: then non-overlapping forecasts are the blocks (Diebold, Mariano 1995, in the test's sign form)
 *   intervals MSIS (Gneiting, Raftery 2007, scaled as in M4) has not grown by more than WEIR_GATE_MSIS, in the geometric mean
 *   slices    in no slice of WEIR_GATE_SLICE_MIN units or more has the error grown by more than WEIR_GATE_SLICE
 *
 * Units that share their shocks (one network, one holiday) are not independent, and the sign test takes them to be: the margin is there for that.
 */
#ifndef WEIR_MODEL_GATE_H
#define WEIR_MODEL_GATE_H

#include "lib/model/model.h"

#define WEIR_GATE_MARGIN 0.02
#define WEIR_GATE_CHANCE 0.05
#define WEIR_GATE_UNITS 8
#define WEIR_GATE_MSIS 0.10
#define WEIR_GATE_SLICE 0.10
#define WEIR_GATE_SLICE_MIN 5
#define WEIR_GATE_ERROR_MIN 1e-3 /* errors below, or beyond, count as this: what is nearly exact is as good as exact */
#define WEIR_GATE_ERROR_MAX 1e3
#define WEIR_GATE_KINDS_MAX 4
#define WEIR_GATE_TEXT_MAX 448

/* Of one unit at one origin; NaN = cannot be told. */
struct weir_gate_score {
	double error;	/* MASE (Hyndman, Koehler 2006), or another error, > 0 */
	double msis;	/* of the interval */
	double covered; /* share of values inside it */
};

/*
 * Scores a forecast of `steps` values against what came, v; NaN in v is passed over. Errors are in units of the mean difference of the past to a
 * season before (where that is 0, of its mean size). past: n values before the origin.
 */
struct weir_gate_score weir_gate_forecast(const double *past, size_t n, size_t season, const double *v, size_t steps,
					  const struct weir_forecast *f, double coverage);

/* Which slices units belong to. */
struct weir_gate_slices {
	size_t kinds;
	const char *kind[WEIR_GATE_KINDS_MAX]; /* "team", "zone", "size" */
	const char *const *label;	       /* of unit u and kind k: label[u * kinds + k]; NULL or "" = in none */
};

struct weir_gate_input {
	size_t units, origins;
	const struct weir_gate_score *champion, *challenger; /* [unit * origins + origin] */
	const struct weir_gate_slices *slices;		     /* NULL = none */
	const char *unit;				     /* what units are called: "series" */
	const char *champion_name, *challenger_name;
	double coverage;    /* that intervals should have */
	size_t challengers; /* among which this one is the best; at least 1 */
	double noise;	    /* so far apart are mean errors of models that differ in their seed alone: less is not worse; 0 = they do not */
};

struct weir_gate_result {
	bool better;
	bool worse;	      /* by the margin, by more than noise, and not by chance */
	size_t told;	      /* units, or unit and origin, that could be compared */
	size_t wins, losses;
	double ratio;	      /* geometric mean of challenger's error / champion's; 1 when nothing is told */
	double chance;	      /* of so many wins or more */
	struct weir_gate_score champion, challenger; /* means over the units */
	struct weir_model_slices slices; /* the challenger's; largest first within a kind */
	char why[WEIR_GATE_TEXT_MAX];    /* one sentence */
};

/* -ENOMEM alone. Cost O(units log units). */
int weir_gate(const struct weir_gate_input *in, struct weir_gate_result *ret);

/* Chance of k or more of n, each with probability p; exact. */
double weir_binomial_tail(size_t k, size_t n, double p);

#endif
