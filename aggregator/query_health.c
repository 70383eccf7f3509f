/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/query_health.h"

#include "aggregator/select.h"
#include "aggregator/store_impl.h"

#define SQL_MAX 1024

/* A group under way; its texts are copies, for they outlive the row they came from. */
struct group {
	struct query_health q;
	char *texts[4]; /* node, namespace, workload, team */
	bool any;
};

static void group_fini(struct group *g)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(g->texts); i++)
		free(g->texts[i]);
}

static void stmt_finalize(sqlite3_stmt **st)
{
	sqlite3_finalize(*st);
}

/* Buckets of the range, and the last state of every row for what is open; ordered by the keys. */
static void make_sql(uint32_t by, enum store_res res, char sql[SQL_MAX])
{
	static const char *const suffix[STORE_RESOLUTIONS] = {"10s", "1m", "1h", "days"};
	const char *who = by & QUERY_HEALTH_WORKLOAD ? "n.name,w.namespace,w.name,w.team" : "'','','',''";
	const char *peer = by & QUERY_HEALTH_PEER ? "h.scope,h.class" : "0,0";

	snprintf(sql, SQL_MAX,
		 "SELECT %s,%s,h.counts,0 FROM health_%s h JOIN workload w ON w.id=h.workload "
		 "JOIN node n ON n.id=w.node WHERE h.bucket>=?1 AND h.bucket<?2 UNION ALL "
		 "SELECT %s,%s,h.counts,1 FROM health h JOIN workload w ON w.id=h.workload "
		 "JOIN node n ON n.id=w.node WHERE NOT h.gone ORDER BY 1,2,3,4,5,6",
		 who, peer, suffix[res], who, peer);
}

static bool same_group(const struct group *g, sqlite3_stmt *st)
{
	for (int i = 0; i < (int)WEIR_ARRAY_SIZE(g->texts); i++)
		if (strcmp(g->texts[i], (const char *)sqlite3_column_text(st, i)))
			return false;
	return g->q.scope == (uint32_t)sqlite3_column_int64(st, 4) &&
	       g->q.peer_class == (uint32_t)sqlite3_column_int64(st, 5);
}

static int begin_group(struct group *g, sqlite3_stmt *st)
{
	group_fini(g);
	memset(g, 0, sizeof(*g));
	for (int i = 0; i < (int)WEIR_ARRAY_SIZE(g->texts); i++)
		if (!(g->texts[i] = strdup((const char *)sqlite3_column_text(st, i))))
			return -ENOMEM;
	g->q.node = g->texts[0];
	g->q.namespace = g->texts[1];
	g->q.workload = g->texts[2];
	g->q.team = g->texts[3];
	g->q.scope = (uint32_t)sqlite3_column_int64(st, 4);
	g->q.peer_class = (uint32_t)sqlite3_column_int64(st, 5);
	g->any = true;
	return 0;
}

static int add_row(struct store *s, struct group *g, sqlite3_stmt *st)
{
	struct store_health h;

	if (!store_health_unpack(sqlite3_column_blob(st, 6), (size_t)sqlite3_column_bytes(st, 6), &h)) {
		snprintf(s->error, sizeof(s->error), "a row of TCP health is damaged");
		return -EUCLEAN;
	}
	if (sqlite3_column_int(st, 7)) {
		g->q.open += h.n[WEIR_H_CONNECTIONS] - WEIR_MIN(h.n[WEIR_H_CLOSED], h.n[WEIR_H_CONNECTIONS]);
		return 0;
	}
	for (size_t i = 0; i < STORE_HEALTH_NUMBERS; i++)
		g->q.h.all[i] += h.all[i];
	return 0;
}

/* Groups without events in the range and without open connections are of no interest. */
static int end_group(const struct group *g, int (*fn)(const struct query_health *q, void *arg), void *arg)
{
	uint64_t events = g->q.open;

	for (size_t i = 0; i < WEIR_H_COUNTS; i++)
		events |= g->q.h.n[i];
	return g->any && events ? fn(&g->q, arg) : 0;
}

int query_health(struct store *s, uint32_t by, const struct query_range *r,
		 int (*fn)(const struct query_health *q, void *arg), void *arg)
{
	weir_cleanup(stmt_finalize) sqlite3_stmt *st = NULL;
	weir_cleanup(group_fini) struct group g = {0};
	char sql[SQL_MAX];
	int code, e = 0;

	make_sql(by, r->res, sql);
	code = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(st, 1, (int64_t)(r->from_s - r->from_s % store_bucket_s(r->res)));
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(st, 2, (int64_t)r->to_s);
	if (code != SQLITE_OK)
		return store_fail(s, code);
	while (!e && (code = sqlite3_step(st)) == SQLITE_ROW) {
		if (!g.any || !same_group(&g, st)) {
			e = end_group(&g, fn, arg);
			if (!e)
				e = begin_group(&g, st);
		}
		if (!e)
			e = add_row(s, &g, st);
	}
	if (!e && code != SQLITE_DONE)
		e = store_fail(s, code);
	return e ? e : end_group(&g, fn, arg);
}

int query_path_health(struct store *s, bool by_workload, const struct query_range *r,
		      int (*fn)(const struct query_path_health *q, void *arg), void *arg)
{
	auto_select struct select q = {.s = s};
	char sql[SQL_MAX];
	int e;

	snprintf(sql, sizeof(sql),
		 "SELECT %s,h.path,SUM(h.rtt_us),SUM(h.samples),SUM(h.retrans) FROM path_health_%s h JOIN workload w ON w.id=h.workload "
		 "JOIN node n ON n.id=w.node WHERE h.bucket>=? AND h.bucket<? GROUP BY 1,2,3,4,5 ORDER BY 1,2,3,4,5",
		 by_workload ? "n.name,w.namespace,w.name,w.team" : "'','','',''", query_suffix[r->res]);
	e = select_begin(&q, sql, "uu", r->from_s - r->from_s % store_bucket_s(r->res), r->to_s);
	while (!e && (e = select_next(&q)) == 1) {
		const struct query_path_health h = {select_text(&q, 0), select_text(&q, 1), select_text(&q, 2), select_text(&q, 3),
						    (uint8_t)select_number(&q, 4), select_number(&q, 5), select_number(&q, 6),
						    select_number(&q, 7)};

		e = fn(&h, arg);
	}
	return e;
}
