/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Fragments. Only the first has ports; they are remembered, so that the later ones land on the same
 * flow and get its verdict. A later fragment whose first was not seen (it came before, or the table
 * dropped it) is counted without ports, under reason WEIR_D_FRAGMENT. At sockets there are none:
 * cgroup_skb runs before fragmentation and after reassembly; this is for tc and XDP.
 */
#ifndef WEIR_FRAGS_H
#define WEIR_FRAGS_H

#define WEIR_FRAG_ROWS 4096
#define WEIR_FRAG_S 30 /* as long as the kernel waits for the rest of a packet */

struct weir_frag_key {
	__u8 src[16], dst[16];
	__u32 id;
	__u8 proto, pad[3];
};
struct weir_frag {
	__be16 sport, dport;
	__u32 seen_s;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, WEIR_FRAG_ROWS);
	__type(key, struct weir_frag_key);
	__type(value, struct weir_frag);
} weir_frags SEC(".maps");

__noinline int weir_frag_ports(struct weir_packet *p)
{
	struct weir_frag_key k = {};
	struct weir_frag fresh = {}, *f;

	if (!p || !weir_has_ports(p->proto))
		return 0;
	__builtin_memcpy(k.src, p->src, 16);
	__builtin_memcpy(k.dst, p->dst, 16);
	k.id = p->frag_id;
	k.proto = p->proto;
	fresh.seen_s = bpf_ktime_get_coarse_ns() / 1000000000ull;
	if (!p->frag_later) {
		fresh.sport = p->sport;
		fresh.dport = p->dport;
		bpf_map_update_elem(&weir_frags, &k, &fresh, BPF_ANY);
		return 0;
	}
	f = bpf_map_lookup_elem(&weir_frags, &k);
	if (f && fresh.seen_s - f->seen_s <= WEIR_FRAG_S) {
		p->sport = f->sport;
		p->dport = f->dport;
	} else {
		p->reason = WEIR_D_FRAGMENT + 1;
	}
	return 0;
}

/* For hooks that account a packet: what parsing alone cannot know, and a count of what is missing. */
static __always_inline void weir_parse_detail(struct weir_packet *p)
{
	if (p->frag)
		weir_frag_ports(p);
	if (p->reason)
		weir_drop(p->reason - 1, p->bytes, p->packets);
}

#endif
