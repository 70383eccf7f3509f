/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hex and base64 (RFC 4648). Decoding is strict, so one value has one text: no white space, padding
 * exactly where due, unused bits zero.
 */
#include "lib/os/crypto.h"

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *weir_hex(const void *data, size_t len, char *buf)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		buf[2 * i] = "0123456789abcdef"[p[i] >> 4];
		buf[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
	}
	buf[2 * len] = '\0';
	return buf;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int weir_unhex(const char *s, void *ret, size_t len)
{
	uint8_t *out = ret;

	if (strlen(s) != 2 * len)
		return -EINVAL;
	for (size_t i = 0; i < 2 * len; i++)
		if (hex_digit(s[i]) < 0)
			return -EINVAL;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(hex_digit(s[2 * i]) << 4 | hex_digit(s[2 * i + 1]));
	return 0;
}

static void base64_encode(const uint8_t *p, size_t len, char *out)
{
	for (; len; p += 3) {
		size_t n = WEIR_MIN(len, (size_t)3);
		uint32_t v = (uint32_t)p[0] << 16;

		if (n > 1)
			v |= (uint32_t)p[1] << 8;
		if (n > 2)
			v |= p[2];
		*out++ = base64_digits[v >> 18];
		*out++ = base64_digits[v >> 12 & 63];
		*out++ = n > 1 ? base64_digits[v >> 6 & 63] : '=';
		*out++ = n > 2 ? base64_digits[v & 63] : '=';
		len -= n;
	}
	*out = '\0';
}

int weir_base64(const void *data, size_t len, char **ret)
{
	char *out;

	if (len > SIZE_MAX / 2)
		return -ENOMEM;
	out = malloc((len + 2) / 3 * 4 + 1);
	if (!out)
		return -ENOMEM;
	base64_encode(data, len, out);
	*ret = out;
	return 0;
}

static int base64_digit(char c)
{
	const char *at = c ? strchr(base64_digits, c) : NULL;

	return at ? (int)(at - base64_digits) : -1;
}

/* Four characters into 3 - pad bytes. */
static int base64_group(const char *s, size_t pad, uint8_t *out)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		int d = i < 4 - pad ? base64_digit(s[i]) : 0;

		if (d < 0)
			return -EINVAL;
		v = v << 6 | (uint32_t)d;
	}
	if (v & ((1u << (8 * pad)) - 1))
		return -EINVAL;
	for (size_t i = 0; i < 3 - pad; i++)
		out[i] = (uint8_t)(v >> (16 - 8 * i));
	return 0;
}

int weir_unbase64(const char *s, uint8_t **ret, size_t *ret_len)
{
	weir_auto_free uint8_t *out = NULL;
	size_t len = strlen(s), pad = 0;

	if (len % 4)
		return -EINVAL;
	if (len && s[len - 1] == '=')
		pad = s[len - 2] == '=' ? 2 : 1;
	out = malloc(len / 4 * 3 + 1);
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < len; i += 4)
		if (base64_group(s + i, i + 4 == len ? pad : 0, out + i / 4 * 3))
			return -EINVAL;
	*ret = weir_take_ptr(out);
	*ret_len = len / 4 * 3 - pad;
	return 0;
}

char *weir_pub_text(const uint8_t pub[WEIR_KEY_LEN], char buf[56])
{
	memcpy(buf, "ed25519:", 8);
	base64_encode(pub, WEIR_KEY_LEN, buf + 8);
	return buf;
}

char *weir_pub_id(const uint8_t pub[WEIR_KEY_LEN], char buf[17])
{
	uint8_t digest[WEIR_SHA256_LEN] = {0};

	weir_sha256(pub, WEIR_KEY_LEN, digest);
	return weir_hex(digest, 8, buf);
}
