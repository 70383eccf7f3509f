/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A packet at a socket: parse, find its row, count, answer. What is not known yet of a flow (who it
 * belongs to, who opened it, what the policy says) is found once, out of line, and kept in the row.
 */
#ifndef WEIR_ACCOUNT_H
#define WEIR_ACCOUNT_H

/* Addresses, ports and interface; the rest of the tuple stands already. */
static __always_inline void weir_tuple_of(const struct __sk_buff *skb, const struct weir_packet *p, bool v6,
					  struct weir_tuple *t)
{
	bool out = t->dir == WEIR_EGRESS;
	const __u8 *local = out ? p->src : p->dst, *remote = out ? p->dst : p->src;

	if (v6) {
		t->local[0] = *(__u64 *)local;
		t->local[1] = *(__u64 *)(local + 8);
		t->remote[0] = *(__u64 *)remote;
		t->remote[1] = *(__u64 *)(remote + 8);
	} else {
		t->local[0] = *(__u32 *)(local + 12);
		t->remote[0] = *(__u32 *)(remote + 12);
		t->local[1] = t->remote[1] = 0;
	}
	t->lport_be = out ? p->sport : p->dport;
	t->rport_be = out ? p->dport : p->sport;
	t->proto = p->proto;
	if (!t->ifindex)
		t->ifindex = skb->ifindex;
	t->hash = weir_hash(t, v6);
}

/* The same of what a hit knows; dir, cgroup, active and interface stand already. */
static __always_inline void weir_tuple_brief(const struct weir_brief *b, bool v6, struct weir_tuple *t)
{
	if (t->dir == WEIR_EGRESS) {
		t->local[0] = b->src[0];
		t->remote[0] = b->dst[0];
		t->local[1] = b->src[1];
		t->remote[1] = b->dst[1];
		t->ports = b->ports;
	} else {
		t->local[0] = b->dst[0];
		t->remote[0] = b->src[0];
		t->local[1] = b->dst[1];
		t->remote[1] = b->src[1];
		t->ports = b->ports << 16 | b->ports >> 16;
	}
	t->proto = b->proto;
	t->hash = weir_hash(t, v6);
}

/* Who opened the connection: the socket knows (TCP), else the flow's other direction, else the SYN,
 * else the smaller port is the service's (TCP older than weir) or the first packet opened it. */
static __always_inline bool weir_init_local(struct __sk_buff *skb, const struct weir_packet *p,
					    struct weir_tuple *t, bool v6)
{
	struct bpf_sock *sk = skb->sk;
	struct weir_sock *ws;
	struct weir_row *r;
	__u32 hash = t->hash;

	if (p->proto == IPPROTO_TCP && sk) {
		sk = bpf_sk_fullsock(sk);
		ws = sk ? bpf_sk_storage_get(&weir_socks, sk, NULL, 0) : NULL;
		if (ws)
			return ws->init_local;
	}
	t->dir = !t->dir;
	if (p->error)
		t->proto = p->error_proto;
	t->hash = weir_hash(t, v6);
	r = weir_find_any(t, v6);
	t->dir = !t->dir;
	t->proto = p->proto;
	t->hash = hash;
	if (r)
		return r->flags & WEIR_ROW_F_INIT_LOCAL;
	if (p->error) /* as a rule it answers the first packet, which came the other way */
		return t->dir == WEIR_INGRESS;
	if (p->proto == IPPROTO_TCP && (p->tcp_flags & (WEIR_TCP_SYN | WEIR_TCP_ACK)) != WEIR_TCP_SYN)
		return bpf_ntohs(t->rport_be) < bpf_ntohs(t->lport_be);
	return t->dir == WEIR_EGRESS;
}

/* Apart, so that its stack is not there where a decision is made. t comes back as it was. */
__noinline int weir_init4(struct __sk_buff *skb, const struct weir_packet *p, struct weir_tuple *t)
{
	return p && t ? weir_init_local(skb, p, t, false) : 0;
}

__noinline int weir_init6(struct __sk_buff *skb, const struct weir_packet *p, struct weir_tuple *t)
{
	return p && t ? weir_init_local(skb, p, t, true) : 0;
}

/* nat: the backend, when the other end is a virtual address. */
static __always_inline void weir_ask_of(const struct weir_row *k, const struct weir_packet *p,
					const struct weir_nat *nat, struct weir_ask *ret)
{
	ret->dir = k->flags & WEIR_ROW_F_INIT_LOCAL ? WEIR_EGRESS : WEIR_INGRESS;
	ret->proto = p->error ? p->error - 1 : weir_proto_class(k->proto);
	ret->port = bpf_ntohs(ret->dir == WEIR_EGRESS ? k->rport_be : k->lport_be);
	ret->workload = k->workload;
	__builtin_memcpy(ret->peer, k->dir == WEIR_EGRESS ? p->dst : p->src, sizeof(ret->peer));
	if (nat) {
		__builtin_memcpy(ret->peer, nat->backend, sizeof(ret->peer));
		ret->port = bpf_ntohs(nat->port_be);
	}
}

/* A TCP connection that came about before it was denied. */
__noinline int weir_stands(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct weir_sock *ws;

	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	ws = sk && sk->type == WEIR_SOCK_STREAM ? bpf_sk_storage_get(&weir_socks, sk, NULL, 0) : NULL;
	return ws && ws->established;
}

/* Fills k's verdict for a flow that has no row of this generation. */
static __always_inline void weir_evaluate(struct __sk_buff *skb, struct weir_row *k, const struct weir_packet *p,
					  const struct weir_nat *nat, __u64 active)
{
	struct weir_outcome o = {.rule = WEIR_NO_RULE, .verdict = WEIR_V_NONE};
	__u32 mode = WEIR_A_MODE(active);
	struct weir_ask q;

	weir_ask_of(k, p, nat, &q);
	if (mode == WEIR_MODE_OBSERVE || !(active & WEIR_A_BUNDLE)) {
		if (active & WEIR_A_BUNDLE)
			o.peer_class = weir_peer_class(q.peer, active);
		if (mode == WEIR_MODE_ENFORCE && weir_ctl.default_deny)
			o.verdict = WEIR_V_DENY;
	} else {
		weir_decide(&q, active, &o);
	}
	/* By the direction in which it was opened, so that a flow counts once, not each way. */
	if ((active & WEIR_A_CANDIDATE) && mode != WEIR_MODE_OBSERVE && k->dir == q.dir)
		weir_shadow(&q, active, &o);
	if (o.verdict == WEIR_V_DENY && weir_ctl.keep_established && weir_stands(skb))
		o.verdict = WEIR_V_ACCEPT;
	if (mode == WEIR_MODE_SHADOW && o.verdict == WEIR_V_DENY)
		o.verdict = WEIR_V_WOULD_DENY;
	k->verdict = o.verdict;
	k->rule = o.rule;
	k->limit = weir_limit_for(o.limit, k->dir, active);
	k->peer_class = o.peer_class;
}

/* A packet whose flow has no row of this generation yet, or a rate. */
static __always_inline int weir_account_slow(struct __sk_buff *skb, const struct weir_packet *p,
					     struct weir_tuple *t, bool v6)
{
	struct weir_row *row, k = {};
	struct weir_nat nat;
	bool through_nat = false;

	row = weir_find_current(t, v6);
	if (row) {
		k.workload = row->workload;
		k.verdict = row->verdict;
		k.flags = row->flags;
		k.peer_class = row->peer_class;
		k.rule = row->rule;
		k.limit = row->limit;
	} else {
		k.seen = WEIR_TICK(bpf_ktime_get_coarse_ns());
		k.workload = weir_index_of(t->cgroup);
		if (!k.workload && t->cgroup) {
			weir_drop(WEIR_D_NO_WORKLOAD, p->bytes, p->packets);
			t->cgroup = 0; /* no index left: rows of the unidentified */
		}
		k.flags = v6 ? WEIR_ROW_F_V6 : 0;
		if (t->place == WEIR_AT_FOREIGN)
			k.flags |= WEIR_ROW_F_FOREIGN;
		if (t->dir == WEIR_EGRESS && t->place != WEIR_ON_PASSAGE)
			weir_nat_learn(skb, p, k.workload, k.seen);
		if (t->place != WEIR_ON_PASSAGE)
			through_nat = weir_nat_find(p, t->dir, k.workload, &nat);
		if (through_nat) /* only who opens a connection names a virtual address */
			k.flags |= WEIR_ROW_F_NAT | WEIR_ROW_F_INIT_LOCAL;
		else if (t->opener ? t->opener == WEIR_OPENER_LOCAL : v6 ? weir_init6(skb, p, t) : weir_init4(skb, p, t))
			k.flags |= WEIR_ROW_F_INIT_LOCAL;
	}
	k.lport_be = t->lport_be;
	k.rport_be = t->rport_be;
	k.proto = t->proto;
	k.dir = t->dir;
	k.ifindex = t->ifindex;
	k.gen = WEIR_A_GEN(t->active);
	if (!row)
		weir_evaluate(skb, &k, p, through_nat ? &nat : NULL, t->active);
	if (k.limit)
		k.verdict = weir_limited(skb, &k, t, p->bytes);
	if (!row || row->verdict != k.verdict)
		row = weir_find_or_claim(&k, t, v6);
	if (row)
		weir_row_add(row, p->bytes, p->packets);
	else
		weir_count_total(&k, p);
	return weir_answer(k.verdict, k.dir);
}

__noinline int weir_slow4(struct __sk_buff *skb, const struct weir_packet *p, struct weir_tuple *t)
{
	return p && t ? weir_account_slow(skb, p, t, false) : 1;
}

__noinline int weir_slow6(struct __sk_buff *skb, const struct weir_packet *p, struct weir_tuple *t)
{
	return p && t ? weir_account_slow(skb, p, t, true) : 1;
}

/* The verdict in force now: an ended lease means observe, as a generation of its own. */
static __always_inline __u64 weir_active(void)
{
	__u64 active = *(volatile __u64 *)&weir_ctl.active;

	if (weir_ctl.lease_until_s && bpf_ktime_get_coarse_ns() > weir_ctl.lease_until_s * 1000000000ull)
		return WEIR_A_MAKE((active >> 32) | WEIR_GEN_LEASE_OVER, active & (WEIR_A_BUNDLE | 1));
	return active;
}

#define WEIR_MISS 4
#define WEIR_AT_LISTENER 0x7765u

/*
 * On ingress a raw or ICMP socket gets a copy of what the kernel handles: the observer counts it. And a
 * segment that ends a handshake passes this hook at the listener; if another CPU made the connection
 * meanwhile (by the data behind it), the kernel brings the same segment to the connection, through this
 * hook again. Those are marked at the listener, in the upper half of a received packet's priority, which
 * TCP does not read.
 */
static __always_inline bool weir_seen_before(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	if (!sk)
		return false;
	if (sk->type == WEIR_SOCK_RAW || skb->priority >> 16 == WEIR_AT_LISTENER)
		return true;
	if (sk->state == WEIR_TCP_LISTEN && sk->type == WEIR_SOCK_STREAM && !(skb->priority >> 16))
		skb->priority |= WEIR_AT_LISTENER << 16;
	return false;
}

/* False only where weir_seen_before() has nothing to say, by what is in the caches already: the type of a
 * socket is not, but the port of a raw one is its protocol. */
static __always_inline bool weir_maybe_seen(const struct __sk_buff *skb, __u8 proto)
{
	const struct bpf_sock *sk = skb->sk;

	return sk && (sk->src_port == proto || sk->state == WEIR_TCP_LISTEN || skb->priority >> 16 == WEIR_AT_LISTENER);
}

/* A packet that needs nothing but to be counted: weir_answer(); WEIR_MISS: not for here. */
static __always_inline int weir_hit_of(const struct __sk_buff *skb, __u64 active, __u64 cgroup, __u8 dir, bool v6)
{
	struct weir_tuple t = {.active = active, .cgroup = cgroup, .dir = dir, .ifindex = skb->ifindex};
	const void *at = (const void *)(long)skb->data, *end = (const void *)(long)skb->data_end;
	struct weir_brief b;
	struct weir_row *row;
	bool pass;

	if (!weir_brief_who(at, end, v6, &b) || (dir == WEIR_INGRESS && weir_maybe_seen(skb, b.proto)))
		return WEIR_MISS;
	weir_tuple_brief(&b, v6, &t);
	row = weir_find_hit(&t, v6, false, 0);
	if (!row || !weir_brief_size(at, skb->len, skb->gso_size, v6, &b))
		return WEIR_MISS;
	pass = row->verdict != WEIR_V_DENY;
	weir_row_add(row, b.bytes, b.packets);
	return pass;
}

static __always_inline int weir_hit(const struct __sk_buff *skb, __u64 active, __u64 cgroup, __u8 dir)
{
	if (skb->protocol == bpf_htons(WEIR_ETH_IP))
		return weir_hit_of(skb, active, cgroup, dir, false);
	return skb->protocol == bpf_htons(WEIR_ETH_IPV6) ? weir_hit_of(skb, active, cgroup, dir, true) : WEIR_MISS;
}

/* Functions, because their stack must not be there when the long way is gone. */
__noinline int weir_hit_in(struct __sk_buff *skb, __u64 active, __u64 cgroup)
{
	return weir_hit(skb, active, cgroup, WEIR_INGRESS);
}

__noinline int weir_hit_out(struct __sk_buff *skb, __u64 active, __u64 cgroup)
{
	return weir_hit(skb, active, cgroup, WEIR_EGRESS);
}

/* A function of its own: kernels up to 6.1 round each frame up to 32 bytes, and the chain from here to
 * the end of a decision must stay within 512. */
__noinline int weir_parse_any(struct __sk_buff *skb, struct weir_packet *p)
{
	return p ? weir_parse(skb, 0, p) : -1;
}

/* Any packet. */
__noinline int weir_account_any(struct __sk_buff *skb, __u64 active, __u64 cgroup, __u32 dir)
{
	struct weir_tuple t = {.active = active, .cgroup = cgroup, .dir = dir};
	struct weir_packet p = {};

	if (dir == WEIR_INGRESS && weir_seen_before(skb))
		return 1;
	if (weir_parse_any(skb, &p)) {
		weir_drop(p.reason - 1, skb->len, 1);
		return 1;
	}
	weir_parse_detail(&p);
	if (dir == WEIR_INGRESS && (p.proto == IPPROTO_ICMP || p.proto == IPPROTO_ICMPV6))
		return 1;
	/* Asked here, not below: tc programs go there too, and some kernels do not answer them. */
	if (weir_own_netns && bpf_get_netns_cookie(skb) != weir_own_netns)
		t.place = WEIR_AT_FOREIGN;
	weir_tuple_of(skb, &p, p.v6, &t);
	return p.v6 ? weir_slow6(skb, &p, &t) : weir_slow4(skb, &p, &t);
}

static __always_inline int weir_account(struct __sk_buff *skb, __u8 dir)
{
	__u64 active, cgroup;
	int pass;

	if (!weir_ctl.counting)
		return 1;
	active = weir_active();
	cgroup = bpf_skb_cgroup_id(skb);
	pass = dir == WEIR_INGRESS ? weir_hit_in(skb, active, cgroup) : weir_hit_out(skb, active, cgroup);
	if (pass == WEIR_MISS)
		pass = weir_account_any(skb, active, cgroup, dir);
	return pass & (dir == WEIR_EGRESS ? 3 : 1);
}

#endif
