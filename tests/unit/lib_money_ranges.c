/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Providers' range files: small ones of each kind, and AWS's own of $WEIR_DATA with its properties; the
 * provider's sample flow logs, whose traffic-path must name what the topology names.
 */
#include <jansson.h>
#include <zlib.h>

#include "lib/os/file.h"
#include "tests/lib/test.h"
#include "tests/lib/topology_fixture.h"

#define HEAD "apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
#define AWS "/finops/ip-ranges/aws-ip-ranges-2026-08-22.json.gz"

static const char aws[] =
	"{\"syncToken\":\"1\",\"prefixes\":["
	"{\"ip_prefix\":\"198.18.0.0/16\",\"region\":\"us-east-1\",\"service\":\"AMAZON\"},"
	"{\"ip_prefix\":\"198.18.0.0/16\",\"region\":\"us-east-1\",\"service\":\"EC2\"},"
	"{\"ip_prefix\":\"198.18.4.0/22\",\"region\":\"us-east-1\",\"service\":\"S3\"},"
	"{\"ip_prefix\":\"198.18.4.0/22\",\"region\":\"us-east-1\",\"service\":\"AMAZON\"},"
	"{\"ip_prefix\":\"198.18.5.0/24\",\"region\":\"us-east-1\",\"service\":\"AMAZON\"},"
	"{\"ip_prefix\":\"198.18.6.0/24\",\"region\":\"us-east-1\",\"service\":\"EC2\"},"
	"{\"ip_prefix\":\"198.19.0.0/24\",\"region\":\"GLOBAL\",\"service\":\"CLOUDFRONT_ORIGIN_FACING\"},"
	"{\"ip_prefix\":\"198.19.0.0/24\",\"region\":\"GLOBAL\",\"service\":\"CLOUDFRONT\"},"
	"{\"ip_prefix\":\"198.19.1.0/24\",\"region\":\"eu-west-1\",\"service\":\"AMAZON\"}],"
	"\"ipv6_prefixes\":[{\"ipv6_prefix\":\"2001:db8:5::/48\",\"region\":\"us-east-1\",\"service\":\"KINESIS_VIDEO_STREAMS\"}]}";
static const char gcp[] = "{\"prefixes\":[{\"ipv4Prefix\":\"203.0.113.0/25\",\"service\":\"Google Cloud\",\"scope\":\"us-east1\"},"
			  "{\"ipv6Prefix\":\"2001:db8:6::/48\",\"service\":\"Google Cloud\",\"scope\":\"global\"}]}";
static const char goog[] = "{\"prefixes\":[{\"ipv4Prefix\":\"203.0.113.0/24\"}]}";
static const char azure[] =
	"{\"changeNumber\":1,\"cloud\":\"Public\",\"values\":["
	"{\"name\":\"AzureCloud.westeurope\",\"properties\":{\"region\":\"westeurope\",\"addressPrefixes\":[\"192.0.2.0/24\"]}},"
	"{\"name\":\"Storage\",\"properties\":{\"region\":\"\",\"systemService\":\"AzureStorage\",\"addressPrefixes\":"
	"[\"192.0.2.64/26\",\"2001:db8:7::/48\"]}},"
	"{\"name\":\"Storage.WestEurope\",\"properties\":{\"region\":\"westeurope\",\"systemService\":\"AzureStorage\","
	"\"addressPrefixes\":[\"192.0.2.64/26\"]}}]}";

static int load(struct weir_topology **ret, const char *const *files, size_t n, struct weir_err *err)
{
	int r = weir_topology_new(ret);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = weir_topology_add_ranges(*ret, "ranges.json", files[i], strlen(files[i]), err);
	return r < 0 ? r : weir_topology_seal(*ret, err);
}

static struct weir_route_reason look(const struct weir_topology *t, const struct weir_addr *a)
{
	struct weir_route_reason why;

	weir_topology_reason(t, "", a, a, 0, &why);
	return why;
}

static void check_rows(struct test_state *test_st, const struct weir_topology *t, const char *const (*rows)[3], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct weir_route_reason why;
		struct weir_addr a;

		CHECK(weir_addr_parse(rows[i][0], &a) == 0, "%s", rows[i][0]);
		why = look(t, &a);
		CHECK(!strcmp(why.range_service, rows[i][1]), "%s: %s, want %s", rows[i][0], why.range_service, rows[i][1]);
		CHECK(!why.range_region || !strcmp(why.range_region, rows[i][2]), "%s: in %s", rows[i][0], why.range_region);
	}
}

TEST(each_provider_is_told_by_its_content)
{
	static const char *const files[] = {aws, goog, gcp, azure};
	static const char *const rows[][3] = {
		{"198.18.1.1", "aws/ec2", "us-east-1"},
		{"198.18.4.1", "aws/s3", "us-east-1"},
		{"198.18.5.1", "aws/s3", "us-east-1"}, /* a longer prefix of the whole does not take it away */
		{"198.18.6.1", "aws/s3", "us-east-1"}, /* nor one of customers' machines */
		{"198.19.0.1", "aws/cloudfront", ""},
		{"198.19.1.1", "aws/amazon", "eu-west-1"},
		{"2001:db8:5::1", "aws/kinesis-video-streams", "us-east-1"},
		{"203.0.113.1", "gcp/google-cloud", "us-east1"},
		{"203.0.113.200", "gcp/google", ""},
		{"2001:db8:6::1", "gcp/google-cloud", ""},
		{"192.0.2.1", "azure/azurecloud", "westeurope"},
		{"192.0.2.65", "azure/storage", "westeurope"},
		{"2001:db8:7::1", "azure/storage", ""},
		{"198.51.100.1", "", ""},
	};
	struct weir_topology *t = NULL;
	struct weir_err err = {0};

	CHECK(load(&t, files, WEIR_ARRAY_SIZE(files), &err) == 0, "%s", err.text);
	check_rows(test_st, t, rows, WEIR_ARRAY_SIZE(rows));
	weir_topology_free(t);
}

TEST(what_is_no_range_file_is_refused)
{
	static const char *const rows[][2] = {
		{"{", "ranges.json:1:1 .: string or '}' expected near end of file"},
		{"{\"prefixes\":[]}", "ranges.json: neither AWS's ip-ranges, GCP's cloud.json nor Azure's ServiceTags"},
		{"{\"prefixes\":[{\"ip_prefix\":\"10.0.0.1/8\",\"service\":\"S3\"}]}",
		 "ranges.json: '10.0.0.1/8' is no prefix of a service"},
		{"{\"prefixes\":[{\"ip_prefix\":\"0.0.0.0/0\",\"service\":\"S3\"}]}",
		 "ranges.json: '0.0.0.0/0' is no prefix of a service"},
		{"{\"prefixes\":[{\"ip_prefix\":\"10.0.0.0/8\"}]}", "ranges.json: entry 0 has no ip_prefix or no service"},
		{"{\"values\":[{\"name\":\"Storage\"}]}", "ranges.json: value 0 has no name or no addressPrefixes"},
		{"\x1f\x8b\x08 cut", "ranges.json: no whole gzip file"},
		{"", "ranges.json:1:0 .: '[' or '{' expected near end of file"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		struct weir_topology *t = NULL;
		struct weir_err err = {0};

		CHECK(load(&t, rows[i], 1, &err) < 0, "row %zu", i);
		CHECK(!strcmp(err.text, rows[i][1]), "got '%s', want '%s'", err.text, rows[i][1]);
		weir_topology_free(t);
	}
}

TEST(a_named_file_must_be_read_before_the_seal)
{
	struct topology_fixture w = {0};
	struct weir_err err = {0}, again = {0};

	CHECK(topology_fixture_load(&w, HEAD "  range_files: [ranges/aws.json]\n", "t.yaml", &err) == -EINVAL, "sealed");
	CHECK(!strcmp(err.text, "topology: range file 'ranges/aws.json' was not read"), "%s", err.text);
	CHECK(weir_topology_range_files(w.topology) == 1, "%zu", weir_topology_range_files(w.topology));
	CHECK(!strcmp(weir_topology_range_file(w.topology, 0), "ranges/aws.json"), "name");
	CHECK(weir_topology_add_ranges(w.topology, "aws.json", aws, sizeof(aws) - 1, &again) == 0, "%s", again.text);
	CHECK(weir_topology_seal(w.topology, &again) == 0, "%s", again.text);
	topology_fixture_free(&w);
}

/* A file of $WEIR_DATA, unpacked; NULL when there is none. */
static char *data_file(const char *name)
{
	const char *dir = getenv("WEIR_DATA");
	weir_auto_free char *path = weir_strf("%s%s", dir ? dir : "../shared/data", name);
	char *data = NULL;
	size_t len = 0;
	gzFile f;
	int n;

	if (access(path, R_OK) < 0)
		return NULL;
	f = gzopen(path, "r");
	data = calloc(1, 8u << 20);
	while (f && data && (n = gzread(f, data + len, 65536)) > 0 && len < (7u << 20))
		len += (size_t)n;
	if (f)
		gzclose(f);
	return data;
}

static int rank_of(const char *service)
{
	return !strcmp(service, "AMAZON") ? 0 : !strcmp(service, "EC2") ? 1 : 2;
}

/* By the definition, through all prefixes. */
static const json_t *slow(const json_t *list, const char *key, const struct weir_addr *a)
{
	const json_t *best = NULL, *v;
	struct weir_prefix bp = {0};

	for (size_t i = 0; (v = json_array_get(list, i)); i++) {
		const char *service = json_string_value(json_object_get(v, "service"));
		struct weir_prefix p;
		int more;

		if (weir_prefix_parse(json_string_value(json_object_get(v, key)), &p) < 0 || !weir_prefix_covers(&p, a))
			continue;
		more = best ? rank_of(service) - rank_of(json_string_value(json_object_get(best, "service"))) : 1;
		if (!more)
			more = (int)p.len - (int)bp.len;
		if (!more)
			more = strcmp(json_string_value(json_object_get(best, "service")), service);
		if (more > 0) {
			best = v;
			bp = p;
		}
	}
	return best;
}

/* "KINESIS_VIDEO_STREAMS" is aws/kinesis-video-streams. */
static bool same_service(const char *file, const char *ours)
{
	if (strncmp(ours, "aws/", 4) || strlen(file) != strlen(ours) - 4)
		return false;
	for (size_t i = 0; file[i]; i++)
		if ((file[i] == '_' ? '-' : file[i] | 0x20) != (ours[4 + i] == '-' ? '-' : ours[4 + i] | 0x20))
			return false;
	return true;
}

static bool agrees(const struct weir_topology *t, const json_t *list, const char *key, const struct weir_addr *a)
{
	struct weir_route_reason why = look(t, a);
	const json_t *want = slow(list, key, a);
	const char *region = json_string_value(json_object_get(want, "region"));

	if (!want)
		return !*why.range_service;
	return same_service(json_string_value(json_object_get(want, "service")), why.range_service) &&
	       !strcmp(why.range_region, strcmp(region, "GLOBAL") ? region : "");
}

TEST(the_most_specific_service_wins_in_the_whole_file)
{
	static const char *const rows[][3] = {
		{"52.95.128.179", "aws/s3", "ap-southeast-2"},
		{"52.216.0.9", "aws/s3", "us-east-1"},
		{"3.80.0.9", "aws/ec2", "us-east-1"},
		{"3.218.180.10", "aws/dynamodb", "us-east-1"}, /* inside a /12 of EC2 */
		{"52.94.0.9", "aws/dynamodb", "us-east-1"},
		{"13.32.0.9", "aws/cloudfront", ""},
		{"64.252.81.9", "aws/cloudfront", ""}, /* AMAZON has it as a /24 of sa-east-1 */
		{"70.132.0.9", "aws/cloudfront", ""},
		{"205.251.192.9", "aws/route53", ""},
		{"3.4.12.4", "aws/amazon", "eu-west-1"},
		{"2406:daf9:a800::9", "aws/s3", "ap-southeast-1"},
		{"192.0.2.1", "", ""},
	};
	weir_auto_free char *data = data_file(AWS);
	struct weir_topology *t = NULL;
	struct weir_err err = {0};
	unsigned int seed = (unsigned int)getpid(), differ = 0;
	const json_t *list;
	json_t *root;

	if (!data) {
		SKIP("no AWS ip-ranges in $WEIR_DATA");
		return;
	}
	printf("# seed %u\n", seed);
	srand(seed);
	CHECK(load(&t, (const char *const *)&data, 1, &err) == 0, "%s", err.text);
	check_rows(test_st, t, rows, WEIR_ARRAY_SIZE(rows));
	root = json_loads(data, 0, NULL);
	for (int i = 0; i < 300; i++) {
		bool six = i % 3 == 0;
		const char *key = six ? "ipv6_prefix" : "ip_prefix";
		struct weir_prefix p;

		list = json_object_get(root, six ? "ipv6_prefixes" : "prefixes");
		if (weir_prefix_parse(json_string_value(json_object_get(
					      json_array_get(list, (size_t)rand() % json_array_size(list)), key)), &p) < 0)
			abort();
		for (unsigned int bit = p.len; bit < 128; bit++)
			if (rand() & 1)
				p.addr.b[bit / 8] ^= (uint8_t)(0x80 >> (bit % 8));
		differ += !agrees(t, list, key, &p.addr);
	}
	CHECK(differ == 0, "%u of 300", differ);
	json_decref(root);
	weir_topology_free(t);
}

/* The sample's own VPC: what is said of it in the records. */
static const char sample[] =
	HEAD "  domain: aws/123456789012/vpc-abcdefab012345678\n  provider: aws\n  account: '123456789012'\n"
	     "  zones: [{id: apse2-az3, region: ap-southeast-2}]\n  prefixes: [10.0.0.0/16]\n"
	     "  nat: [{name: nat, zone: apse2-az3}]\n  subnets:\n"
	     "  - {name: public, cidrs: [10.0.0.0/24], zone: apse2-az3, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
	     "  - {name: private, cidrs: [10.0.1.0/24], zone: apse2-az3, routes: [{to: 0.0.0.0/0, via: 'nat:nat'}]}\n";

static const char *column(char *const *names, char *const *values, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return values[i];
	return "-";
}

static size_t split(char *line, char **ret, size_t max)
{
	size_t n = 0;
	char *save = NULL;

	for (char *p = strtok_r(line, " \n", &save); p && n < max; p = strtok_r(NULL, " \n", &save))
		ret[n++] = p;
	return n;
}

/* traffic-path of AWS's records, as far as a path of ours is the same. */
static bool path_is(const char *traffic, enum weir_path path, const char *service)
{
	static const uint32_t paths[9] = {
		[1] = 1u << WEIR_PATH_SAME_ZONE | 1u << WEIR_PATH_CROSS_ZONE | 1u << WEIR_PATH_ENDPOINT | 1u << WEIR_PATH_LB,
		[2] = 1u << WEIR_PATH_INTERNET | 1u << WEIR_PATH_GATEWAY_ENDPOINT,
		[3] = 1u << WEIR_PATH_VPN | 1u << WEIR_PATH_DIRECT,
		[4] = 1u << WEIR_PATH_PEERING,
		[5] = 1u << WEIR_PATH_PEERING,
		[7] = 1u << WEIR_PATH_GATEWAY_ENDPOINT,
		[8] = 1u << WEIR_PATH_INTERNET | 1u << WEIR_PATH_CDN,
	};
	int n = atoi(traffic);

	(void)service;
	return n > 0 && n < 9 && (paths[n] & (1u << path));
}

static int check_log(struct test_state *test_st, const char *name, char *log, const struct weir_topology *t, bool nat)
{
	char *names[40], *values[40], *save = NULL, *line = strtok_r(log, "\n", &save);
	size_t n = split(line, names, 40);
	int rows = 0;

	while ((line = strtok_r(NULL, "\n", &save))) {
		const char *src, *dst, *traffic, *service;
		struct weir_addr l, p;
		struct weir_route r;

		if (split(line, values, 40) != n)
			continue;
		src = column(names, values, n, "pkt-srcaddr");
		dst = column(names, values, n, "pkt-dstaddr");
		traffic = column(names, values, n, "traffic-path");
		service = column(names, values, n, "pkt-dst-aws-service");
		if (strncmp(src, "10.", 3) || weir_addr_parse(src, &l) < 0 || weir_addr_parse(dst, &p) < 0)
			continue; /* the path is said of what the interface sends */
		weir_topology_route(t, "aws/123456789012/vpc-abcdefab012345678", &l, &p, &r);
		printf("# %s: %s -> %s: %s %s, traffic-path %s\n", name, src, dst, weir_path_name(r.path), r.service, traffic);
		if (*traffic != '-')
			CHECK(path_is(traffic, r.path, service), "%s -> %s", src, dst);
		if (*service != '-')
			CHECK(same_service(service, r.service), "%s is %s, not %s", dst, service, r.service);
		if (nat)
			CHECK(r.path == WEIR_PATH_NAT || !strcmp(column(names, values, n, "instance-id"), "-"), "%s -> %s", src,
			      dst);
		rows++;
	}
	return rows;
}

TEST(flow_log_samples_are_classified_alike)
{
	weir_auto_free char *ranges = data_file(AWS);
	weir_auto_free char *v5 = data_file("/finops/flowlogs/aws-vpc-flow-logs-v5.log");
	weir_auto_free char *nat = data_file("/finops/flowlogs/aws-vpc-flow-logs-nat-gateway.log");
	struct topology_fixture w = {0};
	struct weir_err err = {0};

	if (!ranges || !v5 || !nat) {
		SKIP("no flow logs in $WEIR_DATA");
		return;
	}
	CHECK(weir_topology_new(&w.topology) == 0 && topology_fixture_add(&w, sample, "sample", &err) == 0, "%s", err.text);
	CHECK(weir_topology_add_ranges(w.topology, "aws", ranges, strlen(ranges), &err) == 0, "%s", err.text);
	CHECK(weir_topology_seal(w.topology, &err) == 0, "%s", err.text);
	CHECK(check_log(test_st, "v5", v5, w.topology, false) >= 1, "no row that leaves");
	CHECK(check_log(test_st, "nat", nat, w.topology, true) >= 3, "no row that leaves");
	topology_fixture_free(&w);
}

TEST_MAIN(T(each_provider_is_told_by_its_content), T(what_is_no_range_file_is_refused),
	  T(a_named_file_must_be_read_before_the_seal), T(the_most_specific_service_wins_in_the_whole_file),
	  T(flow_log_samples_are_classified_alike))
