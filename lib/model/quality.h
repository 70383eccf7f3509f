/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands before every model: raw observations, as they come, become a series of equal steps in which each value
 * that is not as it was measured carries a flag, and what cannot be trusted is missing (NaN). Nothing is made up.
 */
#ifndef WEIR_MODEL_QUALITY_H
#define WEIR_MODEL_QUALITY_H

#include "lib/model/series.h"

struct weir_observation {
	int64_t time_s;	    /* by the clock of who measured */
	int64_t received_s; /* by ours; 0 when unknown */
	double value;	    /* NaN, or not finite: not measured */
};

struct weir_quality_opts {
	uint32_t step_s;     /* > 0 */
	bool counter;	     /* values are cumulative: the series is of differences per step */
	uint32_t late_s;     /* received so much after its time or more is late; 0: not looked at */
	uint32_t skew_s;     /* received so much *before* its time or more: the clock is ahead; 0: not looked at */
	unsigned int stuck;  /* so many equal values in a row or more are stuck; 0: not looked at; zeros are no run */
	bool units;	     /* undo jumps of unit */
};

struct weir_quality_counts {
	uint64_t gaps, duplicates, resets, wraps, stuck, units, skewed, late;
};

/*
 * n observations in the order of arrival become *ret, from the first step to the last. -EINVAL without observations or a
 * step, -E2BIG when the span is of more than WEIR_SERIES_POINTS_MAX steps.
 */
int weir_quality_series(const struct weir_observation *o, size_t n, const struct weir_quality_opts *opts,
			const char *id, struct weir_series *ret, struct weir_quality_counts *ret_counts);

/* The checks that need no times, for a series that came without: stuck values and jumps of unit. */
int weir_quality_values(struct weir_series *s, unsigned int stuck, bool units, struct weir_quality_counts *ret_counts);

#endif
