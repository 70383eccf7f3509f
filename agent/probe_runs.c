/* SPDX-License-Identifier: Apache-2.0 */
/* How often and how long the programs on a packet's way ran, as the kernel counts it when it is asked to. */
#include "agent/probe_priv.h"

#include <bpf/bpf.h>

int probe_measure(void)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	return fd < 0 ? -errno : fd;
}

int probe_runs(const struct probe *p, struct probe_run *ret)
{
	static const struct {
		enum probe_prog prog;
		size_t counter; /* of probe_run; its time counts in any case */
	} rows[] = {
		{PROBE_INGRESS, offsetof(struct probe_run, sockets)},
		{PROBE_EGRESS, offsetof(struct probe_run, sockets)},
		{PROBE_TC_IN, offsetof(struct probe_run, interfaces)},
		{PROBE_TC_OUT, offsetof(struct probe_run, interfaces)},
		{PROBE_TC_IN_L3, offsetof(struct probe_run, interfaces)},
		{PROBE_TC_OUT_L3, offsetof(struct probe_run, interfaces)},
		{PROBE_GW_OUT, offsetof(struct probe_run, interfaces)},
		{PROBE_GW_OUT_L3, offsetof(struct probe_run, interfaces)},
		{PROBE_XDP_IN, offsetof(struct probe_run, early)},
		{PROBE_KFREE, offsetof(struct probe_run, early)},
		{PROBE_KFREE2, offsetof(struct probe_run, early)},
	};
	struct probe_run sum = {0};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);

		if (p->prog_fd[rows[i].prog] < 0)
			continue;
		if (bpf_obj_get_info_by_fd(p->prog_fd[rows[i].prog], &info, &len))
			return -errno;
		sum.ns += info.run_time_ns;
		*(uint64_t *)((char *)&sum + rows[i].counter) += info.run_cnt;
	}
	*ret = sum;
	return 0;
}
