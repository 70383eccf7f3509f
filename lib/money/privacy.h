/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What recorded traffic may say of addresses when it leaves the house: fewer bits, pseudonyms that keep prefixes
 * (lib/os/pseudonym.h), and none at all of peers with whom fewer than k of ours spoke. Bytes, hours and paths stay.
 */
#ifndef WEIR_MONEY_PRIVACY_H
#define WEIR_MONEY_PRIVACY_H

#include "lib/money/traffic.h"
#include "lib/os/pseudonym.h"

struct weir_privacy {
	struct weir_pseudonym *pseudonyms; /* NULL: off */
	const char *const *domains;	   /* whose rows alone, up to a NULL; NULL or empty: all */
	uint8_t keep4, keep6;		   /* leading bits of peers that are kept; 32 and 128: all */
	uint32_t least; /* k: workloads that speak with a peer that is none of ours; 0 or 1: off */
};
/* The pseudonym of an address, in its place; IPv4 stays IPv4. */
int weir_privacy_name(struct weir_pseudonym *p, struct weir_addr *a);
/* "24,48" as keep4 and keep6. */
int weir_privacy_truncation(const char *text, struct weir_privacy *ret, struct weir_err *err);
/* The rows as they may go. Peers are cut first, then counted, then given pseudonyms; a peer with too few is folded. */
int weir_privacy_apply(const struct weir_privacy *p, const struct weir_traffic_set *s, struct weir_traffic_set **ret);

#endif
