/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a plan's cost. */
#ifndef WEIR_MONEY_PLAN_IMPL_H
#define WEIR_MONEY_PLAN_IMPL_H

#include "lib/money/plan.h"

/* The rows of a set as those of a month, at its last hour; -ENODATA, -ERANGE. */
int plan_month(const struct weir_traffic_set *s, struct weir_traffic_set **ret);
/* Of a row of a month: the day of the span that it was recorded in, from 0. */
unsigned int plan_day(const struct weir_traffic *t);
/* What went to an endpoint that the second network does not have goes to its service as others do; *ret NULL: there is none. */
int plan_readdress(const struct weir_topology *before, const struct weir_topology *after, const struct weir_traffic_set *s,
		   struct weir_traffic_set **ret);
/* The middle 95 % of the sum of a month whose days are like these; false below two. */
bool plan_interval(const int64_t *days, size_t n, uint64_t hours, int64_t difference, int64_t *ret_low, int64_t *ret_high);

#endif
