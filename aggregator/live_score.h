/* SPDX-License-Identifier: Apache-2.0 */
/* Minutes of series through their detectors, and what of that is worth saying. Pure but for the set that it changes. */
#ifndef AGGREGATOR_LIVE_SCORE_H
#define AGGREGATOR_LIVE_SCORE_H

#include "aggregator/live_set.h"
#include "lib/model/finding.h"

/* Values of a series in consecutive minutes; touched[i] false: nobody told of one. */
struct live_minutes {
	uint64_t from_s;
	size_t count;
	const double *sum, *weight;
	bool partial; /* an agent was behind: what nobody told of is missing */
};

/* Scores them; *ret_points grows by what was scored. Findings begun, going on (every few minutes) or ended go to fn. */
int live_score(struct live_set *set, struct live_series *s, const struct live_minutes *m, uint64_t *ret_points,
	       int (*fn)(const struct weir_finding *f, void *arg), void *arg);

#endif
