/* SPDX-License-Identifier: Apache-2.0 */
/* What is the same whatever is trained: recipes, the best of them, the verdict, the offer. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>

#include "lib/model/train_impl.h"

void train_fini(struct train_run *run)
{
	for (size_t i = 0; i < TRAIN_RECIPES_MAX; i++)
		free(run->score[i]);
	weir_model_fini(&run->champion);
}

static bool same_recipe(const struct weir_recipe *a, const char *name, bool extended)
{
	return !strcmp(a->name, name) && a->extended == extended;
}

/* The champion's recipe is asked too, whether it is a candidate or not. */
static void take_champion(struct train_run *run)
{
	const struct weir_model *c = &run->champion;
	bool extended = weir_meta_get(&c->meta.params, "extended") == 1;

	run->champion_recipe = TRAIN_NONE;
	if (!c->ops)
		return;
	for (size_t i = 0; i < run->recipes; i++)
		if (same_recipe(&run->recipe[i], c->ops->name, extended))
			run->champion_recipe = i;
	if (run->champion_recipe == TRAIN_NONE) {
		run->champion_recipe = run->recipes;
		run->recipe[run->recipes++] = (struct weir_recipe){c->ops->name, extended};
	}
}

int train_begin(struct train_run *run, struct weir_shelf *s, const struct weir_train *t, struct weir_err *err)
{
	if (!t->candidate_count || t->candidate_count > WEIR_TRAIN_CANDIDATES_MAX)
		return weir_err_set(err, -EINVAL, "%s: 1 to %d candidates are needed", t->use, WEIR_TRAIN_CANDIDATES_MAX);
	run->t = t;
	run->shelf = s;
	for (size_t i = 0; i < t->candidate_count; i++) {
		if (!weir_model_find(t->candidates[i].name))
			return weir_err_set(err, -EINVAL, "%s: there is no model '%s'", t->use, t->candidates[i].name);
		for (size_t k = 0; k < i; k++)
			if (same_recipe(&t->candidates[k], t->candidates[i].name, t->candidates[i].extended))
				return weir_err_set(err, -EINVAL, "%s: candidate '%s' is named twice", t->use, t->candidates[i].name);
		run->recipe[run->recipes++] = t->candidates[i];
	}
	weir_shelf_champion_hash(s, t->use, run->against);
	/* One that cannot be read is none, but its place is not taken by just anybody: it is still what the offer stands against. */
	if (*run->against && weir_shelf_load(s, t->use, run->against, &run->champion, &run->trouble))
		run->champion = (struct weir_model){0};
	take_champion(run);
	return 0;
}

/* What people call a recipe. */
static const char *called(const struct weir_recipe *r, char buf[64])
{
	snprintf(buf, 64, "%s%s", r->extended ? "extended " : "", r->name);
	return buf;
}

int train_gate(const struct train_run *run, const struct weir_gate_score *other, const char *other_name, size_t which, size_t challengers,
	       struct weir_gate_result *ret)
{
	char name[64];
	const struct weir_gate_input in = {.units = run->units, .origins = run->origins, .champion = other, .challenger = run->score[which],
					   .slices = run->slices, .unit = run->unit, .champion_name = other_name,
					   .challenger_name = called(&run->recipe[which], name), .coverage = run->t->opts.coverage,
					   .challengers = challengers, .noise = run->noise};

	return weir_gate(&in, ret);
}

/* Is there a champion whose recipe could be fitted? */
static bool has_champion(const struct train_run *run)
{
	return run->champion_recipe != TRAIN_NONE && run->score[run->champion_recipe];
}

/* By the geometric mean of errors, over all that can be told of it. */
static double mean_error(const struct train_run *run, size_t which)
{
	double sum = 0;
	size_t n = 0;

	for (size_t k = 0; k < run->units * run->origins; k++)
		if (!isnan(run->score[which][k].error)) {
			sum += log(run->score[which][k].error);
			n++;
		}
	return n ? sum / (double)n : INFINITY;
}

int train_compare(const struct train_run *run, size_t *ret_best, struct weir_gate_result *ret, struct weir_err *err)
{
	size_t best = TRAIN_NONE, fitted = 0, base = run->champion_recipe;
	char name[64];

	for (size_t i = 0; i < run->recipes; i++) {
		if (!run->score[i] || i == run->champion_recipe)
			continue;
		fitted++;
		if (best == TRAIN_NONE || mean_error(run, i) < mean_error(run, best))
			best = i;
	}
	*ret_best = best;
	/* Without another one it is compared with itself: then the result has its own scores, and is not better. */
	base = has_champion(run) ? base : best;
	best = best == TRAIN_NONE ? base : best;
	if (best == TRAIN_NONE)
		return weir_err_set(err, -EINVAL, "%s: no candidate can be fitted: %s", run->t->use, run->trouble.text);
	return train_gate(run, run->score[base], called(&run->recipe[base], name), best, fitted, ret);
}

size_t train_winner(const struct train_run *run, size_t best, const struct weir_gate_result *gate)
{
	return has_champion(run) && (best == TRAIN_NONE || !gate->better) ? run->champion_recipe : best;
}

static void WEIR_PRINTF(2, 3) say(struct train_verdict *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->why, sizeof(v->why), fmt, ap);
	va_end(ap);
}

/* The champion's recipe stays: is its refit to take its place? */
static void decide_refresh(const struct train_run *run, const struct weir_gate_result *gate, const struct weir_gate_result *own, int64_t to_s,
			   bool alone, struct train_verdict *v)
{
	char name[64];

	v->winner = run->champion_recipe;
	v->before = own->told ? own->champion.error : NAN;
	v->after = own->told ? own->challenger.error : gate->champion.error;
	if (to_s <= run->champion.meta.to_s) {
		v->verdict = WEIR_SHELF_KEPT;
		say(v, "%s%sthere are no data newer than the champion's", alone ? "" : gate->why, alone ? "" : "; ");
	} else if (own->worse) {
		v->verdict = WEIR_SHELF_KEPT;
		say(v, "a refit of %s does worse than the champion as it stands: error %.3f to %.3f on %zu %s that it has not seen",
		    called(&run->recipe[v->winner], name), v->after, v->before, own->told, run->unit);
	} else {
		v->verdict = WEIR_SHELF_REFRESHED;
		if (alone)
			say(v, "%s, the only candidate, is fitted to newer data; error %.3f on what was held back", called(&run->recipe[v->winner], name),
			    v->after);
		else
			say(v, "%s; the champion's recipe is fitted to newer data", gate->why);
	}
}

void train_decide(const struct train_run *run, size_t best, const struct weir_gate_result *gate, const struct weir_gate_result *own, int64_t to_s,
		  struct train_verdict *ret)
{
	struct train_verdict v = {.winner = best, .before = NAN, .after = gate->challenger.error};
	bool champion = has_champion(run);
	char name[64];

	if (!*run->against) {
		v.verdict = WEIR_SHELF_FIRST;
		say(&v, "%s is the first: error %.3f on %zu %s held back, candidates: %zu", called(&run->recipe[best], name), v.after, gate->told, run->unit,
		    run->t->candidate_count);
	} else if (champion && (best == TRAIN_NONE || !gate->better)) {
		decide_refresh(run, gate, own, to_s, best == TRAIN_NONE, &v);
	} else if (own->worse) {
		v.verdict = WEIR_SHELF_KEPT;
		v.before = own->champion.error;
		v.after = own->challenger.error;
		say(&v, "%s does worse than the champion as it stands: error %.3f to %.3f on %zu %s that it has not seen", called(&run->recipe[best], name), v.after,
		    v.before, own->told, run->unit);
	} else {
		v.verdict = WEIR_SHELF_REPLACED;
		v.before = champion ? gate->champion.error : NAN;
		if (champion)
			say(&v, "%s", gate->why);
		else
			say(&v, "%s, error %.3f: the champion's recipe cannot be fitted to these data any more%s%s", called(&run->recipe[best], name), v.after,
			    *run->trouble.text ? ": " : "", run->trouble.text);
	}
	*ret = v;
}

/* What the winner scored by itself, by slice: into its meta. */
static int put_scores(const struct train_run *run, const struct train_verdict *v, struct weir_model *m)
{
	weir_auto_free struct weir_gate_result *own = malloc(sizeof(*own));
	int r = own ? train_gate(run, run->score[v->winner], "itself", v->winner, 1, own) : -ENOMEM;

	if (r)
		return r;
	m->meta.slices = own->slices;
	for (uint32_t i = 0; i < m->meta.slices.count; i++)
		m->meta.slices.item[i].before = NAN;
	weir_meta_add(&m->meta.scores, "error", own->challenger.error);
	weir_meta_add(&m->meta.scores, "msis", own->challenger.msis);
	weir_meta_add(&m->meta.scores, "holdout_covered", own->challenger.covered);
	weir_meta_add(&m->meta.scores, "error_of_champion", v->before);
	weir_meta_add(&m->meta.scores, "judged_by", (double)own->told);
	weir_meta_add(&m->meta.scores, "origins", (double)run->origins);
	return 0;
}

/* Beside a slice's error, what the champion's recipe has there. */
static int put_before(const struct train_run *run, const struct train_verdict *v, struct weir_model *m)
{
	weir_auto_free struct weir_gate_result *both = NULL;
	int r;

	if (!has_champion(run) || v->winner == run->champion_recipe)
		return 0;
	both = malloc(sizeof(*both));
	if (!both)
		return -ENOMEM;
	r = train_gate(run, run->score[run->champion_recipe], "", v->winner, 1, both);
	for (uint32_t i = 0; i < both->slices.count && !r; i++)
		for (uint32_t k = 0; k < m->meta.slices.count; k++)
			if (!strcmp(m->meta.slices.item[k].kind, both->slices.item[i].kind) &&
			    !strcmp(m->meta.slices.item[k].label, both->slices.item[i].label))
				m->meta.slices.item[k].before = both->slices.item[i].before;
	return r;
}

int train_offer(const struct train_run *run, const struct train_verdict *v, int (*finish)(const struct train_run *run, struct weir_model *m),
		struct weir_shelf_decision *ret, struct weir_err *err)
{
	struct weir_model_opts opts = run->t->opts;
	weir_auto_model m = {0};
	const struct weir_offer offer = {.verdict = v->verdict, .against = run->against, .before = v->before, .after = v->after,
					 .reason = run->t->reason, .why = v->why};
	int r;

	opts.extended = run->recipe[v->winner].extended;
	r = weir_model_fit(run->recipe[v->winner].name, run->t->data, &opts, &m, err);
	/* Of data without a time it is known that they are not of the future. */
	if (!r && !m.meta.to_s)
		m.meta.to_s = run->t->now_s;
	r = r ? r : put_scores(run, v, &m);
	r = r ? r : put_before(run, v, &m);
	if (!r && finish)
		r = finish(run, &m);
	return r ? r : weir_shelf_offer(run->shelf, run->t->use, &m, &offer, run->t->now_s, ret, err);
}
