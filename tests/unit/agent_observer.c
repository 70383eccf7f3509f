/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built frames through the tc observer: which term of an interface a frame is counted in, by L3 bytes.
 * Tags in the frame are looked through; tags that the kernel took out (skb->vlan_tci) are not in the
 * packet at all: over a veth pair both are seen, the one where frames leave, the other where they arrive.
 */
#include "tests/lib/test.h"

#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "tests/lib/probe_fixture.h"

#define SILENT 70 /* index of an interface that is down: only BPF_PROG_RUN brings it packets */
#define MAX_FRAME 256
#define NO_TERM WEIR_TERMS

struct seen {
	const char *name;
	const char *hex; /* from the EtherType on; padded with zeros */
	uint32_t len;	 /* of the frame behind the addresses, EtherType included */
	uint32_t bytes;	 /* in WEIR_T_INTERFACE, 0: not there */
	enum weir_term term; /* the other term, NO_TERM: none */
	uint32_t term_bytes;
};

#define V4 "0a07010bc612000a"
#define V6 "fd07000100010000000000000000001120010db8000000000000000000000010"
#define TCP4 "4500003c0000000040060000" V4 "9c4001bb00000000000000005010"

static const struct seen frames[] = {
	{"tcp", "0800" TCP4, 62, 60, NO_TERM, 0},
	{"ethernet padding is no L3", "08004500001c0000000040110000" V4 "9c4001bb0008", 48, 28, NO_TERM, 0},
	{"vlan tag", "8100000a0800" TCP4, 66, 60, NO_TERM, 0},
	{"provider tag", "88a8000a0800" TCP4, 66, 60, NO_TERM, 0},
	{"QinQ", "88a8000a8100000b0800" TCP4, 70, 60, NO_TERM, 0},
	{"QinQ of six", "88a8000a8100000b86dd6000000000141140" V6 "9c4001bb", 70, 60, NO_TERM, 0},
	{"three tags are no IP", "88a8000a8100000b8100000c0800" TCP4, 74, 0, WEIR_T_NON_IP, 64},
	{"arp", "08060001080006040001", 30, 0, WEIR_T_NON_IP, 28},
	{"arp behind a tag", "8100000a08060001080006040001", 34, 0, WEIR_T_NON_IP, 28},
	{"icmp", "080045000054000000004001000" "0" V4 "08000000", 86, 84, WEIR_T_ICMP, 84},
	{"ospf", "08004500005400000000405900" "00" V4, 86, 84, WEIR_T_OTHER_PROTO, 84},
	{"vxlan", "08004500005a0000000040110000" V4 "9c4012b5", 92, 90, WEIR_T_ENCAPSULATION, 90},
	{"gre behind a tag", "8100000a08004500003000000000402f0000" V4, 54, 48, WEIR_T_ENCAPSULATION, 48},
	{"ip in ip", "08004500003000000000400400" "00" V4, 50, 48, WEIR_T_ENCAPSULATION, 48},
	{"first fragment adds nothing", "0800450000780001200040110000" V4 "9c4001bb", 122, 120,
	 WEIR_T_FRAGMENTATION, 0},
	{"later fragment adds a header", "0800460000780001000540110000" V4, 122, 120, WEIR_T_FRAGMENTATION, 24},
	{"fragment of six adds its header", "86dd60000000001c2c40" V6 "1100000100000001" "9c4001bb", 70, 68,
	 WEIR_T_FRAGMENTATION, 8},
	{"later fragment of six", "86dd60000000001c2c40" V6 "1100001000000001", 70, 68, WEIR_T_FRAGMENTATION, 48},
	{"an atomic fragment is whole", "86dd60000000001c2c40" V6 "1100000000000001" "9c4001bb", 70, 68, NO_TERM,
	 0},
	{"header length 4", "0800440000" "3c0000000040060000" V4, 62, 0, WEIR_T_NON_IP, 60},
};

struct terms {
	struct weir_count of[WEIR_TERMS];
};

static int add_term(const char *ifname, const struct weir_term_key *k, const struct weir_count *c, void *arg)
{
	struct terms *t = arg;

	(void)ifname;
	if (k->ifindex == SILENT && k->dir == WEIR_INGRESS && k->term < WEIR_TERMS)
		t->of[k->term] = *c;
	return 0;
}

static struct terms terms_of(struct fixture *x)
{
	struct terms t = {0};

	probe_each_term(x->probe, add_term, &t);
	return t;
}

/* In a namespace of its own. */
static int open_silent(struct fixture *x, struct weir_err *err)
{
	static const char *const interfaces[] = {"weir-a", NULL};

	if (unshare(CLONE_NEWNET) || system("ip link add weir-a index 70 type veth peer name weir-b"))
		return weir_err_set(err, -ENODEV, "no interface");
	return fixture_place(x, err) || fixture_probe(x, interfaces, &x->probe, err);
}

static void check_frame(struct test_state *test_st, struct fixture *x, const struct seen *f)
{
	struct __sk_buff ctx = {.ifindex = SILENT};
	struct terms before = terms_of(x), after;
	uint8_t pkt[MAX_FRAME] = {0};

	fixture_hex(f->hex, pkt + 2 * ETH_ALEN);
	CHECK(fixture_run_prog(x->probe->prog_fd[PROBE_TC_IN], &ctx, pkt, 12 + f->len) == -1 /* TCX_NEXT */,
	      "%s: an opinion", f->name);
	after = terms_of(x);
	for (uint8_t term = 0; term < WEIR_TERMS; term++) {
		uint64_t got = after.of[term].bytes - before.of[term].bytes;
		uint64_t want = term == WEIR_T_INTERFACE ? f->bytes : term == f->term ? f->term_bytes : 0;

		CHECK(got == want, "%s: term %u: %lu bytes", f->name, term, (unsigned long)got);
	}
}

TEST(every_frame_has_its_term)
{
	struct fixture x = {0};
	struct weir_err err = {{0}};

	CHECK(!open_silent(&x, &err), "%s", err.text);
	for (size_t i = 0; x.probe && i < WEIR_ARRAY_SIZE(frames); i++)
		check_frame(test_st, &x, &frames[i]);
	fixture_close(&x);
}

/* ARP is traffic of its own; what claims to be IP and is not is counted by reason too. */
TEST(only_broken_ip_has_a_reason)
{
	struct weir_count broken;
	struct fixture x = {0};
	struct weir_err err = {{0}};

	CHECK(!open_silent(&x, &err), "%s", err.text);
	for (size_t i = 0; x.probe && i < WEIR_ARRAY_SIZE(frames); i++)
		check_frame(test_st, &x, &frames[i]);
	if (x.probe) {
		broken = fixture_dropped(&x, WEIR_D_BAD_HEADER);
		CHECK(fixture_dropped(&x, WEIR_D_NOT_IP).packets == 0, "arp has a reason");
		CHECK(broken.packets == 1 && broken.bytes == 60, "%lu packets", (unsigned long)broken.packets);
	}
	fixture_close(&x);
}

static const struct seen on_the_wire[] = {
	{"tcp", "0800" TCP4, 62, 60, NO_TERM, 0},
	{"vlan tag", "8100000a0800" TCP4, 66, 60, NO_TERM, 0},
	{"provider tag", "88a8000a0800" TCP4, 66, 60, NO_TERM, 0},
	{"QinQ", "88a8000a8100000b0800" TCP4, 70, 60, NO_TERM, 0},
	{"two customer tags", "8100000a8100000b0800" TCP4, 70, 60, NO_TERM, 0},
	{"QinQ of six", "88a8000a8100000b86dd6000000000141140" V6 "9c4001bb", 70, 60, NO_TERM, 0},
};

struct wire {
	struct weir_count out, in, other; /* left weir-a, arrived at weir-b, no IP at either */
};

static int add_wire(const char *ifname, const struct weir_term_key *k, const struct weir_count *c, void *arg)
{
	struct wire *w = arg;

	if (k->term == WEIR_T_INTERFACE && !strcmp(ifname, "weir-a") && k->dir == WEIR_EGRESS)
		w->out = *c;
	if (k->term == WEIR_T_INTERFACE && !strcmp(ifname, "weir-b") && k->dir == WEIR_INGRESS)
		w->in = *c;
	if (k->term == WEIR_T_NON_IP)
		w->other.packets += c->packets;
	return 0;
}

/* A namespace with nothing in it but a veth pair that says nothing by itself. */
static int make_wire(void)
{
	if (unshare(CLONE_NEWNET))
		return -errno;
	return system("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; "
		      "ip link add weir-a type veth peer name weir-b && ip link set weir-a up && "
		      "ip link set weir-b up") ? -ENODEV : 0;
}

static int send_frame(const struct seen *f)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("weir-a")};
	weir_auto_close int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	uint8_t pkt[MAX_FRAME] = {0};

	fixture_hex(f->hex, pkt + 2 * ETH_ALEN);
	memset(pkt, 0xff, ETH_ALEN);
	return fd < 0 || sendto(fd, pkt, 12 + f->len, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

/* Sending over veth is done when sendto() returns, but for the softirq of the other end. */
static void wait_for(struct fixture *x, uint64_t packets, struct wire *ret)
{
	for (int i = 0; i < 2000; i++) {
		memset(ret, 0, sizeof(*ret));
		probe_each_term(x->probe, add_wire, ret);
		if (ret->in.packets >= packets)
			return;
		usleep(1000);
	}
}

TEST(tags_on_a_real_wire)
{
	static const char *const interfaces[] = {"weir-*", NULL};
	struct fixture x = {.small = true};
	struct weir_err err = {{0}};
	struct wire w = {.out = {0}};
	uint64_t bytes = 0;

	if (make_wire() || fixture_place(&x, &err) || fixture_probe(&x, interfaces, &x.probe, &err)) {
		CHECK(false, "no wire: %s", err.text);
		fixture_close(&x);
		return;
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(on_the_wire); i++) {
		CHECK(!send_frame(&on_the_wire[i]), "%s: %s", on_the_wire[i].name, strerror(errno));
		wait_for(&x, i + 1, &w);
		bytes += on_the_wire[i].bytes;
		CHECK(w.out.bytes == bytes, "%s: %lu bytes left, expected %lu", on_the_wire[i].name,
		      (unsigned long)w.out.bytes, (unsigned long)bytes);
		CHECK(w.in.bytes == bytes, "%s: %lu bytes arrived, expected %lu", on_the_wire[i].name,
		      (unsigned long)w.in.bytes, (unsigned long)bytes);
	}
	CHECK(!w.other.packets, "%lu taken for no IP", (unsigned long)w.other.packets);
	fixture_close(&x);
}

TEST_MAIN(T_ROOT(every_frame_has_its_term), T_ROOT(only_broken_ip_has_a_reason),
	  T_ROOT(tags_on_a_real_wire))
