/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML tree: nodes, messages with their place, and reading maps by key. */
#include "lib/conf/tree.h"

#include "lib/os/file.h"

#define PATH_MAX_TEXT 200

static void node_free(struct weir_y *y)
{
	for (size_t i = 0; i < y->asked_count; i++)
		free(y->asked[i]);
	free(y->asked);
	free(y->items);
	free(y->text);
	free(y->key);
	free(y);
}

void weir_ydoc_free(struct weir_ydoc *d)
{
	if (!d)
		return;
	while (d->nodes) {
		struct weir_y *y = d->nodes;

		d->nodes = y->next;
		node_free(y);
	}
	free(d->roots);
	free(d->name);
	free(d);
}

static int append(struct weir_y ***items, size_t *count, size_t *cap, struct weir_y *y)
{
	if (*count == *cap) {
		size_t want = *cap ? *cap * 2 : 8;
		struct weir_y **more = reallocarray(*items, want, sizeof(*more));

		if (!more)
			return -ENOMEM;
		*items = more;
		*cap = want;
	}
	(*items)[(*count)++] = y;
	return 0;
}

int weir_y_add(struct weir_ydoc *d, struct weir_y *parent, enum weir_y_kind kind,
	       struct weir_y **ret)
{
	struct weir_y *y = calloc(1, sizeof(*y));
	size_t cap;
	int r;

	if (!y)
		return -ENOMEM;
	y->doc = d;
	y->parent = parent;
	y->kind = kind;
	if (parent) {
		y->index = parent->count;
		r = append(&parent->items, &parent->count, &parent->cap, y);
	} else {
		cap = d->root_count; /* documents are few: grow by one */
		r = append(&d->roots, &d->root_count, &cap, y);
	}
	if (r < 0) {
		free(y);
		return r;
	}
	y->next = d->nodes;
	d->nodes = y;
	d->node_count++;
	*ret = y;
	return 0;
}

int weir_ydoc_load(const char *path, struct weir_ydoc **ret, struct weir_err *err)
{
	weir_auto_free char *text = NULL;
	size_t len = 0;
	int r;

	r = weir_file_read(path, WEIR_Y_MAX_BYTES, &text, &len);
	if (r == -EFBIG)
		return weir_err_set(err, -EINVAL, "%s:1:1 .: file is larger than 1 MiB", path);
	if (r < 0)
		return weir_err_set(err, r, "%s:1:1 .: cannot read: %s", path, strerror(-r));
	return weir_ydoc_parse(text, len, path, ret, err);
}

size_t weir_ydoc_count(const struct weir_ydoc *d)
{
	return d->root_count;
}

struct weir_y *weir_ydoc_root(const struct weir_ydoc *d, size_t i)
{
	return i < d->root_count ? d->roots[i] : NULL;
}

enum weir_y_kind weir_y_kind(const struct weir_y *y)
{
	return y->kind;
}

const char *weir_y_file(const struct weir_y *y)
{
	return y->doc->name;
}

uint32_t weir_y_line(const struct weir_y *y)
{
	return y->line;
}

/* "spec.subnets[2].zone"; the root is ".". Depth is bounded, so is the recursion. */
static void path_text(const struct weir_y *y, char *buf, size_t size)
{
	size_t used;

	if (!y || !y->parent) {
		buf[0] = '\0';
		return;
	}
	path_text(y->parent, buf, size);
	used = strlen(buf);
	if (y->parent->kind == WEIR_Y_SEQ)
		snprintf(buf + used, size - used, "[%u]", y->index);
	else
		snprintf(buf + used, size - used, "%s%.60s", used ? "." : "", y->key);
}

/* One failure is one line, whatever bytes the file held. */
static void one_line(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

int weir_y_err_at(const struct weir_ydoc *d, const struct weir_y *y, uint32_t line, uint32_t col,
		  struct weir_err *err, const char *fmt, va_list ap)
{
	char path[PATH_MAX_TEXT], what[300];

	path_text(y, path, sizeof(path));
	vsnprintf(what, sizeof(what), fmt, ap);
	one_line(path);
	one_line(what);
	return weir_err_set(err, -EINVAL, "%s:%u:%u %s: %s", d->name, line, col,
			    path[0] ? path : ".", what);
}

int weir_y_err(const struct weir_y *y, struct weir_err *err, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = weir_y_err_at(y->doc, y, y->line, y->col, err, fmt, ap);
	va_end(ap);
	return r;
}

/* Best effort: the names only make the message of weir_y_end() more helpful. */
static void remember(struct weir_y *y, const char *key)
{
	for (size_t i = 0; i < y->asked_count; i++)
		if (!strcmp(y->asked[i], key))
			return;
	if (!y->asked)
		y->asked = calloc(WEIR_Y_MAX_ASKED, sizeof(*y->asked));
	if (!y->asked || y->asked_count == WEIR_Y_MAX_ASKED)
		return;
	y->asked[y->asked_count] = strdup(key);
	if (y->asked[y->asked_count])
		y->asked_count++;
}

struct weir_y *weir_y_find(struct weir_y *y, const char *key)
{
	if (y->kind != WEIR_Y_MAP)
		return NULL;
	remember(y, key);
	for (size_t i = 0; i < y->count; i++) {
		if (!strcmp(y->items[i]->key, key)) {
			y->items[i]->known = true;
			return y->items[i];
		}
	}
	return NULL;
}

int weir_y_get(struct weir_y *y, const char *key, struct weir_y **ret, struct weir_err *err)
{
	struct weir_y *v;
	int r;

	r = weir_y_map(y, err);
	if (r < 0)
		return r;
	v = weir_y_find(y, key);
	if (!v)
		return weir_y_err(y, err, "'%s' is missing", key);
	*ret = v;
	return 0;
}

int weir_y_map(struct weir_y *y, struct weir_err *err)
{
	if (y->kind == WEIR_Y_MAP)
		return 0;
	return weir_y_err(y, err, "must be a map of keys and values");
}

int weir_y_seq(struct weir_y *y, struct weir_err *err)
{
	if (y->kind == WEIR_Y_SEQ)
		return 0;
	return weir_y_err(y, err, "must be a list");
}

static int unknown(const struct weir_y *child, struct weir_err *err, const char *fmt, ...)
	WEIR_PRINTF(3, 4);
static int unknown(const struct weir_y *child, struct weir_err *err, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = weir_y_err_at(child->doc, child->parent, child->key_line, child->key_col, err, fmt, ap);
	va_end(ap);
	return r;
}

int weir_y_end(struct weir_y *y, struct weir_err *err)
{
	char known[200] = "";
	int r;

	r = weir_y_map(y, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < y->asked_count; i++) {
		size_t used = strlen(known);

		snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "", y->asked[i]);
	}
	for (size_t i = 0; i < y->count; i++)
		if (!y->items[i]->known)
			return unknown(y->items[i], err, "unknown field '%.60s'; known: %s",
				       y->items[i]->key, known);
	return 0;
}

size_t weir_y_count(const struct weir_y *y)
{
	return y->count;
}

struct weir_y *weir_y_item(const struct weir_y *y, size_t i)
{
	return i < y->count ? y->items[i] : NULL;
}

const char *weir_y_key(const struct weir_y *y, size_t i)
{
	return y->kind == WEIR_Y_MAP && i < y->count ? y->items[i]->key : NULL;
}

static int expect(struct weir_y *map, const char *key, const char *want, struct weir_err *err)
{
	const char *const names[] = {want, NULL};
	unsigned int index;
	struct weir_y *y;
	int r;

	r = weir_y_get(map, key, &y, err);
	return r < 0 ? r : weir_y_enum(y, names, &index, err);
}

int weir_y_head(struct weir_y *doc, const char *kind, struct weir_y **ret_spec,
		struct weir_err *err)
{
	struct weir_y *metadata, *name = NULL, *spec = NULL;
	const char *text;
	int r;

	r = expect(doc, "apiVersion", "weir.dev/v1alpha1", err);
	if (r == 0)
		r = expect(doc, "kind", kind, err);
	if (r == 0)
		r = weir_y_get(doc, "metadata", &metadata, err);
	if (r == 0)
		r = weir_y_get(metadata, "name", &name, err);
	if (r == 0)
		r = weir_y_str(name, &text, err);
	if (r == 0)
		r = weir_y_end(metadata, err);
	if (r == 0)
		r = weir_y_get(doc, "spec", &spec, err);
	if (r == 0)
		r = weir_y_map(spec, err);
	if (r == 0)
		r = weir_y_end(doc, err);
	if (r == 0)
		*ret_spec = spec;
	return r;
}
