/* SPDX-License-Identifier: Apache-2.0 */
/* Durations, times, numbers and options of weirctl. */
#include "cli/args.h"
#include "tests/lib/test.h"

TEST(durations_are_read)
{
	static const struct {
		const char *text;
		uint64_t s;
	} good[] = {{"90s", 90}, {"10m", 600}, {"1h", 3600}, {"7d", 604800}, {"0s", 0}};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(good); i++) {
		uint64_t s = 1;

		CHECK(!args_duration(good[i].text, &s), "%s refused", good[i].text);
		CHECK(s == good[i].s, "%s: %llu", good[i].text, (unsigned long long)s);
	}
}

TEST(bad_durations_are_refused)
{
	static const char *const bad[] = {"",	  "h",	 "5",	"-1h", " 1h",
					  "1.5h", "1 h", "1hh", "1w",  "5000000000s"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		uint64_t s = 77;

		CHECK(args_duration(bad[i], &s) == -EINVAL, "'%s' accepted", bad[i]);
		CHECK(s == 77, "'%s' touched the result", bad[i]);
	}
}

/* 1793491200 = date -u -d 2026-11-01 +%s */
TEST(times_are_read)
{
	uint64_t s = 0;

	CHECK(!args_time("1793491200", &s) && s == 1793491200, "Unix seconds");
	CHECK(!args_time("2026-11-01", &s) && s == 1793491200, "date: %llu", (unsigned long long)s);
	CHECK(!args_time("2026-11-01T01:02:03Z", &s) && s == 1793491200 + 3723,
	      "date and time: %llu", (unsigned long long)s);
	CHECK(!args_time("2024-02-29", &s) && s == 1709164800, "leap day: %llu",
	      (unsigned long long)s);
}

TEST(bad_times_are_refused)
{
	static const char *const bad[] = {"",		"yesterday",   "2026-02-30",
					  "2026-13-01", "2026-11-01T", "2026-11-01 00:00:00",
					  "-5",		"1969-12-31",  "2026-11-1",
					  "2026-11-01T24:00:00Z", "2026-02-30T00:00:00Z"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		uint64_t s = 0;

		CHECK(args_time(bad[i], &s) == -EINVAL, "'%s' accepted as %llu", bad[i],
		      (unsigned long long)s);
	}
}

TEST(numbers_have_no_sign_and_no_tail)
{
	uint64_t v = 0;

	CHECK(!args_u64("18446744073709551615", &v) && v == UINT64_MAX, "largest");
	CHECK(args_u64("18446744073709551616", &v) == -EINVAL, "one too large");
	CHECK(args_u64("-1", &v) == -EINVAL, "sign");
	CHECK(args_u64("7x", &v) == -EINVAL, "tail");
	CHECK(args_u64("", &v) == -EINVAL, "empty");
}

TEST(options_are_taken_in_both_forms)
{
	char *argv[] = {"--since", "1h", "dir",	   "--by=team", "--alt", "a",
			"--alt",   "b",	 "--flag", "--",	"-x"};
	const char *by = NULL, *alt[ARGS_LIST_MAX + 1] = {0}, *operands[2] = {0};
	uint64_t since = 0;
	bool flag = false;
	const struct args_opt opts[] = {
		{"--since", ARGS_DURATION, &since},
		{"--by", ARGS_STR, &by},
		{"--alt", ARGS_LIST, alt},
		{"--flag", ARGS_FLAG, &flag},
	};
	struct weir_err err = {0};
	int r = args_parse(opts, 4, WEIR_ARRAY_SIZE(argv), argv, "A B", operands, 2, 2, &err);

	CHECK(!r, "%s", err.text);
	CHECK(since == 3600, "value behind a blank");
	CHECK(by && !strcmp(by, "team"), "value behind =");
	CHECK(alt[1] && !strcmp(alt[0], "a") && !strcmp(alt[1], "b") && !alt[2], "list");
	CHECK(flag, "flag");
	CHECK(operands[0] && !strcmp(operands[0], "dir"), "first operand");
	CHECK(operands[1] && !strcmp(operands[1], "-x"), "operand behind --");
}

static int parse_one(char *arg, size_t min, size_t max, struct weir_err *err)
{
	const char *operands[4], *by = NULL;
	uint64_t since;
	bool flag = false;
	const struct args_opt opts[] = {
		{"--since", ARGS_DURATION, &since},
		{"--by", ARGS_STR, &by},
		{"--flag", ARGS_FLAG, &flag},
	};
	char *argv[] = {arg};

	*err = (struct weir_err){0};
	return args_parse(opts, 3, arg ? 1 : 0, argv, "DIR", operands, min, max, err);
}

TEST(option_errors_name_the_option)
{
	static const struct {
		char *arg;
		size_t min, max;
		const char *says;
	} cases[] = {
		{"--sinc", 0, 0, "'--sinc'"},
		{"--since", 0, 0, "--since needs a value"},
		{"--since=1", 0, 0, "write 90s"},
		{"--by=", 0, 0, "--by: the value is empty"},
		{"--flag=1", 0, 0, "takes no value"},
		{"extra", 0, 0, "unexpected argument 'extra'"},
		{NULL, 1, 1, "expected: DIR"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_err err;

		CHECK(parse_one(cases[i].arg, cases[i].min, cases[i].max, &err) == -EINVAL,
		      "case %zu", i);
		CHECK(strstr(err.text, cases[i].says), "case %zu says: %s", i, err.text);
		CHECK(!strchr(err.text, '\n'), "case %zu has more than one line", i);
	}
}

TEST(a_list_has_an_end)
{
	char *argv[ARGS_LIST_MAX + 1];
	const char *alt[ARGS_LIST_MAX + 1] = {0};
	const struct args_opt opts[] = {{"--alt", ARGS_LIST, alt}};
	struct weir_err err = {0};

	for (size_t i = 0; i <= ARGS_LIST_MAX; i++)
		argv[i] = "--alt=x";
	CHECK(args_parse(opts, 1, ARGS_LIST_MAX + 1, argv, "", NULL, 0, 0, &err) == -EINVAL,
	      "one more than the maximum was taken");
}

TEST_MAIN(T(durations_are_read), T(bad_durations_are_refused), T(times_are_read),
	  T(bad_times_are_refused), T(numbers_have_no_sign_and_no_tail),
	  T(options_are_taken_in_both_forms), T(option_errors_name_the_option),
	  T(a_list_has_an_end))
