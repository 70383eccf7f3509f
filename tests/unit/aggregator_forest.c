/* SPDX-License-Identifier: Apache-2.0 */
/* Flows of ten minutes as rows of features beside each workload's own past, learnt from; and a workload that does what it never did. */
#include "aggregator/live_forest.h"
#include "lib/model/flow_features.h"
#include "lib/model/train.h"
#include "tests/lib/stored.h"
#include "tests/lib/test.h"

#define NOW_S 1795500000ull /* begins a window */
#define WORKLOADS 30
#define DAY_WINDOWS 144
#define KNOWN_AFTER 12 /* windows of a workload */

static int sql(struct scratch *t, const char *fmt, ...) WEIR_PRINTF(2, 3);
static int sql(struct scratch *t, const char *fmt, ...)
{
	weir_auto_free char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? -ENOMEM : stored_sql(t->store, text);
}

/* What all do: one to three peers, one to four ports, opened by either side, by size and time of day, with noise. */
static int usual(struct scratch *t, const char *table, uint64_t from_s, uint64_t to_s)
{
	return sql(t,
		   "WITH RECURSIVE at(b) AS (SELECT %llu UNION ALL SELECT b+600 FROM at WHERE b+600<%llu),"
		   "v(b,id,peer,dir,bytes) AS (SELECT b,w.id,p.id,d.dir,(1+d.dir*3)*w.id*1000*(20+abs(b/3600%%24-12))"
		   "+(b/600*7919+w.id*104729+p.id*31)%%1009*w.id*30 FROM at JOIN workload w JOIN address p ON p.id<=1+w.id%%3 AND p.id>0 "
		   "JOIN (SELECT 0 AS dir UNION SELECT 1) d) INSERT INTO flow_%s "
		   "SELECT b,1,id,0,peer,%d,6,443+peer*(id%%4),(id+peer)%%3>0,dir,1,bytes,bytes/1000+1 FROM v",
		   (unsigned long long)from_s, (unsigned long long)to_s, table, WEIR_PATH_SAME_ZONE);
}

static int fill(struct scratch *t)
{
	int r = sql(t,
		    "INSERT INTO node(id,name) VALUES(1,'n1');"
		    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) INSERT INTO workload(id,node,domain,namespace,name,"
		    "kind,team,labels,cgroup) SELECT i,1,'d','shop','svc-'||i,'unit','t','{}','' FROM n;"
		    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<400) INSERT INTO address(id,domain,address) "
		    "SELECT i,CASE WHEN i<=3 THEN 'd' ELSE '' END,CAST(printf('%%016d',i) AS BLOB) FROM n",
		    WORKLOADS);

	r = r ? r : usual(t, "1m", NOW_S - 86400, NOW_S - 3600);
	r = r ? r : usual(t, "10s", NOW_S - 3600, NOW_S + 3600);
	/* In the third window from now svc-7 opens connections to hundreds, one packet each. */
	return r ? r : sql(t, "INSERT INTO flow_10s SELECT %llu,1,7,0,id,%d,6,id,1,1,1,60,1 FROM address WHERE id>3",
			   (unsigned long long)NOW_S + 1200, WEIR_PATH_INTERNET);
}

struct found {
	struct weir_finding last;
	size_t all, odd;
};

static int note(const struct weir_finding *f, void *arg)
{
	struct found *n = arg;
	bool odd = !strcmp(f->subject.name, "svc-7");

	n->all++;
	n->odd += odd;
	if (odd)
		n->last = *f;
	return 0;
}

struct world {
	struct scratch dir;
	struct store *s, *reader;
	struct live_flows *flows;
	struct live_forest *forest;
	struct weir_shelf *shelf;
	struct found found;
};

static void world_free(struct world **at)
{
	struct world *w = *at;

	live_forest_free(w->forest);
	live_flows_free(w->flows);
	weir_shelf_close(w->shelf);
	store_close(w->reader);
	store_close(w->s);
	scratch_fini(&w->dir);
	free(w);
}

static int world_open(struct world *w, bool filled, struct weir_err *err)
{
	int r = scratch_new(&w->dir);

	r = r ? r : store_open(w->dir.store, &w->s, err);
	if (!r && filled)
		r = fill(&w->dir);
	r = r ? r : store_reader(w->dir.store, &w->reader, err);
	r = r ? r : live_flows_new("USD", &w->flows);
	return r ? r : live_forest_new(&w->forest);
}

static int run(struct world *w, uint64_t now_s)
{
	bool more = true;
	int r = 0;

	for (int i = 0; !r && more && i < 1000; i++)
		r = live_forest_run(w->forest, w->flows, w->reader, now_s, note, &w->found, &more);
	return r ? r : more ? -EBUSY : 0;
}

static void rows_free(struct weir_rows *rows)
{
	free((void *)rows->v);
	free((void *)rows->time_s);
}

static int train(struct world *w, struct weir_model *ret, struct weir_err *err)
{
	static const struct weir_recipe candidates[] = {{"iforest", false}, {"iforest", true}};
	weir_auto_free char *dir = weir_strf("%s/models", w->dir.dir);
	struct weir_train_result result;
	weir_cleanup(rows_free) struct weir_rows rows = {0};
	struct weir_model_data data = {.count = 0};
	struct weir_train task = {.use = "flows-forest", .candidates = candidates, .candidate_count = 2, .data = &data,
				  .opts = {.horizon = 1, .coverage = 0.95, .seed = 1}, .now_s = (int64_t)NOW_S, .reason = "first",
				  .alarm_rate = 0.0002};
	int r = live_forest_rows(w->forest, &rows);

	data.rows = rows;
	task.holdback = rows.n / 5;
	r = r ? r : weir_shelf_open(dir, NULL, NULL, &w->shelf, err);
	r = r ? r : weir_train_rows(w->shelf, &task, &result, err);
	return r ? r : weir_shelf_champion(w->shelf, "flows-forest", ret, err);
}

TEST(a_workload_that_does_what_it_never_did_is_found_and_explained)
{
	weir_cleanup(world_free) struct world *w = calloc(1, sizeof(*w));
	struct found *n = &w->found;
	struct weir_model m = {0};
	struct weir_err err = {{0}};
	struct weir_rows rows = {0};

	CHECK(!world_open(w, true, &err), "%s", err.text);
	CHECK(!run(w, NOW_S + 10) && n->all == 0, "without a model nothing is scored: %zu", n->all);
	CHECK(!live_forest_rows(w->forest, &rows) && rows.n == (DAY_WINDOWS - KNOWN_AFTER) * WORKLOADS && rows.width == WEIR_FLOW_FEATURES,
	      "%zu rows", rows.n);
	CHECK(rows.time_s[0] == (int64_t)NOW_S - 86400 + 600 * KNOWN_AFTER && rows.time_s[rows.n - 1] == (int64_t)NOW_S - 600,
	      "in the order of time");
	rows_free(&rows);
	CHECK(!train(w, &m, &err), "%s", err.text);
	live_forest_model(w->forest, &m);
	CHECK(!run(w, NOW_S + 1200 + 10) && n->all <= 3, "what all do: %zu findings of %d rows", n->all, 2 * WORKLOADS);
	CHECK(n->odd == 0, "nor is the one yet");
	CHECK(!run(w, NOW_S + 1800 + 10) && n->odd == 1, "the one that does what it never did: %zu", n->odd);
	CHECK(strstr(n->last.sentence, "peers") || strstr(n->last.sentence, "ports") || strstr(n->last.sentence, "entropy"), "why: %s",
	      n->last.sentence);
	CHECK(n->last.kind == WEIR_FINDING_FOREST && n->last.since_s == NOW_S + 1200 && n->last.score > n->last.expected, "%g", n->last.score);
	printf("# %s; %zu findings of %d rows\n", n->last.sentence, n->all, 3 * WORKLOADS);
}

TEST(where_nothing_moved_there_is_nothing_to_learn)
{
	weir_cleanup(world_free) struct world *w = calloc(1, sizeof(*w));
	struct weir_err err = {{0}};
	struct weir_rows rows = {0};

	CHECK(!world_open(w, false, &err) && !run(w, NOW_S + 10) && !w->found.all, "%s", err.text);
	CHECK(live_forest_rows(w->forest, &rows) == -ENODATA);
}

TEST_MAIN(T(where_nothing_moved_there_is_nothing_to_learn), T(a_workload_that_does_what_it_never_did_is_found_and_explained))
