/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl budget: tables of the aggregator's answers, and a check without one. */
#include "tests/lib/answer_fixture.h"
#include "tests/lib/test.h"

#include "lib/os/file.h"

#define BUDGET                                                                                                        \
	"\"name\":\"nat\",\"scope\":\"team=a\",\"period\":\"month\",\"from_s\":1793491200,\"to_s\":1796083200,"        \
	"\"currency\":\"USD\",\"amount_nanos\":100000000000,\"spent_nanos\":80060000000,\"percent\":80.06,"            \
	"\"day_nanos\":4000000000,\"projected_nanos\":120000000000,\"state\":\"close\",\"at_limit\":\"propose\""
#define FORETOLD                                                                                                      \
	",\"forecast_nanos\":110000000000,\"forecast_lower_nanos\":101000000000,\"forecast_upper_nanos\":120000000000," \
	"\"forecast_lower95_nanos\":95000000000,\"forecast_upper95_nanos\":130000000000,\"exceeds_s\":1795392000,"    \
	"\"exceeds_early_s\":1795046400,\"exceeds_late_s\":null,\"forecast_at_s\":1794355200,\"forecast_days\":56,"    \
	"\"forecast_by\":\"pool\",\"outlook\":\"will exceed on the 23rd (80 %: 19th-28th)\""

TEST(budgets_are_a_table)
{
	struct answer a = {.status = "200 OK", .body = "{\"items\":[{" BUDGET FORETOLD "},{" BUDGET "}]}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "budget"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/budgets HTTP/1.1"), "%s", a.request);
	CHECK(!strcmp(out, "budget  scope   period      amount  in       spent  %       projected    forecast  state  outlook\n"
			   "nat     team=a  month   100.000000  USD  80.060000  80.1%  120.000000  110.000000  close  will exceed on the 23rd (80 %: 19th-28th)\n"
			   "nat     team=a  month   100.000000  USD  80.060000  80.1%  120.000000           -  close  -\n"),
	      "printed:\n%s", out);
}

#define ONE                                                                                                           \
	"{" BUDGET FORETOLD ",\"thresholds\":[{\"name\":\"close\",\"on\":\"spent\",\"percent\":80.0,\"reached\":true}],\"alerts\":[{"            \
	"\"threshold\":\"close\",\"event\":\"crossed\",\"time_s\":1793491200,\"spent_nanos\":80000000000}],"           \
	"\"notices\":[{\"webhook\":\"ops\",\"threshold\":\"close\",\"time_s\":1793491200,\"state\":\"waits\",\"sent_s\":0," \
	"\"attempts_failed\":1,\"next_s\":1793491205,\"error\":\"status 500\"}]"

TEST(one_is_shown_in_full)
{
	struct answer a = {.status = "200 OK", .body = ONE "}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "budget", "show", "nat"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/budgets?name=nat HTTP/1.1"), "%s", a.request);
	CHECK(strstr(out, "to                 2026-12-01T00:00:00Z\n") && strstr(out, "projected (line)   120.000000\n"), "printed:\n%s", out);
	CHECK(strstr(out, "\nclose  crossed  2026-11-01T00:00:00Z   80.000000\n"), "printed:\n%s", out);
	CHECK(strstr(out, "\nops      close      waits     -       1  2026-11-01T00:00:05Z  status 500\n"), "printed:\n%s", out);
}

TEST(a_proposal_is_printed_as_it_is)
{
	struct answer a = {.status = "200 OK", .body = ONE ",\"proposal\":\"kind: FlowPolicy\\n\"}"}, none = {.status = "200 OK", .body = ONE "}"};
	weir_auto_free char *out = NULL, *bad = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "budget", "show", "nat", "--proposal"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/budgets?name=nat&proposal=1 HTTP/1.1") && !strcmp(out, "kind: FlowPolicy\n"), "%s", out);
	CHECK(ASK(&none, &bad, &err, "budget", "show", "nat", "--proposal") == -EBADMSG, "%s", err.text);
}

static int check(const char *dir, bool json, char **ret_out)
{
	char *argv[] = {"budget", "check", (char *)dir};
	struct weir_err err;

	return cli_fixture_run((struct cli){.json = json}, 3, argv, ret_out, &err);
}

TEST(a_repository_or_a_directory_is_checked)
{
	weir_auto_free char *repo = NULL, *alone = NULL, *json = NULL;

	CHECK(!check("policies", false, &repo) && !strcmp(repo, "policies: ok, 1 budget\n"), "%s", repo);
	CHECK(!check("policies/budgets", false, &alone) && !strcmp(alone, "policies/budgets: ok, 1 budget\n"), "%s", alone);
	CHECK(!check("policies", true, &json) && !strcmp(json, "{\"ok\":true,\"errors\":[],\"budgets\":1}\n"), "%s", json);
}

TEST(each_error_is_a_line)
{
	static const char text[] = "apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: a}\nspec: {scope: {}, amount: \"1\", currency: usd}\n"
				   "---\napiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: b}\nspec: {scope: {}, amount: \"x\", currency: USD}\n";
	char dir[] = "/tmp/weir-budgets-XXXXXX", path[64];
	weir_auto_free char *json = NULL;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/x.yaml", dir);
	CHECK(!weir_file_write(path, text, strlen(text), 0644) && check(dir, true, &json) == CLI_INVALID);
	CHECK(strstr(json, "x.yaml:4:42 spec.currency: 'usd' is no currency") && strstr(json, "x.yaml:9:27 spec.amount"), "%s", json);
	unlink(path);
	rmdir(dir);
}

TEST(usage_errors_help)
{
	static const struct {
		char *argv[4];
		int argc;
		const char *says;
	} cases[] = {
		{{(char *)"budget", (char *)"nat"}, 2, "unexpected argument 'nat'"},
		{{(char *)"budget", (char *)"show"}, 2, "expected: NAME"},
		{{(char *)"budget", (char *)"show", (char *)"a&b"}, 3, "'a&b' is no name of a budget"},
		{{(char *)"budget", (char *)"check", (char *)"a", (char *)"b"}, 4, "unexpected argument 'b'"},
		{{(char *)"budget", (char *)"check", (char *)"/nonexistent"}, 3, "/nonexistent: cannot read"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *out = NULL;
		char *argv[4];
		struct weir_err err;

		memcpy(argv, cases[i].argv, sizeof(argv));
		CHECK(cli_fixture_run((struct cli){.socket = "/nonexistent"}, cases[i].argc, argv, &out, &err) == -EINVAL, "case %zu", i);
		CHECK(strstr(err.text, cases[i].says), "case %zu: %s", i, err.text);
	}
}

TEST_MAIN(T(budgets_are_a_table), T(usage_errors_help), T(one_is_shown_in_full), T(a_proposal_is_printed_as_it_is), T(a_repository_or_a_directory_is_checked),
	  T(each_error_is_a_line))
