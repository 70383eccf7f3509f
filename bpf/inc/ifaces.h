/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Interfaces that weir follows, and their identity terms. The agent gives each a slot; a term is
 * counted per CPU, so that no two CPUs write the same line of a cache for every packet of a node.
 */
#ifndef WEIR_IFACES_H
#define WEIR_IFACES_H

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WEIR_IF_SLOTS);
	__type(key, __u32);
	__type(value, struct weir_if);
} weir_ifs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WEIR_IF_SLOTS);
	__type(key, __u32);
	__type(value, struct weir_if_terms);
} weir_terms SEC(".maps");

/* Slot of an interface, WEIR_IF_SLOTS = not followed. */
static __always_inline __u32 weir_if_slot(__u32 ifindex)
{
	for (__u32 i = 0; ifindex && i < WEIR_IF_PROBES; i++) {
		__u32 slot = (ifindex + i) & (WEIR_IF_SLOTS - 1);
		struct weir_if *f = bpf_map_lookup_elem(&weir_ifs, &slot);

		if (f && f->ifindex == ifindex)
			return slot;
	}
	return WEIR_IF_SLOTS;
}

/* WEIR_IF_* of a slot; 0 when it is none. */
static __always_inline __u32 weir_if_flags(__u32 slot)
{
	struct weir_if *f = bpf_map_lookup_elem(&weir_ifs, &slot);

	return f ? f->flags : 0;
}

static __always_inline struct weir_count *weir_term_at(__u32 slot, __u8 dir, __u8 term)
{
	struct weir_if_terms *t = bpf_map_lookup_elem(&weir_terms, &slot);

	return t ? &t->of[dir & 1][term & (WEIR_TERMS_SPACE - 1)] : NULL;
}

/* Where packets are handled no other packet interrupts: plain additions to this CPU's counter. */
static __always_inline void weir_slot_term(__u32 slot, __u8 dir, __u8 term, __u64 bytes, __u64 packets)
{
	struct weir_count *c = weir_term_at(slot, dir, term);

	if (c) {
		c->bytes += bytes;
		c->packets += packets;
	} else {
		weir_drop(WEIR_D_NO_TERM, bytes, packets);
	}
}

static __always_inline void weir_term(__u32 ifindex, __u8 dir, __u8 term, __u64 bytes, __u64 packets)
{
	weir_slot_term(weir_if_slot(ifindex), dir, term, bytes, packets);
}

#endif
