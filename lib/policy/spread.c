/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/spread.h"

#define BLOCK ((size_t)WEIR_SPAN_BLOCK)

size_t weir_span_slots(size_t spans)
{
	return (spans + WEIR_SPAN_FILL - 1) / WEIR_SPAN_FILL * WEIR_SPAN_BLOCK;
}

static void put(struct weir_spread *s, size_t i, const struct weir_span *x)
{
	if (s->spans4)
		s->spans4[i] = (struct weir_span4){(uint32_t)x->start, x->class};
	else
		s->spans6[i] = (struct weir_span6){(uint64_t)(x->start >> 64), (uint64_t)x->start, x->class, 0};
}

static u128 start_of(const struct weir_spread *s, size_t i)
{
	return weir_spread_get(s, i).start;
}

/* A span's own slot, not one that repeats. */
static bool is_own(const struct weir_spread *s, size_t i)
{
	return i == 0 || start_of(s, i) != start_of(s, i - 1);
}

size_t weir_spread_find(const struct weir_spread *s, u128 start)
{
	size_t lo = 0, hi = s->used;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (start_of(s, mid) < start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The first address of a root. */
static u128 root_start(const struct weir_spread *s, uint32_t root)
{
	return (u128)root << (s->spans4 ? 16 : 112);
}

static uint32_t root_of(const struct weir_spread *s, u128 start)
{
	return (uint32_t)(start >> (s->spans4 ? 16 : 112));
}

static uint32_t *root_at(const struct weir_spread *s, uint32_t root)
{
	return s->spans4 ? &s->roots[root].span4 : &s->roots[root].span6;
}

/* Two 64-bit lanes of SplitMix64's finalizer over all of a span. */
void weir_span_count(struct weir_span_sum *sum, const struct weir_span *span, bool more)
{
	uint64_t hi = (uint64_t)(span->start >> 64), lo = (uint64_t)span->start;
	uint64_t z = (hi ^ 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;

	for (int i = 0; i < 2; i++) {
		z = (z ^ z >> 29) + lo * 0x94d049bb133111ebull + ((uint64_t)span->class << 17 | 1);
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
		z = (z ^ z >> 27) * 0x94d049bb133111ebull;
		z ^= z >> 31;
		sum->lanes[i] += more ? z : -z;
	}
	sum->count += more ? 1 : (uint64_t)-1;
}

int weir_spread_sum(const struct weir_spread *s, struct weir_span_sum *ret)
{
	struct weir_span_sum sum = {0};
	struct weir_span before = {0};
	uint32_t root = 0;

	if (s->used == 0 || start_of(s, 0) != 0 || *root_at(s, WEIR_ROOTS - 1) != s->used - 1)
		return -EBADMSG;
	for (size_t i = 0; i < s->used; i++) {
		struct weir_span x = weir_spread_get(s, i);

		if (i && (x.start < before.start || (x.start == before.start && x.class != before.class)))
			return -EBADMSG;
		if (i == 0 || x.start != before.start) {
			/* A root leads to the last slot that does not begin behind its first address. */
			for (; i && root < WEIR_ROOTS - 1 && root_start(s, root) < x.start; root++)
				if (*root_at(s, root) != i - 1)
					return -EBADMSG;
			weir_span_count(&sum, &x, true);
		}
		before = x;
	}
	for (; root < WEIR_ROOTS - 1; root++)
		if (*root_at(s, root) != s->used - 1)
			return -EBADMSG;
	*ret = sum;
	return 0;
}

/* Blocks [first, end) and the number of spans that will stand in them. */
struct window {
	size_t first, end, spans;
};

/* A slot behind the window that repeats one of its spans belongs to it. */
static void close_window(const struct weir_spread *s, struct window *w)
{
	while (w->end * BLOCK < s->used && !is_own(s, w->end * BLOCK))
		w->end++;
}

static void count_window(const struct weir_spread *s, size_t from, size_t to, size_t fresh, struct window *w)
{
	w->spans = fresh;
	for (size_t i = w->first * BLOCK; i < WEIR_MIN(w->end * BLOCK, s->used); i++)
		w->spans += (i < from || i >= to) && is_own(s, i);
}

/* The least window around slots [from, to) in which all find room: more of it, the wider it is. */
static int find_window(const struct weir_spread *s, size_t from, size_t to, size_t fresh, struct window *w)
{
	size_t blocks = s->used / BLOCK, wide;

	w->first = (from ? from - 1 : 0) / BLOCK;
	w->end = (to - 1) / BLOCK + 1;
	close_window(s, w);
	count_window(s, from, to, fresh, w);
	for (wide = 1; w->spans > (w->end - w->first) * BLOCK || (wide > 1 && w->spans > (w->end - w->first) * 60);
	     wide *= 2) {
		if (w->first == 0 && w->end >= blocks) {
			w->end = WEIR_MAX(blocks, weir_span_slots(w->spans) / BLOCK);
			return w->end * BLOCK <= s->cap ? 0 : -ENOSPC;
		}
		w->first -= WEIR_MIN(w->first, wide);
		w->end = WEIR_MIN(blocks, w->end + wide);
		close_window(s, w);
		count_window(s, from, to, fresh, w);
	}
	return 0;
}

static void lay_out(struct weir_spread *s, const struct window *w, const struct weir_span *spans)
{
	size_t blocks = w->end - w->first, at = w->first * BLOCK;
	struct weir_span last = at ? weir_spread_get(s, at - 1) : spans[0];

	for (size_t b = 0; b < blocks; b++) {
		size_t n = w->spans * b / blocks, end = w->spans * (b + 1) / blocks;

		for (size_t i = 0; i < BLOCK; i++, at++) {
			if (n < end)
				last = spans[n++];
			put(s, at, &last);
		}
	}
	s->used = WEIR_MAX(s->used, w->end * BLOCK);
}

/* Roots whose first address lies in the window or just behind it. */
static void lead_roots(struct weir_spread *s, const struct window *w)
{
	size_t end = w->end * BLOCK, at = w->first ? w->first * BLOCK - 1 : 0;
	uint32_t root = root_of(s, start_of(s, at)); /* the first slot may begin elsewhere than it did */
	uint32_t last = end < s->used ? root_of(s, start_of(s, end)) : WEIR_ROOTS - 2;

	for (; root <= last; root++) {
		u128 first = root_start(s, root);

		if (first < start_of(s, at))
			continue;
		while (at + 1 < s->used && start_of(s, at + 1) <= first)
			at++;
		*root_at(s, root) = (uint32_t)at;
	}
	*root_at(s, WEIR_ROOTS - 1) = (uint32_t)(s->used - 1);
}

int weir_spread_splice(struct weir_spread *s, u128 first, u128 last, const struct weir_span *fresh,
		       size_t count, struct weir_span_sum *sum)
{
	size_t from = weir_spread_find(s, first), to = from, n = 0;
	weir_auto_free struct weir_span *spans = NULL;
	struct window w;
	int r;

	while (to < s->used && start_of(s, to) <= last)
		to++;
	r = find_window(s, from, WEIR_MAX(to, (size_t)1), count, &w);
	if (r < 0)
		return r;
	spans = calloc(w.spans + 1, sizeof(*spans));
	if (!spans)
		return -ENOMEM;
	for (size_t i = w.first * BLOCK; i <= WEIR_MIN(w.end * BLOCK, s->used); i++) {
		if (i == from) {
			memcpy(spans + n, fresh, count * sizeof(*fresh));
			n += count;
		}
		if (i == WEIR_MIN(w.end * BLOCK, s->used) || !is_own(s, i))
			continue;
		spans[n] = weir_spread_get(s, i);
		if (i < from || i >= to)
			n++;
		else
			weir_span_count(sum, &spans[n], false);
	}
	for (size_t i = 0; i < count; i++)
		weir_span_count(sum, &fresh[i], true);
	lay_out(s, &w, spans);
	lead_roots(s, &w);
	return 0;
}
