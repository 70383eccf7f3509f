/* SPDX-License-Identifier: Apache-2.0 */
/* Whose costs are: cases by hand, and random ones whose shares sum to what went in. */
#include "bpf/abi/weir_abi.h"
#include "lib/money/alloc.h"
#include "tests/lib/test.h"

#include <time.h>

#define HOUR 1795500000ull /* 2026-11-24T06:00:00Z */
#define D "aws/1/vpc"
#define HEAD "apiVersion: weir.dev/v1alpha1\nkind: Allocation\nmetadata: {name: a}\nspec:\n"

static int rules_load(struct weir_allocation **ret, const char *text, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	int r = weir_allocation_new(ret);

	if (!r && text)
		r = weir_ydoc_parse(text, strlen(text), "a.yaml", &d, err);
	for (size_t i = 0; !r && text && i < weir_ydoc_count(d); i++)
		r = weir_allocation_add(*ret, weir_ydoc_root(d, i), err);
	return r;
}

static void rules_freep(struct weir_allocation **a)
{
	weir_allocation_free(*a);
}
#define auto_rules weir_cleanup(rules_freep) struct weir_allocation

struct moved {
	const char *from, *labels, *to; /* "namespace/workload"; to "" = nobody's */
	int hour, dir;
	bool opened;
	uint64_t bytes;
	int64_t nanos;
	const char *resource;
};

/* "ns/name" in two. */
static void halves(const char *s, char ns[64], const char **ret_ns, const char **ret_name)
{
	const char *slash = strchr(s, '/');

	snprintf(ns, 64, "%.*s", slash ? (int)(slash - s) : 0, s);
	*ret_ns = ns;
	*ret_name = slash ? slash + 1 : s;
}

static int put(struct weir_alloc *a, const struct moved *m, size_t row)
{
	char ns[64], peer_ns[64];
	struct weir_traffic t = {.hour_s = HOUR + 3600u * (uint64_t)m->hour, .domain = D, .dir = (uint8_t)m->dir, .opened = m->opened,
				 .bytes = m->bytes, .labels = m->labels, .node = "n", .kind = "pod", .team = "", .peer_team = ""};
	int r;

	halves(m->from, ns, &t.namespace, &t.workload);
	halves(m->to, peer_ns, &t.peer_namespace, &t.peer_workload);
	r = weir_alloc_row(a, &t, m->resource ? m->resource : "");
	if (!r)
		weir_alloc_charge(a, row, m->nanos, m->bytes);
	return r;
}

/* All shares as lines "owner how via nanos bytes", in their order, behind the rows and before the hours that fn adds. */
struct run {
	const struct weir_allocation *rules;
	enum weir_payer payer;
	const struct moved *moved;
	size_t n;
	int (*hours)(struct weir_alloc *a);
	const char *by;
};

static char *lines_of(const struct run *run, struct weir_alloc **ret)
{
	char *text = NULL, buf[WEIR_ALLOC_KEY_MAX];
	enum weir_alloc_by by;
	const char *label;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int r = weir_alloc_new(run->rules, run->payer, ret);

	for (size_t i = 0; !r && i < run->n; i++)
		r = put(*ret, &run->moved[i], i);
	if (!r && run->hours)
		r = run->hours(*ret);
	if (!r)
		r = weir_alloc_settle(*ret);
	if (!r)
		r = weir_alloc_by_parse(run->by ? run->by : "workload", &by, &label);
	for (size_t i = 0; !r && i < weir_alloc_count(*ret); i++) {
		const struct weir_alloc_share *s = weir_alloc_at(*ret, i);
		const char *key = weir_alloc_key(s, by, label, buf);

		fprintf(f, "%s %s%s%s %lld %llu\n", *key ? key : "-", weir_alloc_how_name(s->how), *s->via ? " " : "", s->via,
			(long long)s->nanos, (unsigned long long)s->bytes);
	}
	fclose(f);
	if (r)
		printf("# failed: %s\n", strerror(-r));
	return text;
}

#define SAME(got, want) CHECK(got && !strcmp(got, want), "got\n%s", got ? got : "nothing")

/* web (team shop) asks db (team data): 100 bytes there, 300 back, and both sides of a zone boundary are charged. */
static const struct moved asked[] = {
	{"shop/web", "{\"team\":\"shop\"}", "data/db", 0, WEIR_EGRESS, true, 100, 10, NULL},
	{"data/db", "{\"team\":\"data\"}", "shop/web", 0, WEIR_INGRESS, false, 100, 11, NULL},
	{"shop/web", "{\"team\":\"shop\"}", "data/db", 0, WEIR_INGRESS, true, 300, 30, NULL},
	{"data/db", "{\"team\":\"data\"}", "shop/web", 0, WEIR_EGRESS, false, 300, 31, NULL},
	{"shop/web", "{\"team\":\"shop\"}", "", 0, WEIR_EGRESS, true, 70, 7, NULL},
	{"data/db", "{\"team\":\"data\"}", "", 0, WEIR_INGRESS, false, 5, 1, NULL},
};

/* By hand: sender: web sent 10 + 11, db 30 + 31; receiver: the other way; initiator: web all 82. Of peers that are
 * nobody's, 7 stay with web and 1 with db. Bytes go with what they cost. */
TEST(who_pays)
{
	static const char *const want[WEIR_PAYERS] = {
		"shop/web direct 28 270\ndata/db direct 62 605\n",
		"data/db direct 22 205\nshop/web direct 68 670\n",
		"shop/web direct 89 870\ndata/db direct 1 5\n",
	};
	auto_rules *rules = NULL;
	struct weir_err err = {{0}};

	CHECK(!rules_load(&rules, NULL, &err));
	for (enum weir_payer p = WEIR_PAYER_SENDER; p < WEIR_PAYERS; p++) {
		const struct run run = {rules, p, asked, WEIR_ARRAY_SIZE(asked), NULL, NULL};
		weir_auto_alloc struct weir_alloc *a = NULL;
		weir_auto_free char *got = lines_of(&run, &a);

		SAME(got, want[p]);
	}
}

static const struct moved through[] = {
	{"shop/web", "{\"team\":\"shop\"}", "", 0, WEIR_EGRESS, true, 10, 0, "nat-a"},
	{"shop/cart", "{\"team\":\"shop\"}", "", 0, WEIR_EGRESS, true, 10, 0, "nat-a"},
	{"shop/cart", "{\"team\":\"shop\"}", "", 0, WEIR_INGRESS, true, 20, 0, "nat-a"},
	{"data/db", "{\"team\":\"data\"}", "", 0, WEIR_EGRESS, true, 60, 0, "nat-a"},
};

static int one_hour(struct weir_alloc *a)
{
	return weir_alloc_hour(a, HOUR, D, "nat-a", "", 45000001);
}

/* Of 45,000,001 nanos with 10, 30 and 60 bytes. By bytes 4,500,000.1, 13,500,000.3, 27,000,000.6: the one left over goes
 * to .6. Evenly: data 22,500,001 (first by name), shop 22,500,000, of which 10 of 40 and 30 of 40. By 3:1:1: 27,000,000.6,
 * 9,000,000.2, 9,000,000.2: one left over to .6: shop 27,000,001: 6,750,000.25, 20,250,000.75; ops used nothing. */
TEST(an_hour_of_what_is_shared)
{
	static const struct {
		const char *rules, *want;
	} cases[] = {
		{NULL, "shop/web direct 0 10\nshop/cart direct 0 30\ndata/db direct 0 60\n"
		       "shop/web shared by bytes " D "/nat-a 4500000 0\nshop/cart shared by bytes " D "/nat-a 13500000 0\n"
		       "data/db shared by bytes " D "/nat-a 27000001 0\n"},
		{HEAD "  shared: [{name: \"nat-*\", split: even}]\n",
		 "shop/web direct 0 10\nshop/cart direct 0 30\ndata/db direct 0 60\n"
		 "data/db shared evenly " D "/nat-a 22500001 0\n"
		 "shop/web shared evenly " D "/nat-a 5625000 0\nshop/cart shared evenly " D "/nat-a 16875000 0\n"},
		{HEAD "  shared: [{name: other, split: even}, {domain: \"aws/*\", name: nat-a, split: {shop: 3, data: 1, ops: 1}}]\n",
		 "shop/web direct 0 10\nshop/cart direct 0 30\ndata/db direct 0 60\n"
		 "shop/web shared by ratio " D "/nat-a 6750000 0\nshop/cart shared by ratio " D "/nat-a 20250001 0\n"
		 "data/db shared by ratio " D "/nat-a 9000000 0\n- shared by ratio " D "/nat-a 9000000 0\n"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_alloc struct weir_alloc *a = NULL;
		weir_auto_free char *got = NULL;
		auto_rules *rules = NULL;
		struct weir_err err = {{0}};
		struct run run = {NULL, WEIR_PAYER_SENDER, through, WEIR_ARRAY_SIZE(through), one_hour, NULL};

		CHECK(!rules_load(&rules, cases[i].rules, &err), "%s", err.text);
		run.rules = rules;
		got = lines_of(&run, &a);
		SAME(got, cases[i].want);
	}
}

static int hours_of_others(struct weir_alloc *a)
{
	int r = weir_alloc_hour(a, HOUR + 3600, D, "nat-a", "", 500); /* nobody used it then */

	if (!r)
		r = weir_alloc_hour(a, HOUR, "aws/2/vpc", "nat-a", "", 600); /* another one */
	return r ? r : weir_alloc_hour(a, HOUR, D, "web-lb", "shop", 700);
}

TEST(idle_and_owned_hours_stand_apart)
{
	auto_rules *rules = NULL;
	struct weir_err err = {{0}};
	struct run run = {NULL, WEIR_PAYER_SENDER, through, 1, hours_of_others, "team"};
	weir_auto_alloc struct weir_alloc *a = NULL;
	weir_auto_free char *got = NULL;

	CHECK(!rules_load(&rules, NULL, &err));
	run.rules = rules;
	got = lines_of(&run, &a);
	SAME(got, "shop direct 0 10\n- idle " D "/nat-a 500 0\n- idle aws/2/vpc/nat-a 600 0\nshop owner " D "/web-lb 700 0\n");
}

#define INGRESS_RULES                                                                                    \
	HEAD "  proxies:\n  - {namespace: ingress, workload: \"nginx-*\", except: [{namespace: kube-system}]}\n" \
	     "  - {namespace: mesh, workload: inner}\n"

/* In hour 0 nginx answers clients for web (300 bytes with it) and api (100); the lookup of names is no backend. In hour 1
 * for api alone; in hour 2 for nobody. */
static const struct moved proxied[] = {
	{"ingress/nginx-1", "{\"team\":\"platform\"}", "", 0, WEIR_EGRESS, false, 380, 1000, NULL},
	{"ingress/nginx-1", "{\"team\":\"platform\"}", "shop/web", 0, WEIR_EGRESS, true, 100, 8, NULL},
	{"ingress/nginx-1", "{\"team\":\"platform\"}", "shop/web", 0, WEIR_INGRESS, true, 200, 5, NULL},
	{"ingress/nginx-1", "{\"team\":\"platform\"}", "data/api", 0, WEIR_INGRESS, true, 100, 0, NULL},
	{"data/api", "{\"team\":\"data\"}", "ingress/nginx-1", 0, WEIR_EGRESS, false, 100, 12, NULL},
	{"ingress/nginx-1", "{\"team\":\"platform\"}", "kube-system/dns", 0, WEIR_EGRESS, true, 1000, 0, NULL},
	{"shop/web", "{\"team\":\"shop\"}", "", 0, WEIR_EGRESS, true, 1, 3, NULL},
	{"ingress/nginx-1", "{\"team\":\"platform\"}", "", 1, WEIR_EGRESS, false, 50, 501, NULL},
	{"ingress/nginx-1", "{\"team\":\"platform\"}", "data/api", 1, WEIR_INGRESS, true, 7, 0, NULL},
	{"data/api", "{\"team\":\"data\"}", "ingress/nginx-1", 1, WEIR_EGRESS, false, 7, 0, NULL},
	{"ingress/nginx-1", "{\"team\":\"platform\"}", "", 2, WEIR_EGRESS, false, 9, 90, NULL},
};

/* By hand, sender pays: web 750 of the 1000, and the 8 that were sent to it whole; the 5 that web sent are its own. api
 * 250 + 501; the 12 that it sent are its own. 380 bytes are 285 and 95; 50 are api's. */
TEST(a_proxy_passes_on_by_measured_bytes)
{
	auto_rules *rules = NULL;
	struct weir_err err = {{0}};
	struct run run = {NULL, WEIR_PAYER_SENDER, proxied, WEIR_ARRAY_SIZE(proxied), NULL, NULL};
	weir_auto_alloc struct weir_alloc *a = NULL;
	weir_auto_free char *got = NULL;

	CHECK(!rules_load(&rules, INGRESS_RULES, &err), "%s", err.text);
	run.rules = rules;
	got = lines_of(&run, &a);
	SAME(got, "shop/web proxy ingress/nginx-1 758 1135\n"
		  "shop/web direct 8 201\n"
		  "data/api direct 12 214\n"
		  "data/api proxy ingress/nginx-1 751 395\n"
		  "ingress/nginx-1 proxy alone ingress/nginx-1 90 9\n");
	CHECK(weir_alloc_total(a) == 1000 + 8 + 5 + 12 + 3 + 501 + 90);
	CHECK(weir_alloc_behinds(a) == 2);
	for (size_t i = 0; i < weir_alloc_behinds(a); i++) {
		const struct weir_alloc_behind *b = weir_alloc_behind_at(a, i);
		bool web = !strcmp(b->workload, "web");

		CHECK(!strcmp(b->proxy, "ingress/nginx-1") && b->bytes == (web ? 300 : 107) && b->nanos == (web ? 758 : 751),
		      "%s: %llu, %lld", b->workload, (unsigned long long)b->bytes, (long long)b->nanos);
	}
}

/* nginx answers clients by two meters, 1000 and 40 nanos; behind it web has 300 bytes and api 100: 750 and 250, 30 and 10. */
TEST(what_has_a_tag_stays_apart)
{
	static const struct moved rows[] = {
		{"ingress/nginx-1", "{\"team\":\"platform\"}", "", 0, WEIR_EGRESS, false, 380, 0, NULL},
		{"ingress/nginx-1", "{\"team\":\"platform\"}", "shop/web", 0, WEIR_EGRESS, true, 300, 0, NULL},
		{"ingress/nginx-1", "{\"team\":\"platform\"}", "data/api", 0, WEIR_INGRESS, true, 100, 0, NULL},
	};
	auto_rules *rules = NULL;
	struct weir_err err = {{0}};
	weir_auto_alloc struct weir_alloc *a = NULL;
	int64_t web[3] = {0}, api[3] = {0}, other = 0;
	uint64_t bytes = 0;

	CHECK(!rules_load(&rules, INGRESS_RULES, &err), "%s", err.text);
	CHECK(!weir_alloc_new(rules, WEIR_PAYER_SENDER, &a));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++)
		CHECK(!put(a, &rows[i], i));
	CHECK(!weir_alloc_charge_as(a, 1, 0, 1000, 380) && !weir_alloc_charge_as(a, 2, 0, 40, 380) &&
	      !weir_alloc_hour_as(a, 2, HOUR, D, "nat-a", "", 7) && !weir_alloc_settle(a));
	for (size_t i = 0; i < weir_alloc_count(a); i++) {
		const struct weir_alloc_share *s = weir_alloc_at(a, i);
		bool is_web = !strcmp(s->workload, "web"), is_api = !strcmp(s->workload, "api");

		*(s->tag > 2 ? &other : is_web ? &web[s->tag] : is_api ? &api[s->tag] : &other) += s->nanos;
		bytes += s->tag == 1 ? s->bytes : 0;
		CHECK(s->how != WEIR_ALLOC_IDLE || s->tag == 2);
	}
	CHECK(web[1] == 750 && web[2] == 30 && api[1] == 250 && api[2] == 10 && other == 7, "%lld %lld %lld", (long long)web[1],
	      (long long)api[2], (long long)other);
	CHECK(bytes == 380 && weir_alloc_total(a) == 1047);
}

static int shared_with_a_proxy(struct weir_alloc *a)
{
	return weir_alloc_hour(a, HOUR, D, "nat-a", "", 400);
}

/* A proxy behind a proxy, a share of a gateway, and two that send to each other, which keep what goes around. */
TEST(proxies_behind_proxies)
{
	static const struct moved chain[] = {
		{"ingress/nginx-1", "", "", 0, WEIR_EGRESS, false, 10, 100, "nat-a"},
		{"ingress/nginx-1", "", "mesh/inner", 0, WEIR_EGRESS, true, 10, 0, NULL},
		{"mesh/inner", "", "shop/web", 0, WEIR_EGRESS, true, 4, 0, NULL},
		{"mesh/inner", "", "data/api", 0, WEIR_EGRESS, true, 12, 0, NULL},
	};
	static const struct moved circle[] = {
		{"ingress/nginx-1", "", "", 0, WEIR_EGRESS, false, 10, 100, NULL},
		{"ingress/nginx-1", "", "mesh/inner", 0, WEIR_EGRESS, true, 10, 0, NULL},
		{"mesh/inner", "", "ingress/nginx-1", 0, WEIR_EGRESS, true, 10, 0, NULL},
	};
	auto_rules *rules = NULL;
	struct weir_err err = {{0}};
	struct run run = {NULL, WEIR_PAYER_SENDER, chain, 4, shared_with_a_proxy, NULL};
	weir_auto_alloc struct weir_alloc *a = NULL, *b = NULL;
	weir_auto_free char *got = NULL, *around = NULL;
	int64_t sum = 0;

	CHECK(!rules_load(&rules, INGRESS_RULES, &err), "%s", err.text);
	run.rules = rules;
	got = lines_of(&run, &a);
	SAME(got, "shop/web proxy mesh/inner 125 9\ndata/api proxy mesh/inner 375 27\n");
	run = (struct run){rules, WEIR_PAYER_SENDER, circle, 3, NULL, NULL};
	around = lines_of(&run, &b);
	for (size_t i = 0; b && i < weir_alloc_count(b); i++)
		sum += weir_alloc_at(b, i)->nanos;
	CHECK(sum == 100, "%s", around);
}

TEST(owners_by_labels_and_fallbacks)
{
	static const struct moved some[] = {
		{"shop/web", "{\"app.kubernetes.io/part-of\":\"store\",\"tier\":\"front\"}", "", 0, WEIR_EGRESS, true, 1, 1, NULL},
		{"shop/cart", "{\"app.kubernetes.io/part-of\":\"store\",\"squad\":\"blue\"}", "", 0, WEIR_EGRESS, true, 1, 2, NULL},
		{"data/db", "{\"cost-centre\":\"9\",\"tier\":\"back\"}", "", 0, WEIR_EGRESS, true, 1, 4, NULL},
		{"data/lone", "", "", 0, WEIR_EGRESS, true, 1, 8, NULL},
	};
	static const struct {
		const char *by, *want;
	} cases[] = {
		{"team", "store direct 1 1\nblue direct 2 1\n- direct 4 1\n- direct 8 1\n"},
		{"cost-centre", "4711 direct 1 1\n- direct 2 1\n9 direct 4 1\n- direct 8 1\n"},
		{"namespace", "shop direct 1 1\nshop direct 2 1\ndata direct 4 1\ndata direct 8 1\n"},
		{"label:tier", "front direct 1 1\n- direct 2 1\nback direct 4 1\n- direct 8 1\n"},
	};
	auto_rules *rules = NULL;
	struct weir_err err = {{0}};

	CHECK(!rules_load(&rules,
			  HEAD "  payer: initiator\n  team: {labels: [squad, app.kubernetes.io/part-of], namespace: false}\n"
			       "  cost_centre: {teams: {store: \"4711\"}}\n", &err), "%s", err.text);
	CHECK(weir_allocation_payer(rules) == WEIR_PAYER_INITIATOR);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		const struct run run = {rules, WEIR_PAYER_SENDER, some, 4, NULL, cases[i].by};
		weir_auto_alloc struct weir_alloc *a = NULL;
		weir_auto_free char *got = lines_of(&run, &a);

		SAME(got, cases[i].want);
	}
}

TEST(labels_as_the_store_has_them)
{
	static const struct {
		const char *labels, *key, *want;
	} cases[] = {
		{"{\"a\":\"b\",\"team\":\"shop\"}", "team", "shop"},
		{"{ \"a\" : \"team\" , \"b\":\"x,\\\"team\\\":\\\"y\"}", "team", NULL},
		{"{\"te\\u0061m\":\"caf\\u00e9\\n\"}", "team", "caf\xc3\xa9\n"},
		{"{\"a\":1,\"team\":\"shop\"}", "team", NULL}, /* no labels: not guessed */
		{"{\"team\":\"sh", "team", NULL},
		{"{\"team\":\"\\q\"}", "team", NULL},
		{"", "team", NULL},
		{"{}", "team", NULL},
		{"{\"team\":\"\"}", "team", ""},
	};
	char buf[WEIR_LABEL_MAX], longer[600];
	const char *got;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		got = weir_label_find(cases[i].labels, cases[i].key, buf);
		CHECK(got && cases[i].want ? !strcmp(got, cases[i].want) : got == cases[i].want, "%zu: %s", i, got ? got : "none");
	}
	snprintf(longer, sizeof(longer), "{\"a\":\"%0300d\",\"team\":\"shop\",\"b\":\"%0256d\"}", 1, 1);
	got = weir_label_find(longer, "team", buf);
	CHECK(got && !strcmp(got, "shop"), "%s", got ? got : "none");
	CHECK(!weir_label_find(longer, "a", buf) && !weir_label_find(longer, "b", buf), "too long");
}

TEST(what_a_document_may_say)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{HEAD "  payer: both\n", "a.yaml:5:10 spec.payer"},
		{HEAD "  pays: sender\n", "unknown field 'pays'"},
		{HEAD "  shared: [{name: x, split: fair}]\n", "spec.shared[0].split"},
		{HEAD "  shared: [{name: x, split: {shop: 0}}]\n", "spec.shared[0].split.shop"},
		{HEAD "  shared: [{name: x, split: {}}]\n", "1 to 1024 teams"},
		{HEAD "  proxies: [{namespace: x}]\n", "workload"},
		{HEAD "  payer: sender\n---\n" HEAD "  payer: sender\n", "stands in a.yaml already"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		auto_rules *rules = NULL;
		struct weir_err err = {{0}};

		CHECK(rules_load(&rules, cases[i].text, &err) == -EINVAL && strstr(err.text, cases[i].want), "%zu: %s", i, err.text);
	}
}

static const char *const random_rules[] = {
	NULL,
	INGRESS_RULES "  payer: receiver\n  shared: [{name: r0, split: even}, {name: r1, split: {t0: 2, t1: 3, none: 7}}]\n",
	HEAD "  team: {labels: [other], namespace: false}\n  shared: [{split: even}]\n  proxies: [{workload: \"w[0-2]\"}]\n",
	HEAD "  shared: [{split: {t0: 1}}]\n  proxies: [{workload: \"*\"}]\n",
};

static int random_row(struct weir_alloc *a, unsigned int *seed, size_t row, uint64_t *once)
{
	static const char *const labels[] = {"{\"team\":\"t0\"}", "{\"team\":\"t1\"}", "{\"other\":\"x\"}", ""};
	char from[32], to[32], resource[4];
	struct moved m = {.from = from, .to = rand_r(seed) % 3 ? to : "", .labels = labels[rand_r(seed) % 4],
			  .hour = rand_r(seed) % 3, .dir = rand_r(seed) % 2, .opened = rand_r(seed) % 2,
			  .bytes = (uint64_t)(rand_r(seed) % 5) * (uint64_t)rand_r(seed) * 1000003u,
			  .nanos = rand_r(seed) % 4 * (int64_t)rand_r(seed) * 7919,
			  .resource = rand_r(seed) % 2 ? resource : NULL};

	snprintf(from, sizeof(from), "n%d/w%d", rand_r(seed) % 2, rand_r(seed) % 5);
	snprintf(to, sizeof(to), "n%d/w%d", rand_r(seed) % 2, rand_r(seed) % 6);
	snprintf(resource, sizeof(resource), "r%d", rand_r(seed) % 3);
	*once += m.bytes;
	return put(a, &m, row);
}

struct sums {
	int64_t nanos, in;
	uint64_t bytes, once;
	size_t negative, hows;
};

static int random_case(const struct weir_allocation *rules, enum weir_payer payer, unsigned int *seed, struct sums *ret)
{
	weir_auto_alloc struct weir_alloc *a = NULL;
	size_t rows = 1 + (size_t)rand_r(seed) % 12, hours = (size_t)rand_r(seed) % 6;
	int r = weir_alloc_new(rules, payer, &a);

	for (size_t i = 0; !r && i < rows; i++)
		r = random_row(a, seed, i, &ret->once);
	for (size_t i = 0; !r && i < hours; i++) {
		char name[4];

		snprintf(name, sizeof(name), "r%d", rand_r(seed) % 4);
		r = weir_alloc_hour(a, HOUR + 3600u * (uint64_t)(rand_r(seed) % 4), D, name, rand_r(seed) % 5 ? "" : "t9",
				    rand_r(seed) % 100000000);
	}
	if (!r)
		r = weir_alloc_settle(a);
	for (size_t i = 0; !r && i < weir_alloc_count(a); i++) {
		const struct weir_alloc_share *s = weir_alloc_at(a, i);

		ret->nanos += s->nanos;
		ret->bytes += s->bytes;
		ret->negative += s->nanos < 0;
		ret->hows |= 1u << s->how;
	}
	if (!r)
		ret->in += weir_alloc_total(a);
	return r;
}

/* Each case in one of the modes and sets of rules; nothing is lost, nothing given twice, nothing below nothing. */
TEST(shares_sum_to_what_went_in)
{
	long cases = getenv("WEIR_LONG") ? 1000000 : 100000;
	unsigned int seed = (unsigned int)time(NULL), hows = 0;
	struct weir_allocation *rules[WEIR_ARRAY_SIZE(random_rules)] = {NULL};
	struct weir_err err = {{0}};

	printf("# seed %u, %ld cases\n", seed, cases);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rules); i++)
		CHECK(!rules_load(&rules[i], random_rules[i], &err), "%s", err.text);
	for (long i = 0; i < cases && !test_st->failed; i++) {
		unsigned int before = seed;
		struct sums s = {0};

		CHECK(!random_case(rules[i % (long)WEIR_ARRAY_SIZE(rules)], (enum weir_payer)(i % WEIR_PAYERS), &seed, &s));
		CHECK(s.nanos == s.in && s.bytes == s.once && !s.negative, "case %ld, seed %u: %lld of %lld, %llu of %llu", i, before,
		      (long long)s.nanos, (long long)s.in, (unsigned long long)s.bytes, (unsigned long long)s.once);
		hows |= (unsigned int)s.hows;
	}
	CHECK(hows == (1u << WEIR_ALLOC_HOWS) - 1, "not all ways were met: %x", hows);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rules); i++)
		weir_allocation_free(rules[i]);
}

TEST_MAIN(T(who_pays), T(an_hour_of_what_is_shared), T(idle_and_owned_hours_stand_apart), T(a_proxy_passes_on_by_measured_bytes), T(what_has_a_tag_stays_apart),
	  T(proxies_behind_proxies), T(owners_by_labels_and_fallbacks), T(labels_as_the_store_has_them), T(what_a_document_may_say), T(shares_sum_to_what_went_in))
