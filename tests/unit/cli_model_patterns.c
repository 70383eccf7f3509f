/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl model patterns: what it reads, prints and refuses. */
#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#define WHO "n1,d,shop,web-0,front,app=web;tier=front"
#define REST ",203.0.113.9,,,1,6,443,internet"

/* Runs `model patterns` with the text as standard input; *ret_out is the caller's. */
static int run(const char *text, int argc, char **argv, char **ret_out, struct weir_err *err)
{
	char path[] = "/tmp/weir-patterns-XXXXXX";
	int fd = mkstemp(path), r;

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) || !freopen(path, "re", stdin))
		abort();
	r = cli_fixture_run((struct cli){.socket = "/nonexistent/weir.sock"}, argc, argv, ret_out, err);
	unlink(path);
	return r;
}

static char *words[] = {(char *)"model", (char *)"patterns", (char *)"--proposals"};

/* Two minutes of 0.1 MB/s, half a minute of 5. */
static char *runaway(void)
{
	size_t len = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	fprintf(f, "time,node\n");
	for (unsigned int i = 0; i < 15; i++) {
		unsigned long bytes = i < 12 ? 1000000 : 50000000;

		fprintf(f, "%u," WHO REST ",egress,0,%lu,%lu,%lu\n", 1790000000 + 10 * i, bytes, bytes / 1400, bytes * 9 / 100);
		fprintf(f, "%u," WHO REST ",ingress,0,%lu,%lu,0\n", 1790000003 + 10 * i, bytes / 40, bytes / 2800);
	}
	fclose(f);
	return text;
}

TEST(a_finding_is_a_line_with_its_sentence)
{
	weir_auto_free char *text = runaway(), *out = NULL;
	struct weir_err err = {0};

	CHECK(!run(text, 2, words, &out, &err), "%s", err.text);
	CHECK(!strncmp(out, "time,state,kind,node,domain,namespace,workload,peer,", 52), "%s", out);
	CHECK(strstr(out, "\n1790000140,began,runaway-egress,\"n1\",\"d\",\"shop\",\"web-0\",203.0.113.9/32,\"\",443,6,internet,1790000120,1790000140,"),
	      "%s", out);
	CHECK(strstr(out, ",5000000,100000,bytes/s,1.587600,policy,\"web-0 sends 5.00 MB/s"), "%s", out);
}

TEST(a_proposal_is_a_policy_for_the_labels_of_the_workload)
{
	weir_auto_free char *text = runaway(), *out = NULL;
	struct weir_err err = {0};

	CHECK(!run(text, 3, words, &out, &err), "%s", err.text);
	CHECK(strstr(out, "---\n# SPDX-License-Identifier: Apache-2.0\n# Proposed because of a runaway-egress: "), "%s", out);
	CHECK(strstr(out, "subject: {namespace: \"shop\", labels: {\"app\": \"web\", \"tier\": \"front\"}}"), "%s", out);
	CHECK(strstr(out, "limit: {rate: 1000kbit, mode: pace, per: workload}"), "%s", out); /* 0.1 MB/s and a quarter */
}

TEST(the_table_says_by_what_patterns_are_told)
{
	weir_auto_free char *out = NULL;
	char *argv[] = {words[0], words[1], (char *)"--table"};
	struct weir_err err = {0};

	CHECK(!run("", 3, argv, &out, &err), "%s", err.text);
	CHECK(strstr(out, "port-scan: ") && strstr(out, "cross-zone-chatter: ") && strstr(out, "  targets"), "%s", out);
}

TEST(health_is_of_its_bucket)
{
	char path[] = "/tmp/weir-health-XXXXXX", *argv[] = {words[0], words[1], (char *)"--health", path};
	weir_auto_free char *text = NULL, *out = NULL;
	struct weir_err err = {0};
	size_t len = 0;
	FILE *flows = open_memstream(&text, &len), *health = fdopen(mkstemp(path), "w");

	for (unsigned int i = 0; i < 15; i++) {
		unsigned int tries = i < 12 ? 10 : 800;

		fprintf(flows, "%u," WHO ",10.0.0.9,d,,1,6,9000,same-zone,egress,0,%u,%u,0\n", 1790000000 + 10 * i, 60 * tries, tries);
		fprintf(flows, "%u," WHO ",10.0.0.9,d,,1,6,9000,same-zone,ingress,0,%u,%u,0\n", 1790000000 + 10 * i, 40 * tries, tries);
		fprintf(health, "%u," WHO ",2,0,%u,0,0\n", 1790000000 + 10 * i, tries);
	}
	fclose(flows);
	fclose(health);
	CHECK(!run(text, 4, argv, &out, &err), "%s", err.text);
	CHECK(strstr(out, "1790000140,began,retry-storm,") && strstr(out, ",80,1,attempts/s,"), "%s", out);
	unlink(path);
}

TEST(usage_errors_help)
{
	static const struct {
		const char *option, *value, *says;
	} cases[] = {
		{"--currency", "dollars-of-1913", "--currency: at most 8 bytes, as in USD"},
		{"--health", "-", "--health: flows are standard input; name a file"},
		{"--health", "/nonexistent/h", "/nonexistent/h: cannot read"},
		{"--table", "x", "unexpected argument 'x'"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		char *argv[] = {words[0], words[1], (char *)(uintptr_t)cases[i].option, (char *)(uintptr_t)cases[i].value};
		weir_auto_free char *out = NULL;
		struct weir_err err = {0};

		CHECK(run("", 4, argv, &out, &err) == -EINVAL && strstr(err.text, cases[i].says), "case %zu says %s", i, err.text);
	}
}

TEST(what_is_wrong_is_named_by_its_line)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"1790000000,n1,d\n", "standard input:1: 3 fields, where 19 are needed"},
		{"now," WHO REST ",egress,0,1,1,1\n", ":1: field 1: 'now' is no number"},
		{"1790000000," WHO ",10.0.0,,,1,6,443,internet,egress,0,1,1,1\n", ":1: peer '10.0.0' is no address"},
		{"1790000000," WHO ",,,,2,6,443,internet,egress,0,1,1,1\n", ":1: field 11: '2' is no number from 0 to 1"},
		{"1790000000," WHO ",,,,1,6,443,moon,egress,0,1,1,1\n", ":1: unknown path 'moon'"},
		{"1790000000," WHO REST ",out,0,1,1,1\n", ":1: direction 'out' is neither egress nor ingress"},
		{"1790000000," WHO REST ",egress,9,1,1,1\n", ":1: field 16: '9' is no number from 0 to 5"},
		{"1790000000," WHO REST ",egress,0,1,-1,1\n", ":1: field 18: '-1' is no number"},
		{"1790000020," WHO REST ",egress,0,1,1,1\n1790000000," WHO REST ",egress,0,1,1,1\n",
		 ":2: time 1790000000 is of an earlier bucket; sort the rows by time"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *out = NULL;
		struct weir_err err = {0};

		CHECK(run(cases[i].text, 2, words, &out, &err) == -EINVAL, "case %zu", i);
		CHECK(strstr(err.text, cases[i].says), "case %zu says %s", i, err.text);
	}
}

TEST_MAIN(T(a_finding_is_a_line_with_its_sentence), T(a_proposal_is_a_policy_for_the_labels_of_the_workload),
	  T(the_table_says_by_what_patterns_are_told), T(health_is_of_its_bucket), T(usage_errors_help), T(what_is_wrong_is_named_by_its_line))
