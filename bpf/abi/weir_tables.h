/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Policy as the kernel has it: tables, rates and their buckets, the failsafe list. Part of weir_abi.h, with its rules. */
#ifndef WEIR_TABLES_H
#define WEIR_TABLES_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/*
 * The tables of a generation lie in one half of flat arrays: half `slot` of capacity n is
 * [slot * n, slot * n + count). The agent fills the half that is not in force after a grace period.
 * Their structs are multiples of 8 bytes: the kernel rounds array elements up to that.
 */
struct weir_table_sizes {
	__u32 decisions;
	__u32 peer_classes; /* 0 .. this - 1; see struct weir_decision */
	__u32 spans4;
	__u32 spans6;
	__u32 failsafe;
	__u32 ranges;
	__u32 limits;
	__u32 pad;
};
_Static_assert(sizeof(struct weir_table_sizes) == 32, "weir_table_sizes");

/*
 * Addresses as disjoint spans in ascending order, each up to the next one's start; the first starts
 * at 0. roots[i] says which span of each family holds the first address whose upper 16 bits are i
 * (65,537 entries, the last one ends the search). Host order.
 */
struct weir_span4 {
	__u32 start;
	__u32 class; /* peer class */
};
struct weir_span6 {
	__u64 start_hi, start_lo;
	__u32 class;
	__u32 pad;
};
_Static_assert(sizeof(struct weir_span6) == 24, "weir_span6");
struct weir_root {
	__u32 span4, span6;
};
#define WEIR_ROOTS 65537

/* Subject class of a workload index. */
struct weir_subject_class {
	__u32 class;
	__u32 pad;
};

/*
 * Decisions by place, WEIR_DECISION_AT: every subject class has one for each peer class (0 = any other
 * peer), direction in which the connection was opened and protocol class. The ports of a decision are
 * [first, first + count) of the ranges, sorted, disjoint, covering 0-65535.
 */
struct weir_decision {
	__u32 first;
	__u32 count; /* 1 .. WEIR_MAX_RANGES */
};
#define WEIR_DECISION_AT(subject, peer_classes, peer, dir, proto) \
	((((__u64)(subject) * (peer_classes) + (peer)) * WEIR_DIRS + (dir)) * WEIR_PROTOS + (proto))
#define WEIR_MAX_RANGES 1024

struct weir_range {
	__u16 lo, hi;	/* service port, inclusive, host order */
	__u8 verdict;	/* WEIR_V_ACCEPT, WEIR_V_DENY or WEIR_V_WOULD_DENY */
	__u8 pad[3];
	__u32 rule;	/* WEIR_NO_RULE: default */
	__u32 limit;	/* index + 1; 0 = none */
};
_Static_assert(sizeof(struct weir_range) == 16, "weir_range");

/* A rate. GCRA: cost of a packet in ns = L3 bytes * ns_per_byte_q20 >> 20. */
struct weir_limit {
	__u64 ns_per_byte_q20;
	__u64 burst_ns;
	__u32 id;	/* stable across generations: rate state outlives a policy change */
	__u8 per;	/* weir_limit_per */
	__u8 mode;	/* weir_limit_mode */
	__u8 dirs;	/* 1 << weir_dir of the packets it holds; each direction has the rate for itself */
	__u8 pad;
};
_Static_assert(sizeof(struct weir_limit) == 24, "weir_limit");
enum weir_limit_per { WEIR_PER_NODE = 0, WEIR_PER_WORKLOAD = 1, WEIR_PER_FLOW = 2, WEIR_PERS = 3 };
/* POLICE drops what is over the rate. PACE slows TCP at the sender, and drops what is over even so. */
enum weir_limit_mode { WEIR_POLICE = 0, WEIR_PACE = 1, WEIR_LIMIT_MODES = 2 };

/* Whose rate: of one limit, of one workload (0 = all), of one flow (0 = all; else tells its direction). */
struct weir_bucket_key {
	__u32 id;
	__u32 workload;
	__u64 flow; /* hash of the flow, or 0; the lowest bit is the direction */
};

/*
 * Rate state, kept across generations. BPF only, any CPU, without a lock. `tat` is all that decides;
 * the rest tells the sockets of a paced rate how fast each may send: rate * trim / sockets. A turn is
 * long enough for each socket to send in it; `trim` closes the loop between what they may and do send.
 */
struct weir_bucket {
	__u64 tat;	       /* theoretical arrival time, monotonic ns, moved by compare-and-swap */
	__u64 since;	       /* when this turn began */
	__u64 offered;	       /* L3 bytes that wanted to pass in this turn */
	__u64 dropped;	       /* and those of them that did not */
	__s64 ahead;	       /* ns of credit used before its time; negative: left over */
	__u64 ns_per_byte_q20; /* of the limit, as its last packet knew it */
	__u32 turn;	       /* number of this turn */
	__u32 active;	       /* sockets that sent in this turn */
	__u32 active_last;     /* sockets that sent in the turn before */
	__u32 spare_q16;       /* from one to the number of sockets: idle sockets' shares for busy ones */
	__u32 trim_q16;	       /* spare and ahead in one factor */
	__u32 segment;	       /* L3 bytes of a full segment, of the socket that asked last */
};
_Static_assert(sizeof(struct weir_bucket) == 72, "weir_bucket");

/* Always accepted, consulted before any denial (also an audited one) takes effect. */
struct weir_failsafe {
	__u8 prefix[16]; /* peer, IPv4 as ::ffff:... */
	__u8 prefixlen;	 /* 0-128 */
	__u8 proto;	 /* weir_proto */
	__u8 dir;	 /* direction in which the connection is opened */
	__u8 used;	 /* 1: entry is valid */
	__u16 lo, hi;	 /* service port, host order */
};
_Static_assert(sizeof(struct weir_failsafe) == 24, "weir_failsafe");
#define WEIR_MAX_FAILSAFE 32

#endif
