/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Interfaces that weir follows, and their identity terms. The agent gives each a slot; a term is
 * counted per CPU, so that no two CPUs write the same line of a cache for every packet of a node.
 */
#ifndef WEIR_IFACES_H
#define WEIR_IFACES_H

struct weir_if weir_ifs[WEIR_IF_SLOTS] SEC(".data.ifs");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WEIR_IF_SLOTS);
	__type(key, __u32);
	__type(value, struct weir_if_terms);
} weir_terms SEC(".maps");

/* Slot i of those where an interface may stand: is it there; *ret_flags: its WEIR_IF_*. */
static __always_inline bool weir_if_at(__u32 ifindex, __u32 slot, __u32 *ret_flags)
{
	const struct weir_if *f = &weir_ifs[slot & (WEIR_IF_SLOTS - 1)];

	*ret_flags = *(const volatile __u32 *)&f->flags; /* here, not where the ways from here meet again */
	return f->ifindex == ifindex;
}

/* *ret_slot: of an interface, WEIR_IF_SLOTS = not followed. Returns its WEIR_IF_*, 0 when it is not. */
static __always_inline __u32 weir_if_find(__u32 ifindex, __u32 *ret_slot)
{
	__u32 flags, i = 0;

	*ret_slot = WEIR_IF_SLOTS;
	if (!ifindex)
		return 0;
	if (weir_if_at(ifindex, ifindex, &flags)) { /* nearly all are there */
		*ret_slot = ifindex & (WEIR_IF_SLOTS - 1);
		return flags;
	}
#pragma clang loop unroll(disable)
	while (++i < WEIR_IF_PROBES) {
		if (weir_if_at(ifindex, ifindex + i, &flags)) {
			*ret_slot = (ifindex + i) & (WEIR_IF_SLOTS - 1);
			return flags;
		}
	}
	return 0;
}

static __always_inline __u32 weir_if_slot(__u32 ifindex)
{
	__u32 slot;

	weir_if_find(ifindex, &slot);
	return slot;
}

/* WEIR_IF_* of a slot; 0 when it is none. */
static __always_inline __u32 weir_if_flags(__u32 slot)
{
	return slot < WEIR_IF_SLOTS ? weir_ifs[slot].flags : 0;
}

static __always_inline struct weir_count *weir_term_at(__u32 slot, __u8 dir, __u8 term)
{
	struct weir_if_terms *t = bpf_map_lookup_elem(&weir_terms, &slot);

	return t ? &t->of[dir & 1][term & (WEIR_TERMS_SPACE - 1)] : NULL;
}

/* Where packets are handled no other packet interrupts: plain additions to this CPU's counter. */
static __always_inline void weir_count_term(struct weir_count *c, __u64 bytes, __u64 packets)
{
	c->bytes += bytes;
	c->packets += packets;
}

static __always_inline void weir_slot_term(__u32 slot, __u8 dir, __u8 term, __u64 bytes, __u64 packets)
{
	struct weir_count *c = weir_term_at(slot, dir, term);

	if (c)
		weir_count_term(c, bytes, packets);
	else
		weir_drop(WEIR_D_NO_TERM, bytes, packets);
}

static __always_inline void weir_term(__u32 ifindex, __u8 dir, __u8 term, __u64 bytes, __u64 packets)
{
	weir_slot_term(weir_if_slot(ifindex), dir, term, bytes, packets);
}

#endif
