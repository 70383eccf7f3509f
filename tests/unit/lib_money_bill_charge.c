/* SPDX-License-Identifier: Apache-2.0 */
/* What a line of a bill charges for, by the price books of policies/prices. */
#include "lib/money/bill_charge.h"
#include "tests/lib/test.h"

static struct weir_pricebook *book;
static struct weir_charges *charges;

static void load(void)
{
	if (book)
		return;
	if (weir_pricebook_new(&book) || weir_pricebook_load_dir(book, "policies/prices", NULL, NULL) ||
	    weir_pricebook_seal(book, NULL) || weir_charges_new(book, &charges))
		abort();
}

static struct weir_bill_line aws(const char *region, const char *usage, const char *unit, int64_t whole)
{
	return (struct weir_bill_line){
		.bill_account = "acme", .provider = "AWS", .account = "1", .service = "EC2", .sku = "", .meter = "", .usage_type = usage,
		.region = region, .resource = "", .category = "Usage", .class = "", .network = "", .unit = unit, .currency = "USD",
		.has_quantity = true, .quantity = {.whole = whole},
	};
}

static struct weir_charge charge(const struct weir_bill_line *l)
{
	struct weir_charge c = {0};

	load();
	if (weir_charges_of(charges, l, &c))
		abort();
	return c;
}

TEST(bytes_of_a_meter_are_usage)
{
	const struct weir_bill_line l = aws("us-west-2", "USW2-DataTransfer-Out-Bytes", "Bytes", 77);
	struct weir_charge c = charge(&l), again = charge(&l);

	CHECK(c.kind == WEIR_CHARGE_USAGE && !strcmp(c.meter, "internet-out") && !strcmp(c.region, "us-west-2"));
	CHECK(c.quantity == 77 && c.rest == WEIR_REST_UNMEASURED && again.meter == c.meter);
}

TEST(what_costs_by_the_hour_is_in_seconds)
{
	struct weir_bill_line l = aws("us-east-1", "NatGateway-Hours", "Hours", 3);
	struct weir_charge c;

	l.quantity.nanos = 500000000;
	c = charge(&l);
	CHECK(c.kind == WEIR_CHARGE_USAGE && !strcmp(c.meter, "nat-gateway-hour") && c.quantity == 3 * 3600 + 1800 &&
	      c.rest == WEIR_REST_RESOURCE);
}

/* Azure's meter is known by its subcategory and its name; the region is one of a group. */
TEST(azures_meter_is_two_texts)
{
	struct weir_bill_line l = aws("eastus", "Rtn Preference: MGN", "Bytes", 5);
	struct weir_charge c;

	l.provider = "Microsoft";
	l.meter = "Standard Data Transfer Out";
	c = charge(&l);
	CHECK(c.kind == WEIR_CHARGE_USAGE && !strcmp(c.meter, "internet-out") && !strcmp(c.region, "eastus"), "%s", c.meter);
}

TEST(a_meter_of_another_provider_does_not_fit)
{
	struct weir_bill_line l = aws("us-east-1", "USE1-DataTransfer-Out-Bytes", "Bytes", 5);

	l.provider = "Microsoft";
	CHECK(charge(&l).kind == WEIR_CHARGE_ALONE);
}

TEST(a_region_that_no_book_of_the_meter_knows_may_be_any)
{
	const struct weir_bill_line l = aws("mars-north-1", "MARS-DataTransfer-Out-Bytes", "Bytes", 5);
	struct weir_charge c = charge(&l);

	CHECK(c.kind == WEIR_CHARGE_USAGE && !*c.region);
}

/* cross-region-out and cross-region-out-ohio are of one usage type: no bill tells them apart. */
TEST(meters_with_the_same_sku_are_one)
{
	load();
	CHECK(!strcmp(weir_charges_meter(charges, "cross-region-out-ohio"), weir_charges_meter(charges, "cross-region-out")));
	CHECK(!strcmp(weir_charges_meter(charges, "cross-region-out-virginia"), weir_charges_meter(charges, "cross-region-out")));
	CHECK(strcmp(weir_charges_meter(charges, "internet-out"), weir_charges_meter(charges, "cross-region-out")) != 0);
	CHECK(!strcmp(weir_charges_meter(charges, "no such meter"), "no such meter"));
}

TEST(what_has_no_quantity_of_its_own_follows)
{
	struct weir_bill_line l = aws("us-east-1", "USE1-DataTransfer-Out-Bytes", "Bytes", 100);
	struct weir_charge c;

	l.category = "Credit";
	c = charge(&l);
	CHECK(c.kind == WEIR_CHARGE_FOLLOWER && !c.quantity && *c.meter);
	l.category = "Usage";
	l.quantity.whole = -100;
	c = charge(&l);
	CHECK(c.kind == WEIR_CHARGE_FOLLOWER && c.quantity == -100, "a correction lessens its meter's quantity");
}

TEST(what_is_nobodys_says_why)
{
	struct weir_bill_line l = aws("us-east-1", "BoxUsage:t3.micro", "Hours", 1);

	CHECK(charge(&l).rest == WEIR_REST_NOT_NETWORK && charge(&l).kind == WEIR_CHARGE_ALONE);
	l = aws("us-east-1", "USE1-Quantum-Bytes", "Bytes", 1);
	l.network = "internet";
	CHECK(charge(&l).rest == WEIR_REST_UNKNOWN_METER && charge(&l).kind == WEIR_CHARGE_ALONE);
	l.unit = "Hours";
	CHECK(charge(&l).rest == WEIR_REST_RESOURCE);
	l = aws("us-east-1", "USE1-DataTransfer-Out-Bytes", "Bytes", 1);
	l.category = "Tax";
	CHECK(charge(&l).rest == WEIR_REST_NOT_USAGE && charge(&l).kind == WEIR_CHARGE_ALONE);
}

TEST(all_is_given_back)
{
	load();
	weir_charges_free(charges);
	weir_pricebook_free(book);
	charges = NULL;
	book = NULL;
	CHECK(!charges, "the sanitizer looks for what is left");
}

TEST_MAIN(T(bytes_of_a_meter_are_usage), T(what_costs_by_the_hour_is_in_seconds), T(azures_meter_is_two_texts),
	  T(a_meter_of_another_provider_does_not_fit), T(a_region_that_no_book_of_the_meter_knows_may_be_any),
	  T(meters_with_the_same_sku_are_one), T(what_has_no_quantity_of_its_own_follows), T(what_is_nobodys_says_why),
	  T(all_is_given_back))
