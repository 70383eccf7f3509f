/* SPDX-License-Identifier: Apache-2.0 */
/* What the aggregator counts of itself since it started. */
#ifndef AGGREGATOR_STATS_H
#define AGGREGATOR_STATS_H

#include "aggregator/ingest.h"

#define STATS_COMMIT_BOUNDS 9

struct stats {
	uint64_t summaries[INGEST_FAILED + 1]; /* by ingest_result */
	uint64_t rows;			       /* of those that were stored */
	uint64_t refusals[WEIR_RC_FENCED + 1]; /* by weir_refusal_code, of both sockets */
	uint64_t commits[STATS_COMMIT_BOUNDS + 1];
	double commit_s; /* sum */
	uint64_t failed_ns; /* when a commit last failed, wall clock; 0 = none did */
	uint64_t good_ns;   /* when one last did not */
};

extern const double stats_commit_bounds[STATS_COMMIT_BOUNDS]; /* seconds */
/* One transaction of n summaries that took so long; their results are in the items. */
void stats_commit(struct stats *s, const struct ingest_item *items, size_t n, uint64_t took_ns, uint64_t now_ns);
const char *stats_result_name(enum ingest_result r);
const char *stats_refusal_name(enum weir_refusal_code code);

#endif
