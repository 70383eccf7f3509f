/* SPDX-License-Identifier: Apache-2.0 */
/* What price books must be together: no byte may have two prices, nor a meter's months a hole. */
#include "lib/money/book.h"

struct checking {
	void (*fn)(enum weir_problem kind, const char *line, void *arg);
	void *arg;
	bool failed;
};

static void told(struct checking *c, enum weir_problem kind, const char *line)
{
	c->failed |= kind == WEIR_PROBLEM_ERROR;
	c->fn(kind, line, c->arg);
}

/* Of each of these only one holds. */
static bool exclusive(uint32_t when)
{
	static const uint32_t groups[] = {
		BOOK_PUBLIC | BOOK_SERVICE,	 BOOK_SAME_REGION | BOOK_OTHER_REGION,
		BOOK_SAME_ZONE | BOOK_OTHER_ZONE, BOOK_TARGET | BOOK_CLIENT,
		BOOK_FACING | BOOK_INTERNAL,	 ((1u << WEIR_LB_KINDS) - 1) * BOOK_LB,
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(groups); i++)
		if (__builtin_popcount(when & groups[i]) > 1)
			return true;
	return false;
}

/* Lists of regions or services; an empty one is all. */
static bool lists_meet(const struct book_list *a, const struct book_list *b)
{
	if (!a->count || !b->count)
		return true;
	for (size_t i = 0; i < a->count; i++)
		if (book_has(b, a->items[i]))
			return true;
	return false;
}

static bool peers_meet(const struct book_row *a, const struct book_row *b)
{
	return lists_meet(&a->peer_regions, &b->peer_regions) && lists_meet(&a->peer_services, &b->peer_services);
}

static int conditions(const struct book_row *m)
{
	return __builtin_popcount(m->when) + (m->peer_regions.count > 0) + (m->peer_services.count > 0);
}

/* Whether some byte would fit both equally well: the choice would depend on the order of files. */
static bool ambiguous(const struct book_row *a, const struct book_row *b)
{
	return a->leg == b->leg && (a->paths & b->paths) && (a->directions & b->directions) &&
	       conditions(a) == conditions(b) && !exclusive(a->when | b->when) &&
	       peers_meet(a, b);
}

static bool same_time(const struct book_row *a, const struct book_row *b)
{
	return a->pub.valid_from < b->pub.valid_to && b->pub.valid_from < a->pub.valid_to;
}

static bool same_tiers(const struct book_row *a, const struct book_row *b)
{
	if (a->pool != b->pool || a->free_pool != b->free_pool || strcmp(a->area, b->area) ||
	    a->pub.unit_bytes != b->pub.unit_bytes || a->pub.free_bytes != b->pub.free_bytes ||
	    a->pub.tier_count != b->pub.tier_count)
		return false;
	for (size_t i = 0; i < a->pub.tier_count; i++)
		if (a->pub.tiers[i].from_bytes != b->pub.tiers[i].from_bytes ||
		    a->pub.tiers[i].nanos_per_unit != b->pub.tiers[i].nanos_per_unit)
			return false;
	return true;
}

/* a was read after b. */
static void check_pair(struct checking *c, const struct book_row *a, const struct book_row *b)
{
	weir_auto_free char *line = NULL;
	bool same_name = !strcmp(a->pub.name, b->pub.name);

	if (!same_time(a, b))
		return;
	if (same_name && (ambiguous(a, b) || (a->leg == BOOK_RESOURCE && b->leg == BOOK_RESOURCE)))
		line = weir_strf("%s: meter '%.60s' has two prices at the same time in %s", a->where, a->pub.name,
				 a->pub.region);
	else if (ambiguous(a, b))
		line = weir_strf("%s: meters '%.60s' and '%.60s' price the same bytes", a->where, b->pub.name,
				 a->pub.name);
	else if (same_name && !same_tiers(a, b))
		line = weir_strf("%s: meter '%.60s' stands twice with different unit, pool or tiers", a->where,
				 a->pub.name);
	if (line)
		told(c, WEIR_PROBLEM_ERROR, line);
}

/* Whether b is the same price at another time. */
static bool same_scope(const struct book_row *a, const struct book_row *b)
{
	return !strcmp(a->pub.name, b->pub.name) && a->leg == b->leg && (a->paths & b->paths) == a->paths &&
	       (a->directions & b->directions) == a->directions && a->when == b->when && peers_meet(a, b);
}

/* A price that ends, and goes on later: between them its bytes are unpriced, which nobody means. */
static void check_gap(struct checking *c, const struct weir_pricebook *b, size_t first, size_t end, size_t at)
{
	const struct book_row *row = b->rows[at], *next = NULL;
	weir_auto_free char *line = NULL;

	for (size_t i = first; i < end; i++) {
		const struct book_row *other = b->rows[i];

		if (!same_scope(row, other))
			continue;
		if (other->pub.valid_from <= row->pub.valid_to && other->pub.valid_to > row->pub.valid_to)
			return;
		if (other->pub.valid_from > row->pub.valid_to &&
		    (!next || other->pub.valid_from < next->pub.valid_from))
			next = other;
	}
	if (!next)
		return;
	line = weir_strf("%s: meter '%.60s' of %s has no price for %llu days before this one", next->where,
			 next->pub.name, next->pub.region,
			 (unsigned long long)(next->pub.valid_from - row->pub.valid_to + 86399) / 86400);
	if (line)
		told(c, WEIR_PROBLEM_WARNING, line);
}

static int compare(const void *a, const void *b)
{
	const struct book_row *x = *(struct book_row *const *)a, *y = *(struct book_row *const *)b;
	int c = strcmp(x->pub.provider, y->pub.provider);

	if (!c)
		c = strcmp(x->pub.region, y->pub.region);
	return c ? c : (x->order > y->order) - (x->order < y->order);
}

int weir_pricebook_check(struct weir_pricebook *b, void (*fn)(enum weir_problem kind, const char *line, void *arg),
			 void *arg)
{
	struct checking c = {.fn = fn, .arg = arg};
	size_t end;
	int r;

	if (b->count)
		qsort(b->rows, b->count, sizeof(*b->rows), compare);
	for (size_t first = 0; first < b->count; first = end) {
		const struct weir_meter *m = &b->rows[first]->pub;
		size_t count, at = book_place(b, m->provider, strlen(m->provider), m->region, &count);

		end = at + count;
		for (size_t i = first; i < end; i++) {
			for (size_t j = first; j < i; j++)
				check_pair(&c, b->rows[i], b->rows[j]);
			check_gap(&c, b, first, end, i);
		}
	}
	r = book_apply_rules(b, fn, arg);
	return r < 0 ? r : c.failed ? -EINVAL : 0;
}

static void keep_first(enum weir_problem kind, const char *line, void *arg)
{
	if (kind == WEIR_PROBLEM_ERROR)
		weir_err_set(arg, -EINVAL, "%s", line);
}

int weir_pricebook_seal(struct weir_pricebook *b, struct weir_err *err)
{
	return weir_pricebook_check(b, keep_first, err);
}
