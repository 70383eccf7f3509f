/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upkeep of the rollups. What is over is folded into the next resolution (10 s into minutes, those into hours, those into
 * days), in the order of its keys; how far is kept as the key of the last row that was (tables folded_*), in the same
 * transaction. A row that comes later than that goes into the next resolution as well (statements ST_*_LATE_*), and so on
 * while it comes late there too; one that is folded into a bucket that was folded on goes on with it. So each
 * resolution with what stands above its marks (views *_minutes, *_hours, *_days) is at any moment all that there is,
 * once. Nothing above a mark is removed. Marks stay at the last row: what comes after a long silence is folded in bulk.
 */
#include "aggregator/store_impl.h"

/* A bucket is folded so long after its end; what comes later costs a second row. By what it is folded into. */
static const uint64_t grace_s[STORE_RESOLUTIONS] = {0, 60, 300, 600};
/* Free pages stay for the rows to come, unless they are more than 1/8 of the file; then so many go per step. */
#define FREE_PART 8
#define FREE_STEP 256
#define SQL_MAX 2048

static const char *const suffix[STORE_RESOLUTIONS] = {"10s", "1m", "1h", "1d"};
/* Tables of marks, by what is folded. */
static const char *const mark[STORE_RESOLUTIONS] = {NULL, "_1m", "_1h", ""};

static const struct kind {
	const char *name, *key, *values, *sum;
	const char *rest, *row; /* row: parameters for a key, see run() */
	enum store_res first; /* that is folded; those before are written */
} kinds[STORE_KINDS] = {
	[STORE_FLOW] = {"flow", FLOW_KEY, "bytes,packets", "bytes=bytes+excluded.bytes,packets=packets+excluded.packets",
			FLOW_REST, "?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14", STORE_1M},
	[STORE_LEDGER] = {"ledger", LEDGER_KEY, "bytes,once,nanos",
			  "bytes=bytes+excluded.bytes,once=once+excluded.once,nanos=nanos+excluded.nanos",
			  LEDGER_REST, "?4,?5,?6,?7,?8,?9", STORE_1M},
	[STORE_HEALTH] = {"health", HEALTH_KEY, "counts", "counts=health_sum(counts,excluded.counts)", HEALTH_REST,
			  "?4,?5,?6,?7", STORE_HEALTH_WRITTEN},
	[STORE_PATH_HEALTH] = {"path_health", PATH_HEALTH_KEY, "rtt_us,samples,retrans",
			       "rtt_us=rtt_us+excluded.rtt_us,samples=samples+excluded.samples,retrans=retrans+excluded.retrans",
			       PATH_HEALTH_REST, "?4,?5,?6", STORE_1M},
};

static void end(sqlite3_stmt **st)
{
	sqlite3_finalize(*st);
}
#define auto_stmt weir_cleanup(end) sqlite3_stmt

/* A statement with the numbers as its first parameters, and the row that `row` stands at (or NULL) as those behind. */
static int prepare(struct store *s, const char *sql, sqlite3_stmt *row, const int64_t numbers[3], sqlite3_stmt **ret)
{
	auto_stmt *st = NULL;
	int code = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL), n = sqlite3_bind_parameter_count(st);

	for (int i = 0; code == SQLITE_OK && i < WEIR_MIN(n, 3); i++)
		code = sqlite3_bind_int64(st, i + 1, numbers[i]);
	for (int i = 3; code == SQLITE_OK && i < n; i++)
		code = sqlite3_bind_value(st, i + 1, sqlite3_column_value(row, i - 3));
	if (code != SQLITE_OK)
		return store_fail(s, code);
	*ret = weir_take_ptr(st);
	return 0;
}

/* The first column of the first row, if there is one, and how many rows were changed. */
static int run_by(struct store *s, const char *sql, sqlite3_stmt *row, int64_t *ret_value, uint32_t *ret_changes,
		  int64_t a, int64_t b, int64_t c)
{
	int before = sqlite3_total_changes(s->db);
	auto_stmt *st = NULL;
	int code, r = prepare(s, sql, row, (const int64_t[]){a, b, c}, &st);

	if (r)
		return r;
	code = sqlite3_step(st);
	if (code == SQLITE_ROW && ret_value)
		*ret_value = sqlite3_column_int64(st, 0);
	while (code == SQLITE_ROW)
		code = sqlite3_step(st);
	if (ret_changes)
		*ret_changes = (uint32_t)(sqlite3_total_changes(s->db) - before);
	return code == SQLITE_DONE ? 0 : store_fail(s, code);
}

static int run(struct store *s, const char *sql, int64_t *ret_value, uint32_t *ret_changes, int64_t a, int64_t b,
	       int64_t c)
{
	return run_by(s, sql, NULL, ret_value, ret_changes, a, b, c);
}

/* A statement that stands at its only row, the key of a row; *ret NULL: there is none. */
static int key_of(struct store *s, const char *sql, int64_t a, int64_t b, sqlite3_stmt **ret)
{
	auto_stmt *st = NULL;
	int code, r = prepare(s, sql, NULL, (const int64_t[]){a, b, 0}, &st);

	if (r)
		return r;
	code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*ret = weir_take_ptr(st);
	return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : store_fail(s, code);
}

int store_folded(struct store *s, uint64_t ret[STORE_KINDS][STORE_RESOLUTIONS])
{
	uint64_t folded[STORE_KINDS][STORE_RESOLUTIONS] = {{0}};
	char sql[SQL_MAX];
	int r = 0;

	for (enum store_kind k = 0; !r && k < STORE_KINDS; k++) {
		for (enum store_res to = kinds[k].first; !r && to < STORE_RESOLUTIONS; to++) {
			int64_t bucket = 0;

			snprintf(sql, sizeof(sql), "SELECT bucket FROM folded_%s%s", kinds[k].name, mark[to]);
			r = run(s, sql, &bucket, NULL, 0, 0, 0);
			folded[k][to] = (uint64_t)bucket;
		}
	}
	if (!r)
		memcpy(ret, folded, sizeof(folded));
	return r;
}

/*
 * What of the rows that are folded into `to` now belongs to buckets of it that were folded on already: the same rows go into
 * `on` as well. They came late there, and not into what they are in.
 */
static int fold_on(struct store *s, const struct kind *k, enum store_res to, enum store_res on, const char *next, sqlite3_stmt *at,
		   uint64_t before_s, uint32_t budget)
{
	char sql[SQL_MAX];
	int n = snprintf(sql, sizeof(sql), "INSERT INTO %s_%s(%s,%s) SELECT bucket-bucket%%%u,%s,%s FROM (SELECT * %s) WHERE true", k->name,
			 suffix[on], k->key, k->values, store_bucket_s(on), k->rest, k->values, next);

	for (enum store_res i = to; i < on; i++)
		n += snprintf(sql + n, sizeof(sql) - (size_t)n, " AND (bucket-bucket%%%u,%s)<=(SELECT %s FROM folded_%s%s)",
			      store_bucket_s(i), k->rest, k->key, k->name, mark[i + 1]);
	snprintf(sql + n, sizeof(sql) - (size_t)n, " ON CONFLICT(%s) DO UPDATE SET %s", k->key, k->sum);
	return run_by(s, sql, at, NULL, NULL, (int64_t)before_s, budget, 0);
}

/*
 * Up to *budget rows that ended before before_s into the resolution `to`; *budget falls by what was folded. Keys are
 * compared with one that was read before: with one of a subquery SQLite 3.40 goes through all of a bucket. marks: buckets of
 * the marks.
 */
static int fold(struct store *s, const struct kind *k, enum store_res to, const uint64_t marks[STORE_RESOLUTIONS], uint64_t before_s,
		uint32_t *budget)
{
	char next[SQL_MAX / 2], sql[SQL_MAX];
	auto_stmt *at = NULL;
	uint32_t folded = 0;
	uint64_t from;
	int r;

	snprintf(sql, sizeof(sql), "SELECT %s FROM folded_%s%s", k->key, k->name, mark[to]);
	r = key_of(s, sql, 0, 0, &at);
	if (r || !at)
		return r;
	snprintf(next, sizeof(next), "FROM %s_%s WHERE (%s)>(%s) AND bucket<?1 ORDER BY %s LIMIT ?2 OFFSET ?3", k->name,
		 suffix[to - 1], k->key, k->row, k->key);
	snprintf(sql, sizeof(sql),
		 "INSERT INTO %s_%s(%s,%s) SELECT bucket-bucket%%%u,%s,%s FROM (SELECT * %s) WHERE true "
		 "ON CONFLICT(%s) DO UPDATE SET %s",
		 k->name, suffix[to], k->key, k->values, store_bucket_s(to), k->rest, k->values, next, k->key, k->sum);
	r = run_by(s, sql, at, NULL, &folded, (int64_t)before_s, *budget, 0);
	if (r || !folded)
		return r;
	from = (uint64_t)sqlite3_column_int64(at, 0);
	for (enum store_res on = to + 1; !r && on < STORE_RESOLUTIONS && from - from % store_bucket_s(to) <= marks[to + 1]; on++)
		r = fold_on(s, k, to, on, next, at, before_s, *budget);
	if (r)
		return r;
	snprintf(sql, sizeof(sql), "UPDATE folded_%s%s SET (%s)=(SELECT %s %s)", k->name, mark[to], k->key, k->key, next);
	r = run_by(s, sql, at, NULL, NULL, (int64_t)before_s, 1, folded - 1);
	*budget -= folded;
	return r;
}

/* The first rows of what lies before before_s. */
static int trim(struct store *s, const struct kind *k, const char *res, uint64_t before_s, uint32_t *budget)
{
	char sql[SQL_MAX];
	auto_stmt *at = NULL;
	uint32_t gone = 0;
	int r;

	snprintf(sql, sizeof(sql), "SELECT %s FROM %s_%s WHERE bucket<?1 ORDER BY %s LIMIT 1 OFFSET ?2", k->key, k->name,
		 res, k->key);
	r = key_of(s, sql, (int64_t)before_s, *budget, &at);
	if (r)
		return r;
	if (at)
		snprintf(sql, sizeof(sql), "DELETE FROM %s_%s WHERE (%s)<(%s)", k->name, res, k->key, k->row);
	else
		snprintf(sql, sizeof(sql), "DELETE FROM %s_%s WHERE bucket<?1", k->name, res);
	r = run_by(s, sql, at, NULL, &gone, (int64_t)before_s, 0, 0);
	*budget -= WEIR_MIN(gone, *budget);
	return r;
}

static int rollups(struct store *s, uint64_t now_s, const uint64_t before_s[STORE_RESOLUTIONS], uint32_t *budget)
{
	uint64_t over_s[STORE_RESOLUTIONS]; /* where what may be folded into it ends */
	int r = 0;

	for (enum store_res to = STORE_1M; to < STORE_RESOLUTIONS; to++) {
		over_s[to] = now_s > grace_s[to] ? now_s - grace_s[to] : 0;
		/* Whole buckets of what is folded; days of their hours, which need not be whole. */
		over_s[to] -= over_s[to] % store_bucket_s(to == STORE_1D ? STORE_1H : to);
	}
	for (enum store_kind k = 0; !r && k < STORE_KINDS; k++)
		for (enum store_res to = kinds[k].first; !r && *budget && to < STORE_RESOLUTIONS; to++)
			r = fold(s, &kinds[k], to, s->folded_s[k], over_s[to], budget);
	for (enum store_kind k = 0; !r && k < STORE_KINDS; k++)
		for (enum store_res i = 0; !r && *budget && i < STORE_RESOLUTIONS; i++)
			r = trim(s, &kinds[k], suffix[i],
				 i + 1 >= kinds[k].first && i < STORE_1D ? WEIR_MIN(before_s[i], over_s[i + 1]) : before_s[i],
				 budget);
	return r;
}

/* Tables without an index by time: a range of their keys in each pass, around and around. */
static int sweep(struct store *s, const uint64_t before_s[STORE_RESOLUTIONS])
{
	static const struct {
		const char *sql, *last;
		int64_t width;
		enum store_res res;
	} sweeps[] = {
		{"DELETE FROM holder WHERE address>=?2 AND address<?3 AND until<?1", "SELECT MAX(address) FROM holder", 8192,
		 STORE_1D},
		{"DELETE FROM health WHERE node>=?2 AND node<?3 AND seen_s<?1", "SELECT MAX(node) FROM health", 16, STORE_1H},
		{"DELETE FROM boot WHERE node>=?2 AND node<?3 AND seen_s<?1", "SELECT MAX(node) FROM boot", 512, STORE_1H},
	};
	int64_t last;
	int r = 0;

	_Static_assert(WEIR_ARRAY_SIZE(sweeps) == WEIR_ARRAY_SIZE(s->swept), "a place for each");
	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(sweeps); i++) {
		int64_t from = s->swept[i], to = from + sweeps[i].width;

		r = run(s, sweeps[i].sql, NULL, NULL, (int64_t)before_s[sweeps[i].res], from, to);
		if (!r)
			r = run(s, sweeps[i].last, &last, NULL, 0, 0, 0);
		if (!r)
			s->swept[i] = to > last ? 0 : to;
	}
	return r;
}

/* Does nothing in a file that was made without: `weirctl store restore` of a backup makes one with. */
static int give_back(struct store *s, bool *ret_more)
{
	int64_t mode = 0, pages = 0, unused = 0;
	char sql[64];
	int r = run(s, "PRAGMA auto_vacuum", &mode, NULL, 0, 0, 0);

	if (!r)
		r = run(s, "PRAGMA page_count", &pages, NULL, 0, 0, 0);
	if (!r)
		r = run(s, "PRAGMA freelist_count", &unused, NULL, 0, 0, 0);
	if (r || mode != 2 || unused < FREE_STEP || unused < pages / FREE_PART)
		return r;
	*ret_more = true;
	snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%d)", FREE_STEP);
	return run(s, sql, NULL, NULL, 0, 0, 0);
}

static int step(struct store *s, uint64_t now_s, const uint64_t before_s[STORE_RESOLUTIONS], bool *ret_more)
{
	uint32_t budget = STORE_STEP_ROWS;
	int r = rollups(s, now_s, before_s, &budget);

	*ret_more = !budget;
	if (r || *ret_more)
		return r;
	r = sweep(s, before_s);
	return r ? r : give_back(s, ret_more);
}

int store_retain(struct store *s, uint64_t now_s, const uint64_t retain_s[STORE_RESOLUTIONS], bool *ret_more)
{
	uint64_t before_s[STORE_RESOLUTIONS], folded_s[STORE_KINDS][STORE_RESOLUTIONS];
	bool more = false;
	int r;

	for (enum store_res i = 0; i < STORE_RESOLUTIONS; i++) {
		uint64_t keep = retain_s[i] + store_bucket_s(i);

		before_s[i] = now_s > keep ? now_s - keep + 1 : 0;
	}
	r = store_begin(s);
	if (r)
		return r;
	r = step(s, now_s, before_s, &more);
	if (!r)
		r = store_folded(s, folded_s);
	if (!r)
		r = store_commit(s);
	if (r) {
		store_rollback(s);
		return r;
	}
	memcpy(s->folded_s, folded_s, sizeof(folded_s));
	*ret_more = more;
	return 0;
}
