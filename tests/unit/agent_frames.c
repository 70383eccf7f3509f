/* SPDX-License-Identifier: Apache-2.0 */
/* Built frames through the loaded program: what a row says of each, and what cannot be parsed. */
#include "tests/lib/test.h"

#include "tests/lib/bundle_fixture.h"

#define MAX_FRAME 3600
#define MAX_ROWS 16

struct frame {
	const char *name;
	const char *hex; /* from the IP header on; padded with zeros to `len` */
	uint32_t len;	 /* L3 bytes of the skb */
	bool v6;
	uint8_t proto;
	uint16_t lport, rport;
	uint32_t gso, segs, bytes;  /* of a super-packet: segment size, and what the wire carries */
	const char *local, *remote; /* NULL: as in the header */
};

#define FRAME(name_, hex_, len_, v6_, proto_, lport_, rport_)                                      \
	.name = name_, .hex = hex_, .len = len_, .v6 = v6_, .proto = proto_, .lport = lport_,      \
	.rport = rport_
#define SUPER(name_, hex_, len_, v6_, proto_, lport_, rport_, gso_, segs_, bytes_)                 \
	FRAME(name_, hex_, len_, v6_, proto_, lport_, rport_), .gso = gso_, .segs = segs_,         \
							       .bytes = bytes_

/* 10.7.1.11 -> 198.18.0.10, fd07:1:1::11 -> 2001:db8::10; ports 40000 (9c40) -> 443 (01bb). */
#define V6                                                                                         \
	"fd070001000100000000000000000011"                                                         \
	"20010db8000000000000000000000010"
#define V4                                                                                         \
	"0a07010b"                                                                                 \
	"c612000a"
#define TCP "9c4001bb00000000000000005010"
#define ETH "000000000000000000000000"
#define INNER                                                                                      \
	"45000be00000000040060000"                                                                 \
	"0a0000010a000002" TCP

static const struct frame frames[] = {
	{FRAME("tcp", "4500003c0000000040060000" V4 "9c4001bb0000000000000000a002", 60, false, 6,
	       40000, 443)},
	{FRAME("options move the ports",
	       "4700002c0000000040060000" V4 "0101010101010100"
	       "9c4001bb00000000000000005002",
	       44, false, 6, 40000, 443)},
	{FRAME("udp without payload", "4500001c0000000040110000" V4 "9c4001bb0008", 28, false, 17,
	       40000, 443)},
	{FRAME("first fragment has ports", "450000780001200040110000" V4 "9c4001bb", 120, false, 17,
	       40000, 443)},
	{FRAME("later fragment has none", "450000780002000540110000" V4 "9c4001bb", 120, false, 17,
	       0, 0)},
	{FRAME("sctp", "450000300000000040840000" V4 "9c4001bb", 48, false, 132, 40000, 443)},
	{FRAME("gre by its outer header", "4500003000000000402f0000" V4 "9c4001bb", 48, false, 47,
	       0, 0)},
	{FRAME("ip in ip by its outer header", "450000500000000040040000" V4 INNER, 80, false, 4, 0,
	       0)},
	{FRAME("vxlan by its outer header", "4500005a0000000040110000" V4 "9c4012b5", 90, false, 17,
	       40000, 4789)},
	{FRAME("echo has no ports", "450000540000000040010000" V4 "08000000", 84, false, 1, 0, 0)},
	{FRAME("udp6", "6000000000141140" V6 "9c4001bb", 60, true, 17, 40000, 443)},
	{FRAME("tcp6", "60000000001c0640" V6 "9c4001bb00000000000000005002", 68, true, 6, 40000,
	       443)},
	{FRAME("hop-by-hop",
	       "60000000001c0040" V6 "0600010400000000"
	       "9c4001bb00000000000000005002",
	       68, true, 6, 40000, 443)},
	{FRAME("later fragment of six",
	       "60000000001c2c40" V6 "1100001000000001"
	       "9c4001bb",
	       68, true, 17, 0, 0)},
	{FRAME("first fragment of six",
	       "60000000001c2c40" V6 "1100000100000002"
	       "9c4001bb",
	       68, true, 17, 40000, 443)},
	{FRAME("authentication header",
	       "60000000002c3340" V6 "0604000000000000"
	       "000000000000000000000000"
	       "00000000" TCP,
	       84, true, 6, 40000, 443)},
	{FRAME("destination options and routing",
	       "6000000000243c40" V6 "2b00010400000000"
	       "0600040000000000"
	       "9c4001bb00000000000000005002",
	       76, true, 6, 40000, 443)},
	{FRAME("no next header", "6000000000003b40" V6, 40, true, 59, 0, 0)},
};

/* What a super-packet becomes on the wire: each segment with all its headers. */
static const struct frame supers[] = {
	{SUPER("tcp segments", "45000be00000000040060000" V4 TCP, 3040, false, 6, 40000, 443, 1000,
	       3, 3120)},
	{SUPER("last one short", "450009ec0000000040060000" V4 TCP, 2540, false, 6, 40000, 443,
	       1000, 3, 2620)},
	{SUPER("tcp options repeat", "45000bec0000000040060000" V4 "9c4001bb00000000000000008010",
	       3052, false, 6, 40000, 443, 1000, 3, 3156)},
	{SUPER("one segment is no super-packet", "450003ac0000000040060000" V4 TCP, 940, false, 6,
	       40000, 443, 1000, 1, 940)},
	{SUPER("udp segments", "45000bd40000000040110000" V4 "9c4001bb0bc0", 3028, false, 17, 40000,
	       443, 1000, 3, 3084)},
	{SUPER("tcp segments of six", "600000000bcc0640" V6 TCP, 3060, true, 6, 40000, 443, 1000, 3,
	       3180)},
	{SUPER("behind a destination header", "600000000bd43c40" V6 "0600010400000000" TCP, 3068,
	       true, 6, 40000, 443, 1000, 3, 3204)},
	{SUPER("big tcp states length 0", "450000000000000040060000" V4 TCP, 3040, false, 6, 40000,
	       443, 1000, 3, 3120)},
	{SUPER("big tcp of six: its jumbo header stays here",
	       "6000000000000040" V6 "0600c20400000bd4" TCP, 3068, true, 6, 40000, 443, 1000, 3,
	       3180)},
	{SUPER("big tcp of six without one", "6000000000000640" V6 TCP, 3060, true, 6, 40000, 443,
	       1000, 3, 3180)},
	{SUPER("vxlan repeats inner headers",
	       "45000c120000000040110000" V4 "9c4012b50bfe0000"
	       "0800000000000100" ETH "0800" INNER,
	       3090, false, 17, 40000, 4789, 1000, 3, 3270)},
	{SUPER("geneve with an option",
	       "45000c160000000040110000" V4 "9c4017c10c020000"
	       "0100655800000100"
	       "00000000" ETH "0800" INNER,
	       3094, false, 17, 40000, 6081, 1000, 3, 3282)},
	{SUPER("udp segments to the port of vxlan", "45000bd40000000040110000" V4 "9c4012b50bc0",
	       3028, false, 17, 40000, 4789, 1000, 3, 3084)},
	{SUPER("gre with frames", "45000c0600000000402f0000" V4 "00006558" ETH "0800" INNER, 3078,
	       false, 47, 0, 0, 1000, 3, 3234)},
	{SUPER("gre with key and sequence",
	       "45000c0000000000402f0000" V4 "30000800"
	       "0000000100000002" INNER,
	       3072, false, 47, 0, 0, 1000, 3, 3216)},
	{SUPER("ip in ip", "45000bf40000000040040000" V4 INNER, 3060, false, 4, 0, 0, 1000, 3,
	       3180)},
	{SUPER("sctp by fragments", "45000bd80000000040840000" V4 "9c4001bb", 3032, false, 132,
	       40000, 443, 65535, 3, 3096)},
};

/* An ICMP error belongs to the flow that it quotes. */
#define QUOTED4                                                                                    \
	"4500003c0000000040110000c612000a0a07010b"                                                 \
	"01bb9c40"
#define QUOTED6                                                                                    \
	"6000000000141140"                                                                         \
	"20010db8000000000000000000000010"                                                         \
	"fd070001000100000000000000000011"                                                         \
	"01bb9c40"
static const struct frame errors[] = {
	{FRAME("port unreachable", "450000380000000040010000" V4 "0303000000000000" QUOTED4, 56,
	       false, 1, 40000, 443)},
	{FRAME("a router tells about a third",
	       "450000380000000040010000" V4 "0b00000000000000"
	       "4500003c0000000040060000c612000a0a09090901bb9c40",
	       56, false, 1, 40000, 443),
	 .local = "10.9.9.9"},
	{FRAME("quoted options move the ports",
	       "4500003c0000000040010000" V4 "0301000000000000"
	       "4600003c0000000040110000c612000a0a07010b"
	       "01010100"
	       "01bb9c40",
	       60, false, 1, 40000, 443)},
	{FRAME("a quoted later fragment has no ports",
	       "450000380000000040010000" V4 "0301000000000000"
	       "4500003c0000000540110000c612000a0a07010b"
	       "01bb9c40",
	       56, false, 1, 0, 0)},
	{FRAME("not about the one who is told",
	       "450000380000000040010000" V4 "0303000000000000"
	       "4500003c0000000040110000c612000b0a07010b"
	       "01bb9c40",
	       56, false, 1, 0, 0)},
	{FRAME("packet too big", "6000000000443a40" V6 "0200000000000500" QUOTED6, 108, true, 58,
	       40000, 443)},
	{FRAME("echo of six quotes nothing", "6000000000443a40" V6 "8000000000000500" QUOTED6, 108,
	       true, 58, 0, 0)},
};

static size_t build(const struct frame *f, uint8_t *pkt)
{
	memset(pkt, 0, MAX_FRAME);
	pkt[12] = f->v6 ? 0x86 : 0x08;
	pkt[13] = f->v6 ? 0xdd : 0x00;
	fixture_hex(f->hex, pkt + 14);
	return 14 + f->len;
}

static void check_frame(struct test_state *test_st, struct fixture *x, const struct frame *f)
{
	struct __sk_buff ctx = {.gso_size = f->gso, .gso_segs = f->segs};
	uint32_t bytes = f->gso ? f->bytes : f->len, packets = f->gso ? f->segs : 1;
	struct fixture_row rows[MAX_ROWS];
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];
	uint8_t pkt[MAX_FRAME];
	size_t n, len = build(f, pkt);

	fixture_clear(x);
	CHECK(fixture_run_prog(x->probe->prog_fd[PROBE_EGRESS], &ctx, pkt, len) == 1,
	      "%s: not passed", f->name);
	n = fixture_rows(x, rows, MAX_ROWS);
	CHECK(n == 1, "%s: %zu rows", f->name, n);
	if (!n)
		return;
	CHECK(rows->bytes == bytes && rows->packets == packets, "%s: %lu bytes, %lu packets",
	      f->name, (unsigned long)rows->bytes, (unsigned long)rows->packets);
	CHECK(rows->proto == f->proto, "%s: protocol %u", f->name, rows->proto);
	CHECK(rows->lport == f->lport && rows->rport == f->rport, "%s: ports %u %u", f->name,
	      rows->lport, rows->rport);
	weir_addr_text(&rows->local, local);
	weir_addr_text(&rows->remote, remote);
	CHECK(!strcmp(local, f->local ? f->local
			     : f->v6  ? "fd07:1:1::11"
				      : "10.7.1.11"),
	      "%s: local %s", f->name, local);
	CHECK(!strcmp(remote, f->remote ? f->remote
			      : f->v6	? "2001:db8::10"
					: "198.18.0.10"),
	      "%s: remote %s", f->name, remote);
	CHECK(rows->verdict == WEIR_V_NONE, "%s: observe mode evaluated", f->name);
}

static void check_frames(struct test_state *test_st, const struct frame *f, size_t n)
{
	struct fixture x = {0};
	struct weir_err err = {{0}};

	CHECK(!fixture_open(&x, &err), "%s", err.text);
	for (size_t i = 0; x.probe && i < n; i++)
		check_frame(test_st, &x, &f[i]);
	fixture_close(&x);
}

TEST(every_frame_has_its_row)
{
	check_frames(test_st, frames, WEIR_ARRAY_SIZE(frames));
}

TEST(a_super_packet_counts_as_its_segments)
{
	check_frames(test_st, supers, WEIR_ARRAY_SIZE(supers));
}

TEST(an_icmp_error_is_charged_to_the_flow_it_quotes)
{
	check_frames(test_st, errors, WEIR_ARRAY_SIZE(errors));
}

/* Only UDP to port 40000 may come in, nothing may go out. */
static const char in_only[] =
	"  ingress:\n  - {action: accept, ports: [{protocol: UDP, port: 40000}]}\n"
	"  - {action: deny}\n  egress:\n  - {action: deny}\n";

/* "Port unreachable" answers a packet that was let in; an echo request opens a flow of its own. */
TEST(an_icmp_error_has_the_verdict_of_the_flow_it_quotes)
{
	static const struct frame echo = {
		FRAME("echo", "450000540000000040010000" V4 "08000000", 84, false, 1, 0, 0)};
	static const struct frame tcp = {FRAME("quotes tcp",
					       "450000380000000040010000" V4 "0303000000000000"
					       "4500003c0000000040060000c612000a0a07010b01bb9c40",
					       56, false, 1, 40000, 443)};
	struct fixture x = {0};
	struct weir_err err = {{0}};
	uint8_t pkt[MAX_FRAME];

	if (fixture_open(&x, &err) || bundle_fixture_rules(&x, in_only, &err)) {
		CHECK(false, "%s", err.text);
	} else {
		probe_set_mode(x.probe, WEIR_MODE_ENFORCE);
		CHECK(fixture_run(&x, WEIR_EGRESS, pkt, build(&errors[0], pkt)) == 1, "the error is denied");
		CHECK(fixture_run(&x, WEIR_EGRESS, pkt, build(&echo, pkt)) == 0, "an echo request passes");
		fixture_clear(&x);
		CHECK(fixture_run(&x, WEIR_EGRESS, pkt, build(&tcp, pkt)) == 0, "an error about TCP passes");
	}
	fixture_close(&x);
}

/* Both families: the first fragment, then a later one; they share a row, in whatever length. */
TEST(fragments_land_on_one_flow)
{
	static const struct frame parts[] = {
		{FRAME("first", "450000780007200040110000" V4 "9c4001bb", 120, false, 17, 40000,
		       443)},
		{FRAME("later", "450000500007000d40110000" V4, 80, false, 17, 40000, 443)},
		{FRAME("first of six",
		       "60000000001c2c40" V6 "1100000100000007"
		       "9c4001bb",
		       68, true, 17, 40000, 443)},
		{FRAME("later of six", "6000000000142c40" V6 "1100001000000007", 60, true, 17,
		       40000, 443)},
	};
	struct fixture_row rows[MAX_ROWS];
	struct fixture x = {0};
	struct weir_err err = {{0}};
	uint8_t pkt[MAX_FRAME];

	CHECK(!fixture_open(&x, &err), "%s", err.text);
	for (size_t i = 0; x.probe && i < WEIR_ARRAY_SIZE(parts); i += 2) {
		fixture_clear(&x);
		fixture_run(&x, WEIR_EGRESS, pkt, build(&parts[i], pkt));
		fixture_run(&x, WEIR_EGRESS, pkt, build(&parts[i + 1], pkt));
		CHECK(fixture_rows(&x, rows, MAX_ROWS) == 1, "%s: more than one row",
		      parts[i].name);
		CHECK(rows->packets == 2 && rows->bytes == parts[i].len + parts[i + 1].len &&
			      rows->rport == 443,
		      "%s: %lu packets", parts[i].name, (unsigned long)rows->packets);
	}
	fixture_close(&x);
}

struct refused {
	const char *name;
	uint16_t type; /* Ethernet */
	const char *hex;
	uint32_t len; /* L3 */
	enum weir_drop reason;
	bool row; /* counted in one all the same */
};

static const struct refused refusals[] = {
	{"arp", 0x0806, "0001080006040001", 28, WEIR_D_NOT_IP, false},
	{"shorter than its length", 0x0800, "450001000000000040060000" V4 TCP, 60, WEIR_D_TRUNCATED,
	 false},
	{"six shorter than its length", 0x86dd, "6000000000640640" V6 TCP, 60, WEIR_D_TRUNCATED,
	 false},
	{"header length 4", 0x0800, "4400003c0000000040060000" V4 TCP, 60, WEIR_D_BAD_HEADER,
	 false},
	{"version 6 under IPv4", 0x0800, "6500003c0000000040060000" V4 TCP, 60, WEIR_D_BAD_HEADER,
	 false},
	{"version 4 under IPv6", 0x86dd, "4000000000140640" V6 TCP, 60, WEIR_D_BAD_HEADER, false},
	{"length under the header's", 0x0800, "450000100000000040060000" V4 TCP, 60,
	 WEIR_D_BAD_HEADER, false},
	{"length 0 and no super-packet", 0x0800, "450000000000000040060000" V4 TCP, 60,
	 WEIR_D_BAD_HEADER, false},
	{"no room for ports", 0x0800, "4500001c0000200040060000" V4 "9c4001bb", 28,
	 WEIR_D_TRANSPORT, true},
	{"later fragment alone", 0x0800, "450000780099000540110000" V4, 120, WEIR_D_FRAGMENT, true},
	{"nine extension headers", 0x86dd,
	 "60000000005c3c40" V6 "3c00010400000000"
	 "3c00010400000000"
	 "3c00010400000000"
	 "3c00010400000000"
	 "3c00010400000000"
	 "3c00010400000000"
	 "3c00010400000000"
	 "3c00010400000000"
	 "0600010400000000" TCP,
	 132, WEIR_D_EXTENSIONS, true},
};

TEST(what_cannot_be_parsed_is_counted_by_reason)
{
	struct fixture x = {0};
	struct weir_err err = {{0}};

	CHECK(!fixture_open(&x, &err), "%s", err.text);
	for (size_t i = 0; x.probe && i < WEIR_ARRAY_SIZE(refusals); i++) {
		const struct refused *f = &refusals[i];
		struct weir_count before[WEIR_DROPS], after[WEIR_DROPS];
		struct fixture_row rows[MAX_ROWS];
		uint8_t pkt[MAX_FRAME] = {[12] = (uint8_t)(f->type >> 8), [13] = (uint8_t)f->type};

		fixture_hex(f->hex, pkt + 14);
		fixture_clear(&x);
		probe_drops(x.probe, before);
		CHECK(fixture_run(&x, WEIR_EGRESS, pkt, 14 + f->len) == 1, "%s: not passed",
		      f->name);
		probe_drops(x.probe, after);
		for (uint32_t d = 0; d < WEIR_DROPS; d++)
			CHECK(after[d].packets - before[d].packets == (d == f->reason) &&
				      after[d].bytes - before[d].bytes ==
					      (d == f->reason ? f->len : 0),
			      "%s: reason %u: %lu packets, %lu bytes", f->name, d,
			      (unsigned long)(after[d].packets - before[d].packets),
			      (unsigned long)(after[d].bytes - before[d].bytes));
		CHECK(fixture_rows(&x, rows, MAX_ROWS) == f->row, "%s: %s", f->name,
		      f->row ? "no row" : "a row");
	}
	fixture_close(&x);
}

/* A table of 64 flow rows is offered 2,000 flows: detail folds, the sum stays. */
TEST(a_full_table_folds_and_keeps_the_sum)
{
	struct fixture x = {0};
	struct weir_err err = {{0}};
	uint64_t bytes = 0, packets = 0;
	struct rows rows;
	uint8_t pkt[MAX_FRAME];
	size_t len = build(&frames[0], pkt);

	CHECK(!fixture_open(&x, &err), "%s", err.text);
	for (uint16_t port = 1; x.probe && port <= 2000; port++) {
		uint16_t be = htons(port);

		memcpy(pkt + 14 + 20, &be, 2);
		fixture_run(&x, WEIR_EGRESS, pkt, len);
	}
	if (x.probe) {
		rows = probe_rows(x.probe);
		for (size_t i = 0; i < rows.count; i++) {
			bytes += rows_at(&rows, i)->bytes;
			packets += rows_at(&rows, i)->packets;
		}
		CHECK(packets == 2000 && bytes == 2000 * 60, "%lu packets, %lu bytes",
		      (unsigned long)packets, (unsigned long)bytes);
		CHECK(fixture_dropped(&x, WEIR_D_FOLDED).packets >= 2000 - 64, "%lu folded",
		      (unsigned long)fixture_dropped(&x, WEIR_D_FOLDED).packets);
		CHECK(fixture_dropped(&x, WEIR_D_SPILLED).packets == 0, "spilled");
	}
	fixture_close(&x);
}

TEST_MAIN(T_ROOT(every_frame_has_its_row), T_ROOT(a_super_packet_counts_as_its_segments),
	  T_ROOT(an_icmp_error_is_charged_to_the_flow_it_quotes),
	  T_ROOT(an_icmp_error_has_the_verdict_of_the_flow_it_quotes),
	  T_ROOT(fragments_land_on_one_flow), T_ROOT(what_cannot_be_parsed_is_counted_by_reason),
	  T_ROOT(a_full_table_folds_and_keeps_the_sum))
