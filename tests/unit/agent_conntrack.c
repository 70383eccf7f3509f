/* SPDX-License-Identifier: Apache-2.0 */
/* Translations made for others, as connection tracking tells of them: real ones, and hostile bytes. */
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#include "agent/conntrack.h"
#include "lib/base/clock.h"

#define VIRTUAL "127.0.9.9"

static void map4(uint8_t to[16], const char *text)
{
	memcpy(to, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	inet_pton(AF_INET, text, to + 12);
}

/* A connected socket that sent one datagram to the virtual address; its own port. */
static int connect_to(uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr(VIRTUAL)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(a);

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) || send(fd, "x", 1, 0) != 1 ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		return -1;
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static bool resolves(struct conntrack *c, uint16_t own, uint16_t port, uint16_t *ret_port)
{
	struct weir_nat_key k = {.proto = IPPROTO_UDP, .lport_be = htons(own), .rport_be = htons(port), .workload = 7};
	uint8_t want[16];
	struct weir_nat n;

	map4(k.local, "127.0.0.1");
	map4(k.remote, VIRTUAL);
	map4(want, "127.0.0.1");
	if (!conntrack_find(c, &k, &n) || memcmp(n.backend, want, sizeof(want)))
		return false;
	*ret_port = ntohs(n.port_be);
	return true;
}

/* Everything that is tracked here ends. */
static int flush(void)
{
	const struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} ask = {.h = {.nlmsg_len = sizeof(ask),
		       .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}};
	weir_auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	char answer[1024];

	return send(fd, &ask, sizeof(ask), 0) < 0 || recv(fd, answer, sizeof(answer), 0) < 0;
}

static bool place(struct test_state *test_st)
{
	if (system("nft --version >/dev/null 2>&1")) {
		SKIP("nft is not installed");
		return false;
	}
	CHECK(!unshare(CLONE_NEWNET));
	CHECK(!system("ip link set lo up && nft 'table ip t { chain o { type nat hook output priority -100; "
		      "ip daddr " VIRTUAL " udp dport 80 dnat to 127.0.0.1:8080; }; }'"));
	return true;
}

TEST(begun_before_or_after_both_are_found_and_forgotten)
{
	weir_auto_close int before = -1, after = -1, plain = -1;
	uint16_t own1 = 0, own2 = 0, own3 = 0, port = 0;
	struct conntrack *c = NULL;

	if (!place(test_st))
		return;
	/* Of what began while nobody listened the kernel does not tell the end; on this machine others may listen. */
	CHECK(!system("echo 0 >/proc/sys/net/netfilter/nf_conntrack_events"), "no sysctl");
	before = connect_to(80, &own1);
	CHECK(!system("echo 1 >/proc/sys/net/netfilter/nf_conntrack_events"), "no sysctl");
	CHECK(!conntrack_new(100, &c), "no connection tracking");
	if (!c)
		return;
	CHECK(resolves(c, own1, 80, &port) && port == 8080, "one that began before the agent, port %u", port);
	after = connect_to(80, &own2);
	plain = connect_to(81, &own3);
	CHECK(!conntrack_read(c), "read");
	CHECK(resolves(c, own2, 80, &port) && port == 8080, "one that began after it, port %u", port);
	CHECK(!resolves(c, own3, 81, &port) && conntrack_count(c) == 2, "one without translation is kept");
	for (int i = 0; i < 2; i++, conntrack_next_round(c))
		CHECK(conntrack_has_new(c), "not new in round %d", i);
	CHECK(!conntrack_has_new(c), "new for ever");
	CHECK(!flush(), "flush");
	CHECK(!conntrack_read(c) && resolves(c, own2, 80, &port), "it ended and is forgotten before its last bytes");
	CHECK(!conntrack_forget(c) && !resolves(c, own2, 80, &port), "it is kept for ever");
	CHECK(conntrack_count(c) == 1, "the end of one that began before the agent is told: this test says little");
	for (int i = 0; i < 100 && conntrack_count(c); i++)
		CHECK(!conntrack_forget(c) && !conntrack_read(c), "read");
	CHECK(!conntrack_count(c), "one that began before the agent is kept for ever");
	conntrack_free(c);
}

TEST(there_is_a_maximum_and_what_is_beyond_is_counted)
{
	struct conntrack *c = NULL;
	int fd[5];

	if (!place(test_st))
		return;
	CHECK(!conntrack_new(3, &c), "no connection tracking");
	for (size_t i = 0; c && i < WEIR_ARRAY_SIZE(fd); i++) {
		uint16_t own;

		fd[i] = connect_to(80, &own);
	}
	CHECK(c && !conntrack_read(c) && conntrack_count(c) == 3 && conntrack_refused(c) == 2, "%zu kept",
	      c ? conntrack_count(c) : 0);
	for (size_t i = 0; c && i < WEIR_ARRAY_SIZE(fd); i++)
		close(fd[i]);
	conntrack_free(c);
}

/* More than the socket holds: messages are lost, connections are not. */
TEST(lost_messages_are_made_good)
{
	struct conntrack *c = NULL;
	unsigned int sent = 20000;
	uint16_t own = 0, port;

	if (!place(test_st))
		return;
	CHECK(!conntrack_new(100000, &c), "no connection tracking");
	for (unsigned int i = 0; c && i < sent; i++)
		close(connect_to(80, &own));
	CHECK(c && !conntrack_read(c), "read");
	CHECK(c && resolves(c, own, 80, &port), "the last of %u is not known, %zu are", sent, conntrack_count(c));
	conntrack_free(c);
}

/* A message as the kernel sends it: IPv6, TCP, DNAT. */
static size_t message(uint8_t *m)
{
	static const uint8_t bytes[] = {
		/* nlmsghdr, length below; nfgenmsg */
		0, 0, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0,
		/* CTA_TUPLE_ORIG { IP { SRC, DST }, PROTO { NUM, SRC_PORT, DST_PORT } } */
		76, 0, 1, 128, 44, 0, 1, 128, 20, 0, 3, 0, 0xfd, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		20, 0, 4, 0, 0xfd, 7, 0, 0x96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
		28, 0, 2, 128, 5, 0, 1, 0, 6, 0, 0, 0, 6, 0, 2, 0, 0x9c, 0x40, 0, 0, 6, 0, 3, 0, 0, 80, 0, 0,
		/* CTA_TUPLE_REPLY */
		76, 0, 2, 128, 44, 0, 1, 128, 20, 0, 3, 0, 0xfd, 7, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3,
		20, 0, 4, 0, 0xfd, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		28, 0, 2, 128, 5, 0, 1, 0, 6, 0, 0, 0, 6, 0, 2, 0, 0x13, 0x89, 0, 0, 6, 0, 3, 0, 0x9c, 0x40, 0, 0,
		/* CTA_STATUS: confirmed, destination translated */
		8, 0, 3, 0, 0, 0, 1, 0xa8};

	memcpy(m, bytes, sizeof(bytes));
	m[0] = sizeof(bytes);
	return sizeof(bytes);
}

TEST(a_message_is_read_and_hostile_bytes_are_survived)
{
	const char *given = getenv("WEIR_TEST_SEED");
	unsigned int seed = given ? (unsigned int)atoi(given) : (unsigned int)time(NULL), taken = 0;
	uint8_t m[256] = {0};
	size_t len = message(m);
	struct weir_nat_key k = {0};
	struct weir_nat n = {0};
	bool ended = true;

	CHECK(conntrack_parse(m, len, &k, &n, &ended) == 1 && !ended, "not taken");
	CHECK(k.proto == IPPROTO_TCP && k.local[15] == 1 && k.remote[15] == 2 && n.backend[15] == 3, "addresses");
	CHECK(ntohs(k.lport_be) == 40000 && ntohs(k.rport_be) == 80 && ntohs(n.port_be) == 5001, "ports %u %u %u",
	      ntohs(k.lport_be), ntohs(k.rport_be), ntohs(n.port_be));
	m[4] = IPCTNL_MSG_CT_DELETE;
	CHECK(conntrack_parse(m, len, &k, &n, &ended) == 1 && ended, "its end is not seen");
	m[len - 1] = 0x88;
	CHECK(conntrack_parse(m, len, &k, &n, &ended) == 0, "taken without a translated destination");
	printf("# seed %u\n", seed);
	for (int i = 0; i < 200000; i++) {
		uint8_t *bad;
		size_t cut = (size_t)rand_r(&seed) % (len + 1);

		message(m);
		for (int b = rand_r(&seed) % 4; b >= 0; b--)
			m[(size_t)rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
		bad = malloc(cut ? cut : 1); /* exactly as long as it says, for the sanitizer */
		memcpy(bad, m, cut);
		taken += conntrack_parse(bad, cut, &k, &n, &ended) == 1;
		free(bad);
	}
	CHECK(taken < 200000, "everything is taken");
}

TEST_MAIN(T_ROOT(begun_before_or_after_both_are_found_and_forgotten),
	  T_ROOT(there_is_a_maximum_and_what_is_beyond_is_counted),
	  T_ROOT(lost_messages_are_made_good), T(a_message_is_read_and_hostile_bytes_are_survived))
