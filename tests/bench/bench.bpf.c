/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What weir's programs are measured beside: an empty program of each type, the least that counts a
 * flow (two-way buckets; a hash with atomics), and drivers that rewrite a packet's source before each
 * run, so that every run hits another flow.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "tests/bench/drive.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 bench_mask = 0; /* buckets - 1 */

/* The flows of the coming runs, in order: for user space an array of BENCH_SEQUENCE. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BENCH_SEQUENCE / 2);
	__type(key, __u32);
	__type(value, struct bench_two);
} bench_seq SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_tc SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_xdp SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_drive);
} bench_drive SEC(".maps");

#define BENCH_PROBES 8

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_bucket);
} bench_buckets SEC(".maps");

struct bench_count {
	__u64 bytes, packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, BENCH_PREFIXES);
	__type(key, struct bench_prefix);
	__type(value, __u32);
} bench_trie SEC(".maps");

/* Sources that are dropped. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __be32);
	__type(value, __u32);
} bench_denied SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct bench_flow);
	__type(value, struct bench_count);
} bench_hash SEC(".maps");

struct bench_v4 {
	__u8 vihl, tos;
	__be16 len, id, frag;
	__u8 ttl, proto;
	__be16 sum;
	__be32 src, dst;
	__be16 sport, dport;
};

static __always_inline int bench_parse(struct __sk_buff *skb, struct bench_flow *f, __u32 *bytes)
{
	struct bench_v4 h;

	if (bpf_skb_load_bytes_relative(skb, 0, &h, sizeof(h), BPF_HDR_START_NET) || h.vihl != 0x45)
		return -1;
	f->src = h.src;
	f->dst = h.dst;
	f->sport = h.sport;
	f->dport = h.dport;
	f->proto = h.proto;
	*bytes = bpf_ntohs(h.len);
	return 0;
}

static __always_inline bool bench_same(const struct bench_flow *a, const struct bench_flow *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1];
}

enum bench_step { BENCH_PARSE, BENCH_LOOK, BENCH_COUNT };

static __always_inline void bench_bucket_count(struct __sk_buff *skb, enum bench_step last)
{
	struct bench_bucket *b = NULL;
	struct bench_flow f;
	__u32 i, bytes;
	__u64 h;

	if (bench_parse(skb, &f, &bytes))
		return;
	if (last == BENCH_PARSE) {
		asm volatile("" : : "r"(f.src), "r"(f.dst), "r"(f.sport), "r"(f.dport), "r"(f.proto), "r"(bytes));
		return;
	}
	h = (((__u64)f.src << 32 | f.dst) * 0x9e3779b97f4a7c15ull) ^ ((__u64)f.sport << 16 | f.dport);
	h = (h ^ (h >> 32)) * 0xff51afd7ed558ccdull;
	h = (h ^ (h >> 29)) * 0xc4ceb9fe1a85ec53ull;
	for (int n = 0; n < 2 * BENCH_PROBES; n++) {
		struct bench_way *way;

		if (!(n & 1)) {
			i = ((h >> 32) + n / 2) & bench_mask;
			b = bpf_map_lookup_elem(&bench_buckets, &i);
		}
		if (!b)
			return;
		way = &b->way[n & 1];
		if (!way->key.proto)
			way->key = f;
		else if (!bench_same(&way->key, &f))
			continue;
		if (last == BENCH_LOOK) {
			asm volatile("" : : "r"(way), "r"(bytes));
			return;
		}
		__sync_fetch_and_add(&way->bytes, bytes);
		__sync_fetch_and_add(&way->packets, 1);
		return;
	}
}

static __always_inline void bench_hash_count(struct __sk_buff *skb)
{
	struct bench_count *c, zero = {};
	struct bench_flow f;
	__u32 bytes;

	if (bench_parse(skb, &f, &bytes))
		return;
	c = bpf_map_lookup_elem(&bench_hash, &f);
	if (!c) {
		bpf_map_update_elem(&bench_hash, &f, &zero, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&bench_hash, &f);
		if (!c)
			return;
	}
	__sync_fetch_and_add(&c->bytes, bytes);
	__sync_fetch_and_add(&c->packets, 1);
}

SEC("cgroup_skb/egress")
int bench_cg_empty(struct __sk_buff *skb)
{
	return 1;
}

SEC("cgroup_skb/ingress")
int bench_cg_in(struct __sk_buff *skb)
{
	return 1;
}

SEC("cgroup_skb/egress")
int bench_cg_parse(struct __sk_buff *skb)
{
	bench_bucket_count(skb, BENCH_PARSE);
	return 1;
}

SEC("cgroup_skb/egress")
int bench_cg_look(struct __sk_buff *skb)
{
	bench_bucket_count(skb, BENCH_LOOK);
	return 1;
}

SEC("cgroup_skb/egress")
int bench_cg_way2(struct __sk_buff *skb)
{
	bench_bucket_count(skb, BENCH_COUNT);
	return 1;
}

SEC("cgroup_skb/egress")
int bench_cg_hash(struct __sk_buff *skb)
{
	bench_hash_count(skb);
	return 1;
}

SEC("tc")
int bench_tc_empty(struct __sk_buff *skb)
{
	return -1;
}

SEC("tc")
int bench_tc_parse(struct __sk_buff *skb)
{
	bench_bucket_count(skb, BENCH_PARSE);
	return -1;
}

SEC("tc")
int bench_tc_look(struct __sk_buff *skb)
{
	bench_bucket_count(skb, BENCH_LOOK);
	return -1;
}

SEC("tc")
int bench_tc_way2(struct __sk_buff *skb)
{
	bench_bucket_count(skb, BENCH_COUNT);
	return -1;
}

SEC("tc")
int bench_tc_hash(struct __sk_buff *skb)
{
	bench_hash_count(skb);
	return -1;
}

SEC("xdp.frags")
int bench_xdp_empty(struct xdp_md *xdp)
{
	return XDP_PASS;
}

/* The kernel's own way from an address to a class. */
SEC("xdp.frags")
int bench_xdp_trie(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	struct bench_prefix key = {.len = 32};
	__u32 *class;

	if (data + 34 > end)
		return XDP_PASS;
	key.addr = *(__be32 *)(data + 26);
	class = bpf_map_lookup_elem(&bench_trie, &key);
	return class && *class == BENCH_DENIED ? XDP_DROP : XDP_PASS;
}

/* What can drop one address and nothing wider. */
SEC("xdp.frags")
int bench_xdp_hash(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	__be32 src;

	if (data + 34 > end)
		return XDP_PASS;
	src = *(__be32 *)(data + 26);
	return bpf_map_lookup_elem(&bench_denied, &src) ? XDP_DROP : XDP_PASS;
}

/* Writes the next flow's source into an IPv4 frame. The atomic count drains the store buffer, so that
 * the program that follows does not pay for reading what was just written: a network card's packet
 * has no such cost. */
static __always_inline int bench_rewrite(void *data, void *end)
{
	__u32 zero = 0, i, pair, flow;
	struct bench_two *two;
	struct bench_drive *d = bpf_map_lookup_elem(&bench_drive, &zero);

	if (!d || data + 38 > end)
		return -1;
	i = d->next++ & d->mask;
	pair = i / 2;
	two = bpf_map_lookup_elem(&bench_seq, &pair);
	if (!two)
		return -1;
	flow = i & 1 ? two->flow[1] : two->flow[0];
	if (d->addresses) {
		*(__be32 *)(data + 26) = bpf_htonl(flow);
	} else {
		*(__be32 *)(data + 26) = bpf_htonl(BENCH_FIRST_PEER + (flow & 0xffff));
		*(__be16 *)(data + 34) = bpf_htons(BENCH_FIRST_PORT + (flow >> 16));
	}
	__sync_fetch_and_add(&d->sent, 1);
	return 0;
}

SEC("tc")
int bench_tc_drive(struct __sk_buff *skb)
{
	if (!bench_rewrite((void *)(long)skb->data, (void *)(long)skb->data_end))
		bpf_tail_call(skb, &bench_tc, 0);
	return 2; /* TC_ACT_SHOT: the program under test was not reached */
}

SEC("xdp.frags")
int bench_xdp_drive(struct xdp_md *xdp)
{
	if (!bench_rewrite((void *)(long)xdp->data, (void *)(long)xdp->data_end))
		bpf_tail_call(xdp, &bench_xdp, 0);
	return XDP_ABORTED;
}
