/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which column of which format goes where. Of several columns of one target the first that is not absent counts, in the
 * order of the rows. Names are without case and punctuation, so that "lineItem/UsageType" and "line_item_usage_type",
 * "service.description" and "service_description", or "costInBillingCurrency" and "CostInBillingCurrency" are one.
 *
 * billed is what the invoice sums; effective is amortized: what a commitment paid for is spread over what used it.
 * Azure writes two files of one layout, and nothing in them says which: of an actual export both are the cash, of an
 * amortized one both are the amortized cost. CUR: billed is the unblended cost, effective goes by the line item type
 * (types, below). GCP: billed and effective are the cost and its credits, contracted is the cost without them.
 */
#include "lib/money/bill_impl.h"

#include <strings.h>

#define TEXT(column, target) {column, BILL_TEXT, WEIR_BILL_##target, false}
#define COST(column, target) {column, BILL_COST, WEIR_BILL_##target, false}
#define TIME(column, target) {column, BILL_TIME, WEIR_BILL_##target, false}
#define OTHER(column, target) {column, BILL_OTHER, BILL_##target, false}
#define NEED_TEXT(column, target) {column, BILL_TEXT, WEIR_BILL_##target, true}
#define NEED_COST(column, target) {column, BILL_COST, WEIR_BILL_##target, true}
#define NEED_TIME(column, target) {column, BILL_TIME, WEIR_BILL_##target, true}

static const struct bill_column focus[] = {
	TEXT("serviceprovidername", PROVIDER), /* 1.3; 1.4 has no ProviderName */
	TEXT("providername", PROVIDER),
	TEXT("publishername", PROVIDER),
	NEED_TEXT("billingaccountid", ACCOUNT),
	TEXT("subaccountid", SUB_ACCOUNT),
	TEXT("subaccountname", SUB_ACCOUNT_NAME),
	TEXT("servicename", SERVICE),
	TEXT("servicecategory", SERVICE_CATEGORY),
	TEXT("skuid", SKU),
	TEXT("skumeter", METER), /* 1.1 */
	TEXT("xskumetername", METER),
	TEXT("xusagetype", USAGE_TYPE), /* AWS' own */
	TEXT("xoperation", OPERATION),
	TEXT("regionid", REGION),
	TEXT("regionname", REGION),
	TEXT("availabilityzone", ZONE),
	TEXT("resourceid", RESOURCE),
	NEED_TEXT("chargecategory", CATEGORY),
	TEXT("chargeclass", CLASS),
	TEXT("chargedescription", DESCRIPTION),
	NEED_TEXT("billingcurrency", CURRENCY),
	TEXT("tags", TAGS),
	NEED_TIME("chargeperiodstart", CHARGE_START),
	NEED_TIME("chargeperiodend", CHARGE_END),
	NEED_TIME("billingperiodstart", PERIOD_START),
	NEED_TIME("billingperiodend", PERIOD_END),
	OTHER("consumedquantity", QUANTITY),
	OTHER("consumedunit", UNIT),
	OTHER("pricingquantity", BLOCKS), /* where nothing is consumed, of units as Azure's "10K" */
	OTHER("pricingunit", BLOCK_UNIT),
	COST("listcost", LIST),
	COST("contractedcost", CONTRACTED),
	COST("effectivecost", EFFECTIVE),
	NEED_COST("billedcost", BILLED),
};

static const struct bill_column cur[] = {
	NEED_TEXT("billpayeraccountid", ACCOUNT),
	TEXT("lineitemusageaccountid", SUB_ACCOUNT),
	TEXT("lineitemusageaccountname", SUB_ACCOUNT_NAME),
	TEXT("productservicename", SERVICE),
	TEXT("productproductname", SERVICE),
	TEXT("lineitemproductcode", SERVICE),
	TEXT("productproductfamily", SERVICE_CATEGORY),
	TEXT("productsku", SKU),
	TEXT("lineitemusagetype", USAGE_TYPE),
	TEXT("lineitemoperation", OPERATION),
	TEXT("productregioncode", REGION),
	TEXT("productregion", REGION),
	TEXT("lineitemavailabilityzone", ZONE),
	TEXT("lineitemresourceid", RESOURCE),
	TEXT("lineitemlineitemdescription", DESCRIPTION),
	NEED_TEXT("lineitemcurrencycode", CURRENCY),
	TEXT("resourcetags", TAGS), /* CUR 2.0; the legacy one has a column a tag */
	NEED_TIME("lineitemusagestartdate", CHARGE_START),
	NEED_TIME("lineitemusageenddate", CHARGE_END),
	NEED_TIME("billbillingperiodstartdate", PERIOD_START),
	TIME("billbillingperiodenddate", PERIOD_END),
	OTHER("lineitemusageamount", QUANTITY),
	OTHER("pricingunit", UNIT),
	COST("pricingpublicondemandcost", LIST),
	COST("lineitemnetunblendedcost", CONTRACTED),
	NEED_COST("lineitemunblendedcost", BILLED),
	{"lineitemlineitemtype", BILL_OTHER, BILL_TYPE, true},
	OTHER("reservationeffectivecost", RI_COST),
	OTHER("savingsplansavingsplaneffectivecost", SP_COST),
	OTHER("reservationunusedamortizedupfrontfeeforbillingperiod", RI_UNUSED),
	OTHER("reservationunusedrecurringfee", RI_UNUSED),
	OTHER("savingsplantotalcommitmenttodate", SP_TOTAL),
	OTHER("savingsplanusedcommitment", SP_USED),
	OTHER("product", PRODUCT), /* CUR 2.0 */
};

static const struct bill_column azure[] = {
	NEED_TEXT("billingaccountid", ACCOUNT),
	NEED_TEXT("billingaccountname", ACCOUNT),
	NEED_TEXT("billingprofileid", ACCOUNT),
	NEED_TEXT("subscriptionid", ACCOUNT), /* pay as you go has nothing else */
	NEED_TEXT("subscriptionguid", ACCOUNT),
	TEXT("subscriptionid", SUB_ACCOUNT),
	TEXT("subscriptionguid", SUB_ACCOUNT),
	TEXT("subscriptionname", SUB_ACCOUNT_NAME),
	TEXT("metercategory", SERVICE),
	TEXT("consumedservice", SERVICE),
	TEXT("servicefamily", SERVICE_CATEGORY),
	TEXT("meterid", SKU),
	TEXT("metername", METER),
	TEXT("metersubcategory", USAGE_TYPE),
	TEXT("meterregion", OPERATION),
	TEXT("resourcelocation", REGION),
	TEXT("location", REGION),
	TEXT("availabilityzone", ZONE),
	TEXT("resourceid", RESOURCE),
	TEXT("instanceid", RESOURCE),
	TEXT("instancename", RESOURCE),
	TEXT("product", DESCRIPTION),
	TEXT("productname", DESCRIPTION),
	NEED_TEXT("billingcurrency", CURRENCY),
	NEED_TEXT("billingcurrencycode", CURRENCY),
	NEED_TEXT("currency", CURRENCY),
	TEXT("tags", TAGS),
	NEED_TIME("date", CHARGE_START),
	NEED_TIME("usagedatetime", CHARGE_START),
	NEED_TIME("usagedate", CHARGE_START),
	TIME("billingperiodstartdate", PERIOD_START),
	TIME("billingperiodenddate", PERIOD_END),
	OTHER("quantity", QUANTITY), /* of single units, where the unit is "100 GB" too */
	OTHER("usagequantity", QUANTITY),
	OTHER("consumedquantity", QUANTITY),
	OTHER("unitofmeasure", UNIT),
	OTHER("chargetype", TYPE),
	COST("paygcostinbillingcurrency", LIST),
	COST("costinbillingcurrency", EFFECTIVE),
	COST("cost", EFFECTIVE),
	COST("pretaxcost", EFFECTIVE),
	COST("extendedcost", EFFECTIVE),
	NEED_COST("costinbillingcurrency", BILLED),
	NEED_COST("cost", BILLED),
	NEED_COST("pretaxcost", BILLED),
	NEED_COST("extendedcost", BILLED),
};

static const struct bill_column gcp[] = {
	NEED_TEXT("billingaccountid", ACCOUNT),
	TEXT("projectid", SUB_ACCOUNT),
	TEXT("projectname", SUB_ACCOUNT_NAME),
	TEXT("servicedescription", SERVICE),
	TEXT("serviceid", SERVICE),
	TEXT("skuid", SKU),
	TEXT("skudescription", METER),
	TEXT("locationregion", REGION),
	TEXT("locationlocation", REGION),
	TEXT("locationzone", ZONE),
	TEXT("resourceglobalname", RESOURCE),
	TEXT("resourcename", RESOURCE),
	TEXT("skudescription", DESCRIPTION),
	NEED_TEXT("currency", CURRENCY),
	TEXT("labels", TAGS),
	NEED_TIME("usagestarttime", CHARGE_START),
	NEED_TIME("usageendtime", CHARGE_END),
	OTHER("usageamount", QUANTITY),
	OTHER("usageunit", UNIT),
	OTHER("usageamountinpricingunits", BLOCKS),
	OTHER("usagepricingunit", BLOCK_UNIT),
	OTHER("costtype", TYPE),
	OTHER("credits", CREDITS),
	OTHER("creditsamount", CREDIT),
	OTHER("invoicemonth", INVOICE_MONTH),
	COST("costatlist", LIST),
	COST("cost", CONTRACTED),
	NEED_COST("cost", BILLED),
};

#define COLUMNS(table) table, WEIR_ARRAY_SIZE(table)
const struct bill_format bill_formats[WEIR_BILL_FORMATS] = {
	[WEIR_BILL_FOCUS] = {"focus", {"billedcost", "chargeperiodstart"}, "", COLUMNS(focus), {NULL}},
	[WEIR_BILL_CUR] = {"cur", {"lineitemusagestartdate", "lineitemlineitemtype"}, "AWS", COLUMNS(cur),
			   {"resourceTags/", "resource_tags_"}},
	[WEIR_BILL_AZURE] = {"azure", {"metercategory", "unitofmeasure"}, "Microsoft", COLUMNS(azure), {NULL}},
	[WEIR_BILL_GCP] = {"gcp", {"usagestarttime", "cost"}, "Google Cloud", COLUMNS(gcp), {NULL}},
};

static const struct bill_type cur_types[] = {
	{"Usage", "Usage", "", BILL_EFF_BILLED},
	{"DiscountedUsage", "Usage", "", BILL_EFF_RI},
	{"SavingsPlanCoveredUsage", "Usage", "", BILL_EFF_SP},
	{"SavingsPlanNegation", "Adjustment", "", BILL_EFF_ZERO}, /* takes back what the line above billed */
	{"RIFee", "Purchase", "", BILL_EFF_RI_FEE},
	{"SavingsPlanRecurringFee", "Purchase", "", BILL_EFF_SP_FEE},
	{"SavingsPlanUpfrontFee", "Purchase", "", BILL_EFF_ZERO},
	{"Fee", "Purchase", "", BILL_EFF_BILLED},
	{"Tax", "Tax", "", BILL_EFF_BILLED},
	{"Credit", "Credit", "", BILL_EFF_BILLED},
	{"Refund", "Credit", "Correction", BILL_EFF_BILLED},
	{"Discount", "Adjustment", "", BILL_EFF_BILLED},
	{"EdpDiscount", "Adjustment", "", BILL_EFF_BILLED},
	{"BundledDiscount", "Adjustment", "", BILL_EFF_BILLED},
	{"PrivateRateDiscount", "Adjustment", "", BILL_EFF_BILLED},
	{"RiVolumeDiscount", "Adjustment", "", BILL_EFF_BILLED},
	{0},
};
static const struct bill_type azure_types[] = {
	{"Usage", "Usage", "", BILL_EFF_BILLED},
	{"Purchase", "Purchase", "", BILL_EFF_BILLED},
	{"Tax", "Tax", "", BILL_EFF_BILLED},
	{"Refund", "Credit", "Correction", BILL_EFF_BILLED},
	{"Adjustment", "Adjustment", "", BILL_EFF_BILLED},
	{"RoundingAdjustment", "Adjustment", "", BILL_EFF_BILLED},
	{"UnusedReservation", "Usage", "", BILL_EFF_BILLED},
	{"UnusedSavingsPlan", "Usage", "", BILL_EFF_BILLED},
	{0},
};
static const struct bill_type gcp_types[] = {
	{"regular", "Usage", "", BILL_EFF_BILLED},
	{"tax", "Tax", "", BILL_EFF_BILLED},
	{"adjustment", "Adjustment", "Correction", BILL_EFF_BILLED},
	{"rounding_error", "Adjustment", "", BILL_EFF_BILLED},
	{0},
};
static const struct bill_type none[] = {{0}};
static const struct bill_type *const types[WEIR_BILL_FORMATS] = {
	[WEIR_BILL_FOCUS] = none, [WEIR_BILL_CUR] = cur_types, [WEIR_BILL_AZURE] = azure_types, [WEIR_BILL_GCP] = gcp_types,
};

const struct bill_type *bill_type_find(enum weir_bill_format f, const char *type)
{
	for (const struct bill_type *t = types[f]; t->type; t++)
		if (!strcasecmp(t->type, type))
			return t;
	return NULL;
}

size_t bill_plain_name(const char *name, size_t len, char *buf, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++) {
		char c = name[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + 'a' - 'A');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			buf[n++] = c;
	}
	buf[n] = '\0';
	return n;
}

const char *weir_bill_format_name(enum weir_bill_format f)
{
	return f < WEIR_BILL_FORMATS ? bill_formats[f].name : "";
}

const char *weir_bill_text_name(enum weir_bill_text t)
{
	static const char *const names[WEIR_BILL_TEXTS] = {
		"provider", "account", "sub_account", "sub_account_name", "service", "service_category", "sku",
		"meter", "usage_type", "operation", "region", "zone", "resource", "category", "class", "description",
		"unit", "currency", "tags",
	};

	return t < WEIR_BILL_TEXTS ? names[t] : "";
}

const char *weir_bill_cost_name(enum weir_bill_cost c)
{
	static const char *const names[WEIR_BILL_COSTS] = {"list", "contracted", "effective", "billed"};

	return c < WEIR_BILL_COSTS ? names[c] : "";
}
