/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of blocks, allocated from the front one only. Blocks double up to BLOCK_MAX, so that a short
 * message costs one small malloc and a long one few; an allocation larger than a block gets its own.
 */
#include "lib/wire/arena.h"

#include <stdalign.h>

#define BLOCK_MIN ((size_t)4 << 10)
#define BLOCK_MAX ((size_t)256 << 10)

struct block {
	struct block *next;
	size_t used, size;
	alignas(max_align_t) uint8_t data[];
};

struct weir_arena {
	struct block *blocks;
	size_t total, max;
	size_t next_size;
};

int weir_arena_new(size_t max, struct weir_arena **ret)
{
	struct weir_arena *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->max = max;
	a->next_size = BLOCK_MIN;
	*ret = a;
	return 0;
}

void weir_arena_free(struct weir_arena *a)
{
	if (!a)
		return;
	for (struct block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

static struct block *block_add(struct weir_arena *a, size_t size)
{
	size_t want = WEIR_MAX(size, a->next_size);
	struct block *b = calloc(1, sizeof(*b) + want);

	if (!b)
		return NULL;
	b->size = want;
	b->next = a->blocks;
	a->blocks = b;
	a->next_size = WEIR_MIN(a->next_size * 2, BLOCK_MAX);
	return b;
}

void *weir_arena_alloc(struct weir_arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct block *b = a->blocks;
	void *p;

	if (size > a->max - a->total)
		return NULL;
	size = (WEIR_MAX(size, (size_t)1) + align - 1) / align * align;
	if (size > a->max - a->total)
		return NULL;
	if (!b || size > b->size - b->used)
		b = block_add(a, size);
	if (!b)
		return NULL;
	p = b->data + b->used;
	b->used += size;
	a->total += size;
	return p;
}

void *weir_arena_array(struct weir_arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return weir_arena_alloc(a, bytes);
}
