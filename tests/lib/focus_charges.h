/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fleet's charges for the FOCUS export: two accounts of one organisation, of which one has a contract; a free allowance
 * of 100 GiB over both, a second tier behind 1024 GiB, a hop between zones, a gateway by the hour.
 */
#ifndef WEIR_TEST_FOCUS_CHARGES_H
#define WEIR_TEST_FOCUS_CHARGES_H

#include <time.h>

#include "lib/ds/buf.h"
#include "lib/money/focus_export.h"
#include "tests/lib/test.h"

#define GIB 1073741824ull
#define NOVEMBER 1793491200ull /* 2026-11-01 */
#define DAY 86400ull
#define CHARGES_MAX 4096

static const char focus_books[] =
	"apiVersion: weir.dev/v1alpha1\n"
	"kind: PriceBook\n"
	"metadata: {name: p}\n"
	"spec:\n"
	"  provider: aws\n"
	"  currency: USD\n"
	"  region: us-east-1\n"
	"  source: a list, read in a test\n"
	"  valid_from: 2026-01-01\n"
	"  meters:\n"
	"  - name: internet-out\n"
	"    paths: [internet, nat]\n"
	"    directions: [egress]\n"
	"    when: [public]\n"
	"    unit: GiB\n"
	"    pool: organisation-region\n"
	"    free: {amount: 100GiB, pool: organisation}\n"
	"    tiers: [{from: 0GiB, price: '0.09'}, {from: 1024GiB, price: '0.085'}]\n"
	"  - {name: cross-zone, paths: [cross-zone], directions: [ingress, egress], unit: GiB, price: '0.01',"
	" sku: '*DataTransfer-Regional-Bytes'}\n"
	"  - {name: nat-processing, leg: processing, paths: [nat], directions: [ingress, egress], unit: GiB, price: '0.045'}\n"
	"  resources:\n"
	"  - {name: nat-gateway-hour, unit: hour, price: '0.045'}\n"
	"---\n"
	"apiVersion: weir.dev/v1alpha1\n"
	"kind: PriceContract\n"
	"metadata: {name: c}\n"
	"spec: {provider: aws, organisation: acme, accounts: ['111111111111', '222222222222'], source: signed, terms: []}\n"
	"---\n"
	"apiVersion: weir.dev/v1alpha1\n"
	"kind: PriceContract\n"
	"metadata: {name: d}\n"
	"spec: {provider: aws, accounts: ['222222222222'], source: signed, terms: [{meters: [cross-zone], discount: 12.5%}]}\n";

static inline int focus_books_load(struct weir_pricebook **ret, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	int r = weir_ydoc_parse(focus_books, strlen(focus_books), "b.yaml", &d, err);

	if (!r)
		r = weir_pricebook_new(ret);
	for (size_t i = 0; !r && i < weir_ydoc_count(d); i++)
		r = weir_pricebook_add(*ret, weir_ydoc_root(d, i), err);
	return r ? r : weir_pricebook_seal(*ret, err);
}

static inline struct weir_focus_charge focus_charge(uint64_t day, const char *account, const char *meter, const char *workload,
						    uint64_t bytes)
{
	return (struct weir_focus_charge){
		.from_s = NOVEMBER + day * DAY, .to_s = NOVEMBER + (day + 1) * DAY, .month = 202611, .provider = "aws",
		.region = "us-east-1", .account = account, .meter = meter, .domain = "aws/vpc", .namespace = "shop",
		.workload = workload, .kind = "pod", .team = "web", .labels = "{\"app\":\"a,\\\"b\\\"\"}",
		.path = WEIR_PATH_INTERNET, .bytes = bytes};
}

static inline int focus_sink(const void *data, size_t len, void *arg)
{
	return weir_buf_add(arg, data, len);
}

/* The whole file of n charges. */
static inline int focus_exported(const struct weir_pricebook *b, enum weir_focus_version v, const struct weir_focus_charge *c,
				 size_t n, struct weir_buf *ret, struct weir_focus_export_stats *stats, struct weir_err *err)
{
	const struct weir_focus_export_options o = {.version = v, .book = b, .account_prefix = "acct-"};
	weir_auto_focus_export struct weir_focus_export *x = NULL;
	int r = weir_focus_export_new(&o, focus_sink, ret, &x);

	for (size_t i = 0; !r && i < n; i++)
		r = weir_focus_export_add(x, &c[i], err);
	return r ? r : weir_focus_export_end(x, stats, err);
}

/* WEIR_SEED, or the time; printed. */
static inline uint64_t seed_of(void)
{
	const char *s = getenv("WEIR_SEED");
	uint64_t seed = s ? strtoull(s, NULL, 10) : (uint64_t)time(NULL);

	printf("# WEIR_SEED=%llu\n", (unsigned long long)seed);
	return seed * 2654435761u + 1;
}

static inline uint64_t rnd(uint64_t *state, uint64_t n)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (*state >> 33) % n;
}

static inline const struct weir_meter *meter_of(const struct weir_pricebook *b, const char *account, const char *name)
{
	return weir_meter_effective(weir_pricebook_find(b, "aws", "us-east-1", name, NOVEMBER), account, NOVEMBER);
}

static inline struct weir_pricebook *books(struct test_state *test_st)
{
	struct weir_pricebook *b = NULL;
	struct weir_err err = {0};

	CHECK(!focus_books_load(&b, &err), "%s", err.text);
	return b;
}

static inline void book_freep(struct weir_pricebook **b)
{
	weir_pricebook_free(*b);
}
#define auto_book weir_cleanup(book_freep)

/* --- a generated month --- */

struct month {
	struct weir_focus_charge charges[CHARGES_MAX];
	char names[64][32];
	size_t count;
};

static inline void generate(struct month *m, uint64_t *state, bool charged)
{
	static const char *const accounts[] = {"111111111111", "222222222222"};
	static const char *const meters[] = {"internet-out", "cross-zone", "nat-processing"};
	static const enum weir_path paths[] = {WEIR_PATH_INTERNET, WEIR_PATH_CROSS_ZONE, WEIR_PATH_NAT};

	m->count = 0;
	for (size_t i = 0; i < 64; i++)
		snprintf(m->names[i], sizeof(m->names[i]), i ? "web-%zu" : "", i);
	for (uint64_t day = 0; day < 12; day++) {
		for (size_t i = 0, n = 20 + rnd(state, 200); i < n; i++) {
			size_t meter = rnd(state, 3);
			struct weir_focus_charge c = focus_charge(day, accounts[rnd(state, 2)], meters[meter],
								  m->names[rnd(state, 64)], rnd(state, 8 * GIB));

			c.path = meter ? paths[meter] : rnd(state, 2) ? WEIR_PATH_NAT : WEIR_PATH_INTERNET;
			c.team = rnd(state, 5) ? "web" : "";
			c.flow_log = !rnd(state, 9);
			c.charged = charged;
			c.nanos = charged ? (int64_t)rnd(state, 1000000000) : 0;
			m->charges[m->count++] = c;
		}
		for (size_t a = 0; a < 2; a++) {
			struct weir_focus_charge c = focus_charge(day, accounts[a], "nat-gateway-hour", "", 86400 - rnd(state, 999));

			c.resource = "nat-a";
			c.path = WEIR_PATH_NAT;
			m->charges[m->count++] = c;
			c.workload = m->names[5];
			c.bytes = 997;
			m->charges[m->count++] = c;
		}
	}
}

struct exported {
	struct month month;
	struct weir_buf text;
	struct weir_focus_export_stats stats;
};

static inline void exported_freep(struct exported **e)
{
	if (*e)
		weir_buf_fini(&(*e)->text);
	free(*e);
}
#define auto_exported weir_cleanup(exported_freep)

static inline struct exported *export_month(struct test_state *test_st, enum weir_focus_version v, uint64_t state, bool charged)
{
	auto_book struct weir_pricebook *b = books(test_st);
	struct exported *e = calloc(1, sizeof(*e));
	struct weir_err err = {0};

	if (!e || !b)
		abort();
	generate(&e->month, &state, charged);
	CHECK(!focus_exported(b, v, e->month.charges, e->month.count, &e->text, &e->stats, &err), "%s", err.text);
	return e;
}

#endif
