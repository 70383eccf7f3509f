/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of weirctl that need no aggregator: dispatch, errors, pki, audit verify. */
#include "cli/cli.h"
#include "lib/os/chain.h"
#include "lib/os/crypto.h"
#include "lib/os/file.h"
#include "lib/os/revoked.h"
#include "lib/os/x509.h"
#include "tests/lib/cli_fixture.h"
#include "tests/lib/test.h"

#include <sys/stat.h>

#define WORDS_MAX 16

/* Runs one command line; *ret_out is what it printed, owned by the caller. */
static int run(const char *line, char **ret_out, struct weir_err *err)
{
	weir_auto_free char *copy = strdup(line);
	char *argv[WORDS_MAX], *save = NULL;
	int argc = 0;

	for (char *p = strtok_r(copy, " ", &save); p && argc < WORDS_MAX;
	     p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	return cli_fixture_run((struct cli){.socket = "/nonexistent/weir.sock"}, argc, argv, ret_out, err);
}

static void is_usage_error(struct test_state *test_st, const char *line, const char *says)
{
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(run(line, &out, &err) == -EINVAL, "'%s' is no usage error", line);
	CHECK(strstr(err.text, says), "'%s' says: %s", line, err.text);
	CHECK(!strchr(err.text, '\n'), "'%s': more than one line", line);
}

TEST(usage_errors_about_bills_help)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"bill reconcile", "'' is no month"},
		{"bill reconcile --period 2026-10 --limit 0", "--limit must be 1 to"},
		{"bill reconcile --period 2026-10 --payer me", "'me' is none of sender, receiver, initiator"},
		{"bill reconcile --period 2026-10 --rate -1", "'-1' is no rate"},
		{"prices calibrate", "'' is no month"},
		{"prices calibrate --period 2026-10 x", "unexpected argument 'x'"},
		{"statement shop", "expected: TEAM MONTH"},
		{"statement shop 2026-13", "'2026-13' is no month"},
		{"statement shop 2026-10 --format pdf", "'pdf' is none of text, csv, json"},
		{"statement close", "expected: MONTH"},
		{"statement list 2026-10", "unexpected argument '2026-10'"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++)
		is_usage_error(test_st, cases[i].line, cases[i].says);
}

TEST(usage_errors_about_models_help)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"model", "model needs one of: "},
		{"model anomaly x", "x"},
		{"model forecast", "--train FILE, a line of id and values for each series, is needed"},
		{"model forecast --train t", "--horizon must be 1 to 1024 steps"},
		{"model forecast --train t --horizon 2000", "--horizon must be 1 to 1024 steps"},
		{"model forecast --train t --horizon 4 --season 24,x", "--season: 'x' is not up to 4 numbers of steps"},
		{"model forecast --train t --horizon 4 --season 24,", "is not up to 4 numbers of steps"},
		{"model forecast --train t --horizon 4 --interval 100", "--interval: '100' is no percentage"},
		{"model forecast --train t --horizon 4 --holidays 2026-12-25", "--holidays need --start TIME"},
		{"model forecast --train t --horizon 4 --start 2026-11-01 --step 1h --holidays 2026-12-25,2026-12-24",
		 "--holidays: '2026-12-24' is not one of"},
		{"model forecast --train /nonexistent/t --horizon 4", "/nonexistent/t: cannot read"},
		{"model iforest --train t", "--train FILE and --score FILE, lines of numbers, are needed"},
		{"model iforest --train - --score -", "--train and --score cannot both be standard input"},
		{"model iforest --train t --score t --explain 2000", "--explain: at most 1000 rows"},
		{"model iforest --train t --score t --extended --explain 1 --audit", "--audit is for --explain N, without --extended"},
		{"model iforest --train /nonexistent/t --score t", "/nonexistent/t: cannot read"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++)
		is_usage_error(test_st, cases[i].line, cases[i].says);
}

TEST(usage_errors_about_plans_help)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"plan-cost", "--plan FILE, what terraform show -json prints of a plan, is needed"},
		{"plan-cost --plan p --traffic t --since 1d", "--traffic or --since, not both"},
		{"plan-cost --plan p --budget 1.x", "--budget: '1.x' is no amount"},
		{"plan-cost --plan p --markdown --json", "--markdown or --json, not both"},
		{"plan-cost --plan /nonexistent/p --prices policies", "/nonexistent/p: cannot read"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++)
		is_usage_error(test_st, cases[i].line, cases[i].says);
}

TEST(usage_errors_are_one_line_that_helps)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"", "see weirctl help"},
		{"statu", "unknown command 'statu'"},
		{"policy", "needs one of: status, shadow, lint, show, sign"},
		{"policy lnt x", "unknown command 'policy lnt'; known: status, shadow"},
		{"status now", "unexpected argument 'now'"},
		{"status --socket", "--socket needs a value"},
		{"agents n1&x", "'n1&x' is no name of a node"},
		{"top --by port", "none of workload, peer, path"},
		{"health --by peer,path", "none of workload, peer, path, workload,peer, workload,path"},
		{"health --limit 0", "--limit must be 1 to"},
		{"top --limit 0", "--limit must be 1 to"},
		{"signals x", "unexpected argument"},
		{"flows --limit 10001", "--limit must be 1 to"},
		{"cost --by team,pth", "'pth' is none of"},
		{"cost --by team,", "'' is none of"},
		{"cost --by team,team", "team is given twice"},
		{"cost --since 1", "write 90s, 10m, 1h or 7d"},
		{"cost --since 1h --from 2026-11-01", "not both"},
		{"cost --to 2026-11-01", "--to needs --from"},
		{"cost --from 2026-11-02 --to 2026-11-01", "--from must be before"},
		{"prices", "needs one of: show, explain, check"},
		{"prices show now", "unexpected argument 'now'"},
		{"prices explain", "--provider, --region and --meter are needed"},
		{"prices check a b", "unexpected argument 'b'"},
		{"policy shadow --limit 0", "--limit must be 1 to"},
		{"policy shadow now", "unexpected argument 'now'"},
		{"policy lint", "expected: DIR"},
		{"policy show d", "expected: DIR CLASS"},
		{"policy sign d", "--key FILE is needed"},
		{"export traffic x", "unexpected argument 'x'"},
		{"export traffic --since 1d --from 2026-11-01", "--since or --from, not both"},
		{"export traffic --from 2026-11-02 --to 2026-11-01", "--to must lie at least an hour behind --from"},
		{"export", "needs one of: traffic, focus, check"},
		{"export focus", "--period MONTH or --from DATE is needed"},
		{"export check", "or --version 1.3 is needed"},
		{"assess", "--bill FILE, --topology FILE or DIR, and --flowlogs DIR are needed"},
		{"recommend --prices x", "--prices needs --topology"},
		{"recommend --since 1s", "--since and --window are at least an hour"},
		{"recommend --min x", "--min: 'x' is no amount"},
		{"recommend --save f", "--save needs --show ID"},
		{"recommend --realised f", "--realised FILE and --landed DATE go together"},
		{"recommend x", "unexpected argument 'x'"},
		{"topology", "needs one of: explain"},
		{"topology explain", "--from ADDR and --to ADDR are needed"},
		{"topology explain --from x --to 10.0.0.1", "--from: 'x' is no address"},
		{"topology explain --from 10.0.0.1 --to y", "--to: 'y' is no address"},
		{"import", "needs one of: bill, topology"},
		{"import topology --from aws", "expected: FILE..."},
		{"import topology x.json", "--from terraform, aws or azure is needed"},
		{"import topology --from terraform tests/import/terraform-aws.json --ranges /x.json",
		 "'/x.json' must be a path from the root of the repository"},
		{"import topology --from terraform tests/import/terraform-aws.json --ranges tests/import/aws-vpcs.json",
		 "aws-vpcs.json: neither AWS's ip-ranges, GCP's cloud.json nor Azure's ServiceTags"},
		{"import topology --from gcp x.json", "'gcp' is none of terraform, aws, azure"},
		{"pki init", "--dir D is needed"},
		{"pki server --dir d", "--name NAME is needed"},
		{"pki node --dir d ../x", "is no name"},
		{"pki approver --dir d -- -x", "is no name"},
		{"pki rotate --dir d --days 0x n1", "--days"},
		{"pki rotate --dir d --days 40000 n1", "--days must be 1 to"},
		{"pki rotate --dir d", "expected: --dir D ca|server|NAME"},
		{"pki revoke --dir d --approver --old n1", "--old is for nodes"},
		{"pki expiry --dir d --within 0", "must be 1 to"},
		{"audit verify", "expected: FILE"},
		{"store", "needs one of: info, backup, restore"},
		{"store backup", "expected: FILE"},
		{"store restore", "expected: FILE"},
		{"store restore a b", "unexpected argument 'b'"},
		{"store info --stor x", "--stor"},
		{"help nothing", "unknown command 'nothing'"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++)
		is_usage_error(test_st, cases[i].line, cases[i].says);
}

TEST(no_aggregator_is_a_failure_that_says_what_to_do)
{
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(run("status", &out, &err) == -ECONNREFUSED, "%s", err.text);
	CHECK(strstr(err.text, "/nonexistent/weir.sock; is weir-aggregator running?"), "%s",
	      err.text);
}

TEST(global_options_stand_anywhere)
{
	char *argv[] = {"--json", "cost", "--socket=/a", "--by", "team", "--socket", "/b"};
	int argc = WEIR_ARRAY_SIZE(argv);
	struct cli c = {0};
	struct weir_err err = {0};

	CHECK(!cli_globals(&c, &argc, argv, &err), "%s", err.text);
	CHECK(c.json, "--json");
	CHECK(c.socket && !strcmp(c.socket, "/b"), "the last socket counts");
	CHECK(argc == 3 && !strcmp(argv[0], "cost") && !strcmp(argv[2], "team"), "what stays");
}

TEST(two_words_win_over_one)
{
	char *verify[] = {"audit", "verify", "f"}, *list[] = {"audit", "--limit"};
	int words = 0;
	const struct command *c = cli_find(3, verify, &words);

	CHECK(c && !strcmp(c->name, "audit verify") && words == 2, "audit verify");
	c = cli_find(2, list, &words);
	CHECK(c && !strcmp(c->name, "audit") && words == 1, "audit");
}

TEST(the_man_page_names_every_command)
{
	weir_auto_free char *man = NULL, *help = NULL;
	struct weir_err err;

	CHECK(!run("--man", &man, &err) && !run("help", &help, &err), "%s", err.text);
	CHECK(!strncmp(man, ".TH WEIRCTL 1", 13), "title");
	CHECK(strstr(man, "\\fBpolicy sign\\fR DIR \\-\\-key FILE"),
	      "dashes must not become hyphens");
	CHECK(strstr(help, "weirctl pki approver --dir D NAME"), "help");
}

static bool mode_is(const char *dir, const char *rel, unsigned int mode)
{
	weir_auto_free char *path = weir_strf("%s/%s", dir, rel);
	struct stat st;

	return !stat(path, &st) && (st.st_mode & 0777) == mode;
}

static void remove_tree(const char *dir)
{
	weir_auto_free char *command = weir_strf("rm -rf '%s'", dir);

	if (system(command))
		abort();
}

static int run_pki(const char *what, const char *dir, const char *rest, struct weir_err *err)
{
	weir_auto_free char *line = weir_strf("pki %s --dir %s %s", what, dir, rest), *out = NULL;

	return run(line, &out, err);
}

TEST(pki_makes_a_fleet_and_overwrites_nothing)
{
	char dir[] = "/tmp/weir-pki-XXXXXX";
	struct weir_err err;

	if (!mkdtemp(dir))
		abort();
	CHECK(run_pki("node", dir, "n1", &err) == -ENOENT, "a node without an authority: %s",
	      err.text);
	CHECK(strstr(err.text, "weirctl pki init"), "%s", err.text);
	CHECK(!mode_is(dir, "nodes/n1.pub", 0644), "a failed command left a file");
	CHECK(!run_pki("init", dir, "", &err), "%s", err.text);
	CHECK(!run_pki("server", dir, "--name weir.example --alt 10.0.0.1", &err), "%s", err.text);
	CHECK(!run_pki("node", dir, "n1", &err), "%s", err.text);
	CHECK(!run_pki("approver", dir, "alice", &err), "%s", err.text);
	CHECK(mode_is(dir, "ca/key.pem", 0600), "ca/key.pem");
	CHECK(mode_is(dir, "server/cert.pem", 0644), "server/cert.pem");
	CHECK(mode_is(dir, "nodes/n1/node.key", 0600), "nodes/n1/node.key");
	CHECK(mode_is(dir, "nodes/n1.pub", 0644), "nodes/n1.pub");
	CHECK(run_pki("node", dir, "n1", &err) == -EEXIST, "overwritten");
	CHECK(mode_is(dir, "nodes/n1/node.key", 0600), "a refused command removed what was there");
	remove_tree(dir);
}

static size_t lines_of(const char *dir, const char *rel)
{
	weir_auto_free char *path = weir_strf("%s/%s", dir, rel), *text = NULL;
	size_t len, n = 0;

	if (weir_file_read(path, 1 << 20, &text, &len))
		return 0;
	for (const char *p = text; *p; p++)
		n += *p == '\n';
	return n;
}

/* "good", "revoked", "expired"; each command line prints into out. */
static int expiry(const char *dir, const char *rest, char **ret_out, struct weir_err *err)
{
	weir_auto_free char *line = weir_strf("pki expiry --dir %s %s", dir, rest);

	return run(line, ret_out, err);
}

TEST(pki_rotates_a_node_in_two_steps)
{
	char dir[] = "/tmp/weir-pki-XXXXXX";
	weir_auto_free char *cert = weir_strf("%s/nodes/n1/cert.pem", mkdtemp(dir)), *out = NULL;
	char serial[3][2 * WEIR_CERT_SERIAL_MAX + 1];
	struct weir_err err;
	uint64_t until;
	char cn[80];

	CHECK(!run_pki("init", dir, "", &err) && !run_pki("node", dir, "n1", &err), "%s", err.text);
	CHECK(!weir_cert_serial(cert, serial[0], NULL));
	CHECK(!run_pki("rotate", dir, "--days 3 n1", &err), "%s", err.text);
	CHECK(!weir_cert_serial(cert, serial[1], NULL) && strcmp(serial[0], serial[1]));
	CHECK(!weir_cert_info(cert, &until, cn, sizeof(cn), NULL) && !strcmp(cn, "n1"), "%s", cn);
	CHECK(mode_is(dir, "nodes/n1/node.key", 0600) && mode_is(dir, "nodes/n1/key.pem", 0600));
	CHECK(lines_of(dir, "nodes/n1.pub") == 2, "both keys count");
	CHECK(!run_pki("rotate", dir, "n1", &err) && lines_of(dir, "nodes/n1.pub") == 2, "never more than two");
	CHECK(!run_pki("rotate", dir, "--finish n1", &err) && lines_of(dir, "nodes/n1.pub") == 1);
	CHECK(!run_pki("revoke", dir, "--old n1", &err), "%s", err.text);
	CHECK(!expiry(dir, "--within 30", &out, &err) && !strstr(out, "revoked"), "%s %s", err.text, out);
	CHECK(run_pki("rotate", dir, "n2", &err) == -ENOENT && strstr(err.text, "pki node"), "%s", err.text);
	remove_tree(dir);
}

TEST(pki_rotates_the_authority_and_ends_with_the_last_successor)
{
	char dir[] = "/tmp/weir-pki-XXXXXX";
	weir_auto_free char *ca = weir_strf("%s/ca/cert.pem", mkdtemp(dir)), *cert = NULL;
	struct weir_err err;

	cert = weir_strf("%s/server/cert.pem", dir);
	CHECK(!run_pki("init", dir, "", &err) && !run_pki("node", dir, "n1", &err) && !run_pki("node", dir, "n2", &err) &&
	      !run_pki("server", dir, "--name s --alt 10.0.0.1", &err), "%s", err.text);
	CHECK(run_pki("rotate", dir, "--finish ca", &err) == -ENOENT, "%s", err.text);
	CHECK(!run_pki("rotate", dir, "ca", &err), "%s", err.text);
	CHECK(run_pki("rotate", dir, "ca", &err) == -EBUSY, "one at a time: %s", err.text);
	CHECK(weir_cert_from(cert, ca, NULL) == 0 && !run_pki("rotate", dir, "server", &err), "%s", err.text);
	CHECK(weir_cert_from(cert, ca, NULL) == 1, "its successor is by the new authority");
	CHECK(!run_pki("rotate", dir, "n1", &err), "%s", err.text);
	CHECK(run_pki("rotate", dir, "--finish ca", &err) == -EBUSY && strstr(err.text, "nodes/n2"), "%s", err.text);
	CHECK(!run_pki("revoke", dir, "n2", &err) && !run_pki("rotate", dir, "--finish ca", &err), "%s", err.text);
	CHECK(!mode_is(dir, "ca/old.key.pem", 0600), "the old key is gone");
	CHECK(!run_pki("node", dir, "n3", &err) && !run_pki("revoke", dir, "n3", &err), "%s", err.text);
	remove_tree(dir);
}

TEST(pki_revokes_and_lists)
{
	char dir[] = "/tmp/weir-pki-XXXXXX";
	weir_auto_free char *out = NULL, *again = NULL, *path = weir_strf("%s/revoked.keys", mkdtemp(dir));
	struct weir_revoked *list = NULL;
	struct weir_err err;

	CHECK(!run_pki("init", dir, "", &err) && !run_pki("node", dir, "n1", &err) &&
	      !run_pki("node", dir, "--days 5 n2", &err) && !run_pki("approver", dir, "alice", &err), "%s", err.text);
	CHECK(expiry(dir, "--within 30", &out, &err) == -EKEYEXPIRED && strstr(err.text, "1 certificates end"), "%s",
	      err.text);
	CHECK(!run_pki("revoke", dir, "n2", &err) && !run_pki("revoke", dir, "n2", &err), "twice is once: %s", err.text);
	CHECK(!run_pki("revoke", dir, "--approver alice", &err), "%s", err.text);
	CHECK(!expiry(dir, "--within 30", &again, &err) && strstr(again, "revoked"), "%s\n%s", err.text, again);
	CHECK(!weir_revoked_load(path, &list, &err) && weir_revoked_count(list) == 2, "%s", err.text);
	weir_revoked_free(list);
	CHECK(run_pki("revoke", dir, "n9", &err) == -ENOENT, "%s", err.text);
	remove_tree(dir);
}

TEST(a_node_key_and_its_public_file_match)
{
	char dir[] = "/tmp/weir-pki-XXXXXX";
	weir_auto_free char *key_path = NULL, *pub_path = NULL, *pub = NULL;
	uint8_t from_key[WEIR_KEY_LEN] = {0}, from_file[WEIR_KEY_LEN] = {1};
	struct weir_key *key = NULL;
	struct weir_err err = {0};
	size_t len = 0;

	if (!mkdtemp(dir))
		abort();
	key_path = weir_strf("%s/approvers/bob.key", dir);
	pub_path = weir_strf("%s/approvers/bob.pub", dir);
	CHECK(!run_pki("approver", dir, "bob", &err), "%s", err.text);
	CHECK(!weir_key_load(key_path, &key, &err) && !weir_key_public(key, from_key), "%s",
	      err.text);
	CHECK(!weir_file_read(pub_path, 100, &pub, &len), "no public file");
	if (pub && len)
		pub[len - 1] = '\0';
	CHECK(pub && !weir_pub_parse(pub, from_file), "'%s'", pub);
	CHECK(!memcmp(from_key, from_file, sizeof(from_key)), "they differ");
	weir_key_free(key);
	remove_tree(dir);
}

/* Two entries made with sha256sum over the bytes that the format names. */
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define BODY1 "{\"seq\":1,\"time_ns\":1,\"event\":\"start\",\"fields\":{}"
#define BODY2 "{\"seq\":2,\"time_ns\":2,\"event\":\"apply\",\"fields\":{\"node\":\"n1\"}"
#define HASH1 "bb480fd5901f84bdb8689af6dbdc0c712d69c98858f885cc1588469f85134a70"
#define HASH2 "fc8819877befc03e756867ac00c70604dfd4c736154a9052c8e1d84bd8cdf613"
#define LINE1 BODY1 ",\"prev\":\"" ZEROS "\",\"hash\":\"" HASH1 "\"}\n"
#define LINE2 BODY2 ",\"prev\":\"" HASH1 "\",\"hash\":\"" HASH2 "\"}\n"

/* The same chain with another second entry. */
#define BODY2B "{\"seq\":2,\"time_ns\":2,\"event\":\"apply\",\"fields\":{\"node\":\"n2\"}"
#define HASH2B "4087b1717e7b003533b350f6c2e97e76ef92a4e50d68a4184052ca3059dee62d"
#define OTHER2 BODY2B ",\"prev\":\"" HASH1 "\",\"hash\":\"" HASH2B "\"}\n"

static int verify(const char *log, char **ret_out, struct weir_err *err)
{
	char path[] = "/tmp/weir-audit-XXXXXX";
	int fd = mkstemp(path), r;
	weir_auto_free char *line = weir_strf("audit verify %s", path);

	if (fd < 0 || write(fd, log, strlen(log)) != (ssize_t)strlen(log))
		abort();
	close(fd);
	r = run(line, ret_out, err);
	unlink(path);
	return r;
}

TEST(a_whole_audit_log_is_accepted)
{
	weir_auto_free char *out = NULL;
	struct weir_err err;

	CHECK(!verify(LINE1 LINE2, &out, &err), "%s", err.text);
	CHECK(strstr(out, "ok, 2 entries, 0 witnesses, head " HASH2), "%s", out);
}

TEST(a_broken_audit_log_names_the_line)
{
	static const struct {
		const char *log, *says;
	} cases[] = {
		{LINE2, ":1: the entry does not carry the next number"},
		{LINE1 LINE1, ":2: the entry does not carry the next number"},
		{LINE1 "{\"seq\":2,\"time_ns\":3,\"event\":\"apply\",\"fields\":{\"node\":\"n1\"}"
		       ",\"prev\":\"" HASH1 "\",\"hash\":\"" HASH2 "\"}\n",
		 ":2: the entry was changed"},
		{LINE1 BODY2 ",\"prev\":\"" ZEROS "\",\"hash\":\"" HASH2 "\"}\n",
		 ":2: the entry does not follow"},
		{LINE1 "{\"seq\":2", ":2: the entry is cut off"},
		{"hello\n", ":1: the entry is no entry"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *out = NULL;
		struct weir_err err;

		CHECK(verify(cases[i].log, &out, &err) == -EBADMSG, "case %zu accepted", i);
		CHECK(strstr(err.text, cases[i].says), "case %zu says: %s", i, err.text);
	}
}

/* The head of the two lines, as one of a file, by this key; and of another entry 2. */
TEST(a_head_finds_what_the_chain_cannot)
{
	static const struct {
		const char *log, *says;
	} cases[] = {
		{LINE1 LINE2, NULL},
		{LINE1, "ends at entry 1, "},
		{"", "ends at entry 0, "},
		{LINE1 OTHER2, ":2: "},
	};
	char dir[] = "/tmp/weir-heads-XXXXXX", text[WEIR_CHAIN_HEAD_TEXT], pub[56];
	weir_auto_free char *head = weir_strf("%s/head", mkdtemp(dir)), *key = weir_strf("%s/key", dir);
	weir_auto_free char *log = weir_strf("%s/log", dir), *line = NULL, *said = NULL;
	struct weir_chain chain = {.seq = 2};
	struct weir_chain_head h;
	struct weir_key *k = NULL;
	uint8_t public[WEIR_KEY_LEN];
	struct weir_err err = {0};

	CHECK(!weir_unhex(HASH2, chain.hash, sizeof(chain.hash)) && !weir_key_new(&k) && !weir_key_public(k, public) &&
	      !weir_chain_head_sign(&chain, k, &h));
	weir_chain_head_text(&h, text);
	weir_pub_text(public, pub);
	CHECK(!weir_file_write(head, text, strlen(text), 0600) && !weir_file_write(key, pub, strlen(pub), 0600));
	line = weir_strf("audit verify --head %s --key %s %s", head, key, log);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		weir_auto_free char *out = NULL;
		int r;

		CHECK(!weir_file_write(log, cases[i].log, strlen(cases[i].log), 0600));
		err = (struct weir_err){0};
		r = run(line, &out, &err);
		CHECK(cases[i].says ? r == -EBADMSG && strstr(err.text, cases[i].says) : !r, "case %zu: %s", i, err.text);
	}
	h.sig[0] ^= 1;
	weir_chain_head_text(&h, text);
	CHECK(!weir_file_write(head, text, strlen(text), 0600) && run(line, &said, &err) < 0, "a head with another signature");
	weir_key_free(k);
	remove_tree(dir);
}

TEST_MAIN(T(usage_errors_about_bills_help), T(usage_errors_about_models_help), T(usage_errors_about_plans_help), T(usage_errors_are_one_line_that_helps),
	  T(no_aggregator_is_a_failure_that_says_what_to_do), T(global_options_stand_anywhere),
	  T(two_words_win_over_one), T(the_man_page_names_every_command),
	  T(pki_makes_a_fleet_and_overwrites_nothing), T(pki_rotates_a_node_in_two_steps),
	  T(pki_rotates_the_authority_and_ends_with_the_last_successor), T(pki_revokes_and_lists), T(a_node_key_and_its_public_file_match),
	  T(a_whole_audit_log_is_accepted), T(a_head_finds_what_the_chain_cannot), T(a_broken_audit_log_names_the_line))
