/* SPDX-License-Identifier: Apache-2.0 */
/* Policy repositories, offline: lint, show, sign. */
#include "lib/policy/repo.h"

#include "cli/args.h"
#include "cli/view.h"

#include <inttypes.h>

static void repo_freep(struct weir_repo **r)
{
	weir_repo_free(*r);
}

static void bundle_freep(struct weir_bundle **b)
{
	weir_bundle_free(*b);
}

static void key_freep(struct weir_key **k)
{
	weir_key_free(*k);
}

struct lint {
	const struct cli *c;
	json_t *errors;
	size_t count;
};

static void on_lint_error(const char *line, void *arg)
{
	struct lint *l = arg;

	l->count++;
	if (l->c->json)
		json_array_append_new(l->errors, json_string(line));
	else
		fprintf(stderr, "%s\n", line);
}

static void print_json(const struct cli *c, const json_t *root)
{
	json_dumpf(root, c->out, JSON_COMPACT);
	fputc('\n', c->out);
}

/* A repository can be read and each of its classes compiled: only then it could be signed. */
static int lint_compile(const struct weir_repo *repo, struct weir_err *err)
{
	size_t n = weir_topology_class_count(repo->topology);

	for (size_t i = 0; i < n; i++) {
		weir_auto_buf struct weir_buf b = {0};
		int r = weir_bundle_compile(repo->policies, repo->topology,
					    weir_topology_class(repo->topology, i), repo->failsafe,
					    repo->failsafe_count, &b, err);

		if (r)
			return r;
	}
	return 0;
}

static int lint_result(const struct cli *c, const char *dir, const struct weir_repo *repo)
{
	char source[2 * WEIR_SHA256_LEN + 1];
	size_t rules = weir_policy_set_rules(repo->policies);
	size_t classes = weir_topology_class_count(repo->topology);

	weir_hex(repo->source, WEIR_SHA256_LEN, source);
	if (c->json) {
		view_auto_json json_t *o = json_pack(
			"{s:b, s:[], s:I, s:I, s:s}", "ok", 1, "errors", "rules", (json_int_t)rules,
			"classes", (json_int_t)classes, "source", source);

		print_json(c, o);
		return 0;
	}
	fprintf(c->out, "%s: ok, %zu rule%s, %zu node class%s, source %.16s\n", dir, rules,
		rules == 1 ? "" : "s", classes, classes == 1 ? "" : "es", source);
	return 0;
}

int cmd_policy_lint(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(repo_freep) struct weir_repo *repo = NULL;
	view_auto_json json_t *errors = json_array();
	struct lint l = {.c = c, .errors = errors};
	struct weir_err first = {0};
	const char *dir = NULL;
	int r = args_parse(NULL, 0, argc, argv, "DIR", &dir, 1, 1, err);

	if (r)
		return r;
	r = weir_repo_load(dir, &repo, &first, on_lint_error, &l);
	if (!r)
		r = lint_compile(repo, &first);
	if (!r)
		return lint_result(c, dir, repo);
	if (!l.count)
		on_lint_error(*first.text ? first.text : strerror(-r), &l);
	if (c->json) {
		view_auto_json json_t *o = json_pack("{s:b, s:O}", "ok", 0, "errors", errors);

		print_json(c, o);
	}
	return CLI_INVALID;
}

static int show_json(const struct cli *c, const struct weir_bundle *b, const char *text)
{
	uint8_t digest[WEIR_SHA256_LEN];
	char hex[2 * WEIR_SHA256_LEN + 1];
	view_auto_json json_t *o = NULL, *rules = json_array();

	weir_bundle_digest(b, digest);
	for (size_t i = 0; i < weir_bundle_rules(b); i++)
		json_array_append_new(rules, json_string(weir_bundle_rule_name(b, (uint32_t)i)));
	o = json_pack("{s:s, s:s, s:O, s:s}", "class", weir_bundle_class(b), "digest",
		      weir_hex(digest, sizeof(digest), hex), "rules", rules, "text", text);
	if (!o)
		return -ENOMEM;
	print_json(c, o);
	return 0;
}

static int show_bundle(const struct cli *c, const struct weir_bundle *b)
{
	weir_auto_free char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int r;

	if (!f)
		return -ENOMEM;
	r = weir_bundle_print(b, f);
	if (fclose(f) && !r)
		r = -ENOMEM;
	if (r)
		return r;
	if (c->json)
		return show_json(c, b, text);
	fputs(text, c->out);
	return 0;
}

static int class_known(const struct weir_repo *repo, const char *class, struct weir_err *err)
{
	size_t n = weir_topology_class_count(repo->topology);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(weir_topology_class(repo->topology, i), class))
			return 0;
	return weir_err_set(err, -EINVAL,
			    "no node class '%s' in the topology; the first of %zu is '%s'", class,
			    n, n ? weir_topology_class(repo->topology, 0) : "");
}

int cmd_policy_show(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(repo_freep) struct weir_repo *repo = NULL;
	weir_cleanup(bundle_freep) struct weir_bundle *bundle = NULL;
	weir_auto_buf struct weir_buf bytes = {0};
	const char *operands[2];
	int r = args_parse(NULL, 0, argc, argv, "DIR CLASS", operands, 2, 2, err);

	if (!r)
		r = weir_repo_load(operands[0], &repo, err, NULL, NULL);
	if (!r)
		r = class_known(repo, operands[1], err);
	if (!r)
		r = weir_bundle_compile(repo->policies, repo->topology, operands[1], repo->failsafe,
					repo->failsafe_count, &bytes, err);
	if (!r)
		r = weir_bundle_parse(bytes.data, bytes.len, &bundle, err);
	return r ? r : show_bundle(c, bundle);
}

int cmd_policy_sign(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(repo_freep) struct weir_repo *repo = NULL;
	weir_cleanup(key_freep) struct weir_key *key = NULL;
	const char *dir = NULL, *key_path = NULL;
	uint64_t serial = 0, signed_serial = 0;
	bool shadow = false;
	const struct args_opt opts[] = {
		{"--shadow", ARGS_FLAG, &shadow},
		{"--key", ARGS_STR, &key_path},
		{"--serial", ARGS_U64, &serial},
	};
	uint8_t pub[WEIR_KEY_LEN];
	char text[56], id[17];
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "DIR", &dir, 1, 1, err);

	if (!r && !key_path)
		r = weir_err_set(err, -EINVAL,
				 "--key FILE is needed; weirctl pki approver makes one");
	if (!r)
		r = weir_repo_load(dir, &repo, err, NULL, NULL);
	if (!r)
		r = weir_key_load(key_path, &key, err);
	if (!r)
		r = weir_key_public(key, pub);
	if (!r)
		r = weir_approval_sign(dir, repo, key, shadow, serial, c->now_s, &signed_serial, err);
	if (r)
		return r;
	if (c->json) {
		view_auto_json json_t *o = json_pack(
			"{s:I, s:b, s:s, s:s}", "serial", (json_int_t)signed_serial, "shadow", shadow, "approver",
			weir_pub_text(pub, text), "key_id", weir_pub_id(pub, id));

		print_json(c, o);
		return 0;
	}
	fprintf(c->out, "%s: serial %" PRIu64 " approved%s by %s (key %s); %u approval%s needed\n", dir,
		signed_serial, shadow ? " for shadow" : "", key_path, weir_pub_id(pub, id), repo->threshold,
		repo->threshold == 1 ? "" : "s");
	return 0;
}
