/* SPDX-License-Identifier: Apache-2.0 */
/* Training of forecasts: what is held back is the end of each series, in whole horizons. */
#include <math.h>

#include "lib/model/train_impl.h"

/* The set that is judged by: series that are long enough, whose ends are held back. */
struct judged {
	size_t count, origins, horizon;
	size_t *index;		  /* in the task's data */
	struct weir_series *past; /* of the same values, cut at an origin */
	const char **label;
	struct weir_gate_slices slices;
};

static void judged_fini(struct judged *j)
{
	free(j->index);
	free(j->past);
	free(j->label);
}

static size_t longest_season(const struct weir_calendar *c)
{
	return c->seasons ? c->season[c->seasons - 1] : 1;
}

static int judged_init(const struct weir_train *t, struct judged *j, struct weir_err *err)
{
	const struct weir_model_data *d = t->data;
	const struct weir_gate_slices *s = t->slices;
	size_t kinds = s ? s->kinds : 0, least;

	j->horizon = t->opts.horizon;
	j->origins = j->horizon ? WEIR_MIN(t->holdback / j->horizon, (size_t)WEIR_TRAIN_ORIGINS_MAX) : 0;
	if (!j->origins)
		return weir_err_set(err, -EINVAL, "%s: at least one horizon must be held back", t->use);
	least = j->origins * j->horizon + 2 * longest_season(&d->calendar);
	j->index = calloc(d->count + 1, sizeof(*j->index));
	j->past = calloc(d->count + 1, sizeof(*j->past));
	j->label = calloc((d->count + 1) * (kinds + 1), sizeof(*j->label));
	if (!j->index || !j->past || !j->label)
		return -ENOMEM;
	for (size_t i = 0; i < d->count; i++) {
		if (d->series[i].n < least)
			continue;
		for (size_t k = 0; k < kinds; k++)
			j->label[j->count * kinds + k] = s->label[i * kinds + k];
		j->index[j->count++] = i;
	}
	if (!j->count)
		return weir_err_set(err, -EINVAL, "%s: none of %zu series has the %zu values that it takes to hold %zu back", t->use, d->count, least,
				    j->origins * j->horizon);
	if (s) {
		j->slices = *s;
		j->slices.label = j->label;
	}
	return 0;
}

/* Values before origin k of the judged series i. */
static size_t origin_of(const struct weir_series *s, const struct judged *j, size_t k)
{
	return s->n - (j->origins - k) * j->horizon;
}

static struct weir_gate_score score_at(const struct weir_train *t, const struct judged *j, size_t i, size_t k, const struct weir_forecast *f)
{
	const struct weir_series *s = &t->data->series[j->index[i]];
	const struct weir_calendar *c = &t->data->calendar;
	size_t n = origin_of(s, j, k);

	return weir_gate_forecast(s->v, n, c->seasons ? c->season[0] : 1, s->v + n, j->horizon, f, t->opts.coverage);
}

/* A recipe, fitted to what lies before each origin. */
static int run_recipe(struct train_run *run, const struct judged *j, size_t which)
{
	weir_auto_free struct weir_gate_score *score = malloc(j->count * j->origins * sizeof(*score));
	struct weir_model_data past = {.series = j->past, .count = j->count, .calendar = run->t->data->calendar};
	weir_auto_forecast f = {0};
	int r = score ? weir_forecast_init(&f, j->horizon) : -ENOMEM;

	for (size_t k = 0; k < j->origins && !r; k++) {
		weir_auto_model m = {0};

		for (size_t i = 0; i < j->count; i++) {
			j->past[i] = run->t->data->series[j->index[i]];
			j->past[i].n = origin_of(&j->past[i], j, k);
		}
		r = weir_model_fit(run->recipe[which].name, &past, &run->t->opts, &m, &run->trouble);
		for (size_t i = 0; i < j->count && !r; i++) {
			r = weir_model_predict(&m, i, &f);
			if (!r)
				score[i * j->origins + k] = score_at(run->t, j, i, k, &f);
		}
	}
	if (r == -ENOMEM)
		return r;
	if (r)
		weir_err_set(&run->trouble, r, "%s: %s", run->recipe[which].name, strerror(-r));
	else
		run->score[which] = weir_take_ptr(score);
	return 0;
}

struct known {
	uint64_t key;
	size_t which;
};

static int by_key(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static struct known *index_of(const struct weir_model *m)
{
	struct known *list = malloc((m->meta.series + 1) * sizeof(*list));

	for (size_t i = 0; list && i < m->meta.series; i++)
		list[i] = (struct known){m->series[i].key, i};
	if (list)
		qsort(list, m->meta.series, sizeof(*list), by_key);
	return list;
}

/* The champion as it stands, with series `which` brought up to the first origin: asked at each, by what it says and is told. */
static int ask_one(struct train_run *run, const struct judged *j, size_t i, size_t which, struct weir_forecast *f, struct weir_gate_score *ret)
{
	const struct weir_series *s = &run->t->data->series[j->index[i]];
	size_t first = origin_of(s, j, 0), at;
	int64_t first_s = s->start_s + (int64_t)(first * s->step_s), end_s = run->champion.series[which].end_s;
	int r = 0;

	/* What it has seen says nothing; and what lies between must be there. */
	if (!s->start_s || !s->step_s || !end_s || end_s > first_s || end_s < s->start_s || (first_s - end_s) % s->step_s)
		return 0;
	at = first - (size_t)(first_s - end_s) / s->step_s;
	for (size_t k = 0; k < j->origins && !r; k++) {
		size_t n = origin_of(s, j, k);

		if (n > at)
			r = weir_model_update(&run->champion, which, &(struct weir_rows){.v = s->v + at, .n = n - at, .width = 1});
		at = n;
		r = r ? r : weir_model_predict(&run->champion, which, f);
		if (!r)
			ret[k] = score_at(run->t, j, i, k, f);
	}
	return r;
}

/* Scores of the champion as it stands, NaN where it cannot be asked. */
static int ask_champion(struct train_run *run, const struct judged *j, struct weir_gate_score **ret)
{
	weir_auto_free struct weir_gate_score *score = malloc(j->count * j->origins * sizeof(*score));
	weir_auto_free struct known *known = index_of(&run->champion);
	weir_auto_forecast f = {0};
	int r = score && known ? weir_forecast_init(&f, j->horizon) : -ENOMEM;

	if (r)
		return r;
	for (size_t i = 0; i < j->count * j->origins; i++)
		score[i] = (struct weir_gate_score){NAN, NAN, NAN};
	for (size_t i = 0; i < j->count; i++) {
		const struct known wanted = {weir_series_key(run->t->data->series[j->index[i]].id), 0};
		const struct known *k = bsearch(&wanted, known, run->champion.meta.series, sizeof(*known), by_key);

		/* A model that cannot go on (no update, a shorter horizon) is not asked, and no failure. */
		if (k && (r = ask_one(run, j, i, k->which, &f, score + i * j->origins)) == -ENOMEM)
			return r;
	}
	*ret = weir_take_ptr(score);
	return 0;
}

/* What the champion as it stands says of the winner; told 0 when it cannot be asked. */
static int own_gate(struct train_run *run, const struct judged *j, size_t winner, struct weir_gate_result *ret)
{
	weir_auto_free struct weir_gate_score *score = NULL;
	int r;

	*ret = (struct weir_gate_result){.ratio = 1};
	if (!run->champion.ops || winner == TRAIN_NONE || !run->score[winner])
		return 0;
	r = ask_champion(run, j, &score);
	return r ? r : train_gate(run, score, "the champion as it stands", winner, 1, ret);
}

static int64_t end_of(const struct weir_model_data *d)
{
	int64_t end_s = 0;

	for (size_t i = 0; i < d->count; i++)
		end_s = WEIR_MAX(end_s, d->series[i].start_s + (int64_t)(d->series[i].n * d->series[i].step_s));
	return end_s;
}

int weir_train_forecast(struct weir_shelf *s, const struct weir_train *t, struct weir_train_result *ret, struct weir_err *err)
{
	weir_cleanup(judged_fini) struct judged j = {0};
	weir_auto_free struct weir_gate_result *own = malloc(sizeof(*own));
	train_auto run = {0};
	struct weir_train_result out = {0};
	struct train_verdict v;
	size_t best, winner;
	int r = own ? judged_init(t, &j, err) : -ENOMEM;

	r = r ? r : train_begin(&run, s, t, err);
	for (size_t i = 0; i < t->candidate_count && !r; i++)
		if (!weir_model_find(t->candidates[i].name)->predict)
			r = weir_err_set(err, -EINVAL, "%s: model '%s' does not forecast", t->use, t->candidates[i].name);
	run.units = j.count;
	run.origins = j.origins;
	run.unit = "series";
	run.slices = t->slices ? &j.slices : NULL;
	for (size_t i = 0; i < run.recipes && !r; i++)
		r = run_recipe(&run, &j, i);
	r = r ? r : train_compare(&run, &best, &out.gate, err);
	if (r)
		return r;
	winner = train_winner(&run, best, &out.gate);
	r = own_gate(&run, &j, winner, own);
	if (r)
		return r;
	train_decide(&run, best, &out.gate, own, end_of(t->data), &v);
	out.series = j.count;
	out.origins = j.origins;
	r = train_offer(&run, &v, NULL, &out.decision, err);
	if (!r)
		*ret = out;
	return r;
}
