/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What weir takes from a sender's throughput over a veth pair into another network namespace, and what
 * nft and softflowd take: rounds of runs with each and with nothing. One thread sends and receives in turn, so that its CPU time is all that a
 * byte costs, and throughput for each second of it does not depend on what else runs here.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/bench/shell.h"
#include "tests/bench/through.h"
#include "tests/bench/world.h"

#define PORT 443
#define BATCH 64
#define TCP_ROOM (256 << 10)
#define SMALL 18 /* payload of a frame of 64 bytes */

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
	const int tcp_room = TCP_ROOM;
	int room = 16 << 20, one = 1, fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	p->rx[UDP] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || p->rx[UDP] < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &tcp_room, sizeof(tcp_room));
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
	const int room = TCP_ROOM;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};

	inet_pton(AF_INET, "10.64.0.2", &to.sin_addr);
	p->tx[TCP] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* No pacing and no growing windows: a connection behaves as the one before. */
	setsockopt(p->tx[TCP], IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
	setsockopt(p->tx[TCP], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
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
	static char buf[1 << 16];
	uint64_t began = cpu_ns(), now = began, got = 0;
	ssize_t n;

	while ((now = cpu_ns()) - began < THROUGH_RUN_NS) {
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
	while ((now = cpu_ns()) - began < THROUGH_RUN_NS) {
		if ((n = sendmmsg(p->tx[UDP], msgs, BATCH, 0)) < 0)
			return -errno;
		p->datagrams += (uint64_t)n;
		while ((n = recvmmsg(p->rx[UDP], msgs, BATCH, 0, NULL)) > 0)
			got += (uint64_t)n;
	}
	*ret = (double)got / ((double)(now - began) / 1e9);
	return 0;
}

/* Both kinds, SLICES times, with the world or without. */
static int run_both(struct bench *b, struct world *w, double rates[KINDS][RUNS], int round)
{
	struct pair p;
	uint64_t counted = w ? world_packets(w, WEIR_EGRESS, IPPROTO_UDP) : 0;
	int r = pair_open(&p, w);

	if (r)
		weir_err_set(&b->err, r, "sockets over the veth pair: %s", strerror(-r));
	for (int i = 0; !r && i < SLICES; i++) {
		r = run_tcp(&p, &rates[TCP][round * SLICES + i]);
		if (!r)
			r = run_udp(&p, &rates[UDP][round * SLICES + i]);
	}
	if (!r && w && !w->uncounted && (counted = world_packets(w, WEIR_EGRESS, IPPROTO_UDP) - counted) != p.datagrams)
		r = weir_err_set(&b->err, -EPROTO, "%lu datagrams sent, %lu counted", (unsigned long)p.datagrams,
				 (unsigned long)counted);
	b->sent += p.datagrams;
	pair_close(&p);
	return r;
}

/* What else runs here only ever slows a run: the run that nine of ten do not reach stands for all. */
static double best_of(const double *rates)
{
	double v[RUNS];

	memcpy(v, rates, sizeof(v));
	bench_median(v, RUNS); /* sorts */
	return v[RUNS * 9 / 10];
}

static int run_all(struct bench *b, struct through_peer *peers, size_t n)
{
	int r = 0;

	for (int round = 0; round < ROUNDS && !r; round++) {
		for (size_t k = 0; k < n && !r; k++) {
			/* Each goes first and last equally often. */
			struct through_peer *p = &peers[round & 1 ? n - 1 - k : k];

			if (p->missing)
				continue;
			r = p->begin(b, p);
			if (r && p->optional) {
				printf("# %s is not compared: %s\n", p->name, b->err.text);
				b->err = (struct weir_err){{0}};
				p->missing = true;
				r = 0;
			} else if (!r) {
				r = run_both(b, b->world, p->rate, round);
			}
			p->end(b);
		}
	}
	for (size_t i = 0; i < n && !r; i++) {
		for (int k = 0; k < KINDS; k++) {
			peers[i].best[k] = best_of(peers[i].rate[k]);
			peers[i].loss[k] = (1 - peers[i].best[k] / peers[0].best[k]) * 100;
		}
	}
	return r;
}

/* All figures come from the same runs; whichever is asked for first makes them. */
static int measure(struct bench *b, struct through_peer *peers, size_t n)
{
	int r;

	world_close(&b->world);
	r = veth_open(&b->err);
	if (!r)
		r = run_all(b, peers, n);
	veth_close();
	for (size_t i = 0; !r && i < n; i++)
		if (!peers[i].missing)
			printf("# %-24s tcp %5.1f Gbit a second of CPU, %5.2f %% less; frames of 64 bytes %6.0f, %5.2f %% "
			       "less, %+4.0f ns\n", peers[i].name, peers[i].best[TCP] * 8e-9, peers[i].loss[TCP],
			       peers[i].best[UDP], peers[i].loss[UDP],
			       1e9 / peers[i].best[UDP] - 1e9 / peers[0].best[UDP]);
	return r;
}

static int loss(struct bench *b, int kind, struct bench_result *ret)
{
	static bool done;
	int r = done ? 0 : measure(b, through_peers, THROUGH_PEERS);

	done = !r;
	*ret = (struct bench_result){.value = through_peers[THROUGH_WEIR].loss[kind], .baseline = NAN};
	if (!through_peers[THROUGH_NFT].missing)
		ret->baseline = through_peers[THROUGH_NFT].loss[kind];
	return r;
}

int bench_tcp_loss(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	(void)c;
	return loss(b, TCP, ret);
}

int bench_udp_loss(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	(void)c;
	return loss(b, UDP, ret);
}

int bench_through_steps(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	(void)c;
	*ret = (struct bench_result){.baseline = NAN};
	return measure(b, through_steps, through_step_count);
}
