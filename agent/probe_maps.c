/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the small maps: cgroups and their workload indexes, identity terms, drops by reason. */
#include "agent/probe_priv.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>

#include "lib/base/clock.h"

int probe_grace(struct probe *p)
{
	(void)p;
	/* The global barrier waits for an RCU grace period: every BPF program that ran is done. */
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ? -errno : 0;
}

int probe_each_workload(struct probe *p, int (*fn)(uint64_t cgroup, struct weir_workload w, void *arg),
			void *arg)
{
	uint64_t key, *prev = NULL, next;
	struct weir_workload w;
	int r = 0;

	while (!r && !bpf_map_get_next_key(p->workloads_fd, prev, &next)) {
		key = next;
		prev = &key;
		if (!bpf_map_lookup_elem(p->workloads_fd, &key, &w))
			r = fn(key, w, arg);
	}
	return r;
}

int probe_index_cgroup(struct probe *p, uint64_t cgroup, struct weir_workload *ret)
{
	struct weir_ctl *ctl = probe_ctl(p);
	struct weir_workload w = {.first_seen = WEIR_TICK(weir_monotonic_ns())};

	if (!bpf_map_lookup_elem(p->workloads_fd, &cgroup, ret))
		return 0;
	/* No index is given out twice while the pins live: half is kept for cgroups with traffic. */
	if (__atomic_load_n(&ctl->next_workload, __ATOMIC_RELAXED) >= ctl->workloads / 2)
		return -ENOSPC;
	w.index = __atomic_add_fetch(&ctl->next_workload, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&p->cgroups[w.index], cgroup, __ATOMIC_RELEASE);
	if (!bpf_map_update_elem(p->workloads_fd, &cgroup, &w, BPF_NOEXIST)) {
		*ret = w;
		return 0;
	}
	/* Its first packet was faster. */
	return bpf_map_lookup_elem(p->workloads_fd, &cgroup, ret) ? -errno : 0;
}

int probe_forget_cgroup(struct probe *p, uint64_t cgroup)
{
	return bpf_map_delete_elem(p->workloads_fd, &cgroup) ? -errno : 0;
}

int probe_drops(struct probe *p, struct weir_count ret[WEIR_DROPS])
{
	struct weir_count all[WEIR_DROPS];

	for (uint32_t i = 0; i < WEIR_DROPS; i++)
		if (bpf_map_lookup_elem(p->drops_fd, &i, &all[i]))
			return -errno;
	memcpy(ret, all, sizeof(all));
	return 0;
}

struct rows probe_rows(const struct probe *p)
{
	return p->rows;
}

struct weir_base *probe_bases(struct probe *p)
{
	return p->bases;
}

struct weir_flow_health *probe_flow_health(struct probe *p, size_t *ret_count)
{
	*ret_count = p->flow_health_count;
	return p->flow_health;
}

struct weir_spooled *probe_spooled(struct probe *p)
{
	return p->spooled;
}

struct weir_marks *probe_marks(struct probe *p)
{
	return p->marks;
}

struct weir_ctl *probe_ctl(struct probe *p)
{
	return p->ctl;
}
