/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Early drop: a packet whose source the policy in force denies to every subject of this node, in both
 * directions, for all protocols and ports, is dropped before the kernel makes anything of it. Its bytes
 * are counted as WEIR_T_DENIED_EARLY of the interface. Everything else is left to the sockets.
 */
#ifndef WEIR_XDP_H
#define WEIR_XDP_H

const volatile __u32 weir_early_words = 0;

/* Bit c of a half: peer class c is denied to everybody. The agent fills the half that is not in force. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} weir_early SEC(".maps");

/* Link protocols speak from these before anything has an address: 0.0.0.0, ::, fe80::/10. */
static __always_inline bool weir_link_address(const __u8 *src, bool v6)
{
	const __u64 *a = (const __u64 *)src;

	if (v6)
		return (!a[0] && !a[1]) || (src[0] == 0xfe && (src[1] & 0xc0) == 0x80);
	return !*(const __u32 *)(src + 12);
}

/* Neighbour discovery from other addresses: without it the node's other traffic would stop too. */
static __always_inline bool weir_neighbour_discovery(struct xdp_md *ctx, const struct weir_packet *p)
{
	const __u8 *type = (const void *)(long)ctx->data + ((p->l3 + p->l4) & 0xff);

	if (p->proto != IPPROTO_ICMPV6 || p->frag_later)
		return false;
	/* Types 133 to 137; what hides its type is not judged here. */
	return type + 1 > (const __u8 *)(long)ctx->data_end || (*type >= 133 && *type <= 137);
}

static __always_inline bool weir_denied_early(__u32 class, __u64 active)
{
	__u32 at = WEIR_A_SLOT(active) * weir_early_words + class / 64;
	__u64 *bits = bpf_map_lookup_elem(&weir_early, &at);

	return class / 64 < weir_early_words && bits && *bits >> (class % 64) & 1;
}

/* The packet may belong to a connection that the failsafe list keeps: opened by the peer to our port, or
 * by us to its port. Later fragments show neither: they pass, and what they become is judged later. */
__noinline int weir_failsafe_holds(const struct weir_packet *p, __u64 active)
{
	__u8 proto;

	if (!p)
		return 1;
	proto = weir_proto_class(p->proto);
	for (__u32 i = 0; i < WEIR_MAX_FAILSAFE; i++) {
		struct weir_failsafe *f = WEIR_TABLE(weir_failsafe, active, (__u32)WEIR_MAX_FAILSAFE, i);
		__u16 port;

		if (!f || !f->used)
			break;
		port = bpf_ntohs(f->dir == WEIR_EGRESS ? p->sport : p->dport);
		if (f->proto == proto && (p->frag_later || (port >= f->lo && port <= f->hi)) &&
		    weir_bits_equal(f->prefix, p->src, f->prefixlen))
			return 1;
	}
	return 0;
}

static __always_inline int weir_early_drop(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct weir_ctl *ctl = bpf_map_lookup_elem(&weir_ctl, &zero);
	struct weir_packet p;
	__u64 active;

	if (!ctl || !ctl->counting)
		return XDP_PASS;
	active = weir_active(ctl);
	if (WEIR_A_MODE(active) != WEIR_MODE_ENFORCE || !(active & WEIR_A_BUNDLE))
		return XDP_PASS;
	if (weir_parse_xdp(ctx, &p) || !weir_denied_early(weir_peer_class(p.src, active), active) ||
	    weir_link_address(p.src, p.v6) || weir_neighbour_discovery(ctx, &p) ||
	    weir_failsafe_holds(&p, active))
		return XDP_PASS;
	weir_term(ctx->ingress_ifindex, WEIR_INGRESS, WEIR_T_DENIED_EARLY, p.bytes, p.packets);
	return XDP_DROP;
}

#endif
