/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The same parser three times, for tests: in place where it can, out of line always, and in XDP. */
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/types.h>
#include <stdbool.h>
#define __VMLINUX_H__ /* bpf/abi: types stand already */
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi/weir_abi.h"
#ifndef IPPROTO_ICMPV6
#define IPPROTO_ICMPV6 58
#endif
#include "bpf/inc/parse.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct parsed {
	struct weir_packet p;
	__s64 status;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct parsed);
} parsed SEC(".maps");

static __always_inline int say(const struct weir_packet *p, int status)
{
	__u32 zero = 0;
	struct parsed *to = bpf_map_lookup_elem(&parsed, &zero);

	if (to) {
		to->p = *p;
		to->status = status;
	}
	return 0;
}

SEC("tc")
int parse_in_place(struct __sk_buff *skb)
{
	struct weir_packet p = {};

	return say(&p, weir_parse(skb, WEIR_ETH_LEN, &p));
}

SEC("tc")
int parse_by_copy(struct __sk_buff *skb)
{
	struct weir_packet p = {};
	int r = weir_parse_rare(skb, WEIR_ETH_LEN, &p);

	if (!r && weir_is_icmp(&p))
		weir_parse_error(skb, &p);
	return say(&p, r);
}

SEC("xdp")
int parse_in_xdp(struct xdp_md *ctx)
{
	struct weir_packet p = {};

	say(&p, weir_parse_xdp(ctx, &p));
	return 2; /* XDP_PASS */
}
