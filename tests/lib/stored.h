/* SPDX-License-Identifier: Apache-2.0 */
/* Stores as older commits wrote them (tests/store), as files in a directory of the test's own. */
#ifndef WEIR_TEST_STORED_H
#define WEIR_TEST_STORED_H

#include "lib/os/file.h"

#include <sqlite3.h>
#include <sys/wait.h>

struct scratch {
	char dir[64], store[80], copy[80];
};

static inline int scratch_new(struct scratch *t)
{
	strcpy(t->dir, "/tmp/weir-store.XXXXXX");
	if (!mkdtemp(t->dir))
		return -errno;
	snprintf(t->store, sizeof(t->store), "%s/weir.db", t->dir);
	snprintf(t->copy, sizeof(t->copy), "%s/copy.db", t->dir);
	return 0;
}

static inline void scratch_fini(struct scratch *t)
{
	char line[128];

	snprintf(line, sizeof(line), "rm -rf '%s'", t->dir);
	if (*t->dir && system(line))
		fprintf(stderr, "%s stays\n", t->dir);
}
#define auto_scratch weir_cleanup(scratch_fini) struct scratch

/* Runs SQL on a file, which it makes when it is not there. */
static inline int stored_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	int code = sqlite3_open(path, &db);

	if (code == SQLITE_OK)
		code = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (code != SQLITE_OK)
		fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(db));
	sqlite3_close(db);
	return code == SQLITE_OK ? 0 : -EIO;
}

/* One number of a file; -1: it cannot be read. */
static inline int64_t stored_number(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	int64_t v = -1;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return v;
}

/* tests/store/NAME.sql as a database. */
static inline int stored_load(const char *name, const char *path)
{
	weir_auto_free char *from = weir_strf("tests/store/%s.sql", name), *sql = NULL;
	size_t len;
	int r = from ? weir_file_read(from, 1 << 20, &sql, &len) : -ENOMEM;

	return r ? r : stored_sql(path, sql);
}

static inline bool stored_whole(const char *path)
{
	return stored_number(path, "SELECT integrity_check='ok' FROM pragma_integrity_check LIMIT 1") == 1;
}

#endif
