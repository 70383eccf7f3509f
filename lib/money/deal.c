/* SPDX-License-Identifier: Apache-2.0 */
/* Deals what was measured to the lines of a bill, by quantity. */
#include "lib/money/price.h"
#include "lib/money/settlement_impl.h"

static bool same_group(const struct weir_settlement_line *a, const struct weir_settlement_line *b)
{
	return settlement_same(a->meter, b->meter) && settlement_same(a->account, b->account) && settlement_same(a->region, b->region);
}

static bool same_class(const struct weir_settlement_claim *a, const struct weir_settlement_claim *b)
{
	return settlement_same(a->meter, b->meter) && settlement_same(a->account, b->account) &&
	       settlement_same(a->region, b->region) && a->from_s == b->from_s && a->to_s == b->to_s;
}

static void groups_find(struct weir_settlement *s)
{
	for (size_t i = 0; i < s->line_count; i++) {
		if (!i || !same_group(&s->lines[i - 1], &s->lines[i]))
			s->groups[s->group_count++].first = i;
		s->groups[s->group_count - 1].count++;
	}
	for (size_t i = 0; i < s->claim_count; i++) {
		if (!i || !same_class(&s->claims[i - 1], &s->claims[i]))
			s->classes[s->class_count++].first = i;
		s->classes[s->class_count - 1].count++;
	}
}

/* What corrections leave of a group's quantity is split over its usage lines. */
static int quantities_find(struct weir_settlement *s, const struct group *g, struct weir_err *err)
{
	__int128 have = 0, sum = 0;

	for (size_t i = g->first; i < g->first + g->count; i++) {
		bool usage = s->lines[i].kind == WEIR_CHARGE_USAGE && s->lines[i].quantity > 0;

		s->quantity[i] = usage ? (uint64_t)s->lines[i].quantity : 0;
		have += s->quantity[i];
		sum += usage || s->lines[i].quantity < 0 ? s->lines[i].quantity : 0;
	}
	if (have > INT64_MAX)
		return weir_err_set(err, -ERANGE, "meter %s: the bill has more bytes than fit", s->lines[g->first].meter);
	if (sum == have)
		return 0;
	weir_split(sum > 0 ? (int64_t)sum : 0, s->quantity + g->first, g->count, s->amounts);
	for (size_t i = 0; i < g->count; i++)
		s->quantity[g->first + i] = (uint64_t)s->amounts[i];
	return 0;
}

static bool meets(const char *a, const char *b)
{
	return settlement_same(a, b) || !*a || !*b;
}

/* The usage lines that a class may be of, into touched; their quantities, or what is left of them, into weights. */
static size_t lines_of(struct weir_settlement *s, const struct weir_settlement_claim *c, size_t from, size_t to)
{
	uint64_t left = 0;
	size_t n = 0;

	for (size_t g = from; g < to; g++) {
		size_t first = s->groups[g].first;

		if (!meets(s->lines[first].account, c->account) || !meets(s->lines[first].region, c->region))
			continue;
		for (size_t i = first; i < first + s->groups[g].count; i++) {
			if (!s->quantity[i] || s->lines[i].from_s >= c->to_s || s->lines[i].to_s <= c->from_s)
				continue;
			s->touched[n] = (uint32_t)i;
			s->weights[n] = s->quantity[i] - WEIR_MIN(s->quantity[i], s->dealt[i]);
			left |= s->weights[n++];
		}
	}
	for (size_t i = 0; !left && i < n; i++)
		s->weights[i] = s->quantity[s->touched[i]];
	return n;
}

static int deal_add(struct weir_settlement *s, uint32_t line, uint32_t class, uint64_t bytes)
{
	if (s->deal_count == s->deal_cap) {
		size_t cap = s->deal_cap ? 2 * s->deal_cap : 1024;
		struct deal *deals = cap <= DEALS_MAX ? reallocarray(s->deals, cap, sizeof(*deals)) : NULL;

		if (!deals)
			return cap <= DEALS_MAX ? -ENOMEM : -E2BIG;
		s->deals = deals;
		s->deal_cap = cap;
	}
	s->deals[s->deal_count++] = (struct deal){line, class, bytes};
	s->dealt[line] += bytes;
	return 0;
}

static int class_deal(struct weir_settlement *s, uint32_t class, size_t from, size_t to, struct weir_err *err)
{
	const struct group *k = &s->classes[class];
	size_t n = lines_of(s, &s->claims[k->first], from, to);
	__int128 bytes = 0;
	int r = 0;

	for (size_t i = k->first; i < k->first + k->count; i++)
		bytes += s->claims[i].bytes;
	if (!n || !bytes)
		return 0;
	if (bytes > INT64_MAX / 4)
		return weir_err_set(err, -ERANGE, "meter %s: more bytes were measured than fit", s->claims[k->first].meter);
	weir_split((int64_t)bytes, s->weights, n, s->amounts);
	for (size_t i = 0; !r && i < n; i++)
		if (s->amounts[i])
			r = deal_add(s, s->touched[i], class, (uint64_t)s->amounts[i]);
	return r == -E2BIG ? weir_err_set(err, r, "more than %u lines with what was measured of them; choose with --account", DEALS_MAX) : r;
}

/* By line, the classes of one in the order in which they were dealt. */
static int deals_sort(struct weir_settlement *s)
{
	struct deal *sorted = calloc(s->deal_count + 1, sizeof(*sorted));
	size_t at = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < s->deal_count; i++)
		s->deal_first[s->deals[i].line]++;
	for (size_t i = 0; i <= s->line_count; i++) { /* counts become ends, which the last loop takes down to firsts */
		at += s->deal_first[i];
		s->deal_first[i] = at;
	}
	for (size_t i = s->deal_count; i-- > 0;)
		sorted[--s->deal_first[s->deals[i].line]] = s->deals[i];
	free(s->deals);
	s->deals = sorted;
	return 0;
}

int settlement_deal(struct weir_settlement *s, struct weir_err *err)
{
	size_t from = 0, to;
	int r = 0;

	groups_find(s);
	for (size_t g = 0; !r && g < s->group_count; g++)
		r = quantities_find(s, &s->groups[g], err);
	for (size_t k = 0; !r && k < s->class_count; k++) {
		const char *meter = s->claims[s->classes[k].first].meter;

		/* Both are by meter: the groups of this one are where the last one's end, or further. */
		while (from < s->group_count && strcmp(s->lines[s->groups[from].first].meter, meter) < 0)
			from++;
		for (to = from; to < s->group_count && settlement_same(s->lines[s->groups[to].first].meter, meter);)
			to++;
		r = class_deal(s, (uint32_t)k, from, to, err);
	}
	return r ? r : deals_sort(s);
}
