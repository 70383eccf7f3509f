/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is connected to a server. A peer goes HANDSHAKE -> READING -> QUEUED -> HELD -> SENDING -> READING; nng's threads
 * make all steps but QUEUED -> HELD (weir_peers_next) and HELD -> SENDING (weir_peers_reply), which are the caller's.
 * One that ends is GONE and is freed by the next look at all peers; a HELD one not before it is answered, as the
 * caller reads its request. Internal to lib/wire.
 */
#ifndef WEIR_WIRE_PEERS_H
#define WEIR_WIRE_PEERS_H

#include "lib/wire/nng.h"

/* More do not begin: who comes waits in the system's queue, and is served in order. */
#define WEIR_HANDSHAKES_MAX 512

struct weir_peers;
/* fd: an eventfd that is written when a request waits. `place` is called with arg when a handshake has ended. */
int weir_peers_new(const struct weir_wire_bounds *b, int fd, void (*place)(void *arg), void *arg, struct weir_peers **ret);
/* Nothing of nng may be at work on it but the peers' own operations. NULL allowed. */
void weir_peers_free(struct weir_peers *ps);
/* Takes stream. since_ns: its keys are those of then, or later ones. Monotonic. */
void weir_peers_join(struct weir_peers *ps, nng_stream *stream, uint64_t since_ns);
/* Ends what is late and frees what has ended. */
void weir_peers_look(struct weir_peers *ps, uint64_t now_ns);
bool weir_peers_full(struct weir_peers *ps); /* WEIR_HANDSHAKES_MAX are under way */
/* As weir_wire_next and weir_wire_reply. */
int weir_peers_next(struct weir_peers *ps, uint64_t *ret_id, const void **ret_data, size_t *ret_len);
int weir_peers_reply(struct weir_peers *ps, uint64_t id, const void *data, size_t len);
uint32_t weir_peers_of(struct weir_peers *ps, uint64_t id);
void weir_peers_cut(struct weir_peers *ps, uint32_t peer);
/* Ends up to max of those that began before; returns how many such are left. */
size_t weir_peers_renew(struct weir_peers *ps, uint64_t before_ns, size_t max);
void weir_peers_stats(struct weir_peers *ps, struct weir_wire_stats *ret);

#endif
