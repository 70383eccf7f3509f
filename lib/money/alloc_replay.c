/* SPDX-License-Identifier: Apache-2.0 */
/* A replay's charges as what is allocated: those of a resource, which are of a span, hour by hour. */
#include "lib/base/clock.h"
#include "lib/money/alloc_impl.h"
#include "lib/money/resource.h"

#define HOURS_MAX (4u << 20) /* of all resources together, 24 bytes each */
#define KEY_MAX 1024

/* All spans of a resource at one price in a month. */
struct sum {
	const char *domain, *name;
	int64_t nanos;
};
struct hour {
	size_t sum;
	uint64_t hour_s;
	const char *owner;
	uint32_t count;
};

struct reading {
	struct weir_map *ids; /* number of a sum plus one, by resource, price and month */
	struct sum *sums;
	struct hour *hours;
	size_t sum_count, sum_cap, count, cap;
	uint64_t hour_s;
};

static void reading_fini(struct reading *x)
{
	if (x->ids)
		weir_map_free(x->ids, NULL);
	free(x->sums);
	free(x->hours);
}

static int key_of(char key[KEY_MAX], const char *domain, const char *name, const struct weir_meter *m, uint32_t month)
{
	int len = snprintf(key, KEY_MAX, "%s/%s %p %u", domain, name, (const void *)m, month);

	return len < KEY_MAX ? len : -E2BIG;
}

static int note_charge(struct reading *x, const struct weir_replay_charge *c)
{
	char key[KEY_MAX];
	int len = key_of(key, c->resource_domain, c->resource, c->meter, c->month);
	uint32_t at = 0;
	bool new;
	int r = len < 0 ? len : alloc_grow(&x->sums, x->sum_count, &x->sum_cap, sizeof(*x->sums));

	if (!r)
		r = alloc_number(x->ids, key, (size_t)len, x->sum_count, &at, &new);
	if (r)
		return r;
	if (new)
		x->sums[x->sum_count++] = (struct sum){c->resource_domain, c->resource, 0};
	x->sums[at].nanos += c->nanos;
	return 0;
}

static int note_hour(const struct weir_resource *res, void *arg)
{
	struct reading *x = arg;
	char key[KEY_MAX];
	int len = key_of(key, res->domain, res->name, res->meter, weir_time_month(x->hour_s));
	uintptr_t at = len < 0 ? 0 : (uintptr_t)weir_map_find(x->ids, key, (size_t)len);
	int r;

	if (!at)
		return 0;
	r = x->count == HOURS_MAX ? -E2BIG : alloc_grow(&x->hours, x->count, &x->cap, sizeof(*x->hours));
	if (!r)
		x->hours[x->count++] = (struct hour){at - 1, x->hour_s, res->owner, res->count};
	return r;
}

static int by_sum(const void *a, const void *b)
{
	const struct hour *x = a, *y = b;

	return x->sum != y->sum ? (x->sum > y->sum) - (x->sum < y->sum) : (x->hour_s > y->hour_s) - (x->hour_s < y->hour_s);
}

/* What held for less than any hour's start is of the first. */
static int put_sum(struct weir_alloc *a, const struct sum *sum, const struct hour *hours, size_t n, uint64_t first_s)
{
	weir_auto_free uint64_t *weights = calloc(n + 1, sizeof(*weights));
	weir_auto_free int64_t *nanos = calloc(n + 1, sizeof(*nanos));
	int r = weights && nanos ? 0 : -ENOMEM;

	if (!r && !n)
		return weir_alloc_hour(a, first_s, sum->domain, sum->name, "", sum->nanos);
	for (size_t i = 0; !r && i < n; i++)
		weights[i] = hours[i].count;
	if (!r)
		weir_split(sum->nanos, weights, n, nanos);
	for (size_t i = 0; !r && i < n; i++)
		r = weir_alloc_hour(a, hours[i].hour_s, sum->domain, sum->name, hours[i].owner, nanos[i]);
	return r;
}

static int put_resources(struct weir_alloc *a, const struct weir_topology *t, const struct weir_pricebook *b,
			 const struct weir_traffic_set *s, struct reading *x)
{
	uint64_t first, last;
	size_t at = 0;
	int r = 0;

	weir_traffic_span(s, &first, &last);
	for (x->hour_s = first; !r && x->hour_s <= last && x->sum_count; x->hour_s += WEIR_RESOURCE_HOUR_S)
		r = weir_resource_each(t, b, x->hour_s, note_hour, x);
	if (!r && x->count)
		qsort(x->hours, x->count, sizeof(*x->hours), by_sum);
	for (size_t i = 0; !r && i < x->sum_count; i++) {
		size_t from = at;

		while (at < x->count && x->hours[at].sum == i)
			at++;
		r = put_sum(a, &x->sums[i], x->hours + from, at - from, first);
	}
	return r;
}

int weir_alloc_replay(struct weir_alloc *a, const struct weir_topology *t, const struct weir_pricebook *b,
		      const struct weir_traffic_set *s, const struct weir_replay *replay)
{
	weir_cleanup(reading_fini) struct reading x = {0};
	int r = weir_map_new(&x.ids);

	for (size_t i = 0; !r && i < weir_traffic_count(s); i++) {
		struct weir_traffic row;

		weir_traffic_get(s, i, &row);
		r = weir_alloc_row(a, &row, weir_alloc_resource(t, &row));
	}
	for (size_t i = 0; !r && i < weir_replay_count(replay); i++) {
		const struct weir_replay_charge *c = weir_replay_at(replay, i);

		if (c->row != WEIR_REPLAY_RESOURCE)
			weir_alloc_charge(a, c->row, c->nanos, c->once ? c->bytes : 0);
		else if (c->nanos)
			r = note_charge(&x, c);
	}
	return r ? r : put_resources(a, t, b, s, &x);
}
