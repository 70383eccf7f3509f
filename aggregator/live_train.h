/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which model forecasts a measure: candidates compete on schedule, and when what came has drifted from what was forecast
 * (lib/model/train.h); and which forest knows the flows. That takes minutes, on a thread of its own that gives way to all others. Uses are named "forecast-bytes" and so on,
 * and "flows-forest".
 */
#ifndef AGGREGATOR_LIVE_TRAIN_H
#define AGGREGATOR_LIVE_TRAIN_H

#include "aggregator/live_forecast.h"
#include "aggregator/live_forest.h"
#include "lib/model/drift.h"
#include "lib/model/shelf.h"
#include "lib/os/loop.h"

#define LIVE_TRAIN_SERIES 256 /* of a measure: the largest, which are most of the money */

struct live_train;
/* every_s: 0 = only when there is no champion, and on drift. shelf outlives it, h is copied. */
int live_train_new(struct weir_loop *loop, struct weir_shelf *shelf, uint64_t every_s, const struct live_holidays *h, struct live_train **ret);
/* True: a training that did not end goes on until the process does, with the shelf that it uses. */
bool live_train_free(struct live_train *t);
/* The hour before end_s is forecast, and what was missed of it is known: trainings begin that are due. set and forest are only read. */
void live_train_hour(struct live_train *t, struct live_set *set, const struct live_forest *forest, uint64_t end_s,
		     const struct live_missed missed[LIVE_MEASURES]);
/* The champion's name of a measure ("mix" without one), asked for as often as you like; true: it is another one than last time. */
bool live_train_champion(struct live_train *t, enum live_measure m, char ret[32]);
/* The same of the forest: *ret is it, {0} without one. */
bool live_train_champion_forest(struct live_train *t, struct weir_model *ret);

#endif
