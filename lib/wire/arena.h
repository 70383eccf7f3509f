/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded arena: everything one message needs, released at once. Internal to lib/wire. */
#ifndef WEIR_WIRE_ARENA_H
#define WEIR_WIRE_ARENA_H

#include "lib/base/base.h"

struct weir_arena;

/* max bounds the sum of all allocations: a small message can ask for much memory when unpacked. */
int weir_arena_new(size_t max, struct weir_arena **ret);
void weir_arena_free(struct weir_arena *a); /* NULL allowed */
/* Zeroed, aligned for any type; NULL beyond max or without memory. */
void *weir_arena_alloc(struct weir_arena *a, size_t size);
/* The same for n elements, safe against overflow; never NULL for n = 0 unless memory is short. */
void *weir_arena_array(struct weir_arena *a, size_t n, size_t size);

static inline void weir_arena_freep(struct weir_arena **a)
{
	weir_arena_free(*a);
}
#define weir_auto_arena weir_cleanup(weir_arena_freep)

#endif
