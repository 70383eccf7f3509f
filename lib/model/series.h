/* SPDX-License-Identifier: Apache-2.0 */
/* A series: values at equal steps of time, and what is known against each of them. */
#ifndef WEIR_MODEL_SERIES_H
#define WEIR_MODEL_SERIES_H

#include "lib/base/base.h"

#define WEIR_SERIES_ID_MAX 128
#define WEIR_SERIES_POINTS_MAX ((size_t)1 << 20)
#define WEIR_SERIES_MAX ((size_t)100000) /* of one set */
#define WEIR_SEASONS_MAX 4
#define WEIR_SEASON_MAX 10080 /* steps: a week of minutes */
#define WEIR_HOLIDAYS_MAX 1024 /* that settings and options take */

/* Why a value is not what was measured, or is missing. One value may carry several. */
enum weir_quality_flag {
	WEIR_Q_GAP = 1 << 0,	   /* nothing was measured: NaN */
	WEIR_Q_DUPLICATE = 1 << 1, /* measured more than once, the last one kept */
	WEIR_Q_RESET = 1 << 2,	   /* a counter began anew before it */
	WEIR_Q_WRAP = 1 << 3,	   /* a counter of 32 or 64 bits went round before it */
	WEIR_Q_STUCK = 1 << 4,	   /* one of a long run of the same value */
	WEIR_Q_UNIT = 1 << 5,	   /* behind a jump by a power of 8, 1000 or 1024: another unit, scaled back */
	WEIR_Q_SKEW = 1 << 6,	   /* its clock was off: put where its neighbours say, or out of order */
	WEIR_Q_LATE = 1 << 7,	   /* came after later ones */
	WEIR_Q_WILD = 1 << 8,	   /* one of many that left and came back at once; a stream is told, no flag of a series */
};

struct weir_series {
	char id[WEIR_SERIES_ID_MAX];
	int64_t start_s; /* Unix time of v[0]; 0 when unknown */
	uint32_t step_s; /* 0 when unknown */
	size_t n;
	double *v;	/* NaN where missing */
	uint8_t *flags; /* enum weir_quality_flag of each value; NULL: nothing is known */
};

void weir_series_fini(struct weir_series *s);
/* Room for n values, all missing, with flags. -E2BIG beyond WEIR_SERIES_POINTS_MAX, -ENOMEM. */
int weir_series_init(struct weir_series *s, const char *id, size_t n);

/* What is known of the time of a set of series, beside their values. */
struct weir_calendar {
	unsigned int season[WEIR_SEASONS_MAX]; /* in steps, ascending, 2 to WEIR_SEASON_MAX */
	size_t seasons;
	const int64_t *holidays_s; /* Unix times of the days' beginnings, ascending */
	size_t holidays;
};

#endif
