/* SPDX-License-Identifier: Apache-2.0 */
/* Hours of resources in the ledger: each once, whatever happens between. Prices are the test's own. */
#include "aggregator/hours.h"
#include "aggregator/query.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/stored.h"
#include "tests/lib/test.h"
#include "tests/lib/topology_fixture.h"

#include <signal.h>
#include <time.h>

#define HOUR 3600ull
#define START 1793486340ull /* 2026-10-31T22:39:00Z */
#define FIRST 1793487600ull /* 23:00, the first whole hour */

static const char topology[] =
	"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
	"  domain: aws/1/vpc\n  provider: aws\n  account: \"1\"\n"
	"  zones: [{id: use1-az1, region: us-east-1}]\n"
	"  prefixes: [10.1.0.0/16]\n"
	"  nat: [{name: nat-a, zone: use1-az1}, {name: nat-b, zone: use1-az1}]\n"
	"  subnets:\n"
	"  - {name: a, cidrs: [10.1.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: \"nat:nat-a\"}]}\n"
	"  load_balancers:\n"
	"  - {name: web, kind: alb, scheme: internal, owner: shop, nodes: [{subnet: a}], targets: [a]}\n"
	"  - {name: odd, kind: nlb, scheme: internal, nodes: [{subnet: a}], targets: [a]}\n";

/* From 2026-11-02 gateways cost twice as much. */
static const char prices[] =
	"apiVersion: weir.dev/v1alpha1\nkind: PriceBook\nmetadata: {name: p}\nspec:\n"
	"  provider: aws\n  currency: USD\n  region: us-east-1\n  source: test\n  resources:\n"
	"  - {name: nat-gateway-hour, unit: hour, price: \"0.045\", valid_to: 2026-11-02}\n"
	"  - {name: nat-gateway-hour, unit: hour, price: \"0.09\", valid_from: 2026-11-02}\n"
	"  - {name: alb-hour, unit: hour, price: \"0.0225\"}\n";
#define CHANGE 1793577600ull /* 2026-11-02T00:00:00Z */
#define HOUR_NANOS 112500000ll /* 2 x 0.045 + 0.0225 */
#define LATER_NANOS 202500000ll

static int load(struct topology_fixture *w, struct weir_err *err)
{
	weir_auto_ydoc struct weir_ydoc *d = NULL;
	int r = topology_fixture_load(w, topology, "topology", err);

	if (!r)
		r = weir_ydoc_parse(prices, strlen(prices), "prices", &d, err);
	if (!r)
		r = weir_pricebook_add(w->prices, weir_ydoc_root(d, 0), err);
	return r ? r : weir_pricebook_seal(w->prices, err);
}

/* As the aggregator does it: until there is no more. -1: failed, else how many calls said that there is more. */
static int charge(struct store *s, const struct topology_fixture *w, uint64_t now_s, uint64_t *ret_skipped)
{
	const struct ingest_pricing pricing = {w->topology, w->prices};
	struct hours_done done = {.more = true};
	int calls = -1;

	while (done.more && calls < 20000) {
		if (hours_charge(s, &pricing, now_s, &done))
			return -1;
		if (ret_skipped)
			*ret_skipped += done.skipped;
		calls++;
	}
	return calls;
}

static int add_nanos(const struct query_cost *c, void *arg)
{
	*(int64_t *)arg += c->nanos;
	return 0;
}

static int64_t money(struct store *s, enum store_res res, uint64_t from_s, uint64_t to_s)
{
	static const enum query_dim dims[] = {QUERY_WORKLOAD};
	const struct query_range range = {from_s, to_s, res};
	int64_t sum = 0;

	return query_cost(s, dims, 1, &range, add_nanos, &sum) ? -1 : sum;
}

struct lines {
	char text[1024];
	size_t len;
};

static int add_line(const struct query_cost *c, void *arg)
{
	struct lines *l = arg;

	l->len += (size_t)snprintf(l->text + l->len, sizeof(l->text) - l->len, "%s %s team=%s %s %s node=%s %llu %lld\n",
				   c->keys[0], c->keys[1], c->keys[2], c->keys[3], c->keys[4], c->keys[5],
				   (unsigned long long)(c->metered_bytes + c->bytes), (long long)c->nanos);
	return 0;
}

TEST(an_hour_that_is_over_is_charged_once)
{
	static const enum query_dim dims[] = {QUERY_NAMESPACE, QUERY_WORKLOAD, QUERY_TEAM, QUERY_PATH, QUERY_METER, QUERY_NODE};
	const struct query_range all = {0, INT64_MAX, STORE_10S};
	struct topology_fixture w = {0};
	struct weir_err err = {{0}};
	auto_store *s = open_store();
	struct lines l = {0};

	CHECK(!load(&w, &err), "%s", err.text);
	CHECK(!charge(s, &w, START, NULL) && !charge(s, &w, FIRST + HOUR - 1, NULL));
	CHECK(money(s, STORE_10S, 0, INT64_MAX) == 0, "no hour was whole: %lld", (long long)money(s, STORE_10S, 0, INT64_MAX));
	for (int i = 0; i < 3; i++)
		CHECK(!charge(s, &w, FIRST + HOUR + (uint64_t)i, NULL), "%s", store_error(s));
	CHECK(!query_cost(s, dims, 6, &all, add_line, &l));
	CHECK(!strcmp(l.text, "aws/1/vpc nat-a team= nat nat-gateway-hour node= 0 45000000\n"
			      "aws/1/vpc nat-b team= nat nat-gateway-hour node= 0 45000000\n"
			      "aws/1/vpc web team=shop lb alb-hour node= 0 22500000\n"
			      "aws/1/vpc odd team= lb unpriced node= 0 0\n"),
	      "%s", l.text);
	/* The month is the hour's own, and the last hour has one hour of it. */
	CHECK(money(s, STORE_10S, 1793491200, INT64_MAX) == 0, "October's last hour is not November's");
	CHECK(money(s, STORE_10S, FIRST + 600, FIRST + HOUR + 600) == HOUR_NANOS);
	topology_fixture_free(&w);
}

TEST(days_without_an_aggregator_are_charged_by_their_own_prices)
{
	struct topology_fixture w = {0};
	struct weir_err err = {{0}};
	auto_store *s = open_store();
	int64_t want = (int64_t)((CHANGE - FIRST) / HOUR) * HOUR_NANOS + 48 * LATER_NANOS;

	CHECK(!load(&w, &err), "%s", err.text);
	CHECK(!charge(s, &w, START, NULL));
	CHECK(charge(s, &w, CHANGE + 48 * HOUR + 5, NULL) == (int)((CHANGE - FIRST) / HOUR) + 47);
	for (enum store_res res = STORE_10S; res < STORE_RESOLUTIONS; res++)
		CHECK(money(s, res, 0, INT64_MAX) == want, "%d: %lld, not %lld", res, (long long)money(s, res, 0, INT64_MAX),
		      (long long)want);
	topology_fixture_free(&w);
}

TEST(what_is_longer_ago_than_rows_are_kept_is_said)
{
	const struct ingest_pricing none = {NULL, NULL};
	struct topology_fixture w = {0};
	struct weir_err err = {{0}};
	struct hours_done done = {0};
	auto_store *s = open_store();
	uint64_t skipped = 0, now_s = FIRST + HOURS_BACK_S + 5 * HOUR;
	int calls;

	CHECK(!load(&w, &err), "%s", err.text);
	CHECK(!charge(s, &w, START, NULL));
	CHECK(!hours_charge(s, &none, now_s, &done) && !done.more && !done.skipped, "without prices it waits");
	calls = charge(s, &w, now_s, &skipped);
	CHECK(calls == (int)(HOURS_BACK_S / HOUR) - 1 && skipped == 5, "%d calls, %llu", calls, (unsigned long long)skipped);
	topology_fixture_free(&w);
}

/* Rows that come behind the folding are in all rollups once. */
TEST(late_hours_are_in_every_rollup_once)
{
	static const uint64_t keep[STORE_RESOLUTIONS] = {400 * 86400, 400 * 86400, 400 * 86400, 1830 * 86400};
	struct topology_fixture w = {0};
	struct weir_err err = {{0}};
	auto_store *s = open_store();

	CHECK(!load(&w, &err), "%s", err.text);
	CHECK(!charge(s, &w, START, NULL) && !charge(s, &w, FIRST + HOUR, NULL));
	CHECK(!retain_all(s, FIRST + 20 * HOUR, keep), "%s", store_error(s));
	CHECK(charge(s, &w, FIRST + 10 * HOUR, NULL) == 8, "%s", store_error(s));
	for (enum store_res res = STORE_10S; res < STORE_RESOLUTIONS; res++)
		CHECK(money(s, res, 0, INT64_MAX) == 10 * HOUR_NANOS, "%d: %lld", res, (long long)money(s, res, 0, INT64_MAX));
	CHECK(!retain_all(s, FIRST + 30 * HOUR, keep), "%s", store_error(s));
	for (enum store_res res = STORE_10S; res < STORE_RESOLUTIONS; res++)
		CHECK(money(s, res, 0, INT64_MAX) == 10 * HOUR_NANOS, "%d: %lld", res, (long long)money(s, res, 0, INT64_MAX));
	topology_fixture_free(&w);
}

/* A process that charges hour after hour until it is killed. */
static void charge_until_killed(const char *path, const struct topology_fixture *w)
{
	const struct ingest_pricing pricing = {w->topology, w->prices};
	struct hours_done done = {.more = true};
	struct weir_err err = {{0}};
	struct store *s = NULL;

	if (store_open(path, &s, &err))
		_exit(2);
	while (done.more)
		if (hours_charge(s, &pricing, FIRST + 400 * 24 * HOUR, &done))
			_exit(3);
	_exit(0);
}

TEST(a_kill_charges_no_hour_twice_and_leaves_none_out)
{
	unsigned int seed = (unsigned int)time(NULL);
	int rounds = getenv("WEIR_LONG") ? 200 : 12, killed = 0;
	struct topology_fixture w = {0};
	struct weir_err err = {{0}};
	auto_store *s = NULL;
	auto_scratch t = {0};
	int64_t hours, early = (int64_t)((CHANGE - FIRST) / HOUR);

	printf("# seed %u\n", seed);
	CHECK(!load(&w, &err) && !scratch_new(&t), "%s", err.text);
	CHECK(!store_open(t.store, &s, &err) && !charge(s, &w, START, NULL), "%s", err.text);
	store_close(weir_take_ptr(s));
	for (int i = 0; i < rounds; i++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			charge_until_killed(t.store, &w);
		usleep(20000 + (useconds_t)rand_r(&seed) % 60000);
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, &status, 0) == pid);
		killed += WIFSIGNALED(status);
	}
	CHECK(!store_open(t.store, &s, &err), "%s", err.text);
	hours = stored_number(t.store, "SELECT charged_s FROM hours");
	hours = (hours - (int64_t)FIRST) / (int64_t)HOUR;
	CHECK(killed && hours > killed, "%d killed, %lld hours", killed, (long long)hours);
	CHECK(money(s, STORE_10S, 0, INT64_MAX) == WEIR_MIN(hours, early) * HOUR_NANOS + WEIR_MAX(hours - early, 0) * LATER_NANOS,
	      "%lld hours: %lld", (long long)hours, (long long)money(s, STORE_10S, 0, INT64_MAX));
	CHECK(stored_number(t.store, "SELECT COUNT(*) FROM ledger_10s") == 4 * hours, "rows");
	topology_fixture_free(&w);
}

TEST_MAIN(T(an_hour_that_is_over_is_charged_once), T(days_without_an_aggregator_are_charged_by_their_own_prices),
	  T(what_is_longer_ago_than_rows_are_kept_is_said), T(late_hours_are_in_every_rollup_once),
	  T(a_kill_charges_no_hour_twice_and_leaves_none_out))
