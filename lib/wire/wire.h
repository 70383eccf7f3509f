/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport: everything that knows nng. Request/reply over mutual TLS, sizes always bounded,
 * completions delivered to an epoll loop through an event descriptor (nng runs its own threads; no
 * callback of ours runs on them beyond a queue push).
 *
 * A newer nng replaces wire_server.c, wire_client.c and tls.c here and nothing else.
 */
#ifndef WEIR_WIRE_H
#define WEIR_WIRE_H

#include "lib/base/base.h"

struct weir_tls_files {
	const char *ca;	  /* PEM */
	const char *cert; /* PEM, own */
	const char *key;  /* PEM, own */
	const char *server_name; /* client only: name the server's certificate must carry */
};

/* Server: many requests outstanding, each answered by its id, in any order, at any later time. */
struct weir_wire_server;
/* url "tls+tcp://0.0.0.0:7471". contexts = bound on requests held at once. */
int weir_wire_listen(const char *url, const struct weir_tls_files *tls, size_t max_message,
		     uint32_t contexts, struct weir_wire_server **ret, struct weir_err *err);
void weir_wire_server_free(struct weir_wire_server *s);
int weir_wire_server_fd(const struct weir_wire_server *s); /* readable: call next until -EAGAIN */
/* *ret_data stays valid until the request is answered. -EAGAIN when there is none. */
int weir_wire_next(struct weir_wire_server *s, uint64_t *ret_id, const void **ret_data, size_t *ret_len);
/* Copies data. A reply to a peer that left is dropped: that is not an error. */
int weir_wire_reply(struct weir_wire_server *s, uint64_t id, const void *data, size_t len);
/* Bytes of replies that peers have not taken yet: each is a copy of its own. */
size_t weir_wire_sending(struct weir_wire_server *s);

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
bool weir_wire_connected(const struct weir_wire_client *c);

#endif
