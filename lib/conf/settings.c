/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings from a table. Defaults take the same way as the file: each default is quoted, parsed and
 * read by the same typed reader, so a wrong default cannot hide.
 */
#include "lib/conf/settings.h"

#include "lib/conf/tree.h"
#include "lib/ds/buf.h"
#include "lib/os/file.h"

#define MAX_LIST 4096

static void *field(const struct weir_setting *row, void *conf)
{
	return (char *)conf + row->offset;
}

static int set_str(struct weir_y *y, const struct weir_setting *row, char **p, struct weir_err *err)
{
	const char *s = y->text;
	char *copy;
	int r;

	/* Empty means none, and only where none is the default. */
	if (y->kind != WEIR_Y_SCALAR || row->def[0]) {
		r = weir_y_str(y, &s, err);
		if (r < 0)
			return r;
	}
	copy = strdup(s);
	if (!copy)
		return -ENOMEM;
	free(*p);
	*p = copy;
	return 0;
}

static int set_strs(struct weir_y *y, char ***p, struct weir_err *err)
{
	weir_auto_strv char **list = NULL;
	int r;

	r = weir_y_seq(y, err);
	if (r < 0)
		return r;
	if (y->count > MAX_LIST)
		return weir_y_err(y, err, "more than %d items", MAX_LIST);
	list = calloc(y->count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < y->count; i++) {
		r = weir_y_dup(y->items[i], &list[i], err);
		if (r < 0)
			return r;
	}
	weir_strv_free(*p);
	*p = weir_take_ptr(list);
	return 0;
}

static int set_u32(struct weir_y *y, const struct weir_setting *row, uint32_t *p,
		   struct weir_err *err)
{
	uint64_t v;
	int r;

	r = weir_y_u64(y, row->min, row->max ? row->max : UINT32_MAX, &v, err);
	if (r < 0)
		return r;
	*p = (uint32_t)v;
	return 0;
}

static int set_u64(struct weir_y *y, const struct weir_setting *row, uint64_t *p,
		   struct weir_err *err)
{
	uint64_t v;
	int r;

	r = row->type == WEIR_SET_SIZE ? weir_y_size(y, &v, err) : weir_y_duration(y, &v, err);
	if (r < 0)
		return r;
	if (v < row->min || (row->max && v > row->max))
		return weir_y_err(y, err, "'%.60s' is out of range: %llu to %llu %s", y->text,
				  (unsigned long long)row->min,
				  (unsigned long long)(row->max ? row->max : UINT64_MAX),
				  row->type == WEIR_SET_SIZE ? "bytes" : "ns");
	*p = v;
	return 0;
}

static int set_enum(struct weir_y *y, const struct weir_setting *row, uint32_t *p,
		    struct weir_err *err)
{
	unsigned int v;
	int r;

	r = weir_y_enum(y, row->names, &v, err);
	if (r < 0)
		return r;
	*p = v;
	return 0;
}

static int set_row(struct weir_y *y, const struct weir_setting *row, void *conf,
		   struct weir_err *err)
{
	switch (row->type) {
	case WEIR_SET_STR:
		return set_str(y, row, field(row, conf), err);
	case WEIR_SET_STRS:
		return set_strs(y, field(row, conf), err);
	case WEIR_SET_U32:
		return set_u32(y, row, field(row, conf), err);
	case WEIR_SET_BOOL:
		return weir_y_bool(y, field(row, conf), err);
	case WEIR_SET_ENUM:
		return set_enum(y, row, field(row, conf), err);
	case WEIR_SET_DURATION:
	case WEIR_SET_SIZE:
		return set_u64(y, row, field(row, conf), err);
	}
	return -EINVAL;
}

static int add_quoted(struct weir_buf *b, const char *s, size_t len)
{
	int r = weir_buf_add(b, "\"", 1);

	for (size_t i = 0; i < len && r == 0; i++) {
		if (s[i] == '"' || s[i] == '\\')
			r = weir_buf_add(b, "\\", 1);
		if (r == 0)
			r = weir_buf_add(b, &s[i], 1);
	}
	return r < 0 ? r : weir_buf_add(b, "\"", 1);
}

/* The row's default as YAML text. */
static int default_text(const struct weir_setting *row, struct weir_buf *b)
{
	const char *s = row->def;
	int r;

	if (row->type == WEIR_SET_STR)
		return add_quoted(b, s, strlen(s));
	if (row->type != WEIR_SET_STRS)
		return weir_buf_add(b, s, strlen(s));
	r = weir_buf_add(b, "[", 1);
	while (*s && r == 0) {
		size_t len = strcspn(s, ",");

		r = add_quoted(b, s, len);
		s += len;
		if (r == 0 && *s) {
			s++;
			s += strspn(s, " ");
			r = weir_buf_add(b, ", ", 2);
		}
	}
	return r < 0 ? r : weir_buf_add(b, "]", 1);
}

static int set_default(const struct weir_setting *row, void *conf, struct weir_err *err)
{
	weir_auto_buf struct weir_buf text = {0};
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	weir_auto_free char *name = weir_strf("default of %s", row->key);
	int r;

	if (!name)
		return -ENOMEM;
	r = default_text(row, &text);
	if (r < 0)
		return r;
	r = weir_ydoc_parse((const char *)text.data, text.len, name, &doc, err);
	if (r < 0)
		return r;
	if (weir_ydoc_count(doc) != 1)
		return weir_err_set(err, -EINVAL, "%s: no value", name);
	return set_row(weir_ydoc_root(doc, 0), row, conf, err);
}

static int find_row(struct weir_y *root, const struct weir_setting *row, struct weir_y **ret,
		    struct weir_err *err)
{
	const char *dot = strchr(row->key, '.');
	weir_auto_free char *section = strndup(row->key, (size_t)(dot - row->key));
	struct weir_y *y;
	int r;

	if (!section)
		return -ENOMEM;
	y = weir_y_find(root, section);
	if (y) {
		r = weir_y_map(y, err);
		if (r < 0)
			return r;
		y = weir_y_find(y, dot + 1);
	}
	*ret = y;
	return 0;
}

static int check_unknown(struct weir_y *root, struct weir_err *err)
{
	int r = weir_y_end(root, err);

	for (size_t i = 0; i < weir_y_count(root) && r == 0; i++)
		r = weir_y_end(weir_y_item(root, i), err);
	return r;
}

static int load_file(const struct weir_setting *table, size_t n, const char *path, void *conf,
		     struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_y *root, *y;
	int r;

	r = weir_ydoc_load(path, &doc, err);
	if (r < 0)
		return r;
	if (weir_ydoc_count(doc) == 0)
		return 0;
	if (weir_ydoc_count(doc) > 1)
		return weir_y_err(weir_ydoc_root(doc, 1), err,
				  "a second document; settings are one");
	root = weir_ydoc_root(doc, 0);
	r = weir_y_map(root, err);
	for (size_t i = 0; i < n && r == 0; i++) {
		r = find_row(root, &table[i], &y, err);
		if (r == 0 && y)
			r = set_row(y, &table[i], conf, err);
	}
	return r < 0 ? r : check_unknown(root, err);
}

int weir_settings_load(const struct weir_setting *table, size_t n, const char *path, void *conf,
		       struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = set_default(&table[i], conf, err);
	if (r == 0 && path)
		r = load_file(table, n, path, conf, err);
	if (r < 0) {
		weir_settings_fini(table, n, conf);
		weir_err_set(err, r, "%s:1:1 .: %s", path ? path : "defaults", strerror(-r));
	}
	return r;
}

void weir_settings_fini(const struct weir_setting *table, size_t n, void *conf)
{
	for (size_t i = 0; i < n; i++) {
		if (table[i].type == WEIR_SET_STR) {
			char **p = field(&table[i], conf);

			free(weir_take_ptr(*p));
		} else if (table[i].type == WEIR_SET_STRS) {
			char ***p = field(&table[i], conf);

			weir_strv_free(weir_take_ptr(*p));
		}
	}
}

static bool same_section(const struct weir_setting *a, const struct weir_setting *b)
{
	size_t len = strcspn(a->key, ".") + 1;

	return !strncmp(a->key, b->key, len);
}

static int print_row(const struct weir_setting *row, FILE *f)
{
	weir_auto_buf struct weir_buf text = {0};
	int r = default_text(row, &text);

	if (r < 0)
		return r;
	fprintf(f, "  # %s\n  %s: %.*s\n", row->doc, strchr(row->key, '.') + 1, (int)text.len,
		(const char *)text.data);
	return 0;
}

/* A section may be spread over joined tables, but may stand only once in the file. */
static bool section_seen(const struct weir_setting *table, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (same_section(&table[i], &table[j]))
			return true;
	return false;
}

int weir_settings_print(const struct weir_setting *table, size_t n, FILE *f)
{
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		if (section_seen(table, i))
			continue;
		fprintf(f, "%s%.*s:\n", i ? "\n" : "", (int)strcspn(table[i].key, "."),
			table[i].key);
		for (size_t j = i; j < n && r == 0; j++)
			if (same_section(&table[i], &table[j]))
				r = print_row(&table[j], f);
	}
	if (r == 0 && fflush(f) != 0)
		r = -errno;
	return r;
}
