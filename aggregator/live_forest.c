/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/live_forest.h"

#include "lib/ds/grow.h"
#include "lib/ds/map.h"
#include "lib/model/flow_features.h"
#include "lib/model/forest.h"
#include "lib/model/random.h"

#include <math.h>

#define GRACE_S 6
#define REPLAY_S 86400u
#define WINDOWS 4 /* of one run */
/* What is newer is in rows of ten seconds; what is older in minutes, which are kept longer. */
#define FINE_S 3600u
/* Two hours of a workload say what is usual for it, and what is older than some days fades. */
#define USUAL_LEAST 12
#define USUAL_FADES 0.998
/* In deviations; what is further off is as strange, and a workload that never varied has this deviation: 10 %, 5 points, 0.2 bits. */
#define FAR 20.0
#define NOISE 0.5
/* Workloads whose past is known; beyond, all begin anew. */
#define USUAL_MAX 50000

static const double least[WEIR_FLOW_FEATURES] = {
	[WEIR_FLOW_BYTES_OUT] = 0.1,	     [WEIR_FLOW_BYTES_IN] = 0.1,      [WEIR_FLOW_PACKETS] = 0.1,	[WEIR_FLOW_PACKET_SIZE] = 0.1,
	[WEIR_FLOW_OUT_IN] = 0.1,	     [WEIR_FLOW_PEERS] = 0.1,	      [WEIR_FLOW_PORTS] = 0.1,		[WEIR_FLOW_PEER_ENTROPY] = 0.2,
	[WEIR_FLOW_PORT_ENTROPY] = 0.2,	     [WEIR_FLOW_INTERNET_SHARE] = 0.05, [WEIR_FLOW_OPENED_SHARE] = 0.05, [WEIR_FLOW_DROPPED_SHARE] = 0.05,
	[WEIR_FLOW_HOUR_SIN] = 1,	     [WEIR_FLOW_HOUR_COS] = 1,
};

/* Of a workload: weighted mean and squares about it (West 1979). */
struct usual {
	double weight, mean[WEIR_FLOW_FEATURES], square[WEIR_FLOW_FEATURES];
	uint32_t windows;
};

struct live_forest {
	double (*row)[WEIR_FLOW_FEATURES]; /* a ring of LIVE_FOREST_ROWS */
	int64_t *time_s;
	size_t count, at; /* at: the next one */
	struct weir_map *usual; /* id of a workload -> struct usual */
	uint64_t next_s, silent_s;
	struct weir_model model;
	double threshold;
	struct weir_random random;
	/* Of the window that is read: a row of each workload whose past is known. */
	double (*seen)[WEIR_FLOW_FEATURES];
	const struct weir_pattern_who **who;
	size_t seen_count, seen_cap, who_cap;
};

void live_forest_free(struct live_forest *f)
{
	if (!f)
		return;
	weir_model_fini(&f->model);
	weir_map_free(f->usual, free);
	free(f->row);
	free(f->time_s);
	free(f->seen);
	free(f->who);
	free(f);
}

int live_forest_new(struct live_forest **ret)
{
	struct live_forest *f = calloc(1, sizeof(*f));

	if (!f || weir_map_new(&f->usual) || !(f->row = calloc(LIVE_FOREST_ROWS, sizeof(*f->row))) ||
	    !(f->time_s = calloc(LIVE_FOREST_ROWS, sizeof(*f->time_s)))) {
		live_forest_free(f);
		return -ENOMEM;
	}
	f->random = weir_random_of(1);
	*ret = f;
	return 0;
}

void live_forest_model(struct live_forest *f, struct weir_model *m)
{
	weir_model_fini(&f->model);
	f->model = *m;
	*m = (struct weir_model){0};
	f->threshold = f->model.ops ? weir_meta_get(&f->model.meta.params, "threshold") : NAN;
}

static int usual_of(struct live_forest *f, int64_t id, struct usual **ret)
{
	struct usual *u = weir_map_find(f->usual, &id, sizeof(id));
	int r = 0;

	if (!u && weir_map_count(f->usual) >= USUAL_MAX) {
		weir_map_free(weir_take_ptr(f->usual), free);
		r = weir_map_new(&f->usual);
	}
	if (!u && !r) {
		u = calloc(1, sizeof(*u));
		r = u ? weir_map_put(f->usual, &id, sizeof(id), u, NULL) : -ENOMEM;
		if (r)
			free(u);
	}
	if (!r)
		*ret = u;
	return r;
}

/* In deviations from what is usual. */
static void beside(const struct usual *u, const double x[WEIR_FLOW_FEATURES], double ret[WEIR_FLOW_FEATURES])
{
	for (size_t k = 0; k < WEIR_FLOW_FEATURES; k++) {
		double off = (x[k] - u->mean[k]) / fmax(sqrt(u->square[k] / u->weight), least[k]);

		ret[k] = fmin(fmax(off, -FAR), FAR);
	}
}

static void remember(struct usual *u, const double x[WEIR_FLOW_FEATURES])
{
	double before = u->weight * USUAL_FADES;

	u->weight = before + 1;
	u->windows++;
	for (size_t k = 0; k < WEIR_FLOW_FEATURES; k++) {
		double off = x[k] - u->mean[k];

		u->mean[k] += off / u->weight;
		u->square[k] = u->square[k] * USUAL_FADES + off * off * before / u->weight;
	}
}

static int by_who(const void *a, const void *b)
{
	const struct weir_pattern_row *x = a, *y = b;

	return (x->who->id > y->who->id) - (x->who->id < y->who->id);
}

static int see_one(struct live_forest *f, const struct weir_pattern_row *rows, size_t n, uint64_t at_s)
{
	double x[WEIR_FLOW_FEATURES];
	struct usual *u;
	int r = weir_flow_features(rows, n, (int64_t)at_s, x);

	r = r ? r : usual_of(f, rows->who->id, &u);
	r = r ? r : weir_grow(&f->seen, f->seen_count, &f->seen_cap, sizeof(*f->seen));
	r = r ? r : weir_grow(&f->who, f->seen_count, &f->who_cap, sizeof(const struct weir_pattern_who *));
	if (r)
		return r;
	if (u->windows >= USUAL_LEAST) {
		beside(u, x, f->seen[f->seen_count]);
		f->who[f->seen_count++] = rows->who;
	}
	remember(u, x);
	return 0;
}

static int see(struct live_forest *f, struct weir_pattern_row *rows, size_t n, uint64_t at_s)
{
	int r = 0;

	f->seen_count = 0;
	if (n)
		qsort(rows, n, sizeof(*rows), by_who);
	for (size_t i = 0, end; !r && i < n; i = end) {
		for (end = i + 1; end < n && rows[end].who == rows[i].who;)
			end++;
		r = see_one(f, &rows[i], end - i, at_s);
	}
	return r;
}

static int tell(struct live_forest *f, size_t i, double score, uint64_t at_s, weir_finding_fn fn, void *arg)
{
	const struct weir_rows row = {.v = f->seen[i], .n = 1, .width = WEIR_FLOW_FEATURES};
	const struct weir_pattern_who *w = f->who[i];
	struct weir_finding found = {.kind = WEIR_FINDING_FOREST, .since_s = at_s, .last_s = at_s + LIVE_FOREST_WINDOW_S, .score = score,
				     .observed = score, .expected = f->threshold};
	char said[WEIR_FOREST_SENTENCE_MAX];
	struct weir_explain e;
	int r = weir_model_explain(&f->model, 0, &row, &e);

	if (r)
		return r;
	weir_finding_text(found.subject.node, sizeof(found.subject.node), w->node);
	weir_finding_text(found.subject.domain, sizeof(found.subject.domain), w->domain);
	weir_finding_text(found.subject.namespace, sizeof(found.subject.namespace), w->namespace);
	weir_finding_text(found.subject.name, sizeof(found.subject.name), w->name);
	weir_finding_text(found.subject.team, sizeof(found.subject.team), w->team);
	weir_finding_text(found.subject.labels, sizeof(found.subject.labels), w->labels);
	weir_finding_text(found.series, sizeof(found.series), "flows of ten minutes");
	weir_finding_text(found.unit, sizeof(found.unit), "score");
	weir_forest_sentence(f->model.state, &row, &e, weir_flow_feature_names, said);
	snprintf(found.sentence, sizeof(found.sentence), "%.100s, in deviations from its own past: %.240s", w->name, said);
	return fn(&found, arg);
}

static int score(struct live_forest *f, uint64_t at_s, weir_finding_fn fn, void *arg)
{
	weir_auto_free double *scores = NULL;
	struct weir_rows rows = {.n = f->seen_count, .width = WEIR_FLOW_FEATURES};
	int r;

	if (!f->model.ops || !isfinite(f->threshold) || !f->seen_count)
		return 0;
	rows.v = f->seen[0];
	scores = calloc(f->seen_count, sizeof(*scores));
	r = scores ? weir_model_score(&f->model, 0, &rows, scores) : -ENOMEM;
	for (size_t i = 0; !r && i < f->seen_count; i++)
		r = scores[i] > f->threshold ? tell(f, i, scores[i], at_s, fn, arg) : 0;
	return r;
}

/* With half a deviation of noise: a feature that never varied would never be cut, and what is new in it alone would go unseen. */
static void learn(struct live_forest *f, uint64_t at_s)
{
	for (size_t i = 0; i < f->seen_count; i++) {
		for (size_t k = 0; k < WEIR_FLOW_FEATURES; k++)
			f->row[f->at][k] = f->seen[i][k] + NOISE * weir_random_normal(&f->random);
		f->time_s[f->at] = (int64_t)at_s;
		f->at = (f->at + 1) % LIVE_FOREST_ROWS;
		f->count = WEIR_MIN(f->count + 1, (size_t)LIVE_FOREST_ROWS);
	}
}

static int run_window(struct live_forest *f, struct live_flows *flows, struct store *s, uint64_t now_s, weir_finding_fn fn, void *arg)
{
	enum store_res res = f->next_s + FINE_S > now_s ? STORE_10S : STORE_1M;
	struct weir_pattern_row *rows;
	size_t n;
	int r = live_flows_read(flows, s, res, f->next_s, f->next_s + LIVE_FOREST_WINDOW_S, &rows, &n);

	r = r ? r : see(f, rows, n, f->next_s);
	if (!r && f->next_s >= f->silent_s)
		r = score(f, f->next_s, fn, arg);
	if (!r)
		learn(f, f->next_s);
	return r;
}

int live_forest_run(struct live_forest *f, struct live_flows *flows, struct store *s, uint64_t now_s, weir_finding_fn fn, void *arg,
		    bool *ret_more)
{
	uint64_t over_s = now_s - GRACE_S - (now_s - GRACE_S) % LIVE_FOREST_WINDOW_S;
	int r = 0;

	if (!f->next_s)
		f->silent_s = over_s;
	if (!f->next_s || f->next_s + REPLAY_S < over_s)
		f->next_s = over_s - REPLAY_S;
	for (int i = 0; !r && i < WINDOWS && f->next_s < over_s; i++) {
		r = run_window(f, flows, s, now_s, fn, arg);
		f->next_s += r ? 0 : LIVE_FOREST_WINDOW_S;
	}
	*ret_more = f->next_s < over_s;
	return r;
}

int live_forest_rows(const struct live_forest *f, struct weir_rows *ret)
{
	double *v = malloc(f->count * sizeof(*f->row) + 1);
	int64_t *time_s = malloc(f->count * sizeof(*time_s) + 1);
	size_t first = f->count < LIVE_FOREST_ROWS ? 0 : f->at;

	if (!v || !time_s || !f->count) {
		free(v);
		free(time_s);
		return v && time_s ? -ENODATA : -ENOMEM;
	}
	for (size_t i = 0; i < f->count; i++) {
		size_t from = (first + i) % LIVE_FOREST_ROWS;

		memcpy(&v[i * WEIR_FLOW_FEATURES], f->row[from], sizeof(f->row[0]));
		time_s[i] = f->time_s[from];
	}
	*ret = (struct weir_rows){.v = v, .n = f->count, .width = WEIR_FLOW_FEATURES, .time_s = time_s};
	return 0;
}
