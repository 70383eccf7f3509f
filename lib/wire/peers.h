/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of a server's socket, by when they began. Internal to lib/wire. */
#ifndef WEIR_WIRE_PEERS_H
#define WEIR_WIRE_PEERS_H

#include "lib/wire/nng.h"

struct weir_peers;
/* Before the listener starts. */
int weir_peers_new(nng_socket sock, struct weir_peers **ret); /* of nng */
/* Refuses connections from now on. What is left belongs to the socket: a notice can be under way whatever is asked
 * of nng. NULL allowed. */
void weir_peers_end(struct weir_peers *p);
/* Closes up to max connections that began before; returns how many such are left. Monotonic clock. */
size_t weir_peers_close(struct weir_peers *p, uint64_t before_ns, size_t max);

#endif
