/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted: workloads, buckets of flows and of money. */
#include "aggregator/store_impl.h"
#include "aggregator/text.h"

#include <assert.h>

const char *store_team(const struct weir_sum_workload *w)
{
	for (size_t i = 0; i < w->label_count; i++)
		if (!strcmp(w->labels[i].key, "team"))
			return w->labels[i].value;
	return w->namespace;
}

static int label_cmp(const void *a, const void *b)
{
	const struct weir_sum_label *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	return r ? r : strcmp(x->value, y->value);
}

/* Sorted by key, so that the same labels are the same text whatever order the agent sent. */
static int labels_text(const struct weir_sum_workload *w, struct weir_buf *b)
{
	weir_auto_free struct weir_sum_label *l = calloc(w->label_count + 1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	if (w->label_count)
		memcpy(l, w->labels, w->label_count * sizeof(*l));
	qsort(l, w->label_count, sizeof(*l), label_cmp);
	r = weir_buf_add(b, "{", 1);
	for (size_t i = 0; !r && i < w->label_count; i++) {
		if (i)
			r = weir_buf_add(b, ",", 1);
		if (!r)
			r = text_json(b, l[i].key);
		if (!r)
			r = weir_buf_add(b, ":", 1);
		if (!r)
			r = text_json(b, l[i].value);
	}
	return r ? r : weir_buf_add(b, "}", 2); /* with the terminator */
}

int store_workload(struct store *s, int64_t node, const char *domain,
		   const struct weir_sum_workload *w, int64_t *ret)
{
	weir_auto_buf struct weir_buf b = {0};
	const char *labels;
	int r = labels_text(w, &b);

	if (r)
		return r;
	labels = (const char *)b.data;
	r = store_id(s, ST_WORKLOAD_GET, ret, "ittttt", node, domain, w->namespace, w->name, w->kind,
		     labels);
	if (r != -ENOENT)
		return r;
	r = store_run(s, ST_WORKLOAD_ADD, "ittttttt", node, domain, w->namespace, w->name, w->kind,
		      labels, store_team(w), w->cgroup);
	if (!r)
		*ret = sqlite3_last_insert_rowid(s->db);
	return r;
}

static int flow_in(struct store *s, enum store_stmt id, enum store_res res, const struct store_flow *f)
{
	return store_run(s, id, "uiiiidddddduu", f->time_s - f->time_s % store_bucket_s(res), f->key.node,
			 f->workload, f->local, f->peer, (int)f->path, (int)f->proto, (int)f->port,
			 (int)f->opened, (int)f->dir, (int)f->verdict, f->bytes, f->packets);
}

int store_flow_add(struct store *s, const struct store_flow *f)
{
	int r = 0;

	assert(f->key.node && f->key.epoch && f->key.sequence);
	for (enum store_res i = 0; !r && i < STORE_WRITTEN; i++)
		r = flow_in(s, ST_FLOW_10S + i, i, f);
	if (!r && f->time_s - f->time_s % store_bucket_s(STORE_1H) <= s->folded_s[STORE_FLOW])
		r = flow_in(s, ST_FLOW_LATE, STORE_1H, f);
	return r;
}

int store_usage(struct store *s, const char *pool, const char *meter, uint32_t month, uint64_t *ret)
{
	int64_t bytes;
	int r = store_id(s, ST_USAGE_GET, &bytes, "tti", pool, meter, (int64_t)month);

	if (r && r != -ENOENT)
		return r;
	*ret = r ? 0 : (uint64_t)bytes;
	return 0;
}

int store_usage_add(struct store *s, const char *pool, const char *meter, uint32_t month,
		    uint64_t bytes)
{
	return store_run(s, ST_USAGE_ADD, "ttiu", pool, meter, (int64_t)month, bytes);
}

static int charge_in(struct store *s, enum store_stmt id, enum store_res res, const struct store_charge *c)
{
	return store_run(s, id, "uidttiuui", c->time_s - c->time_s % store_bucket_s(res), c->workload,
			 (int)c->path, c->meter, c->pool, (int64_t)c->month, c->bytes, c->once, c->nanos);
}

int store_ledger_add(struct store *s, const struct store_charge *c)
{
	int r = 0;

	assert(c->key.node && c->key.epoch && c->key.sequence);
	for (enum store_res i = 0; !r && i < STORE_WRITTEN; i++)
		r = charge_in(s, ST_LEDGER_10S + i, i, c);
	if (!r && c->time_s - c->time_s % store_bucket_s(STORE_1H) <= s->folded_s[STORE_LEDGER])
		r = charge_in(s, ST_LEDGER_LATE, STORE_1H, c);
	return r;
}
