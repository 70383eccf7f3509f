/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has a series drifted, or its model? The series when it leaves what is usual: at this half hour of the week, once two weeks
 * are known; until then at this half hour of the day, and for longer than a week. The model when its errors have another mean.
 */
#include "lib/model/detect_impl.h"

#define DAY_S 86400
#define WEEK_S (7 * DAY_S)
#define PATIENCE_S WEEK_S
#define WEEK_GAIN 0.1f /* at the least: a mean while there are fewer values */

/* The half hour of the week, and what is left of z beside what is usual then. */
static float rest(struct detect_week *w, int64_t time_s, float z)
{
	size_t slot = (size_t)(time_s % WEEK_S) / (WEEK_S / DETECT_SLOTS_WEEK);
	float ret = z - (w->seen[slot] ? w->usual[slot] : w->mean), gain = WEIR_MAX(1 / ((float)w->seen[slot] + 1), WEEK_GAIN);

	w->usual[slot] += gain * (z - w->usual[slot]);
	w->mean += 0.01f * (z - w->mean);
	w->seen[slot] += w->seen[slot] < UINT8_MAX;
	return ret;
}

/* What was usual before a drift is not any more. */
static void move(struct detect_week *w, float by)
{
	for (size_t i = 0; i < DETECT_SLOTS_WEEK; i++)
		w->usual[i] += by;
	w->mean += by;
}

static int moved(struct weir_detect *d, int64_t time_s, float z, float day_rest)
{
	struct detect_week *w = &d->week;
	bool known;
	float left;
	int ret;

	if (time_s <= 0)
		return weir_drift_step(&d->drift, (double)z);
	w->first_s = w->first_s ? w->first_s : time_s;
	known = time_s - w->first_s >= 2 * WEEK_S;
	left = rest(w, time_s, z);
	if (known && !w->known) /* of what is left by weeks something else is usual */
		d->drift = (struct weir_drift){0};
	w->known = known;
	if (time_s - w->first_s < DAY_S) /* no time of day is known yet */
		return 0;
	if (!known)
		return weir_drift_step_patient(&d->drift, (double)day_rest, time_s, PATIENCE_S);
	ret = weir_drift_step(&d->drift, (double)left);
	if (ret)
		move(w, (float)(d->drift.to - d->drift.from));
	return ret;
}

void detect_drift_step(struct weir_detect *d, int64_t time_s)
{
	d->moved = moved(d, time_s, d->z, d->z - d->expected[WEIR_DETECT_SEASON]);
	d->error_before = weir_adwin_mean(&d->error);
	d->worse = weir_adwin_step(&d->error, (double)d->strange[WEIR_DETECT_LINEAR]);
}
