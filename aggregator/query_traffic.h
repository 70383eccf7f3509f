/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded hours as rows that a replay takes (lib/money/traffic.h), page by page: what passed, with the workload and, of
 * a peer that we know, who held its address in that hour.
 */
#ifndef AGGREGATOR_QUERY_TRAFFIC_H
#define AGGREGATOR_QUERY_TRAFFIC_H

#include "aggregator/store.h"
#include "lib/money/traffic.h"

/* Names a row of the store, in the order of the pages. As text numbers with dots between them. */
#define QUERY_TRAFFIC_KEY 11
struct query_traffic_key {
	int64_t n[QUERY_TRAFFIC_KEY];
};
#define QUERY_TRAFFIC_KEY_TEXT (QUERY_TRAFFIC_KEY * 21 + 1)
char *query_traffic_key_text(const struct query_traffic_key *k, char buf[QUERY_TRAFFIC_KEY_TEXT]);
int query_traffic_key_parse(const char *s, struct query_traffic_key *ret); /* -EINVAL */

/*
 * At most limit rows of hours from from_s (inclusive) to to_s, whole hours, behind `after` (NULL: from the first on). *ret_last
 * is the key of the last one, untouched when there was none. Hours that are folded are read in the order of their key, so
 * that a page costs what is in it; each page of the last two or so is sorted.
 */
int query_traffic(struct store *s, uint64_t from_s, uint64_t to_s, const struct query_traffic_key *after, uint32_t limit,
		  int (*fn)(const struct weir_traffic *t, void *arg), void *arg, struct query_traffic_key *ret_last,
		  uint32_t *ret_count);

#endif
