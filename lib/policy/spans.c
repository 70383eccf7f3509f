/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nested prefixes -> disjoint spans. One sweep in address order with a stack of the prefixes that are
 * open: where one begins or ends, a span begins, with the class of the innermost one then open. IPv4
 * lies at ::ffff:0:0/96 of the same 128-bit line; its part goes to a table of its own, half the work
 * and a third of the memory per address. The spans are laid out with gaps, see spread.h.
 */
#include "lib/policy/spread.h"

struct open_prefix {
	u128 last;
	uint32_t class;
};

struct sweep {
	struct weir_tables *t;
	struct open_prefix stack[129]; /* a prefix of each length at most */
	size_t depth;
	uint32_t around; /* class of what no prefix covers */
};

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
	if (start >= WEIR_V4_FIRST && start <= WEIR_V4_LAST) {
		emit4(s->t, (uint32_t)start, class);
	} else {
		emit6(s->t, start, class);
		if (start < WEIR_V4_FIRST)
			emit4(s->t, 0, class);
	}
}

static void close_until(struct sweep *s, u128 start, bool all)
{
	while (s->depth && (all || s->stack[s->depth - 1].last < start)) {
		u128 last = s->stack[--s->depth].last;
		uint32_t class = s->depth ? s->stack[s->depth - 1].class : s->around;

		if (last != ~(u128)0)
			emit(s, last + 1, class);
		if (last + 1 == WEIR_V4_FIRST)
			emit6(s->t, WEIR_V4_LAST + 1, class); /* for IPv6 the next address is there */
	}
}

static void sweep_all(struct sweep *s, const struct weir_b_prefix *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct weir_prefix *p = &prefixes[i].prefix;
		u128 first = weir_u128(p->addr.b), last = weir_last(p);

		close_until(s, first, false);
		emit(s, first, prefixes[i].class);
		s->stack[s->depth++] = (struct open_prefix){last, prefixes[i].class};
	}
	close_until(s, 0, true);
}

/* Real spans -> blocks of slots, from the last on: the place of each is never before where it was. */
static size_t spread_out(void *spans, size_t count, size_t size)
{
	size_t blocks = weir_span_slots(count) / WEIR_SPAN_BLOCK;
	char *base = spans;

	for (size_t b = blocks; b-- > 0;) {
		size_t first = b * WEIR_SPAN_FILL, n = WEIR_MIN(count - first, (size_t)WEIR_SPAN_FILL);
		char *to = base + b * WEIR_SPAN_BLOCK * size;

		memmove(to, base + first * size, n * size);
		for (size_t i = n; i < WEIR_SPAN_BLOCK; i++)
			memcpy(to + i * size, to + (n - 1) * size, size);
	}
	return blocks * WEIR_SPAN_BLOCK;
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

	t->spans4 = calloc(weir_span_slots(2 * n + 2), sizeof(*t->spans4));
	t->spans6 = calloc(weir_span_slots(2 * n + 2), sizeof(*t->spans6));
	t->roots = calloc(WEIR_ROOTS, sizeof(*t->roots));
	if (!t->spans4 || !t->spans6 || !t->roots)
		return -ENOMEM;
	emit(&s, 0, 0);
	sweep_all(&s, prefixes, n);
	t->span4_count = spread_out(t->spans4, t->span4_count, sizeof(*t->spans4));
	t->span6_count = spread_out(t->spans6, t->span6_count, sizeof(*t->spans6));
	make_roots(t);
	return 0;
}

/* The same for the addresses of one prefix, around which `class` holds; nothing covers IPv4 and more. */
int weir_spans_within(const struct weir_b_prefix *prefixes, size_t n, const struct weir_prefix *p,
		      uint32_t class, struct weir_tables *t)
{
	struct sweep s = {.t = t, .around = class};
	u128 first = weir_u128(p->addr.b);

	t->spans4 = calloc(2 * n + 2, sizeof(*t->spans4));
	t->spans6 = calloc(2 * n + 2, sizeof(*t->spans6));
	if (!t->spans4 || !t->spans6)
		return -ENOMEM;
	emit(&s, first, class);
	sweep_all(&s, prefixes, n);
	return 0;
}
