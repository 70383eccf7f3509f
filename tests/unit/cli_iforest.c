/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl model iforest: what it prints, what it refuses, and what it makes of files of anybody. */
#include <math.h>

#include "lib/model/random.h"
#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#define WORDS_MAX 24

static void put(char path[], const char *text, size_t len)
{
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len || close(fd))
		abort();
}

/* Learns one text, scores another; *ret_out is the caller's. Names of files begin with train and score. */
static int run(const char *train, size_t train_len, const char *score, const char *options, char **ret_out, struct weir_err *err)
{
	char a[] = "/tmp/weir-train-XXXXXX", b[] = "/tmp/weir-score-XXXXXX", *argv[WORDS_MAX], *save = NULL;
	weir_auto_free char *line = NULL;
	int argc = 0, r;

	put(a, train, train_len);
	put(b, score, strlen(score));
	line = weir_strf("model iforest --train %s --score %s %s", a, b, options);
	for (char *p = strtok_r(line, " ", &save); p && argc < WORDS_MAX; p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	r = cli_fixture_run((struct cli){.socket = "/nonexistent/weir.sock"}, argc, argv, ret_out, err);
	unlink(a);
	unlink(b);
	return r;
}

/* 400 calm rows of three columns; the caller's. */
static char *calm(void)
{
	struct weir_random r = weir_random_of(1);
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (int i = 0; f && i < 400; i++)
		fprintf(f, "%.6f,%.6f,%.6f\n", weir_random_normal(&r), weir_random_normal(&r), weir_random_normal(&r));
	if (!f || fclose(f))
		abort();
	return text;
}

/* A score a line, nine places; the same seed prints the same, another does not; the strange row is above the usual one. */
TEST(a_line_is_the_score_of_a_row)
{
	weir_auto_free char *train = calm(), *one = NULL, *same = NULL, *other = NULL, *extended = NULL;
	static const char rows[] = "0,0,0\n0,9,0\n";
	size_t n = strlen(train);
	struct weir_err err;
	double usual, strange;
	int len = 0;

	CHECK(!run(train, n, rows, "--seed 7", &one, &err), "%s", err.text);
	CHECK(sscanf(one, "%lf\n%lf\n%n", &usual, &strange, &len) == 2 && one[len] == '\0' && strlen(one) == 24, "printed %s", one);
	CHECK(usual > 0.3 && usual < 0.5 && strange > usual + 0.1 && strange < 1, "usual %g, strange %g", usual, strange);
	CHECK(!run(train, n, rows, "--seed 7", &same, &err) && !strcmp(one, same), "another forest of the same seed");
	CHECK(!run(train, n, rows, "--seed 8", &other, &err) && strcmp(one, other), "the same forest of another seed");
	CHECK(!run(train, n, rows, "--seed 7 --extended", &extended, &err) && strcmp(one, extended), "extended is plain");
}

TEST(explanations_name_line_column_and_numbers)
{
	weir_auto_free char *train = calm(), *path = NULL, *audit = NULL;
	struct weir_err err;

	CHECK(!run(train, strlen(train), "0,0,0\n\n0,9,0\n0,0,1\n", "--explain 2", &path, &err), "%s", err.text);
	CHECK(!strncmp(path, "line 3: score 0.", 16) && strstr(path, ": strange is that column 2 is 9, usually "), "%s", path);
	CHECK(strstr(path, "\nline 4: ") && !strstr(path, "line 1: "), "%s", path);
	CHECK(!run(train, strlen(train), "0,9,0\n", "--explain 9 --audit", &audit, &err), "%s", err.text);
	CHECK(!strncmp(audit, "line 1: score 0.", 16) && strstr(audit, "column 2 is 9"), "%s", audit);
}

TEST(wrong_use_says_what_is_needed)
{
	static const struct {
		const char *options, *says;
	} cases[] = {
		{"--explain 1001", "--explain: at most 1000 rows"},
		{"--audit", "--audit is for --explain N, without --extended"},
		{"--audit --explain 1 --extended", "--audit is for --explain N, without --extended"},
		{"--train - --score -", "cannot both be standard input"},
		{"--train /nonexistent/x", "/nonexistent/x: cannot read: No such file"},
		{"--score /nonexistent/x", "/nonexistent/x: cannot read: No such file"},
		{"--seed x", "--seed"},
		{"--trees 3", "--trees"},
	};
	char *none[] = {"model", "iforest"};
	struct weir_err err;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *out = NULL;

		CHECK(run("1\n2\n", 4, "1\n", cases[i].options, &out, &err) == -EINVAL && !*out, "case %zu", i);
		CHECK(strstr(err.text, cases[i].says), "case %zu says %s", i, err.text);
	}
	{
		weir_auto_free char *out = NULL;

		CHECK(cli_fixture_run((struct cli){.socket = "/nonexistent/weir.sock"}, 2, none, &out, &err) == -EINVAL &&
		      strstr(err.text, "--train FILE and --score FILE"), "%s", err.text);
	}
}

/* Each is refused in one line that names file, line and field, and nothing is printed as if it were a score. */
TEST(hostile_files_are_refused_by_their_line)
{
	static const struct {
		const char *train;
		size_t len; /* 0: as a text */
		const char *score, *says;
	} cases[] = {
		{"", 0, "1\n", ": 0 rows; at least two are needed"},
		{"\n \t\r\n", 0, "1\n", ": 0 rows; at least two are needed"},
		{"1,2\n", 0, "1,2\n", ": 1 rows; at least two are needed"},
		{"1,2\n3\n", 0, "1,2\n", ":2: 1 fields, where 2 are needed"},
		{"1,2\n3,4,5\n", 0, "1,2\n", ":2: 3 fields, where 2 are needed"},
		{"1,2\n3,x\n", 0, "1,2\n", ":2: field 2: 'x' is no number"},
		{"a,b\n1,2\n", 0, "1,2\n", ":1: field 1: 'a' is no number"},
		{"1,2\n3,1e400\n", 0, "1,2\n", ":2: field 2: '1e400' is no number"},
		{"1,2\n3,-inf\n", 0, "1,2\n", ":2: field 2: '-inf' is no number"},
		{"1,2\n3,\0\n", 8, "1,2\n", ":2: a byte 0 is in the line"},
		{"1,2\n3,4\n", 0, "1\n", ":1: 1 fields, where 2 are needed"},
		{"1,2\n3,4\n", 0, "1,2\n1,2 3\n", ":2: field 2: '2 3' is no number"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *out = NULL;
		struct weir_err err;

		CHECK(run(cases[i].train, cases[i].len ? cases[i].len : strlen(cases[i].train), cases[i].score, "", &out, &err) == -EINVAL,
		      "case %zu: %s", i, err.text);
		CHECK(strstr(err.text, cases[i].says) && !strchr(err.text, '\n') && !*out, "case %zu says %s", i, err.text);
	}
}

/* A field too many for a forest, in a line that is read whole. */
TEST(too_wide_a_file_is_refused)
{
	weir_auto_free char *wide = calloc(1, 2 * 1025 + 1), *out = NULL;
	struct weir_err err;

	if (!wide)
		abort();
	memset(wide, '1', 2 * 1025);
	for (size_t i = 1; i < 2 * 1025; i += 2)
		wide[i] = i == 2 * 1025 - 1 ? '\n' : ',';
	CHECK(run(wide, strlen(wide), "1\n", "", &out, &err) == -E2BIG && strstr(err.text, ":1: 1025 fields; at most 1024"), "%s", err.text);
}

/* CRLF, no newline at the end, quotes, blanks, missing values, huge numbers, equal columns: they are rows like any. */
TEST(odd_files_are_rows_like_any)
{
	static const char *const trains[] = {"1,2\r\n3,4\r\n5,6", "\"1\", 2 \n\n3,4\n5,6\n", "1,2\n3,4\n5,6"};
	weir_auto_free char *first = NULL;
	struct weir_err err;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(trains); i++) {
		weir_auto_free char *out = NULL;

		CHECK(!run(trains[i], strlen(trains[i]), "1,2\n5,7", "", &out, &err), "case %zu: %s", i, err.text);
		CHECK(!first || !strcmp(first, out), "case %zu: %s, at first %s", i, out, first);
		if (!first)
			first = weir_take_ptr(out);
	}
	{
		static const char odd[] = "NaN,1e100,7\nNA,-1e100,7\n,0,7\n";
		weir_auto_free char *out = NULL;
		double s[3];

		CHECK(!run(odd, strlen(odd), odd, "", &out, &err), "%s", err.text);
		CHECK(sscanf(out, "%lf\n%lf\n%lf", &s[0], &s[1], &s[2]) == 3, "printed %s", out);
		for (size_t i = 0; i < 3; i++)
			CHECK(s[i] > 0 && s[i] < 1, "row %zu: %g", i, s[i]);
	}
}

TEST_MAIN(T(a_line_is_the_score_of_a_row), T(explanations_name_line_column_and_numbers), T(wrong_use_says_what_is_needed),
	  T(hostile_files_are_refused_by_their_line), T(too_wide_a_file_is_refused), T(odd_files_are_rows_like_any))
