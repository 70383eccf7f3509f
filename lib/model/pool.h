/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of forecasters for one series: each is asked at several origins of the series' own past, by nothing but what came
 * before a cut ahead of the first of them; what they missed there says how much each counts in the forecast.
 */
#ifndef WEIR_MODEL_POOL_H
#define WEIR_MODEL_POOL_H

#include "lib/model/holiday.h"
#include "lib/model/linear.h"
#include "lib/model/local.h"
#include "lib/model/transform.h"

#define WEIR_POOL_ORIGINS 14

enum weir_member {
	WEIR_MEMBER_LINEAR,
	WEIR_MEMBER_SNAIVE, /* always in the pool */
	WEIR_MEMBER_ETS,
	WEIR_MEMBER_THETA,
	WEIR_MEMBER_ARIMA,
	WEIR_MEMBER_MSTL,
	WEIR_MEMBER_PROPHET,
	WEIR_MEMBER_CYCLE,
	WEIR_MEMBER_LSTM, /* of sets that teach it enough (lstm_member.h) */
	WEIR_MEMBERS,
};

/*
 * How members become a forecast: what each counts with equal errors, how errors weigh, and what happens when something has just
 * changed. Then those that follow a new level within a day get a share of the pool: from 0 to 1 as its errors in the newest values are
 * beyond theirs, times 0 to 1 as they are beyond what the naive forecast's usually were.
 */
struct weir_pool_constants {
	double counts[WEIR_MEMBERS];
	double power;  /* of a member's errors, whole: it counts by their -power */
	double recent; /* an origin counts by so much less than the next one */
	double same;   /* and one of the end's own phase of the longest season by so much more, a gap away half of it */
	double near;   /* steps: errors at neighbouring ones count exp(-distance / near) in a step's weights */
	double newest;	     /* a value counts exp(-newest * its age in gaps) */
	double loses, loses_ramp; /* logarithm of the errors' ratio from which on there is a share, and to the whole one */
	double worse, worse_ramp; /* the same against the naive forecast's usual errors */
	double follows[WEIR_MEMBERS]; /* their parts */
};

/* Chosen ahead of any test value: tests/eval/pool. */
extern const struct weir_pool_constants weir_pool_constants;

/* One series, and where it is looked at from: the origins are cut, cut + gap, ...; the last targets end at n. */
struct weir_pool_task {
	const double *v; /* as measured, NaN where missing and on holidays: what errors are against */
	const double *y; /* filled and transformed, of usual days */
	size_t n, cut, origins, gap, horizon;
	struct weir_holidays holidays;
	struct weir_transform transform;
	const struct weir_calendar *calendar;
	const struct weir_curves *curves; /* of the calendar, for the horizon */
	const struct weir_linear *linear; /* fitted to this series; NULL: the series is too short for it */
	const double *lstm; /* what it says at each origin and at the end, transformed, a horizon each; NULL: it is not asked */
	const struct weir_pool_constants *constants;
	unsigned int members;		  /* bits of enum weir_member that are asked */
};

/* Arrays are the caller's, of horizon values (miss: origins times that). */
struct weir_pool_result {
	double weight[WEIR_MEMBERS]; /* sum to 1 */
	double *mean;
	double *miss; /* |what came - what the others' weights said|, transformed; NaN where nothing was measured */
	double *part[WEIR_PART_REMAINDER];
};

/* Asks all members, and says what their forecasts come to. -ENOMEM. */
int weir_pool_run(const struct weir_pool_task *t, struct weir_pool_result *ret);
/*
 * The same in two halves: what members say, which takes most of the time, to f, of weir_pool_room() doubles (and parts but that of
 * holidays); and what it comes to by t->constants.
 */
size_t weir_pool_room(const struct weir_pool_task *t);
int weir_pool_ask(const struct weir_pool_task *t, double *f, struct weir_pool_result *ret);
int weir_pool_combine(const struct weir_pool_task *t, const double *f, struct weir_pool_result *ret);

/* Where origins lie for a series of n values: sets cut, origins and gap of t. Without room for one, origins is 0 and cut n. */
void weir_pool_origins(struct weir_pool_task *t);

#endif
