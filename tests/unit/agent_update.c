/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many rules and many prefixes in the kernel: every verdict is the evaluator's after loading, and after
 * each of a row of changes of one prefix that are made in place; after each the kernel holds what a build
 * of the new bundle gives. 1,000 rules and 50,000 prefixes, or under WEIR_LONG 10,000 and 1,000,000.
 * WEIR_TEST_SEED repeats a run.
 */
#include "tests/lib/test.h"

#include <time.h>

#include "lib/base/clock.h"
#include "tests/lib/probe_fixture.h"
#include "tests/lib/random_policy.h"

#define RULES_A_POLICY 100
#define PAIRS 3000
#define PAIRS_AN_UPDATE 60
#define UPDATES 12

struct world {
	struct fixture f;
	unsigned int seed, rules;
	size_t count; /* of prefixes */
	struct weir_prefix *prefixes;
	bool *denied; /* in which list prefix i stands */
	struct weir_topology *topology;
	struct weir_policy_set *set;
	struct weir_bundle *bundle;
	struct weir_tables *tables;
	unsigned int wrong, verdicts[WEIR_VERDICTS], families[2];
	unsigned int in_place; /* of the updates; where a new set of rules matches somewhere, none is */
	double ms;	       /* that they took */
};

/* Around the networks that rules name, and anywhere. */
static struct weir_prefix random_prefix(struct world *w)
{
	bool v4 = random_below(&w->seed, 2);
	unsigned int len = v4 ? 96 + 14 + random_below(&w->seed, 19) : 24 + random_below(&w->seed, 105);
	struct weir_prefix p = {.len = (uint8_t)len};

	weir_addr_parse(v4 ? "10.0.0.0" : "2001:db8::", &p.addr);
	for (unsigned int i = v4 ? 13 : 4; i < 16; i++)
		p.addr.b[i] = (uint8_t)random_below(&w->seed, i == 4 || random_below(&w->seed, 4) ? 256 : 2);
	if (random_below(&w->seed, 2))
		p.addr.b[v4 ? 12 : 1] = (uint8_t)random_below(&w->seed, 224);
	for (unsigned int bit = p.len; bit < 128; bit++)
		p.addr.b[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
	return p;
}

static int add_list(struct world *w, bool denied, struct weir_err *err)
{
	weir_auto_buf struct weir_buf b = {0};
	char text[64];
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->count; i++)
		if (w->denied[i] == denied)
			r = weir_buf_addf(&b, "%s\n", weir_prefix_text(&w->prefixes[i], text));
	return r ? r : weir_policy_set_list(w->set, denied ? "blocked" : "known", "l.txt", (char *)b.data, b.len, err);
}

static int add_policy(struct world *w, const struct weir_buf *b, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	int r = weir_ydoc_parse((char *)b->data, b->len, "p.yaml", &doc, err);

	return r ? r : weir_policy_set_add(w->set, weir_ydoc_root(doc, 0), err);
}

/* Each rule has a network and a port of its own. */
static int add_rules(struct world *w, unsigned int first, struct weir_err *err)
{
	weir_auto_buf struct weir_buf b = {0};

	weir_buf_addf(&b, "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p%u}\nspec:\n"
			  "  tier: admin\n  priority: %u\n  egress:\n", first, 100 + first);
	for (unsigned int i = first; i < first + RULES_A_POLICY; i++) {
		weir_buf_addf(&b, "  - {action: %s, ports: [{protocol: UDP, port: %u, endPort: %u}], ",
			      i & 1 ? "deny" : "accept", 1000 + i % 50, 1060 + i % 50);
		if (i % 3)
			weir_buf_addf(&b, "to: [{cidr: 10.%u.%u.0/24}]}\n", i >> 8, i & 255);
		else
			weir_buf_addf(&b, "to: [{cidr: '2001:db8:%x00::/40'}]}\n", i & 255);
	}
	return add_policy(w, &b, err);
}

/* Set and bundle of what the lists hold now. */
static int compile(struct world *w, struct weir_bundle **ret, struct weir_err *err)
{
	static const char lists[] =
		"apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: lists}\nspec:\n  tier: admin\n"
		"  priority: 1\n  egress:\n"
		"  - {action: deny, to: [{list: blocked}], ports: [{protocol: UDP, port: 1000, endPort: 1080}]}\n"
		"  - {action: accept, to: [{list: known}], ports: [{protocol: UDP, port: 1000, endPort: 1030}]}\n";
	weir_auto_buf struct weir_buf bytes = {0}, text = {0};
	int r;

	weir_policy_set_free(w->set);
	w->set = NULL;
	r = weir_policy_set_new(&w->set);
	for (int denied = 0; r == 0 && denied < 2; denied++)
		r = add_list(w, denied, err);
	if (r == 0)
		r = weir_buf_add(&text, lists, sizeof(lists) - 1);
	if (r == 0)
		r = add_policy(w, &text, err);
	for (unsigned int i = 0; r == 0 && i < w->rules; i += RULES_A_POLICY)
		r = add_rules(w, i, err);
	if (r == 0)
		r = weir_policy_set_seal(w->set, err);
	if (r == 0)
		r = weir_bundle_compile(w->set, w->topology, RANDOM_CLASS, NULL, 0, &bytes, err);
	return r ? r : weir_bundle_parse(bytes.data, bytes.len, ret, err);
}

static size_t build_packet(uint8_t *pkt, const struct weir_addr *peer, uint16_t sport, uint16_t port)
{
	bool v4 = weir_addr_is_v4(peer);
	uint16_t be[] = {htons(sport), htons(port), htons(8)};
	size_t l4 = v4 ? 34 : 54;

	memset(pkt, 0, l4 + 8);
	if (v4) {
		memcpy(pkt + 12, (uint8_t[]){8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, IPPROTO_UDP}, 12);
		memcpy(pkt + 26, (uint8_t[]){10, 7, 1, 11}, 4);
		memcpy(pkt + 30, peer->b + 12, 4);
	} else {
		memcpy(pkt + 12, (uint8_t[]){0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, IPPROTO_UDP, 64}, 10);
		memcpy(pkt + 22, (uint8_t[]){0xfd, 7, 0, 1, 0, 1}, 6);
		memcpy(pkt + 38, peer->b, 16);
	}
	memcpy(pkt + l4, be, sizeof(be));
	return l4 + 8;
}

/* Does the program do with a packet to this peer what the evaluator says? */
static void ask(struct world *w, const struct weir_addr *peer)
{
	static const struct weir_route nowhere = {.service = "", .region = "", .zone = "", .peer_domain = ""};
	static const struct weir_subject subject = {.namespace = "", .name = ""};
	struct weir_conn c = {.dir = WEIR_EGRESS, .proto = WEIR_P_UDP, .peer = *peer,
			      .port = (uint16_t)(995 + random_below(&w->seed, 120))};
	struct weir_decision_ref want;
	uint8_t pkt[64];
	size_t len = build_packet(pkt, peer, (uint16_t)(1024 + random_below(&w->seed, 60000)), c.port);

	weir_policy_eval(w->set, &subject, &c, &nowhere, &want);
	w->verdicts[want.verdict]++;
	w->families[weir_addr_is_v4(peer)]++;
	if (fixture_run(&w->f, WEIR_EGRESS, pkt, len) != (want.verdict != WEIR_V_DENY) && !w->wrong++) {
		char text[64];

		printf("# first: %s port %u, the evaluator says %d\n", weir_addr_text(peer, text), c.port,
		       want.verdict);
	}
}

/* An address of the prefix, or the nearest outside of it. */
static struct weir_addr near(struct world *w, const struct weir_prefix *p)
{
	unsigned int kind = random_below(&w->seed, 4), first = weir_addr_is_v4(&p->addr) ? 96 : 0;
	struct weir_addr a = p->addr;

	for (unsigned int bit = p->len; bit < 128; bit++)
		if (kind == 1 || (kind > 1 && random_below(&w->seed, 2)))
			a.b[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	if (kind == 3 && p->len > first)
		a.b[(p->len - 1) / 8] ^= (uint8_t)(0x80u >> (p->len - 1) % 8);
	return a;
}

static void ask_many(struct world *w, unsigned int pairs)
{
	for (unsigned int i = 0; i < pairs; i++) {
		struct weir_prefix other = random_prefix(w);
		const struct weir_prefix *p =
			i % 4 ? &w->prefixes[random_below(&w->seed, (unsigned int)w->count)] : &other;
		struct weir_addr a = near(w, p);

		ask(w, &a);
		if (i % 500 == 499)
			fixture_clear(&w->f);
	}
}

static int load(struct world *w, struct weir_err *err)
{
	const uint32_t subject_of[16] = {0};
	int r;

	weir_tables_free(w->tables);
	w->tables = NULL;
	r = weir_tables_build(w->bundle, NULL, 0, &w->tables, err);
	if (r == 0)
		r = probe_switch(w->f.probe, w->tables, subject_of, WEIR_ARRAY_SIZE(subject_of), err);
	return r ? r : probe_settle(w->f.probe);
}

static bool kernel_holds(struct world *w, const uint8_t digest[WEIR_SHA256_LEN])
{
	uint8_t held[WEIR_SHA256_LEN];

	return probe_digest(w->f.probe, held) == 0 && !memcmp(held, digest, sizeof(held));
}

/* One prefix moves to the other list or gives its place to another. */
static int update(struct world *w, struct test_state *test_st, struct weir_err *err)
{
	size_t at = random_below(&w->seed, (unsigned int)w->count), n = 0;
	struct weir_prefix before = w->prefixes[at], changed[8];
	struct weir_bundle *now = NULL;
	struct weir_tables *fresh = NULL;
	uint64_t began;
	int r;

	if (random_below(&w->seed, 2))
		w->denied[at] ^= true;
	else
		w->prefixes[at] = random_prefix(w);
	r = compile(w, &now, err);
	if (r)
		return r;
	began = weir_monotonic_ns();
	r = weir_bundle_diff(w->bundle, now, changed, WEIR_ARRAY_SIZE(changed), &n);
	if (r == 0)
		r = probe_update(w->f.probe, now, changed, n, &w->tables->sum);
	if (r == 0) {
		w->ms += (double)(weir_monotonic_ns() - began) / 1e6;
		w->in_place++;
	}
	weir_bundle_free(w->bundle);
	w->bundle = now;
	if (r == -E2BIG)
		r = load(w, err);
	CHECK(r == 0, "%zu prefixes changed: %d", n, r);
	for (unsigned int i = 0; r == 0 && i < PAIRS_AN_UPDATE; i++) {
		struct weir_addr a = near(w, i & 1 ? &before : &w->prefixes[at]);

		ask(w, &a);
	}
	fixture_clear(&w->f);
	if (r == 0)
		r = weir_tables_build(now, NULL, 0, &fresh, err);
	if (r)
		return r;
	CHECK(kernel_holds(w, fresh->digest), "before the halves are the same again");
	CHECK(probe_settle(w->f.probe) == 0 && kernel_holds(w, fresh->digest));
	weir_tables_free(fresh);
	return 0;
}

static void report(struct world *w, struct test_state *test_st)
{
	unsigned int pairs = w->families[0] + w->families[1];

	printf("# %u pairs under %u rules and %zu prefixes: %u accept, %u deny, %u IPv4, %u IPv6; "
	       "%u of %u updates in place, %.3f ms each\n",
	       pairs, w->rules, w->count, w->verdicts[WEIR_V_ACCEPT], w->verdicts[WEIR_V_DENY],
	       w->families[1], w->families[0], w->in_place, UPDATES, w->ms / w->in_place);
	CHECK(w->in_place * 3 >= UPDATES);
	CHECK(w->wrong == 0, "%u of %u verdicts are not the evaluator's", w->wrong, pairs);
	CHECK(pairs >= PAIRS + UPDATES * PAIRS_AN_UPDATE);
	CHECK(w->verdicts[WEIR_V_DENY] * 10 >= pairs && w->verdicts[WEIR_V_ACCEPT] * 10 >= pairs);
	CHECK(w->families[0] * 10 >= pairs && w->families[1] * 10 >= pairs);
}

static int prepare(struct world *w, struct weir_err *err)
{
	const char *s = getenv("WEIR_TEST_SEED");
	bool full = getenv("WEIR_LONG");

	w->seed = s ? (unsigned int)strtoul(s, NULL, 10) : (unsigned int)time(NULL);
	printf("# WEIR_TEST_SEED=%u\n", w->seed);
	w->rules = full ? 10000 : 1000;
	w->count = full ? 1000000 : 50000;
	w->f.prefixes = full ? WEIR_BUNDLE_PREFIXES_MAX : 65536;
	w->prefixes = calloc(w->count, sizeof(*w->prefixes));
	w->denied = calloc(w->count, sizeof(*w->denied));
	if (!w->prefixes || !w->denied)
		return -ENOMEM;
	for (size_t i = 0; i < w->count; i++) {
		w->prefixes[i] = random_prefix(w);
		w->denied[i] = random_below(&w->seed, 2);
	}
	return random_topology(&w->topology, err);
}

TEST(many_rules_and_prefixes_change_in_place)
{
	weir_auto_free struct world *w = calloc(1, sizeof(*w));
	struct weir_err err = {0};
	int r = prepare(w, &err);

	if (r == 0)
		r = fixture_open_rows(&w->f, 1024, &err);
	if (r == 0)
		r = compile(w, &w->bundle, &err);
	if (r == 0)
		r = load(w, &err);
	CHECK(r == 0, "%d: %s", r, err.text);
	if (r == 0) {
		probe_set_mode(w->f.probe, WEIR_MODE_ENFORCE);
		CHECK(kernel_holds(w, w->tables->digest));
		ask_many(w, PAIRS);
	}
	for (int i = 0; r == 0 && i < UPDATES; i++)
		r = update(w, test_st, &err);
	CHECK(r == 0, "%d: %s", r, err.text);
	report(w, test_st);
	if (w->f.probe)
		fixture_close(&w->f);
	weir_tables_free(w->tables);
	weir_bundle_free(w->bundle);
	weir_policy_set_free(w->set);
	weir_topology_free(w->topology);
	free(w->prefixes);
	free(w->denied);
}

TEST_MAIN(T_ROOT(many_rules_and_prefixes_change_in_place))
