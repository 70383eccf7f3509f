/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /api/v1/allocation: whose the ledger's costs are. Prices are those of policies/prices/aws-us-east-1.yaml: between zones
 * 0.01 USD a GiB on each side, NAT 0.045 a GiB and 0.045 an hour, to the internet nothing for the first 100 GiB.
 */
#include "aggregator/alloc_ledger.h"
#include "aggregator/query_charges.h"
#include "tests/lib/paid_fixture.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <time.h>

#define WEB "10.7.1.11"
#define DB "10.7.2.12"
#define OUTSIDE "203.0.113.9"

/* web asks db, 1 GiB there and 3 back, both ends seen, and sends 2 GiB out through nat-a. */
static void fill(struct paid *w)
{
	static const struct paid_row web[] = {{DB, WEIR_EGRESS, true, GIB}, {DB, WEIR_INGRESS, true, 3 * GIB}, {OUTSIDE, WEIR_EGRESS, true, 2 * GIB}};
	static const struct paid_row db[] = {{WEB, WEIR_INGRESS, false, GIB}, {WEB, WEIR_EGRESS, false, 3 * GIB}};
	const struct ingest_pricing pricing = paid_pricing(w);
	struct hours_done done;

	if (paid_window(w, "n1", "shop", "web", "shop", WEB, 100, web, 3) || paid_window(w, "n2", "data", "db", "", DB, 104, db, 2) ||
	    store_hours_set(w->sv.store, PAID_HOUR) || hours_charge(w->sv.store, &pricing, PAID_HOUR + 3600, &done))
		fprintf(stderr, "%s\n", store_error(w->sv.store));
}

static json_int_t number(const json_t *o, const char *field)
{
	return json_integer_value(json_object_get(o, field));
}

/* "owner kind direct proxy shared bytes" lines. */
static void lines_of(const json_t *o, char *text, size_t size)
{
	const json_t *items = json_object_get(o, "items");
	size_t used = 0;

	*text = '\0';
	for (size_t i = 0; i < json_array_size(items) && used < size; i++) {
		const json_t *it = json_array_get(items, i);

		used += (size_t)snprintf(text + used, size - used, "%s %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
					 json_string_value(json_object_get(it, "owner")), json_string_value(json_object_get(it, "kind")),
					 (int64_t)number(it, "direct_nanos"), (int64_t)number(it, "proxy_nanos"),
					 (int64_t)number(it, "shared_nanos"), (int64_t)number(it, "bytes"));
	}
}

/* By hand, in millions of nanos: rows of 1 GiB cost 10 on each side, those of 3 GiB 30; NAT 90; nat-a's hour 45, of which
 * web is the only user. Sender: web 10 + 10 + 90, db 30 + 30. Receiver: web 30 + 30 + 90, db 10 + 10. Initiator: all web's. */
TEST(who_pays_for_the_ledger)
{
	static const struct {
		const char *payer, *want;
	} cases[] = {
		{"sender", "shop owner 110000000 0 45000000 4294967296\ndata owner 60000000 0 0 6442450944\n"},
		{"receiver", "shop owner 150000000 0 45000000 8589934592\ndata owner 20000000 0 0 2147483648\n"},
		{"initiator", "shop owner 170000000 0 45000000 10737418240\n"},
	};
	auto_paid w;

	paid_new(&w);
	fill(&w);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_err err = {{0}};
		api_auto_json json_t *o = PAID_ASK(&w, api_allocation, &err, {"payer", cases[i].payer}, {"by", "team"}, {"from", "1795496400"});
		char text[512];

		CHECK(o, "%s", err.text);
		lines_of(o, text, sizeof(text));
		CHECK(!strcmp(text, cases[i].want), "%s: %s", cases[i].payer, text);
		CHECK(number(json_object_get(o, "total"), "nanos") == 215000000 && !json_object_get(o, "next"));
	}
}

TEST(owners_by_other_keys)
{
	static const struct {
		const char *by, *want;
	} cases[] = {
		{"workload", "shop/web owner 110000000 0 45000000 4294967296\ndata/db owner 60000000 0 0 6442450944\n"},
		{"label:team", "shop owner 110000000 0 45000000 4294967296\n unallocated 60000000 0 0 6442450944\n"},
		{"label:tier", "back owner 170000000 0 45000000 10737418240\n"},
		{"cost-centre", " unallocated 170000000 0 45000000 10737418240\n"},
	};
	auto_paid w;

	paid_new(&w);
	fill(&w);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_err err = {{0}};
		api_auto_json json_t *o = PAID_ASK(&w, api_allocation, &err, {"by", cases[i].by}, {"from", "1795496400"});
		char text[512];

		CHECK(o, "%s", err.text);
		lines_of(o, text, sizeof(text));
		CHECK(!strcmp(text, cases[i].want), "%s: %s", cases[i].by, text);
	}
}

TEST(questions_that_are_refused)
{
	static const char *const cases[][3] = {{"by", "path", "by: must be team"}, {"payer", "both", "payer: must be sender"}, {"by", "label:", "by: must"}};
	auto_paid w;

	paid_new(&w);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_err err = {{0}};
		api_auto_json json_t *o = PAID_ASK(&w, api_allocation, &err, {cases[i][0], cases[i][1]});

		CHECK(!o && strstr(err.text, cases[i][2]), "%s", err.text);
	}
}

static int add_nanos(const struct query_cost *c, void *arg)
{
	*(int64_t *)arg += c->nanos;
	return 0;
}

static int random_windows(struct paid *w, unsigned int *seed, int n)
{
	static const char *const peers[] = {WEB, DB, "10.7.1.33", OUTSIDE, "10.99.1.1", NULL};
	static const struct {
		const char *node, *namespace, *name, *team, *local;
	} who[] = {{"n1", "shop", "web", "shop", WEB}, {"n2", "data", "db", "", DB}, {"n1", "ingress-nginx", "nginx", "", "10.7.1.33"}};
	int r = 0;

	for (int i = 0; !r && i < n; i++) {
		struct paid_row rows[8];
		size_t k = 1 + (size_t)rand_r(seed) % 8, from = (size_t)rand_r(seed) % 3;

		for (size_t j = 0; j < k; j++)
			rows[j] = (struct paid_row){peers[rand_r(seed) % 6], rand_r(seed) & 1, rand_r(seed) & 1, (uint64_t)rand_r(seed) * 7};
		r = paid_window(w, who[from].node, who[from].namespace, who[from].name, who[from].team, who[from].local,
				(uint64_t)(rand_r(seed) % 7200), rows, k);
	}
	return r;
}

/* Nobody's money is lost, whatever moved, whoever pays: by the hour the shares are the ledger. */
TEST(shares_sum_to_the_ledger)
{
	static const enum query_dim dims[] = {QUERY_TEAM};
	int rounds = getenv("WEIR_LONG") ? 300 : 20;
	unsigned int seed = (unsigned int)time(NULL);

	printf("# seed %u\n", seed);
	for (int i = 0; i < rounds && !test_st->failed; i++) {
		const struct weir_repo *repo;
		struct ingest_pricing pricing;
		struct hours_done done;
		auto_paid w;

		paid_new(&w);
		repo = gitops_repo(w.sv.gitops);
		pricing = paid_pricing(&w);
		CHECK(!random_windows(&w, &seed, 30), "%s", store_error(w.sv.store));
		CHECK(!store_hours_set(w.sv.store, PAID_HOUR) && !hours_charge(w.sv.store, &pricing, PAID_HOUR + 3600, &done));
		for (uint64_t hour = PAID_HOUR; hour <= PAID_HOUR + 3600; hour += 3600) {
			const struct query_range range = {hour, hour + 3600, STORE_1H};
			weir_auto_alloc struct weir_alloc *a = NULL;
			int64_t ledger = 0, shares = 0;
			uint32_t rows;

			CHECK(!query_cost(w.sv.store, dims, 1, &range, add_nanos, &ledger));
			CHECK(!alloc_ledger_hour(w.sv.store, &pricing, repo->allocation, (enum weir_payer)(i % WEIR_PAYERS), hour, &a, &rows));
			for (size_t k = 0; a && k < weir_alloc_count(a); k++)
				shares += weir_alloc_at(a, k)->nanos;
			CHECK(ledger > 0 && shares == ledger, "round %d: %lld of %lld", i, (long long)shares, (long long)ledger);
		}
	}
}

TEST_MAIN(T(who_pays_for_the_ledger), T(owners_by_other_keys), T(questions_that_are_refused), T(shares_sum_to_the_ledger))
