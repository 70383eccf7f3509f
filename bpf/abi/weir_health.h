/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The health of TCP connections. Part of weir_abi.h, with its rules. */
#ifndef WEIR_HEALTH_H
#define WEIR_HEALTH_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/* What the peer's address alone says of it; the same on every node and under every bundle. */
enum weir_scope {
	WEIR_SCOPE_LOOPBACK = 0,
	WEIR_SCOPE_LINK = 1,	/* 169.254.0.0/16, fe80::/10 */
	WEIR_SCOPE_PRIVATE = 2, /* RFC 1918, 100.64.0.0/10, fc00::/7 */
	WEIR_SCOPE_PUBLIC = 3,
	WEIR_SCOPES = 4,
};

/* Whose TCP health: one row per workload and kind of peer. */
struct weir_health_key {
	__u32 workload;	  /* index; 0 = unidentified */
	__u32 peer_class; /* under the bundle in force when the connection was opened */
	__u32 scope;	  /* weir_scope */
};
/* Key of the row that takes what found no row of its own: workload 0, this class, scope 0. */
#define WEIR_HEALTH_OVERFLOW 0xffffffffu

/* What a health row counts. A connection is counted when it is established. */
enum weir_health_count {
	WEIR_H_CONNECTIONS = 0, /* established, whoever opened; or older than weir and taken over */
	WEIR_H_CLOSED = 1,	/* of these, however they ended */
	WEIR_H_REFUSED = 2,	/* connects that a reset answered */
	WEIR_H_TIMEOUTS = 3,	/* connects that the kernel gave up without an answer */
	WEIR_H_FAILED = 4,	/* connects that ended otherwise: unreachable, closed by the program */
	WEIR_H_RESETS_IN = 5,	/* resets received and */
	WEIR_H_RESETS_OUT = 6,	/* sent on established connections */
	WEIR_H_RETRANS = 7,	/* segments sent again, handshakes included: `ss` retrans:x/THIS */
	WEIR_H_SEGS_OUT = 8,	/* segments sent: `ss` segs_out */
	WEIR_H_BYTES_OUT = 9,	/* payload sent, again sent included: `ss` bytes_sent */
	WEIR_H_BYTES_IN = 10,	/* payload received, one more for a FIN: `ss` bytes_received */
	WEIR_H_DURATION_MS = 11, /* age of connections, since they were opened or taken over */
	WEIR_H_RTT_US = 12,	/* sum of the samples in rtt[] */
	WEIR_H_COUNTS = 13,
};

/*
 * Smoothed round-trip times: a sample per connection and second in which data was acknowledged, at
 * least one per connection. Bucket 0 is below 16 us; then each power of two from 2^4 to 2^24 us has
 * four equal buckets; the last one is 2^25 us (34 s) and above. So a bucket is at most a quarter of
 * its lower bound wide.
 */
#define WEIR_RTT_MIN_BITS 4
#define WEIR_RTT_MAX_BITS 25
#define WEIR_RTT_BUCKETS (2 + 4 * (WEIR_RTT_MAX_BITS - WEIR_RTT_MIN_BITS))

/*
 * Cumulative, never reset: BPF adds atomically, the agent reads, and deletes rows of removed
 * workloads without open connections. A row that comes back under the same key has another since_ns.
 */
struct weir_health {
	__u64 since_ns; /* CLOCK_MONOTONIC of its first use; 0 = in the making */
	__u64 n[WEIR_H_COUNTS];
	__u64 rtt[WEIR_RTT_BUCKETS];
};
_Static_assert(sizeof(struct weir_health) == 800, "weir_health");

/*
 * TCP health of flows: of what a workload sends from one address to another over connections that one side opens, in one of
 * WEIR_FLOW_HEALTH_PROBES places from a hash of that on. BPF claims a place with the first thing that there is to say,
 * under the row of the flow that says it, and adds atomically; as long as that row is LIVE others of its kind share the
 * place. The agent reads it, keeps in said[] what it spooled, by halves as in weir_base, keeps the row as long as anything is
 * said, and frees the place with it: in a full table those who have no row would find no place before another has one. Two
 * places may be of one kind: sum, never pick. What finds no place counts in weir_health alone. Counts are modulo 2^32.
 */
struct weir_flow_said {
	__u64 rtt_us;  /* sum of */
	__u32 samples; /* so many smoothed round-trip times: those of weir_health.rtt */
	__u32 retrans; /* segments sent again: WEIR_H_RETRANS */
};
struct weir_flow_health {
	__u32 row; /* 1 + its place in weir_rows4, or behind all those in weir_rows6; 0 = free */
	__u32 heard; /* the agent's: now.samples + now.retrans in its last window */
	__u32 pad[2];
	struct weir_flow_said now, said[2];
};
_Static_assert(sizeof(struct weir_flow_health) == 64, "weir_flow_health");
#define WEIR_FLOW_HEALTH_PROBES 8
/* local, remote: the last four bytes of each address. */
static inline __attribute__((always_inline)) __u32 weir_flow_health_at(__u32 workload, __u32 local, __u32 remote, __u32 init_local)
{
	__u64 h = ((__u64)local << 32 | remote) * 0x9e3779b97f4a7c15ull + ((__u64)workload << 1 | init_local) * 0xc4ceb9fe1a85ec53ull;

	return (h ^ h >> 29) >> 32;
}

/* How a socket takes part in health. */
#define WEIR_SOCK_KNOWN 0x01  /* has its key: weir saw it begin, or took it over */
#define WEIR_SOCK_OPEN 0x02   /* was counted as a connection */
#define WEIR_SOCK_CLOSED 0x04 /* its end was counted: nothing but resets is added any more */
#define WEIR_SOCK_POLLED 0x08 /* older than weir and without callbacks: tracepoints and passes see it */

#endif
