/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Packets that the kernel freed without giving them to a socket: the terms of an interface's identity
 * that no other hook sees.
 *
 * The kernel skips a tracing program that is already at work on the same CPU, so packets whose arrival
 * interrupts the freeing of another would be lost to the count. A second program, attached behind the
 * first, counts what the first could not. The first leaves a mark of what it counted, in a place of its
 * own for each context: within one, packets are freed one after the other.
 */
#ifndef WEIR_FREED_H
#define WEIR_FREED_H

enum weir_context { WEIR_TASK, WEIR_INTERRUPT, WEIR_CONTEXTS };

struct weir_freed_marks {
	__u64 skb[WEIR_CONTEXTS]; /* 0 = none */
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_freed_marks);
} weir_freed_marks SEC(".maps");

/* Told by the stack: interrupts and the softirqs that they raise have one of their own (arm64: since 6.1). */
static __always_inline enum weir_context weir_context(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 here;

	asm("%0 = r10; %0 -= %1" : "=&r"(here) : "r"(task)); /* a difference is a number, an address is none */
	here += bpf_get_current_task() - (__u64)task->stack;
	return here < weir_stack_size ? WEIR_TASK : WEIR_INTERRUPT;
}

#define WEIR_REASON(reason, name)                                                       \
	(bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_##name) &&    \
	 (reason) == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_##name))

/* Term of a freed packet, WEIR_TERMS = none of ours. rx: the socket it was for, where the kernel says. */
static __always_inline __u8 weir_freed_term(struct sk_buff *skb, int reason, struct sock *rx)
{
	if (WEIR_REASON(reason, NEIGH_FAILED) || WEIR_REASON(reason, NEIGH_QUEUEFULL) ||
	    WEIR_REASON(reason, NEIGH_DEAD) || WEIR_REASON(reason, NEIGH_CREATEFAIL))
		return BPF_CORE_READ(skb, sk) ? WEIR_T_DROPPED_OUT : WEIR_TERMS;
	if (rx && BPF_CORE_READ(rx, __sk_common.skc_state) == WEIR_TCP_TIME_WAIT)
		return WEIR_T_TIME_WAIT;
	if (WEIR_REASON(reason, NO_SOCKET))
		return WEIR_T_NO_SOCKET;
	if (WEIR_REASON(reason, OTHERHOST) || WEIR_REASON(reason, IP_CSUM) || WEIR_REASON(reason, IP_INHDR) ||
	    WEIR_REASON(reason, TC_INGRESS) || WEIR_REASON(reason, IP_RPFILTER) || WEIR_REASON(reason, UNICAST_IN_L2_MULTICAST))
		return WEIR_T_DROPPED_IN;
	/* On its way in, whether or not its socket was looked up early. */
	if (WEIR_REASON(reason, NETFILTER_DROP) && BPF_CORE_READ(skb, skb_iif) == BPF_CORE_READ(skb, dev, ifindex))
		return WEIR_T_DROPPED_IN;
	return WEIR_TERMS;
}

struct weir_freed {
	__u32 bytes, packets;
	__u8 proto;
};

static __always_inline int weir_freed_size(struct sk_buff *skb, struct weir_freed *ret)
{
	unsigned char *head = BPF_CORE_READ(skb, head), *nh = head + BPF_CORE_READ(skb, network_header);
	unsigned char *th = head + BPF_CORE_READ(skb, transport_header);
	struct skb_shared_info *si = (void *)(head + BPF_CORE_READ(skb, end));
	__u32 gso = BPF_CORE_READ(si, gso_size), hdr;
	__u8 h[40] = {}, doff = 0;

	if (bpf_probe_read_kernel(h, sizeof(h), nh))
		return -1;
	if (h[0] >> 4 == 4) {
		ret->bytes = h[2] << 8 | h[3];
		ret->proto = h[9];
	} else if (h[0] >> 4 == 6) {
		ret->bytes = (h[4] << 8 | h[5]) + 40;
		ret->proto = h[6];
	} else {
		return -1;
	}
	if (h[0] >> 4 == 4 && ((h[0] & 15) < 5 || (ret->bytes && ret->bytes < (h[0] & 15) * 4)))
		return -1; /* the observer did not count it as IP either */
	ret->packets = 1;
	if (gso) {
		ret->bytes = BPF_CORE_READ(skb, len) + (BPF_CORE_READ(skb, data) - nh); /* BIG TCP states 0 */
		bpf_probe_read_kernel(&doff, 1, th + 12);
		hdr = th - nh + (ret->proto == IPPROTO_TCP ? (doff >> 4) * 4 : 8);
		if (ret->bytes > hdr) {
			ret->packets = (ret->bytes - hdr + gso - 1) / gso;
			ret->bytes += (ret->packets - 1) * hdr;
		}
	}
	return 0;
}

static __always_inline bool weir_freed_count(struct sk_buff *skb, int reason, struct sock *rx)
{
	__u8 term = weir_freed_term(skb, reason, rx), dir = term == WEIR_T_DROPPED_OUT ? WEIR_EGRESS : WEIR_INGRESS;
	struct weir_freed f = {};
	struct weir_count *c;

	if (term == WEIR_TERMS || weir_freed_size(skb, &f))
		return false;
	if (dir == WEIR_INGRESS && (f.proto == IPPROTO_ICMP || f.proto == IPPROTO_ICMPV6))
		return false; /* counted by the observer */
	c = weir_term_at(weir_if_slot(BPF_CORE_READ(skb, dev, ifindex)), dir, term);
	if (!c)
		return false; /* not an observed interface */
	weir_add(c, f.bytes, f.packets); /* atomic: what frees a packet can be interrupted */
	return true;
}

/* second: of the two programs, the one behind. */
static __always_inline int weir_freed(struct sk_buff *skb, int reason, struct sock *rx, bool second)
{
	enum weir_context at = weir_context();
	struct weir_freed_marks *marks;
	__u32 zero = 0;

	if (!weir_ctl.counting || !(marks = bpf_map_lookup_elem(&weir_freed_marks, &zero)))
		return 0;
	if (!second && at == WEIR_TASK) /* what came between before left it where the second was skipped */
		marks->skb[WEIR_INTERRUPT] = 0;
	if (!BPF_CORE_READ(skb, dev) || BPF_CORE_READ(skb, dev, nd_net.net, net_cookie) != weir_trace_netns)
		return 0;
	if (second && marks->skb[at] == (__u64)skb)
		marks->skb[at] = 0;
	else if (weir_freed_count(skb, reason, rx) && !second)
		marks->skb[at] = (__u64)skb;
	return 0;
}

#endif
