/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/query_store.h"

#include "aggregator/select.h"

#include <sys/stat.h>

static int number(struct store *s, const char *sql, uint64_t *ret)
{
	auto_select struct select q = {.s = s};
	int r = select_begin(&q, sql, "");

	if (!r)
		r = select_next(&q);
	if (r < 0)
		return r;
	*ret = r ? select_number(&q, 0) : 0;
	return 0;
}

static uint64_t log_bytes(struct store *s)
{
	const char *name = sqlite3_db_filename(s->db, "main");
	const char *log = name && *name ? sqlite3_filename_wal(name) : NULL;
	struct stat st;

	return log && !stat(log, &st) ? (uint64_t)st.st_size : 0;
}

static int sizes(struct store *s, struct query_store *ret)
{
	uint64_t schema = 0, size = 0, pages = 0, unused = 0;
	int r = number(s, "PRAGMA user_version", &schema);

	if (!r)
		r = number(s, "PRAGMA page_size", &size);
	if (!r)
		r = number(s, "PRAGMA page_count", &pages);
	if (!r)
		r = number(s, "PRAGMA freelist_count", &unused);
	if (r)
		return r;
	*ret = (struct query_store){(int)schema, pages * size, unused * size, log_bytes(s)};
	return 0;
}

int query_store(struct store *s, struct query_store *ret, int (*fn)(const struct query_rollup *q, void *arg), void *arg)
{
	static const char *const kinds[] = {"flow", "ledger", "health", "path_health"};
	static const char *const rollups[STORE_RESOLUTIONS] = {"10s", "1m", "1h", "1d"};
	char sql[96];
	int r = sizes(s, ret);

	for (size_t k = 0; !r && k < WEIR_ARRAY_SIZE(kinds); k++)
		for (enum store_res i = 0; !r && i < STORE_RESOLUTIONS; i++) {
			struct query_rollup q = {.kind = kinds[k], .rollup = rollups[i]};

			/* One at a time: only so is it one look at an end of the key. */
			snprintf(sql, sizeof(sql), "SELECT MIN(bucket) FROM %s_%s", q.kind, q.rollup);
			r = number(s, sql, &q.oldest_s);
			snprintf(sql, sizeof(sql), "SELECT MAX(bucket) FROM %s_%s", q.kind, q.rollup);
			if (!r)
				r = number(s, sql, &q.newest_s);
			if (!r)
				r = fn(&q, arg);
		}
	return r;
}
