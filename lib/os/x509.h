/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate authority for weir's mutual TLS, ECDSA P-256 (what mbed TLS 2.28 of nng verifies
 * fastest), X.509 v3. Files are PEM; keys are written 0600, certificates 0644. Existing files are
 * never overwritten (-EEXIST).
 */
#ifndef WEIR_X509_H
#define WEIR_X509_H

#include "lib/base/base.h"

#define WEIR_CERT_SERIAL_MAX 20 /* bytes, RFC 5280 */

enum weir_cert_use { WEIR_CERT_CA, WEIR_CERT_SERVER, WEIR_CERT_CLIENT };

struct weir_cert_req {
	enum weir_cert_use use;
	const char *cn;
	const char *const *alt_names; /* NULL-terminated DNS names or IP addresses; may be NULL */
	uint64_t not_before_s;	      /* Unix time */
	uint32_t days;
};

/* CA: ca_cert/ca_key NULL = self-signed. */
int weir_cert_issue(const struct weir_cert_req *req, const char *ca_cert, const char *ca_key,
		    const char *out_cert, const char *out_key, struct weir_err *err);
/* The successor of an end entity's certificate: same use and names, a new key, a new serial number. */
int weir_cert_reissue(const char *old, uint64_t not_before_s, uint32_t days, const char *ca_cert,
		      const char *ca_key, const char *out_cert, const char *out_key, struct weir_err *err);
/* Whether the first certificate of ca signed the certificate: 1 or 0. */
int weir_cert_from(const char *path, const char *ca, struct weir_err *err);
/* In hex. */
int weir_cert_serial(const char *path, char ret[2 * WEIR_CERT_SERIAL_MAX + 1], struct weir_err *err);
/* notAfter as Unix time, subject CN into cn (bounded). */
int weir_cert_info(const char *path, uint64_t *ret_expires_s, char *cn, size_t cn_size,
		   struct weir_err *err);

#endif
