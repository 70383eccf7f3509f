/* SPDX-License-Identifier: Apache-2.0 */
/* Rates learnt from a bill: by hand, and read back as the prices of that month. */
#include "lib/money/price.h"
#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#define HEAD                                                                                                     \
	"BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargePeriodEnd," \
	"ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ServiceName,ProviderName,SkuMeter,SubAccountId,RegionId\n"
#define ROW(cost, category, quantity, unit, sku, account, region)                                                \
	cost ",acme,USD,2026-10-01,2026-09-01," category ",2026-10-01,2026-09-01," quantity "," unit ",EC2,AWS," sku "," account "," region "\n"
/*
 * By hand. us-east-1's internet-out: 8 + 4 - 0.3 (a credit) for 100 + 60 - 10 (a correction) GiB: 11.7 / 150 = 0.078.
 * Gateways: 1.08 for 24 hours, 0.045. *-AWS-Out-Bytes is two meters of one usage type, at 0.02 and 0.01: no rate.
 */
#define BILL                                                                                                     \
	HEAD ROW("8", "Usage", "100", "GB", "DataTransfer-Out-Bytes", "1", "us-east-1")                          \
	ROW("4.8", "Usage", "60", "GB", "DataTransfer-Out-Bytes", "2", "us-east-1")                              \
	ROW("-0.8", "Usage", "-10", "GB", "DataTransfer-Out-Bytes", "2", "us-east-1")                            \
	ROW("-0.3", "Credit", "", "", "DataTransfer-Out-Bytes", "1", "us-east-1")                                \
	ROW("1.08", "Usage", "24", "Hours", "NatGateway-Hours", "1", "us-east-1")                                \
	ROW("3", "Usage", "200", "GB", "USE1-USW2-AWS-Out-Bytes", "1", "us-east-1")                              \
	ROW("5", "Usage", "50", "GB", "MARS-NatGateway-Bytes", "1", "mars-north-1")                              \
	ROW("7", "Tax", "", "", "", "1", "us-east-1")

struct room {
	char dir[64], db[96], bill[96], out[96];
};

static void room_make(struct room *m, const char *bill)
{
	FILE *f;

	snprintf(m->dir, sizeof(m->dir), "/tmp/weir-cli-calibrate-XXXXXX");
	if (!mkdtemp(m->dir))
		abort();
	snprintf(m->db, sizeof(m->db), "%s/b.db", m->dir);
	snprintf(m->bill, sizeof(m->bill), "%s/bill.csv", m->dir);
	snprintf(m->out, sizeof(m->out), "%s/rates.yaml", m->dir);
	f = fopen(m->bill, "w");
	if (!f || fputs(bill, f) < 0 || fclose(f))
		abort();
}

static void room_remove(struct room *m)
{
	unlink(m->db);
	unlink(m->bill);
	unlink(m->out);
	rmdir(m->dir);
}
#define auto_room weir_cleanup(room_remove) struct room

static int import(const struct room *m)
{
	char *argv[] = {"import", "bill", (char *)(uintptr_t)m->bill, "--bills", (char *)(uintptr_t)m->db};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	return cli_fixture_run((struct cli){0}, 5, argv, &out, &err);
}

static int calibrate(const struct room *m, char *option, char *value, char **ret_out, struct weir_err *err)
{
	char *argv[] = {"prices", "calibrate", "--period", "2026-09", "--dir", "policies", "--bills", (char *)(uintptr_t)m->db, option, value};

	return cli_fixture_run((struct cli){0}, 8 + !!option + !!value, argv, ret_out, err);
}

TEST(rates_by_hand)
{
	auto_room m;
	weir_auto_free char *out = NULL, *accounts = NULL;
	struct weir_err err = {{0}};

	room_make(&m, BILL);
	CHECK(!import(&m) && !calibrate(&m, NULL, NULL, &out, &err), "%s", err.text);
	CHECK(out && strstr(out, "month: 2026-09\n") && strstr(out, "{meter: internet-out, region: us-east-1, sku: \"*DataTransfer-Out-Bytes\", price: \"0.078\"}\n") &&
	      strstr(out, "{meter: nat-gateway-hour, region: us-east-1, sku: \"*NatGateway-Hours\", price: \"0.045\"}\n"), "%s", out);
	CHECK(out && !strstr(out, "cross-region") && !strstr(out, "nat-processing"), "what a bill cannot teach: %s", out);
	CHECK(!calibrate(&m, "--by-account", NULL, &accounts, &err), "%s", err.text);
	CHECK(accounts && strstr(accounts, "account: \"1\", sku: \"*DataTransfer-Out-Bytes\", price: \"0.077\"") &&
	      strstr(accounts, "account: \"2\", sku: \"*DataTransfer-Out-Bytes\", price: \"0.08\""), "%s", accounts);
}

/* As the books read it: in September 150 GiB cost 11.7 again, in October the list price. */
TEST(what_is_written_is_the_price_of_that_month)
{
	auto_room m;
	weir_auto_free char *out = NULL, *again = NULL;
	struct weir_err err = {{0}};
	struct weir_pricebook *book = NULL;
	const struct weir_meter *list, *rate;

	room_make(&m, BILL);
	CHECK(!import(&m) && !calibrate(&m, "--out", m.out, &out, &err), "%s", err.text);
	CHECK(calibrate(&m, "--out", m.out, &again, &err) == -EEXIST && strstr(err.text, "cannot be made"), "%s", err.text);
	unlink(m.bill);
	unlink(m.db);
	CHECK(!weir_pricebook_new(&book) && !weir_pricebook_load_dir(book, "policies/prices", NULL, NULL) &&
	      !weir_pricebook_load_dir(book, m.dir, NULL, NULL) && !weir_pricebook_seal(book, &err), "%s", err.text);
	list = weir_pricebook_find(book, "aws", "us-east-1", "internet-out", 1789000000);
	rate = list ? weir_meter_effective(list, "1", 1789000000) : NULL;
	CHECK(rate && rate->layer == WEIR_PRICE_CALIBRATED && weir_meter_cost(rate, 150ull << 30) == 11700000000);
	CHECK(list && weir_meter_effective(list, "1", 1791000000) == list, "October's is the list");
	weir_pricebook_free(book);
}

TEST(a_bill_without_the_network_teaches_nothing)
{
	auto_room m;
	weir_auto_free char *out = NULL;
	struct weir_err err = {{0}};

	room_make(&m, HEAD ROW("8", "Usage", "100", "Hours", "BoxUsage:t3", "1", "us-east-1"));
	CHECK(!import(&m) && calibrate(&m, "--out", m.out, &out, &err) == -ENOENT && strstr(err.text, "teaches no rate"), "%s", err.text);
	CHECK(access(m.out, F_OK), "no empty document");
}

TEST_MAIN(T(rates_by_hand), T(what_is_written_is_the_price_of_that_month), T(a_bill_without_the_network_teaches_nothing))
