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

/* The start of the bucket that is folded into that of res, if it may be folded already. */
static bool is_late(const struct store *s, enum store_kind k, enum store_res res, uint64_t time_s, uint64_t *ret_bucket)
{
	*ret_bucket = time_s - time_s % store_bucket_s(res - 1);
	return *ret_bucket <= s->folded_s[k][res];
}

static int flow_in(struct store *s, enum store_stmt id, uint64_t bucket, const struct store_flow *f)
{
	return store_run(s, id, "uiiiidddddduu", bucket, f->key.node, f->workload, f->local, f->peer, (int)f->path,
			 (int)f->proto, (int)f->port, (int)f->opened, (int)f->dir, (int)f->verdict, f->bytes,
			 f->packets);
}

int store_flow_add(struct store *s, const struct store_flow *f)
{
	uint64_t bucket = f->time_s - f->time_s % store_bucket_s(STORE_10S);
	int r;

	assert(f->key.node && f->key.epoch && f->key.sequence);
	r = flow_in(s, ST_FLOW_10S, bucket, f);
	for (enum store_res i = STORE_1M; !r && i < STORE_RESOLUTIONS; i++)
		if (is_late(s, STORE_FLOW, i, f->time_s, &bucket))
			r = flow_in(s, ST_FLOW_LATE_1M + (i - STORE_1M), bucket, f);
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

static int charge_in(struct store *s, enum store_stmt id, uint64_t bucket, const struct store_charge *c)
{
	return store_run(s, id, "uidttiuui", bucket, c->workload, (int)c->path, c->meter, c->pool, (int64_t)c->month,
			 c->bytes, c->once, c->nanos);
}

int store_ledger_add(struct store *s, const struct store_charge *c)
{
	uint64_t bucket = c->time_s - c->time_s % store_bucket_s(STORE_10S);
	int r;

	assert(c->key.node && c->key.epoch && c->key.sequence);
	r = charge_in(s, ST_LEDGER_10S, bucket, c);
	for (enum store_res i = STORE_1M; !r && i < STORE_RESOLUTIONS; i++)
		if (is_late(s, STORE_LEDGER, i, c->time_s, &bucket))
			r = charge_in(s, ST_LEDGER_LATE_1M + (i - STORE_1M), bucket, c);
	return r;
}
