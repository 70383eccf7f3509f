/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and numbers as people read them. */
#include "cli/table.h"
#include "tests/lib/test.h"

static char *render(const char *const *cells, size_t n, bool colour)
{
	table_auto struct table *t = NULL;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f || table_new(&t) || table_column(t, "team", false) || table_column(t, "bytes", true))
		abort();
	for (size_t i = 0; i < n; i++)
		if (table_cell(t, cells[i]))
			abort();
	if (table_print(t, f, colour) || fclose(f))
		abort();
	return text;
}

TEST(columns_align_left_and_right)
{
	static const char *const cells[] = {"payments", "7", "a", "1234567"};
	weir_auto_free char *text = render(cells, 4, false);

	CHECK(!strcmp(text, "team        bytes\n"
			    "payments        7\n"
			    "a         1234567\n"),
	      "printed:\n%s", text);
}

TEST(width_counts_characters_not_bytes)
{
	static const char *const cells[] = {"\xc3\xa9quipe", "1", "equipe", "2"};
	weir_auto_free char *text = render(cells, 4, false);

	CHECK(strstr(text, "\xc3\xa9quipe      1\n"), "printed:\n%s", text);
	CHECK(strstr(text, "\nequipe      2\n"), "printed:\n%s", text);
}

TEST(control_bytes_do_not_reach_the_terminal)
{
	static const char *const cells[] = {"a\033[31mb\nc", "1"};
	weir_auto_free char *text = render(cells, 2, false);

	CHECK(!strchr(text, '\033'), "escape printed");
	CHECK(strstr(text, "a?[31mb?c"), "printed:\n%s", text);
}

TEST(colour_only_when_asked)
{
	weir_auto_free char *plain = render(NULL, 0, false), *bold = render(NULL, 0, true);

	CHECK(!strchr(plain, '\033'), "colour without a terminal");
	CHECK(strchr(bold, '\033'), "no colour when asked");
}

TEST(too_many_columns_are_refused)
{
	table_auto struct table *t = NULL;
	int r = table_new(&t);

	for (size_t i = 0; i < TABLE_COLUMNS_MAX && !r; i++)
		r = table_column(t, "c", false);
	CHECK(!r, "the maximum was refused");
	CHECK(table_column(t, "c", false) == -E2BIG, "one more was taken");
}

TEST(bytes_read_well)
{
	static const struct {
		uint64_t v;
		const char *text;
	} cases[] = {{0, "0 B"},
		     {1023, "1023 B"},
		     {1024, "1.00 KiB"},
		     {1500, "1.46 KiB"},
		     {15000, "14.6 KiB"},
		     {1048575, "1.00 MiB"},
		     {3435973837, "3.20 GiB"},
		     {UINT64_MAX, "16.0 EiB"}};
	char buf[HUMAN_MAX];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++)
		CHECK(!strcmp(human_bytes(cases[i].v, buf), cases[i].text), "%llu: %s",
		      (unsigned long long)cases[i].v, buf);
}

TEST(rates_are_decimal_bits)
{
	char buf[HUMAN_MAX];

	CHECK(!strcmp(human_rate(999, buf), "999 bit/s"), "%s", buf);
	CHECK(!strcmp(human_rate(50000000, buf), "50.0 Mbit/s"), "%s", buf);
	CHECK(!strcmp(human_rate(999999, buf), "1.00 Mbit/s"), "%s", buf);
}

TEST(seconds_read_well)
{
	char buf[HUMAN_MAX];

	CHECK(!strcmp(human_seconds(5, buf), "5s"), "%s", buf);
	CHECK(!strcmp(human_seconds(192, buf), "3m12s"), "%s", buf);
	CHECK(!strcmp(human_seconds(7500, buf), "2h05m"), "%s", buf);
	CHECK(!strcmp(human_seconds(356400, buf), "4d03h"), "%s", buf);
}

TEST(money_rounds_half_away_and_hides_nothing)
{
	static const struct {
		int64_t nanos;
		const char *text;
	} cases[] = {{0, "0.000000"},
		     {90000000, "0.090000"},
		     {12345678901, "12.345679"},
		     {1500, "0.000002"},
		     {-1500, "-0.000002"},
		     {499, "0.000000499"},
		     {-1, "-0.000000001"},
		     {INT64_MAX, "9223372036.854776"},
		     {INT64_MIN, "-9223372036.854776"}};
	char buf[HUMAN_MAX];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++)
		CHECK(!strcmp(human_money(cases[i].nanos, "", buf), cases[i].text), "%lld: %s",
		      (long long)cases[i].nanos, buf);
	CHECK(!strcmp(human_money(90000000, "USD", buf), "0.090000 USD"), "%s", buf);
}

TEST_MAIN(T(columns_align_left_and_right), T(width_counts_characters_not_bytes),
	  T(control_bytes_do_not_reach_the_terminal), T(colour_only_when_asked),
	  T(too_many_columns_are_refused), T(bytes_read_well), T(rates_are_decimal_bits),
	  T(seconds_read_well), T(money_rounds_half_away_and_hides_nothing))
