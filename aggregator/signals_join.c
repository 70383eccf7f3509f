/* SPDX-License-Identifier: Apache-2.0 */
/* What of the signals belongs to a finding. */
#include "aggregator/signals_impl.h"

#include <inttypes.h>
#include <math.h>

#define BEFORE_S 3600

struct joined {
	struct signals_match m;
	uint32_t severity;
	uint64_t distance_s; /* from the finding's time; 0 within it */
};

struct join {
	const struct signals_subject *subject;
	uint64_t from_s, to_s;
	size_t max, count, all;
	struct joined best[SIGNALS_JOIN_MAX]; /* the first comes first */
};

static bool empty(const char *s)
{
	return !s || !*s;
}

static bool same_addr(const struct weir_addr *a, bool has, const struct weir_addr *b)
{
	return a && has && !memcmp(a, b, sizeof(*a));
}

/* Whether a pod's name is of that workload: "cart" has "cart-0", "cart-7d9f8b6c5d-x2x7q"; names may stand behind a kind ("pod/"). */
static bool same_workload(const char *workload, const char *other)
{
	const char *slash = strrchr(workload, '/');
	size_t n;

	if (!strcmp(workload, other))
		return true;
	workload = slash ? slash + 1 : workload;
	n = strlen(workload);
	return n && !strncmp(other, workload, n) && (!other[n] || (other[n] == '-' && other[n + 1]));
}

/* By names; SIGNALS_SAME_NAMESPACE + 1 = no relation. */
static enum signals_relation names(const struct signals_subject *s, const char *namespace, const char *workload)
{
	bool known = !empty(s->namespace) && *namespace, same = known && !strcmp(s->namespace, namespace);

	if (!empty(s->workload) && *workload && (same || !known) && same_workload(s->workload, workload))
		return SIGNALS_SAME_WORKLOAD;
	return same && !*workload ? SIGNALS_SAME_NAMESPACE : SIGNALS_SAME_NAMESPACE + 1;
}

static enum signals_relation of_event(const struct signals_subject *s, const struct signals_event *e)
{
	bool peer = same_addr(s->peer, e->has_src, &e->src) || same_addr(s->peer, e->has_dst, &e->dst);
	bool local = same_addr(s->local, e->has_src, &e->src) || same_addr(s->local, e->has_dst, &e->dst);

	if (peer || local)
		return peer && local ? SIGNALS_SAME_PAIR : peer ? SIGNALS_SAME_PEER : SIGNALS_SAME_LOCAL;
	return names(s, e->namespace, e->workload);
}

static enum signals_relation of_series(const struct signals_subject *s, const struct signals_series *x)
{
	if (same_addr(s->peer, x->has_address, &x->address))
		return SIGNALS_SAME_PEER;
	if (same_addr(s->local, x->has_address, &x->address))
		return SIGNALS_SAME_LOCAL;
	return names(s, x->namespace, x->workload);
}

static bool comes_before(const struct joined *a, const struct joined *b)
{
	if (a->m.relation != b->m.relation)
		return a->m.relation < b->m.relation;
	if (!a->m.event != !b->m.event)
		return a->m.event != NULL;
	if (a->severity != b->severity)
		return a->severity > b->severity;
	return a->distance_s < b->distance_s;
}

/* Among the best, where it is one; of equals the one that came first stays first. */
static void offer(struct join *j, const struct joined *x)
{
	size_t at = j->count;

	j->all++;
	while (at && comes_before(x, &j->best[at - 1]))
		at--;
	if (at >= j->max)
		return;
	if (j->count < j->max)
		j->count++;
	memmove(&j->best[at + 1], &j->best[at], (j->count - at - 1) * sizeof(*j->best));
	j->best[at] = *x;
}

static const char *relation_text(enum signals_relation r)
{
	static const char *const texts[] = {"same peer and local address", "same peer", "same local address", "same workload", "same namespace"};

	return texts[r];
}

static void say(const struct join *j, struct signals_match *m)
{
	const char *relation = relation_text(m->relation);
	uint64_t t = m->event ? m->event->time_s : 0;

	if (!m->event && isnan(m->before))
		snprintf(m->text, sizeof(m->text), "%s: %.4g while it lasted", relation, m->mean);
	else if (!m->event)
		snprintf(m->text, sizeof(m->text), "%s: %.4g while it lasted, %.4g in the hour before", relation, m->mean, m->before);
	else if (t < j->from_s)
		snprintf(m->text, sizeof(m->text), "%s, %" PRIu64 " s before", relation, j->from_s - t);
	else if (t > j->to_s)
		snprintf(m->text, sizeof(m->text), "%s, %" PRIu64 " s after", relation, t - j->to_s);
	else
		snprintf(m->text, sizeof(m->text), "%s, %" PRIu64 " s after it began", relation, t - j->from_s);
}

static int on_event(const struct signals_event *e, void *arg)
{
	struct join *j = arg;
	struct joined x = {.m = {.relation = of_event(j->subject, e), .event = e, .mean = NAN, .before = NAN}, .severity = (uint32_t)e->severity};

	if (x.m.relation > SIGNALS_SAME_NAMESPACE)
		return 0;
	x.distance_s = e->time_s < j->from_s ? j->from_s - e->time_s : e->time_s > j->to_s ? e->time_s - j->to_s : 0;
	offer(j, &x);
	return 0;
}

/* Of the values from from_s to to_s, NaN when there is none. */
static double mean(const struct signals_series *s, uint64_t from_s, uint64_t to_s)
{
	size_t i = from_s > s->start_s ? (size_t)((from_s - s->start_s + s->step_s - 1) / s->step_s) : 0, n = 0;
	double sum = 0;

	for (; i < s->n && s->start_s + i * s->step_s <= to_s; i++)
		if (!isnan(s->values[i])) {
			sum += s->values[i];
			n++;
		}
	return n ? sum / (double)n : NAN;
}

static void on_series(struct join *j, const struct signals_series *s, uint64_t from_s, uint64_t to_s)
{
	struct joined x = {.m = {.relation = of_series(j->subject, s), .series = s}};

	if (x.m.relation > SIGNALS_SAME_NAMESPACE || !s->n)
		return;
	/* A step may be longer than the time that counts: then the one before it holds. */
	x.m.mean = mean(s, from_s - WEIR_MIN(from_s, (uint64_t)s->step_s - 1), to_s);
	if (isnan(x.m.mean))
		return;
	x.m.before = mean(s, from_s - WEIR_MIN(from_s, (uint64_t)BEFORE_S + s->step_s), from_s - WEIR_MIN(from_s, (uint64_t)s->step_s));
	offer(j, &x);
}

int signals_join(const struct signals *s, const struct signals_subject *subject, uint64_t from_s, uint64_t to_s, size_t max,
		 signals_match_fn fn, void *arg, size_t *ret_all)
{
	struct join j = {.subject = subject, .from_s = from_s, .to_s = WEIR_MAX(from_s, to_s), .max = WEIR_MIN(max, (size_t)SIGNALS_JOIN_MAX)};
	uint64_t near_from = from_s - WEIR_MIN(from_s, (uint64_t)SIGNALS_NEAR_S), near_to = j.to_s + SIGNALS_NEAR_S;
	int r = signals_events(s, near_from, near_to, on_event, &j);

	for (size_t i = 0; i < signals_series(s); i++)
		on_series(&j, signals_series_at(s, i), near_from, near_to);
	for (size_t i = 0; !r && i < j.count; i++) {
		say(&j, &j.best[i].m);
		r = fn(&j.best[i].m, arg);
	}
	if (!r && ret_all)
		*ret_all = j.all;
	return r;
}
