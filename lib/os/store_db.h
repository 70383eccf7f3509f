/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to a store's file, and questions with one answer. Shared by store_file.c, store_copy.c and the aggregator. */
#ifndef WEIR_STORE_DB_H
#define WEIR_STORE_DB_H

#include "lib/os/store_file.h"

#include <sqlite3.h>

static inline void store_db_closep(sqlite3 **db)
{
	sqlite3_close(*db);
}
#define auto_db weir_cleanup(store_db_closep) sqlite3

/* Opens what is there. A connection that only looks leaves the file's log (-wal) as it is. */
int store_db_open(const char *path, bool write, sqlite3 **ret, struct weir_err *err);
/* Of SQLite's result: -ENOSPC, -EBUSY, -ENOMEM, -EACCES, -EUCLEAN (no database, or a broken one), -EIO. */
int store_db_errno(int code);
/* One line with the path and what the database says; -EINVAL for what is broken. */
int store_db_fail(sqlite3 *db, const char *path, const char *what, int code, struct weir_err *err);
int store_db_exec(sqlite3 *db, const char *path, const char *sql, struct weir_err *err);
int store_db_number(sqlite3 *db, const char *path, const char *sql, int64_t *ret, struct weir_err *err);
/* Is it a store? Its schema, and the bytes of its pages. */
int store_db_check(sqlite3 *db, const char *path, int *ret_schema, uint64_t *ret_bytes, struct weir_err *err);
/* Every page of it: -EINVAL with the first thing that is wrong. */
int store_db_verify(sqlite3 *db, const char *path, struct weir_err *err);

#endif
