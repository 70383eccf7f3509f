/* SPDX-License-Identifier: Apache-2.0 */
/* Scoring rows, by what the processor has. In plain C eight rows go down a tree together; forest_avx2.c has the faster way. */
#include <math.h>

#include "lib/model/forest.h"

#define TOGETHER 8 /* rows down one tree */
#define FEW 32	   /* rows, for which asking all cuts of a tree does not pay */

struct block {
	float *x; /* [WEIR_FOREST_BLOCK][width]: values as trees see them */
	size_t n;
	uint32_t sum[WEIR_FOREST_BLOCK]; /* of lengths over all trees */
};

static void straight_tree(const struct weir_forest *f, size_t tree, struct block *b)
{
	const struct weir_forest_tree *t = &f->tree[tree];

	for (size_t r = 0; r < b->n; r += TOGETHER) {
		const float *x = b->x + r * f->width;
		uint32_t at[TOGETHER];

#pragma GCC unroll 8
		for (size_t k = 0; k < TOGETHER; k++)
			at[k] = 1;
		for (int level = 0; level < WEIR_FOREST_DEPTH; level++) {
#pragma GCC unroll 8
			for (size_t k = 0; k < TOGETHER; k++)
				at[k] = 2 * at[k] +
					(x[k * f->width + t->feature[at[k]]] >= t->cut[at[k]]);
		}
#pragma GCC unroll 8
		for (size_t k = 0; k < TOGETHER; k++)
			b->sum[r + k] += t->length[at[k] - WEIR_FOREST_NODES];
	}
}

static void oblique_tree(const struct weir_forest *f, size_t tree, struct block *b)
{
	for (size_t r = 0; r < b->n; r += TOGETHER) {
		const float *x = b->x + r * f->width;
		uint32_t at[TOGETHER];

#pragma GCC unroll 8
		for (size_t k = 0; k < TOGETHER; k++)
			at[k] = 1;
		for (int level = 0; level < WEIR_FOREST_DEPTH; level++) {
#pragma GCC unroll 8
			for (size_t k = 0; k < TOGETHER; k++)
				at[k] = 2 * at[k] +
					weir_forest_right(f, tree, at[k], x + k * f->width);
		}
#pragma GCC unroll 8
		for (size_t k = 0; k < TOGETHER; k++)
			b->sum[r + k] += f->tree[tree].length[at[k] - WEIR_FOREST_NODES];
	}
}

static void sum_portable(const struct weir_forest *f, const double *rows, struct block *b)
{
	for (size_t r = 0; r < b->n; r++)
		for (size_t j = 0; j < f->width; j++)
			b->x[r * f->width + j] =
				weir_forest_value(rows[r * f->width + j], f->center[j]);
	for (size_t t = 0; t < WEIR_FOREST_TREES; t++)
		if (f->extended)
			oblique_tree(f, t, b);
		else
			straight_tree(f, t, b);
}

bool weir_forest_has(const struct weir_forest *f, enum weir_forest_way way)
{
#if defined(__x86_64__)
	return way == WEIR_FOREST_PORTABLE || (f->ranks && __builtin_cpu_supports("avx2"));
#else
	(void)f;
	return way == WEIR_FOREST_PORTABLE;
#endif
}

int weir_forest_score(const struct weir_forest *f, enum weir_forest_way way,
		      const struct weir_rows *rows, double *ret)
{
	double unit = -1 / (WEIR_FOREST_UNIT * WEIR_FOREST_TREES * weir_forest_c(f->sample));
	weir_auto_free float *x = calloc(WEIR_FOREST_BLOCK * f->width, sizeof(*x));
	weir_auto_free int8_t *rank = NULL;
	struct block b = {.x = x};

	if (rows->width != f->width)
		return -EINVAL;
	if (way == WEIR_FOREST_AVX2)
		rank = aligned_alloc(32, f->ranks->groups * f->width * WEIR_FOREST_BLOCK);
	if (!x || (way == WEIR_FOREST_AVX2 && !rank))
		return -ENOMEM;
	for (size_t from = 0; from < rows->n; from += b.n) {
		const double *v = rows->v + from * f->width;

		b.n = WEIR_MIN(rows->n - from, (size_t)WEIR_FOREST_BLOCK);
		memset(b.sum, 0, sizeof(b.sum));
		if (way == WEIR_FOREST_AVX2 && b.n >= FEW) {
			weir_forest_rank(f, v, b.n, rank);
			weir_forest_sum_avx2(f, rank, b.n, b.sum);
		} else {
			sum_portable(f, v, &b);
		}
		for (size_t r = 0; r < b.n; r++)
			ret[from + r] = exp2(b.sum[r] * unit);
	}
	return 0;
}
