/* SPDX-License-Identifier: Apache-2.0 */
/* Exported rows: nothing in them breaks the official 1.2 model or the documented columns of 1.3, and files mutated from them
 * break one rule each. */
#include "lib/money/focus_split.h"
#include "tests/lib/focus_charges.h"
#include "tests/lib/focus_official.h"

/* --- 1.2 under the official model --- */

/* A sheet of one day: free, two tiers, a contract, hours, and a workload that nobody knows. */
static void small(struct test_state *test_st, enum weir_focus_version v, struct weir_buf *ret)
{
	const struct weir_focus_charge charges[] = {
		focus_charge(0, "111111111111", "internet-out", "search", 1000 * GIB),
		focus_charge(0, "111111111111", "internet-out", "shop", 1000 * GIB + 1),
		focus_charge(0, "111111111111", "nat-processing", "shop", GIB),
		focus_charge(0, "111111111111", "nat-processing", "", 12345),
		focus_charge(0, "222222222222", "cross-zone", "shop", 3 * GIB / 7),
		focus_charge(0, "222222222222", "nat-gateway-hour", "shop", 5000),
		focus_charge(0, "222222222222", "nat-gateway-hour", "search", 81400),
	};
	struct weir_focus_charge c[WEIR_ARRAY_SIZE(charges)];
	auto_book struct weir_pricebook *b = books(test_st);
	struct weir_focus_export_stats stats;
	struct weir_err err = {0};

	memcpy(c, charges, sizeof(c));
	c[5].resource = c[6].resource = "nat-a";
	CHECK(!focus_exported(b, v, c, WEIR_ARRAY_SIZE(c), ret, &stats, &err), "%s", err.text);
}

/* The order of rows: cross-zone; internet-out free, tier 1, tier 2 of search and shop each; hours; nat-processing. */
static const struct {
	const char *name;
	struct edit edits[3];
	const char *breaks;
} mutations[] = {
	{"nothing", {{0}}, ""},
	{"billed cost left out", {{"BilledCost", DROP, NULL}}, " CostAndUsage-D-006-M=1"},
	{"charge category left out", {{"ChargeCategory", DROP, NULL}}, " CostAndUsage-D-008-M=1"},
	{"price ids left out", {{"SkuPriceId", DROP, NULL}}, " CostAndUsage-D-058-C=1"},
	{"tags left out", {{"Tags", DROP, NULL}}, " CostAndUsage-D-064-C=1"},
	{"a null payer", {{"BillingAccountId", 3, ""}}, " BillingAccountId-C-001-M=1"},
	{"a null cost", {{"BilledCost", 2, ""}}, " BilledCost-C-003-M=1"},
	{"a null effective cost", {{"EffectiveCost", 2, ""}}, " EffectiveCost-C-003-M=1"},
	{"a null begin", {{"ChargePeriodStart", 5, ""}}, " ChargePeriodStart-C-003-M=1"},
	{"usage without a list price", {{"ListUnitPrice", 4, ""}}, " ListUnitPrice-C-005-C=1"},
	{"usage without a contracted price", {{"ContractedUnitPrice", 4, ""}}, " ContractedUnitPrice-C-006-C=1"},
	{"usage without a price id", {{"SkuPriceId", 4, ""}, {"SkuPriceDetails", 4, ""}}, " SkuPriceId-C-005-C=1"},
	{"a tier's bytes at another tier's price",
	 {{"ListUnitPrice", 4, "0.085"}, {"ContractedUnitPrice", 4, "0.085"}},
	 " ListUnitPrice-C-010-C=1 ContractedUnitPrice-C-011-C=1 ListCost-C-009-C=1"},
	{"a free byte that costs", {{"ListCost", 2, "0.000000002"}}, " ListUnitPrice-C-010-C=1 ListCost-C-009-C=1"},
	{"a discount that is not in the price", {{"ContractedCost", 1, "0.004285714"}}, " ContractedUnitPrice-C-011-C=1"},
	{"an hour more", {{"PricingQuantity", 8, "23.0"}},
	 " ListUnitPrice-C-010-C=1 ContractedUnitPrice-C-011-C=1 ListCost-C-009-C=1"},
	{"one price of two articles", {{"SkuId", 4, "aws/us-east-1/internet-in"}}, " SkuPriceId-C-008-M=1"},
	{"a time without a zone", {{"ChargePeriodEnd", 2, "2026-11-02 00:00:00"}}, " ChargePeriodEnd-C-002-M=1"},
	{"a month without a day", {{"BillingPeriodStart", 2, "2026-11"}},
	 " BillingPeriodStart-C-001-M=1 BillingPeriodStart-C-002-M=1"},
	{"a currency in small letters", {{"BillingCurrency", 5, "usd"}},
	 " BillingCurrency-C-003-M=1 BillingCurrency-C-006-M=1"},
	{"thousands in groups", {{"ListCost", 6, "1,000.5"}},
	 " ListCost-C-001-M=1 ListCost-C-002-M=1 ListCost-C-004-M=1"},
	{"a category that is none", {{"ChargeCategory", 1, "Transfer"}},
	 " ChargeCategory-C-003-M=1 ConsumedQuantity-C-004-C=1"},
	{"a credit that uses something", {{"ChargeCategory", 1, "Credit"}}, " ConsumedQuantity-C-004-C=1"},
	{"a frequency that is none", {{"ChargeFrequency", 2, "Hourly"}}, " ChargeFrequency-C-003-M=1"},
	{"a subcategory of computing", {{"ServiceSubcategory", 1, "Containers"}},
	 " ServiceName-C-008-C=1 ServiceSubcategory-C-004-M=1"},
	{"tags as pairs", {{"Tags", 3, "team=web"}}, " Tags-C-001-M=1"},
	{"a list of details", {{"SkuPriceDetails", 3, "[1]"}}, " SkuPriceDetails-C-001-M=1"},
	{"a resource without a type", {{"ResourceType", 3, ""}}, " ResourceType-C-005-C=1"},
	{"a type without a resource", {{"ResourceId", 3, ""}}, " ResourceType-C-004-C=1"},
	{"a region without a name", {{"RegionName", 4, ""}}, " RegionName-C-005-C=1"},
	{"an account without a name", {{"SubAccountName", 4, ""}}, " SubAccountName-C-005-C=1"},
	{"bytes without a unit", {{"ConsumedUnit", 4, ""}}, " ConsumedUnit-C-006-C=1"},
	{"a price for no unit", {{"PricingUnit", 4, ""}}, " PricingUnit-C-006-C=1"},
	{"a reseller who bills", {{"InvoiceIssuerName", 4, "A reseller"}}, " BilledCost-C-005-C=1"},
};

TEST(focus_export_has_no_failure_under_the_official_model)
{
	auto_exported struct exported *e = export_month(test_st, WEIR_FOCUS_1_2, seed_of(), false);
	weir_auto_focus_report struct weir_focus_report *report = NULL;
	weir_cleanup(official_fini) struct official o = {0};
	weir_auto_free char *said = NULL;
	struct weir_err err = {0};

	if (!official_load(test_st, &o))
		return;
	CHECK(!focus_run(o.model, &o.options, e->text.data, e->text.len, &report, &err), "%s", err.text);
	if (!report)
		return;
	said = failures(&o, report);
	CHECK(!report->failed[WEIR_FOCUS_MUST] && !report->composites_failed && !strcmp(said, always) &&
		      report->rows == e->stats.rows,
	      "%s", said);
	/* As of the golden file: nothing was passed over but what does not apply. */
	CHECK(report->passed == 256, "%zu passed", report->passed);
}

TEST(focus_export_mutated_breaks_its_rule)
{
	weir_cleanup(official_fini) struct official o = {0};
	weir_auto_buf struct weir_buf text = {0};
	struct focus_file f;

	if (!official_load(test_st, &o))
		return;
	small(test_st, WEIR_FOCUS_1_2, &text);
	f = focus_file(text.data, text.len);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(mutations); i++) {
		weir_cleanup(sheet_fini) struct sheet s = {0};
		weir_auto_free char *said = NULL;

		CHECK(!sheet_load(&s, f.path), "the sheet");
		said = sheet_breaks(&o, &s, mutations[i].edits, 3);
		CHECK(!strcmp(said, mutations[i].breaks), "%s:%s", mutations[i].name, said);
	}
	close(f.fd);
}

/* --- 1.3 by its columns --- */

struct found {
	struct weir_buf text;
};

static void on_finding(const struct weir_focus_finding *f, void *arg)
{
	struct found *found = arg;

	weir_buf_addf(&found->text, "%llu %s %s\n", (unsigned long long)f->line, f->column, f->what);
}

static char *columns_say(const void *data, size_t len, struct weir_focus_columns_report *ret)
{
	struct focus_file f = focus_file(data, len);
	weir_auto_csv struct weir_csv *csv = NULL;
	struct found found = {0};
	struct weir_err err = {0};
	char *said;

	weir_buf_addf(&found.text, "%s", "");
	if (weir_csv_open(f.path, &csv, &err) ||
	    weir_focus_columns_check(WEIR_FOCUS_1_3, csv, on_finding, &found, ret, &err))
		weir_buf_addf(&found.text, "%s", err.text);
	close(f.fd);
	said = strdup((const char *)found.text.data);
	weir_buf_fini(&found.text);
	return said;
}

TEST(focus_export_has_all_columns_and_whole_splits)
{
	auto_exported struct exported *e = export_month(test_st, WEIR_FOCUS_1_3, seed_of(), false);
	struct weir_focus_columns_report report = {0};
	weir_auto_free char *said = columns_say(e->text.data, e->text.len, &report);

	CHECK(!*said && !report.findings, "%.400s", said);
	CHECK(report.rows == e->stats.rows && report.split_rows == report.rows && report.origins == e->stats.origins,
	      "%llu origins of %llu", (unsigned long long)report.origins, (unsigned long long)e->stats.origins);
}

/* 65 columns, 23 of them mandatory and 8 new in 1.3, counted in the specification's table of Cost and Usage. */
TEST(focus_columns_are_those_of_the_specification)
{
	size_t mandatory = 0, added = 0, written = 0;

	for (enum weir_focus_col c = 0; c < WEIR_FOCUS_COLS; c++) {
		mandatory += weir_focus_column(c)->mandatory;
		added += weir_focus_column(c)->since == WEIR_FOCUS_1_3;
		written += weir_focus_column(c)->written;
		CHECK(!c || strcmp(weir_focus_column(c - 1)->name, weir_focus_column(c)->name) < 0 ||
			      !strncmp(weir_focus_column(c)->name, "Contracted", 10),
		      "%s", weir_focus_column(c)->name);
	}
	CHECK(WEIR_FOCUS_COLS == 65 && mandatory == 23 && added == 8 && written == 48, "%zu, %zu, %zu", mandatory, added, written);
}

static const struct {
	const char *name;
	struct edit edits[3];
	const char *says;
} broken[] = {
	{"nothing", {{0}}, ""},
	{"a mandatory column of 1.3", {{"HostProviderName", DROP, NULL}}, "0 HostProviderName is mandatory, and is not there\n"},
	{"a null that is not allowed", {{"ServiceProviderName", 2, ""}}, "3 ServiceProviderName is null\n"},
	{"a text as a decimal", {{"BilledCost", 1, "free"}}, "2 BilledCost is no decimal\n"},
	{"a time of another form", {{"BillingPeriodEnd", 1, "2026-12-01"}},
	 "2 BillingPeriodEnd is no time as 2026-11-01T00:00:00Z\n"},
	{"tags that are no object", {{"AllocatedTags", 1, "[]"}}, "2 AllocatedTags is no JSON object\n"},
	{"a price that is not the cost's", {{"ListUnitPrice", 1, "0.02"}}, "2 ListCost is not its unit price times PricingQuantity\n"},
	{"a ratio too large", {{"AllocatedMethodDetails", 4, "{\"Elements\":[{\"AllocatedRatio\":0.500000000001}]}"}},
	 "5 AllocatedMethodDetails of the rows of its origin has ratios that do not sum to 1\n"},
	{"a ratio beyond 1", {{"AllocatedMethodDetails", 4, "{\"Elements\":[{\"AllocatedRatio\":1.5}]}"}},
	 "5 AllocatedMethodDetails has an AllocatedRatio that is not between 0 and 1\n"},
	{"no ratio", {{"AllocatedMethodDetails", 4, "{\"Elements\":[{\"UsageQuantity\":1}]}"}},
	 "5 AllocatedMethodDetails has an element without a number AllocatedRatio\n"},
	{"no elements", {{"AllocatedMethodDetails", 4, "{}"}}, "5 AllocatedMethodDetails has no array Elements\n"},
	{"no details", {{"AllocatedMethodDetails", 4, ""}}, "5 AllocatedMethodDetails is null, so that nobody knows the ratio\n"},
	{"a share that is too dear by a nano-unit", {{"BilledCost", 1, "0.00375"}},
	 "2 BilledCost of the rows of its origin does not sum to the origin's 0.003749999\n"},
	{"a share of too few bytes", {{"ConsumedQuantity", 2, "53687091199.0"}},
	 "3 ConsumedQuantity of the rows of its origin does not sum to the origin's 107374182400.0\n"},
	{"allocated, but by no method", {{"AllocatedMethodId", 1, ""}},
	 "2 AllocatedMethodDetails must be null where AllocatedMethodId is\n"
	 "2 AllocatedResourceId must be null where AllocatedMethodId is\n"
	 "2 AllocatedResourceName must be null where AllocatedMethodId is\n"
	 "2 AllocatedTags must be null where AllocatedMethodId is\n"},
};

TEST(focus_columns_and_splits_are_checked)
{
	weir_auto_buf struct weir_buf text = {0};
	struct weir_focus_columns_report report;
	struct focus_file f;

	small(test_st, WEIR_FOCUS_1_3, &text);
	f = focus_file(text.data, text.len);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(broken); i++) {
		weir_cleanup(sheet_fini) struct sheet s = {0};
		weir_auto_buf struct weir_buf b = {0};
		weir_auto_free char *said = NULL;

		CHECK(!sheet_load(&s, f.path), "the sheet");
		for (size_t k = 0; k < 3 && broken[i].edits[k].column; k++)
			apply(&s, &broken[i].edits[k]);
		sheet_write(&s, &b);
		said = columns_say(b.data, b.len, &report);
		CHECK(!strcmp(said, broken[i].says), "%s: %s", broken[i].name, said);
	}
	close(f.fd);
}

TEST(focus_columns_of_no_version)
{
	static const char head[] = "Cost,x_Mine,Tags,Tags\n1,2,,\n";
	struct weir_focus_columns_report report;
	weir_auto_free char *said = columns_say(head, strlen(head), &report);

	CHECK(!strncmp(said, "1 Cost is no column of this version; one of your own begins with x_\n1 Tags stands twice\n", 80), "%s",
	      said);
}

TEST_MAIN(T(focus_export_has_no_failure_under_the_official_model),
	  T(focus_export_mutated_breaks_its_rule),
	  T(focus_export_has_all_columns_and_whole_splits),
	  T(focus_columns_are_those_of_the_specification),
	  T(focus_columns_and_splits_are_checked),
	  T(focus_columns_of_no_version))
