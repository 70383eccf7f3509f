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
	return strcmp(w->kind, STORE_RESOURCE) ? w->namespace : "";
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
	if (res == STORE_RESOLUTIONS)
		return false;
	*ret_bucket = time_s - time_s % store_bucket_s(res - 1);
	return *ret_bucket <= s->folded_s[k][res];
}

static int flow_late(struct store *s, enum store_stmt id, uint64_t bucket, const struct store_flow *f)
{
	return store_run(s, id, "uiiiidddddduu", bucket, f->key.node, f->workload, f->local, f->peer, (int)f->path,
			 (int)f->proto, (int)f->port, (int)f->opened, (int)f->dir, (int)f->verdict, f->bytes,
			 f->packets);
}

/* Binds the columns of one row, behind those of `rows` others; returns SQLite's result. */
typedef int (*bind_fn)(sqlite3_stmt *st, int rows, const void *row);

/* One statement of n rows. */
static int rows_in(struct store *s, enum store_stmt id, bind_fn bind, const void *rows, size_t size, size_t n)
{
	const char *row = rows;
	sqlite3_stmt *st;
	int r = store_prepare(s, id, &st), code = SQLITE_OK;

	if (r)
		return r;
	for (size_t i = 0; i < n && code == SQLITE_OK; i++)
		code = bind(st, (int)i, row + i * size);
	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	r = code == SQLITE_DONE ? 0 : store_fail(s, code);
	store_done(st);
	return r;
}

static int all_in(struct store *s, enum store_stmt one, enum store_stmt many, bind_fn bind, const void *rows, size_t size,
		  size_t n)
{
	const char *row = rows;
	int r = 0;

	for (size_t i = 0, step; !r && i < n; i += step) {
		step = n - i < STORE_ROWS ? 1 : STORE_ROWS;
		r = rows_in(s, step == 1 ? one : many, bind, row + i * size, size, step);
	}
	return r;
}

static uint64_t bucket_10s(uint64_t time_s)
{
	return time_s - time_s % store_bucket_s(STORE_10S);
}

static int bind_flow(sqlite3_stmt *st, int rows, const void *row)
{
	const struct store_flow *f = row;
	const int64_t columns[] = {
		(int64_t)bucket_10s(f->time_s), f->key.node, f->workload, f->local, f->peer, f->path, f->proto, f->port,
		f->opened, f->dir, f->verdict, (int64_t)f->bytes, (int64_t)f->packets,
	};
	int at = rows * (int)WEIR_ARRAY_SIZE(columns), code = SQLITE_OK;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(columns) && code == SQLITE_OK; i++)
		code = sqlite3_bind_int64(st, ++at, columns[i]);
	return code;
}

int store_flows_add(struct store *s, const struct store_flow *flows, size_t n)
{
	int r = all_in(s, ST_FLOW_10S, ST_FLOWS_10S, bind_flow, flows, sizeof(*flows), n);
	uint64_t bucket;

	for (size_t i = 0; !r && i < n; i++) {
		assert(flows[i].key.node && flows[i].key.epoch && flows[i].key.sequence);
		for (enum store_res res = STORE_1M; !r && is_late(s, STORE_FLOW, res, flows[i].time_s, &bucket); res++) {
			r = flow_late(s, ST_FLOW_LATE_1M + (res - STORE_1M), bucket, &flows[i]);
			if (!r && !sqlite3_changes(s->db))
				break; /* it is not, and takes its way */
		}
	}
	return r;
}

static int path_health_put(struct store *s, enum store_stmt id, uint64_t bucket, const struct store_path_health *h)
{
	return store_run(s, id, "uiduuu", bucket, h->workload, (int)h->path, h->tcp.rtt_us, h->tcp.samples, h->tcp.retrans);
}

int store_path_health_add(struct store *s, const struct store_path_health *h, size_t n)
{
	uint64_t bucket;
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		assert(h[i].key.node && h[i].key.epoch && h[i].key.sequence);
		r = path_health_put(s, ST_PATH_HEALTH_10S, bucket_10s(h[i].time_s), &h[i]);
		for (enum store_res res = STORE_1M; !r && is_late(s, STORE_PATH_HEALTH, res, h[i].time_s, &bucket); res++) {
			r = path_health_put(s, ST_PATH_HEALTH_LATE_1M + (res - STORE_1M), bucket, &h[i]);
			if (!r && !sqlite3_changes(s->db))
				break;
		}
	}
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

int store_hours(struct store *s, uint64_t *ret_charged_s)
{
	int64_t charged;
	int r = store_id(s, ST_HOURS_GET, &charged, "");

	if (!r)
		*ret_charged_s = (uint64_t)charged;
	return r;
}

int store_hours_set(struct store *s, uint64_t charged_s)
{
	return store_run(s, ST_HOURS_SET, "u", charged_s);
}

static int charge_late(struct store *s, enum store_stmt id, uint64_t bucket, const struct store_charge *c)
{
	return store_run(s, id, "uidttiuui", bucket, c->workload, (int)c->path, c->meter, c->pool, (int64_t)c->month,
			 c->bytes, c->once, c->nanos);
}

static int bind_charge(sqlite3_stmt *st, int rows, const void *row)
{
	const struct store_charge *c = row;
	const int64_t before[] = {(int64_t)bucket_10s(c->time_s), c->workload, c->path};
	const char *const names[] = {c->meter, c->pool};
	const int64_t behind[] = {c->month, (int64_t)c->bytes, (int64_t)c->once, c->nanos};
	int at = rows * (int)(WEIR_ARRAY_SIZE(before) + WEIR_ARRAY_SIZE(names) + WEIR_ARRAY_SIZE(behind)), code = SQLITE_OK;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(before) && code == SQLITE_OK; i++)
		code = sqlite3_bind_int64(st, ++at, before[i]);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names) && code == SQLITE_OK; i++)
		code = sqlite3_bind_text(st, ++at, names[i], -1, SQLITE_STATIC);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(behind) && code == SQLITE_OK; i++)
		code = sqlite3_bind_int64(st, ++at, behind[i]);
	return code;
}

int store_charges_add(struct store *s, const struct store_charge *charges, size_t n)
{
	int r = all_in(s, ST_LEDGER_10S, ST_CHARGES_10S, bind_charge, charges, sizeof(*charges), n);
	uint64_t bucket;

	for (size_t i = 0; !r && i < n; i++) {
		assert(charges[i].key.node && charges[i].key.epoch && charges[i].key.sequence);
		for (enum store_res res = STORE_1M; !r && is_late(s, STORE_LEDGER, res, charges[i].time_s, &bucket); res++) {
			r = charge_late(s, ST_LEDGER_LATE_1M + (res - STORE_1M), bucket, &charges[i]);
			if (!r && !sqlite3_changes(s->db))
				break;
		}
		if (!r && s->noted)
			noted_add(s->noted, &charges[i]);
	}
	return r;
}
