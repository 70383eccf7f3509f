/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells of a FOCUS row as the official validator can read them too: a point in every decimal, times in UTC with T and Z,
 * ASCII alone, JSON flat.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <time.h>

#include "lib/money/focus_export_impl.h"

#define DIGITS_MAX 36 /* behind the point, as many as weir_decimal reads */

static int begin(struct focus_writer *w, enum weir_focus_col c)
{
	w->at[c] = w->text.len;
	w->set[c] = true;
	return 0;
}

static int end(struct focus_writer *w)
{
	return weir_buf_add(&w->text, "", 1);
}

int focus_set(struct focus_writer *w, enum weir_focus_col c, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	begin(w, c);
	return len < 0 || (size_t)len >= sizeof(text) ? -ENAMETOOLONG : weir_buf_add(&w->text, text, (size_t)len + 1);
}

int focus_set_text(struct focus_writer *w, enum weir_focus_col c, const char *prefix, const char *text)
{
	int r;

	if (!text || !*text)
		return 0;
	begin(w, c);
	r = weir_buf_add(&w->text, prefix, strlen(prefix));
	for (const unsigned char *p = (const unsigned char *)text; !r && *p; p++)
		r = *p < 0x20 || *p >= 0x7f ? weir_buf_addf(&w->text, "%%%02X", *p) : weir_buf_add(&w->text, p, 1);
	return r ? r : end(w);
}

char *focus_number(uint64_t num, uint64_t den, char buf[FOCUS_NUMBER_MAX])
{
	size_t n = (size_t)snprintf(buf, FOCUS_NUMBER_MAX, "%" PRIu64 ".", num / den), first = n;
	unsigned __int128 left = num % den;

	do {
		left *= 10;
		buf[n++] = (char)('0' + (int)(left / den));
		left %= den;
	} while (left && n < first + DIGITS_MAX);
	buf[n] = '\0';
	return buf;
}

char *focus_money(int64_t nanos, char buf[FOCUS_NUMBER_MAX])
{
	buf[0] = '-';
	focus_number(nanos < 0 ? 0 - (uint64_t)nanos : (uint64_t)nanos, 1000000000, buf + (nanos < 0));
	return buf;
}

int focus_set_money(struct focus_writer *w, enum weir_focus_col c, int64_t nanos)
{
	char buf[FOCUS_NUMBER_MAX + 1];

	return focus_set(w, c, "%s", focus_money(nanos, buf));
}

int focus_set_time(struct focus_writer *w, enum weir_focus_col c, uint64_t time_s)
{
	time_t t = (time_t)time_s;
	char text[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return focus_set(w, c, "%s", text);
}

int focus_set_json(struct focus_writer *w, enum weir_focus_col c, json_t *o)
{
	weir_auto_free char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;

	json_decref(o);
	if (!text)
		return -ENOMEM;
	begin(w, c);
	return weir_buf_add(&w->text, text, strlen(text) + 1);
}

/* What is no UTF-8 is no JSON either. */
static int tag(json_t *o, const char *key, size_t key_len, const char *value, size_t len)
{
	weir_auto_free char *name = strndup(key, key_len);
	json_t *v = json_stringn(value, len), *k = name ? json_string(name) : NULL;
	bool known = k != NULL;

	json_decref(k);
	if (!v && !(v = json_string("?")))
		return -ENOMEM;
	if (known)
		return json_object_set_new(o, name, v) ? -ENOMEM : 0;
	json_decref(v);
	return name ? 0 : -ENOMEM;
}

/* "a=b,c=d" */
static int add_pairs(json_t *o, const char *labels)
{
	int r = 0;

	for (const char *p = labels; !r && *p;) {
		size_t len = strcspn(p, ","), key = strcspn(p, "=,");

		if (key && key < len)
			r = tag(o, p, key, p + key + 1, len - key - 1);
		p += len + (p[len] == ',');
	}
	return r;
}

/* An object of texts, as the store has them. */
static int add_object(json_t *o, const char *labels)
{
	json_t *from = json_loads(labels, 0, NULL), *value;
	const char *key;
	int r = 0;

	json_object_foreach (from, key, value)
		if (!r && json_is_string(value))
			r = json_object_set(o, key, value) ? -ENOMEM : 0;
	json_decref(from);
	return r;
}

int focus_set_tags(struct focus_writer *w, enum weir_focus_col c, const struct weir_focus_charge *g)
{
	const struct {
		const char *key, *value;
	} own[] = {{"namespace", g->namespace}, {"team", g->team}, {"workload", g->workload}};
	json_t *o = json_object();
	int r = !o ? -ENOMEM : *g->labels == '{' ? add_object(o, g->labels) : add_pairs(o, g->labels);

	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(own); i++)
		if (*own[i].value)
			r = tag(o, own[i].key, strlen(own[i].key), own[i].value, strlen(own[i].value));
	if (!r)
		return focus_set_json(w, c, o);
	json_decref(o);
	return r;
}
