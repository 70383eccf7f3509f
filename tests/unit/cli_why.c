/* SPDX-License-Identifier: Apache-2.0 */
/* Why one month's bill is another than the month's before, by hand. */
#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#include <jansson.h>

#define BILLS                                                                                                           \
	"BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargePeriodEnd,"  \
	"ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ServiceName,ProviderName,SkuMeter\n"                             \
	"9,acme,USD,2026-10-01,2026-09-01,Usage,2026-10-01,2026-09-01,100,GB,EC2,AWS,DataTransfer-Out-Bytes\n"           \
	"10,acme,USD,2026-10-01,2026-09-01,Usage,2026-10-01,2026-09-01,222,Hours,EC2,AWS,BoxUsage:t3\n"                   \
	"18,acme,USD,2026-11-01,2026-10-01,Usage,2026-11-01,2026-10-01,200,GB,EC2,AWS,DataTransfer-Out-Bytes\n"          \
	"10,acme,USD,2026-11-01,2026-10-01,Usage,2026-11-01,2026-10-01,222,Hours,EC2,AWS,BoxUsage:t3\n"
#define ITEM(who, gib, nanos)                                                                                           \
	"{\"team\":\"" who "\",\"namespace\":\"n\",\"workload\":\"" who "\",\"path\":\"nat\",\"meter\":\"internet-out\",\"bytes\":" gib "000000000," \
	"\"nanos\":" nanos "0000000}"
/* From and to are September's, and October's. In bytes that divide without a rest: 30 and 20 of 100 GiB, 90 and 20 of 200. */
#define SEPTEMBER                                                                                                       \
	"{\"currency\":\"USD\",\"from\":1788220800,\"to\":1790812800,\"items\":[" ITEM("shop", "30", "270") "," ITEM("data", "20", "180") "]}"
#define OCTOBER                                                                                                         \
	"{\"currency\":\"USD\",\"from\":1790812800,\"to\":1793491200,\"items\":[" ITEM("shop", "90", "810") "," ITEM("data", "20", "180") "]}"

struct room {
	char dir[64], db[96], bill[96], september[96], october[96];
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

static void room_make(struct room *m)
{
	char *argv[] = {"import", "bill", m->bill, "--bills", m->db};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	snprintf(m->dir, sizeof(m->dir), "/tmp/weir-cli-why-XXXXXX");
	if (!mkdtemp(m->dir))
		abort();
	snprintf(m->db, sizeof(m->db), "%s/b.db", m->dir);
	snprintf(m->bill, sizeof(m->bill), "%s/bill.csv", m->dir);
	snprintf(m->september, sizeof(m->september), "%s/9.json", m->dir);
	snprintf(m->october, sizeof(m->october), "%s/10.json", m->dir);
	write_file(m->bill, BILLS);
	write_file(m->september, SEPTEMBER);
	write_file(m->october, OCTOBER);
	if (cli_fixture_run((struct cli){0}, 5, argv, &out, &err))
		abort();
}

static void room_remove(struct room *m)
{
	unlink(m->db);
	unlink(m->bill);
	unlink(m->september);
	unlink(m->october);
	rmdir(m->dir);
}
#define auto_room weir_cleanup(room_remove) struct room

static int why(struct room *m, char *by, bool json, char **ret, struct weir_err *err)
{
	char *argv[] = {"cost", "why", "--bills", m->db, "--dir", "policies", "--since", "2026-10", "--against", "2026-09",
			"--measured", m->september, "--measured", m->october, "--by", by};

	return cli_fixture_run((struct cli){.json = json}, 16, argv, ret, err);
}

static const json_t *item(const json_t *root, const char *field, const char *value)
{
	json_t *o;
	size_t i;

	json_array_foreach (json_object_get(root, "items"), i, o)
		if (!strcmp(json_string_value(json_object_get(o, field)), value))
			return o;
	return NULL;
}

static json_int_t part(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static bool sums(const json_t *o)
{
	return part(o, "change_nanos") == part(o, "volume_nanos") + part(o, "price_nanos") + part(o, "mix_nanos") + part(o, "new_nanos") +
						 part(o, "ended_nanos") + part(o, "unmeasured_nanos");
}

/*
 * What was measured is 50 GB of 100 GiB (107.374182400 GB), and 110 of 200: each has the bill's price, 0.09 a GiB, whatever
 * was measured as its cost: 2.514570951 of shop, 1.676380634 of data in September; 7.543712854 and 1.676380634 in October.
 * Bytes grew 2.2 times: volume is 1.2 of what it was, mix the rest.
 */
TEST(a_bill_doubles)
{
	auto_room m;
	weir_auto_free char *out = NULL;
	struct weir_err err = {{0}};
	const json_t *shop, *data, *total;
	json_t *root;

	room_make(&m);
	CHECK(!why(&m, "team,path", true, &out, &err), "%s", err.text);
	root = json_loads(out ? out : "", 0, NULL);
	shop = item(root, "team", "shop");
	data = item(root, "team", "data");
	total = json_object_get(root, "total");
	CHECK(shop && data && total, "%s", out);
	CHECK(part(total, "before_nanos") == 19000000000 && part(total, "after_nanos") == 28000000000, "%s", out);
	CHECK(part(shop, "change_nanos") == 7543712854 - 2514570951 && llabs(part(shop, "volume_nanos") - 3017485141) <= 2, "%s", out);
	CHECK(llabs(part(shop, "price_nanos")) <= 3 && llabs(part(shop, "mix_nanos") - 2011656761) <= 4, "%s", out);
	CHECK(part(data, "change_nanos") == 0 && part(data, "volume_nanos") > 2000000000, "%s", out);
	CHECK(sums(shop) && sums(data) && sums(total), "%s", out);
	CHECK(part(total, "unmeasured_nanos") == 9000000000 - part(shop, "change_nanos") && part(total, "new_nanos") == 0, "%s", out);
	CHECK(item(root, "path", "unmeasured") && item(root, "path", "not-network"), "%s", out);
	json_decref(root);
}

TEST(by_workload_and_as_a_table)
{
	auto_room m;
	weir_auto_free char *json = NULL, *table = NULL, *odd = NULL;
	struct weir_err err = {{0}};
	json_t *root;

	room_make(&m);
	CHECK(!why(&m, "workload", true, &json, &err) && !why(&m, "workload,path", false, &table, &err), "%s", err.text);
	root = json_loads(json ? json : "", 0, NULL);
	CHECK(item(root, "workload", "n/shop") && !json_object_get(item(root, "workload", "n/shop"), "path"), "%s", json);
	CHECK(table && strstr(table, "cost rose by 47.4 %: from 19.000000 USD to 28.000000") && strstr(table, "unmeasured"), "%s", table);
	json_decref(root);
	CHECK(why(&m, "node", true, &odd, &err) == -EINVAL && strstr(err.text, "one of team and workload"), "%s", err.text);
}

TEST(what_does_not_go_together_is_said)
{
	char *argv[] = {"cost", "why", "--traffic", "x.csv"}, *days[] = {"cost", "why", "--since", "2026-10"};
	char *months[] = {"cost", "why", "--bills", "none.db", "--since", "2026-10"};
	weir_auto_free char *a = NULL, *b = NULL, *c = NULL;
	struct weir_err err = {{0}};

	CHECK(cli_fixture_run((struct cli){0}, 4, argv, &a, &err) == -EINVAL && strstr(err.text, "go with --bills"), "%s", err.text);
	CHECK(cli_fixture_run((struct cli){0}, 4, days, &b, &err) == -EINVAL && strstr(err.text, "months with --bills"), "%s", err.text);
	CHECK(cli_fixture_run((struct cli){0}, 6, months, &c, &err) == -EINVAL && strstr(err.text, "say both months"), "%s", err.text);
}

TEST_MAIN(T(a_bill_doubles), T(by_workload_and_as_a_table), T(what_does_not_go_together_is_said))
