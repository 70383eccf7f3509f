/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict YAML out of libyaml's event stream. libyaml alone accepts duplicate keys, aliases and any
 * depth (quadratic in time): everything refused here is refused as its event arrives, before the
 * parser reads on.
 */
#include "lib/conf/tree.h"

#include <yaml.h>

struct builder {
	struct weir_ydoc *doc;
	struct weir_err *err;
	struct weir_y *stack[WEIR_Y_MAX_DEPTH];
	size_t depth;
	/* The key that waits for its value, when the top of the stack is a map. */
	char *key;
	uint32_t key_line, key_col;
};

static void builder_fini(struct builder *b)
{
	free(b->key);
}

static int refuse(const struct builder *b, const yaml_mark_t *m, const char *fmt, ...)
	WEIR_PRINTF(3, 4);
static int refuse(const struct builder *b, const yaml_mark_t *m, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = weir_y_err_at(b->doc, b->depth ? b->stack[b->depth - 1] : NULL, m->line + 1,
			  m->column + 1, b->err, fmt, ap);
	va_end(ap);
	return r;
}

static struct weir_y *top(const struct builder *b)
{
	return b->depth ? b->stack[b->depth - 1] : NULL;
}

static int add_node(struct builder *b, enum weir_y_kind kind, const yaml_mark_t *m,
		    struct weir_y **ret)
{
	struct weir_y *parent = top(b), *y;
	int r;

	if (b->doc->node_count >= WEIR_Y_MAX_NODES)
		return refuse(b, m, "more than %d values in one file", WEIR_Y_MAX_NODES);
	if (parent && parent->kind == WEIR_Y_MAP && !b->key)
		return refuse(b, m, "a key must be plain text, not a list or map");
	r = weir_y_add(b->doc, parent, kind, &y);
	if (r < 0)
		return r;
	y->line = m->line + 1;
	y->col = m->column + 1;
	y->key = weir_take_ptr(b->key);
	y->key_line = b->key_line;
	y->key_col = b->key_col;
	*ret = y;
	return 0;
}

static int open_node(struct builder *b, enum weir_y_kind kind, const yaml_event_t *e,
		     const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct weir_y *y;
	int r;

	if (anchor)
		return refuse(b, &e->start_mark, "anchors are not allowed; write the value out");
	if (tag)
		return refuse(b, &e->start_mark, "tags are not allowed");
	if (b->depth == WEIR_Y_MAX_DEPTH)
		return refuse(b, &e->start_mark, "nested deeper than %d levels", WEIR_Y_MAX_DEPTH);
	r = add_node(b, kind, &e->start_mark, &y);
	if (r < 0)
		return r;
	b->stack[b->depth++] = y;
	return 0;
}

static int cmp_key(const void *a, const void *b)
{
	const struct weir_y *x = *(struct weir_y *const *)a, *y = *(struct weir_y *const *)b;
	int r = strcmp(x->key, y->key);

	return r ? r : (x->index > y->index) - (x->index < y->index);
}

/* At the end of a map, by sorting: linear probing per key would let a large file take minutes. */
static int check_duplicates(struct builder *b, const struct weir_y *map)
{
	weir_auto_free struct weir_y **sorted = NULL;

	if (map->count < 2)
		return 0;
	sorted = calloc(map->count, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, map->items, map->count * sizeof(*sorted));
	qsort(sorted, map->count, sizeof(*sorted), cmp_key);
	for (size_t i = 1; i < map->count; i++) {
		const struct weir_y *first = sorted[i - 1], *again = sorted[i];
		yaml_mark_t m = {.line = again->key_line - 1, .column = again->key_col - 1};

		if (!strcmp(first->key, again->key))
			return refuse(b, &m, "key '%.60s' stands twice; first on line %u",
				      first->key, first->key_line);
	}
	return 0;
}

static int close_node(struct builder *b)
{
	struct weir_y *y = top(b);
	int r;

	if (y->kind == WEIR_Y_MAP) {
		r = check_duplicates(b, y);
		if (r < 0)
			return r;
	}
	b->depth--;
	return 0;
}

static int on_scalar(struct builder *b, const yaml_event_t *e)
{
	const char *value = (const char *)e->data.scalar.value;
	struct weir_y *parent = top(b), *y;
	int r;

	if (e->data.scalar.anchor)
		return refuse(b, &e->start_mark, "anchors are not allowed; write the value out");
	if (e->data.scalar.tag)
		return refuse(b, &e->start_mark, "tags are not allowed");
	if (strlen(value) != e->data.scalar.length)
		return refuse(b, &e->start_mark, "text contains a NUL character");
	if (parent && parent->kind == WEIR_Y_MAP && !b->key) {
		if (!strcmp(value, "<<"))
			return refuse(b, &e->start_mark, "merge keys are not allowed");
		if (!value[0])
			return refuse(b, &e->start_mark, "a key is empty");
		b->key_line = e->start_mark.line + 1;
		b->key_col = e->start_mark.column + 1;
		b->key = strdup(value);
		return b->key ? 0 : -ENOMEM;
	}
	r = add_node(b, WEIR_Y_SCALAR, &e->start_mark, &y);
	if (r < 0)
		return r;
	y->text = strdup(value);
	return y->text ? 0 : -ENOMEM;
}

static int on_document(struct builder *b, const yaml_event_t *e)
{
	if (e->data.document_start.tag_directives.start !=
	    e->data.document_start.tag_directives.end)
		return refuse(b, &e->start_mark, "tag directives are not allowed");
	return 0;
}

static int on_event(struct builder *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(b, e);
	case YAML_ALIAS_EVENT:
		return refuse(b, &e->start_mark, "aliases are not allowed; write the value out");
	case YAML_SCALAR_EVENT:
		return on_scalar(b, e);
	case YAML_SEQUENCE_START_EVENT:
		return open_node(b, WEIR_Y_SEQ, e, e->data.sequence_start.anchor,
				 e->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_node(b, WEIR_Y_MAP, e, e->data.mapping_start.anchor,
				 e->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_node(b);
	default:
		return 0;
	}
}

/* Where a byte offset lies: the reader of libyaml gives no line for bytes that it cannot decode. */
static yaml_mark_t mark_of_offset(const char *text, size_t len, size_t offset)
{
	yaml_mark_t m = {0};

	for (size_t i = 0; i < offset && i < len; i++) {
		if (text[i] == '\n') {
			m.line++;
			m.column = 0;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			m.column++;
		}
	}
	return m;
}

static int syntax_error(const struct builder *b, const yaml_parser_t *p, const char *text,
			size_t len)
{
	const char *what = p->problem ? p->problem : "unreadable";
	yaml_mark_t m = p->problem_mark;

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->error == YAML_READER_ERROR)
		m = mark_of_offset(text, len, p->problem_offset);
	return refuse(b, &m, "not valid YAML: %s%s%s", what, p->context ? ", " : "",
		      p->context ? p->context : "");
}

static int run(struct builder *b, yaml_parser_t *p, const char *text, size_t len)
{
	bool end = false;
	int r = 0;

	yaml_parser_set_encoding(p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(p, (const unsigned char *)text, len);
	while (!end && r == 0) {
		yaml_event_t e;

		if (!yaml_parser_parse(p, &e))
			return syntax_error(b, p, text, len);
		end = e.type == YAML_STREAM_END_EVENT;
		r = on_event(b, &e);
		yaml_event_delete(&e);
	}
	return r;
}

static int parse_into(struct weir_ydoc *d, const char *text, size_t len, struct weir_err *err)
{
	weir_cleanup(builder_fini) struct builder b = {.doc = d, .err = err};
	yaml_mark_t start = {0};
	yaml_parser_t p;
	int r;

	if (len > WEIR_Y_MAX_BYTES)
		return refuse(&b, &start, "file is larger than 1 MiB");
	if (!yaml_parser_initialize(&p))
		return -ENOMEM;
	r = run(&b, &p, text, len);
	yaml_parser_delete(&p);
	if (r == -ENOMEM)
		weir_err_set(err, r, "%s:1:1 .: out of memory", d->name);
	return r;
}

int weir_ydoc_parse(const char *text, size_t len, const char *name, struct weir_ydoc **ret,
		    struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *d = calloc(1, sizeof(*d));
	int r;

	if (d)
		d->name = strdup(name);
	if (!d || !d->name)
		return weir_err_set(err, -ENOMEM, "%s:1:1 .: out of memory", name);
	r = parse_into(d, text, len, err);
	if (r < 0)
		return r;
	*ret = weir_take_ptr(d);
	return 0;
}
