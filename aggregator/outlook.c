/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/outlook.h"

#include "aggregator/budget_masks.h"
#include "lib/base/log.h"
#include "lib/model/total.h"

#include <math.h>

#define HOUR_S 3600u
#define HOURS (13 * 168) /* of history */
#define AGAIN_S (48 * HOUR_S) /* that are read again: what comes later than that is in the sum of the period, not in its hours */
#define SETTLE_S 120u	    /* behind an hour: its last windows have come */
#define RETRY_S 300u
#define NANOS 1e9

/* One budget's own copy, and its hours: the last one is the present hour, as far as it went. */
struct followed {
	struct weir_budget *budget;
	uint64_t measure, to_s;
	int64_t spent_nanos;
	double hours[HOURS + 1];
	struct weir_budget_forecast result;
};

/* All that a job touches, lent to the worker while it runs. */
struct job {
	struct outlook *owner; /* for done() */
	char *path;
	const struct worker *worker;
	struct followed *of[WEIR_BUDGETS_MAX];
	size_t count;
	struct masks masks;
	struct store *store; /* while it runs */
	uint64_t now_s;
	uint64_t read_s; /* the hour whose reading was the last one; 0: all is to be read */
};

struct outlook {
	struct worker *worker;
	struct job *job;
	bool busy; /* the job is the worker's */
	uint64_t print, hour, next_s; /* of the last job: budgets and amounts; its hour; not before then */
	struct {
		char name[WEIR_BUDGET_NAME];
		uint64_t measure;
		struct weir_budget_forecast forecast;
	} known[WEIR_BUDGETS_MAX];
	size_t count;
};

static const struct weir_budget *budget_of(const void *owner, size_t i)
{
	const struct job *j = owner;

	return j->of[i]->budget;
}

static void unfollow(struct job *j)
{
	for (size_t i = 0; i < j->count; i++) {
		weir_budget_free(j->of[i]->budget);
		free(j->of[i]);
	}
	j->count = j->masks.count = 0;
	j->read_s = 0;
}

static void job_free(struct job *j)
{
	if (!j)
		return;
	unfollow(j);
	masks_fini(&j->masks);
	free(j->path);
	free(j);
}

int outlook_new(struct worker *w, const char *path, struct outlook **ret)
{
	struct outlook *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->worker = w;
	o->job = calloc(1, sizeof(*o->job));
	if (!o->job || masks_init(&o->job->masks) || !(o->job->path = strdup(path))) {
		outlook_free(o);
		return -ENOMEM;
	}
	o->job->owner = o;
	o->job->worker = w;
	o->job->masks.budget = budget_of;
	o->job->masks.owner = o->job;
	*ret = o;
	return 0;
}

void outlook_free(struct outlook *o)
{
	if (!o)
		return;
	/* A job that did not end with the worker keeps what it has. */
	if (!o->busy)
		job_free(o->job);
	free(o);
}

void outlook_apply(const struct outlook *o, struct budgets *b)
{
	for (size_t i = 0; i < budgets_count(b); i++) {
		struct budget_kept *k = budgets_at(b, i);

		/* Both are by name; a set with others in between is soon foretold. */
		if (i < o->count && !strcmp(o->known[i].name, k->name) && o->known[i].measure == k->measure)
			weir_budget_foresee(k->budget, &o->known[i].forecast, &k->view);
	}
}

/* --- on the worker --- */

static int add_hour(const struct store_charged *c, void *arg)
{
	struct job *j = arg;
	uint64_t first_s = j->now_s - j->now_s % HOUR_S - (uint64_t)HOURS * HOUR_S;
	int r;
	const struct mask *m = mask_of(&j->masks, j->store, c->workload, NULL, &r);
	size_t at = (size_t)((c->hour_s - first_s) / HOUR_S);

	for (size_t i = 0; m && at <= HOURS && i < j->count; i++)
		if (mask_covers(&j->masks, m, i, c->path, c->meter))
			j->of[i]->hours[at] += (double)c->nanos / NANOS;
	return r ? r : j->worker && worker_ending(j->worker) ? -ECANCELED : 0;
}

/* Moves what is known, forgets what is read again. */
static int read_hours(struct job *j)
{
	uint64_t hour_s = j->now_s - j->now_s % HOUR_S, from_s = hour_s - (uint64_t)HOURS * HOUR_S;
	bool fresh = !j->read_s || j->read_s > hour_s || hour_s - j->read_s > (uint64_t)HOURS * HOUR_S;
	size_t moved = fresh ? HOURS + 1 : (size_t)((hour_s - j->read_s) / HOUR_S);
	size_t keep = fresh || moved + AGAIN_S / HOUR_S > HOURS ? 0 : HOURS - moved - AGAIN_S / HOUR_S;
	int r;

	j->read_s = 0; /* until all is read */
	for (size_t i = 0; i < j->count; i++) {
		double *h = j->of[i]->hours;

		memmove(h, h + (keep ? moved : 0), keep * sizeof(*h));
		memset(h + keep, 0, (HOURS + 1 - keep) * sizeof(*h));
	}
	r = query_charged_hours(j->store, from_s + keep * HOUR_S, hour_s + HOUR_S, add_hour, j);
	j->read_s = r ? 0 : hour_s;
	return r;
}

static int64_t nanos_of(double v)
{
	return v >= 9e9 ? INT64_MAX : v <= -9e9 ? INT64_MIN : (int64_t)llround(v * NANOS);
}

/* The beginning of the hour in which it happens. */
static uint64_t time_of(uint64_t hour_s, size_t hours)
{
	return hours == WEIR_TOTAL_NEVER ? 0 : hour_s + (hours ? hours - 1 : 0) * HOUR_S;
}

static int foretell(struct followed *f, uint64_t now_s)
{
	uint64_t hour_s = now_s - now_s % HOUR_S;
	const struct weir_total_ask ask = {
		.v = f->hours,
		.n = HOURS,
		.now_s = (int64_t)hour_s,
		.left = (size_t)((f->to_s - hour_s) / HOUR_S),
		.spent = (double)f->spent_nanos / NANOS - f->hours[HOURS],
		.amount = (double)f->budget->nanos / NANOS,
	};
	struct weir_total t;
	int r = weir_total(&ask, &t);

	if (r)
		return r;
	f->result.at_s = t.basis == WEIR_TOTAL_NONE ? 0 : now_s;
	f->result.nanos = nanos_of(t.mean);
	f->result.lower_nanos = nanos_of(t.lower[WEIR_TOTAL_80]);
	f->result.upper_nanos = nanos_of(t.upper[WEIR_TOTAL_80]);
	f->result.lower95_nanos = nanos_of(t.lower[WEIR_TOTAL_95]);
	f->result.upper95_nanos = nanos_of(t.upper[WEIR_TOTAL_95]);
	f->result.passes_s = time_of(hour_s, t.crosses);
	f->result.early_s = time_of(hour_s, t.early);
	f->result.late_s = time_of(hour_s, t.late);
	f->result.days = (uint32_t)t.days;
	f->result.rough = t.basis == WEIR_TOTAL_MEAN;
	return 0;
}

static int run_by(struct job *j, struct store *s)
{
	int r;

	j->store = s;
	r = read_hours(j);
	for (size_t i = 0; !r && i < j->count; i++)
		r = j->worker && worker_ending(j->worker) ? -ECANCELED : foretell(j->of[i], j->now_s);
	return r;
}

static void store_closep(struct store **s)
{
	store_close(*s);
}

static int run(void *arg)
{
	struct job *j = arg;
	weir_cleanup(store_closep) struct store *s = NULL;
	struct weir_err err = {{0}};
	int r = store_reader(j->path, &s, &err);

	if (r)
		return weir_log_err(r, "forecasts of budgets: %s", err.text);
	r = run_by(j, s);
	if (r && r != -ECANCELED)
		weir_log_err(r, "forecasts of budgets: %s", store_error(s));
	return r;
}

/* --- on the loop's thread --- */

static void done(void *arg, int r)
{
	struct job *j = arg;
	struct outlook *o = j->owner;

	o->busy = false;
	if (r) {
		o->print = 0;
		o->next_s = j->now_s + RETRY_S;
		return;
	}
	o->count = j->count;
	for (size_t i = 0; i < j->count; i++) {
		strcpy(o->known[i].name, j->of[i]->budget->name);
		o->known[i].measure = j->of[i]->measure;
		o->known[i].forecast = j->of[i]->result;
	}
}

static int follow_all(struct job *j, struct budgets *b)
{
	int r = masks_forget(&j->masks);

	unfollow(j);
	for (size_t i = 0; !r && i < budgets_count(b); i++) {
		struct followed *f = calloc(1, sizeof(*f));

		if (!f || weir_budget_copy(budgets_at(b, i)->budget, &f->budget)) {
			free(f);
			unfollow(j);
			return -ENOMEM;
		}
		f->measure = budgets_at(b, i)->measure;
		j->of[j->count++] = f;
	}
	j->masks.count = j->count;
	return r;
}

/* What the job is to be asked: hours are kept where budgets are measured as before. */
static int prepare(struct outlook *o, struct budgets *b, uint64_t now_s)
{
	struct job *j = o->job;
	bool alike = j->count == budgets_count(b);
	int r;

	for (size_t i = 0; alike && i < j->count; i++)
		alike = !strcmp(j->of[i]->budget->name, budgets_at(b, i)->name) && j->of[i]->measure == budgets_at(b, i)->measure;
	r = alike ? 0 : follow_all(j, b);
	for (size_t i = 0; !r && i < j->count; i++) {
		const struct budget_kept *k = budgets_at(b, i);
		struct followed *f = j->of[i];

		f->budget->nanos = k->budget->nanos;
		f->spent_nanos = k->spent_nanos;
		f->to_s = k->view.to_s;
		f->result = (struct weir_budget_forecast){.from_s = k->view.from_s, .amount_nanos = k->budget->nanos};
	}
	j->now_s = now_s;
	return r;
}

/* FNV-1a of what is asked; not 0. */
static uint64_t print_of(struct budgets *b)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < budgets_count(b); i++) {
		const struct budget_kept *k = budgets_at(b, i);
		const uint64_t words[] = {k->measure, (uint64_t)k->budget->nanos, k->view.from_s};

		for (const char *p = k->name; *p; p++)
			h = (h ^ (uint8_t)*p) * 1099511628211u;
		for (size_t w = 0; w < WEIR_ARRAY_SIZE(words); w++)
			h = (h ^ words[w]) * 1099511628211u;
	}
	return h ? h : 1;
}

void outlook_run(struct outlook *o, struct budgets *b, uint64_t now_s)
{
	uint64_t print = print_of(b), hour = (now_s - SETTLE_S) / HOUR_S;
	int r;

	if (o->busy || now_s <= (uint64_t)HOURS * HOUR_S || (print == o->print && hour == o->hour) ||
	    (now_s < o->next_s && o->next_s - now_s <= RETRY_S))
		return;
	r = prepare(o, b, now_s);
	if (!r && budgets_count(b))
		r = worker_post(o->worker, run, done, o->job);
	o->busy = !r && budgets_count(b);
	o->count = budgets_count(b) ? o->count : 0;
	if (r) {
		o->next_s = now_s + RETRY_S;
		weir_log_err(r, "forecasts of budgets have to wait");
		return;
	}
	o->print = print;
	o->hour = hour;
}

int outlook_now(struct outlook *o, struct budgets *b, struct store *s, uint64_t now_s)
{
	int r = o->busy ? -EBUSY : prepare(o, b, now_s);

	if (!r)
		r = run_by(o->job, s);
	if (!r) {
		done(o->job, 0);
		outlook_apply(o, b);
	}
	return r;
}
