/* SPDX-License-Identifier: Apache-2.0 */
/* Bills of each format, and each way in which they are not what they should be. */
#include "tests/lib/bill_fixture.h"
#include "tests/lib/test.h"

#define FOCUS_HEAD                                                                                          \
	"BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,"    \
	"ChargePeriodEnd,ChargePeriodStart,ConsumedQuantity,ConsumedUnit,EffectiveCost,ServiceName,ProviderName"
#define FOCUS_REST ",USD,2024-10-01 00:00:00,2024-09-01 00:00:00,Usage,2024-09-18 23:00:00,2024-09-18 22:00:00"
#define FOCUS_ROW(cost) cost ",1234" FOCUS_REST ",2.5,GB,NULL,Amazon EC2,AWS\n"
#define HOUR_S 1726696800 /* 2024-09-18 22:00 UTC, of `date -d` */
#define SEPTEMBER_S 1725148800
#define OCTOBER_S 1727740800

TEST(decimals_are_exact)
{
	static const struct {
		const char *text;
		uint64_t multiple;
		int r;
		long long nanos;
		bool rounded;
	} cases[] = {
		{"0", 1, 0, 0, false},
		{"1.5", 1, 0, 1500000000, false},
		{"-0.000000001", 1, 0, -1, false},
		{"+3", 1, 0, 3000000000, false},
		{".5", 1, 0, 500000000, false},
		{"5.", 1, 0, 5000000000, false},
		{"0.0000000005", 1, 0, 0, true}, /* half to even: down, up, down, up */
		{"0.0000000015", 1, 0, 2, true},
		{"0.0000000025", 1, 0, 2, true},
		{"0.00000000250000000000000000000000001", 1, 0, 3, true},
		{"0.00000000249999999999999999999999999", 1, 0, 2, true},
		{"-0.0000000015", 1, 0, -2, true},
		{"1.60E-6", 1, 0, 1600, false},
		{"1e3", 1, 0, 1000000000000, false},
		{"2.000000000000000", 1, 0, 2000000000, false},
		{"9223372036.854775807", 1, 0, 9223372036854775807, false},
		{"0.1", 1073741824, 0, 107374182400000000, false},
		{"000000000000000000000000000000001.5", 1, 0, 1500000000, false},
		{"1e-400", 1, 0, 0, true},
		{"0e999", 1, 0, 0, false},
		{"1e99", 1, -ERANGE, 0, false},
		{"", 1, -EINVAL, 0, false},
		{"-", 1, -EINVAL, 0, false},
		{".", 1, -EINVAL, 0, false},
		{"1,5", 1, -EINVAL, 0, false},
		{"1 000", 1, -EINVAL, 0, false},
		{"$1", 1, -EINVAL, 0, false},
		{"1.2.3", 1, -EINVAL, 0, false},
		{"1e", 1, -EINVAL, 0, false},
		{"nan", 1, -EINVAL, 0, false},
		{"0x10", 1, -EINVAL, 0, false},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		__int128 v = 77;
		bool rounded = false;
		int r = weir_bill_decimal(cases[i].text, strlen(cases[i].text), cases[i].multiple, &v, &rounded);

		CHECK(r == cases[i].r, "%s: %d", cases[i].text, r);
		CHECK(v == (r ? 77 : cases[i].nanos), "%s: %lld", cases[i].text, (long long)v);
		CHECK(rounded == cases[i].rounded, "%s", cases[i].text);
	}
}

TEST(times_are_utc)
{
	static const struct {
		const char *text;
		long long s;
	} cases[] = {
		{"2024-09-18 22:00:00", HOUR_S},
		{"2024-09-18T22:00:00Z", HOUR_S},
		{"2024-09-18T22:00:00.000Z", HOUR_S},
		{"2024-09-18 22:00:00 UTC", HOUR_S},
		{"2024-09-18 22:00:00.123456 UTC", HOUR_S},
		{"2024-09-19T00:00:00+02:00", HOUR_S},
		{"2024-09-18T15:00:00-0700", HOUR_S},
		{"2024-09-18T22:00", HOUR_S},
		{"2024-09-01", SEPTEMBER_S},
		{"09/01/2024", SEPTEMBER_S},
		{"2024-02-29", 1709164800},
		{"2023-02-29", -1},
		{"2024-13-01", -1},
		{"2024-00-01", -1},
		{"2024-09-31", -1},
		{"2024-09-18 24:00:00", -1},
		{"2024-09-18 22:00:00 CET", -1},
		{"2024-09-18 22", -1},
		{"18.09.2024", -1},
		{"", -1},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		int64_t s = -1;
		int r = weir_bill_time(cases[i].text, &s);

		CHECK(s == cases[i].s && (r == 0) == (s >= 0), "%s: %lld", cases[i].text, (long long)s);
	}
}

TEST(a_focus_row_is_read)
{
	struct bill_fixture f;
	const struct weir_bill_row *row;

	CHECK(bill_fixture_open(&f, FOCUS_HEAD ",Tags,x_Team\n"
				   "\"0.00000160\",1234" FOCUS_REST ",2.5,GB,NULL,Amazon EC2,AWS,\"{\"\"a\"\": \"\"b,c\"\"}\",shop\n") == 0,
	      "%s", f.err.text);
	CHECK(bill_fixture_next(&f) == 1, "%s%s", f.said, f.err.text);
	row = f.row;
	CHECK(row->nanos[WEIR_BILL_BILLED] == 1600, "%lld", (long long)row->nanos[WEIR_BILL_BILLED]);
	CHECK(row->has_cost[WEIR_BILL_BILLED] && !row->has_cost[WEIR_BILL_EFFECTIVE], "NULL is absent");
	CHECK(!row->has_cost[WEIR_BILL_LIST], "a column that is not there");
	CHECK(row->time_s[WEIR_BILL_CHARGE_START] == HOUR_S, "without Z");
	CHECK(row->time_s[WEIR_BILL_CHARGE_END] == HOUR_S + 3600, "end");
	CHECK(row->time_s[WEIR_BILL_PERIOD_START] == SEPTEMBER_S, "period");
	CHECK(row->time_s[WEIR_BILL_PERIOD_END] == OCTOBER_S, "period's end");
	CHECK(!strcmp(row->text[WEIR_BILL_ACCOUNT], "1234"), "%s", row->text[WEIR_BILL_ACCOUNT]);
	CHECK(!strcmp(row->text[WEIR_BILL_TAGS], "{\"a\": \"b,c\"}"), "%s", row->text[WEIR_BILL_TAGS]);
	CHECK(!strcmp(row->text[WEIR_BILL_UNIT], "Bytes"), "%s", row->text[WEIR_BILL_UNIT]);
	CHECK(row->quantity.whole == 2684354560, "AWS' GB is 2^30: %lld", (long long)row->quantity.whole);
	CHECK(row->extra_count == 1 && !strcmp(bill_fixture_extra(row, "x_Team"), "shop"), "%zu", row->extra_count);
	CHECK(row->line == 2 && bill_fixture_next(&f) == 0, "one row");
	CHECK(weir_bill_stats(f.reader)->format == WEIR_BILL_FOCUS && weir_bill_stats(f.reader)->rows == 1, "stats");
	weir_bill_close(f.reader);
}

/* 1.3 names providers anew, 1.4 leaves the old names out; the oldest bills have neither. */
TEST(providers_of_all_versions)
{
	static const char *const heads[] = {"ProviderName", "ServiceProviderName", "serviceprovidername"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(heads); i++) {
		struct bill_fixture f;
		weir_auto_free char *text = weir_strf(
			"BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,"
			"ChargePeriodEnd,ChargePeriodStart,PricingQuantity,PricingUnit,%s\n1,1234" FOCUS_REST ",3,10K,Microsoft\n",
			heads[i]);

		CHECK(bill_fixture_open(&f, text) == 0 && bill_fixture_next(&f) == 1, "%s%s", f.err.text, f.said);
		CHECK(!strcmp(f.row->text[WEIR_BILL_PROVIDER], "Microsoft"), "%s", heads[i]);
		CHECK(f.row->quantity.whole == 30000, "3 blocks of 10K: %lld", (long long)f.row->quantity.whole);
		CHECK(!strcmp(f.row->text[WEIR_BILL_UNIT], "Units"), "%s", f.row->text[WEIR_BILL_UNIT]);
		weir_bill_close(f.reader);
	}
}

#define CUR_ROW(type, cost, rest)                                                                           \
	"1234,5678," type ",2024-09-18T22:00:00Z,2024-09-18T23:00:00Z,2024-09-01T00:00:00Z,AmazonEC2,"        \
	"USW2-NatGateway-Bytes,NatGateway,3,GB,USD," cost "," rest "\n"

/* Both spellings of the same columns; what a type makes of the effective cost. */
TEST(cur_of_both_generations)
{
	static const char legacy[] =
		"bill/PayerAccountId,lineItem/UsageAccountId,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate,"
		"bill/BillingPeriodStartDate,lineItem/ProductCode,lineItem/UsageType,lineItem/Operation,lineItem/UsageAmount,"
		"pricing/unit,lineItem/CurrencyCode,lineItem/UnblendedCost,reservation/EffectiveCost,"
		"savingsPlan/SavingsPlanEffectiveCost,savingsPlan/TotalCommitmentToDate,savingsPlan/UsedCommitment,"
		"resourceTags/user:team,resourceTags/user:env\n";
	static const char newer[] =
		"bill_payer_account_id,line_item_usage_account_id,line_item_line_item_type,line_item_usage_start_date,"
		"line_item_usage_end_date,bill_billing_period_start_date,line_item_product_code,line_item_usage_type,"
		"line_item_operation,line_item_usage_amount,pricing_unit,line_item_currency_code,line_item_unblended_cost,"
		"reservation_effective_cost,savings_plan_savings_plan_effective_cost,savings_plan_total_commitment_to_date,"
		"savings_plan_used_commitment,resource_tags_user_team,resource_tags_user_env\n";
	static const char rows[] = CUR_ROW("Usage", "5", ",,,,shop,\"a\"\"b\"") CUR_ROW("DiscountedUsage", "0", "2,,,,,")
		CUR_ROW("SavingsPlanCoveredUsage", "7", ",4,,,,") CUR_ROW("SavingsPlanNegation", "-7", ",,,,,")
			CUR_ROW("SavingsPlanRecurringFee", "9", ",,9,4,,") CUR_ROW("Refund", "-1", ",,,,,")
				CUR_ROW("Novelty", "1", ",,,,,");
	static const struct {
		const char *category, *class;
		long long billed, effective;
	} want[] = {
		{"Usage", "", 5, 5}, {"Usage", "", 0, 2}, {"Usage", "", 7, 4}, {"Adjustment", "", -7, 0},
		{"Purchase", "", 9, 5}, {"Credit", "Correction", -1, -1}, {"Novelty", "", 1, 1},
	};
	const char *const heads[] = {legacy, newer};

	for (size_t h = 0; h < 2; h++) {
		weir_auto_free char *text = weir_strf("%s%s", heads[h], rows);
		struct bill_fixture f;

		CHECK(bill_fixture_open(&f, text) == 0, "%s", f.err.text);
		for (size_t i = 0; i < WEIR_ARRAY_SIZE(want); i++) {
			CHECK(bill_fixture_next(&f) == 1, "%s", f.said);
			CHECK(f.row->nanos[WEIR_BILL_BILLED] == want[i].billed * 1000000000, "row %zu", i);
			CHECK(f.row->nanos[WEIR_BILL_EFFECTIVE] == want[i].effective * 1000000000, "row %zu: %lld", i,
			      (long long)f.row->nanos[WEIR_BILL_EFFECTIVE]);
			CHECK(!strcmp(f.row->text[WEIR_BILL_CATEGORY], want[i].category), "row %zu", i);
			CHECK(!strcmp(f.row->text[WEIR_BILL_CLASS], want[i].class), "row %zu", i);
			if (i == 0)
				CHECK(strstr(f.row->text[WEIR_BILL_TAGS], "team\":\"shop\"") &&
					      strstr(f.row->text[WEIR_BILL_TAGS], "env\":\"a\\\"b\""),
				      "%s", f.row->text[WEIR_BILL_TAGS]);
		}
		CHECK(f.row->time_s[WEIR_BILL_PERIOD_END] == OCTOBER_S, "a month");
		CHECK(!strcmp(weir_bill_network(f.row), "nat"), "nat");
		weir_bill_close(f.reader);
	}
}

TEST(azure_blocks_dates_and_tags)
{
	struct bill_fixture f;

	CHECK(bill_fixture_open(&f, "\xef\xbb\xbf" "SubscriptionId,BillingAccountId,Date,MeterCategory,MeterName,UnitOfMeasure,Quantity,"
				   "CostInBillingCurrency,BillingCurrencyCode,ChargeType,Tags,BillingPeriodEndDate,CostCenter\r\n"
				   "s1,77,09/18/2024,Bandwidth,Inter-Availability Zone Data Transfer Out,100 GB,3,0.03,EUR,Usage,"
				   "\"\"\"team\"\": \"\"shop\"\"\",09/30/2024,cc1\r\n"
				   "s1,77,2024-09-18,Storage,Operations,10K,3,0.03,EUR,Refund,broken,,\r\n") == 0,
	      "%s", f.err.text);
	CHECK(bill_fixture_next(&f) == 1, "%s", f.said);
	/* A quantity is of single units, a block is what the price is for. */
	CHECK(f.row->quantity.whole == 3000000000, "%lld", (long long)f.row->quantity.whole);
	CHECK(!strcmp(f.row->text[WEIR_BILL_UNIT], "Bytes"), "%s", f.row->text[WEIR_BILL_UNIT]);
	CHECK(!strcmp(f.row->text[WEIR_BILL_TAGS], "{\"team\": \"shop\"}"), "%s", f.row->text[WEIR_BILL_TAGS]);
	CHECK(f.row->time_s[WEIR_BILL_CHARGE_START] == SEPTEMBER_S + 17 * 86400, "MM/DD/YYYY");
	CHECK(f.row->time_s[WEIR_BILL_PERIOD_START] == SEPTEMBER_S && f.row->time_s[WEIR_BILL_PERIOD_END] == OCTOBER_S, "month");
	CHECK(!strcmp(weir_bill_network(f.row), "inter-zone"), "%s", weir_bill_network(f.row));
	CHECK(!strcmp(f.row->text[WEIR_BILL_ACCOUNT], "77") && !strcmp(f.row->text[WEIR_BILL_SUB_ACCOUNT], "s1"), "accounts");
	CHECK(f.row->nanos[WEIR_BILL_EFFECTIVE] == 30000000, "cost");
	CHECK(bill_fixture_extra(f.row, "CostCenter") != NULL, "unknown columns are kept");
	CHECK(bill_fixture_next(&f) == 1, "%s", f.said);
	CHECK(!strcmp(f.row->text[WEIR_BILL_TAGS], "") && !strcmp(bill_fixture_extra(f.row, "Tags"), "broken"), "odd tags");
	CHECK(weir_bill_stats(f.reader)->odd_tags == 1, "counted");
	CHECK(!weir_bill_network(f.row), "storage is no network");
	weir_bill_close(f.reader);
}

#define GCP_JSON                                                                                            \
	"{\"billing_account_id\":\"01-AB\",\"service\":{\"id\":\"6F81\",\"description\":\"Compute Engine\"},"     \
	"\"sku\":{\"id\":\"DE9E\",\"description\":\"Network Inter Zone Data Transfer Out\"},"                 \
	"\"usage_start_time\":\"2024-09-18 22:00:00 UTC\",\"usage_end_time\":\"2024-09-18 23:00:00 UTC\","    \
	"\"project\":{\"id\":\"p1\"},\"labels\":[{\"key\":\"team\",\"value\":\"sh\\u00f6p\"},{\"key\":\"n\",\"value\":null}]," \
	"\"cost\":0.12,\"currency\":\"USD\",\"usage\":{\"amount\":1.5E3,\"unit\":\"bytes\"},"                 \
	"\"credits\":[{\"name\":\"c\",\"amount\":-0.02},{\"amount\":\"-0.01\"}],\"invoice\":{\"month\":\"202410\"}," \
	"\"cost_type\":\"regular\",\"odd\":{\"deep\":[1,{\"a\":null}],\"flag\":true}}\n"

TEST(gcp_as_json_lines_and_csv)
{
	static const char csv[] =
		"billing_account_id,service.description,sku.description,usage_start_time,usage_end_time,project.id,labels,cost,"
		"currency,usage.amount,usage.unit,credits,invoice.month,cost_type\n"
		"01-AB,Compute Engine,Network Inter Zone Data Transfer Out,2024-09-18 22:00:00 UTC,2024-09-18 23:00:00 UTC,p1,"
		"\"[{\"\"key\"\":\"\"team\"\",\"\"value\"\":\"\"sh\xc3\xb6p\"\"},{\"\"key\"\":\"\"n\"\",\"\"value\"\":null}]\",0.12,USD,1500,bytes,"
		"\"[{\"\"amount\"\":-0.02},{\"\"amount\"\":\"\"-0.01\"\"}]\",202410,regular\n";
	static const char *const texts[] = {"\xef\xbb\xbf" GCP_JSON GCP_JSON, csv};

	for (size_t i = 0; i < 2; i++) {
		struct bill_fixture f;

		CHECK(bill_fixture_open(&f, texts[i]) == 0, "%s", f.err.text);
		CHECK(bill_fixture_next(&f) == 1, "%s", f.said);
		CHECK(f.row->nanos[WEIR_BILL_BILLED] == 90000000, "cost and credits: %lld", (long long)f.row->nanos[WEIR_BILL_BILLED]);
		CHECK(f.row->nanos[WEIR_BILL_CONTRACTED] == 120000000, "without credits");
		CHECK(!strcmp(f.row->text[WEIR_BILL_TAGS], "{\"team\":\"sh\xc3\xb6p\",\"n\":\"\"}"), "%s", f.row->text[WEIR_BILL_TAGS]);
		CHECK(f.row->quantity.whole == 1500 && !strcmp(f.row->text[WEIR_BILL_UNIT], "Bytes"), "bytes");
		CHECK(f.row->time_s[WEIR_BILL_PERIOD_START] == OCTOBER_S, "the invoice's month");
		CHECK(!strcmp(f.row->text[WEIR_BILL_SERVICE], "Compute Engine"), "%s", f.row->text[WEIR_BILL_SERVICE]);
		CHECK(!strcmp(f.row->text[WEIR_BILL_SUB_ACCOUNT], "p1"), "project");
		CHECK(!strcmp(weir_bill_network(f.row), "inter-zone"), "kind");
		CHECK(weir_bill_stats(f.reader)->format == WEIR_BILL_GCP && weir_bill_stats(f.reader)->json == !i, "format");
		if (!i) {
			CHECK(!strcmp(bill_fixture_extra(f.row, "odd.deep"), "[1,{\"a\":null}]"), "kept as it stands");
			CHECK(!strcmp(bill_fixture_extra(f.row, "odd.flag"), "true"), "by its path");
			CHECK(bill_fixture_next(&f) == 1 && f.row->nanos[WEIR_BILL_BILLED] == 90000000, "again");
		}
		CHECK(bill_fixture_next(&f) == 0, "end");
		weir_bill_close(f.reader);
	}
}

TEST(bad_rows_are_named_and_passed_over)
{
	struct bill_fixture f;
	int rows = 0;

	CHECK(bill_fixture_open(&f, FOCUS_HEAD "\r\n" FOCUS_ROW("1")
				    FOCUS_ROW("\"1,5\"")
				    FOCUS_ROW("NULL")
				    "1,1234,USD,2024-10-01,2024-09-01,Usage,2024-09-18,yesterday,2,GB,,EC2,AWS\n"
				    "1,,USD,2024-10-01,2024-09-01,Usage,2024-09-18,2024-09-17,2,GB,,EC2,AWS\n"
				    "1,2,3\n"
				    "\"1\"x,1234" FOCUS_REST ",2,GB,,EC2,AWS\n"
				    "1,1234" FOCUS_REST ",lots,GB,,\"two\nlines\",AWS\n"
				    FOCUS_ROW("99999999999")
				    "\n" FOCUS_ROW("2")) == 0,
	      "%s", f.err.text);
	while (bill_fixture_next(&f) == 1)
		rows++;
	CHECK(rows == 2, "%d", rows);
	CHECK(!strcmp(f.said, "b.csv:3 BilledCost: '1,5' is no number\n"
			      "b.csv:4 BilledCost: is absent\n"
			      "b.csv:5 ChargePeriodStart: 'yesterday' is no time\n"
			      "b.csv:6 BillingAccountId: is absent\n"
			      "b.csv:7 : has 3 fields where the header has 13\n"
			      "b.csv:8 BilledCost: has text behind its closing quote\n"
			      "b.csv:9 ConsumedQuantity: 'lots' is no number\n"
			      "b.csv:11 BilledCost: '99999999999' is out of range\n"),
	      "%s", f.said);
	CHECK(weir_bill_stats(f.reader)->bad_rows == 8, "counted");
	CHECK(f.row->line == 13, "lines within quotes and blank ones count: %llu", (unsigned long long)f.row->line);
	weir_bill_close(f.reader);
}

TEST(a_quoted_newline_is_a_part_of_its_field)
{
	struct bill_fixture f;

	CHECK(bill_fixture_open(&f, FOCUS_HEAD "\n1,1234" FOCUS_REST ",2,GB,,\"two\r\n\"\"lines\"\"\",AWS\r\n" FOCUS_ROW("2")) == 0,
	      "%s", f.err.text);
	CHECK(bill_fixture_next(&f) == 1 && !strcmp(f.row->text[WEIR_BILL_SERVICE], "two\r\n\"lines\""), "%s",
	      f.row->text[WEIR_BILL_SERVICE]);
	CHECK(!strcmp(f.row->text[WEIR_BILL_PROVIDER], "AWS"), "CRLF is no part of it");
	CHECK(bill_fixture_next(&f) == 1 && f.row->line == 4, "the next");
	weir_bill_close(f.reader);
}

/* A field of so many bytes, quoted or not, in a row that is otherwise well. */
static char *long_row(size_t len, const char *end)
{
	char *fill = malloc(len + 1), *text;

	memset(fill, 'x', len);
	fill[len] = '\0';
	text = weir_strf(FOCUS_HEAD "\n" FOCUS_ROW("1") "1,1234" FOCUS_REST ",2,GB,,%s%s" FOCUS_ROW("2") FOCUS_ROW("3"), fill, end);
	free(fill);
	return text;
}

TEST(what_is_over_long_costs_its_own_row_alone)
{
	static const struct {
		size_t len;
		const char *end, *says;
		int rows;
	} cases[] = {
		{WEIR_BILL_FIELD_MAX, ",AWS\n", "", 4},
		{WEIR_BILL_FIELD_MAX + 1, ",AWS\n", "b.csv:3 ServiceName: is longer than a field may be (64 KiB)\n", 3},
		{WEIR_BILL_RECORD_MAX, ",AWS\n", "b.csv:3 : is longer than a row may be", 3},
		{3 * WEIR_BILL_RECORD_MAX, ",AWS\n", "b.csv:3 : is longer than a row may be", 3},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *text = long_row(cases[i].len, cases[i].end);
		struct bill_fixture f;
		int rows = 0;

		CHECK(bill_fixture_open(&f, text) == 0, "%s", f.err.text);
		while (bill_fixture_next(&f) == 1)
			rows++;
		CHECK(rows == cases[i].rows, "%zu: %d rows", i, rows);
		CHECK(!strncmp(f.said, cases[i].says, strlen(cases[i].says)) && (*f.said != 0) == (*cases[i].says != 0), "%zu: %s", i,
		      f.said);
		weir_bill_close(f.reader);
	}
}

TEST(a_quote_that_nobody_closes_costs_one_line)
{
	struct bill_fixture f;
	int rows = 0;

	CHECK(bill_fixture_open(&f, FOCUS_HEAD "\n" FOCUS_ROW("1") FOCUS_ROW("\"2") FOCUS_ROW("3") FOCUS_ROW("4")) == 0, "%s",
	      f.err.text);
	while (bill_fixture_next(&f) == 1)
		rows++;
	CHECK(rows == 3 && strstr(f.said, "b.csv:3 : is longer") && strstr(f.said, "not closed"), "%d: %s", rows, f.said);
	weir_bill_close(f.reader);
}

TEST(what_is_no_utf8_is_made_so)
{
	struct bill_fixture f;

	CHECK(bill_fixture_open(&f, FOCUS_HEAD "\n1,1234" FOCUS_REST ",2,GB,,K\xf6ln \xc3\xb6 \xed\xa0\x80,AWS\n") == 0, "%s", f.err.text);
	CHECK(bill_fixture_next(&f) == 1 && !strcmp(f.row->text[WEIR_BILL_SERVICE], "K?ln \xc3\xb6 ???"), "%s",
	      f.row->text[WEIR_BILL_SERVICE]);
	CHECK(weir_bill_stats(f.reader)->odd_text == 1, "counted");
	weir_bill_close(f.reader);
}

TEST(files_that_are_no_bill_say_what_they_are)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "is empty"},
		{"a,b,c\n1,2,3\n", "of no bill that is known"},
		{"{\"a\":1}\n", "of no bill that is known"},
		{"{\"a\":\n1}\n", "no JSON object of one line"},
		{"[{\"a\":1}]", "is a JSON array"},
		{"PAR1....", "is a Parquet file"},
		{"PK\3\4....", "is a ZIP archive"},
		{"\xff\xfe" "a", "is UTF-16"},
		{"BilledCost,ChargePeriodStart,BillingAccountId,ChargeCategory,BillingPeriodStart,BillingPeriodEnd\n",
		 "this focus bill lacks what every such bill has: billingcurrency, chargeperiodend"},
		{"MeterCategory,UnitOfMeasure,Date,SubscriptionId,Cost\n", "this azure bill lacks what every such bill has: billingcurrency"},
		{"usage_start_time,cost,currency,usage_end_time\n", "this gcp bill lacks what every such bill has: billingaccountid"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct bill_fixture f;

		CHECK(bill_fixture_open(&f, cases[i].text) == -EINVAL && !f.reader, "%zu", i);
		CHECK(strstr(f.err.text, cases[i].says) && !strncmp(f.err.text, "b.csv:", 6), "%zu: %s", i, f.err.text);
	}
}

TEST(gzip_is_told_by_its_bytes)
{
	weir_auto_free char *text = weir_strf("%s\n%s%s", FOCUS_HEAD, FOCUS_ROW("1"), FOCUS_ROW("2"));
	size_t len, rest_len;
	weir_auto_free unsigned char *gz = bill_fixture_gzip(text, &len), *rest = bill_fixture_gzip(FOCUS_ROW("4"), &rest_len);
	weir_auto_free unsigned char *two = malloc(len + rest_len + 3);
	struct bill_fixture f;
	int rows = 0;

	memcpy(two, gz, len);
	memcpy(two + len, rest, rest_len);
	memset(two + len + rest_len, 0, 3);
	CHECK(bill_fixture_bytes(&f, two, len + rest_len + 3) == 0, "%s", f.err.text);
	while (bill_fixture_next(&f) == 1)
		rows++;
	CHECK(rows == 3 && !*f.err.text && f.row->nanos[WEIR_BILL_BILLED] == 4000000000, "members and padding: %d %s", rows, f.err.text);
	CHECK(weir_bill_stats(f.reader)->gzip, "said");
	weir_bill_close(f.reader);
	for (size_t cut = 1; cut < len; cut += 7) {
		int r = bill_fixture_bytes(&f, gz, len - cut);

		while (!r && (r = bill_fixture_next(&f)) == 1)
			r = 0;
		CHECK(r == -EINVAL && (strstr(f.err.text, "torn") || cut > len - 3), "cut by %zu: %d %s", cut, r, f.err.text);
		weir_bill_close(f.reader);
	}
	gz[len / 2] ^= 0x55;
	{
		int r = bill_fixture_bytes(&f, gz, len);

		while (!r && (r = bill_fixture_next(&f)) == 1)
			r = 0;
		CHECK(r == -EINVAL && strstr(f.err.text, "damaged"), "%d %s", r, f.err.text);
		weir_bill_close(f.reader);
	}
}

/* Golden sums: python's decimal over the same columns, each value quantized to 10^-9 half to even, then added. */
static void sum_file(struct test_state *test_st, const char *name, enum weir_bill_cost cost, long long want, int want_rows)
{
	weir_auto_free char *path = bill_fixture_data(name);
	struct bill_fixture f = {0};
	long long sum = 0;
	int rows = 0;

	if (!path) {
		SKIP("no published data (WEIR_DATA)");
		return;
	}
	CHECK(weir_bill_open(path, bill_fixture_bad, &f, &f.reader, &f.err) == 0, "%s", f.err.text);
	while (f.reader && bill_fixture_next(&f) == 1) {
		sum += f.row->nanos[cost];
		rows++;
	}
	CHECK(rows == want_rows && sum == want && !*f.said, "%s: %d rows, %lld: %s", weir_bill_cost_name(cost), rows, sum, f.said);
	weir_bill_close(f.reader);
}

TEST(the_focus_sample_sums_to_the_nano_unit)
{
	sum_file(test_st, "focus_sample_first500.csv", WEIR_BILL_BILLED, 5988393744, 500);
	sum_file(test_st, "focus_sample_first500.csv", WEIR_BILL_LIST, 6131072766, 500);
	sum_file(test_st, "focus_sample_first500.csv", WEIR_BILL_EFFECTIVE, 2000000000, 500);
}

TEST(the_cur_lines_sum_to_the_nano_unit)
{
	sum_file(test_st, "cur2-shaped-network-lines.csv.gz", WEIR_BILL_BILLED, 1211426151, 618);
}

TEST_MAIN(T(decimals_are_exact), T(times_are_utc), T(a_focus_row_is_read), T(providers_of_all_versions),
	  T(cur_of_both_generations), T(azure_blocks_dates_and_tags), T(gcp_as_json_lines_and_csv),
	  T(bad_rows_are_named_and_passed_over), T(a_quoted_newline_is_a_part_of_its_field),
	  T(what_is_over_long_costs_its_own_row_alone), T(a_quote_that_nobody_closes_costs_one_line),
	  T(what_is_no_utf8_is_made_so), T(files_that_are_no_bill_say_what_they_are), T(gzip_is_told_by_its_bytes),
	  T(the_focus_sample_sums_to_the_nano_unit), T(the_cur_lines_sum_to_the_nano_unit))
