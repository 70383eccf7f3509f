/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nested prefixes -> disjoint spans. One sweep in address order with a stack of the prefixes that are
 * open: where one begins or ends, a span begins, with the class of the innermost one then open. IPv4
 * lies at ::ffff:0:0/96 of the same 128-bit line; its part goes to a table of its own, half the work
 * and a third of the memory per address.
 */
#include "lib/policy/format.h"

typedef unsigned __int128 u128;

#define V4_FIRST ((u128)0xffff << 32)
#define V4_LAST (V4_FIRST | 0xffffffffu)

struct open_prefix {
	u128 last;
	uint32_t class;
};

struct sweep {
	struct weir_tables *t;
	struct open_prefix stack[129]; /* a prefix of each length at most */
	size_t depth;
};

static u128 number(const uint8_t b[16])
{
	u128 n = 0;

	for (int i = 0; i < 16; i++)
		n = n << 8 | b[i];
	return n;
}

/* Spans of one start: the later one counts; a span that repeats its predecessor's class is none. */
static void emit6(struct weir_tables *t, u128 start, uint32_t class)
{
	struct weir_span6 s = {(uint64_t)(start >> 64), (uint64_t)start, class, 0};
	struct weir_span6 *last = t->span6_count ? &t->spans6[t->span6_count - 1] : NULL;

	if (last && last->start_hi == s.start_hi && last->start_lo == s.start_lo) {
		t->span6_count--;
		last = t->span6_count ? last - 1 : NULL;
	}
	if (!last || last->class != class)
		t->spans6[t->span6_count++] = s;
}

static void emit4(struct weir_tables *t, uint32_t start, uint32_t class)
{
	struct weir_span4 *last = t->span4_count ? &t->spans4[t->span4_count - 1] : NULL;

	if (last && last->start == start) {
		t->span4_count--;
		last = t->span4_count ? last - 1 : NULL;
	}
	if (!last || last->class != class)
		t->spans4[t->span4_count++] = (struct weir_span4){start, class};
}

/* A change inside the IPv4 part is none for IPv6; each part begins with what is open at its first address. */
static void emit(struct sweep *s, u128 start, uint32_t class)
{
	if (start >= V4_FIRST && start <= V4_LAST) {
		emit4(s->t, (uint32_t)start, class);
	} else {
		emit6(s->t, start, class);
		if (start < V4_FIRST)
			emit4(s->t, 0, class);
	}
}

static void close_until(struct sweep *s, u128 start, bool all)
{
	while (s->depth && (all || s->stack[s->depth - 1].last < start)) {
		u128 last = s->stack[--s->depth].last;

		if (last != ~(u128)0)
			emit(s, last + 1, s->depth ? s->stack[s->depth - 1].class : 0);
	}
}

static void sweep_all(struct sweep *s, const struct weir_b_prefix *prefixes, size_t n)
{
	emit(s, 0, 0);
	for (size_t i = 0; i < n; i++) {
		const struct weir_prefix *p = &prefixes[i].prefix;
		u128 first = number(p->addr.b), host = p->len == 128 ? 0 : ~(u128)0 >> p->len;

		close_until(s, first, false);
		emit(s, first, prefixes[i].class);
		s->stack[s->depth++] = (struct open_prefix){first | host, prefixes[i].class};
	}
	close_until(s, 0, true);
}

static void make_roots(struct weir_tables *t)
{
	size_t at4 = 0, at6 = 0;

	for (uint32_t i = 0; i < WEIR_ROOTS - 1; i++) {
		while (at4 + 1 < t->span4_count && t->spans4[at4 + 1].start <= i << 16)
			at4++;
		while (at6 + 1 < t->span6_count &&
		       (t->spans6[at6 + 1].start_hi < (uint64_t)i << 48 ||
			(t->spans6[at6 + 1].start_hi == (uint64_t)i << 48 && !t->spans6[at6 + 1].start_lo)))
			at6++;
		t->roots[i] = (struct weir_root){(uint32_t)at4, (uint32_t)at6};
	}
	t->roots[WEIR_ROOTS - 1] =
		(struct weir_root){(uint32_t)(t->span4_count - 1), (uint32_t)(t->span6_count - 1)};
}

/* The prefixes come sorted by address, the shorter first. At most two spans a prefix and one before. */
int weir_spans_build(const struct weir_b_prefix *prefixes, size_t n, struct weir_tables *t)
{
	struct sweep s = {.t = t};

	t->spans4 = calloc(2 * n + 2, sizeof(*t->spans4));
	t->spans6 = calloc(2 * n + 2, sizeof(*t->spans6));
	t->roots = calloc(WEIR_ROOTS, sizeof(*t->roots));
	if (!t->spans4 || !t->spans6 || !t->roots)
		return -ENOMEM;
	sweep_all(&s, prefixes, n);
	make_roots(t);
	return 0;
}
