/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another bundle changes in the tables, when that is little: the prefixes that differ, and the spans
 * of each anew. Prefixes are compared by chunks (bundle_prefix.c).
 */
#include "lib/policy/spread.h"

/* A prefix that holds more than so many others is left to a build. */
#define WITHIN_MAX 16384

/* A place in a bundle's prefixes: `at`, in or at the begin of `chunk`. */
struct place {
	const struct weir_bundle *b;
	size_t at, chunk;
};

static void step(struct place *p)
{
	p->at++;
	if (p->at == p->b->chunks[p->chunk + 1].first)
		p->chunk++;
}

static bool skip_same(struct place *a, struct place *b)
{
	const struct weir_b_chunk *x = &a->b->chunks[a->chunk], *y = &b->b->chunks[b->chunk];
	const struct weir_b_prefix *first_a = &a->b->prefixes[a->at], *first_b = &b->b->prefixes[b->at];

	if (a->chunk == a->b->chunk_count || b->chunk == b->b->chunk_count || a->at != x->first ||
	    b->at != y->first || memcmp(x->digest, y->digest, sizeof(x->digest)) ||
	    weir_prefix_cmp(&first_a->prefix, &first_b->prefix) || first_a->class != first_b->class)
		return false;
	a->at = a->b->chunks[++a->chunk].first;
	b->at = b->b->chunks[++b->chunk].first;
	return true;
}

int weir_bundle_diff(const struct weir_bundle *old, const struct weir_bundle *now, struct weir_prefix *ret,
		     size_t max, size_t *ret_count)
{
	struct place a = {.b = old}, b = {.b = now};
	size_t n = 0;

	if (memcmp(old->rest, now->rest, sizeof(old->rest)))
		return -E2BIG;
	while (a.at < old->prefix_count || b.at < now->prefix_count) {
		const struct weir_b_prefix *x = &old->prefixes[a.at], *y = &now->prefixes[b.at];
		int c;

		if (skip_same(&a, &b))
			continue;
		c = a.at == old->prefix_count ? 1 : b.at == now->prefix_count ? -1 :
			weir_prefix_cmp(&x->prefix, &y->prefix);
		if ((c || x->class != y->class) && n == max)
			return -E2BIG;
		if (c || x->class != y->class)
			ret[n++] = c > 0 ? y->prefix : x->prefix;
		if (c <= 0)
			step(&a);
		if (c >= 0)
			step(&b);
	}
	*ret_count = n;
	return 0;
}

static int by_prefix(const void *a, const void *b)
{
	return weir_prefix_cmp(&((const struct weir_b_prefix *)a)->prefix,
			       &((const struct weir_b_prefix *)b)->prefix);
}

/* The class around a prefix: of the longest one that covers it and more. */
static uint32_t class_around(const struct weir_bundle *b, const struct weir_prefix *p)
{
	struct weir_b_prefix want = {.prefix = *p};

	while (want.prefix.len > 0) {
		const struct weir_b_prefix *found;
		uint8_t len = --want.prefix.len;

		want.prefix.addr.b[len / 8] &= (uint8_t)~(0x80u >> len % 8);
		if (!(b->lengths[len / 64] & 1ull << len % 64))
			continue;
		found = bsearch(&want, b->prefixes, b->prefix_count, sizeof(want), by_prefix);
		if (found)
			return found->class;
	}
	return 0;
}

/* The prefixes [first, first + count) are p and those inside it. */
static size_t inside(const struct weir_bundle *b, const struct weir_prefix *p, size_t *ret_first)
{
	size_t lo = 0, hi = b->prefix_count, end;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (weir_prefix_cmp(&b->prefixes[mid].prefix, p) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (end = lo; end < b->prefix_count && end - lo <= WITHIN_MAX; end++)
		if (!weir_prefix_covers(p, &b->prefixes[end].prefix.addr))
			break;
	*ret_first = lo;
	return end - lo;
}

/* Spans of p's addresses, IPv4 with 32-bit starts; *ret is the caller's. */
static int spans_of(const struct weir_bundle *b, const struct weir_prefix *p, bool v4,
		    struct weir_span **ret, size_t *ret_count)
{
	struct weir_tables t = {0};
	struct weir_span *spans;
	size_t first, n = inside(b, p, &first), count = 0;
	u128 last = weir_last(p);
	int r;

	if (n > WITHIN_MAX)
		return -E2BIG;
	r = weir_spans_within(b->prefixes + first, n, p, class_around(b, p), &t);
	spans = calloc(2 * n + 3, sizeof(*spans)); /* one more: see close_after() */
	if (r == 0 && !spans)
		r = -ENOMEM;
	if (r == 0) {
		const struct weir_spread s = {.spans4 = v4 ? t.spans4 : NULL, .spans6 = t.spans6,
					      .used = v4 ? t.span4_count : t.span6_count};

		/* What ends with p itself begins behind it, with a class that is not known here. */
		while (count < s.used && weir_spread_get(&s, count).start <= (v4 ? (uint32_t)last : last)) {
			spans[count] = weir_spread_get(&s, count);
			count++;
		}
		*ret = weir_take_ptr(spans);
		*ret_count = count;
	}
	free(t.spans4);
	free(t.spans6);
	free(spans);
	return r;
}

/* Behind the last address begins a span exactly when the class there is another. */
static size_t close_after(const struct weir_spread *s, u128 next, struct weir_span *spans, size_t count)
{
	size_t at = weir_spread_find(s, next);
	struct weir_span after = {.start = next};

	if (at < s->used && weir_spread_get(s, at).start == next)
		after.class = weir_spread_get(s, at).class;
	else
		after.class = weir_spread_get(s, at - 1).class;
	if (after.class != spans[count - 1].class)
		spans[count++] = after;
	return count;
}

int weir_bundle_respan(const struct weir_bundle *b, const struct weir_prefix *p, struct weir_spread *v4,
		       struct weir_spread *v6, struct weir_tables_sum *sum)
{
	bool is_v4 = p->len >= 96 && weir_addr_is_v4(&p->addr);
	u128 first = weir_u128(p->addr.b), last = weir_last(p), next = last + 1;
	struct weir_spread *s = is_v4 ? v4 : v6;
	weir_auto_free struct weir_span *spans = NULL;
	struct weir_span *from;
	size_t count = 0, at;
	int r;

	if (!is_v4 && first <= WEIR_V4_LAST && last >= WEIR_V4_FIRST)
		return -E2BIG; /* of both tables */
	r = spans_of(b, p, is_v4, &spans, &count);
	if (r < 0)
		return r;
	if (next == WEIR_V4_FIRST)
		next = WEIR_V4_LAST + 1;
	if (is_v4) {
		first = (uint32_t)first;
		last = (uint32_t)last;
		next = last + 1;
	}
	if (next && !(is_v4 && next > UINT32_MAX)) {
		count = close_after(s, next, spans, count);
		last = next;
	}
	at = weir_spread_find(s, first);
	from = spans;
	if (at && weir_spread_get(s, at - 1).class == spans[0].class) {
		from++;
		count--;
	}
	return weir_spread_splice(s, first, last, from, count, is_v4 ? &sum->spans4 : &sum->spans6);
}
