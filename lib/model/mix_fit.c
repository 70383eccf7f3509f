/* SPDX-License-Identifier: Apache-2.0 */
/* How a pool is fitted to a set: what is learnt of all series first, then one after another, then intervals (mix.c says which). */
#include "lib/model/mix_set.h"
#include "lib/model/mix_state.h"
#include "lib/model/stat.h"

#define FACTOR_MIN 0.8 /* of the set's factor: few series say little */
#define FACTOR_MAX 2.0
#define FACTOR_FROM 3	    /* origins that a quantile is taken of at least */
#define GROWTH_PRIOR 20.0    /* origins' worth of no growth at all */

struct fitting {
	struct weir_mix_set set;
	double *misses; /* count times origins times horizon, NaN where there is none */
};

static void fitting_fini(struct fitting *f)
{
	weir_mix_set_fini(&f->set);
	free(f->misses);
}

static int run_one(struct fitting *f, struct weir_mix *m, size_t i)
{
	double *one = weir_mix_series(m, i);
	struct weir_pool_result res = {.mean = one + WEIR_MIX_MEAN, .miss = f->misses + i * WEIR_POOL_ORIGINS * m->horizon};
	struct weir_pool_task *t;
	int r = weir_mix_set_task(&f->set, i, &t);

	for (size_t p = 0; p < WEIR_PART_REMAINDER; p++)
		res.part[p] = one + WEIR_MIX_MEAN + (1 + p) * m->horizon;
	for (size_t k = 0; k < WEIR_POOL_ORIGINS * m->horizon; k++)
		res.miss[k] = NAN;
	r = r ? r : weir_pool_run(t, &res);
	one[WEIR_MIX_LOG] = t->transform.log;
	one[WEIR_MIX_SHIFT] = t->transform.shift;
	one[WEIR_MIX_LEVEL] = 1 - m->coverage;
	memcpy(one + WEIR_MIX_WEIGHT, res.weight, sizeof(res.weight));
	return r;
}

/* How misses grow with the horizon, over the set: each series' in units of its own mean. room: twice the horizon. */
static void learn_growth(const struct fitting *f, struct weir_mix *m, double *room)
{
	double *sum = room, *known = room + m->horizon;

	for (size_t h = 0; h < m->horizon; h++)
		sum[h] = known[h] = GROWTH_PRIOR;
	for (size_t i = 0; i < m->count; i++) {
		const double *miss = f->misses + i * WEIR_POOL_ORIGINS * m->horizon;
		size_t n = f->set.task[i].origins * m->horizon, there = 0;
		double mean = 0;

		for (size_t k = 0; k < n; k++) {
			mean += isnan(miss[k]) ? 0 : miss[k];
			there += !isnan(miss[k]);
		}
		for (size_t k = 0, h = 0; k < n && mean > 0; k++, h = h + 1 == m->horizon ? 0 : h + 1)
			if (!isnan(miss[k])) {
				sum[h] += miss[k] / mean * (double)there;
				known[h]++;
			}
	}
	for (size_t h = 0; h < m->horizon; h++)
		m->growth[h] = fmax(sum[h] / known[h], 0.1);
}

/* Divided misses of the origins from one on and before another; returns how many. */
static size_t gather(const struct fitting *f, const struct weir_mix *m, size_t i, size_t from, size_t before, double *room)
{
	const double *miss = f->misses + i * WEIR_POOL_ORIGINS * m->horizon;
	size_t n = 0;

	for (size_t q = from; q < WEIR_MIN(f->set.task[i].origins, before); q++)
		for (size_t h = 0; h < m->horizon; h++)
			if (!isnan(miss[q * m->horizon + h]))
				room[n++] = miss[q * m->horizon + h] / m->growth[h];
	return n;
}

/* What each origin missed, in units of the quantile that those before it say: its own quantile is the factor of the set. */
static void learn_factor(const struct fitting *f, struct weir_mix *m, double *room, double *ratios)
{
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++)
		for (size_t q = FACTOR_FROM, others = gather(f, m, i, 0, q, room); q < f->set.task[i].origins; q++) {
			const double *miss = f->misses + (i * WEIR_POOL_ORIGINS + q) * m->horizon;
			double width = others ? weir_quantile_up(room, others, m->coverage) : 0;

			for (size_t h = 0; h < m->horizon && width > 0; h++)
				if (!isnan(miss[h]))
					ratios[n++] = miss[h] / m->growth[h] / width;
			others += gather(f, m, i, q, q + 1, room + others);
		}
	if (!n)
		return;
	m->factor = fmin(fmax(weir_quantile_up(ratios, n, m->coverage), FACTOR_MIN), FACTOR_MAX);
	for (size_t k = 0; k < n; k++)
		m->covered += (ratios[k] <= m->factor) / (double)n;
}

static void learn_knots(const struct fitting *f, const struct weir_mix *m, size_t i, double *room)
{
	size_t n = gather(f, m, i, 0, SIZE_MAX, room);
	double p[WEIR_MIX_KNOTS];

	for (size_t k = 0; k < WEIR_MIX_KNOTS; k++)
		p[k] = weir_mix_knot(k);
	if (n)
		weir_quantiles_up(room, n, p, WEIR_MIX_KNOTS, weir_mix_series(m, i) + WEIR_MIX_KNOT);
}

static double mean_miss(const struct fitting *f, const struct weir_mix *m)
{
	double sum = 0;
	size_t known = 0;

	for (size_t k = 0; k < m->count * WEIR_POOL_ORIGINS * m->horizon; k++)
		if (!isnan(f->misses[k])) {
			sum += f->misses[k];
			known++;
		}
	return known ? sum / (double)known : 0;
}

static int learn_intervals(const struct fitting *f, struct weir_mix *m)
{
	size_t one = WEIR_POOL_ORIGINS * m->horizon;
	weir_auto_free double *room = malloc((m->count + 1) * one * sizeof(*room));

	if (!room)
		return -ENOMEM;
	learn_growth(f, m, room);
	learn_factor(f, m, room, room + one);
	m->miss = mean_miss(f, m);
	for (size_t i = 0; i < m->count; i++)
		learn_knots(f, m, i, room);
	return 0;
}

int weir_mix_fit(const struct weir_model_data *data, const struct weir_model_opts *opts, unsigned int members, void **ret_state,
		 struct weir_err *err)
{
	weir_cleanup(fitting_fini) struct fitting f = {0};
	weir_auto_mix *m = NULL;
	int r;

	if (!data->count)
		return weir_err_set(err, -EINVAL, "a forecast needs series");
	m = weir_mix_new(data->count, opts->horizon, data->calendar.seasons ? data->calendar.season[0] : 1);
	f.misses = malloc(data->count * WEIR_POOL_ORIGINS * opts->horizon * sizeof(*f.misses));
	if (!m || !f.misses)
		return -ENOMEM;
	m->coverage = opts->coverage;
	r = weir_mix_set_init(&f.set, data, opts, members);
	for (size_t i = 0; i < m->count && !r; i++)
		r = run_one(&f, m, i);
	r = r ? r : learn_intervals(&f, m);
	if (!r)
		*ret_state = weir_take_ptr(m);
	return r;
}
