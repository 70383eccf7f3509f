/* SPDX-License-Identifier: Apache-2.0 */
/* The Cost and Usage data set of the FOCUS specification 1.3, in the words of its table of columns. */
#include "lib/money/focus_columns.h"

/* name, type, mandatory, allows nulls, since, written */
static const struct weir_focus_column columns[WEIR_FOCUS_COLS_ALL] = {
	[WEIR_FOCUS_COL_ALLOCATED_METHOD_DETAILS] = {"AllocatedMethodDetails", WEIR_FOCUS_JSON, false, true, WEIR_FOCUS_1_3, true},
	[WEIR_FOCUS_COL_ALLOCATED_METHOD_ID] = {"AllocatedMethodId", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_3, true},
	[WEIR_FOCUS_COL_ALLOCATED_RESOURCE_ID] = {"AllocatedResourceId", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_3, true},
	[WEIR_FOCUS_COL_ALLOCATED_RESOURCE_NAME] = {"AllocatedResourceName", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_3, true},
	[WEIR_FOCUS_COL_ALLOCATED_TAGS] = {"AllocatedTags", WEIR_FOCUS_JSON, false, true, WEIR_FOCUS_1_3, true},
	[WEIR_FOCUS_COL_AVAILABILITY_ZONE] = {"AvailabilityZone", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_BILLED_COST] = {"BilledCost", WEIR_FOCUS_DECIMAL, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_BILLING_ACCOUNT_ID] = {"BillingAccountId", WEIR_FOCUS_STRING, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_BILLING_ACCOUNT_NAME] = {"BillingAccountName", WEIR_FOCUS_STRING, true, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_BILLING_ACCOUNT_TYPE] = {"BillingAccountType", WEIR_FOCUS_STRING, false, false, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_BILLING_CURRENCY] = {"BillingCurrency", WEIR_FOCUS_STRING, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_BILLING_PERIOD_END] = {"BillingPeriodEnd", WEIR_FOCUS_DATETIME, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_BILLING_PERIOD_START] = {"BillingPeriodStart", WEIR_FOCUS_DATETIME, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_CAPACITY_RESERVATION_ID] = {"CapacityReservationId", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_CAPACITY_RESERVATION_STATUS] = {"CapacityReservationStatus", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_CHARGE_CATEGORY] = {"ChargeCategory", WEIR_FOCUS_STRING, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_CHARGE_CLASS] = {"ChargeClass", WEIR_FOCUS_STRING, true, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_CHARGE_DESCRIPTION] = {"ChargeDescription", WEIR_FOCUS_STRING, true, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_CHARGE_FREQUENCY] = {"ChargeFrequency", WEIR_FOCUS_STRING, false, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_CHARGE_PERIOD_END] = {"ChargePeriodEnd", WEIR_FOCUS_DATETIME, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_CHARGE_PERIOD_START] = {"ChargePeriodStart", WEIR_FOCUS_DATETIME, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_COMMITMENT_DISCOUNT_CATEGORY] = {"CommitmentDiscountCategory", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_COMMITMENT_DISCOUNT_ID] = {"CommitmentDiscountId", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_COMMITMENT_DISCOUNT_NAME] = {"CommitmentDiscountName", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_COMMITMENT_DISCOUNT_QUANTITY] = {"CommitmentDiscountQuantity", WEIR_FOCUS_DECIMAL, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_COMMITMENT_DISCOUNT_STATUS] = {"CommitmentDiscountStatus", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_COMMITMENT_DISCOUNT_TYPE] = {"CommitmentDiscountType", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_COMMITMENT_DISCOUNT_UNIT] = {"CommitmentDiscountUnit", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_CONSUMED_QUANTITY] = {"ConsumedQuantity", WEIR_FOCUS_DECIMAL, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_CONSUMED_UNIT] = {"ConsumedUnit", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_CONTRACT_APPLIED] = {"ContractApplied", WEIR_FOCUS_JSON, false, true, WEIR_FOCUS_1_3, false},
	[WEIR_FOCUS_COL_CONTRACTED_COST] = {"ContractedCost", WEIR_FOCUS_DECIMAL, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_CONTRACTED_UNIT_PRICE] = {"ContractedUnitPrice", WEIR_FOCUS_DECIMAL, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_EFFECTIVE_COST] = {"EffectiveCost", WEIR_FOCUS_DECIMAL, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_HOST_PROVIDER_NAME] = {"HostProviderName", WEIR_FOCUS_STRING, true, false, WEIR_FOCUS_1_3, true},
	[WEIR_FOCUS_COL_INVOICE_ID] = {"InvoiceId", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_INVOICE_ISSUER_NAME] = {"InvoiceIssuerName", WEIR_FOCUS_STRING, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_LIST_COST] = {"ListCost", WEIR_FOCUS_DECIMAL, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_LIST_UNIT_PRICE] = {"ListUnitPrice", WEIR_FOCUS_DECIMAL, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_PRICING_CATEGORY] = {"PricingCategory", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_PRICING_CURRENCY] = {"PricingCurrency", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_PRICING_CURRENCY_CONTRACTED_UNIT_PRICE] = {"PricingCurrencyContractedUnitPrice", WEIR_FOCUS_DECIMAL, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_PRICING_CURRENCY_EFFECTIVE_COST] = {"PricingCurrencyEffectiveCost", WEIR_FOCUS_DECIMAL, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_PRICING_CURRENCY_LIST_UNIT_PRICE] = {"PricingCurrencyListUnitPrice", WEIR_FOCUS_DECIMAL, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_PRICING_QUANTITY] = {"PricingQuantity", WEIR_FOCUS_DECIMAL, true, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_PRICING_UNIT] = {"PricingUnit", WEIR_FOCUS_STRING, true, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_PROVIDER_NAME] = {"ProviderName", WEIR_FOCUS_STRING, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_PUBLISHER_NAME] = {"PublisherName", WEIR_FOCUS_STRING, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_REGION_ID] = {"RegionId", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_REGION_NAME] = {"RegionName", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_RESOURCE_ID] = {"ResourceId", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_RESOURCE_NAME] = {"ResourceName", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_RESOURCE_TYPE] = {"ResourceType", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_SERVICE_CATEGORY] = {"ServiceCategory", WEIR_FOCUS_STRING, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_SERVICE_NAME] = {"ServiceName", WEIR_FOCUS_STRING, true, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_SERVICE_PROVIDER_NAME] = {"ServiceProviderName", WEIR_FOCUS_STRING, true, false, WEIR_FOCUS_1_3, true},
	[WEIR_FOCUS_COL_SERVICE_SUBCATEGORY] = {"ServiceSubcategory", WEIR_FOCUS_STRING, false, false, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_SKU_ID] = {"SkuId", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_SKU_METER] = {"SkuMeter", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_SKU_PRICE_DETAILS] = {"SkuPriceDetails", WEIR_FOCUS_JSON, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_SKU_PRICE_ID] = {"SkuPriceId", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_SUB_ACCOUNT_ID] = {"SubAccountId", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_SUB_ACCOUNT_NAME] = {"SubAccountName", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_SUB_ACCOUNT_TYPE] = {"SubAccountType", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, false},
	[WEIR_FOCUS_COL_TAGS] = {"Tags", WEIR_FOCUS_JSON, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_X_EVIDENCE] = {"x_Evidence", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_X_NAMESPACE] = {"x_Namespace", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_X_ORIGIN_CHARGE] = {"x_OriginCharge", WEIR_FOCUS_JSON, false, true, WEIR_FOCUS_1_3, true},
	[WEIR_FOCUS_COL_X_PATH_CLASS] = {"x_PathClass", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_X_PRICE_LAYER] = {"x_PriceLayer", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_X_PRICE_SOURCE] = {"x_PriceSource", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_X_TEAM] = {"x_Team", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
	[WEIR_FOCUS_COL_X_WORKLOAD] = {"x_Workload", WEIR_FOCUS_STRING, false, true, WEIR_FOCUS_1_2, true},
};

const char *weir_focus_type_name(enum weir_focus_type t)
{
	static const char *const names[] = {"String", "Decimal", "Date/Time", "JSON"};

	return names[t];
}

const struct weir_focus_column *weir_focus_column(enum weir_focus_col c)
{
	return &columns[c];
}

const struct weir_focus_column *weir_focus_column_find(const char *name)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(columns); i++)
		if (!strcmp(columns[i].name, name))
			return &columns[i];
	return NULL;
}
