/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifest text, both ways. There is one spelling of a manifest: what was parsed is written again
 * and must give the same bytes, so that nothing can hide in what approvers sign.
 */
#include <ctype.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/policy/bundle.h"

#define MAX_CLASSES 2048 /* WEIR_MANIFEST_MAX / the shortest line, roughly */

void weir_manifest_fini(struct weir_manifest *m)
{
	free(m->classes);
	*m = (struct weir_manifest){0};
}

static int write_text(const struct weir_manifest *m, struct weir_buf *out)
{
	char hex[2 * WEIR_SHA256_LEN + 1], from[32], to[32];
	int r;

	weir_time_text(m->not_before_s * WEIR_NS_PER_S, from);
	weir_time_text(m->not_after_s * WEIR_NS_PER_S, to);
	r = weir_buf_addf(out,
			  "weir-manifest 1\nserial %llu\nsource %s\nnot-before %s\nnot-after %s\n",
			  (unsigned long long)m->serial,
			  weir_hex(m->source, sizeof(m->source), hex), from, to);
	if (r == 0 && m->key_epoch)
		r = weir_buf_addf(out, "key-epoch %llu\n", (unsigned long long)m->key_epoch);
	if (r == 0 && m->confirm_ms && m->confirm_ms != WEIR_CONFIRM_MS)
		r = weir_buf_addf(out, "confirm-within-ms %llu\n", (unsigned long long)m->confirm_ms);
	if (r == 0 && m->shadow)
		r = weir_buf_addf(out, "stage shadow\n");
	for (size_t i = 0; r == 0 && i < m->class_count; i++)
		r = weir_buf_addf(out, "class %s %s %llu\n", m->classes[i].name,
				  weir_hex(m->classes[i].digest, sizeof(m->classes[i].digest), hex),
				  (unsigned long long)m->classes[i].bytes);
	return r;
}

int weir_manifest_text(const struct weir_manifest *m, struct weir_buf *ret)
{
	weir_auto_buf struct weir_buf out = {.max = WEIR_MANIFEST_MAX};
	int r = write_text(m, &out);

	if (r < 0)
		return r;
	*ret = out;
	out = (struct weir_buf){0};
	return 0;
}

static bool parse_u64(const char *s, uint64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)*s) || strlen(s) > 18)
		return false;
	*ret = strtoull(s, &end, 10);
	return *end == '\0';
}

static bool parse_time(const char *s, uint64_t *ret)
{
	struct tm tm = {0};
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);
	time_t t;

	if (!end || *end)
		return false;
	t = timegm(&tm);
	if (t < 0)
		return false;
	*ret = (uint64_t)t;
	return (uint64_t)t < UINT64_MAX / WEIR_NS_PER_S;
}

static bool parse_class(char *s, struct weir_class_ref *ret)
{
	char *save, *name = strtok_r(s, " ", &save);
	char *hash = strtok_r(NULL, " ", &save), *bytes = strtok_r(NULL, " ", &save);

	return bytes && weir_strcpy(ret->name, sizeof(ret->name), name) == 0 &&
	       weir_unhex(hash, ret->digest, sizeof(ret->digest)) == 0 &&
	       parse_u64(bytes, &ret->bytes);
}

static int add_class(char *value, struct weir_manifest *m)
{
	struct weir_class_ref *grown;

	if (m->class_count == MAX_CLASSES)
		return -EBADMSG;
	grown = reallocarray(m->classes, m->class_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	m->classes = grown;
	grown[m->class_count] = (struct weir_class_ref){0};
	if (!parse_class(value, &grown[m->class_count]))
		return -EBADMSG;
	if (m->class_count &&
	    strcmp(grown[m->class_count - 1].name, grown[m->class_count].name) >= 0)
		return -EBADMSG;
	m->class_count++;
	return 0;
}

static int parse_line(const char *key, char *value, struct weir_manifest *m)
{
	bool ok;

	if (strcmp(key, "class") == 0)
		return add_class(value, m);
	if (strcmp(key, "weir-manifest") == 0)
		ok = strcmp(value, "1") == 0;
	else if (strcmp(key, "serial") == 0)
		ok = parse_u64(value, &m->serial) && m->serial > 0;
	else if (strcmp(key, "key-epoch") == 0)
		ok = parse_u64(value, &m->key_epoch) && m->key_epoch <= WEIR_KEY_EPOCH_MAX;
	else if (strcmp(key, "confirm-within-ms") == 0)
		ok = parse_u64(value, &m->confirm_ms) && m->confirm_ms >= WEIR_CONFIRM_MS_MIN &&
		     m->confirm_ms <= WEIR_CONFIRM_MS_MAX;
	else if (strcmp(key, "stage") == 0)
		ok = m->shadow = strcmp(value, "shadow") == 0;
	else if (strcmp(key, "source") == 0)
		ok = weir_unhex(value, m->source, sizeof(m->source)) == 0;
	else if (strcmp(key, "not-before") == 0)
		ok = parse_time(value, &m->not_before_s);
	else if (strcmp(key, "not-after") == 0)
		ok = parse_time(value, &m->not_after_s);
	else
		ok = false;
	return ok ? 0 : -EBADMSG;
}

static bool same_text(const struct weir_manifest *m, const char *text, size_t len)
{
	weir_auto_buf struct weir_buf again = {0};

	return write_text(m, &again) == 0 && again.len == len && memcmp(again.data, text, len) == 0;
}

int weir_manifest_parse(const char *text, size_t len, struct weir_manifest *ret,
			struct weir_err *err)
{
	weir_cleanup(weir_manifest_fini) struct weir_manifest m = {0};
	weir_auto_free char *copy = NULL;
	unsigned int line_number = 0;
	char *save, *line;

	if (len > WEIR_MANIFEST_MAX)
		return weir_err_set(err, -EBADMSG, "manifest of %zu bytes is over %u", len,
				    WEIR_MANIFEST_MAX);
	copy = strndup(text, len);
	if (!copy)
		return -ENOMEM;
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');
		int r = -EBADMSG;

		line_number++;
		if (value) {
			*value++ = '\0';
			r = parse_line(line, value, &m);
		}
		if (r == -EBADMSG)
			return weir_err_set(err, r, "manifest line %u is wrong", line_number);
		if (r < 0)
			return r;
	}
	if (!same_text(&m, text, len))
		return weir_err_set(err, -EBADMSG, "manifest is not in its canonical form");
	*ret = m;
	m = (struct weir_manifest){0};
	return 0;
}
