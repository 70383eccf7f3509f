/* SPDX-License-Identifier: Apache-2.0 */
/* What `weirctl status` goes by: each check fails for its own reason, says so, and is quiet when that is gone. */
#include "aggregator/checks.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/test.h"

#define DAY 86400ull
#define MIB (1ull << 20)

struct world {
	struct fleet_agent agents[8];
	struct fleet fleet;
	struct checks_input in;
};

/* Two nodes and an aggregator that are well. */
static void well(struct world *w)
{
	static const char *const names[] = {"n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"};

	*w = (struct world){0};
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(w->agents); i++)
		w->agents[i] = (struct fleet_agent){
			.facts = {.node = names[i], .connected = true, .connected_since_ns = NOW_S * NS, .last_seen_ns = NOW_S * NS,
				  .lag_ns = NS, .window_ns = 2 * NS, .serial = 3, .wanted_serial = 3, .spool_bytes = 1, .spool_max = 100,
				  .flow_rows_used = 1, .flow_rows = 100, .skew_error_ns = 1000},
			.refused_reason = "", .refused_text = "", .session_refused = "", .window_end_ns = (NOW_S - 1) * NS, .expected = true};
	w->fleet = (struct fleet){.agents = w->agents, .count = 2, .now_ns = NOW_S * NS};
	w->in = (struct checks_input){.fleet = &w->fleet, .policy_state = GITOPS_APPROVED, .policy_error = "",
				      .good_ns = NOW_S * NS, .free_bytes = 1ull << 40, .size_bytes = 1ull << 41,
				      .priced_bytes = 1000 * MIB, .unpriced_paths = "", .audit_alarm = "", .deaf_webhooks = "", .failing_signals = "", .cert_until_s = NOW_S + 300 * DAY};
}

static void b_silent(struct world *w)
{
	w->agents[1].facts.connected = false;
	w->agents[1].facts.last_seen_ns = (NOW_S - 90) * NS;
}
static void b_lag(struct world *w)
{
	w->agents[1].facts.lag_ns = 45 * NS;
	w->agents[1].window_end_ns = (NOW_S - 45) * NS;
}
static void b_loss(struct world *w)
{
	w->agents[1].facts.lost_bytes = 2048;
	w->agents[1].lost_s = NOW_S - 60;
}
static void b_unexplained(struct world *w) { w->agents[1].unexplained_bytes = 100; }
static void b_refused(struct world *w)
{
	w->agents[1].facts.refused_serial = 4;
	w->agents[1].refused_reason = "unsigned";
}
static void b_version(struct world *w)
{
	w->agents[1].refused_reason = "version";
	w->agents[1].refused_text = "wire 9";
}
static void b_undone(struct world *w)
{
	w->agents[1].undone_from = 4;
	w->agents[1].undone_ns = (NOW_S - 60) * NS;
	w->agents[1].undone_why = WEIR_UNDO_UNCONFIRMED;
}
static void b_serial(struct world *w) { w->agents[1].facts.serial = 2; }
static void b_lease(struct world *w) { w->agents[1].facts.lease_until_ns = (NOW_S - 5) * NS; }
static void b_clock(struct world *w) { w->agents[1].facts.skew_ns = -3 * (int64_t)NS; }
static void b_spool(struct world *w) { w->agents[1].facts.spool_bytes = 80; }
static void b_table(struct world *w) { w->agents[1].facts.flow_rows_used = 95; }
static void b_store(struct world *w) { w->in.failed_ns = w->in.good_ns + 1; }
static void b_disk(struct world *w)
{
	w->in.free_bytes = 300 * MIB;
	w->in.size_bytes = 10240 * MIB;
}
static void b_cert(struct world *w) { w->in.cert_until_s = NOW_S + 3 * DAY; }
static void b_cert_over(struct world *w) { w->in.cert_until_s = NOW_S - 1; }
static void b_agent_cert(struct world *w) { w->agents[1].facts.cert_expires_s = NOW_S + 3 * DAY; }
static void b_keys(struct world *w) { w->agents[1].keys_broken = true; }
static void b_session(struct world *w) { w->agents[1].session_refused = "no key"; }
static void b_server_keys(struct world *w) { w->in.keys_broken = true; }
static void b_audit(struct world *w) { w->in.audit_alarm = "shorter than n1 saw"; }
static void b_webhook(struct world *w) { w->in.deaf_webhooks = "chat ops"; }
static void b_signals(struct world *w) { w->in.failing_signals = "eve cpu"; }
static void b_models(struct world *w) { w->in.models_fail = true; }
static void b_rejected(struct world *w)
{
	w->in.policy_state = GITOPS_REJECTED;
	w->in.policy_error = "a.yaml:3:1 what";
}
static void b_empty(struct world *w) { w->in.policy_state = GITOPS_EMPTY; }
static void b_unapproved(struct world *w) { w->in.policy_state = GITOPS_UNAPPROVED; }
static void b_unpriced(struct world *w)
{
	w->in.unpriced_bytes = 1;
	w->in.unpriced_paths = "nat";
}
static void b_unknown(struct world *w) { w->in.unknown_bytes = 20 * MIB; }

static const struct {
	const char *check, *what;
	void (*break_it)(struct world *w);
	uint64_t hold_s, since_s; /* since: 0 = when it was first looked at */
	size_t nodes;
} rows[] = {
	{"silent", "agent not seen", b_silent, 0, NOW_S - 90, 1},
	{"lag", "behind by up to 45.0s", b_lag, 0, NOW_S - 45, 1},
	{"loss", "2.0 KiB counted and lost", b_loss, 0, NOW_S - 60, 1},
	{"unexplained", "100 B of interfaces unexplained", b_unexplained, 60, 0, 1},
	{"refused", "bundle refused: unsigned", b_refused, 0, 0, 1},
	{"version", "agent refused: wire 9", b_version, 0, 0, 1},
	{"undone", "a bundle was taken back: unconfirmed", b_undone, 0, NOW_S - 60, 1},
	{"serial", "another bundle in force than is served", b_serial, 30, 0, 1},
	{"lease", "lease over: nothing is enforced", b_lease, 0, NOW_S - 5, 1},
	{"clock", "clock off by up to 3.0s", b_clock, 0, 0, 1},
	{"spool", "spool filled to 80 %", b_spool, 0, 0, 1},
	{"table", "flow table filled to 95 %", b_table, 10, 0, 1},
	{"store", "the store takes no summaries", b_store, 0, NOW_S, 0},
	{"disk", "300.0 MiB left on the store's disk", b_disk, 0, 0, 0},
	{"server-certificate", "this server's certificate ends in 3 days", b_cert, 0, 0, 0},
	{"server-certificate", "this server's certificate ends in 0.0s", b_cert_over, 0, 0, 0},
	{"certificate", "certificate ends in 3 days", b_agent_cert, 0, 0, 1},
	{"keys", "files of keys cannot be used", b_keys, 0, 0, 1},
	{"session", "refused: no key", b_session, 0, 0, 1},
	{"server-keys", "this server's files of keys cannot be used", b_server_keys, 0, 0, 0},
	{"audit", "audit log: shorter than n1 saw", b_audit, 0, 0, 0},
	{"webhook", "alerts are not taken by: chat ops", b_webhook, 0, 0, 0},
	{"signals", "signals do not come from: eve cpu", b_signals, 600, 0, 0},
	{"models", "models cannot look at what comes", b_models, 120, 0, 0},
	{"rejected", "policy directory does not load: a.yaml:3:1 what", b_rejected, 0, 0, 0},
	{"rejected", "policy directory does not load: ", b_empty, 0, 0, 0},
	{"unapproved", "policy waits for approval: ", b_unapproved, 0, 0, 0},
	{"unpriced", "no price for: nat", b_unpriced, 0, 0, 0},
	{"unknown-path", "20.0 MiB without a known path, of the last day", b_unknown, 0, 0, 0},
};

/* At a time after NOW_S; the world's clock goes there. */
static size_t look(struct test_state *test_st, struct checks *c, struct world *w, uint64_t after_s, struct problem *p)
{
	size_t n = 0;

	w->fleet.now_ns = (NOW_S + after_s) * NS;
	CHECK(checks_run(c, &w->in, p, &n) == 0);
	return n;
}

static void checks_freep(struct checks **c)
{
	checks_free(*c);
}
#define auto_checks weir_cleanup(checks_freep) struct checks

TEST(all_is_well)
{
	auto_checks *c = NULL;
	struct problem p[CHECKS_PROBLEMS];
	struct world w;

	well(&w);
	CHECK(checks_new(&c) == 0);
	CHECK(look(test_st, c, &w, 0, p) == 0, "%s", p[0].what);
	CHECK(look(test_st, c, &w, 10, p) == 0, "%s", p[0].what);
}

TEST(each_check_fails_for_its_own_reason_and_ends_with_it)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		auto_checks *c = NULL;
		struct problem p[CHECKS_PROBLEMS] = {0};
		struct world w;
		uint64_t at = rows[i].hold_s;
		size_t n;

		well(&w);
		rows[i].break_it(&w);
		CHECK(checks_new(&c) == 0);
		n = look(test_st, c, &w, 0, p);
		CHECK(n == !rows[i].hold_s, "%s: %zu problems at once", rows[i].check, n);
		if (at) {
			CHECK(look(test_st, c, &w, at - 1, p) == 0, "%s: too soon", rows[i].check);
			n = look(test_st, c, &w, at, p);
		}
		CHECK(n == 1 && !strcmp(p[0].check, rows[i].check), "%s: %zu, %s", rows[i].check, n, p[0].check);
		CHECK(!strcmp(p[0].what, rows[i].what), "%s: '%s'", rows[i].check, p[0].what);
		CHECK(p[0].since_ns == (rows[i].since_s ? rows[i].since_s : NOW_S) * NS, "%s: since %llu", rows[i].check,
		      (unsigned long long)p[0].since_ns);
		CHECK(p[0].count == rows[i].nodes && (!p[0].count || !strcmp(p[0].nodes[0], "n2")), "%s: nodes", rows[i].check);
		CHECK(*p[0].remedy, "%s: what to do", rows[i].check);
		well(&w);
		CHECK(look(test_st, c, &w, at + 1, p) == 0, "%s: it ends", rows[i].check);
		rows[i].break_it(&w);
		CHECK(look(test_st, c, &w, at + 2, p) == !rows[i].hold_s, "%s: and begins anew", rows[i].check);
	}
}

TEST(nodes_are_named_first_few_and_counted)
{
	auto_checks *c = NULL;
	struct problem p[CHECKS_PROBLEMS];
	struct world w;

	well(&w);
	w.fleet.count = 8;
	for (size_t i = 0; i < 7; i++)
		w.agents[i].facts.skew_ns = (int64_t)((i + 2) * NS);
	CHECK(checks_new(&c) == 0);
	CHECK(look(test_st, c, &w, 0, p) == 1);
	CHECK(p[0].count == 7 && !strcmp(p[0].nodes[0], "n1") && !strcmp(p[0].nodes[CHECKS_NODES - 1], "n4"));
	CHECK(!strcmp(p[0].what, "clock off by up to 8.0s"), "the worst: %s", p[0].what);
}

TEST(what_is_not_expected_or_not_serious_is_no_problem)
{
	auto_checks *c = NULL;
	struct problem p[CHECKS_PROBLEMS];
	struct world w;

	well(&w);
	b_silent(&w);
	b_lease(&w);
	w.agents[1].expected = false; /* its key was taken away */
	CHECK(checks_new(&c) == 0);
	CHECK(look(test_st, c, &w, 0, p) == 0, "a node that is gone for good: %s", p[0].what);
	well(&w);
	b_loss(&w);
	w.agents[1].lost_s = NOW_S - DAY - 1;
	CHECK(look(test_st, c, &w, 1, p) == 0, "a loss of yesterday");
	well(&w);
	w.agents[1].facts.refused_serial = 2;
	CHECK(look(test_st, c, &w, 2, p) == 0, "a refusal of an older bundle");
	w.agents[1].facts.skew_ns = 5 * (int64_t)NS;
	w.agents[1].facts.skew_error_ns = 0;
	CHECK(look(test_st, c, &w, 3, p) == 0, "a skew that nobody measured");
	w.agents[1].facts.skew_error_ns = 5 * NS;
	CHECK(look(test_st, c, &w, 4, p) == 0, "a skew within its error");
	well(&w);
	w.in.free_bytes = 40 * 1024 * MIB;
	CHECK(look(test_st, c, &w, 5, p) == 0, "2 %% of a disk of 2 TiB");
	w.in.unknown_bytes = 5 * MIB;
	CHECK(look(test_st, c, &w, 6, p) == 0, "half a percent without a path");
}

/* Both sides are read one after the other: under load there is a difference that means nothing. */
TEST(unexplained_is_judged_by_the_load)
{
	auto_checks *c = NULL;
	struct problem p[CHECKS_PROBLEMS];
	struct world w;

	well(&w);
	CHECK(checks_new(&c) == 0);
	for (uint64_t t = 0; t <= 100; t += 5) {
		w.agents[1].facts.bytes[WEIR_EGRESS] = t * 1000000; /* in 20 ms pass 20,000 bytes */
		w.agents[1].unexplained_bytes = t ? 19000 : 0;
		CHECK(look(test_st, c, &w, t, p) == 0, "%llu", (unsigned long long)t);
	}
	for (uint64_t t = 105; t <= 165; t += 5) {
		w.agents[1].facts.bytes[WEIR_EGRESS] = t * 1000000;
		w.agents[1].unexplained_bytes = 21000;
		CHECK(look(test_st, c, &w, t, p) == (t == 165), "%llu", (unsigned long long)t);
	}
}

TEST_MAIN(T(all_is_well), T(each_check_fails_for_its_own_reason_and_ends_with_it), T(nodes_are_named_first_few_and_counted),
	  T(what_is_not_expected_or_not_serious_is_no_problem), T(unexplained_is_judged_by_the_load))
