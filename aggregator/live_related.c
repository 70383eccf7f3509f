/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/live_related.h"

#include "aggregator/text.h"
#include "lib/base/clock.h"

#define ADDRESS_BITS 128

struct relating {
	struct weir_buf *b;
	size_t count;
};

static int put(struct weir_buf *b, const char *name, const char *value, bool first)
{
	int r = weir_buf_addf(b, "%s\"%s\":", first ? "{" : ",", name);

	return r ? r : text_json(b, value);
}

static int add_event(const struct signals_event *e, struct weir_buf *b)
{
	char time[32];
	int r = put(b, "source", e->source, false);

	r = r ? r : put(b, "type", e->type, false);
	r = r ? r : put(b, "severity", signals_severity_name(e->severity), false);
	r = r ? r : put(b, "time", weir_time_text(e->time_s * WEIR_NS_PER_S, time), false);
	return r ? r : put(b, "text", e->text, false);
}

static int add_series(const struct signals_series *s, struct weir_buf *b)
{
	weir_auto_free char *text = weir_strf("%s%s", s->name, s->labels);
	int r = text ? put(b, "source", s->query, false) : -ENOMEM;

	return r ? r : put(b, "text", text, false);
}

static int add_match(const struct signals_match *m, void *arg)
{
	struct relating *rl = arg;
	int r = weir_buf_addf(rl->b, "%s", rl->count++ ? "," : "");

	r = r ? r : put(rl->b, "relation", m->text, true);
	if (!r)
		r = m->event ? add_event(m->event, rl->b) : add_series(m->series, rl->b);
	return r ? r : weir_buf_add(rl->b, "}", 1);
}

int live_related(const struct signals *s, const struct weir_finding *f, struct weir_buf *ret)
{
	const struct signals_subject subject = {.namespace = f->subject.namespace, .workload = f->subject.name,
						.peer = f->has_peer && f->peer.len == ADDRESS_BITS ? &f->peer.addr : NULL};
	weir_auto_buf struct weir_buf items = {0};
	struct relating rl = {.b = &items};
	size_t all = 0;
	int r = s ? signals_join(s, &subject, f->since_s, f->last_s, LIVE_RELATED_MAX, add_match, &rl, &all) : 0;

	if (r || !rl.count)
		return r;
	return weir_buf_addf(ret, ",\"related\":[%s],\"related_all\":%zu", (const char *)items.data, all);
}
