/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of Ed25519 keys, of nodes and of approvers, that count no longer. A text file; each line that is
 * not empty and does not begin with '#' begins with a key, "ed25519:<base64>"; what follows a blank is for
 * people. Certificates are revoked by a CRL (crl.h).
 */
#ifndef WEIR_REVOKED_H
#define WEIR_REVOKED_H

#include "lib/os/crypto.h"

#define WEIR_REVOKED_MAX 65536

struct weir_revoked;
/* path NULL or "" = an empty list. A line that is no key is an error: a list is used whole or not at all. */
int weir_revoked_load(const char *path, struct weir_revoked **ret, struct weir_err *err);
void weir_revoked_free(struct weir_revoked *l);
size_t weir_revoked_count(const struct weir_revoked *l);
bool weir_revoked_has(const struct weir_revoked *l, const uint8_t key[WEIR_KEY_LEN]); /* l may be NULL */

#endif
