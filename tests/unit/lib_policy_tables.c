/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random policy sets against random connections: the tables say what the evaluator says. And
 * bundles: the same bytes every time, broken ones refused or harmless. WEIR_TEST_SEED repeats a
 * run.
 */
#include <time.h>

#include "lib/policy/bundle.h"
#include "tests/lib/test.h"

#define SETS 240
#define CONNS 60
#define CLASS "aws/111111111111/vpc/a"

static const char topology_yaml[] =
	"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
	"  domain: aws/111111111111/vpc\n  provider: aws\n  account: '111111111111'\n"
	"  zones:\n  - {id: z1, region: us-east-1}\n  - {id: z2, region: us-east-1}\n"
	"  prefixes: [10.0.0.0/16, 'fd07:1::/32']\n  nat:\n  - {name: nat-a, zone: z1}\n"
	"  subnets:\n  - name: a\n    cidrs: [10.0.1.0/24, 'fd07:1:1::/64']\n    zone: z1\n"
	"    routes:\n    - {to: 0.0.0.0/0, via: 'nat:nat-a'}\n    - {to: '::/0', via: igw}\n"
	"  - name: b\n    cidrs: [10.0.2.0/24, 'fd07:1:2::/64']\n    zone: z2\n    routes: []\n"
	"  onprem: [192.168.0.0/16]\n"
	"  ranges:\n  - {prefix: 52.216.0.0/15, service: aws/s3, region: us-east-1}\n"
	"  - {prefix: 52.218.0.0/16, service: aws/s3, region: us-west-2}\n"
	"  - {prefix: '2600:1f00::/24', service: aws/ec2, region: us-east-1}\n";

/* Nested, of both families, twice the same, and one that holds all addresses of its family alone. */
static const char *const lists[][2] = {
	{"some", "10.0.1.0/24 # ours\n10.0.0.0/8\n52.216.0.0/15\n52.216.4.7\n2600:1f00::/24\n10.0.1.0/24\n"},
	{"six", "# all of IPv6\n\n  ::/0  \n10.9.0.0/16"},
};

/* clang-format off */
static const char *const cidrs[] = {
	"10.0.0.0/8", "10.0.1.128/25", "52.216.4.0/24", "203.0.113.0/24", "0.0.0.0/0", "'::/0'",
	"'2600:1f00:aa::/48'", "'fd07:1:2::/64'",
};
static const char *const near[] = {
	"10.0.1.0", "10.0.1.192", "10.0.2.0", "10.0.9.0", "10.9.0.0", "52.216.4.0", "52.217.0.0",
	"52.218.0.0", "203.0.113.0", "192.168.3.0", "8.8.8.0", "2600:1f00:aa::", "2600:1f00:bb::",
	"fd07:1:1::", "fd07:1:2::", "2001:db8::",
};
static const char *const peers[] = {
	"service: aws/s3", "service: aws/s3, region: us-west-2", "region: us-east-1", "path: nat",
	"path: internet", "path: cross-zone", "path: same-zone", "path: onprem", "zone: z2",
};
/* clang-format on */
static const uint16_t ports[] = {22, 53, 80, 443, 444, 1000, 1500, 2000, 2001, 65535};

static uint64_t state;

static uint32_t rnd(uint32_t n)
{
	state ^= state << 13; /* xorshift64 */
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 20) % n);
}

static void seed(void)
{
	const char *s = getenv("WEIR_TEST_SEED");

	state = s ? strtoull(s, NULL, 10) : (uint64_t)time(NULL) * 2654435761u + (uint64_t)getpid();
	printf("# WEIR_TEST_SEED=%llu\n", (unsigned long long)state);
}

static struct weir_topology *topology(void)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_topology *t = NULL;
	struct weir_err err = {0};

	if (weir_topology_new(&t) < 0 ||
	    weir_ydoc_parse(topology_yaml, strlen(topology_yaml), "t.yaml", &doc, &err) < 0 ||
	    weir_topology_add(t, weir_ydoc_root(doc, 0), &err) < 0 ||
	    weir_topology_seal(t, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	return t;
}

static void write_peers(struct weir_buf *b, const char *key)
{
	uint32_t n = rnd(4);

	for (uint32_t i = 0; i < n; i++) {
		weir_buf_addf(b, i ? ", " : ", %s: [", key);
		if (!rnd(5))
			weir_buf_addf(b, "{list: %s}", lists[rnd(WEIR_ARRAY_SIZE(lists))][0]);
		else if (rnd(3))
			weir_buf_addf(b, "{%s}", peers[rnd(WEIR_ARRAY_SIZE(peers))]);
		else if (rnd(4))
			weir_buf_addf(b, "{cidr: %s}", cidrs[rnd(WEIR_ARRAY_SIZE(cidrs))]);
		else
			weir_buf_addf(b, "{cidr: 10.0.0.0/8, except: [10.0.1.0/24, 10.9.0.0/16]}");
	}
	weir_buf_addf(b, n ? "]" : "");
}

static void write_ports(struct weir_buf *b)
{
	static const char *const protos[] = {"TCP", "UDP", "SCTP"};
	uint32_t n = rnd(3);

	for (uint32_t i = 0; i < n; i++) {
		uint16_t lo = ports[rnd(WEIR_ARRAY_SIZE(ports))];

		weir_buf_addf(b, i ? ", " : ", ports: [");
		if (!rnd(8))
			weir_buf_addf(b, "{protocol: %s}", rnd(2) ? "ICMP" : "OTHER");
		else if (rnd(2))
			weir_buf_addf(b, "{protocol: %s, port: %u}", protos[rnd(3)], lo);
		else
			weir_buf_addf(b, "{protocol: %s, port: %u, endPort: %u}", protos[rnd(3)],
				      lo, lo + rnd(65536u - lo));
	}
	weir_buf_addf(b, n ? "]" : "");
}

static void write_rule(struct weir_buf *b, int tier, bool audit, bool egress)
{
	static const char *const pers[] = {"node", "workload", "flow"};
	uint32_t action = tier == 1 ? 0 : rnd(tier == 0 ? 5 : 4);

	weir_buf_addf(b, "  - {action: %s", action < 2 ? "accept" : action < 4 ? "deny" : "pass");
	write_peers(b, egress ? "to" : "from");
	write_ports(b);
	if (action < 2 && !audit && rnd(4))
		weir_buf_addf(b, ", limit: {rate: %uMbit, mode: %s, per: %s}", 1 + rnd(900),
			      rnd(2) ? "pace" : rnd(2) ? "police" : "police, direction: both",
			      pers[rnd(WEIR_ARRAY_SIZE(pers))]);
	weir_buf_addf(b, "}\n");
}

static void write_policy(struct weir_buf *b, unsigned int number)
{
	int tier = (int)rnd(3);
	bool audit = rnd(5) < 2;
	uint32_t dirs = 1 + rnd(3);

	weir_buf_addf(b,
		      "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p%u-%u}\n"
		      "spec:\n  tier: %s\n  priority: %u\n  mode: %s\n",
		      rnd(10), number,
		      tier == 0	  ? "admin"
		      : tier == 1 ? "namespace"
				  : "baseline",
		      rnd(4), audit ? "audit" : "enforce");
	if (tier == 1 || rnd(3) == 0)
		weir_buf_addf(b, "  subject: {namespace: %s}\n", rnd(2) ? "x" : "y");
	else if (rnd(2))
		weir_buf_addf(b, "  subject: {labels: {app: %s%s}}\n", rnd(2) ? "web" : "db",
			      rnd(3) ? "" : ", team: red");
	for (int dir = 0; dir < 2; dir++) {
		uint32_t n = 1 + rnd(3);

		if (!(dirs & (1u << dir)))
			continue;
		weir_buf_addf(b, dir ? "  egress:\n" : "  ingress:\n");
		for (uint32_t i = 0; i < n; i++)
			write_rule(b, tier, audit, dir);
	}
	weir_buf_addf(b, "---\n");
}

/* Parses the documents forwards or backwards: order in files must not matter. */
static struct weir_policy_set *set_of(const char *yaml, size_t len, bool backwards)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_policy_set *s = NULL;
	struct weir_err err = {0};
	int r = weir_policy_set_new(&s);

	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(lists); i++)
		r = weir_policy_set_list(s, lists[i][0], "l.txt", lists[i][1], strlen(lists[i][1]), &err);
	if (r == 0)
		r = weir_ydoc_parse(yaml, len, "r.yaml", &doc, &err);
	for (size_t i = 0; r == 0 && i < weir_ydoc_count(doc); i++)
		r = weir_policy_set_add(
			s, weir_ydoc_root(doc, backwards ? weir_ydoc_count(doc) - 1 - i : i), &err);
	if (r == 0)
		r = weir_policy_set_seal(s, &err);
	if (r < 0) {
		fprintf(stderr, "%s\n%.*s\n", err.text, (int)len, yaml);
		abort();
	}
	return s;
}

static struct weir_policy_set *random_set(bool backwards_too,
					  struct weir_policy_set **ret_backwards)
{
	weir_auto_buf struct weir_buf yaml = {0};
	uint32_t n = 3 + rnd(7);

	for (uint32_t i = 0; i < n; i++)
		write_policy(&yaml, i);
	yaml.len -= 4; /* the last "---\n" */
	if (backwards_too)
		*ret_backwards = set_of((char *)yaml.data, yaml.len, true);
	return set_of((char *)yaml.data, yaml.len, false);
}

static void random_conn(struct weir_conn *c)
{
	c->dir = rnd(2);
	c->proto = rnd(3) ? (rnd(3) ? WEIR_P_TCP : WEIR_P_UDP) : rnd(WEIR_PROTOS);
	c->port = rnd(4) ? ports[rnd(WEIR_ARRAY_SIZE(ports))] : (uint16_t)rnd(65536);
	if (c->proto == WEIR_P_ICMP || c->proto == WEIR_P_OTHER)
		c->port = 0;
	if (weir_addr_parse(near[rnd(WEIR_ARRAY_SIZE(near))], &c->peer) < 0)
		abort();
	c->peer.b[15] = (uint8_t)(20 + rnd(200));
	if (!rnd(8))
		c->peer.b[13] ^= (uint8_t)rnd(256);
}

static const struct weir_label web[] = {{"app", "web"}, {"team", "red"}};
static const struct weir_label db[] = {{"app", "db"}};
static const struct weir_subject subjects[] = {
	{"x", "1", web, 2},  {"x", "2", db, 1}, {"y", "3", web, 1},
	{"y", "4", NULL, 0}, {"", "5", db, 1},
};
static const struct weir_subject unidentified = {"", "", NULL, 0};

struct tally {
	unsigned int pairs, verdicts[WEIR_VERDICTS], dirs[WEIR_DIRS], limited, wrong;
};

static void compare(const struct weir_policy_set *s, const struct weir_topology *t,
		    const struct weir_tables *tables, struct tally *tally)
{
	struct weir_addr local;
	struct weir_decision_ref want, got;
	struct weir_conn c;
	struct weir_route route;
	uint32_t who = rnd(WEIR_ARRAY_SIZE(subjects) + 1);
	bool known = who < WEIR_ARRAY_SIZE(subjects);

	random_conn(&c);
	if (weir_addr_parse(weir_addr_is_v4(&c.peer) ? "10.0.1.10" : "fd07:1:1::a", &local) < 0)
		abort();
	weir_topology_route(t, "aws/111111111111/vpc", &local, &c.peer, &route);
	weir_policy_eval(s, known ? &subjects[who] : &unidentified, &c, &route, &want);
	weir_tables_lookup(tables, known ? tables->class_of[who] : 0, &c, &got);
	tally->pairs++;
	tally->verdicts[want.verdict]++;
	tally->dirs[c.dir]++;
	tally->limited += want.limit != 0;
	if (want.verdict != got.verdict || want.rule != got.rule || want.limit != got.limit) {
		char text[64];

		if (!tally->wrong++)
			printf("# first: subject %u dir %d proto %d port %u peer %s path %s: "
			       "evaluator "
			       "%d/%u/%u, tables %d/%u/%u\n",
			       who, c.dir, c.proto, c.port, weir_addr_text(&c.peer, text),
			       weir_path_name(route.path), want.verdict, want.rule, want.limit,
			       got.verdict, got.rule, got.limit);
	}
}

TEST(tables_equal_evaluator)
{
	struct weir_topology *t = topology();
	struct tally tally = {0};
	unsigned int differ = 0;

	seed();
	for (int i = 0; i < SETS; i++) {
		struct weir_policy_set *backwards, *s = random_set(true, &backwards);
		weir_auto_buf struct weir_buf bytes = {0}, again = {0};
		struct weir_bundle *b = NULL;
		struct weir_tables *tables = NULL;
		struct weir_err err = {0};

		CHECK(weir_bundle_compile(s, t, CLASS, NULL, 0, &bytes, &err) == 0, "%s", err.text);
		CHECK(weir_bundle_compile(backwards, t, CLASS, NULL, 0, &again, &err) == 0, "%s",
		      err.text);
		differ += bytes.len != again.len || memcmp(bytes.data, again.data, bytes.len) != 0;
		CHECK(weir_bundle_parse(bytes.data, bytes.len, &b, &err) == 0, "%s", err.text);
		CHECK(weir_tables_build(b, subjects, WEIR_ARRAY_SIZE(subjects), &tables, &err) == 0,
		      "%s", err.text);
		for (int k = 0; tables && k < CONNS; k++)
			compare(s, t, tables, &tally);
		weir_tables_free(tables);
		weir_bundle_free(b);
		weir_policy_set_free(s);
		weir_policy_set_free(backwards);
	}
	printf("# %u pairs: accept %u deny %u would-deny %u, limited %u, ingress %u egress %u\n",
	       tally.pairs, tally.verdicts[WEIR_V_ACCEPT], tally.verdicts[WEIR_V_DENY],
	       tally.verdicts[WEIR_V_WOULD_DENY], tally.limited, tally.dirs[0], tally.dirs[1]);
	CHECK(tally.pairs >= 10000, "%u", tally.pairs);
	CHECK(tally.wrong == 0, "%u of %u differ", tally.wrong, tally.pairs);
	CHECK(differ == 0, "%u of %d sets compile to other bytes in another order", differ, SETS);
	CHECK(tally.verdicts[WEIR_V_ACCEPT] * 20 >= tally.pairs);
	CHECK(tally.verdicts[WEIR_V_DENY] * 20 >= tally.pairs);
	CHECK(tally.verdicts[WEIR_V_WOULD_DENY] * 20 >= tally.pairs);
	CHECK(tally.dirs[0] * 20 >= tally.pairs && tally.dirs[1] * 20 >= tally.pairs);
	CHECK(tally.limited * 20 >= tally.pairs, "%u with a limit", tally.limited);
	weir_topology_free(t);
}

/* Uses all of a bundle that parsed; the sanitizers judge. Returns 0 when it was refused. */
static int exercise(const void *data, size_t len)
{
	struct weir_bundle *b = NULL;
	struct weir_tables *tables = NULL;
	struct weir_conn c;
	struct weir_decision_ref d;

	if (weir_bundle_parse(data, len, &b, NULL) < 0)
		return 0;
	for (uint32_t i = 0; i < weir_bundle_rules(b); i++)
		(void)strlen(weir_bundle_rule_name(b, i));
	if (weir_tables_build(b, subjects, 2, &tables, NULL) == 0)
		for (int i = 0; i < 8; i++) {
			random_conn(&c);
			weir_tables_lookup(tables, tables->class_of[0], &c, &d);
		}
	weir_tables_free(tables);
	weir_bundle_free(b);
	return 1;
}

TEST(broken_bundles_do_no_harm)
{
	struct weir_topology *t = topology();
	struct weir_policy_set *s = random_set(false, NULL);
	weir_auto_buf struct weir_buf bytes = {0};
	unsigned int cut_accepted = 0, flips_accepted = 0, flips = 1500;

	CHECK(weir_bundle_compile(s, t, CLASS, NULL, 0, &bytes, NULL) == 0);
	CHECK(exercise(bytes.data, bytes.len) == 1);
	for (size_t len = 0; len < bytes.len; len++) {
		weir_auto_free uint8_t *cut =
			malloc(len + 1); /* heap: reading past the end is seen */

		memcpy(cut, bytes.data, len);
		cut_accepted += (unsigned int)exercise(cut, len);
	}
	CHECK(cut_accepted == 0, "%u cut bundles were taken", cut_accepted);
	for (unsigned int i = 0; i < flips; i++) {
		uint32_t bit = rnd((uint32_t)bytes.len * 8);

		bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		flips_accepted += (unsigned int)exercise(bytes.data, bytes.len);
		bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	printf("# %u of %u bit flips refused by the parser\n", flips - flips_accepted, flips);
	CHECK(flips_accepted < flips, "the parser checks nothing");
	weir_policy_set_free(s);
	weir_topology_free(t);
}

TEST(failsafe_comes_before_denial)
{
	static const char yaml[] =
		"apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: d}\n"
		"spec: {tier: admin, egress: [{action: deny}]}\n";
	static const struct weir_failsafe dns = {
		.proto = WEIR_P_UDP, .dir = WEIR_EGRESS, .used = 1, .lo = 53, .hi = 53};
	struct weir_topology *t = topology();
	struct weir_policy_set *s = set_of(yaml, sizeof(yaml) - 1, false);
	weir_auto_buf struct weir_buf bytes = {0};
	struct weir_bundle *b = NULL;
	struct weir_tables *tables = NULL;
	struct weir_conn c = {.dir = WEIR_EGRESS, .proto = WEIR_P_UDP, .port = 53};
	struct weir_decision_ref d;

	CHECK(weir_addr_parse("8.8.8.8", &c.peer) == 0);
	CHECK(weir_bundle_compile(s, t, CLASS, &dns, 1, &bytes, NULL) == 0);
	CHECK(weir_bundle_parse(bytes.data, bytes.len, &b, NULL) == 0);
	CHECK(weir_tables_build(b, NULL, 0, &tables, NULL) == 0);
	CHECK(!strcmp(weir_bundle_class(b), CLASS), "%s", weir_bundle_class(b));
	CHECK(!strcmp(weir_bundle_rule_name(b, 0), "d#1"), "%s", weir_bundle_rule_name(b, 0));
	weir_tables_lookup(tables, 0, &c, &d);
	CHECK(d.verdict == WEIR_V_ACCEPT && d.rule == WEIR_NO_RULE);
	c.port = 54;
	weir_tables_lookup(tables, 0, &c, &d);
	CHECK(d.verdict == WEIR_V_DENY && d.rule == 0);
	weir_tables_free(tables);
	weir_bundle_free(b);
	weir_policy_set_free(s);
	weir_topology_free(t);
}

/* What a limit says, through bundle and tables, and as text. */
TEST(limits_keep_mode_sharers_and_direction)
{
	static const char yaml[] =
		"apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: d}\nspec:\n  tier: admin\n"
		"  egress:\n"
		"  - {action: accept, ports: [{port: 1}], limit: {rate: 8Mbit, mode: pace, per: flow}}\n"
		"  - {action: accept, ports: [{port: 2}], limit: {rate: 8Mbit, mode: police, per: node}}\n"
		"  ingress:\n"
		"  - {action: accept, ports: [{port: 1}], limit: {rate: 8Mbit, mode: pace, per: workload}}\n"
		"  - {action: accept, ports: [{port: 2}], limit: {rate: 8Mbit, mode: police, per: node}}\n"
		"  - {action: accept, limit: {rate: 8Mbit, burst: 1MiB, mode: police, per: node, direction: both}}\n";
	static const struct {
		uint8_t mode, per, dirs;
		const char *text;
	} want[] = {
		{WEIR_PACE, WEIR_PER_FLOW, 1 << WEIR_EGRESS, "8000 kbit/s, pace per flow, egress"},
		{WEIR_POLICE, WEIR_PER_NODE, 1 << WEIR_EGRESS, "8000 kbit/s, police per node, egress"},
		{WEIR_PACE, WEIR_PER_WORKLOAD, 1 << WEIR_EGRESS, "8000 kbit/s, pace per workload, egress"},
		{WEIR_POLICE, WEIR_PER_NODE, 1 << WEIR_INGRESS, "8000 kbit/s, police per node, ingress"},
		{WEIR_POLICE, WEIR_PER_NODE, 3, "8000 kbit/s, police per node, both"},
	};
	struct weir_topology *t = topology();
	struct weir_policy_set *s = set_of(yaml, sizeof(yaml) - 1, false);
	weir_auto_buf struct weir_buf bytes = {0};
	struct weir_bundle *b = NULL;
	struct weir_tables *tables = NULL;
	weir_auto_free char *shown = NULL;
	size_t shown_len;
	FILE *f = open_memstream(&shown, &shown_len);

	CHECK(weir_bundle_compile(s, t, CLASS, NULL, 0, &bytes, NULL) == 0);
	CHECK(weir_bundle_parse(bytes.data, bytes.len, &b, NULL) == 0);
	CHECK(weir_tables_build(b, NULL, 0, &tables, NULL) == 0);
	CHECK(weir_bundle_print(b, f) == 0);
	fclose(f);
	CHECK(tables->limit_count == WEIR_ARRAY_SIZE(want), "%zu limits", tables->limit_count);
	for (size_t i = 0; i < WEIR_MIN(tables->limit_count, WEIR_ARRAY_SIZE(want)); i++) {
		const struct weir_limit *l = &tables->limits[i];

		CHECK(l->mode == want[i].mode && l->per == want[i].per && l->dirs == want[i].dirs,
		      "limit %zu: mode %u per %u directions %u", i, l->mode, l->per, l->dirs);
		CHECK(l->burst_ns == (i == 4 ? 1048576000ull : 250000000ull), "limit %zu: burst %llu ns", i,
		      (unsigned long long)l->burst_ns);
		CHECK(strstr(shown, want[i].text), "'%s' is not shown", want[i].text);
	}
	weir_tables_free(tables);
	weir_bundle_free(b);
	weir_policy_set_free(s);
	weir_topology_free(t);
}

TEST_MAIN(T(tables_equal_evaluator), T(broken_bundles_do_no_harm), T(failsafe_comes_before_denial),
	  T(limits_keep_mode_sharers_and_direction))
