/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scoring with AVX2: 256 rows go down a tree together, a bit each. No row is followed, so nothing is gathered: each cut of
 * the tree is asked of all rows, 32 of their ranks at a time, and the answers are bits. Which rows reach a node is then
 * an and of its parent's bits, and the turns that rows took at a level, one or of its nodes, are a bit of the place where
 * each ends. A tree of 256 rows has some 20 to 100 cuts: to ask all of them costs less than eight loads that wait for each other.
 */
#include "lib/model/forest.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define WORDS (WEIR_FOREST_BLOCK / 32)

_Static_assert(WEIR_FOREST_TREES % 2 == 0, "trees are summed in pairs");

struct answers {
	__m256i right[WEIR_FOREST_NODES];    /* a bit for each row, whichever way it came */
	__m256i here[2 * WEIR_FOREST_NODES]; /* rows that reach a node */
	__m256i turn
		[WEIR_FOREST_DEPTH]; /* right turns by level, of rows that were there to take them */
};

/* Each cut of a tree, asked of `words` times 32 rows. */
AVX2 static inline void ask(const struct weir_forest_step *s, size_t n, const int8_t *rank,
			    size_t words, struct answers *a)
{
	for (size_t i = 0; i < n; i++) {
		const __m256i *x =
			(const __m256i *)(rank + (size_t)s[i].feature * WEIR_FOREST_BLOCK);
		__m256i cut = _mm256_set1_epi8(s[i].rank);
		uint32_t *right = (uint32_t *)&a->right[i];

#pragma GCC unroll 8
		for (size_t w = 0; w < words; w++)
			right[w] = (uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi8(x[w], cut));
	}
}

AVX2 static inline void descend(const struct weir_forest_step *s, size_t n, struct answers *a)
{
	a->here[1] = _mm256_set1_epi8(-1);
	for (size_t level = 0, i = 0; level < WEIR_FOREST_DEPTH; level++) {
		__m256i turn = _mm256_setzero_si256();

		for (; i < n && s[i].node < 2u << level; i++) {
			__m256i here = a->here[s[i].node],
				right = _mm256_and_si256(here, a->right[i]);

			a->here[2 * s[i].node] = _mm256_andnot_si256(a->right[i], here);
			a->here[2 * s[i].node + 1] = right;
			turn = _mm256_or_si256(turn, right);
		}
		a->turn[level] = turn;
	}
}

/* Eight bits of each row, the first turn the highest, become a number. */
AVX2 static inline void places(const struct answers *a, size_t words, uint8_t *ret)
{
	const __m256i spread = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2,
						2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
	const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);

	for (size_t w = 0; w < words; w++) {
		__m256i place = _mm256_setzero_si256();

		for (size_t level = 0; level < WEIR_FOREST_DEPTH; level++) {
			__m256i turn = _mm256_shuffle_epi8(
				_mm256_set1_epi32(((const int *)&a->turn[level])[w]), spread);

			turn = _mm256_cmpeq_epi8(_mm256_and_si256(turn, bit), bit);
			place = _mm256_sub_epi8(_mm256_add_epi8(place, place), turn);
		}
		_mm256_storeu_si256((__m256i *)(ret + 32 * w), place);
	}
}

/* Where the rows of `words` times 32 end in a tree. */
AVX2 static inline void end_in(const struct weir_forest *f, size_t t, const int8_t *rank,
			       size_t words, uint8_t *ret)
{
	const struct weir_forest_ranks *r = f->ranks;
	const struct weir_forest_step *s = r->step + r->from[t];
	size_t n = r->from[t + 1] - r->from[t];
	struct answers a;

	ask(s, n, rank + r->group[t] * f->width * WEIR_FOREST_BLOCK, words, &a);
	descend(s, n, &a);
	places(&a, words, ret);
}

AVX2 void weir_forest_sum_avx2(const struct weir_forest *f, const int8_t *rank, size_t n,
			       uint32_t *sum)
{
	size_t words = (n + 31) / 32;
	uint8_t one[WEIR_FOREST_BLOCK], two[WEIR_FOREST_BLOCK];

	for (size_t t = 0; t < WEIR_FOREST_TREES; t += 2) {
		const uint32_t *first = f->tree[t].length, *second = f->tree[t + 1].length;

		if (words == WORDS) {
			end_in(f, t, rank, WORDS, one);
			end_in(f, t + 1, rank, WORDS, two);
		} else {
			end_in(f, t, rank, words, one);
			end_in(f, t + 1, rank, words, two);
		}
		for (size_t i = 0; i < 32 * words; i++)
			sum[i] += first[one[i]] + second[two[i]];
	}
}

#else

void weir_forest_sum_avx2(const struct weir_forest *f, const int8_t *rank, size_t n, uint32_t *sum)
{
	(void)f, (void)rank, (void)n, (void)sum;
	abort(); /* weir_forest_has() says that there is no such way */
}

#endif
