/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics of the models that watch what comes in. */
#ifndef AGGREGATOR_METRICS_LIVE_H
#define AGGREGATOR_METRICS_LIVE_H

#include "aggregator/live.h"
#include "lib/ds/metrics.h"

#define METRICS_TEAMS 256 /* that have a forecast here; more are counted */

/* view NULL: nothing is forecast yet. -errno of the store, which has the findings. */
int metrics_live_write(struct weir_metrics *m, const struct live_stats *st, const struct live_view *view, struct store *store,
		       const char *currency, uint64_t now_ns);

#endif
