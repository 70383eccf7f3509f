/* SPDX-License-Identifier: Apache-2.0 */
/* Changes as YAML: what stands in it came from outside, so that every text is quoted or checked. */
#include <ctype.h>

#include "lib/ds/label.h"
#include "lib/money/rules_impl.h"

const char *rules_comment(struct weir_savings *s, const char *text)
{
	char out[256];
	size_t n = 0;

	for (; text[n] && n < sizeof(out) - 1; n++)
		out[n] = (unsigned char)text[n] < ' ' || text[n] == 0x7f ? '?' : text[n];
	out[n] = 0;
	return rules_text(s, "%s", out);
}

const char *rules_lower(struct weir_savings *s, const char *text)
{
	char out[64];
	size_t n = 0;

	for (; text[n] && n < sizeof(out) - 1; n++)
		out[n] = (char)tolower((unsigned char)text[n]);
	out[n] = 0;
	return rules_text(s, "%s", out);
}

/* Plain where every reader takes it for a text: not "no", "1e3" or "0x1f". */
const char *rules_scalar(struct weir_savings *s, const char *text)
{
	static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", NULL};
	weir_auto_free char *out = malloc(2 * strlen(text) + 3);
	bool plain = isalpha((unsigned char)*text) != 0;
	size_t n = 0;

	for (const char *p = text; *p && plain; p++)
		plain = isalnum((unsigned char)*p) || strchr("._/-", *p);
	for (const char *const *w = words; *w && plain; w++)
		plain = strcasecmp(*w, text) != 0;
	if (plain)
		return rules_text(s, "%s", text);
	if (!out) {
		s->r = -ENOMEM;
		return "";
	}
	out[n++] = '"';
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			out[n++] = '\\';
		out[n++] = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p;
	}
	out[n++] = '"';
	out[n] = 0;
	return rules_text(s, "%s", out);
}

void rules_yaml(struct weir_savings *s, struct rules_draft *d, enum weir_saving_format format, const char *text)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_err err = {0};

	if (weir_ydoc_parse(text, strlen(text), d->pub.id, &doc, &err) < 0)
		rules_hold(s, d, "its names cannot be written as YAML: %s", err.text);
	rules_file(s, d, format, text);
}

/* Labels as the store has them, {"app":"web"}, or as people write them, app=web,tier=front; an object, the caller's. */
json_t *rules_label_map(const char *labels)
{
	json_t *o = *labels == '{' ? json_loads(labels, 0, NULL) : json_object();

	while (*labels && *labels != '{') {
		size_t n = strcspn(labels, ","), key = strcspn(labels, "=,");
		weir_auto_free char *k = key < n ? strndup(labels, key) : NULL;

		if (k)
			json_object_set_new(o, k, json_stringn(labels + key + 1, n - key - 1));
		labels += n + (labels[n] == ',');
	}
	return o;
}

const char *rules_labels(struct weir_savings *s, const char *labels)
{
	weir_cleanup(rules_json_freep) json_t *o = rules_label_map(labels);
	const char *list = "", *k;
	json_t *v;

	json_object_foreach(o, k, v)
		if (*k && !weir_label_passes(k) && json_is_string(v))
			list = rules_text(s, "%s%s%s: %s", list, *list ? ", " : "", rules_scalar(s, k),
					  rules_scalar(s, json_string_value(v)));
	return list;
}
