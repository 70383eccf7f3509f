/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys in PEM files, and OpenSSL's objects as owning locals. For lib/os/ only. */
#ifndef WEIR_KEYFILE_H
#define WEIR_KEYFILE_H

#include <openssl/bio.h>
#include <openssl/evp.h>

#include "lib/base/base.h"

static inline void pkey_freep(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static inline void bio_freep(BIO **b)
{
	BIO_free(*b);
}
#define auto_pkey weir_cleanup(pkey_freep) EVP_PKEY
#define auto_bio weir_cleanup(bio_freep) BIO

/* For PEM readers: an encrypted file is an error, never a question on the terminal. */
int keyfile_no_passphrase(char *buf, int size, int rwflag, void *arg);

/* -EPERM when group or others may read or write the file, -EBADMSG when it holds no PEM private key. */
int keyfile_load(const char *path, EVP_PKEY **ret, struct weir_err *err);
/* PKCS#8, mode 0600; never replaces a file (-EEXIST). */
int keyfile_save(const EVP_PKEY *key, const char *path, struct weir_err *err);

#endif
