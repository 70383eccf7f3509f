/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weirctl pki rotate`: successors of keys and certificates. Certificates that were replaced stay in old/SERIAL.pem
 * beside the new ones, so that they can be revoked; private keys that were replaced are gone. While an authority is
 * exchanged ca/cert.pem holds both, the new one first, and ca/old.* is the one before; while a node's key is
 * exchanged NAME.pub holds both, the new one first. --finish ends that.
 */
#include "cli/args.h"
#include "cli/pki.h"
#include "lib/os/crypto.h"
#include "lib/os/file.h"
#include "lib/os/x509.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#define PEM_END "-----END CERTIFICATE-----\n"

struct job {
	const struct cli *c;
	const char *dir, *name;
	uint32_t days;
	struct pki_cas cas;
};

static void job_fini(struct job *j)
{
	pki_cas_fini(&j->cas);
}

static int failed(struct weir_err *err, const char *path, int r)
{
	return weir_err_set(err, r, "%s: %s", path, strerror(-r));
}

static int move(const char *from, const char *to, struct weir_err *err)
{
	return rename(from, to) ? failed(err, to, -errno) : 0;
}

/* where/cert.pem is kept as where/old/SERIAL.pem. */
static int keep_old(const char *where, const char *cert, struct weir_err *err)
{
	weir_auto_free char *dir = weir_strf("%s/old", where), *kept = NULL;
	char serial[2 * WEIR_CERT_SERIAL_MAX + 1];
	int r = dir ? weir_cert_serial(cert, serial, err) : -ENOMEM;

	if (!r)
		r = weir_mkdir_p(dir, 0700);
	if (r)
		return weir_err_set(err, r, "%s/old: %s", where, strerror(-r));
	kept = weir_strf("%s/%s.pem", dir, serial);
	if (!kept)
		return -ENOMEM;
	return link(cert, kept) && errno != EEXIST ? failed(err, kept, -errno) : 0;
}

/* A new certificate and key in the place of the old ones, the key first: who looks between finds a pair that does
 * not fit, and looks again. */
static int rotate_cert(const struct job *j, const char *where, struct weir_err *err)
{
	weir_auto_free char *cert = weir_strf("%s/cert.pem", where), *key = weir_strf("%s/key.pem", where);
	weir_auto_free char *new_cert = weir_strf("%s/cert.pem.new", where), *new_key = weir_strf("%s/key.pem.new", where);
	int r;

	if (!cert || !key || !new_cert || !new_key)
		return -ENOMEM;
	unlink(new_cert);
	unlink(new_key);
	r = weir_cert_reissue(cert, j->c->now_s - PKI_SKEW_S, j->days, j->cas.files[0].cert, j->cas.files[0].key, new_cert,
			      new_key, err);
	if (!r)
		r = keep_old(where, cert, err);
	if (!r)
		r = move(new_key, key, err);
	if (!r)
		r = move(new_cert, cert, err);
	if (!r)
		fprintf(j->c->out, "%s\n%s\n", cert, key);
	return r;
}

/* NAME.pub: the new key, and the one before it. */
static int rotate_node_key(const struct job *j, struct weir_err *err)
{
	weir_auto_free char *pub = weir_strf("%s/nodes/%s.pub", j->dir, j->name), *had = NULL, *text = NULL;
	weir_auto_free char *key = weir_strf("%s/nodes/%s/node.key", j->dir, j->name);
	weir_auto_free char *new_key = weir_strf("%s/nodes/%s/node.key.new", j->dir, j->name);
	char public[56];
	size_t len;
	int r;

	if (!pub || !key || !new_key)
		return -ENOMEM;
	r = weir_file_read(pub, 4096, &had, &len);
	if (r)
		return failed(err, pub, r);
	unlink(new_key);
	r = pki_new_key(new_key, public, err);
	if (r)
		return r;
	text = weir_strf("%s\n%.*s\n", public, (int)strcspn(had, "\r\n"), had);
	r = text ? weir_file_write(pub, text, strlen(text), 0644) : -ENOMEM;
	if (r)
		return failed(err, pub, r);
	r = move(new_key, key, err);
	if (!r)
		fprintf(j->c->out, "%s\n%s\n", key, pub);
	return r;
}

static int finish_node(const struct job *j, struct weir_err *err)
{
	weir_auto_free char *pub = weir_strf("%s/nodes/%s.pub", j->dir, j->name), *had = NULL;
	size_t len;
	int r = pub ? weir_file_read(pub, 4096, &had, &len) : -ENOMEM;

	if (r)
		return pub ? failed(err, pub, r) : r;
	had[strcspn(had, "\n")] = '\0';
	len = strlen(had);
	had[len++] = '\n'; /* in the place of what ended the line */
	r = weir_file_write(pub, had, len, 0644);
	if (r)
		return failed(err, pub, r);
	fprintf(j->c->out, "%s\n", pub);
	return 0;
}

/* The new authority in front of the present one; both sign revocation lists. */
static int rotate_ca(struct job *j, struct weir_err *err)
{
	weir_auto_free char *new_cert = weir_strf("%s/ca/new.cert.pem", j->dir);
	weir_auto_free char *new_key = weir_strf("%s/ca/new.key.pem", j->dir);
	weir_auto_free char *crl = weir_strf("%s/crl.pem", j->dir), *had = NULL, *made = NULL, *both = NULL;
	char **path = j->cas.path, name[32];
	struct weir_cert_req req = {.use = WEIR_CERT_CA, .cn = name, .days = j->days};
	size_t len;
	int r;

	if (!new_cert || !new_key || !crl)
		return -ENOMEM;
	if (j->cas.count > 1)
		return weir_err_set(err, -EBUSY, "%s: the exchange of this authority is not over; end it with --finish",
				    path[2]);
	unlink(new_cert);
	unlink(new_key);
	req.not_before_s = j->c->now_s - PKI_SKEW_S;
	r = pki_ca_name(name, sizeof(name));
	if (!r)
		r = weir_cert_issue(&req, NULL, NULL, new_cert, new_key, err);
	if (!r)
		r = weir_file_read(path[0], 1 << 20, &had, &len);
	if (!r)
		r = weir_file_read(new_cert, 1 << 20, &made, &len);
	if (r)
		return failed(err, new_cert, r);
	both = weir_strf("%s%s", made, had);
	if (!both)
		return -ENOMEM;
	if (link(path[0], path[2]) || link(path[1], path[3]))
		return failed(err, path[2], -errno);
	r = weir_file_write(path[0], both, strlen(both), 0644);
	if (r)
		return failed(err, path[0], r);
	r = move(new_key, path[1], err);
	unlink(new_cert);
	if (!r)
		r = weir_crl_update(crl, j->cas.files, 2, NULL, j->c->now_s, err);
	if (!r)
		fprintf(j->c->out, "%s\n%s\n%s\n", path[0], path[1], crl);
	return r;
}

/* Nobody may be left whom only the old authority vouches for, but those who are revoked. */
static int check_finished(const struct job *j, const char *cert, const char *crl, struct weir_err *err)
{
	int r;

	if (access(cert, F_OK))
		return 0;
	r = weir_crl_has(crl, cert, err);
	if (!r)
		r = weir_cert_from(cert, j->cas.path[0], err);
	if (r < 0)
		return r;
	return r ? 0 :
		   weir_err_set(err, -EBUSY, "%s: is by the authority before: make its successor with weirctl pki rotate "
					     "first, or revoke it", cert);
}

static int check_all_finished(const struct job *j, const char *crl, struct weir_err *err)
{
	weir_auto_free char *server = weir_strf("%s/server/cert.pem", j->dir), *dir = weir_strf("%s/nodes", j->dir);
	weir_auto_strv char **pubs = NULL;
	weir_auto_close int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int r = server ? check_finished(j, server, crl, err) : -ENOMEM;

	if (r || fd < 0)
		return r;
	r = weir_dir_list(fd, ".pub", 65536, &pubs);
	if (r)
		return failed(err, dir, r);
	for (char **p = pubs; !r && *p; p++) {
		weir_auto_free char *cert =
			weir_strf("%s/%.*s/cert.pem", dir, (int)(strlen(*p) - strlen(".pub")), *p);

		r = cert ? check_finished(j, cert, crl, err) : -ENOMEM;
	}
	return r;
}

static int finish_ca(struct job *j, struct weir_err *err)
{
	weir_auto_free char *crl = weir_strf("%s/crl.pem", j->dir), *had = NULL;
	char **path = j->cas.path, *end;
	size_t len;
	int r;

	if (!crl)
		return -ENOMEM;
	if (j->cas.count < 2)
		return weir_err_set(err, -ENOENT, "%s: this authority is not being exchanged", path[0]);
	r = check_all_finished(j, crl, err);
	if (r)
		return r;
	r = weir_file_read(path[0], 1 << 20, &had, &len);
	if (r)
		return failed(err, path[0], r);
	end = strstr(had, PEM_END);
	if (!end)
		return failed(err, path[0], -EBADMSG);
	r = weir_file_write(path[0], had, (size_t)(end - had) + strlen(PEM_END), 0644);
	if (!r)
		r = weir_crl_update(crl, j->cas.files, 1, NULL, j->c->now_s, err);
	if (r)
		return failed(err, path[0], r);
	unlink(path[2]);
	unlink(path[3]);
	fprintf(j->c->out, "%s\n%s\n", path[0], crl);
	return 0;
}

static int run(struct job *j, bool finish, struct weir_err *err)
{
	bool ca = !strcmp(j->name, "ca"), server = !strcmp(j->name, "server");
	weir_auto_free char *where = weir_strf(server ? "%s/%s" : "%s/nodes/%s", j->dir, j->name);
	struct stat st;
	int r;

	if (!where)
		return -ENOMEM;
	if (ca)
		return finish ? finish_ca(j, err) : rotate_ca(j, err);
	if (finish && server)
		return weir_err_set(err, -EINVAL, "--finish is for ca and nodes: a server's certificate has no second step");
	if (stat(where, &st))
		return weir_err_set(err, -ENOENT, "%s: there is none; weirctl pki %s makes one", where,
				    server ? "server" : "node");
	if (finish)
		return finish_node(j, err);
	r = rotate_cert(j, where, err);
	return r || server ? r : rotate_node_key(j, err);
}

int cmd_pki_rotate(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(job_fini) struct job j = {.c = c};
	bool finish = false;
	uint64_t days = 0;
	const struct args_opt opts[] = {{"--dir", ARGS_STR, &j.dir}, {"--days", ARGS_U64, &days},
					{"--finish", ARGS_FLAG, &finish}};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "--dir D ca|server|NAME", &j.name, 1, 1, err);

	if (!r)
		r = pki_check_dir(j.dir, err);
	if (!r)
		r = pki_check_name(j.name, err);
	if (!r && !days)
		days = strcmp(j.name, "ca") ? PKI_LEAF_DAYS : PKI_CA_DAYS;
	if (!r)
		r = pki_check_days(days, err);
	if (!r)
		r = pki_cas(j.dir, &j.cas, err);
	if (r)
		return r;
	j.days = (uint32_t)days;
	return run(&j, finish, err);
}
