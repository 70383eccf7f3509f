/* SPDX-License-Identifier: Apache-2.0 */
/* A month's bill beside what was measured: by hand, and what cannot be compared is said. */
#include "lib/os/file.h"
#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#include <jansson.h>

#define BILL                                                                                                           \
	"BilledCost,ListCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,"     \
	"ChargePeriodEnd,ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ServiceName,ProviderName,SkuMeter\n"         \
	"7.2,9,acme,USD,2026-10-01,2026-09-01,Usage,2026-09-19,2026-09-18,100,GB,EC2,AWS,USE1-DataTransfer-Out-Bytes\n" \
	"10,10,acme,USD,2026-10-01,2026-09-01,Usage,2026-09-19,2026-09-18,222,Hours,EC2,AWS,Something-Else\n"           \
	"1,1,acme,USD,2026-10-01,2026-09-01,Tax,2026-09-19,2026-09-18,,,Tax,AWS,\n"
/* 30 and 20 of the 100 GiB, as the ledger had them at list price; and bytes that cost nothing. */
#define MEASURED                                                                                                       \
	"{\"currency\":\"USD\",\"items\":["                                                                            \
	"{\"team\":\"shop\",\"meter\":\"internet-out\",\"bytes\":32212254720,\"nanos\":2700000000},"                    \
	"{\"team\":\"data\",\"meter\":\"internet-out\",\"bytes\":21474836480,\"nanos\":1800000000},"                    \
	"{\"team\":\"data\",\"meter\":\"local\",\"bytes\":999,\"nanos\":0}]}"

struct room {
	char dir[64], db[96], bill[96], measured[96];
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

static void room_make_of(struct room *m, const char *bill, const char *measured)
{
	snprintf(m->dir, sizeof(m->dir), "/tmp/weir-cli-reconcile-XXXXXX");
	if (!mkdtemp(m->dir))
		abort();
	snprintf(m->db, sizeof(m->db), "%s/b.db", m->dir);
	snprintf(m->bill, sizeof(m->bill), "%s/bill.csv", m->dir);
	snprintf(m->measured, sizeof(m->measured), "%s/m.json", m->dir);
	write_file(m->bill, bill);
	write_file(m->measured, measured);
}

static void room_make(struct room *m, const char *measured)
{
	room_make_of(m, BILL, measured);
}

static void room_remove(struct room *m)
{
	unlink(m->db);
	unlink(m->bill);
	unlink(m->measured);
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

static int reconcile(const struct room *m, char *period, bool json, char **ret_out, struct weir_err *err)
{
	char *argv[] = {"bill", "reconcile", "--period", period, "--dir", "policies", "--bills", (char *)(uintptr_t)m->db,
			"--measured", (char *)(uintptr_t)m->measured};

	return cli_fixture_run((struct cli){.json = json}, 10, argv, ret_out, err);
}

static int reconcile_with(const struct room *m, char *option, char *value, char **ret_out, struct weir_err *err)
{
	char *argv[] = {"bill", "reconcile", "--period", "2026-09", "--dir", "policies", "--bills", (char *)(uintptr_t)m->db,
			"--measured", (char *)(uintptr_t)m->measured, option, value};

	return cli_fixture_run((struct cli){.json = true}, value ? 12 : 11, argv, ret_out, err);
}

static json_int_t at(const json_t *root, const char *list, size_t i, const char *field)
{
	return json_integer_value(json_object_get(json_array_get(json_object_get(root, list), i), field));
}

/*
 * By hand, in nanos. internet-out: half of 7.2 is theirs, 3.6, where list is 4.5, as was measured: a discount of -0.9; the
 * other 3.6 is nobody's. What no price book names is nobody's: 11. By bytes 30:20 the 3.6 are 2.16 and 1.44.
 */
TEST(a_months_bill_by_hand)
{
	auto_room m;
	weir_auto_free char *out = NULL;
	struct weir_err err = {{0}};
	json_t *root = NULL;
	const json_t *total;

	room_make(&m, MEASURED);
	CHECK(!import(&m) && !reconcile(&m, "2026-09", true, &out, &err), "%s", err.text);
	root = json_loads(out ? out : "", 0, NULL);
	total = json_object_get(root, "total");
	CHECK(json_integer_value(json_object_get(total, "billed_nanos")) == 18200000000);
	CHECK(json_integer_value(json_object_get(total, "measured_nanos")) == 4500000000);
	CHECK(json_integer_value(json_object_get(total, "discount_nanos")) == -900000000);
	CHECK(json_integer_value(json_object_get(total, "tier_nanos")) == 0);
	CHECK(json_integer_value(json_object_get(total, "unattributed_nanos")) == 14600000000);
	CHECK(at(root, "teams", 0, "share_nanos") == 2160000000 && at(root, "teams", 1, "share_nanos") == 1440000000, "%s", out);
	CHECK(at(root, "teams", 2, "share_nanos") == 14600000000, "unattributed is a line of its own");
	json_decref(root);
}

/* Half of internet-out is nobody's: 3.6 of 7.2. */
TEST(the_residual_is_a_metric)
{
	auto_room m;
	weir_auto_free char *out = NULL, *text = NULL;
	struct weir_err err = {{0}};
	size_t len;

	room_make(&m, MEASURED);
	CHECK(!import(&m) && !reconcile_with(&m, "--metrics", m.bill, &out, &err), "%s", err.text);
	CHECK(!weir_file_read(m.bill, 65536, &text, &len));
	CHECK(text && strstr(text, "# TYPE weir_bill_residual_ratio gauge\n") &&
	      strstr(text, "weir_bill_residual_ratio{period=\"2026-09\",meter=\"internet-out\"} 0.5\n"), "%s", text);
	CHECK(text && strstr(text, "weir_bill_cost{period=\"2026-09\",currency=\"USD\",meter=\"internet-out\",part=\"billed\"} 7.2"), "%s", text);
}

TEST(it_is_three_tables)
{
	auto_room m;
	weir_auto_free char *out = NULL;
	struct weir_err err = {{0}};

	room_make(&m, MEASURED);
	CHECK(!import(&m) && !reconcile(&m, "2026-09", false, &out, &err), "%s", err.text);
	CHECK(out && strstr(out, "\ninternet-out    7.200000  4.500000  -0.900000") && strstr(out, "\ntotal          18.200000"), "%s", out);
	CHECK(out && strstr(out, "\nunmeasured       3.600000\n") && strstr(out, "\nnot-network     11.000000\n"), "%s", out);
	CHECK(out && strstr(out, "\nshop          2.700000  -0.540000   2.160000\n"), "%s", out);
}

#define DAYS                                                                                                           \
	"BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargePeriodEnd," \
	"ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ServiceName,ProviderName,SkuMeter,SubAccountId,RegionId\n"      \
	"9,acme,USD,2026-10-01,2026-09-01,Usage,2026-09-02,2026-09-01,100,GB,EC2,AWS,DataTransfer-Out-Bytes,111111111111,us-east-1\n" \
	"9,acme,USD,2026-10-01,2026-09-01,Usage,2026-09-02,2026-09-01,100,GB,EC2,AWS,DataTransfer-Out-Bytes,999,us-east-1\n" \
	"9,acme,USD,2026-10-01,2026-09-01,Usage,2026-09-03,2026-09-02,100,GB,EC2,AWS,DataTransfer-Out-Bytes,111111111111,us-east-1\n"
/* 50 GiB of the first day, 1788220800, of a node of the account 111111111111 of policies/topology. */
#define FIRST_DAY                                                                                                      \
	"{\"currency\":\"USD\",\"from\":1788220800,\"to\":1788307200,\"items\":[{\"class\":\"aws/111111111111/vpc-east/east-a\"," \
	"\"team\":\"shop\",\"path\":\"nat\",\"meter\":\"internet-out\",\"bytes\":53687091200,\"nanos\":4500000000}]}"

/* Neither another account's line of that day nor the account's line of the next day has any of it. */
TEST(a_line_has_its_account_and_its_day)
{
	auto_room m;
	weir_auto_free char *out = NULL;
	struct weir_err err = {{0}};
	json_t *root = NULL;
	const json_t *lines;

	room_make_of(&m, DAYS, FIRST_DAY);
	CHECK(!import(&m) && !reconcile_with(&m, "--lines", NULL, &out, &err), "%s", err.text);
	root = json_loads(out ? out : "", 0, NULL);
	lines = json_object_get(root, "lines");
	CHECK(json_array_size(lines) == 3, "%s", out);
	for (size_t i = 0; i < json_array_size(lines); i++) {
		const json_t *l = json_array_get(lines, i);
		const char *place = json_string_value(json_object_get(l, "line"));
		json_int_t shop = json_integer_value(json_object_get(json_object_get(l, "shares_nanos"), "shop"));
		bool first = place && strstr(place, "bill.csv:2");

		CHECK(shop == (first ? 4500000000 : 0), "%s: %lld", place, (long long)shop);
		CHECK(json_integer_value(json_object_get(l, "unattributed_nanos")) == 9000000000 - shop);
	}
	json_decref(root);
}

/* Two accounts are billed apart: of one alone, what was measured in the other's account is not over-measured. */
TEST(one_account_is_settled_with_its_own)
{
	auto_room m;
	weir_auto_free char *out = NULL, *all = NULL;
	struct weir_err err = {{0}};
	json_t *root = NULL;

	room_make_of(&m, DAYS, "{\"currency\":\"USD\",\"items\":[{\"account\":\"999\",\"team\":\"a\",\"meter\":\"internet-out\",\"bytes\":5,\"nanos\":9},"
			       "{\"account\":\"777\",\"team\":\"b\",\"meter\":\"internet-out\",\"bytes\":5,\"nanos\":9}]}");
	CHECK(!import(&m) && !reconcile_with(&m, "--account", "acme", &out, &err), "%s", err.text);
	root = json_loads(out ? out : "", 0, NULL);
	CHECK(json_integer_value(json_object_get(json_object_get(root, "total"), "measured_nanos")) == 9 &&
	      json_array_size(json_object_get(root, "teams")) == 2, "%s", out);
	json_decref(root);
	CHECK(!reconcile_with(&m, "--lines", NULL, &all, &err), "%s", err.text);
	root = json_loads(all ? all : "", 0, NULL);
	CHECK(json_integer_value(json_object_get(json_object_get(root, "total"), "measured_nanos")) == 18, "%s", all);
	json_decref(root);
}

#define HOURS                                                                                                          \
	"BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargePeriodEnd," \
	"ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ServiceName,ProviderName,SkuMeter,SubAccountId,RegionId\n"      \
	"2.16,acme,USD,2026-10-01,2026-09-01,Usage,2026-10-01,2026-09-01,48,Hours,EC2,AWS,NatGateway-Hours,111111111111,us-east-1\n"

/* Of two gateways' days, 48 hours at 0.045, one is in the ledger, without bytes: 1.08 of a domain whose account the topology says. */
TEST(what_costs_by_the_hour_is_dealt_by_its_hours)
{
	auto_room m;
	weir_auto_free char *out = NULL;
	struct weir_err err = {{0}};
	json_t *root = NULL;

	room_make_of(&m, HOURS,
		     "{\"currency\":\"USD\",\"items\":[{\"class\":\"aws/111111111111/vpc-east\",\"team\":\"net\",\"path\":\"unknown\","
		     "\"meter\":\"nat-gateway-hour\",\"bytes\":0,\"nanos\":1080000000}]}");
	CHECK(!import(&m) && !reconcile_with(&m, "--lines", NULL, &out, &err), "%s", err.text);
	root = json_loads(out ? out : "", 0, NULL);
	CHECK(at(root, "teams", 0, "share_nanos") == 1080000000 && at(root, "items", 0, "over-measured_nanos") == 0 &&
	      at(root, "unattributed", 0, "unattributed_nanos") == 1080000000, "%s", out);
	json_decref(root);
}

/* One of the prices' euros is 2 dollars: 0.9 measured are 1.8 billed. */
TEST(measured_in_another_currency)
{
	auto_room m;
	weir_auto_free char *out = NULL, *odd = NULL;
	struct weir_err err = {{0}};
	json_t *root = NULL;

	room_make(&m, "{\"currency\":\"EUR\",\"items\":[{\"team\":\"a\",\"meter\":\"internet-out\",\"bytes\":21474836480,\"nanos\":900000000}]}");
	CHECK(!import(&m) && !reconcile_with(&m, "--rate", "2", &out, &err), "%s", err.text);
	root = json_loads(out ? out : "", 0, NULL);
	CHECK(at(root, "teams", 0, "measured_nanos") == 1800000000 && at(root, "teams", 0, "share_nanos") == 1440000000, "%s", out);
	json_decref(root);
	CHECK(reconcile_with(&m, "--rate", "0", &odd, &err) == -EINVAL && strstr(err.text, "is no rate"), "%s", err.text);
}

#define NAT_BILL                                                                                                       \
	"BilledCost,ListCost,BillingAccountId,SubAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory," \
	"ChargePeriodEnd,ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ServiceName,ProviderName,SkuMeter\n"         \
	"2.25,2.25,x,111111111111,USD,2026-10-01,2026-09-01,Usage,2026-09-19,2026-09-18,50,GB,EC2,AWS,NatGateway-Bytes\n"
#define NAT_TRAFFIC                                                                                                    \
	"hour,domain,local,peer,direction,bytes,team\n"                                                                \
	"2026-09-18T10:00:00Z,aws/111111111111/vpc-east,10.7.1.12,52.216.8.5,egress,32212254720,data\n"                 \
	"2026-09-18T11:00:00Z,aws/111111111111/vpc-east,10.7.1.12,52.216.8.5,ingress,10737418240,data\n"                \
	"2026-08-18T11:00:00Z,aws/111111111111/vpc-east,10.7.1.12,52.216.8.5,ingress,10737418240,data\n"

/* 30 and 10 GiB through the NAT gateway at 0.045, of 50 that are billed; those of August are of no line here. */
TEST(recorded_traffic_is_measured_by_replay)
{
	auto_room m;
	char *argv[] = {"bill", "reconcile", "--period", "2026-09", "--dir", "policies", "--bills", m.db, "--traffic", m.measured,
			"--measured", m.measured};
	weir_auto_free char *out = NULL, *both = NULL;
	struct weir_err err = {{0}};
	json_t *root;

	room_make_of(&m, NAT_BILL, NAT_TRAFFIC);
	CHECK(!import(&m) && !cli_fixture_run((struct cli){.json = true}, 10, argv, &out, &err), "%s", err.text);
	root = json_loads(out ? out : "", 0, NULL);
	CHECK(at(root, "items", 0, "measured_nanos") == 1800000000 && at(root, "items", 0, "unattributed_nanos") == 450000000, "%s", out);
	CHECK(!strcmp(json_string_value(json_object_get(json_array_get(json_object_get(root, "teams"), 0), "team")), "data") &&
	      at(root, "teams", 0, "share_nanos") == 1800000000, "%s", out);
	json_decref(root);
	CHECK(cli_fixture_run((struct cli){0}, 12, argv, &both, &err) < 0 && strstr(err.text, "choose one"), "%s", err.text);
}

TEST(what_cannot_be_compared_is_said)
{
	auto_room m;
	weir_auto_free char *first = NULL, *second = NULL, *third = NULL;
	struct weir_err err = {{0}};

	room_make(&m, "{\"currency\":\"EUR\",\"items\":[{}]}");
	CHECK(!import(&m));
	CHECK(reconcile(&m, "2026-09", false, &first, &err) == -EINVAL && strstr(err.text, "measured in EUR, billed in USD"), "%s",
	      err.text);
	CHECK(reconcile(&m, "2026-13", false, &second, &err) == -EINVAL && strstr(err.text, "is no month"), "%s", err.text);
	CHECK(reconcile(&m, "2026-08", false, &third, &err) && strstr(err.text, "holds no such bill"), "%s", err.text);
}

TEST_MAIN(T(a_months_bill_by_hand), T(the_residual_is_a_metric), T(it_is_three_tables), T(a_line_has_its_account_and_its_day), T(one_account_is_settled_with_its_own), T(what_costs_by_the_hour_is_dealt_by_its_hours), T(measured_in_another_currency), T(recorded_traffic_is_measured_by_replay),
	  T(what_cannot_be_compared_is_said))
