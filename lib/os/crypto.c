/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/crypto.h"

#include <openssl/err.h>
#include <sys/random.h>

#include "lib/os/keyfile.h"

#define PUB_PREFIX "ed25519:"

struct weir_key {
	EVP_PKEY *pkey;
};

static void md_ctx_freep(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}
#define auto_md_ctx weir_cleanup(md_ctx_freep) EVP_MD_CTX

/* A struct weir_sha256 is OpenSSL's context under our name: nothing to add, nothing to wrap. */
static EVP_MD_CTX *sha256_ctx(struct weir_sha256 *h)
{
	return (EVP_MD_CTX *)h;
}

int weir_sha256_new(struct weir_sha256 **ret)
{
	auto_md_ctx *ctx = EVP_MD_CTX_new();

	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	*ret = (struct weir_sha256 *)weir_take_ptr(ctx);
	return 0;
}

void weir_sha256_free(struct weir_sha256 *h)
{
	EVP_MD_CTX_free(sha256_ctx(h));
}

int weir_sha256_add(struct weir_sha256 *h, const void *data, size_t len)
{
	return EVP_DigestUpdate(sha256_ctx(h), data, len) == 1 ? 0 : -EIO;
}

int weir_sha256_end(struct weir_sha256 *h, uint8_t ret[WEIR_SHA256_LEN])
{
	return EVP_DigestFinal_ex(sha256_ctx(h), ret, NULL) == 1 ? 0 : -EIO;
}

int weir_sha256(const void *data, size_t len, uint8_t ret[WEIR_SHA256_LEN])
{
	return EVP_Digest(data, len, ret, NULL, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

int weir_random(void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Takes over *pkey on success. */
static int key_wrap(EVP_PKEY **pkey, struct weir_key **ret)
{
	struct weir_key *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->pkey = weir_take_ptr(*pkey);
	*ret = k;
	return 0;
}

int weir_key_new(struct weir_key **ret)
{
	auto_pkey *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	if (!pkey)
		return -EIO;
	return key_wrap(&pkey, ret);
}

void weir_key_free(struct weir_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

int weir_key_load(const char *path, struct weir_key **ret, struct weir_err *err)
{
	auto_pkey *pkey = NULL;
	int r;

	r = keyfile_load(path, &pkey, err);
	if (r)
		return r;
	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_ED25519)
		return weir_err_set(err, -EBADMSG, "%s: is not an Ed25519 key", path);
	return key_wrap(&pkey, ret);
}

int weir_key_save(const struct weir_key *k, const char *path, struct weir_err *err)
{
	return keyfile_save(k->pkey, path, err);
}

void weir_key_swap(struct weir_key *a, struct weir_key *b)
{
	struct weir_key was = *a;

	*a = *b;
	*b = was;
}

int weir_key_public(const struct weir_key *k, uint8_t ret[WEIR_KEY_LEN])
{
	uint8_t pub[WEIR_KEY_LEN];
	size_t len = sizeof(pub);

	if (EVP_PKEY_get_raw_public_key(k->pkey, pub, &len) != 1 || len != sizeof(pub))
		return -EIO;
	memcpy(ret, pub, sizeof(pub));
	return 0;
}

int weir_key_sign(const struct weir_key *k, const void *data, size_t len, uint8_t ret[WEIR_SIG_LEN])
{
	auto_md_ctx *ctx = EVP_MD_CTX_new();
	uint8_t sig[WEIR_SIG_LEN];
	size_t sig_len = sizeof(sig);

	if (!ctx)
		return -ENOMEM;
	if (EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) != 1 ||
	    EVP_DigestSign(ctx, sig, &sig_len, data, len) != 1 || sig_len != sizeof(sig))
		return -EIO;
	memcpy(ret, sig, sizeof(sig));
	return 0;
}

int weir_sig_verify(const uint8_t pub[WEIR_KEY_LEN], const void *data, size_t len,
		    const uint8_t sig[WEIR_SIG_LEN])
{
	auto_pkey *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub, WEIR_KEY_LEN);
	auto_md_ctx *ctx = EVP_MD_CTX_new();
	int ok;

	if (!pkey || !ctx)
		return -ENOMEM;
	ok = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
	     EVP_DigestVerify(ctx, sig, WEIR_SIG_LEN, data, len) == 1;
	ERR_clear_error();
	return ok ? 0 : -EBADMSG;
}

int weir_pub_parse(const char *s, uint8_t ret[WEIR_KEY_LEN])
{
	weir_auto_free uint8_t *pub = NULL;
	char text[64];
	size_t len;

	if (strncmp(s, PUB_PREFIX, strlen(PUB_PREFIX)) != 0)
		return -EINVAL;
	s += strlen(PUB_PREFIX);
	/* The one '=' that ends 32 bytes in base64 may be left out. */
	len = strlen(s);
	if (len != 43 && len != 44)
		return -EINVAL;
	snprintf(text, sizeof(text), "%s%s", s, len == 43 ? "=" : "");
	if (weir_unbase64(text, &pub, &len) || len != WEIR_KEY_LEN)
		return -EINVAL;
	memcpy(ret, pub, WEIR_KEY_LEN);
	return 0;
}
