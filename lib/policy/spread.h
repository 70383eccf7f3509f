/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to lib/policy: spans laid out so that one more needs few others to move.
 *
 * The sorted spans of a family stand in blocks of WEIR_SPAN_BLOCK slots of which a new table fills
 * WEIR_SPAN_FILL. A slot that is not needed repeats the span before it, so that the whole array stays
 * sorted and a search by halves (BPF, lookup.c) needs to know nothing of gaps: a slot is a span's own
 * exactly when it does not begin where the slot before it does. Where a block is full its neighbours
 * make room (a packed memory array: Itai, Konheim, Rodeh 1981). So the layout depends on the order of
 * the changes; sums and digests do not.
 */
#ifndef WEIR_POLICY_SPREAD_H
#define WEIR_POLICY_SPREAD_H

#include "lib/policy/format.h"

typedef unsigned __int128 u128;

#define WEIR_V4_FIRST ((u128)0xffff << 32)
#define WEIR_V4_LAST (WEIR_V4_FIRST | 0xffffffffu)

static inline u128 weir_u128(const uint8_t b[16])
{
	u128 n = 0;

	for (int i = 0; i < 16; i++)
		n = n << 8 | b[i];
	return n;
}

/* The last address of a prefix. */
static inline u128 weir_last(const struct weir_prefix *p)
{
	return weir_u128(p->addr.b) | (p->len == 128 ? 0 : ~(u128)0 >> p->len);
}

/* A span of either family; IPv4 as the 32-bit address. */
struct weir_span {
	u128 start;
	uint32_t class;
};

static inline struct weir_span weir_spread_get(const struct weir_spread *s, size_t i)
{
	if (s->spans4)
		return (struct weir_span){s->spans4[i].start, s->spans4[i].class};
	return (struct weir_span){(u128)s->spans6[i].start_hi << 64 | s->spans6[i].start_lo,
				  s->spans6[i].class};
}

/* The first slot that begins at or behind start; s->used when none does. */
size_t weir_spread_find(const struct weir_spread *s, u128 start);
/*
 * Replaces the spans that begin in [first, last] by others, sorted; roots and sum follow. -ENOSPC, -ENOMEM:
 * nothing has changed.
 */
int weir_spread_splice(struct weir_spread *s, u128 first, u128 last, const struct weir_span *fresh,
		       size_t count, struct weir_span_sum *sum);
/* Adds what a span counts in a sum, or takes it off. */
void weir_span_count(struct weir_span_sum *sum, const struct weir_span *span, bool more);
/* The sum of all spans; -EBADMSG when they are not sorted or a root does not lead to its span. */
int weir_spread_sum(const struct weir_spread *s, struct weir_span_sum *ret);

/* Spans of the addresses of p alone, into t's arrays (no gaps, no roots). */
int weir_spans_within(const struct weir_b_prefix *prefixes, size_t n, const struct weir_prefix *p,
		      uint32_t class, struct weir_tables *t);

#endif
