/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel really holds and really costs, in its own words: drift is found and mended, time is measured. */
#include "tests/lib/test.h"

#include "agent/gate.h"
#include "agent/runtime.h"
#include "tests/lib/bundle_fixture.h"
#include "tests/lib/packet_load.h"

#define POLICY                                                                                            \
	"apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p}\nspec:\n  tier: admin\n"       \
	"  egress:\n  - {action: deny, to: [{cidr: 10.9.0.0/24}], ports: [{protocol: TCP, port: 443}]}\n"

struct world {
	struct fixture f;
	struct ident *ident;
	struct gate *gate;
	struct compiled c;
};

static int world_open(struct world *w, struct weir_err *err)
{
	const struct weir_subject nobody = {.namespace = "", .name = ""};
	int r;

	r = bundle_fixture_compile(POLICY, NULL, 0, &nobody, 1, &w->c, err);
	if (!r)
		r = fixture_open(&w->f, err);
	if (!r)
		r = ident_new(w->f.cgroup, "", 16, &w->ident, err);
	if (!r)
		r = gate_new(w->f.probe, w->ident, &w->gate);
	if (!r)
		r = gate_apply(w->gate, w->c.bundle, err);
	if (!r)
		w->c.bundle = NULL; /* the gate's now */
	return r;
}

static void world_close(struct world *w)
{
	gate_free(w->gate);
	ident_free(w->ident);
	fixture_close(&w->f);
	compiled_fini(&w->c);
}

/* The range that denies, in the half that is in force. */
static struct weir_range *denial(struct world *w)
{
	size_t half = WEIR_A_SLOT(w->f.probe->ctl->active) * (size_t)w->f.probe->max.ranges;
	struct weir_range *r = w->f.probe->tables.ranges + half;

	for (size_t i = 0; i < w->f.probe->max.ranges; i++)
		if (r[i].verdict == WEIR_V_DENY)
			return &r[i];
	return NULL;
}

TEST(drift_is_mended)
{
	struct world w = {0};
	struct weir_err err = {{0}};
	uint8_t before[WEIR_SHA256_LEN], changed[WEIR_SHA256_LEN], after[WEIR_SHA256_LEN];
	struct weir_range *range;

	CHECK(!world_open(&w, &err), "%s", err.text);
	CHECK(gate_mend(w.gate, &err) == 0 && !probe_digest(w.f.probe, before), "as it was put there: %s", err.text);
	range = denial(&w);
	CHECK(range != NULL);
	if (range) {
		range->verdict = WEIR_V_ACCEPT; /* somebody opens the door */
		CHECK(!probe_digest(w.f.probe, changed) && memcmp(before, changed, sizeof(before)), "the digest tells");
		CHECK(gate_mend(w.gate, &err) == 1, "mended: %s", err.text);
		CHECK(!probe_digest(w.f.probe, after) && !memcmp(before, after, sizeof(before)), "as before");
		CHECK(denial(&w) && denial(&w)->verdict == WEIR_V_DENY, "the door is shut");
		CHECK(gate_mend(w.gate, &err) == 0, "once");
	}
	world_close(&w);
}

TEST(nothing_in_force_is_no_drift)
{
	struct world w = {0};
	struct weir_err err = {{0}};

	CHECK(!fixture_open(&w.f, &err) && !gate_new(w.f.probe, w.ident, &w.gate), "%s", err.text);
	CHECK(gate_mend(w.gate, &err) == 0);
	world_close(&w);
}

TEST(a_sample_says_what_a_packet_costs)
{
	struct world w = {0};
	struct weir_err err = {{0}};
	struct runtime rt = {0};
	int fd;
	uint8_t packet[LOAD_PACKET];

	CHECK(!fixture_open(&w.f, &err), "%s", err.text);
	load_packet(packet, 40000, 10u << 24 | 7, 443);
	runtime_window(&rt, w.f.probe);
	fd = probe_measure();
	if (fd < 0)
		SKIP("the kernel does not measure for us");
	for (int i = 0; fd >= 0 && i < 1000; i++)
		fixture_run(&w.f, WEIR_EGRESS, packet, sizeof(packet));
	if (fd >= 0) {
		runtime_window(&rt, w.f.probe);
		CHECK(rt.packet_ps > 5000 && rt.packet_ps < 100000000, "%llu ps", (unsigned long long)rt.packet_ps);
		close(fd);
		rt.packet_ps = 7;
		for (int i = 0; i < 10; i++)
			fixture_run(&w.f, WEIR_EGRESS, packet, sizeof(packet));
		runtime_window(&rt, w.f.probe);
		CHECK(rt.packet_ps == 7, "what was last measured stays");
	}
	world_close(&w);
}

TEST(packets_are_those_of_the_busier_hook)
{
	const struct probe_run from = {.ns = 1000, .sockets = 10, .interfaces = 5};
	struct probe_run to = {.ns = 3000, .sockets = 20, .interfaces = 45, .early = 7};

	CHECK(runtime_packet_ps(&from, &to) == 50000, "2000 ns over 40 packets");
	to.interfaces = 5;
	CHECK(runtime_packet_ps(&from, &to) == 200000, "over 10");
	CHECK(runtime_packet_ps(&to, &to) == 0, "none");
	to.interfaces = 4;
	CHECK(runtime_packet_ps(&from, &to) == 0, "of other programs");
}

TEST_MAIN(T_ROOT(drift_is_mended), T_ROOT(nothing_in_force_is_no_drift), T_ROOT(a_sample_says_what_a_packet_costs),
	  T(packets_are_those_of_the_busier_hook))
