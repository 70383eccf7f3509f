/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <zlib.h>

#include "tests/lib/cli_fixture.h"
#include "tests/lib/focus_fixture.h"
#include "tests/lib/test.h"

#define NOT_NULL(id, keyword, criteria, column)                                                                    \
	FOCUS_RULE_OF(id, "Static", keyword, criteria, "",                                                         \
		      "\"CheckFunction\":\"CheckNotValue\",\"ColumnName\":\"" column "\",\"Value\":null")

static const char model[] =
	FOCUS_MODEL(NOT_NULL("A-1", "MUST NOT", "", "a") "," NOT_NULL("B-1", "SHOULD", "", "b") "," NOT_NULL(
		"C-1", "MUST", "\"CAN_A\"", "c") "," FOCUS_RULE("D-1", "MUST", "",
								"\"CheckFunction\":\"CheckMoon\",\"ColumnName\":"
								"\"a\"") "," FOCUS_RULE("E-1", "MUST", "",
											"\"CheckFunction\":"
											"\"ColumnPresent\","
											"\"ColumnName\":\"a\""));

/* Up to four arguments behind --model MODEL; what is printed is *ret. */
static int run(struct cli c, const char *csv, const char *const *more, char **ret, struct weir_err *err)
{
	struct focus_file m = focus_file(model, strlen(model)), f = focus_file(csv, strlen(csv));
	char *argv[12] = {(char *)"export", (char *)"check", (char *)"--model", m.path, f.path};
	int argc = 5, r;

	for (; more && *more; more++)
		argv[argc++] = (char *)*more;
	r = cli_fixture_run(c, argc, argv, ret, err);
	close(m.fd);
	close(f.fd);
	return r;
}

TEST(export_check_prints_failures_first)
{
	static const char *const criteria[] = {"--criteria", "CAN_A", NULL};
	struct cli c = {0};
	weir_auto_free char *good = NULL, *soft = NULL, *bad = NULL;
	struct weir_err err;

	CHECK(run(c, "a,b,c\n1,2,\n", NULL, &good, &err) == 0, "%s", err.text);
	CHECK(strstr(good,
		     "D-1 MUST ref: skipped: unknown function CheckMoon\nFOCUS test, 1 rows, 5 rules: 0 MUST "
		     "failed, 0 SHOULD failed, "
		     "0 composed of those, 3 passed, 2 skipped (1 not applicable, 1 of unknown functions)\n") == good,
	      "%s", good);
	CHECK(run(c, "a,b,c\n1,,\n", NULL, &soft, &err) == 0, "a broken SHOULD is no failure: %s", err.text);
	CHECK(strstr(soft, "B-1 SHOULD b: 1 row, first in line 2 'null': B-1 is kept\n") == soft, "%s", soft);
	CHECK(run(c, "a,b,c\n1,,3\n,,3\n,,\n", criteria, &bad, &err) == CLI_NOT_WELL, "%s", err.text);
	CHECK(strstr(bad, "A-1 MUST NOT a: 2 rows, first in line 3 'null': A-1 is kept\n"
			  "C-1 MUST c: 1 row, first in line 4 'null': C-1 is kept\n"
			  "B-1 SHOULD b: 3 rows, first in line 2 'null': B-1 is kept\n") == bad,
	      "%s", bad);
}

TEST(export_check_of_an_absent_column)
{
	weir_auto_free char *said = NULL;
	struct weir_err err;

	CHECK(run((struct cli){0}, "b,c\n1,2\n", NULL, &said, &err) == CLI_NOT_WELL &&
		      strstr(said, "E-1 MUST a: no such column: E-1 is kept\n") == said,
	      "%s", said);
}

TEST(export_check_as_json)
{
	struct cli c = {.json = true};
	weir_auto_free char *said = NULL;
	struct weir_err err;
	json_t *o, *first;

	CHECK(run(c, "a,b,c\n1,\xe9,3\n,x,3\n", NULL, &said, &err) == CLI_NOT_WELL, "%s", err.text);
	o = json_loads(said, 0, NULL);
	first = json_array_get(json_object_get(o, "items"), 0);
	CHECK(json_integer_value(json_object_get(o, "must_failed")) == 1 &&
		      json_integer_value(json_object_get(o, "rows")) == 2 &&
		      json_array_size(json_object_get(o, "items")) == 5,
	      "%s", said);
	CHECK(!strcmp(json_string_value(json_object_get(first, "rule")) ?: "", "A-1") &&
		      json_integer_value(json_object_get(first, "line")) == 3 &&
		      !strcmp(json_string_value(json_object_get(first, "result")) ?: "", "fail"),
	      "%s", said);
	json_decref(o);
}

TEST(export_check_of_gzip)
{
	char path[] = "/tmp/weir-export-XXXXXX";
	struct focus_file m = focus_file(model, strlen(model));
	char *argv[] = {(char *)"export", (char *)"check", path, (char *)"--model", m.path};
	int fd = mkstemp(path);
	weir_auto_free char *said = NULL;
	struct weir_err err;
	gzFile z = gzdopen(fd, "wb");

	gzputs(z, "a,b,c\n,2,3\n");
	gzclose(z);
	CHECK(cli_fixture_run((struct cli){0}, 5, argv, &said, &err) == CLI_NOT_WELL &&
		      strstr(said, "A-1 MUST NOT a: 1 row, first in line 2"),
	      "%s %s", said, err.text);
	close(m.fd);
	unlink(path);
}

TEST(export_check_refuses)
{
	static const char *const unknown[] = {"--criteria", "CAN_C", NULL}, *const codes[] = {"--currency-codes",
											      "/nowhere", NULL};
	static const char *const two[] = {"more.csv", NULL};
	static const struct {
		const char *csv;
		const char *const *more;
		const char *says;
	} bad[] = {
		{"a\n1\n", unknown, "'CAN_C' is no applicability criterion"},
		{"a\n1\n", codes, "/nowhere: No such file"},
		{"a\n1\n", two, "more.csv"},
		{"a,b\n1\n", NULL, ":2: 1 fields, where the head has 2"},
		{"", NULL, "is empty"},
	};
	static char *const lines[][5] = {
		{(char *)"export", (char *)"check", (char *)"a.csv"},
		{(char *)"export", (char *)"check", (char *)"--model", (char *)"/nowhere", (char *)"a.csv"},
		{(char *)"export", (char *)"check", (char *)"--defects", (char *)"a.csv"},
	};
	static const char *const says[] = {"or --version 1.3 is needed", "/nowhere: No such file",
					   "--defects takes no file"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		weir_auto_free char *said = NULL;
		struct weir_err err;
		int r = run((struct cli){0}, bad[i].csv, bad[i].more, &said, &err);

		CHECK(r == -EINVAL && strstr(err.text, bad[i].says) && !*said, "%d %s", r, err.text);
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(says); i++) {
		char *argv[5];
		weir_auto_free char *said = NULL;
		struct weir_err err;
		int argc = 0, r;

		for (; argc < 5 && lines[i][argc]; argc++)
			argv[argc] = lines[i][argc];
		r = cli_fixture_run((struct cli){0}, argc, argv, &said, &err);
		CHECK(r == -EINVAL && strstr(err.text, says[i]), "%d %s", r, err.text);
	}
}

TEST(export_check_lists_defects)
{
	char *argv[] = {(char *)"export", (char *)"check", (char *)"--defects"};
	weir_auto_free char *said = NULL, *json = NULL;
	struct weir_err err;
	json_t *o;

	CHECK(cli_fixture_run((struct cli){0}, 3, argv, &said, &err) == 0, "%s", err.text);
	CHECK(strstr(said, "model CommitmentDiscountStatus-C-003-C\n  defect: inverted: ") == said &&
		      strstr(said, "validator FormatKeyValue\n"),
	      "%s", said);
	CHECK(cli_fixture_run((struct cli){.json = true}, 3, argv, &json, &err) == 0, "%s", err.text);
	o = json_loads(json, 0, NULL);
	CHECK(json_array_size(o) > 20, "%s", json);
	json_decref(o);
}

TEST(export_check_by_columns)
{
	static const char csv[] = "BilledCost,Cost\n1.x,2\n";
	struct focus_file f = focus_file(csv, strlen(csv));
	char *argv[] = {(char *)"export", (char *)"check", (char *)"--version", (char *)"1.3", f.path};
	weir_auto_free char *said = NULL, *json = NULL, *none = NULL;
	struct weir_err err = {0};
	json_t *o;

	CHECK(cli_fixture_run((struct cli){0}, 5, argv, &said, &err) == CLI_NOT_WELL, "%s", err.text);
	CHECK(strstr(said, "line 1 Cost is no column of this version; one of your own begins with x_\n") == said &&
		      strstr(said, "\nBillingAccountId is mandatory, and is not there\n") &&
		      strstr(said, "\nline 2 BilledCost is no decimal\n") &&
		      strstr(said, "\nFOCUS 1.3, 1 rows, 0 of them parts of 0 split charges: 24 findings\n"),
	      "%s", said);
	lseek(f.fd, 0, SEEK_SET);
	CHECK(cli_fixture_run((struct cli){.json = true}, 5, argv, &json, &err) == CLI_NOT_WELL, "%s", err.text);
	o = json_loads(json, 0, NULL);
	CHECK(json_integer_value(json_object_get(o, "findings")) == 24 && json_array_size(json_object_get(o, "items")) == 24, "%s",
	      json);
	json_decref(o);
	argv[3] = (char *)"1.1";
	CHECK(cli_fixture_run((struct cli){0}, 5, argv, &none, &err) == -EINVAL && strstr(err.text, "'1.1' is neither 1.2 nor 1.3"),
	      "%s", err.text);
	close(f.fd);
}

TEST_MAIN(T(export_check_by_columns), T(export_check_prints_failures_first), T(export_check_of_an_absent_column), T(export_check_as_json),
	  T(export_check_of_gzip), T(export_check_refuses), T(export_check_lists_defects))
