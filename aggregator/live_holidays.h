/* SPDX-License-Identifier: Apache-2.0 */
/* The setting models.holidays: days that forecasts take for holidays (lib/model/holiday.h). */
#ifndef AGGREGATOR_LIVE_HOLIDAYS_H
#define AGGREGATOR_LIVE_HOLIDAYS_H

#include "aggregator/config.h"
#include "lib/model/series.h"

/* By value: whoever forecasts, on whatever thread, has its own. */
struct live_holidays {
	size_t count;
	int64_t day_s[WEIR_HOLIDAYS_MAX]; /* ascending */
};

/* days: "2026-12-25", NULL-terminated; NULL: none. -EINVAL with a line. */
int live_holidays_init(struct live_holidays *h, char *const *days, struct weir_err *err);
/* What is wrong with the setting; path: of the file. */
int live_holidays_check(const struct config *c, const char *path, struct weir_err *err);

#endif
