/* SPDX-License-Identifier: Apache-2.0 */
/* Who used what in which hour, and where an amount ends. */
#include "lib/money/alloc_impl.h"

int alloc_use_add(struct alloc_uses *u, uint32_t of, uint64_t hour_s, uint32_t party, uint64_t bytes)
{
	int r = alloc_grow(&u->rows, u->count, &u->cap, sizeof(*u->rows));

	if (!r)
		u->rows[u->count++] = (struct alloc_use){hour_s, bytes, of, party};
	return r;
}

static int compare(const struct alloc_use *x, uint32_t of, uint64_t hour_s)
{
	if (x->of != of)
		return x->of < of ? -1 : 1;
	return (x->hour_s > hour_s) - (x->hour_s < hour_s);
}

static int by_key(const void *a, const void *b)
{
	const struct alloc_use *x = a, *y = b;
	int c = compare(x, y->of, y->hour_s);

	return c ? c : (x->party > y->party) - (x->party < y->party);
}

void alloc_uses_sort(struct alloc_uses *u)
{
	size_t n = 0;

	if (u->count)
		qsort(u->rows, u->count, sizeof(*u->rows), by_key);
	for (size_t i = 0; i < u->count; i++) {
		if (n && !by_key(&u->rows[n - 1], &u->rows[i]))
			u->rows[n - 1].bytes += u->rows[i].bytes;
		else
			u->rows[n++] = u->rows[i];
	}
	u->count = n;
}

const struct alloc_use *alloc_uses_of(const struct alloc_uses *u, uint32_t of, uint64_t hour_s, size_t *ret_count)
{
	size_t low = 0, high = u->count, end;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare(&u->rows[mid], of, hour_s) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (end = low; end < u->count && !compare(&u->rows[end], of, hour_s);)
		end++;
	*ret_count = end - low;
	return u->rows ? u->rows + low : NULL;
}

/* Without padding; texts are kept once, so that their addresses tell them apart. */
struct share_key {
	const char *via;
	uint32_t party, how, tag, zero;
};
_Static_assert(sizeof(struct share_key) == sizeof(char *) + 16, "no padding");

int64_t alloc_shared(const struct weir_alloc *a, uint32_t party, enum weir_alloc_how how, const char *via)
{
	const struct share_key key = {via, party, how, 0, 0};
	uintptr_t at = (uintptr_t)weir_map_find(a->share_ids, &key, sizeof(key));

	return at ? a->shares[at - 1].nanos : 0;
}

static int share_add(struct weir_alloc *a, uint32_t party, enum weir_alloc_how how, const char *via, int64_t nanos,
		     uint64_t bytes)
{
	const struct share_key key = {via, party, how, a->tag, 0};
	const struct alloc_party *p = &a->parties[party];
	uint32_t at;
	bool new;
	int r = alloc_grow(&a->shares, a->share_count, &a->share_cap, sizeof(*a->shares));

	if (!r)
		r = alloc_number(a->share_ids, &key, sizeof(key), a->share_count, &at, &new);
	if (r)
		return r;
	if (new)
		a->shares[a->share_count++] = (struct weir_alloc_share){p->namespace, p->workload, p->labels, p->team,
									p->cost_centre, how, via, 0, 0, a->tag};
	a->shares[at].nanos += nanos;
	a->shares[at].bytes += bytes;
	return 0;
}

static int pool_add(struct weir_alloc *a, uint32_t party, uint64_t hour_s, int64_t nanos, uint64_t bytes)
{
	const uint64_t key[] = {(uint64_t)a->tag << 32 | party, hour_s};
	uint32_t at;
	bool new;
	int r = alloc_grow(&a->pools, a->pool_count, &a->pool_cap, sizeof(*a->pools));

	if (!r)
		r = alloc_number(a->pool_ids, key, sizeof(key), a->pool_count, &at, &new);
	if (r)
		return r;
	if (new)
		a->pools[a->pool_count++] = (struct alloc_pool){.party = party, .hour_s = hour_s, .tag = a->tag};
	a->pools[at].nanos += nanos;
	a->pools[at].bytes += bytes;
	return 0;
}

int alloc_land(struct weir_alloc *a, uint32_t party, uint64_t hour_s, enum weir_alloc_how how, const char *via, int64_t nanos,
	       uint64_t bytes)
{
	const char *text = alloc_text(a, via);

	if (!text)
		return -ENOMEM;
	if (a->parties[party].proxy && how != WEIR_ALLOC_ALONE)
		return pool_add(a, party, hour_s, nanos, bytes);
	return share_add(a, party, how, text, nanos, bytes);
}
