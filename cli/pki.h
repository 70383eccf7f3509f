/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of `weirctl pki` share; the directory is described in pki.c. */
#ifndef WEIR_CLI_PKI_H
#define WEIR_CLI_PKI_H

#include "cli/cli.h"
#include "lib/os/crl.h"

#define PKI_CA_DAYS 3650
#define PKI_LEAF_DAYS 825
#define PKI_SKEW_S 3600 /* clocks of a fleet differ: certificates begin an hour ago */
#define PKI_AUTHORITIES 2

int pki_check_dir(const char *dir, struct weir_err *err);
/* Names become file names, certificate subjects and node names on the wire. */
int pki_check_name(const char *name, struct weir_err *err);
int pki_check_days(uint64_t days, struct weir_err *err);
/* Ed25519: private key to `key`, which must not exist; text gets the public key. */
int pki_new_key(const char *key, char text[56], struct weir_err *err);
/* A name that no other authority has: a revocation list is known by it. */
int pki_ca_name(char *ret, size_t size);

/* The authorities of a directory: the one that signs and, while it is exchanged, the one before. */
struct pki_cas {
	char *path[2 * PKI_AUTHORITIES];
	struct weir_ca_files files[PKI_AUTHORITIES];
	size_t count;
};
int pki_cas(const char *dir, struct pki_cas *ret, struct weir_err *err);
void pki_cas_fini(struct pki_cas *c);
#define pki_auto_cas weir_cleanup(pki_cas_fini) struct pki_cas

#endif
