/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl assess on the month that tests/assess/make writes: by hand, its refusals, and docs/assess.md to the letter. */
#include "lib/ds/buf.h"
#include "lib/money/traffic.h"
#include "lib/os/file.h"
#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#include <jansson.h>
#include <sys/stat.h>

#define GIB 1073741824.0
#define WORDS_MAX 40

struct room {
	char dir[64];
};
static struct room month; /* is written once */

static void room_remove(void)
{
	weir_auto_free char *command = weir_strf("rm -rf %s", month.dir);

	if (command && system(command))
		printf("# %s is left\n", month.dir);
}

static const struct room *room(void)
{
	weir_auto_free char *command = NULL;

	if (*month.dir)
		return &month;
	snprintf(month.dir, sizeof(month.dir), "/tmp/weir-cli-assess-XXXXXX");
	if (!mkdtemp(month.dir) || atexit(room_remove) || !(command = weir_strf("tests/assess/make %s", month.dir)) || system(command))
		abort();
	return &month;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

/* Words between blanks; a % is the room's directory. */
static int run(const struct room *m, const char *line, char **ret_out, struct weir_err *err)
{
	char *argv[WORDS_MAX], *words[WORDS_MAX], *save = NULL; /* argv is moved about */
	weir_auto_free char *copy = strdup(line);
	int argc = 0, r;

	for (char *p = strtok_r(copy, " \n", &save); p && argc < WORDS_MAX; p = strtok_r(NULL, " \n", &save))
		argv[argc++] = *p == '%' ? weir_strf("%s%s", m->dir, p + 1) : strdup(p);
	memcpy(words, argv, sizeof(words));
	r = cli_fixture_run((struct cli){0}, argc, argv, ret_out, err);
	while (argc)
		free(words[--argc]);
	return r;
}

#define FILES "--bill %/cur.csv --topology %/state.json --ranges %/ip-ranges.json --flowlogs %/flowlogs --prices policies"

static json_t *assess(struct test_state *test_st, const struct room *m, const char *line)
{
	weir_auto_free char *out = NULL;
	struct weir_err err;
	json_t *root;

	CHECK(run(m, line, &out, &err) == 0, "%s", err.text);
	root = json_loads(out, 0, NULL);
	CHECK(root != NULL, "%s", out);
	return root;
}

static json_int_t number(const json_t *root, const char *list, const char *field, const char *key, const char *value)
{
	const json_t *o;
	size_t i;

	json_array_foreach (json_object_get(root, list), i, o)
		if (!strcmp(json_string_value(json_object_get(o, field)), key))
			return json_integer_value(json_object_get(o, value));
	return -1;
}

/*
 * By hand, 744 hours, of which batch is logged in 576. In GiB: NAT gateway 2 and 0.25 an hour, and batch's 0.25; between
 * zones 1.5 an hour at both ends, and what comes to the gateway from the other zone; to the internet db and batch.
 */
#define NAT_GIB (2.25 * 744 + 0.25 * 576) /* 1,818 */
#define OUT_GIB (0.25 * 744 + 0.25 * 576) /* 330, of which 100 are free */
#define ZONE_GIB (1.5 * 2 * 744)	  /* 2,232 */

TEST(a_month_by_hand)
{
	json_t *root;
	const json_t *logs, *total;
	const struct room *m = room();

	root = assess(test_st, m, "--json assess " FILES);
	logs = json_object_get(root, "logs");
	CHECK(json_integer_value(json_object_get(logs, "hours")) == 744 && json_integer_value(json_object_get(logs, "files")) == 31);
	/* Four rows of shop and db, three of each way through the gateway. */
	CHECK(json_integer_value(json_object_get(json_object_get(logs, "rows"), "aws-vpc")) == 744 * 10 + 576 * 3);
	CHECK(json_integer_value(json_object_get(logs, "gateway_bytes")) == (json_int_t)(NAT_GIB * GIB), "its own interface is nobody's");
	CHECK(json_integer_value(json_object_get(logs, "counted_bytes")) == (json_int_t)((NAT_GIB + ZONE_GIB) * GIB));
	CHECK(json_integer_value(json_object_get(logs, "differing_bytes")) == 0);
	CHECK(number(root, "meters", "meter", "nat-processing", "measured_nanos") == 81810000000, "1,818 * 0.045");
	CHECK(number(root, "meters", "meter", "nat-gateway-hour", "measured_nanos") == 33480000000, "744 * 0.045");
	CHECK(number(root, "meters", "meter", "cross-zone", "measured_nanos") == 25620000000, "(2,232 + 330) * 0.01");
	CHECK(number(root, "meters", "meter", "internet-out", "measured_nanos") == 24480000000,
	      "the bill's other 42 GiB took of the free 100: (330 - 58) * 0.09");
	/* What the bill has and no log: batch's last week, 42 GiB, and 500 GiB of a database; 42 of 372 GiB of 24.48. */
	CHECK(number(root, "meters", "meter", "nat-processing", "unattributed_nanos") == 1890000000, "42 * 0.045");
	CHECK(number(root, "meters", "meter", "cross-zone", "unattributed_nanos") == 5420000001, "(500 + 42) * 0.01, and of two lines a nano of rounding");
	CHECK(number(root, "meters", "meter", "internet-out", "unattributed_nanos") == 2763870968, "24.48 * 42 / 372");
	CHECK(number(root, "owners", "owner", "i-shop", "measured_nanos") == 78120000000, "1,488 * 0.045 + 1,116 * 0.01");
	CHECK(number(root, "owners", "owner", "i-shop", "bytes") == (json_int_t)((1488 + 1116) * GIB));
	CHECK(number(root, "owners", "owner", "nat-gateway-hour nat-0shop", "measured_nanos") == 33480000000);
	CHECK(number(root, "owners", "owner", "i-nobody", "bytes") == -1 && number(root, "owners", "owner", "eni-nat", "bytes") == -1);
	CHECK(number(root, "paths", "path", "cross-zone", "measured_nanos") == 22320000000 &&
	      number(root, "paths", "path", "nat", "bytes") == (json_int_t)(NAT_GIB * GIB));
	CHECK(number(root, "resources", "resource", "arn:aws:ec2:us-east-1:444444444444:natgateway/nat-0shop", "billed_nanos") ==
	      83700000000 + 33480000000);
	/* 2 GiB an hour through a gateway endpoint instead, of 730 hours a month: 1,460 * 0.045. */
	CHECK(json_integer_value(json_object_get(json_object_get(json_object_get(root, "savings"), "total"), "month_nanos")) == 65700000000);
	CHECK(number(json_object_get(root, "savings"), "items", "saving", "R01-41efab1e", "low_nanos") == 65700000000);
	CHECK(json_integer_value(json_object_get(root, "elsewhere_nanos")) == 60710400000, "744 * 0.0816 of a machine");
	total = json_object_get(root, "total");
	CHECK(json_integer_value(json_object_get(total, "billed_nanos")) == 172700000000);
	CHECK(json_integer_value(json_object_get(total, "measured_nanos")) + json_integer_value(json_object_get(total, "adjusted_nanos")) +
		      json_integer_value(json_object_get(total, "unattributed_nanos")) == 172700000000, "the parts are the bill");
	json_decref(root);
}

/* One day of the month: its 12 GiB to the internet are behind the bill's other 360, so none of them is free. */
TEST(a_day_is_not_the_months_first)
{
	const struct room *m = room();
	json_t *root = assess(test_st, m, "--json assess --bill %/cur.csv --topology %/state.json --ranges %/ip-ranges.json --flowlogs "
					  "%/flowlogs/2026/10/05 --prices policies");

	CHECK(json_integer_value(json_object_get(json_object_get(root, "logs"), "hours")) == 24);
	CHECK(number(root, "meters", "meter", "internet-out", "measured_nanos") == 1080000000, "12 * 0.09");
	CHECK(number(root, "meters", "meter", "internet-out", "unattributed_nanos") == 24480000000 * 360 / 372 + 1, "24.48 * 360 / 372");
	CHECK(number(json_object_get(root, "savings"), "items", "saving", "R01-41efab1e", "month_nanos") == 65700000000);
	json_decref(root);
}

/* Shares of owners, and of paths, are what of the bill is explained, to the nano-unit; so are those of resources. */
TEST(parts_sum_to_the_bill)
{
	static const char *const lists[][2] = {{"owners", "share_nanos"}, {"paths", "share_nanos"}, {"resources", "explained_nanos"}};
	json_t *root, *o;
	json_int_t explained;
	const struct room *m = room();

	root = assess(test_st, m, "--json assess --limit 1 " FILES);
	o = json_object_get(root, "total");
	explained = json_integer_value(json_object_get(o, "billed_nanos")) - json_integer_value(json_object_get(o, "unattributed_nanos"));
	for (size_t l = 0; l < 3; l++) {
		json_int_t sum = 0;
		size_t i;

		json_array_foreach (json_object_get(root, lists[l][0]), i, o)
			sum += json_integer_value(json_object_get(o, lists[l][1]));
		CHECK(sum == explained, "%s: %lld of %lld", lists[l][0], (long long)sum, (long long)explained);
		CHECK(json_array_size(json_object_get(root, lists[l][0])) == 2, "one, and all others");
	}
	json_decref(root);
}

/* Where an agent reports for shop in one hour, its row is taken: 7 GiB instead of the log's 3.5, of which 2 by the gateway. */
TEST(agents_go_before_logs)
{
	char path[96], text[1024];
	json_t *root;
	const struct room *m = room();

	snprintf(path, sizeof(path), "%s/agents.csv", m->dir);
	{
		weir_auto_buf struct weir_buf b = {0};
		struct weir_traffic t = {.hour_s = 1790812800, .domain = "aws/444444444444/vpc-0shop", .path = WEIR_PATH_NAT, .dir = 1, .proto = 6,
					 .opened = true, .port = 443, .bytes = 7ull << 30, .packets = 1, .node = "n1", .namespace = "prod",
					 .workload = "shop", .kind = "pod", .team = "", .labels = "", .peer_namespace = "",
					 .peer_workload = "", .peer_team = ""};

		CHECK(!weir_addr_parse("10.20.1.10", &t.local) && !weir_addr_parse("52.216.7.7", &t.peer) && !weir_traffic_line(&t, &b));
		snprintf(text, sizeof(text), "%s%s", weir_traffic_header(), (char *)b.data);
	}
	write_file(path, text);
	root = assess(test_st, m, "--json assess --traffic %/agents.csv " FILES);
	CHECK(number(root, "owners", "owner", "prod/shop", "bytes") == 7ll << 30);
	CHECK(number(root, "owners", "owner", "i-shop", "bytes") == (json_int_t)(743 * 3.5 * GIB));
	/* What db's own interface says stays. */
	CHECK(number(root, "owners", "owner", "i-db", "bytes") == (json_int_t)(744 * 1.75 * GIB));
	CHECK(json_integer_value(json_object_get(json_object_get(root, "logs"), "agent_rows")) == 1);
	CHECK(json_integer_value(json_object_get(json_object_get(root, "logs"), "counted_bytes")) ==
	      (json_int_t)((NAT_GIB + ZONE_GIB - 3.5) * GIB));
	json_decref(root);
}

#define HEAD "lineItem/UsageAccountId,bill/PayerAccountId,bill/BillingPeriodStartDate,bill/BillingPeriodEndDate,lineItem/LineItemType," \
	"lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,lineItem/UsageType,lineItem/UsageAmount,"                  \
	"lineItem/CurrencyCode,lineItem/UnblendedCost,product/region,pricing/unit\n"
#define ROW(from, to, currency) "4,4," from "," to ",Usage," from "," to ",AmazonEC2,USE1-NatGateway-Bytes,10," currency ",1,us-east-1,GB\n"

TEST(what_cannot_be_assessed_is_said)
{
	static const struct {
		const char *line;
		int r;
		const char *says;
	} cases[] = {
		{"assess", -EINVAL, "--bill FILE, --topology FILE or DIR, and --flowlogs DIR are needed"},
		{"assess --bill x --topology x", -EINVAL, "are needed"},
		{"assess --limit 0 " FILES, -EINVAL, "--limit must be"},
		{"assess x", -EINVAL, "unexpected argument 'x'"},
		{"assess --bill %/none.csv --topology %/state.json --flowlogs %/flowlogs --prices policies", -ENOENT, "none.csv"},
		{"assess --bill %/cur.csv --topology %/none.json --flowlogs %/flowlogs --prices policies", -ENOENT, "none.json: cannot open"},
		{"assess --bill %/cur.csv --topology %/raw.json --flowlogs %/flowlogs --prices policies", -EINVAL, "terraform show -json"},
		{"assess --bill %/cur.csv --topology %/cur.csv --flowlogs %/flowlogs --prices policies", -EINVAL, "cur.csv:1: no JSON"},
		{"assess --bill %/cur.csv --topology %/flowlogs --flowlogs %/flowlogs --prices policies", -ENOENT, "no .yaml and no .json"},
		{"assess --bill %/cur.csv --topology %/state.json --flowlogs %/none --prices policies", -ENOENT, "none: cannot open"},
		{"assess --bill %/cur.csv --topology %/state.json --flowlogs %/empty --prices policies", -ENOENT, "there is no file in it"},
		{"assess --bill %/cur.csv --topology %/state.json --flowlogs %/state.json --prices policies", -ENODATA, "no flow in it that passed"},
		{"assess --bill %/cur.csv --topology %/state.json --flowlogs %/state.json --prices policies --strict", -EINVAL, "no flow log"},
		{"assess --bill %/june.csv --topology %/state.json --flowlogs %/flowlogs --prices policies", -EINVAL,
		 "the flow logs begin on 2026-10-01, and the bill is of another time"},
		{"assess --bill %/euro.csv --topology %/state.json --flowlogs %/flowlogs --prices policies", -EINVAL,
		 "prices are in USD, the bill in EUR; say with --rate"},
		{"assess --rate 0.9 " FILES, -EINVAL, "--rate: prices and bill are both in USD"},
		{"assess --rate x " FILES, -EINVAL, "is no rate"},
		{"assess --period 2026-13 " FILES, -EINVAL, "is no month"},
		{"assess --show R99-0 " FILES, -ENOENT, "nothing was found that is called 'R99-0'"},
	};
	weir_auto_free char *empty = NULL, *raw = NULL, *june = NULL, *euro = NULL;
	const struct room *m = room();

	empty = weir_strf("%s/empty", m->dir);
	raw = weir_strf("%s/raw.json", m->dir);
	june = weir_strf("%s/june.csv", m->dir);
	euro = weir_strf("%s/euro.csv", m->dir);
	mkdir(empty, 0700);
	write_file(raw, "{\"version\":4,\"terraform_version\":\"1.9.0\",\"lineage\":\"x\",\"resources\":[]}");
	write_file(june, HEAD ROW("2026-06-01", "2026-07-01", "USD"));
	write_file(euro, HEAD ROW("2026-10-01", "2026-11-01", "EUR"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		weir_auto_free char *out = NULL;
		struct weir_err err;
		int r = run(m, cases[i].line, &out, &err);

		CHECK(r == cases[i].r && strstr(err.text, cases[i].says), "%s: %d %s", cases[i].line, r, err.text);
	}
}

/* 0.9 euro a dollar: what was measured in dollars is of a bill in euro. */
TEST(currencies_need_a_rate)
{
	weir_auto_free char *euro = NULL;
	json_t *root;
	const struct room *m = room();

	euro = weir_strf("%s/euro.csv", m->dir);
	write_file(euro, HEAD ROW("2026-10-01", "2026-11-01", "EUR"));
	root = assess(test_st, m, "--json assess --bill %/euro.csv --topology %/state.json --flowlogs %/flowlogs --prices policies --rate 0.9");
	CHECK(!strcmp(json_string_value(json_object_get(root, "currency")), "EUR"));
	CHECK(number(root, "owners", "owner", "nat-gateway-hour nat-0shop", "measured_nanos") == 30132000000, "33.48 * 0.9");
	/* Without ranges S3 is the internet, and what the rules know of is another. */
	CHECK(json_integer_value(json_object_get(json_object_get(root, "logs"), "unranged_bytes")) == (json_int_t)(2 * 744 * GIB));
	json_decref(root);
}

/* The same network as documents of our own, in a repository of nothing else: the same answer. */
TEST(a_topology_of_documents_is_the_same)
{
	weir_auto_free char *dir = NULL, *import = NULL, *out = NULL, *one = NULL, *two = NULL;
	struct weir_err err;
	const struct room *m = room();

	dir = weir_strf("%s/repo/topology", m->dir);
	CHECK(weir_mkdir_p(dir, 0700) == 0);
	import = weir_strf("import topology --from terraform %s/state.json --out %s/shop.yaml", m->dir, dir);
	CHECK(run(m, import, &out, &err) == 0, "%s", err.text);
	CHECK(run(m, "--json assess " FILES, &one, &err) == 0, "%s", err.text);
	CHECK(run(m, "--json assess --bill %/cur.csv --topology %/repo --ranges %/ip-ranges.json --flowlogs %/flowlogs --prices policies", &two,
		  &err) == 0, "%s", err.text);
	CHECK(one && two && !strcmp(one, two), "%s %s", one, two);
}

/* 1,000 of 1,050 GB (10^9) out of Azure's zone 1 at 0.087: the 50 that nobody logged came first, and 50 more are free. */
TEST(azure_from_its_own_files)
{
	static const char nsg[] =
		"{\"records\":[{\"time\":\"2026-10-05T00:00:00Z\",\"macAddress\":\"0022\",\"category\":\"NetworkSecurityGroupFlowEvent\",\"resourceId\":"
		"\"/SUBSCRIPTIONS/0000-1111/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/N\",\"properties\":{\"Version\":2,"
		"\"flows\":[{\"rule\":\"r\",\"flows\":[{\"mac\":\"0022\",\"flowTuples\":["
		"\"1791158400,10.11.1.6,198.51.100.9,40000,443,T,O,A,E,9,1000000000000,9,5000\"]}]}]}}]}";
	weir_auto_free char *log = NULL, *bill = NULL;
	const struct room *m = room();
	json_t *root;

	log = weir_strf("%s/nsg.json", m->dir);
	bill = weir_strf("%s/azure.csv", m->dir);
	write_file(log, nsg);
	write_file(bill, "SubscriptionId,BillingAccountId,BillingPeriodStartDate,BillingPeriodEndDate,Date,MeterCategory,MeterSubCategory,MeterName,"
			 "ResourceLocation,UnitOfMeasure,Quantity,CostInBillingCurrency,BillingCurrencyCode,ChargeType\n"
			 "0000-1111,77,10/01/2026,10/31/2026,10/05/2026,Bandwidth,Rtn Preference: MGN,Standard Data Transfer Out,westeurope,1 GB,"
			 "1050,82.65,USD,Usage\n");
	root = assess(test_st, m, "--json assess --bill %/azure.csv --topology tests/import/azure-vnets.json --flowlogs %/nsg.json --prices policies");
	CHECK(number(root, "paths", "path", "internet", "measured_nanos") == 82650000000, "950 * 0.087");
	CHECK(number(root, "owners", "owner", "0022", "bytes") == 1000000005000);
	CHECK(number(root, "meters", "meter", "internet-out", "billed_nanos") == 82650000000 &&
	      number(root, "meters", "meter", "internet-out", "measured_nanos") == 82650000000);
	CHECK(json_integer_value(json_object_get(json_object_get(root, "logs"), "sampled_bytes")) == 0);
	json_decref(root);
}

/* Through Cloud NAT, all of it sampled; a log of the firewall in the same sink is passed over. */
TEST(google_from_its_own_files)
{
	static const char flows[] =
		"{\"logName\":\"projects/shop/logs/compute.googleapis.com%2Ffirewall\",\"jsonPayload\":{}}\n"
		"{\"logName\":\"projects/shop/logs/compute.googleapis.com%2Fvpc_flows\",\"jsonPayload\":{\"bytes_sent\":\"10737418240\",\"packets_sent\":"
		"\"9\",\"connection\":{\"src_ip\":\"10.30.1.4\",\"src_port\":40000,\"dest_ip\":\"198.18.9.9\",\"dest_port\":443,\"protocol\":6},"
		"\"reporter\":\"SRC\",\"src_instance\":{\"project_id\":\"shop\",\"vm_name\":\"web\"},\"src_vpc\":{\"project_id\":\"shop\","
		"\"vpc_name\":\"net\"},\"start_time\":\"2026-10-05T00:00:00Z\",\"end_time\":\"2026-10-05T00:00:05Z\"}}\n";
	weir_auto_free char *log = NULL, *bill = NULL, *out = NULL;
	const struct room *m = room();
	struct weir_err err;
	json_t *root;

	log = weir_strf("%s/flows.ndjson", m->dir);
	bill = weir_strf("%s/gcp.csv", m->dir);
	write_file(log, flows);
	write_file(bill, "billing_account_id,usage_start_time,usage_end_time,project.id,service.description,sku.description,location.region,cost,currency,"
			 "usage.amount,usage.unit,invoice.month\n"
			 "01,2026-10-05 00:00:00 UTC,2026-10-06 00:00:00 UTC,shop,Compute Engine,Network Internet Egress from Americas to Americas,us-east1,"
			 "1.08,USD,10737418240,bytes,202610\n");
#define GCP "assess --bill %/gcp.csv --topology tests/import/terraform-google.json --flowlogs %/flows.ndjson --prices policies"
	root = assess(test_st, m, "--json " GCP);
	/* 10 GiB: (10 - 1 that is free) * 0.12, and what Cloud NAT takes for each. */
	CHECK(number(root, "paths", "path", "nat", "bytes") == 10737418240 && number(root, "owners", "owner", "web", "measured_nanos") ==
	      1080000000 + 450000000, "%lld", (long long)number(root, "owners", "owner", "web", "measured_nanos"));
	CHECK(json_integer_value(json_object_get(json_object_get(root, "logs"), "sampled_rows")) == 1 &&
	      json_integer_value(json_object_get(json_object_get(root, "logs"), "foreign_rows")) == 1);
	json_decref(root);
	CHECK(run(m, GCP, &out, &err) == 0 && strstr(out, "100.0 % of the bytes are estimates: GCP looks at about 1 packet in 30"), "%s", out);
}

#define BAD "--bill %/cur.csv --topology %/state.json --flowlogs %/bad.log --prices policies"
/* What aws describe-* printed, a file each in one folder. */
TEST(a_topology_of_descriptions)
{
	weir_auto_free char *command = NULL;
	const struct room *m = room();
	json_t *root;

	command = weir_strf("mkdir %s/aws && cp tests/import/aws-*.json %s/aws", m->dir, m->dir);
	CHECK(command && system(command) == 0);
	root = assess(test_st, m, "--json assess --bill %/cur.csv --topology %/aws --flowlogs %/flowlogs --prices policies");
	/* Of another network: no subnet of it holds 10.20.1.10. */
	CHECK(number(root, "owners", "owner", "nat-gateway-hour nat-0a", "measured_nanos") == 33480000000);
	CHECK(number(root, "paths", "path", "unknown", "bytes") > 0 && number(root, "paths", "path", "unknown", "measured_nanos") == 0);
	json_decref(root);
}

/* A bad row is told and counted, and ends it under --strict. */
TEST(bad_rows_are_counted)
{
	weir_auto_free char *path = NULL, *out = NULL;
	struct weir_err err;
	json_t *root;
	const struct room *m = room();

	path = weir_strf("%s/bad.log", m->dir);
	write_file(path, "srcaddr dstaddr bytes start interface-id\n10.20.1.10 10.20.2.20 x 1790812800 e\n10.20.1.10 10.20.2.20 5 1790812800 e\n");
	root = assess(test_st, m, "--json assess " BAD);
	CHECK(json_integer_value(json_object_get(json_object_get(root, "logs"), "bad_rows")) == 1);
	json_decref(root);
	CHECK(run(m, "assess --strict " BAD, &out, &err) == -EBADMSG && strstr(err.text, "bad.log:2: bytes is no such number"), "%s", err.text);
}

/* Without packets' addresses the gateway's interface is known by what Terraform says of it. */
TEST(the_default_format_knows_the_gateway)
{
	weir_auto_free char *path = NULL;
	const struct room *m = room();
	json_t *root;

	path = weir_strf("%s/v2.log", m->dir);
	write_file(path, "2 444444444444 eni-shop 10.20.1.10 198.51.100.9 41000 443 6 7 7000 1790812800 1790812860 ACCEPT OK\n"
			 "2 444444444444 eni-nat 10.20.1.10 10.20.0.5 41000 443 6 7 7000 1790812800 1790812860 ACCEPT OK\n"
			 "2 444444444444 eni-nat 10.20.0.5 198.51.100.9 51000 443 6 7 7000 1790812800 1790812860 ACCEPT OK\n");
	root = assess(test_st, m, "--json assess --bill %/cur.csv --topology %/state.json --flowlogs %/v2.log --prices policies");
	CHECK(number(root, "owners", "owner", "eni-shop", "bytes") == 7000 && number(root, "owners", "owner", "eni-nat", "bytes") == -1);
	CHECK(json_integer_value(json_object_get(json_object_get(root, "logs"), "counted_bytes")) == 7000);
	json_decref(root);
}

/* Commands behind "$ " of docs/assess.md, whose output stands below them. */
static void follow(struct test_state *test_st, const char *command, const char *expect)
{
	weir_auto_free char *out = NULL;
	struct weir_err err = {0};

	if (strncmp(command, "weirctl ", 8) != 0) {
		CHECK(system(command) == 0, "%s", command);
		return;
	}
	CHECK(run(NULL, command + 8, &out, &err) == 0, "%s: %s", command, err.text);
	CHECK(out && !strcmp(out, expect), "%s says\n%s\nand docs/assess.md\n%s", command, out, expect);
}

TEST(the_walk_through_is_true)
{
	weir_auto_free char *text = NULL, *command = NULL;
	weir_auto_buf struct weir_buf expect = {0};
	char *save = NULL;
	bool inside = false;
	size_t len, commands = 0;

	CHECK(weir_file_read("docs/assess.md", 1 << 20, &text, &len) == 0);
	for (char *line = text ? strsep((save = text, &save), "\n") : NULL; line; line = strsep(&save, "\n")) {
		bool fence = !strncmp(line, "```", 3);

		if (command && (fence || !strncmp(line, "$ ", 2))) {
			follow(test_st, command, expect.data ? (char *)expect.data : "");
			free(weir_take_ptr(command));
			weir_buf_fini(&expect);
			expect = (struct weir_buf){0};
		}
		inside = fence ? !inside && !strcmp(line, "```console") : inside;
		if (!inside || fence)
			continue;
		if (!strncmp(line, "$ ", 2)) {
			command = strdup(line + 2);
			commands++;
		} else if (command && command[strlen(command) - 1] == '\\') { /* goes on */
			char *more = weir_strf("%.*s%s", (int)strlen(command) - 1, command, line);

			free(command);
			command = more;
		} else if (command) {
			CHECK(weir_buf_addf(&expect, "%s\n", line) == 0);
		}
	}
	CHECK(commands >= 2, "%zu commands", commands);
}

TEST_MAIN(T(a_month_by_hand), T(a_day_is_not_the_months_first), T(parts_sum_to_the_bill), T(agents_go_before_logs), T(what_cannot_be_assessed_is_said),
	  T(currencies_need_a_rate), T(a_topology_of_documents_is_the_same), T(a_topology_of_descriptions), T(azure_from_its_own_files), T(google_from_its_own_files), T(bad_rows_are_counted), T(the_default_format_knows_the_gateway), T(the_walk_through_is_true))
