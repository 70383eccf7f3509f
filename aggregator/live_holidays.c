/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/live_holidays.h"

#include "lib/base/clock.h"

int live_holidays_init(struct live_holidays *h, char *const *days, struct weir_err *err)
{
	h->count = 0;
	for (size_t i = 0; days && days[i]; i++) {
		uint64_t at_s;

		if (i == WEIR_HOLIDAYS_MAX)
			return weir_err_set(err, -EINVAL, "models.holidays: more than %d days: leave out the oldest", WEIR_HOLIDAYS_MAX);
		if (weir_time_day(days[i], &at_s))
			return weir_err_set(err, -EINVAL, "models.holidays: entry %zu: '%.40s' is no day: write YYYY-MM-DD, as 2026-12-25",
					    i + 1, days[i]);
		if (i && (int64_t)at_s <= h->day_s[i - 1])
			return weir_err_set(err, -EINVAL, "models.holidays: entry %zu: %s does not come after %s: write each day once, the earliest first",
					    i + 1, days[i], days[i - 1]);
		h->day_s[h->count++] = (int64_t)at_s;
	}
	return 0;
}

int live_holidays_check(const struct config *c, const char *path, struct weir_err *err)
{
	struct weir_err why = {{0}};
	struct live_holidays h;

	return live_holidays_init(&h, c->models_holidays, &why) ? weir_err_set(err, -EINVAL, "%s: %s", path, why.text) : 0;
}
