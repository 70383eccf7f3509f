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

/*
 * The packet may belong to a connection that the failsafe list keeps: opened by the peer to our port, or by us
 * to its port. Later fragments show neither: they pass, and what they become is judged later. src: both halves
 * of the sender's address; ports: source in the lower half, host order; what: weir_proto, or WEIR_ANY_PROTO; WEIR_LATER: whatever its ports.
 */
#define WEIR_LATER 256
#define WEIR_ANY_PROTO 512
__noinline int weir_failsafe_holds(__u64 src_hi, __u64 src_lo, __u32 ports, __u32 what, __u64 active)
{
	for (__u32 i = 0; i < WEIR_MAX_FAILSAFE; i++) {
		struct weir_failsafe *f = WEIR_TABLE(weir_failsafe, active, (__u32)WEIR_MAX_FAILSAFE, i);
		const __u64 *prefix;
		__u16 port;

		if (!f || !f->used)
			break;
		prefix = (const __u64 *)f->prefix;
		port = f->dir == WEIR_EGRESS ? ports : ports >> 16;
		if ((f->proto == (what & 255) || (what & WEIR_ANY_PROTO)) && ((what & WEIR_LATER) || (port >= f->lo && port <= f->hi)) &&
		    weir_halves_equal(prefix[0], prefix[1], src_hi, src_lo, f->prefixlen))
			return 1;
	}
	return 0;
}

/* Any packet. */
__noinline int weir_early_any(struct xdp_md *ctx, __u64 active)
{
	struct weir_packet p;
	const __u64 *src = (const __u64 *)p.src;

	if (weir_parse_xdp(ctx, &p) || !weir_denied_early(weir_peer_class(p.src, active), active) ||
	    weir_link_address(p.src, p.v6) || weir_neighbour_discovery(ctx, &p) ||
	    weir_failsafe_holds(src[0], src[1], bpf_ntohs(p.sport) | (__u32)bpf_ntohs(p.dport) << 16,
				weir_proto_class(p.proto) | (p.frag_later ? WEIR_LATER : 0), active))
		return XDP_PASS;
	weir_term(ctx->ingress_ifindex, WEIR_INGRESS, WEIR_T_DENIED_EARLY, p.bytes, p.packets);
	return XDP_DROP;
}

/*
 * What was found of senders of late, per CPU: generation, the sender but for the bits that its place tells, and
 * weir_judged. Nothing but what the tables of that generation say, found by one look.
 */
#define WEIR_JUDGED_BITS 10
#define WEIR_JUDGED_KEY(addr, active) (((active) & ~0xffffffffull) | ((__u64)(addr) >> WEIR_JUDGED_BITS) << 2)
enum weir_judged {
	WEIR_J_PASS = 1,
	WEIR_J_DROP = 2, /* and no entry of the failsafe list speaks of it */
	WEIR_J_ASK = 3,	 /* denied; the failsafe list says by packet */
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1 << WEIR_JUDGED_BITS);
	__type(key, __u32);
	__type(value, __u64);
} weir_judged SEC(".maps");

/* First address of span i of a half that begins at base; what is not there begins behind all addresses. */
static __always_inline __u32 weir_start4(__u32 base, __u32 i)
{
	__u32 at = base + i;
	const struct weir_span4 *s = bpf_map_lookup_elem(&weir_spans4, &at);

	return s ? *(const volatile __u32 *)&s->start : 0xffffffff;
}

/*
 * weir_class4() where each packet asks: many spans are first narrowed where the address would be if they were
 * spread evenly, and beside that. All three are read at once, as memory takes longer than the rest.
 */
#define WEIR_NEAR 4
static __always_inline __u32 weir_class4_near(__u32 addr, __u64 active)
{
	__u32 top = addr >> 16, next = top + 1, base = WEIR_A_SLOT(active) * weir_cap_spans, lo, hi, mid;
	struct weir_root *first = WEIR_TABLE(weir_roots, active, (__u32)WEIR_ROOTS, top);
	struct weir_root *last = WEIR_TABLE(weir_roots, active, (__u32)WEIR_ROOTS, next);
	struct weir_span4 *s;

	if (!first || !last)
		return 0;
	lo = first->span4;
	hi = last->span4 + 1;
	if (hi - lo > 4 * WEIR_NEAR) {
		mid = lo + WEIR_NEAR + ((__u64)(hi - lo - 2 * WEIR_NEAR) * (addr & 0xffff) >> 16);
		__u32 before = weir_start4(base, mid - WEIR_NEAR), at = weir_start4(base, mid);
		__u32 behind = weir_start4(base, mid + WEIR_NEAR);

		if (at > addr) {
			hi = before > addr ? mid - WEIR_NEAR : mid;
			lo = before > addr ? lo : mid - WEIR_NEAR;
		} else {
			lo = behind > addr ? mid : mid + WEIR_NEAR;
			hi = behind > addr ? mid + WEIR_NEAR : hi;
		}
	}
	for (int i = 0; i < 22 && hi - lo > 1; i++) {
		mid = (lo + hi) / 2;
		if (weir_start4(base, mid) > addr)
			hi = mid;
		else
			lo = mid;
	}
	lo += base;
	s = bpf_map_lookup_elem(&weir_spans4, &lo);
	return s ? s->class : 0;
}

/* Not static: proved once. addr: of the sender, host order. */
__noinline int weir_judge4(__u32 addr, __u64 active)
{
	__u64 lo = bpf_htonl(0xffff) | (__u64)bpf_htonl(addr) << 32;

	if (!addr || !weir_denied_early(weir_class4_near(addr, active), active))
		return WEIR_J_PASS;
	return weir_failsafe_holds(0, lo, 0, WEIR_ANY_PROTO | WEIR_LATER, active) ? WEIR_J_ASK : WEIR_J_DROP;
}

static __always_inline __u32 weir_judged4(__u32 addr, __u64 active)
{
	__u32 at = (addr ^ addr >> WEIR_JUDGED_BITS ^ addr >> 2 * WEIR_JUDGED_BITS) & ((1 << WEIR_JUDGED_BITS) - 1);
	__u64 key = WEIR_JUDGED_KEY(addr, active), *known = bpf_map_lookup_elem(&weir_judged, &at);
	__u32 found;

	if (known && (*known & ~3ull) == key)
		return *known & 3;
	found = weir_judge4(addr, active);
	if (known)
		*known = key | found;
	return found;
}

static __always_inline int weir_early_drop(struct xdp_md *ctx)
{
	const void *at = (const void *)(long)ctx->data + WEIR_ETH_LEN, *end = (const void *)(long)ctx->data_end;
	__u64 active = weir_active();
	const struct weir_v4 *h = at;
	struct weir_brief b;
	__u32 judged;

	if (!weir_ctl.counting || WEIR_A_MODE(active) != WEIR_MODE_ENFORCE || !(active & WEIR_A_BUNDLE))
		return XDP_PASS;
	if ((const void *)(h + 1) > end || *(const __be16 *)(at - 2) != bpf_htons(WEIR_ETH_IP))
		return weir_early_any(ctx, active);
	/* Whatever else it holds, the sender decides: nearly all pass here. */
	judged = weir_judged4(bpf_ntohl(h->src), active);
	if (judged == WEIR_J_PASS)
		return XDP_PASS;
	if (judged != WEIR_J_DROP || !weir_brief_who(at, end, false, &b) ||
	    !weir_brief_size(at, end - at, 0, false, &b))
		return weir_early_any(ctx, active);
	weir_term(ctx->ingress_ifindex, WEIR_INGRESS, WEIR_T_DENIED_EARLY, b.bytes, b.packets);
	return XDP_DROP;
}

#endif
