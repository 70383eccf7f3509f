/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of threat and waste in flows, bucket after bucket (lib/model/pattern.h). After a start the last day is learnt
 * from in hours and the last hour is seen again, its findings left aside: the store has them. Known to the worker's thread alone.
 */
#ifndef AGGREGATOR_LIVE_FLOWS_H
#define AGGREGATOR_LIVE_FLOWS_H

#include "aggregator/query.h"
#include "lib/model/pattern.h"

#define LIVE_FLOWS_ROWS 200000 /* of a bucket; the smallest beyond are left out, and counted */

struct live_flows;
int live_flows_new(const char *currency, struct live_flows **ret);
void live_flows_free(struct live_flows *f);
/*
 * Buckets that are over; findings that began or ended go to fn, those that go on again every few minutes. At most a minute of work: *ret_more when
 * there is more to catch up with. -errno of the store.
 */
int live_flows_run(struct live_flows *f, struct store *s, uint64_t now_s, weir_finding_fn fn, void *arg, bool *ret_more);
/* Rows of [from_s, to_s), of rollups of res; the array is f's until the next call of anything. */
int live_flows_read(struct live_flows *f, struct store *s, enum store_res res, uint64_t from_s, uint64_t to_s,
		    struct weir_pattern_row **ret, size_t *ret_count);
void live_flows_stats(const struct live_flows *f, struct weir_patterns_stats *ret, uint64_t *ret_left_out);

#endif
