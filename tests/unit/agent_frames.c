/* SPDX-License-Identifier: Apache-2.0 */
/* Built frames through the loaded program: what a row says of each, and what is counted as unparseable. */
#include "tests/lib/test.h"

#include <arpa/inet.h>

#include "tests/lib/probe_fixture.h"

#define MAX_FRAME 256

struct frame {
	const char *name;
	const char *hex; /* from the IP header on; padded with zeros to `len` */
	uint32_t len;	 /* L3 bytes */
	bool v6;
	uint8_t proto;
	uint16_t lport, rport;
};

/* 10.7.1.11 -> 198.18.0.10, fd07:1:1::11 -> 2001:db8::10; ports 40000 (9c40) -> 443 (01bb). */
#define V6 "fd070001000100000000000000000011" "20010db8000000000000000000000010"
#define V4 "0a07010b" "c612000a"
static const struct frame frames[] = {
	{"tcp", "4500003c0000000040060000" V4 "9c4001bb0000000000000000a002", 60, false, 6, 40000, 443},
	{"options move the ports", "4700002c0000000040060000" V4 "0101010101010100" "9c4001bb00000000000000005002",
	 44, false, 6, 40000, 443},
	{"first fragment has ports", "450000780001200040110000" V4 "9c4001bb", 120, false, 17, 40000, 443},
	{"later fragment has none", "450000780001000540110000" V4 "9c4001bb", 120, false, 17, 0, 0},
	{"sctp", "450000300000000040840000" V4 "9c4001bb", 48, false, 132, 40000, 443},
	{"gre has no ports", "4500003000000000402f0000" V4 "9c4001bb", 48, false, 47, 0, 0},
	{"udp6", "6000000000141140" V6 "9c4001bb", 60, true, 17, 40000, 443},
	{"hop-by-hop before tcp", "60000000001c0040" V6 "0600010400000000" "9c4001bb00000000000000005002", 68,
	 true, 6, 40000, 443},
	{"later fragment of six", "60000000001c2c40" V6 "1100001000000001" "9c4001bb", 68, true, 17, 0, 0},
	{"destination options and routing", "6000000000243c40" V6 "2b00010400000000" "0600040000000000"
	 "9c4001bb00000000000000005002", 76, true, 6, 40000, 443},
};

static size_t build(const struct frame *f, uint8_t *pkt)
{
	size_t n = strlen(f->hex) / 2;

	memset(pkt, 0, MAX_FRAME);
	pkt[12] = f->v6 ? 0x86 : 0x08;
	pkt[13] = f->v6 ? 0xdd : 0x00;
	for (size_t i = 0; i < n; i++) {
		unsigned int byte = 0;

		sscanf(f->hex + 2 * i, "%2x", &byte);
		pkt[14 + i] = (uint8_t)byte;
	}
	return 14 + f->len;
}

static const struct weir_row *only_row(struct fixture *x, size_t *ret_rows)
{
	const struct weir_row *found = NULL;
	size_t n, count = 0;
	const struct weir_row *rows = probe_rows(x->probe, &n);

	for (size_t i = 0; i < n - WEIR_SPILL_ROWS; i++) {
		if (rows[i].state == WEIR_ROW_LIVE) {
			found = &rows[i];
			count++;
		}
	}
	*ret_rows = count;
	return found;
}

TEST(every_frame_has_its_row)
{
	struct fixture x = {0};
	struct weir_err err = {{0}};

	if (geteuid()) {
		SKIP("needs root");
		return;
	}
	CHECK(!fixture_open(&x, &err), "%s", err.text);
	for (size_t i = 0; x.probe && i < WEIR_ARRAY_SIZE(frames); i++) {
		const struct frame *f = &frames[i];
		uint8_t pkt[MAX_FRAME];
		size_t rows, len = build(f, pkt);
		const struct weir_row *r;

		fixture_clear(&x);
		CHECK(fixture_run(&x, WEIR_EGRESS, pkt, len) == 1, "%s: not passed", f->name);
		r = only_row(&x, &rows);
		CHECK(rows == 1, "%s: %zu rows", f->name, rows);
		if (!r)
			continue;
		CHECK(r->bytes == f->len && r->packets == 1, "%s: %lu bytes", f->name, (unsigned long)r->bytes);
		CHECK(r->proto == f->proto, "%s: protocol %u", f->name, r->proto);
		CHECK(ntohs(r->lport_be) == f->lport && ntohs(r->rport_be) == f->rport, "%s: ports %u %u",
		      f->name, ntohs(r->lport_be), ntohs(r->rport_be));
		CHECK(r->verdict == WEIR_V_NONE, "%s: observe mode evaluated", f->name);
	}
	fixture_close(&x);
}

/* A table of 64 flow rows is offered 2,000 flows: detail folds, the sum stays. */
TEST(a_full_table_folds_and_keeps_the_sum)
{
	struct fixture x = {0};
	struct weir_err err = {{0}};
	struct weir_count drops[WEIR_DROPS];
	uint64_t bytes = 0, packets = 0;
	struct weir_row *rows;
	uint8_t pkt[MAX_FRAME];
	size_t n, len = build(&frames[0], pkt);

	if (geteuid()) {
		SKIP("needs root");
		return;
	}
	CHECK(!fixture_open(&x, &err), "%s", err.text);
	for (uint16_t port = 1; x.probe && port <= 2000; port++) {
		uint16_t be = htons(port);

		memcpy(pkt + 14 + 20, &be, 2);
		fixture_run(&x, WEIR_EGRESS, pkt, len);
	}
	if (x.probe) {
		rows = probe_rows(x.probe, &n);
		for (size_t i = 0; i < n; i++) {
			bytes += rows[i].bytes;
			packets += rows[i].packets;
		}
		probe_drops(x.probe, drops);
		CHECK(packets == 2000 && bytes == 2000 * 60, "%lu packets, %lu bytes", (unsigned long)packets,
		      (unsigned long)bytes);
		CHECK(drops[WEIR_D_FOLDED].packets >= 2000 - 64, "%lu folded",
		      (unsigned long)drops[WEIR_D_FOLDED].packets);
		CHECK(drops[WEIR_D_SPILLED].packets == 0, "spilled");
	}
	fixture_close(&x);
}

TEST_MAIN(T(every_frame_has_its_row), T(a_full_table_folds_and_keeps_the_sum))
