/* SPDX-License-Identifier: Apache-2.0 */
/* A small generator of random numbers that a model carries with it: the same seed gives the same model everywhere. */
#ifndef WEIR_MODEL_RANDOM_H
#define WEIR_MODEL_RANDOM_H

#include <math.h>

#include "lib/base/base.h"

/* xoshiro256** (Blackman, Vigna 2018), its state filled by splitmix64. Not for keys. */
struct weir_random {
	uint64_t s[4];
};

static inline struct weir_random weir_random_of(uint64_t seed)
{
	struct weir_random r;

	for (int i = 0; i < 4; i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		r.s[i] = z ^ z >> 31;
	}
	return r;
}

static inline uint64_t weir_random_u64(struct weir_random *r)
{
	uint64_t *s = r->s, x = s[1] * 5, ret = (x << 7 | x >> 57) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = s[3] << 45 | s[3] >> 19;
	return ret;
}

/* In [0, 1), all 53 bits. */
static inline double weir_random_unit(struct weir_random *r)
{
	return (double)(weir_random_u64(r) >> 11) * 0x1p-53;
}

/* In [0, n), without bias (Lemire 2019); n > 0. */
static inline uint64_t weir_random_below(struct weir_random *r, uint64_t n)
{
	__uint128_t m = (__uint128_t)weir_random_u64(r) * n;

	if ((uint64_t)m < n)
		for (uint64_t least = -n % n; (uint64_t)m < least;)
			m = (__uint128_t)weir_random_u64(r) * n;
	return (uint64_t)(m >> 64);
}

/* Standard normal (Box, Muller 1958; one of the pair). */
static inline double weir_random_normal(struct weir_random *r)
{
	double radius = sqrt(-2 * log(1 - weir_random_unit(r)));

	return radius * cos(2 * M_PI * weir_random_unit(r));
}

#endif
