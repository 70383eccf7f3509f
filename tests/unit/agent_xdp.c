/* SPDX-License-Identifier: Apache-2.0 */
/* Early drop: built frames through the loaded XDP program under a real policy. */
#include "tests/lib/test.h"

#include <arpa/inet.h>

#include "lib/ds/buf.h"
#include "tests/lib/bundle_fixture.h"
#include "tests/lib/probe_fixture.h"

#define LO 1 /* where BPF_PROG_RUN lets XDP packets arrive */

/* Denied to everybody: 203.0.113.0/24, 2001:db8:bad::/48, and what links need. Not quite: one port, one way,
 * one subject. */
#define LINKS ", {cidr: 0.0.0.0/32}, {cidr: '::/128'}, {cidr: 'fe80::/10'}]}\n"
static const char policy[] =
	"apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: all}\nspec:\n"
	"  tier: admin\n  priority: 1\n  mode: enforce\n  subject: {}\n"
	"  egress:\n  - {action: deny, to: [{cidr: 203.0.113.0/24}, {cidr: '2001:db8:bad::/48'}" LINKS
	"  - {action: deny, to: [{cidr: 198.51.100.0/25}]}\n"
	"  ingress:\n  - {action: deny, from: [{cidr: 203.0.113.0/24}, {cidr: '2001:db8:bad::/48'}" LINKS
	"  - {action: deny, from: [{cidr: 198.51.100.128/25}], ports: [{protocol: TCP, port: 80}]}\n"
	"---\n"
	"apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: one}\nspec:\n"
	"  tier: admin\n  priority: 2\n  mode: enforce\n  subject: {labels: {app: x}}\n"
	"  egress:\n  - {action: deny, to: [{cidr: 192.0.2.0/24}]}\n"
	"  ingress:\n  - {action: deny, from: [{cidr: 192.0.2.0/24}]}\n";

struct arrival {
	const char *name, *src;
	uint8_t proto;
	uint16_t sport, dport;
	bool drop;
	unsigned int tags;    /* VLAN tags in front */
	bool later_fragment;
	uint8_t icmp_type;
};

static const struct arrival arrivals[] = {
	{.name = "denied to all, tcp", .src = "203.0.113.7", .proto = 6, .sport = 4000, .dport = 80, .drop = true},
	{.name = "denied to all, udp", .src = "203.0.113.7", .proto = 17, .sport = 4000, .dport = 9, .drop = true},
	{.name = "denied to all, echo", .src = "203.0.113.7", .proto = 1, .icmp_type = 8, .drop = true},
	{.name = "denied to all, gre", .src = "203.0.113.7", .proto = 47, .drop = true},
	{.name = "denied to all, tagged", .src = "203.0.113.7", .proto = 6, .dport = 80, .tags = 1, .drop = true},
	{.name = "denied to all, tagged twice", .src = "203.0.113.7", .proto = 6, .dport = 80, .tags = 2, .drop = true},
	{.name = "denied to all of six", .src = "2001:db8:bad::7", .proto = 6, .sport = 4000, .dport = 80, .drop = true},
	{.name = "echo of six", .src = "2001:db8:bad::7", .proto = 58, .icmp_type = 128, .drop = true},
	{.name = "neighbour discovery", .src = "2001:db8:bad::7", .proto = 58, .icmp_type = 135},
	{.name = "one bit beside", .src = "203.0.112.7", .proto = 6, .sport = 4000, .dport = 80},
	{.name = "of six beside", .src = "2001:db8:bae::7", .proto = 6, .sport = 4000, .dport = 80},
	{.name = "denied one way", .src = "198.51.100.7", .proto = 6, .sport = 4000, .dport = 80},
	{.name = "denied at one port", .src = "198.51.100.200", .proto = 6, .sport = 4000, .dport = 80},
	{.name = "denied to one subject", .src = "192.0.2.7", .proto = 6, .sport = 4000, .dport = 80},
	{.name = "failsafe: peer opens", .src = "203.0.113.7", .proto = 6, .sport = 4000, .dport = 22},
	{.name = "not failsafe from its port", .src = "203.0.113.7", .proto = 6, .sport = 22, .dport = 4000, .drop = true},
	{.name = "failsafe: we opened", .src = "203.0.113.7", .proto = 17, .sport = 53, .dport = 4000},
	{.name = "not failsafe to that port", .src = "203.0.113.7", .proto = 17, .sport = 4000, .dport = 53, .drop = true},
	{.name = "later fragment of what may be", .src = "203.0.113.7", .proto = 17, .later_fragment = true},
	{.name = "failsafe for another prefix", .src = "203.0.113.7", .proto = 6, .sport = 4000, .dport = 23, .drop = true},
	{.name = "failsafe prefix", .src = "203.0.113.130", .proto = 6, .sport = 4000, .dport = 23},
	{.name = "no address yet", .src = "0.0.0.0", .proto = 17, .sport = 68, .dport = 67},
	{.name = "no address of six yet", .src = "::", .proto = 17, .sport = 546, .dport = 547},
	{.name = "link-local", .src = "fe80::1", .proto = 17, .sport = 546, .dport = 547},
};

static const struct weir_failsafe failsafe[] = {
	{.proto = WEIR_P_TCP, .dir = WEIR_INGRESS, .used = 1, .lo = 22, .hi = 22},
	{.proto = WEIR_P_UDP, .dir = WEIR_EGRESS, .used = 1, .lo = 53, .hi = 53},
	{.prefix = {[10] = 0xff, 0xff, 203, 0, 113, 128}, .prefixlen = 121, .proto = WEIR_P_TCP,
	 .dir = WEIR_INGRESS, .used = 1, .lo = 0, .hi = 65535},
};

/* The L3 bytes, 0 when src is no address. */
static size_t build_l3(const struct arrival *a, uint8_t *at)
{
	uint16_t ports[2] = {htons(a->sport), htons(a->dport)};
	bool v6 = strchr(a->src, ':');
	size_t head = v6 ? 40 : 20, len = head + 40;

	if (v6) {
		at[0] = 0x60;
		at[5] = 40;
		at[6] = a->proto;
		at[7] = 255;
		inet_pton(AF_INET6, a->src, at + 8);
		inet_pton(AF_INET6, "fd07:1:1::11", at + 24);
	} else {
		at[0] = 0x45;
		at[3] = (uint8_t)len;
		at[6] = 0;
		at[7] = a->later_fragment ? 5 : 0;
		at[8] = 64;
		at[9] = a->proto;
		inet_pton(AF_INET, a->src, at + 12);
		inet_pton(AF_INET, "10.7.1.11", at + 16);
	}
	memcpy(at + head, ports, sizeof(ports));
	if (a->icmp_type)
		at[head] = a->icmp_type;
	at[head + 12] = 0x50;
	if (a->proto == 17)
		at[head + 5] = 40;
	return len;
}

static size_t build(const struct arrival *a, uint8_t frame[256], size_t *ret_l3)
{
	size_t off = 12;
	bool v6 = strchr(a->src, ':');

	memset(frame, 0, 256);
	for (unsigned int i = 0; i < a->tags; i++, off += 4) {
		frame[off] = a->tags == 2 && i == 0 ? 0x88 : 0x81;
		frame[off + 1] = a->tags == 2 && i == 0 ? 0xa8 : 0x00;
		frame[off + 3] = 7;
	}
	frame[off] = v6 ? 0x86 : 0x08;
	frame[off + 1] = v6 ? 0xdd : 0x00;
	*ret_l3 = build_l3(a, frame + off + 2);
	return off + 2 + *ret_l3;
}

static uint64_t dropped_bytes(struct fixture *f)
{
	return fixture_term(f, FIXTURE_ANY, FIXTURE_ANY, WEIR_T_DENIED_EARLY).bytes;
}

static int world_open(struct fixture *f, struct weir_err *err)
{
	const char *interfaces[] = {"lo", NULL};
	int r;

	f->hooks = PROBE_CGROUP | PROBE_OBSERVER | PROBE_XDP;
	r = fixture_place(f, err);
	if (!r)
		r = fixture_probe(f, interfaces, &f->probe, err);
	return r ? r : bundle_fixture_switch(f, policy, failsafe, WEIR_ARRAY_SIZE(failsafe), err);
}

static int run(struct fixture *f, const struct arrival *a, size_t *ret_l3)
{
	uint8_t frame[256];
	size_t len = build(a, frame, ret_l3);

	return fixture_run_prog(f->probe->prog_fd[PROBE_XDP_IN], NULL, frame, len);
}

TEST(drops_what_everybody_denies_and_nothing_else)
{
	struct fixture f = {0};
	struct weir_err err = {{0}};
	uint64_t want = 0, before;
	size_t l3;

	CHECK(!world_open(&f, &err), "%s", err.text);
	if (f.probe && !*err.text) {
		probe_set_mode(f.probe, WEIR_MODE_ENFORCE);
		before = dropped_bytes(&f);
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(arrivals); i++) {
			int r = run(&f, &arrivals[i], &l3);

			CHECK(r == (arrivals[i].drop ? XDP_DROP : XDP_PASS), "%s: %d", arrivals[i].name, r);
			want += arrivals[i].drop ? l3 : 0;
		}
		CHECK(dropped_bytes(&f) - before == want, "%lu bytes of %lu", (unsigned long)dropped_bytes(&f),
		      (unsigned long)want);
	}
	fixture_close(&f);
}

TEST(only_where_enforced)
{
	struct fixture f = {0};
	struct weir_err err = {{0}};
	size_t l3;

	CHECK(!world_open(&f, &err), "%s", err.text);
	if (f.probe && !*err.text) {
		probe_set_mode(f.probe, WEIR_MODE_SHADOW);
		CHECK(run(&f, &arrivals[0], &l3) == XDP_PASS, "shadow mode drops");
		probe_set_mode(f.probe, WEIR_MODE_OBSERVE);
		CHECK(run(&f, &arrivals[0], &l3) == XDP_PASS, "observe mode drops");
		probe_set_mode(f.probe, WEIR_MODE_ENFORCE);
		CHECK(run(&f, &arrivals[0], &l3) == XDP_DROP, "enforce mode passes");
		f.probe->ctl->lease_until_s = 1;
		CHECK(run(&f, &arrivals[0], &l3) == XDP_PASS, "the lease is over and it drops");
	}
	fixture_close(&f);
}

TEST_MAIN(T_ROOT(drops_what_everybody_denies_and_nothing_else), T_ROOT(only_where_enforced))
