/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/select.h"

void select_fini(struct select *q)
{
	sqlite3_finalize(q->st);
}

int select_begin(struct select *q, const char *sql, const char *types, ...)
{
	va_list ap;
	int r, code = sqlite3_prepare_v2(q->s->db, sql, -1, &q->st, NULL);

	if (code != SQLITE_OK)
		return store_fail(q->s, code);
	va_start(ap, types);
	r = store_bind(q->s, q->st, types, ap);
	va_end(ap);
	return r;
}

int select_next(struct select *q)
{
	int code = sqlite3_step(q->st);

	return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : store_fail(q->s, code);
}

const char *select_text(const struct select *q, int i)
{
	const char *t = (const char *)sqlite3_column_text(q->st, i);

	return t ? t : "";
}

uint64_t select_number(const struct select *q, int i)
{
	return (uint64_t)sqlite3_column_int64(q->st, i);
}

bool select_address(const struct select *q, int i, struct weir_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (sqlite3_column_bytes(q->st, i) != sizeof(ret->b))
		return false;
	memcpy(ret->b, sqlite3_column_blob(q->st, i), sizeof(ret->b));
	return true;
}
