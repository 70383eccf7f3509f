/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a gateway forwards: counted and enforced once, where it leaves, when it came and goes by a leg.
 * `local` is the side whose traffic it is: from inside to outside the sender (EGRESS), from outside to
 * inside the receiver (INGRESS), between two of the same kind the sender. The row counts on the
 * outside's interface, in place of its WEIR_T_FORWARDED; the inside's keeps that term. What this node
 * makes or receives itself is the sockets'.
 */
#ifndef WEIR_GATEWAY_H
#define WEIR_GATEWAY_H

#define WEIR_TC_SHOT 2
#define WEIR_NO_PASSAGE 5
#define WEIR_CT_REPLY 3	  /* IP_CT_IS_REPLY: this and above */
#define WEIR_CT_NONE 7	  /* IP_CT_UNTRACKED */
#define WEIR_CT_NAT 0x30  /* IPS_SRC_NAT | IPS_DST_NAT */

/* What connection tracking says of a packet's sender. */
struct weir_sender {
	__be32 addr[4]; /* before it was translated; valid when `translated` */
	__be16 port;
	bool tracked, translated, reply;
};

/* The kernel's own structs in place, where it lets a program do so (RUNG_CAST); else by copies. */
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;
extern void *bpf_rdonly_cast(const void *at, __u32 type) __ksym __weak;

/* Constant indexes: the kernel's own element size is not the one that is known here. */
#define WEIR_CT_SENDER(n)                                                                  \
	do {                                                                               \
		BPF_CORE_READ_INTO(&ret->addr, ct, tuplehash[n].tuple.src.u3.all);         \
		BPF_CORE_READ_INTO(&ret->port, ct, tuplehash[n].tuple.src.u.all);          \
	} while (0)
#define WEIR_CT_SENDER_IN_PLACE(n)                                                         \
	do {                                                                               \
		ret->addr[0] = ct->tuplehash[n].tuple.src.u3.all[0];                       \
		ret->addr[1] = ct->tuplehash[n].tuple.src.u3.all[1];                       \
		ret->addr[2] = ct->tuplehash[n].tuple.src.u3.all[2];                       \
		ret->addr[3] = ct->tuplehash[n].tuple.src.u3.all[3];                       \
		ret->port = ct->tuplehash[n].tuple.src.u.all;                              \
	} while (0)

static __always_inline void weir_sender_of(struct __sk_buff *skb, bool in_place, struct weir_sender *ret)
{
	struct sk_buff *kernel = in_place ? bpf_cast_to_kern_ctx(skb) : (void *)skb;
	unsigned long nfct, status;
	struct nf_conn *ct;

	ret->tracked = ret->translated = ret->reply = false;
	if (!in_place && (!bpf_core_field_exists(kernel->_nfct) || !bpf_core_type_exists(struct nf_conn)))
		return;
	nfct = in_place ? kernel->_nfct : BPF_CORE_READ(kernel, _nfct);
	if (!(nfct & ~7ul) || (nfct & 7) == WEIR_CT_NONE)
		return;
	ct = (struct nf_conn *)(nfct & ~7ul);
	if (in_place)
		ct = bpf_rdonly_cast(ct, bpf_core_type_id_kernel(struct nf_conn));
	ret->tracked = true;
	ret->reply = (nfct & 7) >= WEIR_CT_REPLY;
	status = in_place ? ct->status : BPF_CORE_READ(ct, status);
	if (!(status & WEIR_CT_NAT))
		return;
	ret->translated = true;
	if (in_place && ret->reply)
		WEIR_CT_SENDER_IN_PLACE(1);
	else if (in_place)
		WEIR_CT_SENDER_IN_PLACE(0);
	else if (ret->reply)
		WEIR_CT_SENDER(1);
	else
		WEIR_CT_SENDER(0);
}

/*
 * Connection tracking knows who opened the connection, and the sender's address before it was
 * translated: with it both directions of a flow name the same two ends, those inside by their own
 * address. Returns the weir_opener.
 */
__noinline int weir_untranslate(struct __sk_buff *skb, struct weir_packet *p, __u32 dir)
{
	struct weir_sender from = {};

	if (!p)
		return WEIR_OPENER_UNKNOWN;
	weir_sender_of(skb, false, &from);
	if (from.translated && p->v6)
		__builtin_memcpy(p->src, from.addr, sizeof(p->src));
	else if (from.translated)
		weir_map4(p->src, from.addr[0]);
	if (from.translated && p->sport)
		p->sport = from.port;
	if (!from.tracked)
		return WEIR_OPENER_UNKNOWN;
	return from.reply == (dir == WEIR_INGRESS) ? WEIR_OPENER_LOCAL : WEIR_OPENER_PEER;
}

/* The same for a hit, which needs no opener. TCP and UDP have ports. */
static __always_inline void weir_untranslate_brief(struct __sk_buff *skb, bool in_place, bool v6, struct weir_brief *b)
{
	struct weir_sender from = {};

	weir_sender_of(skb, in_place, &from);
	if (!from.translated)
		return;
	b->src[0] = from.addr[0];
	if (v6) {
		b->src[0] |= (__u64)from.addr[1] << 32;
		b->src[1] = from.addr[2] | (__u64)from.addr[3] << 32;
	}
	if (b->ports_be[0])
		b->ports_be[0] = from.port;
}

static __always_inline int weir_forward_any(struct __sk_buff *skb, struct weir_packet *p, struct weir_tuple *t)
{
	weir_tuple_of(skb, p, p->v6, t);
	return (p->v6 ? weir_slow6(skb, p, t) : weir_slow4(skb, p, t)) & 1;
}

struct weir_way weir_ways[WEIR_WAYS] SEC(".data.ways");

/* The passage as the agent laid it down; NULL: none, or no room was left for it. */
static __always_inline const struct weir_way *weir_way_find(__u32 from, __u32 to)
{
	__u32 at = WEIR_WAY_AT(from, to);
	const struct weir_way *w = &weir_ways[at & (WEIR_WAYS - 1)];

	if (!from)
		return NULL;
	if (w->from == from && w->to == to) /* nearly all are there */
		return w;
#pragma clang loop unroll(disable)
	for (__u32 i = 1; i < WEIR_WAY_PROBES; i++) {
		w = &weir_ways[(at + i) & (WEIR_WAYS - 1)];
		if (w->from == from && w->to == to)
			return w;
	}
	return NULL;
}

/* The same by what weir_ifs says. False: no passage from leg to leg. */
static __always_inline bool weir_way_of(const struct __sk_buff *skb, struct weir_way *w)
{
	__u32 from, to;

	w->from = skb->ingress_ifindex;
	w->to = skb->ifindex;
	from = weir_if_find(w->from, &w->in);
	to = weir_if_find(w->to, &w->out);
	if (!(from & to & WEIR_IF_LEG) || !weir_is_forwarded(skb->sk, w->from))
		return false;
	w->dir = to & ~from & WEIR_IF_INSIDE ? WEIR_INGRESS : WEIR_EGRESS;
	w->ifindex = w->dir == WEIR_EGRESS ? w->to : w->from;
	w->observed = (from & WEIR_IF_OBSERVED ? WEIR_WAY_IN : 0) | (to & WEIR_IF_OBSERVED ? WEIR_WAY_OUT : 0);
	return true;
}

/* Terms of a packet that the row of a flow has counted; what tc is told. */
static __always_inline int weir_passed(const struct weir_way *w, __u32 bytes, __u32 packets, bool pass, __u8 dir)
{
	struct weir_if_terms *terms;
	__u32 slot = w->in;

	if (dir == WEIR_EGRESS && (w->observed & WEIR_WAY_IN) && (terms = bpf_map_lookup_elem(&weir_terms, &slot)))
		weir_count_term(&terms->of[WEIR_INGRESS][WEIR_T_FORWARDED], bytes, packets);
	if (!pass)
		return WEIR_TC_SHOT;
	slot = w->out;
	if (!(w->observed & WEIR_WAY_OUT) || !(terms = bpf_map_lookup_elem(&weir_terms, &slot)))
		return -1;
	weir_count_term(&terms->of[WEIR_EGRESS][WEIR_T_INTERFACE], bytes, packets);
	if (dir == WEIR_INGRESS)
		weir_count_term(&terms->of[WEIR_EGRESS][WEIR_T_FORWARDED], bytes, packets);
	return -1;
}

__noinline int weir_passed_any(struct __sk_buff *skb, const struct weir_packet *p, __u32 pass)
{
	struct weir_way w;

	if (!p || !weir_way_of(skb, &w))
		return pass ? -1 : WEIR_TC_SHOT;
	weir_take_back(w.in, p);
	return weir_passed(&w, p->bytes, p->packets, pass, w.dir);
}

/* A function of its own: what it needs must not be on the stack where a decision is made. */
__noinline int weir_parse_tc(struct __sk_buff *skb, __u32 l2, struct weir_packet *p)
{
	return p ? weir_parse(skb, l2 ? WEIR_ETH_LEN : 0, p) : -1;
}

static __always_inline int weir_gateway_hit_of(struct __sk_buff *skb, __u32 l2, __u64 active, const struct weir_way *w,
					       bool in_place, bool v6, __u8 dir)
{
	struct weir_tuple t = {.active = active, .dir = dir, .ifindex = w->ifindex};
	const void *at = (const void *)(long)skb->data + l2, *end = (const void *)(long)skb->data_end;
	struct weir_brief b;
	struct weir_row *row;
	int pass;

	/* On its way in the observer may have taken UDP for a tunnel's. */
	if (!weir_brief_who(at, end, v6, &b) || (b.proto == IPPROTO_UDP && weir_is_tunnel_port(b.ports_be[1])))
		return WEIR_MISS;
	weir_untranslate_brief(skb, in_place, v6, &b);
	weir_tuple_brief(&b, v6, &t);
	row = weir_find_hit(&t, v6, true, w->workload);
	if (!row || !weir_brief_size(at, skb->len - l2, skb->gso_size, v6, &b))
		return WEIR_MISS;
	pass = weir_passed(w, b.bytes, b.packets, row->verdict != WEIR_V_DENY, dir);
	/* Last: an atomic addition waits for all that was written, and what follows waits for it. */
	weir_row_add(row, b.bytes, b.packets);
	return pass;
}

/* TC_ACT_*; nothing was counted: WEIR_MISS, take the long way; WEIR_NO_PASSAGE, the observer's alone. */
static __always_inline int weir_gateway_hit(struct __sk_buff *skb, __u32 l2, bool in_place)
{
	__u64 active = weir_active(); /* first: it may call, and nothing is in registers yet */
	__u32 came_by = skb->ingress_ifindex;
	const struct weir_way *w;
	struct weir_way other;

	if (!weir_ctl.counting)
		return -1;
	w = weir_way_find(came_by, skb->ifindex);
	if (!w || !weir_is_forwarded(skb->sk, came_by))
		return weir_way_of(skb, &other) ? WEIR_MISS : WEIR_NO_PASSAGE;
	if (skb->protocol == bpf_htons(WEIR_ETH_IP))
		return w->dir == WEIR_EGRESS ? weir_gateway_hit_of(skb, l2, active, w, in_place, false, WEIR_EGRESS) :
					       weir_gateway_hit_of(skb, l2, active, w, in_place, false, WEIR_INGRESS);
	if (skb->protocol == bpf_htons(WEIR_ETH_IPV6))
		return w->dir == WEIR_EGRESS ? weir_gateway_hit_of(skb, l2, active, w, in_place, true, WEIR_EGRESS) :
					       weir_gateway_hit_of(skb, l2, active, w, in_place, true, WEIR_INGRESS);
	return WEIR_MISS;
}

/* Any packet. */
static __always_inline int weir_gateway_any(struct __sk_buff *skb, __u32 l2)
{
	struct weir_tuple t = {.cgroup = WEIR_GATEWAY_CGROUP, .place = WEIR_ON_PASSAGE};
	struct weir_packet p;
	struct weir_way w;

	if (weir_parse_tc(skb, l2, &p))
		return weir_observe_other(skb, weir_if_slot(skb->ifindex), WEIR_EGRESS, &p);
	if (!weir_way_of(skb, &w)) /* an interface has just left */
		return weir_observe_any(skb, WEIR_EGRESS, l2);
	weir_parse_detail(&p);
	t.dir = w.dir;
	t.ifindex = w.ifindex;
	t.active = weir_active();
	t.opener = weir_untranslate(skb, &p, t.dir);
	return weir_passed_any(skb, &p, weir_forward_any(skb, &p, &t));
}

/* Functions, as weir_hit_in() is. A length that the verifier does not know would be too long for it. */
__noinline int weir_gw_hit(struct __sk_buff *skb, __u32 l2)
{
	return weir_gateway_hit(skb, l2 ? WEIR_ETH_LEN : 0, false);
}

__noinline int weir_gw_hit_cast(struct __sk_buff *skb, __u32 l2)
{
	return weir_gateway_hit(skb, l2 ? WEIR_ETH_LEN : 0, true);
}

static __always_inline int weir_gateway_out(struct __sk_buff *skb, __u32 l2, bool in_place)
{
	int r = in_place ? weir_gw_hit_cast(skb, l2) : weir_gw_hit(skb, l2);

	if (r == WEIR_NO_PASSAGE)
		return weir_observe_any(skb, WEIR_EGRESS, l2);
	return r == WEIR_MISS ? weir_gateway_any(skb, l2) : r;
}

#endif
