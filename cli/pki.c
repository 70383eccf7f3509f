/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and keys of a fleet, in one directory:
 *   ca/{cert,key}.pem  server/{cert,key}.pem  nodes/NAME/{cert.pem,key.pem,node.key}  nodes/NAME.pub
 *   approvers/NAME.{key,pub}  operators/NAME.{key,pub}  crl.pem  revoked.keys
 * nodes/ is what the aggregator's nodes.dir names, crl.pem is for tls.crl, revoked.keys for nodes.revoked and
 * trust.revoked. Nothing that exists is overwritten but by rotate and revoke (pki_rotate.c, pki_revoke.c), and a
 * command that fails leaves nothing half-made behind.
 */
#include "cli/args.h"
#include "cli/pki.h"
#include "cli/view.h"
#include "lib/os/crypto.h"
#include "lib/os/file.h"
#include "lib/os/x509.h"

#include <ctype.h>
#include <sys/stat.h>

#define FILES_MAX 4

/* Files that one command makes; all are checked to be absent before the first is written. */
struct made {
	char *path[FILES_MAX];
	size_t count;
	bool keep;
};

static void made_fini(struct made *m)
{
	for (size_t i = 0; i < m->count; i++) {
		if (!m->keep)
			unlink(m->path[i]);
		free(m->path[i]);
	}
}

/* Plans dir/rel: makes its directory (0700) and refuses an existing file. */
static int made_plan(struct made *m, const char *dir, const char *rel, struct weir_err *err)
{
	weir_auto_free char *path = weir_strf("%s/%s", dir, rel);
	weir_auto_free char *parent = path ? strdup(path) : NULL;
	int r;

	if (!path || !parent || m->count == FILES_MAX)
		return -ENOMEM;
	*strrchr(parent, '/') = '\0';
	r = weir_mkdir_p(parent, 0700);
	if (r)
		return weir_err_set(err, r, "%s: cannot make the directory: %s", parent,
				    strerror(-r));
	if (!access(path, F_OK))
		return weir_err_set(err, -EEXIST, "%s: exists already; remove it to make a new one",
				    path);
	m->path[m->count++] = weir_take_ptr(path);
	return 0;
}

static int made_print(const struct cli *c, struct made *m, const char *pub)
{
	m->keep = true;
	if (c->json) {
		view_auto_json json_t *o = json_object(), *files = json_array();

		for (size_t i = 0; i < m->count; i++)
			json_array_append_new(files, json_string(m->path[i]));
		json_object_set(o, "files", files);
		if (pub)
			json_object_set_new(o, "public_key", json_string(pub));
		json_dumpf(o, c->out, JSON_COMPACT);
		fputc('\n', c->out);
		return 0;
	}
	for (size_t i = 0; i < m->count; i++)
		fprintf(c->out, "%s\n", m->path[i]);
	if (pub)
		fprintf(c->out, "%s\n", pub);
	return 0;
}

int pki_check_name(const char *name, struct weir_err *err)
{
	size_t len = strlen(name);
	bool ok = len && len <= 63 && isalnum((unsigned char)name[0]);

	for (size_t i = 0; i < len && ok; i++)
		ok = isalnum((unsigned char)name[i]) || strchr("-_.", name[i]);
	if (ok)
		return 0;
	return weir_err_set(
		err, -EINVAL,
		"'%.80s' is no name: 1 to 63 letters, digits, '-', '_', '.', the first a "
		"letter or digit",
		name);
}

int pki_check_dir(const char *dir, struct weir_err *err)
{
	return dir ? 0
		   : weir_err_set(err, -EINVAL,
				  "--dir D is needed: the directory of the fleet's keys");
}

int pki_check_days(uint64_t days, struct weir_err *err)
{
	return days && days <= 36500 ? 0 : weir_err_set(err, -EINVAL, "--days must be 1 to 36500");
}

int pki_ca_name(char *ret, size_t size)
{
	uint8_t id[4];
	char hex[2 * sizeof(id) + 1];
	int r = weir_random(id, sizeof(id));

	snprintf(ret, size, "weir CA %s", weir_hex(id, sizeof(id), hex));
	return r;
}

void pki_cas_fini(struct pki_cas *c)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(c->path); i++)
		free(c->path[i]);
}

int pki_cas(const char *dir, struct pki_cas *ret, struct weir_err *err)
{
	static const char *const names[] = {"cert.pem", "key.pem", "old.cert.pem", "old.key.pem"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++) {
		ret->path[i] = weir_strf("%s/ca/%s", dir, names[i]);
		if (!ret->path[i])
			return -ENOMEM;
	}
	if (access(ret->path[0], R_OK) || access(ret->path[1], R_OK))
		return weir_err_set(err, -ENOENT, "%s: no authority to sign with; run weirctl pki init --dir %s first",
				    ret->path[1], dir);
	for (size_t i = 0; i < PKI_AUTHORITIES; i++)
		ret->files[i] = (struct weir_ca_files){ret->path[2 * i], ret->path[2 * i + 1]};
	ret->count = access(ret->path[3], F_OK) ? 1 : 2;
	return 0;
}

/* --dir D [--days N] NAME: what node and approver take; days NULL = not an option. */
static int parse_dir_name(int argc, char **argv, const char **ret_dir, const char **ret_name,
			  uint64_t *days, struct weir_err *err)
{
	const char *dir = NULL, *name = NULL;
	const struct args_opt opts[] = {{"--dir", ARGS_STR, &dir}, {"--days", ARGS_U64, days}};
	int r = args_parse(opts, days ? 2 : 1, argc, argv, "--dir D NAME", &name, 1, 1, err);

	if (!r)
		r = pki_check_dir(dir, err);
	if (!r && days)
		r = pki_check_days(*days, err);
	if (!r)
		r = pki_check_name(name, err);
	if (r)
		return r;
	*ret_dir = dir;
	*ret_name = name;
	return 0;
}

static int issue(const char *dir, const struct weir_cert_req *req, const char *cert,
		 const char *key, struct weir_err *err)
{
	pki_auto_cas cas = {0};
	int r = pki_cas(dir, &cas, err);

	return r ? r : weir_cert_issue(req, cas.files[0].cert, cas.files[0].key, cert, key, err);
}

int pki_new_key(const char *key, char text[56], struct weir_err *err)
{
	struct weir_key *k = NULL;
	uint8_t public[WEIR_KEY_LEN];
	int r = weir_key_new(&k);

	if (!r)
		r = weir_key_public(k, public);
	if (!r)
		r = weir_key_save(k, key, err);
	weir_key_free(k);
	if (r)
		return weir_err_set(err, r, "%s: cannot make the key: %s", key, strerror(-r));
	weir_pub_text(public, text);
	return 0;
}

/* Private key to `key`, public key as one line to `pub`. */
static int new_identity(const char *key, const char *pub, char text[56], struct weir_err *err)
{
	char line[64];
	int r = pki_new_key(key, text, err);

	if (r)
		return r;
	snprintf(line, sizeof(line), "%s\n", text);
	r = weir_file_write(pub, line, strlen(line), 0644);
	return r ? weir_err_set(err, r, "%s: cannot write: %s", pub, strerror(-r)) : 0;
}

/* Both lists of what is revoked, empty: settings can name them from the first day. */
static int empty_lists(const struct cli *c, const struct made *m, struct weir_err *err)
{
	static const char text[] = "# Keys that count no longer, one a line; weirctl pki revoke adds to it.\n";
	const struct weir_ca_files ca = {m->path[0], m->path[1]};
	int r = weir_crl_update(m->path[2], &ca, 1, NULL, c->now_s, err);

	if (!r)
		r = weir_file_write(m->path[3], text, sizeof(text) - 1, 0644);
	return r ? weir_err_set(err, r, "%s: cannot write: %s", m->path[3], strerror(-r)) : 0;
}

int cmd_pki_init(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	static const char *const files[] = {"ca/cert.pem", "ca/key.pem", "crl.pem", "revoked.keys"};
	weir_cleanup(made_fini) struct made m = {0};
	const char *dir = NULL;
	uint64_t days = PKI_CA_DAYS;
	const struct args_opt opts[] = {{"--dir", ARGS_STR, &dir}, {"--days", ARGS_U64, &days}};
	char name[32];
	struct weir_cert_req req = {.use = WEIR_CERT_CA, .cn = name};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = pki_check_dir(dir, err);
	if (!r)
		r = pki_check_days(days, err);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(files) && !r; i++)
		r = made_plan(&m, dir, files[i], err);
	if (!r)
		r = pki_ca_name(name, sizeof(name));
	if (r)
		return r;
	req.days = (uint32_t)days;
	req.not_before_s = c->now_s - PKI_SKEW_S;
	r = weir_cert_issue(&req, NULL, NULL, m.path[0], m.path[1], err);
	if (!r)
		r = empty_lists(c, &m, err);
	return r ? r : made_print(c, &m, NULL);
}

int cmd_pki_server(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(made_fini) struct made m = {0};
	const char *dir = NULL, *name = NULL;
	const char *names[ARGS_LIST_MAX + 1] = {0};
	uint64_t days = PKI_LEAF_DAYS;
	const struct args_opt opts[] = {
		{"--dir", ARGS_STR, &dir},
		{"--days", ARGS_U64, &days},
		{"--name", ARGS_STR, &name},
		{"--alt", ARGS_LIST, names},
	};
	struct weir_cert_req req = {.use = WEIR_CERT_SERVER};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = pki_check_dir(dir, err);
	if (!r && !name)
		r = weir_err_set(err, -EINVAL, "--name NAME is needed: the name agents ask for");
	if (!r)
		r = pki_check_name(name, err);
	if (!r)
		r = pki_check_days(days, err);
	if (!r)
		r = made_plan(&m, dir, "server/cert.pem", err);
	if (!r)
		r = made_plan(&m, dir, "server/key.pem", err);
	if (r)
		return r;
	req.cn = name;
	req.days = (uint32_t)days;
	req.alt_names = names;
	req.not_before_s = c->now_s - PKI_SKEW_S;
	r = issue(dir, &req, m.path[0], m.path[1], err);
	return r ? r : made_print(c, &m, NULL);
}

int cmd_pki_node(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	static const char *const suffixes[] = {"/cert.pem", "/key.pem", "/node.key", ".pub"};
	weir_cleanup(made_fini) struct made m = {0};
	const char *dir, *name;
	struct weir_cert_req req = {.use = WEIR_CERT_CLIENT};
	uint64_t days = PKI_LEAF_DAYS;
	char rel[128], pub[56];
	int r = parse_dir_name(argc, argv, &dir, &name, &days, err);

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(suffixes) && !r; i++) {
		snprintf(rel, sizeof(rel), "nodes/%s%s", name, suffixes[i]);
		r = made_plan(&m, dir, rel, err);
	}
	if (r)
		return r;
	req.cn = name;
	req.days = (uint32_t)days;
	req.not_before_s = c->now_s - PKI_SKEW_S;
	r = issue(dir, &req, m.path[0], m.path[1], err);
	if (!r)
		r = new_identity(m.path[2], m.path[3], pub, err);
	return r ? r : made_print(c, &m, pub);
}

static int signer(const struct cli *c, const char *folder, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(made_fini) struct made m = {0};
	const char *dir, *name;
	char rel[128], pub[56];
	int r = parse_dir_name(argc, argv, &dir, &name, NULL, err);

	if (r)
		return r;
	snprintf(rel, sizeof(rel), "%s/%s.key", folder, name);
	r = made_plan(&m, dir, rel, err);
	snprintf(rel, sizeof(rel), "%s/%s.pub", folder, name);
	if (!r)
		r = made_plan(&m, dir, rel, err);
	if (!r)
		r = new_identity(m.path[0], m.path[1], pub, err);
	return r ? r : made_print(c, &m, pub);
}

int cmd_pki_approver(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	return signer(c, "approvers", argc, argv, err);
}

int cmd_pki_operator(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	return signer(c, "operators", argc, argv, err);
}
