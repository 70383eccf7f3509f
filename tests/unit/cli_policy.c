/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl policy on a copy of the repository's own example. */
#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#define CLASS "aws/111111111111/vpc-east/east-a"

static void shell(const char *commands, const char *dir)
{
	char line[512];

	snprintf(line, sizeof(line), "set -e; D='%s'; %s", dir, commands);
	if (system(line))
		abort();
}

/* dir gets a writable copy of policies/. */
static void repo_make(char dir[32])
{
	strcpy(dir, "/tmp/weir-policy-XXXXXX");
	if (!mkdtemp(dir))
		abort();
	shell("cp -r policies \"$D/repo\"; rm -rf \"$D/repo/approvals\"", dir);
}

static void repo_remove(const char *dir)
{
	shell("rm -rf \"$D\"", dir);
}

static int run(bool json, char **ret_out, struct weir_err *err, int argc, char **argv)
{
	return cli_fixture_run((struct cli){.json = json}, argc, argv, ret_out, err);
}
#define RUN(json, out, err, ...)                                                                   \
	({                                                                                         \
		char *_argv[] = {__VA_ARGS__};                                                     \
		run(json, out, err, WEIR_ARRAY_SIZE(_argv), _argv);                                \
	})

TEST(the_example_is_clean)
{
	weir_auto_free char *out = NULL, *json = NULL;
	struct weir_err err;

	CHECK(!RUN(false, &out, &err, "policy", "lint", "policies"), "%s", err.text);
	CHECK(strstr(out, "policies: ok, "), "%s", out);
	CHECK(!RUN(true, &json, &err, "policy", "lint", "policies"), "%s", err.text);
	CHECK(!strncmp(json, "{\"ok\":true,\"errors\":[],", 23), "%s", json);
}

TEST(a_spoilt_repository_is_invalid_and_says_where)
{
	weir_auto_free char *repo = NULL, *json = NULL;
	struct weir_err err;
	char dir[32];

	repo_make(dir);
	repo = weir_strf("%s/repo", dir);
	shell("printf 'a: [\\n' >\"$D/repo/policies/spoilt.yaml\"", dir);
	CHECK(RUN(true, &json, &err, "policy", "lint", repo) == CLI_INVALID, "accepted");
	CHECK(strstr(json, "{\"ok\":false,\"errors\":[\""), "%s", json);
	CHECK(strstr(json, "policies/spoilt.yaml:"), "no file: %s", json);
	CHECK(!*err.text, "said twice: %s", err.text);
	repo_remove(dir);
}

TEST(show_prints_the_rules_of_a_class_that_exists)
{
	weir_auto_free char *out = NULL, *none = NULL;
	struct weir_err err;

	CHECK(!RUN(false, &out, &err, "policy", "show", "policies", CLASS), "%s", err.text);
	CHECK(strstr(out, "backups-stay-off-the-internet"), "%s", out);
	CHECK(RUN(false, &none, &err, "policy", "show", "policies", "x/y") == -EINVAL,
	      "a class made up");
	CHECK(strstr(err.text, "no node class 'x/y'") && strstr(err.text, CLASS), "%s", err.text);
}

static int sign(const char *dir, const char *who, char **ret_out, struct weir_err *err)
{
	weir_auto_free char *repo = weir_strf("%s/repo", dir);
	weir_auto_free char *key = weir_strf("%s/pki/approvers/%s.key", dir, who);

	return RUN(false, ret_out, err, "policy", "sign", repo, "--key", key);
}

TEST(only_an_approver_signs)
{
	weir_auto_free char *pki = NULL, *out = NULL, *out2 = NULL, *out3 = NULL, *out4 = NULL;
	struct weir_err err;
	char dir[32];

	repo_make(dir);
	pki = weir_strf("%s/pki", dir);
	CHECK(!RUN(false, &out, &err, "pki", "approver", "--dir", pki, "alice"), "%s", err.text);
	CHECK(!RUN(false, &out2, &err, "pki", "approver", "--dir", pki, "bob"), "%s", err.text);
	shell("sed -i \"s#^  approvers: .*#  approvers: ['$(cat "
	      "\"$D/pki/approvers/alice.pub\")']#\" "
	      "\"$D/repo/weir.yaml\"",
	      dir);
	CHECK(sign(dir, "bob", &out3, &err) < 0, "a stranger's signature was taken");
	CHECK(strstr(err.text, "weir.yaml"), "%s", err.text);
	CHECK(!sign(dir, "alice", &out4, &err), "%s", err.text);
	CHECK(strstr(out4, "serial 1 approved by"), "%s", out4);
	shell("test -s \"$D/repo/approvals/1.manifest\"", dir);
	repo_remove(dir);
}

TEST_MAIN(T(the_example_is_clean), T(a_spoilt_repository_is_invalid_and_says_where),
	  T(show_prints_the_rules_of_a_class_that_exists), T(only_an_approver_signs))
