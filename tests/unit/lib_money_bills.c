/* SPDX-License-Identifier: Apache-2.0 */
/* Bills in their store: versions, one transaction a file, sums that do not overflow, constant memory. */
#include "lib/money/bill_store.h"
#include "tests/lib/bill_fixture.h"
#include "tests/lib/test.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#define NOW_S 1793491200
#define HEAD                                                                                                \
	"BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargePeriodEnd," \
	"ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ServiceName,ProviderName,SkuMeter,x_Team\n"

/* Freed memory goes back at once, or what the sanitizer keeps of it would be measured. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=1";
}

struct room {
	char dir[64], db[96], file[96];
};

static void room_make(struct room *m)
{
	snprintf(m->dir, sizeof(m->dir), "/tmp/weir-bills-XXXXXX");
	if (!mkdtemp(m->dir))
		abort();
	snprintf(m->db, sizeof(m->db), "%s/bills.db", m->dir);
	snprintf(m->file, sizeof(m->file), "%s/bill.csv", m->dir);
}

static void room_remove(struct room *m)
{
	weir_auto_free char *line = weir_strf("rm -rf '%s'", m->dir);

	if (system(line))
		printf("# %s stays\n", m->dir);
}
#define auto_room weir_cleanup(room_remove) struct room

static void row_write(FILE *f, const char *cost, const char *account, const char *month, const char *service, int hour)
{
	fprintf(f, "%s,%s,USD,2024-%s-28,2024-%s-01,Usage,2024-%s-01 %02d:59:59,2024-%s-01 %02d:00:00,2,GB,%s,AWS,NatGateway-Bytes,t%d\n",
		cost, account, month, month, month, hour, month, hour, service, hour);
}

static void bill_write(const char *path, const char *cost, const char *account, const char *month, int rows)
{
	FILE *f = fopen(path, "w");

	fputs(HEAD, f);
	for (int i = 0; i < rows; i++)
		row_write(f, cost, account, month, i % 3 ? "EC2" : "S3", i % 24);
	fclose(f);
}

static int import(const struct room *m, const struct weir_bill_import *how, struct weir_bill_imported *ret, struct weir_err *err)
{
	weir_auto_bills struct weir_bills *b = NULL;
	int r;

	*err = (struct weir_err){{0}};
	r = weir_bills_open(m->db, true, &b, err);
	return r ? r : weir_bills_import(b, &(const char *){m->file}, 1, how, ret, err);
}

static const struct weir_bill_import plainly = {.now_s = NOW_S};

static int64_t number(const struct room *m, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	int64_t n = -1;

	if (sqlite3_open(m->db, &db) == SQLITE_OK && sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

static int text_add(const struct weir_bill_version *v, void *arg)
{
	char *text = arg;

	sprintf(text + strlen(text), "%s/%lld/%llu/%llu ", v->account, (long long)v->period_start_s, (unsigned long long)v->version,
		(unsigned long long)v->rows);
	return 0;
}

static int sum_add(const struct weir_bill_sum *s, void *arg)
{
	char *text = arg, amount[48];

	sprintf(text + strlen(text), "%s=%s/%llu ", s->key, weir_bill_amount(s->nanos[WEIR_BILL_BILLED], amount),
		(unsigned long long)s->rows);
	return 0;
}

static int sums(const struct room *m, const struct weir_bill_query *q, char *text)
{
	weir_auto_bills struct weir_bills *b = NULL;
	struct weir_err err = {{0}};
	int r = weir_bills_open(m->db, false, &b, &err);

	*text = '\0';
	return r ? r : weir_bills_sums(b, q, sum_add, text, &err);
}

TEST(a_restated_bill_is_a_new_version)
{
	struct weir_bill_imported done;
	struct weir_err err;
	char text[1024] = "";
	auto_room m;

	room_make(&m);
	bill_write(m.file, "1.5", "a", "09", 3);
	CHECK(import(&m, &plainly, &done, &err) == 0 && done.version == 1 && done.bills == 1, "%s", err.text);
	bill_write(m.file, "2", "a", "09", 40);
	CHECK(import(&m, &plainly, &done, &err) == 0 && done.version == 2 && !done.known, "%s", err.text);
	bill_write(m.file, "0.1", "a", "10", 1);
	CHECK(import(&m, &plainly, &done, &err) == 0 && done.version == 1, "another month");
	{
		weir_auto_bills struct weir_bills *b = NULL;

		CHECK(weir_bills_open(m.db, false, &b, &err) == 0 && weir_bills_list(b, text_add, text, &err) == 0, "%s", err.text);
		CHECK(!strcmp(text, "a/1725148800/1/3 a/1725148800/2/40 a/1727740800/1/1 "), "%s", text);
	}
	CHECK(sums(&m, &(struct weir_bill_query){.by = "service", .limit = 9}, text) == 0, "sums");
	CHECK(!strcmp(text, "EC2=52.000000000/26 S3=28.100000000/15 "), "the newest of each: %s", text);
	CHECK(sums(&m, &(struct weir_bill_query){.by = "service", .limit = 9, .version = 1, .period_start_s = 1725148800}, text) == 0,
	      "sums");
	CHECK(!strcmp(text, "EC2=3.000000000/2 S3=1.500000000/1 "), "the first is as it was: %s", text);
	CHECK(sums(&m, &(struct weir_bill_query){.by = "network", .limit = 9, .account = "b"}, text) == -ENOENT, "%s", text);
}

TEST(the_same_bytes_come_in_once)
{
	struct weir_bill_imported done;
	struct weir_err err;
	auto_room m;

	room_make(&m);
	bill_write(m.file, "1", "a", "09", 5);
	CHECK(import(&m, &plainly, &done, &err) == 0 && !done.known, "%s", err.text);
	CHECK(import(&m, &plainly, &done, &err) == 0 && done.known && !strcmp(done.file_name, m.file), "%s", done.file_name);
	CHECK(number(&m, "SELECT COUNT(*) FROM line") == 5 && number(&m, "SELECT COUNT(*) FROM bill") == 1, "nothing was added");
	bill_write(m.file, "2", "a", "09", 5); /* as long as the first */
	CHECK(import(&m, &plainly, &done, &err) == 0 && !done.known && done.version == 2, "other bytes of that length");
}

TEST(what_is_stored_is_exact_and_whole)
{
	struct weir_bill_imported done;
	struct weir_err err;
	auto_room m;

	room_make(&m);
	bill_write(m.file, "0.0000000015", "a", "09", 50);
	CHECK(import(&m, &plainly, &done, &err) == 0, "%s", err.text);
	CHECK(done.stats.rounded_costs == 50, "noted: %llu", (unsigned long long)done.stats.rounded_costs);
	CHECK(number(&m, "SELECT SUM(billed) FROM line") == 100, "nano-units, half to even");
	CHECK(number(&m, "SELECT COUNT(*) FROM line WHERE effective IS NULL") == 50, "absent is absent");
	CHECK(number(&m, "SELECT COUNT(*) FROM line WHERE quantity=2*1073741824 AND quantity_nanos=0") == 50, "bytes");
	CHECK(number(&m, "SELECT COUNT(*) FROM item") == 2, "what lines have in common stands once");
	CHECK(number(&m, "SELECT COUNT(*) FROM item WHERE network='nat' AND extra_names='[\"x_Team\"]'") == 2, "extras' names");
	CHECK(number(&m, "SELECT COUNT(*) FROM line WHERE extra='[\"t1\"]'") == 3, "extras' values");
	CHECK(number(&m, "SELECT COUNT(*) FROM (SELECT line FROM line EXCEPT SELECT id+1 FROM line)") == 0, "each row once, in order");
	CHECK(number(&m, "SELECT imported FROM file") == NOW_S, "when");
	CHECK(number(&m, "SELECT length(sha256) FROM file") == 32, "of which bytes");
}

/* The parts' extra columns have other names; what the first one's were must not be taken for the second's. */
TEST(the_parts_of_a_delivery_are_one_version)
{
	struct weir_bill_imported done;
	struct weir_err err = {{0}};
	char second[128], text[256];
	const char *parts[2] = {NULL, second};
	weir_auto_bills struct weir_bills *b = NULL;
	auto_room m;
	FILE *f;

	room_make(&m);
	snprintf(second, sizeof(second), "%s/bill-2.csv", m.dir);
	parts[0] = m.file;
	bill_write(m.file, "1", "a", "09", 20);
	bill_write(second, "2", "a", "09", 30);
	f = fopen(second, "r+");
	fputs(HEAD, f);
	fseek(f, -7, SEEK_CUR);
	fputs("x_Unit", f);
	fclose(f);
	CHECK(weir_bills_open(m.db, true, &b, &err) == 0 && weir_bills_import(b, parts, 2, &plainly, &done, &err) == 0, "%s", err.text);
	CHECK(done.bills == 1 && done.version == 1 && done.stats.rows == 50, "%zu bills", done.bills);
	CHECK(weir_bills_import(b, parts, 2, &plainly, &done, &err) == 0 && done.known, "the same parts");
	CHECK(sums(&m, &(struct weir_bill_query){.by = "account", .limit = 9}, text) == 0, "sums");
	CHECK(!strcmp(text, "a=80.000000000/50 "), "%s", text);
	CHECK(number(&m, "SELECT COUNT(*) FROM line l JOIN item i ON i.id=l.item WHERE i.extra_names='[\"x_Unit\"]'") == 30, "names");
	/* One part restated, the other as it was: a new version. */
	bill_write(second, "3", "a", "09", 30);
	CHECK(weir_bills_import(b, parts, 2, &plainly, &done, &err) == 0 && !done.known && done.version == 2, "%s", err.text);
	bill_write(second, "x", "a", "09", 1);
	CHECK(weir_bills_import(b, parts, 2, &(struct weir_bill_import){.strict = true}, &done, &err) == -EBADMSG, "all or nothing");
	CHECK(number(&m, "SELECT COUNT(*) FROM line") == 100, "nothing of either");
}

TEST(extras_are_json)
{
	struct weir_bill_imported done;
	struct weir_err err;
	auto_room m;
	FILE *f;

	room_make(&m);
	f = fopen(m.file, "w");
	fputs(HEAD "1,a,USD,2024-10-01,2024-09-01,Usage,2024-09-02,2024-09-01,,,EC2,AWS,,"
		   "\"long \"\"quoted\"\" text\\with a\nline, \x1f and K\xc3\xb6ln\"\n", f);
	fclose(f);
	CHECK(import(&m, &plainly, &done, &err) == 0, "%s", err.text);
	CHECK(number(&m, "SELECT COUNT(*) FROM line WHERE json_extract(extra,'$[0]')="
			 "'long \"quoted\" text\\with a'||char(10)||'line, '||char(31)||' and K\xc3\xb6ln'") == 1, "as it was");
}

/* Rupiahs: 9.2 * 10^9 of them are all that 64 bits of nano-units hold, and a month costs more. */
TEST(sums_are_wider_than_a_row)
{
	struct weir_bill_imported done;
	struct weir_err err;
	char text[256], amount[48];
	auto_room m;

	room_make(&m);
	bill_write(m.file, "9000000000.000000001", "a", "09", 30);
	CHECK(import(&m, &plainly, &done, &err) == 0, "%s", err.text);
	CHECK(!strcmp(weir_bill_amount(done.totals[0].nanos[WEIR_BILL_BILLED], amount), "270000000000.000000030"), "%s", amount);
	CHECK(sums(&m, &(struct weir_bill_query){.by = "account", .limit = 9}, text) == 0, "sums");
	CHECK(!strcmp(text, "a=270000000000.000000030/30 "), "%s", text);
	CHECK(!strcmp(weir_bill_amount(-1, amount), "-0.000000001"), "%s", amount);
}

TEST(strict_stores_nothing_otherwise_the_rest)
{
	static const struct weir_bill_import strictly = {.now_s = NOW_S, .strict = true};
	struct weir_bill_imported done;
	struct weir_err err;
	auto_room m;
	FILE *f;

	room_make(&m);
	bill_write(m.file, "1", "a", "09", 40);
	f = fopen(m.file, "a");
	row_write(f, "much", "a", "09", "EC2", 0);
	row_write(f, "1", "a", "09", "EC2", 1);
	fclose(f);
	CHECK(import(&m, &strictly, &done, &err) == -EBADMSG && strstr(err.text, "nothing of it is imported"), "%s", err.text);
	CHECK(number(&m, "SELECT COUNT(*) FROM line") == 0 && number(&m, "SELECT COUNT(*) FROM item") == 0, "nothing");
	CHECK(import(&m, &plainly, &done, &err) == 0 && done.stats.bad_rows == 1 && done.stats.rows == 41, "%s", err.text);
	CHECK(number(&m, "SELECT COUNT(*) FROM line") == 41 && number(&m, "SELECT bad_rows FROM file") == 1, "the rest");
}

/* More items than are remembered: some are written again, and each line finds its own. */
TEST(items_that_are_forgotten_are_written_again)
{
	enum { ITEMS = 50000 };
	struct weir_bill_imported done;
	struct weir_err err;
	char service[32];
	auto_room m;
	FILE *f;

	room_make(&m);
	f = fopen(m.file, "w");
	fputs(HEAD, f);
	for (int i = 0; i < 2 * ITEMS; i++) {
		snprintf(service, sizeof(service), "s%d", i % ITEMS);
		row_write(f, "1", "a", "09", service, 0);
	}
	fclose(f);
	CHECK(import(&m, &plainly, &done, &err) == 0, "%s", err.text);
	CHECK(number(&m, "SELECT COUNT(*) FROM item") > ITEMS, "as many as %lld", (long long)number(&m, "SELECT COUNT(*) FROM item"));
	CHECK(number(&m, "SELECT COUNT(*) FROM line l JOIN item i ON i.id=l.item WHERE i.service='s'||((l.line-2)%50000)") == 2 * ITEMS,
	      "each line has its own");
}

/* One file may hold many accounts and months: each is a bill of its own. */
TEST(a_file_of_many_bills)
{
	struct weir_bill_imported done;
	struct weir_err err;
	char text[1024] = "";
	auto_room m;
	FILE *f;

	room_make(&m);
	f = fopen(m.file, "w");
	fputs(HEAD, f);
	for (int i = 0; i < 60; i++)
		row_write(f, "1", i % 2 ? "a" : "b", i % 3 ? "09" : "10", "EC2", 0);
	fclose(f);
	CHECK(import(&m, &plainly, &done, &err) == 0 && done.bills == 4, "%s: %zu", err.text, done.bills);
	CHECK(sums(&m, &(struct weir_bill_query){.by = "account", .limit = 9, .period_start_s = 1725148800}, text) == 0, "sums");
	CHECK(!strcmp(text, "a=20.000000000/20 b=20.000000000/20 "), "%s", text);
}

TEST(another_database_is_left_alone)
{
	struct weir_bills *b = NULL;
	struct weir_err err = {{0}};
	auto_room m;

	room_make(&m);
	CHECK(weir_bills_open(m.db, false, &b, &err) == -ENOENT && access(m.db, F_OK), "looking makes no file");
	number(&m, "CREATE TABLE flow(x)");
	err = (struct weir_err){{0}};
	CHECK(weir_bills_open(m.db, true, &b, &err) == -EINVAL && strstr(err.text, "another database"), "%s", err.text);
	unlink(m.db);
	err = (struct weir_err){{0}};
	CHECK(weir_bills_open(m.db, true, &b, &err) == 0, "%s", err.text);
	weir_bills_close(b);
	b = NULL;
	number(&m, "PRAGMA user_version=99");
	CHECK(weir_bills_open(m.db, true, &b, &err) == -EINVAL && strstr(err.text, "newer"), "%s", err.text);
}

static void die(const struct weir_bill_stats *s, void *arg)
{
	(void)arg;
	if (s->rows > 60000)
		raise(SIGKILL);
}

TEST(a_killed_import_leaves_nothing)
{
	static const struct weir_bill_import deadly = {.now_s = NOW_S, .progress = die};
	struct weir_bill_imported done;
	struct weir_err err;
	auto_room m;
	int status = 0;
	pid_t child;

	room_make(&m);
	bill_write(m.file, "1", "a", "09", 7);
	CHECK(import(&m, &plainly, &done, &err) == 0, "%s", err.text);
	bill_write(m.file, "1", "a", "09", 100000);
	fflush(stdout);
	child = fork();
	if (!child) {
		sqlite3_soft_heap_limit64(1 << 20); /* pages go to the file long before the end */
		import(&m, &deadly, &done, &err);
		_exit(0);
	}
	waitpid(child, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%d", status);
	CHECK(import(&m, &plainly, &done, &err) == 0 && done.version == 2 && done.stats.rows == 100000, "again: %s", err.text);
	CHECK(number(&m, "SELECT COUNT(*) FROM line") == 100007 && number(&m, "SELECT MAX(id) FROM line") == 100007, "nothing of the first");
}

static long peak_kb(void)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/* 200,000 rows are 24 MB of text and 20 of database; what is held (4 MiB of pages among it) fills up, and no more. */
TEST(memory_does_not_grow_with_the_file)
{
	struct weir_bill_imported done;
	struct weir_err err;
	long before, after;
	auto_room m;

	room_make(&m);
	bill_write(m.file, "1", "a", "09", 20000);
	CHECK(import(&m, &plainly, &done, &err) == 0 && done.stats.rows == 20000, "%s", err.text);
	before = peak_kb();
	bill_write(m.file, "1", "a", "09", 200000);
	CHECK(import(&m, &plainly, &done, &err) == 0 && done.stats.rows == 200000, "%s", err.text);
	after = peak_kb();
	CHECK(before > 0 && after - before < 8 * 1024, "%ld kB, then %ld kB", before, after);
	printf("# VmHWM: 20,000 rows %ld kB, 200,000 rows %ld kB\n", before, after);
}

/* First, as what is measured is the most that the process ever had. */
TEST_MAIN(T(memory_does_not_grow_with_the_file), T(a_restated_bill_is_a_new_version), T(the_same_bytes_come_in_once),
	  T(what_is_stored_is_exact_and_whole), T(extras_are_json), T(the_parts_of_a_delivery_are_one_version),
	  T(sums_are_wider_than_a_row), T(strict_stores_nothing_otherwise_the_rest),
	  T(items_that_are_forgotten_are_written_again),
	  T(a_file_of_many_bills), T(another_database_is_left_alone), T(a_killed_import_leaves_nothing))
