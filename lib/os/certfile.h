/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in PEM files, as OpenSSL's objects. For lib/os/ only. */
#ifndef WEIR_CERTFILE_H
#define WEIR_CERTFILE_H

#include <openssl/x509.h>

#include "lib/os/keyfile.h"

#define CERT_FILE_MAX ((size_t)256 << 10)

static inline void x509_freep(X509 **c)
{
	X509_free(*c);
}
#define auto_x509 weir_cleanup(x509_freep) X509

/* A key and a certificate; for an issuer both loaded, for a subject both being made. */
struct cert_pair {
	EVP_PKEY *key;
	X509 *cert;
};

static inline void cert_pair_fini(struct cert_pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
}
#define auto_pair weir_cleanup(cert_pair_fini) struct cert_pair

/* The whole file as a memory BIO over *ret_data. */
int certfile_open(const char *path, char **ret_data, BIO **ret, struct weir_err *err);
/* The first certificate of a file. */
int certfile_load(const char *path, X509 **ret, struct weir_err *err);
/* An authority that may sign, with its key. */
int certfile_issuer(const char *cert, const char *key, struct cert_pair *ret, struct weir_err *err);
/* Unix time of an end date; 0 when it is none. */
uint64_t certfile_time_s(const ASN1_TIME *t);

#endif
