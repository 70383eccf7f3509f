/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: whole messages over a TLS stream of nng, as nng's own req and rep sockets frame them.
 * Internal to lib/wire.
 *
 * After the TLS handshake each end sends 8 bytes (0 'S' 'P' 0, its protocol, 0 0), then messages: 8 bytes
 * of length, 4 bytes of request id with the highest bit set, and the text; big endian. A reply has its request's id.
 *
 * Why not nng's sockets: those of 1.5.2 stop accepting for ever when a peer leaves at the end of its
 * handshake, and keep what they negotiate for ever when a peer is silent there. Here every wait of a connection has
 * an end, and the memory of a message grows as its bytes come.
 *
 * The owner's lock is held in each call of, and from, this file. Nothing here blocks but weir_conn_fini.
 */
#ifndef WEIR_WIRE_CONN_H
#define WEIR_WIRE_CONN_H

#include "lib/wire/nng.h"

#include <pthread.h>

#define WEIR_CONN_ID 4 /* bytes of request id that begin a message */
#define WEIR_CONN_HEAD 8
#define WEIR_CONN_REQ 0x30
#define WEIR_CONN_REP 0x31

struct weir_conn;
/* What the owner is told, on a thread of nng. */
struct weir_conn_ops {
	void (*up)(struct weir_conn *c);      /* both ends are known: read and write may begin */
	void (*message)(struct weir_conn *c); /* c->in holds a whole one */
	void (*sent)(struct weir_conn *c);
	void (*ended)(struct weir_conn *c); /* once, also when the owner ends it */
	/* Whether a message may grow by so many bytes; if not, the owner calls weir_conn_go_on later. NULL = always. */
	bool (*room)(struct weir_conn *c, size_t more);
};

struct weir_conn {
	const struct weir_conn_ops *ops;
	pthread_mutex_t *lock;
	nng_stream *stream;
	nng_aio *rx, *tx;
	bool receiving, transmitting; /* an operation of nng is under way */
	bool up, ended;
	uint8_t protocol; /* own */
	enum { WEIR_CONN_GREET, WEIR_CONN_WAIT, WEIR_CONN_BODY, WEIR_CONN_WHOLE } phase; /* of reading */
	uint64_t deadline_ns; /* monotonic, of what must not take long; 0 = nothing does */
	uint64_t asked_ns;    /* when the system was asked whether it stands */
	size_t max;	      /* of a message without its id */
	uint8_t head[WEIR_CONN_HEAD];
	uint8_t *in; /* id and text */
	size_t in_len, in_got, in_room;
	uint8_t *out; /* head, id and text */
	size_t out_len, out_sent;
};

/* Takes stream, also on failure; the handshake begins, as does its time. c stays where it is. Of nng. */
int weir_conn_init(struct weir_conn *c, nng_stream *stream, uint8_t protocol, size_t max, pthread_mutex_t *lock,
		   const struct weir_conn_ops *ops);
/* Waits for the next message; the one before is gone. */
void weir_conn_read(struct weir_conn *c);
/* After `room` said no. */
void weir_conn_go_on(struct weir_conn *c);
/* A buffer for len bytes of text behind head and id; NULL without memory. Free with free(). */
uint8_t *weir_conn_text(uint32_t id, const void *data, size_t len);
/* Sends what weir_conn_text made of len bytes, and owns it. One at a time. */
void weir_conn_write(struct weir_conn *c, uint8_t *out, size_t len);
void weir_conn_end(struct weir_conn *c);
/* To be called now and then: ends what takes too long, and what nng forgot. */
void weir_conn_look(struct weir_conn *c, uint64_t now_ns);
/* Whether the system has closed the connection, said or not. */
bool weir_conn_gone(const struct weir_conn *c);
/* Ended, and nothing of it is under way: weir_conn_fini does not wait. */
bool weir_conn_over(const struct weir_conn *c);
/* Needs the lock only for one that is over; for another the lock must be free, and the owner takes no notice. */
void weir_conn_fini(struct weir_conn *c);

/* Of the message that is there, without the highest bit. */
static inline uint32_t weir_conn_id(const struct weir_conn *c)
{
	return (uint32_t)(c->in[0] & 0x7f) << 24 | (uint32_t)c->in[1] << 16 | (uint32_t)c->in[2] << 8 | c->in[3];
}

#endif
