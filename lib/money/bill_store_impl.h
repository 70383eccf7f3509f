/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the bills' store share. */
#ifndef WEIR_BILL_STORE_IMPL_H
#define WEIR_BILL_STORE_IMPL_H

#include "lib/ds/map.h"
#include "lib/money/bill_store.h"
#include "lib/os/store_db.h"

#include <sqlite3.h>

struct weir_bills {
	sqlite3 *db;
	char *path;
};

static inline void bills_finalizep(sqlite3_stmt **st)
{
	sqlite3_finalize(*st);
}
#define bills_auto_stmt weir_cleanup(bills_finalizep) sqlite3_stmt

static inline const char *bills_text(sqlite3_stmt *st, int column)
{
	const char *s = (const char *)sqlite3_column_text(st, column);

	return s ? s : "";
}

/* Lines l and items i of the bills b that a query is of, whose account, period and version bills_bind() gives. */
#define BILLS_LINES_OF                                                                                      \
	"FROM bill b CROSS JOIN file f ON f.id=b.file CROSS JOIN line l ON l.id BETWEEN f.first AND f.last AND l.bill=b.id " \
	"CROSS JOIN item i ON i.id=l.item WHERE (?1='' OR b.account=?1) AND (?2=0 OR (b.period>=?2 AND b.period<?3)) " \
	"AND b.version=CASE ?4 WHEN 0 THEN (SELECT MAX(version) FROM bill n WHERE n.account=b.account AND n.period=b.period) " \
	"ELSE ?4 END"
void bills_bind(sqlite3_stmt *st, const struct weir_bill_query *q);

extern const char bills_statement_tables[]; /* statement_store.c: the second migration */

int bills_prepare(struct weir_bills *b, const char *sql, sqlite3_stmt **ret, struct weir_err *err);
int bills_fail(struct weir_bills *b, int code, struct weir_err *err);

/* --- one import (bill_import.c, bill_store_line.c) --- */
#define BILLS_LINES 16	   /* of one INSERT: with one each, preparing to step takes as long as the step */
#define BILLS_SETS 8192	   /* of items in memory, by hash; one that others have pushed out is written again */
#define BILLS_WAYS 4
#define LINE_COLUMNS 13

struct bills_item {
	char *key;
	size_t len;
	int64_t id;
	const char *network;
};
struct bills_version {
	int64_t id;
	uint64_t rows;
};
/* A line that waits for its statement. */
struct bills_line {
	int64_t columns[LINE_COLUMNS - 1];
	bool null[LINE_COLUMNS - 1];
	char *extra; /* NULL: none */
	size_t extra_len, extra_cap;
};
enum column { LINE_ID, LINE_BILL, LINE_ITEM, LINE_LINE, LINE_START, LINE_END, LINE_QUANTITY, LINE_NANOS, LINE_COSTS };
_Static_assert(LINE_COSTS + WEIR_BILL_COSTS == LINE_COLUMNS - 1, "the last is the extra");

struct bills_import {
	struct weir_bills *bills; /* NULL: only read */
	const struct weir_bill_import *how;
	struct weir_bill_imported *done;
	const char *path; /* that is read */
	struct bills_item (*items)[BILLS_WAYS]; /* of a set, the one that was met last stands first */
	struct weir_map *by_bill; /* account, NUL, period -> struct bills_version */
	char *last_account;	  /* rows of one bill mostly follow each other */
	int64_t last_period;
	struct bills_version *last;
	int64_t file, next_item, next_line, first_line;
	sqlite3_stmt *one, *many, *item_in;
	struct bills_line lines[BILLS_LINES];
	size_t line_count;
	char *key;
	size_t key_len, key_cap;
	bool bad;
};

int bills_lines_prepare(struct bills_import *m, struct weir_err *err);
int bills_line_add(struct bills_import *m, const struct weir_bill_row *row, const struct bills_item *item,
		   struct weir_err *err);
/* Writes what waits. */
int bills_lines_flush(struct bills_import *m, struct weir_err *err);
/* One step of a statement that gives no rows. */
int bills_step(struct bills_import *m, sqlite3_stmt *st, struct weir_err *err);
/* The row's extras as a JSON list: their names, or their values. *buf grows; -ENOMEM. */
int bills_list(char **buf, size_t *cap, const struct weir_bill_row *row, bool names, size_t *ret_len);
/* Makes room; what was in *buf is lost. */
int bills_room(char **buf, size_t *cap, size_t want);

#endif
