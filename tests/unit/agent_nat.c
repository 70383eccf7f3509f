/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to virtual addresses through the loaded program: DNAT by nftables, rewriting at connect4. */
#include "neighbours.skel.h"
#include "tests/lib/neighbourhood.h"

#include "agent/nat.h"
#include "tests/lib/bundle_fixture.h"

#define VIRTUAL "127.0.9.9"
#define BACKEND_PORT (NB_FIRST_PORT + 1)
#define RULES                                                                                                  \
	"table ip t { chain o { type nat hook output priority -100; "                                          \
	"ip daddr " VIRTUAL " udp dport 7000 dnat to 127.0.0.1:7001; "                                         \
	"ip daddr " VIRTUAL " udp dport 7002 dnat to 127.0.0.1; "                                              \
	"ip daddr 127.0.0.1 udp dport 7003 dnat to 127.0.0.1:7004; "                                           \
	"ip daddr " VIRTUAL " tcp dport 80 dnat to 127.0.0.1:7000; }; }"

static bool place(struct test_state *test_st, struct hood *h, struct nat **ret)
{
	struct weir_err err = {{0}};
	int r;

	if (system("nft --version >/dev/null 2>&1")) {
		SKIP("nft is not installed");
		return false;
	}
	if (!hood_enter(test_st, h))
		return false;
	h->f.small = false;
	r = hood_nft(h, RULES);
	if (!r)
		r = fixture_probe(&h->f, hood_interfaces(), &h->f.probe, &err);
	if (!r)
		r = nat_new(h->f.probe, 16, ret);
	CHECK(!r, "%s", err.text);
	if (r)
		hood_close(h);
	return !r;
}

static void leave(struct hood *h, struct nat *n)
{
	nat_free(n);
	hood_close(h);
}

static uint16_t own_port(int fd)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	return getsockname(fd, (struct sockaddr *)&a, &len) ? 0 : ntohs(a.sin_port);
}

static int connected(int type, const char *address, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr(address)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (!connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return fd;
	close(fd);
	return -1;
}

/* The server answers whoever wrote to it. */
static bool answer(int server)
{
	struct sockaddr_in who;
	socklen_t len = sizeof(who);
	char c;

	return hood_readable(server, 1000) && recvfrom(server, &c, 1, 0, (struct sockaddr *)&who, &len) == 1 &&
	       sendto(server, &c, 1, 0, (struct sockaddr *)&who, len) == 1;
}

/* A datagram to the virtual address and its answer; the client's socket, -1: it did not pass. */
static int exchange(struct hood *h, const char *address, uint16_t port, int server)
{
	int fd = connected(SOCK_DGRAM, address, port);
	char c;

	if (send(fd, "x", 1, 0) == 1 && answer(h->receiver[server]) && hood_readable(fd, 1000) && recv(fd, &c, 1, 0) == 1)
		return fd;
	close(fd);
	return -1;
}

/* The client's row of a direction. */
static const struct weir_row *row_of(struct hood *h, uint8_t proto, enum weir_dir dir, uint16_t port)
{
	struct rows rows = probe_rows(h->f.probe);

	for (size_t i = 0; i < rows.count; i++) {
		const struct weir_row *r = rows_at(&rows, i);

		if (r->state == WEIR_ROW_LIVE && r->proto == proto && r->dir == dir && r->lport_be == htons(port))
			return r;
	}
	return NULL;
}

/* Peer of a row as it is reported: "127.0.0.1:7001". */
static const char *reported(struct nat *n, const struct weir_row *row, char *buf, size_t size)
{
	struct weir_addr local, peer;
	uint16_t port = ntohs(row->rport_be);
	char text[INET_ADDRSTRLEN] = "";

	rows_addresses(row, local.b, peer.b);
	nat_peer(n, row, &peer, &port);
	inet_ntop(AF_INET, peer.b + 12, text, sizeof(text));
	snprintf(buf, size, "%s:%u", text, port);
	return buf;
}

static void both_report(struct test_state *test_st, struct hood *h, struct nat *n, uint8_t proto, uint16_t port,
			const char *want, bool translated)
{
	const struct weir_row *out = row_of(h, proto, WEIR_EGRESS, port), *in = row_of(h, proto, WEIR_INGRESS, port);
	char buf[32];

	CHECK(out && in, "protocol %u: rows are missing", proto);
	if (!out || !in)
		return;
	CHECK(!strcmp(reported(n, out, buf, sizeof(buf)), want), "protocol %u out: %s", proto, buf);
	CHECK(!strcmp(reported(n, in, buf, sizeof(buf)), want), "protocol %u in: %s", proto, buf);
	CHECK(!!(in->flags & WEIR_ROW_F_NAT) == translated && !(out->flags & WEIR_ROW_F_NAT), "flags %x %x",
	      out->flags, in->flags);
	CHECK(in->flags & out->flags & WEIR_ROW_F_INIT_LOCAL, "protocol %u: the peer is said to have opened it", proto);
	CHECK(in->peer_class == out->peer_class, "classes %u %u", out->peer_class, in->peer_class);
}

TEST(both_directions_are_reported_by_the_backend)
{
	weir_auto_close int udp = -1, tcp = -1, plain = -1;
	struct nat *n = NULL;
	struct hood h = {0};

	if (!place(test_st, &h, &n))
		return;
	udp = exchange(&h, VIRTUAL, NB_FREE, 1);
	CHECK(udp >= 0, "UDP does not pass");
	both_report(test_st, &h, n, IPPROTO_UDP, own_port(udp), "127.0.0.1:7001", true);
	tcp = connected(SOCK_STREAM, VIRTUAL, 80);
	CHECK(tcp >= 0, "TCP does not pass");
	both_report(test_st, &h, n, IPPROTO_TCP, own_port(tcp), "127.0.0.1:7000", true);
	plain = exchange(&h, "127.0.0.1", NB_FREE, 0);
	CHECK(plain >= 0, "a plain address does not pass");
	both_report(test_st, &h, n, IPPROTO_UDP, own_port(plain), "127.0.0.1:7000", false);
	leave(&h, n);
}

/* Most services listen at the port of their backends; a redirection changes nothing but the port. */
TEST(an_address_or_a_port_alone_is_a_translation_too)
{
	weir_auto_close int address = -1, port = -1;
	struct nat *n = NULL;
	struct hood h = {0};

	if (!place(test_st, &h, &n))
		return;
	address = exchange(&h, VIRTUAL, NB_FIRST_PORT + 2, 2);
	CHECK(address >= 0, "another address does not pass");
	both_report(test_st, &h, n, IPPROTO_UDP, own_port(address), "127.0.0.1:7002", true);
	port = exchange(&h, "127.0.0.1", NB_FIRST_PORT + 3, 4);
	CHECK(port >= 0, "another port does not pass");
	both_report(test_st, &h, n, IPPROTO_UDP, own_port(port), "127.0.0.1:7004", true);
	leave(&h, n);
}

TEST(policy_decides_on_the_backend)
{
	weir_auto_close int fd = -1;
	const struct weir_row *in;
	struct weir_err err = {{0}};
	struct nat *n = NULL;
	struct hood h = {0};

	if (!place(test_st, &h, &n))
		return;
	probe_set_mode(h.f.probe, WEIR_MODE_ENFORCE);
	CHECK(!bundle_fixture_rules(&h.f, "  egress: [{action: deny, to: [{cidr: 127.0.0.1/32}]}]", &err),
	      "%s", err.text);
	fd = connected(SOCK_DGRAM, VIRTUAL, NB_FREE);
	CHECK(send(fd, "x", 1, 0) < 0 && !hood_readable(h.receiver[1], 0), "the backend is denied, behind its name it passes");
	close(fd);
	CHECK(!bundle_fixture_rules(&h.f, "  egress: [{action: deny, to: [{cidr: 127.0.9.9/32}]}, "
					  "{action: accept}]", &err), "%s", err.text);
	fd = exchange(&h, VIRTUAL, NB_FREE, 1);
	CHECK(fd >= 0, "the virtual address is denied, the backend is not");
	in = fd < 0 ? NULL : row_of(&h, IPPROTO_UDP, WEIR_INGRESS, own_port(fd));
	CHECK(in && in->verdict == WEIR_V_ACCEPT, "what returns is not decided on the backend");
	leave(&h, n);
}

TEST(what_connect4_rewrites_is_the_backend_already)
{
	weir_auto_close int fd = -1;
	struct nat *n = NULL;
	struct hood h = {0};

	if (!place(test_st, &h, &n))
		return;
	CHECK(!hood_attach(&h, h.nb->progs.nb_connect4, HOOD_ROOT, BPF_CGROUP_INET4_CONNECT));
	fd = exchange(&h, "127.0.0.1", NB_CONNECT_REWRITE, NB_CONNECT_TO - NB_FIRST_PORT);
	CHECK(fd >= 0, "does not pass");
	both_report(test_st, &h, n, IPPROTO_UDP, own_port(fd), "127.0.0.1:7005", false);
	leave(&h, n);
}

static int count_one(const struct weir_nat_key *k, const struct weir_nat *to, void *arg)
{
	(void)k, (void)to;
	++*(int *)arg;
	return 0;
}

static int learned(struct hood *h)
{
	int n = 0;

	probe_each_nat(h->f.probe, count_one, &n);
	return n;
}

TEST(a_full_table_is_counted_and_what_nobody_needs_is_removed)
{
	uint32_t now = WEIR_TICK(weir_monotonic_ns());
	struct weir_count drops[WEIR_DROPS];
	struct nat *n = NULL;
	struct rows rows;
	struct hood h = {0};
	int fd[8];

	if (!place(test_st, &h, &n))
		return;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(fd); i++)
		fd[i] = exchange(&h, VIRTUAL, NB_FREE, 1);
	CHECK(!probe_drops(h.f.probe, drops) && drops[WEIR_D_NO_NAT].packets == 4 && learned(&h) == 4,
	      "8 offered to 4 rows: %d learned, %lu counted", learned(&h), (unsigned long)drops[WEIR_D_NO_NAT].packets);
	rows = probe_rows(h.f.probe);
	CHECK(!nat_sweep(n, &rows, now + 1000) && learned(&h) == 4, "%d are left, rows need 4", learned(&h));
	fixture_clear(&h.f);
	CHECK(!nat_sweep(n, &rows, now) && learned(&h) == 4, "fresh ones whose answer may still come are removed");
	CHECK(!nat_sweep(n, &rows, now + 1000) && learned(&h) == 0, "%d that nobody needs are left", learned(&h));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(fd); i++)
		close(fd[i]);
	leave(&h, n);
}

TEST_MAIN(T_ROOT(both_directions_are_reported_by_the_backend),
	  T_ROOT(an_address_or_a_port_alone_is_a_translation_too),
	  T_ROOT(policy_decides_on_the_backend),
	  T_ROOT(what_connect4_rewrites_is_the_backend_already),
	  T_ROOT(a_full_table_is_counted_and_what_nobody_needs_is_removed))
