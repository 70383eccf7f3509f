/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LSTM as a member of the pool (pool.h): a small network for a set of series, learnt once and briefly of what lies ahead of each
 * series' cut. At the pool's origins and at the end it is asked with a state that has seen all values up to there. A forecast
 * longer than its outputs goes on as it was a (shortest) season before.
 */
#ifndef WEIR_MODEL_LSTM_MEMBER_H
#define WEIR_MODEL_LSTM_MEMBER_H

#include "lib/model/lstm_train.h"
#include "lib/model/pool.h"

#define WEIR_LSTM_MEMBER_UNITS 16
#define WEIR_LSTM_MEMBER_GROUP WEIR_LSTM_BATCH /* series that are asked at once */

struct weir_lstm_member {
	const struct weir_pool_task *task;
	struct weir_lstm_set set;
	struct weir_lstm_past *one;
	struct weir_lstm_net net;
	double *said; /* of a group: WEIR_POOL_ORIGINS + 1 times the horizon of each */
	size_t group; /* its first series; SIZE_MAX: nobody was asked yet */
};

/*
 * Tasks with their values and origins, of one calendar and horizon, that outlive m. Deterministic for a seed. A set with fewer
 * values than four times the network's weights, or without an origin, teaches it nothing: m stays empty. -ENOMEM.
 */
int weir_lstm_member_init(struct weir_lstm_member *m, const struct weir_pool_task *t, size_t count, uint64_t seed);
void weir_lstm_member_fini(struct weir_lstm_member *m);
/*
 * What it says of series `which`, for task.lstm: of m, and there until a series of another group is asked for, so that who asks
 * for all goes from the first to the last. NULL in ret: nothing, m is empty or the series has no origin. -ENOMEM.
 */
int weir_lstm_member_ask(struct weir_lstm_member *m, size_t which, const double **ret);

#endif
