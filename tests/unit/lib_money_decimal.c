/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/decimal.h"

#include "tests/lib/test.h"

static struct weir_decimal number(const char *text)
{
	struct weir_decimal d = {0};

	if (weir_decimal_parse(text, strlen(text), &d))
		printf("# no number: %s\n", text);
	return d;
}

static int cmp(const char *a, const char *b)
{
	struct weir_decimal x = number(a), y = number(b);

	return weir_decimal_cmp(&x, &y);
}

TEST(decimals_compare_exactly)
{
	static const struct {
		const char *a, *b;
		int r;
	} cases[] = {
		{"0", "-0", 0},
		{"0.00", "0", 0},
		{"1", "1.000000000000000000000000000000000001", -1},
		{"-1", "1", -1},
		{"-2", "-1", -1},
		{"0.1", "0.10", 0},
		{"1.5E-10", "0.00000000015", 0},
		{"1E3", "1000", 0},
		{"12.5E1", "125", 0},
		{"+5", "5.0", 0},
		{".5", "0.5", 0},
		{"999999999", "1000000000", -1},
		{"9007199254740993", "9007199254740992", 1}, /* the first two that a double does not tell apart */
		{"0.30000000000000004", "0.3", 1},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		CHECK(cmp(cases[i].a, cases[i].b) == cases[i].r, "%s, %s", cases[i].a, cases[i].b);
		CHECK(cmp(cases[i].b, cases[i].a) == -cases[i].r, "%s, %s", cases[i].b, cases[i].a);
	}
}

TEST(decimals_refuse)
{
	static const char *const none[] = {"",	  "-",	   ".",	   "5.", "1,5", "1.2.3", "$1", "1e",
					   "1E+", "1E1.5", "0x10", "1 ", " 1",	"NaN",	 "--1"};
	static const char *const far[] = {"1E36", "1E-37", "1E999999999999999999999",
					  "1234567890123456789012345678901234567"};
	struct weir_decimal d;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(none); i++)
		CHECK(weir_decimal_parse(none[i], strlen(none[i]), &d) == -EINVAL, "'%s'", none[i]);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(far); i++)
		CHECK(weir_decimal_parse(far[i], strlen(far[i]), &d) == -ERANGE, "%s", far[i]);
	CHECK(weir_decimal_parse("0E-99", 5, &d) == 0, "zero, however small");
}

static bool product(const char *a, const char *b, const char *r)
{
	struct weir_decimal x = number(a), y = number(b), z = number(r);

	return weir_decimal_is_product(&x, &y, &z);
}

TEST(decimal_products)
{
	CHECK(product("0.085", "7.25", "0.61625"), "exactly");
	CHECK(product("0.085", "7.25", "0.6162500000000001"), "as a double prints it");
	CHECK(product("0.00000004", "2", "0.000000081"), "to a nano-unit");
	CHECK(!product("0.085", "7.25", "0.616250002"), "two nano-units off");
	CHECK(!product("0.085", "7.25", "-0.61625"), "another sign");
	CHECK(product("-0.085", "7.25", "-0.61625") && product("-2", "-3", "6") && !product("-2", "-3", "-6"),
	      "signs");
	CHECK(product("0", "-5", "0") && product("-1", "0", "0"), "zero has no sign");
	CHECK(product("123456789.123456789", "1000000", "123456789123456.789"), "large");
	CHECK(product("123456789.123456789", "1000000", "123456789123556.789"), "large, to a part in 10^12");
	CHECK(!product("123456789.123456789", "1000000", "123456789123656.789"), "large, off by more");
	CHECK(product("999999999999999999999999999999999999", "0.000000000000000000000000000000000001",
		      "0.999999999999999999999999999999999999"),
	      "as wide as it goes");
}

TEST(decimals_add)
{
	static const struct {
		const char *a, *b, *sum;
	} sums[] = {
		{"0.1", "0.2", "0.3"},	 {"999999999.999999999", "0.000000001", "1000000000"},
		{"1", "-1", "0"},	 {"-0.5", "0.25", "-0.25"},
		{"0.25", "-0.5", "-0.25"}, {"-1000000000", "0.000000000000000000000000000000000001", "-999999999.999999999999999999999999999999999999"},
		{"-1", "-2", "-3"},
	};
	struct weir_decimal most = number("999999999999999999999999999999999999"), one = number("1"), sum;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(sums); i++) {
		struct weir_decimal a = number(sums[i].a), b = number(sums[i].b), wanted = number(sums[i].sum);

		CHECK(!weir_decimal_add(&a, &b, &sum) && !weir_decimal_cmp(&sum, &wanted), "%s + %s", sums[i].a, sums[i].b);
	}
	CHECK(weir_decimal_add(&most, &one, &sum) == -ERANGE, "more than fits");
}

TEST_MAIN(T(decimals_add), T(decimals_compare_exactly), T(decimals_refuse), T(decimal_products))
