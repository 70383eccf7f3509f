/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl topology explain on the repository's own example and on one with load balancers; import topology. */
#include "lib/os/file.h"
#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#define EAST "aws/111111111111/vpc-east"

static int run(bool json, char **ret_out, struct weir_err *err, int argc, char **argv)
{
	return cli_fixture_run((struct cli){.json = json}, argc, argv, ret_out, err);
}
#define RUN(json, out, err, ...)                                                                   \
	({                                                                                         \
		char *_argv[] = {__VA_ARGS__};                                                     \
		run(json, out, err, WEIR_ARRAY_SIZE(_argv), _argv);                                \
	})

static void shell(const char *commands, const char *dir)
{
	char line[1024];

	snprintf(line, sizeof(line), "set -e; D='%s'; %s", dir, commands);
	if (system(line))
		abort();
}

TEST(a_path_through_a_nat_gateway_is_explained)
{
	static const char want[] =
		"from       10.7.2.11  subnet east-b, use1-az2, us-east-1  (" EAST ")\n"
		"to         198.18.0.9  outside the domains\n"
		"because    route 0.0.0.0/0 via nat nat-a in use1-az1, another zone\n"
		"version    policies/topology/vpc-east.yaml\n"
		"path       nat\n"
		"out        processing  nat-processing\n"
		"                       0.045 USD a GiB (AWS VPC pricing, us-east-1, list price read July 2026)\n"
		"           hop         cross-zone\n"
		"                       0.01 USD a GiB (AWS EC2 on-demand pricing, data transfer, us-east-1, list price read July "
		"2026)\n"
		"           transfer    internet-out\n"
		"                       0.09, from 10240 GiB 0.085, from 51200 GiB 0.07, from 153600 GiB 0.05 USD a GiB, 100 GiB of a "
		"month free (AWS EC2 on-demand pricing, data transfer, us-east-1, list price read July 2026)\n";
	weir_auto_free char *out = NULL, *json = NULL;
	struct weir_err err;

	CHECK(!RUN(false, &out, &err, "topology", "explain", "--from", "10.7.2.11", "--to", "198.18.0.9", "--domain", EAST,
		   "--dir", "policies"),
	      "%s", err.text);
	CHECK(!strncmp(out, want, strlen(want)), "%s", out);
	CHECK(!RUN(true, &json, &err, "topology", "explain", "--from", "10.7.2.11", "--to", "198.18.0.9", "--domain", EAST,
		   "--dir", "policies"),
	      "%s", err.text);
	CHECK(strstr(json, "\"leg\":\"hop\",\"meter\":\"cross-zone\",\"unit_bytes\":1073741824,\"free_bytes\":0,"
			   "\"layer\":\"list\",\"tiers\":[{\"from_bytes\":0,\"nanos_per_unit\":10000000}]"),
	      "%s", json);
}

TEST(what_is_not_known_is_said)
{
	static const struct {
		const char *from, *to, *says;
	} rows[] = {
		{"10.7.2.11", "10.96.0.1", "route 0.0.0.0/0 via nat nat-a in use1-az1, which does not explain this address\n"},
		{"10.7.2.11", "10.96.0.1", "path       unknown\nout        unpriced: the path is unknown\n"},
		{"10.7.2.11", "52.216.0.9", "service    aws/s3 in us-east-1, range 52.216.0.0/15\n"},
		{"10.7.99.1", "10.7.1.5", "because    no subnet of domain " EAST " holds 10.7.99.1 at that time\n"},
		{"10.7.1.5", "10.7.2.5", "because    the domain holds both addresses\n"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		weir_auto_free char *out = NULL;
		struct weir_err err;

		CHECK(!RUN(false, &out, &err, "topology", "explain", "--from", (char *)rows[i].from, "--to", (char *)rows[i].to,
			   "--domain", EAST, "--dir", "policies"),
		      "%s", err.text);
		CHECK(strstr(out, rows[i].says), "%s", out);
	}
}

TEST(usage_errors_help)
{
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(RUN(false, &out, &err, "topology", "explain", "--from", "10.7.1.5", "--to", "10.7.2.5", "--dir", "policies") ==
	      -EINVAL);
	CHECK(!strcmp(err.text, "10.7.1.5 is an address of 2 domains; choose one with --domain: aws/111111111111/vpc-east, "
				"aws/222222222222/vpc-west"),
	      "%s", err.text);
}

/* The imported file in a repository: its load balancer answers users; a version that held before it. */
TEST(an_imported_topology_is_explained)
{
	static const char before[] =
		"apiVersion: weir.dev/v1alpha1\\nkind: Topology\\nmetadata: {name: before}\\nspec:\\n"
		"  domain: aws/123456789012/vpc-1\\n  valid_to: 2026-06-01\\n  provider: aws\\n  account: \"123456789012\"\\n"
		"  zones: [{id: use1-az1, region: us-east-1}]\\n  prefixes: [10.8.0.0/16]\\n"
		"  subnets: [{name: subnet-a1, cidrs: [10.8.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}]\\n";
	char dir[] = "/tmp/weir-topology-XXXXXX", commands[900];
	weir_auto_free char *out = NULL, *old = NULL, *told = NULL, *file = NULL, *repo = NULL;
	struct weir_err err;

	if (!mkdtemp(dir))
		abort();
	shell("cp -r policies \"$D/repo\"", dir);
	repo = weir_strf("%s/repo", dir);
	file = weir_strf("%s/topology/imported.yaml", repo);
	CHECK(!RUN(false, &told, &err, "import", "topology", "--from", "terraform", "tests/import/terraform-aws.json", "--out",
		   file),
	      "%s", err.text);
	CHECK(strstr(told, "imported.yaml: written, 7 things not placed\n"), "%s", told);
	snprintf(commands, sizeof(commands),
		 "sed -i 's/^  provider: aws/  valid_from: 2026-06-01\\n&/' \"$D/repo/topology/imported.yaml\"; "
		 "printf '%s' >\"$D/repo/topology/before.yaml\"", before);
	shell(commands, dir);
	CHECK(!RUN(false, &out, &err, "topology", "explain", "--from", "10.8.1.12", "--to", "203.0.113.7", "--dir", repo), "%s",
	      err.text);
	CHECK(strstr(out, "path       nat\n"), "%s", out);
	CHECK(strstr(out, "When 203.0.113.7 opened the connection, it came through a load balancer:\npath       lb\n"
			  "balancer   game: nlb, internet-facing; the workload is one of its targets\n"
			  "out        processing  nlb-processing\n"),
	      "%s", out);
	CHECK(!RUN(false, &old, &err, "topology", "explain", "--from", "10.8.1.12", "--to", "203.0.113.7", "--dir", repo,
		   "--at", "2026-05-31"),
	      "%s", err.text);
	CHECK(strstr(old, "topology/before.yaml\npath       internet\n"), "%s", old);
	shell("rm -rf \"$D\"", dir);
}

TEST(an_import_names_range_files)
{
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!RUN(false, &out, &err, "import", "topology", "--from", "azure", "tests/import/azure-vnets.json", "--ranges",
		   "tests/fuzz/corpus/lib_import/ranges-azure", "--ranges", "tests/fuzz/corpus/lib_import/ranges-aws-gz"),
	      "%s", err.text);
	CHECK(strstr(out, "spec:\n  range_files:\n  - \"tests/fuzz/corpus/lib_import/ranges-azure\"\n"
			  "  - \"tests/fuzz/corpus/lib_import/ranges-aws-gz\"\n"),
	      "%s", out);
}

/* Named by a document, read from the repository, part of its source. */
TEST(range_files_of_a_repository)
{
	char dir[] = "/tmp/weir-topology-XXXXXX";
	weir_auto_free char *out = NULL, *before = NULL, *after = NULL, *repo = NULL;
	struct weir_err err;

	if (!mkdtemp(dir))
		abort();
	repo = weir_strf("%s/repo", dir);
	shell("cp -r policies \"$D/repo\"; mkdir \"$D/repo/ranges\"; printf 'apiVersion: weir.dev/v1alpha1\\nkind: Topology\\n"
	      "metadata: {name: r}\\nspec:\\n  range_files: [ranges/aws.json]\\n' >\"$D/repo/topology/ranges.yaml\"", dir);
	CHECK(RUN(false, &out, &err, "topology", "explain", "--from", "10.7.2.11", "--to", "3.218.180.10", "--domain", EAST,
		  "--dir", repo) < 0);
	CHECK(strstr(err.text, "/repo/ranges/aws.json: cannot read: No such file or directory"), "%s", err.text);
	free(weir_take_ptr(out));
	shell("echo '{\"prefixes\":[{\"ip_prefix\":\"3.218.180.0/22\",\"region\":\"us-east-1\",\"service\":\"DYNAMODB\"}]}' | "
	      "gzip >\"$D/repo/ranges/aws.json\"", dir);
	CHECK(!RUN(false, &out, &err, "topology", "explain", "--from", "10.7.2.11", "--to", "3.218.180.10", "--domain", EAST,
		   "--dir", repo),
	      "%s", err.text);
	CHECK(strstr(out, "service    aws/dynamodb in us-east-1, range 3.218.180.0/22\n"), "%s", out);
	CHECK(!RUN(false, &before, &err, "policy", "lint", repo), "%s", err.text);
	shell("echo '{\"prefixes\":[{\"ip_prefix\":\"3.218.180.0/23\",\"service\":\"S3\"}]}' >\"$D/repo/ranges/aws.json\"", dir);
	CHECK(!RUN(false, &after, &err, "policy", "lint", repo), "%s", err.text);
	CHECK(strcmp(before, after) != 0, "the source is the same: %s", after);
	shell("rm -rf \"$D\"", dir);
}

TEST_MAIN(T(a_path_through_a_nat_gateway_is_explained), T(what_is_not_known_is_said), T(usage_errors_help),
	  T(an_imported_topology_is_explained), T(range_files_of_a_repository), T(an_import_names_range_files))
