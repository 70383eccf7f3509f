/* SPDX-License-Identifier: Apache-2.0 */
/* The detector of series: warm-up, the components, one score, and what holds it down behind an alarm. */
#include <math.h>

#include "lib/model/detect_impl.h"
#include "lib/model/stat.h"

#define DAY_S 86400
#define LEVEL_GAIN 0.2
#define DEVIATION_GAIN 0.01
#define SEASON_GAIN 0.05 /* at the least: a mean while there are fewer values */
#define FAR 1e9		 /* scales: further is no further */
#define ERROR_CHANCE 0.002 /* of a false drift of errors, as ADWIN has it */
#define SCORE_HALF 8.0	 /* a strangeness whose score is a half */

int weir_detect_new(struct weir_detect **ret)
{
	struct weir_detect *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	detect_linear_init(&d->linear);
	weir_adwin_init(&d->error, ERROR_CHANCE);
	for (size_t i = 0; i < WEIR_DETECT_COMPONENTS; i++)
		detect_tail_init(&d->tail[i]);
	*ret = d;
	return 0;
}

void weir_detect_free(struct weir_detect *d)
{
	free(d);
}

double weir_detect_alarm(void)
{
	return detect_tuning.alarm;
}

/* The middle and the scale by which values are told apart. A quantile beside the range: a series may be mostly still. */
static void scale_by(struct weir_detect *d)
{
	double v[WEIR_DETECT_WARM], low, high, range, wide;
	const size_t n = WEIR_DETECT_WARM;

	memcpy(v, d->warm_value, sizeof(v));
	low = weir_select(v, n, 0);
	high = weir_select(v, n, n - 1);
	range = (high - low) / 6;
	wide = (weir_select(v, n, n * 9 / 10) - weir_select(v, n, n / 10)) / 2.56;
	d->middle = weir_select(v, n, n / 2);
	d->scale = fmax(fmax(wide, range / 4), fabs(d->middle) * 1e-3);
	if (!(d->scale > 0))
		d->scale = 1;
}

static void set(struct weir_detect *d, enum weir_detect_component c, double strange, double expected, double unit)
{
	d->strange[c] = strange;
	d->expected[c] = expected;
	d->unit[c] = unit;
}

static void step_level(struct weir_detect *d, double z)
{
	double unit = d->deviation + detect_tuning.least;

	set(d, WEIR_DETECT_LEVEL, fabs(z - d->mean) / unit, d->mean, unit);
	d->mean += LEVEL_GAIN * (z - d->mean);
	d->deviation += DEVIATION_GAIN * (fabs(z - d->mean) - d->deviation);
}

/* Returns the asinh of what is usual at this time of day. */
static double step_season(struct weir_detect *d, int64_t time_s, double z, double y)
{
	size_t phase = time_s < 0 ? 0 : (size_t)(time_s % DAY_S) / (DAY_S / DETECT_PHASES);
	bool known = time_s >= 0 && d->seen[phase];
	double usual = known ? d->usual[phase] : d->mean, gain = 1 / (d->seen[phase] + 1.0);
	double ret = known ? d->usual_y[phase] : d->linear.lag[0];

	set(d, WEIR_DETECT_SEASON, fabs(z - usual) + detect_tuning.least, usual, 1);
	gain = fmax(gain, SEASON_GAIN);
	d->usual[phase] += gain * (z - d->usual[phase]);
	d->usual_y[phase] += gain * (y - d->usual_y[phase]);
	if (d->seen[phase] < UINT32_MAX)
		d->seen[phase]++;
	return ret;
}

static void step_shift(struct weir_detect *d, double z)
{
	double gain = fmax(1 / detect_tuning.many, 1 / (double)WEIR_MAX(d->n, 1U)), off, unit;

	d->few += (z - d->few) / detect_tuning.few;
	unit = sqrt(d->variance) + detect_tuning.least;
	set(d, WEIR_DETECT_SHIFT, fabs(d->few - d->many) / unit, d->many, unit);
	off = z - d->many;
	d->many += gain * off;
	d->variance += gain * (off * off - d->variance);
}

/* A series drifts when it leaves what is usual at its times of day; its model, when its errors have another mean. */
static void step_drift(struct weir_detect *d)
{
	d->moved = weir_drift_step(&d->drift, d->z - d->expected[WEIR_DETECT_SEASON]);
	d->error_before = weir_adwin_mean(&d->error);
	d->worse = weir_adwin_step(&d->error, d->strange[WEIR_DETECT_LINEAR]);
}

/* What is rare to the components, as one number. */
static double learn(struct weir_detect *d, int64_t time_s, double value)
{
	double z = fmax(-FAR, fmin(FAR, (value - d->middle) / d->scale)), y = asinh(z), usual, sum = 0;

	d->z = z;
	step_level(d, z);
	usual = step_season(d, time_s, z, y);
	set(d, WEIR_DETECT_LINEAR, fabs(detect_linear_step(&d->linear, y, usual)) + detect_tuning.least, d->linear.expected, 1);
	set(d, WEIR_DETECT_MEMORY, detect_memory_step(&d->memory, y), 0, 1);
	set(d, WEIR_DETECT_SHAPE, detect_shape_step(&d->shape, d->n, y), 0, 1);
	step_shift(d, z);
	step_drift(d);
	d->n++;
	for (size_t i = 0; i < WEIR_DETECT_COMPONENTS; i++) {
		d->rare[i] = detect_tuning.weight[i] * detect_tail_step(&d->tail[i], d->strange[i]);
		sum += d->rare[i] * d->rare[i];
	}
	d->strangeness = sqrt(sum);
	return d->strangeness;
}

double detect_score(double strangeness)
{
	return strangeness / (strangeness + SCORE_HALF);
}

/*
 * An event is told at its onset: behind it, less than a multiple of what is held is no news. And a series that is
 * strange all the time is strange to a lesser degree.
 */
static double held_down(struct weir_detect *d, double strangeness)
{
	double ret = strangeness > d->held * detect_tuning.rest_over ? strangeness : 0;

	d->held = fmax(strangeness, d->held * detect_tuning.rest_decay);
	d->onsets *= detect_tuning.onset_decay;
	strangeness = ret / (1 + detect_tuning.onset_weight * d->onsets);
	d->onsets += ret > detect_tuning.onset_least;
	return strangeness;
}

double weir_detect_step(struct weir_detect *d, int64_t time_s, double value)
{
	double ret = 0;

	if (!isfinite(value))
		return 0;
	if (d->warm == WEIR_DETECT_WARM)
		return detect_score(held_down(d, learn(d, time_s, value)));
	d->warm_value[d->warm] = value;
	d->warm_time[d->warm++] = time_s;
	if (d->warm < WEIR_DETECT_WARM)
		return 0;
	scale_by(d);
	for (size_t i = 0; i < WEIR_DETECT_WARM; i++)
		ret = held_down(d, learn(d, d->warm_time[i], d->warm_value[i]));
	return detect_score(ret);
}
