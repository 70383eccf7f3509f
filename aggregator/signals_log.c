/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of JSON lines, of any program: the settings say which field is what. */
#include "aggregator/signals_impl.h"

#include <strings.h>

#define PATH_DEPTH 8
#define FIELD_MAX 128

static const char *const field_names[SIGNALS_FIELDS] = {"time", "text", "level", "address", "peer", "namespace", "workload", "pod"};

/* Words of logging libraries; by their first letters, so that WARN and warning are one. */
static const struct {
	const char *word;
	enum signals_severity severity;
} words[] = {
	{"emerg", SIGNALS_HIGH}, {"alert", SIGNALS_HIGH}, {"crit", SIGNALS_HIGH},    {"fatal", SIGNALS_HIGH}, {"panic", SIGNALS_HIGH},
	{"err", SIGNALS_HIGH},	 {"sev", SIGNALS_HIGH},	  {"warn", SIGNALS_MEDIUM}, {"notice", SIGNALS_LOW},
};

void signals_log_spec_fini(struct signals_log_spec *l)
{
	free(l->name);
	free(l->path);
	for (size_t i = 0; i < SIGNALS_FIELDS; i++)
		free(l->fields[i]);
	*l = (struct signals_log_spec){0};
}

static size_t dots(const char *s, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += s[i] == '.';
	return count;
}

/* "time=ts" of n bytes. */
static int spec_field(struct signals_log_spec *l, const char *s, size_t n, const char **ret_wrong)
{
	const char *eq = memchr(s, '=', n);
	size_t i = 0, key = eq ? (size_t)(eq - s) : n;

	while (i < SIGNALS_FIELDS && (strlen(field_names[i]) != key || strncmp(field_names[i], s, key)))
		i++;
	*ret_wrong = "a field is none of time, text, level, address, peer, namespace, workload and pod";
	if (!eq || i == SIGNALS_FIELDS)
		return -EINVAL;
	*ret_wrong = "a field is named twice";
	if (l->fields[i])
		return -EINVAL;
	*ret_wrong = "a field has no name in the log, or one of more than 8 parts or 127 bytes";
	if (key + 1 == n || n - key > FIELD_MAX || dots(eq + 1, n - key - 1) >= PATH_DEPTH)
		return -EINVAL;
	l->fields[i] = strndup(eq + 1, n - key - 1);
	return l->fields[i] ? 0 : -ENOMEM;
}

static int spec_parse(const char *entry, struct signals_log_spec *l, const char **ret_wrong)
{
	size_t name = signals_name_length(entry);
	const char *path = entry + name + 1, *colon = name ? strrchr(path, ':') : NULL;
	int r = 0;

	*ret_wrong = "write NAME=PATH:time=FIELD,text=FIELD, the name of a-z, 0-9 and -";
	if (!colon || colon == path)
		return -EINVAL;
	*ret_wrong = "its path must begin with /";
	if (*path != '/')
		return -EINVAL;
	l->name = strndup(entry, name);
	l->path = strndup(path, (size_t)(colon - path));
	if (!l->name || !l->path)
		return -ENOMEM;
	for (const char *s = colon + 1; !r && *s;) {
		size_t n = strcspn(s, ",");

		r = spec_field(l, s, n, ret_wrong);
		s += n + (s[n] == ',');
	}
	if (r)
		return r;
	*ret_wrong = "it must say which fields are time and text";
	return l->fields[SIGNALS_F_TIME] && l->fields[SIGNALS_F_TEXT] ? 0 : -EINVAL;
}

int signals_log_spec(const char *entry, struct signals_log_spec *ret, const char **ret_wrong)
{
	struct signals_log_spec l = {0};
	int r = spec_parse(entry, &l, ret_wrong);

	if (r)
		signals_log_spec_fini(&l);
	else
		*ret = l;
	return r;
}

/* "a.b.c": a key of that name, or c in b in a, or any mix: some logs have dots in their keys, others objects. */
static const json_t *look(const json_t *o, const char *path)
{
	const json_t *v = json_object_get(o, path);

	for (const char *dot = strchr(path, '.'); !v && dot; dot = strchr(dot + 1, '.')) {
		char key[FIELD_MAX];

		snprintf(key, sizeof(key), "%.*s", (int)(dot - path), path);
		v = look(json_object_get(o, key), dot + 1);
	}
	return v;
}

static const json_t *field(const struct signals_log_spec *l, const json_t *o, enum signals_field f)
{
	return l->fields[f] ? look(o, l->fields[f]) : NULL;
}

static const char *field_text(const struct signals_log_spec *l, const json_t *o, enum signals_field f)
{
	const char *s = json_string_value(field(l, o, f));

	return s ? s : "";
}

static int time_of(const json_t *v, uint64_t *ret)
{
	const char *s = json_string_value(v);
	char *end;
	double d;

	if (json_is_number(v))
		return signals_time_number(json_number_value(v), ret);
	if (!s || !signals_time_text(s, true, ret))
		return s ? 0 : -EINVAL;
	d = strtod(s, &end);
	return *s >= '0' && *s <= '9' && !*end ? signals_time_number(d, ret) : -EINVAL;
}

/* Numbers of up to 7 are syslog's, down to 0, the worst; from 10 on those of Bunyan and Pino, up to 60. */
static enum signals_severity level_of(const json_t *v)
{
	const char *s = json_string_value(v);
	json_int_t n = json_integer_value(v);

	for (size_t i = 0; s && i < WEIR_ARRAY_SIZE(words); i++)
		if (!strncasecmp(s, words[i].word, strlen(words[i].word)))
			return words[i].severity;
	if (!json_is_integer(v))
		return SIGNALS_INFO;
	if (n >= 0 && n <= 7)
		return n <= 3 ? SIGNALS_HIGH : n == 4 ? SIGNALS_MEDIUM : n == 5 ? SIGNALS_LOW : SIGNALS_INFO;
	return n >= 50 ? SIGNALS_HIGH : n >= 40 ? SIGNALS_MEDIUM : SIGNALS_INFO;
}

static int parse(const struct signals_log_spec *l, const json_t *o, struct signals_event *e, enum signals_drop *ret_why)
{
	const char *workload = field_text(l, o, SIGNALS_F_WORKLOAD);

	*ret_why = SIGNALS_NO_TIME;
	if (time_of(field(l, o, SIGNALS_F_TIME), &e->time_s))
		return -EBADMSG;
	signals_printable(e->text, sizeof(e->text), field_text(l, o, SIGNALS_F_TEXT));
	*ret_why = SIGNALS_NO_TEXT;
	if (!*e->text)
		return -EBADMSG;
	strcpy(e->type, "log");
	e->severity = level_of(field(l, o, SIGNALS_F_LEVEL));
	e->has_src = signals_address(field_text(l, o, SIGNALS_F_ADDRESS), &e->src, &e->src_port);
	e->has_dst = signals_address(field_text(l, o, SIGNALS_F_PEER), &e->dst, &e->dst_port);
	signals_printable(e->namespace, sizeof(e->namespace), field_text(l, o, SIGNALS_F_NAMESPACE));
	signals_printable(e->workload, sizeof(e->workload), *workload ? workload : field_text(l, o, SIGNALS_F_POD));
	return 0;
}

int signals_log_parse(const struct signals_log_spec *spec, const char *line, size_t len, struct signals_event *ret,
		      enum signals_drop *ret_why)
{
	struct signals_event e = {.time_s = 0};
	json_t *o = signals_object(line, len);
	int r = o ? parse(spec, o, &e, ret_why) : -EBADMSG;

	if (!o)
		*ret_why = SIGNALS_NOT_JSON;
	json_decref(o);
	if (!r)
		*ret = e;
	return r;
}
