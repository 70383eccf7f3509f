/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every verdict of the loaded BPF program equals the reference evaluator's: random policies, random
 * packets through BPF_PROG_RUN, at and around the edges of what the rules name. The packets of a round
 * run under two policies without a break, so that cached verdicts must give way. WEIR_TEST_PAIRS sets
 * how many (policy, packet) pairs, WEIR_TEST_SEED repeats a run.
 */
#include "tests/lib/test.h"

#include <time.h>

#include "tests/lib/probe_fixture.h"
#include "tests/lib/random_policy.h"

#define ROUND_MAX 2000	  /* packets of a round; each has its own local address */
#define TIER_NONE WEIR_TIERS /* no rule decided */
#define TRIES 20
#define BIG_PACKET 3400	  /* two of them spend the slow rate of random_policy.c for 20 s */

struct packet {
	struct weir_conn c;
	uint8_t proto;
	uint16_t client;
};

struct expected {
	enum weir_verdict verdict;
	uint32_t rule;
	unsigned int tier;
	uint32_t limit;
	bool saved; /* by the failsafe list */
	bool passes;
};

/* What a packet's rows must say after a round. */
struct flow_rows {
	unsigned int packets[WEIR_VERDICTS];
	uint32_t rule[WEIR_VERDICTS];
};

struct world {
	struct fixture f;
	struct weir_topology *topology;
	unsigned int seed, serial, round;
	unsigned int size; /* packets of a round */
	struct packet packets[ROUND_MAX];
	struct flow_rows want[ROUND_MAX], have[ROUND_MAX];
	unsigned int pairs, wrong;
	unsigned int verdicts[WEIR_VERDICTS], tiers[WEIR_TIERS + 1], dirs[WEIR_DIRS], families[2], saved;
};

/* One generation as the kernel runs it, and as the evaluator reads it. */
struct generation {
	struct random_policy policy;
	struct weir_bundle *bundle;
	struct weir_tables *tables;
	struct weir_subject subject;
	enum weir_mode mode;
	bool spent[64]; /* by limit: its slow rate is used up */
};

static const struct weir_label labels[] = {{"app", "x"}, {"app", "y"}};
static const struct weir_subject subjects[] = {
	{.namespace = "n", .name = "a", .labels = &labels[0], .label_count = 1},
	{.namespace = "n", .name = "b", .labels = &labels[1], .label_count = 1},
	{.namespace = "m", .name = "c", .labels = &labels[0], .label_count = 1},
};

static void generation_fini(struct generation *g)
{
	weir_tables_free(g->tables);
	weir_bundle_free(g->bundle);
	random_policy_fini(&g->policy);
}

static int generation_init(struct world *w, enum weir_mode mode, struct generation *g, struct weir_err *err)
{
	weir_auto_buf struct weir_buf bytes = {0};
	uint32_t subject_of[16] = {0};
	uint8_t held[WEIR_SHA256_LEN];
	int r = random_policy_new(&w->seed, w->serial++, &g->policy, err);

	g->mode = mode;
	if (!r)
		r = weir_bundle_compile(g->policy.set, w->topology, RANDOM_CLASS, g->policy.failsafe,
					g->policy.failsafe_count, &bytes, err);
	if (!r)
		r = weir_bundle_parse(bytes.data, bytes.len, &g->bundle, err);
	if (!r)
		r = weir_tables_build(g->bundle, subjects, WEIR_ARRAY_SIZE(subjects), &g->tables, err);
	if (r)
		return r;
	/* One in seven is unidentified: class 0, no namespace, no labels. */
	unsigned int who = random_below(&w->seed, 7) % 4;

	g->subject = who < WEIR_ARRAY_SIZE(subjects) ? subjects[who] :
						       (struct weir_subject){.namespace = "", .name = ""};
	for (size_t i = 1; i < WEIR_ARRAY_SIZE(subject_of); i++)
		subject_of[i] = who < WEIR_ARRAY_SIZE(subjects) ? g->tables->class_of[who] : 0;
	probe_set_mode(w->f.probe, mode);
	r = probe_switch(w->f.probe, g->tables, subject_of, WEIR_ARRAY_SIZE(subject_of), err);
	if (!r && w->serial % 8 == 1 &&
	    (probe_digest(w->f.probe, held) || memcmp(held, g->tables->digest, sizeof(held))))
		r = weir_err_set(err, -1, "the kernel's digest differs from the tables'");
	return r;
}

/* The failsafe list as it is meant, bit by bit. */
static bool is_saved(const struct random_policy *p, const struct weir_conn *c)
{
	for (size_t i = 0; i < p->failsafe_count; i++) {
		const struct weir_failsafe *f = &p->failsafe[i];
		bool in = f->proto == c->proto && f->dir == c->dir && c->port >= f->lo && c->port <= f->hi;

		for (unsigned int bit = 0; in && bit < f->prefixlen; bit++)
			in = !((f->prefix[bit / 8] ^ c->peer.b[bit / 8]) & (0x80 >> bit % 8));
		if (in)
			return true;
	}
	return false;
}

static unsigned int tier_of(const struct generation *g, uint32_t rule)
{
	unsigned int i = 0;

	if (rule == WEIR_NO_RULE || sscanf(weir_bundle_rule_name(g->bundle, rule), "p%*u-%u", &i) != 1)
		return TIER_NONE;
	return g->policy.tiers[i];
}

static bool is_slow(const struct generation *g, uint32_t limit)
{
	return limit && g->tables->limits[limit - 1].burst_ns > 1000000000ull;
}

static void expect(struct world *w, const struct generation *g, const struct weir_conn *c, struct expected *ret)
{
	struct weir_decision_ref ref = {.verdict = WEIR_V_NONE, .rule = WEIR_NO_RULE};
	struct weir_route route;
	struct weir_addr own;

	/* Another address of the class: a peer at the node's own would be on the same host. */
	weir_addr_parse(weir_addr_is_v4(&c->peer) ? "10.7.1.11" : "fd07:1:1::11", &own);
	own.b[15] = (uint8_t)(own.b[15] + !memcmp(own.b, c->peer.b, sizeof(own.b)));
	weir_topology_route(w->topology, RANDOM_DOMAIN, &own, &c->peer, &route);
	if (g->mode != WEIR_MODE_OBSERVE)
		weir_policy_eval(g->policy.set, &g->subject, c, &route, &ref);
	*ret = (struct expected){.verdict = ref.verdict, .rule = ref.rule, .limit = ref.limit};
	if ((ref.verdict == WEIR_V_DENY || ref.verdict == WEIR_V_WOULD_DENY) && is_saved(&g->policy, c))
		*ret = (struct expected){.verdict = WEIR_V_ACCEPT, .rule = WEIR_NO_RULE, .limit = ref.limit,
					 .saved = true};
	ret->tier = g->mode == WEIR_MODE_OBSERVE ? TIER_NONE : tier_of(g, ret->rule);
	if (ret->verdict == WEIR_V_DENY && g->mode == WEIR_MODE_SHADOW)
		ret->verdict = WEIR_V_WOULD_DENY;
	if (is_slow(g, ret->limit))
		ret->verdict = g->mode == WEIR_MODE_SHADOW ? WEIR_V_WOULD_LIMIT : WEIR_V_LIMITED;
	ret->passes = ret->verdict != WEIR_V_DENY && ret->verdict != WEIR_V_LIMITED;
}

/* index: the low half of the local address; it tells whose row a row is. */
static size_t build_packet(uint8_t *pkt, const struct packet *p, uint16_t index, size_t l3)
{
	bool v4 = weir_addr_is_v4(&p->c.peer), out = p->c.dir == WEIR_EGRESS;
	uint8_t own[16] = "\xfd\x07\0\1\0\1\0\0\0\0\0\0\0\0", *src, *dst, *l4 = pkt + (v4 ? 34 : 54);
	uint16_t client = htons(p->client), service = htons(p->c.port), be;

	memset(pkt, 0, l3 + 14);
	own[14] = (uint8_t)(index >> 8);
	own[15] = (uint8_t)index;
	if (v4) {
		memcpy(pkt + 12, "\x08\x00\x45\0", 4);
		be = htons((uint16_t)l3);
		memcpy(pkt + 16, &be, 2);
		memcpy(pkt + 22, (uint8_t[]){64, p->proto}, 2);
		own[12] = 10;
		own[13] = 7;
		src = pkt + 26;
		dst = pkt + 30;
	} else {
		memcpy(pkt + 12, "\x86\xdd\x60", 3);
		be = htons((uint16_t)(l3 - 40));
		memcpy(pkt + 18, &be, 2);
		pkt[20] = p->proto == 1 ? 58 : p->proto;
		src = pkt + 22;
		dst = pkt + 38;
	}
	memcpy(out ? src : dst, v4 ? own + 12 : own, v4 ? 4 : 16);
	memcpy(out ? dst : src, p->c.peer.b + (v4 ? 12 : 0), v4 ? 4 : 16);
	if (p->c.proto == WEIR_P_ICMP) {
		l4[0] = v4 ? 8 : 128; /* echo */
	} else {
		memcpy(l4, &client, 2);
		memcpy(l4 + 2, &service, 2);
		l4[12] = 0x50;
		l4[13] = 0x02;
	}
	return l3 + 14;
}

static int run_packet(struct world *w, const struct packet *p, uint16_t index, size_t l3)
{
	uint8_t pkt[BIG_PACKET + 14];

	return fixture_run(&w->f, p->c.dir, pkt, build_packet(pkt, p, index, l3));
}

/* Runs packet i; what it must have done is noted in want. */
static void run_pair(struct world *w, struct generation *g, unsigned int i, const struct expected *e)
{
	const struct packet *p = &w->packets[i];
	int pass;

	if (is_slow(g, e->limit) && e->limit <= WEIR_ARRAY_SIZE(g->spent) && !g->spent[e->limit - 1]) {
		/* Each limit from an address of its own: without ports a packet would be the answer to another limit's. */
		run_packet(w, p, (uint16_t)(UINT16_MAX - e->limit), BIG_PACKET);
		run_packet(w, p, (uint16_t)(UINT16_MAX - e->limit), BIG_PACKET);
		g->spent[e->limit - 1] = true;
	}
	pass = run_packet(w, p, (uint16_t)(i + 1), 60);
	if (pass != e->passes && !w->wrong++)
		printf("# first: policy %u, packet %u: pass %d, expected verdict %d\n", w->serial - 1, i, pass,
		       e->verdict);
	w->want[i].packets[e->verdict]++;
	w->want[i].rule[e->verdict] = e->rule;
	w->pairs++;
	w->verdicts[e->verdict]++;
	w->tiers[e->tier]++;
	w->dirs[p->c.dir]++;
	w->families[weir_addr_is_v4(&p->c.peer)]++;
	w->saved += e->saved;
}

static void random_packet(struct world *w, const struct random_policy *policy, struct packet *p)
{
	static const uint8_t numbers[WEIR_PROTOS] = {47, 6, 17, 132, 1};
	enum weir_dir dir = random_below(&w->seed, WEIR_DIRS);
	/* ICMP that comes in is the kernel's, not a socket's. TCP twice as often. */
	enum weir_proto proto = random_below(&w->seed, dir == WEIR_EGRESS ? 6 : 5) % 5;

	if (proto == WEIR_P_ICMP && dir == WEIR_INGRESS)
		proto = WEIR_P_TCP;
	*p = (struct packet){.c = {.dir = dir, .proto = proto}, .proto = numbers[proto]};
	p->c.peer = random_peer(&w->seed, policy, random_below(&w->seed, 2));
	if (proto != WEIR_P_ICMP && proto != WEIR_P_OTHER) {
		p->c.port = random_port(&w->seed, policy);
		p->client = random_port(&w->seed, policy);
	}
	if (policy->failsafe_count && !random_below(&w->seed, 6)) {
		const struct weir_failsafe *f =
			&policy->failsafe[random_below(&w->seed, (unsigned int)policy->failsafe_count)];

		p->c.dir = f->dir;
		p->c.proto = f->proto;
		p->proto = numbers[f->proto];
		p->c.port = random_below(&w->seed, 2) ? f->lo : f->hi;
		memcpy(p->c.peer.b, f->prefix, sizeof(f->prefix));
	}
}

/* Rare enough to be looked for. */
static bool is_wanted(const struct world *w, const struct expected *e)
{
	return w->verdicts[e->verdict] * 7 < w->pairs || (e->saved && w->saved * 20 < w->pairs) ||
	       (e->tier != TIER_NONE && w->tiers[e->tier] * 6 < w->pairs);
}

static void fresh_packets(struct world *w, struct generation *g)
{
	for (unsigned int i = 0; i < w->size; i++) {
		struct expected e;

		for (int try = 0; try < TRIES; try++) {
			random_packet(w, &g->policy, &w->packets[i]);
			expect(w, g, &w->packets[i].c, &e);
			if (is_wanted(w, &e))
				break;
		}
		run_pair(w, g, i, &e);
	}
}

static void same_packets(struct world *w, struct generation *g)
{
	for (unsigned int i = 0; i < w->size; i++) {
		struct expected e;

		expect(w, g, &w->packets[i].c, &e);
		run_pair(w, g, i, &e);
	}
}

static void report(struct world *w, unsigned int i, unsigned int verdict, const char *what)
{
	const struct packet *p = &w->packets[i];
	char peer[INET6_ADDRSTRLEN];

	if (w->wrong++)
		return;
	printf("# first: round %u, packet %u, dir %d, proto %d, port %u, client %u, peer %s: %s: verdict %u: "
	       "%u packets of rule %d, expected %u of %d\n",
	       w->round, i, p->c.dir, p->c.proto, p->c.port, p->client, weir_addr_text(&p->c.peer, peer), what,
	       verdict, w->have[i].packets[verdict], (int)w->have[i].rule[verdict], w->want[i].packets[verdict],
	       (int)w->want[i].rule[verdict]);
}

static void note_row(const struct fixture_row *r, void *arg)
{
	struct world *w = arg;
	unsigned int i = (unsigned int)(r->local.b[14] << 8 | r->local.b[15]);

	if (!i || i > w->size || r->verdict >= WEIR_VERDICTS)
		return;
	w->have[i - 1].packets[r->verdict] += (unsigned int)r->packets;
	w->have[i - 1].rule[r->verdict] = r->rule;
}

/* The rows of the round are exactly those that the evaluator says. */
static void compare(struct world *w)
{
	memset(w->have, 0, sizeof(w->have));
	fixture_each_row(&w->f, note_row, w);
	for (unsigned int i = 0; i < w->size; i++)
		for (unsigned int v = 0; v < WEIR_VERDICTS; v++) {
			if (w->have[i].packets[v] != w->want[i].packets[v])
				report(w, i, v, "packets");
			else if (w->want[i].packets[v] && w->have[i].rule[v] != w->want[i].rule[v])
				report(w, i, v, "rule");
		}
}

static int one_round(struct world *w, struct weir_err *err)
{
	static const enum weir_mode second[] = {WEIR_MODE_SHADOW, WEIR_MODE_ENFORCE, WEIR_MODE_OBSERVE,
						WEIR_MODE_ENFORCE, WEIR_MODE_SHADOW};
	struct generation a = {.bundle = NULL}, b = {.bundle = NULL};
	int r;

	fixture_clear(&w->f);
	memset(w->want, 0, sizeof(w->want));
	r = generation_init(w, w->round % 2 ? WEIR_MODE_SHADOW : WEIR_MODE_ENFORCE, &a, err);
	if (!r) {
		fresh_packets(w, &a);
		r = generation_init(w, second[w->round % WEIR_ARRAY_SIZE(second)], &b, err);
	}
	if (!r) {
		same_packets(w, &b);
		compare(w);
	}
	w->round++;
	generation_fini(&a);
	generation_fini(&b);
	return r;
}

static bool enough(const struct world *w, unsigned int share)
{
	return share * 20ull >= w->pairs;
}

/* Every kind has its 5 %: else a few more rounds are due. */
static bool shares_hold(const struct world *w)
{
	bool all = w->saved * 100ull >= w->pairs;

	for (unsigned int i = 0; i < WEIR_VERDICTS; i++)
		all &= enough(w, w->verdicts[i]);
	for (unsigned int i = 0; i <= WEIR_TIERS; i++)
		all &= enough(w, w->tiers[i]);
	for (unsigned int i = 0; i < 2; i++)
		all &= enough(w, w->dirs[i]) && enough(w, w->families[i]);
	return all;
}

static void check_shares(struct test_state *test_st, const struct world *w)
{
	static const char *const verdicts[] = {"none", "accept", "deny", "limited", "would-deny", "would-limit"};
	static const char *const tiers[] = {"admin", "namespace", "baseline", "no"};
	static const char *const dirs[] = {"ingress", "egress"}, *const families[] = {"IPv6", "IPv4"};

	printf("# %u pairs: %u saved by the failsafe list", w->pairs, w->saved);
	for (unsigned int i = 0; i < WEIR_VERDICTS; i++)
		printf(", %u %s", w->verdicts[i], verdicts[i]);
	for (unsigned int i = 0; i <= WEIR_TIERS; i++)
		printf(", %u by %s tier", w->tiers[i], tiers[i]);
	for (unsigned int i = 0; i < 2; i++)
		printf(", %u %s, %u %s", w->dirs[i], dirs[i], w->families[i], families[i]);
	printf("\n");
	for (unsigned int i = 0; i < WEIR_VERDICTS; i++)
		CHECK(enough(w, w->verdicts[i]), "only %u of %u are %s", w->verdicts[i], w->pairs,
		      verdicts[i]);
	for (unsigned int i = 0; i <= WEIR_TIERS; i++)
		CHECK(enough(w, w->tiers[i]), "only %u of %u by %s tier", w->tiers[i], w->pairs, tiers[i]);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK(enough(w, w->dirs[i]), "only %u of %u %s", w->dirs[i], w->pairs, dirs[i]);
		CHECK(enough(w, w->families[i]), "only %u of %u %s", w->families[i], w->pairs,
		      families[i]);
	}
	CHECK(w->saved * 100ull >= w->pairs, "only %u of %u saved by the failsafe list", w->saved, w->pairs);
}

TEST(kernel_equals_evaluator)
{
	const char *pairs = getenv("WEIR_TEST_PAIRS"), *seed = getenv("WEIR_TEST_SEED");
	unsigned int want = pairs ? (unsigned int)atoi(pairs) : getenv("WEIR_LONG") ? 1000000 : 10000;
	struct world *w = calloc(1, sizeof(*w));
	struct weir_err err = {{0}};
	int r;

	w->seed = seed ? (unsigned int)atoi(seed) : (unsigned int)time(NULL);
	w->size = want > 100000 ? ROUND_MAX / 2 : 100;
	printf("# seed %u\n", w->seed);
	r = random_topology(&w->topology, &err);
	if (!r)
		r = fixture_open_rows(&w->f, 262144, &err) /* a full bucket folds: there is none */;
	while (!r && !w->wrong && (w->pairs < want || (w->pairs < 4 * want && !shares_hold(w))))
		r = one_round(w, &err);
	CHECK(!r, "%s", err.text);
	CHECK(w->wrong == 0, "%u of %u differ (seed above)", w->wrong, w->pairs);
	if (!r) {
		CHECK(!fixture_dropped(&w->f, WEIR_D_FOLDED).packets, "%lu packets have no row of their own",
		      (unsigned long)fixture_dropped(&w->f, WEIR_D_FOLDED).packets);
		check_shares(test_st, w);
	}
	weir_topology_free(w->topology);
	fixture_close(&w->f);
	free(w);
}

TEST_MAIN(T_ROOT(kernel_equals_evaluator))
