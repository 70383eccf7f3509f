/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/creds.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/os/certfile.h"
#include "lib/os/watch.h"

#define DAY_S 86400

struct weir_creds {
	struct weir_creds_files files;
	struct weir_watch watch;
	bool broken;
	char said[sizeof(((struct weir_err *)0)->text)];
	uint64_t expires_s, reminded_s;
};

static void crl_freep(X509_CRL **c)
{
	X509_CRL_free(*c);
}

static void key_freep(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static int key_check(const char *path, X509 *cert, const char *cert_path, struct weir_err *err)
{
	weir_cleanup(key_freep) EVP_PKEY *key = NULL;
	weir_auto_free char *data = NULL;
	auto_bio *bio = NULL;
	bool fits;
	int r = certfile_open(path, &data, &bio, err);

	if (r)
		return r;
	key = PEM_read_bio_PrivateKey(bio, NULL, keyfile_no_passphrase, NULL);
	explicit_bzero(data, strlen(data));
	fits = key && X509_check_private_key(cert, key) == 1;
	ERR_clear_error();
	if (!key)
		return weir_err_set(err, -EBADMSG, "%s: is not an unencrypted private key in PEM", path);
	return fits ? 0 : weir_err_set(err, -EINVAL, "%s: is not the key of %s", path, cert_path);
}

/* Whether the PEM reader stopped at the end and not at something broken. */
static bool at_end(size_t found)
{
	unsigned long last = ERR_peek_last_error();

	ERR_clear_error();
	return found && ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
}

/* Every authority of the file; *expires_s becomes the end of the one behind cert, if that is sooner. */
static int ca_check(const char *path, X509 *cert, uint64_t *expires_s, struct weir_err *err)
{
	weir_auto_free char *data = NULL;
	auto_bio *bio = NULL;
	size_t found = 0;
	int r = certfile_open(path, &data, &bio, err);

	while (!r) {
		auto_x509 *ca = PEM_read_bio_X509(bio, NULL, keyfile_no_passphrase, NULL);

		if (!ca)
			return at_end(found) ? 0 : weir_err_set(err, -EBADMSG, "%s: is not a list of certificates in PEM",
								path);
		found++;
		if (X509_check_ca(ca) != 1)
			return weir_err_set(err, -EINVAL, "%s: certificate %zu is not of an authority", path, found);
		if (X509_check_issued(ca, cert) == X509_V_OK && X509_verify(cert, X509_get0_pubkey(ca)) == 1)
			*expires_s = WEIR_MIN(*expires_s, certfile_time_s(X509_get0_notAfter(ca)));
		ERR_clear_error();
	}
	return r;
}

static int crl_check(const char *path, struct weir_err *err)
{
	weir_auto_free char *data = NULL;
	auto_bio *bio = NULL;
	size_t found = 0;
	int r = certfile_open(path, &data, &bio, err);

	while (!r) {
		weir_cleanup(crl_freep) X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);

		if (!crl)
			return at_end(found) ? 0 : weir_err_set(err, -EBADMSG, "%s: is not a revocation list in PEM", path);
		found++;
	}
	return r;
}

/* All but whether now is within its dates. */
static int read_all(const struct weir_creds_files *files, uint64_t *from_s, uint64_t *expires_s, struct weir_err *err)
{
	auto_x509 *cert = NULL;
	int r = certfile_load(files->cert, &cert, err);

	if (r)
		return r;
	*from_s = certfile_time_s(X509_get0_notBefore(cert));
	*expires_s = certfile_time_s(X509_get0_notAfter(cert));
	r = key_check(files->key, cert, files->cert, err);
	if (!r)
		r = ca_check(files->ca, cert, expires_s, err);
	if (!r && files->crl && *files->crl)
		r = crl_check(files->crl, err);
	return r;
}

int weir_creds_check(const struct weir_creds_files *files, uint64_t now_s, uint64_t *ret_expires_s,
		     struct weir_err *err)
{
	uint64_t from_s, expires_s;
	int r = read_all(files, &from_s, &expires_s, err);

	if (r)
		return r;
	if (expires_s <= now_s)
		return weir_err_set(err, -EKEYEXPIRED, "%s: it, or its authority, has expired", files->cert);
	if (from_s > now_s)
		return weir_err_set(err, -EKEYREJECTED, "%s: is not valid yet", files->cert);
	*ret_expires_s = expires_s;
	return 0;
}

int weir_creds_new(const struct weir_creds_files *files, struct weir_creds **ret)
{
	const char *const paths[] = {files->ca, files->cert, files->key, files->crl};
	struct weir_creds *c = calloc(1, sizeof(*c));
	uint64_t from_s;

	if (!c)
		return -ENOMEM;
	c->files = *files;
	weir_watch_init(&c->watch, paths, WEIR_ARRAY_SIZE(paths));
	/* Whatever its dates are: a program starts with an expired certificate, and says so. */
	if (read_all(files, &from_s, &c->expires_s, NULL))
		c->expires_s = 0;
	*ret = c;
	return 0;
}

void weir_creds_free(struct weir_creds *c)
{
	free(c);
}

int weir_creds_poll(struct weir_creds *c, uint64_t now_s, bool at_once, struct weir_err *err)
{
	bool moved = weir_watch_moved(&c->watch, at_once);
	struct weir_err why = {0};
	int r;

	if (!moved && !c->broken)
		return 0;
	r = weir_creds_check(&c->files, now_s, &c->expires_s, &why);
	if (!r) {
		c->broken = false;
		c->watch.taken = c->watch.seen;
		c->said[0] = '\0';
		c->reminded_s = 0;
		return 1;
	}
	c->broken = true;
	if (!strcmp(c->said, why.text))
		return 0;
	(void)weir_strcpy(c->said, sizeof(c->said), why.text);
	return weir_err_set(err, r, "%s", why.text);
}

void weir_creds_reject(struct weir_creds *c)
{
	c->broken = true;
}

bool weir_creds_broken(const struct weir_creds *c)
{
	return c->broken;
}

uint64_t weir_creds_expires_s(const struct weir_creds *c)
{
	return c->expires_s;
}

bool weir_creds_remind(struct weir_creds *c, uint64_t now_s, uint64_t within_s)
{
	if (!c->expires_s || now_s + within_s < c->expires_s || now_s < c->reminded_s + DAY_S)
		return false;
	c->reminded_s = now_s;
	return true;
}
