/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The series that models watch: bytes, cost, round trips, retransmits and denies of each workload on each way. Of one a detector that
 * has seen every minute, and the last weeks in hours. The store has all that is in here: after a start it is read again, so
 * nothing is lost with the process, and nothing is kept twice. Known to the worker's thread alone.
 *
 * A workload is what it is to people: replicas of a deployment, on whatever node, are one (live_name()).
 */
#ifndef AGGREGATOR_LIVE_SET_H
#define AGGREGATOR_LIVE_SET_H

#include "aggregator/query_live.h"
#include "lib/ds/map.h"
#include "lib/model/detect.h"

#define LIVE_HOURS (56 * 24) /* kept of a series */
#define LIVE_AHEAD 48	     /* hours that are forecast */
#define LIVE_STEPS 60	     /* minutes or hours that are read at a time */
/* Without a value for so long a series is neither scored nor forecast, and makes room for others first. */
#define LIVE_QUIET_S (24ull * 3600)

struct live_owner {
	char *domain, *namespace, *name, *kind, *team;
	char *labels; /* of one that belongs to it; JSON */
};

/* An anomaly that lasts: from its first minute until it has been calm for LIVE_CALM. */
struct live_event {
	uint64_t since_s, last_s, drift_s;
	double peak; /* score */
	unsigned int calm;
	bool open, told;
};

struct live_forecast {
	uint64_t from_s; /* of its first hour; 0: there is none */
	float mean[LIVE_AHEAD], lower[LIVE_AHEAD], upper[LIVE_AHEAD];
};

struct live_series {
	const struct live_owner *owner;
	enum live_measure measure;
	uint32_t way;
	uint64_t seen_s; /* end of the last step with a value */
	struct weir_detect *detect; /* NULL while it is quiet */
	struct live_event event;
	double value; /* of the last minute; NaN: none */
	float *hours; /* from first_s on, NaN where nothing was measured; hour_count of them */
	uint64_t first_s;
	size_t hour_count, hour_cap;
	struct live_forecast *forecast; /* NULL: not yet */
	/* What rows of the steps that are being read say. */
	double sum[LIVE_STEPS], weight[LIVE_STEPS];
};

struct live_set;
/* max: of series. -ENOMEM */
int live_set_new(size_t max, struct live_set **ret);
void live_set_free(struct live_set *s);
size_t live_set_count(const struct live_set *s);
struct live_series *live_set_at(struct live_set *s, size_t i);
/* Series that found no room. */
uint64_t live_set_left_out(const struct live_set *s);
/* The series of the same workload and way in another measure; NULL: there is none. */
struct live_series *live_set_beside(struct live_set *s, const struct live_series *of, enum live_measure m);
/*
 * The series of a row, made when there is none; *ret NULL: there is no room. Who a workload is comes from the store, once. now_s: of
 * the row. -errno of the store.
 */
int live_set_find(struct live_set *s, struct store *from, const struct query_live *q, struct live_series **ret);
/* Removes series that have been quiet for longer than their hours reach back from now_s. */
void live_set_forget(struct live_set *s, uint64_t now_s);

/*
 * The value of the hour that begins at time_s, up to LIVE_HOURS behind the last; hours between are 0, of LIVE_RTT NaN.
 * Earlier than what is kept: nothing. -ENOMEM
 */
int live_series_hour(struct live_series *s, uint64_t time_s, double value);

/* "web" of pod "web-7d9f8b6c5-x2x4z", "db" of "db-0", "backup" of "backup-28923480-h8x7k"; else the name itself. ret may be name. */
void live_name(const char *kind, const char *name, char *ret, size_t size);

#endif
