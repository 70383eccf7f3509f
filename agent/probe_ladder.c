/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe_ladder.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#define LADDER_BTF "/sys/kernel/btf/vmlinux"
#define LADDER_TCX_INGRESS ((enum bpf_attach_type)46) /* linux/bpf.h of the minimum distribution lacks it */

struct rung_row {
	const char *name;
	const char *use;
	const char *instead; /* NULL: needed, weir cannot run without */
	int (*ask)(const struct rung_row *row, const struct btf *btf);
	enum bpf_prog_type type;
	int attach; /* expected attach type, 0 = none */
	int what;   /* value returned, helper, or number of parameters */
	const char *const *traced; /* names in BTF, NULL at the end */
};

static int load(const struct rung_row *row, const struct bpf_insn *insns, size_t n, uint32_t btf_id)
{
	DECLARE_LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = row->attach, .attach_btf_id = btf_id);
	int fd = bpf_prog_load(row->type, "weir_probe", "Dual BSD/GPL", insns, n, &opts);

	return fd < 0 ? -errno : fd;
}

static int done(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static int ask_btf(const struct rung_row *row, const struct btf *btf)
{
	(void)row;
	if (access(LADDER_BTF, R_OK))
		return -errno;
	return btf ? 0 : -EINVAL;
}

static int load_least(const struct rung_row *row, uint32_t btf_id)
{
	const struct bpf_insn least[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = row->what},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return load(row, least, WEIR_ARRAY_SIZE(least), btf_id);
}

static int ask_program(const struct rung_row *row, const struct btf *btf)
{
	(void)btf;
	return done(load_least(row, 0));
}

/* *(u32 *)(r10 - 8) = 0; lock cmpxchg of it: how a row is claimed. */
static int ask_cmpxchg(const struct rung_row *row, const struct btf *btf)
{
	static const struct bpf_insn claim[] = {
		{.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10, .off = -8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = 1},
		{.code = BPF_STX | BPF_ATOMIC | BPF_W, .dst_reg = BPF_REG_10, .src_reg = BPF_REG_1, .off = -8,
		 .imm = BPF_CMPXCHG},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};

	(void)btf;
	return done(load(row, claim, WEIR_ARRAY_SIZE(claim), 0));
}

/*
 * A call with arguments that fit nothing: the verifier names a helper that it does not give to this type
 * before it looks at them. (libbpf's own question does not know the words of 6.11 and later.)
 */
static int ask_helper(const struct rung_row *row, const struct btf *btf)
{
	static const char *const unknown[] = {"unknown func", "invalid func", "cannot use helper"};
	const struct bpf_insn call[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = row->what},
		{.code = BPF_JMP | BPF_EXIT},
	};
	char log[4096] = "";
	DECLARE_LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log), .log_level = 1);
	int fd = bpf_prog_load(row->type, "weir_probe", "Dual BSD/GPL", call, WEIR_ARRAY_SIZE(call), &opts);
	int r = fd < 0 ? -errno : fd;

	(void)btf;
	if (r == -EPERM)
		return r;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(unknown); i++)
		if (r < 0 && strstr(log, unknown[i]))
			return r;
	done(fd);
	return 0;
}

static int ask_mmap(const struct rung_row *row, const struct btf *btf)
{
	DECLARE_LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_probe", sizeof(uint32_t), sizeof(uint64_t), 1, &opts);

	(void)row, (void)btf;
	return done(fd < 0 ? -errno : fd);
}

/* A link to no interface: a kernel with TCX misses the interface, one without does not know the hook. */
static int ask_tcx(const struct rung_row *row, const struct btf *btf)
{
	weir_auto_close int fd = load_least(row, 0), link = -1;

	(void)btf;
	if (fd < 0)
		return fd;
	link = bpf_link_create(fd, 0, LADDER_TCX_INGRESS, NULL);
	return link >= 0 || errno == ENODEV ? 0 : -errno;
}

static int ask_frags(const struct rung_row *row, const struct btf *btf)
{
	static const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	DECLARE_LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = LADDER_XDP_HAS_FRAGS);
	int fd = bpf_prog_load(row->type, "weir_probe", "Dual BSD/GPL", pass, WEIR_ARRAY_SIZE(pass), &opts);

	(void)btf;
	return done(fd < 0 ? -errno : fd);
}

/* The cookie must be known to both sides. */
static int ask_netns(const struct rung_row *row, const struct btf *btf)
{
	weir_auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie;
	socklen_t len = sizeof(cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		return -errno;
	return ask_helper(row, btf);
}

/*
 * The kernel's struct of a packet and, at an address that it holds, one of connection tracking: r0 =
 * bpf_rdonly_cast(bpf_cast_to_kern_ctx(ctx), struct nf_conn). A struct that only a module knows cannot be named.
 */
static int ask_cast(const struct rung_row *row, const struct btf *btf)
{
	int to_kernel = btf ? btf__find_by_name_kind(btf, "bpf_cast_to_kern_ctx", BTF_KIND_FUNC) : -ENOENT;
	int to_type = btf ? btf__find_by_name_kind(btf, "bpf_rdonly_cast", BTF_KIND_FUNC) : -ENOENT;
	int type = btf ? btf__find_by_name_kind(btf, "nf_conn", BTF_KIND_STRUCT) : -ENOENT;
	const struct bpf_insn cast[] = {
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = to_kernel},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = type},
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = to_type},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};

	if (to_kernel < 0 || to_type < 0 || type < 0)
		return -ENOENT;
	return done(load(row, cast, WEIR_ARRAY_SIZE(cast), 0));
}

/* All of them, as one without the others would count halves. */
static int ask_traced(const struct rung_row *row, const struct btf *btf)
{
	uint32_t kind = row->attach == BPF_TRACE_RAW_TP ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC;

	for (const char *const *name = row->traced; *name; name++) {
		int id = btf ? btf__find_by_name_kind(btf, *name, kind) : -ENOENT;
		int r = id < 0 ? id : done(load_least(row, id));

		if (r)
			return r;
	}
	return 0;
}

/* Parameters of the tracepoint, with the hidden first one: the reason came with 5.17, the socket with 6.11. */
static int kfree_parameters(const struct btf *btf, uint32_t *ret_id)
{
	int id = btf__find_by_name_kind(btf, "btf_trace_kfree_skb", BTF_KIND_TYPEDEF);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;

	t = t ? btf__type_by_id(btf, t->type) : NULL; /* pointer */
	t = t ? btf__type_by_id(btf, t->type) : NULL; /* function prototype */
	if (!t || !btf_is_func_proto(t))
		return -ENOENT;
	*ret_id = id;
	return btf_vlen(t);
}

static int ask_kfree(const struct rung_row *row, const struct btf *btf)
{
	const struct rung_row least = {.type = row->type, .attach = row->attach};
	uint32_t id = 0;
	int n = btf ? kfree_parameters(btf, &id) : -ENOENT;

	if (n < 0)
		return n;
	return n < row->what ? -ENOENT : done(load_least(&least, id));
}

static const char *const health_points[] = {"btf_trace_tcp_receive_reset", "btf_trace_tcp_send_reset",
					    "btf_trace_inet_sock_set_state", "btf_trace_tcp_retransmit_skb", NULL};
static const char *const socket_iterators[] = {"bpf_iter_tcp", "bpf_iter_task_file", NULL};

static const struct rung_row rows[RUNGS] = {
	[RUNG_BTF] = {"BTF", "types of this kernel", NULL, ask_btf},
	[RUNG_SKB_IN] = {"cgroup_skb ingress", "counting and enforcement at sockets", NULL, ask_program,
			 BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, 1},
	[RUNG_SKB_OUT] = {"cgroup_skb egress", "counting and enforcement at sockets", NULL, ask_program,
			  BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, 1},
	[RUNG_SOCKOPS] = {"sockops", "who opened a connection", NULL, ask_program,
			  BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS, 1},
	[RUNG_CMPXCHG] = {"BPF compare-and-swap", "claiming rows without a lock", NULL, ask_cmpxchg,
			  BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, 0},
	[RUNG_CLOCK] = {"BPF coarse clock", "time of a packet for 1 ns", NULL, ask_helper,
			BPF_PROG_TYPE_CGROUP_SKB, 0, BPF_FUNC_ktime_get_coarse_ns},
	[RUNG_STORAGE] = {"BPF socket storage", "what is known of a socket", NULL, ask_helper,
			  BPF_PROG_TYPE_CGROUP_SKB, 0, BPF_FUNC_sk_storage_get},
	[RUNG_MMAP] = {"mmapable BPF arrays", "draining without system calls", NULL, ask_mmap},
	[RUNG_TC] = {"tc program", "the observer that holds the truth", "no identity of interfaces", ask_program,
		     BPF_PROG_TYPE_SCHED_CLS, 0, -1},
	[RUNG_TCX] = {"tcx", "the observer as a link of its own", "clsact", ask_tcx, BPF_PROG_TYPE_SCHED_CLS, 0, -1},
	[RUNG_XDP] = {"xdp", "early drop of what is denied to everybody", "it is dropped at sockets", ask_program,
		      BPF_PROG_TYPE_XDP, 0, XDP_PASS},
	[RUNG_XDP_FRAGS] = {"xdp frags", "early drop in drivers with large packets", "small MTU, or the generic path",
			    ask_frags, BPF_PROG_TYPE_XDP},
	[RUNG_NETNS] = {"netns cookie", "telling interfaces of other namespaces at sockets",
			"they are told by number alone", ask_netns, BPF_PROG_TYPE_CGROUP_SKB, 0,
			BPF_FUNC_get_netns_cookie},
	[RUNG_CAST] = {"kernel structs in place", "a gateway's packets and their translation, for 1 ns",
		       "copies of them, for 15 ns and more", ask_cast, BPF_PROG_TYPE_SCHED_CLS},
	[RUNG_KFREE] = {"kfree_skb reason", "names packets that no socket got", "they show as unexplained",
			ask_kfree, BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, 4},
	[RUNG_KFREE_RX] = {"kfree_skb socket", "names packets of TIME_WAIT", "they show as unexplained",
			   ask_kfree, BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, 5},
	[RUNG_TCP_TRACE] = {"tcp tracepoints", "resets, and the ends of connections older than weir",
			    "they are not counted", ask_traced, BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, 0,
			    health_points},
	[RUNG_TCP_ITER] = {"socket iterators", "takes TCP connections over that are older than weir",
			   "their health is not counted", ask_traced, BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 0,
			   socket_iterators},
};

void ladder_ask(struct ladder *ret)
{
	struct btf *btf = btf__load_vmlinux_btf();

	for (size_t i = 0; i < RUNGS; i++)
		ret->said[i] = rows[i].ask(&rows[i], btf);
	btf__free(btf);
}

int ladder_check(const struct ladder *l, struct weir_err *err)
{
	struct utsname un = {0};
	size_t i = 0;

	while (i < RUNGS && (!l->said[i] || rows[i].instead))
		i++;
	if (i == RUNGS)
		return 0;
	uname(&un);
	if (l->said[i] == -EPERM || l->said[i] == -EACCES)
		return weir_err_set(err, l->said[i],
				    "the kernel refuses BPF (%s, errno %d, %s): run as root, or with "
				    "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
				    rows[i].name, -l->said[i], strerror(-l->said[i]));
	return weir_err_set(err, l->said[i],
			    "this kernel (Linux %s) lacks %s (errno %d, %s), and weir cannot run without: "
			    "Linux 5.15 or newer with BTF is needed; nothing was loaded",
			    un.release, rows[i].name, -l->said[i], strerror(-l->said[i]));
}

char *ladder_refusal(const struct ladder *l, enum rung rung)
{
	int r = l->said[rung];

	if (!r)
		return NULL;
	return weir_strf("%s: errno %d (%s); instead: %s", rows[rung].name, -r, strerror(-r),
			 rows[rung].instead ? rows[rung].instead : "nothing, weir cannot run");
}

const char *ladder_name(enum rung rung)
{
	return rows[rung].name;
}

const char *ladder_use(enum rung rung)
{
	return rows[rung].use;
}
