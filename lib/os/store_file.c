/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/store_db.h"

#include <sys/stat.h>

#define BUSY_MS 5000

int store_db_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return -EACCES;
	default:
		return -EIO;
	}
}

int store_db_fail(sqlite3 *db, const char *path, const char *what, int code, struct weir_err *err)
{
	int r = store_db_errno(code);

	r = r == -EUCLEAN ? -EINVAL : r; /* here the file is somebody's input */
	return weir_err_set(err, r, "%s: %s: %s%s", path, what, db ? sqlite3_errmsg(db) : sqlite3_errstr(code),
			    r == -EACCES ? "; run as root or as the aggregator's user" : "");
}

int store_db_open(const char *path, bool write, sqlite3 **ret, struct weir_err *err)
{
	auto_db *db = NULL;
	struct stat st;
	int code;

	if (stat(path, &st))
		return weir_err_set(err, -errno, "%s: cannot open: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return weir_err_set(err, -EINVAL, "%s: is no file", path);
	code = sqlite3_open_v2(path, &db, (write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK)
		return store_db_fail(db, path, "cannot open", code, err);
	sqlite3_busy_timeout(db, BUSY_MS);
	*ret = weir_take_ptr(db);
	return 0;
}

int store_db_exec(sqlite3 *db, const char *path, const char *sql, struct weir_err *err)
{
	int code = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : store_db_fail(db, path, "the database says", code, err);
}

int store_db_number(sqlite3 *db, const char *path, const char *sql, int64_t *ret, struct weir_err *err)
{
	sqlite3_stmt *st = NULL;
	int r = 0, code = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	else
		r = store_db_fail(db, path, "cannot read", code, err);
	sqlite3_finalize(st);
	return r;
}

int store_db_check(sqlite3 *db, const char *path, int *ret_schema, uint64_t *ret_bytes, struct weir_err *err)
{
	int64_t tables, schema, pages, size;
	int r = store_db_number(db, path,
				"SELECT COUNT(*) FROM sqlite_master WHERE type='table' AND name IN "
				"('node','agent','workload','address','flow_10s','flow_1h','ledger_1h','usage')",
				&tables, err);

	if (!r)
		r = store_db_number(db, path, "PRAGMA user_version", &schema, err);
	if (!r)
		r = store_db_number(db, path, "PRAGMA page_count", &pages, err);
	if (!r)
		r = store_db_number(db, path, "PRAGMA page_size", &size, err);
	if (r)
		return r;
	if (tables != 8 || schema < 1)
		return weir_err_set(err, -EINVAL, "%s: is a database, but no store of weir", path);
	*ret_schema = (int)schema;
	*ret_bytes = (uint64_t)(pages * size);
	return 0;
}

int store_db_verify(sqlite3 *db, const char *path, struct weir_err *err)
{
	sqlite3_stmt *st = NULL;
	const char *text = NULL;
	int r = 0, code = sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &st, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code != SQLITE_ROW)
		r = store_db_fail(db, path, "cannot check", code, err);
	else
		text = (const char *)sqlite3_column_text(st, 0);
	if (!r && (!text || strcmp(text, "ok"))) {
		/* Of its lines the first: "*** in database main ***" is none. */
		const char *line = text && strchr(text, '\n') ? strchr(text, '\n') + 1 : text;

		r = weir_err_set(err, -EINVAL, "%s: is damaged: %.*s", path, line ? (int)strcspn(line, "\n") : 0,
				 line ? line : "");
	}
	sqlite3_finalize(st);
	return r;
}

static const char *const kinds[] = {"flow", "ledger", "health", "path_health"};
static const char *const rollups[] = {"10s", "1m", "1h", "1d"};

/* Tables that an older schema does not have are left empty. */
static int read_table(sqlite3 *db, const char *path, struct weir_store_table *t, struct weir_err *err)
{
	char sql[160];
	int64_t rows = 0, oldest = 0, newest = 0;
	int r;

	snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM sqlite_master WHERE name='%s_%s'", t->kind, t->rollup);
	r = store_db_number(db, path, sql, &rows, err);
	if (r || !rows)
		return r;
	snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM %s_%s", t->kind, t->rollup);
	r = store_db_number(db, path, sql, &rows, err);
	snprintf(sql, sizeof(sql), "SELECT MIN(bucket) FROM %s_%s", t->kind, t->rollup);
	if (!r)
		r = store_db_number(db, path, sql, &oldest, err);
	snprintf(sql, sizeof(sql), "SELECT MAX(bucket) FROM %s_%s", t->kind, t->rollup);
	if (!r)
		r = store_db_number(db, path, sql, &newest, err);
	t->rows = (uint64_t)rows;
	t->oldest_s = (uint64_t)oldest;
	t->newest_s = (uint64_t)newest;
	return r;
}

/* By the module dbstat, where SQLite was built with it. */
static void read_bytes(sqlite3 *db, struct weir_store_info *info)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(db, "SELECT name,pgsize FROM dbstat WHERE aggregate=TRUE", -1, &st, NULL) != SQLITE_OK)
		return;
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(st, 0);
		size_t at = WEIR_STORE_TABLES - 1;
		char full[16];

		for (size_t i = 0; name && i + 1 < WEIR_STORE_TABLES; i++) {
			snprintf(full, sizeof(full), "%s_%s", info->tables[i].kind, info->tables[i].rollup);
			if (!strcmp(full, name))
				at = i;
		}
		info->tables[at].bytes += (uint64_t)sqlite3_column_int64(st, 1);
	}
	sqlite3_finalize(st);
}

int weir_store_info(const char *path, struct weir_store_info *ret, struct weir_err *err)
{
	struct weir_store_info info = {.tables[WEIR_STORE_TABLES - 1] = {.kind = "", .rollup = ""}};
	auto_db *db = NULL;
	int64_t unused = 0, size = 0;
	int r = store_db_open(path, false, &db, err);

	_Static_assert(WEIR_ARRAY_SIZE(kinds) * WEIR_ARRAY_SIZE(rollups) + 1 == WEIR_STORE_TABLES, "one for each");
	/* One moment for all questions. */
	if (!r)
		r = store_db_exec(db, path, "BEGIN", err);
	if (!r)
		r = store_db_check(db, path, &info.schema, &info.bytes, err);
	if (!r)
		r = store_db_number(db, path, "PRAGMA freelist_count", &unused, err);
	if (!r)
		r = store_db_number(db, path, "PRAGMA page_size", &size, err);
	for (size_t i = 0; !r && i + 1 < WEIR_STORE_TABLES; i++) {
		info.tables[i].kind = kinds[i / WEIR_ARRAY_SIZE(rollups)];
		info.tables[i].rollup = rollups[i % WEIR_ARRAY_SIZE(rollups)];
		r = read_table(db, path, &info.tables[i], err);
	}
	if (r)
		return r;
	read_bytes(db, &info);
	info.free_bytes = (uint64_t)(unused * size);
	*ret = info;
	return 0;
}
