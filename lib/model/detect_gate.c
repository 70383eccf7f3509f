/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands before the components. A value that repeats a time or comes behind later ones is not learnt twice. A wild
 * value, many spreads from the median of the last ones, is an anomaly in a series where that is rare, and a fault of who
 * measured where values keep leaving and coming back at once: there it is left out until as many in a row agree as chance
 * does not bring together. All by what came before.
 */
#include "lib/model/detect_impl.h"
#include "lib/model/series.h"
#include "lib/model/stat.h"

#define SPREAD_GAIN 0.02f
#define SPREAD_LEAST 0.1f /* scales */
#define CLIP 4.0f	   /* spreads: what is further counts as so far */
#define NORMAL_80 1.6	   /* 80 of 100 normal values are within so many mean distances */
#define WILD 16.0f /* spreads */
#define FAULT_GAIN 0.003f
#define FAULTY 0.08f /* share of values: more is no rare event any more */
#define RARE 0.05f	  /* and less is */
#define ODD 0.01f	  /* and of odd ones */
#define NATURE 0.2f /* share: so many are how the series is */
#define TOGETHER 1e-6f	  /* chance of so many faults in a row: then it is no fault */
#define RUN_LEAST 3	  /* values: at the least */
#define CALM 8.0f	  /* times the least of the last values: the largest of one size */
#define UNIT_LEAST 100.0f /* times */
#define UNIT_AGAIN 60.0f  /* where that is no rare event */
#define SIZE_GAIN 0.02f
#define BACKWARD_MAX 8	  /* values in a row: then the clock was set, and is believed */
#define AHEAD_S 86400	  /* seconds: further is believed when a second value says so */

static inline void order(float *low, float *high)
{
	float a = *low, b = *high;

	*low = a < b ? a : b;
	*high = a < b ? b : a;
}

/* Of DETECT_NEAR = 5, by a network. */
static float median(const float *v)
{
	float a = v[0], b = v[1], c = v[2], d = v[3], e = v[4];

	order(&a, &b);
	order(&d, &e);
	order(&a, &d); /* a is none of the upper three */
	order(&b, &e); /* e is none of the lower three */
	order(&b, &c);
	order(&c, &d);
	order(&b, &c);
	return c;
}

/* Whether the value is a new one by its time. */
static bool in_time(struct detect_gate *g, int64_t *time_s, unsigned int *flags)
{
	int64_t now_s = *time_s;

	if (now_s < 0)
		return true;
	if (g->n && now_s <= g->last_s && ++g->backward < BACKWARD_MAX) {
		*flags |= now_s == g->last_s ? WEIR_Q_DUPLICATE : WEIR_Q_LATE;
		return false;
	}
	if (g->n && now_s - g->last_s > AHEAD_S && !(g->ahead_s && now_s >= g->ahead_s)) {
		*flags |= WEIR_Q_SKEW;
		g->ahead_s = now_s;
		*time_s = -1;
		return true;
	}
	g->ahead_s = 0;
	g->backward = 0;
	g->last_s = now_s;
	return true;
}

/* How large values are where they are not 0. */
static void learn_size(struct detect_gate *g, float z)
{
	float size = fabsf(z - g->zero);

	if (size > 0)
		g->size = g->size > 0 ? g->size + SIZE_GAIN * (WEIR_MIN(size, CLIP * g->size) - g->size) : size;
}

static void believe(struct detect_gate *g, float z)
{
	g->near[g->n % DETECT_NEAR] = z;
	g->n++;
	learn_size(g, z);
}

/* In a row that chance does not make of faults. */
static uint32_t needed(float faults)
{
	uint32_t n = RUN_LEAST;

	for (float p = faults * faults * faults; p > TOGETHER && n < 2 * DETECT_NEAR; p *= faults)
		n++;
	return n;
}

/*
 * What is so large is taken for another unit: a hundred times the largest of the last values, of the usual size where they
 * are all 0; sixty times, or a hundred times the median, where units are known to change.
 */
static float unit_from(const struct detect_gate *g, float most, float middle)
{
	float least;

	most = most > 0 ? most : g->size;
	if (!(g->odds > ODD))
		return UNIT_LEAST * most;
	least = UNIT_AGAIN * most;
	return middle > 0 && UNIT_LEAST * middle < least ? UNIT_LEAST * middle : least;
}

/* Another unit; or none at all where the last values were of one size, a counter begun anew? middle: their median. */
static unsigned int odd(const struct detect_gate *g, float z, float middle)
{
	float least = INFINITY, most = 0;

	for (size_t i = 0; i < DETECT_NEAR; i++) {
		float v = fabsf(g->near[i] - g->zero);

		least = v < least ? v : least;
		most = v > most ? v : most;
	}
	if (g->size > 0 && fabsf(z - g->zero) >= unit_from(g, most, fabsf(middle - g->zero)))
		return WEIR_Q_UNIT;
	return z == g->zero && most <= CALM * least && least > 0 ? WEIR_Q_RESET : 0;
}

/* Those that are known by what they are say nothing of the others. */
static void count_fault(struct detect_gate *g)
{
	g->faults += FAULT_GAIN * (float)(g->wild - g->told);
	g->wild = 0;
	g->told = 0;
}

/* Whether the value is to be seen. */
static bool tame(struct detect_gate *g, float z, unsigned int *flags)
{
	float middle, far, spread = g->spread + SPREAD_LEAST;
	unsigned int what;
	bool told;

	middle = median(g->near);
	far = fabsf(z - middle);
	what = odd(g, z, middle);
	*flags |= what;
	g->faults -= FAULT_GAIN * g->faults;
	g->odds += FAULT_GAIN * ((what != 0 && !g->wild) - g->odds);
	if (g->faults < RARE || g->faults > NATURE || g->faults > FAULTY)
		g->faulty = g->faults > FAULTY && g->faults <= NATURE;
	if (far <= WILD * spread && !what) {
		count_fault(g);
		g->spread += SPREAD_GAIN * ((far < CLIP * spread ? far : CLIP * spread) - g->spread);
		believe(g, z);
		return true;
	}
	if (g->wild && fabsf(z - g->suspect) > far / 2) /* not where the one before was */
		count_fault(g);
	told = what == WEIR_Q_UNIT || (what && g->odds > ODD);
	g->wild++;
	g->told += told;
	g->suspect = z;
	if (g->wild < needed(g->faults)) {
		*flags |= g->faulty ? WEIR_Q_WILD : 0;
		if (g->faulty || told)
			return false;
		learn_size(g, z);
		return true;
	}
	g->wild = 0;
	g->told = 0;
	for (size_t i = 0; i < DETECT_NEAR; i++)
		g->near[i] = z;
	return true;
}

void detect_gate_begin(struct detect_gate *g, float spread, float zero)
{
	*g = (struct detect_gate){.faults = g->faults, .odds = g->odds, .faulty = g->faulty, .spread = spread, .zero = zero};
}

/* Four of five values are no fault, and neither is the median of those before them. */
double detect_gate_spread(const double *v, size_t n)
{
	double far[WEIR_DETECT_WARM] = {0};
	size_t count = n - DETECT_NEAR;

	for (size_t i = 0; i < count; i++) {
		double near[DETECT_NEAR];

		memcpy(near, v + i, sizeof(near));
		far[i] = fabs(v[i + DETECT_NEAR] - weir_select(near, DETECT_NEAR, DETECT_NEAR / 2));
	}
	return weir_select(far, count, count * 4 / 5) / NORMAL_80;
}

bool detect_gate_step(struct detect_gate *g, int64_t *time_s, float z, unsigned int *ret_flags)
{
	*ret_flags = 0;
	return in_time(g, time_s, ret_flags) && tame(g, z, ret_flags);
}
