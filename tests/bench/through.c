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
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/bench/shell.h"
#include "tests/bench/world.h"

#define ROUNDS 10
#define RUN_NS 300000000ull
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

/* What is measured beside nothing; all on bench0. */
struct through_peer {
	const char *name;
	int (*begin)(struct bench *b);
	void (*end)(struct bench *b);
	bool optional, missing;
	double rate[KINDS][ROUNDS];
	double loss[KINDS], median[KINDS]; /* results */
};
enum { NOTHING, WEIR, NFT, SOFTFLOWD };

static int begin_nothing(struct bench *b)
{
	(void)b;
	return 0;
}

static void end_nothing(struct bench *b)
{
	(void)b;
}

static int begin_weir(struct bench *b)
{
	return world_get(b, 65536);
}

static void end_weir(struct bench *b)
{
	world_close(&b->world);
}

/* The world's policy as nft rules, and a counter for each flow. */
static int begin_nft(struct bench *b)
{
	return shell(&b->err,
		     "nft -f - <<'EOF'\n"
		     "table ip bench {\n"
		     " set denied { type ipv4_addr; flags interval; elements = { 203.0.113.0/24, 192.0.2.0/24 } }\n"
		     " set clients { type ipv4_addr; flags interval; elements = { 198.18.0.0/15, 10.64.0.0/10 } }\n"
		     " set flows { type ipv4_addr . inet_service . ipv4_addr . inet_service; size 65536; "
		     "flags dynamic; counter; }\n"
		     " chain account { meta l4proto { tcp, udp } add @flows { ip saddr . th sport . ip daddr . th dport }; }\n"
		     " chain out { type filter hook output priority 0; policy accept; jump account\n"
		     "  ip daddr @denied counter drop\n"
		     "  ip daddr @clients meta l4proto { tcp, udp } th dport 443 counter accept\n"
		     "  ip daddr 198.51.100.0/24 tcp dport 8443 limit rate over 25000000 bytes/second drop\n"
		     "  udp dport 5001 limit rate over 1250000 bytes/second burst 262144 bytes drop\n }\n"
		     " chain in { type filter hook input priority 0; policy accept; jump account\n"
		     "  ip saddr @denied counter drop\n"
		     "  udp dport 5002 limit rate over 1250000 bytes/second burst 262144 bytes drop\n }\n"
		     "}\nEOF");
}

static void end_nft(struct bench *b)
{
	(void)b;
	shell(NULL, "nft delete table ip bench");
}

static pid_t softflowd_pid;
static uint64_t softflowd_ns, softflowd_packets;

static int begin_softflowd(struct bench *b)
{
	weir_auto_fclose FILE *f = NULL;
	int r = shell(&b->err, "command -v softflowd && softflowd -i bench0 -n 127.0.0.1:2055 -m 65536 "
			       "-p /tmp/weir-bench-%d.pid -c /tmp/weir-bench-%d.ctl", getpid(), getpid());
	weir_auto_free char *path = weir_strf("/tmp/weir-bench-%d.pid", getpid());

	for (int i = 0; !r && path && i < 100 && !(f = fopen(path, "re")); i++)
		usleep(20000);
	if (!r && (!f || fscanf(f, "%d", &softflowd_pid) != 1))
		r = weir_err_set(&b->err, -ENOENT, "softflowd wrote no process id");
	return r;
}

static void end_softflowd(struct bench *b)
{
	(void)b;
	if (!softflowd_pid)
		return;
	softflowd_ns += bench_process_ns(softflowd_pid);
	kill(softflowd_pid, SIGKILL);
	softflowd_pid = 0;
	shell(NULL, "rm -f /tmp/weir-bench-%d.pid /tmp/weir-bench-%d.ctl", getpid(), getpid());
}

static double softflowd_ns_per_packet(void)
{
	return softflowd_packets ? (double)softflowd_ns / (double)softflowd_packets : NAN;
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
	if (softflowd_pid)
		softflowd_packets += p.datagrams;
	pair_close(&p);
	return r;
}

static int run_all(struct bench *b, struct through_peer *peers, size_t n)
{
	double v[KINDS][ROUNDS];
	int r = 0;

	for (int round = 0; round < ROUNDS && !r; round++) {
		for (size_t k = 0; k < n && !r; k++) {
			/* Each goes first and last equally often. */
			struct through_peer *p = &peers[round & 1 ? n - 1 - k : k];
			double got[KINDS] = {0};

			if (p->missing)
				continue;
			r = p->begin(b);
			if (r && p->optional) {
				printf("# %s is not compared: %s\n", p->name, b->err.text);
				b->err = (struct weir_err){{0}};
				p->missing = true;
				r = 0;
			} else if (!r) {
				r = run_both(b, b->world, got);
			}
			p->end(b);
			p->rate[TCP][round] = got[TCP];
			p->rate[UDP][round] = got[UDP];
		}
	}
	for (size_t i = 0; i < n && !r; i++) {
		for (int k = 0; k < KINDS && !peers[i].missing; k++) {
			for (int round = 0; round < ROUNDS; round++)
				v[k][round] = (1 - peers[i].rate[k][round] / peers[0].rate[k][round]) * 100;
			peers[i].loss[k] = bench_median(v[k], ROUNDS);
			memcpy(v[k], peers[i].rate[k], sizeof(v[k]));
			peers[i].median[k] = bench_median(v[k], ROUNDS);
		}
	}
	return r;
}

/* All figures come from the same runs; whichever is asked for first makes them. */
static int measure(struct bench *b, int kind, struct bench_result *ret)
{
	static struct through_peer peers[] = {
		{.name = "nothing", .begin = begin_nothing, .end = end_nothing},
		{.name = "weir", .begin = begin_weir, .end = end_weir},
		{.name = "nft", .begin = begin_nft, .end = end_nft, .optional = true},
		{.name = "softflowd", .begin = begin_softflowd, .end = end_softflowd, .optional = true},
	};
	static bool done;
	int r = 0;

	world_close(&b->world);
	if (!done) {
		r = veth_open(&b->err);
		if (!r)
			r = run_all(b, peers, WEIR_ARRAY_SIZE(peers));
		veth_close();
	}
	done = !r;
	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(peers); i++)
		if (!peers[i].missing)
			printf(kind == TCP ? "# tcp, %s: %.1f Gbit a second of CPU, %.2f %% lost\n" :
					     "# frames of 64 bytes, %s: %.0f a second of CPU, %.2f %% lost\n",
			       peers[i].name, peers[i].median[kind] * (kind == TCP ? 8e-9 : 1),
			       peers[i].loss[kind]);
	if (!r && kind == UDP && !peers[SOFTFLOWD].missing)
		printf("# softflowd's own process: %.0f ns a packet more\n", softflowd_ns_per_packet());
	*ret = (struct bench_result){.value = peers[WEIR].loss[kind],
				     .baseline = peers[NFT].missing ? NAN : peers[NFT].loss[kind]};
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
