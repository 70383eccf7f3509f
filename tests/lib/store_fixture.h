/* SPDX-License-Identifier: Apache-2.0 */
/* A store in memory, the time at which its tests live, and summaries that come one at a time. */
#ifndef WEIR_TEST_STORE_FIXTURE_H
#define WEIR_TEST_STORE_FIXTURE_H

#include "aggregator/ingest.h"

#define NOW_S 1795500000ull /* 2026-11-24 */
#define NS 1000000000ull

static inline void store_closep(struct store **s)
{
	store_close(*s);
}
#define auto_store weir_cleanup(store_closep) struct store

static inline struct store *open_store(void)
{
	struct weir_err err = {{0}};
	struct store *s = NULL;

	if (store_open(":memory:", &s, &err))
		fprintf(stderr, "%s\n", err.text);
	return s;
}

/* All upkeep that there is to do at now_s. */
static inline int retain_all(struct store *s, uint64_t now_s, const uint64_t retain_s[STORE_RESOLUTIONS])
{
	bool more = true;
	int r = 0;

	for (int i = 0; !r && more && i < 10000; i++)
		r = store_retain(s, now_s, retain_s, &more);
	return r ? r : more ? -EBUSY : 0;
}

/* What became of a summary without prices that arrives at now_s. */
static inline struct ingest_item commit_one(struct store *s, const char *node, struct weir_summary *sum,
					     uint64_t now_s)
{
	const struct ingest_pricing pricing = {NULL, NULL};
	struct ingest_item it = {.node = node, .summary = sum};

	ingest_commit(s, &pricing, &it, 1, now_s * NS);
	return it;
}

#endif
