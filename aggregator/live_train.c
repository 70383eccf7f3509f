/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/live_train.h"

#include "aggregator/worker.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/model/train.h"

#include <inttypes.h>
#include <math.h>

#define HOUR_S 3600u
#define NICE 15
#define COVERAGE 0.95
#define WITHOUT "mix"
/* Drift is told by the errors of hours; a measure is trained anew for it at most so often. */
#define DRIFT_EVERY_S (24 * HOUR_S)
#define ADWIN_DELTA 0.002
/* Of a series: two weeks to learn from and the days that are held back; a set that is younger waits. */
#define LEAST_HOURS (14 * 24)
/* Few series are judged by more days, as the gate must tell from chance. */
#define ORIGINS_FEW 5
#define KINDS 3
/* Of rows: as many as a forest can be judged by, the last fifth held back, and so many of the calm ones may be told of. */
#define LEAST_ROWS 1000
#define HELD_PART 5
#define ALARM_RATE 0.0002
/* What is trained: the measures, then this. */
#define FOREST LIVE_MEASURES
#define USES (LIVE_MEASURES + 1)

struct training {
	struct live_train *t;
	unsigned int use_at;
	char use[WEIR_USE_MAX], reason[16];
	struct weir_rows rows; /* ours; of the forest */
	struct weir_series *series;
	char (*label)[KINDS][64]; /* of each series: team, path, size */
	const char **labels;	  /* the same, as the gate takes them */
	size_t count, hours;	  /* hours: of the shortest */
	int64_t now_s;
	struct weir_train_result result;
	struct weir_err err;
};

struct use {
	uint64_t trained_s; /* when it was begun last; 0: not since the start */
	struct weir_adwin error;
	bool busy;
	char hash[WEIR_MODEL_HASH_TEXT]; /* of the champion that was told last */
	bool told;
};

struct live_train {
	struct worker *worker;
	struct weir_shelf *shelf;
	uint64_t every_s;
	struct live_holidays holidays;
	struct use of[USES];
	size_t running;
};

int live_train_new(struct weir_loop *loop, struct weir_shelf *shelf, uint64_t every_s, const struct live_holidays *h, struct live_train **ret)
{
	struct live_train *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->shelf = shelf;
	t->every_s = every_s;
	t->holidays = *h;
	for (int u = 0; u < USES; u++)
		weir_adwin_init(&t->of[u].error, ADWIN_DELTA);
	r = worker_new(loop, "weir-train", NICE, &t->worker);
	if (r) {
		free(t);
		return r;
	}
	*ret = t;
	return 0;
}

bool live_train_free(struct live_train *t)
{
	if (!t)
		return false;
	worker_free(t->worker);
	if (t->running)
		return true;
	free(t);
	return false;
}

static void training_free(struct training *g)
{
	for (size_t i = 0; i < g->count; i++)
		weir_series_fini(&g->series[i]);
	free(g->series);
	free(g->label);
	free(g->labels);
	free((void *)g->rows.v);
	free((void *)g->rows.time_s);
	free(g);
}

static int train_rows(struct training *g)
{
	static const struct weir_recipe candidates[] = {{"iforest", false}, {"iforest", true}};
	const struct weir_model_data data = {.rows = g->rows};
	const struct weir_train task = {.use = g->use, .candidates = candidates, .candidate_count = WEIR_ARRAY_SIZE(candidates), .data = &data,
					.opts = {.horizon = 1, .coverage = COVERAGE, .seed = 1}, .holdback = g->rows.n / HELD_PART,
					.now_s = g->now_s, .reason = g->reason, .alarm_rate = ALARM_RATE};

	return weir_train_rows(g->t->shelf, &task, &g->result, &g->err);
}

static int train(void *arg)
{
	static const struct weir_recipe candidates[] = {{"mix", false}, {"linear", false}, {"mstl", false}, {"lstm", false}, {"snaive", false}};
	struct training *g = arg;
	const struct weir_gate_slices slices = {.kinds = KINDS, .kind = {"team", "path", "size"}, .label = g->labels};
	struct weir_model_data data = {.series = g->series, .count = g->count};
	struct weir_train task = {.use = g->use, .candidates = candidates, .candidate_count = WEIR_ARRAY_SIZE(candidates), .data = &data,
				  .slices = &slices, .opts = {.horizon = LIVE_AHEAD, .coverage = COVERAGE, .seed = 1},
				  .holdback = LIVE_AHEAD * (g->count < WEIR_GATE_UNITS ? ORIGINS_FEW : 1), .now_s = g->now_s,
				  .reason = g->reason};

	if (g->use_at == FOREST)
		return train_rows(g);
	/* What would be left of the shortest must see the season twice. */
	live_calendar(g->hours - task.holdback, &g->t->holidays, &data.calendar);
	return weir_train_forecast(g->t->shelf, &task, &g->result, &g->err);
}

static void trained(void *arg, int r)
{
	struct training *g = arg;
	struct live_train *t = g->t;

	if (r == -ECANCELED) {
		training_free(g);
		t->running--;
		return;
	}
	t->of[g->use_at].busy = false;
	t->running--;
	if (r)
		weir_log_err(r, "models: %s was not trained: %s", g->use, g->err.text);
	else
		weir_log(WEIR_LOG_INFO, "models: %s: %s, champion %.12s: %s", g->use, weir_shelf_verdict_name(g->result.decision.verdict),
			 g->result.decision.champion, g->result.decision.why);
	training_free(g);
}

struct ranked {
	const struct live_series *s;
	double sum;
};

static int by_sum(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return (x->sum < y->sum) - (x->sum > y->sum);
}

/* The largest of a measure that are old enough. */
static size_t pick(struct live_set *set, enum live_measure m, uint64_t end_s, struct ranked *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < live_set_count(set); i++) {
		const struct live_series *s = live_set_at(set, i);
		struct ranked *k = &ret[n];

		if (s->measure != m || s->seen_s + LIVE_QUIET_S <= end_s || s->first_s + (uint64_t)LEAST_HOURS * HOUR_S > end_s)
			continue;
		*k = (struct ranked){.s = s};
		for (size_t h = 0; h < s->hour_count; h++)
			k->sum += isfinite(s->hours[h]) ? (double)s->hours[h] : 0;
		n++;
	}
	qsort(ret, n, sizeof(*ret), by_sum);
	return WEIR_MIN(n, (size_t)LIVE_TRAIN_SERIES);
}

static void label(struct training *g, size_t i, size_t n, const struct live_series *s)
{
	static const char *const sizes[] = {"large", "medium", "small"};

	weir_meta_text(g->label[i][0], sizeof(g->label[i][0]), s->owner->team);
	weir_meta_text(g->label[i][1], sizeof(g->label[i][1]), live_way_name(s->way));
	weir_meta_text(g->label[i][2], sizeof(g->label[i][2]), sizes[3 * i / n]);
	for (size_t k = 0; k < KINDS; k++)
		g->labels[i * KINDS + k] = g->label[i][k];
}

static int gather(struct training *g, const struct ranked *of, size_t n, uint64_t end_s)
{
	int r = 0;

	g->series = calloc(n, sizeof(*g->series));
	g->label = calloc(n, sizeof(*g->label));
	g->labels = calloc(n * KINDS, sizeof(*g->labels));
	if (!g->series || !g->label || !g->labels)
		return -ENOMEM;
	g->hours = SIZE_MAX;
	for (; !r && g->count < n; g->count += !r) {
		const struct live_series *s = of[g->count].s;

		r = live_series_of(s, end_s, &g->series[g->count]);
		label(g, g->count, n, s);
		g->hours = WEIR_MIN(g->hours, g->series[g->count].n);
	}
	return r;
}

static void use_name(unsigned int u, char ret[WEIR_USE_MAX])
{
	if (u == FOREST)
		snprintf(ret, WEIR_USE_MAX, "flows-forest");
	else
		snprintf(ret, WEIR_USE_MAX, "forecast-%s", live_measure_name((enum live_measure)u));
}

/* Takes g. */
static int post(struct live_train *t, struct training *g, unsigned int u, uint64_t end_s, const char *reason)
{
	int r;

	g->t = t;
	g->use_at = u;
	g->now_s = (int64_t)end_s;
	use_name(u, g->use);
	snprintf(g->reason, sizeof(g->reason), "%s", reason);
	r = worker_post(t->worker, train, trained, g);
	if (r) {
		training_free(g);
		return r;
	}
	t->of[u].busy = true;
	t->of[u].trained_s = end_s;
	t->running++;
	return 0;
}

static int begin(struct live_train *t, struct live_set *set, enum live_measure m, uint64_t end_s, const char *reason)
{
	weir_auto_free struct ranked *of = calloc(live_set_count(set) + 1, sizeof(*of));
	size_t n = of ? pick(set, m, end_s, of) : 0;
	struct training *g = n ? calloc(1, sizeof(*g)) : NULL;
	int r = of && (!n || g) ? 0 : -ENOMEM;

	if (r || !n)
		return r;
	r = gather(g, of, n, end_s);
	if (!r)
		return post(t, g, m, end_s, reason);
	training_free(g);
	return r;
}

static int begin_rows(struct live_train *t, const struct live_forest *forest, uint64_t end_s, const char *reason)
{
	struct training *g = calloc(1, sizeof(*g));
	int r = g ? live_forest_rows(forest, &g->rows) : -ENOMEM;

	if (!r && g->rows.n >= LEAST_ROWS)
		return post(t, g, FOREST, end_s, reason);
	if (g)
		training_free(g);
	return r == -ENODATA ? 0 : r;
}

/* NULL: none is due. */
static const char *due(struct live_train *t, unsigned int u, uint64_t end_s, bool drift)
{
	struct use *of = &t->of[u];
	char use[WEIR_USE_MAX], hash[WEIR_MODEL_HASH_TEXT];

	use_name(u, use);
	weir_shelf_champion_hash(t->shelf, use, hash);
	if (of->busy)
		return NULL;
	if (!*hash)
		return of->trained_s + DRIFT_EVERY_S <= end_s ? "first" : NULL;
	/* After a start the age of the champion is what counts; the history has it, a restart a day is no reason. */
	if (!of->trained_s) {
		weir_auto_free struct weir_shelf_decision *d = NULL;
		size_t n = 0;

		if (!weir_shelf_history(t->shelf, use, &d, &n) && n)
			of->trained_s = (uint64_t)WEIR_MAX(d[n - 1].time_s, 0);
	}
	if (drift && of->trained_s + DRIFT_EVERY_S <= end_s)
		return "drift";
	return t->every_s && of->trained_s + t->every_s <= end_s ? "schedule" : NULL;
}

void live_train_hour(struct live_train *t, struct live_set *set, const struct live_forest *forest, uint64_t end_s,
		     const struct live_missed missed[LIVE_MEASURES])
{
	for (unsigned int u = 0; u < USES; u++) {
		bool drift = u != FOREST && missed[u].of > 0 && weir_adwin_step(&t->of[u].error, missed[u].miss / missed[u].of);
		const char *reason = due(t, u, end_s, drift);
		char use[WEIR_USE_MAX];
		int r = 0;

		if (reason)
			r = u == FOREST ? begin_rows(t, forest, end_s, reason) : begin(t, set, (enum live_measure)u, end_s, reason);
		use_name(u, use);
		if (r)
			weir_log_err(r, "models: %s cannot be trained", use);
	}
}

/* True: another one than last time, {0} when there is none or it cannot be read. */
static bool champion_of(struct live_train *t, unsigned int u, struct weir_model *ret)
{
	char use[WEIR_USE_MAX], hash[WEIR_MODEL_HASH_TEXT];
	struct use *of = &t->of[u];
	struct weir_err err;

	use_name(u, use);
	weir_shelf_champion_hash(t->shelf, use, hash);
	if (of->told && !strcmp(hash, of->hash))
		return false;
	of->told = true;
	memcpy(of->hash, hash, sizeof(hash));
	*ret = (struct weir_model){0};
	return weir_shelf_champion(t->shelf, use, ret, &err) != -ENOMEM;
}

bool live_train_champion(struct live_train *t, enum live_measure m, char ret[32])
{
	weir_auto_model champion = {0};

	if (!champion_of(t, m, &champion))
		return false;
	snprintf(ret, 32, "%s", champion.ops ? champion.meta.name : WITHOUT);
	return true;
}

bool live_train_champion_forest(struct live_train *t, struct weir_model *ret)
{
	return champion_of(t, FOREST, ret);
}
