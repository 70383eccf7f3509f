/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store of several workloads over ten days, hours and then minutes, for models to watch; what is to come is in it already, and
 * is not read before its time.
 */
#ifndef WEIR_TEST_LIVE_FIXTURE_H
#define WEIR_TEST_LIVE_FIXTURE_H

#include "aggregator/live_watch.h"
#include "aggregator/store_finding.h"
#include "tests/lib/stored.h"

#define LIVE_NOW_S 1795500000ull /* 2026-11-24T06:00:00Z, where an hour begins */
#define LIVE_NS 1000000000ull
#define LIVE_DAYS 10
/* Minutes from so long before now to so long after it. */
#define LIVE_FINE_S (13 * 3600)
#define LIVE_LATER_S (3 * 3600)
#define LIVE_YOUNG_S (5 * 3600)
#define LIVE_WEB "1,2"
#define LIVE_DB "3"
#define LIVE_LOADER "4"
#define LIVE_YOUNG "5"
/* Nano-units of a byte: 1 for 12, as 0.09 of a GiB is. */
#define LIVE_BYTES_A_NANO 12

/* What workload `id` moves in the minute of b: by the hour of the day, with some percent of noise. */
#define LIVE_MINUTE "id*100000*(20+abs(b/3600%24-12))+(b/60*7919+id*104729)%1009*id*400"

struct live_world {
	struct scratch dir;
	struct store *s;
	struct live_watch *w;
};

static inline void live_world_fini(struct live_world *t)
{
	live_watch_free(t->w);
	store_close(t->s);
	scratch_fini(&t->dir);
}
#define auto_live_world weir_cleanup(live_world_fini) struct live_world

static inline int live_sql(struct live_world *t, const char *fmt, ...) WEIR_PRINTF(2, 3);
static inline int live_sql(struct live_world *t, const char *fmt, ...)
{
	char *sql = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&sql, fmt, ap) < 0 ? -ENOMEM : stored_sql(t->dir.store, sql);
	va_end(ap);
	free(sql);
	return r;
}

/* Rows of `table`, of steps of step_s in [from_s, to_s), of workloads `ids`; of is how many minutes one of them has. */
static inline int live_rows(struct live_world *t, const char *table, const char *ids, uint64_t from_s, uint64_t to_s, uint64_t step_s)
{
	char of[512];
	int r;

	snprintf(of, sizeof(of),
		 "WITH RECURSIVE at(b) AS (SELECT %llu UNION ALL SELECT b+%llu FROM at WHERE b+%llu<%llu),"
		 "v(b,id,node,bytes) AS (SELECT b,id,node,(%s)*%llu FROM at JOIN workload WHERE id IN (%s)) ",
		 (unsigned long long)from_s, (unsigned long long)step_s, (unsigned long long)step_s, (unsigned long long)to_s,
		 LIVE_MINUTE, (unsigned long long)(step_s / 60), ids);
	r = live_sql(t, "%sINSERT INTO flow_%s SELECT b,node,id,0,0,%d,6,443,1,1,1,bytes,bytes/1000 FROM v", of, table,
		     WEIR_PATH_INTERNET);
	return r ? r : live_sql(t, "%sINSERT INTO ledger_%s SELECT b,id,%d,'m','p',202611,bytes,bytes,bytes/%d FROM v", of, table,
				WEIR_PATH_INTERNET, LIVE_BYTES_A_NANO);
}

static inline int live_world_fill(struct live_world *t)
{
	const uint64_t fine_s = LIVE_NOW_S - LIVE_FINE_S, later_s = LIVE_NOW_S + LIVE_LATER_S;
	int r = live_sql(t, "INSERT INTO node(id,name) VALUES(1,'n1'),(2,'n2');"
			 "INSERT INTO workload(id,node,domain,namespace,name,kind,team,labels,cgroup) VALUES"
			 "(1,1,'d','shop','web-7d9f8b6c5-x2x4z','pod','shop','{\"app\":\"web\"}','/1'),"
			 "(2,2,'d','shop','web-7d9f8b6c5-bb2cd','pod','shop','{\"app\":\"web\"}','/2'),"
			 "(3,1,'d','shop','db-0','pod','shop','{}','/3'),"
			 "(4,1,'d','data','loader','service','data','{}','/4'),"
			 "(5,2,'d','data','young','service','data','{}','/5');");

	r = r ? r : live_rows(t, "1h", "1,2,3,4", LIVE_NOW_S - LIVE_DAYS * 86400, fine_s, 3600);
	r = r ? r : live_rows(t, "10s", "1,2,3,4", fine_s, later_s, 60);
	return r ? r : live_rows(t, "10s", LIVE_YOUNG, LIVE_NOW_S - LIVE_YOUNG_S, later_s, 60);
}

static inline int live_watch_again(struct live_world *t, size_t series_max)
{
	const struct live_watch_opts opts = {.store_path = t->dir.store, .series_max = series_max};
	struct weir_err err = {{0}};
	int r;

	live_watch_free(t->w);
	t->w = NULL;
	r = live_watch_new(&opts, &t->w, &err);
	if (r)
		fprintf(stderr, "%s\n", err.text);
	return r;
}

static inline int live_world_new(struct live_world *t, size_t series_max)
{
	struct weir_err err = {{0}};
	int r = scratch_new(&t->dir);

	r = r ? r : store_open(t->dir.store, &t->s, &err);
	r = r ? r : live_world_fill(t);
	return r ? r : live_watch_again(t, series_max);
}

static inline bool live_never(void *arg)
{
	(void)arg;
	return false;
}

/* Until there is no more to catch up with; of that what the last run told. ret: live_told_free() */
static inline int live_look(struct live_world *t, uint64_t now_s, struct live_told *ret)
{
	struct weir_err err = {{0}};
	int r;

	do {
		live_told_free(ret);
		r = live_watch_run(t->w, now_s, "USD", live_never, NULL, ret, &err);
	} while (!r && ret->more);
	if (r)
		fprintf(stderr, "%s\n", err.text);
	return r;
}

/* Bytes (and what they cost) of workloads in [from_s, to_s) become `times` as many. */
static inline int live_times(struct live_world *t, const char *ids, uint64_t from_s, uint64_t to_s, double times)
{
	return live_sql(t, "UPDATE flow_10s SET bytes=CAST(bytes*%f AS INTEGER) WHERE workload IN (%s) AND bucket>=%llu AND bucket<%llu;"
			"UPDATE ledger_10s SET nanos=CAST(nanos*%f AS INTEGER) WHERE workload IN (%s) AND bucket>=%llu AND bucket<%llu;",
			times, ids, (unsigned long long)from_s, (unsigned long long)to_s, times, ids, (unsigned long long)from_s,
			(unsigned long long)to_s);
}

/* Up to when a node has told. */
static inline int live_agent(struct live_world *t, int node, uint64_t until_s)
{
	return live_sql(t, "INSERT OR REPLACE INTO agent(node,window_end_ns) VALUES(%d,%llu)", node, (unsigned long long)(until_s * LIVE_NS));
}

#endif
