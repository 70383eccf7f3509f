/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forecasts of series put together: by workload, namespace or team. Pure.
 *
 * Means are summed, which is exact whatever the series have to do with each other. Bounds are summed too, and that is wider than 95 %
 * unless all err the same way in the same hour: nothing is assumed of how they err together. Of one series' hour they are the model's.
 */
#ifndef AGGREGATOR_LIVE_SUMS_H
#define AGGREGATOR_LIVE_SUMS_H

#include "aggregator/live_watch.h"

enum live_by { LIVE_BY_SERIES, LIVE_BY_WORKLOAD, LIVE_BY_NAMESPACE, LIVE_BY_TEAM, LIVE_BYS };
const char *live_by_name(enum live_by by); /* "series", "workload", "namespace", "team" */

struct live_ask {
	enum live_measure measure; /* but by series LIVE_RTT, whose values are means, is nothing to sum */
	enum live_by by;
	const char *namespace, *workload, *team, *path; /* NULL: all */
	size_t limit;
};

#define LIVE_DAY 24
struct live_line {
	const struct live_shown *first; /* one of it: its texts are those of the key; of the view. NULL: there is none */
	size_t series, learning;	/* series in it; those of them without a forecast, whose hours ahead are not in the sums */
	size_t hours;			/* learnt from, of the series with the least of them */
	double past[LIVE_AHEAD];	/* NaN where none was measured */
	double mean[LIVE_AHEAD], lower[LIVE_AHEAD], upper[LIVE_AHEAD];
	double day, day_lower, day_upper; /* of the first LIVE_DAY hours ahead: sums, of LIVE_RTT means */
};
/*
 * The lines with the most ahead first (those that learn last, by their past), at most ask->limit of them, for free(); *ret_hidden more
 * there are. *ret_total: of all, the hidden ones too. A pass over the view and one over what matches, some 2 KiB a line. -ENOMEM
 */
int live_sums(const struct live_view *v, const struct live_ask *ask, struct live_line **ret, size_t *ret_count, size_t *ret_hidden,
	      struct live_line *ret_total);

#endif
