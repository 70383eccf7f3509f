/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Context memory: how often did this level of value follow the levels before it? Counts of contexts of 0 to DETECT_DEPTH
 * levels, each blended with the shorter one's estimate (prediction by partial matching; Cleary, Witten 1984, with the
 * blending of Bell, Cleary, Witten 1990). A hash table without chains: who is overwritten is forgotten.
 */
#include "lib/model/detect_impl.h"

#define LEVELS 24.0f /* as likely as one of so many, when nothing is known */
#define WHOLE 77777 /* stands for all levels behind a context */

static uint32_t mixed(uint32_t h, uint32_t v)
{
	h ^= v + 0x9e3779b9 + (h << 6) + (h >> 2);
	h *= 0x85ebca6b;
	return h ^ h >> 13;
}

/* The count before this time; a slot of another is worn down until it is free. */
static float counted(struct detect_memory *m, uint32_t h)
{
	struct detect_slot *s = &m->slot[h % DETECT_SLOTS];
	uint16_t tag = (uint16_t)(h >> 16);

	if (s->tag != tag && s->count >= 2) {
		s->count /= 2;
		return 0;
	}
	if (s->tag != tag)
		s->count = 0;
	s->tag = tag;
	if (s->count < UINT16_MAX)
		s->count++;
	return (float)(s->count - 1);
}

float detect_memory_step(struct detect_memory *m, const struct detect_tuning *t, float y)
{
	int32_t level = (int32_t)lrintf((float)t->grid * y);
	float p = 1 / LEVELS, escape = (float)t->escape;
	uint32_t h = 1;

	for (size_t k = 0; k <= DETECT_DEPTH; k++) {
		float all, these;

		h = k ? mixed(h, (uint32_t)m->before[k - 1] + 1000) : h;
		all = counted(m, mixed(h, WHOLE));
		these = counted(m, mixed(h, (uint32_t)level + 500000));
		these = these < all ? these : all;
		p = (these + escape * p) / (all + escape);
	}
	for (size_t k = DETECT_DEPTH - 1; k > 0; k--)
		m->before[k] = m->before[k - 1];
	m->before[0] = level;
	m->surprise += (-detect_log2(p) - m->surprise) / (float)t->surprise;
	return m->surprise;
}
