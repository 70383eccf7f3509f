/* SPDX-License-Identifier: Apache-2.0 */
/* A statement that asks, for the files that answer questions to the store. */
#ifndef AGGREGATOR_SELECT_H
#define AGGREGATOR_SELECT_H

#include "aggregator/store_impl.h"

struct select {
	struct store *s;
	sqlite3_stmt *st;
};
void select_fini(struct select *q);
#define auto_select weir_cleanup(select_fini)

/* types as of store_bind(). */
int select_begin(struct select *q, const char *sql, const char *types, ...);
/* 1 a row, 0 the end, -errno. */
int select_next(struct select *q);
/* Of a column; never NULL. */
const char *select_text(const struct select *q, int i);
uint64_t select_number(const struct select *q, int i);
/* False: none (folded); *ret is then zero. */
bool select_address(const struct select *q, int i, struct weir_addr *ret);

#endif
