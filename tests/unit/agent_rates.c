/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates of the loaded BPF program: built packets through BPF_PROG_RUN, in real time. What passes is
 * compared with the rate over the time that really went by, so a slow machine changes nothing.
 */
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <math.h>

#include "lib/base/clock.h"
#include "tests/lib/bundle_fixture.h"

#define L3 1500u
#define FRAME (14 + L3)
#define RATE 20000000u /* bit/s, of every limit below unless it says otherwise */
#define TRIES 3	       /* of a measurement that a stolen CPU can spoil */

/* A UDP packet of the flow with this client port; the workload opened it. */
static void build(uint8_t pkt[FRAME], enum weir_dir dir, uint16_t port)
{
	static const uint8_t own[4] = {10, 7, 1, 11}, peer[4] = {198, 18, 0, 10};
	bool out = dir == WEIR_EGRESS;
	uint16_t client = htons(port), service = htons(5000), len = htons(L3);

	memset(pkt, 0, FRAME);
	pkt[12] = 0x08;
	pkt[14] = 0x45;
	memcpy(pkt + 16, &len, 2);
	pkt[22] = 64;
	pkt[23] = IPPROTO_UDP;
	memcpy(pkt + 26, out ? own : peer, 4);
	memcpy(pkt + 30, out ? peer : own, 4);
	memcpy(pkt + 34, out ? &client : &service, 2);
	memcpy(pkt + 36, out ? &service : &client, 2);
}

struct stream {
	enum weir_dir dir;
	uint16_t ports[4]; /* flows in turn; 0 ends */
};

/* Offers packets of each flow until its bucket is full; returns how many passed. */
static uint64_t fill(struct fixture *f, const struct stream *s, size_t flows)
{
	uint8_t pkt[FRAME];
	uint64_t good = 0;

	for (size_t i = 0; i < flows; i++) {
		build(pkt, WEIR_EGRESS, s->ports[i]); /* the workload opens it */
		if (fixture_run(f, WEIR_EGRESS, pkt, FRAME) == 1 && s->dir == WEIR_EGRESS)
			good++;
		build(pkt, s->dir, s->ports[i]);
		for (int n = 0; n < 2000 && fixture_run(f, s->dir, pkt, FRAME) == 1; n++)
			good++;
	}
	return good;
}

/* Offers `factor` times RATE for `ms`; returns what passed over RATE. The bucket of a limited stream
 * is full at both ends, so what passed in between is what that time allowed. */
static double passed(struct fixture *f, const struct stream *s, double factor, bool limited, unsigned int ms)
{
	uint8_t pkt[FRAME];
	uint64_t began, now, sent = 0, good = 0;
	size_t flows = 0;

	while (flows < WEIR_ARRAY_SIZE(s->ports) && s->ports[flows])
		flows++;
	fill(f, s, flows);
	began = weir_monotonic_ns();
	while ((now = weir_monotonic_ns() - began) < ms * 1000000ull) {
		if ((double)sent * L3 * 8 > factor * RATE / 1e9 * (double)now)
			continue;
		build(pkt, s->dir, s->ports[sent++ % flows]);
		good += fixture_run(f, s->dir, pkt, FRAME) == 1;
	}
	if (limited) /* a CPU stolen at the end would look like a loss */
		good += fill(f, s, flows);
	now = weir_monotonic_ns() - began;
	return (double)good * L3 * 8 * 1e9 / (double)now / RATE;
}

/* The measurement nearest to what is wanted of TRIES. */
static double measure(struct fixture *f, const struct stream *s, double factor, double want, unsigned int ms)
{
	double best = -1;

	for (int i = 0; i < TRIES; i++) {
		double got = passed(f, s, factor, want < factor, ms);

		if (best < 0 || fabs(got - want) < fabs(best - want))
			best = got;
		if (fabs(best - want) < 0.01 * want)
			break;
	}
	return best;
}

#define LIMIT(more) "{rate: 20Mbit, burst: 256KiB, mode: police, " more "}"

static struct fixture *begin(const char *rules, struct test_state *test_st)
{
	static struct fixture f;
	struct weir_err err = {{0}};
	int r;

	f = (struct fixture){0};
	r = fixture_open(&f, &err);
	if (!r)
		r = bundle_fixture_rules(&f, rules, &err);
	CHECK(!r, "%d %s", r, err.text);
	if (r)
		fixture_close(&f);
	else
		probe_set_mode(f.probe, WEIR_MODE_ENFORCE);
	return r ? NULL : &f;
}

TEST(a_policed_rate_is_met_in_both_directions)
{
	static const double factors[] = {1.05, 1.5, 4, 20};
	struct fixture *f =
		begin("  egress: [{action: accept, limit: " LIMIT("per: node, direction: both") "}]\n", test_st);
	unsigned int ms = getenv("WEIR_LONG") ? 10000 : 500;

	for (size_t i = 0; f && i < WEIR_DIRS * WEIR_ARRAY_SIZE(factors); i++) {
		struct stream s = {.dir = i % 2, .ports = {4000}};
		double factor = factors[i / 2], got = measure(f, &s, factor, 1, ms);

		CHECK(got > 0.99 && got < 1.01, "%s, %.2f times the rate offered: %.4f of it passed",
		      s.dir ? "egress" : "ingress", factor, got);
		printf("# %s x %.2f: %+.3f %%\n", s.dir ? "egress" : "ingress", factor, (got - 1) * 100);
	}
	if (f)
		fixture_close(f);
}

/* Limited to the rate, or not: then what else runs here may keep it from offering all of twice the rate. */
static bool as_told(double got, double want)
{
	return want > 1 ? got > 1.2 && got < want + 0.05 : fabs(got - want) < 0.05;
}

TEST(a_limit_holds_the_direction_it_names)
{
	static const struct {
		const char *direction;
		double in, out;
	} cases[] = {
		{"per: node", 2, 1}, /* the rule's: egress */
		{"per: node, direction: egress", 2, 1},
		{"per: node, direction: ingress", 1, 2},
	};
	struct fixture *f = begin("  egress: [{action: accept}]\n", test_st);
	struct stream out = {WEIR_EGRESS, {4000}}, in = {WEIR_INGRESS, {4000}};

	for (size_t i = 0; f && i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *rules = weir_strf("  egress: [{action: accept, limit: {rate: 20Mbit, "
						       "burst: 256KiB, mode: police, %s}}]\n", cases[i].direction);
		struct weir_err err = {{0}};
		double o = 0, n = 0;

		/* Wrong code fails all three tries. */
		for (int tries = 0; tries < 3; tries++) {
			fixture_clear(f);
			CHECK(!bundle_fixture_rules(f, rules, &err), "%s", err.text);
			o = measure(f, &out, 2, cases[i].out, 200);
			n = measure(f, &in, 2, cases[i].in, 200);
			if (as_told(o, cases[i].out) && as_told(n, cases[i].in))
				break;
		}
		CHECK(as_told(o, cases[i].out), "%s: %.3f of the rate left", cases[i].direction, o);
		CHECK(as_told(n, cases[i].in), "%s: %.3f of the rate came in", cases[i].direction, n);
	}
	if (f)
		fixture_close(f);
}

TEST(flows_of_one_limit_share_it_or_have_their_own)
{
	struct fixture *f = begin("  egress: [{action: accept, limit: " LIMIT("per: node") "}]\n", test_st);
	struct stream two = {WEIR_EGRESS, {4001, 4002}};
	struct weir_err err = {{0}};
	double got;

	if (!f)
		return;
	got = measure(f, &two, 4, 1, 200);
	CHECK(fabs(got - 1) < 0.02, "per node: two flows have %.3f of the rate", got);
	CHECK(!bundle_fixture_rules(f, "  egress: [{action: accept, limit: " LIMIT("per: flow") "}]\n", &err),
	      "%s", err.text);
	got = measure(f, &two, 4, 2, 200);
	CHECK(fabs(got - 2) < 0.04, "per flow: two flows have %.3f of the rate", got);
	fixture_close(f);
}

TEST(a_changed_rate_holds_running_flows)
{
	struct fixture *f = begin("  egress: [{action: accept, limit: " LIMIT("per: node") "}]\n", test_st);
	struct stream s = {WEIR_EGRESS, {4000}};
	struct weir_err err = {{0}};
	double got;

	if (!f)
		return;
	got = measure(f, &s, 4, 1, 200);
	CHECK(fabs(got - 1) < 0.02, "%.3f of the first rate", got);
	CHECK(!bundle_fixture_rules(f, "  egress: [{action: accept, limit: {rate: 40Mbit, "
				       "burst: 256KiB, mode: police, per: node}}]\n", &err), "%s", err.text);
	got = measure(f, &s, 4, 2, 200);
	CHECK(fabs(got - 2) < 0.04, "%.3f of the first rate, twice is wanted", got);
	CHECK(!bundle_fixture_rules(f, "  egress: [{action: accept}]\n", &err), "%s", err.text);
	got = measure(f, &s, 4, 4, 200);
	CHECK(got > 3.8, "%.3f of the first rate, the limit is gone", got);
	fixture_close(f);
}

/* Verdicts of what was counted. */
static uint64_t packets_of(struct fixture *f, enum weir_verdict verdict)
{
	struct fixture_row rows[64];
	size_t n = fixture_rows(f, rows, WEIR_ARRAY_SIZE(rows));
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (rows[i].verdict == verdict)
			sum += rows[i].packets;
	return sum;
}

TEST(over_the_rate_is_congestion_to_a_sender_and_a_drop_to_a_receiver)
{
	struct fixture *f =
		begin("  egress: [{action: accept, limit: " LIMIT("per: node, direction: both") "}]\n", test_st);
	uint8_t pkt[FRAME];
	int answer;

	if (!f)
		return;
	for (int dir = WEIR_DIRS - 1; dir >= 0; dir--) {
		build(pkt, dir, 4000);
		for (int n = 0; n < 1000 && (answer = fixture_answer(f, dir, pkt, FRAME)) == 1; n++)
			;
		CHECK(answer == (dir == WEIR_EGRESS ? 2 : 0), "direction %d: the kernel is told %d", dir, answer);
	}
	CHECK(packets_of(f, WEIR_V_LIMITED) == 2, "%lu packets counted as over the rate",
	      (unsigned long)packets_of(f, WEIR_V_LIMITED));
	fixture_close(f);
}

TEST(shadow_counts_what_a_rate_would_drop)
{
	struct fixture *f = begin("  egress: [{action: accept, limit: " LIMIT("per: node") "}]\n", test_st);
	uint64_t would;
	uint8_t pkt[FRAME];
	int lost = 0;

	if (!f)
		return;
	probe_set_mode(f->probe, WEIR_MODE_SHADOW);
	build(pkt, WEIR_EGRESS, 4000);
	for (int n = 0; n < 400; n++) /* 600 kB at once, the burst is 256 KiB */
		lost += fixture_run(f, WEIR_EGRESS, pkt, FRAME) != 1;
	would = packets_of(f, WEIR_V_WOULD_LIMIT);
	CHECK(lost == 0, "shadow dropped %d packets", lost);
	CHECK(would > 150 && would + packets_of(f, WEIR_V_ACCEPT) == 400, "%lu would be dropped",
	      (unsigned long)would);
	fixture_close(f);
}

TEST_MAIN(T_ROOT(a_policed_rate_is_met_in_both_directions),
	  T_ROOT(a_limit_holds_the_direction_it_names),
	  T_ROOT(flows_of_one_limit_share_it_or_have_their_own),
	  T_ROOT(a_changed_rate_holds_running_flows),
	  T_ROOT(over_the_rate_is_congestion_to_a_sender_and_a_drop_to_a_receiver),
	  T_ROOT(shadow_counts_what_a_rate_would_drop))
