/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of fixed size: entries by a 64-bit tag, eight places for each. When all eight are taken, the entry gives way that
 * was seen longest ago, its weight counting as time: what has proved to be worth remembering stays longer. Of those
 * in use just now none gives way to another's weight.
 */
#ifndef WEIR_PATTERN_CACHE_H
#define WEIR_PATTERN_CACHE_H

#include "lib/base/base.h"

#define CACHE_WAYS 8

/* Begins each entry; the rest is the user's, zeroed when the entry is made. */
struct cache_slot {
	uint64_t tag;	 /* 0 = free */
	uint32_t seen;	 /* bucket */
	uint32_t weight; /* buckets */
	uint32_t asked;	 /* bucket in which it became a candidate, */
	uint32_t kinds;	 /* and for what: bits of weir_finding_kind */
};

struct cache {
	uint8_t *at;
	size_t size, sets; /* of an entry, bytes; a power of two */
};

static inline int cache_init(struct cache *c, size_t size, size_t entries)
{
	c->size = (size + 7) & ~(size_t)7;
	c->sets = WEIR_MAX(entries / CACHE_WAYS, (size_t)1);
	c->at = calloc(c->sets * CACHE_WAYS, c->size);
	return c->at ? 0 : -ENOMEM;
}

static inline struct cache_slot *cache_at(const struct cache *c, size_t i)
{
	return (void *)(c->at + i * c->size);
}

/* What is in use just now stays, whatever the others weigh. */
static inline uint64_t cache_worth(const struct cache_slot *s, uint32_t bucket)
{
	return (uint64_t)s->seen + s->weight + (s->seen + 2 >= bucket ? (uint64_t)1 << 32 : 0);
}

/* NULL: it is not there. */
static inline void *cache_find(const struct cache *c, uint64_t tag)
{
	size_t set = (tag >> 20) & (c->sets - 1);

	tag += !tag;
	for (size_t i = 0; i < CACHE_WAYS; i++)
		if (cache_at(c, set * CACHE_WAYS + i)->tag == tag)
			return cache_at(c, set * CACHE_WAYS + i);
	return NULL;
}

/* Makes it where it is not; *evicted counts what gave way. */
static inline void *cache_get(struct cache *c, uint64_t tag, uint32_t bucket, uint64_t *evicted)
{
	struct cache_slot *worst = NULL, *s = cache_find(c, tag);
	size_t set = (tag >> 20) & (c->sets - 1);

	if (s) {
		s->seen = bucket;
		return s;
	}
	for (size_t i = 0; i < CACHE_WAYS; i++) {
		s = cache_at(c, set * CACHE_WAYS + i);
		if (!worst || !s->tag || (worst->tag && cache_worth(s, bucket) < cache_worth(worst, bucket)))
			worst = s;
	}
	*evicted += worst->tag != 0;
	memset(worst, 0, c->size);
	worst->tag = tag + !tag;
	worst->seen = bucket;
	return worst;
}

#endif
