/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known defects of the official FOCUS 1.2 requirements model and of its validator (focus_validator 2.0.1), found by
 * reading each rule beside its own text (MustSatisfy) and the specification. `weirctl export check --defects` prints
 * this table.
 */
#include "lib/money/focus_model.h"

#define NOT_NULL(column) "{\"CheckFunction\":\"CheckNotValue\",\"ColumnName\":\"" column "\",\"Value\":null}"
#define IS_NULL(column) "{\"CheckFunction\":\"CheckValue\",\"ColumnName\":\"" column "\",\"Value\":null}"
#define IS(column, value) "{\"CheckFunction\":\"CheckValue\",\"ColumnName\":\"" column "\",\"Value\":\"" value "\"}"
#define IS_NOT(column, value)                                                                                      \
	"{\"CheckFunction\":\"CheckNotValue\",\"ColumnName\":\"" column "\",\"Value\":\"" value "\"}"
#define DECIMAL(column) "{\"CheckFunction\":\"CheckDecimalValue\",\"ColumnName\":\"" column "\"}"
#define BOTH(a, b) "{\"CheckFunction\":\"AND\",\"Items\":[" a "," b "]}"
#define EITHER(a, b) "{\"CheckFunction\":\"OR\",\"Items\":[" a "," b "]}"
#define RULE(id) .version = "1.2", .rule = id, .what = id
#define FUNCTION(name) .what = name

static const char not_a_null_check[] =
	"its text demands a valid decimal, it checks for null, as another rule does already";

static const struct weir_focus_defect defects[] = {
	{RULE("CommitmentDiscountStatus-C-003-C"), .reason = "inverted: its text demands null, it demands not null",
	 .instead = "null where CommitmentDiscountId is null", .requirement = IS_NULL("CommitmentDiscountStatus")},
	{RULE("CommitmentDiscountStatus-C-004-C"),
	 .reason = "its condition is inverted, and misses ChargeCategory Usage",
	 .instead = "not null where CommitmentDiscountId is not null and ChargeCategory is Usage",
	 .condition = BOTH(NOT_NULL("CommitmentDiscountId"), IS("ChargeCategory", "Usage"))},
	{RULE("CommitmentDiscountStatus-C-005-M"),
	 .reason = "allows Active, Expired and Pending; the specification has Used and Unused",
	 .instead = "Used or Unused",
	 .requirement = EITHER(IS("CommitmentDiscountStatus", "Used"), IS("CommitmentDiscountStatus", "Unused"))},
	{RULE("CommitmentDiscountQuantity-C-010-C"),
	 .reason = "its text says ChargeCategory Purchase, its condition null",
	 .instead = "where ChargeCategory is Purchase", .condition = IS("ChargeCategory", "Purchase")},
	{RULE("CommitmentDiscountQuantity-C-007-C"),
	 .reason = "its condition has corrections among \"all other cases\", where -C-006-C permits a value",
	 .instead = "null where ChargeCategory is neither Usage nor Purchase, or CommitmentDiscountId is null",
	 .condition = EITHER(BOTH(IS_NOT("ChargeCategory", "Usage"), IS_NOT("ChargeCategory", "Purchase")),
			     IS_NULL("CommitmentDiscountId"))},
	{RULE("ConsumedQuantity-C-006-C"),
	 .reason = "its condition is inverted: not null where ChargeClass is not Correction",
	 .instead = "not null where ChargeClass is not Correction",
	 .condition = IS_NOT("ChargeClass", "Correction")},
	{RULE("CapacityReservationStatus-C-003-C"), .reason = "its condition has no CheckFunction",
	 .instead = "where CapacityReservationId is null", .condition = IS_NULL("CapacityReservationId")},
	{RULE("CapacityReservationStatus-C-004-C"), .reason = "its condition has no CheckFunction",
	 .instead = "where CapacityReservationId is not null and ChargeCategory is Usage",
	 .condition = BOTH(NOT_NULL("CapacityReservationId"), IS("ChargeCategory", "Usage"))},
	{RULE("ResourceId-C-006-C"), .reason = "its condition names its column CheckCondition",
	 .instead = "where ResourceId is not null", .condition = NOT_NULL("ResourceId")},
	{RULE("ResourceType-C-005-C"), .reason = "its condition names its column CheckCondition",
	 .instead = "where ResourceId is not null", .condition = NOT_NULL("ResourceId")},
	{RULE("Tags-C-003-C"), .reason = "its condition is inverted: its text says where Tags is not null",
	 .instead = "where Tags is not null", .condition = NOT_NULL("Tags")},
	{RULE("PricingCurrencyEffectiveCost-C-004-M"),
	 .reason = "checks another column, PricingCurrencyListUnitPrice", .instead = "a valid decimal",
	 .requirement = DECIMAL("PricingCurrencyEffectiveCost")},
	{RULE("PricingQuantity-C-008-M"), .reason = not_a_null_check, .instead = "a valid decimal",
	 .requirement = DECIMAL("PricingQuantity")},
	{RULE("ListCost-C-004-M"), .reason = not_a_null_check, .instead = "a valid decimal",
	 .requirement = DECIMAL("ListCost")},
	{RULE("ContractedCost-C-004-M"), .reason = not_a_null_check, .instead = "a valid decimal",
	 .requirement = DECIMAL("ContractedCost")},
	{RULE("EffectiveCost-C-004-M"), .reason = not_a_null_check, .instead = "a valid decimal",
	 .requirement = DECIMAL("EffectiveCost")},

	/* What no file can show is left as it is published, and said beside a failure. */
	{RULE("BilledCost-C-005-C"),
	 .reason = "takes any issuer whose name is spelt otherwise than the provider's for a third party",
	 .instead = "as published: write both names alike where they are one company"},
	{RULE("EffectiveCost-C-005-C"),
	 .reason = "asks every purchase, its text only those that cover future charges",
	 .instead = "as published: no column tells such purchases apart"},

	{FUNCTION("OR"), .reason = "the validator passes a column when one row in it passes",
	 .instead = "each row is asked"},
	{FUNCTION("OR of rules"),
	 .reason = "InvoiceId-C-004-C and -005-C contradict each other, and each is also demanded by itself",
	 .instead = "rules without a condition under an OR are alternatives, and not demanded by themselves; those "
		    "with one (SubAccountType-C-003-C) are demanded in their own case"},
	{FUNCTION("CheckNotValue in a condition"),
	 .reason = "\"ChargeClass is not Correction\" is not true of a null ChargeClass: the "
		   "rules of unit price, quantity and cost test no usual row",
	 .instead = "null is not that value"},
	{FUNCTION("ColumnByColumnEqualsColumnValue"), .reason = "compares in binary floating point",
	 .instead = "exact decimals, equal to a nano-unit or a part in 10^12"},
	{FUNCTION("CheckValue with a number"), .reason = "compares text, so that 0.00 is not 0",
	 .instead = "compares numbers"},
	{FUNCTION("CheckDistinctCount"), .reason = "takes null for one of the values that are counted for",
	 .instead = "rows without a value in the first column are left out"},
	{FUNCTION("CheckDecimalValue"), .reason = "is never evaluated",
	 .instead = "a decimal number that can be computed with exactly"},
	{FUNCTION("FormatUnit"), .reason = "is never evaluated",
	 .instead = "the forms and the recommended units of UnitFormat"},
	{FUNCTION("FormatKeyValue"), .reason = "demands a=b;c=d where the specification demands JSON",
	 .instead = "one JSON object, keys unique, values flat"},
	{FUNCTION("FormatNumeric"),
	 .reason = "refuses E notation and takes a plus sign, both against NumericFormat",
	 .instead = "E notation, and no plus sign"},
	{FUNCTION("FormatDateTime"), .reason = "takes 2026-19-39T29:00:00Z",
	 .instead = "dates and times that exist"},
	{FUNCTION("FormatString"), .reason = "demands ASCII where the specification demands valid Unicode",
	 .instead = "valid UTF-8 without control characters"},
	{FUNCTION("TypeString, TypeDecimal"),
	 .reason = "types are guessed from the whole CSV column: account numbers are integers, even "
		   "when quoted, and costs without a point in any row are no decimals",
	 .instead = "CSV has no types: what can be read as the type is of it; text is anything without a NUL"},
	{FUNCTION("ApplicabilityCriteria"),
	 .reason = "one of several criteria is enough, where texts join them with \"and\"",
	 .instead = "all of a rule's criteria must be given"},
	{FUNCTION("absent columns"),
	 .reason = "every rule of an absent column fails, and every rule with it in a condition",
	 .instead = "the rule of its presence alone fails; in a condition a column that need not be there is null"},
	{FUNCTION("MAY"), .reason = "counts as failed what is only permitted",
	 .instead = "skipped: nothing to break"},
};

const struct weir_focus_defect *weir_focus_defect_at(size_t i)
{
	return i < WEIR_ARRAY_SIZE(defects) ? &defects[i] : NULL;
}

const struct weir_focus_defect *weir_focus_defect_find(const char *version, const char *rule)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(defects); i++)
		if (defects[i].rule && !strcmp(defects[i].version, version) && !strcmp(defects[i].rule, rule))
			return &defects[i];
	return NULL;
}
