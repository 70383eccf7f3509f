/* SPDX-License-Identifier: Apache-2.0 */
/* In what two rows of one summary differ: all but their counts. */
#ifndef WEIR_ROW_KEY_H
#define WEIR_ROW_KEY_H

#include <net/if.h>

#include "lib/wire/msg.h"

/* Hashed and compared as bytes: it has no holes. A new field of Row must go in here. */
struct weir_row_key {
	struct weir_addr local, peer;
	uint32_t workload, peer_class, rule;
	uint16_t local_port, peer_port;
	uint8_t proto, dir, verdict, init_local, folded, pad[3];
	char interface[IF_NAMESIZE];
};
_Static_assert(sizeof(struct weir_row_key) == 32 + 12 + 4 + 8 + IF_NAMESIZE, "weir_row_key has holes");

/* workload: in place of the row's own. False: no interface can have such a name, the key has its beginning. */
bool weir_row_key(const struct weir_sum_row *r, uint32_t workload, struct weir_row_key *ret);

#endif
