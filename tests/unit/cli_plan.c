/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl plan-cost: what it prints, and its exit status. The amounts are calculated by hand in lib_money_plan.c. */
#include <jansson.h>

#include "tests/lib/answer_fixture.h"
#include "tests/lib/plan_fixture.h"
#include "tests/lib/test.h"

#define HEADER "hour,domain,local,peer,direction,bytes,team\n"
/* A day of one GiB and one of three GiB an hour to S3, from the second zone. */
static void traffic_write(const struct plan_files *f)
{
	FILE *out = fopen(f->traffic, "w");

	if (!out)
		abort();
	fputs(HEADER, out);
	for (int i = 0; i < 48; i++)
		fprintf(out, "2026-11-%02dT%02d:00:00Z," PLAN_DOMAIN ",10.0.4.6,52.216.0.9,egress,%llu,data|x\n", 24 + i / 24, i % 24,
			(i < 24 ? 1 : 3) * 1073741824ull);
	if (fclose(out))
		abort();
}

static int run(const struct plan_files *f, const char *more[4], bool json, char **ret_out, struct weir_err *err)
{
	char *argv[16] = {"plan-cost", "--plan", (char *)f->plan, "--traffic", (char *)f->traffic, "--prices", "policies",
			  "--topology", "policies"};
	int argc = 9;

	for (int i = 0; i < 4 && more[i]; i++)
		argv[argc++] = (char *)more[i];
	return cli_fixture_run((struct cli){.socket = "/nonexistent", .json = json}, argc, argv, ret_out, err);
}
#define RUN(f, json, out, err, ...)                                                          \
	({                                                                                   \
		const char *_more[4] = {__VA_ARGS__};                                        \
		run(f, _more, json, out, err);                                               \
	})

/* 1,460 GiB x 0.055 less; the interval of two days so far apart is wide. */
TEST(a_plan_as_tables)
{
	weir_auto_free char *out = NULL;
	struct plan_files f;
	struct weir_err err;

	plan_files_new(&f, PLAN_GATEWAY_ENDPOINT);
	traffic_write(&f);
	CHECK(RUN(&f, false, &out, &err, NULL) == 0, "%s", err.text);
	CHECK(!strncmp(out, "-80.30 USD a month (-606.96 to +446.36 in 95 of 100 months like these days), from 219.00 to 138.70, by 48 "
			    "hours recorded from 2026-11-24T00:00:00Z on.\n", 130), "printed:\n%s", out);
	CHECK(strstr(out, "\npath  before  after  difference                95 %\nnat   146.00  65.70      -80.30  -606.96 to +446.36\n"),
	      "printed:\n%s", out);
	CHECK(strstr(out, "\ndata|x   80.30   0.00      -80.30  -606.96 to +446.36\n"), "printed:\n%s", out);
	plan_files_fini(&f);
}

TEST(a_plan_for_a_pull_request)
{
	weir_auto_free char *out = NULL;
	struct plan_files f;
	struct weir_err err;

	plan_files_new(&f, PLAN_NAT_PER_ZONE);
	traffic_write(&f);
	CHECK(RUN(&f, false, &out, &err, "--markdown", "--budget", "18.25") == 0, "%s", err.text);
	CHECK(!strncmp(out, "### Network cost of this plan\n\n**+18.25 USD a month** (", 55), "printed:\n%s", out);
	CHECK(strstr(out, "\n\nWithin the budget of 18.25 USD a month.\n"), "printed:\n%s", out);
	CHECK(strstr(out, "\n| path | before | after | difference | 95 % |\n|---|--:|--:|--:|--:|\n| nat | 146.00 | 164.25 | +18.25 | "),
	      "printed:\n%s", out);
	CHECK(strstr(out, "\n| data\\|x | 80.30 | 65.70 | -14.60 | "), "a team cannot break the table:\n%s", out);
	CHECK(strstr(out, "\n| new: nat-aws\\_nat\\_gateway.b (aws/111111111111/vpc-1) | nat-gateway-hour | +32.85 |\n"), "printed:\n%s", out);
	plan_files_fini(&f);
}

TEST(over_the_budget_is_not_well)
{
	weir_auto_free char *out = NULL, *more = NULL, *less = NULL;
	struct plan_files f;
	struct weir_err err;

	plan_files_new(&f, PLAN_NAT_PER_ZONE);
	traffic_write(&f);
	CHECK(RUN(&f, false, &out, &err, "--budget", "18.24") == CLI_NOT_WELL, "%s", err.text);
	CHECK(strstr(out, "\nOver the budget of 18.24 USD a month.\n"), "printed:\n%s", out);
	CHECK(RUN(&f, false, &more, &err, "--budget", "18.25") == 0, "exactly the budget is within");
	plan_files_fini(&f);
	plan_files_new(&f, PLAN_GATEWAY_ENDPOINT);
	traffic_write(&f);
	CHECK(RUN(&f, false, &less, &err, "--budget", "0") == 0, "less is within: %s", err.text);
	plan_files_fini(&f);
}

TEST(a_plan_as_json)
{
	weir_auto_free char *out = NULL;
	struct plan_files f;
	struct weir_err err;
	json_t *o, *total, *resource;

	plan_files_new(&f, PLAN_NO_NAT);
	traffic_write(&f);
	CHECK(RUN(&f, true, &out, &err, "--budget", "1") == 0, "%s", err.text);
	o = json_loads(out, 0, NULL);
	total = json_object_get(o, "total");
	resource = json_array_get(json_object_get(o, "resources"), 0);
	CHECK(json_integer_value(json_object_get(total, "difference_nanos")) == -(80300000000 + 32850000000), "printed: %s", out);
	CHECK(json_integer_value(json_object_get(total, "low_nanos")) < -113150000000, "low");
	CHECK(json_integer_value(json_object_get(o, "unpriced_after_bytes")) == 1460 * 1073741824ll, "unpriced");
	CHECK(json_integer_value(json_object_get(o, "hours")) == 48 && json_is_false(json_object_get(o, "over_budget")), "hours");
	CHECK(!strcmp(json_string_value(json_object_get(resource, "change")), "gone") &&
	      !strcmp(json_string_value(json_object_get(resource, "name")), "nat-a"), "resource");
	CHECK(json_array_size(json_object_get(o, "paths")) > 1 && json_array_size(json_object_get(o, "teams")) == 2, "lines");
	json_decref(o);
	plan_files_fini(&f);
}

TEST(traffic_of_other_networks_is_told)
{
	weir_auto_free char *out = NULL;
	struct plan_files f;
	struct weir_err err;

	plan_files_new(&f, PLAN_GATEWAY_ENDPOINT);
	plan_write(f.traffic, HEADER "2026-11-24T00:00:00Z,aws/9/x,10.0.4.6,52.216.0.9,egress,1,t\n");
	CHECK(RUN(&f, false, &out, &err, "--markdown") == 0, "%s", err.text);
	CHECK(strstr(out, "\n- none of the 1 rows of traffic is of a subnet of these networks"), "printed:\n%s", out);
	CHECK(strstr(out, " No interval: it needs two whole days."), "printed:\n%s", out);
	plan_files_fini(&f);
}

TEST(no_traffic_is_an_error)
{
	weir_auto_free char *out = NULL;
	struct plan_files f;
	struct weir_err err;

	plan_files_new(&f, PLAN_GATEWAY_ENDPOINT);
	plan_write(f.traffic, HEADER);
	CHECK(RUN(&f, false, &out, &err, NULL) == -ENODATA && strstr(err.text, "no traffic is recorded there"), "%s", err.text);
	plan_files_fini(&f);
}

#define ITEM(hour)                                                                                               \
	"{\"hour_s\":" hour ",\"domain\":\"" PLAN_DOMAIN "\",\"local\":\"10.0.4.6\",\"peer\":\"52.216.0.9\",\"path\":\"nat\"," \
	"\"direction\":\"egress\",\"protocol\":6,\"opened\":\"local\",\"port\":443,\"bytes\":1073741824,\"packets\":2," \
	"\"team\":\"data\"}"

TEST(traffic_of_the_aggregator)
{
	struct answer a = {.status = "200 OK", .body = "{\"items\":[" ITEM("1793484000") "]}"};
	weir_auto_free char *out = NULL;
	struct plan_files f;
	struct weir_err err;

	plan_files_new(&f, PLAN_GATEWAY_ENDPOINT);
	CHECK(!ASK(&a, &out, &err, "plan-cost", "--plan", f.plan, "--since", "3h", "--prices", "policies", "--topology", "policies"),
	      "%s", err.text);
	CHECK(!strcmp(a.request, "GET /api/v1/traffic?from=1793480400&to=1793491200&limit=5000 HTTP/1.1"), "%s", a.request);
	CHECK(!strncmp(out, "-40.15 USD a month", 18), "730 GiB x 0.055: %s", out);
	plan_files_fini(&f);
}

TEST_MAIN(T(a_plan_as_tables), T(a_plan_for_a_pull_request), T(over_the_budget_is_not_well), T(a_plan_as_json),
	  T(traffic_of_other_networks_is_told), T(no_traffic_is_an_error), T(traffic_of_the_aggregator))
