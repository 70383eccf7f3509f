/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/total.h"

#include <math.h>
#include <time.h>

#include "lib/model/model.h"
#include "lib/model/stat.h"

#define DAY 24
#define WEEK 7
#define DAYS_MAX (WEIR_TOTAL_HOURS_MAX / DAY)
#define POOL_DAYS 21	/* of history, from which the pool is asked: three weeks */
#define WEEKDAYS_FROM 14 /* days from which each weekday has a mean of its own */
#define HALF_LIFE 10.0	/* days, of what a day counts for in the mean of recent weeks */
#define CLIP 2.0	/* of the median of a weekday: a spike counts for no more */
#define SHARE_MIN 0.5	/* of a day's usual cost that must be known of it */
#define ORIGINS 16	/* at which the past is asked */
#define ORIGIN_FROM 7	/* days ahead of the first of them */
#define TURNS 4		/* days around a month's turn: its last three and the next one's first */
#define TURN_FROM 28	/* days of history from which they are looked at */
#define TURN_DAYS 196	/* of history that is looked at */
#define TURN_OUT 1.3	/* times the 90 % quantile of days' misses: what a turn must differ by */
#define TURN_PRIOR 0.5	/* turns' worth of no difference */
#define MISS_MAX 3.0	/* a factor of 20 */

struct past {
	double day[DAYS_MAX];	  /* whole days, the last one ends now; NaN: missing */
	size_t days;
	double share[DAY]; /* of a day, of each hour from now on; their sum is 1 */
	int64_t now_s;	   /* 0: not known */
};

const char *weir_total_basis_name(enum weir_total_basis b)
{
	static const char *const names[] = {"none", "mean", "pool"};

	return names[b];
}

/* What each hour behind now has of a day, by the last four weeks; alike where nothing is known. */
static void read_shares(const double *v, size_t n, double *share)
{
	double sum = 0;

	for (size_t h = 0; h < DAY; h++) {
		size_t known = 0;

		share[h] = 0;
		for (size_t back = DAY - h; back <= n && back <= 4 * WEEK * DAY; back += DAY)
			if (isfinite(v[n - back])) {
				share[h] += fmax(v[n - back], 0);
				known++;
			}
		share[h] /= known ? (double)known : 1;
		sum += share[h];
	}
	for (size_t h = 0; h < DAY; h++)
		share[h] = sum > 0 ? share[h] / sum : 1.0 / DAY;
}

/* A day of which hours are missing is what is known of it by the share that these usually have. */
static double day_of(const double *v, const double *share)
{
	double sum = 0, known = 0;

	for (size_t h = 0; h < DAY; h++)
		if (isfinite(v[h])) {
			sum += v[h];
			known += share[h];
		}
	return known >= SHARE_MIN ? fmax(sum / known, 0) : NAN;
}

/* False: too little is known. */
static bool read_past(const struct weir_total_ask *a, struct past *p)
{
	size_t n = WEIR_MIN(a->n, WEIR_TOTAL_HOURS_MAX), known = 0;
	const double *v = a->v + (a->n - n);

	while (n && !(*v > 0 && isfinite(*v))) {
		v++;
		n--;
	}
	for (size_t i = 0; i < n; i++)
		known += isfinite(v[i]) != 0;
	p->now_s = a->now_s;
	read_shares(v, n, p->share);
	p->days = n / DAY;
	v += n % DAY;
	for (size_t i = 0; i < p->days; i++)
		p->day[i] = day_of(v + i * DAY, p->share);
	/* Nothing is said of the days ahead of the first that is known. */
	while (p->days && isnan(p->day[0]))
		memmove(p->day, p->day + 1, --p->days * sizeof(*p->day));
	return known >= WEIR_TOTAL_LEAST && p->days;
}

/* The mean of known days, the newest counting most, none more than `most`; NaN when none is known. stride: 7 for one weekday. */
static double mean_of(const double *day, size_t n, size_t last, size_t stride, double most)
{
	double sum = 0, weights = 0;

	for (size_t i = last; i < n; i -= stride) { /* below 0 it is above n */
		double w = exp2(-(double)(n - 1 - i) / HALF_LIFE);

		if (isnan(day[i]))
			continue;
		sum += w * fmin(day[i], most);
		weights += w;
	}
	return weights > 0 ? sum / weights : NAN;
}

static double clip_of(const double *day, size_t n, size_t last)
{
	double room[DAYS_MAX];
	size_t known = 0;

	for (size_t i = last; i < n; i -= WEEK)
		if (!isnan(day[i]))
			room[known++] = day[i];
	return known ? CLIP * weir_median(room, known) : INFINITY;
}

/* As the days of recent weeks were; of less than two weeks, as their days were on the whole. */
static void recent(const double *day, size_t n, size_t horizon, double *f)
{
	size_t whole = n < WEEK ? n : WEEK;
	double all = mean_of(day + n - whole, whole, whole - 1, 1, INFINITY);

	if (isnan(all))
		all = mean_of(day, n, n - 1, 1, INFINITY);
	for (size_t h = 0; h < horizon; h++) {
		size_t last = n - WEEK + h % WEEK;

		if (h >= WEEK) {
			f[h] = f[h - WEEK];
			continue;
		}
		f[h] = n < WEEKDAYS_FROM ? all : mean_of(day, n, last, WEEK, clip_of(day, n, last));
		f[h] = isnan(f[h]) ? all : f[h];
	}
}

/* Days around a month's turn, by name: its last three are 0 to 2, the next one's first is 3. A day is that of its middle. */
static size_t turn_of(int64_t now_s, ptrdiff_t days_ahead)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	time_t t = (time_t)(now_s + days_ahead * 86400 + 43200);
	struct tm tm;
	int last, year;

	if (!gmtime_r(&t, &tm))
		return TURNS;
	year = tm.tm_year + 1900;
	last = lengths[tm.tm_mon] + (tm.tm_mon == 1 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
	if (tm.tm_mday == 1)
		return TURNS - 1;
	return last - tm.tm_mday < TURNS - 1 ? (size_t)(TURNS - 2 - (last - tm.tm_mday)) : TURNS;
}

/*
 * What is done at the end of a month. A day of a turn that differed from its weekday's mean by more than days do, in all that
 * are known of its name, will again.
 */
static void add_turns(const struct past *p, size_t n, size_t horizon, double *f)
{
	double usual[WEEK], sum[TURNS] = {0}, off[DAYS_MAX], known[TURNS] = {0}, spread;
	int64_t now_s = p->now_s - (int64_t)(p->days - n) * 86400;
	size_t from = n > TURN_DAYS ? n - TURN_DAYS : 0, count = 0;

	if (!p->now_s || n < TURN_FROM)
		return;
	recent(p->day, n, WEEK, usual);
	for (size_t i = from; i < n; i++) {
		double by = usual[(i + WEEK - n % WEEK) % WEEK], miss = log(p->day[i] / by);
		size_t turn = turn_of(now_s, (ptrdiff_t)i - (ptrdiff_t)n);

		if (!isfinite(miss))
			continue;
		if (turn < TURNS) {
			sum[turn] += miss;
			known[turn]++;
		} else {
			off[count++] = fabs(miss);
		}
	}
	spread = count ? weir_quantile_up(off, count, 0.9) : INFINITY;
	for (size_t h = 0; h < horizon; h++) {
		size_t k = turn_of(now_s, (ptrdiff_t)h);

		if (k < TURNS && known[k] > 0 && fabs(sum[k] / known[k]) > TURN_OUT * spread / sqrt(known[k]))
			f[h] *= exp(sum[k] / (known[k] + TURN_PRIOR));
	}
}

/* Adds the pool's forecast, half and half. */
static int add_pool(const double *day, size_t n, size_t horizon, double *f)
{
	struct weir_series s = {.id = "days", .n = n, .v = (double *)day};
	struct weir_model_data data = {.series = &s, .count = 1, .calendar = {.season = {WEEK}, .seasons = 1}};
	weir_auto_forecast pool = {0};
	weir_auto_model m = {0};
	struct weir_err err;
	int r = weir_model_fit("mix", &data, &(struct weir_model_opts){.horizon = horizon, .coverage = 0.8, .seed = 1}, &m, &err);

	r = r ? r : weir_forecast_init(&pool, horizon);
	r = r ? r : weir_model_predict(&m, 0, &pool);
	for (size_t h = 0; h < horizon && !r; h++)
		f[h] = (f[h] + fmax(pool.mean[h], 0)) / 2;
	return r;
}

/* The days behind the first n. */
static int forecast(const struct past *p, size_t n, size_t horizon, double *f)
{
	int r;

	recent(p->day, n, horizon, f);
	r = n < POOL_DAYS ? 0 : add_pool(p->day, n, horizon, f);
	add_turns(p, n, horizon, f);
	return r;
}

/*
 * What 80 % of teams' sums of h days miss less than, with n days of history, as |log(came / said)|: what nothing foretells, what
 * drifts away with the days, and what is not known yet of a young series. Measured on generated months (tests/eval/month.py,
 * seeds 1001 to 1005: not those that are reported).
 */
static double usual_miss(size_t n, size_t h)
{
	return sqrt(0.0054 + 0.00032 * (double)h + (0.18 + 0.4 / (double)h) / (double)n);
}

#define PRIOR_BETTER 10.0 /* origins' worth of being a usual series, for one that was missed by less than usual */
#define PRIOR_WORSE 3.0	  /* and by more: an interval that is too wide does less harm */
#define TAIL 1.9  /* of 95 % by 80 %, measured likewise */

/* |log(came / said)|; of nothing and nothing 0. */
static double miss_of(double came, double said)
{
	double least = fmax(fmax(came, said), 0) * exp(-MISS_MAX);

	return least > 0 ? fabs(log(fmax(came, least) / fmax(said, least))) : 0;
}

/* How much more than usual this series was missed when it was asked in its own past; *ret: a factor. */
static int own_scale(const struct past *p, size_t horizon, double *ret)
{
	size_t last = p->days - 1, gap = WEIR_MAX((last + 1 - WEIR_MIN(ORIGIN_FROM, last)) / ORIGINS, 1u), n = 0, origins = 0;
	weir_auto_free double *f = malloc((horizon + ORIGINS * horizon) * sizeof(*f));
	double *ratio = f ? f + horizon : NULL;
	int r = f ? 0 : -ENOMEM;

	*ret = 1;
	for (size_t at = last; !r && at >= ORIGIN_FROM && at <= last && origins < ORIGINS; at -= gap, origins++) {
		size_t steps = WEIR_MIN(horizon, p->days - at);
		double came = 0, said = 0;

		r = forecast(p, at, steps, f);
		for (size_t h = 0; h < steps && !r; h++) {
			if (isnan(p->day[at + h])) /* a sum with a hole says nothing, from there on */
				break;
			came += p->day[at + h];
			said += f[h];
			ratio[n++] = miss_of(came, said) / usual_miss(at, h + 1);
		}
	}
	if (!r && n) {
		double own = weir_quantile_up(ratio, n, 0.8), prior = own > 1 ? PRIOR_WORSE : PRIOR_BETTER;

		*ret = ((double)origins * own + prior) / ((double)origins + prior);
	}
	return r;
}

static void look(size_t hours, double value, double amount, size_t *at)
{
	if (*at == WEIR_TOTAL_NEVER && value > amount)
		*at = hours;
}

/* Hour by hour to the end of the period. */
static void run(const struct weir_total_ask *a, const struct past *p, const double *day, double scale, struct weir_total *t)
{
	static const double tails[WEIR_TOTAL_LEVELS] = {[WEIR_TOTAL_80] = 1, [WEIR_TOTAL_95] = TAIL};
	double sum = 0;

	for (size_t i = 0; i < a->left; i++) {
		double width = scale * usual_miss(p->days, i / DAY + 1);

		sum += day[i / DAY] * p->share[i % DAY];
		t->mean = a->spent + sum;
		for (size_t k = 0; k < WEIR_TOTAL_LEVELS; k++) {
			t->lower[k] = a->spent + sum * exp(-width * tails[k]);
			t->upper[k] = a->spent + sum * exp(width * tails[k]);
		}
		if (!(a->amount > 0))
			continue;
		look(i + 1, t->mean, a->amount, &t->crosses);
		look(i + 1, t->upper[WEIR_TOTAL_80], a->amount, &t->early);
		look(i + 1, t->lower[WEIR_TOTAL_80], a->amount, &t->late);
	}
}

/* What is known without a forecast: what is spent stays so. */
static struct weir_total begin(const struct weir_total_ask *a)
{
	bool passed = a->amount > 0 && a->spent > a->amount;
	struct weir_total t = {.mean = a->spent};

	for (size_t k = 0; k < WEIR_TOTAL_LEVELS; k++)
		t.lower[k] = t.upper[k] = a->spent;
	t.crosses = t.early = t.late = passed ? 0 : WEIR_TOTAL_NEVER;
	return t;
}

int weir_total(const struct weir_total_ask *a, struct weir_total *ret)
{
	size_t horizon = (a->left + DAY - 1) / DAY;
	weir_auto_free struct past *p = malloc(sizeof(*p));
	weir_auto_free double *f = NULL;
	struct weir_total t = begin(a);
	double scale = 1;
	int r = 0;

	if (a->left > WEIR_TOTAL_LEFT_MAX || !isfinite(a->spent) || !(a->amount >= 0) || isinf(a->amount))
		return -EINVAL;
	f = malloc((horizon + 1) * sizeof(*f));
	if (!p || !f)
		return -ENOMEM;
	if (read_past(a, p)) {
		t.days = p->days;
		t.basis = p->days < POOL_DAYS ? WEIR_TOTAL_MEAN : WEIR_TOTAL_POOL;
		r = horizon ? forecast(p, p->days, horizon, f) : 0;
		r = r || !horizon ? r : own_scale(p, horizon, &scale);
		if (!r)
			run(a, p, f, scale, &t);
	}
	if (!r)
		*ret = t;
	return r;
}
