/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upkeep of the rollups. Hours that are over are folded into days, in the order of their keys; how far is kept
 * as the key of the last row that was (tables folded_*), in the same transaction. An hour's row that comes later
 * than that goes into its day as well (statements ST_*_LATE), so days and the hours above the mark (views
 * *_days) are at any moment all that there is, once. Hours are removed only below the mark.
 */
#include "aggregator/store_impl.h"

/* An hour is folded so long after its end; what comes later costs a second row. */
#define GRACE_S 600
/* Free pages stay for the rows to come, unless they are more than 1/8 of the file; then so many go per step. */
#define FREE_PART 8
#define FREE_STEP 256
#define SQL_MAX 1024

static const struct kind {
	const char *name, *key, *values, *sum;
	const char *rest;
} kinds[STORE_KINDS] = {
	[STORE_FLOW] = {"flow", FLOW_KEY, "bytes,packets", "bytes=bytes+excluded.bytes,packets=packets+excluded.packets",
			FLOW_REST},
	[STORE_LEDGER] = {"ledger", LEDGER_KEY, "bytes,once,nanos",
			  "bytes=bytes+excluded.bytes,once=once+excluded.once,nanos=nanos+excluded.nanos",
			  LEDGER_REST},
	[STORE_HEALTH] = {"health", HEALTH_KEY, "counts", "counts=health_sum(counts,excluded.counts)", HEALTH_REST},
};

/* The first column of the first row, if there is one, and how many rows were changed. */
static int run(struct store *s, const char *sql, int64_t *ret_value, uint32_t *ret_changes, int64_t a, int64_t b,
	       int64_t c)
{
	const int64_t values[] = {a, b, c};
	sqlite3_stmt *st = NULL;
	int before = sqlite3_total_changes(s->db);
	int r = 0, code = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);

	for (int i = 0; code == SQLITE_OK && i < sqlite3_bind_parameter_count(st); i++)
		code = sqlite3_bind_int64(st, i + 1, values[i]);
	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code == SQLITE_ROW && ret_value)
		*ret_value = sqlite3_column_int64(st, 0);
	while (code == SQLITE_ROW)
		code = sqlite3_step(st);
	if (code != SQLITE_DONE)
		r = store_fail(s, code);
	if (ret_changes)
		*ret_changes = (uint32_t)(sqlite3_total_changes(s->db) - before);
	sqlite3_finalize(st);
	return r;
}

int store_folded(struct store *s, uint64_t ret[STORE_KINDS])
{
	int64_t bucket[STORE_KINDS] = {0};
	char sql[SQL_MAX];
	int r = 0;

	for (enum store_kind k = 0; !r && k < STORE_KINDS; k++) {
		snprintf(sql, sizeof(sql), "SELECT bucket FROM folded_%s", kinds[k].name);
		r = run(s, sql, &bucket[k], NULL, 0, 0, 0);
	}
	for (enum store_kind k = 0; !r && k < STORE_KINDS; k++)
		ret[k] = (uint64_t)bucket[k];
	return r;
}

/* Up to *budget rows of hours that ended before before_s; *budget falls by what was folded. */
static int fold(struct store *s, const struct kind *k, uint64_t before_s, uint32_t *budget)
{
	char next[SQL_MAX / 2], sql[SQL_MAX];
	uint32_t folded = 0;
	int r;

	snprintf(next, sizeof(next),
		 "FROM %s_1h WHERE (%s)>(SELECT %s FROM folded_%s) AND bucket<?1 ORDER BY %s LIMIT ?2 OFFSET ?3", k->name,
		 k->key, k->key, k->name, k->key);
	snprintf(sql, sizeof(sql),
		 "INSERT INTO %s_1d(%s,%s) SELECT bucket-bucket%%86400,%s,%s FROM (SELECT * %s) WHERE true "
		 "ON CONFLICT(%s) DO UPDATE SET %s",
		 k->name, k->key, k->values, k->rest, k->values, next, k->key, k->sum);
	r = run(s, sql, NULL, &folded, (int64_t)before_s, *budget, 0);
	if (r || !folded)
		return r;
	snprintf(sql, sizeof(sql), "UPDATE folded_%s SET (%s)=(SELECT %s %s)", k->name, k->key, k->key, next);
	r = run(s, sql, NULL, NULL, (int64_t)before_s, 1, folded - 1);
	*budget -= folded;
	return r;
}

/* The first rows of what lies before before_s. */
static int trim(struct store *s, const struct kind *k, const char *suffix, uint64_t before_s, uint32_t *budget)
{
	char sql[SQL_MAX];
	uint32_t gone = 0;
	int r;

	snprintf(sql, sizeof(sql),
		 "DELETE FROM %s_%s WHERE (%s)<(SELECT %s FROM %s_%s WHERE bucket<?1 ORDER BY %s LIMIT 1 OFFSET ?2)", k->name,
		 suffix, k->key, k->key, k->name, suffix, k->key);
	r = run(s, sql, NULL, &gone, (int64_t)before_s, *budget, 0);
	if (!r && !gone) {
		snprintf(sql, sizeof(sql), "DELETE FROM %s_%s WHERE bucket<?1", k->name, suffix);
		r = run(s, sql, NULL, &gone, (int64_t)before_s, 0, 0);
	}
	*budget -= WEIR_MIN(gone, *budget);
	return r;
}

static int rollups(struct store *s, uint64_t now_s, const uint64_t before_s[STORE_RESOLUTIONS], uint32_t *budget)
{
	static const char *const suffix[STORE_RESOLUTIONS] = {"10s", "1m", "1h", "1d"};
	uint64_t over_s = now_s > GRACE_S ? now_s - GRACE_S : 0;
	int r = 0;

	over_s -= over_s % store_bucket_s(STORE_1H);
	for (enum store_kind k = 0; !r && *budget && k < STORE_KINDS; k++)
		r = fold(s, &kinds[k], over_s, budget);
	for (enum store_kind k = 0; !r && k < STORE_KINDS; k++)
		for (enum store_res i = 0; !r && *budget && i < STORE_RESOLUTIONS; i++)
			r = trim(s, &kinds[k], suffix[i],
				 i == STORE_1H ? WEIR_MIN(before_s[i], over_s) : before_s[i], budget);
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
	uint64_t before_s[STORE_RESOLUTIONS], folded_s[STORE_KINDS];
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
