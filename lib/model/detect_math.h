/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic of the detector of series: floats, four at a time by the compiler's vectors, in one order everywhere, so that
 * no result depends on what a processor offers.
 */
#ifndef WEIR_MODEL_DETECT_MATH_H
#define WEIR_MODEL_DETECT_MATH_H

#include <math.h>

#include "lib/base/base.h"

typedef float detect_v4 __attribute__((vector_size(16)));
typedef int32_t detect_i4 __attribute__((vector_size(16)));

static inline float detect_sum4(detect_v4 v)
{
	return (v[0] + v[2]) + (v[1] + v[3]);
}

/* Of x > 0, to some 1e-7: 2/ln 2 artanh((m - 1) / (m + 1)) of the mantissa m in [0.707, 1.414], and the exponent. */
static inline float detect_log2(float x)
{
	uint32_t bits;
	int32_t exponent;
	float m, t, s;

	memcpy(&bits, &x, sizeof(bits));
	exponent = (int32_t)((bits + 0x4afb0c) >> 23) - 127; /* one more from the square root of 2 on */
	bits -= (uint32_t)exponent << 23;
	memcpy(&m, &bits, sizeof(m));
	t = (m - 1) / (m + 1);
	s = t * t;
	return (float)exponent + t * (2.8853901f + s * (0.9617967f + s * (0.5770780f + s * 0.4121986f)));
}

static inline float detect_asinh(float z)
{
	float a = fabsf(z);

	return copysignf(0.6931472f * detect_log2(a + sqrtf(a * a + 1)), z);
}

/*
 * Recursive least squares with forgetting (Haykin, Adaptive Filter Theory, the exponentially weighted form) of n inputs in
 * wide vectors, what is behind them 0. Learns that w x should have been err more. Returns the trace of cov.
 */
static inline __attribute__((always_inline)) float detect_rls(detect_v4 *weight, detect_v4 *cov, const detect_v4 *x, size_t n,
							      size_t wide, float err, float keep)
{
	detect_v4 gain[4], all = {0}; /* wide <= 4 */
	float below, by = 1 / keep, trace = 0, in[16], step[16];

	memcpy(in, x, wide * sizeof(*x));
	for (size_t k = 0; k < wide; k++)
		gain[k] = (detect_v4){0};
#pragma GCC unroll 16
	for (size_t j = 0; j < n; j++)
		for (size_t k = 0; k < wide; k++)
			gain[k] += cov[j * wide + k] * in[j];
	for (size_t k = 0; k < wide; k++)
		all += gain[k] * x[k];
	below = 1 / (keep + detect_sum4(all));
	for (size_t k = 0; k < wide; k++)
		weight[k] += gain[k] * (below * err);
	for (size_t k = 0; k < wide; k++) {
		detect_v4 scaled = gain[k] * below;

		memcpy(step + 4 * k, &scaled, sizeof(scaled));
	}
#pragma GCC unroll 16
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < wide; k++)
			cov[i * wide + k] = (cov[i * wide + k] - gain[k] * step[i]) * by;
		trace += ((const float *)&cov[i * wide])[i];
	}
	return trace;
}

static inline void detect_rls_begin(detect_v4 *cov, size_t n, size_t wide, float first)
{
	memset(cov, 0, n * wide * sizeof(*cov));
	for (size_t i = 0; i < n; i++)
		((float *)&cov[i * wide])[i] = first;
}

#endif
