/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The aggregator's store as a file: looked into, copied while it is in use, put back while it is not. Knows
 * of its content no more than what says that it is a store. The rest is the aggregator's (aggregator/store.h).
 */
#ifndef WEIR_STORE_FILE_H
#define WEIR_STORE_FILE_H

#include "lib/base/base.h"

/* How many migrations there are (aggregator/store_schema.c). */
#define WEIR_STORE_SCHEMA 15
#define WEIR_STORE_TABLES 17

struct weir_store_table {
	const char *kind, *rollup;   /* "flow" "1m"; "" "" for all that is no rollup */
	uint64_t rows;		     /* 0 for what is no rollup */
	uint64_t bytes;		     /* 0 where SQLite cannot tell */
	uint64_t oldest_s, newest_s; /* 0: no rows */
};
struct weir_store_info {
	int schema;
	uint64_t bytes, free_bytes; /* of the file; free pages inside */
	struct weir_store_table tables[WEIR_STORE_TABLES];
};
/* Reads all of it: seconds for a large store. Does not hold up the aggregator. */
int weir_store_info(const char *path, struct weir_store_info *ret, struct weir_err *err);

/* done of total, both in bytes. */
typedef void (*weir_store_progress)(uint64_t done, uint64_t total, void *arg);

struct weir_store_copy {
	int schema;
	uint64_t bytes; /* of what was made */
	char aside[512]; /* restore: where the store that was there is now, "" = there was none */
};
/*
 * All of the store as of one moment into a new file, whole or not at all: copied beside it, checked, synced, renamed.
 * The store may be in use. Never replaces a file unless `replace`: -EEXIST. -ENOSPC before it begins.
 */
int weir_store_backup(const char *store, const char *file, bool replace, weir_store_progress fn, void *arg,
		      struct weir_store_copy *ret, struct weir_err *err);
/*
 * A backup takes the store's place, compacted, whole or not at all; what was there is set aside under a name with
 * now_s. -EBUSY while any process has the store open; -EINVAL for what is damaged, no store, or too new.
 */
int weir_store_restore(const char *file, const char *store, uint64_t now_s, weir_store_progress fn, void *arg,
		       struct weir_store_copy *ret, struct weir_err *err);

#endif
