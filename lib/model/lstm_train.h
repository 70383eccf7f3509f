/* SPDX-License-Identifier: Apache-2.0 */
/* How the LSTM learns from a set of series, and runs along them. */
#ifndef WEIR_MODEL_LSTM_TRAIN_H
#define WEIR_MODEL_LSTM_TRAIN_H

#include "lib/model/lstm.h"

#define WEIR_LSTM_BATCH 64
#define WEIR_LSTM_CHAIN 192 /* steps that a state is carried while learning, from 0, and before it is used */
#define WEIR_LSTM_WIDTH_MIN 1e-4 /* scales */
#define WEIR_LSTM_WIDTH_MAX 1e4
#define WEIR_LSTM_VALUE_MAX 1e100 /* of a value, transformed: its square must be a number */

struct weir_lstm_past {
	const double *y, *v; /* filled and transformed; as measured, NaN where a value is no target */
	size_t n, cut;	     /* cut: values that are known when errors are to be honest */
};

struct weir_lstm_set {
	struct weir_lstm_view view;
	const struct weir_lstm_past *one;
	size_t count;
};

struct weir_lstm_effort {
	size_t passes;			/* times that the set's values are passed, about, within: */
	size_t chunks_min, chunks_max;	/* steps down the gradient; a small set has fewer chains at a time instead */
	size_t chain, chains_max;	/* values of the set that a chain at a time is worth; at most WEIR_LSTM_BATCH of them */
	size_t every;			/* steps of a chain from one that has targets to the next */
	float rate;			/* of Adam; falls to a hundredth by a half cosine */
};

/* A model of its own: some 15 s of one core for a large set. A member of the pool: a hundredth of that. */
extern const struct weir_lstm_effort weir_lstm_whole, weir_lstm_brief;

/* Learns of the values ahead of each series' cut, or of all. A set without two values in a series teaches nothing. */
int weir_lstm_train(struct weir_lstm_net *n, const struct weir_lstm_set *s, bool at_cut, const struct weir_lstm_effort *effort,
		    struct weir_random *random);

/*
 * Runs along series, at most WEIR_LSTM_BATCH of them, to their ends, each from WEIR_LSTM_CHAIN steps ahead of where it is seen:
 * from its cut on or, without from_cut, at its end alone. see() is told which of the set, how many values are known there,
 * the outputs, what they are in units of, and the state.
 */
struct weir_lstm_walk {
	void (*see)(struct weir_lstm_walk *w, size_t which, size_t known, const struct weir_lstm_seen *seen, const float *out,
		    const float *h, const float *c);
	bool from_cut;
	size_t every; /* steps from one place that is seen to the next; 0: each is */
	void *user;
};

int weir_lstm_walk(const struct weir_lstm_net *n, const struct weir_lstm_set *s, struct weir_lstm_walk *w);

/*
 * What a network that knows nothing behind the cuts misses there, in scales. growth, of each output: how much more than on average
 * is missed there, by all series; width, of each series: the quantile `coverage` of its misses, each divided by growth.
 */
int weir_lstm_misses(const struct weir_lstm_net *n, const struct weir_lstm_set *s, double coverage, double *growth,
		     double *width);

#endif
