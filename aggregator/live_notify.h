/* SPDX-License-Identifier: Apache-2.0 */
/* Who hears of a finding, and when: what is cheap is not told, and at night only what cannot wait. Pure. */
#ifndef AGGREGATOR_LIVE_NOTIFY_H
#define AGGREGATOR_LIVE_NOTIFY_H

#include "aggregator/config.h"
#include "lib/model/finding.h"

#define LIVE_NOTIFY_MAX 20 /* findings that are told in an hour; more are counted */

struct live_notify {
	char *const *hooks; /* names; of the settings */
	int64_t least_nanos, wake_nanos; /* an hour; INT64_MAX: nothing is worth it */
	unsigned int quiet_from, quiet_to; /* minutes of UTC's day; the same: no quiet hours */
	uint64_t hour_s; /* and what was told in it */
	unsigned int told;
	uint64_t held; /* not told: too many in that hour */
};
/* -EINVAL with the setting and what is wrong with it. Lives as long as the settings. */
int live_notify_init(struct live_notify *n, const struct config *c, struct weir_err *err);
/* What of the settings alone can be wrong: "PATH: notify.findings: ..." */
int live_notify_check(const struct config *c, const char *path, struct weir_err *err);
/*
 * When a new finding is told: now, at the end of the quiet hours, or not at all (0). Threats are told whatever they cost, waste and
 * odd series from least_nanos on; drift is told to models, not to people.
 */
uint64_t live_notify_when(struct live_notify *n, const struct weir_finding *f, uint64_t now_s);

#endif
