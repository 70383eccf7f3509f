/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: names and dates of one in PEM, or of bare DER, which is easier to change than its text. */
#include "lib/os/crypto.h"
#include "lib/os/x509.h"
#include "tests/fuzz/fuzz.h"

#include <openssl/evp.h>

#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END "-----END CERTIFICATE-----\n"
#define DER_MAX 16384

static size_t to_pem(const uint8_t *data, size_t len, char *ret)
{
	size_t n = sizeof(BEGIN) - 1;

	memcpy(ret, BEGIN, n);
	for (size_t at = 0; at < len; at += 48) {
		n += (size_t)EVP_EncodeBlock((uint8_t *)ret + n, data + at, (int)WEIR_MIN(len - at, (size_t)48));
		ret[n++] = '\n';
	}
	memcpy(ret + n, END, sizeof(END) - 1);
	return n + sizeof(END) - 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char pem[2 * DER_MAX];
	bool text = len > 10 && !memcmp(data, BEGIN, 10);
	struct weir_err err = {0};
	struct fuzz_file f;
	uint64_t expires;
	char cn[65];

	if (len > DER_MAX)
		return 0;
	f = text ? fuzz_file(data, len) : fuzz_file((uint8_t *)pem, to_pem(data, len, pem));
	if (weir_cert_info(f.path, &expires, cn, sizeof(cn), &err))
		MUST(*err.text);
	else
		MUST(memchr(cn, 0, sizeof(cn)));
	close(f.fd);
	return 0;
}
