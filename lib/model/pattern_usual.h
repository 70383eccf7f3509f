/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a rate usually is at most: the largest of its past, halving each day, without what is newest, so that an event
 * that grows over minutes is not its own excuse. The newest 3 buckets count for nothing, the five minutes before them
 * only while there is no older past.
 */
#ifndef WEIR_PATTERN_USUAL_H
#define WEIR_PATTERN_USUAL_H

#include "lib/base/base.h"

#define USUAL_LAG 3
#define USUAL_MINUTES 5
#define USUAL_HALVES 0.99951882f /* 2^(-1/1440): a minute of a half-life of a day */

struct usual {
	float top, lag[USUAL_LAG], minute[USUAL_MINUTES]; /* newest first */
	uint32_t at, born;				  /* buckets */
};

static inline void usual_step(struct usual *u)
{
	float out = u->lag[USUAL_LAG - 1];

	memmove(u->lag + 1, u->lag, sizeof(u->lag) - sizeof(*u->lag));
	u->lag[0] = 0;
	if (++u->at % 6 == 0) {
		u->top = WEIR_MAX(u->top * USUAL_HALVES, u->minute[USUAL_MINUTES - 1]);
		memmove(u->minute + 1, u->minute, sizeof(u->minute) - sizeof(*u->minute));
		u->minute[0] = 0;
	}
	u->minute[0] = WEIR_MAX(u->minute[0], out);
}

/* Brings it to the bucket; what was not told in between was 0. */
static inline void usual_advance(struct usual *u, uint32_t bucket)
{
	if (!u->born)
		u->born = u->at = bucket;
	for (unsigned int i = 0; i < USUAL_LAG + 6 * (USUAL_MINUTES + 1) && u->at < bucket; i++)
		usual_step(u);
	for (; u->at + 6 < bucket; u->at += 6)
		u->top *= USUAL_HALVES;
	u->at = WEIR_MAX(u->at, bucket);
}

/* The largest of several members in one bucket counts. */
static inline void usual_note(struct usual *u, uint32_t bucket, float v)
{
	usual_advance(u, bucket);
	u->lag[0] = WEIR_MAX(u->lag[0], v);
}

/* Buckets of past that it speaks of. */
static inline uint32_t usual_history(const struct usual *u, uint32_t bucket)
{
	return u->born && bucket > u->born + USUAL_LAG ? bucket - u->born - USUAL_LAG : 0;
}

/* After usual_advance(). */
static inline float usual_top(const struct usual *u)
{
	float top = u->top;

	if (u->at - u->born < 6 * (USUAL_MINUTES + 2))
		for (int i = 0; i < USUAL_MINUTES; i++)
			top = WEIR_MAX(top, u->minute[i]);
	return top;
}

#endif
