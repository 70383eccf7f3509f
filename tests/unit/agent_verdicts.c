/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every verdict of the loaded BPF program equals the reference evaluator's: random policies, random
 * packets through BPF_PROG_RUN. WEIR_TEST_PAIRS sets how many, WEIR_TEST_SEED repeats a run.
 */
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <time.h>

#include "lib/ds/buf.h"
#include "tests/lib/probe_fixture.h"

#define CLASS "aws/1/vpc/a"
#define PER_POLICY 200
#define FIRST_PORT 20000

static const char topology_text[] =
	"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
	"  domain: aws/1/vpc\n  provider: aws\n  account: '1'\n"
	"  zones:\n  - {id: use1-az1, region: us-east-1}\n  - {id: use1-az2, region: us-east-1}\n"
	"  prefixes: [10.7.0.0/16, 'fd07:1::/32']\n  nat:\n  - {name: nat-a, zone: use1-az1}\n"
	"  subnets:\n  - name: a\n    cidrs: [10.7.1.0/24, 'fd07:1:1::/64']\n    zone: use1-az1\n"
	"    routes: [{to: 0.0.0.0/0, via: 'nat:nat-a'}, {to: '::/0', via: igw}]\n"
	"  - name: b\n    cidrs: [10.7.2.0/24, 'fd07:1:2::/64']\n    zone: use1-az2\n"
	"    routes: [{to: 0.0.0.0/0, via: 'nat:nat-a'}, {to: '::/0', via: igw}]\n";

static const char *const peers[] = {"10.7.1.9", "10.7.2.9", "198.18.0.10", "203.0.113.7", "203.0.113.70",
				    "fd07:1:2::9", "2001:db8:99::10", "2001:db8:99:1::10"};
static const char *const peer_texts[] = {"{path: same-zone}", "{path: cross-zone}", "{path: nat}",
					 "{path: internet}", "{cidr: 203.0.113.0/24, except: [203.0.113.64/26]}",
					 "{cidr: 10.7.0.0/16}", "{cidr: '2001:db8:99::/64'}",
					 "{zone: use1-az2}"};
static const char *const protos[] = {"TCP", "UDP", "SCTP", "ICMP"};
static const uint8_t proto_numbers[] = {6, 17, 132, 1};

struct world {
	struct fixture f;
	struct weir_topology *topology;
	unsigned int seed;
	unsigned int pairs, denied, accepted, audited, wrong;
};

static unsigned int rnd(struct world *w, unsigned int n)
{
	return (unsigned int)rand_r(&w->seed) % n;
}

static void add_rule(struct world *w, struct weir_buf *b, const char *side, unsigned int tier)
{
	static const char *const actions[] = {"accept", "deny", "pass"};
	unsigned int port = rnd(w, 4) * 100, proto = rnd(w, 4);

	weir_buf_addf(b, "  - action: %s\n", tier == 1 ? "accept" : actions[rnd(w, tier ? 2 : 3)]);
	if (rnd(w, 4))
		weir_buf_addf(b, "    %s: [%s, %s]\n", side, peer_texts[rnd(w, WEIR_ARRAY_SIZE(peer_texts))],
			      peer_texts[rnd(w, WEIR_ARRAY_SIZE(peer_texts))]);
	if (rnd(w, 3))
		weir_buf_addf(b, proto == 3 ? "    ports: [{protocol: %s}]\n" :
				 "    ports: [{protocol: %s, port: %u, endPort: %u}]\n",
			      protos[proto], port + 1, port + rnd(w, 200) + 1);
}

static struct weir_policy_set *random_set(struct world *w, struct weir_err *err)
{
	static const char *const tiers[] = {"admin", "namespace", "baseline"};
	struct weir_policy_set *set = NULL;

	weir_policy_set_new(&set);
	for (unsigned int i = 0, n = 1 + rnd(w, 5); i < n; i++) {
		weir_auto_buf struct weir_buf b = {0};
		struct weir_ydoc *doc = NULL;
		unsigned int tier = rnd(w, 4) % 3; /* admin twice as often */

		weir_buf_addf(&b, "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p%u}\n"
				  "spec:\n  tier: %s\n  mode: %s\n", i, tiers[tier],
			      rnd(w, 2) ? "enforce" : "audit");
		if (tier != 1)
			weir_buf_addf(&b, "  priority: %u\n", rnd(w, 10));
		weir_buf_addf(&b, "  subject: {%slabels: {app: %s}}\n", tier == 1 ? "namespace: n, " : "",
			      rnd(w, 5) ? "x" : "other");
		weir_buf_addf(&b, "  egress:\n");
		for (unsigned int k = 0, m = 1 + rnd(w, 3); k < m; k++)
			add_rule(w, &b, "to", tier);
		weir_buf_addf(&b, "  ingress:\n");
		for (unsigned int k = 0, m = 1 + rnd(w, 3); k < m; k++)
			add_rule(w, &b, "from", tier);
		if (weir_ydoc_parse((char *)b.data, b.len, "random.yaml", &doc, err) ||
		    weir_policy_set_add(set, weir_ydoc_root(doc, 0), err)) {
			printf("# %s\n%s\n", err->text, (char *)b.data);
			weir_ydoc_free(doc);
			weir_policy_set_free(set);
			return NULL;
		}
		weir_ydoc_free(doc);
	}
	if (weir_policy_set_seal(set, err)) {
		weir_policy_set_free(set);
		return NULL;
	}
	return set;
}

static size_t build_packet(uint8_t *pkt, const struct weir_conn *c, unsigned int proto, uint16_t own_port)
{
	bool v4 = weir_addr_is_v4(&c->peer), out = c->dir == WEIR_EGRESS;
	size_t l4 = v4 ? 34 : 54, len = l4 + 20;
	uint8_t own4[4] = {10, 7, 1, 11}, *src, *dst;
	uint16_t sport = htons(out ? own_port : 40000), dport = htons(c->port);

	memset(pkt, 0, 128);
	pkt[12] = v4 ? 0x08 : 0x86;
	pkt[13] = v4 ? 0x00 : 0xdd;
	if (v4) {
		pkt[14] = 0x45;
		pkt[17] = 40;
		pkt[22] = 64;
		pkt[23] = proto_numbers[proto];
		src = pkt + 26;
		dst = pkt + 30;
		memcpy(out ? src : dst, own4, 4);
		memcpy(out ? dst : src, c->peer.b + 12, 4);
	} else {
		pkt[14] = 0x60;
		pkt[19] = 20;
		pkt[20] = proto == 3 ? 58 : proto_numbers[proto];
		src = pkt + 22;
		dst = pkt + 38;
		memcpy(out ? src : dst, "\xfd\x07\0\1\0\1\0\0\0\0\0\0\0\0\0\x11", 16);
		memcpy(out ? dst : src, c->peer.b, 16);
	}
	/* The flow is fresh by its client port: the workload's own when it opens, else the peer's. */
	if (!out)
		sport = htons(own_port);
	memcpy(pkt + l4, &sport, 2);
	memcpy(pkt + l4 + 2, &dport, 2);
	if (proto == 3)
		memcpy(pkt + l4, &own_port, 2);
	pkt[l4 + 12] = 0x50;
	pkt[l4 + 13] = 0x02;
	return len;
}

/* Verdict of the row that the last packet was counted in: the newest of this client port. */
static int row_verdict(struct world *w, const struct weir_conn *c, uint16_t own_port)
{
	size_t n;
	struct weir_row *rows = probe_rows(w->f.probe, &n);
	uint16_t be = htons(own_port);

	for (size_t i = 0; i < n; i++)
		if (rows[i].state == WEIR_ROW_LIVE && rows[i].packets && rows[i].dir == c->dir &&
		    (c->dir == WEIR_EGRESS ? rows[i].lport_be : rows[i].rport_be) == be)
			return rows[i].verdict;
	return -1;
}

static void one_pair(struct world *w, const struct weir_policy_set *set, const struct weir_subject *subject,
		     uint16_t own_port)
{
	struct weir_conn c = {.dir = rnd(w, 2), .port = (uint16_t)rnd(w, 400)};
	unsigned int proto = rnd(w, c.dir == WEIR_EGRESS ? 4 : 3);
	struct weir_decision_ref want;
	struct weir_route route;
	struct weir_addr own;
	uint8_t pkt[128];
	size_t len;
	int pass, got;

	c.proto = proto == 3 ? WEIR_P_ICMP : (enum weir_proto)(WEIR_P_TCP + proto);
	if (proto == 3)
		c.port = 0;
	weir_addr_parse(peers[rnd(w, WEIR_ARRAY_SIZE(peers))], &c.peer);
	weir_addr_parse(weir_addr_is_v4(&c.peer) ? "10.7.1.11" : "fd07:1:1::11", &own);
	weir_topology_route(w->topology, "aws/1/vpc", &own, &c.peer, &route);
	weir_policy_eval(set, subject, &c, &route, &want);
	fixture_clear(&w->f);
	len = build_packet(pkt, &c, proto, own_port);
	pass = fixture_run(&w->f, c.dir, pkt, len);
	got = proto == 3 ? (pass ? (want.verdict == WEIR_V_WOULD_DENY ? WEIR_V_WOULD_DENY : WEIR_V_ACCEPT) :
				   WEIR_V_DENY) :
			   row_verdict(w, &c, own_port);
	w->pairs++;
	w->denied += want.verdict == WEIR_V_DENY;
	w->accepted += want.verdict == WEIR_V_ACCEPT;
	w->audited += want.verdict == WEIR_V_WOULD_DENY;
	if (got != (int)want.verdict || pass != (want.verdict != WEIR_V_DENY)) {
		if (!w->wrong++)
			printf("# first: dir %d proto %u port %u peer %s: kernel %d, evaluator %d\n", c.dir, proto,
			       c.port, peers[0], got, want.verdict);
	}
}

static bool one_policy(struct world *w, struct weir_err *err)
{
	static const struct weir_label app = {"app", "x"};
	const struct weir_subject subject = {.namespace = "n", .name = "s", .labels = &app, .label_count = 1};
	struct weir_policy_set *set = random_set(w, err);
	weir_auto_buf struct weir_buf bytes = {0};
	struct weir_bundle *bundle = NULL;
	struct weir_tables *t = NULL;
	uint8_t held[WEIR_SHA256_LEN];
	uint32_t subject_of[2] = {0};
	bool ok;

	if (!set)
		return false;
	ok = !weir_bundle_compile(set, w->topology, CLASS, NULL, 0, &bytes, err) &&
	     !weir_bundle_parse(bytes.data, bytes.len, &bundle, err) &&
	     !weir_tables_build(bundle, &subject, 1, &t, err);
	if (ok) {
		subject_of[1] = t->class_of[0];
		ok = !probe_switch(w->f.probe, t, subject_of, 2, err) && !probe_digest(w->f.probe, held) &&
		     !memcmp(held, t->digest, sizeof(held));
		if (!ok)
			weir_err_set(err, -1, "the kernel's digest differs from the tables'");
	}
	for (unsigned int i = 0; ok && i < PER_POLICY; i++)
		one_pair(w, set, &subject, (uint16_t)(FIRST_PORT + i));
	weir_tables_free(t);
	weir_bundle_free(bundle);
	weir_policy_set_free(set);
	return ok;
}

static int world_open(struct world *w, struct weir_err *err)
{
	struct weir_ydoc *doc = NULL;
	int r;

	weir_topology_new(&w->topology);
	r = weir_ydoc_parse(topology_text, strlen(topology_text), "topology", &doc, err);
	if (!r)
		r = weir_topology_add(w->topology, weir_ydoc_root(doc, 0), err);
	if (!r)
		r = weir_topology_seal(w->topology, err);
	weir_ydoc_free(doc);
	return r ? r : fixture_open(&w->f, err);
}

TEST(kernel_equals_evaluator)
{
	const char *pairs = getenv("WEIR_TEST_PAIRS"), *seed = getenv("WEIR_TEST_SEED");
	unsigned int want = pairs ? (unsigned int)atoi(pairs) : getenv("WEIR_LONG") ? 200000 : 10000;
	struct world w = {.seed = seed ? (unsigned int)atoi(seed) : (unsigned int)time(NULL)};
	struct weir_err err = {{0}};
	bool ok = true;

	if (geteuid()) {
		SKIP("needs root");
		return;
	}
	printf("# seed %u\n", w.seed);
	if (world_open(&w, &err)) {
		CHECK(false, "%s", err.text);
	} else {
		w.f.probe->ctl->mode = WEIR_MODE_ENFORCE;
		while (ok && w.pairs < want)
			ok = one_policy(&w, &err);
		CHECK(ok, "%s", err.text);
		CHECK(w.wrong == 0, "%u of %u verdicts differ", w.wrong, w.pairs);
		CHECK(w.denied * 20 >= w.pairs, "only %u of %u denied", w.denied, w.pairs);
		CHECK(w.accepted * 20 >= w.pairs, "only %u of %u accepted", w.accepted, w.pairs);
		CHECK(w.audited * 50 >= w.pairs, "only %u of %u audited", w.audited, w.pairs);
		printf("# %u pairs: %u accept, %u deny, %u would deny\n", w.pairs, w.accepted, w.denied,
		       w.audited);
	}
	weir_topology_free(w.topology);
	fixture_close(&w.f);
}

TEST_MAIN(T(kernel_equals_evaluator))
