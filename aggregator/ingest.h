/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Summaries into the store, exactly once. Many summaries, one transaction; an acknowledgement is
 * made only after its commit. (node, epoch, sequence) is the identity: sequences of an epoch are
 * taken in order, a newer epoch fences the older ones, a gap is answered with what is committed. What the
 * agent no longer has (its state or this store is an older copy) is passed over: the difference between all
 * that a boot of the node counted, which each summary says, and all that is stored of it is the loss.
 */
#ifndef AGGREGATOR_INGEST_H
#define AGGREGATOR_INGEST_H

#include "aggregator/cost.h"

enum ingest_result {
	INGEST_COMMITTED,
	INGEST_DUPLICATE, /* seen before: acknowledged again */
	INGEST_GAP,	  /* acknowledged up to what is there: the agent sends committed + 1 */
	INGEST_FENCED,	  /* a newer epoch of this node has been seen */
	INGEST_INVALID,
	INGEST_FAILED,	  /* not stored; the agent keeps it and sends it again */
};

struct ingest_item {
	const char *node;
	const struct weir_summary *summary;
	/* results */
	enum ingest_result result;
	uint64_t epoch, committed;
	const char *reason; /* of INGEST_INVALID; static */
};

/* What prices bytes; both may be NULL (no policy repository was ever good). */
struct ingest_pricing {
	const struct weir_topology *topology;
	const struct weir_pricebook *prices;
};

/* Pure: what to do with (epoch, sequence) when (known_epoch, last) is committed, known_epoch 0 = none, and the
 * agent can still send from first_kept on (0 = it does not say). */
enum ingest_result ingest_decide(uint64_t known_epoch, uint64_t last, uint64_t epoch, uint64_t sequence,
				 uint64_t first_kept);
/* NULL, or what is wrong with a summary that the wire let pass. */
const char *ingest_check(const struct weir_summary *s);
/* Every item gets its result. Returns the first failure of the store (items are then INGEST_FAILED). */
int ingest_commit(struct store *s, const struct ingest_pricing *pricing, struct ingest_item *items,
		  size_t n, uint64_t now_ns);

#endif
