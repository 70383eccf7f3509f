/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models on what comes in: the loop's half. Every few seconds the worker is sent to look (live_watch.h); what it tells is
 * stored, each event once, told to webhooks, and kept for whoever asks.
 */
#ifndef AGGREGATOR_LIVE_H
#define AGGREGATOR_LIVE_H

#include "aggregator/live_watch.h"
#include "aggregator/service.h"
#include "aggregator/worker.h"

struct live_stats {
	size_t series;	    /* watched now */
	uint64_t left_out;  /* without room, ever */
	uint64_t points;    /* values scored */
	uint64_t untold;    /* findings beyond LIVE_FINDINGS of a run */
	uint64_t held;	    /* notices not sent: too many in an hour */
	uint64_t minute_s;  /* minutes before are scored; 0: none yet */
	uint64_t failed;    /* runs */
	bool failing;	    /* the last one did */
	uint64_t cpu_ns;    /* of the worker */
	uint64_t flows_left_out; /* buckets of flows of which the smallest rows were not looked at */
	struct weir_patterns_stats patterns;
	struct live_missed missed[LIVE_MEASURES]; /* sums since the start */
};

struct live;
/* models.series 0: nothing is watched, *ret is NULL. */
int live_new(struct service *sv, struct weir_loop *loop, struct live **ret, struct weir_err *err);
/* True: a thread did not end in time, and goes on with the shelf until the process ends. */
bool live_free(struct live *l); /* behind worker_free(sv->worker) */
/* The forecasts of the last hour; NULL until there are any. */
const struct live_view *live_view(const struct live *l);
void live_stats(const struct live *l, struct live_stats *ret);

#endif
