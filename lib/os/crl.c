/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/crl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/os/certfile.h"
#include "lib/os/file.h"

/* A list that has expired makes TLS refuse everybody: it ends only with the longest-lived authority. */
#define CRL_DAYS 36500
/* Clocks of a fleet differ: a list from the future is refused. */
#define CRL_SKEW_S 3600
#define CRL_FILE_MAX ((size_t)16 << 20)

static void crl_freep(X509_CRL **c)
{
	X509_CRL_free(*c);
}

static void revoked_freep(X509_REVOKED **v)
{
	X509_REVOKED_free(*v);
}

static void time_freep(ASN1_TIME **t)
{
	ASN1_TIME_free(*t);
}
#define auto_crl weir_cleanup(crl_freep) X509_CRL
#define auto_revoked weir_cleanup(revoked_freep) X509_REVOKED
#define auto_time weir_cleanup(time_freep) ASN1_TIME

/* The list of an authority; *ret stays NULL when there is none. */
static int find(const char *pem, const X509_NAME *issuer, X509_CRL **ret)
{
	auto_bio *bio = BIO_new_mem_buf(pem, -1);

	if (!bio)
		return -ENOMEM;
	for (;;) {
		auto_crl *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);

		ERR_clear_error();
		if (!crl)
			return 0;
		if (X509_NAME_cmp(X509_CRL_get_issuer(crl), issuer))
			continue;
		*ret = weir_take_ptr(crl);
		return 0;
	}
}

static int load(const char *path, char **ret, struct weir_err *err)
{
	size_t len;
	int r = weir_file_read(path, CRL_FILE_MAX, ret, &len);

	if (r != -ENOENT)
		return r ? weir_err_set(err, r, "%s: cannot read: %s", path, strerror(-r)) : 0;
	*ret = strdup("");
	return *ret ? 0 : -ENOMEM;
}

static int add(X509_CRL *crl, const ASN1_INTEGER *serial, const ASN1_TIME *when)
{
	auto_revoked *v = X509_REVOKED_new();

	if (!v || X509_REVOKED_set_serialNumber(v, (ASN1_INTEGER *)serial) != 1 ||
	    X509_REVOKED_set_revocationDate(v, (ASN1_TIME *)when) != 1 || X509_CRL_add0_revoked(crl, v) != 1)
		return -ENOMEM;
	v = NULL; /* is the list's */
	return 0;
}

static int carry_over(X509_CRL *to, X509_CRL *from)
{
	STACK_OF(X509_REVOKED) *all = from ? X509_CRL_get_REVOKED(from) : NULL;
	int r = 0;

	for (int i = 0; !r && all && i < sk_X509_REVOKED_num(all); i++) {
		const X509_REVOKED *v = sk_X509_REVOKED_value(all, i);

		r = add(to, X509_REVOKED_get0_serialNumber(v), X509_REVOKED_get0_revocationDate(v));
	}
	return r;
}

static bool issued_by(const struct cert_pair *ca, X509 *cert)
{
	bool yes = X509_check_issued(ca->cert, cert) == X509_V_OK && X509_verify(cert, ca->key) == 1;

	ERR_clear_error();
	return yes;
}

static int extensions(X509_CRL *crl, X509 *issuer, uint64_t now_s)
{
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	int ok = number && ASN1_INTEGER_set_uint64(number, now_s) == 1 &&
		 X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1;

	ASN1_INTEGER_free(number);
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
	ext = ok ? X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid") : NULL;
	ok = ext && X509_CRL_add_ext(crl, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok ? 0 : -EIO;
}

/* The next list of one authority, appended to out. *found when cert is its. */
static int make(const struct cert_pair *ca, X509_CRL *old, X509 *cert, uint64_t now_s, BIO *out, bool *found)
{
	auto_crl *crl = X509_CRL_new();
	auto_time *from = ASN1_TIME_set(NULL, (time_t)now_s - CRL_SKEW_S);
	auto_time *to = ASN1_TIME_adj(NULL, (time_t)now_s, CRL_DAYS, 0);
	X509_REVOKED *there;
	int r;

	if (!crl || !from || !to)
		return -ENOMEM;
	if (X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
	    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert)) != 1 ||
	    X509_CRL_set1_lastUpdate(crl, from) != 1 || X509_CRL_set1_nextUpdate(crl, to) != 1)
		return -EIO;
	r = carry_over(crl, old);
	if (!r && cert && issued_by(ca, cert)) {
		*found = true;
		if (!old || X509_CRL_get0_by_cert(old, &there, cert) != 1)
			r = add(crl, X509_get0_serialNumber(cert), from);
	}
	if (!r)
		r = extensions(crl, ca->cert, now_s);
	if (r)
		return r;
	if (X509_CRL_sort(crl) != 1 || !X509_CRL_sign(crl, ca->key, EVP_sha256()) ||
	    PEM_write_bio_X509_CRL(out, crl) != 1)
		return -EIO;
	return 0;
}

static int make_all(const struct weir_ca_files *cas, size_t count, const char *had, X509 *cert, uint64_t now_s,
		    BIO *out, bool *found, struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; !r && i < count; i++) {
		auto_pair ca = {0};
		auto_crl *old = NULL;

		r = certfile_issuer(cas[i].cert, cas[i].key, &ca, err);
		if (!r)
			r = find(had, X509_get_subject_name(ca.cert), &old);
		if (!r)
			r = make(&ca, old, cert, now_s, out, found);
	}
	ERR_clear_error();
	return r;
}

int weir_crl_update(const char *path, const struct weir_ca_files *cas, size_t count, const char *cert_path,
		    uint64_t now_s, struct weir_err *err)
{
	weir_auto_free char *had = NULL;
	auto_bio *out = BIO_new(BIO_s_mem());
	auto_x509 *cert = NULL;
	bool found = false;
	char *data;
	long len;
	int r = out ? load(path, &had, err) : -ENOMEM;

	if (!r && cert_path)
		r = certfile_load(cert_path, &cert, err);
	if (!r)
		r = make_all(cas, count, had, cert, now_s, out, &found, err);
	if (r)
		return weir_err_set(err, r, "%s: cannot make the revocation list: %s", path, strerror(-r));
	if (cert && !found)
		return weir_err_set(err, -ENOKEY, "%s: was not issued by an authority of this directory", cert_path);
	len = BIO_get_mem_data(out, &data);
	r = weir_file_write(path, data, (size_t)len, 0644);
	return r ? weir_err_set(err, r, "%s: cannot write: %s", path, strerror(-r)) : 0;
}

int weir_crl_has(const char *path, const char *cert_path, struct weir_err *err)
{
	weir_auto_free char *had = NULL;
	auto_x509 *cert = NULL;
	auto_crl *crl = NULL;
	X509_REVOKED *there;
	int r = load(path, &had, err);

	if (!r)
		r = certfile_load(cert_path, &cert, err);
	if (!r)
		r = find(had, X509_get_issuer_name(cert), &crl);
	if (r)
		return r;
	return crl && X509_CRL_get0_by_cert(crl, &there, cert) == 1;
}
