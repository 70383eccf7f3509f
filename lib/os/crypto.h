/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, Ed25519, random bytes, base64: all of OpenSSL's libcrypto but certificates (x509.h) is behind this. */
#ifndef WEIR_CRYPTO_H
#define WEIR_CRYPTO_H

#include "lib/base/base.h"

#define WEIR_SHA256_LEN 32
#define WEIR_KEY_LEN 32 /* Ed25519 public key */
#define WEIR_SIG_LEN 64

struct weir_sha256; /* incremental */
int weir_sha256_new(struct weir_sha256 **ret);
void weir_sha256_free(struct weir_sha256 *h);
static inline void weir_sha256_freep(struct weir_sha256 **h)
{
	weir_sha256_free(*h);
}
#define weir_auto_sha256 weir_cleanup(weir_sha256_freep) struct weir_sha256
int weir_sha256_add(struct weir_sha256 *h, const void *data, size_t len);
int weir_sha256_end(struct weir_sha256 *h, uint8_t ret[WEIR_SHA256_LEN]);
int weir_sha256(const void *data, size_t len, uint8_t ret[WEIR_SHA256_LEN]);

int weir_random(void *buf, size_t len);

struct weir_key; /* Ed25519 private key */
int weir_key_new(struct weir_key **ret); /* generates */
void weir_key_free(struct weir_key *k);
/* PEM PKCS#8, mode 0600. Loading refuses a file that others may access or its group write (-EPERM), saving one
 * that exists (-EEXIST). */
int weir_key_load(const char *path, struct weir_key **ret, struct weir_err *err);
int weir_key_save(const struct weir_key *k, const char *path, struct weir_err *err);
/* Whoever holds a signs with b's key from now on, and the reverse. */
void weir_key_swap(struct weir_key *a, struct weir_key *b);
int weir_key_public(const struct weir_key *k, uint8_t ret[WEIR_KEY_LEN]);
int weir_key_sign(const struct weir_key *k, const void *data, size_t len, uint8_t ret[WEIR_SIG_LEN]);
/* 0 valid, -EBADMSG not. */
int weir_sig_verify(const uint8_t pub[WEIR_KEY_LEN], const void *data, size_t len,
		    const uint8_t sig[WEIR_SIG_LEN]);

/* A public key in text form is "ed25519:" + 43 or 44 characters of base64; id = first 16 hex of its SHA-256. */
int weir_pub_parse(const char *s, uint8_t ret[WEIR_KEY_LEN]);
char *weir_pub_text(const uint8_t pub[WEIR_KEY_LEN], char buf[56]);
char *weir_pub_id(const uint8_t pub[WEIR_KEY_LEN], char buf[17]);

char *weir_hex(const void *data, size_t len, char *buf); /* buf of 2 * len + 1; returns buf */
int weir_unhex(const char *s, void *ret, size_t len);	 /* exactly len bytes or -EINVAL */
int weir_base64(const void *data, size_t len, char **ret);
int weir_unbase64(const char *s, uint8_t **ret, size_t *ret_len); /* strict */

#endif
