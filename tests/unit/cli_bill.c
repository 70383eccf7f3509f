/* SPDX-License-Identifier: Apache-2.0 */
/* Bills from the command line: what is said, in words and in JSON, and the exit statuses. */
#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#include <jansson.h>

#define HEAD                                                                                                \
	"BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargePeriodEnd," \
	"ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ServiceName,ProviderName,SkuMeter\n"
#define ROW(cost, service, meter)                                                                           \
	cost ",acme,EUR,2024-10-01,2024-09-01,Usage,2024-09-19,2024-09-18,2,GB," service ",AWS," meter "\n"

struct room {
	char dir[64], db[96], file[96];
};

static void room_make(struct room *m, const char *text)
{
	FILE *f;

	snprintf(m->dir, sizeof(m->dir), "/tmp/weir-cli-bill-XXXXXX");
	if (!mkdtemp(m->dir))
		abort();
	snprintf(m->db, sizeof(m->db), "%s/b.db", m->dir);
	snprintf(m->file, sizeof(m->file), "%s/bill.csv", m->dir);
	f = fopen(m->file, "w");
	fputs(text, f);
	fclose(f);
}

static void room_remove(struct room *m)
{
	unlink(m->db);
	unlink(m->file);
	rmdir(m->dir);
}
#define auto_room weir_cleanup(room_remove) struct room

/* Words with %d for the database, %f for the bill. */
static int run(const struct room *m, const char *line, char **ret_out, struct weir_err *err)
{
	weir_auto_free char *copy = strdup(line);
	char *argv[16], *save = NULL;
	int argc = 0;

	for (char *p = strtok_r(copy, " ", &save); p && argc < 16; p = strtok_r(NULL, " ", &save))
		argv[argc++] = !strcmp(p, "%d") ? (char *)(uintptr_t)m->db : !strcmp(p, "%f") ? (char *)(uintptr_t)m->file : p;
	return cli_fixture_run((struct cli){0}, argc, argv, ret_out, err);
}

TEST(usage_errors_help)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"import", "import needs one of: bill"},
		{"import bill", "expected: FILE..."},
		{"bill", "bill needs one of: list, show"},
		{"bill list x", "unexpected argument 'x'"},
		{"bill show --by colour", "'colour' is none of service, sku, region, resource, account"},
		{"bill show --period 2024", "write 2026-10"},
		{"bill show --period 2024-13", "write 2026-10"},
		{"bill show --version x", "'x' is not a number"},
		{"bill show --limit 0", "--limit must be 1 to"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		weir_auto_free char *out = NULL;
		struct weir_err err;
		auto_room m;
		int r;

		room_make(&m, "");
		r = run(&m, cases[i].line, &out, &err);
		CHECK(r == -EINVAL && strstr(err.text, cases[i].says), "%s: %d %s", cases[i].line, r, err.text);
	}
}

TEST(a_bill_comes_in_and_is_seen)
{
	weir_auto_free char *out = NULL, *again = NULL, *list = NULL, *show = NULL;
	struct weir_err err;
	auto_room m;

	room_make(&m, HEAD ROW("1.25", "EC2", "NatGateway-Bytes") ROW("0.000000001", "S3", "Requests"));
	CHECK(run(&m, "import bill %f --bills %d", &out, &err) == 0, "%s", err.text);
	CHECK(strstr(out, "focus, 2 rows, 0 bad; 1 bills, version 1"), "%s", out);
	CHECK(strstr(out, "all charges  EUR          2  1.250000"), "%s", out);
	CHECK(strstr(out, "nat          EUR          1  1.250000"), "%s", out);
	CHECK(run(&m, "import bill %f --bills %d", &again, &err) == 0 && strstr(again, "imported before"), "%s", again);
	CHECK(run(&m, "bill list --bills %d", &list, &err) == 0, "%s", err.text);
	CHECK(strstr(list, "acme     2024-09        1     2    0  AWS       focus   2026-11-01T"), "%s", list);
	CHECK(run(&m, "bill show --bills %d --by network --period 2024-09", &show, &err) == 0, "%s", err.text);
	CHECK(strstr(show, "nat      EUR          1     1.250000") && strstr(show, "-        EUR          1  0.000000001"), "%s", show);
}

TEST(parts_are_one_delivery)
{
	weir_auto_free char *out = NULL;
	struct weir_err err;
	auto_room m;

	room_make(&m, HEAD ROW("1.25", "EC2", "NatGateway-Bytes"));
	CHECK(run(&m, "import bill --parts %f %f --bills %d", &out, &err) == 0, "%s", err.text);
	CHECK(strstr(out, "and 1 more: focus, 2 rows, 0 bad; 1 bills, version 1"), "%s", out);
}

TEST(json_holds_amounts_as_texts)
{
	weir_auto_free char *out = NULL, *show = NULL;
	struct weir_err err;
	json_t *said, *item;
	auto_room m;

	room_make(&m, HEAD ROW("1.25", "EC2", "NatGateway-Bytes") ROW("x", "EC2", ""));
	CHECK(run(&m, "--json import bill %f --bills %d", &out, &err) == 0, "%s", err.text);
	said = json_loads(out, 0, NULL);
	item = json_array_get(json_object_get(said, "items"), 0);
	CHECK(json_integer_value(json_object_get(item, "bad_rows")) == 1, "%s", out);
	CHECK(json_array_size(json_object_get(item, "totals")) == 2, "%s", out);
	item = json_array_get(json_object_get(item, "totals"), 1);
	CHECK(!strcmp(json_string_value(json_object_get(item, "billed")), "1.250000000"), "%s", out);
	CHECK(!strcmp(json_string_value(json_object_get(item, "bytes")), "2147483648.000000000"), "%s", out);
	json_decref(said);
	CHECK(run(&m, "bill show --bills %d --by sku --json", &show, &err) == 0, "%s", err.text);
	CHECK(strstr(show, "\"sku\":\"NatGateway-Bytes\""), "%s", show);
}

TEST(strict_and_dry_runs_store_nothing)
{
	weir_auto_free char *out = NULL, *dry = NULL, *show = NULL, *none = NULL;
	struct weir_err err;
	auto_room m;

	room_make(&m, HEAD ROW("1.25", "EC2", "NatGateway-Bytes") ROW("x", "EC2", ""));
	CHECK(run(&m, "import bill --dry-run %f --bills %d", &dry, &err) == 0 && strstr(dry, "1 rows, 1 bad; nothing is stored"), "%s",
	      dry);
	CHECK(access(m.db, F_OK), "a dry run makes no file");
	CHECK(run(&m, "bill list --bills %d", &none, &err) == -ENOENT, "%s", err.text);
	/* -EBADMSG is exit status 1, -EINVAL would be 2. */
	CHECK(run(&m, "import bill --strict %f --bills %d", &out, &err) == -EBADMSG, "%s", err.text);
	CHECK(run(&m, "bill show --bills %d", &show, &err) == -ENOENT && strstr(err.text, "weirctl bill list"), "%s", err.text);
}

TEST_MAIN(T(usage_errors_help), T(a_bill_comes_in_and_is_seen), T(parts_are_one_delivery), T(json_holds_amounts_as_texts),
	  T(strict_and_dry_runs_store_nothing))
