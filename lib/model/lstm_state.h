/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a fitted LSTM: one network for a set of series; of each series where it is, and how far forecasts miss there. */
#ifndef WEIR_MODEL_LSTM_STATE_H
#define WEIR_MODEL_LSTM_STATE_H

#include "lib/model/lstm_train.h"
#include "lib/model/model.h"

struct weir_lstm_one {
	double shift, width, next, scale; /* next: what the step to come is forecast to be, transformed, and its scale */
	uint32_t log, known;		  /* known: of the values that are kept, the last ones */
};

struct weir_lstm {
	struct weir_lstm_view view;
	struct weir_lstm_net net;
	size_t count;
	double coverage;
	double *growth;	  /* of each output */
	struct weir_lstm_one *one;
	double *past;	/* count times keep */
	float *state;	/* count times h and c */
};

struct weir_lstm *weir_lstm_new(const struct weir_calendar *c, size_t count, size_t horizon);
void weir_lstm_free(void *m); /* struct weir_lstm; takes NULL */
static inline void weir_lstm_freep(struct weir_lstm **m)
{
	weir_lstm_free(*m);
}
#define weir_auto_lstm weir_cleanup(weir_lstm_freep) struct weir_lstm

/* Of a series: h and, behind it, c; and the values that are kept, the newest at the end. */
static inline float *weir_lstm_state(const struct weir_lstm *m, size_t which)
{
	return m->state + which * 2 * m->net.shape.units;
}

static inline double *weir_lstm_kept(const struct weir_lstm *m, size_t which)
{
	return m->past + which * m->view.keep;
}

int weir_lstm_fit(const struct weir_model_data *data, const struct weir_model_opts *opts, void **ret_state, struct weir_err *err);
int weir_lstm_pack(const void *state, struct weir_buf *b);
int weir_lstm_unpack(struct weir_reader *r, void **ret_state);

#endif
