/* SPDX-License-Identifier: Apache-2.0 */
/* What stands as JSON within a row's columns: tags in the shapes that providers give them, and CUR 2.0's product. */
#include "lib/money/bill_impl.h"

/* Of a list of {"key":..., "value":...}. */
struct labels {
	struct weir_buf *to;
	char *key, *value;
	size_t key_len, value_len;
};

static int label_see(const char *path, size_t len, char *text, size_t text_len, void *arg)
{
	struct labels *l = arg;
	int r = 0;

	if (len == 3 && !memcmp(path, "key", 3)) {
		l->key = text;
		l->key_len = text_len;
	} else if (len == 5 && !memcmp(path, "value", 5)) {
		l->value = text;
		l->value_len = text_len;
	}
	if (len || !l->key)
		return 0;
	/* Only now is the walk past what stands behind them. */
	l->key[l->key_len] = '\0';
	if (l->value)
		l->value[l->value_len] = '\0';
	r = weir_buf_add(l->to, ",", l->to->len > 1);
	if (!r)
		r = bill_json_quote(l->to, l->key);
	if (!r)
		r = weir_buf_add(l->to, ":", 1);
	if (!r)
		r = bill_json_quote(l->to, l->value ? l->value : "");
	l->key = l->value = NULL;
	return r;
}

/* A column a tag, as legacy CUR has them. */
static int tags_gather(struct weir_bill_reader *b)
{
	int r = weir_buf_add(&b->tag_text, "{", 1);

	for (size_t i = 0; !r && i < b->tag_count; i++) {
		const struct weir_csv_field *v = &b->rec.values[b->tags[i]];

		if (bill_absent(v))
			continue;
		r = weir_buf_add(&b->tag_text, ",", b->tag_text.len > 1);
		if (!r)
			r = bill_json_quote(&b->tag_text, b->slots[b->tags[i]].tag);
		if (!r)
			r = weir_buf_add(&b->tag_text, ":", 1);
		if (!r)
			r = bill_json_quote(&b->tag_text, v->text);
	}
	return r ? r : weir_buf_add(&b->tag_text, "}", 1);
}

/* -EINVAL: the text is no tags. */
static int tags_read(struct weir_bill_reader *b, const struct weir_csv_field *v)
{
	struct labels labels = {.to = &b->tag_text};
	int r;

	if (*v->text == '{')
		return bill_json_is_object(v->text, v->len) ? 0 : -EINVAL;
	if (*v->text == '[') {
		b->scratch.len = 0;
		r = weir_buf_add(&b->scratch, v->text, v->len);
		if (!r)
			r = weir_buf_add(&b->tag_text, "{", 1);
		if (!r)
			r = bill_json_members((char *)b->scratch.data, v->len, label_see, &labels);
		return r ? r : weir_buf_add(&b->tag_text, "}", 1);
	}
	/* Azure leaves the braces out. */
	r = weir_buf_add(&b->tag_text, "{", 1);
	if (!r)
		r = weir_buf_add(&b->tag_text, v->text, v->len);
	if (!r)
		r = weir_buf_add(&b->tag_text, "}", 1);
	return r || bill_json_is_object((char *)b->tag_text.data, b->tag_text.len) ? r : -EINVAL;
}

int bill_tags_make(struct weir_bill_reader *b)
{
	const char *name = NULL;
	const struct weir_csv_field *v = bill_find(b, BILL_TEXT, WEIR_BILL_TAGS, &name);
	struct weir_bill_row *row = &b->row;
	int r = 0;

	b->tag_text.len = 0;
	if (v)
		r = tags_read(b, v);
	else if (b->tag_count)
		r = tags_gather(b);
	if (r == -EINVAL) {
		b->stats.odd_tags++;
		row->text[WEIR_BILL_TAGS] = "";
		b->extras[row->extra_count++] = (struct weir_bill_extra){name, v->text};
		return 0;
	}
	if (b->tag_text.len)
		row->text[WEIR_BILL_TAGS] = b->tag_text.len > 2 ? (const char *)b->tag_text.data : "";
	return r;
}

struct region {
	struct weir_bill_reader *b;
	char *found;
	size_t len;
};

static int region_see(const char *path, size_t len, char *text, size_t text_len, void *arg)
{
	struct region *g = arg;

	if (text && ((len == 6 && !memcmp(path, "region", 6)) || (len == 11 && !memcmp(path, "region_code", 11)))) {
		g->found = text;
		g->len = text_len;
	}
	return 0;
}

int bill_product_make(struct weir_bill_reader *b)
{
	const struct weir_csv_field *v = bill_find(b, BILL_OTHER, BILL_PRODUCT, NULL);
	struct region g = {.b = b};
	int r;

	if (!v || *b->row.text[WEIR_BILL_REGION])
		return 0;
	b->scratch.len = 0;
	r = weir_buf_add(&b->scratch, v->text, v->len);
	if (r)
		return r;
	/* What is no JSON has no region; it is still kept as an extra. */
	if (!bill_json_members((char *)b->scratch.data, v->len, region_see, &g) && g.found) {
		g.found[g.len] = '\0';
		b->row.text[WEIR_BILL_REGION] = g.found;
	}
	return 0;
}
