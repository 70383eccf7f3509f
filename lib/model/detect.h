/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A streaming detector of anomalies in one series: seven components watch it, each in its own way, and one score comes of
 * what is rare to them. Strictly causal: the score of a value depends on it and on values before it, on nothing else.
 *
 *   level   the value beside a moving mean, by its usual distance (residual)
 *   season  the value beside what this half hour of the day usually has (residual)
 *   linear  the error of an autoregression, fitted as it goes by recursive least squares
 *   memory  how unlikely the value is behind the two before it: contexts of quantised values (bits)
 *   shape   how far the last stretch is from every stretch that was kept: fuzzy adaptive resonance
 *   shift   the mean of a few values beside the mean of many
 *   lstm    the error of a readout, fitted as it goes, of a long short-term memory with fixed gates
 *
 * Each component's strangeness becomes a tail likelihood (how many in its own past were as strange: -log10), the score is
 * the root of their weighted squares. An alarm holds the score down behind it, halving with time, so that an
 * event is told once, at its onset. Formulas and sources: docs/models.md, constants: detect_tuning.c.
 */
#ifndef WEIR_MODEL_DETECT_H
#define WEIR_MODEL_DETECT_H

#include "lib/base/base.h"

enum weir_detect_component {
	WEIR_DETECT_LEVEL,
	WEIR_DETECT_SEASON,
	WEIR_DETECT_LINEAR,
	WEIR_DETECT_MEMORY,
	WEIR_DETECT_SHAPE,
	WEIR_DETECT_SHIFT,
	WEIR_DETECT_LSTM,
	WEIR_DETECT_COMPONENTS,
};

#define WEIR_DETECT_WARM 120	     /* values that are learnt before the first score */
#define WEIR_DETECT_SENTENCE_MAX 320 /* bytes, with the 0 */

/* What a component says of the last value. */
struct weir_detect_part {
	const char *name, *unit; /* unit: "" when of the series itself */
	double share;		 /* of the strangeness: all sum to it */
	double is;		 /* what was watched: the value, bits, a distance, a mean */
	double expected;	 /* NaN where a component expects no value */
	double lower, upper;	 /* what it is within, 999 times of 1000, by the component's own past */
};

struct weir_detect;

/* -ENOMEM. */
int weir_detect_new(struct weir_detect **ret);
void weir_detect_free(struct weir_detect *d);
/* What one takes, some 15 kB. */
size_t weir_detect_bytes(void);

/*
 * The score of the next value, 0 to 1; 0 while it warms up and for a missing value (NaN, infinite), which changes
 * nothing. time_s: Unix time, for the time of day; -1 when unknown. O(1), well under a microsecond.
 */
double weir_detect_step(struct weir_detect *d, int64_t time_s, double value);
/*
 * What was said of the quality of the last value: WEIR_Q_GAP, _DUPLICATE, _LATE, _WILD (it scored 0 and taught nothing),
 * _SKEW (its time was left out of account); 0 when nothing.
 */
unsigned int weir_detect_flags(const struct weir_detect *d);
/* From this score on a value is a finding: the threshold that serves best on the public set (docs/models.md). */
double weir_detect_alarm(void);

/* The last value: its strangeness before any holding down (0 to 1 as the score), and its parts, the largest first; one that
 * expects a value counts half as much again, since it says more. */
double weir_detect_explain(const struct weir_detect *d, struct weir_detect_part ret[WEIR_DETECT_COMPONENTS]);
/* One sentence of it with numbers: which component left its interval, and by how much. */
void weir_detect_sentence(const struct weir_detect *d, char ret[WEIR_DETECT_SENTENCE_MAX]);

/*
 * Whether a drift was told at the last value, and in one sentence with numbers which: of the series beside its time of
 * day's usual (Page-Hinkley), or of the errors of the linear component (ADWIN).
 */
bool weir_detect_drift(const struct weir_detect *d, char ret[WEIR_DETECT_SENTENCE_MAX]);

#endif
