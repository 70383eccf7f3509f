/* SPDX-License-Identifier: Apache-2.0 */
/* What falls to a proxy is of those behind it. */
#include "lib/money/alloc_impl.h"

/* Proxies behind proxies; those that send in a circle keep what has gone around so often. */
#define DEPTH 4

static const char *name_of(struct weir_alloc *a, uint32_t party)
{
	const struct alloc_party *p = &a->parties[party];
	weir_auto_free char *name = weir_strf("%s/%s", p->namespace, p->workload);

	return name ? alloc_text(a, name) : NULL;
}

static int pass_on(struct weir_alloc *a, const struct alloc_pool *pool)
{
	size_t n;
	const struct alloc_use *behind = alloc_uses_of(&a->behind, pool->party, pool->hour_s, &n);
	weir_auto_free uint64_t *weights = calloc(n + 1, sizeof(*weights));
	weir_auto_free int64_t *nanos = calloc(n + 1, sizeof(*nanos)), *bytes = calloc(n + 1, sizeof(*bytes));
	const char *via = name_of(a, pool->party);
	int r = 0;

	if (!weights || !nanos || !bytes || !via)
		return -ENOMEM;
	if (!n)
		return alloc_land(a, pool->party, pool->hour_s, WEIR_ALLOC_ALONE, via, pool->nanos, pool->bytes);
	for (size_t i = 0; i < n; i++)
		weights[i] = behind[i].bytes;
	weir_split(pool->nanos, weights, n, nanos);
	weir_split((int64_t)pool->bytes, weights, n, bytes);
	for (size_t i = 0; !r && i < n; i++)
		r = alloc_land(a, behind[i].party, pool->hour_s, WEIR_ALLOC_PROXY, via, nanos[i], (uint64_t)bytes[i]);
	return r;
}

/* Landing at a proxy fills its pool again, and may add pools: copies, numbers. */
int alloc_pass_on(struct weir_alloc *a)
{
	int r = 0;

	for (int depth = 0; !r && depth <= DEPTH; depth++) {
		for (size_t i = 0, n = a->pool_count; !r && i < n; i++) {
			struct alloc_pool pool = a->pools[i];

			a->pools[i].nanos = 0;
			a->pools[i].bytes = 0;
			if (!pool.nanos && !pool.bytes)
				continue;
			a->tag = pool.tag;
			r = depth < DEPTH ? pass_on(a, &pool) :
					    alloc_land(a, pool.party, pool.hour_s, WEIR_ALLOC_ALONE, name_of(a, pool.party), pool.nanos,
						       pool.bytes);
		}
	}
	return r;
}

static int same_pair(const void *x, const void *y)
{
	const struct alloc_use *p = x, *q = y;

	return p->of != q->of ? (p->of > q->of) - (p->of < q->of) : (p->party > q->party) - (p->party < q->party);
}

/* Over all hours. */
int alloc_list_behind(struct weir_alloc *a)
{
	weir_auto_free struct alloc_use *pairs = calloc(a->behind.count + 1, sizeof(*pairs));
	int r = pairs ? 0 : -ENOMEM;

	if (!r && a->behind.count) {
		memcpy(pairs, a->behind.rows, a->behind.count * sizeof(*pairs));
		qsort(pairs, a->behind.count, sizeof(*pairs), same_pair);
	}
	for (size_t i = 0, next; !r && i < a->behind.count; i = next) {
		const struct alloc_party *p = &a->parties[pairs[i].party];
		struct weir_alloc_behind b = {name_of(a, pairs[i].of), p->namespace, p->workload, p->team, 0, 0};

		for (next = i; next < a->behind.count && !same_pair(&pairs[i], &pairs[next]); next++)
			b.bytes += pairs[next].bytes;
		b.nanos = alloc_shared(a, pairs[i].party, WEIR_ALLOC_PROXY, b.proxy);
		r = b.proxy ? alloc_grow(&a->behinds, a->behind_count, &a->behind_cap, sizeof(*a->behinds)) : -ENOMEM;
		if (!r)
			a->behinds[a->behind_count++] = b;
	}
	return r;
}
