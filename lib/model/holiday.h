/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Days that are told to be holidays: forecasters see what a usual day would have shown there, errors are not measured on them, and
 * a forecast of one is moved by what the series' own holidays say. Until they say something, a holiday is like a Sunday.
 */
#ifndef WEIR_MODEL_HOLIDAY_H
#define WEIR_MODEL_HOLIDAY_H

#include "lib/model/series.h"

/* On a holiday y = usual + like * (the last Sunday at the same time - usual) + off, on the scale on which a series is forecast. */
struct weir_holidays {
	const struct weir_calendar *calendar;
	int64_t start_s;
	uint32_t step_s; /* 0, or what no whole number of makes a day: there are none */
	double like, off;
};

bool weir_holiday_is(const struct weir_holidays *h, size_t t);

/*
 * Learns like and off from n values, NaN where missing, by what the same time of the weeks around says, and makes those on holidays
 * missing. Touches nothing where there are none, or nothing else. -ENOMEM.
 */
int weir_holidays_learn(struct weir_holidays *h, double *y, size_t n);

/* What a holiday adds at step t to what is usual there, by n values that are known everywhere; 0 on other days. */
double weir_holidays_add(const struct weir_holidays *h, const double *y, size_t n, size_t t, double usual);

#endif
