/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/certfile.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "lib/os/file.h"

int certfile_open(const char *path, char **ret_data, BIO **ret, struct weir_err *err)
{
	weir_auto_free char *data = NULL;
	BIO *bio;
	size_t len;
	int r;

	r = weir_file_read(path, CERT_FILE_MAX, &data, &len);
	if (r)
		return weir_err_set(err, r, "%s: cannot read: %s", path, strerror(-r));
	bio = BIO_new_mem_buf(data, (int)len);
	if (!bio)
		return -ENOMEM;
	*ret_data = weir_take_ptr(data);
	*ret = bio;
	return 0;
}

int certfile_load(const char *path, X509 **ret, struct weir_err *err)
{
	weir_auto_free char *data = NULL;
	auto_bio *bio = NULL;
	X509 *cert;
	int r = certfile_open(path, &data, &bio, err);

	if (r)
		return r;
	cert = PEM_read_bio_X509(bio, NULL, keyfile_no_passphrase, NULL);
	ERR_clear_error();
	if (!cert)
		return weir_err_set(err, -EBADMSG, "%s: is not a certificate in PEM", path);
	*ret = cert;
	return 0;
}

int certfile_issuer(const char *cert, const char *key, struct cert_pair *ret, struct weir_err *err)
{
	auto_pair ca = {0};
	int r;

	r = certfile_load(cert, &ca.cert, err);
	if (!r)
		r = keyfile_load(key, &ca.key, err);
	if (r)
		return r;
	if (X509_check_ca(ca.cert) != 1)
		return weir_err_set(err, -EINVAL, "%s: is not a certificate of an authority", cert);
	if (X509_check_private_key(ca.cert, ca.key) != 1) {
		ERR_clear_error();
		return weir_err_set(err, -EINVAL, "%s: is not the key of %s", key, cert);
	}
	ret->cert = weir_take_ptr(ca.cert);
	ret->key = weir_take_ptr(ca.key);
	return 0;
}

uint64_t certfile_time_s(const ASN1_TIME *t)
{
	struct tm tm = {0};

	return ASN1_TIME_to_tm(t, &tm) == 1 && timegm(&tm) > 0 ? (uint64_t)timegm(&tm) : 0;
}
