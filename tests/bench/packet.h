/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds of programs above an empty one: BPF_PROG_RUN in rounds, all compared programs in each
 * round, thread CPU time (a neighbour that takes the CPU costs nothing), median of the differences
 * of a round. After each run a program's counter must have grown by exactly the packets sent.
 */
#ifndef WEIR_BENCH_PACKET_H
#define WEIR_BENCH_PACKET_H

#include "tests/bench/peers.h"

#define PACKET_ROUNDS 15

struct contender {
	const char *name;
	int fd;
	/* Packets it counted so far; NULL = it counts nothing. */
	uint64_t (*counted)(void *arg);
	void *arg;
	/* Called before each of its runs; NULL = nothing to prepare. */
	int (*prepare)(void *arg);
	double above_ns; /* result */
	double ns[PACKET_ROUNDS];
};

enum packet_type { PACKET_CGROUP, PACKET_TC, PACKET_XDP };

/* A frame, and in which order flows come when a driver rewrites it (tc and XDP only). */
struct packet_load {
	enum packet_type type;
	const uint8_t *frame;
	size_t len;
	uint32_t flows; /* 0 = the frame as it is, no driver */
	double zipf;
	const uint32_t *addresses; /* of `flows` sources, instead of flows; NULL = flows */
	const bool *due;	   /* for each of them: its packets are counted; NULL = all are */
	uint32_t from, to; /* tc: interfaces by which the packet comes and goes; 0 = loopback */
	uint32_t runs; /* of a round */
};

/* c[0] is the empty program. Fills above_ns of the others. */
int packet_measure(struct peers *p, const struct packet_load *load, struct contender *c, size_t n,
		   struct weir_err *err);
/* Ethernet + IPv4 + transport header of proto; returns the frame's length. */
size_t packet_build(uint8_t *frame, uint8_t proto, const char *src, uint16_t sport, const char *dst,
		    uint16_t dport);

#endif
