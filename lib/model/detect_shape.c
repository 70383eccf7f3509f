/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzy adaptive resonance (Carpenter, Grossberg, Rosen 1991) on the means of the last DETECT_SHAPE blocks of values: a
 * stretch, complement-coded, resonates with the box that it fits best and makes it wider, or becomes a box. Strange is what
 * fits no box. All in bytes, so that every machine has the same sums.
 */
#include "lib/model/detect_impl.h"

/* Scaled values of -4 to 4 are told apart: asinh(27). */
static uint8_t coded(double mean)
{
	double a = 127.5 + mean * (255.0 / 8);

	return !(a > 0) ? 0 : a > 255 ? 255 : (uint8_t)(a + 0.5);
}

/* Keeps y and the mean of the block that it ends; the stretch is of means, a block apart. */
static void keep(struct detect_shape *s, uint64_t n, double y)
{
	unsigned int block = (unsigned int)detect_tuning.block;

	s->sum += y;
	if (n >= block)
		s->sum -= (double)s->ring[(n - block) % DETECT_RING];
	s->ring[n % DETECT_RING] = (float)y;
	s->sum += (double)(float)y - y; /* what will be taken off again */
	s->code[n % DETECT_RING] = coded(s->sum / block);
}

static void stretch_of(const struct detect_shape *s, uint64_t n, uint8_t *ret)
{
	unsigned int block = (unsigned int)detect_tuning.block;

	for (unsigned int i = 0; i < DETECT_SHAPE; i++) {
		ret[i] = s->code[(n - i * block) % DETECT_RING];
		ret[DETECT_SHAPE + i] = (uint8_t)(255 - ret[i]);
	}
}

/* Of each box: how much of the stretch lies in it (match), and how large it is itself. */
static void compare(const struct detect_shape *s, const uint8_t *in, uint16_t *ret_match, uint16_t *ret_size)
{
	memset(ret_match, 0, DETECT_BOXES * sizeof(*ret_match));
	memset(ret_size, 0, DETECT_BOXES * sizeof(*ret_size));
	for (size_t i = 0; i < DETECT_SIDES; i++) {
		const uint8_t *side = s->box[i];
		uint8_t x = in[i];

		for (size_t b = 0; b < DETECT_BOXES; b++) {
			ret_match[b] = (uint16_t)(ret_match[b] + (side[b] < x ? side[b] : x));
			ret_size[b] = (uint16_t)(ret_size[b] + side[b]);
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
	for (size_t i = 0; i < DETECT_SIDES; i++)
		if (fresh || in[i] < s->box[i][box])
			s->box[i][box] = in[i];
}

double detect_shape_step(struct detect_shape *s, uint64_t n, double y)
{
	const unsigned int whole = 255 * DETECT_SHAPE, least = (unsigned int)(detect_tuning.resonance * whole);
	uint16_t match[DETECT_BOXES], size[DETECT_BOXES];
	uint8_t in[DETECT_SIDES];
	uint32_t best = DETECT_BOXES;
	unsigned int most = 0;
	bool fresh;

	keep(s, n, y);
	if (n < (uint64_t)(DETECT_SHAPE * detect_tuning.block))
		return 0;
	stretch_of(s, n, in);
	compare(s, in, match, size);
	for (uint32_t b = 0; b < s->boxes; b++) {
		most = WEIR_MAX(most, match[b]);
		/* the largest share of the box: match[b] / (1 + size[b]), without dividing */
		if (match[b] >= least &&
		    (best == DETECT_BOXES || (uint32_t)match[b] * (1U + size[best]) > (uint32_t)match[best] * (1U + size[b])))
			best = b;
	}
	fresh = best == DETECT_BOXES;
	if (fresh)
		best = s->boxes < DETECT_BOXES ? s->boxes++ : oldest(s);
	learn(s, in, best, fresh);
	s->used[best] = n;
	return (double)(whole - most) / whole;
}
