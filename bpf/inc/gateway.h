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
#define WEIR_CT_REPLY 3	  /* IP_CT_IS_REPLY: this and above */
#define WEIR_CT_NONE 7	  /* IP_CT_UNTRACKED */
#define WEIR_CT_NAT 0x30  /* IPS_SRC_NAT | IPS_DST_NAT */

/*
 * Connection tracking knows who opened the connection, and the sender's address before it was
 * translated: with it both directions of a flow name the same two ends, those inside by their own
 * address. Returns the weir_opener.
 */
__noinline int weir_untranslate(struct __sk_buff *skb, struct weir_packet *p, __u32 dir)
{
	struct sk_buff *kernel = (struct sk_buff *)skb;
	__be32 addr[4] = {};
	unsigned long nfct;
	__be16 port = 0;
	struct nf_conn *ct;
	bool reply;

	if (!p || !bpf_core_field_exists(kernel->_nfct) || !bpf_core_type_exists(struct nf_conn))
		return WEIR_OPENER_UNKNOWN;
	nfct = BPF_CORE_READ(kernel, _nfct);
	ct = (struct nf_conn *)(nfct & ~7ul);
	if (!ct || (nfct & 7) == WEIR_CT_NONE)
		return WEIR_OPENER_UNKNOWN;
	reply = (nfct & 7) >= WEIR_CT_REPLY;
	if (BPF_CORE_READ(ct, status) & WEIR_CT_NAT) {
		/* Constant indexes: the kernel's own element size is not the one that is known here. */
		if (reply) {
			BPF_CORE_READ_INTO(&addr, ct, tuplehash[1].tuple.src.u3.all);
			BPF_CORE_READ_INTO(&port, ct, tuplehash[1].tuple.src.u.all);
		} else {
			BPF_CORE_READ_INTO(&addr, ct, tuplehash[0].tuple.src.u3.all);
			BPF_CORE_READ_INTO(&port, ct, tuplehash[0].tuple.src.u.all);
		}
		if (p->v6)
			__builtin_memcpy(p->src, addr, sizeof(p->src));
		else
			weir_map4(p->src, addr[0]);
		if (p->sport)
			p->sport = port;
	}
	return reply == (dir == WEIR_INGRESS) ? WEIR_OPENER_LOCAL : WEIR_OPENER_PEER;
}

/* The verdict of a flow whose row has it already: 1 pass, 0 drop; WEIR_MISS: not for here. */
static __always_inline int weir_forward_hit(struct __sk_buff *skb, struct weir_packet *p, struct weir_tuple *t)
{
	struct weir_row *row;

	if (p->v6) {
		weir_tuple_of(skb, p, true, t);
		row = weir_find_current(t, true);
	} else {
		weir_tuple_of(skb, p, false, t);
		row = weir_find_current(t, false);
	}
	if (!row || row->limit)
		return WEIR_MISS;
	weir_row_add(row, p);
	return weir_answer(row->verdict, t->dir) & 1;
}

static __always_inline int weir_forward_any(struct __sk_buff *skb, struct weir_packet *p, struct weir_tuple *t)
{
	weir_tuple_of(skb, p, p->v6, t);
	return (p->v6 ? weir_slow6(skb, p, t) : weir_slow4(skb, p, t)) & 1;
}

/* Terms of a packet that the row of a flow has counted; what tc is told. */
static __always_inline int weir_passed(__u32 in, __u32 out, const struct weir_packet *p, __u8 dir, bool pass)
{
	if (weir_forwarded_in(in, p) && dir == WEIR_EGRESS)
		weir_slot_term(in, WEIR_INGRESS, WEIR_T_FORWARDED, p->bytes, p->packets);
	if (!pass)
		return WEIR_TC_SHOT;
	if (weir_if_flags(out) & WEIR_IF_OBSERVED) {
		weir_slot_term(out, WEIR_EGRESS, WEIR_T_INTERFACE, p->bytes, p->packets);
		if (dir == WEIR_INGRESS)
			weir_slot_term(out, WEIR_EGRESS, WEIR_T_FORWARDED, p->bytes, p->packets);
	}
	return -1;
}

__noinline int weir_passed_any(struct __sk_buff *skb, const struct weir_packet *p, __u32 dir, __u32 pass)
{
	__u32 in = weir_if_slot(skb->ingress_ifindex), out = weir_if_slot(skb->ifindex);

	return p ? weir_passed(in, out, p, dir, pass) : -1;
}

/* A function of its own: what it needs must not be on the stack where a decision is made. */
__noinline int weir_parse_tc(struct __sk_buff *skb, __u32 l2, struct weir_packet *p)
{
	return p ? weir_parse(skb, l2 ? WEIR_ETH_LEN : 0, p) : -1;
}

/* TC_ACT_*; WEIR_MISS: nothing was counted, take the long way. */
static __always_inline int weir_gateway(struct __sk_buff *skb, __u32 l2, bool any)
{
	__u32 came_by = skb->ingress_ifindex;
	__u32 out = weir_if_slot(skb->ifindex), in = weir_if_slot(came_by);
	__u32 to = weir_if_flags(out), from = weir_if_flags(in), zero = 0;
	struct weir_ctl *ctl = bpf_map_lookup_elem(&weir_ctl, &zero);
	struct weir_tuple t = {.cgroup = WEIR_GATEWAY_CGROUP, .place = WEIR_ON_PASSAGE};
	struct weir_packet p;
	int pass;

	if (!ctl || !ctl->counting)
		return -1;
	if (!any && !weir_parse_fast(skb, l2, &p))
		return WEIR_MISS;
	if (any && weir_parse_tc(skb, l2, &p))
		return weir_observe_other(skb, out, WEIR_EGRESS, &p);
	if (!weir_is_forwarded(skb->sk, came_by) || !(from & to & WEIR_IF_LEG))
		return weir_observe_packet(skb, out, WEIR_EGRESS, came_by, &p);
	if (any)
		weir_parse_detail(&p);
	t.dir = (to & WEIR_IF_INSIDE) && !(from & WEIR_IF_INSIDE) ? WEIR_INGRESS : WEIR_EGRESS;
	t.ifindex = t.dir == WEIR_EGRESS ? skb->ifindex : came_by;
	t.active = weir_active(ctl);
	t.opener = weir_untranslate(skb, &p, t.dir);
	if (any)
		return weir_passed_any(skb, &p, t.dir, weir_forward_any(skb, &p, &t));
	pass = weir_forward_hit(skb, &p, &t);
	return pass == WEIR_MISS ? WEIR_MISS : weir_passed(in, out, &p, t.dir, pass);
}

/* A function, as weir_hit_in() is. A length that the verifier does not know would be too long for it. */
__noinline int weir_gateway_hit(struct __sk_buff *skb, __u32 l2)
{
	return weir_gateway(skb, l2 ? WEIR_ETH_LEN : 0, false);
}

static __always_inline int weir_gateway_out(struct __sk_buff *skb, __u32 l2)
{
	int r = weir_gateway_hit(skb, l2);

	return r == WEIR_MISS ? weir_gateway(skb, l2, true) : r;
}

#endif
