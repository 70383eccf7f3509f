/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * All maps. Sizes of 1 are set by the agent before loading. The tables of a policy generation are
 * arrays of maps with two slots: the slot in force is bit 0 of weir_ctl.active.
 */
#ifndef WEIR_MAPS_H
#define WEIR_MAPS_H

#define WEIR_SLOTS 2

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_row);
} weir_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_base);
} weir_bases SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_spooled);
} weir_spooled SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_ctl);
} weir_ctl SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct weir_workload);
} weir_workloads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct weir_term_key);
	__type(value, struct weir_count);
} weir_terms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_DROPS);
	__type(key, __u32);
	__type(value, struct weir_count);
} weir_drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct weir_sock);
} weir_socks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct weir_bucket_key);
	__type(value, __u64);
} weir_buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} weir_root SEC(".maps");

/* Sizes, not types: clang leaves types that only an inner map names out of the BTF. */
struct weir_inner_decisions {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct weir_decision_key));
	__uint(value_size, sizeof(struct weir_decision));
};
struct weir_inner_prefixes {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct weir_lpm_key));
	__uint(value_size, sizeof(__u32));
};
#define WEIR_INNER_ARRAY(name, type_)                \
	struct name {                                \
		__uint(type, BPF_MAP_TYPE_ARRAY);    \
		__uint(map_flags, BPF_F_INNER_MAP);  \
		__uint(max_entries, 1);              \
		__uint(key_size, sizeof(__u32));                  \
		__uint(value_size, sizeof(type_));                \
	}
WEIR_INNER_ARRAY(weir_inner_ranges, struct weir_range);
WEIR_INNER_ARRAY(weir_inner_limits, struct weir_limit);
WEIR_INNER_ARRAY(weir_inner_failsafe, struct weir_failsafe);
WEIR_INNER_ARRAY(weir_inner_subjects, __u32);

#define WEIR_TABLE(name, inner)                              \
	struct {                                             \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);    \
		__uint(max_entries, WEIR_SLOTS);             \
		__type(key, __u32);                          \
		__array(values, struct inner);               \
	} name SEC(".maps")
WEIR_TABLE(weir_decisions, weir_inner_decisions);
WEIR_TABLE(weir_prefixes, weir_inner_prefixes);
WEIR_TABLE(weir_ranges, weir_inner_ranges);
WEIR_TABLE(weir_limits, weir_inner_limits);
WEIR_TABLE(weir_failsafe, weir_inner_failsafe);
WEIR_TABLE(weir_subjects, weir_inner_subjects);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct weir_health_key);
	__type(value, struct weir_health);
} weir_health SEC(".maps");

static __always_inline void weir_add(struct weir_count *c, __u64 bytes, __u64 packets)
{
	__sync_fetch_and_add(&c->bytes, bytes);
	__sync_fetch_and_add(&c->packets, packets);
}

static __always_inline void weir_drop(__u32 reason, __u64 bytes, __u64 packets)
{
	struct weir_count *c = bpf_map_lookup_elem(&weir_drops, &reason);

	if (c)
		weir_add(c, bytes, packets);
}

static __always_inline void weir_term(__u32 ifindex, __u8 dir, __u8 term, __u64 bytes, __u64 packets)
{
	struct weir_term_key k = {.ifindex = ifindex, .dir = dir, .term = term};
	struct weir_count *c = bpf_map_lookup_elem(&weir_terms, &k);

	if (c)
		weir_add(c, bytes, packets);
	else
		weir_drop(WEIR_D_NO_TERM, bytes, packets);
}

#endif
