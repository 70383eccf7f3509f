/* SPDX-License-Identifier: Apache-2.0 */
/* The store about itself: what can be told at once, in microseconds, however large it is. */
#ifndef AGGREGATOR_QUERY_STORE_H
#define AGGREGATOR_QUERY_STORE_H

#include "aggregator/store.h"

struct query_store {
	int schema;
	uint64_t bytes, free_bytes; /* of its file; free pages inside */
	uint64_t log_bytes;	    /* of the write-ahead log beside it */
};
struct query_rollup {
	const char *kind, *rollup;   /* "flow", "ledger", "health", "path_health"; "10s" to "1d" */
	uint64_t oldest_s, newest_s; /* 0: no rows */
};
int query_store(struct store *s, struct query_store *ret, int (*fn)(const struct query_rollup *q, void *arg), void *arg);

#endif
