/* SPDX-License-Identifier: Apache-2.0 */
/* What a gateway forwards, through the loaded program: which row, on which side, which terms, which verdict. */
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <sched.h>

#include "tests/lib/bundle_fixture.h"
#include "tests/lib/probe_fixture.h"

#define SHOT 2
#define NEXT (-1)
#define BYTES 60

/* Legs inside, legs outside, a pod's interface; index 0: made here. */
enum { IN1 = 70, IN2 = 72, OUT1 = 74, OUT2 = 76, POD = 78, NOT_FOLLOWED = 71 };

static const char policy[] =
	"apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: gateway}\nspec:\n"
	"  tier: admin\n  priority: 1\n  mode: enforce\n  subject: {labels: {app: x}}\n"
	"  egress:\n  - {action: deny, to: [{cidr: 203.0.113.0/24}]}\n"
	"  ingress:\n  - {action: deny, from: [{cidr: 198.51.100.0/24}]}\n";

struct scene {
	struct fixture f;
	struct weir_err err;
};

static bool open_scene(struct scene *s)
{
	static const char *const interfaces[] = {"weir[iop]*", NULL}, *const inside[] = {"weiri*", NULL},
				 *const local[] = {"weirp*", NULL};
	const char *const make =
		"ip link add weiri1 index 70 type veth peer name x1 index 71 &&"
		"ip link add weiri2 index 72 type veth peer name x2 index 73 &&"
		"ip link add weiro1 index 74 type veth peer name x3 index 75 &&"
		"ip link add weiro2 index 76 type veth peer name x4 index 77 &&"
		"ip link add weirp1 index 78 type veth peer name x5 index 79";

	s->f.hooks = PROBE_CGROUP | PROBE_OBSERVER | PROBE_GATEWAY;
	s->f.inside = inside;
	s->f.local = local;
	return !unshare(CLONE_NEWNET) && system(make) == 0 && !fixture_place(&s->f, &s->err) &&
	       !fixture_probe(&s->f, interfaces, &s->f.probe, &s->err) &&
	       !bundle_fixture_switch(&s->f, policy, NULL, 0, &s->err);
}

/* 60 bytes of L3 behind an Ethernet header. */
static void build(uint8_t frame[74], uint8_t proto, const char *src, uint16_t sport, const char *dst,
		  uint16_t dport)
{
	uint16_t ports[2] = {htons(sport), htons(dport)};

	memset(frame, 0, 74);
	frame[12] = 0x08;
	frame[14] = 0x45;
	frame[17] = BYTES;
	frame[22] = 64;
	frame[23] = proto;
	inet_pton(AF_INET, src, frame + 26);
	inet_pton(AF_INET, dst, frame + 30);
	if (proto != 1)
		memcpy(frame + 34, ports, sizeof(ports));
	else
		frame[34] = 8;
	if (proto == 17)
		frame[39] = BYTES - 20;
	frame[46] = 0x50;
	frame[47] = 0x02;
}

static int run(struct scene *s, enum probe_prog prog, uint32_t from, uint32_t to, const uint8_t frame[74])
{
	struct __sk_buff ctx = {.ifindex = to, .ingress_ifindex = from};

	return fixture_run_prog(s->f.probe->prog_fd[prog], &ctx, frame, 74);
}

static uint64_t term_of(struct scene *s, uint32_t ifindex, uint8_t dir, uint8_t term)
{
	return fixture_term(&s->f, ifindex, dir, term).bytes;
}

static const struct weir_row *only_row(struct scene *s, size_t *ret_count)
{
	const struct rows rows = probe_rows(s->f.probe);
	const struct weir_row *found = NULL;

	*ret_count = 0;
	for (size_t i = 0; i < rows.count; i++) {
		const struct weir_row *r = rows_at(&rows, i);

		if (r->state == WEIR_ROW_LIVE && r->packets) {
			found = r;
			(*ret_count)++;
		}
	}
	return found;
}

struct passage {
	const char *name, *src, *dst;
	uint32_t from, to;
	int row;	    /* 1: a row */
	uint8_t dir;
	uint32_t on;	    /* the row's interface */
	const char *local;
	bool forwarded_in, forwarded_out;
};

static const struct passage passages[] = {
	{"inside to outside", "10.7.1.11", "198.18.0.10", IN1, OUT1, 1, WEIR_EGRESS, OUT1, "10.7.1.11", true, false},
	{"outside to inside", "198.18.0.10", "10.7.1.11", OUT1, IN1, 1, WEIR_INGRESS, OUT1, "10.7.1.11", false, true},
	{"hairpin", "10.7.1.11", "10.7.2.11", IN1, IN2, 1, WEIR_EGRESS, IN2, "10.7.1.11", true, false},
	{"back where it came from", "10.7.1.11", "10.7.1.12", IN1, IN1, 1, WEIR_EGRESS, IN1, "10.7.1.11", true, false},
	{"transit", "198.18.0.10", "198.18.1.10", OUT1, OUT2, 1, WEIR_EGRESS, OUT2, "198.18.0.10", true, false},
	{"from a pod of this node", "10.8.1.2", "198.18.0.10", POD, OUT1, 0, 0, 0, NULL, true, true},
	{"to a pod of this node", "198.18.0.10", "10.8.1.2", OUT1, POD, 0, 0, 0, NULL, true, true},
	{"from an interface nobody follows", "10.9.1.2", "198.18.0.10", NOT_FOLLOWED, OUT1, 0, 0, 0, NULL, false, true},
};

static void check_row(struct test_state *test_st, struct scene *s, const struct passage *p)
{
	struct weir_addr local, remote, want;
	const struct weir_row *r;
	size_t n;

	r = only_row(s, &n);
	CHECK(n == (size_t)p->row, "%s: %zu rows", p->name, n);
	if (!r || n != 1)
		return;
	rows_addresses(r, local.b, remote.b);
	weir_addr_parse(p->local, &want);
	CHECK(r->dir == p->dir && rows_ifindex(r) == p->on, "%s: direction %u on %u", p->name, r->dir, r->ifindex);
	CHECK(!memcmp(&local, &want, sizeof(local)), "%s: local is the other side", p->name);
	CHECK(r->bytes == BYTES && r->packets == 1, "%s: %lu bytes", p->name, (unsigned long)r->bytes);
	CHECK(r->workload == 1, "%s: workload %u", p->name, r->workload);
}

TEST(each_passage_counts_once_on_its_side)
{
	struct scene s = {0};
	uint8_t frame[74];

	CHECK(open_scene(&s), "%s", s.err.text);
	for (size_t i = 0; s.f.probe && i < WEIR_ARRAY_SIZE(passages); i++) {
		const struct passage *p = &passages[i];
		enum probe_prog prog = PROBE_GW_OUT;
		uint64_t in, out, seen;

		probe_tc_prog(s.f.probe, p->to, true, &prog);
		fixture_clear(&s.f);
		in = term_of(&s, p->from, WEIR_INGRESS, WEIR_T_FORWARDED);
		out = term_of(&s, p->to, WEIR_EGRESS, WEIR_T_FORWARDED);
		seen = term_of(&s, p->to, WEIR_EGRESS, WEIR_T_INTERFACE);
		build(frame, 6, p->src, 40000, p->dst, 443);
		CHECK(run(&s, prog, p->from, p->to, frame) == NEXT, "%s: an opinion", p->name);
		check_row(test_st, &s, p);
		CHECK(term_of(&s, p->from, WEIR_INGRESS, WEIR_T_FORWARDED) - in == (p->forwarded_in ? BYTES : 0),
		      "%s: forwarded on its way in", p->name);
		CHECK(term_of(&s, p->to, WEIR_EGRESS, WEIR_T_FORWARDED) - out == (p->forwarded_out ? BYTES : 0),
		      "%s: forwarded on its way out", p->name);
		CHECK(term_of(&s, p->to, WEIR_EGRESS, WEIR_T_INTERFACE) - seen == BYTES, "%s: not observed", p->name);
	}
	fixture_close(&s.f);
}

TEST(what_this_node_makes_is_not_its_gateway_s)
{
	struct scene s = {0};
	uint8_t frame[74];
	size_t n;

	CHECK(open_scene(&s), "%s", s.err.text);
	if (s.f.probe) {
		build(frame, 6, "198.18.0.1", 40000, "198.18.0.10", 443);
		CHECK(run(&s, PROBE_GW_OUT, 0, OUT1, frame) == NEXT, "an opinion");
		only_row(&s, &n);
		CHECK(n == 0, "%zu rows", n);
		CHECK(term_of(&s, OUT1, WEIR_EGRESS, WEIR_T_INTERFACE) == BYTES, "not observed");
		CHECK(term_of(&s, OUT1, WEIR_EGRESS, WEIR_T_FORWARDED) == 0, "taken for forwarded");
	}
	fixture_close(&s.f);
}

TEST(denials_end_here_and_nothing_is_lost)
{
	struct scene s = {0};
	const struct weir_row *r;
	uint8_t frame[74];
	size_t n;

	CHECK(open_scene(&s), "%s", s.err.text);
	if (s.f.probe) {
		probe_set_mode(s.f.probe, WEIR_MODE_ENFORCE);
		build(frame, 6, "10.7.1.11", 40000, "203.0.113.7", 443);
		CHECK(run(&s, PROBE_GW_OUT, IN1, OUT1, frame) == SHOT, "denied egress passes");
		r = only_row(&s, &n);
		CHECK(n == 1 && r->verdict == WEIR_V_DENY && r->bytes == BYTES, "not counted as denied");
		CHECK(term_of(&s, OUT1, WEIR_EGRESS, WEIR_T_INTERFACE) == 0, "it never left");
		CHECK(term_of(&s, IN1, WEIR_INGRESS, WEIR_T_FORWARDED) == BYTES, "but it came");
		fixture_clear(&s.f);
		build(frame, 6, "198.51.100.7", 40000, "10.7.1.11", 443);
		CHECK(run(&s, PROBE_GW_OUT, OUT1, IN1, frame) == SHOT, "denied ingress passes");
		r = only_row(&s, &n);
		CHECK(n == 1 && r->verdict == WEIR_V_DENY && r->dir == WEIR_INGRESS, "not counted as denied");
		CHECK(term_of(&s, IN1, WEIR_EGRESS, WEIR_T_INTERFACE) == 0, "it never left");
		fixture_clear(&s.f);
		CHECK(run(&s, PROBE_GW_OUT, OUT1, POD, frame) == NEXT, "a pod's traffic is enforced at its socket");
		probe_set_mode(s.f.probe, WEIR_MODE_SHADOW);
		CHECK(run(&s, PROBE_GW_OUT, OUT1, IN1, frame) == NEXT, "shadow mode drops");
		r = only_row(&s, &n);
		CHECK(n == 1 && r->verdict == WEIR_V_WOULD_DENY, "shadow mode does not say what it would do");
	}
	fixture_close(&s.f);
}

/* On its way in the observer takes a packet for a local one; when it leaves that is taken back. */
TEST(what_was_taken_for_local_is_taken_back)
{
	struct scene s = {0};
	uint8_t frame[74];

	CHECK(open_scene(&s), "%s", s.err.text);
	if (s.f.probe) {
		build(frame, 1, "10.7.1.11", 0, "198.18.0.10", 0);
		run(&s, PROBE_TC_IN, IN1, IN1, frame);
		CHECK(term_of(&s, IN1, WEIR_INGRESS, WEIR_T_ICMP) == BYTES, "an echo that comes is ICMP");
		run(&s, PROBE_GW_OUT, IN1, OUT1, frame);
		CHECK(term_of(&s, IN1, WEIR_INGRESS, WEIR_T_ICMP) == 0, "and is not when it leaves");
		CHECK(term_of(&s, IN1, WEIR_INGRESS, WEIR_T_FORWARDED) == BYTES, "but forwarded");
		build(frame, 17, "10.7.1.11", 40000, "198.18.0.10", 443);
		frame[21] = 5; /* a later fragment */
		run(&s, PROBE_TC_IN, IN1, IN1, frame);
		CHECK(term_of(&s, IN1, WEIR_INGRESS, WEIR_T_FRAGMENTATION) == 20, "its header is lost if reassembled");
		run(&s, PROBE_TC_OUT, IN1, OUT1, frame);
		CHECK(term_of(&s, IN1, WEIR_INGRESS, WEIR_T_FRAGMENTATION) == 0, "it was not reassembled");
	}
	fixture_close(&s.f);
}

/* Without connection tracking the first packet says who opened a flow, and both directions agree. */
TEST(answers_belong_to_who_asked)
{
	struct scene s = {0};
	struct rows rows;
	uint8_t frame[74];
	size_t opened = 0, n = 0;

	CHECK(open_scene(&s), "%s", s.err.text);
	if (s.f.probe) {
		probe_set_mode(s.f.probe, WEIR_MODE_ENFORCE);
		build(frame, 17, "10.7.1.11", 40000, "198.51.100.7", 53);
		CHECK(run(&s, PROBE_GW_OUT, IN1, OUT1, frame) == NEXT, "the question is denied");
		build(frame, 17, "198.51.100.7", 53, "10.7.1.11", 40000);
		CHECK(run(&s, PROBE_GW_OUT, OUT1, IN1, frame) == NEXT, "the answer is taken for a question");
		rows = probe_rows(s.f.probe);
		for (size_t i = 0; i < rows.count; i++) {
			const struct weir_row *r = rows_at(&rows, i);

			n += r->packets == 1;
			opened += r->packets == 1 && (r->flags & WEIR_ROW_F_INIT_LOCAL);
		}
		CHECK(n == 2 && opened == 2, "%zu of %zu opened from inside", opened, n);
	}
	fixture_close(&s.f);
}

TEST_MAIN(T_ROOT(each_passage_counts_once_on_its_side),
	  T_ROOT(what_this_node_makes_is_not_its_gateway_s),
	  T_ROOT(denials_end_here_and_nothing_is_lost),
	  T_ROOT(what_was_taken_for_local_is_taken_back), T_ROOT(answers_belong_to_who_asked))
