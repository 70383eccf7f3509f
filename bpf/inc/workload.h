/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* cgroup -> workload index. A cgroup that was never seen gets the next index at once. */
#ifndef WEIR_BPF_WORKLOAD_H
#define WEIR_BPF_WORKLOAD_H

static __always_inline __u32 weir_index_of(__u64 cgroup)
{
	struct weir_workload *w, fresh = {};
	__u64 *back;

	w = cgroup ? bpf_map_lookup_elem(&weir_workloads, &cgroup) : NULL;
	if (w || !cgroup || weir_ctl.next_workload + 1 >= weir_ctl.workloads)
		return w ? w->index : 0;
	fresh.index = __sync_fetch_and_add(&weir_ctl.next_workload, 1) + 1;
	fresh.first_seen = WEIR_TICK(bpf_ktime_get_ns());
	back = fresh.index < weir_ctl.workloads ? bpf_map_lookup_elem(&weir_cgroups, &fresh.index) : NULL;
	if (back) {
		*(volatile __u64 *)back = cgroup; /* before any row can carry the index */
		if (!bpf_map_update_elem(&weir_workloads, &cgroup, &fresh, BPF_NOEXIST))
			return fresh.index;
	}
	w = bpf_map_lookup_elem(&weir_workloads, &cgroup); /* another CPU was first */
	return w ? w->index : 0;
}

#endif
