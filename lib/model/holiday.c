/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/holiday.h"

#include <math.h>

#include "lib/model/fill.h"

#define DAY_S 86400
#define WEEK 7
#define SUNDAY 3  /* days behind 1970-01-01 */
#define PRIOR 0.5 /* holidays' worth of being a Sunday, and nothing else */

static size_t day_of(const struct weir_holidays *h)
{
	return h->step_s && DAY_S % h->step_s == 0 ? DAY_S / h->step_s : 0;
}

/* The first holiday that ends behind step t; the calendar's count when there is none. */
static size_t next_of(const struct weir_holidays *h, size_t t)
{
	const struct weir_calendar *c = h->calendar;
	int64_t at = h->start_s + (int64_t)(t * h->step_s);
	size_t lo = 0, hi = c->holidays;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (c->holidays_s[mid] + DAY_S <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool weir_holiday_is(const struct weir_holidays *h, size_t t)
{
	size_t next;

	if (!day_of(h))
		return false;
	next = next_of(h, t);
	return next < h->calendar->holidays && h->calendar->holidays_s[next] <= h->start_s + (int64_t)(t * h->step_s);
}

/* What the last Sunday ahead of step t says of it beyond `usual`, by n values; 0 where t is one, or none is known. */
static double sunday_less(const struct weir_holidays *h, const double *y, size_t n, size_t t, double usual)
{
	int64_t days = (h->start_s + (int64_t)(t * h->step_s)) / DAY_S;
	size_t day = day_of(h), back = (size_t)((days - SUNDAY) % WEEK + WEEK) % WEEK * day;

	while (back && t >= back && t - back >= n)
		back += WEEK * day;
	return back && t >= back && !isnan(y[t - back]) ? y[t - back] - usual : 0;
}

/* The mean square of the same over the last week: how far a holiday may be off what is usual. */
static double usual_square(const struct weir_holidays *h, const double *y, size_t n)
{
	size_t week = WEIR_MIN(WEEK * day_of(h), n);
	double sum = 0;

	for (size_t t = n - week; t < n; t++) {
		double x = isnan(y[t]) ? 0 : sunday_less(h, y, n, t, y[t]);

		sum += x * x;
	}
	return week ? sum / (double)week : 0;
}

/* Both by ridge regression, y as measured, u as it would have been on usual days. */
static void learn(struct weir_holidays *h, const double *y, const double *u, size_t n)
{
	double prior = PRIOR * usual_square(h, u, n), part = 1 / (double)day_of(h), det;
	double xx = prior, xe = prior, ones = PRIOR, x_sum = 0, e_sum = 0;

	for (size_t t = 0; t < n; t++) {
		double x, e;

		if (isnan(y[t]) || !weir_holiday_is(h, t))
			continue;
		x = sunday_less(h, u, n, t, u[t]);
		e = y[t] - u[t];
		xx += part * x * x;
		xe += part * x * e;
		x_sum += part * x;
		e_sum += part * e;
		ones += part;
	}
	det = xx * ones - x_sum * x_sum;
	h->like = det > 0 ? (xe * ones - e_sum * x_sum) / det : 1;
	h->off = (e_sum - h->like * x_sum) / ones;
}

int weir_holidays_learn(struct weir_holidays *h, double *y, size_t n)
{
	size_t week = WEEK * day_of(h);
	struct weir_calendar weekly = {.season = {(unsigned int)week}, .seasons = 1};
	weir_auto_free double *usual = NULL, *others = NULL;
	bool any = false;

	h->like = 1;
	h->off = 0;
	if (!week || !n || !h->calendar->holidays)
		return 0;
	usual = malloc(n * sizeof(*usual));
	others = malloc(n * sizeof(*others));
	if (!usual || !others)
		return -ENOMEM;
	for (size_t t = 0; t < n; t++) {
		others[t] = weir_holiday_is(h, t) ? NAN : y[t];
		any |= !isnan(others[t]);
	}
	if (!any)
		return 0;
	weir_fill(others, n, 2 * week <= n ? &weekly : h->calendar, usual);
	learn(h, y, usual, n);
	for (size_t t = 0; t < n; t++)
		if (weir_holiday_is(h, t))
			y[t] = NAN;
	return 0;
}

double weir_holidays_add(const struct weir_holidays *h, const double *y, size_t n, size_t t, double usual)
{
	return weir_holiday_is(h, t) ? h->like * sunday_less(h, y, n, t, usual) + h->off : 0;
}
