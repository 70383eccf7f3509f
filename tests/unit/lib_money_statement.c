/* SPDX-License-Identifier: Apache-2.0 */
/* Statements in their store: whatever bills, restatements and measured bytes are, teams and nobody sum to the invoice. */
#include "lib/money/statement.h"
#include "tests/lib/test.h"

#include <sqlite3.h>
#include <time.h>

#define DAY 86400
#define SEPTEMBER 1788220800 /* 2026-09-01 */
#define OCTOBER (SEPTEMBER + 30 * DAY)
#define NOVEMBER (OCTOBER + 31 * DAY)
#define CLAIMS 10
#define HEAD                                                                                                     \
	"BilledCost,ListCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargePeriodEnd," \
	"ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ServiceName,ProviderName,SkuMeter,SubAccountId,RegionId\n"

static uint64_t state;

static uint64_t rnd(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static void seed(void)
{
	const char *given = getenv("WEIR_TEST_SEED");

	state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	printf("# seed %llu (WEIR_TEST_SEED)\n", (unsigned long long)state);
}

struct room {
	char dir[64], db[96], file[96];
	struct weir_pricebook *book;
	struct weir_charges *charges;
	struct weir_bills *bills;
	struct weir_settlement_claim claims[CLAIMS]; /* what is measured of the month */
	size_t claim_count;
	int64_t invoice; /* of what was imported last */
	int64_t removed; /* the last month that a close has removed */
	struct weir_err err;
};

static void room_make(struct room *m)
{
	*m = (struct room){0};
	snprintf(m->dir, sizeof(m->dir), "/tmp/weir-statement-XXXXXX");
	if (!mkdtemp(m->dir))
		abort();
	snprintf(m->db, sizeof(m->db), "%s/b.db", m->dir);
	snprintf(m->file, sizeof(m->file), "%s/b.csv", m->dir);
	if (weir_pricebook_new(&m->book) || weir_pricebook_load_dir(m->book, "policies/prices", NULL, NULL) ||
	    weir_pricebook_seal(m->book, NULL) || weir_charges_new(m->book, &m->charges) ||
	    weir_bills_open(m->db, true, &m->bills, &m->err))
		abort();
}

static void room_remove(struct room *m)
{
	weir_bills_close(m->bills);
	weir_charges_free(m->charges);
	weir_pricebook_free(m->book);
	unlink(m->db);
	unlink(m->file);
	rmdir(m->dir);
}
#define auto_room weir_cleanup(room_remove) struct room

/* A row of random cost, quantity and kind in the month that begins at from. */
static void row_write(struct room *m, FILE *f, int64_t from, int days)
{
	static const char *const skus[] = {"DataTransfer-Out-Bytes", "NatGateway-Bytes", "DataTransfer-Regional-Bytes", "BoxUsage:m5",
					   "NatGateway-Hours", "Some-Bytes"};
	static const char *const kinds[] = {"Usage", "Usage", "Usage", "Usage", "Credit", "Tax"};
	size_t sku = rnd() % 6;
	int64_t nanos = (int64_t)((rnd() % (1ull << 45)) >> (rnd() % 40)) + 1, whole = (int64_t)(rnd() % 1000);
	int day = (int)(rnd() % (unsigned int)days);
	char text[4][48], start[16], end[16], month[16], next[16];
	time_t at[4] = {(time_t)(from + day * DAY), (time_t)(from + (day + 1) * DAY), (time_t)from, (time_t)(from + days * DAY)};
	char *const to[4] = {start, end, month, next};

	nanos = rnd() % 8 ? nanos : -nanos;
	for (int i = 0; i < 4; i++)
		strftime(to[i], 16, "%Y-%m-%d", gmtime(&at[i]));
	m->invoice += nanos;
	fprintf(f, "%s,%s,acme,USD,%s,%s,%s,%s,%s,%s,%s,%s,AWS,%s,%llu,us-east-1\n", weir_bill_amount(nanos, text[0]),
		weir_bill_amount(nanos + (int64_t)(rnd() % 100), text[1]), next, month, kinds[rnd() % 6], rnd() % 3 ? end : next,
		rnd() % 3 ? start : month, weir_bill_amount((__int128)(rnd() % 10 ? whole : -whole) * 1000000000, text[2]),
		strstr(skus[sku], "Bytes") ? "GB" : "Hours", sku % 2 ? "EC2" : "VPC", skus[sku], (unsigned long long)(1 + rnd() % 2));
}

static int import(struct room *m, int64_t from, int days, size_t rows)
{
	struct weir_bill_import how = {.now_s = NOVEMBER};
	weir_auto_free struct weir_bill_imported *done = calloc(1, sizeof(*done));
	FILE *f = fopen(m->file, "w");

	fputs(HEAD, f);
	m->invoice = 0;
	for (size_t i = 0; i < rows; i++)
		row_write(m, f, from, days);
	fclose(f);
	return weir_bills_import(m->bills, &(const char *){m->file}, 1, &how, done, &m->err);
}

static void measure(struct room *m, int64_t from, int days)
{
	static const char *const teams[] = {"shop", "data", "web"}, *const accounts[] = {"1", "2", ""}, *const regions[] = {"us-east-1", ""};
	static const char *const meters[] = {"internet-out", "nat-processing", "cross-zone"};

	m->claim_count = rnd() % (CLAIMS + 1);
	for (size_t i = 0; i < m->claim_count; i++) {
		const char *meter = meters[rnd() % 3];
		int day = (int)(rnd() % (unsigned int)days);

		m->claims[i] = (struct weir_settlement_claim){
			.meter = weir_charges_meter(m->charges, meter), .name = meter, .account = accounts[rnd() % 3],
			.region = regions[rnd() % 2], .team = teams[rnd() % 3], .path = rnd() % 2 ? "nat" : "internet",
			.from_s = from + day * DAY, .to_s = from + (day + 1) * DAY, .bytes = rnd() % (1ull << 40),
			.measured = (int64_t)(rnd() % (1ull << 40)),
		};
	}
}

static void note_removed(int64_t period_s, void *arg)
{
	*(int64_t *)arg = period_s;
}

struct bill_of {
	struct room *m;
	struct weir_settlement *settlement;
};

static int add_line(const struct weir_bill_line *l, void *arg)
{
	const struct bill_of *b = arg;

	return weir_settlement_bill(b->settlement, b->m->charges, l, &b->m->err);
}

static int add_claim(const struct weir_settlement_claim *c, void *arg)
{
	const struct bill_of *b = arg;

	return weir_settlement_claim(b->settlement, c, &b->m->err);
}

/* As weirctl does it: the second time of what was frozen of the first. */
static int close_at(struct room *m, int64_t from, int64_t to, uint64_t now_s, struct weir_statement_head *ret)
{
	weir_cleanup(weir_settlement_freep) struct weir_settlement *settlement = NULL;
	weir_cleanup(weir_statement_freep) struct weir_statement *statement = NULL;
	struct weir_statement_close close = {.head = {.account = "", .period_s = from, .period_end_s = to, .closed_s = now_s}};
	struct bill_of of = {m, NULL};
	struct weir_bill_query q = {.period_start_s = from};
	int r = weir_statement_new(&statement);

	m->err = (struct weir_err){{0}};
	if (!r)
		r = weir_settlement_new(weir_statement_hear, statement, &settlement);
	if (!r)
		r = weir_statement_begin(m->bills, &close.head, &m->err);
	if (r)
		return r;
	of.settlement = settlement;
	r = weir_bills_lines(m->bills, &q, add_line, &of, &m->err);
	if (!r && close.head.version > 1)
		r = weir_statement_claims(m->bills, "", from, add_claim, &of, &m->err);
	for (size_t i = 0; !r && close.head.version == 1 && i < m->claim_count; i++)
		r = add_claim(&m->claims[i], &of);
	if (!r)
		r = weir_settlement_run(settlement, &m->err);
	if (r) {
		weir_statement_abort(m->bills);
		return r;
	}
	close.head.currency = close.head.measured_in = "USD";
	close.head.rate = 1000000000;
	close.head.payer = "initiator";
	if (close.head.version == 1)
		close.claims = weir_settlement_claims(settlement, &close.claim_count);
	r = weir_statement_freeze(m->bills, &close, statement, note_removed, &m->removed, &m->err);
	*ret = close.head;
	return r;
}

struct sums {
	__int128 teams, rest, measured;
	bool odd;
};

static int add_sums(const struct weir_statement_line *l, void *arg)
{
	struct sums *s = arg;

	*(*l->team ? &s->teams : &s->rest) += l->total;
	s->measured += l->measured;
	s->odd |= *l->team ? l->measured + l->adjusted != l->total || *l->reason : !*l->reason || l->measured;
	return 0;
}

TEST(teams_and_nobody_are_the_invoice_whatever_it_is)
{
	int rounds = getenv("WEIR_LONG") ? 500 : 12;

	seed();
	for (int i = 0; i < rounds; i++) {
		auto_room m;
		struct weir_statement_head h = {0};
		struct sums sums = {0};
		__int128 measured = 0;

		room_make(&m);
		measure(&m, SEPTEMBER, 30);
		for (size_t k = 0; k < m.claim_count; k++)
			measured += m.claims[k].measured;
		for (uint64_t version = 1; version <= 3; version++) {
			CHECK(!import(&m, SEPTEMBER, 30, 1 + rnd() % 30) && !close_at(&m, SEPTEMBER, OCTOBER, OCTOBER, &h), "%s", m.err.text);
			CHECK(h.version == version && h.booked_s == (version == 1 ? SEPTEMBER : OCTOBER));
			CHECK(!weir_statement_lines(m.bills, &h, NULL, add_sums, &sums, &m.err), "%s", m.err.text);
			CHECK(sums.teams + sums.rest == m.invoice && h.invoice == m.invoice && !sums.odd,
			      "round %d, version %llu: %lld of %lld", i, (unsigned long long)version, (long long)(sums.teams + sums.rest),
			      (long long)m.invoice);
			CHECK(sums.measured == measured, "a restatement does not change what was measured");
		}
	}
}

static int exec(struct room *m, const char *sql)
{
	sqlite3 *db;
	int r;

	if (sqlite3_open(m->db, &db) != SQLITE_OK)
		abort();
	r = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return r;
}

TEST(what_is_closed_never_changes)
{
	static const char *const tries[] = {
		"UPDATE statement_head SET total=0", "DELETE FROM statement_head", "UPDATE statement_line SET total=total+1",
		"DELETE FROM statement_line", "INSERT INTO statement_line VALUES(1,'x','','','','','',0,0,0,0)",
		"UPDATE statement_bill SET version=9", "DELETE FROM statement_claim", "UPDATE statement_keep SET since=-1",
	};
	auto_room m;
	struct weir_statement_head h;

	room_make(&m);
	do
		measure(&m, SEPTEMBER, 30);
	while (!m.claim_count);
	CHECK(!import(&m, SEPTEMBER, 30, 5) && !close_at(&m, SEPTEMBER, OCTOBER, OCTOBER, &h), "%s", m.err.text);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(tries); i++)
		CHECK(exec(&m, tries[i]) == SQLITE_CONSTRAINT, "%s", tries[i]);
}

static int count(const struct weir_statement_head *h, void *arg)
{
	size_t *n = arg;

	n[0] += h->period_s == SEPTEMBER;
	n[1] += !strcmp(h->payer, "initiator") && !strcmp(h->currency, "USD") && h->rate == 1000000000 && h->closed_s >= OCTOBER;
	return 0;
}

/* September's is there 13 months after: October 2027 still keeps it, the next month removes it, and with it all of its parts. */
TEST(it_is_kept_for_13_months)
{
	auto_room m;
	struct weir_statement_head h;
	weir_cleanup(weir_statement_freep) struct weir_statement *none = NULL;
	size_t n[2] = {0};
	struct weir_statement_close late = {.head = {.account = "", .period_s = NOVEMBER, .period_end_s = NOVEMBER + 30 * DAY,
						     .closed_s = OCTOBER + 396ull * DAY, .currency = "USD", .measured_in = "", .payer = ""}};

	room_make(&m);
	CHECK(!import(&m, SEPTEMBER, 30, 5) && !close_at(&m, SEPTEMBER, OCTOBER, OCTOBER, &h), "%s", m.err.text);
	CHECK(!import(&m, OCTOBER, 31, 5) && !close_at(&m, OCTOBER, NOVEMBER, OCTOBER + 395ull * DAY, &h), "%s", m.err.text);
	CHECK(!weir_statement_heads(m.bills, count, n, &m.err) && n[0] == 1 && n[1] == 2);
	n[0] = n[1] = 0;
	CHECK(!import(&m, NOVEMBER, 30, 1) && !weir_statement_new(&none) && !weir_statement_begin(m.bills, &late.head, &m.err), "%s", m.err.text);
	CHECK(weir_statement_freeze(m.bills, &late, none, note_removed, &m.removed, &m.err) == -EUCLEAN && !m.removed, "it does not sum: %s", m.err.text);
	CHECK(!close_at(&m, NOVEMBER, NOVEMBER + 30 * DAY, OCTOBER + 396ull * DAY, &h), "%s", m.err.text);
	CHECK(m.removed == SEPTEMBER && !weir_statement_heads(m.bills, count, n, &m.err) && n[0] == 0 && n[1] == 2, "%zu %zu", n[0], n[1]);
	CHECK(exec(&m, "CREATE TABLE t(n CHECK(n=0)); INSERT INTO t SELECT COUNT(*) FROM statement_line WHERE statement NOT IN (SELECT id "
		       "FROM statement_head)") == SQLITE_OK, "no parts without a head");
}

TEST(a_file_from_before_statements_gains_them)
{
	auto_room m;
	struct weir_statement_head h;

	room_make(&m);
	CHECK(!import(&m, SEPTEMBER, 30, 5));
	weir_bills_close(m.bills);
	m.bills = NULL;
	CHECK(exec(&m, "DROP TABLE statement_head; DROP TABLE statement_keep; DROP TABLE statement_line; DROP TABLE statement_bill;"
		       "DROP TABLE statement_price; DROP TABLE statement_claim; PRAGMA user_version=1") == SQLITE_OK);
	CHECK(!weir_bills_open(m.db, false, &m.bills, &m.err) && !close_at(&m, SEPTEMBER, OCTOBER, OCTOBER, &h) && h.version == 1, "%s",
	      m.err.text);
}

TEST_MAIN(T(teams_and_nobody_are_the_invoice_whatever_it_is), T(what_is_closed_never_changes), T(it_is_kept_for_13_months),
	  T(a_file_from_before_statements_gains_them))
