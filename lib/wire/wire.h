/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport: everything that knows nng. Request/reply over mutual TLS, sizes always bounded, completions
 * delivered to an epoll loop through an event descriptor. Connections live on nng's own threads; the caller sees
 * none of them, and no callback of his runs there.
 *
 * A newer nng replaces conn.c, wire_server.c, wire_client.c and tls.c here and nothing else.
 */
#ifndef WEIR_WIRE_H
#define WEIR_WIRE_H

#include "lib/base/base.h"

struct weir_tls_files {
	const char *ca;	  /* PEM */
	const char *cert; /* PEM, own */
	const char *key;  /* PEM, own */
	const char *server_name; /* client only: name the server's certificate must carry */
	const char *crl; /* PEM, NULL or "" = none */
};

/* Server: many requests outstanding, each answered by its id, in any order, at any later time. */
struct weir_wire_server;
struct weir_wire_bounds {
	size_t message;	   /* bytes of a request; a peer that sends more is cut off */
	uint32_t requests; /* that the caller holds at once */
	uint32_t peers;	   /* connected at once, those in their handshake too */
};
struct weir_wire_stats {
	uint32_t peers, handshakes; /* now: all, and those whose handshake is under way */
	uint64_t refused;	    /* ever, at the bound of peers or without memory */
	size_t bytes;		    /* of requests that are coming in or not answered */
	size_t sending;		    /* of replies that peers have not taken yet: each is a copy of its own */
};
/* url "tls+tcp://0.0.0.0:7471". */
int weir_wire_listen(const char *url, const struct weir_tls_files *tls, const struct weir_wire_bounds *b,
		     struct weir_wire_server **ret, struct weir_err *err);
void weir_wire_server_free(struct weir_wire_server *s);
int weir_wire_server_fd(const struct weir_wire_server *s); /* readable: call next until -EAGAIN */
/* *ret_data stays valid until the request is answered. -EAGAIN when there is none. */
int weir_wire_next(struct weir_wire_server *s, uint64_t *ret_id, const void **ret_data, size_t *ret_len);
/* Copies data. A reply to a peer that left is dropped: that is not an error. */
int weir_wire_reply(struct weir_wire_server *s, uint64_t id, const void *data, size_t len);
/*
 * Keys may be exchanged while connections stand: new connections are by the new files, those that stand go on as
 * they began. On failure the old ones stay in use. weir_wire_server_renew closes up to max of the connections
 * that may have begun by the old files (peers come back at once) and returns how many are left. Those older than
 * age_ns are closed, too: certificates end while connections stand.
 */
int weir_wire_server_rotate(struct weir_wire_server *s, const struct weir_tls_files *tls, struct weir_err *err);
size_t weir_wire_server_renew(struct weir_wire_server *s, uint64_t age_ns, size_t max);
/* The connection by which a request came, while it is not answered; 0 = none. */
uint32_t weir_wire_peer(struct weir_wire_server *s, uint64_t id);
/* Closes it, if it still stands. */
void weir_wire_cut(struct weir_wire_server *s, uint32_t peer);
void weir_wire_server_stats(struct weir_wire_server *s, struct weir_wire_stats *ret);

/* Client: one dialer, one request outstanding. Reconnects by itself with jitter; a request whose
 * connection broke completes with -ECONNRESET and may be sent again. */
struct weir_wire_client;
int weir_wire_dial(const char *url, const struct weir_tls_files *tls, size_t max_message,
		   struct weir_wire_client **ret, struct weir_err *err);
void weir_wire_client_free(struct weir_wire_client *c);
int weir_wire_client_fd(const struct weir_wire_client *c); /* readable: a request completed */
/* -EBUSY while one is outstanding, -EMSGSIZE beyond max_message. timeout 0 = 60 s. Without a connection
 * the request waits for one; right after a break it may fail with -ECONNRESET once more. */
int weir_wire_send(struct weir_wire_client *c, const void *data, size_t len, uint64_t timeout_ns);
/* 0 and the reply (valid until the next send), -EAGAIN not yet, -ETIMEDOUT, -ECONNRESET. */
int weir_wire_reply_take(struct weir_wire_client *c, const void **ret_data, size_t *ret_len);
/* The same as for a server; the connection that stands is closed, and made anew by the new files. */
int weir_wire_client_rotate(struct weir_wire_client *c, const struct weir_tls_files *tls, struct weir_err *err);
bool weir_wire_connected(const struct weir_wire_client *c);
/* After the end of a connection the next is dialed at a random time within this (at most 10 min): a server that
 * comes back is not to meet its whole fleet at once. */
void weir_wire_spread(struct weir_wire_client *c, uint32_t ms);

#endif
