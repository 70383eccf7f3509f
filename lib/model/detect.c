/* SPDX-License-Identifier: Apache-2.0 */
/* The detector of series: warm-up, what stands before the components, they, one score, and what holds it down behind an alarm. */
#include "lib/model/detect_impl.h"
#include "lib/model/series.h"
#include "lib/model/stat.h"

#define DAY_S 86400
#define LEVEL_GAIN 0.2f
#define DEVIATION_GAIN 0.01f
#define SEASON_GAIN 0.05f  /* at the least: a mean while there are fewer values */
#define FAR 1e9		   /* scales: further is no further */
#define LEARNT 15.0f	   /* deviations: a value further off is learnt as one so far off */
#define ERROR_CHANCE 0.002 /* of a false drift of errors, as ADWIN has it */
#define LINE 64		   /* bytes of the cache */
#define PASSES 8	   /* over the first values: the share of faults comes near what it is */

int detect_new(const struct detect_tuning *t, struct weir_detect **ret)
{
	struct weir_detect *d = aligned_alloc(LINE, (sizeof(*d) + LINE - 1) / LINE * LINE);

	if (!d)
		return -ENOMEM;
	*d = (struct weir_detect){.tuning = t};
	detect_linear_init(&d->linear);
	detect_lstm_init(&d->lstm);
	weir_adwin_init(&d->error, ERROR_CHANCE);
	for (size_t i = 0; i < WEIR_DETECT_COMPONENTS; i++)
		detect_tail_init(&d->tail[i]);
	*ret = d;
	return 0;
}

int weir_detect_new(struct weir_detect **ret)
{
	return detect_new(&detect_tuning, ret);
}

void weir_detect_free(struct weir_detect *d)
{
	free(d);
}

size_t weir_detect_bytes(void)
{
	return sizeof(struct weir_detect);
}

double weir_detect_alarm(void)
{
	return detect_tuning.alarm;
}

static float scaled(const struct weir_detect *d, double value)
{
	return (float)fmax(-FAR, fmin(FAR, (value - d->middle) / d->scale));
}

/* By quantiles; and by the range: a series may be mostly still. v is reordered. */
static double scale_of(double *v, size_t n, double middle, bool range)
{
	size_t out = range ? 10 : 5; /* one of so many is beyond a quantile, on each side */
	double wide = (weir_select(v, n, n - 1 - n / out) - weir_select(v, n, n / out)) / (range ? 2.56 : 1.68);
	double ret = fmax(wide, fabs(middle) * 1e-3);

	if (range)
		ret = fmax(ret, (weir_select(v, n, n - 1) - weir_select(v, n, 0)) / 24);
	return ret > 0 ? ret : 1;
}

/*
 * The middle and the scale by which values are told apart. First by what four of five values say; then, where values keep
 * leaving and coming back, without those.
 */
static void scale_by(struct weir_detect *d, const double *first)
{
	double v[WEIR_DETECT_WARM], spread;
	size_t n = WEIR_DETECT_WARM;

	memcpy(v, first, sizeof(v));
	d->middle = weir_select(v, n, n / 2);
	d->scale = scale_of(v, n, d->middle, false);
	spread = detect_gate_spread(first, n);
	for (size_t pass = 0; pass < PASSES; pass++) {
		detect_gate_begin(&d->gate, (float)(spread / d->scale), scaled(d, 0));
		n = 0;
		for (size_t i = 0; i < WEIR_DETECT_WARM; i++) {
			int64_t time_s = -1;
			unsigned int flags;

			if (detect_gate_step(&d->gate, &time_s, scaled(d, first[i]), &flags) && !(flags & WEIR_Q_UNIT))
				v[n++] = first[i];
		}
	}
	d->middle = weir_select(v, n, n / 2);
	d->scale = scale_of(v, n, d->middle, true);
	detect_gate_begin(&d->gate, (float)(spread / d->scale), scaled(d, 0));
}

static void set(struct weir_detect *d, enum weir_detect_component c, float strange, float expected, float unit)
{
	d->strange[c] = strange;
	d->expected[c] = expected;
	d->unit[c] = unit;
}

/* What is learnt of z: one wild value is not to be what is usual behind it. */
static float learnt(float z, float middle, float unit)
{
	return WEIR_MAX(middle - LEARNT * unit, WEIR_MIN(middle + LEARNT * unit, z));
}

static void step_level(struct weir_detect *d, float z)
{
	float unit = d->deviation + (float)d->tuning->least;

	set(d, WEIR_DETECT_LEVEL, fabsf(z - d->mean) / unit, d->mean, unit);
	z = learnt(z, d->mean, unit);
	d->mean += LEVEL_GAIN * (z - d->mean);
	d->deviation += DEVIATION_GAIN * (fabsf(z - d->mean) - d->deviation);
}

/* Returns the asinh of what is usual at this time of day. */
static float step_season(struct weir_detect *d, int64_t time_s, float z, float y)
{
	size_t phase = time_s < 0 ? 0 : (size_t)(time_s % DAY_S) / (DAY_S / DETECT_PHASES);
	bool known = time_s >= 0 && d->seen[phase];
	float usual = known ? d->usual[phase] : d->mean, gain = WEIR_MAX(1 / ((float)d->seen[phase] + 1), SEASON_GAIN);
	float ret = known ? d->usual_y[phase] : d->linear.lag[0];

	set(d, WEIR_DETECT_SEASON, fabsf(z - usual) + (float)d->tuning->least, usual, 1);
	d->usual[phase] += gain * (learnt(z, usual, sqrtf(d->variance) + (float)d->tuning->least) - d->usual[phase]);
	d->usual_y[phase] += gain * (y - d->usual_y[phase]);
	if (d->seen[phase] < UINT16_MAX)
		d->seen[phase]++;
	return ret;
}

static void step_shift(struct weir_detect *d, float z)
{
	const struct detect_tuning *t = d->tuning;
	float gain = (float)(1 / WEIR_MIN(t->many, (double)WEIR_MAX(d->n, 1U))), off, unit;

	unit = sqrtf(d->variance) + (float)t->least;
	z = learnt(z, d->many, unit);
	d->few += (z - d->few) / (float)t->few;
	set(d, WEIR_DETECT_SHIFT, fabsf(d->few - d->many) / unit, d->many, unit);
	off = z - d->many;
	d->many += gain * off;
	d->variance += gain * (off * off - d->variance);
}

/* How rare the value is to each component. */
static void learn(struct weir_detect *d, int64_t time_s, float z)
{
	const struct detect_tuning *t = d->tuning;
	float y = detect_asinh(z), usual, least = (float)t->least;

	d->z = z;
	step_level(d, z);
	usual = step_season(d, time_s, z, y);
	set(d, WEIR_DETECT_LINEAR, fabsf(detect_linear_step(&d->linear, t, y, usual)) + least, d->linear.expected, 1);
	set(d, WEIR_DETECT_MEMORY, detect_memory_step(&d->memory, t, y), 0, 1);
	set(d, WEIR_DETECT_SHAPE, detect_shape_step(&d->shape, t, d->n, y), 0, 1);
	step_shift(d, z);
	set(d, WEIR_DETECT_LSTM, fabsf(detect_lstm_step(&d->lstm, t, y, usual)) + least, d->lstm.expected, 1);
	detect_drift_step(d, time_s);
	d->n++;
	for (size_t i = 0; i < WEIR_DETECT_COMPONENTS; i++)
		d->likely[i] = detect_tail_step(&d->tail[i], t, d->strange[i]);
}

static double step(struct weir_detect *d, int64_t time_s, double value)
{
	float z = scaled(d, value);

	d->moved = 0;
	d->worse = 0;
	if (!detect_gate_step(&d->gate, &time_s, z, &d->flags))
		return 0;
	learn(d, time_s, z);
	return detect_judge_step(&d->judge, d->tuning, d->likely);
}

/* The first values are learnt when there are enough of them to know their scale. */
static double warmed(struct weir_detect *d)
{
	struct detect_warm first = d->first;
	double ret = 0;

	scale_by(d, first.value);
	memset(&d->memory, 0, sizeof(d->memory));
	for (size_t i = 0; i < WEIR_DETECT_WARM; i++) {
		d->judge = (struct detect_judge){0}; /* while nothing is known all is rare: no event to hold down the next */
		ret = step(d, first.time[i], first.value[i]);
	}
	return ret;
}

double weir_detect_step(struct weir_detect *d, int64_t time_s, double value)
{
	d->flags = isfinite(value) ? 0 : WEIR_Q_GAP;
	if (!isfinite(value))
		return 0;
	if (d->warm == WEIR_DETECT_WARM)
		return step(d, time_s, value);
	d->first.value[d->warm] = value;
	d->first.time[d->warm++] = time_s;
	return d->warm < WEIR_DETECT_WARM ? 0 : warmed(d);
}

unsigned int weir_detect_flags(const struct weir_detect *d)
{
	return d->flags;
}
