/* SPDX-License-Identifier: Apache-2.0 */
/* Each check function of the requirements model, passed and broken; how rules are put together; what a model may not be. */
#include "lib/money/focus_check.h"

#include "tests/lib/focus_fixture.h"
#include "tests/lib/test.h"

#define F(name) "\"CheckFunction\":\"" name "\""
#define COLUMN(name, column) F(name) ",\"ColumnName\":\"" column "\""
#define VALUE(name, column, value) COLUMN(name, column) ",\"Value\":" value
#define PAIR(name, a, b) F(name) ",\"ColumnAName\":\"" a "\",\"ColumnBName\":\"" b "\""
#define ITEMS(name, items) F(name) ",\"Items\":[" items "]"
#define REF(id) F("CheckModelRule") ",\"ModelRuleId\":\"" id "\""

/* One rule R (and a rule S that some refer to); the first file keeps it, the second breaks it. */
static const struct {
	const char *name, *requirement, *condition;
	const char *good, *bad;
	unsigned int rows, line; /* of the second */
	const char *value;
} functions[] = {
	{"AND", ITEMS("AND", "{" VALUE("CheckNotValue", "a", "\"x\"") "},{" VALUE("CheckValue", "b", "\"y\"") "}"),
	 "", "a,b\nz,y\n", "a,b\nz,y\nz,n\n", 1, 3, "z"},
	{"OR", ITEMS("OR", "{" VALUE("CheckValue", "a", "\"x\"") "},{" VALUE("CheckValue", "a", "\"y\"") "}"), "",
	 "a\nx\ny\n", "a\nx\nz\nz\n", 2, 3, "z"},
	{"ColumnPresent", COLUMN("ColumnPresent", "a"), "", "b,a\n", "b\n1\n2\n", 1, 0, "absent"},
	{"CheckModelRule", REF("S"), "", "s\n1\n", "s\n2\n", 0, 0, ""},
	{"CheckValue", VALUE("CheckValue", "a", "\"x\""), "", "a,b\nx,\n,\n", "a\nx\nX\n", 1, 3, "X"},
	{"CheckValue null", VALUE("CheckValue", "a", "null"), "", "a,b\n,1\nNULL,1\nnull,1\n\"\",1\n",
	 "a\n\"NULL\"\n", 1, 2, "NULL"},
	{"CheckValue number", VALUE("CheckValue", "a", "0"), "", "a\n0\n0.00\n-0E5\n",
	 "a\n0\n0.00000000000000001\n", 1, 3, "0.00000000000000001"},
	{"CheckNotValue", VALUE("CheckNotValue", "a", "\"x\""), "", "a,b\ny,1\n,1\n", "a\ny\nx\n", 1, 3, "x"},
	{"CheckNotValue null", VALUE("CheckNotValue", "a", "null"), "", "a\n0\n", "a,b\n0,1\n,1\nnull,1\n", 2, 3,
	 "null"},
	{"CheckSameValue", PAIR("CheckSameValue", "a", "b"), "", "a,b\n1,1\n,1\n", "a,b\n1,2\n", 1, 2, "1"},
	{"CheckNotSameValue", PAIR("CheckNotSameValue", "a", "b"), "", "a,b\n1,2\n,\n", "a,b\n1,2\n2,2\n", 1, 3,
	 "2"},
	{"CheckDecimalValue", COLUMN("CheckDecimalValue", "a"), "", "a,b\n-1.5,1\n,1\n", "a\n1\n1E40\n", 1, 3,
	 "1E40"},
	{"CheckGreaterOrEqualThanValue", VALUE("CheckGreaterOrEqualThanValue", "a", "0"), "",
	 "a,b\n0,1\n-0.0,1\n7,1\n,1\n", "a\n0\n-0.000000000000000000001\n", 1, 3, "-0.000000000000000000001"},
	{"ColumnByColumnEqualsColumnValue",
	 PAIR("ColumnByColumnEqualsColumnValue", "a", "b") ",\"ResultColumnName\":\"c\"", "",
	 "a,b,c\n0.1,3,0.3\n,3,9\n", "a,b,c\n0.1,3,0.3\n0.1,3,0.300000002\n", 1, 3, "0.1"},
	{"CheckDistinctCount", PAIR("CheckDistinctCount", "a", "b") ",\"ExpectedCount\":1", "",
	 "a,b\nx,1\ny,2\nx,1\n,3\n,4\n", "a,b\nx,1\ny,2\ny,3\nx,1\nz,\n", 2, 4, "y"},
	{"CheckNationalCurrency", COLUMN("CheckNationalCurrency", "a"), "", "a,b\nUSD,1\nEUR,1\n,1\n",
	 "a\nUSD\nXXY\n", 1, 3, "XXY"},
	{"TypeDecimal", COLUMN("TypeDecimal", "a"), "", "a\n1\n-1.50\n1e5\n1E40\n", "a\n1\n1.0.0\n$1\n", 2, 3,
	 "1.0.0"},
	{"TypeString", COLUMN("TypeString", "a"), "", "a\n123\nabc\n", "a\nab\\0\n", 1, 2, "ab?"},
	{"TypeDateTime", COLUMN("TypeDateTime", "a"), "",
	 "a\n2026-08-01T00:00:00Z\n2026-08-01 00:00:00\n2026-08-01\n2026-08-01T00:00:00.5+02:00\n",
	 "a\n2026-08-01\n1 August\n2026-08-01T00:00\n2026-13-01\n", 3, 3, "1 August"},
	{"FormatDateTime", COLUMN("FormatDateTime", "a"), "", "a\n2026-08-01T00:00:00Z\n2028-02-29T23:59:59Z\n",
	 "a\n2026-08-01 "
	 "00:00:00\n2027-02-29T00:00:00Z\n2026-08-01T24:00:00Z\n2026-08-01T00:00:00\n2026-08-01T00:00:00+00:00\n",
	 5, 2, "2026-08-01 00:00:00"},
	{"FormatNumeric", COLUMN("FormatNumeric", "a"), "", "a\n1\n-1.5\n.5\n1.5E10\n1E-10\n",
	 "a\n+1\n1E+10\n1e5\n\"1,000\"\n$1\n1.\n1/2\n", 7, 2, "+1"},
	{"FormatString", COLUMN("FormatString", "a"), "", "a\nabc\nZ\xc3\xbcrich\n\"two\nlines\"\n",
	 "a\nabc\nZ\xfcrich\n\xc0\x80\n\x1b[0m\n", 3, 3, NULL},
	{"FormatUnit", COLUMN("FormatUnit", "a"), "",
	 "a\nGB\nHours\nGB-Hours\n1000 Requests\nGB/Day\nGB/3 Months\nVirtual Machines\n",
	 "a\nGB\nhours\ngb\nGB-Hour\nGB/Days\n1.5 GB\n", 5, 3, "hours"},
	{"FormatCurrency", COLUMN("FormatCurrency", "a"), "", "a\nUSD\nXYZ\n", "a\nUSD\nusd\nUS\nDollar\n", 3, 3,
	 "usd"},
	{"FormatKeyValue", COLUMN("FormatKeyValue", "a"), "",
	 "a\n\"{\"\"k\"\":\"\"v\"\",\"\"n\"\":1,\"\"t\"\":true,\"\"o\"\":null}\"\n{}\n",
	 "a\n{}\nk=v\n\"{\"\"k\"\":{}}\"\n\"{\"\"k\"\":1,\"\"k\"\":2}\"\n[]\n", 4, 3, "k=v"},
	{"a condition", VALUE("CheckNotValue", "a", "null"), VALUE("CheckValue", "b", "\"Usage\""),
	 "a,b\n,Tax\n,\n1,Usage\n", "a,b\n,Tax\n,Usage\n", 1, 3, "null"},
	{"a condition that null meets", VALUE("CheckNotValue", "a", "null"),
	 VALUE("CheckNotValue", "b", "\"Correction\""), "a,b\n,Correction\n1,\n", "a,b\n,Correction\n,\n", 1, 3,
	 "null"},
	{"a condition over an absent column", VALUE("CheckNotValue", "a", "null"),
	 VALUE("CheckValue", "zz", "null"), "a,b\n1,1\n", "a,b\n,1\n", 1, 2, "null"},
};

/* NUL bytes are written \0 in the table. */
static size_t unescape(const char *text, char *ret)
{
	size_t n = 0;

	for (; *text; text++) {
		bool nul = text[0] == '\\' && text[1] == '0';

		ret[n++] = nul ? '\0' : *text;
		text += nul;
	}
	return n;
}

static struct weir_focus_model *model_of(const char *rules)
{
	weir_auto_free char *text = weir_strf(FOCUS_MODEL("%s"), rules);
	struct weir_focus_model *m = NULL;
	struct weir_err err = {0};

	if (weir_focus_model_parse(text, strlen(text), "m", &m, &err))
		printf("# %s\n", err.text);
	return m;
}

/* *ret: of rule R. */
static int run_case(size_t i, const char *csv, struct weir_focus_result *ret)
{
	weir_auto_free char *rules = weir_strf(FOCUS_RULE("R", "MUST", "%s", "%s") "," FOCUS_RULE(
						       "S", "MUST", "", VALUE("CheckValue", "s", "\"1\"")),
					       functions[i].condition, functions[i].requirement);
	weir_auto_focus_model struct weir_focus_model *m = model_of(rules);
	weir_auto_focus_report struct weir_focus_report *report = NULL;
	struct weir_map *codes = NULL;
	struct weir_focus_options o = {0};
	struct weir_err err = {0};
	char bytes[512];
	int r;

	if (!m || weir_map_new(&codes) || weir_map_put(codes, "USD", 3, codes, NULL) ||
	    weir_map_put(codes, "EUR", 3, codes, NULL))
		return -EINVAL;
	o.currencies = codes;
	r = focus_run(m, &o, bytes, unescape(csv, bytes), &report, &err);
	if (r)
		printf("# %s\n", err.text);
	else
		*ret = *focus_result(m, report, "R");
	weir_map_free(codes, NULL);
	return r;
}

TEST(focus_functions_pass_and_fail)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(functions); i++) {
		struct weir_focus_result res = {0};

		CHECK(run_case(i, functions[i].good, &res) == 0 && res.status == WEIR_FOCUS_PASS,
		      "%s: %d %s, %d rows, line %d '%s'", functions[i].name, res.status, res.reason, (int)res.rows,
		      (int)res.first_line, res.value);
		CHECK(run_case(i, functions[i].bad, &res) == 0 && res.status == WEIR_FOCUS_FAIL, "%s: %d %s",
		      functions[i].name, res.status, res.reason);
		CHECK(res.rows == functions[i].rows && res.first_line == functions[i].line &&
			      (!functions[i].value || !strcmp(res.value, functions[i].value)),
		      "%s: %d rows, line %d '%s'", functions[i].name, (int)res.rows, (int)res.first_line,
		      res.value);
	}
}

TEST(focus_every_function_has_a_case)
{
	for (enum weir_focus_fn fn = 0; fn < WEIR_FOCUS_UNKNOWN; fn++) {
		weir_auto_free char *quoted = weir_strf("\"CheckFunction\":\"%s\"", weir_focus_fn_name(fn));
		bool found = false;

		for (size_t i = 0; i < WEIR_ARRAY_SIZE(functions); i++)
			found |= strstr(functions[i].requirement, quoted) == functions[i].requirement;
		CHECK(found, "%s", weir_focus_fn_name(fn));
	}
}

/* "R=pass S=skipped: why ..." of all rules of a model over a file. */
static char *outcome(const char *rules, const char *criteria, const char *csv,
		     const struct weir_focus_options *given)
{
	weir_auto_focus_model struct weir_focus_model *m = model_of(rules);
	weir_auto_focus_report struct weir_focus_report *report = NULL;
	struct weir_focus_options o = given ? *given : (struct weir_focus_options){0};
	struct weir_err err = {0};
	char *said;

	if (!m || weir_focus_criteria(m, criteria, &o.criteria, &err) ||
	    focus_run(m, &o, csv, strlen(csv), &report, &err))
		return weir_strf("%s", err.text);
	said = strdup("");
	for (size_t i = 0; i < m->rule_count; i++) {
		static const char *const names[] = {"pass", "fail", "skip"};
		weir_auto_free char *before = said;
		const struct weir_focus_result *res = &report->results[i];

		said = weir_strf("%s%s%s=%s%s%s", before, i ? " | " : "", m->rules[i].id, names[res->status],
				 *res->reason ? ": " : "", res->reason);
	}
	return said;
}

#define NOT_NULL(id, keyword, column) FOCUS_RULE(id, keyword, "", VALUE("CheckNotValue", column, "null"))

static const struct {
	const char *name, *rules, *criteria, *csv, *says;
} trees[] = {
	{"a composite is what its parts are",
	 FOCUS_RULE("C", "MUST", "", ITEMS("AND", "{" REF("A") "},{" REF("B") "}")) "," NOT_NULL(
		 "A", "MUST", "a") "," NOT_NULL("B", "MUST", "b"),
	 NULL, "a,b\n1,\n", "C=fail: B | A=pass | B=fail"},
	{"what is only recommended breaks no composite",
	 FOCUS_RULE("C", "MUST", "", ITEMS("AND", "{" REF("A") "}")) "," NOT_NULL("A", "SHOULD", "a"), NULL,
	 "a,b\n,1\n", "C=pass | A=fail"},
	{"a part holds where the composite does",
	 FOCUS_RULE("C", "MUST", VALUE("CheckValue", "b", "\"1\""),
		    ITEMS("AND", "{" REF("A") "}")) "," NOT_NULL("A", "MUST", "a"),
	 NULL, "a,b\n,2\n", "C=pass | A=pass"},
	{"rules under OR are alternatives",
	 FOCUS_RULE("C", "MUST", "", ITEMS("OR", "{" REF("A") "},{" REF("B") "}")) "," FOCUS_RULE(
		 "A", "MUST", "",
		 VALUE("CheckValue", "a", "\"1\"")) "," FOCUS_RULE("B", "MUST", "",
								   VALUE("CheckValue", "a", "\"2\"")),
	 NULL, "a\n1\n2\n3\n", "C=fail | A=skip: an alternative of C | B=skip: an alternative of C"},
	{"rules with conditions under OR are demanded",
	 FOCUS_RULE("C", "MUST", "", ITEMS("OR", "{" REF("A") "},{" REF("B") "}")) "," FOCUS_RULE(
		 "A", "MUST", VALUE("CheckValue", "b", "null"),
		 VALUE("CheckValue", "a", "null")) "," FOCUS_RULE("B", "MUST", VALUE("CheckNotValue", "b", "null"),
								  VALUE("CheckNotValue", "a", "null")),
	 NULL, "a,b\n1,1\n,\n,1\n", "C=fail: B | A=pass | B=fail"},
	{"an absent column fails once",
	 FOCUS_RULE("P", "MUST", "", COLUMN("ColumnPresent", "a")) "," NOT_NULL("A", "MUST", "a") "," FOCUS_RULE(
		 "B", "MUST", VALUE("CheckValue", "a", "null"), VALUE("CheckNotValue", "b", "null")),
	 NULL, "b,c\n,1\n", "P=fail | A=skip: no column a | B=skip: no column a"},
	{"a composite of a recommended column that is absent demands nothing",
	 FOCUS_RULE("P", "SHOULD", "",
		    COLUMN("ColumnPresent",
			   "a")) ","
				 "\"C\":{\"Reference\":\"a\",\"ValidationCriteria\":{\"MustSatisfy\":\"-\","
				 "\"Keyword\":\"MUST\",\"Requirement\":{" REF(
					 "A") "},\"Dependencies\":[\"P\",\"A\"]}}," NOT_NULL("A", "MUST", "a"),
	 NULL, "b\n1\n", "P=fail | C=skip: all of its parts are skipped | A=skip: no column a"},
	{"a composite is broken by what it depends on",
	 FOCUS_RULE("P", "MUST", "",
		    COLUMN("ColumnPresent",
			   "a")) ","
				 "\"C\":{\"Reference\":\"a\",\"ValidationCriteria\":{\"MustSatisfy\":\"-\","
				 "\"Keyword\":\"MUST\",\"Requirement\":{" REF(
					 "A") "},\"Dependencies\":[\"P\",\"A\",\"C\"]}}," NOT_NULL("A", "MUST",
												   "a"),
	 NULL, "b\n1\n", "P=fail | C=fail: P | A=skip: no column a"},
	{"without a criterion",
	 FOCUS_RULE_OF("A", "Static", "MUST", "\"CAN_A\",\"CAN_B\"", "", REF("B")) "," NOT_NULL("B", "MUST", "b"),
	 "CAN_A", "a,b\n1,\n", "A=skip: not applicable without CAN_B | B=skip: not applicable, as is A"},
	{"with all criteria",
	 FOCUS_RULE_OF("A", "Static", "MUST", "\"CAN_A\",\"CAN_B\"", "", REF("B")) "," NOT_NULL("B", "MUST", "b"),
	 "CAN_B,CAN_A", "a,b\n1,\n", "A=fail: B | B=fail"},
	{"a permission", NOT_NULL("A", "MAY", "a"), NULL, "a,b\n,1\n", "A=skip: a permission: nothing to break"},
	{"dynamic", FOCUS_RULE_OF("A", "Dynamic", "MUST", "", "", ""), NULL, "a\n1\n",
	 "A=skip: dynamic: no data set alone can show it"},
	{"unknown functions",
	 FOCUS_RULE("A", "MUST", "", F("CheckMoon")) "," FOCUS_RULE("B", "MUST", F("CheckTide"),
								    REF("C")) "," NOT_NULL("C", "MUST", "a"),
	 NULL, "a,b\n,1\n",
	 "A=skip: unknown function CheckMoon | B=skip: unknown function CheckTide | C=skip: not applicable, as is "
	 "B"},
	{"a condition may not ask a rule",
	 FOCUS_RULE("A", "MUST", REF("B"), VALUE("CheckNotValue", "a", "null")) "," NOT_NULL("B", "MUST", "b"),
	 NULL, "a,b\n,1\n", "A=skip: unknown function CheckModelRule in a condition | B=pass"},
	{"no currencies", FOCUS_RULE("A", "MUST", "", COLUMN("CheckNationalCurrency", "a")), NULL, "a\nUSD\n",
	 "A=skip: no list of currency codes was given"},
	{"no such criterion", NOT_NULL("A", "MUST", "a"), "CAN_A,CAN_C", "a\n1\n",
	 "'CAN_C' is no applicability criterion of this model"},
};

TEST(focus_rules_together)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(trees); i++) {
		weir_auto_free char *said = outcome(trees[i].rules, trees[i].criteria, trees[i].csv, NULL);

		CHECK(!strcmp(said, trees[i].says), "%s: %s", trees[i].name, said);
	}
}

/* Too many values: what is seen to be wrong is said, what is not seen is not claimed. */
TEST(focus_distinct_is_bounded)
{
	static const char rules[] =
		FOCUS_RULE("A", "MUST", "", PAIR("CheckDistinctCount", "a", "b") ",\"ExpectedCount\":1");
	struct weir_focus_options o = {.distinct_max = 4};
	weir_auto_free char *few = outcome(rules, NULL, "a,b\nx,1\ny,1\nx,1\n", &o);
	weir_auto_free char *many = outcome(rules, NULL, "a,b\nx,1\ny,1\nz,1\n", &o);
	weir_auto_free char *wrong = outcome(rules, NULL, "a,b\nx,1\nx,2\ny,1\nz,1\n", &o);

	CHECK(!strcmp(few, "A=pass"), "%s", few);
	CHECK(!strncmp(many, "A=skip: more than 4 distinct values", 35), "%s", many);
	CHECK(!strcmp(wrong, "A=fail"), "%s", wrong);
}

/* A known defect of 1.2: the rule says what its text says, and what it said as published is counted beside. */
TEST(focus_defects_are_corrected_and_counted)
{
	static const char text[] = "{\"Details\":{\"FOCUSVersion\":\"%s\"},\"ModelRules\":{" FOCUS_RULE(
		"CommitmentDiscountStatus-C-003-C", "MUST", VALUE("CheckValue", "CommitmentDiscountId", "null"),
		VALUE("CheckNotValue", "CommitmentDiscountStatus", "null")) "}}";
	static const char csv[] = "CommitmentDiscountId,CommitmentDiscountStatus\n,\n,Used\nid,Used\n,\n";
	static const struct {
		const char *version;
		unsigned int rows, line;
		bool published;
	} versions[] = {{"1.2", 1, 3, true}, {"9.9", 2, 2, false}};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(versions); i++) {
		weir_auto_focus_model struct weir_focus_model *m = NULL;
		weir_auto_focus_report struct weir_focus_report *report = NULL;
		struct weir_focus_options o = {0};
		struct weir_err err = {0};
		char model[sizeof(text) + 8];

		snprintf(model, sizeof(model), text, versions[i].version);
		CHECK(!weir_focus_model_parse(model, strlen(model), "m", &m, &err) &&
			      !focus_run(m, &o, csv, strlen(csv), &report, &err),
		      "%s", err.text);
		if (!report)
			continue;
		CHECK(report->results[0].rows == versions[i].rows &&
			      report->results[0].first_line == versions[i].line,
		      "%s: %d rows, line %d", versions[i].version, (int)report->results[0].rows,
		      (int)report->results[0].first_line);
		CHECK(report->results[0].published == versions[i].published &&
			      report->results[0].published_rows == (versions[i].published ? 2 : 0),
		      "%s: as published %d", versions[i].version, (int)report->results[0].published_rows);
	}
}

TEST(focus_models_that_are_none)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"{", "m:1: "},
		{"[]", "m: no JSON object"},
		{"{}", "m: FOCUSVersion is missing"},
		{"{\"Details\":{\"FOCUSVersion\":\"t\"}}", "m: ModelRules must be 1 to 4096 rules"},
		{FOCUS_MODEL("\"A\":{}"), "m: A: ValidationCriteria is missing"},
		{FOCUS_MODEL(FOCUS_RULE("A", "OUGHT", "", REF("A"))), "m: A: unknown Keyword OUGHT"},
		{FOCUS_MODEL(FOCUS_RULE("A", "MUST", "", "")), "m: A: a static rule without a Requirement"},
		/* One that is known to be wrong in its condition alone. */
		{"{\"Details\":{\"FOCUSVersion\":\"1.2\"},\"ModelRules\":{" FOCUS_RULE("Tags-C-003-C", "MUST", "",
										       "") "}}",
		 "m: Tags-C-003-C: a static rule without a Requirement"},
		{FOCUS_MODEL(FOCUS_RULE("A", "MUST", "", REF("B"))), "m: A: refers to rule B, which is not there"},
		{FOCUS_MODEL(FOCUS_RULE("A", "MUST", "", REF("B")) "," FOCUS_RULE("B", "MUST", "", REF("A"))),
		 "refers to itself through other rules"},
		{FOCUS_MODEL(FOCUS_RULE("A", "MUST", "", ITEMS("AND", ""))), "m: A: AND needs Items"},
		{FOCUS_MODEL(FOCUS_RULE("A", "MUST", "", COLUMN("CheckValue", "a"))),
		 "m: A: CheckValue without a Value"},
		{FOCUS_MODEL(FOCUS_RULE("A", "MUST", "", F("TypeString"))), "m: A: ColumnName is missing"},
		{FOCUS_MODEL(FOCUS_RULE_OF("A", "Static", "MUST", "\"CAN_C\"", "", REF("A"))),
		 "m: A: ApplicabilityCriteria: CAN_C is none"},
		{FOCUS_MODEL(FOCUS_RULE("A", "MUST", "", PAIR("CheckDistinctCount", "a", "b"))),
		 "m: A: ExpectedCount must be a number"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		struct weir_focus_model *m = NULL;
		struct weir_err err = {0};
		int r = weir_focus_model_parse(bad[i].text, strlen(bad[i].text), "m", &m, &err);

		CHECK(r == -EINVAL && !m && strstr(err.text, bad[i].says), "%zu: %d %s", i, r, err.text);
	}
}

TEST(focus_files_that_are_no_tables)
{
	static const struct {
		const char *csv, *says;
	} bad[] = {
		{"", ": is empty"},
		{"a,b,a\n", ":1: column a stands twice"},
		{"a,b\n1,2\n1\n", ":3: 1 fields, where the head has 2"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		weir_auto_free char *said = outcome(NOT_NULL("A", "MUST", "a"), NULL, bad[i].csv, NULL);

		CHECK(strstr(said, bad[i].says), "%s", said);
	}
}

TEST(focus_currencies)
{
	static const struct {
		const char *csv, *says; /* NULL: USD and EUR are read */
	} files[] = {
		{",currency_codes\n0,USD\n1,EUR\n", NULL},
		{"USD\nEUR\n", NULL},
		{",currency_codes\n0,USD\n1,Euro\n", ":3: no currency code of three capital letters"},
		{"codes\nUSD\n", ":1: no currency code"},
		{",currency_codes\n", "no currency codes"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(files); i++) {
		struct focus_file f = focus_file(files[i].csv, strlen(files[i].csv));
		struct weir_map *m = NULL;
		struct weir_err err = {0};
		int r = weir_focus_currencies_load(f.path, &m, &err);

		if (files[i].says)
			CHECK(r == -EINVAL && !m && strstr(err.text, files[i].says), "%zu: %d %s", i, r, err.text);
		else
			CHECK(!r && weir_map_count(m) == 2 && weir_map_find(m, "EUR", 3), "%zu: %d %s", i, r,
			      err.text);
		weir_map_free(m, NULL);
		close(f.fd);
	}
}

TEST_MAIN(T(focus_functions_pass_and_fail), T(focus_every_function_has_a_case), T(focus_rules_together),
	  T(focus_distinct_is_bounded), T(focus_defects_are_corrected_and_counted), T(focus_models_that_are_none),
	  T(focus_files_that_are_no_tables), T(focus_currencies))
