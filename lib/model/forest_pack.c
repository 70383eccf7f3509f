/* SPDX-License-Identifier: Apache-2.0 */
/* A forest as bytes, and back from bytes of anybody. */
#include <math.h>

#include "lib/model/forest.h"

static int put_float(struct weir_buf *b, float v)
{
	uint32_t word;

	memcpy(&word, &v, sizeof(word));
	return weir_put_u32(b, word);
}

static float get_float(struct weir_reader *r)
{
	uint32_t word = weir_get_u32(r);
	float v;

	memcpy(&v, &word, sizeof(v));
	r->bad |= !isfinite(v);
	return v;
}

static int put_node(const struct weir_forest *f, size_t tree, size_t node, struct weir_buf *b)
{
	const struct weir_forest_tree *t = &f->tree[tree];
	bool inner = node < WEIR_FOREST_NODES && t->count[2 * node];
	int r = weir_put_u32(b, t->count[node]);

	r = r ? r : weir_put_u32(b, inner);
	if (r || !inner)
		return r;
	r = put_float(b, t->cut[node]);
	if (!f->extended)
		r = r ? r : weir_put_u32(b, t->feature[node]);
	for (size_t i = 0; i < f->terms && f->extended && !r; i++) {
		r = weir_put_u32(b, f->cuts[tree].at[node].feature[i]);
		r = r ? r : put_float(b, f->cuts[tree].at[node].weight[i]);
	}
	r = r ? r : put_node(f, tree, 2 * node, b);
	return r ? r : put_node(f, tree, 2 * node + 1, b);
}

int weir_forest_pack(const void *state, struct weir_buf *b)
{
	const struct weir_forest *f = state;
	int r = weir_put_u32(b, (uint32_t)f->width);

	r = r ? r : weir_put_u32(b, (uint32_t)f->sample);
	r = r ? r : weir_put_u32(b, f->extended);
	r = r ? r : weir_put_doubles(b, f->center, f->width);
	for (size_t t = 0; t < WEIR_FOREST_TREES && !r; t++)
		r = put_node(f, t, 1, b);
	return r;
}

static uint16_t get_feature(const struct weir_forest *f, struct weir_reader *r)
{
	uint32_t j = weir_get_u32(r);

	r->bad |= j >= f->width;
	return r->bad ? 0 : (uint16_t)j;
}

/* A node's rows are those of the two below it, each of which has some. */
static void get_node(struct weir_forest *f, size_t tree, size_t node, struct weir_reader *r)
{
	struct weir_forest_tree *t = &f->tree[tree];
	bool inner;

	t->count[node] = (uint16_t)weir_get_count(r, f->sample);
	inner = weir_get_count(r, 1);
	if (!t->count[node] || (inner && node >= WEIR_FOREST_NODES))
		r->bad = true;
	if (r->bad || !inner)
		return;
	t->cut[node] = get_float(r);
	if (!f->extended)
		t->feature[node] = get_feature(f, r);
	for (size_t i = 0; i < f->terms && f->extended; i++) {
		f->cuts[tree].at[node].feature[i] = get_feature(f, r);
		f->cuts[tree].at[node].weight[i] = get_float(r);
	}
	get_node(f, tree, 2 * node, r);
	get_node(f, tree, 2 * node + 1, r);
	if (t->count[2 * node] + t->count[2 * node + 1] != t->count[node])
		r->bad = true;
}

int weir_forest_unpack(struct weir_reader *r, void **ret)
{
	size_t width = weir_get_count(r, WEIR_FOREST_WIDTH_MAX), sample = weir_get_count(r, WEIR_FOREST_SAMPLE);
	bool extended = weir_get_count(r, 1);
	weir_auto_forest_ptr *f = NULL;
	int e;

	if (r->bad || !width || sample < 2)
		return -EBADMSG;
	e = weir_forest_new(width, sample, extended, &f);
	if (e)
		return e;
	weir_get_doubles(r, f->center, width);
	for (size_t j = 0; j < width; j++)
		r->bad |= !isfinite(f->center[j]);
	for (size_t t = 0; t < WEIR_FOREST_TREES && !r->bad; t++) {
		get_node(f, t, 1, r);
		r->bad |= f->tree[t].count[1] != sample;
	}
	if (r->bad)
		return -EBADMSG;
	e = weir_forest_close(f);
	if (e)
		return e;
	*ret = weir_take_ptr(f);
	return 0;
}
