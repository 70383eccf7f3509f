/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP health of real connections on loopback, in a network namespace and a cgroup of their own, against
 * what the kernel says of the socket: TCP_INFO is what `ss -ti` prints.
 */
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "agent/health.h"
#include "lib/base/clock.h"
#include "lib/ds/rtt.h"
#include "tests/lib/probe_fixture.h"

struct scene {
	struct fixture x;
	char *home; /* the cgroup this process came from */
	int listener, old, old_peer;
	uint16_t port;
};

static int write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	int r = f && fputs(text, f) >= 0 ? 0 : -1;

	return f && fclose(f) == 0 ? r : -1;
}

static int enter(const char *cgroup)
{
	char path[512], pid[16];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	snprintf(pid, sizeof(pid), "%d", getpid());
	return write_text(path, pid);
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int dial(uint16_t port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int serve(uint16_t *ret_port)
{
	struct sockaddr_in a = loopback(0);
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		return -1;
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static int loopback_up(void)
{
	struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	weir_auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &req);
}

/* Sends n bytes through and reads them at the other end. */
static int move(int from, int to, size_t n)
{
	static char buf[1 << 16];

	for (size_t done = 0; done < n;) {
		size_t part = WEIR_MIN(n - done, sizeof(buf));

		if (send(from, buf, part, MSG_NOSIGNAL) != (ssize_t)part ||
		    recv(to, buf, part, MSG_WAITALL) != (ssize_t)part)
			return -1;
		done += part;
	}
	return 0;
}

/* The old connection is made before weir is loaded. The cgroup exists first: a socket keeps its own. */
static int scene_open(struct scene *s, struct weir_err *err)
{
	weir_auto_free char *mount = NULL, *own = NULL;
	size_t len;

	s->listener = s->old = s->old_peer = -1;
	if (unshare(CLONE_NEWNET) || loopback_up() || weir_cgroup2_mount(&mount) ||
	    weir_file_read("/proc/self/cgroup", 65536, &own, &len))
		return weir_err_set(err, -EIO, "no namespace of its own");
	for (char *line = own, *end; line && *line; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		if (end)
			*end = '\0';
		if (!strncmp(line, "0::", 3))
			s->home = weir_strf("%s%s", mount, line + 3);
	}
	snprintf(s->x.cgroup, sizeof(s->x.cgroup), "%s/weir-test-%d", mount, getpid());
	mkdir(s->x.cgroup, 0755);
	if (!s->home || enter(s->x.cgroup))
		return weir_err_set(err, -EIO, "no cgroup of its own");
	s->listener = serve(&s->port);
	s->old = dial(s->port);
	s->old_peer = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	if (s->old_peer < 0 || move(s->old, s->old_peer, 100000))
		return weir_err_set(err, -EIO, "no connection");
	return fixture_open(&s->x, err);
}

static bool scene_begin(struct test_state *test_st, struct scene *s)
{
	struct weir_err err = {{0}};

	CHECK(!scene_open(s, &err), "%s", err.text);
	return s->x.probe;
}

static bool scene_iterates(struct test_state *test_st, const struct scene *s)
{
	if (strstr(probe_hooks(s->x.probe), "tcp_iter"))
		return true;
	SKIP("this kernel has no socket iterators");
	return false;
}

static void scene_close(struct scene *s)
{
	weir_closep(&s->old);
	weir_closep(&s->old_peer);
	weir_closep(&s->listener);
	if (s->home)
		enter(s->home);
	free(s->home);
	if (s->x.probe)
		fixture_close(&s->x);
	else
		rmdir(s->x.cgroup);
}
#define auto_scene weir_cleanup(scene_close) struct scene

/* Sum over the rows; the overflow row included. */
static struct weir_health totals(struct scene *s)
{
	struct weir_health_key keys[8];
	struct weir_health rows[8], sum = {0};
	size_t n = 0;

	probe_health_read(s->x.probe, keys, rows, &n);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < WEIR_H_COUNTS; k++)
			sum.n[k] += rows[i].n[k];
		for (size_t k = 0; k < WEIR_RTT_BUCKETS; k++)
			sum.rtt[k] += rows[i].rtt[k];
	}
	return sum;
}

static uint64_t samples(const struct weir_health *h)
{
	uint64_t n = 0;

	for (size_t k = 0; k < WEIR_RTT_BUCKETS; k++)
		n += h->rtt[k];
	return n;
}

static struct tcp_info info_of(int fd)
{
	struct tcp_info t = {0};
	socklen_t len = sizeof(t);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &t, &len);
	return t;
}

/* What the kernel does after a call returned (a FIN's answer) needs a moment. */
static bool until(struct scene *s, enum weir_health_count what, uint64_t want)
{
	uint64_t end = weir_boot_ns() + 5 * WEIR_NS_PER_S;

	while (weir_boot_ns() < end) {
		if (totals(s).n[what] == want)
			return true;
		poll(NULL, 0, 5);
	}
	return false;
}

TEST(live_connections)
{
	auto_scene s = {0};
	const struct linger hard = {.l_onoff = 1};
	struct weir_health h;
	size_t taken = 0;
	struct tcp_info a, b;
	int fd, peer;

	if (!scene_begin(test_st, &s) || !scene_iterates(test_st, &s))
		return;
	CHECK(!probe_health_pass(s.x.probe, &taken) && taken == 2, "took %zu sockets over", taken);
	h = totals(&s);
	a = info_of(s.old);
	b = info_of(s.old_peer);
	CHECK(h.n[WEIR_H_CONNECTIONS] == 2 && h.n[WEIR_H_CLOSED] == 0);
	CHECK(h.n[WEIR_H_BYTES_OUT] == a.tcpi_bytes_sent + b.tcpi_bytes_sent && h.n[WEIR_H_BYTES_OUT] == 100000,
	      "%llu", (unsigned long long)h.n[WEIR_H_BYTES_OUT]);
	CHECK(h.n[WEIR_H_BYTES_IN] == 100000);
	CHECK(h.n[WEIR_H_SEGS_OUT] == a.tcpi_segs_out + b.tcpi_segs_out);
	CHECK(samples(&h) == 2 && h.n[WEIR_H_RTT_US] == a.tcpi_rtt + b.tcpi_rtt, "%llu samples, sum %llu, want %u + %u",
	      (unsigned long long)samples(&h), (unsigned long long)h.n[WEIR_H_RTT_US], a.tcpi_rtt, b.tcpi_rtt);

	CHECK(!probe_health_pass(s.x.probe, &taken) && taken == 0, "took %zu over again", taken);
	CHECK(totals(&s).n[WEIR_H_CONNECTIONS] == 2);
	CHECK(!move(s.old, s.old_peer, 50000));
	CHECK(!probe_health_pass(s.x.probe, &taken));
	CHECK(totals(&s).n[WEIR_H_BYTES_IN] == 150000, "an old socket is settled");

	fd = dial(s.port);
	peer = accept4(s.listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fd >= 0 && peer >= 0 && !move(fd, peer, 7000) && !move(peer, fd, 3000));
	CHECK(totals(&s).n[WEIR_H_CONNECTIONS] == 4);
	close(fd);
	close(peer);
	CHECK(until(&s, WEIR_H_CLOSED, 2), "both ends of a new connection end");
	h = totals(&s);
	/* TCP_INFO counts a received FIN as a byte: one at each end. */
	CHECK(h.n[WEIR_H_BYTES_OUT] == 160000 && h.n[WEIR_H_BYTES_IN] == 160002, "out %llu in %llu",
	      (unsigned long long)h.n[WEIR_H_BYTES_OUT], (unsigned long long)h.n[WEIR_H_BYTES_IN]);
	CHECK(h.n[WEIR_H_RESETS_IN] == 0 && h.n[WEIR_H_RESETS_OUT] == 0);

	CHECK(dial(1) < 0 && errno == ECONNREFUSED);
	CHECK(totals(&s).n[WEIR_H_REFUSED] == 1 && totals(&s).n[WEIR_H_RESETS_IN] == 0);
	fd = dial(s.port);
	peer = accept4(s.listener, NULL, NULL, SOCK_CLOEXEC);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	CHECK(until(&s, WEIR_H_CLOSED, 4));
	h = totals(&s);
	CHECK(h.n[WEIR_H_RESETS_OUT] == 1 && h.n[WEIR_H_RESETS_IN] == 1, "out %llu in %llu",
	      (unsigned long long)h.n[WEIR_H_RESETS_OUT], (unsigned long long)h.n[WEIR_H_RESETS_IN]);
	close(peer);

	weir_closep(&s.old);
	weir_closep(&s.old_peer);
	s.old = s.old_peer = -1;
	CHECK(until(&s, WEIR_H_CLOSED, 6), "old sockets' ends are seen");
	CHECK(totals(&s).n[WEIR_H_CONNECTIONS] == 6 && totals(&s).n[WEIR_H_FAILED] == 0);
}

/* Nobody but tracepoints and passes sees sockets of another network namespace that are older than weir. */
TEST(old_sockets_of_another_namespace)
{
	auto_scene s = {0};
	size_t taken = 0;

	if (!scene_begin(test_st, &s) || !scene_iterates(test_st, &s))
		return;
	CHECK(!unshare(CLONE_NEWNET));
	CHECK(!probe_health_pass(s.x.probe, &taken) && taken == 2, "took %zu sockets over", taken);
	CHECK(!move(s.old, s.old_peer, 50000));
	CHECK(!probe_health_pass(s.x.probe, &taken) && taken == 0);
	CHECK(totals(&s).n[WEIR_H_BYTES_IN] == 150000);
	CHECK(samples(&(struct weir_health[]){totals(&s)}[0]) > 2, "a pass samples what has no callback");
	weir_closep(&s.old);
	weir_closep(&s.old_peer);
	s.old = s.old_peer = -1;
	CHECK(until(&s, WEIR_H_CLOSED, 2));
	CHECK(totals(&s).n[WEIR_H_CONNECTIONS] == 2);
}

/* Sums of what stands beside rows of one family, and how many of them are of what a workload received. */
static struct weir_flow_health flow_totals(struct scene *s, bool v6, size_t *ret_received)
{
	const struct probe *p = s->x.probe;
	struct weir_flow_health sum = {0};

	*ret_received = 0;
	for (size_t i = v6 ? p->rows.count4 : 0; i < (v6 ? p->rows.count : p->rows.count4); i++) {
		const struct weir_flow_health *h = &p->flow_health[i];

		sum.rtt_us += h->rtt_us;
		sum.samples += h->samples;
		sum.retrans += h->retrans;
		*ret_received += h->samples && rows_at(&p->rows, i)->dir == WEIR_INGRESS;
	}
	return sum;
}

/* A connection over a family to a listener of both, some bytes each way, closed when both ends are known. */
static bool talk(const struct sockaddr *to, socklen_t len, int listener)
{
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), peer = -1;
	bool ok = fd >= 0 && !connect(fd, to, len);

	peer = ok ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
	ok = ok && peer >= 0 && !move(fd, peer, 7000) && !move(peer, fd, 3000);
	weir_closep(&fd);
	weir_closep(&peer);
	return ok;
}

/* What a connection's health is stands beside the row of what its socket sends, over both families. */
TEST(health_of_flows)
{
	const struct sockaddr_in v4_of = loopback(0);
	struct sockaddr_in6 both = {.sin6_family = AF_INET6}, to6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in to4 = v4_of;
	auto_scene s = {0};
	socklen_t len = sizeof(both);
	weir_auto_close int listener = -1;
	struct weir_flow_health f4, f6;
	struct weir_health h;
	size_t received4, received6;

	if (!scene_begin(test_st, &s))
		return;
	listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!bind(listener, (struct sockaddr *)&both, len) && !listen(listener, 4) && !getsockname(listener, (struct sockaddr *)&both, &len));
	to4.sin_port = to6.sin6_port = both.sin6_port;
	CHECK(talk((struct sockaddr *)&to4, sizeof(to4), listener), "over IPv4, the listener's end by a socket of IPv6");
	CHECK(until(&s, WEIR_H_CLOSED, 2));
	h = totals(&s);
	f4 = flow_totals(&s, false, &received4);
	f6 = flow_totals(&s, true, &received6);
	CHECK(f4.samples >= 2 && f4.samples == samples(&h) && f4.rtt_us == h.n[WEIR_H_RTT_US], "%u samples of %llu, %llu us of %llu",
	      f4.samples, (unsigned long long)samples(&h), (unsigned long long)f4.rtt_us, (unsigned long long)h.n[WEIR_H_RTT_US]);
	CHECK(!f6.samples && !received4, "%u of IPv6, %zu rows of what was received", f6.samples, received4);
	CHECK(talk((struct sockaddr *)&to6, sizeof(to6), listener), "over IPv6");
	CHECK(until(&s, WEIR_H_CLOSED, 4));
	h = totals(&s);
	f6 = flow_totals(&s, true, &received6);
	CHECK(f6.samples >= 2 && f4.samples + f6.samples == samples(&h) && f4.rtt_us + f6.rtt_us == h.n[WEIR_H_RTT_US] && !received6,
	      "%u and %u samples of %llu", f4.samples, f6.samples, (unsigned long long)samples(&h));
}

/* Nobody accepts: the second SYN is dropped, and sent again. */
TEST(retransmits_of_flows)
{
	auto_scene s = {0};
	struct sockaddr_in to;
	int fd[3];
	size_t received;
	uint64_t end;

	if (!scene_begin(test_st, &s))
		return;
	CHECK(!listen(s.listener, 0));
	to = loopback(s.port);
	for (size_t i = 0; i < 3; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		CHECK(fd[i] >= 0 && (!connect(fd[i], (struct sockaddr *)&to, sizeof(to)) || errno == EINPROGRESS));
	}
	for (end = weir_boot_ns() + 10 * WEIR_NS_PER_S; weir_boot_ns() < end && !totals(&s).n[WEIR_H_RETRANS];)
		poll(NULL, 0, 5);
	for (size_t i = 0; i < 3; i++)
		weir_closep(&fd[i]);
	CHECK(totals(&s).n[WEIR_H_RETRANS] > 0 && flow_totals(&s, false, &received).retrans == totals(&s).n[WEIR_H_RETRANS], "%u of %llu",
	      flow_totals(&s, false, &received).retrans, (unsigned long long)totals(&s).n[WEIR_H_RETRANS]);
}

struct passes {
	struct probe *probe;
	bool stop;
	int failed, count;
};

static void *pass_all_the_time(void *arg)
{
	struct passes *p = arg;
	size_t taken;

	while (!__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE)) {
		p->failed += probe_health_pass(p->probe, &taken) != 0;
		p->count++;
	}
	return NULL;
}

/* Callbacks and passes meet on the same sockets, from both CPUs: what is added is still each byte once. */
TEST(passes_under_traffic_count_once)
{
	auto_scene s = {0};
	struct passes p = {0};
	uint64_t end, sent = 0, out = 0, segs = 0;
	int fd[4], peer[4];
	struct weir_health h;
	pthread_t thread;
	size_t taken;

	if (!scene_begin(test_st, &s) || !scene_iterates(test_st, &s))
		return;
	p.probe = s.x.probe;
	CHECK(!pthread_create(&thread, NULL, pass_all_the_time, &p));
	for (int i = 0; i < 4; i++) {
		fd[i] = i ? dial(s.port) : s.old;
		peer[i] = i ? accept4(s.listener, NULL, NULL, SOCK_CLOEXEC) : s.old_peer;
	}
	end = weir_boot_ns() + (getenv("WEIR_LONG") ? 20 : 1) * WEIR_NS_PER_S;
	for (; weir_boot_ns() < end; sent += 4 * 65536)
		for (int i = 0; i < 4; i++)
			if (move(fd[i], peer[i], 65536))
				end = 0;
	CHECK(end, "traffic flows");
	__atomic_store_n(&p.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	CHECK(!p.failed && p.count > 10, "%d of %d passes failed", p.failed, p.count);
	poll(NULL, 0, 50); /* delayed acknowledgements are segments too */
	CHECK(!probe_health_pass(s.x.probe, &taken));
	h = totals(&s);
	for (int i = 0; i < 4; i++) {
		struct tcp_info a = info_of(fd[i]), b = info_of(peer[i]);

		out += a.tcpi_bytes_sent + b.tcpi_bytes_sent;
		segs += a.tcpi_segs_out + b.tcpi_segs_out;
	}
	CHECK(h.n[WEIR_H_CONNECTIONS] == 8, "%llu", (unsigned long long)h.n[WEIR_H_CONNECTIONS]);
	/* What is sent again (a tail loss probe) is sent twice, and received once. */
	CHECK(out >= sent + 100000 && h.n[WEIR_H_BYTES_OUT] == out, "%llu of %llu",
	      (unsigned long long)h.n[WEIR_H_BYTES_OUT], (unsigned long long)out);
	CHECK(h.n[WEIR_H_BYTES_IN] == sent + 100000, "%llu", (unsigned long long)h.n[WEIR_H_BYTES_IN]);
	CHECK(h.n[WEIR_H_SEGS_OUT] == segs, "%llu of %llu", (unsigned long long)h.n[WEIR_H_SEGS_OUT],
	      (unsigned long long)segs);
	printf("# %llu bytes under %d passes\n", (unsigned long long)sent, p.count);
	for (int i = 1; i < 4; i++) {
		close(fd[i]);
		close(peer[i]);
	}
}

static void health_freep(struct health **h)
{
	health_free(*h);
}

/* No room for another kind of peer: the overflow row takes the connection, and says so. */
TEST(a_full_table_folds)
{
	auto_scene s = {0};
	struct weir_health_key k = {.workload = 9}, keys[8];
	struct weir_health zero = {.since_ns = 1}, rows[8];
	uint64_t folded = 0;
	size_t n = 0;
	int fd;

	if (!scene_begin(test_st, &s))
		return;
	for (k.scope = 0; !bpf_map_update_elem(s.x.probe->health_fd, &k, &zero, BPF_NOEXIST); k.scope++)
		;
	CHECK(k.scope == 7, "8 rows, one is the overflow row: %u", k.scope);
	fd = dial(s.port);
	CHECK(fd >= 0);
	close(fd);
	CHECK(until(&s, WEIR_H_CLOSED, 1));
	probe_health_read(s.x.probe, keys, rows, &n);
	for (size_t i = 0; i < n; i++)
		if (keys[i].peer_class == WEIR_HEALTH_OVERFLOW)
			folded = rows[i].n[WEIR_H_CONNECTIONS];
	/* Both ends: the listener's side is established too, though nobody accepted. */
	CHECK(folded == 2, "%llu", (unsigned long long)folded);
	CHECK(fixture_dropped(&s.x, WEIR_D_NO_HEALTH).packets == 2, "%llu",
	      (unsigned long long)fixture_dropped(&s.x, WEIR_D_NO_HEALTH).packets);
}

TEST(a_gone_workload_gives_its_rows_back)
{
	auto_scene s = {0};
	weir_cleanup(health_freep) struct health *h = NULL;
	size_t before, taken;

	if (!scene_begin(test_st, &s))
		return;
	CHECK(!health_new(probe_health_max(s.x.probe), 1, &h));
	(void)health_pass(h, s.x.probe, weir_boot_ns(), &taken);
	CHECK(dial(1) < 0 && !health_read(h, s.x.probe));
	before = h->count;
	CHECK(before == 2, "the overflow row and one: %zu", before);
	health_forget(h, s.x.probe, 7);
	CHECK(!health_read(h, s.x.probe) && h->count == before);
	health_forget(h, s.x.probe, 1);
	CHECK(!health_read(h, s.x.probe) && h->count == 1 && h->keys[0].peer_class == WEIR_HEALTH_OVERFLOW);
}

TEST_MAIN(T_ROOT(live_connections), T_ROOT(old_sockets_of_another_namespace),
	  T_ROOT(health_of_flows), T_ROOT(retransmits_of_flows),
	  T_ROOT(passes_under_traffic_count_once), T_ROOT(a_full_table_folds),
	  T_ROOT(a_gone_workload_gives_its_rows_back))
