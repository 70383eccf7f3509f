/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of a month and their corrections, by hand, as weirctl says them. Now is 2026-11-01 (CLI_NOW_S). */
#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#include <jansson.h>

#define HEAD                                                                                                     \
	"BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargePeriodEnd," \
	"ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ServiceName,ProviderName,SkuMeter\n"
#define OUT(cost, month, next)                                                                                   \
	cost ",acme,USD,2026-" next "-01,2026-" month "-01,Usage,2026-" next "-01,2026-" month "-01,100,GB,EC2,AWS,DataTransfer-Out-Bytes\n"
#define COMPUTE(month, next)                                                                                     \
	"10,acme,USD,2026-" next "-01,2026-" month "-01,Usage,2026-" next "-01,2026-" month "-01,222,Hours,EC2,AWS,BoxUsage:t3\n"
/* 30 and 20 of 100 GiB. */
#define MEASURED                                                                                                 \
	"{\"currency\":\"USD\",\"items\":["                                                                      \
	"{\"team\":\"shop\",\"path\":\"nat\",\"meter\":\"internet-out\",\"bytes\":32212254720,\"nanos\":2700000000}," \
	"{\"team\":\"data\",\"path\":\"internet\",\"meter\":\"internet-out\",\"bytes\":21474836480,\"nanos\":1800000000}]}"

struct room {
	char dir[64], db[96], bill[96], measured[96];
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

static void room_make(struct room *m)
{
	snprintf(m->dir, sizeof(m->dir), "/tmp/weir-cli-statement-XXXXXX");
	if (!mkdtemp(m->dir))
		abort();
	snprintf(m->db, sizeof(m->db), "%s/b.db", m->dir);
	snprintf(m->bill, sizeof(m->bill), "%s/bill.csv", m->dir);
	snprintf(m->measured, sizeof(m->measured), "%s/m.json", m->dir);
	write_file(m->measured, MEASURED);
}

static void room_remove(struct room *m)
{
	unlink(m->db);
	unlink(m->bill);
	unlink(m->measured);
	rmdir(m->dir);
}
#define auto_room weir_cleanup(room_remove) struct room

struct outputs {
	char *of[6];
};

static void outputs_free(struct outputs *o)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(o->of); i++)
		free(o->of[i]);
}

/* A command line, with the file of bills. */
static int run(const struct room *m, const char *line, bool json, char **ret_out, struct weir_err *err)
{
	weir_auto_free char *copy = strdup(line);
	char *argv[16], *save = NULL;
	int argc = 0;

	for (char *p = strtok_r(copy, " ", &save); p && argc < 14; p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	argv[argc++] = "--bills";
	argv[argc++] = (char *)(uintptr_t)m->db;
	return cli_fixture_run((struct cli){.json = json, .socket = "/nonexistent/weir.sock"}, argc, argv, ret_out, err);
}

static int import(const struct room *m, const char *bill)
{
	char *argv[] = {"import", "bill", (char *)(uintptr_t)m->bill, "--bills", (char *)(uintptr_t)m->db};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	write_file(m->bill, bill);
	return cli_fixture_run((struct cli){0}, 5, argv, &out, &err);
}

static int close_month(const struct room *m, const char *month, bool measured, char **ret_out, struct weir_err *err)
{
	weir_auto_free char *line = weir_strf("statement close %s --dir policies%s%s", month, measured ? " --measured " : "",
					      measured ? m->measured : "");

	return run(m, line, false, ret_out, err);
}

/* The total of a team's statement; INT64_MIN: it has none. */
static int64_t total_of(const struct room *m, const char *team, const char *month)
{
	weir_auto_free char *line = weir_strf("statement %s %s", team, month), *out = NULL;
	struct weir_err err;
	int64_t total;
	json_t *root;

	if (run(m, line, true, &out, &err))
		return INT64_MIN;
	root = json_loads(out, 0, NULL);
	total = json_integer_value(json_object_get(root, "total_nanos"));
	json_decref(root);
	return total;
}

/* Half of 7.2 is theirs, 30 : 20; the other half, and what is no network, is nobody's: 2.16 + 1.44 + 13.6 = 17.2. */
TEST(teams_and_nobody_are_the_invoice)
{
	auto_room m;
	weir_auto_free char *out = NULL, *shop = NULL, *rest = NULL;
	struct weir_err err = {{0}};

	room_make(&m);
	CHECK(!import(&m, HEAD OUT("7.2", "09", "10") COMPUTE("09", "10")));
	CHECK(!close_month(&m, "2026-09", true, &out, &err), "%s", err.text);
	CHECK(out && strstr(out, "2026-09 is closed, version 1: invoice 17.200000000 USD = teams 3.600000000 + unattributed 13.600000000\n"),
	      "%s", out);
	CHECK(total_of(&m, "shop", "2026-09") == 2160000000 && total_of(&m, "data", "2026-09") == 1440000000 &&
	      total_of(&m, "unattributed", "2026-09") == 13600000000);
	CHECK(!run(&m, "statement shop 2026-09", false, &shop, &err), "%s", err.text);
	CHECK(shop && strstr(shop, "\nacme     EC2      internet-out  nat   30.0 GiB  2.700000000  -0.540000000  2.160000000\n"), "%s", shop);
	CHECK(shop && strstr(shop, "\nbill of acme, version 1, sha256 ") && strstr(shop, "\nprice of internet-out: list"), "%s", shop);
	CHECK(!run(&m, "statement unattributed 2026-09", false, &rest, &err), "%s", err.text);
	CHECK(rest && strstr(rest, "not-network  10.000000000\n") && strstr(rest, "unmeasured    3.600000000\n"), "%s", rest);
}

/* 7.2 becomes 8: theirs is 4 and not 3.6, 2.4 and 1.6; nobody's other 4. Booked in October, for September is frozen. */
TEST(a_restated_bill_becomes_corrections)
{
	auto_room m;
	weir_auto_free char *out = NULL, *again = NULL, *october = NULL, *list = NULL, *november = NULL;
	struct weir_err err = {{0}};

	room_make(&m);
	CHECK(!import(&m, HEAD OUT("7.2", "09", "10") COMPUTE("09", "10")) && !close_month(&m, "2026-09", true, &out, &err), "%s", err.text);
	CHECK(!import(&m, HEAD OUT("8", "09", "10") COMPUTE("09", "10")) && !close_month(&m, "2026-09", false, &again, &err), "%s", err.text);
	CHECK(again && strstr(again, "version 2: corrections of 0.800000000 USD, booked in 2026-10: the invoice is 18.000000000"), "%s", again);
	CHECK(total_of(&m, "shop", "2026-09") == 2160000000, "the frozen one is as it was");
	CHECK(total_of(&m, "shop", "2026-10") == 240000000 && total_of(&m, "data", "2026-10") == 160000000 &&
	      total_of(&m, "unattributed", "2026-10") == 400000000);
	CHECK(!run(&m, "statement shop 2026-10", false, &october, &err) && october && strstr(october, "Corrections of 2026-09") &&
	      strstr(october, "2026-10 is not closed yet"), "%s", october);
	CHECK(!run(&m, "statement shop 2026-09", false, &november, &err) && november &&
	      strstr(november, "Corrected later: version 2, booked in 2026-10"), "%s", november);
	CHECK(!run(&m, "statement list", false, &list, &err) && list && strstr(list, "correction  2026-10"), "%s", list);
}

/* October's own lines and September's corrections are one statement. */
TEST(corrections_stand_beside_the_months_own)
{
	auto_room m;
	weir_cleanup(outputs_free) struct outputs out = {{NULL}};
	struct weir_err err = {{0}};

	room_make(&m);
	CHECK(!import(&m, HEAD OUT("7.2", "09", "10")) && !close_month(&m, "2026-09", true, &out.of[0], &err), "%s", err.text);
	CHECK(!import(&m, HEAD OUT("8", "09", "10")) && !close_month(&m, "2026-09", false, &out.of[1], &err), "%s", err.text);
	CHECK(!import(&m, HEAD OUT("9", "10", "11")) && !close_month(&m, "2026-10", true, &out.of[2], &err), "%s", err.text);
	CHECK(total_of(&m, "shop", "2026-10") == 2700000000 + 240000000, "%lld", (long long)total_of(&m, "shop", "2026-10"));
	CHECK(!import(&m, HEAD OUT("7.2", "09", "10") COMPUTE("09", "10")) && !close_month(&m, "2026-09", false, &out.of[3], &err), "%s", err.text);
	CHECK(out.of[3] && strstr(out.of[3], "version 3: corrections of 9.200000000 USD, booked in 2026-11"), "%s", out.of[3]);
	CHECK(total_of(&m, "shop", "2026-11") == -240000000 && total_of(&m, "unattributed", "2026-11") == 9600000000);
}

TEST(a_month_is_closed_once_a_bill)
{
	auto_room m;
	weir_cleanup(outputs_free) struct outputs out = {{NULL}};
	struct weir_err err = {{0}};

	room_make(&m);
	CHECK(!import(&m, HEAD OUT("7.2", "09", "10") OUT("1", "11", "12")));
	CHECK(close_month(&m, "2026-11", true, &out.of[0], &err) == -EINVAL && strstr(err.text, "the month is not over"), "%s", err.text);
	CHECK(close_month(&m, "2026-08", true, &out.of[1], &err) == -ENOENT && strstr(err.text, "holds no bill of that month"), "%s", err.text);
	CHECK(!close_month(&m, "2026-09", true, &out.of[2], &err), "%s", err.text);
	CHECK(close_month(&m, "2026-09", true, &out.of[3], &err) == -EINVAL && strstr(err.text, "no newer bill"), "%s", err.text);
	CHECK(run(&m, "statement close 2026-09 --account acme --dir policies", false, &out.of[4], &err) == -EINVAL &&
	      strstr(err.text, "is closed for all accounts together"), "%s", err.text);
	CHECK(total_of(&m, "shop", "2026-09") == 2160000000 && total_of(&m, "nobody-else", "2026-09") == INT64_MIN);
	CHECK(run(&m, "statement shop 2026-10", false, &out.of[5], &err) == -ENOENT && strstr(err.text, "2026-10 is not closed"), "%s", err.text);
}

TEST(it_is_csv_too)
{
	auto_room m;
	weir_auto_free char *out = NULL, *csv = NULL;
	struct weir_err err = {{0}};

	room_make(&m);
	CHECK(!import(&m, HEAD OUT("7.2", "09", "10")) && !close_month(&m, "2026-09", true, &out, &err), "%s", err.text);
	CHECK(!run(&m, "statement shop 2026-09 --format csv", false, &csv, &err), "%s", err.text);
	CHECK(csv && strstr(csv, "\r\nshop,2026-09,2026-09,1,statement,2026-11-01T00:00:00Z,USD,acme,EC2,internet-out,nat,,32212254720,"
				 "2.700000000,-0.540000000,2.160000000\r\n"), "%s", csv);
}

TEST_MAIN(T(teams_and_nobody_are_the_invoice), T(a_restated_bill_becomes_corrections), T(corrections_stand_beside_the_months_own),
	  T(a_month_is_closed_once_a_bill), T(it_is_csv_too))
