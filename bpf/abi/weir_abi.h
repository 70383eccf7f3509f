/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The contract between the BPF programs and the agent: all that kernel and user space share.
 *
 * Types only, fixed width, host byte order unless a name ends in _be. Every struct says who writes
 * it, who reads it, and how long a value lives. All counters are cumulative and never reset while
 * the pins live; the agent spools differences. A change of any size or meaning here raises
 * WEIR_ABI_VERSION, and an agent refuses to adopt pins of another version.
 */
#ifndef WEIR_ABI_H
#define WEIR_ABI_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#include "bpf/abi/weir_health.h"
#include "bpf/abi/weir_tables.h"

#define WEIR_ABI_VERSION 5

enum weir_dir { WEIR_INGRESS = 0, WEIR_EGRESS = 1, WEIR_DIRS = 2 };

/* Node modes. In observe nothing is evaluated; in shadow verdicts are counted and not enforced. */
enum weir_mode { WEIR_MODE_OBSERVE = 0, WEIR_MODE_SHADOW = 1, WEIR_MODE_ENFORCE = 2, WEIR_MODES = 3 };

/* What happened to the packets of a row. DENY and LIMITED were dropped, all others passed. */
enum weir_verdict {
	WEIR_V_NONE = 0,	/* observe mode, or no bundle was ever seen: not evaluated */
	WEIR_V_ACCEPT = 1,
	WEIR_V_DENY = 2,
	WEIR_V_LIMITED = 3,	/* accepted by a rule, dropped by its rate */
	WEIR_V_WOULD_DENY = 4,	/* audit rule or shadow mode: passed, enforcement would deny */
	WEIR_V_WOULD_LIMIT = 5,
	WEIR_VERDICTS = 6,
};

/* Protocol classes of the decision table: every IP protocol falls into exactly one. */
enum weir_proto {
	WEIR_P_OTHER = 0,
	WEIR_P_TCP = 1,
	WEIR_P_UDP = 2,
	WEIR_P_SCTP = 3,
	WEIR_P_ICMP = 4,	/* ICMP and ICMPv6 */
	WEIR_PROTOS = 5,
};

/* Row life: FREE -> (BPF, cmpxchg) CLAIMED -> LIVE -> (agent) RETIRED -> grace, drained -> FREE. */
enum weir_row_state { WEIR_ROW_FREE = 0, WEIR_ROW_CLAIMED = 1, WEIR_ROW_LIVE = 2, WEIR_ROW_RETIRED = 3 };

#define WEIR_ROW_F_INIT_LOCAL 0x01 /* the workload opened the connection; clear: the peer did */
#define WEIR_ROW_F_TOTAL 0x02	   /* a folded row: no addresses, no ports; peer_class is valid */
#define WEIR_ROW_F_V6 0x04	   /* the row is a weir_row6, else a weir_row4 */
#define WEIR_ROW_F_FOREIGN 0x08	   /* ifindex is another network namespace's */
#define WEIR_ROW_F_NAT 0x10	   /* remote is a virtual address, weir_nat has the backend */

/*
 * One counted thing: a flow of one workload in one direction with one verdict on one interface, or,
 * when the flow region is full, a total. BPF claims and counts; the agent reads, retires and frees.
 * The head is the same for both families; the addresses follow it. The table of IPv4 has three
 * regions: [0, flows) flows, [flows, flows + totals) folded rows of both families, and
 * WEIR_SPILL_ROWS fixed rows (dir * WEIR_VERDICTS + verdict) that can always be counted into. The
 * table of IPv6 has flows only. The same key may stand in more than one row (two CPUs claimed at
 * once): sum, never pick.
 */
struct weir_row {
	__u32 state;	  /* weir_row_state; written last by the claimer, first by the retirer */
	__u32 workload;	  /* index, see weir_workload; 0 = unidentified */
	__be16 lport_be;
	__be16 rport_be;  /* 0 where the protocol has none, and for later fragments */
	__u8 proto;	  /* IP protocol number */
	__u8 dir;	  /* weir_dir */
	__u8 verdict;	  /* weir_verdict, part of the key: a flow whose verdict changes gets another row */
	__u8 flags;	  /* WEIR_ROW_F_* */
	__u32 ifindex;
	__u32 peer_class; /* from the bundle's prefixes when the row was claimed; 0 = none */
	__u32 gen;	  /* generation whose verdict this is, see WEIR_A_GEN */
	__u32 rule;	  /* rule that decided, index into the bundle; WEIR_NO_RULE */
	__u32 limit;	  /* limit that applies, index + 1; 0 = none */
	__u32 seen;	  /* WEIR_TICK; BPF: when it was claimed, then the agent: when it last found it grown */
	__u64 bytes;	  /* L3 bytes as on the wire: each segment of a super-packet with its headers */
	__u64 packets;	  /* segments */
};
_Static_assert(sizeof(struct weir_row) == 56, "weir_row");

struct weir_row4 {
	struct weir_row h;
	__u8 local[4];	/* the workload's address */
	__u8 remote[4]; /* the peer's */
};
_Static_assert(sizeof(struct weir_row4) == 64, "weir_row4");

struct weir_row6 {
	struct weir_row h;
	__u8 local[16];
	__u8 remote[16];
	__u8 pad[8];
};
_Static_assert(sizeof(struct weir_row6) == 96, "weir_row6");

/* Row times: CLOCK_MONOTONIC in units of 2^30 ns, so that no packet divides. */
#define WEIR_TICK(ns) ((__u32)((ns) >> 30))

#define WEIR_SPILL_ROWS (WEIR_DIRS * WEIR_VERDICTS)
#define WEIR_NO_RULE 0xffffffffu
#define WEIR_PROBES 8	     /* slots tried in the flow region */
#define WEIR_TOTAL_PROBES 32 /* slots tried in the totals region */

/*
 * What was spooled of each row, by the agent alone; shares the life of the counters (both vanish at
 * reboot, both survive a killed agent). Two halves: the half of the parity of `sequence` in
 * weir_spooled holds the values of that sequence, the other is prepared for the next.
 */
struct weir_base {
	__u64 bytes[2];
	__u64 packets[2];
};

/* Cumulative. */
struct weir_count {
	__u64 bytes;
	__u64 packets;
};

/* Sum of the rows of an interface and direction that were on it; interface "" = other namespaces'. */
#define WEIR_LINES 256
struct weir_line {
	char interface[16];
	__u64 dir;
	struct weir_count sockets;
};

/* One entry, agent only: which spooled record the bases stand for. One 8-byte store commits. */
struct weir_spooled {
	__u64 sequence; /* of the record that the half (sequence & 1) of all bases describes */
	__u64 epoch;
	__u64 rows_fp;	/* table size the bases belong to */
	/* All that rows ever counted, by half and weir_dir: what records 1..sequence of all epochs account for. */
	struct weir_count total[2][WEIR_DIRS];
	__u64 line_count[2];
	struct weir_line lines[2][WEIR_LINES];
};

/*
 * What one packet goes by, one word, read once per packet, so that no packet sees half of two
 * generations: which half of the policy tables is in force, the mode, whether a bundle stands there
 * at all, whether the other half holds a candidate, and a generation that grows with every change of
 * any of these, so that verdicts cached in rows become stale. Generations are 31 bits; rows under an
 * ended lease carry the generation with the top bit set.
 */
#define WEIR_A_SLOT(a) ((__u32)(a) & 1)
#define WEIR_A_MODE(a) (((__u32)(a) >> 1) & 3) /* weir_mode */
#define WEIR_A_BUNDLE 8u
#define WEIR_A_CANDIDATE 16u
#define WEIR_A_GEN(a) ((__u32)((a) >> 32))
#define WEIR_A_MAKE(gen, bits) ((__u64)(gen) << 32 | (bits))
#define WEIR_GEN_LEASE_OVER 0x80000000u
#define WEIR_GEN_BUSY 0xffffffffu /* of a row that a CPU is bringing to another generation */

/* Control word and sizes, one entry, mmapable. The agent writes, BPF reads. */
struct weir_ctl {
	__u64 active;		/* see above */
	__u32 mode;		/* weir_mode, for readers; BPF takes the one in `active` */
	__u32 default_deny;	/* 1: no bundle is in force and the node is configured fail-closed */
	__u64 lease_until_s;	/* CLOCK_MONOTONIC seconds after which enforcement ends; 0 = never */
	__u32 abi_version;
	__u32 flow_rows;	/* IPv4, power of two */
	__u32 flow_rows6;	/* IPv6, power of two */
	__u32 total_rows;	/* power of two */
	__u32 workloads;	/* capacity */
	__u32 next_workload;	/* BPF: last index given out to a cgroup */
	__u32 counting;		/* agent: 1 once every hook is attached, so that all sides begin together */
	__u32 keep_established; /* 1: a denial is for new TCP connections, those that stand go on */
	__u64 serial_high;	/* agent: highest bundle serial ever applied; survives the state directory */
	__u64 lapsed_s;		/* agent: seconds in all for which the lease was over and nothing enforced */
};
_Static_assert(sizeof(struct weir_ctl) == 72, "weir_ctl");

/*
 * What a node remembers of the bundles it has had, one entry, of the agent alone; besides weir_ctl.serial_high.
 * Here it outlives a state directory that goes back in time; <state_dir>/bundle/marks outlives the kernel.
 */
struct weir_marks {
	__u64 key_epoch;	/* highest of a bundle that came in force */
	__u64 undone;		/* serial that was taken back: neither it nor one below comes in force again */
	__u64 order;		/* the same of orders to take one back */
	__u64 pending;		/* serial in force that is not confirmed; 0 = none */
	__u64 confirm_until_ns; /* CLOCK_BOOTTIME: then it is taken back */
	__u64 from, to, at_ns;	/* the last one taken back, what came in its place, wall clock */
	__u64 why;		/* weir_undo */
	__u8 confirmed[32];	/* SHA-256 of the manifest of the last confirmed bundle */
	__u8 previous[32];	/* and of the one that was confirmed before it; zeros = none */
};
_Static_assert(sizeof(struct weir_marks) == 136, "weir_marks");
enum weir_undo {
	WEIR_UNDO_NONE = 0,
	WEIR_UNDO_UNCONFIRMED = 1, /* the aggregator was not heard of in time */
	WEIR_UNDO_OPERATOR = 2,	   /* an operator's order */
	WEIR_UNDO_ROOT = 3,	   /* weir-agent --rollback */
	WEIR_UNDOS = 4,
};

/*
 * cgroup id -> workload index. BPF inserts at a cgroup's first packet; the agent names and removes.
 * The array weir_cgroups holds the way back, index -> cgroup id, written before the index is given
 * out: by it a packet checks that a row is its workload's.
 */
struct weir_workload {
	__u32 index;
	__u32 first_seen; /* WEIR_TICK */
};
/* No cgroup has this id: what a gateway forwards counts under the index that it stands for. */
#define WEIR_GATEWAY_CGROUP 0xfffffffffffffffeull

/*
 * Identity terms, counted by the tc observer and the drop tracepoint per interface and direction.
 * interface = socket rows + all terms from WEIR_T_TIME_WAIT on; what is left is unexplained.
 */
enum weir_term {
	WEIR_T_INTERFACE = 0,	  /* every IP packet the observer saw: the truth */
	WEIR_T_NON_IP = 1,	  /* ARP and other link protocols, L2 payload bytes; not in INTERFACE */
	WEIR_T_TIME_WAIT = 2,	  /* handled by a TIME_WAIT mini-socket */
	WEIR_T_NO_SOCKET = 3,	  /* closed ports, late segments after the socket went */
	WEIR_T_ICMP = 4,	  /* ingress ICMP and ICMPv6, neighbour discovery included */
	WEIR_T_OTHER_PROTO = 5,	  /* ingress of protocols that have no socket hook */
	WEIR_T_KERNEL = 6,	  /* egress made by the kernel: no socket, or one outside the cgroup root */
	WEIR_T_FORWARDED = 7,
	WEIR_T_FRAGMENTATION = 8, /* headers that fragmenting added (egress) or reassembly removed */
	WEIR_T_ENCAPSULATION = 9, /* outer packets of tunnels; the inner ones are counted on the tunnel */
	WEIR_T_DROPPED_IN = 10,	  /* ingress dropped before any socket: filter, checksum, other host */
	WEIR_T_DROPPED_OUT = 11,  /* counted at the socket, never reached the interface: SUBTRACTED */
	WEIR_T_DENIED_EARLY = 12, /* dropped by XDP before the observer: like NON_IP, not in INTERFACE */
	WEIR_TERMS = 13,
};

/*
 * An interface of the agent's network namespace that weir follows, in slot (ifindex + i) modulo
 * WEIR_IF_SLOTS, i < WEIR_IF_PROBES. The agent writes (ifindex last, after the terms were zeroed), BPF
 * reads; the slot is freed (ifindex 0) when the interface is gone and its last counts were spooled.
 */
struct weir_if {
	__u32 ifindex;
	__u32 flags; /* WEIR_IF_* */
	char name[16];
};
_Static_assert(sizeof(struct weir_if) == 24, "weir_if");
#define WEIR_IF_SLOTS 256
#define WEIR_IF_PROBES 8
#define WEIR_IF_OBSERVED 1u /* the observer holds its truth */
#define WEIR_IF_LEG 2u	    /* of a gateway: what passes between two legs is counted and enforced */
#define WEIR_IF_INSIDE 4u   /* a leg towards those whose traffic it is */

/*
 * A passage from leg to leg of a gateway: nothing but what weir_if says of the two, found by one look. In
 * entry (WEIR_WAY_AT + i) modulo WEIR_WAYS, i < WEIR_WAY_PROBES; one that finds no room goes the long way.
 * The agent writes (`from` last, after a grace period where the entry was in use), BPF reads; each process
 * that loads programs makes it anew.
 */
struct weir_way {
	__u32 from, to; /* interfaces; from = 0: free */
	__u32 in, out;	/* their slots */
	__u32 ifindex;	/* that rows of the passage count on */
	__u32 workload; /* index of the gateway's */
	__u8 dir;	/* weir_dir */
	__u8 observed;	/* WEIR_WAY_* */
	__u16 pad[3];
};
_Static_assert(sizeof(struct weir_way) == 32, "weir_way");
#define WEIR_WAYS 256
#define WEIR_WAY_PROBES 4
#define WEIR_WAY_AT(from, to) ((from) * 31 + (to))
#define WEIR_WAY_IN 1u	/* `from` is observed */
#define WEIR_WAY_OUT 2u /* `to` is */

/*
 * The terms of one interface, one value per CPU; only the sum over all CPUs means anything, modulo
 * 2^64: a packet that leaves on one CPU can take back what another counted when it came.
 */
#define WEIR_TERMS_SPACE 16 /* a power of two: a mask is all that an index needs */
struct weir_if_terms {
	struct weir_count of[WEIR_DIRS][WEIR_TERMS_SPACE];
};
_Static_assert(WEIR_TERMS <= WEIR_TERMS_SPACE, "weir_if_terms");

/* Names a term among user space. */
struct weir_term_key {
	__u32 ifindex;
	__u8 dir;
	__u8 term;
	__u16 pad;
};

/* Packets that could not be fully accounted, by reason. Index of weir_drops, weir_count values. */
enum weir_drop {
	WEIR_D_NOT_IP = 0,	  /* neither IPv4 nor IPv6, at a hook that accounts: in no row; by skb->len */
	WEIR_D_FOLDED = 1,	  /* flow region full: counted in a total (detail lost, bytes kept) */
	WEIR_D_SPILLED = 2,	  /* totals region full too: counted in a spill row */
	WEIR_D_NO_WORKLOAD = 3,	  /* no index left for a cgroup: counted as unidentified */
	WEIR_D_NO_BUCKET = 4,	  /* no rate state: let pass */
	WEIR_D_NO_TERM = 5,	  /* no entry for an identity term */
	WEIR_D_NO_DECISION = 6,	  /* tables without a default row: let pass */
	WEIR_D_TRUNCATED = 7,	  /* ends before its L3 header or its stated length: in no row */
	WEIR_D_BAD_HEADER = 8,	  /* version, header length and length contradict each other: in no row */
	WEIR_D_EXTENSIONS = 9,	  /* more IPv6 extension headers than are followed: row without ports */
	WEIR_D_TRANSPORT = 10,	  /* ends before its transport header: row without ports */
	WEIR_D_FRAGMENT = 11,	  /* later fragment of a packet whose first was not seen: row without ports */
	WEIR_D_NO_HEALTH = 12,	  /* no health row left: a connection (not a packet) in the overflow row */
	WEIR_D_NO_NAT = 13,	  /* no room for a translation: what returns keeps the virtual address */
	WEIR_DROPS = 14,
};

/*
 * What a candidate bundle would decide differently, per rule of the candidate (the last entry: no
 * rule). A flow is counted once per generation. BPF adds, the agent zeroes when a candidate ends.
 */
struct weir_disagree {
	__u64 denied;	/* flows in force accepted, the candidate denies */
	__u64 accepted; /* flows in force denied, the candidate accepts */
	__u64 limited;	/* both accept, under another limit */
};

/*
 * Connections to virtual addresses: as the socket has it -> where its packets really go. BPF inserts
 * with the first packet out of a flow, the agent what the host translates for pods; it also reads, and
 * removes what no row needs any more. A row that the agent finds to be such gets WEIR_ROW_F_NAT and
 * generation 0, in force only before anything is enforced, so that its next packet is decided anew.
 */
struct weir_nat_key {
	__u8 local[16], remote[16]; /* the socket's own and the virtual address, IPv4 as ::ffff:... */
	__u32 workload;
	__be16 lport_be, rport_be;
	__u8 proto; /* IP protocol number */
	__u8 pad[7];
};
_Static_assert(sizeof(struct weir_nat_key) == 48, "weir_nat_key");

struct weir_nat {
	__u8 backend[16];
	__be16 port_be;
	__u16 pad;
	__u32 seen; /* when it was learned, WEIR_TICK */
};
_Static_assert(sizeof(struct weir_nat) == 24, "weir_nat");

/*
 * In a socket's storage, by BPF alone. Who opened the connection, whatever happens to its rows; and
 * what health has counted of it: values are exchanged for those the socket has, so the differences
 * that were added always sum to what the socket said last, whoever looked and in whatever order.
 */
struct weir_sock {
	__u8 init_local;
	__u8 established; /* no verdict kept it from coming about */
	__u8 pad[2];
	__u32 health;	  /* WEIR_SOCK_* */
	__u32 sampled_s;  /* boot time in seconds of the last round-trip sample */
	__u32 retrans;	  /* of the socket, already counted */
	__u32 segs_out;
	struct weir_health_key key;
	__u64 bytes_out;
	__u64 bytes_in;
	__u64 charged_ms; /* until when its age is counted */
	/* pacing: a packet under a paced limit writes the first four, sockops reads them */
	struct weir_bucket_key bucket; /* that the socket draws from */
	__u32 gen;		       /* generation and mode of that packet; 0 = never */
	__u32 turn;		       /* the bucket's turn in which the socket was counted */
	__u8 v6;
	__u8 stale; /* sockops: drew from no bucket since the generation changed */
	__u8 pad2[2];
	__u32 own;    /* pacing rate that the application had set, bytes/s; ~0 = none */
	__u32 pacing; /* what sockops set, bytes/s; 0 = nothing */
	__u32 clamp;  /* the same of its window, segments */
};
_Static_assert(sizeof(struct weir_sock) == 96, "weir_sock");

#endif
