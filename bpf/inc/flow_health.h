/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * TCP health by flow: what a socket says of its connection is kept for the row of what it sends, so that it can be told
 * by peer and path. A socket does not know its row; its addresses and the interface of its route find it, as often as
 * there is something to say: once a second and at a retransmit. Connections of one kind share a place, however short, and
 * those whose flows found no row of their own with those that did.
 */
#ifndef WEIR_FLOW_HEALTH_H
#define WEIR_FLOW_HEALTH_H

const volatile __u32 weir_rows4_count = 0;	  /* rows of IPv6 are numbered behind those of IPv4 */
const volatile __u32 weir_flow_health_mask = 0; /* places - 1 */

/* Where its route leads; 0 = it has none just now, and what it says then is told of no flow. */
static __always_inline __u32 weir_out_ifindex(struct sock *sk)
{
	struct dst_entry *dst = sk->sk_dst_cache;
	struct net_device *dev = dst ? dst->dev : NULL;

	return dev ? dev->ifindex : 0;
}

/* True: of IPv6, and not of IPv4 by a socket that takes both. */
static __always_inline bool weir_sock_ends(struct sock *sk, struct weir_tuple *t)
{
	struct sock_common *c = &sk->__sk_common;

	if (c->skc_family != AF_INET6) {
		t->local[0] = c->skc_rcv_saddr;
		t->remote[0] = c->skc_daddr;
		return false;
	}
	t->local[0] = *(__u64 *)&c->skc_v6_rcv_saddr.in6_u.u6_addr32[0];
	t->local[1] = *(__u64 *)&c->skc_v6_rcv_saddr.in6_u.u6_addr32[2];
	t->remote[0] = *(__u64 *)&c->skc_v6_daddr.in6_u.u6_addr32[0];
	t->remote[1] = *(__u64 *)&c->skc_v6_daddr.in6_u.u6_addr32[2];
	if (t->remote[0] || c->skc_v6_daddr.in6_u.u6_addr32[2] != bpf_htonl(0xffff))
		return true;
	t->local[0] = c->skc_v6_rcv_saddr.in6_u.u6_addr32[3];
	t->remote[0] = c->skc_v6_daddr.in6_u.u6_addr32[3];
	t->local[1] = t->remote[1] = 0;
	return false;
}

/* Whose health it is: of a workload, over connections that one side opens. */
struct weir_flow_kind {
	__u32 workload;
	__u8 init_local;
};

/* Row n - 1 is live and of this kind, from the same address to the same. */
static __always_inline bool weir_same_kind(const struct weir_tuple *t, bool v6, const struct weir_flow_kind *k, __u32 n)
{
	const struct weir_row *h;
	__u32 i = n - 1;

	if (v6) {
		const struct weir_row6 *r;

		i -= weir_rows4_count; /* beyond the table, when it is of IPv4 */
		r = bpf_map_lookup_elem(&weir_rows6, &i);
		if (!r || *(__u64 *)r->remote != t->remote[0] || *(__u64 *)(r->remote + 8) != t->remote[1] ||
		    *(__u64 *)r->local != t->local[0] || *(__u64 *)(r->local + 8) != t->local[1])
			return false;
		h = &r->h;
	} else {
		const struct weir_row4 *r = i <= weir_flow_mask ? weir_row4_at(i) : NULL;

		if (!r || *(__u32 *)r->remote != (__u32)t->remote[0] || *(__u32 *)r->local != (__u32)t->local[0])
			return false;
		h = &r->h;
	}
	return h->state == WEIR_ROW_LIVE && h->dir == WEIR_EGRESS && h->workload == k->workload &&
	       !(h->flags & WEIR_ROW_F_INIT_LOCAL) == !k->init_local;
}

/* 1 + the number of the flow's row, if it is of this kind. */
static __always_inline __u32 weir_flow_row(struct weir_tuple *t, bool v6, const struct weir_flow_kind *k)
{
	t->hash = weir_hash(t, v6);
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < WEIR_PROBES; i++) {
		bool same;
		struct weir_row *r = weir_slot(t, v6, t->hash + i, &same);

		if (r && same && r->workload == k->workload && !(r->flags & WEIR_ROW_F_INIT_LOCAL) == !k->init_local)
			return 1 + (v6 ? weir_rows4_count + ((t->hash + i) & weir_flow6_mask) : (t->hash + i) & weir_flow_mask);
	}
	return 0;
}

/* Where it is kept; claimed under the flow's row, when there is one, if it is not yet. NULL: no row, or no place is free. */
static __always_inline struct weir_flow_health *weir_flow_place(struct weir_tuple *t, bool v6, const struct weir_flow_kind *k)
{
	const __u32 *local = (const __u32 *)t->local, *remote = (const __u32 *)t->remote;
	__u32 first = weir_flow_health_at(k->workload, local[v6 ? 3 : 0], remote[v6 ? 3 : 0], k->init_local), row;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < WEIR_FLOW_HEALTH_PROBES; i++) {
		__u32 at, of;
		struct weir_flow_health *h;

		asm volatile("" : "+r"(i)); /* a loop without its counter is endless to the verifier */
		at = (first + i) & weir_flow_health_mask;
		h = bpf_map_lookup_elem(&weir_flow_health, &at);
		if (!h)
			break;
		of = h->row;
		if (of && weir_same_kind(t, v6, k, of))
			return h;
		if (of)
			continue;
		row = weir_flow_row(t, v6, k);
		if (!row)
			break;
		if (!__sync_val_compare_and_swap(&h->row, 0, row))
			return h;
	}
	return NULL;
}

/* A function for each family, so that neither has the other's code on its stack. */
static __noinline struct weir_flow_health *weir_flow_place4(struct weir_tuple *t, const struct weir_flow_kind *k)
{
	return weir_flow_place(t, false, k);
}

static __noinline struct weir_flow_health *weir_flow_place6(struct weir_tuple *t, const struct weir_flow_kind *k)
{
	return weir_flow_place(t, true, k);
}

/* Out of line: a settled socket comes here from many places. */
static __noinline void weir_flow_tell(const struct weir_sock *ws, struct tcp_sock *tp, __u32 rtt_us, __u32 samples, __u32 retrans)
{
	struct sock *sk = (struct sock *)tp;
	const struct weir_flow_kind k = {.workload = ws->key.workload, .init_local = ws->init_local};
	struct weir_tuple t = {.proto = IPPROTO_TCP, .dir = WEIR_EGRESS};
	bool v6 = weir_sock_ends(sk, &t);
	struct weir_flow_health *h;

	t.lport_be = bpf_htons(sk->__sk_common.skc_num);
	t.rport_be = sk->__sk_common.skc_dport;
	t.ifindex = weir_out_ifindex(sk);
	h = v6 ? weir_flow_place6(&t, &k) : weir_flow_place4(&t, &k);
	if (!h)
		return;
	if (samples) {
		__sync_fetch_and_add(&h->now.rtt_us, rtt_us);
		__sync_fetch_and_add(&h->now.samples, samples);
	}
	if (retrans)
		__sync_fetch_and_add(&h->now.retrans, retrans);
}

#endif
