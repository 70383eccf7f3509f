/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How cautious the pool of forecasters is when something has just changed (struct weir_pool_caution), chosen ahead of any test value.
 *
 *   choose SETS          what the shipped constants score
 *   choose SETS search   chooses, beginning with round numbers: one constant after another from a grid, until none moves
 *
 * SETS is what tests/eval/pool.py writes: for each set "set m4|cesnet HORIZON SERIES NAIVE2_SMAPE NAIVE2_MASE", and for each series a
 * line "N VALUE..." of which the last HORIZON are to be forecast. Generated sets (series_fixture.h) of seeds that no test makes join
 * them. The rule: no kind of generated series more than a twentieth worse than the naive forecast with any seed, or as little as can
 * be; and then the least sum of the logarithms of M4's OWA, of CESNET's MASE (mean of flows and bytes) and of the generated sets' mean.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "lib/model/mix.h"
#include "tests/lib/series_fixture.h"

#define SETS_MAX 512
#define MADE_SETS 24
#define MADE_FROM 101 /* the first seed */
#define MADE_SERIES 200
#define MADE_HORIZON 48
#define THREADS 2
#define WORST 1.05
#define SEASON 24

enum kind { M4, CESNET, MADE };

/* Series whose last `horizon` values are to be forecast. */
struct set {
	enum kind kind;
	size_t horizon, count;
	double base[2]; /* M4: Naive2's sMAPE and MASE */
	double naive[MADE_KINDS];
	struct weir_series *s;
	double error[MADE_KINDS]; /* M4: sMAPE, MASE; CESNET: MASE by series; generated: MASE by kind */
};

struct score {
	double owa, cesnet[2], made, worst;
};

static struct set sets[SETS_MAX];
static size_t set_count;
static const struct weir_calendar weekly = {.season = {SEASON, 168}, .seasons = 2};

static void die(const char *why)
{
	fprintf(stderr, "choose: %s\n", why);
	exit(1);
}

static struct set *set_new(enum kind kind, size_t horizon, size_t count)
{
	struct set *s = &sets[set_count];

	if (set_count == SETS_MAX || !count || count > WEIR_SERIES_MAX || !horizon || horizon > WEIR_HORIZON_MAX)
		die("too many sets, or one of no size");
	*s = (struct set){.kind = kind, .horizon = horizon, .count = count, .s = calloc(count, sizeof(*s->s))};
	if (!s->s)
		die("no memory");
	set_count++;
	return s;
}

static void read_series(FILE *f, struct set *set, size_t i)
{
	size_t n;
	char id[24];

	snprintf(id, sizeof(id), "%zu", i);
	if (fscanf(f, " %zu", &n) != 1 || n <= set->horizon || weir_series_init(&set->s[i], id, n))
		die("a series is not as it should be");
	for (size_t k = 0; k < n; k++)
		if (fscanf(f, " %lf", &set->s[i].v[k]) != 1)
			die("a series is short");
}

static void read_sets(const char *path)
{
	FILE *f = fopen(path, "r");
	char kind[8];
	size_t horizon, count;
	double smape, mase;

	if (!f)
		die("no file of sets");
	while (fscanf(f, " set %7s %zu %zu %lf %lf", kind, &horizon, &count, &smape, &mase) == 5) {
		struct set *s = set_new(strcmp(kind, "m4") ? CESNET : M4, horizon, count);

		s->base[0] = smape;
		s->base[1] = mase;
		for (size_t i = 0; i < count; i++)
			read_series(f, s, i);
	}
	if (!feof(f))
		die("a set is not as it should be");
	fclose(f);
}

static double scale_of(const struct weir_series *s, size_t n)
{
	double sum = 0;
	size_t known = 0;

	for (size_t t = SEASON; t < n; t++)
		if (!isnan(s->v[t] - s->v[t - SEASON])) {
			sum += fabs(s->v[t] - s->v[t - SEASON]);
			known++;
		}
	return sum / (double)known;
}

static void add_errors(struct set *set, size_t i, const double *mean)
{
	const struct weir_series *s = &set->s[i];
	size_t n = s->n - set->horizon, at = set->kind == MADE ? i % MADE_KINDS : i;
	double smape = 0, mase = 0, of = (double)set->horizon;

	for (size_t h = 0; h < set->horizon; h++) {
		double y = s->v[n + h], off = fabs(y - mean[h]), size = fabs(y) + fabs(mean[h]);

		smape += size > 0 ? 200 * off / size / of : 0;
		mase += off / of;
	}
	mase /= scale_of(s, n);
	if (set->kind == M4) {
		set->error[0] += smape / (double)set->count;
		set->error[1] += mase / (double)set->count;
	} else {
		set->error[at] += mase * (double)(set->kind == MADE ? MADE_KINDS : 1) / (double)(set->kind == MADE ? set->count : 1);
	}
}

/* caution NULL: of the seasonal naive forecast. */
static void judge(struct set *set, const struct weir_pool_caution *caution)
{
	unsigned int members = caution ? (1u << WEIR_MEMBERS) - 1 : 1u << WEIR_MEMBER_SNAIVE;
	static const struct weir_pool_caution none;
	struct weir_series *past = calloc(set->count, sizeof(*past));
	struct weir_forecast f = {0};
	struct weir_err err = {{0}};
	void *state = NULL;

	if (!past || weir_forecast_init(&f, set->horizon))
		die("no memory");
	for (size_t i = 0; i < set->count; i++) {
		past[i] = set->s[i];
		past[i].n -= set->horizon;
	}
	if (weir_mix_fit(&(struct weir_model_data){.series = past, .count = set->count, .calendar = weekly},
			 &(struct weir_model_opts){.horizon = set->horizon, .coverage = 0.95, .seed = 1}, members, caution ? caution : &none,
			 &state, &err))
		die(err.text);
	memset(set->error, 0, sizeof(set->error));
	for (size_t i = 0; i < set->count; i++) {
		if (weir_model_mix.predict(state, i, &f))
			die("no forecast");
		add_errors(set, i, f.mean);
	}
	weir_model_mix.free(state);
	weir_forecast_fini(&f);
	free(past);
}

static const struct weir_pool_caution *judged;
static atomic_size_t next_set;

static void *worker(void *arg)
{
	for (size_t i; (i = next_set++) < set_count;)
		judge(&sets[i], judged);
	return arg;
}

static void judge_all(const struct weir_pool_caution *c)
{
	pthread_t t[THREADS];

	judged = c;
	next_set = 0;
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, worker, NULL))
			die("no thread");
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static struct score score_of(const struct weir_pool_caution *c)
{
	struct score ret = {0};
	double m4[2][2] = {{0}}, days = 0, made = 0;

	judge_all(c);
	for (size_t i = 0; i < set_count; i++) {
		const struct set *s = &sets[i];

		for (size_t k = 0; k < 2; k++) {
			m4[k][0] += s->kind == M4 ? s->error[k] : 0;
			m4[k][1] += s->kind == M4 ? s->base[k] : 0;
			ret.cesnet[k] += s->kind == CESNET ? s->error[k] : 0;
		}
		days += s->kind == CESNET;
		made += s->kind == MADE;
		for (size_t k = 0; k < MADE_KINDS && s->kind == MADE; k++) {
			ret.made += s->error[k] / s->naive[k] / MADE_KINDS;
			ret.worst = fmax(ret.worst, s->error[k] / s->naive[k]);
		}
	}
	ret.owa = (m4[0][0] / m4[0][1] + m4[1][0] / m4[1][1]) / 2;
	ret.cesnet[0] /= days;
	ret.cesnet[1] /= days;
	ret.made /= made;
	return ret;
}

static double sum_of(const struct score *s)
{
	return log(s->owa) + (log(s->cesnet[0]) + log(s->cesnet[1])) / 2 + log(s->made);
}

static bool better(const struct score *a, const struct score *b)
{
	double over_a = fmax(a->worst, WORST), over_b = fmax(b->worst, WORST);

	return over_a < over_b || (over_a == over_b && sum_of(a) < sum_of(b));
}

/* What is searched: five numbers, and the naive forecast's part of those that follow, of which the others share the rest. */
#define FROM(field) offsetof(struct weir_pool_caution, field)
static const struct constant {
	const char *name;
	size_t at;
	double first, grid[6];
} constants[] = {
	{"newest", FROM(newest), 1, {0.25, 0.5, 1, 2, 4, 8}},
	{"loses", FROM(loses), 0, {-0.8, -0.6, -0.4, -0.2, 0, 0.2}},
	{"loses_ramp", FROM(loses_ramp), 0.4, {0.1, 0.2, 0.4, 0.6, 0.8, 1.6}},
	{"worse", FROM(worse), 0, {-0.9, -0.6, -0.3, 0, 0.3, 0.6}},
	{"worse_ramp", FROM(worse_ramp), 0.8, {0.2, 0.4, 0.8, 1.2, 1.6, 3.2}},
	{"naive", FROM(follows[WEIR_MEMBER_SNAIVE]), 0.25, {0.1, 0.25, 0.4, 0.5, 0.6, 0.8}},
};

static void set_constant(struct weir_pool_caution *c, const struct constant *k, double v)
{
	*(double *)((char *)c + k->at) = v;
	c->follows[WEIR_MEMBER_ETS] = c->follows[WEIR_MEMBER_THETA] = c->follows[WEIR_MEMBER_MSTL] =
		(1 - c->follows[WEIR_MEMBER_SNAIVE]) / 3;
}

static void print(const char *what, const struct weir_pool_caution *c, const struct score *s)
{
	printf("%s owa %.4f bytes %.4f flows %.4f made %.4f worst %.4f sum %.5f:", what, s->owa, s->cesnet[0], s->cesnet[1], s->made,
	       s->worst, sum_of(s));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(constants); i++)
		printf(" %s %g", constants[i].name, *(const double *)((const char *)c + constants[i].at));
	printf("\n");
	fflush(stdout);
}

static bool move(struct weir_pool_caution *c, struct score *best, const struct constant *k)
{
	double was = *(double *)((char *)c + k->at), at = was;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(k->grid); i++) {
		struct weir_pool_caution tried = *c;
		struct score s;

		if (k->grid[i] == was)
			continue;
		set_constant(&tried, k, k->grid[i]);
		s = score_of(&tried);
		print("tried", &tried, &s);
		if (better(&s, best)) {
			*best = s;
			at = k->grid[i];
		}
	}
	set_constant(c, k, at);
	return at != was;
}

static void search(void)
{
	struct weir_pool_caution c = {0};
	struct score best;
	bool moved = true;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(constants); i++)
		set_constant(&c, &constants[i], constants[i].first);
	best = score_of(&c);
	print("first", &c, &best);
	while (moved) {
		moved = false;
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(constants); i++)
			moved = move(&c, &best, &constants[i]) || moved;
	}
	print("chosen", &c, &best);
}

int main(int argc, char **argv)
{
	struct score shipped;

	if (argc < 2)
		die("usage: choose SETS [search]");
	read_sets(argv[1]);
	for (uint64_t i = 0; i < MADE_SETS; i++) {
		struct weir_random r = weir_random_of(MADE_FROM + i);
		struct set *s = set_new(MADE, MADE_HORIZON, MADE_SERIES);

		for (size_t k = 0; k < MADE_SERIES; k++)
			s->s[k] = made_series(k, &r);
	}
	judge_all(NULL);
	for (size_t i = 0; i < set_count; i++)
		memcpy(sets[i].naive, sets[i].error, sizeof(sets[i].naive));
	shipped = score_of(&weir_pool_caution);
	print("shipped", &weir_pool_caution, &shipped);
	if (argc > 2)
		search();
	return 0;
}
