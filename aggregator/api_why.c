/* SPDX-License-Identifier: Apache-2.0 */
/* Why the cost of one period is another than that of one before it (lib/money/why.h). */
#include "aggregator/api_cost.h"

#include "lib/ds/grow.h"
#include "lib/ds/map.h"
#include "lib/money/why.h"

/* Of meters of what was asked for: some 200 bytes each while the answer is made. */
#define LEAVES_MAX 262144u
#define NS_S 1000000000ull

struct group {
	const char *key; /* of the map: values of the dimensions, each with its terminator */
	struct weir_why sum;
};

struct why_list {
	enum query_dim dims[QUERY_DIMS];
	size_t dim_count, asked; /* the meter is among them, the last one unless it was asked for */
	int period;
	struct weir_map *by_key; /* index in leaves, plus one */
	struct weir_why *leaves;
	size_t count, cap;
};

static void list_fini(struct why_list *l)
{
	if (l->by_key)
		weir_map_free(l->by_key, NULL);
	free(l->leaves);
}

static void map_freep(struct weir_map **m)
{
	if (*m)
		weir_map_free(*m, NULL);
}

static int add_leaf(const struct query_cost *q, void *arg)
{
	struct why_list *l = arg;
	char key[API_COST_KEY];
	size_t len = api_cost_key(q, l->dim_count, key);
	uintptr_t at = len ? (uintptr_t)weir_map_find(l->by_key, key, len) : 0;

	if (!len || (!at && l->count == LEAVES_MAX))
		return -E2BIG;
	if (!at && weir_grow(&l->leaves, l->count, &l->cap, sizeof(*l->leaves)))
		return -ENOMEM;
	if (!at) {
		at = l->count + 1;
		if (weir_map_put(l->by_key, key, len, (void *)at, NULL))
			return -ENOMEM;
		l->leaves[l->count++] = (struct weir_why){0};
	}
	l->leaves[at - 1].bytes[l->period] += q->metered_bytes;
	l->leaves[at - 1].nanos[l->period] += q->nanos;
	return 0;
}

static void add(struct weir_why *to, const struct weir_why *w)
{
	for (int k = 0; k < 2; k++)
		to->nanos[k] += w->nanos[k];
	for (int i = 0; i < WEIR_WHY_PARTS; i++)
		to->parts[i] += w->parts[i];
}

static uint64_t size_of_change(const struct weir_why *w)
{
	int64_t change = w->nanos[1] - w->nanos[0];

	return change < 0 ? 0 - (uint64_t)change : (uint64_t)change;
}

/* Largest change first; a key's begin says enough to be the same each time. */
static int by_change(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	uint64_t p = size_of_change(&x->sum), q = size_of_change(&y->sum);

	return p != q ? (p < q) - (p > q) : strcmp(x->key, y->key);
}

static size_t key_size(const char *key, size_t n)
{
	const char *p = key;

	while (n--)
		p += strlen(p) + 1;
	return (size_t)(p - key);
}

/* Leaves of the same dimensions, whatever their meter, are one group; array of *ret_n, keys are those of l. */
static int group_all(const struct why_list *l, struct group **ret, size_t *ret_n)
{
	weir_auto_free struct group *groups = calloc(l->count + 1, sizeof(*groups));
	weir_cleanup(map_freep) struct weir_map *map = NULL;
	size_t pos = 0, n = 0, len;
	const void *key;
	void *leaf;
	int r = groups ? weir_map_new(&map) : -ENOMEM;

	while (!r && weir_map_next(l->by_key, &pos, &key, &len, &leaf)) {
		size_t size = key_size(key, l->asked);
		uintptr_t at = (uintptr_t)weir_map_find(map, key, size);

		if (!at) {
			groups[n].key = key;
			at = ++n;
			r = weir_map_put(map, key, size, (void *)at, NULL);
		}
		add(&groups[at - 1].sum, &l->leaves[(uintptr_t)leaf - 1]);
	}
	if (r)
		return r;
	qsort(groups, n, sizeof(*groups), by_change);
	*ret = weir_take_ptr(groups);
	*ret_n = n;
	return 0;
}

static int put_nanos(json_t *o, const char *what, int64_t nanos)
{
	char name[32];

	snprintf(name, sizeof(name), "%s_nanos", what);
	return json_object_set_new(o, name, json_integer(nanos)) ? -ENOMEM : 0;
}

static int put_money(json_t *o, const struct weir_why *w)
{
	int r = o ? put_nanos(o, "before", w->nanos[0]) : -ENOMEM;

	if (!r)
		r = put_nanos(o, "after", w->nanos[1]);
	if (!r)
		r = put_nanos(o, "change", w->nanos[1] - w->nanos[0]);
	for (int i = 0; !r && i < WEIR_WHY_PARTS; i++)
		r = put_nanos(o, weir_why_name(i), w->parts[i]);
	return r;
}

static int put_items(const struct why_list *l, const struct group *groups, size_t n, json_t *items)
{
	for (size_t i = 0; i < n; i++) {
		json_t *o = json_object();
		const char *value = groups[i].key;
		int r = put_money(o, &groups[i].sum);

		for (size_t d = 0; !r && d < l->asked; d++, value += strlen(value) + 1)
			r = json_object_set_new(o, query_dim_names[l->dims[d]], json_string(value)) ? -ENOMEM : 0;
		if (r) {
			json_decref(o);
			return r;
		}
		if (json_array_append_new(items, o))
			return -ENOMEM;
	}
	return 0;
}

/* The largest changes by name, what is left in one line, and all of it. */
static int answer(const struct api_call *c, const struct why_list *l, const struct group *groups, size_t n, size_t shown,
		  json_t **ret)
{
	api_auto_json json_t *items = json_array(), *rest = json_object(), *total = json_object(), *o = NULL;
	struct weir_why others = {0}, all = {0};
	int r = items ? put_items(l, groups, shown, items) : -ENOMEM;

	for (size_t i = 0; i < n; i++) {
		add(&all, &groups[i].sum);
		if (i >= shown)
			add(&others, &groups[i].sum);
	}
	if (!r)
		r = put_money(rest, &others);
	if (!r)
		r = put_money(total, &all);
	if (r)
		return r;
	o = json_pack("{s:s,s:I,s:O,s:O,s:O}", "currency", api_currency(c->sv), "hidden", (json_int_t)(n - shown), "rest", rest,
		      "total", total, "items", items);
	if (!o)
		return -ENOMEM;
	*ret = weir_take_ptr(o);
	return 0;
}

static int read_period(struct api_call *c, struct why_list *l, int period, uint64_t from_s, uint64_t to_s)
{
	struct query_range range;
	int r;

	l->period = period;
	api_range(c, from_s, to_s, &range);
	r = query_cost(c->sv->store, l->dims, l->dim_count, &range, add_leaf, l);
	if (r == -E2BIG)
		return weir_err_set(&c->err, -EINVAL, "more than %u lines: ask by fewer dimensions or shorter periods",
				    LEAVES_MAX);
	return r ? api_store_failed(c, r) : 0;
}

/* ?by=DIMS&from=T&to=T&against_from=T&against_to=T&limit=N */
int api_why(struct api_call *c, json_t **ret)
{
	weir_cleanup(list_fini) struct why_list l = {0};
	weir_auto_free struct group *groups = NULL;
	const char *by = c->param(c, "by");
	uint64_t now_s = c->now_ns / NS_S, to, from, old_to, old_from, limit;
	bool by_meter = false;
	size_t n = 0;
	int r = api_u64(c, "to", now_s + 60, 1, 1ull << 40, &to);

	if (!r)
		r = api_u64(c, "from", WEIR_MAX(to, 86400u) - 86400, 0, to, &from);
	if (!r)
		r = api_u64(c, "against_to", from, 0, 1ull << 40, &old_to);
	if (!r)
		r = api_u64(c, "against_from", old_to - WEIR_MIN(old_to, to - from), 0, old_to, &old_from);
	if (!r)
		r = api_u64(c, "limit", 20, 1, API_ITEMS_MAX, &limit);
	if (!r)
		r = api_dims(c, by ? by : "workload,path", l.dims, &l.dim_count);
	if (!r)
		r = weir_map_new(&l.by_key);
	if (r)
		return r;
	l.asked = l.dim_count;
	for (size_t i = 0; i < l.asked; i++)
		by_meter |= l.dims[i] == QUERY_METER;
	if (!by_meter)
		l.dims[l.dim_count++] = QUERY_METER;
	r = read_period(c, &l, 0, old_from, old_to);
	if (!r)
		r = read_period(c, &l, 1, from, to);
	if (r)
		return r;
	weir_why_split(l.leaves, l.count);
	r = group_all(&l, &groups, &n);
	return r ? r : answer(c, &l, groups, n, WEIR_MIN(n, (size_t)limit), ret);
}
