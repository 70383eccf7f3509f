/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl export traffic: pages of the aggregator as a file that is read back. */
#include "lib/money/traffic.h"
#include "tests/lib/answer_fixture.h"
#include "tests/lib/test.h"

#define ITEM(hour, peer, bytes)                                                                                  \
	"{\"hour_s\":" hour ",\"domain\":\"aws/1/a\",\"local\":\"10.0.0.1\",\"peer\":\"" peer "\",\"path\":\"nat\"," \
	"\"direction\":\"egress\",\"protocol\":6,\"opened\":\"local\",\"port\":443,\"bytes\":" bytes ",\"packets\":2," \
	"\"node\":\"n1\",\"namespace\":\"shop\",\"workload\":\"web\",\"kind\":\"pod\",\"team\":\"shop\","           \
	"\"labels\":\"{\\\"team\\\":\\\"shop\\\"}\",\"peer_namespace\":\"\",\"peer_workload\":\"\",\"peer_team\":\"\"}"
#define FIRST "{\"items\":[" ITEM("1793487600", "203.0.113.7", "10") "," ITEM("1793487600", "", "20") "],\"next\":\"1.2.3\"}"
#define SECOND "{\"items\":[" ITEM("1793491200", "203.0.113.7", "30") "]}"

static void check_file(struct test_state *test_st, const char *path)
{
	weir_auto_traffic struct weir_traffic_set *s = NULL;
	struct weir_traffic t;
	struct weir_err err = {0};
	uint64_t bytes = 0;

	CHECK(!weir_traffic_new(&s) && !weir_traffic_read(s, path, &err), "%s", err.text);
	CHECK(weir_traffic_count(s) == 3, "%zu rows", weir_traffic_count(s));
	for (size_t i = 0; i < weir_traffic_count(s); i++) {
		weir_traffic_get(s, i, &t);
		bytes += t.bytes;
		CHECK(t.folded == (t.bytes == 20) && t.path == WEIR_PATH_NAT && t.dir == 1 && t.opened && t.port == 443 &&
		      t.proto == 6 && t.packets == 2 && !strcmp(t.labels, "{\"team\":\"shop\"}") && !strcmp(t.node, "n1") &&
		      !strcmp(t.domain, "aws/1/a") && !strcmp(t.workload, "web"), "row %zu", i);
	}
	CHECK(bytes == 60, "%llu bytes", (unsigned long long)bytes);
}

static void export_to(struct test_state *test_st, const char *name)
{
	struct answer a = {.status = "200 OK", .body = FIRST, .then = SECOND};
	weir_auto_free char *out = NULL;
	char dir[] = "/tmp/weir-export-XXXXXX", path[64];
	struct weir_err err;

	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	CHECK(!ASK(&a, &out, &err, "export", "traffic", "--from", "2026-10-31", "--output", path), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/traffic?from=1793404800&to=1793491200&limit=5000&after=1.2.3 HTTP/1.1"), "%s",
	      a.request);
	CHECK(strstr(out, "3 rows of 24 hours in /tmp/weir-export-"), "%s", out);
	check_file(test_st, path);
	unlink(path);
	rmdir(dir);
}

TEST(pages_become_a_file)
{
	export_to(test_st, "t.csv");
}

TEST(pages_become_a_packed_file)
{
	char magic[2] = "";
	struct answer a = {.status = "200 OK", .body = SECOND};
	weir_auto_free char *out = NULL;
	char dir[] = "/tmp/weir-export-XXXXXX", path[64];
	struct weir_err err;
	FILE *f;

	export_to(test_st, "t.csv.gz");
	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/t.csv.gz", dir);
	CHECK(!ASK(&a, &out, &err, "export", "traffic", "--output", path), "%s", err.text);
	f = fopen(path, "r");
	CHECK(f && fread(magic, 1, 2, f) == 2 && magic[0] == 0x1f && (unsigned char)magic[1] == 0x8b, "it is not packed");
	if (f)
		fclose(f);
	unlink(path);
	rmdir(dir);
}

/* One of ours speaks with the peer: it is folded where two are asked for; cut, it is another address. */
TEST(addresses_are_held_back)
{
	struct answer one = {.status = "200 OK", .body = SECOND}, two = one, three = one;
	char *alone[] = {"export", "traffic", "--domain", "aws/1/a"}; /* asks nobody */
	weir_auto_free char *whole = NULL, *cut = NULL, *few = NULL, *odd = NULL;
	struct weir_err err = {{0}};

	CHECK(!ASK(&one, &whole, &err, "export", "traffic") && strstr(whole, ",203.0.113.7,"), "%s", whole);
	CHECK(!ASK(&two, &cut, &err, "export", "traffic", "--truncate", "24,48") && strstr(cut, ",203.0.113.0,"), "%s", cut);
	CHECK(!ASK(&three, &few, &err, "export", "traffic", "--least", "2") && !strstr(few, "203.0.113") && strstr(few, ",30,"), "%s", few);
	CHECK(cli_fixture_run((struct cli){0}, 4, alone, &odd, &err) == -EINVAL && strstr(err.text, "goes with --pseudonyms"), "%s", err.text);
}

TEST(without_a_file_it_is_printed)
{
	struct answer a = {.status = "200 OK", .body = SECOND};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "export", "traffic", "--since", "2h"), "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/traffic?from=1793484000&to=1793491200&limit=5000 HTTP/1.1"), "%s", a.request);
	CHECK(!strncmp(out, weir_traffic_header(), strlen(weir_traffic_header())) &&
	      !strcmp(out + strlen(weir_traffic_header()),
		      "2026-11-01T00:00:00Z,aws/1/a,10.0.0.1,203.0.113.7,nat,egress,6,local,443,30,2,agent,n1,shop,web,pod,shop,"
		      "\"{\"\"team\"\":\"\"shop\"\"}\",,,\n"), "printed:\n%s", out);
}

TEST(a_failure_leaves_no_file)
{
	static const char *const bad[] = {"{\"items\":[{\"hour_s\":1}]}", "{}", "nonsense"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++) {
		struct answer a = {.status = "200 OK", .body = bad[i]};
		weir_auto_free char *out = NULL;
		char dir[] = "/tmp/weir-export-XXXXXX", path[64];
		struct weir_err err;

		if (!mkdtemp(dir))
			abort();
		snprintf(path, sizeof(path), "%s/t.csv", dir);
		CHECK(ASK(&a, &out, &err, "export", "traffic", "--output", path) == -EPROTO && strstr(err.text, "is not recorded traffic"),
		      "answer %zu: %s", i, err.text);
		CHECK(access(path, F_OK), "answer %zu left a file", i);
		unlink(path);
		rmdir(dir);
	}
}

TEST_MAIN(T(pages_become_a_file), T(pages_become_a_packed_file), T(addresses_are_held_back), T(without_a_file_it_is_printed), T(a_failure_leaves_no_file))
