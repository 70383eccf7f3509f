/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroup hook under live sockets, because BPF_PROG_RUN has only one: messages round robin over all
 * flows, in turns under weir's program, a minimal counter and an empty one, exchanged in weir's own link.
 * Time and runs are the kernel's own (BPF_ENABLE_STATS, for as long as this process holds it); its
 * cost is in all of them and goes with the difference.
 */
#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <bpf/bpf.h>

#include "tests/bench/drive.h"
#include "tests/bench/order.h"
#include "tests/bench/peers.h"
#include "tests/bench/server.h"
#include "tests/bench/world.h"

#define TURNS 9
#define PORT 443
#define BATCH 512

struct live {
	uint32_t flows;
	uint32_t passes; /* of a turn */
	uint32_t *order; /* BENCH_SEQUENCE */
	int *sock; /* one per flow (TCP), or one (UDP) */
	int link_fd;
	/* One message on each flow. */
	int (*pass)(struct live *l);
};

enum live_prog { LIVE_EMPTY, LIVE_WEIR, LIVE_TWO_WAY, LIVE_PROGS };

static void live_fini(struct live *l)
{
	for (uint32_t i = 0; l->sock && i < l->flows; i++)
		if (l->sock[i] > 0)
			close(l->sock[i]);
	free(l->sock);
	free(l->order);
	if (l->link_fd > 0)
		close(l->link_fd);
}

static int pass_tcp(struct live *l)
{
	for (uint32_t i = 0; i < l->flows; i++)
		if (send(l->sock[l->order[i]], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1 && errno != EAGAIN)
			return -errno;
	return 0;
}

static int pass_udp(struct live *l)
{
	struct sockaddr_in to[BATCH];
	struct mmsghdr msgs[BATCH];
	struct iovec iov = {.iov_base = "x", .iov_len = 1};

	for (uint32_t i = 0; i < l->flows; i += BATCH) {
		uint32_t n = WEIR_MIN(l->flows - i, (uint32_t)BATCH);

		for (uint32_t k = 0; k < n; k++) {
			to[k] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(PORT),
						     .sin_addr.s_addr = htonl(0x7f010000 + l->order[i + k])};
			msgs[k] = (struct mmsghdr){.msg_hdr = {.msg_name = &to[k], .msg_namelen = sizeof(to[k]),
							       .msg_iov = &iov, .msg_iovlen = 1}};
		}
		if (sendmmsg(l->sock[0], msgs, n, 0) != (int)n)
			return -errno;
	}
	return 0;
}

static int connect_all(struct live *l)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;

	for (uint32_t i = 0; i < l->flows; i++) {
		l->sock[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (l->sock[i] < 0 || setsockopt(l->sock[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
		    connect(l->sock[i], (struct sockaddr *)&to, sizeof(to)))
			return -errno;
	}
	return 0;
}

static int open_sockets(struct live *l, bool tcp)
{
	if (tcp) {
		l->pass = pass_tcp;
		return connect_all(l);
	}
	l->pass = pass_udp;
	l->sock[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return l->sock[0] < 0 ? -errno : 0;
}

static int live_init(struct live *l, struct world *w, uint32_t flows, bool tcp)
{
	weir_auto_free char *link = weir_strf("%s/links/egress", w->pins);
	struct rlimit files;
	uint32_t len;
	int r;

	*l = (struct live){.flows = flows, .passes = WEIR_MAX(2u, 32768u / flows)};
	l->order = calloc(BENCH_SEQUENCE, sizeof(*l->order));
	l->sock = calloc(flows, sizeof(*l->sock));
	if (!link || !l->order || !l->sock)
		return -ENOMEM;
	if ((r = order_fill(l->order, flows, 0, &len)))
		return r;
	if ((l->link_fd = bpf_obj_get(link)) < 0)
		return -errno;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		return -errno;
	return open_sockets(l, tcp);
}

struct spent {
	uint64_t ns, runs;
};

static int spent(int prog_fd, struct spent *ret)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len))
		return -errno;
	*ret = (struct spent){.ns = info.run_time_ns, .runs = info.run_cnt};
	return 0;
}

/* One program's turn: a pass to warm up, two that count. */
static int turn(struct live *l, int prog_fd, struct spent *ret)
{
	struct spent before, after;
	int r;

	if (bpf_link_update(l->link_fd, prog_fd, NULL))
		return -errno;
	if ((r = l->pass(l)) || (r = spent(prog_fd, &before)))
		return r;
	for (uint32_t i = 0; !r && i < l->passes; i++)
		r = l->pass(l);
	if (r || (r = spent(prog_fd, &after)))
		return r;
	*ret = (struct spent){.ns = after.ns - before.ns, .runs = after.runs - before.runs};
	return 0;
}

static int measure(struct live *l, struct world *w, const int fds[LIVE_PROGS], struct bench_result *ret,
		   struct weir_err *err)
{
	double above[LIVE_PROGS][TURNS];
	uint64_t counted = world_packets(w, WEIR_EGRESS, 0);
	struct spent first, last;
	int r = spent(fds[LIVE_WEIR], &first);

	for (int t = 0; !r && t < TURNS; t++) {
		double floor = 0;

		for (int i = 0; !r && i < LIVE_PROGS; i++) {
			struct spent s = {0};

			if ((r = turn(l, fds[i], &s)))
				break;
			if (s.runs < l->passes * l->flows / 8)
				return weir_err_set(err, -EPROTO, "%lu runs for %u messages",
						    (unsigned long)s.runs, l->passes * l->flows / 8);
			above[i][t] = (double)s.ns / (double)s.runs - floor;
			if (i == LIVE_EMPTY)
				floor = above[i][t];
		}
	}
	if (r || (r = spent(fds[LIVE_WEIR], &last)))
		return weir_err_set(err, r, "a turn: %s", strerror(-r));
	counted = world_packets(w, WEIR_EGRESS, 0) - counted;
	if (counted != last.runs - first.runs)
		return weir_err_set(err, -EPROTO, "%lu runs, %lu packets counted",
				    (unsigned long)(last.runs - first.runs), (unsigned long)counted);
	*ret = (struct bench_result){.value = bench_median(above[LIVE_WEIR], TURNS),
				     .baseline = bench_median(above[LIVE_TWO_WAY], TURNS)};
	return 0;
}

static int live(struct bench *b, uint32_t flows, bool tcp, struct bench_result *ret)
{
	weir_cleanup(peers_close) struct peers p = {.skel = NULL};
	weir_cleanup(server_close) struct server server = {.pid = 0, .fd = -1};
	weir_auto_close int stats = -1;
	struct live l = {0};
	int r = world_get(b, 65536);

	if (r)
		return r;
	if ((r = peers_open(&p, flows, &b->err)))
		return r;
	if ((stats = bpf_enable_stats(BPF_STATS_RUN_TIME)) < 0)
		return weir_err_set(&b->err, -errno, "BPF_ENABLE_STATS: %s", strerror(errno));
	if ((r = server_open(&server, b->world->home, PORT)))
		return weir_err_set(&b->err, r, "the server: %s", strerror(-r));
	r = live_init(&l, b->world, flows, tcp);
	if (r) {
		weir_err_set(&b->err, r, "%u sockets: %s", flows, strerror(-r));
	} else {
		const int fds[LIVE_PROGS] = {
			[LIVE_EMPTY] = p.fd[PEER_CG_EMPTY],
			[LIVE_WEIR] = b->world->probe->prog_fd[PROBE_EGRESS],
			[LIVE_TWO_WAY] = p.fd[PEER_CG_WAY2],
		};

		r = measure(&l, b->world, fds, ret, &b->err);
	}
	live_fini(&l);
	world_close(&b->world); /* its link may hold another program, its rows closed sockets' flows */
	return r;
}

int bench_live_tcp(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	return live(b, c->flows, true, ret);
}

int bench_live_udp(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	return live(b, c->flows, false, ret);
}
