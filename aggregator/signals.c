/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/signals_impl.h"

#include "aggregator/service.h"
#include "aggregator/signals_tail.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <inttypes.h>
#include <stdarg.h>

/* So much is read of all files together at once, 2 MiB a second: lines of EVE take some 40 ms of the loop for each MiB. */
#define TICK_NS (WEIR_NS_PER_S / 4)
#define BUDGET ((size_t)512 << 10)
#define SAY_NS (60 * WEIR_NS_PER_S)

static const struct signals_kind *const kinds[] = {&signals_prometheus, &signals_eve, &signals_log};

const char *signals_severity_name(enum signals_severity v)
{
	static const char *const names[SIGNALS_SEVERITIES] = {"info", "low", "medium", "high"};

	return v < SIGNALS_SEVERITIES ? names[v] : "?";
}

const char *signals_state_name(enum signals_state s)
{
	static const char *const names[] = {"waits", "works", "fails"};

	return s <= SIGNALS_FAILS ? names[s] : "?";
}

/* Its name, and what the log says. */
static const struct {
	const char *name, *text;
} drops[SIGNALS_DROPS] = {
	[SIGNALS_TOO_LONG] = {"too-long", "a line of more than 64 KiB, or labels of more than 1 KiB"},
	[SIGNALS_NOT_JSON] = {"not-json", "a line that is no JSON object"},
	[SIGNALS_NO_TIME] = {"no-time", "a line whose time is missing or cannot be read"},
	[SIGNALS_TIME_AHEAD] = {"time-ahead", "an event more than 5 minutes ahead of this clock"},
	[SIGNALS_NO_TEXT] = {"no-text", "a line without what it has to say"},
	[SIGNALS_NO_TRAFFIC] = {"no-traffic", NULL}, /* as meant */
	[SIGNALS_TORN] = {"torn", "the end of a file without an end of line"},
	[SIGNALS_LOST_FILE] = {"lost-file", "what is behind the last line read of a file that was cut or is gone"},
	[SIGNALS_EVICTED] = {"evicted", NULL}, /* the ordinary end of an event */
	[SIGNALS_BAD_ANSWER] = {"bad-answer", NULL}, /* said as a failure */
	[SIGNALS_BAD_VALUE] = {"bad-value", "a point whose time or value is none"},
	[SIGNALS_NOT_FINITE] = {"not-finite", NULL}, /* a division by zero in a query */
	[SIGNALS_SERIES_LIMIT] = {"series-limit", "a series beyond the 1000 that are kept: let queries sum"},
};

const char *signals_drop_name(enum signals_drop d)
{
	return d < SIGNALS_DROPS ? drops[d].name : "?";
}

/* Whether the log may have it now; what it did not have is told with the next. */
static bool may_say(struct signals_source *src, size_t what, uint64_t now_ns, uint64_t *ret_unsaid)
{
	if (src->said_ns[what] && now_ns - src->said_ns[what] < SAY_NS) {
		src->unsaid[what]++;
		return false;
	}
	*ret_unsaid = src->unsaid[what];
	src->unsaid[what] = 0;
	src->said_ns[what] = now_ns;
	return true;
}

void signals_dropped(struct signals_source *src, enum signals_drop d)
{
	uint64_t more;

	src->about.dropped[d]++;
	if (drops[d].text && may_say(src, d, src->signals->now_ns, &more))
		weir_log(WEIR_LOG_WARN, "signals: %s %s: left out: %s (%" PRIu64 " more since this was last said)", src->about.kind,
			 src->about.name, drops[d].text, more);
}

void signals_failed(struct signals_source *src, uint64_t now_ns, const char *fmt, ...)
{
	char text[2 * SIGNALS_ERROR_MAX];
	uint64_t more;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	signals_printable(src->about.error, sizeof(src->about.error), text);
	src->about.error_s = now_ns / WEIR_NS_PER_S;
	src->about.state = SIGNALS_FAILS;
	src->about.failures++;
	if (may_say(src, SIGNALS_DROPS, now_ns, &more))
		weir_log(WEIR_LOG_WARN, "signals: %s %s: %s (%" PRIu64 " more failures since this was last said)", src->about.kind,
			 src->about.name, src->about.error, more);
}

void signals_worked(struct signals_source *src, uint64_t now_ns)
{
	src->about.ok_s = now_ns / WEIR_NS_PER_S;
	src->about.state = SIGNALS_WORKS;
}

size_t signals_name_length(const char *entry)
{
	size_t n = strspn(entry, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n && n < SIGNALS_NAME_MAX && entry[n] == '=' ? n : 0;
}

int signals_add_source(struct signals *s, const struct signals_kind *kind, const char *name, size_t len, const char *what,
		       struct signals_source **ret)
{
	struct signals_source *src = &s->sources[s->count];

	if (s->count == SIGNALS_SOURCES_MAX)
		return -E2BIG;
	*src = (struct signals_source){.signals = s, .kind = kind, .about = {.kind = kind->name, .what = what}};
	snprintf(src->about.name, sizeof(src->about.name), "%.*s", (int)len, name);
	s->count++;
	*ret = src;
	return 0;
}

void signals_put(struct signals_source *src, const struct signals_event *e)
{
	struct signals *s = src->signals;
	struct signals_ring *ring = &s->rings[e->severity != SIGNALS_INFO];
	struct signals_event *to;

	if (e->time_s > s->now_ns / WEIR_NS_PER_S + SIGNALS_AHEAD_S) {
		signals_dropped(src, SIGNALS_TIME_AHEAD);
		return;
	}
	if (!ring->events) {
		ring->events = calloc(SIGNALS_EVENTS_MAX, sizeof(*ring->events));
		if (!ring->events)
			return;
	}
	to = &ring->events[ring->next];
	if (ring->count == SIGNALS_EVENTS_MAX)
		signals_dropped(src, SIGNALS_EVICTED);
	else
		ring->count++;
	*to = *e;
	memcpy(to->source, src->about.name, sizeof(to->source));
	ring->next = (ring->next + 1) % SIGNALS_EVENTS_MAX;
	src->about.taken++;
}

/* Whoever is read first now is not the next time: what one file leaves of the budget is the others'. */
void signals_run(struct signals *s, uint64_t now_ns)
{
	size_t budget = BUDGET;

	s->now_ns = now_ns;
	for (size_t i = 0; i < s->count; i++) {
		struct signals_source *src = &s->sources[(s->first + i) % s->count];

		src->kind->run(src, now_ns, &budget);
	}
	if (s->count)
		s->first = (s->first + 1) % s->count;
	if (s->places)
		signals_places_save(s->places, now_ns, false);
}

static int on_timer(uint32_t events, void *arg)
{
	(void)events;
	signals_run(arg, weir_wall_ns());
	return 0;
}

int signals_init(struct signals *s)
{
	*s = (struct signals){.sources = calloc(SIGNALS_SOURCES_MAX, sizeof(*s->sources))};
	return s->sources ? signals_set_init(&s->set) : -ENOMEM;
}

void signals_fini(struct signals *s)
{
	if (s->places)
		signals_places_save(s->places, s->now_ns, true);
	for (size_t i = 0; i < s->count; i++)
		s->sources[i].kind->free(&s->sources[i]);
	curl_loop_free(s->curl);
	signals_places_free(s->places);
	weir_source_free(s->timer);
	signals_set_fini(&s->set);
	free(s->rings[0].events);
	free(s->rings[1].events);
	free(s->sources);
	*s = (struct signals){0};
}

void signals_free(struct signals *s)
{
	if (!s)
		return;
	signals_fini(s);
	free(s);
}

int signals_new(struct service *sv, struct weir_loop *loop, struct signals **ret)
{
	struct signals *s = calloc(1, sizeof(*s));
	int r = s ? signals_init(s) : -ENOMEM;
	size_t budget = BUDGET;

	if (!r) {
		s->loop = loop;
		s->now_ns = weir_wall_ns();
		r = signals_places_open(&sv->config, &s->places);
	}
	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(kinds); i++)
		r = kinds[i]->add(s, &sv->config);
	if (!r && s->count)
		r = weir_loop_timer(loop, TICK_NS, TICK_NS, on_timer, s, &s->timer);
	if (r) {
		signals_free(s);
		return r;
	}
	for (size_t i = 0; i < s->count; i++)
		if (s->sources[i].kind->at_once)
			s->sources[i].kind->run(&s->sources[i], s->now_ns, &budget);
	*ret = s;
	return 0;
}

size_t signals_sources(const struct signals *s)
{
	return s->count;
}

const struct signals_about *signals_about(const struct signals *s, size_t i)
{
	return &s->sources[i].about;
}

size_t signals_series(const struct signals *s)
{
	return s->set.count;
}

const struct signals_series *signals_series_at(const struct signals *s, size_t i)
{
	return &s->set.list[i]->view;
}

size_t signals_kept(const struct signals *s)
{
	return s->rings[0].count + s->rings[1].count;
}

int signals_events(const struct signals *s, uint64_t from_s, uint64_t to_s, signals_event_fn fn, void *arg)
{
	int r = 0;

	for (size_t k = 0; k < WEIR_ARRAY_SIZE(s->rings); k++)
		for (size_t i = 0; !r && i < s->rings[k].count; i++) {
			const struct signals_event *e = &s->rings[k].events[i];

			if (e->time_s >= from_s && e->time_s <= to_s)
				r = fn(e, arg);
		}
	return r;
}

static int newer(const void *a, const void *b)
{
	const struct signals_event *const *x = a, *const *y = b;

	return (*x)->time_s > (*y)->time_s ? -1 : (*x)->time_s < (*y)->time_s;
}

size_t signals_newest(const struct signals *s, size_t max, const struct signals_event **ret)
{
	size_t n = 0, all = signals_kept(s);
	weir_auto_free const struct signals_event **sorted = calloc(all + 1, sizeof(*sorted));

	if (!sorted)
		return 0;
	for (size_t k = 0; k < WEIR_ARRAY_SIZE(s->rings); k++)
		for (size_t i = 0; i < s->rings[k].count; i++)
			sorted[n++] = &s->rings[k].events[i];
	qsort(sorted, n, sizeof(*sorted), newer);
	n = WEIR_MIN(n, max);
	memcpy(ret, sorted, n * sizeof(*sorted));
	return n;
}
