/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, transactions, and the running of statements. */
#include "aggregator/store_impl.h"

#include <stdarg.h>
#include <sys/stat.h>

#include "lib/os/store_db.h"

/* Another process may hold the file for a moment (a backup): wait this long, then say EBUSY. */
#define BUSY_MS 2000

uint32_t store_bucket_s(enum store_res r)
{
	static const uint32_t seconds[STORE_RESOLUTIONS] = {10, 60, 3600, 86400};

	return seconds[r];
}

const char *store_error(const struct store *s)
{
	return s->error;
}

int store_fail(struct store *s, int code)
{
	snprintf(s->error, sizeof(s->error), "%s", sqlite3_errmsg(s->db));
	return store_db_errno(code);
}

int store_exec(struct store *s, const char *sql)
{
	int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : store_fail(s, code);
}

static int bind_one(sqlite3_stmt *st, int i, char type, va_list *ap)
{
	switch (type) {
	case 'i':
		return sqlite3_bind_int64(st, i, va_arg(*ap, int64_t));
	case 'u':
		return sqlite3_bind_int64(st, i, (int64_t)va_arg(*ap, uint64_t));
	case 'd':
		return sqlite3_bind_int(st, i, va_arg(*ap, int));
	case 't':
		return sqlite3_bind_text(st, i, va_arg(*ap, const char *), -1, SQLITE_STATIC);
	case 'a':
		return sqlite3_bind_blob(st, i, va_arg(*ap, const struct weir_addr *)->b, 16,
					 SQLITE_STATIC);
	case 'x': {
		const void *p = va_arg(*ap, const void *);

		return sqlite3_bind_blob(st, i, p, va_arg(*ap, int), SQLITE_STATIC);
	}
	default:
		return sqlite3_bind_null(st, i);
	}
}

int store_bind(struct store *s, sqlite3_stmt *st, const char *types, va_list ap)
{
	va_list copy;
	int code = SQLITE_OK;

	va_copy(copy, ap);
	for (int i = 0; types[i] && code == SQLITE_OK; i++)
		code = bind_one(st, i + 1, types[i], &copy);
	va_end(copy);
	return code == SQLITE_OK ? 0 : store_fail(s, code);
}

int store_prepare(struct store *s, enum store_stmt id, sqlite3_stmt **ret)
{
	if (!s->stmt[id]) {
		int code = sqlite3_prepare_v3(s->db, store_sql[id], -1, SQLITE_PREPARE_PERSISTENT,
					      &s->stmt[id], NULL);
		if (code != SQLITE_OK)
			return store_fail(s, code);
	}
	*ret = s->stmt[id];
	return 0;
}

void store_done(sqlite3_stmt *st)
{
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

static int step(struct store *s, enum store_stmt id, sqlite3_stmt **ret, const char *types,
		va_list ap)
{
	sqlite3_stmt *st = NULL;
	int r, code;

	r = store_prepare(s, id, &st);
	if (r)
		return r;
	r = store_bind(s, st, types, ap);
	if (!r) {
		code = sqlite3_step(st);
		if (code == SQLITE_ROW) {
			*ret = st;
			return 0;
		}
		r = code == SQLITE_DONE ? -ENOENT : store_fail(s, code);
	}
	store_done(st);
	return r;
}

int store_row(struct store *s, enum store_stmt id, sqlite3_stmt **ret, const char *types, ...)
{
	va_list ap;
	int r;

	va_start(ap, types);
	r = step(s, id, ret, types, ap);
	va_end(ap);
	return r;
}

int store_id(struct store *s, enum store_stmt id, int64_t *ret, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int r;

	va_start(ap, types);
	r = step(s, id, &st, types, ap);
	va_end(ap);
	if (r)
		return r;
	*ret = sqlite3_column_int64(st, 0);
	store_done(st);
	return 0;
}

int store_run(struct store *s, enum store_stmt id, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;
	int r;

	va_start(ap, types);
	r = step(s, id, &st, types, ap);
	va_end(ap);
	if (!r)
		store_done(st);
	return r == -ENOENT ? 0 : r;
}

int store_begin(struct store *s)
{
	return store_run(s, ST_BEGIN, "");
}

int store_commit(struct store *s)
{
	int r = store_run(s, ST_COMMIT, "");

	if (!r && s->noted)
		noted_end(s->noted, true);
	return r;
}

void store_rollback(struct store *s)
{
	char error[sizeof(s->error)];

	/* Keep the message of what failed, not of the rollback (SQLite may have rolled back itself). */
	memcpy(error, s->error, sizeof(error));
	store_run(s, ST_ROLLBACK, "");
	if (s->noted)
		noted_end(s->noted, false);
	known_forget(&s->known);
	memcpy(s->error, error, sizeof(error));
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (int i = 0; i < ST_STATEMENTS; i++)
		sqlite3_finalize(s->stmt[i]);
	sqlite3_close(s->db);
	noted_free(s->noted);
	known_forget(&s->known);
	free(s);
}

static void store_closep(struct store **s)
{
	store_close(*s);
}

int store_open(const char *path, struct store **ret, struct weir_err *err)
{
	weir_cleanup(store_closep) struct store *s = calloc(1, sizeof(*s));
	int code, r;

	if (!s)
		return -ENOMEM;
	/* Nobody asks SQLite how much memory it has; counting takes a lock each time. Too late, it is refused: well. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	code = sqlite3_open_v2(path, &s->db,
			       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK) {
		r = s->db ? store_fail(s, code) : -ENOMEM;
		return weir_err_set(err, r, "%s: cannot open the store: %s", path, s->error);
	}
	/* Flows and money are for the administrator's eyes: no access for others. */
	if (strcmp(path, ":memory:"))
		chmod(path, 0640);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	/* Before the first table: where there are some already it changes nothing. */
	r = store_exec(s, "PRAGMA auto_vacuum=INCREMENTAL");
	if (!r)
		r = store_check(s, err);
	if (!r)
		r = store_exec(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=OFF;"
			  "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=2000;"
			  "PRAGMA journal_size_limit=67108864;");
	if (!r)
		r = store_health_function(s);
	if (r)
		return weir_err_set(err, r, "%s: cannot prepare the store: %s", path, s->error);
	r = store_migrate(s);
	if (!r)
		r = store_folded(s, s->folded_s);
	if (r)
		return weir_err_set(err, r, "%s: cannot bring the store to this version's schema, it stays as it was: %s",
				    path, s->error);
	*ret = weir_take_ptr(s);
	return 0;
}

int store_reader(const char *path, struct store **ret, struct weir_err *err)
{
	weir_cleanup(store_closep) struct store *s = calloc(1, sizeof(*s));
	int code, r;

	if (!s)
		return -ENOMEM;
	code = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	r = code == SQLITE_OK ? 0 : s->db ? store_fail(s, code) : -ENOMEM;
	if (!r)
		sqlite3_busy_timeout(s->db, BUSY_MS);
	if (!r)
		r = store_exec(s, "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384;");
	if (!r)
		r = store_health_function(s);
	if (r)
		return weir_err_set(err, r, "%s: cannot open the store to read it: %s", path, s->error);
	*ret = weir_take_ptr(s);
	return 0;
}
