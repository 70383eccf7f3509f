/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash-chained log lines: an edited, removed, inserted or moved line breaks the chain at its place.
 * Each line is
 *   {"seq":N,...},"prev":"<64 hex>","hash":"<64 hex>"}
 * where the part in front of `,"prev":` is the entry, hash = SHA-256(prev as 32 bytes || entry), and
 * the first prev is zero.
 */
#ifndef WEIR_CHAIN_H
#define WEIR_CHAIN_H

#include "lib/os/crypto.h"

#define WEIR_CHAIN_LINE_MAX (64u << 10)
#define WEIR_CHAIN_TAIL (9 + 64 + 10 + 64 + 2) /* ,"prev":" … ","hash":" … "} */

struct weir_chain {
	uint64_t seq; /* of the last entry; the next line must carry seq + 1 */
	uint8_t hash[WEIR_SHA256_LEN];
};

/*
 * A head: that an entry of this number has this hash, signed. Whoever keeps one is a witness: a log that does not
 * hold that entry is another one, or was cut. As text a line "SEQ HASH SIGNATURE" in hex.
 */
struct weir_chain_head {
	uint64_t seq; /* 0 = none */
	uint8_t hash[WEIR_SHA256_LEN];
	uint8_t sig[WEIR_SIG_LEN];
};
#define WEIR_CHAIN_HEAD_TEXT (20 + 1 + 2 * WEIR_SHA256_LEN + 1 + 2 * WEIR_SIG_LEN + 2)

int weir_chain_head_sign(const struct weir_chain *c, const struct weir_key *key, struct weir_chain_head *ret);
int weir_chain_head_verify(const struct weir_chain_head *h, const uint8_t pub[WEIR_KEY_LEN]); /* -EBADMSG */
char *weir_chain_head_text(const struct weir_chain_head *h, char buf[WEIR_CHAIN_HEAD_TEXT]); /* ends with a newline */
int weir_chain_head_parse(const char *text, struct weir_chain_head *ret);		     /* -EINVAL */

/* One line, without its newline, against the chain so far. NULL and the chain moved on, or what is
 * wrong with it, to be read after "the entry ". */
const char *weir_chain_step(struct weir_chain *c, const char *line, size_t len);

/* What closes an entry into the next line, terminated; and its hash. The chain does not move: the
 * caller sets seq and hash once the line is durable. */
int weir_chain_tail(const struct weir_chain *c, const void *entry, size_t len,
		    char ret_tail[WEIR_CHAIN_TAIL + 1], uint8_t ret_hash[WEIR_SHA256_LEN]);

#endif
