/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A candidate beside the policy in force, in the loaded program: verdicts stay what they are, and what the
 * candidate would do otherwise is counted per rule, once per flow and generation.
 */
#include "tests/lib/test.h"

#include "agent/disagree.h"
#include "tests/lib/bundle_fixture.h"

#define L3 100u
#define FRAME (14 + L3)
#define NAMED 3 /* index of the workload that gets a name */

struct world {
	struct fixture f;
	struct compiled put; /* last */
};

/* A policy for all workloads, or for those of a namespace; its rules by number. */
static int compile(struct world *w, const char *subject, const char *rules, struct weir_err *err)
{
	static const struct weir_subject data = {.namespace = "data", .name = ""};
	weir_auto_free char *text =
		weir_strf("apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p}\n"
			  "spec:\n  tier: admin\n  subject: %s\n  egress:\n%s", subject, rules);

	return text ? bundle_fixture_compile(text, NULL, 0, &data, 1, &w->put, err) : -ENOMEM;
}

static int enforce(struct world *w, const char *rules, struct weir_err *err)
{
	const uint32_t nobody = 0;
	int r = compile(w, "{}", rules, err);

	return r ? r : probe_switch(w->f.probe, w->put.tables, &nobody, 1, err);
}

static int shadow(struct world *w, const char *rules, struct weir_err *err)
{
	const uint32_t nobody = 0;
	int r = compile(w, "{}", rules, err);

	return r ? r : probe_candidate(w->f.probe, w->put.tables, &nobody, 1, err);
}

static int world_open(struct world *w, struct weir_err *err)
{
	int r = fixture_open(&w->f, err);

	if (!r)
		probe_set_mode(w->f.probe, WEIR_MODE_ENFORCE);
	return r;
}

static void world_close(struct world *w)
{
	compiled_fini(&w->put);
	fixture_close(&w->f);
}

/* A UDP packet of the flow 10.7.1.11:port -> 198.18.0.last:5000, or its answer. */
static int send_one(struct world *w, enum weir_dir dir, uint16_t port, uint8_t last)
{
	const uint8_t own[4] = {10, 7, 1, 11}, peer[4] = {198, 18, 0, last};
	bool out = dir == WEIR_EGRESS;
	uint16_t client = htons(port), service = htons(5000), len = htons(L3);
	uint8_t pkt[FRAME] = {[12] = 0x08, [14] = 0x45, [22] = 64, [23] = IPPROTO_UDP};

	memcpy(pkt + 16, &len, 2);
	memcpy(pkt + 26, out ? own : peer, 4);
	memcpy(pkt + 30, out ? peer : own, 4);
	memcpy(pkt + 34, out ? &client : &service, 2);
	memcpy(pkt + 36, out ? &service : &client, 2);
	return fixture_run(&w->f, dir, pkt, FRAME);
}

static int out(struct world *w, uint16_t port, uint8_t last)
{
	return send_one(w, WEIR_EGRESS, port, last);
}

/* The counts of rule `rule` of the candidate, "DENIED/ACCEPTED/LIMITED"; rule -1: no rule. */
static const char *counted(struct world *w, int rule)
{
	const struct weir_disagree *d = probe_disagreements(w->f.probe) + (rule < 0 ? PROBE_MAX_RULES - 1 : rule);
	static char text[64];

	snprintf(text, sizeof(text), "%d/%d/%d", (int)d->denied, (int)d->accepted, (int)d->limited);
	return text;
}
#define COUNTED(rule, want) CHECK(!strcmp(counted(&w, rule), want), "%s, want " want, counted(&w, rule))

#define ACCEPT "  - {action: accept}\n"
#define DENY_10 "  - {action: deny, to: [{cidr: 198.18.0.10/32}]}\n"

TEST(verdicts_stay_and_flows_are_counted_once)
{
	struct world w = {.put = {0}};
	struct weir_err err = {{0}};

	CHECK(world_open(&w, &err) == 0 && enforce(&w, ACCEPT, &err) == 0, "%s", err.text);
	CHECK(out(&w, 40000, 10) == 1, "a flow older than the candidate");
	CHECK(send_one(&w, WEIR_INGRESS, 40000, 10) == 1);
	CHECK(shadow(&w, DENY_10 ACCEPT, &err) == 0, "%s", err.text);
	COUNTED(0, "0/0/0");
	for (int i = 0; i < 5; i++) {
		CHECK(out(&w, 40000, 10) == 1, "the candidate's denial dropped a packet");
		CHECK(send_one(&w, WEIR_INGRESS, 40000, 10) == 1);
	}
	COUNTED(0, "1/0/0");
	for (int i = 0; i < 5; i++) {
		CHECK(out(&w, 40001, 10) == 1, "the candidate's denial dropped a packet");
		CHECK(send_one(&w, WEIR_INGRESS, 40001, 10) == 1);
		CHECK(out(&w, 40002, 11) == 1);
	}
	COUNTED(0, "2/0/0");
	COUNTED(1, "0/0/0");
	COUNTED(-1, "0/0/0");
	probe_set_mode(w.f.probe, WEIR_MODE_ENFORCE);
	out(&w, 40000, 10);
	out(&w, 40000, 10);
	COUNTED(0, "3/0/0");
	world_close(&w);
}

TEST(each_kind_of_disagreement)
{
	struct world w = {.put = {0}};
	struct weir_err err = {{0}};

	CHECK(world_open(&w, &err) == 0 && enforce(&w, DENY_10 ACCEPT, &err) == 0, "%s", err.text);
	CHECK(shadow(&w, "  - {action: accept, to: [{cidr: 198.18.0.10/32}]}\n"
			 "  - {action: accept, to: [{cidr: 198.18.0.11/32}], limit: {rate: 20Mbit, mode: police, per: flow}}\n"
			 "  - {action: deny, to: [{cidr: 198.18.0.12/32}]}\n", &err) == 0, "%s", err.text);
	for (int i = 0; i < 3; i++)
		CHECK(out(&w, 40000, 10) == 0, "what is in force denies");
	CHECK(out(&w, 40000, 11) == 1 && out(&w, 40000, 12) == 1 && out(&w, 40000, 13) == 1);
	COUNTED(0, "0/1/0");
	COUNTED(1, "0/0/1");
	COUNTED(2, "1/0/0");
	COUNTED(-1, "0/0/0");
	CHECK(shadow(&w, DENY_10 ACCEPT, &err) == 0 && probe_no_candidate(w.f.probe) == 0, "%s", err.text);
	CHECK(enforce(&w, DENY_10, &err) == 0 && shadow(&w, "  - {action: deny, to: [{cidr: 198.18.0.99/32}]}\n", &err) == 0,
	      "%s", err.text);
	CHECK(out(&w, 40005, 10) == 0);
	COUNTED(-1, "0/1/0");
	world_close(&w);
}

TEST(modes)
{
	struct world w = {.put = {0}};
	struct weir_err err = {{0}};

	CHECK(world_open(&w, &err) == 0 && enforce(&w, ACCEPT, &err) == 0, "%s", err.text);
	probe_set_mode(w.f.probe, WEIR_MODE_OBSERVE);
	CHECK(shadow(&w, DENY_10, &err) == 0, "%s", err.text);
	CHECK(out(&w, 40000, 10) == 1);
	COUNTED(0, "0/0/0");
	probe_set_mode(w.f.probe, WEIR_MODE_SHADOW);
	CHECK(out(&w, 40000, 10) == 1);
	COUNTED(0, "1/0/0");
	world_close(&w);
}

/* The agent puts the tables there anew after a switch, and another agent finds what the last one left. */
TEST(counts_outlive_tables_and_agents)
{
	const char *none[] = {NULL};
	struct world w = {.put = {0}};
	uint8_t held[WEIR_SHA256_LEN], force[WEIR_SHA256_LEN];
	struct weir_err err = {{0}};

	CHECK(world_open(&w, &err) == 0 && enforce(&w, ACCEPT, &err) == 0 && shadow(&w, DENY_10, &err) == 0, "%s",
	      err.text);
	out(&w, 40000, 10);
	COUNTED(0, "1/0/0");
	CHECK(probe_candidate_digest(w.f.probe, held) == 0 && !memcmp(held, w.put.tables->digest, sizeof(held)));
	CHECK(probe_digest(w.f.probe, force) == 0 && memcmp(held, force, sizeof(held)), "one is not the other");
	probe_close(w.f.probe);
	CHECK(fixture_probe(&w.f, none, &w.f.probe, &err) == 0, "%s", err.text);
	CHECK(probe_has_candidate(w.f.probe));
	CHECK(probe_candidate_digest(w.f.probe, held) == 0 && !memcmp(held, w.put.tables->digest, sizeof(held)));
	COUNTED(0, "1/0/0");
	CHECK(enforce(&w, ACCEPT, &err) == 0, "%s", err.text);
	CHECK(!probe_has_candidate(w.f.probe) && probe_candidate_digest(w.f.probe, held) == -ENOENT,
	      "a switch takes the candidate's half");
	out(&w, 40000, 10);
	COUNTED(0, "1/0/0");
	CHECK(shadow(&w, DENY_10, &err) == 0, "%s", err.text);
	out(&w, 40000, 10);
	COUNTED(0, "2/0/0");
	CHECK(probe_no_candidate(w.f.probe) == 0 && !probe_has_candidate(w.f.probe));
	out(&w, 40001, 10);
	COUNTED(0, "0/0/0");
	world_close(&w);
}

/* A name that comes later counts in both halves, and at once for flows that there are. */
TEST(a_name_reaches_both_halves)
{
	struct world w = {.put = {0}};
	struct weir_err err = {{0}};
	uint32_t named[16] = {0};

	CHECK(world_open(&w, &err) == 0 && enforce(&w, ACCEPT, &err) == 0, "%s", err.text);
	CHECK(compile(&w, "{namespace: data}", DENY_10, &err) == 0, "%s", err.text);
	CHECK(probe_candidate(w.f.probe, w.put.tables, named, WEIR_ARRAY_SIZE(named), &err) == 0, "%s", err.text);
	out(&w, 40000, 10);
	COUNTED(0, "0/0/0");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(named); i++)
		named[i] = w.put.tables->class_of[0];
	probe_set_subjects(w.f.probe, NULL, named, WEIR_ARRAY_SIZE(named));
	CHECK(out(&w, 40000, 10) == 1, "in force nothing changed");
	COUNTED(0, "1/0/0");
	probe_set_subjects(w.f.probe, NULL, named, WEIR_ARRAY_SIZE(named));
	out(&w, 40000, 10);
	COUNTED(0, "1/0/0");
	world_close(&w);
}

TEST(a_list_keeps_the_sum)
{
	static struct weir_disagree counts[WEIR_SUMMARY_DISAGREEMENTS_MAX + 10];
	const size_t n = WEIR_ARRAY_SIZE(counts);
	weir_auto_free struct weir_sum_disagreement *list = NULL, *few = NULL;
	struct world w = {.put = {0}};
	struct weir_err err = {{0}};
	size_t count = 0, few_count = 0;
	uint64_t denied = 0, accepted = 0;

	CHECK(compile(&w, "{}", DENY_10 ACCEPT, &err) == 0, "%s", err.text);
	counts[1].accepted = 2;
	counts[n - 1].denied = 3;
	CHECK(disagree_list(w.put.bundle, counts, n, &few, &few_count) == 0 && few_count == 2);
	CHECK(!strcmp(few[0].rule, "default") && few[0].denied == 3 && few[0].accepted == 0, "%s", few[0].rule);
	CHECK(!strcmp(few[1].rule, "p#2") && few[1].accepted == 2, "%s", few[1].rule);
	for (size_t i = 0; i < n; i++)
		counts[i] = (struct weir_disagree){.denied = i + 1, .accepted = 1};
	CHECK(disagree_list(w.put.bundle, counts, n, &list, &count) == 0 && count == WEIR_SUMMARY_DISAGREEMENTS_MAX);
	for (size_t i = 0; i < count; i++) {
		denied += list[i].denied;
		accepted += list[i].accepted;
	}
	CHECK(denied == n * (n + 1) / 2 && accepted == n, "%llu %llu", (unsigned long long)denied,
	      (unsigned long long)accepted);
	CHECK(!strcmp(list[count - 1].rule, "others"));
	compiled_fini(&w.put);
}

TEST_MAIN(T_ROOT(verdicts_stay_and_flows_are_counted_once), T_ROOT(each_kind_of_disagreement),
	  T_ROOT(modes), T_ROOT(counts_outlive_tables_and_agents), T_ROOT(a_name_reaches_both_halves),
	  T(a_list_keeps_the_sum))
