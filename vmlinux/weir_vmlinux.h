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
struct kernfs_node {
	__u64 id;
};
struct cgroup;
struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};
struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};
struct sock_cgroup_data {
	struct cgroup *cgroup;
};
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};
struct dst_entry {
	struct net_device *dev;
};
struct sock {
	struct sock_common __sk_common;
	struct sock_cgroup_data sk_cgrp_data;
	struct dst_entry *sk_dst_cache;
	int sk_err;
};
struct socket {
	struct sock *sk;
};
struct tcp_sock {
	__u32 srtt_us; /* in eighths */
	__u32 total_retrans;
	__u32 segs_out;
	__u64 bytes_sent;
	__u64 bytes_received;
	__u8 bpf_sock_ops_cb_flags;
	__u16 tcp_header_len; /* with the options of every segment */
	__u32 mss_cache;
};
struct seq_file;
struct task_struct {
	void *stack;
};
struct file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};
struct skb_shared_info {
	unsigned short gso_size;
};
struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned int len;
	int skb_iif;
	unsigned long _nfct; /* struct nf_conn | ip_conntrack_info */
	__u16 transport_header;
	__u16 network_header;
	unsigned int end; /* offset of the shared info on 64-bit kernels */
	unsigned char *head, *data;
};
/* Connection tracking: the two ends as the first packet named them, and as its answer does. */
union nf_inet_addr {
	__be32 all[4];
};
union nf_conntrack_man_proto {
	__be16 all;
};
struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
};
struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
};
struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
};
struct nf_conn {
	struct nf_conntrack_tuple_hash tuplehash[2];
	unsigned long status;
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
