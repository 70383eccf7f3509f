/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policing: datagrams offered at 1.05 to 20 times a limit, the L3 rate that arrives. The first burst is
 * spent before the clock starts. Sender and receiver go before other work on the CPUs, and of three
 * intervals the median counts: a sender that is kept off the CPU offers less.
 */
#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/base/clock.h"
#include "tests/bench/shell.h"
#include "tests/bench/world.h"

#define PAYLOAD 1200
#define L3 (PAYLOAD + 28)
#define INTERVALS 3
#define INTERVAL_NS (WEIR_NS_PER_S * 6 / 10)

static const double offered[] = {1.05, 1.3, 1.9, 5, 20};

static int udp(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct timeval wait = {.tv_usec = 10000};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = 8 << 20;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (port && bind(fd, (struct sockaddr *)&at, sizeof(at))) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* Spends the burst, then keeps the pace until it is killed. */
static void send_paced(double bits_per_s, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct timespec nap = {.tv_nsec = 200000};
	static const char payload[PAYLOAD];
	uint64_t began, sent = 0, due;
	int fd = udp(0);

	/* nft's bucket holds a second more than its burst. */
	for (int i = 0; i < (2 * WORLD_BURST + 2 * (WORLD_RATE / 8)) / L3; i++)
		sendto(fd, payload, PAYLOAD, 0, (struct sockaddr *)&to, sizeof(to));
	began = weir_monotonic_ns();
	for (;;) {
		due = (uint64_t)((double)(weir_monotonic_ns() - began) * bits_per_s / (8e9 * L3));
		for (; sent < due; sent++)
			sendto(fd, payload, PAYLOAD, 0, (struct sockaddr *)&to, sizeof(to));
		nanosleep(&nap, NULL);
	}
}

static pid_t start_sender(const char *cgroup, double bits_per_s, uint16_t port)
{
	pid_t pid = fork();
	const struct sched_param first = {.sched_priority = 1};
	cpu_set_t any;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(&any, 0xff, sizeof(any));
	sched_setaffinity(0, sizeof(any), &any);
	sched_setscheduler(0, SCHED_RR, &first);
	if (!cgroup || !world_enter(cgroup))
		send_paced(bits_per_s, port);
	_exit(1);
}

/* L3 bits per second that arrive until end_ns. */
static double receive(int fd, uint64_t end_ns)
{
	uint64_t began = weir_monotonic_ns(), now = began, got = 0;
	char buf[2048];

	while ((now = weir_monotonic_ns()) < end_ns)
		got += recv(fd, buf, sizeof(buf), 0) > 0;
	return (double)(got * L3 * 8) / ((double)(now - began) / 1e9);
}

/* Error in percent of the limit at one offered rate. */
static int one_point(const char *sender_cgroup, double factor, uint16_t port, double *ret, struct weir_err *err)
{
	double rates[INTERVALS];
	weir_auto_close int fd = udp(port);
	uint64_t t;
	pid_t pid;

	if (fd < 0)
		return weir_err_set(err, fd, "port %u: %s", port, strerror(-fd));
	pid = start_sender(sender_cgroup, factor * WORLD_RATE, port);
	if (pid < 0)
		return -errno;
	t = weir_monotonic_ns() + WEIR_NS_PER_S / 2;
	receive(fd, t);
	for (int i = 0; i < INTERVALS; i++)
		rates[i] = receive(fd, t += INTERVAL_NS);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	*ret = (bench_median(rates, INTERVALS) / WORLD_RATE - 1) * 100;
	return 0;
}

static int worst_of(const char *name, const char *sender_cgroup, uint16_t port, double *worst, struct weir_err *err)
{
	printf("# %s:", name);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(offered); i++) {
		double e = 0;
		int r = one_point(sender_cgroup, offered[i], port, &e, err);

		if (r)
			return r;
		printf(" %gx %+.2f %%", offered[i], e);
		if (fabs(e) > fabs(*worst))
			*worst = e;
	}
	printf("\n");
	return 0;
}

/* A queueing discipline of the loopback device. */
static int qdisc(const char *name, struct weir_err *err, const char *setup)
{
	double worst = 0;
	int r = shell(err, "%s", setup);

	if (!r)
		r = worst_of(name, NULL, WORLD_PORT_FREE, &worst, err);
	shell(NULL, "tc qdisc del dev lo root");
	return r;
}

/* nft polices where the datagrams enter, tbf and htb queue where they leave, at the same rate and burst. */
static int peers(struct bench *b, double *ret_nft)
{
	weir_auto_free char *tbf = weir_strf("tc qdisc add dev lo root tbf rate %dbit burst %d limit %d", WORLD_RATE,
					     WORLD_BURST, WORLD_BURST);
	weir_auto_free char *htb = weir_strf("tc qdisc add dev lo root handle 1: htb default 1 && tc class add dev "
					     "lo parent 1: classid 1:1 htb rate %dbit burst %d", WORLD_RATE,
					     WORLD_BURST);
	double worst = 0;
	int r = shell(&b->err, "nft add table ip bench && nft add chain ip bench in "
			       "'{ type filter hook input priority 0; }' && nft add rule ip bench in udp dport %d "
			       "limit rate over %d bytes/second burst %d bytes drop",
		      WORLD_PORT_FREE, WORLD_RATE / 8, WORLD_BURST);

	if (!r)
		r = worst_of("nft", NULL, WORLD_PORT_FREE, &worst, &b->err);
	shell(NULL, "nft delete table ip bench");
	if (!r)
		*ret_nft = worst;
	if (!r)
		r = tbf && htb ? qdisc("tbf", &b->err, tbf) : -ENOMEM;
	return r ? r : qdisc("htb", &b->err, htb);
}

int bench_rate_error(struct bench *b, const struct bench_case *c, struct bench_result *ret)
{
	const struct sched_param first = {.sched_priority = 1}, normal = {0};
	double worst = 0, nft = NAN;
	int r = world_get(b, 65536);

	(void)c;
	sched_setscheduler(0, SCHED_RR, &first);
	if (!r)
		r = worst_of("police, egress", b->world->cgroup, WORLD_PORT_EGRESS, &worst, &b->err);
	if (!r)
		r = worst_of("police, ingress", b->world->home, WORLD_PORT_INGRESS, &worst, &b->err);
	world_close(&b->world);
	if (!r && peers(b, &nft))
		printf("# a comparison is missing: %s\n", b->err.text);
	sched_setscheduler(0, SCHED_OTHER, &normal);
	*ret = (struct bench_result){.value = fabs(worst), .baseline = fabs(nft)};
	return r;
}
