/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capability ladder: asks the kernel to load one minimal program per hook and prints what it
 * answered. Versions are never compared.
 */
#include "agent/probe_priv.h"

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

struct hook_try {
	const char *name;
	enum bpf_prog_type type;
	int attach_type; /* -1 = none */
	int ret;	 /* value the program returns */
	const char *btf; /* traced function, NULL = none */
	const char *use; /* what weir does with it */
	const char *instead;
};

static const struct hook_try tries[] = {
	{"cgroup_skb ingress", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, 1, NULL,
	 "counting and enforcement at sockets", "none: weir cannot run"},
	{"cgroup_skb egress", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, 1, NULL,
	 "counting and enforcement at sockets", "none: weir cannot run"},
	{"sockops", BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS, 1, NULL, "who opened a connection",
	 "guess from rows and ports"},
	{"tc (clsact, tcx)", BPF_PROG_TYPE_SCHED_CLS, -1, -1, NULL, "the observer that holds the truth",
	 "no identity"},
	{"xdp", BPF_PROG_TYPE_XDP, -1, 2, NULL, "not used", "not used"},
	{"tp_btf kfree_skb", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, 0, "btf_trace_kfree_skb",
	 "names packets that no socket got", "they show as unexplained"},
	{"tp_btf tcp", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, 0, "btf_trace_tcp_send_reset",
	 "resets, and the ends of connections older than weir", "resets are not counted"},
	{"iter tcp", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 0, "bpf_iter_tcp",
	 "takes TCP connections over that are older than weir", "their health is not counted"},
	{"fentry", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, 0, "tcp_v4_rcv", "not used", "not used"},
};

static int btf_id_of(const char *name, enum bpf_prog_type type, int attach)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = -ENOENT;

	(void)type;
	if (btf)
		id = btf__find_by_name_kind(btf, name,
					    attach == BPF_TRACE_RAW_TP ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC);
	btf__free(btf);
	return id;
}

static int try_hook(const struct hook_try *h)
{
	const struct bpf_insn prog[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = h->ret},
		{.code = BPF_JMP | BPF_EXIT},
	};
	DECLARE_LIBBPF_OPTS(bpf_prog_load_opts, opts);
	int fd, id = 0;

	if (h->attach_type >= 0)
		opts.expected_attach_type = h->attach_type;
	if (h->btf) {
		id = btf_id_of(h->btf, h->type, h->attach_type);
		if (id < 0)
			return id;
		opts.attach_btf_id = id;
	}
	fd = bpf_prog_load(h->type, "weir_probe", "Dual BSD/GPL", prog, WEIR_ARRAY_SIZE(prog), &opts);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int probe_report(FILE *f)
{
	int worst = 0;

	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		fprintf(f, "BTF: this kernel has no /sys/kernel/btf/vmlinux; weir needs 5.15 or newer with BTF\n");
		return -ENOTSUP;
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(tries); i++) {
		int r = try_hook(&tries[i]);

		if (!r)
			fprintf(f, "%-20s yes       %s\n", tries[i].name, tries[i].use);
		else
			fprintf(f, "%-20s refused   errno %d (%s); instead: %s\n", tries[i].name, -r, strerror(-r),
				tries[i].instead);
		if (r && i < 2)
			worst = r;
	}
	return worst;
}
