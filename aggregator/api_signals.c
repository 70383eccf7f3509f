/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about signals of others. */
#include "aggregator/api.h"
#include "aggregator/signals.h"

#include <arpa/inet.h>
#include <math.h>

#define EVENTS_DEFAULT 20

static json_t *dropped_of(const struct signals_about *a)
{
	json_t *o = json_object();

	for (enum signals_drop d = 0; o && d < SIGNALS_DROPS; d++)
		if (a->dropped[d] && json_object_set_new(o, signals_drop_name(d), json_integer((json_int_t)a->dropped[d]))) {
			json_decref(o);
			o = NULL;
		}
	return o;
}

static json_t *source_of(const struct signals *s, size_t i)
{
	const struct signals_about *a = signals_about(s, i);
	json_int_t series = 0;

	for (size_t k = 0; k < signals_series(s); k++)
		series += !strcmp(signals_series_at(s, k)->query, a->name) && !strcmp(a->kind, "prometheus");
	return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:s,s:I}", "name", a->name, "kind", a->kind, "what", a->what, "state",
			 signals_state_name(a->state), "ok_s", (json_int_t)a->ok_s, "read", (json_int_t)a->read, "taken", (json_int_t)a->taken,
			 "dropped", dropped_of(a), "series", series, "behind_bytes", (json_int_t)a->behind_bytes,
			 "failures", (json_int_t)a->failures, "error", a->error, "error_s", (json_int_t)a->error_s);
}

/* The last value that is not missing. */
static json_t *series_of(const struct signals_series *s)
{
	size_t last = s->n, missing = 0;
	json_t *o;

	for (size_t i = 0; i < s->n; i++)
		missing += isnan(s->values[i]);
	while (last && isnan(s->values[last - 1]))
		last--;
	o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I}", "query", s->query, "name", s->name, "labels", s->labels, "namespace", s->namespace,
		      "workload", s->workload, "step_s", (json_int_t)s->step_s, "from_s", (json_int_t)s->start_s, "points",
		      (json_int_t)(s->n - missing), "missing", (json_int_t)missing);
	if (o && last && (json_object_set_new(o, "last_s", json_integer((json_int_t)(s->start_s + (last - 1) * s->step_s))) ||
			  json_object_set_new(o, "last", json_real(s->values[last - 1])))) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

/* "10.0.0.1:443", "[2001:db8::1]:443"; "" = there is none. */
static const char *end_text(bool has, const struct weir_addr *a, uint16_t port, char buf[INET6_ADDRSTRLEN + 8])
{
	char addr[INET6_ADDRSTRLEN];

	*buf = '\0';
	if (!has)
		return buf;
	weir_addr_text(a, addr);
	if (!port)
		snprintf(buf, INET6_ADDRSTRLEN + 8, "%s", addr);
	else
		snprintf(buf, INET6_ADDRSTRLEN + 8, weir_addr_is_v4(a) ? "%s:%u" : "[%s]:%u", addr, port);
	return buf;
}

static json_t *event_of(const struct signals_event *e)
{
	char src[INET6_ADDRSTRLEN + 8], dst[INET6_ADDRSTRLEN + 8];

	return json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "time_s", (json_int_t)e->time_s, "source", e->source, "type", e->type,
			 "severity", signals_severity_name(e->severity), "src", end_text(e->has_src, &e->src, e->src_port, src), "dst",
			 end_text(e->has_dst, &e->dst, e->dst_port, dst), "proto", e->proto, "namespace", e->namespace, "workload", e->workload,
			 "text", e->text);
}

static int add(json_t *list, json_t *o)
{
	return o && !json_array_append_new(list, o) ? 0 : -ENOMEM;
}

int api_signals(struct api_call *c, json_t **ret)
{
	const struct signals *s = c->sv->signals;
	api_auto_json json_t *items = json_array(), *series = json_array(), *events = json_array();
	weir_auto_free const struct signals_event **newest = calloc(API_ITEMS_MAX, sizeof(*newest));
	uint64_t limit;
	size_t n;
	int r = api_u64(c, "limit", EVENTS_DEFAULT, 1, API_ITEMS_MAX, &limit);

	if (r)
		return r;
	if (!items || !series || !events || !newest)
		return -ENOMEM;
	for (size_t i = 0; !r && i < signals_sources(s); i++)
		r = add(items, source_of(s, i));
	for (size_t i = 0; !r && i < signals_series(s); i++)
		r = add(series, series_of(signals_series_at(s, i)));
	n = signals_newest(s, limit, newest);
	for (size_t i = 0; !r && i < n; i++)
		r = add(events, event_of(newest[i]));
	if (!r) {
		*ret = json_pack("{s:O,s:I,s:O,s:O}", "items", items, "events_kept", (json_int_t)signals_kept(s), "series", series, "events", events);
		r = *ret ? 0 : -ENOMEM;
	}
	return r;
}
