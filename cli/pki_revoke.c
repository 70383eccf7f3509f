/* SPDX-License-Identifier: Apache-2.0 */
/* `weirctl pki revoke` and `weirctl pki expiry`: what counts no longer, and what soon will not. */
#include "cli/args.h"
#include "cli/pki.h"
#include "cli/view.h"
#include "lib/os/crypto.h"
#include "lib/os/file.h"
#include "lib/os/revoked.h"
#include "lib/os/x509.h"

#include <fcntl.h>
#include <inttypes.h>

#define LIST_MAX ((size_t)WEIR_REVOKED_MAX * 128)
#define DAY_S 86400
#define FILES_MAX 65536

static int each_file(const char *dir, const char *suffix, int (*fn)(const char *path, const char *name, void *arg),
		     void *arg)
{
	weir_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weir_auto_strv char **names = NULL;
	int r = fd < 0 ? 0 : weir_dir_list(fd, suffix, FILES_MAX, &names);

	for (char **n = names; !r && n && *n; n++) {
		weir_auto_free char *path = weir_strf("%s/%s", dir, *n);

		r = path ? fn(path, *n, arg) : -ENOMEM;
	}
	return r;
}

struct revocation {
	const struct cli *c;
	const char *dir, *name;
	bool approver, old;
	struct pki_cas cas;
	char *crl, *keys;
	struct weir_err *err;
	size_t certificates, added;
};

static void revocation_fini(struct revocation *v)
{
	pki_cas_fini(&v->cas);
	free(v->crl);
	free(v->keys);
}

static int revoke_cert(const char *path, const char *name, void *arg)
{
	struct revocation *v = arg;
	struct weir_err err = {0};
	int r = weir_crl_update(v->crl, v->cas.files, v->cas.count, path, v->c->now_s, &err);

	(void)name;
	if (r == -ENOKEY) /* by an authority that is gone: nobody believes it any more */
		return 0;
	v->certificates += !r;
	return r ? weir_err_set(v->err, r, "%s", err.text) : 0;
}

/* The keys of a file of public keys, but the first one with --old, behind those of the list. */
static int revoke_keys(struct revocation *v, const char *pub)
{
	weir_auto_free char *list = NULL, *text = NULL, *more = strdup("");
	char *rest, *line;
	size_t len, at = 0;
	int r = weir_file_read(pub, 4096, &text, &len);

	if (!r)
		r = weir_file_read(v->keys, LIST_MAX, &list, &len);
	if (r == -ENOENT && text)
		r = (list = strdup("")) ? 0 : -ENOMEM;
	if (r || !more)
		return weir_err_set(v->err, r ? r : -ENOMEM, "%s: %s", text ? v->keys : pub, strerror(-r));
	for (rest = text; (line = strsep(&rest, "\n"));) {
		char *longer;

		if (!*line || (at++ == 0 && v->old) || strstr(list, line))
			continue;
		longer = weir_strf("%s%s %s %s\n", more, line, v->approver ? "approver" : "node", v->name);
		if (!longer)
			return -ENOMEM;
		free(more);
		more = longer;
		v->added++;
	}
	rest = weir_strf("%s%s%s", list, *list && list[strlen(list) - 1] != '\n' ? "\n" : "", more);
	r = rest ? weir_file_write(v->keys, rest, strlen(rest), 0644) : -ENOMEM;
	free(rest);
	return r ? weir_err_set(v->err, r, "%s: cannot write: %s", v->keys, strerror(-r)) : 0;
}

static int revoke_node(struct revocation *v)
{
	weir_auto_free char *pub = weir_strf("%s/nodes/%s.pub", v->dir, v->name);
	weir_auto_free char *cert = weir_strf("%s/nodes/%s/cert.pem", v->dir, v->name);
	weir_auto_free char *old = weir_strf("%s/nodes/%s/old", v->dir, v->name);
	int r;

	if (!pub || !cert || !old)
		return -ENOMEM;
	if (access(pub, F_OK))
		return weir_err_set(v->err, -ENOENT, "%s: no such node", pub);
	r = each_file(old, ".pem", revoke_cert, v);
	if (!r && !v->old && !access(cert, F_OK))
		r = revoke_cert(cert, NULL, v);
	return r ? r : revoke_keys(v, pub);
}

static int revoke_approver(struct revocation *v)
{
	weir_auto_free char *pub = weir_strf("%s/approvers/%s.pub", v->dir, v->name);

	if (!pub)
		return -ENOMEM;
	if (access(pub, F_OK))
		return weir_err_set(v->err, -ENOENT, "%s: no such approver", pub);
	return revoke_keys(v, pub);
}

int cmd_pki_revoke(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(revocation_fini) struct revocation v = {.c = c, .err = err};
	const struct args_opt opts[] = {{"--dir", ARGS_STR, &v.dir}, {"--approver", ARGS_FLAG, &v.approver},
					{"--old", ARGS_FLAG, &v.old}};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "--dir D NAME", &v.name, 1, 1, err);

	if (!r)
		r = pki_check_dir(v.dir, err);
	if (!r)
		r = pki_check_name(v.name, err);
	if (!r && v.approver && v.old)
		r = weir_err_set(err, -EINVAL, "--old is for nodes: an approver has one key");
	if (!r)
		r = pki_cas(v.dir, &v.cas, err);
	if (r)
		return r;
	v.crl = weir_strf("%s/crl.pem", v.dir);
	v.keys = weir_strf("%s/revoked.keys", v.dir);
	if (!v.crl || !v.keys)
		return -ENOMEM;
	r = v.approver ? revoke_approver(&v) : revoke_node(&v);
	if (r)
		return r;
	if (c->json)
		fprintf(c->out, "{\"certificates\":%zu,\"keys\":%zu,\"files\":[\"%s\",\"%s\"]}\n", v.certificates, v.added,
			v.crl, v.keys);
	else
		fprintf(c->out, "%s\n%s\n", v.crl, v.keys);
	return 0;
}

struct listing {
	const struct cli *c;
	const char *dir, *crl;
	json_t *items;
	uint64_t within_s;
	size_t soon;
	struct weir_err *err;
};

static int list_cert(struct listing *l, const char *name, const char *path)
{
	char cn[256], serial[2 * WEIR_CERT_SERIAL_MAX + 1];
	const char *state = "good";
	uint64_t until_s;
	int64_t left;
	int r;

	if (access(path, F_OK))
		return 0;
	r = weir_cert_info(path, &until_s, cn, sizeof(cn), l->err);
	if (!r)
		r = weir_cert_serial(path, serial, l->err);
	if (!r)
		r = weir_crl_has(l->crl, path, l->err);
	if (r < 0)
		return r;
	left = (int64_t)until_s - (int64_t)l->c->now_s;
	if (r)
		state = "revoked";
	else if (left <= 0)
		state = "expired";
	l->soon += !r && left <= (int64_t)l->within_s;
	return json_array_append_new(l->items, json_pack("{s:s,s:s,s:s,s:I,s:I,s:s}", "name", name, "subject", cn, "state",
							 state, "days_left", (json_int_t)(left / DAY_S), "expires_s",
							 (json_int_t)until_s, "serial", serial)) ?
		       -ENOMEM :
		       0;
}

static int list_node(const char *path, const char *name, void *arg)
{
	struct listing *l = arg;
	weir_auto_free char *node = strndup(name, strlen(name) - strlen(".pub"));
	weir_auto_free char *cert = node ? weir_strf("%s/nodes/%s/cert.pem", l->dir, node) : NULL;

	(void)path;
	return cert ? list_cert(l, node, cert) : -ENOMEM;
}

static int list_all(struct listing *l)
{
	static const char *const own[][2] = {
		{"ca", "ca/cert.pem"}, {"ca before", "ca/old.cert.pem"}, {"server", "server/cert.pem"}};
	weir_auto_free char *nodes = weir_strf("%s/nodes", l->dir);
	int r = nodes ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(own); i++) {
		weir_auto_free char *path = weir_strf("%s/%s", l->dir, own[i][1]);

		r = path ? list_cert(l, own[i][0], path) : -ENOMEM;
	}
	return r ? r : each_file(nodes, ".pub", list_node, l);
}

int cmd_pki_expiry(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = json_object();
	struct listing l = {.c = c, .err = err, .items = json_array()};
	weir_auto_free char *crl = NULL;
	uint64_t within = UINT64_MAX;
	const struct args_opt opts[] = {{"--dir", ARGS_STR, &l.dir}, {"--within", ARGS_U64, &within}};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (json_object_set_new(root, "items", l.items))
		return -ENOMEM;
	if (!r)
		r = pki_check_dir(l.dir, err);
	if (!r && within != UINT64_MAX)
		r = pki_check_days(within, err);
	if (r)
		return r;
	crl = weir_strf("%s/crl.pem", l.dir);
	l.crl = crl;
	l.within_s = within == UINT64_MAX ? 0 : within * DAY_S;
	r = crl ? list_all(&l) : -ENOMEM;
	if (r)
		return r;
	if (c->json)
		fprintf(c->out, "%s", json_dumpf(root, c->out, JSON_COMPACT) ? "" : "\n");
	else
		r = view_items(c, root, NULL, NULL, err);
	if (!r && l.soon && within != UINT64_MAX)
		return weir_err_set(err, -EKEYEXPIRED, "%zu certificates end within %" PRIu64 " days", l.soon, within);
	return r;
}
