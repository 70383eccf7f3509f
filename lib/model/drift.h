/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drift: has what a stream is about changed? Two watchers, O(1) and O(log n) in time and room.
 *
 *   weir_drift  Page-Hinkley, both ways, of values standardised by the stream's first ones: cheap, for every series
 *   weir_adwin  adaptive windowing, for the error of a model: its window is what the present model is judged by
 */
#ifndef WEIR_MODEL_DRIFT_H
#define WEIR_MODEL_DRIFT_H

#include "lib/base/base.h"

#define WEIR_DRIFT_WARM 100	  /* values that say what is usual, again after each drift */
#define WEIR_DRIFT_SURE 1000	  /* values by which their mean is known; the later ones only while nothing drifts */
#define WEIR_DRIFT_SLACK 0.5	  /* deviations that a mean may be off and be no drift */
#define WEIR_DRIFT_THRESHOLD 20.0 /* deviations summed; tests/unit/lib_model_drift.c prints delay and false alarms */

/*
 * Page 1954, Hinkley 1971. Sums of what exceeds the mean by more than the slack, from their lowest on; a sum above the
 * threshold is a drift, behind which all begins anew. What is summed is what a value adds to the one before it: the first values
 * also say how far neighbours hang together (residual control charts: Alwan, Roberts 1988), so that a stream that wanders is
 * no drift.
 */
struct weir_drift {
	uint32_t n;
	double mean, square, cross; /* of the warm-up, Welford; then mean, deviation and correlation of neighbours */
	double before;		    /* the last value; then in deviations from the mean */
	double up, down;	    /* sums, never below 0 */
	uint32_t rising, falling;   /* values since the sum was 0 */
	int64_t since_s;	    /* a sum is above the threshold since; 0: none is */
	/* Of the last drift: means before and behind it, and how many values before it was told it began. */
	double from, to;
	uint32_t late;
};

/* 1: the mean rose, -1: it fell, 0: neither; then from, to and late say how. A value that is not finite changes nothing. {0} begins. */
int weir_drift_step(struct weir_drift *d, double value);
/*
 * The same for a stream in which what comes and goes within patience_s is no drift: the days of a week that is not known yet.
 * A sum must stay above the threshold for longer. time_s > 0 is the value's.
 */
int weir_drift_step_patient(struct weir_drift *d, double value, int64_t time_s, int64_t patience_s);

#define WEIR_ADWIN_ROWS 16 /* of buckets: 2^i values each */
#define WEIR_ADWIN_BUCKETS 5

/*
 * Bifet, Gavalda 2007 (ADWIN2): a window of values in an exponential histogram. Whenever two parts of it have means
 * that differ by more than chance explains, at confidence delta, the older part is dropped.
 */
struct weir_adwin {
	double sum[WEIR_ADWIN_ROWS][WEIR_ADWIN_BUCKETS + 1], square[WEIR_ADWIN_ROWS][WEIR_ADWIN_BUCKETS + 1];
	uint32_t used[WEIR_ADWIN_ROWS];	 /* buckets; [row][0] is the newest */
	double n, total, total_square;	 /* values, their sum, the sum of their squares */
	uint64_t seen;
	double delta; /* 0.002 */
};

/* Whether older values were dropped: a drift. delta in (0, 1). */
void weir_adwin_init(struct weir_adwin *a, double delta);
bool weir_adwin_step(struct weir_adwin *a, double value);
/* Of the window; 0 when it is empty. */
double weir_adwin_mean(const struct weir_adwin *a);

/* Whether a window that came from bytes is one: no more buckets than there may be, and so many values. */
bool weir_adwin_whole(const struct weir_adwin *a);

#endif
