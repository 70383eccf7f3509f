/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl signals: the aggregator's answer as tables. */
#include "tests/lib/answer_fixture.h"
#include "tests/lib/test.h"

#define ANSWER                                                                                                                      \
	"{\"items\":[{\"name\":\"load\",\"kind\":\"prometheus\",\"what\":\"up\",\"state\":\"works\",\"ok_s\":1793491190,\"read\":7,"     \
	"\"taken\":6,\"dropped\":{\"not-finite\":1},\"series\":1,\"behind_bytes\":0,\"failures\":0,\"error\":\"\",\"error_s\":0},"       \
	"{\"name\":\"eve\",\"kind\":\"eve\",\"what\":\"/e\",\"state\":\"fails\",\"ok_s\":0,\"read\":0,\"taken\":0,\"dropped\":{},"        \
	"\"series\":0,\"behind_bytes\":2048,\"failures\":3,\"error\":\"/e: Permission denied\",\"error_s\":1793491190}],"              \
	"\"events_kept\":1,\"series\":[{\"query\":\"load\",\"name\":\"up\",\"labels\":\"{pod=\\\"a\\\"}\",\"namespace\":\"\","              \
	"\"workload\":\"a\",\"step_s\":60,\"from_s\":1793491080,\"points\":2,\"missing\":0,\"last_s\":1793491140,\"last\":0.5}],"           \
	"\"events\":[{\"time_s\":1793491185,\"source\":\"eve\",\"type\":\"alert\",\"severity\":\"high\",\"src\":\"10.7.1.11:40001\","        \
	"\"dst\":\"198.18.0.10:443\",\"proto\":\"TCP\",\"namespace\":\"\",\"workload\":\"\",\"text\":\"ET SCAN \\u001b[31m\"}]}"

TEST(sources_series_and_events_are_tables)
{
	struct answer a = {.status = "200 OK", .body = ANSWER};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "signals", "--limit", "5"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/signals?limit=5 HTTP/1.1"), "%s", a.request);
	CHECK(!strcmp(out,
		      "source  kind        state  last ok  read  taken  left out      series    behind  last error\n"
		      "load    prometheus  works  10s ago     7      6  not-finite=1       1       0 B  -\n"
		      "eve     eve         fails    never     0      0  -                  0  2.00 KiB  /e: Permission denied\n"
		      "\nquery  series  labels     points  missing               last at   last\n"
		      "load   up      {pod=\"a\"}       2        0  2026-10-31T23:59:00Z  0.500\n"
		      "\n                time  source  severity  from             to               workload  what\n"
		      "2026-10-31T23:59:45Z  eve     high      10.7.1.11:40001  198.18.0.10:443  -         ET SCAN ?[31m\n"),
	      "printed:\n%s", out);
}

TEST(without_sources_it_says_where_to_look)
{
	struct answer a = {.status = "200 OK", .body = "{\"items\":[],\"events_kept\":0,\"series\":[],\"events\":[]}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "signals"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/signals?limit=20 HTTP/1.1") && strstr(out, "signals.* in the aggregator's settings"), "%s", out);
}

TEST_MAIN(T(sources_series_and_events_are_tables), T(without_sources_it_says_where_to_look))
