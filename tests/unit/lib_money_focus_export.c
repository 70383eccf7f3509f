/* SPDX-License-Identifier: Apache-2.0 */
/* The FOCUS export: usage cut at tiers, shares that sum to their origin, and the way back through the import of bills. */
#include "lib/money/bill.h"
#include "lib/money/focus_cut.h"
#include "tests/lib/focus_charges.h"
#include "tests/lib/focus_fixture.h"

/* --- cutting --- */

TEST(focus_cut_ends_at_every_edge)
{
	/* By hand: 100 GiB are free over both accounts, the second tier begins at 1024 GiB of both. */
	static const struct {
		const char *account;
		uint64_t gib;
		struct {
			uint32_t tier;
			uint64_t gib;
		} pieces[3];
	} steps[] = {
		{"111111111111", 60, {{0, 60}}},
		{"222222222222", 60, {{0, 40}, {1, 20}}},
		{"111111111111", 904, {{1, 904}}},
		{"111111111111", 1, {{2, 1}}},
	};
	auto_book struct weir_pricebook *b = books(test_st);
	weir_auto_focus_usage struct weir_focus_usage *u = NULL;

	CHECK(!weir_focus_usage_new(&u), "memory");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(steps); i++) {
		weir_auto_free struct weir_focus_piece *p = NULL;
		size_t n = 0, k;

		CHECK(!weir_focus_cut(u, meter_of(b, steps[i].account, "internet-out"), steps[i].account, 202611,
				      steps[i].gib * GIB, &p, &n), "step %zu", i);
		for (k = 0; k < n && k < 3; k++)
			CHECK(p[k].tier == steps[i].pieces[k].tier && p[k].bytes == steps[i].pieces[k].gib * GIB,
			      "step %zu: tier %u, %llu bytes", i, p[k].tier, (unsigned long long)p[k].bytes);
		CHECK(k == 3 || !steps[i].pieces[k].gib, "step %zu has %zu pieces", i, n);
	}
}

TEST(focus_cut_over_three_prices_at_once)
{
	auto_book struct weir_pricebook *b = books(test_st);
	weir_auto_focus_usage struct weir_focus_usage *u = NULL;
	weir_auto_free struct weir_focus_piece *p = NULL;
	size_t n = 0;

	CHECK(!weir_focus_usage_new(&u) && !weir_focus_cut(u, meter_of(b, "111111111111", "internet-out"), "111111111111", 202611,
							   1500 * GIB, &p, &n), "cut");
	CHECK(n == 3 && p[0].bytes == 100 * GIB && p[1].bytes == 924 * GIB && p[2].bytes == 476 * GIB && !p[0].list_nanos &&
		      p[1].list_nanos == 90000000 && p[2].list_nanos == 85000000 && p[2].tier_from == 1024 * GIB,
	      "%zu pieces", n);
}

/* In whatever steps a month comes, its pieces cost what the month costs. */
TEST(focus_cut_sums_to_the_month)
{
	uint64_t state = seed_of(), rounds = getenv("WEIR_LONG") ? 2000 : 100;
	auto_book struct weir_pricebook *b = books(test_st);
	const struct weir_meter *m = meter_of(b, "111111111111", "internet-out");

	for (uint64_t i = 0; i < rounds; i++) {
		weir_auto_focus_usage struct weir_focus_usage *u = NULL;
		uint64_t all = 0;
		int64_t cost = 0;

		CHECK(!weir_focus_usage_new(&u), "memory");
		for (uint64_t step = 0, steps = 1 + rnd(&state, 20); step < steps; step++) {
			weir_auto_free struct weir_focus_piece *p = NULL;
			uint64_t bytes = rnd(&state, 200 * GIB), sum = 0;
			size_t n = 0;

			CHECK(!weir_focus_cut(u, m, "111111111111", 202611, bytes, &p, &n), "cut");
			for (size_t k = 0; k < n; k++) {
				sum += p[k].bytes;
				cost += p[k].tier ? weir_meter_between(m, p[k].from, p[k].from + p[k].bytes) : 0;
			}
			CHECK(sum == bytes, "pieces have %llu of %llu", (unsigned long long)sum, (unsigned long long)bytes);
			all += bytes;
		}
		CHECK(cost == weir_meter_cost(m, all), "%lld for %llu bytes", (long long)cost, (unsigned long long)all);
	}
}

/* What the month costs, meter by meter, without any cutting or sharing. */
static __int128 month_cost(struct test_state *test_st, const struct month *m)
{
	static const char *const accounts[] = {"111111111111", "222222222222"};
	static const char *const own[] = {"cross-zone", "nat-processing", "nat-gateway-hour"};
	auto_book struct weir_pricebook *b = books(test_st);
	uint64_t internet = 0;
	__int128 sum = 0;

	for (size_t a = 0; a < 2; a++)
		for (size_t k = 0; k < 3; k++) {
			uint64_t bytes = 0;

			for (size_t i = 0; i < m->count; i++)
				if (!strcmp(m->charges[i].account, accounts[a]) && !strcmp(m->charges[i].meter, own[k]))
					bytes += m->charges[i].bytes;
			sum += weir_meter_cost(meter_of(b, accounts[a], own[k]), bytes);
		}
	for (size_t i = 0; i < m->count; i++)
		if (!strcmp(m->charges[i].meter, "internet-out"))
			internet += m->charges[i].bytes;
	return sum + weir_meter_cost(meter_of(b, accounts[0], "internet-out"), internet);
}

TEST(focus_export_sums_to_what_the_month_costs)
{
	auto_exported struct exported *e = export_month(test_st, WEIR_FOCUS_1_2, seed_of(), false);

	CHECK(e->stats.billed == month_cost(test_st, &e->month) && e->stats.contracted == e->stats.billed && !e->stats.differing,
	      "%lld", (long long)e->stats.billed);
	CHECK(e->stats.charges == e->month.count && e->stats.origins > 60 && e->stats.rows > e->stats.origins, "%llu rows",
	      (unsigned long long)e->stats.rows);
}

TEST(focus_export_says_what_was_charged)
{
	auto_exported struct exported *e = export_month(test_st, WEIR_FOCUS_1_3, seed_of(), true);
	__int128 sum = 0;
	auto_book struct weir_pricebook *b = books(test_st);

	for (size_t i = 0; i < e->month.count; i++)
		sum += e->month.charges[i].nanos;
	/* What is paid by the hour was not charged in this month: it is as the books say. */
	for (size_t a = 0; a < 2; a++) {
		const char *account = a ? "222222222222" : "111111111111";
		uint64_t s = 0;

		for (size_t i = 0; i < e->month.count; i++)
			if (*(e->month.charges[i].resource ?: "") && !strcmp(e->month.charges[i].account, account))
				s += e->month.charges[i].bytes;
		sum += weir_meter_cost(meter_of(b, account, "nat-gateway-hour"), s);
	}
	CHECK(e->stats.contracted == month_cost(test_st, &e->month) && e->stats.billed == sum, "%lld, charged %lld", (long long)e->stats.billed, (long long)sum);
	CHECK(e->stats.differing, "such charges are not those of the books");
}

/* The order of charges within a period is not the file's. */
TEST(focus_export_does_not_mind_order)
{
	uint64_t state = seed_of();
	auto_book struct weir_pricebook *b = books(test_st);
	auto_exported struct exported *e = export_month(test_st, WEIR_FOCUS_1_3, state, false);
	weir_auto_buf struct weir_buf other = {0};
	struct weir_focus_export_stats stats;
	struct weir_err err = {0};
	struct month *m = &e->month;

	for (size_t i = 0; i < 10 * m->count; i++) {
		size_t x = rnd(&state, m->count), y = rnd(&state, m->count);
		struct weir_focus_charge c = m->charges[x];

		if (c.from_s != m->charges[y].from_s)
			continue;
		m->charges[x] = m->charges[y];
		m->charges[y] = c;
	}
	CHECK(!focus_exported(b, WEIR_FOCUS_1_3, m->charges, m->count, &other, &stats, &err), "%s", err.text);
	CHECK(other.len == e->text.len && !memcmp(other.data, e->text.data, other.len), "two files");
}

/*
 * The ledger charges who comes first at the first tier. By hand: 60 and 50 GiB in one commit, of which 100 are free and 10 cost
 * 0.09, by bytes; then 1000 GiB of the second, of which 914 cost 0.09 and 86 cost 0.085. What each row costs is what it was
 * charged, and tiers are full.
 */
TEST(focus_export_cuts_as_it_was_charged)
{
	struct weir_focus_charge c[] = {
		focus_charge(0, "111111111111", "internet-out", "web", 60 * GIB),
		focus_charge(0, "111111111111", "internet-out", "batch", 1050 * GIB),
	};
	auto_book struct weir_pricebook *b = books(test_st);
	weir_auto_buf struct weir_buf text = {0};
	struct weir_focus_export_stats stats;
	struct weir_err err = {0};

	c[0].charged = c[1].charged = true;
	c[0].nanos = 490909091;
	c[1].nanos = 409090909 + 914 * 90000000ll + 86 * 85000000ll;
	CHECK(!focus_exported(b, WEIR_FOCUS_1_2, c, 2, &text, &stats, &err), "%s", err.text);
	CHECK(stats.rows == 6 && stats.billed == c[0].nanos + c[1].nanos && stats.contracted == stats.billed && !stats.differing &&
		      stats.off_nanos <= 6,
	      "%llu rows, off by %llu", (unsigned long long)stats.rows, (unsigned long long)stats.off_nanos);
}

/* Ten hours that the ledger has as what they cost, of seven teams: a share costs its hours to a nano-unit, however small. */
TEST(focus_export_shares_hours_by_cost)
{
	static const int64_t nanos[] = {1, 12, 99, 12345, 449987543, 0, 0};
	auto_book struct weir_pricebook *b = books(test_st);
	weir_auto_buf struct weir_buf text = {0};
	struct weir_focus_charge c[7];
	struct weir_focus_export_stats stats;
	char names[7][8];
	struct weir_err err = {0};

	for (size_t i = 0; i < 7; i++) {
		snprintf(names[i], sizeof(names[i]), "team%zu", i);
		c[i] = focus_charge(0, "111111111111", "nat-gateway-hour", "", 0);
		c[i].team = names[i];
		c[i].resource = "nat-a";
		c[i].how = "shared by bytes";
		c[i].charged = true;
		c[i].nanos = nanos[i];
	}
	CHECK(!focus_exported(b, WEIR_FOCUS_1_3, c, 7, &text, &stats, &err), "%s", err.text);
	CHECK(stats.billed == 450000000 && stats.contracted == 450000000 && stats.origins == 1 && stats.rows == 5 &&
		      stats.off_nanos <= 5,
	      "%llu rows, off by %llu", (unsigned long long)stats.rows, (unsigned long long)stats.off_nanos);
	CHECK(strstr((char *)text.data, "36000.0") && strstr((char *)text.data, "\"\"PricingQuantity\"\":\"\"10.0\"\""), "ten hours");
}

TEST(focus_export_goes_on_behind_earlier_usage)
{
	const struct weir_focus_export_options o = {.version = WEIR_FOCUS_1_2, .book = books(test_st)};
	auto_book struct weir_pricebook *b = (struct weir_pricebook *)(uintptr_t)o.book;
	weir_auto_focus_export struct weir_focus_export *x = NULL;
	struct weir_focus_charge before = focus_charge(0, "111111111111", "internet-out", "w", 100 * GIB);
	struct weir_focus_charge c = focus_charge(3, "111111111111", "internet-out", "w", GIB);
	struct weir_focus_charge none = focus_charge(3, "111111111111", "none", "w", 7);
	struct weir_focus_charge unpriced = focus_charge(3, "111111111111", "unpriced", "w", 9);
	weir_auto_buf struct weir_buf text = {0};
	struct weir_focus_export_stats stats;
	struct weir_err err = {0};

	CHECK(!weir_focus_export_new(&o, focus_sink, &text, &x) && !weir_focus_export_before(x, &before, &err) &&
		      !weir_focus_export_add(x, &c, &err) && !weir_focus_export_add(x, &none, &err) &&
		      !weir_focus_export_add(x, &unpriced, &err) && !weir_focus_export_end(x, &stats, &err),
	      "%s", err.text);
	CHECK(stats.rows == 1 && stats.billed == 90000000 && stats.free_bytes == 7 && stats.unpriced_bytes == 9, "%lld",
	      (long long)stats.billed);
}

TEST(focus_export_refuses)
{
	const struct weir_focus_export_options o = {.version = WEIR_FOCUS_1_2, .book = books(test_st)};
	auto_book struct weir_pricebook *b = (struct weir_pricebook *)(uintptr_t)o.book;
	weir_auto_focus_export struct weir_focus_export *x = NULL, *y = NULL;
	struct weir_focus_charge c = focus_charge(3, "111111111111", "moon-out", "w", GIB);
	struct weir_focus_charge late = focus_charge(2, "111111111111", "internet-out", "w", GIB);
	weir_auto_buf struct weir_buf text = {0};
	struct weir_focus_export_stats stats;
	struct weir_err err = {0}, other = {0};

	CHECK(!weir_focus_export_new(&o, focus_sink, &text, &x) && !weir_focus_export_add(x, &c, &err) &&
		      weir_focus_export_end(x, &stats, &err) == -EINVAL && strstr(err.text, "no price book has meter 'moon-out'"),
	      "%s", err.text);
	c.meter = "internet-out";
	CHECK(!weir_focus_export_new(&o, focus_sink, &text, &y) && !weir_focus_export_add(y, &c, &other) &&
		      weir_focus_export_add(y, &late, &other) == -EINVAL && strstr(other.text, "behind"),
	      "%s", other.text);
}

/* --- and back --- */

static void on_bad(const struct weir_bill_bad *bad, void *arg)
{
	(void)arg;
	printf("# %s:%llu: %s: %s\n", bad->file, (unsigned long long)bad->line, bad->column, bad->reason);
}

static void comes_back(struct test_state *test_st, enum weir_focus_version v)
{
	auto_exported struct exported *e = export_month(test_st, v, seed_of(), true);
	struct focus_file f = focus_file(e->text.data, e->text.len);
	weir_auto_bill struct weir_bill_reader *b = NULL;
	const struct weir_bill_row *row;
	struct weir_err err = {0};
	__int128 billed = 0, bytes = 0, moved = 0, cross = 0;
	int r;

	for (size_t i = 0; i < e->month.count; i++) {
		moved += e->month.charges[i].resource ? 0 : e->month.charges[i].bytes;
		cross += strcmp(e->month.charges[i].meter, "cross-zone") ? 0 : e->month.charges[i].bytes;
	}
	CHECK(!weir_bill_open(f.path, on_bad, NULL, &b, &err), "%s", err.text);
	while (b && (r = weir_bill_next(b, &row, &err)) == 1) {
		billed += row->nanos[WEIR_BILL_BILLED];
		if (!strcmp(row->text[WEIR_BILL_UNIT], "Bytes"))
			bytes += row->quantity.whole;
		/* The meter has the name that the provider's bills give it. */
		if (!strcmp(weir_bill_network(row) ?: "", "inter-zone"))
			cross -= row->quantity.whole;
		CHECK(!strcmp(row->text[WEIR_BILL_PROVIDER], "AWS") && !strncmp(row->text[WEIR_BILL_SUB_ACCOUNT], "acct-", 5), "row");
	}
	if (b)
		CHECK(!weir_bill_stats(b)->bad_rows && weir_bill_stats(b)->rows == e->stats.rows &&
			      !weir_bill_stats(b)->rounded_costs,
		      "%llu bad", (unsigned long long)weir_bill_stats(b)->bad_rows);
	CHECK(billed == e->stats.billed && bytes == moved && !cross, "%lld of %lld bytes", (long long)bytes, (long long)moved);
	close(f.fd);
}

TEST(focus_export_comes_back_as_a_bill)
{
	comes_back(test_st, WEIR_FOCUS_1_2);
	comes_back(test_st, WEIR_FOCUS_1_3);
}

TEST_MAIN(T(focus_cut_ends_at_every_edge),
	  T(focus_cut_over_three_prices_at_once),
	  T(focus_cut_sums_to_the_month),
	  T(focus_export_sums_to_what_the_month_costs),
	  T(focus_export_says_what_was_charged),
	  T(focus_export_does_not_mind_order),
	  T(focus_export_cuts_as_it_was_charged),
	  T(focus_export_shares_hours_by_cost),
	  T(focus_export_goes_on_behind_earlier_usage),
	  T(focus_export_refuses),
	  T(focus_export_comes_back_as_a_bill))
