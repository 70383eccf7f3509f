/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of weirctl against an aggregator of one canned answer. */
#include "tests/lib/answer_fixture.h"
#include "tests/lib/test.h"

#define COST                                                                                       \
	"{\"currency\":\"USD\",\"items\":[{\"team\":\"payments\",\"path\":\"nat\",\"bytes\":"      \
	"1073741824,"                                                                              \
	"\"nanos\":135000000,\"amount\":\"0.135\"},{\"team\":\"\",\"path\":\"same-zone\","         \
	"\"bytes\":10,"                                                                            \
	"\"nanos\":0,\"amount\":\"0\"}],\"total\":{\"bytes\":1073741834,\"nanos\":135000000,"      \
	"\"amount\":\"0.135\"}}"

TEST(cost_is_a_table_with_its_total)
{
	struct answer a = {.status = "200 OK", .body = COST};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "cost", "--by", "team,path", "--since", "10m"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/cost?by=team,path&from=1793490600 HTTP/1.1"), "%s",
	      a.request);
	CHECK(!strcmp(out, "team      path          bytes  cost USD\n"
			   "payments  nat        1.00 GiB  0.135000\n"
			   "-         same-zone      10 B  0.000000\n"
			   "total     -          1.00 GiB  0.135000\n"),
	      "printed:\n%s", out);
}

#define WHY                                                                                        \
	"{\"currency\":\"USD\",\"hidden\":2,\"rest\":{\"before_nanos\":0,\"after_nanos\":0,\"change_nanos\":0,"      \
	"\"volume_nanos\":0,\"price_nanos\":0,\"mix_nanos\":0,\"new_nanos\":0,\"ended_nanos\":0},"               \
	"\"total\":{\"before_nanos\":1000000000,\"after_nanos\":1400000000,\"change_nanos\":400000000,"            \
	"\"volume_nanos\":100000000,\"price_nanos\":0,\"mix_nanos\":-50000000,\"new_nanos\":350000000,"           \
	"\"ended_nanos\":0},\"items\":[{\"workload\":\"web\",\"path\":\"nat\",\"before_nanos\":1000000000,"       \
	"\"after_nanos\":1400000000,\"change_nanos\":400000000,\"volume_nanos\":100000000,\"price_nanos\":0,"      \
	"\"mix_nanos\":-50000000,\"new_nanos\":350000000,\"ended_nanos\":0}]}"

TEST(why_is_a_sentence_and_a_table_that_sums)
{
	struct answer a = {.status = "200 OK", .body = WHY};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "cost", "why", "--since", "10m", "--against", "1h"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/cost/why?by=workload,path&from=1793490600&to=1793491200&against_from=1793487000"
				 "&against_to=1793487600&limit=20 HTTP/1.1"),
	      "%s", a.request);
	CHECK(!strncmp(out, "cost rose by 40.0 %: from 1.000000 USD to 1.400000\n\nworkload  path    before     after    change    volume", 100),
	      "printed:\n%s", out);
	CHECK(strstr(out, "\n2 others  -     0.000000") && strstr(out, "\ntotal     -     1.000000  1.400000  0.400000"), "printed:\n%s",
	      out);
}

TEST(periods_do_not_overlap)
{
	struct weir_err err;
	weir_auto_free char *out = NULL;
	char *argv[] = {"cost", "why", "--since", "2h", "--against", "1h"};

	CHECK(cli_fixture_run((struct cli){.socket = "/nonexistent"}, 6, argv, &out, &err) == -EINVAL);
	CHECK(strstr(err.text, "overlap"), "%s", err.text);
}

TEST(a_range_is_sent_as_given)
{
	struct answer a = {.status = "200 OK", .body = COST};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "cost", "--by=node", "--from", "2026-10-01", "--to",
		   "2026-10-02"),
	      "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/cost?by=node&from=1790812800&to=1790899200 HTTP/1.1"),
	      "%s", a.request);
}

TEST(json_is_passed_through_as_it_came)
{
	struct answer a = {.status = "200 OK", .body = COST};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "cost", "--json"), "%s", err.text);
	CHECK(!strcmp(out, COST "\n"), "printed:\n%s", out);
}

TEST(an_error_of_the_aggregator_is_the_line)
{
	struct answer bad = {.status = "400 Bad Request",
			     .body = "{\"error\":\"by: 'x' is unknown\"}"};
	struct answer broken = {.status = "500 Internal Server Error", .body = "oops"};
	weir_auto_free char *out1 = NULL, *out2 = NULL;
	struct weir_err err;

	CHECK(ASK(&bad, &out1, &err, "flows") == -EINVAL, "400 is invalid input");
	CHECK(!strcmp(err.text, "by: 'x' is unknown"), "%s", err.text);
	CHECK(ASK(&broken, &out2, &err, "flows") == -EIO, "500 is a failure");
	CHECK(strstr(err.text, "status 500"), "%s", err.text);
}

TEST(an_answer_that_is_no_json_is_refused)
{
	struct answer text = {.status = "200 OK", .body = "hello"};
	struct answer list = {.status = "200 OK", .body = "{\"items\":7}"};
	weir_auto_free char *out1 = NULL, *out2 = NULL;
	struct weir_err err;

	CHECK(ASK(&text, &out1, &err, "flows") == -EBADMSG, "%s", err.text);
	CHECK(ASK(&list, &out2, &err, "flows") == -EBADMSG, "%s", err.text);
}

#define AGENT                                                                                      \
	"{\"node\":\"n1\",\"class\":\"d/a\",\"version\":\"0.1.0\",\"connected\":true,\"connected_since_s\":1793491008," \
	"\"last_seen_s\":1793491195,\"lag_s\":2.04,\"lag_windows\":1.02,\"mode\":\"observe\",\"lease_until_s\":1793491188," \
	"\"serial\":3,\"unexplained_bytes\":-5,\"lost_bytes\":2048,\"folded_bytes\":0,\"clock_skew_s\":-0.0021," \
	"\"clock_error_s\":0.0004,\"spool_bytes\":512,\"spool_max\":1024,\"spool_fill\":0.5,\"table_fill\":0.013," \
	"\"ns_per_packet\":210.4,\"refused_reason\":\"\",\"applied_digest\":\"00ff\"," \
	"\"identity\":[{\"interface\":\"eth0\",\"dir\":\"egress\",\"term\":\"sockets\",\"bytes\":123456789," \
	"\"packets\":7}],\"drops\":[{\"reason\":\"truncated\",\"bytes\":1234,\"packets\":2}]}"

TEST(agents_are_one_line_each_within_120_columns)
{
	struct answer a = {.status = "200 OK",
			   .body = "{\"items\":[" AGENT ",{\"node\":\"n2\",\"connected\":false,\"connected_since_s\":0,"
				   "\"lag_s\":65.0,\"mode\":\"enforce\",\"serial\":3,\"unexplained_bytes\":0,\"lost_bytes\":0,"
				   "\"folded_bytes\":1048576,\"clock_skew_s\":null,\"spool_fill\":0.0,\"table_fill\":1.0,"
				   "\"ns_per_packet\":null}]}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "agents"), "%s", err.text);
	CHECK(!strcmp(out, "node  connected    lag  mode     serial  unexplained      lost    folded   clock  spool  table  "
			   "ns/packet\n"
			   "n1        3m12s   2.0s  observe       3         -5 B  2.00 KiB       0 B  -2.1ms    50%     1%  "
			   "      210\n"
			   "n2           no  1m05s  enforce       3          0 B       0 B  1.00 MiB       -     0%   100%  "
			   "        -\n"),
	      "printed:\n%s", out);
}

TEST(one_agent_is_shown_in_full)
{
	struct answer a = {.status = "200 OK", .body = "{\"items\":[" AGENT "]}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "agents", "n1"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/agents?node=n1 HTTP/1.1"), "%s", a.request);
	CHECK(strstr(out, "class              d/a\n") && strstr(out, "last seen          5s ago\n"), "printed:\n%s", out);
	CHECK(strstr(out, "lag in windows     1.020\n") && strstr(out, "spool max          1.00 KiB\n"), "printed:\n%s", out);
	CHECK(strstr(out, "lease              ended 12s ago\n"), "a lease that is over:\n%s", out);
	CHECK(strstr(out, "digest in kernel   00ff\n") && strstr(out, "within             +0.4ms\n"), "printed:\n%s", out);
	CHECK(strstr(out, "n1    truncated  1234         2\n"), "and its drops:\n%s", out);
}

TEST(agents_show_identity_and_drops_to_the_byte)
{
	struct answer a = {.status = "200 OK", .body = "{\"items\":[" AGENT "]}"}, d = a;
	weir_auto_free char *identity = NULL, *drops = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &identity, &err, "agents", "--identity"), "%s", err.text);
	CHECK(strstr(identity, "n1    eth0       egress  sockets  123456789        7\n"),
	      "exact bytes:\n%s", identity);
	CHECK(!ASK(&d, &drops, &err, "agents", "--drops"), "%s", err.text);
	CHECK(strstr(drops, "n1    truncated  1234         2\n"), "drops:\n%s", drops);
}

#define STATUS(well, problems)                                                                     \
	"{\"well\":" well ",\"problems\":[" problems "],\"version\":\"0.1.0\",\"agents\":3,\"agents_connected\":2," \
	"\"serial\":7,\"policy_state\":\"approved\",\"store_bytes\":2048,\"uptime_s\":65}"
#define SILENT                                                                                     \
	"{\"check\":\"silent\",\"what\":\"agent not seen\",\"since_s\":1793491110,\"nodes\":[\"n1\",\"n\\u001b2\"]," \
	"\"node_count\":9,\"do\":\"systemctl status weir-agent\"}"

TEST(status_says_that_all_is_well)
{
	struct answer a = {.status = "200 OK", .body = STATUS("true", "")};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(ASK(&a, &out, &err, "status") == 0, "%s", err.text);
	CHECK(!strcmp(out, "all is well\n\nagents             3\nconnected          2\nserial             7\n"
			   "policy             approved\nstore              2.00 KiB\nup                 1m05s\n"
			   "certificate ends   -\nversion            0.1.0\n"),
	      "printed:\n%s", out);
}

TEST(status_says_what_is_not_and_what_to_do)
{
	struct answer a = {.status = "200 OK", .body = STATUS("false", SILENT)}, j = a;
	weir_auto_free char *out = NULL, *json = NULL;
	struct weir_err err;

	CHECK(ASK(&a, &out, &err, "status") == CLI_NOT_WELL, "%s", err.text);
	CHECK(strstr(out, "NOT WELL: 1 problem\n\n"
			  "what                since  nodes               do\n"
			  "agent not seen  1m30s ago  n1, n?2 and 7 more  systemctl status weir-agent\n\n") == out,
	      "printed:\n%s", out);
	CHECK(ASK(&j, &json, &err, "--json", "status") == CLI_NOT_WELL, "%s", err.text);
	CHECK(!strcmp(json, STATUS("false", SILENT) "\n"), "as it came:\n%s", json);
}

TEST(an_aggregator_that_does_not_say_is_not_well)
{
	struct answer a = {.status = "200 OK", .body = "{\"agents\":3}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(ASK(&a, &out, &err, "status") == -EBADMSG, "%s", err.text);
}

TEST(policy_status_shows_the_release_and_each_node)
{
	static const char body[] =
		"{\"serial\":7,\"state\":\"approved\",\"not_after_s\":1793491200,\"items\":[{"
		"\"node\":\"n1\","
		"\"class\":\"d/"
		"s\",\"connected\":true,\"mode\":\"enforce\",\"wanted_serial\":7,\"serial\":6,"
		"\"applied_ns\":0,\"refused_serial\":7,\"refused_reason\":\"unsigned\"}]}";
	struct answer a = {.status = "200 OK", .body = body};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "policy", "status"), "%s", err.text);
	CHECK(strstr(out, "2026-11-01T00:00:00Z"), "the release's end:\n%s", out);
	CHECK(strstr(out,
		     "n1    d/s    yes        enforce       7        6      -        7  unsigned"),
	      "the node:\n%s", out);
}

TEST(an_empty_list_says_so)
{
	struct answer a = {.status = "200 OK", .body = "{\"items\":[]}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "top", "--by", "peer", "--limit", "3"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/top?by=peer&since=300&limit=3 HTTP/1.1"), "%s",
	      a.request);
	CHECK(!strcmp(out, "nothing to show\n"), "%s", out);
}

TEST(health_is_a_table)
{
	static const char body[] =
		"{\"items\":[{\"node\":\"n1\",\"namespace\":\"shop\",\"workload\":\"cart\",\"team\":\"a\","
		"\"peer_class\":\"public:3\",\"connections\":12,\"open\":2,\"closed\":10,\"failed\":1,\"refused\":1,"
		"\"resets\":4,\"retransmits\":5,\"rtt_p50_ms\":0.104,\"rtt_p90_ms\":1.5,\"rtt_p99_ms\":20.25,"
		"\"mean_duration_s\":3.5}]}";
	struct answer a = {.status = "200 OK", .body = body}, b = a;
	weir_auto_free char *out = NULL, *by_peer = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "health", "--since", "1h"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/health?by=workload,peer&since=3600&limit=1000 HTTP/1.1"), "%s",
	      a.request);
	CHECK(!strcmp(out,
		      "node  namespace  workload  peer class  connections  open  failed  resets  retransmits  "
		      "rtt p50 ms  p90 ms  p99 ms  duration s\n"
		      "n1    shop       cart      public:3             12     2       1       4            5  "
		      "     0.104   1.500  20.250       3.500\n"),
	      "printed:\n%s", out);
	CHECK(!ASK(&b, &by_peer, &err, "health", "--by", "peer"), "%s", err.text);
	CHECK(!strncmp(by_peer, "peer class  connections", 23), "printed:\n%s", by_peer);
}

TEST(health_by_path)
{
	static const char body[] = "{\"items\":[{\"node\":\"n1\",\"namespace\":\"shop\",\"workload\":\"cart\",\"team\":\"a\","
				   "\"path\":\"cross-zone\",\"retransmits\":5,\"rtt_mean_ms\":1.25,\"rtt_samples\":40}]}";
	struct answer a = {.status = "200 OK", .body = body}, b = a;
	weir_auto_free char *out = NULL, *all = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "health", "--by", "workload,path"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/health?by=workload,path&since=300&limit=1000 HTTP/1.1"), "%s", a.request);
	CHECK(!strcmp(out, "node  namespace  workload  path        retransmits  rtt mean ms  samples\n"
			   "n1    shop       cart      cross-zone            5        1.250       40\n"), "printed:\n%s", out);
	CHECK(!ASK(&b, &all, &err, "health", "--by", "path"), "%s", err.text);
	CHECK(!strncmp(all, "path        retransmits", 23), "printed:\n%s", all);
}

TEST(audit_shows_time_and_fields)
{
	static const char body[] =
		"{\"items\":[{\"seq\":1,\"time_ns\":1793491200000000000,\"event\":\"apply\","
		"\"fields\":{\"node\":\"n1\",\"serial\":\"7\"},\"prev\":\"\",\"hash\":\"\"}]}";
	struct answer a = {.status = "200 OK", .body = body};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "audit"), "%s", err.text);
	CHECK(strstr(out, "1  2026-11-01T00:00:00Z  apply  node=n1 serial=7\n"), "printed:\n%s",
	      out);
}

TEST(policy_shadow_shows_nodes_and_rules)
{
	struct answer a = {.status = "200 OK",
			   .body = "{\"serial\":3,\"state\":\"evaluated\",\"nodes\":[{\"node\":\"n1\",\"class\":\"a\","
				   "\"mode\":\"enforce\",\"candidate\":3,\"evaluates\":true,\"refused_reason\":\"\","
				   "\"since_s\":0,\"seen_s\":0,\"denied\":2,\"accepted\":0,\"limited\":1}],"
				   "\"items\":[{\"node\":\"n1\",\"rule\":\"p#1\",\"denied\":2,\"accepted\":0,\"limited\":1}]}"};
	struct answer none = {.status = "200 OK", .body = "{\"serial\":0,\"state\":\"none\",\"nodes\":[],\"items\":[]}"};
	struct answer odd = {.status = "200 OK", .body = "{\"serial\":0}"};
	weir_auto_free char *out = NULL, *empty = NULL, *bad = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "policy", "shadow", "--serial", "3"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/shadow?limit=1000&serial=3 HTTP/1.1"), "%s", a.request);
	CHECK(strstr(out, "state                    evaluated\n"), "printed:\n%s", out);
	CHECK(strstr(out, "\nnode  class  mode     candidate  evaluates  since  denied  accepted  limited  refused\n"
			  "n1    a      enforce          3  yes            -       2         0        1  -\n"),
	      "printed:\n%s", out);
	CHECK(strstr(out, "\nnode  rule  would deny  would accept  other limit\n"
			  "n1    p#1            2             0            1\n"),
	      "printed:\n%s", out);
	CHECK(!ASK(&none, &empty, &err, "policy", "shadow"), "%s", err.text);
	CHECK(!strcmp(none.request, "GET /api/v1/shadow?limit=1000 HTTP/1.1"), "%s", none.request);
	CHECK(strstr(empty, "nothing to show"), "printed:\n%s", empty);
	CHECK(ASK(&odd, &bad, &err, "policy", "shadow") == -EBADMSG && strstr(err.text, "no list"), "%s", err.text);
}

TEST_MAIN(T(cost_is_a_table_with_its_total), T(why_is_a_sentence_and_a_table_that_sums), T(periods_do_not_overlap), T(a_range_is_sent_as_given),
	  T(json_is_passed_through_as_it_came), T(an_error_of_the_aggregator_is_the_line),
	  T(an_answer_that_is_no_json_is_refused), T(agents_are_one_line_each_within_120_columns), T(one_agent_is_shown_in_full),
	  T(agents_show_identity_and_drops_to_the_byte), T(an_aggregator_that_does_not_say_is_not_well),
	  T(status_says_that_all_is_well), T(status_says_what_is_not_and_what_to_do), T(an_empty_list_says_so),
	  T(policy_status_shows_the_release_and_each_node), T(health_is_a_table), T(health_by_path), T(policy_shadow_shows_nodes_and_rules),
	  T(audit_shows_time_and_fields))
