/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the aggregator shows in TLS and whom it believes, in files that may be exchanged while it runs: tls.*,
 * nodes.dir, nodes.revoked. New files are looked at with each sweep and on SIGHUP; what cannot be used is said
 * once and changes nothing. Connections that began before authorities or revocation lists changed are closed
 * step by step, so that all have passed them; sessions outlive their connections. A session whose key does not
 * count any more ends at once.
 */
#ifndef AGGREGATOR_KEYS_H
#define AGGREGATOR_KEYS_H

#include "aggregator/service.h"

struct keys;
/* Before the sockets listen. */
int keys_new(struct service *sv, struct keys **ret, struct weir_err *err);
void keys_free(struct keys *k);
/* at_once: do not wait until files stand still. */
void keys_poll(struct keys *k, uint64_t now_ns, bool at_once);

#endif
