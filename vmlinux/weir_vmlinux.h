/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel internals that weir depends on, and nothing else: relocated by BTF at load time, so only
 * names and the fields listed here matter. All else comes from the UAPI headers.
 */
#ifndef WEIR_VMLINUX_H
#define WEIR_VMLINUX_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net {
	__u64 net_cookie;
};
typedef struct {
	struct net *net;
} possible_net_t;
struct net_device {
	int ifindex;
	possible_net_t nd_net;
};
struct sock_common {
	volatile unsigned char skc_state;
};
struct sock {
	struct sock_common __sk_common;
};
struct skb_shared_info {
	unsigned short gso_size;
};
struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned int len;
	int skb_iif;
	__u16 transport_header;
	__u16 network_header;
	unsigned int end; /* offset of the shared info on 64-bit kernels */
	unsigned char *head, *data;
};

#pragma clang attribute pop

/* Values are relocated; a name that a kernel lacks is asked for with bpf_core_enum_value_exists. */
enum skb_drop_reason {
	SKB_DROP_REASON_NO_SOCKET,
	SKB_DROP_REASON_OTHERHOST,
	SKB_DROP_REASON_IP_CSUM,
	SKB_DROP_REASON_IP_INHDR,
	SKB_DROP_REASON_IP_RPFILTER,
	SKB_DROP_REASON_UNICAST_IN_L2_MULTICAST,
	SKB_DROP_REASON_NETFILTER_DROP,
	SKB_DROP_REASON_TC_INGRESS,
	SKB_DROP_REASON_NEIGH_FAILED,
	SKB_DROP_REASON_NEIGH_QUEUEFULL,
	SKB_DROP_REASON_NEIGH_DEAD,
	SKB_DROP_REASON_NEIGH_CREATEFAIL,
};

#endif
