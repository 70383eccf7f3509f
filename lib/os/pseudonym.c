/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/pseudonym.h"

#include <openssl/evp.h>
#include <sys/stat.h>

#include "lib/os/crypto.h"
#include "lib/os/file.h"

#define BLOCK 16

struct weir_pseudonym {
	EVP_CIPHER_CTX *cipher;
	uint8_t pad[BLOCK];
};

static int encrypt(struct weir_pseudonym *p, const uint8_t *in, int len, uint8_t *out)
{
	int n = 0;

	return EVP_EncryptUpdate(p->cipher, out, &n, in, len) == 1 && n == len ? 0 : -EIO;
}

int weir_pseudonym_new(const uint8_t key[WEIR_PSEUDONYM_KEY], struct weir_pseudonym **ret)
{
	weir_cleanup(weir_pseudonym_freep) struct weir_pseudonym *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->cipher = EVP_CIPHER_CTX_new();
	if (!p->cipher)
		return -ENOMEM;
	if (EVP_EncryptInit_ex(p->cipher, EVP_aes_128_ecb(), NULL, key, NULL) != 1 || EVP_CIPHER_CTX_set_padding(p->cipher, 0) != 1)
		return -EIO;
	r = encrypt(p, key + BLOCK, BLOCK, p->pad);
	if (r)
		return r;
	*ret = weir_take_ptr(p);
	return 0;
}

void weir_pseudonym_free(struct weir_pseudonym *p)
{
	if (!p)
		return;
	EVP_CIPHER_CTX_free(p->cipher);
	explicit_bzero(p->pad, sizeof(p->pad));
	free(p);
}

int weir_pseudonym_load(const char *path, struct weir_pseudonym **ret, struct weir_err *err)
{
	uint8_t key[WEIR_PSEUDONYM_KEY];
	weir_auto_free char *text = NULL;
	struct stat st;
	size_t len = 0;
	int r = stat(path, &st) ? -errno : 0;

	if (!r && st.st_mode & (S_IRWXO | S_IWGRP))
		return weir_err_set(err, -EPERM, "%s: others may read this key: chmod 600 it", path);
	if (!r)
		r = weir_file_read(path, 256, &text, &len);
	if (r)
		return weir_err_set(err, r, "%s: %s", path, strerror(-r));
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		text[--len] = '\0';
	if (len != 2 * sizeof(key) || weir_unhex(text, key, sizeof(key)))
		r = weir_err_set(err, -EINVAL, "%s: a key is 64 hexadecimal digits: openssl rand -hex 32", path);
	else
		r = weir_pseudonym_new(key, ret);
	explicit_bzero(text, len);
	explicit_bzero(key, sizeof(key));
	return r;
}

/* The first n bits of addr, the rest of pad. */
static void mix(uint8_t *block, const uint8_t *addr, size_t bytes, size_t n, const uint8_t *pad)
{
	memcpy(block, pad, BLOCK);
	for (size_t i = 0; i < bytes && 8 * i < n; i++) {
		uint8_t mask = n >= 8 * i + 8 ? 0xff : (uint8_t)(0xff << (8 * i + 8 - n));

		block[i] = (uint8_t)((addr[i] & mask) | (pad[i] & ~mask));
	}
}

int weir_pseudonym_addr(struct weir_pseudonym *p, uint8_t *addr, size_t bytes)
{
	uint8_t in[8 * WEIR_PSEUDONYM_BYTES_MAX * BLOCK], out[sizeof(in)];
	size_t bits = 8 * WEIR_MIN(bytes, (size_t)WEIR_PSEUDONYM_BYTES_MAX);
	int r;

	for (size_t n = 0; n < bits; n++)
		mix(in + n * BLOCK, addr, bits / 8, n, p->pad);
	r = encrypt(p, in, (int)(bits * BLOCK), out);
	for (size_t n = 0; !r && n < bits; n++)
		addr[n / 8] ^= (uint8_t)((out[n * BLOCK] & 0x80) >> n % 8);
	return r;
}
