/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/revoked.h"

#include "lib/os/file.h"

#define LIST_MAX ((size_t)WEIR_REVOKED_MAX * 128)

struct weir_revoked {
	size_t count;
	uint8_t (*keys)[WEIR_KEY_LEN]; /* sorted */
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, WEIR_KEY_LEN);
}

void weir_revoked_free(struct weir_revoked *l)
{
	if (!l)
		return;
	free(l->keys);
	free(l);
}

static void revoked_freep(struct weir_revoked **l)
{
	weir_revoked_free(*l);
}

static int take_line(struct weir_revoked *l, char *line)
{
	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return 0;
	line[strcspn(line, " \t\r")] = '\0';
	if (l->count == WEIR_REVOKED_MAX)
		return -E2BIG;
	return weir_pub_parse(line, l->keys[l->count]) ? -EBADMSG : (l->count++, 0);
}

static int parse(struct weir_revoked *l, const char *path, char *text, struct weir_err *err)
{
	size_t lines = 1, at = 1;
	char *rest = text, *line;
	int r = 0;

	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	l->keys = calloc(WEIR_MIN(lines, (size_t)WEIR_REVOKED_MAX), sizeof(*l->keys));
	if (!l->keys)
		return -ENOMEM;
	for (; !r && (line = strsep(&rest, "\n")); at++)
		r = take_line(l, line);
	if (r)
		return weir_err_set(err, r, "%s:%zu: %s", path, at - 1,
				    r == -E2BIG ? "more keys than a list may hold" :
						  "is no key; want ed25519:<base64>, then what it is");
	qsort(l->keys, l->count, sizeof(*l->keys), compare);
	return 0;
}

int weir_revoked_load(const char *path, struct weir_revoked **ret, struct weir_err *err)
{
	weir_cleanup(revoked_freep) struct weir_revoked *l = calloc(1, sizeof(*l));
	weir_auto_free char *text = NULL;
	size_t len;
	int r = 0;

	if (!l)
		return -ENOMEM;
	if (path && *path) {
		r = weir_file_read(path, LIST_MAX, &text, &len);
		if (r)
			return weir_err_set(err, r, "%s: cannot read the list of revoked keys: %s", path, strerror(-r));
		if (strlen(text) != len)
			return weir_err_set(err, -EBADMSG, "%s: is no list of revoked keys", path);
		r = parse(l, path, text, err);
	}
	if (!r)
		*ret = weir_take_ptr(l);
	return r;
}

size_t weir_revoked_count(const struct weir_revoked *l)
{
	return l ? l->count : 0;
}

bool weir_revoked_has(const struct weir_revoked *l, const uint8_t key[WEIR_KEY_LEN])
{
	return l && l->count && bsearch(key, l->keys, l->count, sizeof(*l->keys), compare);
}
