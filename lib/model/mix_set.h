/* SPDX-License-Identifier: Apache-2.0 */
/* A set of series as the pool is asked about it: filled, transformed, and what is learnt of all of them at once. */
#ifndef WEIR_MODEL_MIX_SET_H
#define WEIR_MODEL_MIX_SET_H

#include "lib/model/lstm_member.h"

struct weir_mix_set {
	const struct weir_model_data *data;
	unsigned int members;
	struct weir_pool_task *task; /* y and v are the set's own, in `values` */
	struct weir_linear_series *lin;
	double *values;
	struct weir_linear *linear;
	struct weir_lstm_member lstm;
	struct weir_linear_opts opts;
	struct weir_curves curves;
};

/* Of members whose bits are set; s must be all 0, and data outlive it. -ENOMEM. */
int weir_mix_set_init(struct weir_mix_set *s, const struct weir_model_data *data, const struct weir_model_opts *opts, unsigned int members);
void weir_mix_set_fini(struct weir_mix_set *s);
/* Task i, with what the linear map and the LSTM have to say of it: that is there until another one is asked for. -ENOMEM. */
int weir_mix_set_task(struct weir_mix_set *s, size_t i, struct weir_pool_task **ret);

#endif
