/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One socket to the aggregator: session, one request at a time, back-off with jitter. What is asked
 * and what an answer means is the caller's (uplink.c, policy.c).
 */
#ifndef WEIR_AGENT_LINK_H
#define WEIR_AGENT_LINK_H

#include "lib/os/loop.h"
#include "lib/wire/msg.h"
#include "lib/wire/wire.h"

struct config;
struct weir_key;

struct link_ops {
	const char *what; /* "telemetry", for log lines */
	enum weir_socket_kind kind;
	size_t max_message;
	uint64_t timeout_ns;
	/* A session began. */
	void (*ready)(const struct weir_welcome *w, void *arg);
	/* Appends the next request; -ENOENT: nothing to say until link_kick. */
	int (*request)(const uint8_t token[WEIR_TOKEN_LEN], struct weir_buf *ret, void *arg);
	/* Any reply but a refusal; < 0 = wait before the next request. */
	int (*reply)(const struct weir_msg *m, void *arg);
	void *arg;
};

struct link;
/* c says whom to trust and who we are. */
int link_new(struct weir_loop *loop, const char *url, const struct config *c,
	     const struct weir_hello *self, const struct weir_key *key, const struct link_ops *ops,
	     struct link **ret, struct weir_err *err);
void link_free(struct link *l);
/* The files that link_new was given hold something else now; on failure what they held stays in use. */
int link_rotate(struct link *l, const struct config *c, struct weir_err *err);
/* There may be something to send. */
void link_kick(struct link *l);

#endif
