/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Connections to a virtual address. Where DNAT happens in the socket's own network namespace (nftables,
 * iptables, kube-proxy for processes of the host), a packet on its way out carries the backend at the
 * socket hook and its socket the virtual address; what comes in was translated back already. So the first
 * packet out knows both, and is remembered: then both directions are decided and reported by the backend.
 * What the host translates for pods, behind their own namespace, the agent puts here when connection
 * tracking tells of it, and makes the flow's rows stale: from then on they are decided by the backend.
 * Slow path only. Where cgroup/connect4 rewrites, the socket itself goes to the backend: nothing to do.
 */
#ifndef WEIR_NAT_H
#define WEIR_NAT_H

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct weir_nat_key);
	__type(value, struct weir_nat);
} weir_nat SEC(".maps");

static __always_inline bool weir_equal16(const __u8 *a, const __u8 *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1];
}

static __always_inline void weir_nat_ends(const struct bpf_sock *sk, bool v6, struct weir_nat_key *k)
{
	if (!v6) {
		weir_map4(k->local, sk->src_ip4);
		weir_map4(k->remote, sk->dst_ip4);
		return;
	}
#pragma clang loop unroll(full)
	for (int i = 0; i < 4; i++) {
		((__u32 *)k->local)[i] = sk->src_ip6[i];
		((__u32 *)k->remote)[i] = sk->dst_ip6[i];
	}
}

/* p leaves and has no row yet. A UDP socket must be connected to say whom it means. */
__noinline int weir_nat_learn(struct __sk_buff *skb, const struct weir_packet *p, __u32 workload, __u32 now)
{
	struct bpf_sock *sk = skb->sk;
	struct weir_nat_key k = {};
	struct weir_nat n = {};

	if (!p || !sk || !weir_has_ports(p->proto))
		return 0;
	sk = bpf_sk_fullsock(sk);
	/* A tunnel's packet may still have the inner packet's socket. */
	if (!sk || sk->protocol != p->proto || !sk->dst_port)
		return 0;
	weir_nat_ends(sk, p->v6, &k);
	k.rport_be = sk->dst_port;
	if (k.rport_be == p->dport && weir_equal16(k.remote, p->dst))
		return 0;
	k.lport_be = bpf_htons(sk->src_port);
	k.proto = p->proto;
	k.workload = workload;
	__builtin_memcpy(n.backend, p->dst, sizeof(n.backend));
	n.port_be = p->dport;
	n.seen = now;
	if (bpf_map_update_elem(&weir_nat, &k, &n, BPF_ANY))
		weir_drop(WEIR_D_NO_NAT, p->bytes, p->packets);
	return 0;
}

/* p has no row yet: who is really at its other end. 0: whom it says. Apart, for its key on the stack. */
__noinline int weir_nat_find(const struct weir_packet *p, __u32 dir, __u32 workload, struct weir_nat *ret)
{
	struct weir_nat_key k = {};
	struct weir_nat *n;

	if (!p || !ret)
		return 0;
	if (dir == WEIR_EGRESS) {
		__builtin_memcpy(k.local, p->src, sizeof(k.local));
		__builtin_memcpy(k.remote, p->dst, sizeof(k.remote));
		k.lport_be = p->sport;
		k.rport_be = p->dport;
	} else {
		__builtin_memcpy(k.local, p->dst, sizeof(k.local));
		__builtin_memcpy(k.remote, p->src, sizeof(k.remote));
		k.lport_be = p->dport;
		k.rport_be = p->sport;
	}
	k.proto = p->proto;
	k.workload = workload;
	n = bpf_map_lookup_elem(&weir_nat, &k);
	if (!n)
		return 0;
	*ret = *n;
	return 1;
}

#endif
