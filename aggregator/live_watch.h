/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What models say of the traffic as it comes: the worker's half of live.h. A run reads what was stored since the run before, scores
 * each minute of each series, looks for patterns in each bucket of ten seconds, and when an hour is over forecasts the next
 * two days. Time is an argument; the store is read by a connection of its own.
 *
 * A step is read when it is over and agents had time to tell of it. While an agent that was heard of lately is behind, minutes
 * wait for it a while; then what nobody told of is missing, not 0.
 */
#ifndef AGGREGATOR_LIVE_WATCH_H
#define AGGREGATOR_LIVE_WATCH_H

#include "aggregator/live_forecast.h"
#include "aggregator/live_forest.h"
#include "lib/model/finding.h"

#define LIVE_FINDINGS 4096 /* of one run at most */

struct live_watch_opts {
	const char *store_path;
	size_t series_max;
	const struct live_holidays *holidays; /* copied; NULL: none */
};

/* What a run has to tell; the receiver's, for live_told_free(). */
struct live_told {
	struct weir_finding *findings; /* begun, going on, or ended; in no order */
	size_t finding_count, finding_cap;
	uint64_t untold;	  /* findings beyond LIVE_FINDINGS */
	struct live_view *view;	  /* NULL: the forecasts are those of before */
	size_t series, scored;	  /* series there are; of these scored in this run */
	bool more;		  /* there is more to catch up with: run again soon */
	struct weir_patterns_stats patterns;
	uint64_t flows_left_out; /* buckets of flows of which the smallest rows were not looked at, ever */
	uint64_t left_out, points; /* series without room, ever; values scored in this run */
	uint64_t minute_s, hour_s; /* minutes before are scored, hours before are forecast from */
	struct live_missed missed[LIVE_MEASURES]; /* of the hour that was compared in this run */
};
void live_told_free(struct live_told *t);

enum live_text { LIVE_DOMAIN, LIVE_NAMESPACE, LIVE_NAME, LIVE_KIND, LIVE_TEAM, LIVE_TEXTS };
struct live_shown_owner {
	const char *text[LIVE_TEXTS]; /* behind it */
};
/* A series as it is shown: two days behind and two ahead. */
struct live_shown {
	struct live_shown_owner *owner;
	enum live_measure measure;
	uint32_t way;
	uint64_t from_s; /* begin of ahead's first hour */
	float past[LIVE_AHEAD]; /* hours before from_s; NaN where nothing was measured */
	float mean[LIVE_AHEAD], lower[LIVE_AHEAD], upper[LIVE_AHEAD];
	size_t hours; /* that were learnt from */
	bool forecast; /* false: too short a past */
};
struct live_view {
	struct live_shown *items;
	size_t count;
	char model[LIVE_MEASURES][32]; /* that forecast */
};
void live_view_free(struct live_view *v);

struct live_watch;
int live_watch_new(const struct live_watch_opts *opts, struct live_watch **ret, struct weir_err *err);
void live_watch_free(struct live_watch *w);
/*
 * *ret_told is set whatever is returned. -errno of the store: what was not read is read by the next run. currency: of sentences, "" =
 * not known; that of the first run counts.
 */
int live_watch_run(struct live_watch *w, uint64_t now_s, const char *currency, bool (*ending)(void *arg), void *arg,
		   struct live_told *ret_told, struct weir_err *err);
/* Between runs. */
struct live_set *live_watch_set(struct live_watch *w);
struct live_forest *live_watch_forest(struct live_watch *w);
/* Which model forecasts a measure from the next hour on: a name of models.c. Between runs. */
int live_watch_model(struct live_watch *w, enum live_measure m, const char *name);

#endif
