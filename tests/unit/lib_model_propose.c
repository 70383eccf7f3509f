/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings as such: names, keys, texts. And proposals: each one of labelled worlds is parsed and compiled beside policies that
 * are in force, and the reference evaluator says what it does to the rows of the event and to all usual ones.
 */
#include <netinet/in.h>

#include "lib/policy/bundle.h"
#include "tests/lib/flow_score.h"
#include "tests/lib/test.h"

#define FINDINGS_MAX 400
#define ROWS_MAX 60000 /* kept of a world, spread over it */

static const char in_force[] =
	"apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: backups}\n"
	"spec: {tier: admin, priority: 500, subject: {labels: {app: backup}}, egress: [{action: accept, to: [{path: internet}]}]}\n---\n"
	"apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: no-telnet}\n"
	"spec: {tier: admin, priority: 10, egress: [{action: deny, ports: [{protocol: TCP, port: 2323}]}]}\n---\n"
	"apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: all-nodes}\n"
	"spec: {tier: baseline, egress: [{action: accept, to: [{cidr: 192.0.2.0/24}]}]}\n";

static const char topology_text[] =
	"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n  domain: aws/1/prod\n  provider: aws\n  account: '1'\n"
	"  zones:\n  - {id: z1, region: us-east-1}\n  prefixes: [10.0.0.0/8]\n  nat: []\n  subnets:\n  - name: a\n    cidrs: [10.0.0.0/16]\n"
	"    zone: z1\n    routes:\n    - {to: 0.0.0.0/0, via: igw}\n";

static int add_text(struct weir_policy_set *s, const char *text, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	int r = weir_ydoc_parse(text, strlen(text), "proposal.yaml", &doc, err);

	for (size_t i = 0; r == 0 && i < weir_ydoc_count(doc); i++)
		r = weir_policy_set_add(s, weir_ydoc_root(doc, i), err);
	return r;
}

static struct weir_topology *topology(struct test_state *test_st)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_topology *t = NULL;
	struct weir_err err = {0};
	int r = weir_ydoc_parse(topology_text, strlen(topology_text), "t.yaml", &doc, &err);

	r = r ? r : weir_topology_new(&t);
	r = r ? r : weir_topology_add(t, weir_ydoc_root(doc, 0), &err);
	r = r ? r : weir_topology_seal(t, &err);
	CHECK(!r, "%s", err.text);
	return t;
}

/* With what is in force, and with the proposal too (NULL: without). Compiles, or NULL. */
static struct weir_policy_set *policies(struct test_state *test_st, const char *proposal, const struct weir_topology *t)
{
	weir_auto_buf struct weir_buf bytes = {0};
	struct weir_policy_set *s = NULL;
	struct weir_err err = {0};
	int r = weir_policy_set_new(&s);

	r = r ? r : add_text(s, in_force, &err);
	r = r || !proposal ? r : add_text(s, proposal, &err);
	r = r ? r : weir_policy_set_seal(s, &err);
	r = r ? r : weir_bundle_compile(s, t, "aws/1/prod/a", NULL, 0, &bytes, &err);
	CHECK(!r, "%s\n%s", err.text, proposal ? proposal : "");
	if (!r)
		return s;
	weir_policy_set_free(s);
	return NULL;
}

struct kept_row {
	struct weir_pattern_row row;
	char namespace[16], app[16], name[24];
	uint16_t event;
	uint64_t time_s;
};

static void keep_row(struct kept_row *k, const struct weir_pattern_row *r, uint16_t event, uint64_t time_s)
{
	const char *app = strstr(r->who->labels, "app\":\"");

	*k = (struct kept_row){.row = *r, .event = event, .time_s = time_s};
	weir_finding_text(k->namespace, sizeof(k->namespace), r->who->namespace);
	weir_finding_text(k->name, sizeof(k->name), r->who->name);
	if (app) {
		weir_finding_text(k->app, sizeof(k->app), app + 6);
		*strchrnul(k->app, '"') = '\0';
	}
}

static struct weir_decision_ref decide(const struct weir_policy_set *s, const struct kept_row *k)
{
	static const char *const paths[] = {"unknown", "same-host", "same-zone", "cross-zone", "cross-region", "internet", "nat"};
	struct weir_label label = {.key = "app", .value = k->app};
	struct weir_subject who = {.namespace = k->namespace, .name = k->name, .labels = &label, .label_count = *k->app != '\0'};
	struct weir_route route = {.service = "", .region = "", .zone = "", .peer_domain = ""};
	struct weir_conn c = {.dir = k->row.opened ? WEIR_EGRESS : WEIR_INGRESS, .port = k->row.port, .peer = k->row.peer,
			      .proto = k->row.proto == IPPROTO_TCP ? WEIR_P_TCP : WEIR_P_UDP};
	struct weir_decision_ref ret;

	(void)weir_path_parse(paths[k->row.path], &route.path);
	weir_policy_eval(s, &who, &c, &route, &ret);
	return ret;
}

struct seen {
	struct weir_finding f[FINDINGS_MAX];
	uint64_t at_s[FINDINGS_MAX], now_s;
	size_t n;
};

static int note(const struct weir_finding *f, void *arg)
{
	struct seen *l = arg;

	if (!f->ended && l->n < FINDINGS_MAX) {
		l->at_s[l->n] = l->now_s;
		l->f[l->n++] = *f;
	}
	return 0;
}

struct proof {
	unsigned int proposals, rows, stopped, usual, denied, limited;
};

/* What the proposal does to rows: those of the event behind the finding, and usual ones of the whole world. */
static void prove(const struct weir_policy_set *before, const struct weir_policy_set *after, const struct weir_finding *f, uint64_t at_s,
		  const struct kept_row *rows, size_t n, uint16_t event, struct proof *p)
{
	for (size_t i = 0; i < n; i++) {
		const struct kept_row *k = &rows[i];
		struct weir_decision_ref was = decide(before, k), is = decide(after, k);
		bool denied = is.verdict == WEIR_V_DENY && was.verdict != WEIR_V_DENY, limited = is.limit && !was.limit;

		if (k->event == event && k->time_s >= at_s && !strcmp(k->name, f->subject.name)) {
			p->rows++;
			p->stopped += denied || limited;
		} else if (!k->event) {
			p->usual++;
			p->denied += denied;
			p->limited += limited;
		}
	}
	p->proposals++;
}

static size_t run_world(struct test_state *test_st, struct flow_world *w, struct seen *l, struct kept_row *rows)
{
	struct weir_patterns_opts o = {0};
	struct weir_patterns *p = NULL;
	struct flow_bucket b;
	size_t n = 0, usual = 0;

	flow_world_paths(o.paths);
	CHECK(!weir_patterns_new(&o, &p));
	while (flow_world_next(w, &b)) {
		l->now_s = b.time_s + WEIR_PATTERN_BUCKET_S;
		CHECK(!weir_patterns_window(p, b.time_s, b.rows, b.n, b.health, b.hn, note, l));
		for (size_t i = 0; i < b.n; i++)
			/* The room is for all rows of a minute in five, and for a few of each event. */
			if (n < ROWS_MAX && (b.event[i] ? i % 3 == 0 : usual++ % 67 == 0))
				keep_row(&rows[n++], &b.rows[i], b.event[i], b.time_s);
	}
	weir_patterns_free(p);
	return n;
}

static void prove_world(struct test_state *test_st, uint64_t seed, const struct weir_topology *t, struct proof *proofs)
{
	struct kept_row *rows = calloc(ROWS_MAX, sizeof(*rows));
	struct weir_policy_set *before = policies(test_st, NULL, t);
	struct seen *l = calloc(1, sizeof(*l));
	const struct flow_event *e;
	struct flow_world *w = NULL;
	size_t n, events;

	CHECK(!flow_world_new(seed, &w));
	n = run_world(test_st, w, l, rows);
	e = flow_world_events(w, &events);
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < events; k++) {
			weir_auto_buf struct weir_buf text = {0};
			struct weir_policy_set *after;
			int r;

			if (e[k].kind != l->f[i].kind || !flow_score_of(&e[k], &l->f[i], l->at_s[i]))
				continue;
			r = weir_finding_propose(&l->f[i], &text);
			CHECK(!r && text.len <= WEIR_FINDING_PROPOSAL_MAX, "%s: %d", l->f[i].sentence, r);
			if (l->f[i].action != WEIR_ACTION_POLICY) {
				CHECK(strstr((char *)text.data, e[k].kind == WEIR_FINDING_CROSS_ZONE ? "trafficDistribution: PreferClose" :
														"attempts_per_s: {is: "),
				      "%s", (char *)text.data);
				continue;
			}
			after = r ? NULL : policies(test_st, (char *)text.data, t);
			if (after)
				prove(before, after, &l->f[i], l->at_s[i], rows, n, (uint16_t)(k + 1), &proofs[e[k].kind]);
			weir_policy_set_free(after);
			break;
		}
	weir_policy_set_free(before);
	flow_world_free(w);
	free(rows);
	free(l);
}

TEST(each_proposal_stops_its_event_and_spares_what_is_usual)
{
	struct weir_topology *t = topology(test_st);
	struct proof p[WEIR_FINDING_PATTERNS] = {0};

	for (uint64_t seed = 101; seed <= 102 && t; seed++)
		prove_world(test_st, seed, t, p);
	for (unsigned int k = 0; k < WEIR_FINDING_CROSS_ZONE; k++) {
		const char *name = weir_finding_kind_name(k);

		printf("# %s: %u proposals stop %u of %u rows; of %u usual rows %u are denied, %u under a limit\n", name, p[k].proposals,
		       p[k].stopped, p[k].rows, p[k].usual, p[k].denied, p[k].limited);
		CHECK(p[k].proposals >= 1 && p[k].rows >= 5, "%s: %u proposals, %u rows", name, p[k].proposals, p[k].rows);
		CHECK(p[k].stopped >= 0.95 * p[k].rows, "%s stops %u of %u", name, p[k].stopped, p[k].rows);
		CHECK(p[k].denied == 0, "%s denies %u usual rows", name, p[k].denied);
		CHECK(p[k].limited <= 0.1 * p[k].usual, "%s limits %u of %u usual rows", name, p[k].limited, p[k].usual);
	}
	weir_topology_free(t);
}

static struct weir_finding example(void)
{
	struct weir_finding f = {.kind = WEIR_FINDING_PORT_SCAN, .action = WEIR_ACTION_POLICY, .has_peer = true, .proto = IPPROTO_TCP, .opened = true,
				 .dir = WEIR_EGRESS, .sentence = "web tried 40 ports.\nspec: {tier: admin}"};

	strcpy(f.subject.namespace, "shop");
	strcpy(f.subject.name, "web-0");
	strcpy(f.subject.labels, "{\"app\":\"we\\\"b\",\"pod-template-hash\":\"5\"}");
	weir_prefix_parse("10.1.2.3", &f.peer);
	f.spared_ports[f.spared_port_count++] = 443;
	f.spared_ports[f.spared_port_count++] = 1;
	f.spared_ports[f.spared_port_count++] = 65535;
	return f;
}

TEST(a_proposal_spares_ports_and_hosts_in_use_and_quotes_what_came_from_outside)
{
	weir_auto_buf struct weir_buf b = {0}, hosts = {0};
	struct weir_topology *t = topology(test_st);
	struct weir_finding f = example();
	struct weir_policy_set *s;

	CHECK(!weir_finding_propose(&f, &b));
	CHECK(strstr((char *)b.data, "{protocol: TCP, port: 2, endPort: 442}, {protocol: TCP, port: 444, endPort: 65534}]"), "%s", (char *)b.data);
	CHECK(strstr((char *)b.data, "subject: {namespace: \"shop\", labels: {\"app\": \"we\\\"b\"}}"), "%s", (char *)b.data);
	CHECK(!strstr((char *)b.data, "\nspec: {tier"), "%s", (char *)b.data);
	s = policies(test_st, (char *)b.data, t);
	weir_policy_set_free(s);
	f.kind = WEIR_FINDING_HORIZONTAL_SCAN;
	f.port = 22;
	weir_prefix_parse("10.1.0.0/16", &f.peer);
	f.spared[f.spared_count++] = (struct weir_addr){{[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 1, [14] = 9, [15] = 9}};
	CHECK(!weir_finding_propose(&f, &hosts));
	CHECK(strstr((char *)hosts.data, "to: [{cidr: \"10.1.0.0/16\", except: [\"10.1.9.9\"]}]"), "%s", (char *)hosts.data);
	s = policies(test_st, (char *)hosts.data, t);
	weir_policy_set_free(s);
	weir_topology_free(t);
}

TEST(nobody_is_punished_for_a_workload_without_a_name_for_policies)
{
	weir_auto_buf struct weir_buf b = {0};
	struct weir_finding f = example();

	*f.subject.namespace = *f.subject.labels = '\0';
	CHECK(!weir_finding_propose(&f, &b), "one address may be closed to all");
	f.limit_bps = 1000000;
	CHECK(weir_finding_propose(&f, &b) == -EINVAL, "a limit would be for all workloads");
	f.limit_bps = 0;
	f.peer.len = 112;
	CHECK(weir_finding_propose(&f, &b) == -EINVAL);
	strcpy(f.subject.labels, "not json");
	CHECK(weir_finding_propose(&f, &b) == -EINVAL);
	f.action = WEIR_ACTION_NONE;
	CHECK(weir_finding_propose(&f, &b) == -ENODATA);
}

TEST(a_key_is_of_an_event_and_not_of_its_numbers)
{
	weir_auto_buf struct weir_buf a = {0}, b = {0}, c = {0};
	struct weir_finding f = example(), later = f, other = f;

	later.last_s = 99;
	later.score = 0.9;
	strcpy(later.sentence, "more");
	other.port = 1;
	CHECK(!weir_finding_key(&f, &a) && !weir_finding_key(&later, &b) && !weir_finding_key(&other, &c));
	CHECK(a.len == b.len && !memcmp(a.data, b.data, a.len) && a.len <= WEIR_FINDING_KEY_MAX, "%s, %s", (char *)a.data, (char *)b.data);
	CHECK(strcmp((char *)a.data, (char *)c.data) != 0, "%s", (char *)a.data);
}

TEST(names_and_texts)
{
	enum weir_finding_kind k = WEIR_FINDING_KINDS;
	char text[8];

	for (unsigned int i = 0; i < WEIR_FINDING_KINDS; i++)
		CHECK(!weir_finding_kind_parse(weir_finding_kind_name(i), &k) && k == i, "%u", i);
	CHECK(weir_finding_kind_parse("worm", &k) == -EINVAL && k == WEIR_FINDING_KINDS - 1);
	CHECK(!strcmp(weir_finding_kind_name(99), "unknown") && !strcmp(weir_finding_action_name(99), "none"));
	weir_finding_text(text, sizeof(text), "abcdef\xc3\xa4");
	CHECK(!strcmp(text, "abcdef"), "%s", text);
	weir_finding_text(text, sizeof(text), NULL);
	CHECK(!*text);
}

TEST_MAIN(T(each_proposal_stops_its_event_and_spares_what_is_usual),
	  T(a_proposal_spares_ports_and_hosts_in_use_and_quotes_what_came_from_outside),
	  T(nobody_is_punished_for_a_workload_without_a_name_for_policies), T(a_key_is_of_an_event_and_not_of_its_numbers), T(names_and_texts))
