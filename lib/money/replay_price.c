/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What groups of charges cost. Those of one pool, meter and month share its usage and are priced one after the other, the
 * price that begins first before the next. Pools that share a free allowance are given parts of it by their bytes: which
 * of them came first in the month, a sum does not know.
 */
#include <time.h>

#include "lib/money/bill_impl.h"
#include "lib/money/replay_impl.h"

struct share { /* a group in the order of pricing */
	struct replay_group *g;
	char free_pool[WEIR_POOL_MAX]; /* "" = its meter has no allowance */
	uint64_t is_free;
};

/* Meters of one name differ by when they begin, then by what they rest on and cost: never by an address. */
static int cmp_meter(const struct weir_meter *a, const struct weir_meter *b)
{
	if (a->valid_from != b->valid_from)
		return a->valid_from < b->valid_from ? -1 : 1;
	if (a->layer != b->layer)
		return a->layer < b->layer ? -1 : 1;
	if (a->tiers[0].nanos_per_unit != b->tiers[0].nanos_per_unit)
		return a->tiers[0].nanos_per_unit < b->tiers[0].nanos_per_unit ? -1 : 1;
	return strcmp(a->region, b->region);
}

static int cmp_pool(const struct share *x, const struct share *y)
{
	const struct weir_group *a = x->g->group, *b = y->g->group;
	int c = strcmp(a->pool, b->pool);

	if (!c)
		c = strcmp(a->meter->name, b->meter->name);
	if (!c && a->month != b->month)
		c = a->month < b->month ? -1 : 1;
	return c;
}

static int cmp_share(const void *x, const void *y)
{
	const struct share *a = x, *b = y;
	int c = cmp_pool(a, b);

	return c ? c : cmp_meter(a->g->group->meter, b->g->group->meter);
}

static uint64_t used_before(const struct weir_replay_usage *before, size_t n, const char *pool, const char *meter,
			    uint32_t month)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (before[i].month == month && !strcmp(before[i].pool, pool) && !strcmp(before[i].meter, meter))
			sum += before[i].bytes;
	return sum;
}

static bool shares_allowance(const struct share *a, const struct share *b)
{
	return b->free_pool[0] && a->g->group->month == b->g->group->month && !strcmp(a->free_pool, b->free_pool) &&
	       !strcmp(a->g->group->meter->name, b->g->group->meter->name);
}

/* What is left of the allowance over all its pools, by their bytes; none gets more than it has, and of a pool's groups
 * the earlier price takes it first. */
static int divide(struct share *shares, size_t n, size_t first, const struct weir_replay_usage *before, size_t before_count)
{
	const struct weir_meter *m = shares[first].g->group->meter;
	char name[WEIR_POOL_MAX];
	uint64_t used = used_before(before, before_count, shares[first].free_pool, weir_free_name(m, name, sizeof(name)),
				    shares[first].g->group->month);
	weir_auto_free uint64_t *weights = calloc(n, sizeof(*weights));
	weir_auto_free int64_t *parts = calloc(n, sizeof(*parts));
	uint64_t bytes = 0, left = m->free_bytes > used ? m->free_bytes - used : 0;

	if (!weights || !parts)
		return -ENOMEM;
	for (size_t i = first, head = first; i < n; i++) {
		if (!shares_allowance(&shares[first], &shares[i]))
			continue;
		head = cmp_pool(&shares[head], &shares[i]) ? i : head;
		weights[head] += shares[i].g->bytes;
		if (__builtin_add_overflow(bytes, shares[i].g->bytes, &bytes) || bytes > INT64_MAX)
			return -ERANGE;
	}
	weir_split((int64_t)WEIR_MIN(left, bytes), weights, n, parts);
	for (size_t i = first, head = first; i < n; i++) {
		if (!shares_allowance(&shares[first], &shares[i]))
			continue;
		head = cmp_pool(&shares[head], &shares[i]) ? i : head;
		shares[i].is_free = WEIR_MIN((uint64_t)parts[head], shares[i].g->bytes);
		parts[head] -= (int64_t)shares[i].is_free;
	}
	for (size_t i = n; i-- > first;) /* done; the first one last, since the others are compared with it */
		if (shares_allowance(&shares[first], &shares[i]))
			shares[i].free_pool[0] = 0;
	return 0;
}

static int free_parts(struct share *shares, size_t n, const struct weir_replay_usage *before, size_t before_count)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		if (shares[i].free_pool[0])
			r = divide(shares, n, i, before, before_count);
	return r;
}

int replay_price(struct replay_group *groups, size_t n, const struct weir_replay_usage *before, size_t before_count)
{
	weir_auto_free struct share *shares = calloc(n + 1, sizeof(*shares));
	uint64_t used = 0;
	int r;

	if (!shares)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		shares[i].g = &groups[i];
		if (groups[i].group->meter->free_bytes)
			weir_meter_free_pool(groups[i].group->meter, groups[i].group->account, shares[i].free_pool, WEIR_POOL_MAX);
	}
	qsort(shares, n, sizeof(*shares), cmp_share);
	r = free_parts(shares, n, before, before_count);
	for (size_t i = 0; i < n && !r; i++) {
		struct replay_group *g = shares[i].g;
		const struct weir_meter *m = g->group->meter;

		if (!i || cmp_pool(&shares[i - 1], &shares[i]) != 0)
			used = used_before(before, before_count, g->group->pool, m->name, g->group->month);
		if (used > REPLAY_BYTES_MAX || used + g->bytes > REPLAY_BYTES_MAX)
			return -ERANGE;
		g->nanos = weir_meter_between(m, used + shares[i].is_free, used + g->bytes);
		used += g->bytes;
	}
	return r;
}

uint64_t replay_month_end(uint64_t time_s)
{
	return (uint64_t)bill_month_start((int64_t)time_s, 1);
}
