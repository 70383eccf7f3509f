/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger with prices of more than one account and region: an allowance over all of them, tiers in each. By hand:
 * 100 GiB are free over both regions, then 0.09 USD a GiB in the east and 0.1 in eu-west-1; under the contract of
 * account 2 a tenth less.
 */
#include "aggregator/cost.h"
#include "aggregator/query.h"
#include "tests/lib/priced.h"
#include "tests/lib/test.h"

#define GIB 1073741824ull
#define NOW_S 1795500000ull /* 2026-11-24 */

static const char list[] =
	"apiVersion: weir.dev/v1alpha1\n"
	"kind: PriceBook\n"
	"metadata: {name: p}\n"
	"spec:\n"
	"  provider: aws\n"
	"  currency: USD\n"
	"  source: list\n"
	"  meters:\n"
	"  - name: internet-out\n"
	"    paths: [internet]\n"
	"    directions: [egress]\n"
	"    unit: GiB\n"
	"    pool: organisation-region\n"
	"    free: {amount: 100GiB, pool: organisation}\n"
	"    prices: [{region: us-east-1, price: '0.09'}, {region: eu-west-1, price: '0.1'}]\n";
static const char contract[] =
	"apiVersion: weir.dev/v1alpha1\n"
	"kind: PriceContract\n"
	"metadata: {name: c}\n"
	"spec:\n"
	"  provider: aws\n"
	"  organisation: acme\n"
	"  accounts: ['1', '2']\n"
	"  source: signed\n"
	"  terms: []\n"
	"---\n"
	"apiVersion: weir.dev/v1alpha1\n"
	"kind: PriceContract\n"
	"metadata: {name: d}\n"
	"spec: {provider: aws, accounts: ['2'], source: signed, terms: [{discount: 10%}]}\n";

static int add(struct weir_pricebook *b, const char *text, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	int r = weir_ydoc_parse(text, strlen(text), "b.yaml", &d, err);

	for (size_t i = 0; r == 0 && i < weir_ydoc_count(d); i++)
		r = weir_pricebook_add(b, weir_ydoc_root(d, i), err);
	return r;
}

static const struct weir_subnet east = {"aws/1/v", "s", "us-east-1", "a", "1"};
static const struct weir_subnet eu = {"aws/1/w", "s", "eu-west-1", "b", "1"};
static const struct weir_subnet east2 = {"aws/2/v", "s", "us-east-1", "a", "2"};

struct moved {
	const struct weir_subnet *from;
	uint64_t gib;
};

static int sum(const struct query_cost *c, void *arg)
{
	*(int64_t *)arg += c->nanos;
	return 0;
}

static int commit(struct store *s, const struct weir_pricebook *b, const struct moved *moved, size_t n, uint64_t sequence)
{
	const struct weir_sum_workload w = {.name = "w", .namespace = "n", .kind = "pod", .cgroup = "/w"};
	struct cost_batch *batch = NULL;
	int64_t node = 0, workload = 0;
	int r = cost_batch_new(&batch);

	if (!r)
		r = store_begin(s);
	if (!r)
		r = store_node(s, "n", &node);
	if (!r)
		r = store_workload(s, node, "aws/1/v", &w, &workload);
	for (size_t i = 0; !r && i < n; i++) {
		const struct weir_route route = {.path = WEIR_PATH_INTERNET, .service = "", .region = "", .zone = "",
						 .peer_domain = "", .local = moved[i].from};
		const struct store_flow f = {.key = {node, 1, sequence, (uint32_t)i}, .time_s = NOW_S, .workload = workload,
					     .path = WEIR_PATH_INTERNET, .dir = WEIR_EGRESS, .verdict = WEIR_V_ACCEPT,
					     .bytes = moved[i].gib * GIB};

		r = cost_charge(batch, b, &route, &f);
	}
	if (!r)
		r = cost_settle(batch, s);
	if (!r)
		r = store_commit(s);
	cost_batch_free(batch);
	return r;
}

/* What the ledger holds after the commits, each of which has one row or more. */
static int64_t charged(struct test_state *test_st, const struct moved *const *commits, const size_t *counts, size_t n,
		       bool with_contract)
{
	static const enum query_dim dims[] = {QUERY_METER};
	const struct query_range range = {0, INT64_MAX, STORE_10S};
	struct weir_pricebook *b = NULL;
	struct store *s = NULL;
	struct weir_err err = {0};
	int64_t total = 0;

	CHECK(!weir_pricebook_new(&b) && !add(b, list, &err) && !(with_contract && add(b, contract, &err)) &&
		      !weir_pricebook_seal(b, &err) && !store_open(":memory:", &s, &err),
	      "%s", err.text);
	for (size_t i = 0; !test_st->failed && i < n; i++)
		CHECK(!commit(s, b, commits[i], counts[i], i + 1), "%s", store_error(s));
	CHECK(!query_cost(s, dims, 1, &range, sum, &total), "%s", store_error(s));
	store_close(s);
	weir_pricebook_free(b);
	return total;
}

/* 60 GiB in the east are free, of 60 in eu-west-1 only 40 are, and then none: 20 x 0.1 + 10 x 0.09. */
TEST(an_allowance_is_used_up_over_regions)
{
	static const struct moved a[] = {{&east, 60}}, b[] = {{&eu, 60}}, c[] = {{&east, 10}};
	static const struct moved all[] = {{&east, 60}, {&eu, 60}};
	const struct moved *const apart[] = {a, b, c}, *const together[] = {all, c};
	int64_t got = charged(test_st, apart, (const size_t[]){1, 1, 1}, 3, false);

	CHECK(got == 2900000000, "%lld", (long long)got);
	got = charged(test_st, together, (const size_t[]){2, 1}, 2, false);
	CHECK(got == 2900000000, "in one commit: %lld", (long long)got);
}

/* Two accounts have two allowances, and so nothing to pay for 60 GiB each. */
TEST(accounts_have_their_own)
{
	static const struct moved all[] = {{&east, 60}, {&east2, 60}};
	const struct moved *const commits[] = {all};
	int64_t got = charged(test_st, commits, (const size_t[]){2}, 1, false);

	CHECK(got == 0, "%lld", (long long)got);
}

/* In an organisation they share it: of account 2's 60 GiB 20 are left, at 0.081. */
TEST(an_organisation_shares_one)
{
	static const struct moved a[] = {{&east, 60}}, b[] = {{&east2, 60}};
	const struct moved *const commits[] = {a, b};
	int64_t got = charged(test_st, commits, (const size_t[]){1, 1}, 2, true);

	CHECK(got == 1620000000, "%lld", (long long)got);
}

TEST_MAIN(T(an_allowance_is_used_up_over_regions), T(accounts_have_their_own), T(an_organisation_shares_one))
