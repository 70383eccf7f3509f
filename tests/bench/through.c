/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What weir takes from a sender's throughput over a veth pair into another network namespace: pairs of
 * runs with and without it. One thread sends and receives in turn, so that its CPU time is all that a
 * byte costs, and throughput for each second of it does not depend on what else runs here.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/bench/shell.h"
#include "tests/bench/world.h"

#define PAIRS 10
#define RUN_NS 400000000ull
#define PORT 443
#define BATCH 64
#define SMALL 18 /* payload of a frame of 64 bytes */

enum { TCP, UDP, KINDS };

struct pair {
	int rx[KINDS]; /* in the other namespace, outside the measured cgroup */
	int tx[KINDS];
	uint64_t datagrams; /* sent */
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static int veth_open(struct weir_err *err)
{
	int pid = getpid();

	return shell(err, "ip netns add weir-bench-%d && ip link add bench0 type veth peer name bench1 netns "
			  "weir-bench-%d && ip addr add 10.64.0.1/24 dev bench0 && ip link set bench0 up && "
			  "ip -n weir-bench-%d addr add 10.64.0.2/24 dev bench1 && ip -n weir-bench-%d link set "
			  "bench1 up", pid, pid, pid, pid);
}

static void veth_close(void)
{
	shell(NULL, "ip link del bench0; ip netns del weir-bench-%d", getpid());
}

static int listen_there(struct pair *p)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int room = 16 << 20, one = 1, fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	p->rx[UDP] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || p->rx[UDP] < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(p->rx[UDP], SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1) ||
	    bind(p->rx[UDP], (struct sockaddr *)&at, sizeof(at))) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* Sockets of the other namespace; *ret_listen gives the TCP one. */
static int open_there(struct pair *p, int *ret_listen)
{
	weir_auto_free char *path = weir_strf("/run/netns/weir-bench-%d", getpid());
	weir_auto_close int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	weir_auto_close int there = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	int r;

	if (here < 0 || there < 0 || setns(there, CLONE_NEWNET))
		return -errno;
	r = listen_there(p);
	if (setns(here, CLONE_NEWNET))
		return -errno;
	if (r < 0)
		return r;
	*ret_listen = r;
	return 0;
}

static int open_here(struct pair *p, int listen_fd)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};

	inet_pton(AF_INET, "10.64.0.2", &to.sin_addr);
	p->tx[TCP] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	p->tx[UDP] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (p->tx[TCP] < 0 || p->tx[UDP] < 0 || connect(p->tx[TCP], (struct sockaddr *)&to, sizeof(to)) ||
	    connect(p->tx[UDP], (struct sockaddr *)&to, sizeof(to)))
		return -errno;
	p->rx[TCP] = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return p->rx[TCP] < 0 ? -errno : 0;
}

static void pair_close(struct pair *p)
{
	for (int k = 0; k < KINDS; k++) {
		if (p->rx[k] >= 0)
			close(p->rx[k]);
		if (p->tx[k] >= 0)
			close(p->tx[k]);
	}
}

/* Receiver's sockets in the bench's own cgroup, sender's in the world's when there is one. */
static int pair_open(struct pair *p, struct world *w)
{
	weir_auto_close int listen_fd = -1;
	int r = 0;

	*p = (struct pair){.rx = {-1, -1}, .tx = {-1, -1}};
	if (w)
		r = world_enter(w->home);
	if (!r)
		r = open_there(p, &listen_fd);
	if (w && !r)
		r = world_enter(w->cgroup);
	return r ? r : open_here(p, listen_fd);
}

/* Bytes per second of CPU. */
static int run_tcp(struct pair *p, double *ret)
{
	static char buf[1 << 18];
	uint64_t began = cpu_ns(), now = began, got = 0;
	ssize_t n;

	while ((now = cpu_ns()) - began < RUN_NS) {
		n = send(p->tx[TCP], buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return -errno;
		while ((n = recv(p->rx[TCP], buf, sizeof(buf), 0)) > 0)
			got += (uint64_t)n;
	}
	*ret = (double)got / ((double)(now - began) / 1e9);
	return 0;
}

/* Packets that arrive per second of CPU. */
static int run_udp(struct pair *p, double *ret)
{
	static char payload[BATCH][256];
	struct iovec iov[BATCH];
	struct mmsghdr msgs[BATCH];
	uint64_t began = cpu_ns(), now = began, got = 0;
	int n;

	memset(msgs, 0, sizeof(msgs));
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){.iov_base = payload[i], .iov_len = SMALL};
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	while ((now = cpu_ns()) - began < RUN_NS) {
		if ((n = sendmmsg(p->tx[UDP], msgs, BATCH, 0)) < 0)
			return -errno;
		p->datagrams += (uint64_t)n;
		while ((n = recvmmsg(p->rx[UDP], msgs, BATCH, 0, NULL)) > 0)
			got += (uint64_t)n;
	}
	*ret = (double)got / ((double)(now - began) / 1e9);
	return 0;
}

/* Both kinds once, with the world or without. */
static int run_both(struct bench *b, struct world *w, double ret[KINDS])
{
	struct pair p;
	uint64_t counted;
	int r = pair_open(&p, w);

	if (r)
		weir_err_set(&b->err, r, "sockets over the veth pair: %s", strerror(-r));
	if (!r)
		r = run_tcp(&p, &ret[TCP]);
	counted = w ? world_packets(w, WEIR_EGRESS) : 0;
	if (!r)
		r = run_udp(&p, &ret[UDP]);
	if (!r && w && (counted = world_packets(w, WEIR_EGRESS) - counted) != p.datagrams)
		r = weir_err_set(&b->err, -EPROTO, "%lu datagrams sent, %lu counted", (unsigned long)p.datagrams,
				 (unsigned long)counted);
	pair_close(&p);
	return r;
}

static int run_pairs(struct bench *b, double ret_loss[KINDS], double ret_with[KINDS], double ret_without[KINDS])
{
	double loss[KINDS][PAIRS], with[KINDS][PAIRS], without[KINDS][PAIRS], v[KINDS] = {0};
	int r = 0;

	for (int i = 0; i < 2 * PAIRS && !r; i++) {
		/* Without first, with first, in turn. */
		bool weir = (i & 1) ^ (i >> 1 & 1);

		if (weir)
			r = world_get(b, 65536);
		if (!r)
			r = run_both(b, b->world, v);
		world_close(&b->world);
		for (int k = 0; k < KINDS; k++)
			(weir ? with : without)[k][i / 2] = v[k];
	}
	for (int k = 0; k < KINDS && !r; k++) {
		for (int i = 0; i < PAIRS; i++)
			loss[k][i] = (1 - with[k][i] / without[k][i]) * 100;
		ret_loss[k] = bench_median(loss[k], PAIRS);
		ret_with[k] = bench_median(with[k], PAIRS);
		ret_without[k] = bench_median(without[k], PAIRS);
	}
	return r;
}

/* Both figures come from the same runs; whichever is asked for first makes them. */
static int measure(struct bench *b, int kind, struct bench_result *ret)
{
	static double loss[KINDS], with[KINDS], without[KINDS];
	static bool done;
	int r = 0;

	world_close(&b->world);
	if (!done) {
		r = veth_open(&b->err);
		if (!r)
			r = run_pairs(b, loss, with, without);
		veth_close();
	}
	done = !r;
	if (!r)
		printf(kind == TCP ? "# tcp: %.1f Gbit a second of CPU with weir, %.1f without\n" :
				     "# udp, 64-byte frames: %.0f a second of CPU with weir, %.0f without\n",
		       with[kind] * (kind == TCP ? 8e-9 : 1), without[kind] * (kind == TCP ? 8e-9 : 1));
	*ret = (struct bench_result){.value = loss[kind], .baseline = NAN};
	return r;
}

int bench_tcp_loss(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	(void)c;
	return measure(b, TCP, ret);
}

int bench_udp_loss(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	(void)c;
	return measure(b, UDP, ret);
}
