/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's half of a session: who says he is node X must sign both nonces with X's key, found in
 * <nodes.dir>/X.pub at the time of the hello. The token that he then gets stands in every message.
 * While a key is exchanged the file holds the new one and, in the next line, the one before. A session whose
 * key is not there any more, or is revoked, is ended by sessions_recheck.
 * One session per (node, socket): a new one replaces the old. Tables are bounded: handshakes under
 * way by a ring that forgets the oldest, sessions by the number of nodes that have a key.
 */
#ifndef AGGREGATOR_SESSION_H
#define AGGREGATOR_SESSION_H

#include "lib/os/revoked.h"
#include "lib/wire/msg.h"

#define SESSION_FACT_MAX 160
/* A control poll is held 15 s, telemetry comes each window: silence beyond this is no connection. */
#define SESSION_SILENCE_NS (20 * 1000000000ull)
#define SESSION_CLASS_MAX 128

struct session {
	char node[WEIR_NODE_MAX];
	enum weir_socket_kind kind;
	char domain[SESSION_FACT_MAX], class[SESSION_CLASS_MAX];
	char version[SESSION_FACT_MAX], kernel[SESSION_FACT_MAX], hooks[SESSION_FACT_MAX];
	uint8_t token[WEIR_TOKEN_LEN];
	uint8_t key[WEIR_KEY_LEN]; /* by which it was proved */
	uint32_t peer;		   /* connection by which its last message came */
	uint64_t cert_expires_s;   /* by the node's own words */
	bool keys_broken;
	uint64_t head_seq, head_ns; /* of the audit log: what was last given, and when */
	bool witnessed;		    /* control: what the node has seen of it was heard and answered */
	uint64_t used_ns;     /* last message */
	uint64_t since_ns;    /* from then on there was none for longer than SESSION_SILENCE_NS */
	uint64_t pushed_ns, pushed_serial; /* control: last push */
	uint64_t order_noted;		   /* number of the order of which a refusal was noted */
	uint64_t candidate_ns;		   /* the last one of a candidate, or of its end */
	struct weir_msg *reference; /* telemetry: the last deflated summary that was acknowledged; NULL = none */
};

struct sessions;
int sessions_new(const char *nodes_dir, uint32_t max, struct sessions **ret);
void sessions_free(struct sessions *ss);
/* Keys that open no session; borrowed, NULL = none. */
void sessions_revoke(struct sessions *ss, const struct weir_revoked *revoked);
/* Looks at up to max sessions, where it stopped the last time, or at all (SIZE_MAX), and ends those whose key does
 * not count any more; fn is told of each before it goes, and why. Reads a file for each. */
int sessions_recheck(struct sessions *ss, size_t max, void (*fn)(const struct session *s, const char *why, void *arg),
		     void *arg);

/* Both fill reply with a Challenge / Welcome or a Refusal; its text stays until the next one. *ret_new of a proof
 * is the new session, or untouched. Welcome's last epoch and sequence are the caller's to fill. */
int session_hello(struct sessions *ss, enum weir_socket_kind kind, const struct weir_hello *h,
		  uint32_t max_message, struct weir_msg *reply);
int session_proof(struct sessions *ss, enum weir_socket_kind kind, const struct weir_proof *p,
		  uint64_t now_ns, struct weir_msg *reply, struct session **ret_new);
/* The node that a handshake under way speaks of; "" = none. */
void session_claimed(const struct sessions *ss, uint64_t hello_id, char ret[WEIR_NODE_MAX]);
/* The session that a message's token names on this socket; NULL = none. Marks it used. */
struct session *session_find(struct sessions *ss, enum weir_socket_kind kind, const struct weir_msg *m,
			     uint64_t now_ns);
/* A summary was acknowledged: the next one of its session may refer to it. m may have come from a session that is
 * no more, or not deflated. */
void session_refer(struct sessions *ss, const struct weir_msg *m);
/* When a message of the node last came on any socket; 0 = never since the start. */
uint64_t sessions_last_used(const struct sessions *ss, const char *node);
/* Why the node was refused for the wire version it speaks; NULL = it was not, or has a session by now. */
const char *sessions_refused(const struct sessions *ss, const char *node);
/* Since when the node is connected; 0 = it is not. */
uint64_t sessions_since(const struct sessions *ss, const char *node, uint64_t now_ns);
/* Whether the node has a key, so that it is expected to come. */
bool sessions_expects(const struct sessions *ss, const char *node);
size_t sessions_count(const struct sessions *ss);

void session_refuse(struct weir_msg *reply, enum weir_refusal_code code, const char *text);
/* A file name and a name in reports: letters, digits, '.', '_', '-', not beginning with '.'. */
bool session_node_ok(const char *node);

#endif
