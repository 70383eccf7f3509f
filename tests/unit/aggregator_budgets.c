/* SPDX-License-Identifier: Apache-2.0 */
/* What is spent of budgets, by what is added as it is committed: always what the ledger says when it is read anew. */
#include "aggregator/budgets.h"
#include "aggregator/query_budget.h"
#include "aggregator/store_charged.h"
#include "aggregator/store_impl.h"
#include "lib/money/topology.h"
#include "tests/lib/charge_fixture.h"
#include "tests/lib/test.h"

#include <time.h>

#define DAY 86400ull
#define DECEMBER 1796083200ull /* 2026-12-01 */

static const char two[] =
	"apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: shop}\nspec:\n"
	"  scope: {team: shop}\n  amount: \"1\"\n  currency: USD\n";
static const char documents[][400] = {
	"apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: all-quarter}\nspec:\n"
	"  scope: {}\n  amount: \"1\"\n  currency: USD\n  period: quarter\n",
	"apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: app-nat}\nspec:\n"
	"  scope: {path: nat, labels: {app: web}}\n  amount: \"1\"\n  currency: USD\n  at_limit: propose\n",
	"apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: meter-year}\nspec:\n"
	"  scope: {namespace: n, node: n2, meter: x}\n  amount: \"1\"\n  currency: USD\n  period: year\n",
};

struct world {
	struct store *store;
	struct budgets *budgets;
	struct weir_budget_set *set;
	uint8_t print[32];
};

static void set_add(struct weir_budget_set *set, const char *text)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_err err = {{0}};

	if (weir_ydoc_parse(text, strlen(text), "b", &doc, &err) || weir_budget_set_add(set, weir_ydoc_root(doc, 0), &err)) {
		printf("# %s\n", err.text);
		abort();
	}
}

static void world_new(struct world *w)
{
	*w = (struct world){.store = open_store(), .print = {1}};
	if (weir_budget_set_new(&w->set) || budgets_new(w->store, &w->budgets))
		abort();
	set_add(w->set, two);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(documents); i++)
		set_add(w->set, documents[i]);
}

static void world_fini(struct world *w)
{
	budgets_free(w->budgets);
	weir_budget_set_free(w->set);
	store_close(w->store);
}
#define auto_world weir_cleanup(world_fini) struct world

static int64_t spent(struct world *w, const char *name, uint64_t now_s)
{
	if (budgets_update(w->budgets, w->set, w->print, now_s))
		return -1;
	return budgets_find(w->budgets, name)->spent_nanos;
}

struct told {
	int64_t nanos;
	size_t count;
};

static void add_told(const struct store_charged *c, void *arg)
{
	struct told *t = arg;

	t->nanos += c->nanos;
	t->count++;
}

TEST(only_what_is_committed_is_told)
{
	auto_store *s = open_store();
	struct charged c = {.nanos = 5, .time_s = NOW_S};
	struct told t = {0, 0};

	CHECK(!charge_committed(s, &c) && store_charged_take(s, add_told, &t) && !t.count, "nobody asked yet");
	CHECK(!store_charged_begin(s) && !charge_committed(s, &c) && !charge_committed(s, &c));
	CHECK(!store_begin(s) && !charge(s, &c));
	store_rollback(s);
	CHECK(store_charged_take(s, add_told, &t) && t.nanos == 10 && t.count == 1, "%lld in %zu", (long long)t.nanos, t.count);
	CHECK(store_charged_take(s, add_told, &t) && t.count == 1, "once");
	c.time_s += 3600;
	CHECK(!charge_committed(s, &c) && !store_begin(s) && !charge(s, &c) && store_charged_take(s, add_told, &t));
	CHECK(t.nanos == 15, "the transaction under way is not told: %lld", (long long)t.nanos);
	CHECK(!store_commit(s));
}

TEST(too_many_kinds_are_told_as_such)
{
	auto_store *s = open_store();
	struct store_charge c = {.key = {.node = 1, .epoch = 1, .sequence = 1}, .path = 1, .meter = "m", .pool = "p", .nanos = 1};
	struct told t = {0, 0};

	CHECK(!store_charged_begin(s) && !store_begin(s));
	for (int i = 0; i <= STORE_CHARGED_MAX; i++) {
		c.workload = i + 1;
		c.time_s = NOW_S;
		if (store_charges_add(s, &c, 1))
			abort();
	}
	CHECK(!store_commit(s) && !store_charged_take(s, add_told, &t) && !t.count);
	CHECK(store_charged_take(s, add_told, &t) && !t.count, "and it goes on");
	CHECK(!store_charges_add(s, &c, 1) && !store_begin(s) && !store_commit(s) && store_charged_take(s, add_told, &t) && t.count == 1);
}

TEST(each_budget_has_its_own)
{
	auto_world w;
	const struct charged a = {.team = "shop", .app = "web", .path = WEIR_PATH_NAT, .nanos = 7, .time_s = NOW_S},
			     b = {.node = "n2", .team = "data", .app = "webs", .path = WEIR_PATH_NAT, .meter = "x", .nanos = 100, .time_s = NOW_S},
			     before = {.team = "shop", .nanos = 1000, .time_s = NOW_S - 30 * DAY};

	world_new(&w);
	CHECK(!charge_committed(w.store, &a) && !charge_committed(w.store, &before));
	CHECK(spent(&w, "shop", NOW_S) == 7, "of the month: %lld", (long long)spent(&w, "shop", NOW_S));
	CHECK(!charge_committed(w.store, &a) && !charge_committed(w.store, &b) && !charge_committed(w.store, &before));
	CHECK(spent(&w, "shop", NOW_S) == 14, "added: %lld", (long long)spent(&w, "shop", NOW_S));
	CHECK(spent(&w, "app-nat", NOW_S) == 14, "a label is not a part of one: %lld", (long long)spent(&w, "app-nat", NOW_S));
	CHECK(spent(&w, "all-quarter", NOW_S) == 2114, "%lld", (long long)spent(&w, "all-quarter", NOW_S));
	CHECK(spent(&w, "meter-year", NOW_S) == 100, "%lld", (long long)spent(&w, "meter-year", NOW_S));
}

TEST(a_period_begins_with_what_is_in_it)
{
	auto_world w;
	struct charged c = {.team = "shop", .nanos = 5, .time_s = DECEMBER - 1};

	world_new(&w);
	CHECK(spent(&w, "shop", DECEMBER - 10) == 0 && !charge_committed(w.store, &c));
	c.time_s = DECEMBER; /* a node's clock is ahead */
	CHECK(!charge_committed(w.store, &c) && spent(&w, "shop", DECEMBER - 1) == 5);
	CHECK(spent(&w, "shop", DECEMBER) == 5 && spent(&w, "all-quarter", DECEMBER) == 10, "December has its own: %lld",
	      (long long)spent(&w, "shop", DECEMBER));
	c.time_s = DECEMBER - 1;
	CHECK(!charge_committed(w.store, &c) && spent(&w, "shop", DECEMBER) == 5, "what comes late belongs to November");
}

TEST(another_repository_is_counted_anew)
{
	auto_world w;
	const struct charged c = {.team = "shop", .nanos = 5, .time_s = NOW_S};
	struct weir_budget_set *other = NULL;

	world_new(&w);
	CHECK(!charge_committed(w.store, &c) && spent(&w, "shop", NOW_S) == 5);
	CHECK(!weir_budget_set_new(&other));
	set_add(other, "apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: shop}\nspec:\n"
		       "  scope: {namespace: n}\n  amount: \"1\"\n  currency: USD\n");
	w.print[0] = 2;
	CHECK(!budgets_update(w.budgets, other, w.print, NOW_S) && budgets_count(w.budgets) == 1);
	CHECK(budgets_at(w.budgets, 0)->budget == weir_budget_at(other, 0) && budgets_at(w.budgets, 0)->spent_nanos == 5);
	w.print[0] = 3;
	CHECK(!budgets_update(w.budgets, NULL, w.print, NOW_S) && !budgets_count(w.budgets), "there may be none");
	weir_budget_set_free(other);
}

/* A commit and its revert between two looks: the same revision, read anew. */
TEST(the_same_revision_is_elsewhere)
{
	auto_world w;
	const struct charged c = {.team = "shop", .nanos = 5, .time_s = NOW_S};

	world_new(&w);
	CHECK(!charge_committed(w.store, &c) && spent(&w, "shop", NOW_S) == 5);
	weir_budget_set_free(w.set);
	if (weir_budget_set_new(&w.set))
		abort();
	set_add(w.set, two);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(documents); i++)
		set_add(w.set, documents[i]);
	CHECK(!charge_committed(w.store, &c) && spent(&w, "shop", NOW_S) == 10, "%lld", (long long)spent(&w, "shop", NOW_S));
}

/* A row that nobody committed: who reads the ledger sees it. */
TEST(a_revision_of_amounts_reads_no_ledger)
{
	auto_world w;
	const struct charged c = {.team = "shop", .nanos = 5, .time_s = NOW_S};
	struct weir_budget_set *other = NULL;

	world_new(&w);
	CHECK(!charge_committed(w.store, &c) && spent(&w, "shop", NOW_S) == 5 && !charge_committed(w.store, &c));
	CHECK(!store_exec(w.store, "UPDATE ledger_10s SET nanos=nanos+1000"));
	CHECK(!weir_budget_set_new(&other));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(documents); i++)
		set_add(other, documents[i]);
	set_add(other, "apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: shop}\nspec:\n"
		       "  scope: {team: shop}\n  amount: \"2\"\n  currency: USD\n");
	w.print[0] = 2;
	CHECK(!budgets_update(w.budgets, other, w.print, NOW_S) && budgets_find(w.budgets, "shop")->spent_nanos == 10, "%lld",
	      (long long)budgets_find(w.budgets, "shop")->spent_nanos);
	CHECK(budgets_find(w.budgets, "shop")->budget == weir_budget_find(other, "shop"), "it is the new one");
	w.print[0] = 3;
	set_add(other, "apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: more}\nspec:\n"
		       "  scope: {}\n  amount: \"2\"\n  currency: USD\n");
	CHECK(!budgets_update(w.budgets, other, w.print, NOW_S) && budgets_find(w.budgets, "shop")->spent_nanos > 1000, "another budget: all are read");
	weir_budget_set_free(other);
}

TEST(the_dearest_way_is_found)
{
	auto_world w;
	struct weir_budget_way way;
	const struct charged rows[] = {
		{.node = "n1", .team = "shop", .path = WEIR_PATH_NAT, .bytes = 10, .nanos = 50, .time_s = NOW_S},
		{.node = "n2", .team = "shop", .path = WEIR_PATH_NAT, .bytes = 20, .nanos = 60, .time_s = NOW_S - 3600},
		{.node = "n3", .team = "shop", .path = WEIR_PATH_INTERNET, .bytes = 99, .nanos = 100, .time_s = NOW_S},
		{.node = "", .team = "shop", .path = WEIR_PATH_ENDPOINT, .nanos = 500, .time_s = NOW_S}, /* an hour of one */
		{.node = "n4", .team = "data", .path = WEIR_PATH_TGW, .bytes = 99, .nanos = 1000, .time_s = NOW_S},
	};

	world_new(&w);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++)
		CHECK(!charge_committed(w.store, &rows[i]));
	CHECK(spent(&w, "shop", NOW_S) == 710);
	CHECK(!budgets_way(w.budgets, budgets_find(w.budgets, "shop"), &way) && !strcmp(way.path, "nat"), "%s", way.path);
	CHECK(way.bytes == 30 && way.nanos == 110 && way.nodes == 2, "%u nodes", way.nodes);
	CHECK(!budgets_way(w.budgets, budgets_find(w.budgets, "app-nat"), &way) && !*way.path, "nothing is spent");
}

static const char *any(const char *const *of, size_t n)
{
	return of[(size_t)rand() % n];
}

/* Charges, rollbacks, folding, restarts and hours that pass; another instance reads the ledger anew each time. */
TEST(what_is_added_equals_the_ledger)
{
	static const uint64_t keep[STORE_RESOLUTIONS] = {DAY, 7 * DAY, 400 * DAY, 1830 * DAY};
	static const char *const names[] = {"shop", "data", NULL, "web"}, *const meters[] = {"x", "y"}, *const nodes[] = {"n1", "n2"};
	unsigned int seed = (unsigned int)time(NULL);
	int rounds = getenv("WEIR_LONG") ? 2000 : 150;
	uint64_t now_s = DECEMBER - 3 * DAY;
	auto_world w;

	printf("# seed %u\n", seed);
	srand(seed);
	world_new(&w);
	for (int i = 0; i < rounds; i++, now_s += (uint64_t)(rand() % 7200)) {
		struct budgets *fresh = NULL;
		bool more;

		if (store_begin(w.store))
			abort();
		for (int k = rand() % 8; k >= 0; k--)
			charge(w.store, &(struct charged){.node = any(nodes, 2), .namespace = any((const char *const[]){"n", "o"}, 2),
							  .team = any(names, 4), .app = any(names, 4), .path = (uint8_t)(rand() % 6),
							  .meter = any(meters, 2), .nanos = rand() % 1000, .bytes = 1,
							  .time_s = now_s - (uint64_t)(rand() % (int)(5 * DAY))});
		if (rand() % 4)
			CHECK(!store_commit(w.store));
		else
			store_rollback(w.store);
		if (!(rand() % 3))
			CHECK(!store_retain(w.store, now_s, keep, &more));
		if (rand() % 3)
			continue; /* more than one round is added then */
		CHECK(!budgets_update(w.budgets, w.set, w.print, now_s) && !budgets_new(w.store, &fresh));
		CHECK(!budgets_update(fresh, w.set, w.print, now_s));
		for (size_t b = 0; b < budgets_count(fresh); b++)
			CHECK(budgets_at(fresh, b)->spent_nanos == budgets_at(w.budgets, b)->spent_nanos, "round %d, %s: %lld, not %lld", i,
			      budgets_at(fresh, b)->budget->name, (long long)budgets_at(w.budgets, b)->spent_nanos,
			      (long long)budgets_at(fresh, b)->spent_nanos);
		budgets_free(fresh);
	}
}

TEST_MAIN(T(only_what_is_committed_is_told), T(too_many_kinds_are_told_as_such), T(each_budget_has_its_own),
	  T(a_period_begins_with_what_is_in_it), T(another_repository_is_counted_anew), T(the_same_revision_is_elsewhere), T(a_revision_of_amounts_reads_no_ledger),
	  T(the_dearest_way_is_found),
	  T(what_is_added_equals_the_ledger))
