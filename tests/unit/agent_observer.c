/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built frames through the tc observer: which term of an interface a frame is counted in, by L3 bytes.
 * Tags in the frame are looked through; tags that the kernel took out (skb->vlan_tci) are not in the
 * packet at all and cannot be built here.
 */
#include "tests/lib/test.h"

#include "tests/lib/probe_fixture.h"

#define LOOPBACK 1 /* the device of BPF_PROG_RUN */
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

static void reset_terms(struct fixture *x)
{
	struct weir_count zero = {0};

	for (uint8_t term = 0; term < WEIR_TERMS; term++) {
		struct weir_term_key k = {.ifindex = LOOPBACK, .dir = WEIR_INGRESS, .term = term};

		bpf_map_update_elem(x->probe->terms_fd, &k, &zero, BPF_ANY);
	}
}

static struct weir_count term_of(struct fixture *x, uint8_t term)
{
	struct weir_term_key k = {.ifindex = LOOPBACK, .dir = WEIR_INGRESS, .term = term};
	struct weir_count c = {0};

	bpf_map_lookup_elem(x->probe->terms_fd, &k, &c);
	return c;
}

static void check_frame(struct test_state *test_st, struct fixture *x, const struct seen *f)
{
	uint8_t pkt[MAX_FRAME] = {0};

	for (size_t i = 0, n = strlen(f->hex) / 2; i < n; i++) {
		unsigned int byte = 0;

		sscanf(f->hex + 2 * i, "%2x", &byte);
		pkt[12 + i] = (uint8_t)byte;
	}
	reset_terms(x);
	CHECK(fixture_run_prog(x->probe->prog_fd[PROBE_TC_IN], NULL, pkt, 12 + f->len) == -1 /* TCX_NEXT */,
	      "%s: an opinion", f->name);
	for (uint8_t term = 0; term < WEIR_TERMS; term++) {
		uint64_t want = term == WEIR_T_INTERFACE ? f->bytes : term == f->term ? f->term_bytes : 0;

		CHECK(term_of(x, term).bytes == want, "%s: term %u: %lu bytes", f->name, term,
		      (unsigned long)term_of(x, term).bytes);
	}
}

TEST(every_frame_has_its_term)
{
	struct fixture x = {0};
	struct weir_err err = {{0}};

	if (geteuid()) {
		SKIP("needs root");
		return;
	}
	CHECK(!fixture_open(&x, &err), "%s", err.text);
	for (size_t i = 0; x.probe && i < WEIR_ARRAY_SIZE(frames); i++)
		check_frame(test_st, &x, &frames[i]);
	fixture_close(&x);
}

/* ARP is traffic of its own; what claims to be IP and is not is counted by reason too. */
TEST(only_broken_ip_has_a_reason)
{
	struct weir_count drops[WEIR_DROPS];
	struct fixture x = {0};
	struct weir_err err = {{0}};

	if (geteuid()) {
		SKIP("needs root");
		return;
	}
	CHECK(!fixture_open(&x, &err), "%s", err.text);
	for (size_t i = 0; x.probe && i < WEIR_ARRAY_SIZE(frames); i++)
		check_frame(test_st, &x, &frames[i]);
	if (x.probe) {
		probe_drops(x.probe, drops);
		CHECK(drops[WEIR_D_NOT_IP].packets == 0, "arp has a reason");
		CHECK(drops[WEIR_D_BAD_HEADER].packets == 1 && drops[WEIR_D_BAD_HEADER].bytes == 60, "%lu packets",
		      (unsigned long)drops[WEIR_D_BAD_HEADER].packets);
	}
	fixture_close(&x);
}

TEST_MAIN(T(every_frame_has_its_term), T(only_broken_ip_has_a_reason))
