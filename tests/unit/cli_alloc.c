/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl cost by owner: pages of the aggregator as one table, with the method below it. */
#include "tests/lib/answer_fixture.h"
#include "tests/lib/test.h"

#include <jansson.h>

#define OK "200 OK"
#define HEAD "{\"currency\":\"USD\",\"by\":\"team\",\"payer\":\"sender\",\"from\":1795496400,\"to\":1795503600,"

static const char first_page[] =
	HEAD "\"next\":1795500000,\"total\":{\"bytes\":100,\"direct_nanos\":1000000000,\"proxy_nanos\":2000000000,\"shared_nanos\":0,\"nanos\":3000000000,\"amount\":\"3.00\"},\"items\":["
	     "{\"owner\":\"data\",\"kind\":\"owner\",\"bytes\":90,\"direct_nanos\":1000000000,\"proxy_nanos\":500000000,\"shared_nanos\":0,"
	     "\"nanos\":1500000000,\"amount\":\"1.50\"},"
	     "{\"owner\":\"shop\",\"kind\":\"owner\",\"bytes\":10,\"direct_nanos\":0,\"proxy_nanos\":1500000000,\"shared_nanos\":0,"
	     "\"nanos\":1500000000,\"amount\":\"1.50\"}],"
	     "\"shares\":[{\"owner\":\"shop\",\"kind\":\"owner\",\"how\":\"proxy\",\"via\":\"in/nginx\",\"bytes\":1,\"nanos\":1500000000},"
	     "{\"owner\":\"data\",\"kind\":\"owner\",\"how\":\"proxy\",\"via\":\"in/nginx,2\",\"bytes\":0,\"nanos\":500000000}],"
	     "\"proxies\":[{\"proxy\":\"in/nginx\",\"namespace\":\"s\",\"workload\":\"web\",\"bytes\":300,\"nanos\":1500000000},"
	     "{\"proxy\":\"in/nginx\",\"namespace\":\"d\",\"workload\":\"api\",\"bytes\":100,\"nanos\":500000000}]}";
static const char second_page[] =
	HEAD "\"total\":{\"bytes\":5,\"direct_nanos\":2000000000,\"proxy_nanos\":0,\"shared_nanos\":45000000,\"nanos\":2045000000,\"amount\":\"2.045\"},\"items\":["
	     "{\"owner\":\"shop\",\"kind\":\"owner\",\"bytes\":5,\"direct_nanos\":2000000000,\"proxy_nanos\":0,\"shared_nanos\":0,"
	     "\"nanos\":2000000000,\"amount\":\"2.00\"},"
	     "{\"owner\":\"\",\"kind\":\"idle\",\"bytes\":0,\"direct_nanos\":0,\"proxy_nanos\":0,\"shared_nanos\":45000000,"
	     "\"nanos\":45000000,\"amount\":\"0.045\"}],"
	     "\"shares\":[{\"owner\":\"\",\"kind\":\"idle\",\"how\":\"idle\",\"via\":\"aws/1/vpc/nat-a\",\"bytes\":0,\"nanos\":45000000}],"
	     "\"proxies\":[{\"proxy\":\"in/nginx\",\"namespace\":\"s\",\"workload\":\"web\",\"bytes\":400,\"nanos\":0}]}";

TEST(pages_are_one_table)
{
	struct answer a = {.status = OK, .body = first_page, .then = second_page};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "cost", "--by", "team", "--payer", "sender", "--since", "2h"), "%s", err.text);
	CHECK(strstr(a.request, "/api/v1/allocation?by=team&from=1795500000&payer=sender"), "%s", a.request);
	CHECK(!strcmp(out, "team    bytes    direct  by proxies     hours  cost USD\n"
			   "shop     15 B  2.000000    1.500000  0.000000  3.500000\n"
			   "data     90 B  1.000000    0.500000  0.000000  1.500000\n"
			   "(idle)    0 B  0.000000    0.000000  0.045000  0.045000\n"
			   "total   105 B  3.000000    2.000000  0.045000  5.045000\n"
			   "\n"
			   "payer: sender\n"
			   "proxy in/nginx: 87.50 % to s/web by 700 B between them: 1.500000 USD\n"
			   "proxy in/nginx: 12.50 % to d/api by 100 B between them: 0.500000 USD\n"
			   "aws/1/vpc/nat-a: idle: 0.045000 USD that nobody used\n"),
	      "%s", out);
}

TEST(pages_are_one_object)
{
	struct answer a = {.status = OK, .body = first_page, .then = second_page};
	weir_auto_free char *out = NULL;
	struct weir_err err;
	json_t *o = NULL;

	CHECK(!ASK(&a, &out, &err, "--json", "cost", "--by", "team", "--payer", "sender"), "%s", err.text);
	o = json_loads(out, 0, NULL);
	CHECK(json_integer_value(json_object_get(json_object_get(o, "total"), "nanos")) == 5045000000 &&
	      json_array_size(json_object_get(o, "items")) == 3 && !json_object_get(o, "next"), "%s", out);
	json_decref(o);
}

/* The same pages: rows sum to 5.045, and bytes to 105. */
TEST(pages_are_one_file)
{
	struct answer a = {.status = OK, .body = first_page, .then = second_page};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "export", "allocation", "--since", "2h"), "%s", err.text);
	CHECK(!strcmp(out, "from,to,by,owner,kind,payer,how,through,bytes,nanos,amount,currency\n"
			   "2026-11-24T05:00:00Z,2026-11-24T07:00:00Z,team,shop,owner,sender,proxy,in/nginx,1,1500000000,1.500000000,USD\n"
			   "2026-11-24T05:00:00Z,2026-11-24T07:00:00Z,team,shop,owner,sender,direct,,14,2000000000,2.000000000,USD\n"
			   "2026-11-24T05:00:00Z,2026-11-24T07:00:00Z,team,data,owner,sender,proxy,\"in/nginx,2\",0,500000000,0.500000000,USD\n"
			   "2026-11-24T05:00:00Z,2026-11-24T07:00:00Z,team,data,owner,sender,direct,,90,1000000000,1.000000000,USD\n"
			   "2026-11-24T05:00:00Z,2026-11-24T07:00:00Z,team,,idle,sender,idle,aws/1/vpc/nat-a,0,45000000,0.045000000,USD\n"),
	      "%s", out);
}

TEST(an_answer_that_is_none_is_said)
{
	struct answer a = {.status = OK, .body = "{\"items\":3}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(ASK(&a, &out, &err, "cost", "--by", "cost-centre") == -EPROTO && strstr(err.text, "is no allocation"), "%s", err.text);
}

TEST(coverage_is_two_tables)
{
	struct answer a = {.status = OK,
			   .body = "{\"currency\":\"USD\",\"where\":\"namespace\",\"total\":{\"bytes\":4,\"nanos\":4000000000},"
				   "\"resources\":{\"nanos\":45000000},\"labels\":[{\"label\":\"team|app\",\"covered_bytes\":1,"
				   "\"covered_nanos\":3000000000,\"missing_bytes\":3,\"missing_nanos\":1000000000}],"
				   "\"items\":[{\"label\":\"team|app\",\"namespace\":\"data\",\"bytes\":3,\"nanos\":1000000000}],\"hidden\":2}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "cost", "coverage", "--labels", "team|app", "--where", "namespace", "--limit", "1"), "%s", err.text);
	CHECK(strstr(a.request, "where=namespace&from=1793404800&limit=1&labels=team%7capp"), "%s", a.request);
	CHECK(!strcmp(out, "label     of cost  of bytes  cost without  bytes without\n"
			   "team|app  75.0 %   25.0 %        1.000000            3 B\n"
			   "hours of gateways and load balancers, which have no labels: 0.045000\n"
			   "\n"
			   "missing   namespace  bytes      cost\n"
			   "team|app  data         3 B  1.000000\n"
			   "and 2 more (--limit)\n"),
	      "%s", out);
}

TEST(an_amount_with_all_that_it_rests_on)
{
	struct answer a = {
		.status = OK,
		.body = "{\"currency\":\"USD\",\"namespace\":\"shop\",\"workload\":\"web\",\"from\":1795496400,\"to\":1795500000,\"total\":{\"nanos\":91000000},"
			"\"identity\":[{\"node\":\"n1\",\"domain\":\"aws/1/vpc\",\"kind\":\"pod\",\"team\":\"shop\",\"labels\":\"{}\",\"cgroup\":\"/k/p\","
			"\"first_s\":1795496400,\"last_s\":1795496400,\"addresses\":[{\"address\":\"10.7.1.11\",\"since_s\":1795496500,\"until_s\":0}]}],"
			"\"items\":[{\"path\":\"nat\",\"meter\":\"nat-processing\",\"pool\":\"1/us-east-1\",\"month\":202611,\"bytes\":2147483648,"
			"\"nanos\":91000000,\"usage\":{\"before_bytes\":0,\"after_bytes\":2147483648},\"price\":{\"provider\":\"aws\",\"region\":\"us-east-1\","
			"\"unit\":\"GiB\",\"free_bytes\":0,\"layer\":\"list\",\"confidence\":\"high\",\"source\":\"AWS Price List\","
			"\"tiers\":[{\"from_bytes\":0,\"nanos_per_unit\":45000000},{\"from_bytes\":1073741824,\"nanos_per_unit\":46000000}]},"
			"\"flows\":[{\"local\":\"10.7.1.11\",\"peer\":\"203.0.113.9\",\"peer_namespace\":\"\",\"peer_workload\":\"\",\"direction\":\"egress\","
			"\"opened\":\"local\",\"port\":443,\"because\":\"route 0.0.0.0/0 via nat nat-a\",\"bytes\":1073741824,\"packets\":9,\"nanos\":45000000}],"
			"\"others\":{\"flows\":2,\"bytes\":1073741824,\"nanos\":46000000}}]}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "cost", "explain", "--workload", "shop/web", "--path", "nat", "--since", "1h"), "%s", err.text);
	CHECK(strstr(a.request, "/cost/explain?namespace=shop&workload=web&path=nat&from=1793487600&flows=5"), "%s", a.request);
	CHECK(!strcmp(out, "shop/web paid 0.091000 USD from 2026-11-24T05:00:00Z to 2026-11-24T06:00:00Z\n"
			   "who      pod on node n1 of aws/1/vpc, team shop\n"
			   "         cgroup /k/p\n"
			   "         labels {}\n"
			   "         paid in the hours from 2026-11-24T05:00:00Z to 2026-11-24T05:00:00Z\n"
			   "         held 10.7.1.11 since 2026-11-24T05:01:40Z\n"
			   "\n"
			   "0.091000 USD by nat-processing on path nat, 2.00 GiB\n"
			   "  price  nat-processing of aws us-east-1 (list, confidence high): AWS Price List\n"
			   "         0.045 USD a GiB\n"
			   "         0.046 USD a GiB from 1.00 GiB\n"
			   "  usage  of pool 1/us-east-1 in 202611: 0 B before, 2.00 GiB after\n"
			   "  flow   0.045000: 1.00 GiB, 9 packets 10.7.1.11 -> 203.0.113.9 port 443 opened by the workload\n"
			   "         because route 0.0.0.0/0 via nat nat-a\n"
			   "  others 0.046000: 2 flows, 1.00 GiB\n"),
	      "%s", out);
}

/* Two questions: what the workload paid, and what is its when the sender pays. */
TEST(what_is_its_in_the_end)
{
	struct answer a = {
		.status = OK,
		.body = "{\"currency\":\"USD\",\"namespace\":\"s\",\"workload\":\"web\",\"from\":1795496400,\"to\":1795500000,\"total\":{\"nanos\":0},"
			"\"identity\":[],\"items\":[]}",
		.then = HEAD "\"total\":{\"nanos\":9},\"items\":[{\"owner\":\"s/web\",\"kind\":\"owner\",\"direct_nanos\":1000000,\"nanos\":46000000}],"
			     "\"shares\":[{\"owner\":\"s/web\",\"kind\":\"owner\",\"how\":\"proxy\",\"via\":\"in/nginx\",\"bytes\":1,\"nanos\":30000000},"
			     "{\"owner\":\"d/api\",\"kind\":\"owner\",\"how\":\"proxy\",\"via\":\"in/nginx\",\"bytes\":1,\"nanos\":10000000},"
			     "{\"owner\":\"s/web\",\"kind\":\"owner\",\"how\":\"shared evenly\",\"via\":\"aws/1/vpc/nat-a\",\"nanos\":15000000}],"
			     "\"proxies\":[{\"proxy\":\"in/nginx\",\"namespace\":\"s\",\"workload\":\"web\",\"bytes\":300,\"nanos\":30000000},"
			     "{\"proxy\":\"in/nginx\",\"namespace\":\"d\",\"workload\":\"api\",\"bytes\":100,\"nanos\":10000000}]}"};
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!ASK(&a, &out, &err, "cost", "explain", "--workload", "s/web", "--payer", "sender"), "%s", err.text);
	CHECK(strstr(a.request, "/api/v1/allocation?by=workload&from=1793487600&payer=sender"), "%s", a.request);
	CHECK(strstr(out, "\n0.046000 USD is its when the sender pays: direct 0.001000\n"
			  "  0.030000  in/nginx, proxy, 75.00 % of the bytes between it and those behind it (300 B)\n"
			  "  0.015000  aws/1/vpc/nat-a, shared evenly\n"), "%s", out);
}

static int run(const char *by, const char *option, const char *value, char **ret_out, struct weir_err *err)
{
	char *argv[] = {"cost", "--by", (char *)by, (char *)option, (char *)value};

	return cli_fixture_run((struct cli){.socket = "/nonexistent/weir.sock"}, value ? 5 : option ? 4 : 3, argv, ret_out, err);
}

TEST(usage_errors)
{
	static const struct {
		const char *by, *option, *value, *says;
	} cases[] = {
		{"path", "--payer", "sender", "one of team, namespace, workload, cost-centre, label:KEY"},
		{"team", "--payer", "both", "'both' is none of sender, receiver, initiator"},
		{"label:a&b", NULL, NULL, "'a&b' is no name of a label"},
		{"cost-centre", "--trend", NULL, "--compare and --trend are of the ledger"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *out = NULL;
		struct weir_err err = {{0}};

		CHECK(run(cases[i].by, cases[i].option, cases[i].value, &out, &err) == -EINVAL && strstr(err.text, cases[i].says), "%zu: %s",
		      i, err.text);
	}
}

TEST_MAIN(T(usage_errors), T(coverage_is_two_tables), T(an_amount_with_all_that_it_rests_on), T(what_is_its_in_the_end), T(pages_are_one_table), T(pages_are_one_object), T(pages_are_one_file), T(an_answer_that_is_none_is_said))
