/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room of models: one table of operations for whatever forecasts or scores, and what passes between a model and who
 * uses it. A model knows no clock, no file and no global: data and time are arguments, and the same data, options and
 * seed give the same model. Adding one is one file and one row in models.c.
 *
 * A model is fitted to a set: series that belong together (forecasts, detectors of series), or rows (detectors of
 * flows). An operation that a model does not have is NULL in its row, and the wrapper returns -EOPNOTSUPP.
 */
#ifndef WEIR_MODEL_H
#define WEIR_MODEL_H

#include "lib/base/base.h"
#include "lib/ds/buf.h"
#include "lib/model/frame.h"
#include "lib/model/series.h"

#define WEIR_HORIZON_MAX 1024
#define WEIR_EXPLAIN_MAX 64

/* Observations: n rows of width numbers each, NaN where missing. Of a series the width is 1. */
struct weir_rows {
	const double *v; /* row by row */
	size_t n, width;
	const int64_t *time_s; /* of each row; NULL when unknown */
};

struct weir_model_data {
	const struct weir_series *series;
	size_t count;
	struct weir_calendar calendar;
	struct weir_rows rows;
};

struct weir_model_opts {
	size_t horizon;	 /* steps that will be asked for; 1 to WEIR_HORIZON_MAX */
	double coverage; /* of intervals: 0.95 */
	uint64_t seed;
	bool extended; /* isolation forest: oblique cuts */
};

/* What a forecast is made of. The parts of each step sum to its mean exactly, as doubles, added in this order. */
enum weir_part {
	WEIR_PART_TREND,
	WEIR_PART_DAY,
	WEIR_PART_WEEK,
	WEIR_PART_HOLIDAY,
	WEIR_PART_REMAINDER,
	WEIR_PARTS,
};

struct weir_forecast {
	size_t horizon;
	double *mean, *lower, *upper; /* of each step */
	double *part[WEIR_PARTS];
};

/* Room for horizon steps, all 0. */
int weir_forecast_init(struct weir_forecast *f, size_t horizon);
void weir_forecast_fini(struct weir_forecast *f);
#define weir_auto_forecast weir_cleanup(weir_forecast_fini) struct weir_forecast

/* Makes the remainder what the other parts leave of the mean, so that the sum is exact. */
void weir_forecast_close(struct weir_forecast *f);
double weir_forecast_sum(const struct weir_forecast *f, size_t step);

/* Why a score or a forecast is what it is: named contributions, the largest first; base + contributions = value. */
struct weir_explain {
	double value, base;
	size_t count;
	struct {
		char name[32];
		double value;
	} item[WEIR_EXPLAIN_MAX];
};

/* The parts of the step (from 0) that rows has as its only value, of a forecaster's predict. */
int weir_forecast_explain(int (*predict)(const void *state, size_t which, struct weir_forecast *f), const void *state, size_t which,
			  const struct weir_rows *rows, struct weir_explain *ret);

struct weir_model_ops {
	const char *name;
	const char *about; /* one sentence, shown to people */
	const char *limits; /* one or two more: what it gets wrong */
	uint32_t version;  /* of what it packs; another is refused */

	/* Learns the set. *ret_state is the caller's, for free. */
	int (*fit)(const struct weir_model_data *data, const struct weir_model_opts *opts, void **ret_state,
		   struct weir_err *err);
	/* Learns what came after, rows in the order of time, of series `which` (0 for a model of rows). */
	int (*update)(void *state, size_t which, const struct weir_rows *rows);
	/* The steps behind the last value known of series `which`; f has been made for at most opts.horizon steps. */
	int (*predict)(const void *state, size_t which, struct weir_forecast *f);
	/*
	 * One number for each row, higher is stranger; by nothing but what was learnt, and rows before it. A detector of
	 * series that learns as it goes does so here: then state changes.
	 */
	int (*score)(void *state, size_t which, const struct weir_rows *rows, double *ret);
	/* Why row 0 scored what it did; of a forecaster, rows is one row with the step (from 0) to be explained. */
	int (*explain)(const void *state, size_t which, const struct weir_rows *rows, struct weir_explain *ret);
	/* All of state as bytes (frame.h: weir_put_*), and back. unpack gets bytes of anybody: each is checked. */
	int (*pack)(const void *state, struct weir_buf *b);
	int (*unpack)(struct weir_reader *r, void **ret_state);
	/* Right behind a fit: adds the model's own parameters and its scores on data that it held back. May be NULL. */
	void (*describe)(const void *state, struct weir_model_meta *meta);
	void (*free)(void *state); /* takes NULL */
};

/* NULL when there is no model of that name. */
const struct weir_model_ops *weir_model_find(const char *name);
/* The i-th row of the table; NULL behind the last. */
const struct weir_model_ops *weir_model_at(size_t i);

/* Of a series that a model was fitted to: who it was, and up to when. */
struct weir_model_series {
	uint64_t key;  /* weir_series_key of its id */
	int64_t end_s; /* Unix time behind its last value; 0 when unknown */
};

/* The first 8 bytes of SHA-256 of an id, little-endian; 0 when that failed. */
uint64_t weir_series_key(const char *id);

/* A fitted model with what must be known of it. */
struct weir_model {
	const struct weir_model_ops *ops;
	void *state;
	struct weir_model_meta meta;
	struct weir_model_series *series; /* meta.series of them, in the order of the fit */
};

/* Which series of the model has this id: an index for predict and score; -ENOENT. Costs a pass over all. */
int weir_model_which(const struct weir_model *m, const char *id, size_t *ret);

void weir_model_fini(struct weir_model *m);
#define weir_auto_model weir_cleanup(weir_model_fini) struct weir_model

/*
 * Checks data and options, which are the world's, and fits. meta is filled with the name, the span and the size of the
 * data, the options, and what the model says of itself; the caller may add more (weir_meta_add).
 */
int weir_model_fit(const char *name, const struct weir_model_data *data, const struct weir_model_opts *opts,
		   struct weir_model *ret, struct weir_err *err);
int weir_model_update(struct weir_model *m, size_t which, const struct weir_rows *rows);
int weir_model_predict(const struct weir_model *m, size_t which, struct weir_forecast *f);
int weir_model_score(struct weir_model *m, size_t which, const struct weir_rows *rows, double *ret);
int weir_model_explain(const struct weir_model *m, size_t which, const struct weir_rows *rows, struct weir_explain *ret);

/* A model file's bytes (frame.h). -EBADMSG with err for whatever is not one, whole, and of a version that we read. */
int weir_model_pack(const struct weir_model *m, struct weir_buf *b);
int weir_model_unpack(const uint8_t *data, size_t len, struct weir_model *ret, struct weir_err *err);

/* Rows of the table. */
extern const struct weir_model_ops weir_model_mix, weir_model_snaive, weir_model_linear, weir_model_mstl, weir_model_arima,
	weir_model_theta, weir_model_ets, weir_model_prophet, weir_model_cycle,
	weir_model_detect, weir_model_lstm, weir_model_iforest;

#endif
