/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation lists of certificates (RFC 5280), one per authority, all in one PEM file. The file is its own
 * memory: each update carries over what the list of that authority held.
 */
#ifndef WEIR_CRL_H
#define WEIR_CRL_H

#include "lib/base/base.h"

struct weir_ca_files {
	const char *cert, *key; /* PEM */
};

/* Rewrites the file with a list of each authority. cert, unless NULL, is added to that of the authority which
 * issued it (-ENOKEY: none of them did). Lists of authorities that are not named go. */
int weir_crl_update(const char *path, const struct weir_ca_files *cas, size_t count, const char *cert,
		    uint64_t now_s, struct weir_err *err);
/* 1 when a list in the file names the certificate, 0 when not. A missing file names none. */
int weir_crl_has(const char *path, const char *cert, struct weir_err *err);

#endif
