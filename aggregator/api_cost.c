/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bytes cost, by dimensions: of a range, beside the range of the same length before it (compare=1), and in slots of
 * time (series=N). All of an answer is read in buckets of one size, and both ranges begin with whole ones.
 */
#include "aggregator/api_cost.h"

#include "lib/ds/grow.h"
#include "lib/ds/map.h"

#define NS_S 1000000000ull
/* With a comparison or a series: lines, and numbers of all series (8 MiB). */
#define LINES_MAX 262144u
#define NUMBERS_MAX (1u << 20)
#define SLOTS_MAX 200u

enum { NOW, BEFORE };

struct line {
	const char *key; /* of the map: values of the dimensions, each with its terminator */
	uint64_t bytes;
	int64_t nanos[2];
};

struct cost_list {
	enum query_dim dims[QUERY_DIMS];
	size_t n;
	bool by_meter, compare;
	int period;
	struct weir_map *by_key; /* index in lines, plus one */
	struct line *lines;
	size_t count, cap;
	struct line total;
	uint64_t step_s;
	uint32_t slots;	 /* 0: no series was asked for */
	int64_t *series; /* of all lines, then of the total */
};

static void list_fini(struct cost_list *l)
{
	if (l->by_key)
		weir_map_free(l->by_key, NULL);
	free(l->lines);
	free(l->series);
}

size_t api_cost_key(const struct query_cost *q, size_t n, char key[API_COST_KEY])
{
	size_t len = 0;

	return weir_map_key(key, API_COST_KEY, &len, q->keys, n) ? 0 : len;
}

int api_dims(struct api_call *c, const char *by, enum query_dim dims[QUERY_DIMS], size_t *ret_n)
{
	size_t n = 0;

	for (const char *p = by;;) {
		size_t len = strcspn(p, ","), d = 0;

		while (query_dim_names[d] && (strlen(query_dim_names[d]) != len || strncmp(query_dim_names[d], p, len)))
			d++;
		for (size_t i = 0; i < n; i++)
			if (dims[i] == d)
				d = QUERY_DIMS;
		if (d >= QUERY_DIMS)
			return weir_err_set(&c->err, -EINVAL,
					    "by: must list workload, namespace, team, path, meter, "
					    "node, class, each at most once");
		dims[n++] = (enum query_dim)d;
		if (!p[len])
			break;
		p += len + 1;
	}
	*ret_n = n;
	return 0;
}

void api_cost_before(uint64_t from_s, uint64_t to_s, uint64_t now_s, uint64_t bucket_s, uint64_t *ret_from_s)
{
	uint64_t start = from_s - from_s % bucket_s, end = WEIR_MAX(WEIR_MIN(to_s, now_s), start);
	/* The last bucket of what is over counts in full; the one that is being filled by the half that is nearer. */
	uint64_t fill = to_s > now_s ? bucket_s / 2 : bucket_s - 1;
	uint64_t buckets = WEIR_MAX((end - start + fill) / bucket_s, 1u);

	*ret_from_s = start - WEIR_MIN(buckets * bucket_s, start);
}

void api_cost_slots(uint64_t from_s, uint64_t end_s, uint64_t bucket_s, uint32_t most, uint64_t *ret_step_s, uint32_t *ret_n)
{
	uint64_t start = from_s - from_s % bucket_s;
	uint64_t buckets = WEIR_MAX((WEIR_MAX(end_s, start) - start + bucket_s - 1) / bucket_s, 1u);
	uint64_t each = (buckets + most - 1) / most;

	*ret_step_s = each * bucket_s;
	*ret_n = (uint32_t)((buckets + each - 1) / each);
}

/* The line of a key; NULL: the key is too long, or there are too many (-E2BIG), or no memory. */
static struct line *line_of(struct cost_list *l, const struct query_cost *q, int *ret_r)
{
	char key[API_COST_KEY];
	size_t len = api_cost_key(q, l->n, key);
	uintptr_t at = len ? (uintptr_t)weir_map_find(l->by_key, key, len) : 0;

	*ret_r = -E2BIG;
	if (!len || (!at && l->count == LINES_MAX))
		return NULL;
	if (at)
		return &l->lines[at - 1];
	*ret_r = -ENOMEM;
	if (weir_grow(&l->lines, l->count, &l->cap, sizeof(*l->lines)))
		return NULL;
	if (weir_map_put(l->by_key, key, len, (void *)(uintptr_t)(l->count + 1), NULL))
		return NULL;
	l->lines[l->count++] = (struct line){0};
	return &l->lines[l->count - 1];
}

static int add_cost(const struct query_cost *q, void *arg)
{
	struct cost_list *l = arg;
	int r;
	struct line *line = line_of(l, q, &r);

	if (!line)
		return r;
	line->nanos[l->period] += q->nanos;
	l->total.nanos[l->period] += q->nanos;
	if (l->period == NOW) {
		line->bytes += l->by_meter ? q->metered_bytes : q->bytes;
		l->total.bytes += q->bytes;
	}
	return 0;
}

/* Every line is there already: nothing is written between two readings. */
static int add_slot(const struct query_cost *q, void *arg)
{
	struct cost_list *l = arg;
	char key[API_COST_KEY];
	size_t len = api_cost_key(q, l->n, key);
	uintptr_t at = len ? (uintptr_t)weir_map_find(l->by_key, key, len) : 0;
	uint32_t slot = WEIR_MIN(q->slot, l->slots - 1);

	if (at)
		l->series[(at - 1) * l->slots + slot] += q->nanos;
	l->series[l->count * l->slots + slot] += q->nanos;
	return 0;
}

static int read_failed(struct api_call *c, int r)
{
	if (r == -E2BIG)
		return weir_err_set(&c->err, -EINVAL, "more than %u lines: ask by fewer dimensions or a shorter time", LINES_MAX);
	return r ? api_store_failed(c, r) : 0;
}

static int read_series(struct api_call *c, struct cost_list *l, const struct query_range *range)
{
	int r;

	if ((l->count + 1) * l->slots > NUMBERS_MAX)
		return weir_err_set(&c->err, -EINVAL,
				    "series: more than %u numbers: ask by fewer dimensions, or for fewer of them", NUMBERS_MAX);
	l->series = calloc((l->count + 1) * l->slots, sizeof(*l->series));
	if (!l->series)
		return -ENOMEM;
	r = query_cost_series(c->sv->store, l->dims, l->n, range, l->step_s, add_slot, l);
	return r ? api_store_failed(c, r) : 0;
}

static int put_series(const struct cost_list *l, size_t line, json_t *o)
{
	json_t *a = json_array();
	int r = json_object_set_new(o, "series", a) ? -ENOMEM : 0;

	for (uint32_t i = 0; !r && i < l->slots; i++)
		r = json_array_append_new(a, json_integer(l->series[line * l->slots + i])) ? -ENOMEM : 0;
	return r;
}

static int put_line(const struct cost_list *l, const struct line *line, size_t at, json_t *o)
{
	int r = json_object_set_new(o, "bytes", json_integer((json_int_t)line->bytes)) ? -ENOMEM : 0;

	if (!r)
		r = api_money(o, line->nanos[NOW]);
	if (!r && l->compare &&
	    (json_object_set_new(o, "before_nanos", json_integer(line->nanos[BEFORE])) ||
	     json_object_set_new(o, "change_nanos", json_integer(line->nanos[NOW] - line->nanos[BEFORE]))))
		r = -ENOMEM;
	return r || !l->slots ? r : put_series(l, at, o);
}

static int put_lines(const struct cost_list *l, json_t *items)
{
	const void *key;
	size_t pos = 0, len;
	void *at;

	while (weir_map_next(l->by_key, &pos, &key, &len, &at)) {
		json_t *o = json_object();
		const char *value = key;
		int r = o && !json_array_append_new(items, o) ? 0 : -ENOMEM;

		for (size_t d = 0; !r && d < l->n; d++, value += strlen(value) + 1)
			r = json_object_set_new(o, query_dim_names[l->dims[d]], json_string(value)) ? -ENOMEM : 0;
		if (!r)
			r = put_line(l, &l->lines[(uintptr_t)at - 1], (uintptr_t)at - 1, o);
		if (r)
			return r;
	}
	return 0;
}

static int cost_answer(const struct api_call *c, const struct cost_list *l, const struct query_range *range, uint64_t before_s,
		       json_t **ret)
{
	api_auto_json json_t *o =
		json_pack("{s:s,s:I,s:I,s:i,s:{},s:[]}", "currency", api_currency(c->sv), "from", (json_int_t)range->from_s, "to",
			  (json_int_t)range->to_s, "bucket_s", (int)store_bucket_s(range->res), "total", "items");
	uint64_t start = range->from_s - range->from_s % store_bucket_s(range->res);
	int r = o ? put_line(l, &l->total, l->count, json_object_get(o, "total")) : -ENOMEM;

	if (!r)
		r = put_lines(l, json_object_get(o, "items"));
	if (!r && l->compare)
		r = json_object_set_new(o, "against",
					json_pack("{s:I,s:I}", "from", (json_int_t)before_s, "to", (json_int_t)start));
	if (!r && l->slots)
		r = json_object_set_new(o, "slots",
					json_pack("{s:I,s:I,s:i}", "from", (json_int_t)start, "step_s", (json_int_t)l->step_s,
						  "count", (int)l->slots));
	if (r)
		return -ENOMEM;
	*ret = weir_take_ptr(o);
	return 0;
}

/* Both ranges in buckets that reach back to the earlier one. */
static void ranges(const struct api_call *c, const struct cost_list *l, struct query_range *now, struct query_range *before)
{
	uint64_t now_s = c->now_ns / NS_S, from;

	api_range(c, now->from_s, now->to_s, now);
	if (!l->compare)
		return;
	api_cost_before(now->from_s, now->to_s, now_s, store_bucket_s(now->res), &from);
	api_range(c, from, now->to_s, before);
	now->res = before->res;
	api_cost_before(now->from_s, now->to_s, now_s, store_bucket_s(now->res), &from);
	*before = (struct query_range){from, now->from_s - now->from_s % store_bucket_s(now->res), now->res};
}

static int ask(struct api_call *c, struct cost_list *l, struct query_range *range, uint64_t *ret_slots)
{
	const char *by = c->param(c, "by");
	uint64_t now_s = c->now_ns / NS_S, compare = 0;
	/* "to now" includes the bucket that is being filled, and clocks a little ahead of this one. */
	int r = api_u64(c, "to", now_s + 60, 1, 1ull << 40, &range->to_s);

	if (!r)
		r = api_u64(c, "from", 0, 0, range->to_s, &range->from_s);
	if (!r)
		r = api_u64(c, "compare", 0, 0, 1, &compare);
	if (!r)
		r = api_u64(c, "series", 0, 0, SLOTS_MAX, ret_slots);
	if (!r)
		r = api_dims(c, by ? by : "team,path", l->dims, &l->n);
	for (size_t i = 0; i < l->n; i++)
		l->by_meter |= l->dims[i] == QUERY_METER;
	l->compare = compare != 0;
	return r ? r : weir_map_new(&l->by_key);
}

int api_cost(struct api_call *c, json_t **ret)
{
	weir_cleanup(list_fini) struct cost_list l = {.period = NOW};
	struct query_range range, before = {0};
	uint64_t slots;
	int r = ask(c, &l, &range, &slots);

	if (r)
		return r;
	ranges(c, &l, &range, &before);
	r = read_failed(c, query_cost(c->sv->store, l.dims, l.n, &range, add_cost, &l));
	l.period = BEFORE;
	if (!r && l.compare)
		r = read_failed(c, query_cost(c->sv->store, l.dims, l.n, &before, add_cost, &l));
	if (!r && slots) {
		api_cost_slots(range.from_s, WEIR_MIN(range.to_s, c->now_ns / NS_S), store_bucket_s(range.res), (uint32_t)slots,
			       &l.step_s, &l.slots);
		r = read_series(c, &l, &range);
	}
	return r ? r : cost_answer(c, &l, &range, before.from_s, ret);
}
