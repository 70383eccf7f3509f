/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this node shows, signs with and refuses, in files that may be exchanged while the agent runs: TLS
 * (tls.*), the node's key (identity.key), the list of revoked approvers (trust.revoked). Looked at every
 * second and on SIGHUP. What cannot be used is said once and changes nothing.
 */
#ifndef WEIR_AGENT_KEYS_H
#define WEIR_AGENT_KEYS_H

#include "agent/config.h"
#include "agent/link.h"

#define KEYS_LINKS 2

struct keys;
/* Takes revoked approvers out of c. node_key, which the sessions sign with, may be NULL; both outlive keys. */
int keys_new(struct weir_loop *loop, struct config *c, struct weir_key *node_key, struct keys **ret,
	     struct weir_err *err);
void keys_free(struct keys *k);
/* The link gets new keys with the others; NULL is allowed. */
void keys_follow(struct keys *k, struct link *l);
/* Now, not when the files stand still; also after approvers in the configuration changed. */
void keys_look(struct keys *k);
uint64_t keys_expires_s(const struct keys *k); /* of the certificate in use, 0 = not known */
bool keys_broken(const struct keys *k);	       /* some file holds what cannot be used */

#endif
