/* SPDX-License-Identifier: Apache-2.0 */
/* FlowPolicy as text: what is refused and where; and the evaluator against a table of verdicts. */
#include "lib/policy/policy.h"
#include "tests/lib/test.h"

#define HEAD "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\n"
#define META(name) HEAD "metadata: {name: " name "}\n"
#define EGRESS(rule) META("a") "spec:\n  tier: admin\n  egress:\n  - {" rule "}\n"

static int add(struct weir_policy_set *s, const char *yaml, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	int r = weir_ydoc_parse(yaml, strlen(yaml), "p.yaml", &doc, err);

	for (size_t i = 0; r == 0 && i < weir_ydoc_count(doc); i++)
		r = weir_policy_set_add(s, weir_ydoc_root(doc, i), err);
	return r;
}

TEST(bad_policies_name_the_place)
{
	static const struct {
		const char *yaml, *where, *what;
	} cases[] = {
		{"apiVersion: weir.dev/v2\nkind: FlowPolicy\n", "p.yaml:1:", "weir.dev/v1alpha1"},
		{HEAD "spec: {}\n", "p.yaml:1:", "metadata"},
		{HEAD "metadata: {name: Bad_Name}\nspec: {tier: admin}\n", "p.yaml:3:18",
		 "lower-case"},
		{META("a") "spec: {tier: root}\n", "p.yaml:4:14", "admin"},
		{META("a") "spec: {tier: admin}\n", "p.yaml:4:", "no rules"},
		{META("a") "spec: {tier: namespace, egress: []}\n", "p.yaml:4:",
		 "subject.namespace"},
		{EGRESS("to: []"), "p.yaml:7:", "action"},
		{EGRESS("action: deny, to: []"), "p.yaml:7:", "empty list"},
		{EGRESS("action: deny, from: []"), "p.yaml:7:", "from"},
		{EGRESS("action: deny, to: [{path: moon}]"), "p.yaml:7:", "unknown path 'moon'"},
		{EGRESS("action: deny, to: [{path: nat, zone: z}]"), "p.yaml:7:", "exactly one"},
		{EGRESS("action: deny, to: [{cidr: 10.0.0.0/8, except: [11.0.0.0/16]}]"),
		 "p.yaml:7:", "not inside"},
		{EGRESS("action: deny, ports: [{protocol: ICMP, port: 1}]"), "p.yaml:7:",
		 "no ports"},
		{EGRESS("action: deny, ports: [{port: 90, endPort: 80}]"), "p.yaml:7:", "endPort"},
		{EGRESS("action: deny, limit: {rate: 1Mbit, mode: police, per: node}"),
		 "p.yaml:7:", "action: accept"},
		{EGRESS("action: accept, limit: {rate: 1Mbit, mode: pace, per: node, direction: both}"),
		 "p.yaml:7:", "use police"},
		{EGRESS("action: accept, limit: {rate: 1Mbit, mode: pace, per: node, direction: up}"),
		 "p.yaml:7:", "direction"},
		{EGRESS("action: accept, limit: {rate: 1Mbit, mode: police, per: pod}"),
		 "p.yaml:7:", "per"},
		{META("a") "spec:\n  tier: namespace\n  subject: {namespace: x}\n  egress:\n"
			   "  - {action: deny}\n",
		 "p.yaml:8:", "only accepts"},
		{EGRESS("action: deny, to: [{list: none}]"), "p.yaml:7:", "no lists/none.txt"},
		{EGRESS("action: deny, to: [{list: a, cidr: 10.0.0.0/8}]"), "p.yaml:7:", "exactly one"},
		{META("a") "spec: {tier: admin, speed: 3, egress: [{action: deny}]}\n", "p.yaml:4:",
		 "speed"},
		{META("a") "spec: {tier: admin, egress: [{action: deny}]}\n---\n" META("a")
			   "spec: {tier: admin, egress: [{action: deny}]}\n",
		 "p.yaml:6:", "exists already"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_policy_set *s;
		struct weir_err err = {0};
		int r;

		CHECK(weir_policy_set_new(&s) == 0);
		r = add(s, cases[i].yaml, &err);
		CHECK(r == -EINVAL, "case %zu: %d", i, r);
		CHECK(!strncmp(err.text, cases[i].where, strlen(cases[i].where)), "case %zu: %s", i,
		      err.text);
		CHECK(strstr(err.text, cases[i].what) && !strchr(err.text, '\n'), "case %zu: %s", i,
		      err.text);
		weir_policy_set_free(s);
	}
}

TEST(bad_lists_name_the_place)
{
	static const struct {
		const char *text, *where;
	} cases[] = {
		{"10.0.0.0/8\n\n  10.1.2.3/24\n", "l.txt:3:3 '10.1.2.3/24'"},
		{"# fine\n10.0.0.0/8 10.1.0.0/16\n", "l.txt:2:1 '10.0.0.0/8 10.1.0.0/16'"},
		{"2001:db8::/129", "l.txt:1:1 '2001:db8::/129'"},
		{"a line that is far too long to be a prefix of whatever family it may be, and goes on\n", "l.txt:1:1 "},
	};
	struct weir_policy_set *s;

	CHECK(weir_policy_set_new(&s) == 0);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_err err = {0};
		int r = weir_policy_set_list(s, "l", "l.txt", cases[i].text, strlen(cases[i].text), &err);

		CHECK(r == -EINVAL, "case %zu: %d", i, r);
		CHECK(!strncmp(err.text, cases[i].where, strlen(cases[i].where)), "case %zu: %s", i, err.text);
		CHECK(!strchr(err.text, '\n'), "case %zu: %s", i, err.text);
	}
	weir_policy_set_free(s);
}

static const char table_policies[] =
	/* clang-format off */
	META("a-pass")
	"spec:\n  tier: admin\n  priority: 5\n  subject: {labels: {app: web}}\n"
	"  egress:\n  - {action: pass, ports: [{port: 8080}]}\n---\n"
	META("b-deny")
	"spec:\n  tier: admin\n  priority: 10\n  subject: {labels: {app: web}}\n"
	"  egress:\n  - {action: accept, ports: [{port: 443}], "
	"limit: {rate: 8Mbit, burst: 1MiB, mode: police, per: workload}}\n"
	"  - {action: deny, to: [{path: internet}]}\n---\n"
	META("c-low")
	"spec:\n  tier: admin\n  priority: 20\n"
	"  egress:\n  - {action: accept, ports: [{port: 8080}, {port: 25}]}\n---\n"
	META("ns")
	"spec:\n  tier: namespace\n  subject: {namespace: shop}\n  egress:\n"
	"  - {action: accept, to: [{cidr: 10.0.0.0/8, except: [10.9.0.0/16]}]}\n---\n"
	META("ns2")
	"spec:\n  tier: namespace\n  subject: {namespace: shop}\n"
	"  egress:\n  - {action: accept, to: [{service: aws/s3}]}\n---\n"
	META("base")
	"spec:\n  tier: baseline\n  egress:\n"
	"  - {action: deny, ports: [{protocol: UDP, port: 1000, endPort: 2000}]}\n---\n"
	META("try")
	"spec:\n  tier: admin\n  priority: 1\n  mode: audit\n  egress:\n"
	"  - {action: accept, ports: [{port: 7001}]}\n"
	"  - {action: deny, ports: [{port: 7000, endPort: 7002}]}\n";
	/* clang-format on */

/* Rules by number: try#1 try#2 a-pass#1 b-deny#1 b-deny#2 c-low#1, ns#1 ns2#1 and the two default
 * denies, base#1. */
struct row {
	const char *app, *namespace, *peer;
	enum weir_path path;
	const char *service;
	enum weir_dir dir;
	enum weir_proto proto;
	uint16_t port;
	enum weir_verdict verdict;
	uint32_t rule;
	uint32_t limit;
};

#define E WEIR_EGRESS
#define TCP WEIR_P_TCP
#define NET WEIR_PATH_INTERNET
#define ZONE WEIR_PATH_SAME_ZONE
#define NONE WEIR_NO_RULE
static const struct row rows[] = {
	/* rule order inside a policy */
	{"web", "", "8.8.8.8", NET, "", E, TCP, 443, WEIR_V_ACCEPT, 3, 1},
	{"web", "", "8.8.8.8", NET, "", E, TCP, 80, WEIR_V_DENY, 4, 0},
	{"web", "", "10.1.1.1", ZONE, "", E, TCP, 80, WEIR_V_ACCEPT, NONE, 0},
	{"web", "", "8.8.8.8", NET, "", WEIR_INGRESS, TCP, 80, WEIR_V_ACCEPT, NONE, 0},
	/* pass skips b and c */
	{"web", "", "8.8.8.8", NET, "", E, TCP, 8080, WEIR_V_ACCEPT, NONE, 0},
	{"db", "", "8.8.8.8", NET, "", E, TCP, 8080, WEIR_V_ACCEPT, 5, 0},
	/* admin before namespace */
	{"db", "shop", "8.8.8.8", NET, "", E, TCP, 25, WEIR_V_ACCEPT, 5, 0},
	{"db", "shop", "10.1.1.1", ZONE, "", E, TCP, 80, WEIR_V_ACCEPT, 6, 0},
	/* except, default deny */
	{"db", "shop", "10.9.1.1", ZONE, "", E, TCP, 80, WEIR_V_DENY, 8, 0},
	{"db", "shop", "52.1.1.1", NET, "aws/s3", E, TCP, 80, WEIR_V_ACCEPT, 7, 0}, /* additive */
	{"db", "shop", "10.9.1.1", ZONE, "", WEIR_INGRESS, TCP, 80, WEIR_V_ACCEPT, NONE, 0},
	/* passed, then isolated */
	{"web", "shop", "8.8.8.8", NET, "", E, TCP, 8080, WEIR_V_DENY, 8, 0},
	/* before baseline */
	{"db", "shop", "10.1.1.1", ZONE, "", E, WEIR_P_UDP, 1500, WEIR_V_ACCEPT, 6, 0},
	{"db", "", "10.1.1.1", ZONE, "", E, WEIR_P_UDP, 1500, WEIR_V_DENY, 10, 0},
	{"db", "", "10.1.1.1", ZONE, "", E, WEIR_P_UDP, 2001, WEIR_V_ACCEPT, NONE, 0},
	{"db", "", "10.1.1.1", ZONE, "", E, WEIR_P_ICMP, 0, WEIR_V_ACCEPT, NONE, 0},
	{"db", "", "10.1.1.1", ZONE, "", E, TCP, 7000, WEIR_V_WOULD_DENY, 1, 0},
	/* audit accept hides it */
	{"db", "", "10.1.1.1", ZONE, "", E, TCP, 7001, WEIR_V_ACCEPT, NONE, 0},
	{"web", "", "8.8.8.8", NET, "", E, TCP, 7000, WEIR_V_DENY, 4, 0}, /* the rest denies */
	{"db", "shop", "2001:db8::1", NET, "", E, TCP, 80, WEIR_V_DENY, 8, 0},
};

TEST(evaluator_follows_the_table)
{
	struct weir_policy_set *s;
	struct weir_err err = {0};

	CHECK(weir_policy_set_new(&s) == 0);
	CHECK(add(s, table_policies, &err) == 0, "%s", err.text);
	CHECK(weir_policy_set_seal(s, &err) == 0, "%s", err.text);
	CHECK(weir_policy_set_rules(s) == 11, "%zu", weir_policy_set_rules(s));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows) && weir_policy_set_rules(s) == 11; i++) {
		const struct row *w = &rows[i];
		struct weir_label label = {"app", w->app};
		struct weir_subject subject = {w->namespace, "x", &label, 1};
		struct weir_route route = {.path = w->path, .service = w->service, .region = "",
					   .zone = "", .peer_domain = ""};
		struct weir_conn c = {.dir = w->dir, .proto = w->proto, .port = w->port};
		struct weir_decision_ref d;

		CHECK(weir_addr_parse(w->peer, &c.peer) == 0);
		weir_policy_eval(s, &subject, &c, &route, &d);
		CHECK(d.verdict == w->verdict, "row %zu: verdict %d", i, d.verdict);
		CHECK(d.rule == w->rule, "row %zu: rule %u", i, d.rule);
		CHECK(d.limit == w->limit, "row %zu: limit %u", i, d.limit);
	}
	weir_policy_set_free(s);
}

static enum weir_verdict verdict_of(const char *yaml, const char *peer)
{
	struct weir_policy_set *s;
	struct weir_subject subject = {"", "x", NULL, 0};
	struct weir_route route = {.service = "", .region = "", .zone = "", .peer_domain = ""};
	struct weir_conn c = {.dir = WEIR_EGRESS, .proto = WEIR_P_TCP, .port = 80};
	struct weir_decision_ref d = {.verdict = WEIR_V_NONE};

	if (weir_policy_set_new(&s) < 0)
		return WEIR_V_NONE;
	if (add(s, yaml, NULL) == 0 && weir_policy_set_seal(s, NULL) == 0 &&
	    weir_addr_parse(peer, &c.peer) == 0)
		weir_policy_eval(s, &subject, &c, &route, &d);
	weir_policy_set_free(s);
	return d.verdict;
}

TEST(families_do_not_mix)
{
	static const char v6[] = META("a") "spec: {tier: admin, egress: [{action: deny, "
					   "to: [{cidr: '::/0'}]}]}\n";
	static const char v4[] = META("a") "spec: {tier: admin, egress: [{action: deny, "
					   "to: [{cidr: 0.0.0.0/0}]}]}\n";

	CHECK(verdict_of(v6, "2001:db8::1") == WEIR_V_DENY);
	CHECK(verdict_of(v6, "192.0.2.1") == WEIR_V_ACCEPT);
	CHECK(verdict_of(v4, "192.0.2.1") == WEIR_V_DENY);
	CHECK(verdict_of(v4, "2001:db8::1") == WEIR_V_ACCEPT);
}

TEST_MAIN(T(bad_policies_name_the_place), T(bad_lists_name_the_place), T(evaluator_follows_the_table),
	  T(families_do_not_mix))
