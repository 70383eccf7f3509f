/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/stats.h"

/* An fsync takes 0.1 ms to 30 ms; an agent waits 20 s for its acknowledgement. */
const double stats_commit_bounds[STATS_COMMIT_BOUNDS] = {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10};

void stats_commit(struct stats *s, const struct ingest_item *items, size_t n, uint64_t took_ns, uint64_t now_ns)
{
	double took_s = (double)took_ns / 1e9;
	size_t bucket = 0;
	bool failed = false;

	while (bucket < STATS_COMMIT_BOUNDS && took_s > stats_commit_bounds[bucket])
		bucket++;
	s->commits[bucket]++;
	s->commit_s += took_s;
	for (size_t i = 0; i < n; i++) {
		s->summaries[items[i].result]++;
		if (items[i].result == INGEST_COMMITTED)
			s->rows += items[i].summary->row_count;
		failed |= items[i].result == INGEST_FAILED;
	}
	*(failed ? &s->failed_ns : &s->good_ns) = now_ns;
}

const char *stats_result_name(enum ingest_result r)
{
	static const char *const names[] = {
		[INGEST_COMMITTED] = "stored", [INGEST_DUPLICATE] = "duplicate", [INGEST_GAP] = "gap",
		[INGEST_FENCED] = "fenced",    [INGEST_INVALID] = "invalid",	 [INGEST_FAILED] = "failed",
	};

	return names[r];
}

const char *stats_refusal_name(enum weir_refusal_code code)
{
	static const char *const names[] = {
		[WEIR_RC_UNSPECIFIED] = "unspecified",	   [WEIR_RC_NO_SESSION] = "no_session",
		[WEIR_RC_BAD_VERSION] = "bad_version",	   [WEIR_RC_UNKNOWN_NODE] = "unknown_node",
		[WEIR_RC_BAD_SIGNATURE] = "bad_signature", [WEIR_RC_INVALID] = "invalid",
		[WEIR_RC_BUSY] = "busy",		   [WEIR_RC_FENCED] = "fenced",
	};

	return names[code];
}
