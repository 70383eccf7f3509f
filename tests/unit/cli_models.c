/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl models, against an aggregator of canned answers. */
#include "tests/lib/answer_fixture.h"
#include "tests/lib/test.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char list[] =
	"{\"items\":[{\"use\":\"cost\",\"hash\":\"" HASH "\",\"state\":\"champion\",\"model\":\"mix\",\"version\":1,\"from_s\":0,\"to_s\":1793491200,"
	"\"time_s\":1793491300,\"series\":12,\"points\":99,\"bytes\":2048,\"error\":0.8125}],\"decisions\":[{\"time_s\":1793491300,\"verdict\":\"replaced\","
	"\"model\":\"mix\",\"hash\":\"" HASH "\",\"champion\":\"" HASH "\",\"previous\":\"\",\"before\":null,\"after\":0.8125,\"reason\":\"drift\",\"why\":\"better by a tenth\"}]}";

TEST(models_are_a_table_and_raw_json)
{
	struct answer a = {.status = "200 OK", .body = list};
	weir_auto_free char *out = NULL, *json = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "models", "list"), "%s", err.text);
	CHECK(!strncmp(a.request, "GET /api/v1/models HTTP", 23), "%s", a.request);
	CHECK(strstr(out, "champion") && strstr(out, "0123456789ab") && !strstr(out, "0123456789abc") && strstr(out, "0.812") && strstr(out, "2.00 KiB") &&
		      strstr(out, "2026-11-01T00:00:00Z"), "%s", out);
	CHECK(!ASK(&a, &json, &err, "models", "list", "--json") && !strncmp(json, list, strlen(list)), "%s", json);
}

TEST(a_use_is_shown_with_its_decisions)
{
	struct answer a = {.status = "200 OK", .body = list}, none = {.status = "400 Bad Request", .body = "{\"error\":\"there is no use 'cost' of models\"}"};
	weir_auto_free char *out = NULL, *bad = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "models", "show", "cost"), "%s", err.text);
	CHECK(strstr(a.request, "/api/v1/models?use=cost ") && strstr(out, "better by a tenth") && strstr(out, "drift") && strstr(out, "replaced"), "%s", out);
	CHECK(ASK(&none, &bad, &err, "models", "show", "cost") == -EINVAL && strstr(err.text, "there is no use"), "%s", err.text);
}

TEST(a_card_is_printed_as_it_is_for_people)
{
	struct answer a = {.status = "200 OK", .body = "{\"use\":\"cost\",\"text\":\"use   cost\\nlimits  \\u001b[31mred\\n\"}"}, no = {.status = "200 OK", .body = "{}"};
	weir_auto_free char *out = NULL, *named = NULL, *bad = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "models", "card", "cost") && !strcmp(out, "use   cost\nlimits  ?[31mred\n"), "%s", out);
	CHECK(strstr(a.request, "/api/v1/models/card?use=cost "), "%s", a.request);
	CHECK(!ASK(&a, &named, &err, "models", "card", "cost", "--model", "0123456789ab") && strstr(a.request, "card?use=cost&hash=0123456789ab "), "%s", a.request);
	CHECK(ASK(&no, &bad, &err, "models", "card", "cost") == -EBADMSG && strstr(err.text, "no card"), "%s", err.text);
}

TEST(a_rollback_is_posted_and_said)
{
	struct answer a = {.status = "200 OK", .body = "{\"verdict\":\"rolled-back\",\"why\":\"aaa is taken back\"}"},
		      no = {.status = "400 Bad Request", .body = "{\"error\":\"there is no champion before\"}"};
	weir_auto_free char *out = NULL, *bad = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "models", "rollback", "cost") && !strcmp(out, "cost: aaa is taken back\n"), "%s %s", err.text, out);
	CHECK(!strncmp(a.request, "POST /api/v1/models/rollback ", 29), "%s", a.request);
	CHECK(ASK(&no, &bad, &err, "models", "rollback", "cost") == -EINVAL && strstr(err.text, "no champion before"), "%s", err.text);
}

TEST(usage_errors_are_one_line_that_helps)
{
	static char *const cases[][5] = {
		{"models", NULL, NULL, NULL, "models needs one of: list, show, card, rollback"},
		{"models", "list", "x", NULL, "unexpected argument 'x'"},
		{"models", "show", NULL, NULL, "expected: USE"},
		{"models", "show", "A&b", NULL, "'A&b' is no name of a use"},
		{"models", "card", "../x", NULL, "'../x' is no name of a use"},
		{"models", "card", "u", "--model=xyz", "--model: 'xyz' is no hash"},
		{"models", "rollback", NULL, NULL, "expected: USE"},
		{"models", "rollback", "u\"x", NULL, "is no name of a use"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *out = NULL;
		char *argv[4] = {cases[i][0], cases[i][1], cases[i][2], cases[i][3]};
		struct weir_err err;
		int argc = 0;

		while (argc < 4 && argv[argc])
			argc++;
		CHECK(cli_fixture_run((struct cli){.socket = "/nonexistent/weir.sock"}, argc, argv, &out, &err) == -EINVAL, "case %zu is no usage error", i);
		CHECK(strstr(err.text, cases[i][4]) && !strchr(err.text, '\n'), "case %zu says: %s", i, err.text);
	}
}

TEST_MAIN(T(usage_errors_are_one_line_that_helps), T(models_are_a_table_and_raw_json), T(a_use_is_shown_with_its_decisions), T(a_card_is_printed_as_it_is_for_people), T(a_rollback_is_posted_and_said))
