/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prefix-preserving pseudonyms of addresses: two addresses that share n leading bits have pseudonyms that share exactly n.
 * Crypto-PAn (J. Xu, J. Fan, M. Ammar, S. Moon, "Prefix-preserving IP address anonymization", ICNP 2002): bit i is flipped by
 * the first bit of AES-128 over the bits before it, filled up from a secret pad. IPv4 takes 32 blocks of AES, IPv6 128. A
 * pseudonym is not anonymous: who knows an address and its pseudonym knows the prefixes of its neighbours. Change the key often.
 */
#ifndef WEIR_PSEUDONYM_H
#define WEIR_PSEUDONYM_H

#include "lib/base/base.h"

#define WEIR_PSEUDONYM_KEY 32 /* bytes: 16 of the cipher's key, 16 that make the pad */

struct weir_pseudonym;
int weir_pseudonym_new(const uint8_t key[WEIR_PSEUDONYM_KEY], struct weir_pseudonym **ret);
void weir_pseudonym_free(struct weir_pseudonym *p);
static inline void weir_pseudonym_freep(struct weir_pseudonym **p)
{
	weir_pseudonym_free(*p);
}
/* A file of 64 hexadecimal digits that only its owner reads; -EPERM when others may. */
int weir_pseudonym_load(const char *path, struct weir_pseudonym **ret, struct weir_err *err);
#define WEIR_PSEUDONYM_BYTES_MAX 16
/* Of an address of so many bytes (4 or 16), network order, in place. -EIO: the cipher failed. */
int weir_pseudonym_addr(struct weir_pseudonym *p, uint8_t *addr, size_t bytes);

#endif
