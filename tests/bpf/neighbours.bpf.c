/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Programs of others at weir's hooks, for tests. Each has an opinion on single destination ports of
 * UDP (TCP at connect4) from 7000 to 7015, and counts in `seen` which of these it was shown.
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tests/bpf/neighbours.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 nb_redirect_to = 0; /* interface */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NB_SLOTS * NB_PORTS);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

/* As systemd's IPAddressDeny= has it: an address that is found is denied. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8);
	__uint(key_size, 8);
	__uint(value_size, 8);
} denied SEC(".maps");

static __always_inline void saw(__u32 slot, __u32 port)
{
	__u32 key = slot * NB_PORTS + port - NB_FIRST_PORT;
	__u64 *n;

	if (port < NB_FIRST_PORT || port >= NB_FIRST_PORT + NB_PORTS)
		return;
	n = bpf_map_lookup_elem(&seen, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
}

/* UDP destination port of an IPv4 packet without options; 0 = something else. */
static __always_inline __u32 port_of(struct __sk_buff *skb, __u32 l3)
{
	__u8 ip[2] = {}, proto = 0;
	__be16 port = 0;

	if (skb->protocol != bpf_htons(0x0800) || bpf_skb_load_bytes(skb, l3, ip, sizeof(ip)) ||
	    bpf_skb_load_bytes(skb, l3 + 9, &proto, 1) || ip[0] != 0x45 || proto != 17 ||
	    bpf_skb_load_bytes(skb, l3 + 22, &port, sizeof(port)))
		return 0;
	return bpf_ntohs(port);
}

static __always_inline int filter(struct __sk_buff *skb, __u32 slot, __u32 deny)
{
	__u32 port = port_of(skb, 0);

	saw(slot, port);
	return port != deny;
}

SEC("cgroup_skb/egress")
int nb_out_a(struct __sk_buff *skb)
{
	return filter(skb, NB_OUT_A, NB_DENY_OUT_A);
}

SEC("cgroup_skb/egress")
int nb_out_b(struct __sk_buff *skb)
{
	return filter(skb, NB_OUT_B, NB_DENY_OUT_B);
}

SEC("cgroup_skb/ingress")
int nb_in(struct __sk_buff *skb)
{
	return filter(skb, NB_IN, NB_DENY_IN);
}

SEC("cgroup_skb/egress")
int nb_address_out(struct __sk_buff *skb)
{
	struct { __u32 len, addr; } key = {.len = 32};

	saw(NB_ADDRESS, port_of(skb, 0));
	bpf_skb_load_bytes(skb, 16, &key.addr, 4);
	return !bpf_map_lookup_elem(&denied, &key);
}

SEC("cgroup/connect4")
int nb_connect4(struct bpf_sock_addr *ctx)
{
	__u32 port = bpf_ntohs((__u16)ctx->user_port);

	saw(NB_CONNECT, port);
	if (port == NB_CONNECT_REWRITE)
		ctx->user_port = bpf_htons(NB_CONNECT_TO);
	return port != NB_CONNECT_DENY;
}

SEC("sockops")
int nb_sockops(struct bpf_sock_ops *ops)
{
	if (ops->op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		bpf_sock_ops_cb_flags_set(ops, BPF_SOCK_OPS_STATE_CB_FLAG);
	if (ops->op == BPF_SOCK_OPS_STATE_CB)
		saw(NB_SOCKOPS, bpf_ntohl(ops->remote_port));
	return 1;
}

/* Has the last word on three ports, and none on the others. */
SEC("tc")
int nb_tc_act(struct __sk_buff *skb)
{
	__u32 port = port_of(skb, 14);

	saw(NB_TC_ACT, port);
	switch (port) {
	case NB_TC_PASS:
		return 0;
	case NB_TC_DROP:
		return 2;
	case NB_TC_REDIRECT:
		return bpf_redirect(nb_redirect_to, 0);
	}
	return -1;
}

/* Comes last: shows what the others let through to it. */
SEC("tc")
int nb_tc_witness(struct __sk_buff *skb)
{
	saw(NB_TC_WITNESS, port_of(skb, 14));
	return -1;
}
