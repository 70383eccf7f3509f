/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extensions follow RFC 5280. A server's CN is repeated as its first alternative name, because once
 * a certificate has alternative names, TLS libraries do not look at the CN.
 */
#include "lib/os/x509.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/os/certfile.h"
#include "lib/os/crypto.h"
#include "lib/os/file.h"

#define CERT_DAYS_MAX 36500
#define CERT_CN_MAX 64 /* ub-common-name */
#define CERT_SERIAL_LEN 16

static void names_freep(GENERAL_NAMES **n)
{
	GENERAL_NAMES_free(*n);
}

static void name_freep(GENERAL_NAME **n)
{
	GENERAL_NAME_free(*n);
}
#define auto_names weir_cleanup(names_freep) GENERAL_NAMES
#define auto_name weir_cleanup(name_freep) GENERAL_NAME

struct cert_ext {
	int nid;
	const char *value;
};

/* By enum weir_cert_use; each ends with nid 0. An authority signs end entities only (pathlen 0). */
static const struct cert_ext cert_exts[][6] = {
	[WEIR_CERT_CA] = {
		{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
		{NID_key_usage, "critical,keyCertSign,cRLSign"},
		{NID_subject_key_identifier, "hash"},
	},
	[WEIR_CERT_SERVER] = {
		{NID_basic_constraints, "critical,CA:FALSE"},
		{NID_key_usage, "critical,digitalSignature"},
		{NID_ext_key_usage, "serverAuth"},
		{NID_subject_key_identifier, "hash"},
		{NID_authority_key_identifier, "keyid"},
	},
	[WEIR_CERT_CLIENT] = {
		{NID_basic_constraints, "critical,CA:FALSE"},
		{NID_key_usage, "critical,digitalSignature"},
		{NID_ext_key_usage, "clientAuth"},
		{NID_subject_key_identifier, "hash"},
		{NID_authority_key_identifier, "keyid"},
	},
};

/* Letters, digits, '-', '.' and '_', and "*." in front: what a TLS client may ask for. */
static bool dns_name_valid(const char *s)
{
	const char *p = strncmp(s, "*.", 2) == 0 ? s + 2 : s;

	if (!*p || *p == '.' || strlen(s) > 253)
		return false;
	for (; *p; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');

		if (!letter && !(*p >= '0' && *p <= '9') && !strchr("-._", *p))
			return false;
		if (p[0] == '.' && (p[1] == '.' || !p[1]))
			return false;
	}
	return true;
}

/* Built as objects, not as a configuration text, so that no name can smuggle in another. */
static int alt_name_new(const char *s, GENERAL_NAME **ret, struct weir_err *err)
{
	auto_name *name = GENERAL_NAME_new();
	ASN1_STRING *value = NULL;
	uint8_t ip[16];
	int len, type = GEN_IPADD;

	if (inet_pton(AF_INET, s, ip) == 1)
		len = 4;
	else if (inet_pton(AF_INET6, s, ip) == 1)
		len = 16;
	else if (dns_name_valid(s))
		type = GEN_DNS;
	else
		return weir_err_set(err, -EINVAL, "\"%s\" is neither a DNS name nor an IP address", s);
	value = ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING);
	if (!name || !value ||
	    ASN1_STRING_set(value, type == GEN_DNS ? (const void *)s : ip,
			    type == GEN_DNS ? (int)strlen(s) : len) != 1) {
		ASN1_STRING_free(value);
		return -ENOMEM;
	}
	GENERAL_NAME_set0_value(name, type, value);
	*ret = weir_take_ptr(name);
	return 0;
}

static int alt_name_add(GENERAL_NAMES *names, const char *s, struct weir_err *err)
{
	auto_name *name = NULL;
	int r;

	r = alt_name_new(s, &name, err);
	if (r)
		return r;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), name) == 0)
			return 0;
	if (!sk_GENERAL_NAME_push(names, name))
		return -ENOMEM;
	name = NULL;
	return 0;
}

static int cert_alt_names(X509 *cert, const struct weir_cert_req *req, struct weir_err *err)
{
	auto_names *names = GENERAL_NAMES_new();
	int r = 0;

	if (!names)
		return -ENOMEM;
	if (req->use == WEIR_CERT_SERVER)
		r = alt_name_add(names, req->cn, err);
	for (const char *const *p = req->alt_names; !r && p && *p; p++)
		r = alt_name_add(names, *p, err);
	if (r || !sk_GENERAL_NAME_num(names))
		return r;
	return X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1 ? 0 : -EIO;
}

static int cert_alt_names_copy(X509 *to, X509 *from)
{
	auto_names *names = X509_get_ext_d2i(from, NID_subject_alt_name, NULL, NULL);

	return !names || X509_add1_ext_i2d(to, NID_subject_alt_name, names, 0, 0) == 1 ? 0 : -EIO;
}

static int cert_extensions(X509 *cert, X509 *issuer, enum weir_cert_use use)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	for (const struct cert_ext *e = cert_exts[use]; e->nid; e++) {
		X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, e->nid, e->value);
		int ok = ext && X509_add_ext(cert, ext, -1);

		X509_EXTENSION_free(ext);
		if (!ok)
			return -EIO;
	}
	return 0;
}

/* 127 random bits and never zero, as RFC 5280 and the CA/Browser Forum ask. */
static int cert_serial(X509 *cert)
{
	uint8_t bytes[CERT_SERIAL_LEN];
	BIGNUM *n;
	int r, ok;

	r = weir_random(bytes, sizeof(bytes));
	if (r)
		return r;
	bytes[0] = (bytes[0] & 0x7f) | 0x40;
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
	BN_free(n);
	return ok ? 0 : -ENOMEM;
}

static int cert_head(X509 *cert, EVP_PKEY *key, const struct weir_cert_req *req)
{
	time_t from = (time_t)req->not_before_s;
	time_t to = from + (time_t)req->days * 86400;
	X509_NAME *subject = X509_get_subject_name(cert);

	if (X509_set_version(cert, X509_VERSION_3) != 1 ||
	    !ASN1_TIME_set(X509_getm_notBefore(cert), from) ||
	    !ASN1_TIME_set(X509_getm_notAfter(cert), to) ||
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)req->cn, -1, -1,
				       0) != 1 ||
	    X509_set_pubkey(cert, key) != 1)
		return -EIO;
	return cert_serial(cert);
}

static int req_check(const struct weir_cert_req *req, const char *ca_cert, const char *ca_key,
		     struct weir_err *err)
{
	bool self_signed = !ca_cert && !ca_key;

	if ((req->use == WEIR_CERT_CA) != self_signed || !ca_cert != !ca_key)
		return weir_err_set(err, -EINVAL, "an authority signs itself and everything else needs "
				    "the authority's certificate and key");
	if (!req->cn || !req->cn[0] || strlen(req->cn) > CERT_CN_MAX)
		return weir_err_set(err, -EINVAL, "the name of a certificate has 1 to %d bytes",
				    CERT_CN_MAX);
	for (const char *p = req->cn; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return weir_err_set(err, -EINVAL,
					    "the name of a certificate holds a control character");
	if (!req->days || req->days > CERT_DAYS_MAX)
		return weir_err_set(err, -EINVAL, "a certificate is valid for 1 to %d days",
				    CERT_DAYS_MAX);
	return 0;
}

/* like: the certificate whose alternative names the new one takes, NULL = those of req. */
static int cert_make(const struct weir_cert_req *req, X509 *like, const struct cert_pair *ca,
		     struct cert_pair *ret, struct weir_err *err)
{
	auto_pair new = {.key = EVP_EC_gen("P-256"), .cert = X509_new()};
	X509 *issuer;
	int r;

	if (!new.key || !new.cert)
		return -ENOMEM;
	r = cert_head(new.cert, new.key, req);
	if (r)
		return r;
	issuer = ca->cert ? ca->cert : new.cert;
	if (X509_set_issuer_name(new.cert, X509_get_subject_name(issuer)) != 1)
		return -ENOMEM;
	r = cert_extensions(new.cert, issuer, req->use);
	if (!r)
		r = like ? cert_alt_names_copy(new.cert, like) : cert_alt_names(new.cert, req, err);
	if (r)
		return r;
	if (!X509_sign(new.cert, ca->key ? ca->key : new.key, EVP_sha256()))
		return -EIO;
	ret->key = weir_take_ptr(new.key);
	ret->cert = weir_take_ptr(new.cert);
	return 0;
}

static int pair_save(const struct cert_pair *p, const char *cert, const char *key,
		     struct weir_err *err)
{
	auto_bio *bio = BIO_new(BIO_s_mem());
	char *data;
	long len;
	int r;

	if (!bio || PEM_write_bio_X509(bio, p->cert) != 1)
		return -ENOMEM;
	len = BIO_get_mem_data(bio, &data);
	r = keyfile_save(p->key, key, err);
	if (r)
		return r;
	r = weir_file_create(cert, data, (size_t)len, 0644);
	if (!r)
		return 0;
	/* A key without its certificate is of no use and would stop the next attempt. */
	unlink(key);
	return weir_err_set(err, r, "%s: cannot write: %s", cert, strerror(-r));
}

static int cert_issue(const struct weir_cert_req *req, X509 *like, const char *ca_cert, const char *ca_key,
		      const char *out_cert, const char *out_key, struct weir_err *err)
{
	auto_pair ca = {0};
	auto_pair new = {0};
	int r;

	r = req_check(req, ca_cert, ca_key, err);
	if (!r && ca_cert)
		r = certfile_issuer(ca_cert, ca_key, &ca, err);
	if (r)
		return r;
	r = cert_make(req, like, &ca, &new, err);
	ERR_clear_error();
	if (r)
		return weir_err_set(err, r, "%s: cannot make the certificate: %s", out_cert,
				    strerror(-r));
	return pair_save(&new, out_cert, out_key, err);
}

int weir_cert_issue(const struct weir_cert_req *req, const char *ca_cert, const char *ca_key,
		    const char *out_cert, const char *out_key, struct weir_err *err)
{
	return cert_issue(req, NULL, ca_cert, ca_key, out_cert, out_key, err);
}

static int cert_cn(X509 *cert, char *cn, size_t cn_size)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;
	int len, r;

	if (at < 0)
		return weir_strcpy(cn, cn_size, "");
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (len < 0)
		return -EBADMSG;
	/* "good\0evil" must not pass for "good". */
	r = strlen((char *)text) == (size_t)len ? weir_strcpy(cn, cn_size, (char *)text) : -EBADMSG;
	OPENSSL_free(text);
	return r;
}

int weir_cert_info(const char *path, uint64_t *ret_expires_s, char *cn, size_t cn_size,
		   struct weir_err *err)
{
	auto_x509 *cert = NULL;
	uint64_t expires_s;
	int r;

	r = certfile_load(path, &cert, err);
	if (r)
		return r;
	expires_s = certfile_time_s(X509_get0_notAfter(cert));
	if (!expires_s)
		return weir_err_set(err, -EBADMSG, "%s: has no valid end date", path);
	r = cert_cn(cert, cn, cn_size);
	if (r)
		return weir_err_set(err, r, "%s: its subject name cannot be used: %s", path,
				    strerror(-r));
	*ret_expires_s = expires_s;
	return 0;
}

int weir_cert_reissue(const char *old, uint64_t not_before_s, uint32_t days, const char *ca_cert,
		      const char *ca_key, const char *out_cert, const char *out_key, struct weir_err *err)
{
	char cn[CERT_CN_MAX * 4 + 1];
	struct weir_cert_req req = {.cn = cn, .not_before_s = not_before_s, .days = days};
	auto_x509 *like = NULL;
	int r = certfile_load(old, &like, err);

	if (r)
		return r;
	if (X509_check_ca(like))
		return weir_err_set(err, -EINVAL, "%s: is of an authority: make a new one instead", old);
	req.use = X509_get_extended_key_usage(like) & XKU_SSL_SERVER ? WEIR_CERT_SERVER : WEIR_CERT_CLIENT;
	r = cert_cn(like, cn, sizeof(cn));
	if (r)
		return weir_err_set(err, r, "%s: its subject name cannot be used: %s", old, strerror(-r));
	return cert_issue(&req, like, ca_cert, ca_key, out_cert, out_key, err);
}

int weir_cert_from(const char *path, const char *ca, struct weir_err *err)
{
	auto_x509 *cert = NULL, *issuer = NULL;
	int r = certfile_load(path, &cert, err);

	if (!r)
		r = certfile_load(ca, &issuer, err);
	if (r)
		return r;
	r = X509_check_issued(issuer, cert) == X509_V_OK && X509_verify(cert, X509_get0_pubkey(issuer)) == 1;
	ERR_clear_error();
	return r;
}

int weir_cert_serial(const char *path, char ret[2 * WEIR_CERT_SERIAL_MAX + 1], struct weir_err *err)
{
	auto_x509 *cert = NULL;
	const ASN1_INTEGER *n;
	int r = certfile_load(path, &cert, err);

	if (r)
		return r;
	n = X509_get0_serialNumber(cert);
	if (ASN1_STRING_length(n) > WEIR_CERT_SERIAL_MAX)
		return weir_err_set(err, -EBADMSG, "%s: its serial number is too long", path);
	weir_hex(ASN1_STRING_get0_data(n), (size_t)ASN1_STRING_length(n), ret);
	return 0;
}
