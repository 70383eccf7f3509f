/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzy adaptive resonance (Carpenter, Grossberg, Rosen 1991) on the means of the last DETECT_SHAPE blocks of values: a
 * stretch, complement-coded, resonates with the box that it fits best and makes it wider, or becomes a box. Strange is what
 * fits no box. All in bytes, so that every machine has the same sums.
 */
#include "lib/model/detect_impl.h"

typedef uint8_t v16 __attribute__((vector_size(16)));
typedef uint16_t v8 __attribute__((vector_size(16)));

/* Scaled values of -4 to 4 are told apart: asinh(27). */
static uint8_t coded(double mean)
{
	double a = 127.5 + mean * (255.0 / 8);

	return !(a > 0) ? 0 : a > 255 ? 255 : (uint8_t)(a + 0.5);
}

/* Keeps y and the mean of the block that it ends; the stretch is of means, a block apart. */
static void keep(struct detect_shape *s, unsigned int block, uint64_t n, float y)
{
	s->sum += (double)y;
	if (n >= block)
		s->sum -= (double)s->ring[(n - block) % DETECT_RING];
	s->ring[n % DETECT_RING] = y;
	s->code[n % DETECT_RING] = coded(s->sum / block);
}

static void stretch_of(const struct detect_shape *s, unsigned int block, uint64_t n, uint8_t *ret)
{
	for (unsigned int i = 0; i < DETECT_SHAPE; i++) {
		ret[i] = s->code[(n - i * block) % DETECT_RING];
		ret[DETECT_SHAPE + i] = (uint8_t)(255 - ret[i]);
	}
}

/* Of each box: how much of the stretch lies in it. Sums of bytes in 16 bits: even boxes in one vector, odd ones in another. */
static inline void compare(const struct detect_shape *s, const uint8_t *in, uint16_t *ret_match)
{
	const v8 low = {255, 255, 255, 255, 255, 255, 255, 255};

	for (size_t b = 0; b < DETECT_BOXES; b += sizeof(v16)) {
		v8 even = {0}, odd = {0};

#pragma GCC unroll 16
		for (size_t i = 0; i < DETECT_SIDES; i++) {
			v16 side, x = in[i] - (v16){0}, less, below;

			memcpy(&side, &s->box[i][b], sizeof(side));
			below = (v16)(side < x);
			less = (side & below) | (x & ~below);
			even += (v8)less & low;
			odd += (v8)less >> 8;
		}
		for (size_t i = 0; i < sizeof(v8) / 2; i++) {
			ret_match[b + 2 * i] = even[i];
			ret_match[b + 2 * i + 1] = odd[i];
		}
	}
}

static uint32_t oldest(const struct detect_shape *s)
{
	uint32_t ret = 0;

	for (uint32_t b = 1; b < DETECT_BOXES; b++)
		if (s->used[b] < s->used[ret])
			ret = b;
	return ret;
}

static void learn(struct detect_shape *s, const uint8_t *in, uint32_t box, bool fresh)
{
	unsigned int size = 0;

	for (size_t i = 0; i < DETECT_SIDES; i++) {
		if (fresh || in[i] < s->box[i][box])
			s->box[i][box] = in[i];
		size += s->box[i][box];
	}
	s->share[box] = 1 / (1 + (float)size);
}

/*
 * The box that the stretch fills most, of those that hold enough of it, or DETECT_BOXES; *ret_most: what any box holds at most.
 * Four at a time, then the first of the four best.
 */
static uint32_t resonant(const struct detect_shape *s, const uint16_t *match, float least, float *ret_most)
{
	detect_v4 best = {0}, most = {0};
	detect_i4 at = {0}, here = {0, 1, 2, 3};
	uint32_t ret = DETECT_BOXES;
	float filled = 0;

	for (size_t b = 0; b < DETECT_BOXES; b += 4) {
		detect_v4 held = {match[b], match[b + 1], match[b + 2], match[b + 3]}, share;
		detect_i4 better;

		memcpy(&share, &s->share[b], sizeof(share));
		better = share > 0;
		held = (detect_v4)((detect_i4)held & better);
		better = held > most;
		most = (detect_v4)(((detect_i4)held & better) | ((detect_i4)most & ~better));
		share *= held;
		better = (held >= least) & (share > best);
		best = (detect_v4)(((detect_i4)share & better) | ((detect_i4)best & ~better));
		at = (here & better) | (at & ~better);
		here += 4;
	}
	*ret_most = 0;
	for (size_t i = 0; i < 4; i++) {
		*ret_most = most[i] > *ret_most ? most[i] : *ret_most;
		if (best[i] > filled || (best[i] > 0 && best[i] == filled && (uint32_t)at[i] < ret)) {
			filled = best[i];
			ret = (uint32_t)at[i];
		}
	}
	return ret;
}

float detect_shape_step(struct detect_shape *s, const struct detect_tuning *t, uint64_t n, float y)
{
	const float whole = 255 * DETECT_SHAPE;
	const unsigned int block = (unsigned int)t->block;
	uint16_t match[DETECT_BOXES];
	uint8_t in[DETECT_SIDES];
	uint32_t best;
	float most;
	bool fresh;

	keep(s, block, n, y);
	if (n < (uint64_t)DETECT_SHAPE * block)
		return 0;
	stretch_of(s, block, n, in);
	compare(s, in, match);
	best = resonant(s, match, (float)t->resonance * whole, &most);
	fresh = best == DETECT_BOXES;
	if (fresh)
		best = s->boxes < DETECT_BOXES ? s->boxes++ : oldest(s);
	learn(s, in, best, fresh);
	s->used[best] = (uint32_t)n;
	return (whole - most) / whole;
}
