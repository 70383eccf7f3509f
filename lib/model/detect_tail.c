/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tail likelihood: of the values of a component so far, how many were as strange as this one? A histogram by quarter
 * octaves holds them; instead of ageing all of it, each value counts a little more than the one before.
 */
#include <math.h>

#include "lib/model/detect_impl.h"

#define UNIT_MAX 1e6 /* then all counts are divided by it: floats keep 7 digits */

void detect_tail_init(struct detect_tail *t)
{
	*t = (struct detect_tail){.unit = 1};
}

/* By the bits of a double: exponent and the first two of the fraction. *ret_part: how far into the bucket, 0 to 1. */
static size_t bucket_of(double s, double *ret_part)
{
	uint64_t bits, least = (uint64_t)(1023 - DETECT_OCTAVES / 2) << 52;

	memcpy(&bits, &s, sizeof(bits));
	*ret_part = (double)(bits & (((uint64_t)1 << 50) - 1)) * 0x1p-50;
	if (bits < least || (bits - least) >> 50 >= DETECT_BUCKETS) {
		*ret_part = bits < least ? 0 : 1;
		return bits < least ? 0 : DETECT_BUCKETS - 1;
	}
	return (bits - least) >> 50;
}

static double lower_bound(size_t bucket)
{
	uint64_t bits = ((uint64_t)(1023 - DETECT_OCTAVES / 2) << 52) + ((uint64_t)bucket << 50);
	double s;

	memcpy(&s, &bits, sizeof(s));
	return s;
}

static double above(const struct detect_tail *t, size_t bucket)
{
	size_t g = bucket / DETECT_GROUP, end = (g + 1) * DETECT_GROUP;
	float sum = 0;

	for (size_t i = bucket + 1; i < end; i++)
		sum += t->count[i];
	for (size_t i = g + 1; i < DETECT_GROUPS; i++)
		sum += t->group[i];
	return (double)sum;
}

static void learn(struct detect_tail *t, size_t bucket)
{
	t->count[bucket] += (float)t->unit;
	t->group[bucket / DETECT_GROUP] += (float)t->unit;
	t->total += t->unit;
	t->unit *= detect_tuning.tail_grow;
	if (t->unit < UNIT_MAX)
		return;
	for (size_t i = 0; i < DETECT_BUCKETS; i++)
		t->count[i] /= (float)t->unit;
	for (size_t i = 0; i < DETECT_GROUPS; i++)
		t->group[i] /= (float)t->unit;
	t->total /= t->unit;
	t->unit = 1;
}

double detect_tail_step(struct detect_tail *t, double s)
{
	double part, more, ret;
	size_t bucket = bucket_of(s, &part);

	more = above(t, bucket) + (double)t->count[bucket] * (1 - part);
	ret = -log10(fmin(1, (more + 0.5 * t->unit) / (t->total + t->unit)));
	if (t->largest > 0 && s > t->largest)
		ret += detect_tuning.beyond * log10(s / t->largest);
	t->largest = s > t->largest ? s : t->largest * detect_tuning.max_decay;
	learn(t, bucket);
	return ret;
}

double detect_tail_limit(const struct detect_tail *t, double s)
{
	double sum = 0, part, last = t->unit / detect_tuning.tail_grow, most = (t->total - last) / 1000;
	size_t bucket = bucket_of(s, &part);

	for (size_t i = DETECT_BUCKETS; i-- > 0;) {
		double in = (double)t->count[i] - (i == bucket ? last : 0);

		if (sum + in > most)
			return lower_bound(i + 1) - (most - sum) / in * (lower_bound(i + 1) - lower_bound(i));
		sum += in;
	}
	return 0;
}
