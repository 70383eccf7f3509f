/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suricata's EVE: a JSON object a line, with timestamp, event_type, the five-tuple, and an object named as the type (EVE JSON
 * Format, in Suricata's documentation). What each type has to say is a row of a table.
 */
#include "aggregator/signals_impl.h"

#include <inttypes.h>

/* Parts of a text, one after the other. */
struct line {
	char text[4 * SIGNALS_TEXT_MAX];
	size_t used;
};

static void WEIR_PRINTF(2, 3) say(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->used, sizeof(l->text) - l->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->used = WEIR_MIN(l->used + (size_t)n, sizeof(l->text) - 1);
}

/* " LABEL VALUE", when there is one. */
static void say_field(struct line *l, const json_t *o, const char *key, const char *label)
{
	const json_t *v = json_object_get(o, key);

	if (json_is_string(v) && *json_string_value(v))
		say(l, "%s%s", label, json_string_value(v));
	else if (json_is_integer(v))
		say(l, "%s%" JSON_INTEGER_FORMAT, label, json_integer_value(v));
}

/* Suricata's 1 is its highest; 255 is of rules that set none. */
static enum signals_severity alert(const json_t *o, struct line *l)
{
	json_int_t v = json_integer_value(json_object_get(o, "severity"));

	say_field(l, o, "signature", "");
	say_field(l, o, "category", " [");
	if (*signals_string(o, "category"))
		say(l, "]");
	say_field(l, o, "signature_id", " sid ");
	say_field(l, o, "action", ", ");
	return v == 1 ? SIGNALS_HIGH : v == 2 ? SIGNALS_MEDIUM : SIGNALS_LOW;
}

static enum signals_severity anomaly(const json_t *o, struct line *l)
{
	say(l, "anomaly");
	say_field(l, o, "type", " ");
	say_field(l, o, "event", ": ");
	say_field(l, o, "layer", " in ");
	return SIGNALS_LOW;
}

static enum signals_severity flow(const json_t *o, struct line *l)
{
	say(l, "flow");
	say_field(l, o, "state", " ");
	say_field(l, o, "reason", ", ");
	say_field(l, o, "bytes_toserver", ": bytes to server ");
	say_field(l, o, "bytes_toclient", ", to client ");
	return SIGNALS_INFO;
}

/* Version 3 has a list of queries, those before the fields themselves. */
static enum signals_severity dns(const json_t *o, struct line *l)
{
	const json_t *query = json_array_get(json_object_get(o, "queries"), 0);

	query = query ? query : o;
	say(l, "dns");
	say_field(l, o, "type", " ");
	say_field(l, query, "rrtype", " ");
	say_field(l, query, "rrname", " ");
	say_field(l, o, "rcode", ": ");
	return SIGNALS_INFO;
}

static enum signals_severity tls(const json_t *o, struct line *l)
{
	say(l, "tls");
	say_field(l, o, "version", " ");
	say_field(l, o, "sni", " to ");
	say_field(l, o, "subject", ", certificate of ");
	return SIGNALS_INFO;
}

static enum signals_severity http(const json_t *o, struct line *l)
{
	say(l, "http");
	say_field(l, o, "http_method", " ");
	say_field(l, o, "hostname", " ");
	say_field(l, o, "url", "");
	say_field(l, o, "status", ": ");
	return SIGNALS_INFO;
}

static enum signals_severity fileinfo(const json_t *o, struct line *l)
{
	say(l, "file");
	say_field(l, o, "filename", " ");
	say_field(l, o, "size", ", bytes ");
	return SIGNALS_INFO;
}

static const struct {
	const char *type;
	enum signals_severity (*tell)(const json_t *o, struct line *l);
} types[] = {
	{"alert", alert}, {"anomaly", anomaly}, {"flow", flow}, {"dns", dns}, {"tls", tls}, {"http", http}, {"fileinfo", fileinfo},
};

static void addresses(const json_t *o, struct signals_event *e)
{
	e->has_src = !weir_addr_parse(signals_string(o, "src_ip"), &e->src);
	e->has_dst = !weir_addr_parse(signals_string(o, "dest_ip"), &e->dst);
	e->src_port = signals_port(json_object_get(o, "src_port"));
	e->dst_port = signals_port(json_object_get(o, "dest_port"));
	signals_printable(e->proto, sizeof(e->proto), signals_string(o, "proto"));
}

static int parse(const json_t *o, struct signals_event *e, enum signals_drop *ret_why)
{
	const char *type = signals_string(o, "event_type");
	struct line l = {.used = 0};
	size_t i = 0;

	*ret_why = SIGNALS_NO_TIME;
	if (signals_time_text(signals_string(o, "timestamp"), false, &e->time_s))
		return -EBADMSG;
	*ret_why = SIGNALS_NO_TEXT;
	if (!*type)
		return -EBADMSG;
	signals_printable(e->type, sizeof(e->type), type);
	addresses(o, e);
	while (i < WEIR_ARRAY_SIZE(types) && strcmp(types[i].type, type))
		i++;
	if (i < WEIR_ARRAY_SIZE(types))
		e->severity = types[i].tell(json_object_get(o, type), &l);
	if (!l.used)
		say(&l, "%s", type);
	/* What two ends did not do is no event of traffic (stats, engine's own notes), and an alert's text is the rule's. */
	*ret_why = SIGNALS_NO_TRAFFIC;
	if (!e->has_src && !e->has_dst && e->severity == SIGNALS_INFO)
		return -EBADMSG;
	signals_printable(e->text, sizeof(e->text), l.text);
	return 0;
}

int signals_eve_parse(const char *line, size_t len, struct signals_event *ret, enum signals_drop *ret_why)
{
	struct signals_event e = {.time_s = 0};
	json_t *o = signals_object(line, len);
	int r = o ? parse(o, &e, ret_why) : -EBADMSG;

	if (!o)
		*ret_why = SIGNALS_NOT_JSON;
	json_decref(o);
	if (!r)
		*ret = e;
	return r;
}
