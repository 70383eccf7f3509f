/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A street for tests/unit/agent_neighbours.c: a cgroup with one below it, a network namespace with lo
 * and a veth pair, programs of others, and packets to sixteen ports whose fate is written down.
 */
#ifndef WEIR_TEST_NEIGHBOURHOOD_H
#define WEIR_TEST_NEIGHBOURHOOD_H

#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/base/clock.h"
#include "tests/bpf/neighbours.h"
#include "tests/lib/probe_fixture.h"

#define HOOD_ITEMS 8
#define HOOD_PROGS 16
#define HOOD_SENTINEL 6999 /* a port without opinions */
#define HOOD_TCX_INGRESS ((enum bpf_attach_type)46)
#define HOOD_TCX_EGRESS ((enum bpf_attach_type)47)
#define HOOD_BEFORE (1u << 3)
#define HOOD_STATES 4 /* of a client's TCP connection: syn-sent, established, close-wait, last-ack -> close */

enum hood_place { HOOD_ROOT, HOOD_LEAF };

/* One attached thing of others: fd >= 0 is a link, else how to undo it. */
struct hood_item {
	int link, prog, target;
	enum bpf_attach_type type;
	struct bpf_tc_hook tc;
	struct bpf_tc_opts tc_opts;
	bool clsact, nft;
};

struct hood {
	struct fixture f; /* f.probe: the agent that runs, NULL = none */
	struct neighbours_bpf *nb;
	struct hood_item items[HOOD_ITEMS];
	size_t item_count;
	char leaf[256], home[512];
	int dir[2]; /* by hood_place */
	int receiver[NB_PORTS], sentinel, listener;
	bool sockops;
};

/* What became of one datagram to each port, and who saw it. */
struct outcome {
	uint32_t delivered[NB_PORTS];
	uint32_t tcp;
	uint64_t seen[NB_SLOTS][NB_PORTS];
};

/* Ids in order at each hook, ours left out; and how many of ours. */
struct order {
	uint32_t ids[7][HOOD_PROGS];
	uint32_t ours[7];
};

struct opinion {
	uint16_t port; /* 0 ends a list */
	bool delivered;
};

struct scene {
	int (*early)(struct hood *h); /* attached before weir; NULL = none */
	int (*late)(struct hood *h);  /* after it */
	const struct opinion *want;
	/* A further claim while weir is attached: counts of one run. */
	void (*also)(struct test_state *test_st, struct hood *h);
};

static inline struct hood_item *hood_item(struct hood *h)
{
	struct hood_item *i = &h->items[h->item_count++];

	*i = (struct hood_item){.link = -1};
	return i;
}

static inline int hood_attach_as(struct hood *h, struct bpf_program *prog, enum hood_place at,
				 enum bpf_attach_type type, uint32_t flags)
{
	struct hood_item *i = hood_item(h);

	i->prog = bpf_program__fd(prog);
	i->target = h->dir[at];
	i->type = type;
	h->sockops |= type == BPF_CGROUP_SOCK_OPS;
	return bpf_prog_attach(i->prog, i->target, type, flags);
}

static inline int hood_attach(struct hood *h, struct bpf_program *prog, enum hood_place at,
			      enum bpf_attach_type type)
{
	return hood_attach_as(h, prog, at, type, BPF_F_ALLOW_MULTI);
}

static inline int hood_link(struct hood *h, struct bpf_program *prog, enum hood_place at,
			    enum bpf_attach_type type)
{
	struct hood_item *i = hood_item(h);

	i->link = bpf_link_create(bpf_program__fd(prog), h->dir[at], type, NULL);
	return i->link < 0 ? -errno : 0;
}

static inline int hood_tcx(struct hood *h, struct bpf_program *prog, enum bpf_attach_type type, uint32_t flags)
{
	DECLARE_LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	struct hood_item *i = hood_item(h);

	i->link = bpf_link_create(bpf_program__fd(prog), (int)if_nametoindex("lo"), type, &opts);
	return i->link < 0 ? -errno : 0;
}

static inline int hood_clsact(struct hood *h, struct bpf_program *prog, enum bpf_tc_attach_point point,
			      uint32_t priority)
{
	struct hood_item *i = hood_item(h);
	int r;

	i->clsact = true;
	i->tc = (struct bpf_tc_hook){.sz = sizeof(i->tc), .ifindex = (int)if_nametoindex("lo"),
				     .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS};
	i->tc_opts = (struct bpf_tc_opts){.sz = sizeof(i->tc_opts), .handle = 1, .priority = priority,
					  .prog_fd = bpf_program__fd(prog)};
	r = bpf_tc_hook_create(&i->tc);
	i->tc.attach_point = point;
	return r && r != -EEXIST ? r : bpf_tc_attach(&i->tc, &i->tc_opts);
}

static inline int hood_nft(struct hood *h, const char *rules)
{
	FILE *f = popen("nft -f -", "w");

	hood_item(h)->nft = true;
	if (!f)
		return -errno;
	fputs(rules, f);
	return pclose(f) ? -EINVAL : 0;
}

static inline int hood_deny_address(struct hood *h, const char *address)
{
	struct { uint32_t len, addr; } key = {.len = 32, .addr = inet_addr(address)};
	uint64_t one = 1;

	return bpf_map_update_elem(bpf_map__fd(h->nb->maps.denied), &key, &one, BPF_ANY);
}

/* Takes away what was attached after the first `keep` things. */
static inline void hood_leave(struct hood *h, size_t keep)
{
	while (h->item_count > keep) {
		struct hood_item *i = &h->items[--h->item_count];

		if (i->clsact) {
			i->tc_opts.prog_fd = i->tc_opts.prog_id = 0;
			i->tc_opts.flags = 0;
			bpf_tc_detach(&i->tc, &i->tc_opts);
		} else if (i->nft) {
			(void)!system("nft flush ruleset");
		} else if (i->link >= 0) {
			close(i->link);
		} else if (i->prog) {
			bpf_prog_detach2(i->prog, i->target, i->type);
		}
	}
}

static inline int hood_udp(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = INADDR_ANY};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ? -1 : fd;
}

static inline int hood_move(const char *cgroup)
{
	char path[600];
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	f = fopen(path, "w");
	if (!f)
		return -errno;
	fprintf(f, "%d", getpid());
	return fclose(f) ? -errno : 0;
}

/* Where this process came from, so that the cgroups can be removed. */
static inline void hood_home(struct hood *h)
{
	weir_auto_free char *mount = NULL;
	char line[256];
	FILE *f = fopen("/proc/self/cgroup", "r");

	if (weir_cgroup2_mount(&mount))
		mount = NULL;
	while (f && mount && fgets(line, sizeof(line), f))
		if (!strncmp(line, "0::", 3)) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(h->home, sizeof(h->home), "%s%s", mount, line + 3);
		}
	if (f)
		fclose(f);
}

static inline int hood_sockets(struct hood *h)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(NB_FREE), .sin_addr.s_addr = INADDR_ANY};

	for (size_t i = 0; i < NB_PORTS; i++)
		h->receiver[i] = hood_udp((uint16_t)(NB_FIRST_PORT + i));
	h->sentinel = hood_udp(HOOD_SENTINEL);
	h->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return bind(h->listener, (struct sockaddr *)&a, sizeof(a)) || listen(h->listener, 8) ? -errno : 0;
}

static inline int hood_open(struct hood *h, struct weir_err *err)
{
	cpu_set_t one;
	int r = fixture_place(&h->f, err);

	h->f.small = true;
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one); /* packets stay in order */
	hood_home(h);
	snprintf(h->leaf, sizeof(h->leaf), "%.240s/leaf", h->f.cgroup);
	mkdir(h->leaf, 0755);
	h->dir[HOOD_ROOT] = open(h->f.cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	h->dir[HOOD_LEAF] = open(h->leaf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r || h->dir[HOOD_LEAF] < 0 || unshare(CLONE_NEWNET) ||
	    system("ip link set lo up && ip link add nbv0 type veth peer name nbv1 && ip link set nbv0 up && "
		   "ip link set nbv1 up"))
		return weir_err_set(err, -errno, "no namespace, cgroup or ip command: %s", strerror(errno));
	h->nb = neighbours_bpf__open();
	if (!h->nb)
		return -errno;
	h->nb->rodata->nb_redirect_to = if_nametoindex("nbv0");
	if ((r = neighbours_bpf__load(h->nb)) || (r = hood_move(h->leaf)) || (r = hood_sockets(h)))
		return weir_err_set(err, r, "the programs of others: %s", strerror(-r));
	return 0;
}

static inline void hood_close(struct hood *h)
{
	struct weir_err err = {{0}};

	hood_leave(h, 0);
	for (size_t i = 0; i < NB_PORTS; i++)
		close(h->receiver[i]);
	close(h->sentinel);
	close(h->listener);
	probe_close(h->f.probe);
	probe_detach(h->f.pins, &err);
	neighbours_bpf__destroy(h->nb);
	close(h->dir[HOOD_ROOT]);
	close(h->dir[HOOD_LEAF]);
	hood_move(h->home);
	rmdir(h->leaf);
	rmdir(h->f.cgroup);
}

static inline void hood_seen(struct hood *h, uint64_t ret[NB_SLOTS][NB_PORTS])
{
	for (uint32_t i = 0; i < NB_SLOTS * NB_PORTS; i++)
		bpf_map_lookup_elem(bpf_map__fd(h->nb->maps.seen), &i, &ret[i / NB_PORTS][i % NB_PORTS]);
}

static inline void hood_send(const char *address, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr(address)};
	weir_auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!connect(fd, (struct sockaddr *)&a, sizeof(a)))
		(void)!send(fd, "x", 1, 0);
}

static inline bool hood_readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

/* One connection that the server closes first; true when it came about. */
static inline bool hood_tcp(struct hood *h)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(NB_FREE),
				.sin_addr.s_addr = inet_addr("127.0.0.1")};
	weir_auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int peer;

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) && errno != EINPROGRESS)
		return false;
	if (!hood_readable(h->listener, 100))
		return false;
	peer = accept(h->listener, NULL, NULL);
	close(peer);
	return hood_readable(fd, 1000); /* the end of the stream */
}

static inline uint32_t hood_count(int fd)
{
	uint32_t n = 0;
	char c;

	while (recv(fd, &c, 1, MSG_DONTWAIT) == 1)
		n++;
	return n;
}

static inline void hood_run(struct hood *h, struct outcome *ret)
{
	uint64_t before[NB_SLOTS][NB_PORTS] = {0}, deadline;

	memset(ret, 0, sizeof(*ret));
	hood_seen(h, before);
	for (uint16_t i = 0; i < NB_PORTS; i++)
		hood_send("127.0.0.1", (uint16_t)(NB_FIRST_PORT + i));
	hood_send("127.0.0.2", HOOD_SENTINEL); /* what was sent before it has arrived before it */
	hood_readable(h->sentinel, 100);
	hood_count(h->sentinel);
	for (size_t i = 0; i < NB_PORTS; i++)
		ret->delivered[i] = hood_count(h->receiver[i]);
	ret->tcp = hood_tcp(h);
	deadline = weir_monotonic_ns() + WEIR_NS_PER_S;
	do
		hood_seen(h, ret->seen);
	while (h->sockops && ret->tcp && ret->seen[NB_SOCKOPS][0] - before[NB_SOCKOPS][0] < HOOD_STATES &&
	       weir_monotonic_ns() < deadline);
	for (size_t i = 0; i < NB_SLOTS * NB_PORTS; i++)
		ret->seen[i / NB_PORTS][i % NB_PORTS] -= before[i / NB_PORTS][i % NB_PORTS];
}

/* -ENOENT: replaced since it was seen. */
static inline int hood_is_ours(uint32_t id)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	weir_auto_close int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return -ENOENT;
	return !strncmp(info.name, "weir_", 5);
}

static inline int hood_order_of(int target, enum bpf_attach_type type, uint32_t ret_ids[HOOD_PROGS],
				uint32_t *ret_ours)
{
	uint32_t ids[HOOD_PROGS] = {0}, n = HOOD_PROGS, flags = 0, kept = 0;

	*ret_ours = 0;
	memset(ret_ids, 0, HOOD_PROGS * sizeof(*ret_ids));
	if (bpf_prog_query(target, type, 0, &flags, ids, &n))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		int ours = hood_is_ours(ids[i]);

		if (ours < 0)
			return ours;
		if (ours)
			++*ret_ours;
		else
			ret_ids[kept++] = ids[i];
	}
	return 0;
}

static inline void hood_order(struct hood *h, struct order *ret)
{
	const struct { int target; enum bpf_attach_type type; } hooks[7] = {
		{h->dir[HOOD_ROOT], BPF_CGROUP_SOCK_OPS}, {h->dir[HOOD_ROOT], BPF_CGROUP_INET_INGRESS},
		{h->dir[HOOD_ROOT], BPF_CGROUP_INET_EGRESS}, {(int)if_nametoindex("lo"), HOOD_TCX_INGRESS},
		{(int)if_nametoindex("lo"), HOOD_TCX_EGRESS}, {h->dir[HOOD_LEAF], BPF_CGROUP_INET_EGRESS},
		{h->dir[HOOD_ROOT], BPF_CGROUP_INET4_CONNECT}};

	for (size_t k = 0; k < 7; k++)
		while (hood_order_of(hooks[k].target, hooks[k].type, ret->ids[k], &ret->ours[k]))
			continue;
}

static inline bool hood_one_each(const struct order *o)
{
	for (size_t k = 0; k < 5; k++)
		if (o->ours[k] != 1)
			return false;
	return !o->ours[5] && !o->ours[6];
}

static inline bool hood_none(const struct order *o)
{
	for (size_t k = 0; k < 7; k++)
		if (o->ours[k])
			return false;
	return true;
}

static inline const char *const *hood_interfaces(void)
{
	static const char *const patterns[] = {"lo", "nbv*", NULL};

	return patterns;
}

static inline bool hood_enter(struct test_state *test_st, struct hood *h)
{
	struct weir_err err = {{0}};

	libbpf_set_print(NULL);
	if (!hood_open(h, &err))
		return true;
	CHECK(false, "%s", err.text);
	return false;
}

#endif
