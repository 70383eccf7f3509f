/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/live_watch.h"

#include "aggregator/live_flows.h"
#include "aggregator/live_score.h"
#include "lib/base/clock.h"
#include "lib/ds/grow.h"

#include <inttypes.h>
#include <math.h>

#define MINUTE_S 60u
#define HOUR_S 3600u
/* After its end a minute is read so soon: agents send windows of two seconds. */
#define MINUTE_GRACE_S 6
/* An agent that was heard of within ACTIVE_S and is behind is waited for so long. */
#define ACTIVE_S 600
#define BEHIND_S 60
/* An hour: rows that were spooled for a moment are in it too. */
#define HOUR_GRACE_S 90
/* With each hour these are read once more, for what came late. */
#define HOURS_AGAIN 3
/* Minutes that detectors see at a start: some days' shape is in the hours, what is usual now is in these. */
#define REPLAY_S (12 * 3600u)

struct live_watch {
	struct store *store;
	struct live_set *set;
	struct live_flows *flows;
	struct live_forest *forest;
	char *path;
	uint64_t minute_s, hour_s; /* next that are read; 0: nothing was yet */
	char model[LIVE_MEASURES][32];
	struct live_holidays holidays;
	struct live_told *told; /* of the run under way */
	uint64_t step_s, from_s; /* of the chunk that is being read */
};

void live_view_free(struct live_view *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->count; i++)
		free(v->items[i].owner);
	free(v->items);
	free(v);
}

void live_told_free(struct live_told *t)
{
	free(t->findings);
	live_view_free(t->view);
	*t = (struct live_told){0};
}

void live_watch_free(struct live_watch *w)
{
	if (!w)
		return;
	live_set_free(w->set);
	live_flows_free(w->flows);
	live_forest_free(w->forest);
	store_close(w->store);
	free(w->path);
	free(w);
}

int live_watch_new(const struct live_watch_opts *opts, struct live_watch **ret, struct weir_err *err)
{
	struct live_watch *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (w && (w->path = strdup(opts->store_path)))
		r = live_set_new(opts->series_max, &w->set);
	if (!r)
		r = live_forest_new(&w->forest);
	if (!r)
		r = store_reader(w->path, &w->store, err);
	for (int m = 0; !r && m < LIVE_MEASURES; m++)
		r = live_watch_model(w, (enum live_measure)m, "mix");
	if (r) {
		live_watch_free(w);
		return weir_err_set(err, r, "models: %s", strerror(-r));
	}
	if (opts->holidays)
		w->holidays = *opts->holidays;
	*ret = w;
	return 0;
}

int live_watch_model(struct live_watch *w, enum live_measure m, const char *name)
{
	return weir_model_find(name) ? weir_strcpy(w->model[m], sizeof(w->model[m]), name) : -EINVAL;
}

struct live_set *live_watch_set(struct live_watch *w)
{
	return w->set;
}

struct live_forest *live_watch_forest(struct live_watch *w)
{
	return w->forest;
}

static int add_finding(const struct weir_finding *f, void *arg)
{
	struct live_told *t = arg;
	int r;

	if (t->finding_count == LIVE_FINDINGS) {
		t->untold++;
		return 0;
	}
	r = weir_grow(&t->findings, t->finding_count, &t->finding_cap, sizeof(*t->findings));
	if (!r)
		t->findings[t->finding_count++] = *f;
	return r;
}

static int take_row(const struct query_live *q, void *arg)
{
	struct live_watch *w = arg;
	struct live_series *s;
	size_t at = q->time_s < w->from_s ? LIVE_STEPS : (q->time_s - w->from_s) / w->step_s;
	int r = at < LIVE_STEPS ? live_set_find(w->set, w->store, q, &s) : 0;

	/* A workload that was removed since has no name any more: its rows go with it. */
	if (r == -ENOENT)
		return 0;
	if (!r && at < LIVE_STEPS && s) {
		s->sum[at] += q->sum;
		s->weight[at] += q->weight;
	}
	return r;
}

static int read_steps(struct live_watch *w, uint64_t from_s, size_t n, enum store_res step)
{
	w->step_s = store_bucket_s(step);
	w->from_s = from_s;
	for (size_t i = 0; i < live_set_count(w->set); i++) {
		struct live_series *s = live_set_at(w->set, i);

		memset(s->sum, 0, sizeof(s->sum));
		memset(s->weight, 0, sizeof(s->weight));
	}
	return query_live(w->store, from_s, from_s + n * w->step_s, step, take_row, w);
}

static int score_minutes(struct live_watch *w, uint64_t from_s, size_t n, bool partial)
{
	int r = read_steps(w, from_s, n, STORE_1M);

	for (size_t i = 0; !r && i < live_set_count(w->set); i++) {
		struct live_series *s = live_set_at(w->set, i);
		const struct live_minutes m = {from_s, n, s->sum, s->weight, partial};
		uint64_t before = w->told->points;

		r = live_score(w->set, s, &m, &w->told->points, add_finding, w->told);
		w->told->scored += w->told->points != before;
	}
	return r;
}

static int keep_hours(struct live_watch *w, uint64_t from_s, size_t n)
{
	int r = read_steps(w, from_s, n, STORE_1H);

	for (size_t i = 0; !r && i < live_set_count(w->set); i++) {
		struct live_series *s = live_set_at(w->set, i);

		for (size_t h = 0; !r && h < n; h++) {
			uint64_t at_s = from_s + h * HOUR_S;
			bool any = s->sum[h] != 0 || s->weight[h] != 0;
			double none = s->measure == LIVE_RTT ? NAN : 0;

			if (!any && (!s->hour_count || s->seen_s + LIVE_QUIET_S <= at_s))
				continue;
			r = live_series_hour(s, at_s, !any ? none : s->measure == LIVE_RTT ? s->sum[h] / s->weight[h] : s->sum[h]);
			if (any)
				s->seen_s = WEIR_MAX(s->seen_s, at_s + HOUR_S);
		}
	}
	return r;
}

static int run_minutes(struct live_watch *w, uint64_t now_s, bool (*ending)(void *arg), void *arg)
{
	uint64_t over_s = now_s - MINUTE_GRACE_S - (now_s - MINUTE_GRACE_S) % MINUTE_S, told_s = now_s;
	int r;

	if (w->minute_s >= over_s)
		return 0;
	r = query_told_until(w->store, now_s - ACTIVE_S, now_s, &told_s);
	if (!w->minute_s)
		w->minute_s = over_s - REPLAY_S;
	/* After a long stop: detectors begin anew, but not from before the beginning. */
	if (w->minute_s + REPLAY_S < over_s)
		w->minute_s = over_s - REPLAY_S;
	while (!r && w->minute_s < over_s) {
		size_t n = WEIR_MIN((over_s - w->minute_s) / MINUTE_S, (uint64_t)LIVE_STEPS);
		bool partial = told_s < w->minute_s + n * MINUTE_S;

		if (partial && n > 1)
			n = told_s > w->minute_s + MINUTE_S ? (told_s - w->minute_s) / MINUTE_S : 1;
		partial = told_s < w->minute_s + n * MINUTE_S;
		if (partial && now_s < w->minute_s + MINUTE_S + BEHIND_S)
			return 0;
		if (ending(arg))
			return -ECANCELED;
		r = score_minutes(w, w->minute_s, n, partial);
		if (!r)
			w->minute_s += n * MINUTE_S;
	}
	return r;
}

static int copy_owner(const struct live_owner *o, struct live_shown_owner **ret)
{
	const char *const from[] = {o->domain, o->namespace, o->name, o->kind, o->team};
	struct live_shown_owner *c;
	size_t size = sizeof(*c);
	char *at;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(from); i++)
		size += strlen(from[i]) + 1;
	c = malloc(size);
	if (!c)
		return -ENOMEM;
	at = (char *)(c + 1);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(from); i++) {
		size_t len = strlen(from[i]) + 1;

		memcpy(at, from[i], len);
		c->text[i] = at;
		at += len;
	}
	*ret = c;
	return 0;
}

static int show(const struct live_series *s, uint64_t end_s, struct live_shown *ret)
{
	struct live_shown sh = {.measure = s->measure, .way = s->way, .from_s = end_s, .hours = s->hour_count};
	int r = copy_owner(s->owner, &sh.owner);

	if (r)
		return r;
	for (size_t i = 0; i < LIVE_AHEAD; i++) {
		uint64_t at_s = end_s - (LIVE_AHEAD - i) * HOUR_S;
		size_t h = at_s >= s->first_s ? (at_s - s->first_s) / HOUR_S : s->hour_count;

		sh.past[i] = h < s->hour_count ? s->hours[h] : at_s >= s->first_s && s->measure != LIVE_RTT ? 0 : NAN;
	}
	sh.forecast = s->forecast && s->forecast->from_s == end_s;
	if (sh.forecast) {
		memcpy(sh.mean, s->forecast->mean, sizeof(sh.mean));
		memcpy(sh.lower, s->forecast->lower, sizeof(sh.lower));
		memcpy(sh.upper, s->forecast->upper, sizeof(sh.upper));
	}
	*ret = sh;
	return 0;
}

static int make_view(struct live_watch *w, uint64_t end_s, struct live_view **ret)
{
	struct live_view *v = calloc(1, sizeof(*v));
	int r = v && (v->items = calloc(live_set_count(w->set) + 1, sizeof(*v->items))) ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < live_set_count(w->set); i++) {
		const struct live_series *s = live_set_at(w->set, i);

		if (!s->hour_count || s->seen_s + LIVE_QUIET_S <= end_s)
			continue;
		r = show(s, end_s, &v->items[v->count]);
		v->count += !r;
	}
	if (r) {
		live_view_free(v);
		return r;
	}
	memcpy(v->model, w->model, sizeof(v->model));
	*ret = v;
	return 0;
}

static int run_hour(struct live_watch *w, uint64_t now_s, bool (*ending)(void *arg), void *arg, struct weir_err *err)
{
	uint64_t over_s = now_s - HOUR_GRACE_S - (now_s - HOUR_GRACE_S) % HOUR_S, from_s, end_s = over_s;
	const char *names[LIVE_MEASURES];
	const struct live_forecast_ask ask = {.end_s = end_s, .model = names, .holidays = &w->holidays, .ending = ending, .arg = arg};
	int r = 0;

	if (w->hour_s >= over_s)
		return 0;
	from_s = over_s - (uint64_t)LIVE_HOURS * HOUR_S;
	if (w->hour_s)
		from_s = WEIR_MAX(from_s, w->hour_s - HOURS_AGAIN * HOUR_S);
	for (; !r && from_s < end_s; from_s += LIVE_STEPS * HOUR_S)
		r = ending(arg) ? -ECANCELED : keep_hours(w, from_s, WEIR_MIN((end_s - from_s) / HOUR_S, (uint64_t)LIVE_STEPS));
	if (r)
		return r;
	live_set_forget(w->set, now_s);
	live_forecast_compare(w->set, end_s, w->told->missed);
	for (int m = 0; m < LIVE_MEASURES; m++)
		names[m] = w->model[m];
	r = live_forecast_all(w->set, &ask, err);
	if (!r)
		r = make_view(w, end_s, &w->told->view);
	if (!r)
		w->hour_s = over_s;
	return r;
}

int live_watch_run(struct live_watch *w, uint64_t now_s, const char *currency, bool (*ending)(void *arg), void *arg,
		   struct live_told *ret_told, struct weir_err *err)
{
	bool catching_up;
	int r = 0;

	*ret_told = (struct live_told){0};
	w->told = ret_told;
	if (!w->flows)
		r = live_flows_new(currency, &w->flows);
	if (!r)
		r = live_flows_run(w->flows, w->store, now_s, add_finding, ret_told, &ret_told->more);
	/* Hours before minutes: an old one says what was there before. */
	if (!r && !ret_told->more)
		r = run_hour(w, now_s, ending, arg, err);
	if (!r && !ret_told->more)
		r = run_minutes(w, now_s, ending, arg);
	/* What it has to catch up with waits for the next runs: nobody else does. */
	if (!r && !ret_told->more)
		r = live_forest_run(w->forest, w->flows, w->store, now_s, add_finding, ret_told, &catching_up);
	w->told = NULL;
	ret_told->series = live_set_count(w->set);
	ret_told->left_out = live_set_left_out(w->set);
	if (w->flows)
		live_flows_stats(w->flows, &ret_told->patterns, &ret_told->flows_left_out);
	ret_told->minute_s = w->minute_s;
	ret_told->hour_s = w->hour_s;
	if (r && r != -ECANCELED && !*err->text)
		weir_err_set(err, r, "the store failed: %s", store_error(w->store));
	return r;
}
