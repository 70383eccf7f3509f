/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP health of real connections on loopback, in a network namespace and a cgroup of their own, against
 * what the kernel says of the socket: TCP_INFO is what `ss -ti` prints.
 */
#include <linux/tcp.h>
#include <pthread.h>

#include "lib/ds/rtt.h"
#include "tests/lib/health_fixture.h"

static struct tcp_info info_of(int fd)
{
	struct tcp_info t = {0};
	socklen_t len = sizeof(t);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &t, &len);
	return t;
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
	  T_ROOT(passes_under_traffic_count_once), T_ROOT(a_full_table_folds),
	  T_ROOT(a_gone_workload_gives_its_rows_back))
