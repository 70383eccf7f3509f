/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scoring rows, by what the processor has. In plain C eight rows go down a tree together. With AVX2 and AVX-512 a row goes
 * down eight or sixteen trees together: the row lies in registers, where a cut's feature is found by its number, and so do
 * the upper nodes of all these trees, so that only the lower levels ask the cache.
 */
#include <math.h>

#include "lib/model/forest.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define ROWS 64	 /* a block, that stays in the cache with the trees it meets */
#define TOGETHER 8 /* rows down one tree */
#define GROUPS ((WEIR_FOREST_TREES + WEIR_FOREST_LANES - 1) / WEIR_FOREST_LANES)

struct block {
	float *x; /* [ROWS][stride] */
	size_t stride, n;
	uint32_t sum[ROWS]; /* of lengths over all trees */
};

typedef void (*sum_fn)(const struct weir_forest *f, struct block *b);

static void straight_tree(const struct weir_forest_tree *t, struct block *b)
{
	for (size_t r = 0; r < ROWS; r += TOGETHER) {
		const float *x = b->x + r * b->stride;
		uint32_t at[TOGETHER];

#pragma GCC unroll 8
		for (size_t k = 0; k < TOGETHER; k++)
			at[k] = 1;
		for (int level = 0; level < WEIR_FOREST_DEPTH; level++) {
#pragma GCC unroll 8
			for (size_t k = 0; k < TOGETHER; k++)
				at[k] = 2 * at[k] + (x[k * b->stride + t->feature[at[k]]] >= t->cut[at[k]]);
		}
#pragma GCC unroll 8
		for (size_t k = 0; k < TOGETHER; k++)
			b->sum[r + k] += t->length[at[k] - WEIR_FOREST_NODES];
	}
}

static void oblique_tree(const struct weir_forest *f, size_t tree, struct block *b)
{
	for (size_t r = 0; r < ROWS; r += TOGETHER) {
		const float *x = b->x + r * b->stride;
		uint32_t at[TOGETHER];

#pragma GCC unroll 8
		for (size_t k = 0; k < TOGETHER; k++)
			at[k] = 1;
		for (int level = 0; level < WEIR_FOREST_DEPTH; level++) {
#pragma GCC unroll 8
			for (size_t k = 0; k < TOGETHER; k++)
				at[k] = 2 * at[k] + weir_forest_right(f, tree, at[k], x + k * b->stride);
		}
#pragma GCC unroll 8
		for (size_t k = 0; k < TOGETHER; k++)
			b->sum[r + k] += f->tree[tree].length[at[k] - WEIR_FOREST_NODES];
	}
}

static void sum_portable(const struct weir_forest *f, struct block *b)
{
	for (size_t t = 0; t < WEIR_FOREST_TREES; t++)
		if (f->extended)
			oblique_tree(f, t, b);
		else
			straight_tree(&f->tree[t], b);
}

#if defined(__x86_64__)

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

struct row512 {
	__m512 low, high; /* features 0-15, 16-31 */
	bool wide;
};

/* Trees that go right at these nodes. */
AVX512 static inline __mmask16 right512(const struct row512 *x, __m512i word)
{
	__m512 v = x->wide ? _mm512_permutex2var_ps(x->low, word, x->high) : _mm512_permutexvar_ps(word, x->low);

	return _mm512_cmp_ps_mask(v, _mm512_castsi512_ps(word), _CMP_GE_OQ);
}

#define UPPER512 16 /* nodes 1-15 are in registers */

/* Through the first four levels, without memory: places (node - 16) * 16 + lane. */
AVX512 static inline __m512i upper512(const __m512i *n, const struct row512 *x, __m512i lane)
{
	__mmask16 a = right512(x, n[1]), b, c, d;
	__m512i p, q, r, s;

	b = right512(x, _mm512_mask_blend_epi32(a, n[2], n[3]));
	p = _mm512_mask_blend_epi32(a, n[4], n[6]);
	q = _mm512_mask_blend_epi32(a, n[5], n[7]);
	c = right512(x, _mm512_mask_blend_epi32(b, p, q));
	p = _mm512_mask_blend_epi32(a, n[8], n[12]);
	q = _mm512_mask_blend_epi32(a, n[9], n[13]);
	r = _mm512_mask_blend_epi32(a, n[10], n[14]);
	s = _mm512_mask_blend_epi32(a, n[11], n[15]);
	p = _mm512_mask_blend_epi32(b, p, r);
	q = _mm512_mask_blend_epi32(b, q, s);
	d = right512(x, _mm512_mask_blend_epi32(c, p, q));
	p = _mm512_mask_add_epi32(lane, a, lane, _mm512_set1_epi32(8 * 16));
	p = _mm512_mask_add_epi32(p, b, p, _mm512_set1_epi32(4 * 16));
	p = _mm512_mask_add_epi32(p, c, p, _mm512_set1_epi32(2 * 16));
	return _mm512_mask_add_epi32(p, d, p, _mm512_set1_epi32(16));
}

AVX512 static inline __m512i lengths512(const struct weir_forest_group *g, const __m512i *n, const struct row512 *x)
{
	const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	const __m512i go_left = _mm512_sub_epi32(_mm512_setzero_si512(), lane);
	__m512i at = upper512(n, x, lane);

#pragma GCC unroll 4
	for (int level = 4; level < WEIR_FOREST_DEPTH; level++) {
		__m512i word = _mm512_i32gather_epi32(at, g->word[1 << level], 4);
		__mmask16 right = right512(x, word);

		at = _mm512_add_epi32(_mm512_add_epi32(at, at), go_left);
		at = _mm512_mask_add_epi32(at, right, at, _mm512_set1_epi32(16));
	}
	return _mm512_i32gather_epi32(at, g->length[0], 4);
}

AVX512 static inline void rows512(const struct weir_forest *f, struct block *b, bool wide)
{
	__m512i sum[ROWS] = {0};

	for (size_t k = 0; k < GROUPS; k++) {
		const struct weir_forest_group *g = &f->group[k];
		__m512i n[UPPER512];

#pragma GCC unroll 16
		for (size_t i = 1; i < UPPER512; i++)
			n[i] = _mm512_load_si512(g->word[i]);
		for (size_t r = 0; r < b->n; r++) {
			const float *at = b->x + r * b->stride;
			struct row512 x = {_mm512_loadu_ps(at), wide ? _mm512_loadu_ps(at + 16) : _mm512_setzero_ps(), wide};

			sum[r] = _mm512_add_epi32(sum[r], lengths512(g, n, &x));
		}
	}
	for (size_t r = 0; r < b->n; r++)
		b->sum[r] = (uint32_t)_mm512_reduce_add_epi32(sum[r]);
}

AVX512 static void sum_avx512(const struct weir_forest *f, struct block *b)
{
	if (f->width <= 16)
		rows512(f, b, false);
	else
		rows512(f, b, true);
}

#define AVX2 __attribute__((target("avx2")))

#define WIDTH256 8 /* more would have to ask the cache for features too, which plain C does as fast */

/* All bits of a lane whose tree goes right. */
AVX2 static inline __m256i right256(__m256 x, __m256i word)
{
	return _mm256_castps_si256(_mm256_cmp_ps(_mm256_permutevar8x32_ps(x, word), _mm256_castsi256_ps(word), _CMP_GE_OQ));
}

/* Eight trees of a group: half 0 or 1. */
AVX2 static inline __m256i lengths256(const struct weir_forest_group *g, size_t half, __m256 x)
{
	const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), go_left = _mm256_sub_epi32(_mm256_setzero_si256(), lane);
	const __m256i step = _mm256_set1_epi32(16);
	const __m256i *one = (const __m256i *)&g->word[1][8 * half], *two = (const __m256i *)&g->word[2][8 * half],
		      *three = (const __m256i *)&g->word[3][8 * half];
	__m256i a = right256(x, _mm256_load_si256(one)), b, at;

	b = right256(x, _mm256_blendv_epi8(_mm256_load_si256(two), _mm256_load_si256(three), a));
	at = _mm256_add_epi32(lane, _mm256_and_si256(a, _mm256_set1_epi32(32)));
	at = _mm256_add_epi32(at, _mm256_and_si256(b, step));
#pragma GCC unroll 6
	for (int level = 2; level < WEIR_FOREST_DEPTH; level++) {
		__m256i word = _mm256_i32gather_epi32((const int *)&g->word[1 << level][8 * half], at, 4);
		__m256i right = right256(x, word);

		at = _mm256_add_epi32(_mm256_add_epi32(at, at), go_left);
		at = _mm256_add_epi32(at, _mm256_and_si256(right, step));
	}
	return _mm256_i32gather_epi32((const int *)&g->length[0][8 * half], at, 4);
}

AVX2 static void sum_avx2(const struct weir_forest *f, struct block *b)
{
	__m256i sum[ROWS] = {0};

	for (size_t k = 0; k < GROUPS; k++)
		for (size_t r = 0; r < b->n; r++) {
			__m256 x = _mm256_loadu_ps(b->x + r * b->stride);

			sum[r] = _mm256_add_epi32(sum[r], lengths256(&f->group[k], 0, x));
			sum[r] = _mm256_add_epi32(sum[r], lengths256(&f->group[k], 1, x));
		}
	for (size_t r = 0; r < b->n; r++) {
		uint32_t lane[8];

		_mm256_storeu_si256((__m256i *)lane, sum[r]);
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(lane); i++)
			b->sum[r] += lane[i];
	}
}

bool weir_forest_has(const struct weir_forest *f, enum weir_forest_way way)
{
	if (way == WEIR_FOREST_AVX512)
		return f->group && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
	return way == WEIR_FOREST_PORTABLE || (f->group && f->width <= WIDTH256 && __builtin_cpu_supports("avx2"));
}

static const sum_fn ways[WEIR_FOREST_WAYS] = {sum_portable, sum_avx2, sum_avx512};

#else

bool weir_forest_has(const struct weir_forest *f, enum weir_forest_way way)
{
	(void)f;
	return way == WEIR_FOREST_PORTABLE;
}

static const sum_fn ways[WEIR_FOREST_WAYS] = {sum_portable};

#endif

int weir_forest_score(const struct weir_forest *f, enum weir_forest_way way, const struct weir_rows *rows, double *ret)
{
	double unit = -1 / (WEIR_FOREST_UNIT * WEIR_FOREST_TREES * weir_forest_c(f->sample));
	struct block b = {.stride = WEIR_MAX(f->width, (size_t)WEIR_FOREST_WIDTH_WIDE)};
	weir_auto_free float *x = NULL;

	if (rows->width != f->width)
		return -EINVAL;
	b.x = x = calloc(ROWS * b.stride, sizeof(*x));
	if (!x)
		return -ENOMEM;
	for (size_t from = 0; from < rows->n; from += b.n) {
		b.n = WEIR_MIN(rows->n - from, (size_t)ROWS);
		memset(b.sum, 0, sizeof(b.sum));
		for (size_t r = 0; r < b.n; r++)
			for (size_t j = 0; j < f->width; j++)
				x[r * b.stride + j] = weir_forest_value(rows->v[(from + r) * f->width + j], f->center[j]);
		ways[way](f, &b);
		for (size_t r = 0; r < b.n; r++)
			ret[from + r] = exp2(b.sum[r] * unit);
	}
	return 0;
}
