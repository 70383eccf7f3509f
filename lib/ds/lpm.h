/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Longest-prefix match over 16-byte addresses; IPv4 is stored mapped (::ffff:a.b.c.d/96+n).
 * A path-compressed binary trie; lookup O(128). Values are uint32_t; UINT32_MAX is reserved for "none".
 */
#ifndef WEIR_LPM_H
#define WEIR_LPM_H

#include "lib/base/base.h"

#define WEIR_LPM_NONE UINT32_MAX

struct weir_addr {
	uint8_t b[16]; /* network order; IPv4 as ::ffff:a.b.c.d */
};

struct weir_prefix {
	struct weir_addr addr; /* host bits zero */
	uint8_t len;	       /* 0-128; an IPv4 /n is 96 + n */
};

bool weir_addr_is_v4(const struct weir_addr *a);
/* "10.0.0.1" or "2001:db8::1"; -EINVAL. */
int weir_addr_parse(const char *s, struct weir_addr *ret);
/* buf of at least INET6_ADDRSTRLEN (46); returns buf. */
char *weir_addr_text(const struct weir_addr *a, char *buf);
/* "10.0.0.0/8", "2001:db8::/32", or a bare address (full length). -EINVAL on host bits set or bad text. */
int weir_prefix_parse(const char *s, struct weir_prefix *ret);
/* buf of at least 50; IPv4 prefixes print as IPv4. Returns buf. */
char *weir_prefix_text(const struct weir_prefix *p, char *buf);
bool weir_prefix_covers(const struct weir_prefix *p, const struct weir_addr *a);
int weir_prefix_cmp(const struct weir_prefix *a, const struct weir_prefix *b); /* by address, then length */

struct weir_lpm;
int weir_lpm_new(struct weir_lpm **ret);
void weir_lpm_free(struct weir_lpm *t);
int weir_lpm_put(struct weir_lpm *t, const struct weir_prefix *p, uint32_t value); /* replaces */
uint32_t weir_lpm_find(const struct weir_lpm *t, const struct weir_addr *a);
/* Longest stored prefix that covers p (p itself included); WEIR_LPM_NONE. */
uint32_t weir_lpm_find_prefix(const struct weir_lpm *t, const struct weir_prefix *p);
/* Visits in weir_prefix_cmp order; stops when fn returns non-zero and returns that. */
int weir_lpm_each(const struct weir_lpm *t,
		  int (*fn)(const struct weir_prefix *p, uint32_t value, void *arg), void *arg);

#endif
