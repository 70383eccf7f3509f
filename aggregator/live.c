/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/live.h"

#include "aggregator/api.h"
#include "aggregator/live_notify.h"
#include "aggregator/live_related.h"
#include "aggregator/live_text.h"
#include "aggregator/live_train.h"
#include "aggregator/store_budget.h"
#include "aggregator/store_finding.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <inttypes.h>

/* Buckets of ten seconds are looked at so soon after their end, and the worker has nothing to do most of the time. */
#define RUN_NS (2 * WEIR_NS_PER_S)
/* Of what nobody has told for so long, it is over: an aggregator that was away does not know. */
#define UNHEARD_S 1800
#define FORGET_S 3600
#define PROPOSED_MAX 16384 /* bytes of what is added to a finding */

struct live {
	struct service *sv;
	struct weir_source *timer;
	struct live_watch *watch;
	struct live_train *train;
	struct live_view *view;
	struct live_notify notify;
	struct live_stats stats;
	uint64_t forgot_s;
	/* The run under way: the worker's until it is done. */
	bool running;
	uint64_t now_s;
	char currency[8];
	struct live_told told;
	struct weir_err err;
};

static bool ending(void *arg)
{
	return worker_ending(((struct live *)arg)->sv->worker);
}

static int run(void *arg)
{
	struct live *l = arg;

	return live_watch_run(l->watch, l->now_s, l->currency, ending, l, &l->told, &l->err);
}

static void record(struct live *l, const struct weir_finding *f, int64_t id)
{
	char number[24], cost[24];

	/* It is told to models, which learn anew; who asks sees it. */
	if (f->kind == WEIR_FINDING_DRIFT)
		return;
	snprintf(number, sizeof(number), "%" PRId64, id);
	snprintf(cost, sizeof(cost), "%" PRId64, f->nanos_per_hour);
	weir_log(WEIR_LOG_WARN, "finding %s: %s: %s", number, weir_finding_kind_name(f->kind), f->sentence);
	service_audited(audit_add(l->sv->audit, l->now_s * WEIR_NS_PER_S, "finding", "finding", number, "kind",
				  weir_finding_kind_name(f->kind), "namespace", f->subject.namespace, "workload", f->subject.name,
				  "sentence", f->sentence, "nanos_per_hour", cost, NULL));
}

static int add_notices(struct live *l, const struct weir_finding *f, int64_t id, uint64_t when_s, bool ended)
{
	weir_auto_buf struct weir_buf body = {0};
	char subject[40];
	int r = live_text_notice(f, id, l->now_s, api_currency(l->sv), ended, &body);

	snprintf(subject, sizeof(subject), STORE_NOTICE_FINDING "%" PRId64, id);
	for (char *const *hook = l->notify.hooks; !r && hook && *hook; hook++)
		r = store_notice_add(l->sv->store, &(struct store_notice){.budget = subject, .threshold = ended ? "ended" : "found",
									  .webhook = *hook, .body = (const char *)body.data,
									  .time_s = l->now_s, .next_s = when_s});
	return r;
}

static int note_sent(const struct store_notice *n, void *arg)
{
	uint64_t *last_s = arg;

	*last_s = WEIR_MAX(*last_s, n->sent_s ? n->sent_s : n->next_s);
	return 0;
}

/* Who was told of its beginning is told of its end, and not before that. */
static int notify(struct live *l, const struct weir_finding *f, int64_t id, bool fresh)
{
	uint64_t when_s = 0;
	char subject[40];
	int r = 0;

	if (fresh) {
		when_s = live_notify_when(&l->notify, f, l->now_s);
	} else if (f->ended) {
		snprintf(subject, sizeof(subject), STORE_NOTICE_FINDING "%" PRId64, id);
		r = store_notices(l->sv->store, subject, 0, note_sent, &when_s);
		when_s = when_s ? WEIR_MAX(when_s, l->now_s) : 0;
	}
	return !r && when_s ? add_notices(l, f, id, when_s, f->ended && !fresh) : r;
}

static int keep(struct live *l, const struct weir_finding *f, int64_t *ret_id, bool *ret_fresh)
{
	weir_auto_buf struct weir_buf key = {.max = WEIR_FINDING_KEY_MAX * 4}, body = {0}, related = {0};
	struct store_finding s = {.kind = weir_finding_kind_name(f->kind), .namespace = f->subject.namespace, .workload = f->subject.name,
				  .team = f->subject.team, .since_s = f->since_s, .last_s = f->last_s,
				  .ended_s = f->ended ? f->last_s : 0, .score = f->score, .nanos_per_hour = f->nanos_per_hour};
	int r = weir_finding_key(f, &key);

	r = r ? r : live_related(l->sv->signals, f, &related);
	r = r ? r : live_text_body(f, api_currency(l->sv), related.len ? (const char *)related.data : "", &body);
	if (r)
		return r;
	s.key = (const char *)key.data;
	s.body = (const char *)body.data;
	r = store_finding_put(l->sv->store, &s, ret_id, ret_fresh);
	return r ? r : notify(l, f, *ret_id, *ret_fresh);
}

static int keep_all(struct live *l, const struct live_told *t, int64_t *ids, bool *fresh)
{
	struct store *s = l->sv->store;
	int r = store_begin(s);

	if (r)
		return r;
	for (size_t i = 0; !r && i < t->finding_count; i++)
		r = keep(l, &t->findings[i], &ids[i], &fresh[i]);
	if (!r)
		r = store_findings_end(s, l->now_s - UNHEARD_S);
	if (!r && l->now_s >= l->forgot_s + FORGET_S) {
		l->forgot_s = l->now_s;
		r = store_findings_forget(s, l->now_s - l->sv->config.models_retain_ns / WEIR_NS_PER_S);
	}
	if (!r)
		r = store_commit(s);
	if (r)
		store_rollback(s);
	return r;
}

static void take_stats(struct live *l, const struct live_told *t)
{
	struct live_stats *st = &l->stats;

	st->series = t->series;
	st->left_out = t->left_out;
	st->points += t->points;
	st->untold += t->untold;
	st->minute_s = t->minute_s;
	st->patterns = t->patterns;
	st->flows_left_out = t->flows_left_out;
	for (int m = 0; m < LIVE_MEASURES; m++) {
		st->missed[m].miss += t->missed[m].miss;
		st->missed[m].of += t->missed[m].of;
		st->missed[m].inside += t->missed[m].inside;
		st->missed[m].all += t->missed[m].all;
	}
}

static void post(struct live *l);

static void done(void *arg, int r)
{
	struct live *l = arg;
	struct live_told *t = &l->told;
	weir_auto_free int64_t *ids = calloc(t->finding_count + 1, sizeof(*ids));
	weir_auto_free bool *fresh = calloc(t->finding_count + 1, sizeof(*fresh));
	const char *why = l->err.text;
	bool again;

	l->running = false;
	if (r == -ECANCELED) {
		live_told_free(t);
		return;
	}
	take_stats(l, t);
	if (t->view) {
		live_view_free(l->view);
		l->view = weir_take_ptr(t->view);
		/* Nobody else looks at the set until the next run. */
		live_train_hour(l->train, live_watch_set(l->watch), live_watch_forest(l->watch), t->hour_s, t->missed);
	}
	if (ids && fresh) {
		int e = keep_all(l, t, ids, fresh);

		for (size_t i = 0; !e && i < t->finding_count; i++)
			if (fresh[i])
				record(l, &t->findings[i], ids[i]);
		if (e && !r)
			why = store_error(l->sv->store);
		r = r ? r : e;
	}
	if (r) {
		l->stats.failed++;
		if (!l->stats.failing)
			weir_log_err(r, "models cannot look at what came: %s", why);
	} else if (l->stats.failing) {
		weir_log(WEIR_LOG_INFO, "models look at what comes again");
	}
	l->stats.failing = r != 0;
	again = !r && t->more;
	live_told_free(t);
	if (again)
		post(l);
}

static void post(struct live *l)
{
	struct weir_model forest;
	char name[32];

	/* A rollback or a training may have changed it any time. */
	for (int m = 0; m < LIVE_MEASURES; m++)
		if (live_train_champion(l->train, (enum live_measure)m, name) && live_watch_model(l->watch, (enum live_measure)m, name))
			weir_log(WEIR_LOG_WARN, "models: this weir has no model '%s'; the one before forecasts on", name);
	if (live_train_champion_forest(l->train, &forest))
		live_forest_model(live_watch_forest(l->watch), &forest);
	l->now_s = weir_wall_ns() / WEIR_NS_PER_S;
	*l->err.text = '\0';
	snprintf(l->currency, sizeof(l->currency), "%s", api_currency(l->sv));
	l->running = !worker_post(l->sv->worker, run, done, l);
}

static int on_timer(uint32_t events, void *arg)
{
	struct live *l = arg;

	(void)events;
	if (!l->running)
		post(l);
	return 0;
}

bool live_free(struct live *l)
{
	bool training;

	if (!l)
		return false;
	weir_source_free(l->timer);
	training = live_train_free(l->train);
	/* A run that did not end goes on until the process does, with what it uses; a training owns what it uses but the shelf. */
	if (l->running)
		return true;
	live_watch_free(l->watch);
	live_view_free(l->view);
	free(l);
	return training;
}

int live_new(struct service *sv, struct weir_loop *loop, struct live **ret, struct weir_err *err)
{
	struct live_holidays holidays = {0};
	const struct live_watch_opts opts = {.store_path = sv->config.store_path, .series_max = sv->config.models_series, .holidays = &holidays};
	struct live *l;
	int r;

	if (!opts.series_max) {
		*ret = NULL;
		return 0;
	}
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->sv = sv;
	r = live_notify_init(&l->notify, &sv->config, err);
	if (!r)
		r = live_holidays_init(&holidays, sv->config.models_holidays, err);
	if (!r)
		r = live_watch_new(&opts, &l->watch, err);
	if (!r)
		r = live_train_new(loop, sv->shelf, sv->config.models_train_ns / WEIR_NS_PER_S, &holidays, &l->train);
	if (!r)
		r = weir_loop_timer(loop, RUN_NS, RUN_NS, on_timer, l, &l->timer);
	if (r) {
		live_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

const struct live_view *live_view(const struct live *l)
{
	return l ? l->view : NULL;
}

void live_stats(const struct live *l, struct live_stats *ret)
{
	struct worker_stats w;

	*ret = (struct live_stats){0};
	if (!l)
		return;
	worker_stats(l->sv->worker, &w);
	*ret = l->stats;
	ret->held = l->notify.held;
	ret->cpu_ns = w.cpu_ns;
}
