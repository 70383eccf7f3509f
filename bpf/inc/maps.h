/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * All maps. Sizes of 1 are set by the agent before loading. What user space fills or reads in bulk is
 * an mmapable array: rows without a system call, policy tables by plain stores.
 */
#ifndef WEIR_MAPS_H
#define WEIR_MAPS_H

#define WEIR_SHARED(name, type_)                      \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_ARRAY);     \
		__uint(map_flags, BPF_F_MMAPABLE);    \
		__uint(max_entries, 1);               \
		__type(key, __u32);                   \
		__type(value, type_);                 \
	} name SEC(".maps")

WEIR_SHARED(weir_rows4, struct weir_row4);
WEIR_SHARED(weir_rows6, struct weir_row6);
WEIR_SHARED(weir_bases, struct weir_base); /* of rows4, then of rows6 */
WEIR_SHARED(weir_flow_health, struct weir_flow_health);
WEIR_SHARED(weir_spooled, struct weir_spooled);
WEIR_SHARED(weir_marks, struct weir_marks);
struct weir_ctl weir_ctl SEC(".data.ctl");
WEIR_SHARED(weir_cgroups, __u64); /* workload index -> cgroup id */

/* A generation's tables, two halves each; see weir_table_sizes. */
WEIR_SHARED(weir_sizes, struct weir_table_sizes);
WEIR_SHARED(weir_decisions, struct weir_decision);
WEIR_SHARED(weir_ranges, struct weir_range);
WEIR_SHARED(weir_limits, struct weir_limit);
WEIR_SHARED(weir_failsafe, struct weir_failsafe);
WEIR_SHARED(weir_subjects, struct weir_subject_class);
WEIR_SHARED(weir_roots, struct weir_root);
WEIR_SHARED(weir_spans4, struct weir_span4);
WEIR_SHARED(weir_spans6, struct weir_span6);
WEIR_SHARED(weir_disagree, struct weir_disagree);

/* Capacities of one half, set before loading. */
const volatile __u32 weir_cap_decisions = 0, weir_cap_ranges = 0, weir_cap_limits = 0;
const volatile __u32 weir_cap_subjects = 0, weir_cap_spans = 0, weir_cap_rules = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct weir_workload);
} weir_workloads SEC(".maps");

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
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct weir_bucket_key);
	__type(value, struct weir_bucket);
} weir_buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} weir_root SEC(".maps");

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

#endif
