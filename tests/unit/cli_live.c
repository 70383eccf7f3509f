/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl forecast and anomalies: tables of the aggregator's answers. */
#include "tests/lib/answer_fixture.h"
#include "tests/lib/test.h"

#define DAY(m, l, u) "\"next_24h\":{\"mean\":" m ",\"lower\":" l ",\"upper\":" u "}"
#define HEAD(measure, unit) \
	"\"measure\":\"" measure "\",\"unit\":\"" unit "\",\"by\":\"series\",\"from_s\":1793491200,\"models\":\"on\","
#define WEB                                                                                                            \
	"{\"namespace\":\"shop\",\"workload\":\"web\",\"path\":\"internet\",\"state\":\"forecast\",\"model\":\"mix\",\"hours\":240," \
	"\"series\":1,\"learning\":0,\"past\":[null,1,4,7]," DAY("2400000000.0", "1900000000.0", "3100000000.0") "}"
#define YOUNG                                                                                                          \
	"{\"namespace\":\"data\",\"workload\":\"new\",\"path\":\"nat\",\"state\":\"learning\",\"model\":null,\"hours\":5,"     \
	"\"series\":1,\"learning\":1,\"past\":[0,0,0,0],\"next_24h\":null}"
#define TOTAL                                                                                                          \
	"\"hidden\":3,\"total\":{\"state\":\"forecast\",\"model\":\"mix\",\"hours\":5,\"series\":5,\"learning\":1,\"past\":[0,1,4,7]," \
	DAY("5000000000.0", "4000000000.0", "6000000000.0") "}"
#define BUDGET                                                                                                         \
	"{\"items\":[{\"name\":\"nat\",\"period\":\"month\",\"to_s\":1796083200,\"amount_nanos\":100000000000,\"currency\":\"USD\"," \
	"\"spent_nanos\":80060000000,\"projected_nanos\":null,\"forecast_nanos\":120000000000,\"forecast_lower95_nanos\":110000000000," \
	"\"forecast_upper95_nanos\":131000000000,\"outlook\":\"will exceed on the 23rd\"}]}"

TEST(a_forecast_is_a_table_and_budgets_stand_below)
{
	struct answer a = {.status = "200 OK", .then = BUDGET,
			   .body = "{" HEAD("cost", "nanos") "\"currency\":\"USD\",\"items\":[" WEB "," YOUNG "]," TOTAL "}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "forecast"), "%s", err.text);
	CHECK(!strcmp(a.first, "GET /api/v1/forecast?measure=cost&by=series&limit=20 HTTP/1.1"), "%s", a.first);
	CHECK(!strcmp(a.request, "GET /api/v1/budgets HTTP/1.1"), "%s", a.request);
	CHECK(!strcmp(out,
		      "cost in USD by hour before 2026-11-01T00:00:00Z, and the 24 h from then; bounds of hours are summed\n\n"
		      "namespace      workload  path      last 48 h  next 24 h  95%: from        to  model\n"
		      "shop           web       internet  _.=#        2.400000   1.900000  3.100000  mix\n"
		      "data           new       nat       ____               -          -         -  learning (5 h)\n"
		      "total, 3 more  -         -         _.=#        5.000000   4.000000  6.000000  mix, 1 series still learning\n"
		      "\n"
		      "budget  period                 until      amount  in       spent    forecast   95%: from          to  outlook\n"
		      "nat     month   2026-12-01T00:00:00Z  100.000000  USD  80.060000  120.000000  110.000000  131.000000  will exceed on the 23rd\n"),
	      "printed:\n%s", out);
}

TEST(each_measure_has_its_unit)
{
	struct answer a = {.status = "200 OK", .body = "{" HEAD("bytes", "bytes") "\"items\":[" WEB "],\"hidden\":0,\"total\":{}}"};
	struct answer rtt = {.status = "200 OK", .body = "{" HEAD("rtt", "us") "\"items\":[" WEB "],\"hidden\":0}"};
	weir_auto_free char *out = NULL, *ms = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "forecast", "--measure", "bytes", "--workload", "shop/a b", "--team", "x", "--path", "nat", "--limit", "7"), "%s",
	      err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/forecast?measure=bytes&by=series&limit=7&namespace=shop&workload=a%20b&team=x&path=nat HTTP/1.1"), "%s",
	      a.request);
	CHECK(strstr(out, "  2.24 GiB   1.77 GiB  2.89 GiB  mix\n") && !strstr(out, "total") && !strstr(out, "budget"), "printed:\n%s", out);
	CHECK(!ASK(&rtt, &ms, &err, "forecast", "--measure", "rtt"), "%s", err.text);
	CHECK(strstr(ms, "2400000.000 ms"), "printed:\n%s", ms);
}

TEST(why_there_is_no_forecast_is_said)
{
	static const struct {
		const char *models, *says;
	} cases[] = {{"off", "models are off: models.series"}, {"starting", "no forecast yet"}, {"on", "nothing to show"}};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *body = weir_strf("{\"models\":\"%s\",\"items\":[]}", cases[i].models), *out = NULL;
		struct answer a = {.status = "200 OK", .body = body};
		struct weir_err err;

		CHECK(!ASK(&a, &out, &err, "forecast", "--measure", "bytes") && !strncmp(out, cases[i].says, strlen(cases[i].says)), "printed:\n%s", out);
	}
}

TEST(json_is_what_came)
{
	struct answer a = {.status = "200 OK", .body = "{\"items\":[]}"}, b = {.status = "200 OK", .body = "{\"items\":[]}"};
	weir_auto_free char *out = NULL, *found = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "forecast", "--json") && !strcmp(out, "{\"items\":[]}\n"), "printed:\n%s", out);
	CHECK(!ASK(&b, &found, &err, "anomalies", "--json") && !strcmp(found, "{\"items\":[]}\n"), "printed:\n%s", found);
}

#define FINDING                                                                                                         \
	"\"kind\":\"runaway-egress\",\"domain\":\"d\",\"namespace\":\"shop\",\"workload\":\"web\",\"team\":\"shop\",\"peer\":\"203.0.113.9/32\"," \
	"\"path\":\"internet\",\"port\":443,\"observed\":1288490188.8,\"expected\":31457280,\"unit\":\"bytes/s\",\"cost_per_hour\":\"3.60\"," \
	"\"currency\":\"USD\",\"sentence\":\"shop/web sends 41 times what is usual to 203.0.113.9.\",\"action\":\"policy\"," \
	"\"id\":12,\"state\":\"open\",\"since_s\":1793491000,\"last_s\":1793491180,\"ended_s\":null,\"seconds\":200,\"score\":0.875," \
	"\"nanos_per_hour\":3600000000,\"nanos\":200000000,\"amount\":\"0.20\""
#define DRY "{\"kind\":\"series\",\"node\":\"n1\",\"path\":\"link\",\"observed\":7,\"expected\":null,\"unit\":\"packets\",\"id\":3," \
	"\"state\":\"ended\",\"since_s\":1793404800,\"nanos_per_hour\":0,\"sentence\":\"odd\",\"action\":\"none\"}"
#define SUMS "\"more\":true,\"currency\":\"USD\",\"open\":1,\"open_nanos_per_hour\":3600000000"

TEST(what_goes_on_is_a_table)
{
	struct answer a = {.status = "200 OK", .body = "{\"items\":[{" FINDING "}]," SUMS "}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "anomalies", "--namespace", "shop"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/anomalies?limit=20&open=1&namespace=shop HTTP/1.1"), "%s", a.request);
	CHECK(!strcmp(out, "1 go on, at 3.600000 USD an hour above what is usual\n\n"
			   "id  since  what            who       with                     how much                            an hour  action  why\n"
			   "12  3m20s  runaway-egress  shop/web  203.0.113.9/32 port 443  1.20 GiB/s (usual 30.0 MiB/s)  3.600000 USD  policy  "
			   "shop/web sends 41 times what is usual to 203.0.113.9.\n"
			   "\nthere are more: --limit\n"),
	      "printed:\n%s", out);
}

TEST(what_ended_is_shown_with_its_state)
{
	struct answer a = {.status = "200 OK", .body = "{\"items\":[{" FINDING "}," DRY "]," SUMS "}"}, none = {.status = "200 OK", .body = "{\"items\":[]}"};
	weir_auto_free char *out = NULL, *empty = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "anomalies", "--all", "--since", "1d", "--kind", "series"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/anomalies?limit=20&since=86400&kind=series HTTP/1.1"), "%s", a.request);
	CHECK(strstr(out, "node n1   link                     7 packets                                 -  none    ended  odd\n"), "printed:\n%s", out);
	CHECK(!ASK(&none, &empty, &err, "anomalies") && !strcmp(empty, "nothing goes on; --all shows what ended\n"), "printed:\n%s", empty);
}

TEST(a_line_ends_where_the_terminal_does)
{
	struct answer a = {.status = "200 OK", .width = 150, .body = "{\"items\":[{" FINDING "}]," SUMS "}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;
	const char *last;

	CHECK(!ASK(&a, &out, &err, "anomalies"), "%s", err.text);
	last = strstr(out, "\n12  ");
	CHECK(last && strcspn(last + 1, "\n") == 150 && !strncmp(last + 149, "..\n", 3), "printed:\n%s", out);
}

TEST(one_is_shown_whole)
{
	struct answer a = {.status = "200 OK",
			   .body = "{\"items\":[{" FINDING ",\"proposal\":\"kind: FlowPolicy\\nspec: {}\\n\",\"related\":[{\"relation\":\"peer\","
				   "\"source\":\"suricata\",\"severity\":\"high\",\"text\":\"ET \\u001b[2J\",\"time\":\"2026-11-01T00:00:00Z\"}]}]}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "anomalies", "12"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/anomalies?id=12 HTTP/1.1"), "%s", a.request);
	CHECK(strstr(out, "since              2026-10-31T23:56:40Z\n") && strstr(out, "at most so far     0.200000\n") && !strstr(out, "\nnode "),
	      "printed:\n%s", out);
	CHECK(strstr(out, "why                shop/web sends 41 times what is usual to 203.0.113.9.\n"), "printed:\n%s", out);
	CHECK(strstr(out, "\n2026-11-01T00:00:00Z  suricata  high      ET ?[2J  peer\n"), "printed:\n%s", out);
	CHECK(strstr(out, "prints it alone)\n  kind: FlowPolicy\n  spec: {}\n"), "printed:\n%s", out);
}

TEST(a_proposal_alone_can_be_piped)
{
	struct answer a = {.status = "200 OK", .body = "{\"items\":[{" FINDING ",\"proposal\":\"kind: FlowPolicy\\n\"}]}"},
		      none = {.status = "200 OK", .body = "{\"items\":[{" FINDING "}]}"};
	weir_auto_free char *out = NULL, *bad = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "anomalies", "12", "--proposal") && !strcmp(out, "kind: FlowPolicy\n"), "printed:\n%s", out);
	CHECK(ASK(&none, &bad, &err, "anomalies", "12", "--proposal") == -EINVAL && strstr(err.text, "finding 12: nothing is proposed"), "%s", err.text);
}

TEST(what_cannot_be_asked_is_not_asked)
{
	static const struct {
		const char *argv[5], *says;
	} cases[] = {
		{{"forecast", "x"}, "unexpected argument 'x'"},
		{{"forecast", "--measure", "watts"}, "'watts' is none of cost, bytes, denies, rtt, retransmits"},
		{{"forecast", "--by", "node"}, "'node' is none of series, workload, namespace, team"},
		{{"forecast", "--measure", "rtt", "--by=team"}, "round trips do not sum"},
		{{"forecast", "--limit", "1001"}, "--limit must be 1 to 1000"},
		{{"anomalies", "--limit", "0"}, "--limit must be 1 to 1000"},
		{{"anomalies", "first"}, "'first' is no number of a finding"},
		{{"anomalies", "0"}, "'0' is no number of a finding"},
		{{"anomalies", "1", "2"}, "2"},
		{{"anomalies", "--proposal"}, "it needs its ID"},
		{{"anomalies", "3", "--proposal", "--json"}, "no --json"},
		{{"anomalies", "--since", "1d"}, "--since goes with --all"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *out = NULL;
		struct weir_err err;
		char *argv[5];
		int n = 0;

		while (n < 5 && cases[i].argv[n]) {
			argv[n] = (char *)cases[i].argv[n];
			n++;
		}
		CHECK(cli_fixture_run((struct cli){.socket = "/nonexistent/weir.sock"}, n, argv, &out, &err) == -EINVAL && strstr(err.text, cases[i].says),
		      "%zu: %s", i, err.text);
		CHECK(!strchr(err.text, '\n'), "one line");
	}
}

TEST_MAIN(T(a_forecast_is_a_table_and_budgets_stand_below), T(each_measure_has_its_unit), T(why_there_is_no_forecast_is_said), T(json_is_what_came),
	  T(what_goes_on_is_a_table), T(what_ended_is_shown_with_its_state), T(a_line_ends_where_the_terminal_does), T(one_is_shown_whole),
	  T(a_proposal_alone_can_be_piped), T(what_cannot_be_asked_is_not_asked))
