/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in a sender's way over the veth pair while it is measured. */
#ifndef WEIR_BENCH_THROUGH_H
#define WEIR_BENCH_THROUGH_H

#include "tests/bench/bench.h"

#define ROUNDS 10
#define SLICES 4 /* of a round */
#define RUNS (ROUNDS * SLICES)
#define THROUGH_RUN_NS 60000000ull

enum { TCP, UDP, KINDS };

struct through_peer {
	const char *name;
	int (*begin)(struct bench *b, const struct through_peer *p);
	void (*end)(struct bench *b);
	const char *arg;
	bool optional, missing; /* optional: where it cannot run it is left out */
	double rate[KINDS][RUNS];
	double best[KINDS], loss[KINDS]; /* results; loss in percent of the first peer's rate */
};

/* What a user would pick: nothing, weir, nft, softflowd. */
enum { THROUGH_NOTHING, THROUGH_WEIR, THROUGH_NFT, THROUGH_SOFTFLOWD, THROUGH_PEERS };
extern struct through_peer through_peers[];
/* weir without one of its hooks at a time, and empty programs in their places. */
extern struct through_peer through_steps[];
extern const size_t through_step_count;

#endif
