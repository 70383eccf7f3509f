/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * weir's data plane.
 *
 *  cgroup_skb     counts every packet at its socket, by workload, and enforces
 *  sockops        remembers who opened a TCP connection, whatever happens to its rows; paces it
 *  tc gateway     counts and enforces what passes from leg to leg of a gateway, beside the observer
 *  xdp            drops early what no subject may receive
 *  tc observer    counts every packet at the interface: the truth, and the named terms by which it
 *                 differs from the sockets' sum. Shares no counter with cgroup_skb
 *  kfree_skb      names the ingress packets that no socket got; twice, see freed.h
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#define __VMLINUX_H__ /* bpf/abi: types stand already */
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "vmlinux/weir_vmlinux.h"
#include "bpf/abi/weir_abi.h"

#ifndef IPPROTO_ICMPV6
#define IPPROTO_ICMPV6 58
#endif
#ifndef AF_INET
#define AF_INET 2
#define AF_INET6 10
#endif
#define WEIR_SOCK_STREAM 1
#define WEIR_SOCK_RAW 3
#define WEIR_TCP_TIME_WAIT 6
#define WEIR_TCP_NEW_SYN_RECV 12
#define WEIR_TCP_LISTEN 10
#define WEIR_TCP_SYN 0x02
#define WEIR_TCP_RST 0x04
#define WEIR_TCP_ACK 0x10

const volatile __u64 weir_own_netns = 0;   /* cookie; 0 = this kernel cannot tell at skb hooks */
const volatile __u64 weir_trace_netns = 0; /* cookie, for the tracepoint */
const volatile __u64 weir_stack_size = 0;   /* of a task in the kernel, bytes */

#include "bpf/inc/maps.h"
#include "bpf/inc/ifaces.h"
#include "bpf/inc/parse.h"
#include "bpf/inc/frags.h"
#include "bpf/inc/rows.h"
#include "bpf/inc/policy.h"
#include "bpf/inc/nat.h"
#include "bpf/inc/workload.h"
#include "bpf/inc/rate.h"
#include "bpf/inc/account.h"
#include "bpf/inc/xdp.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("cgroup_skb/ingress")
int weir_ingress(struct __sk_buff *skb)
{
	return weir_account(skb, WEIR_INGRESS);
}

SEC("cgroup_skb/egress")
int weir_egress(struct __sk_buff *skb)
{
	return weir_account(skb, WEIR_EGRESS);
}

#include "bpf/inc/health.h"
#include "bpf/inc/pace.h"

static __always_inline void weir_opened(struct bpf_sock_ops *ops)
{
	struct weir_sock *ws;
	struct bpf_sock *sk = ops->sk;

	if ((ops->op != BPF_SOCK_OPS_TCP_CONNECT_CB && ops->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB &&
	     ops->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB) ||
	    !sk)
		return;
	ws = bpf_sk_storage_get(&weir_socks, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!ws)
		return;
	ws->init_local = ops->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB;
	ws->established = ops->op != BPF_SOCK_OPS_TCP_CONNECT_CB;
}

SEC("sockops")
int weir_sockops(struct bpf_sock_ops *ops)
{
	weir_opened(ops);
	weir_health_event(ops);
	weir_pace_event(ops);
	return 1;
}

/*
 * A reset or acknowledgement that the kernel answers with on behalf of a socket. Since 6.13 it carries
 * that socket, but over IPv6 passes no socket hook, for it leaves through a socket of the kernel's own.
 * The socket itself never resets without acknowledging, and a listener itself sends nothing.
 */
static __always_inline bool weir_is_answer(const struct bpf_sock *sk, const struct bpf_sock *full,
					   const struct weir_packet *p)
{
	if (p->proto != IPPROTO_TCP || !p->v6 || !full || full->type == WEIR_SOCK_RAW)
		return false;
	return sk->state == WEIR_TCP_LISTEN || (p->tcp_flags & (WEIR_TCP_RST | WEIR_TCP_ACK)) == WEIR_TCP_RST;
}

/* Came by another interface: what this stack forwards has no socket. BPF_PROG_RUN gives packets one of IP
 * without a port, which no socket that sends is. */
static __always_inline bool weir_is_forwarded(const struct bpf_sock *sk, __u32 came_by)
{
	return came_by && (!sk || (!sk->src_port && (sk->family == AF_INET || sk->family == AF_INET6)));
}

/* Term of an egress packet; WEIR_T_INTERFACE = it passed the socket hook. */
static __always_inline __u8 weir_out_term(struct __sk_buff *skb, const struct weir_packet *p, __u32 came_by)
{
	struct bpf_sock *sk = skb->sk, *full;

	if (weir_is_forwarded(sk, came_by))
		return WEIR_T_FORWARDED;
	if (!sk)
		return WEIR_T_KERNEL;
	full = bpf_sk_fullsock(sk);
	if (!full && p->proto != IPPROTO_TCP) /* all small sockets are TCP's: what they sent is inside */
		return WEIR_T_ENCAPSULATION;
	if (sk->state == WEIR_TCP_TIME_WAIT)
		return WEIR_T_TIME_WAIT;
	if (bpf_skb_under_cgroup(skb, &weir_root, 0) != 1)
		return WEIR_T_KERNEL;
	if (weir_is_answer(sk, full, p))
		return WEIR_T_KERNEL;
	/* A tunnel keeps the inner packet's socket. */
	if (full && full->type != WEIR_SOCK_RAW &&
	    (full->protocol != p->proto ||
	     (!p->frag_later && p->sport && full->src_port != bpf_ntohs(p->sport) && weir_is_tunnel(p))))
		return WEIR_T_ENCAPSULATION;
	return WEIR_T_INTERFACE;
}

static __always_inline __u8 weir_in_term(const struct weir_packet *p)
{
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
		return WEIR_T_ICMP;
	if (weir_is_tunnel(p))
		return WEIR_T_ENCAPSULATION;
	return weir_has_ports(p->proto) ? WEIR_T_INTERFACE : WEIR_T_OTHER_PROTO;
}

/* What fragmenting adds: a copy of the IPv4 header per later fragment; for IPv6 the unfragmentable
 * part per later fragment, and a fragment header in each. */
static __always_inline __u64 weir_fragment_bytes(const struct weir_packet *p)
{
	return p->frag_later ? p->l4 : p->v6 ? 8 : 0;
}

static __always_inline void weir_fragment(__u32 slot, const struct weir_packet *p, __u8 dir)
{
	if (p->frag)
		weir_slot_term(slot, dir, WEIR_T_FRAGMENTATION, weir_fragment_bytes(p), p->frag_later);
}

/* A packet that leaves by another interface was taken for a local one when it came: what the observer
 * put down to ICMP, tunnels or fragments then is taken back. 0: its way in is not observed. */
static __always_inline bool weir_take_back(__u32 slot, const struct weir_packet *p)
{
	__u8 term = weir_in_term(p);

	if (!(weir_if_flags(slot) & WEIR_IF_OBSERVED))
		return false;
	if (term != WEIR_T_INTERFACE)
		weir_slot_term(slot, WEIR_INGRESS, term, -(__u64)p->bytes, -(__u64)p->packets);
	else if (p->frag)
		weir_slot_term(slot, WEIR_INGRESS, WEIR_T_FRAGMENTATION, -weir_fragment_bytes(p),
			       -(__u64)p->frag_later);
	return true;
}

/* What is no IP packet that can be counted. */
static __always_inline int weir_observe_other(struct __sk_buff *skb, __u32 slot, __u8 dir,
					      const struct weir_packet *p)
{
	weir_slot_term(slot, dir, WEIR_T_NON_IP, skb->len - p->l3, 1);
	if (p->reason != WEIR_D_NOT_IP + 1)
		weir_drop(p->reason - 1, skb->len - p->l3, 1);
	return -1; /* TCX_NEXT, TC_ACT_UNSPEC: never an opinion */
}

/* came_by: interface of arrival, 0 = made here. */
static __always_inline int weir_observe_packet(struct __sk_buff *skb, __u32 slot, __u8 dir, __u32 came_by,
					       const struct weir_packet *p)
{
	__u32 in;
	__u8 term;

	if (!(weir_if_flags(slot) & WEIR_IF_OBSERVED))
		return -1;
	weir_slot_term(slot, dir, WEIR_T_INTERFACE, p->bytes, p->packets);
	term = dir == WEIR_EGRESS ? weir_out_term(skb, p, came_by) : weir_in_term(p);
	if (term != WEIR_T_INTERFACE)
		weir_slot_term(slot, dir, term, p->bytes, p->packets);
	else
		weir_fragment(slot, p, dir);
	if (term == WEIR_T_FORWARDED) {
		in = weir_if_slot(came_by);
		if (weir_take_back(in, p))
			weir_slot_term(in, WEIR_INGRESS, term, p->bytes, p->packets);
	}
	return -1;
}

/* Any packet. A length that the verifier does not know would be too long for it. */
__noinline int weir_observe_any(struct __sk_buff *skb, __u32 dir, __u32 l2)
{
	__u32 slot = weir_if_slot(skb->ifindex), came_by = skb->ingress_ifindex;
	struct weir_packet p;

	return weir_parse(skb, l2 ? WEIR_ETH_LEN : 0, &p) ? weir_observe_other(skb, slot, dir, &p) :
							    weir_observe_packet(skb, slot, dir, came_by, &p);
}

static __always_inline int weir_observe(struct __sk_buff *skb, __u8 dir, __u32 l2)
{
	struct weir_packet p;

	if (!weir_ctl.counting)
		return -1;
	if (!weir_parse_fast(skb, l2, &p))
		return weir_observe_any(skb, dir, l2);
	return weir_observe_packet(skb, weir_if_slot(skb->ifindex), dir, skb->ingress_ifindex, &p);
}

#include "bpf/inc/gateway.h"
#include "bpf/inc/freed.h"

SEC("tc")
int weir_tc_in(struct __sk_buff *skb)
{
	return weir_observe(skb, WEIR_INGRESS, 14);
}

SEC("tc")
int weir_tc_out(struct __sk_buff *skb)
{
	return weir_observe(skb, WEIR_EGRESS, 14);
}

/* L3 devices (tun, wireguard) have no link header. */
SEC("tc")
int weir_tc_in_l3(struct __sk_buff *skb)
{
	return weir_observe(skb, WEIR_INGRESS, 0);
}

SEC("tc")
int weir_tc_out_l3(struct __sk_buff *skb)
{
	return weir_observe(skb, WEIR_EGRESS, 0);
}

SEC("tc")
int weir_gw_out(struct __sk_buff *skb)
{
	return weir_gateway_out(skb, 14, false);
}

SEC("tc")
int weir_gw_out_l3(struct __sk_buff *skb)
{
	return weir_gateway_out(skb, 0, false);
}

/* The same where the kernel lets a program read its structs in place. */
SEC("tc")
int weir_gw_cast(struct __sk_buff *skb)
{
	return weir_gateway_out(skb, 14, true);
}

SEC("tc")
int weir_gw_cast_l3(struct __sk_buff *skb)
{
	return weir_gateway_out(skb, 0, true);
}

SEC("xdp.frags")
int weir_xdp(struct xdp_md *ctx)
{
	return weir_early_drop(ctx);
}

/* The tracepoint got its third socket argument in 6.11; the agent loads the ones that fit. */
SEC("tp_btf/kfree_skb")
int weir_kfree_rx(__u64 *ctx)
{
	return weir_freed((struct sk_buff *)ctx[0], (int)ctx[2], (struct sock *)ctx[3], false);
}

SEC("tp_btf/kfree_skb")
int weir_kfree_rx2(__u64 *ctx)
{
	return weir_freed((struct sk_buff *)ctx[0], (int)ctx[2], (struct sock *)ctx[3], true);
}

SEC("tp_btf/kfree_skb")
int weir_kfree(__u64 *ctx)
{
	return weir_freed((struct sk_buff *)ctx[0], (int)ctx[2], NULL, false);
}

SEC("tp_btf/kfree_skb")
int weir_kfree2(__u64 *ctx)
{
	return weir_freed((struct sk_buff *)ctx[0], (int)ctx[2], NULL, true);
}
