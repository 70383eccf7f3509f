/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a node's keys: with which one it last proved its name, how long its certificate lasts by its
 * own words, and why it was last refused, until it was let in again. */
#ifndef AGGREGATOR_STORE_KEYS_H
#define AGGREGATOR_STORE_KEYS_H

#include "aggregator/store.h"
#include "lib/os/crypto.h"

#define STORE_REFUSED_MAX 160

struct store_keys {
	bool has_key, broken; /* broken: the node cannot use what its files hold now */
	uint8_t key[WEIR_KEY_LEN];
	uint64_t cert_expires_s; /* 0 = not known */
	char refused[STORE_REFUSED_MAX];
	uint64_t refused_s;
};

/* Zeros for a node never seen. */
int store_keys_get(struct store *s, const char *node, struct store_keys *ret);
int store_keys_certificate(struct store *s, const char *node, uint64_t expires_s, bool broken);
/* It was let in. */
int store_keys_identity(struct store *s, const char *node, const uint8_t key[WEIR_KEY_LEN]);
/* -ENOENT: nothing is kept of strangers. */
int store_keys_refused(struct store *s, const char *node, const char *text, uint64_t now_s);

#endif
