/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of bench.bpf.c, loaded with tables for a number of flows. */
#ifndef WEIR_BENCH_PEERS_H
#define WEIR_BENCH_PEERS_H

#include "tests/bench/bench.h"

enum peer_prog {
	PEER_CG_EMPTY,
	PEER_CG_IN, /* empty, for ingress */
	PEER_CG_PARSE,
	PEER_CG_LOOK,
	PEER_CG_WAY2,
	PEER_CG_HASH,
	PEER_TC_EMPTY,
	PEER_TC_PARSE,
	PEER_TC_LOOK,
	PEER_TC_WAY2,
	PEER_TC_HASH,
	PEER_XDP_EMPTY,
	PEER_XDP_HASH,
	PEER_XDP_TRIE,
	PEER_TC_DRIVE,
	PEER_XDP_DRIVE,
	PEER_PROGS,
};

struct peers {
	struct bench_bpf *skel;
	int fd[PEER_PROGS];
	int trie_fd, denied_fd;
	int target_tc_fd, target_xdp_fd; /* program arrays of the drivers */
	uint32_t *sequence;		 /* BENCH_SEQUENCE, shared with the drivers */
	struct bench_drive *drive;
	struct bench_bucket *buckets;
	size_t bucket_count;
};

int peers_open(struct peers *p, uint32_t flows, struct weir_err *err);
void peers_close(struct peers *p);
/* Packets in the two-way buckets. */
uint64_t peers_counted(void *peers);

#endif
