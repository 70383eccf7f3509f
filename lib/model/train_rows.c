/* SPDX-License-Identifier: Apache-2.0 */
/* Training of what scores rows: what is held back are the last rows, and anomalies are planted among them. */
#include <math.h>

#include "lib/model/random.h"
#include "lib/model/stat.h"
#include "lib/model/train_impl.h"

#define NOISE 0.02 /* of forests, in shares of rows: AUROC on the same rows has a deviation of 0.002 to 0.02 between seeds (docs/models.md) */
#define PLANTED 300	  /* rows, when the caller has none */
#define HELD_MIN 100	  /* rows that a share can be told of */
#define PAST_MIN 256	  /* what a tree learns from */
#define FAR 1.5		  /* beyond the largest value by half of how far that is from the middle */
#define HALF_FAR 0.75	  /* each within what has been, but three at once */
#define BROKEN 0.01	  /* chance below which so many alarms break the promise */

enum how { PLANT_ONE, PLANT_THREE, PLANT_MIXED, PLANTS };
static const char *const how_names[PLANTS] = {"one", "three", "mixed"};

struct rows_run {
	struct train_run run; /* first: train_offer's finish gets it */
	struct weir_rows past, held, planted;
	double *made;	    /* planted rows that were made here */
	const char **label; /* of the planted rows */
	struct weir_gate_slices slices;
	size_t above[TRAIN_RECIPES_MAX], above_past[TRAIN_RECIPES_MAX]; /* rows above the threshold, mean over seeds */
	bool *calm_of[TRAIN_RECIPES_MAX];
};

static void rows_fini(struct rows_run *r)
{
	train_fini(&r->run);
	free(r->made);
	free(r->label);
	for (size_t i = 0; i < TRAIN_RECIPES_MAX; i++)
		free(r->calm_of[i]);
}

/* Of one feature in the past: its middle, and how far values go below and above it. */
struct span {
	double middle, low, high;
};

static struct span span_of(const struct weir_rows *rows, size_t feature, double *room)
{
	struct span s = {0, 0, 0};
	size_t n = 0;

	for (size_t i = 0; i < rows->n; i++) {
		double v = rows->v[i * rows->width + feature];

		if (isfinite(v))
			room[n++] = v;
	}
	if (!n)
		return s;
	s = (struct span){weir_median(room, n), room[0], room[0]};
	for (size_t i = 0; i < n; i++) {
		s.low = fmin(s.low, room[i]);
		s.high = fmax(s.high, room[i]);
	}
	return s;
}

/* A value `far` times as far from the middle as any was, on one side; of a feature that never moved, off by one. */
static double extreme(const struct span *s, double far, struct weir_random *random)
{
	bool up = weir_random_below(random, 2);
	double reach = up ? s->high - s->middle : s->middle - s->low;

	reach = reach > 0 ? reach : s->high - s->low > 0 ? s->high - s->low : 1;
	return s->middle + (up ? far : -far) * reach;
}

static void plant(struct rows_run *r, double *row, enum how how, const struct span *span, struct weir_random *random)
{
	size_t width = r->held.width, times = how == PLANT_ONE ? 1 : WEIR_MIN(width, 3u);

	memcpy(row, r->held.v + weir_random_below(random, r->held.n) * width, width * sizeof(*row));
	if (how == PLANT_MIXED) {
		for (size_t j = 0; j < width; j++)
			row[j] = r->held.v[weir_random_below(random, r->held.n) * width + j];
		return;
	}
	for (size_t first = weir_random_below(random, width), i = 0; i < times; i++) {
		size_t j = (first + i) % width;

		row[j] = extreme(&span[j], how == PLANT_ONE ? FAR : HALF_FAR, random);
	}
}

static int make_planted(struct rows_run *r)
{
	size_t width = r->held.width;
	weir_auto_free struct span *span = malloc(width * sizeof(*span));
	weir_auto_free double *room = malloc(r->past.n * sizeof(*room));
	struct weir_random random = weir_random_of(r->run.t->opts.seed);

	r->made = malloc(PLANTED * width * sizeof(*r->made));
	if (!span || !room || !r->made)
		return -ENOMEM;
	for (size_t j = 0; j < width; j++)
		span[j] = span_of(&r->past, j, room);
	for (size_t i = 0; i < PLANTED; i++)
		plant(r, r->made + i * width, (enum how)(i % PLANTS), span, &random);
	r->planted = (struct weir_rows){.v = r->made, .n = PLANTED, .width = width};
	return 0;
}

static int rows_init(const struct weir_train *t, struct rows_run *r, struct weir_err *err)
{
	const struct weir_rows *all = &t->data->rows;
	int e = 0;

	if (t->holdback < HELD_MIN || all->n < t->holdback + PAST_MIN)
		return weir_err_set(err, -EINVAL, "%s: %zu rows, of which %zu are held back: at least %d of them and %d before are needed", t->use, all->n,
				    t->holdback, HELD_MIN, PAST_MIN);
	if (!(t->alarm_rate >= 0.0001 && t->alarm_rate <= 0.1))
		return weir_err_set(err, -EINVAL, "%s: a rate of alarms must be 0.0001 to 0.1", t->use);
	if (!all->width || (t->planted && (t->planted->width != all->width || !t->planted->n)))
		return weir_err_set(err, -EINVAL, "%s: planted rows have another width, or there are none", t->use);
	r->past = *all;
	r->past.n = all->n - t->holdback;
	r->held = (struct weir_rows){.v = all->v + r->past.n * all->width, .n = t->holdback, .width = all->width,
				     .time_s = all->time_s ? all->time_s + r->past.n : NULL};
	if (t->planted)
		r->planted = *t->planted;
	else
		e = make_planted(r);
	r->label = calloc(r->planted.n, sizeof(*r->label));
	if (e || !r->label)
		return -ENOMEM;
	for (size_t i = 0; i < r->planted.n; i++)
		r->label[i] = t->planted ? "given" : how_names[i % PLANTS];
	r->slices = (struct weir_gate_slices){.kinds = 1, .kind = {"planted"}, .label = r->label};
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* How many of n ascending values are at least v. */
static size_t at_least(const double *sorted, size_t n, double v)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sorted[middle] < v)
			low = middle + 1;
		else
			high = middle;
	}
	return n - low;
}

static size_t count_above(const double *v, size_t n, double threshold)
{
	size_t above = 0;

	for (size_t i = 0; i < n; i++)
		above += v[i] > threshold;
	return above;
}

struct room {
	double *past, *held, *planted;
};

static void room_fini(struct room *r)
{
	free(r->past);
	free(r->held);
	free(r->planted);
}

static int room_init(const struct rows_run *r, struct room *room)
{
	room->past = malloc(r->past.n * sizeof(double));
	room->held = malloc(r->held.n * sizeof(double));
	room->planted = malloc(r->planted.n * sizeof(double));
	return room->past && room->held && room->planted ? 0 : -ENOMEM;
}

/* Adds what planted rows score among those held back, by one model; held is sorted afterwards. */
static void add_ranks(const struct rows_run *r, struct room *room, struct weir_gate_score *sum, double weight)
{
	qsort(room->held, r->held.n, sizeof(double), by_value);
	for (size_t i = 0; i < r->planted.n; i++)
		/* What ranks within the promised alarms is found, and how far within makes no difference. */
		sum[i].error += weight * WEIR_MAX(((double)at_least(room->held, r->held.n, room->planted[i]) + 0.5) / (double)(r->held.n + 1),
						  r->run.t->alarm_rate);
}

static void empty_scores(struct weir_gate_score *score, size_t n)
{
	for (size_t i = 0; i < n; i++)
		score[i] = (struct weir_gate_score){0, NAN, NAN};
}

static int run_seed(struct rows_run *r, size_t which, uint64_t seed, struct room *room, struct weir_gate_score *score)
{
	const struct weir_model_data past = {.rows = r->past, .calendar = r->run.t->data->calendar};
	struct weir_model_opts opts = r->run.t->opts;
	weir_auto_model m = {0};
	double threshold;
	int e;

	opts.seed += seed;
	opts.extended = r->run.recipe[which].extended;
	e = weir_model_fit(r->run.recipe[which].name, &past, &opts, &m, &r->run.trouble);
	e = e ? e : weir_model_score(&m, 0, &r->past, room->past);
	e = e ? e : weir_model_score(&m, 0, &r->held, room->held);
	e = e ? e : weir_model_score(&m, 0, &r->planted, room->planted);
	if (e)
		return e;
	threshold = weir_quantile_up(room->past, r->past.n, 1 - r->run.t->alarm_rate);
	r->above_past[which] += count_above(room->past, r->past.n, threshold);
	r->above[which] += count_above(room->held, r->held.n, threshold);
	for (size_t i = 0; i < r->held.n && !seed; i++)
		r->calm_of[which][i] = room->held[i] <= threshold;
	add_ranks(r, room, score, 1.0 / WEIR_TRAIN_SEEDS);
	return 0;
}

static int run_recipe(struct rows_run *r, size_t which)
{
	weir_auto_free struct weir_gate_score *score = malloc(r->planted.n * sizeof(*score));
	weir_cleanup(room_fini) struct room room = {0};
	int e = score ? room_init(r, &room) : -ENOMEM;

	r->calm_of[which] = calloc(r->held.n, sizeof(bool));
	if (e || !r->calm_of[which])
		return -ENOMEM;
	empty_scores(score, r->planted.n);
	for (uint64_t seed = 0; seed < WEIR_TRAIN_SEEDS && !e; seed++)
		e = run_seed(r, which, seed, &room, score);
	if (e == -ENOMEM)
		return e;
	if (e) {
		weir_err_set(&r->run.trouble, e, "%s: %s", r->run.recipe[which].name, strerror(-e));
		return 0;
	}
	r->above[which] = (r->above[which] + WEIR_TRAIN_SEEDS / 2) / WEIR_TRAIN_SEEDS;
	r->above_past[which] = (r->above_past[which] + WEIR_TRAIN_SEEDS / 2) / WEIR_TRAIN_SEEDS;
	r->run.score[which] = weir_take_ptr(score);
	return 0;
}

/*
 * So many alarms on what was held back that chance hardly explains it, when the same rate holds there and in the past (conditional test of two
 * rates: Przyborowski, Wilenski 1940).
 */
static bool breaks_promise(const struct rows_run *r, size_t which)
{
	size_t total = r->above[which] + r->above_past[which];
	double part = (double)r->held.n / (double)(r->held.n + r->past.n);

	return weir_binomial_tail(r->above[which], total, part) < BROKEN;
}

static void judge_promise(const struct rows_run *r, size_t best, struct weir_gate_result *gate)
{
	size_t base = r->run.champion_recipe, said = strlen(gate->why);

	if (best == TRAIN_NONE || !gate->better || !breaks_promise(r, best) || (base != TRAIN_NONE && r->above[best] <= r->above[base]))
		return;
	gate->better = false;
	snprintf(gate->why + said, sizeof(gate->why) - said, "; but %zu of %zu calm rows are above its threshold, %.2g of them were promised", r->above[best],
		 r->held.n, r->run.t->alarm_rate);
}

/* The champion as it stands, where it has not seen the rows that were held back; told 0 otherwise. */
static int own_gate(struct rows_run *r, size_t winner, struct weir_gate_result *ret)
{
	weir_auto_free struct weir_gate_score *score = malloc(r->planted.n * sizeof(*score));
	weir_cleanup(room_fini) struct room room = {0};
	struct weir_model *champion = &r->run.champion;
	int e = score ? room_init(r, &room) : -ENOMEM;

	*ret = (struct weir_gate_result){.ratio = 1};
	if (e || !champion->ops || !r->held.time_s || champion->meta.to_s > r->held.time_s[0] || winner == TRAIN_NONE || !r->run.score[winner])
		return e;
	if (weir_model_score(champion, 0, &r->held, room.held) || weir_model_score(champion, 0, &r->planted, room.planted))
		return 0; /* of another width, or of another kind */
	empty_scores(score, r->planted.n);
	add_ranks(r, &room, score, 1);
	return train_gate(&r->run, score, "the champion as it stands", winner, 1, ret);
}

/* The share of held-back rows that raised no alarm, by the caller's slices: behind those of planted rows. */
static int put_shares(const struct rows_run *r, const bool *calm, struct weir_model *m)
{
	const struct weir_gate_slices *s = r->run.t->slices;
	weir_auto_free struct weir_gate_score *score = NULL;
	weir_auto_free struct weir_gate_result *shares = NULL;
	struct weir_gate_slices held;
	struct weir_gate_input in;
	int e;

	if (!s)
		return 0;
	score = malloc(r->held.n * sizeof(*score));
	shares = malloc(sizeof(*shares));
	if (!score || !shares)
		return -ENOMEM;
	for (size_t i = 0; i < r->held.n; i++)
		score[i] = (struct weir_gate_score){1, NAN, calm[i]};
	held = *s;
	held.label = s->label + r->past.n * s->kinds;
	in = (struct weir_gate_input){.units = r->held.n, .origins = 1, .champion = score, .challenger = score, .slices = &held, .unit = "", .champion_name = "",
				      .challenger_name = "", .challengers = 1};
	e = weir_gate(&in, shares);
	for (uint32_t i = 0; i < shares->slices.count && m->meta.slices.count < WEIR_META_SLICES_MAX && !e; i++) {
		struct weir_model_slice *one = &m->meta.slices.item[m->meta.slices.count++];

		*one = shares->slices.item[i];
		one->error = one->before = NAN;
	}
	return e;
}

/* The threshold of the model that is shelved, by all rows. */
static int finish(const struct train_run *run, struct weir_model *m)
{
	const struct rows_run *r = (const struct rows_run *)run;
	const struct weir_rows *all = &run->t->data->rows;
	weir_auto_free double *score = malloc(all->n * sizeof(*score));
	size_t which = 0;
	int e = score ? weir_model_score(m, 0, all, score) : -ENOMEM;

	if (e)
		return e;
	while (strcmp(run->recipe[which].name, m->meta.name) || run->recipe[which].extended != (weir_meta_get(&m->meta.params, "extended") == 1))
		which++;
	weir_meta_add(&m->meta.params, "alarm_rate", run->t->alarm_rate);
	weir_meta_add(&m->meta.params, "threshold", weir_quantile_up(score, all->n, 1 - run->t->alarm_rate));
	weir_meta_add(&m->meta.scores, "alarm_share", (double)r->above[which] / (double)r->held.n);
	return put_shares(r, r->calm_of[which], m);
}

int weir_train_rows(struct weir_shelf *s, const struct weir_train *t, struct weir_train_result *ret, struct weir_err *err)
{
	weir_cleanup(rows_fini) struct rows_run r = {.run = {.t = t, .unit = "planted rows", .origins = 1, .noise = NOISE}};
	weir_auto_free struct weir_gate_result *own = malloc(sizeof(*own));
	struct weir_train_result out = {0};
	const int64_t *time_s = t->data->rows.time_s;
	struct train_verdict v;
	size_t best, winner;
	int e = own ? rows_init(t, &r, err) : -ENOMEM;

	e = e ? e : train_begin(&r.run, s, t, err);
	for (size_t i = 0; i < t->candidate_count && !e; i++)
		if (!weir_model_find(t->candidates[i].name)->score || weir_model_find(t->candidates[i].name)->predict)
			e = weir_err_set(err, -EINVAL, "%s: model '%s' does not score rows", t->use, t->candidates[i].name);
	r.run.units = r.planted.n;
	r.run.slices = &r.slices;
	for (size_t i = 0; i < r.run.recipes && !e; i++)
		e = run_recipe(&r, i);
	e = e ? e : train_compare(&r.run, &best, &out.gate, err);
	if (e)
		return e;
	judge_promise(&r, best, &out.gate);
	winner = train_winner(&r.run, best, &out.gate);
	e = own_gate(&r, winner, own);
	if (e)
		return e;
	train_decide(&r.run, best, &out.gate, own, time_s ? time_s[t->data->rows.n - 1] : t->now_s, &v);
	out.series = r.held.n;
	out.origins = 1;
	e = train_offer(&r.run, &v, finish, &out.decision, err);
	if (!e)
		*ret = out;
	return e;
}
