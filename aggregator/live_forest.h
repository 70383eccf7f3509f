/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workloads whose traffic of ten minutes is unlike their own past, by an isolation forest on flow features
 * (lib/model/flow_features.h): what no pattern has a name for. Each feature is taken in deviations from what is usual for the
 * workload, so that one forest knows all, large and small. Known to the worker's thread alone, but between runs.
 */
#ifndef AGGREGATOR_LIVE_FOREST_H
#define AGGREGATOR_LIVE_FOREST_H

#include "aggregator/live_flows.h"
#include "lib/model/model.h"

#define LIVE_FOREST_WINDOW_S 600
#define LIVE_FOREST_ROWS 20000 /* newest (workload, window) rows, that it learns from */

struct live_forest;
int live_forest_new(struct live_forest **ret);
void live_forest_free(struct live_forest *f);
/* Takes the model, with its parameter "threshold"; {0}: nothing is scored. */
void live_forest_model(struct live_forest *f, struct weir_model *m);
/*
 * Windows that are over; after a start those of the last day are learnt from, without findings. A few at a time: *ret_more. Findings
 * go to fn; one that lasts is told again with each window.
 */
int live_forest_run(struct live_forest *f, struct live_flows *flows, struct store *s, uint64_t now_s, weir_finding_fn fn, void *arg,
		    bool *ret_more);
/* A copy of the rows in the order of time: v is malloc'ed, as is time_s, the caller's. -ENODATA: there are none. */
int live_forest_rows(const struct live_forest *f, struct weir_rows *ret);

#endif
