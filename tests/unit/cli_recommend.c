/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl recommend on a file of recorded traffic and the repository's own example. */
#include <jansson.h>

#include "lib/ds/buf.h"
#include "tests/lib/answer_fixture.h"
#include "tests/lib/test.h"
#include "tests/lib/traffic_fixture.h"

#define EAST "aws/111111111111/vpc-east"
#define HOURS 720 /* of CLI_NOW_S back */

static int run(bool json, char **ret_out, struct weir_err *err, int argc, char **argv)
{
	return cli_fixture_run((struct cli){.json = json}, argc, argv, ret_out, err);
}
#define RUN(json, out, err, ...)                                                                   \
	({                                                                                         \
		char *_argv[] = {__VA_ARGS__};                                                     \
		run(json, out, err, WEIR_ARRAY_SIZE(_argv), _argv);                                \
	})

/* Each hour 20 GiB to S3 by the gateway of the other zone, a few bytes in another subnet. */
static void write_month(const char *path, unsigned int hours)
{
	weir_auto_buf struct weir_buf b = {0};
	FILE *f = fopen(path, "we");

	if (!f)
		abort();
	fputs(weir_traffic_header(), f);
	for (unsigned int h = 0; h < hours; h++) {
		struct weir_traffic t = traffic_row(EAST, "10.7.2.5", "52.216.0.9", 1, 20 * GIB);

		t.hour_s = CLI_NOW_S - 3600ull * (hours - h);
		b.len = 0;
		if (weir_traffic_line(&t, &b) < 0)
			abort();
		fwrite(b.data, 1, b.len, f);
	}
	fclose(f);
}

struct place {
	char dir[64], file[96], promise[96];
};

static void place_fini(struct place *p)
{
	unlink(p->file);
	unlink(p->promise);
	rmdir(p->dir);
}

static void place_init(struct place *p, unsigned int hours)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/weir-recommend-XXXXXX");
	if (!mkdtemp(p->dir))
		abort();
	snprintf(p->file, sizeof(p->file), "%s/month.csv", p->dir);
	snprintf(p->promise, sizeof(p->promise), "%s/promise.json", p->dir);
	write_month(p->file, hours);
}
#define auto_place weir_cleanup(place_fini)

static void json_freep(json_t **j)
{
	json_decref(*j);
}

/* 14,400 GiB in 720 hours at 0.045 + 0.01, the gateway being in the other zone: of 730 hours 803. */
TEST(a_month_is_listed)
{
	auto_place struct place p;
	weir_auto_free char *out = NULL, *text = NULL;
	weir_cleanup(json_freep) json_t *root = NULL;
	struct weir_err err;
	const json_t *item;

	place_init(&p, HOURS);
	CHECK(!RUN(true, &out, &err, "recommend", "--traffic", p.file, "--dir", "policies"), "%s", err.text);
	root = json_loads(out, 0, NULL);
	item = json_array_get(json_object_get(root, "items"), 0);
	CHECK(json_array_size(json_object_get(root, "items")) == 1, "%s", out);
	CHECK(!strcmp(json_string_value(json_object_get(item, "rule")), "R01"), "%s", out);
	CHECK(llabs(json_integer_value(json_object_get(item, "month_nanos")) - 803000000000ll) < 10000000, "%s", out);
	CHECK(json_integer_value(json_object_get(json_object_get(root, "total"), "month_nanos")) ==
		      json_integer_value(json_object_get(item, "month_nanos")), "%s", out);
	CHECK(json_array_size(json_object_get(root, "held")) == 1, "what is held back: %s", out);
	CHECK(!RUN(false, &text, &err, "recommend", "--traffic", p.file, "--dir", "policies"), "%s", err.text);
	CHECK(strstr(text, "803.00") && strstr(text, "Together these save 803.00 USD a month"), "%s", text);
	CHECK(strstr(text, "1 more is held back"), "%s", text);
}

TEST(one_is_shown_whole)
{
	auto_place struct place p;
	weir_auto_free char *list = NULL, *out = NULL, *none = NULL;
	weir_cleanup(json_freep) json_t *root = NULL;
	struct weir_err err;
	const char *id;

	place_init(&p, HOURS);
	CHECK(!RUN(true, &list, &err, "recommend", "--traffic", p.file, "--dir", "policies"), "%s", err.text);
	root = json_loads(list, 0, NULL);
	id = json_string_value(json_object_get(json_array_get(json_object_get(root, "items"), 0), "id"));
	CHECK(!RUN(false, &out, &err, "recommend", "--traffic", p.file, "--dir", "policies", "--show", (char *)id), "%s", err.text);
	CHECK(strstr(out, "com.amazonaws.us-east-1.s3") && strstr(out, "\nundo       ") && strstr(out, "G x p_nat"), "%s", out);
	CHECK(RUN(false, &none, &err, "recommend", "--traffic", p.file, "--dir", "policies", "--show", "R99-0") == -EINVAL &&
		      strstr(err.text, "nothing found here is 'R99-0'"), "%s", err.text);
}

/* What was saved, asked of the last ten of the thirty days, is what was promised: the topology has not changed yet. */
TEST(what_was_promised_is_realised)
{
	auto_place struct place p;
	weir_auto_free char *list = NULL, *shown = NULL, *out = NULL, *json = NULL;
	weir_cleanup(json_freep) json_t *root = NULL;
	struct weir_err err;
	const char *id;

	place_init(&p, HOURS);
	CHECK(!RUN(true, &list, &err, "recommend", "--traffic", p.file, "--dir", "policies"), "%s", err.text);
	root = json_loads(list, 0, NULL);
	id = json_string_value(json_object_get(json_array_get(json_object_get(root, "items"), 0), "id"));
	CHECK(!RUN(false, &shown, &err, "recommend", "--traffic", p.file, "--dir", "policies", "--show", (char *)id, "--save", p.promise),
	      "%s", err.text);
	CHECK(!RUN(false, &out, &err, "recommend", "--realised", p.promise, "--landed", "2026-10-22", "--traffic", p.file, "--dir",
		   "policies"), "%s", err.text);
	CHECK(strstr(out, "promised   803.00 USD a month (803.00 to 803.00), from 30d00h of traffic\n"), "%s", out);
	CHECK(strstr(out, "landed     2026-10-22; 10d00h of traffic since then\n"), "%s", out);
	CHECK(strstr(out, "realised   803.00 USD a month (803.00 to 803.00), 100 % of what was promised\n"), "%s", out);
	CHECK(strstr(out, "it is taken for made"), "%s", out);
	CHECK(!RUN(true, &json, &err, "recommend", "--realised", p.promise, "--landed", "2026-10-22", "--traffic", p.file, "--dir",
		   "policies"), "%s", err.text);
	CHECK(strstr(json, "\"realised\":{\"month_nanos\":8030"), "%s", json);
}

#define ITEM(hour, bytes)                                                                                                      \
	"{\"hour_s\":" hour ",\"domain\":\"" EAST "\",\"local\":\"10.7.2.5\",\"peer\":\"52.216.0.9\",\"path\":\"nat\",\"direction\":"     \
	"\"egress\",\"protocol\":6,\"opened\":\"local\",\"port\":443,\"bytes\":" bytes ",\"packets\":1,\"node\":\"n1\",\"namespace\":\"shop\"," \
	"\"workload\":\"web\",\"kind\":\"pod\",\"team\":\"shop\",\"labels\":\"{}\",\"peer_namespace\":\"\",\"peer_workload\":\"\","             \
	"\"peer_team\":\"\"}"

/* Two pages of the aggregator, the first and the last of 720 hours, 14,400 GiB together. */
TEST(the_aggregator_is_asked)
{
	struct answer a = {.status = "200 OK", .body = "{\"items\":[" ITEM("1790899200", "7730941132800") "],\"next\":\"1.2.3\"}",
			   .then = "{\"items\":[" ITEM("1793487600", "7730941132800") "]}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "recommend", "--since", "30d", "--dir", "policies", "--window", "1h"), "%s", err.text);
	CHECK(strstr(a.first, "GET /api/v1/traffic?from=1790899200&to=1793491200&"), "%s", a.first);
	CHECK(strstr(out, "Together these save 803.00 USD a month"), "%s", out);
}

/* Two days are no fortnight; who asks for less gets it, and is told how sure it is. */
TEST(evidence_is_asked_for)
{
	auto_place struct place p;
	weir_auto_free char *out = NULL, *less = NULL;
	struct weir_err err;

	place_init(&p, 48);
	CHECK(!RUN(false, &out, &err, "recommend", "--traffic", p.file, "--dir", "policies", "--all"), "%s", err.text);
	CHECK(strstr(out, "Nothing was found that saves") && strstr(out, "48 of 336 hours of evidence"), "%s", out);
	CHECK(!RUN(false, &less, &err, "recommend", "--traffic", p.file, "--dir", "policies", "--window", "1d"), "%s", err.text);
	CHECK(strstr(less, "R01-") && strstr(less, "  low  "), "%s", less);
}

TEST(a_topology_and_prices_without_a_repository)
{
	auto_place struct place p;
	weir_auto_free char *out = NULL, *dear = NULL;
	struct weir_err err;

	place_init(&p, HOURS);
	CHECK(!RUN(false, &out, &err, "recommend", "--traffic", p.file, "--topology", "policies/topology", "--prices", "policies/prices"),
	      "%s", err.text);
	CHECK(strstr(out, "Together these save 803.00 USD"), "%s", out);
	CHECK(!RUN(false, &dear, &err, "recommend", "--traffic", p.file, "--dir", "policies", "--min", "1000"), "%s", err.text);
	CHECK(strstr(dear, "Nothing was found that saves"), "less than 1,000 a month was listed: %s", dear);
}

TEST_MAIN(T(a_month_is_listed), T(one_is_shown_whole), T(what_was_promised_is_realised), T(the_aggregator_is_asked), T(evidence_is_asked_for),
	  T(a_topology_and_prices_without_a_repository))
