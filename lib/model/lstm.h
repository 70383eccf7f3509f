/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the LSTM sees of a series, and is asked of it: the same for learning from a past and for going on, step by step.
 *
 * A series is transformed (transform.h) and filled. At each step its level is the mean of its last (shortest) season, its
 * scale the deviation within its last (longest) season; everything else is less that level, in units of that scale. Inputs:
 * the newest values, of each season what the next step was a season ago, and how the level moved within a season. Bases: of
 * each season what the steps ahead were a season (or as many as it takes) ago. Where nothing was yet, a 0: the level.
 */
#ifndef WEIR_MODEL_LSTM_H
#define WEIR_MODEL_LSTM_H

#include "lib/model/lstm_net.h"
#include "lib/model/series.h"

#define WEIR_LSTM_UNITS 64
#define WEIR_LSTM_AHEAD 48   /* outputs at most; a longer forecast goes on from its own steps */
#define WEIR_LSTM_PAST 1024  /* longest season that is looked at */
#define WEIR_LSTM_SEASONS 2
#define WEIR_LSTM_FAR 20.0 /* scales: what is further off is as far */

struct weir_lstm_view {
	size_t season[WEIR_LSTM_SEASONS], seasons, newest; /* seasons: at least 1, of 1 step when nobody said one */
	size_t level, past, keep;			   /* values of a level; of a scale; that must be kept to see all */
};

struct weir_lstm_seen {
	double level, scale;
};

struct weir_lstm_view weir_lstm_view_of(const struct weir_calendar *c);
struct weir_lstm_shape weir_lstm_shape_of(const struct weir_calendar *c, size_t horizon);
/* A value in units of what was seen, bounded; what is no number is at the lower bound. */
static inline float weir_lstm_near(double y, const struct weir_lstm_seen *seen)
{
	double v = (y - seen->level) / seen->scale;

	v = v > -WEIR_LSTM_FAR ? v : -WEIR_LSTM_FAR;
	return (float)(v < WEIR_LSTM_FAR ? v : WEIR_LSTM_FAR);
}

/* The inputs and bases behind y[0..n), n > 0, of which the last `keep` are looked at. */
struct weir_lstm_seen weir_lstm_look(const struct weir_lstm_view *v, const double *y, size_t n, float *x);
void weir_lstm_bases(const struct weir_lstm_view *v, const double *y, size_t n, const struct weir_lstm_seen *seen, size_t outputs,
		     float *base);

#endif
