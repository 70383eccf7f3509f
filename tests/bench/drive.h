/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the bench's BPF programs and its C code share. */
#ifndef WEIR_BENCH_DRIVE_H
#define WEIR_BENCH_DRIVE_H

#include <linux/types.h>

#define BENCH_SEQUENCE (1u << 21)
#define BENCH_FIRST_PEER 0x0a400000u /* 10.64.0.0 */
#define BENCH_FIRST_PORT 20000u

/* Flow f is BENCH_FIRST_PEER + the low 16 bits, port BENCH_FIRST_PORT + the others. */
struct bench_drive {
	__u32 next; /* index into the sequence */
	__u32 mask; /* length - 1 */
	__u32 addresses; /* 1: the sequence is of source addresses, host order */
	__u32 pad;
	__u64 sent; /* packets that were handed to the program under test */
};

/* The kernel rounds the elements of an array up to 8 bytes. */
struct bench_two {
	__u32 flow[2];
};

#define BENCH_PREFIXES (1u << 20)
#define BENCH_DENIED 0xffffffffu
struct bench_prefix {
	__u32 len;
	__be32 addr;
};

struct bench_flow {
	__be32 src, dst;
	__be16 sport, dport;
	__u32 proto;
};

/* The least that counts a flow: two ways of 32 bytes in one cache line. */
struct bench_bucket {
	struct bench_way {
		struct bench_flow key; /* proto != 0: in use */
		__u64 bytes, packets;
	} way[2];
};

#endif
