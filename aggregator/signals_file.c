/* SPDX-License-Identifier: Apache-2.0 */
/* Sources that are files of JSON lines: followed, a line an event. */
#include "aggregator/signals_impl.h"

#include "aggregator/signals_tail.h"
#include "lib/base/clock.h"

struct followed {
	struct tail *tail;
	struct signals_log_spec spec; /* of a log; EVE says itself what is what */
};

static int parse(const struct signals_source *src, const char *line, size_t len, struct signals_event *ret, enum signals_drop *ret_why)
{
	const struct followed *f = src->own;

	return src->kind == &signals_eve ? signals_eve_parse(line, len, ret, ret_why) : signals_log_parse(&f->spec, line, len, ret, ret_why);
}

static void on_line(void *arg, enum tail_what what, const char *line, size_t len)
{
	struct signals_source *src = arg;
	enum signals_drop why = what == TAIL_LOST ? SIGNALS_LOST_FILE : SIGNALS_TOO_LONG;
	struct signals_event e;

	src->about.read += what != TAIL_LOST;
	if (line && !parse(src, line, len, &e, &why))
		signals_put(src, &e);
	else
		signals_dropped(src, what == TAIL_TORN ? SIGNALS_TORN : why);
}

static void file_run(struct signals_source *src, uint64_t now_ns, size_t *budget)
{
	const struct followed *f = src->own;
	struct tail_place at;
	int r = tail_read(f->tail, budget);

	if (r == -ENOENT && src->about.state != SIGNALS_FAILS)
		src->about.state = SIGNALS_WAITS;
	else if (r == -EACCES)
		signals_failed(src, now_ns, "%s: %s: the user of weir-aggregator must be able to read it", src->about.what, strerror(-r));
	else if (r)
		signals_failed(src, now_ns, "%s: %s", src->about.what, r == -EMEDIUMTYPE ? "is no regular file" : strerror(-r));
	else
		signals_worked(src, now_ns);
	src->about.behind_bytes = tail_behind(f->tail);
	if (src->signals->places && tail_place(f->tail, &at))
		signals_places_note(src->signals->places, src->about.what, &at, now_ns / WEIR_NS_PER_S);
}

static void file_free(struct signals_source *src)
{
	struct followed *f = src->own;

	if (!f)
		return;
	tail_free(f->tail);
	signals_log_spec_fini(&f->spec);
	free(f);
	src->own = NULL;
}

static int follow(struct signals *s, const struct signals_kind *kind, const char *name, const char *path, struct signals_log_spec *spec)
{
	const struct tail_place *from = NULL;
	struct signals_source *src;
	size_t count = 0;
	struct followed *f = calloc(1, sizeof(*f));
	int r = f ? signals_add_source(s, kind, name, strlen(name), path, &src) : -ENOMEM;

	if (r) {
		free(f);
		return r;
	}
	src->own = f;
	if (spec) {
		f->spec = *spec;
		*spec = (struct signals_log_spec){0};
	}
	if (s->places)
		from = signals_places_of(s->places, path, &count);
	return tail_new(path, SIGNALS_LINE_MAX, from, count, on_line, src, &f->tail);
}

static int add_eve(struct signals *s, const struct config *c)
{
	return c->signals_eve && *c->signals_eve ? follow(s, &signals_eve, "eve", c->signals_eve, NULL) : 0;
}

static int add_logs(struct signals *s, const struct config *c)
{
	int r = 0;

	for (char **entry = c->signals_logs; !r && entry && *entry; entry++) {
		struct signals_log_spec spec = {0};
		const char *wrong;

		r = signals_log_spec(*entry, &spec, &wrong);
		if (!r)
			r = follow(s, &signals_log, spec.name, spec.path, &spec);
		signals_log_spec_fini(&spec);
	}
	return r;
}

const struct signals_kind signals_eve = {"eve", add_eve, file_run, file_free, true};
const struct signals_kind signals_log = {"log", add_logs, file_run, file_free, true};
