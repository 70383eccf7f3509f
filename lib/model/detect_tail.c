/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tail likelihood: of the values of a component so far, how many were as strange as this one? A histogram by quarter
 * octaves holds them; instead of ageing all of it, each value counts a little more than the one before.
 */
#include "lib/model/detect_impl.h"

#define UNIT_MAX 1e4f /* then all counts are divided by it: floats keep 7 digits */
#define LEAST ((uint32_t)(127 - DETECT_OCTAVES / 2) << 2) /* bits of the lowest bucket's bound: exponent, two of the fraction */
#define PART_BITS 21

void detect_tail_init(struct detect_tail *h)
{
	*h = (struct detect_tail){.unit = 1};
}

/* By the bits of s >= 0. *ret_part: how far into the bucket, 0 to 1. */
static uint32_t bucket_of(float s, float *ret_part)
{
	uint32_t bits, bucket;

	memcpy(&bits, &s, sizeof(bits));
	bucket = bits >> PART_BITS;
	*ret_part = (float)(bits & (((uint32_t)1 << PART_BITS) - 1)) * 0x1p-21f;
	if (bucket >= LEAST && bucket - LEAST < DETECT_BUCKETS)
		return bucket - LEAST;
	*ret_part = bucket < LEAST ? 0 : 1;
	return bucket < LEAST ? 0 : DETECT_BUCKETS - 1;
}

static double lower_bound(uint32_t bucket)
{
	uint32_t bits = (LEAST + bucket) << PART_BITS;
	float s;

	memcpy(&s, &bits, sizeof(s));
	return (double)s;
}

/* The lanes of v whose place, from at on, is above i. */
static inline detect_v4 beyond(const float *v, int32_t at, uint32_t i)
{
	detect_i4 place = {at, at + 1, at + 2, at + 3};

	return (detect_v4)(*(const detect_i4 *)(v + at) & (place > (int32_t)i));
}

static float above(const struct detect_tail *h, uint32_t bucket)
{
	uint32_t g = bucket / DETECT_GROUP;
	const float *in = &h->count[g * DETECT_GROUP];
	detect_v4 sum = beyond(h->group, 0, g) + beyond(h->group, 4, g);

#pragma GCC unroll 4
	for (int32_t i = 0; i < DETECT_GROUP; i += 4)
		sum += beyond(in, i, bucket % DETECT_GROUP);
	return detect_sum4(sum);
}

static void renew(struct detect_tail *h)
{
	float by = 1 / h->unit;

	for (size_t i = 0; i < DETECT_BUCKETS; i++)
		h->count[i] *= by;
	for (size_t i = 0; i < DETECT_GROUPS; i++)
		h->group[i] *= by;
	h->total *= by;
	h->unit = 1;
}

float detect_tail_step(struct detect_tail *h, const struct detect_tuning *t, float s)
{
	uint32_t bucket, group;
	float part, more, ret;

	bucket = bucket_of(s, &part);
	group = bucket / DETECT_GROUP;
	more = above(h, bucket) + h->count[bucket] * (1 - part) + 0.5f * h->unit;
	ret = 0.30103f * detect_log2((h->total + h->unit) / more);
	ret = ret > 0 ? ret : 0;
	if (h->largest > 0 && s > h->largest)
		ret += 0.30103f * (float)t->beyond * detect_log2(s / h->largest);
	h->largest = s > h->largest ? s : h->largest * (float)t->max_decay;
	h->count[bucket] += h->unit;
	h->group[group] += h->unit;
	h->total += h->unit;
	h->unit *= (float)t->tail_grow;
	if (h->unit >= UNIT_MAX)
		renew(h);
	return ret;
}

double detect_tail_limit(const struct detect_tail *h, const struct detect_tuning *t, float s)
{
	float part;
	double sum = 0, last = (double)h->unit / t->tail_grow, most = ((double)h->total - last) / 1000;
	uint32_t bucket = bucket_of(s, &part);

	for (uint32_t i = DETECT_BUCKETS; i-- > 0;) {
		double in = fmax(0, (double)h->count[i] - (i == bucket ? last : 0));

		if (sum + in > most)
			return lower_bound(i + 1) - (most - sum) / in * (lower_bound(i + 1) - lower_bound(i));
		sum += in;
	}
	return 0;
}
