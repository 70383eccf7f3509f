/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger as it stands, row by row, for exports: in pages of whole workloads, which are as they were when the range is
 * over. What it sums to is what api_cost() says of the range.
 */
#include "aggregator/api.h"

#include "lib/money/topology.h"

#define NS_S 1000000000ull
#define WORKLOAD_ROWS_MAX 20000 /* of one workload: a page ends with one */

struct page {
	json_t *items;
	size_t limit;
	int64_t last; /* workload whose rows are complete, or under way */
	bool more;
};

/* Non-zero ends the query: the page is full. */
static int add_row(const struct query_ledger *l, void *arg)
{
	struct page *p = arg;
	size_t n = json_array_size(p->items);

	if (n >= p->limit && l->workload_id != p->last) {
		p->more = true;
		return 1;
	}
	if (n >= p->limit + WORKLOAD_ROWS_MAX)
		return -E2BIG;
	p->last = l->workload_id;
	return json_array_append_new(
		       p->items,
		       json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:I,s:I,s:I}", "time_s",
				 (json_int_t)l->time_s, "domain", l->domain, "class", l->class, "namespace", l->namespace,
				 "workload", l->workload, "kind", l->kind, "team", l->team, "labels", l->labels, "path",
				 weir_path_name((enum weir_path)l->path), "meter", l->meter, "pool", l->pool, "month",
				 (int)l->month, "bytes", (json_int_t)l->bytes, "moved_bytes", (json_int_t)l->once, "nanos",
				 (json_int_t)l->nanos))
		       ? -ENOMEM
		       : 0;
}

/* The longest buckets that the range and its steps are made of and that reach back to it. */
static int resolution(struct api_call *c, uint64_t step_s, struct query_range *range)
{
	uint64_t now_s = c->now_ns / NS_S;

	for (int i = STORE_RESOLUTIONS - 1; i >= 0; i--) {
		uint64_t bucket = store_bucket_s((enum store_res)i), kept = c->sv->config.retain_ns[i] / NS_S;

		if (range->from_s % bucket || range->to_s % bucket || step_s % bucket ||
		    (now_s > range->from_s && now_s - range->from_s > kept))
			continue;
		range->res = (enum store_res)i;
		return 0;
	}
	return weir_err_set(&c->err, -EINVAL, "from, to: the ledger of that time is not kept in steps as short as these");
}

static int read_step(struct api_call *c, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t step_s;
	} steps[] = {{"hour", 3600}, {"day", 86400}, {"all", 0}};
	const char *by = c->param(c, "by");

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(steps); i++)
		if (!strcmp(by ? by : "day", steps[i].name)) {
			*ret = steps[i].step_s;
			return 0;
		}
	return weir_err_set(&c->err, -EINVAL, "by: must be hour, day or all");
}

/* ?from=T&to=T&by=hour|day|all&after=WORKLOAD&limit=N */
int api_ledger(struct api_call *c, json_t **ret)
{
	api_auto_json json_t *items = json_array(), *o = NULL;
	struct page p = {.items = items};
	struct query_range range = {0};
	uint64_t step = 0, after, limit;
	int r = items ? api_u64(c, "to", 0, 1, 1ull << 40, &range.to_s) : -ENOMEM;

	if (!r)
		r = api_u64(c, "from", 0, 0, range.to_s, &range.from_s);
	if (!r)
		r = api_u64(c, "after", 0, 0, INT64_MAX, &after);
	if (!r)
		r = api_u64(c, "limit", API_ITEMS_MAX, 1, API_ITEMS_MAX, &limit);
	if (!r)
		r = read_step(c, &step);
	if (!r)
		r = resolution(c, step, &range);
	if (r)
		return r;
	p.limit = limit;
	r = query_ledger(c->sv->store, &range, step, (int64_t)after, add_row, &p);
	if (r == -E2BIG)
		return weir_err_set(&c->err, -EINVAL, "one workload has more than %d rows: ask for a shorter range",
				    WORKLOAD_ROWS_MAX);
	if (r < 0)
		return api_store_failed(c, r);
	o = json_pack("{s:s,s:I,s:I,s:I,s:O}", "currency", api_currency(c->sv), "from", (json_int_t)range.from_s, "to",
		      (json_int_t)range.to_s, "next", (json_int_t)(p.more ? p.last : 0), "items", items);
	if (!o)
		return -ENOMEM;
	*ret = weir_take_ptr(o);
	return 0;
}
