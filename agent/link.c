/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/link.h"

#include <sys/epoll.h>

#include "agent/config.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/os/crypto.h"

/* Doubles from the first to the last; a half of each wait is random, so that a fleet does not
 * return at once. */
#define BACKOFF_MIN_NS (WEIR_NS_PER_S / 4)
#define BACKOFF_MAX_NS (30 * WEIR_NS_PER_S)
/* So long without a connection is worth a line: TLS failures are silent in the transport. */
#define PATIENCE_NS (5 * WEIR_NS_PER_S)

struct link {
	struct link_ops ops;
	struct weir_wire_client *client;
	struct weir_session *session;
	struct weir_source *readable, *timer;
	bool outstanding; /* a request of ours, not of the handshake */
	bool waiting;	  /* the timer will go on */
	uint64_t backoff_ns;
	bool complained; /* about the missing connection, once until there is one */
	char refusal[256]; /* why there is no session: said once until there is one or another reason */
};

void link_free(struct link *l)
{
	if (!l)
		return;
	weir_source_free(l->readable);
	weir_source_free(l->timer);
	weir_session_free(l->session);
	weir_wire_client_free(l->client);
	free(l);
}

static void link_freep(struct link **l)
{
	link_free(*l);
}

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}

static void back_off(struct link *l)
{
	uint32_t dice = 0;
	uint64_t wait;

	(void)weir_random(&dice, sizeof(dice));
	wait = l->backoff_ns / 2 + l->backoff_ns / 2 * (dice % 1024) / 1024;
	l->backoff_ns = WEIR_MIN(l->backoff_ns * 2, BACKOFF_MAX_NS);
	l->waiting = weir_source_rearm(l->timer, wait, 0) == 0;
}

static void send_next(struct link *l)
{
	weir_auto_buf struct weir_buf b = {0};
	int r = l->ops.request(weir_session_token(l->session), &b, l->ops.arg);

	if (r == -ENOENT)
		return;
	if (r == 0)
		r = weir_wire_send(l->client, b.data, b.len, l->ops.timeout_ns);
	if (r < 0) {
		weir_log_err(r, "%s: cannot send", l->ops.what);
		back_off(l);
		return;
	}
	l->outstanding = true;
}

/* Called when the handshake waits: the timer looks again whether there is a connection at all. */
static void await_connection(struct link *l)
{
	if (weir_wire_connected(l->client))
		l->complained = false;
	else
		(void)weir_source_rearm(l->timer, PATIENCE_NS, 0);
}

static void complain(struct link *l)
{
	if (l->complained || weir_wire_connected(l->client))
		return;
	l->complained = true;
	weir_log(WEIR_LOG_WARN,
		 "%s: no session: no connection; the aggregator is unreachable, or TLS failed (CA, certificate, "
		 "server.name); trying on, the spool keeps everything",
		 l->ops.what);
}

static void no_session(struct link *l, const char *why)
{
	bool said = !strncmp(l->refusal, why, sizeof(l->refusal) - 1);

	weir_log(said ? WEIR_LOG_DEBUG : WEIR_LOG_ERR, "%s: no session: %s", l->ops.what, why);
	(void)weir_strcpy(l->refusal, sizeof(l->refusal), why);
}

static void go_on(struct link *l)
{
	struct weir_err err = {0};
	int r;

	if (l->waiting || l->outstanding)
		return;
	if (!weir_session_ready(l->session)) {
		r = weir_session_step(l->session, &err);
		if (r == -EAGAIN) {
			await_connection(l);
			return;
		}
		if (r < 0) {
			no_session(l, err.text);
			back_off(l);
			return;
		}
		*l->refusal = 0;
		weir_log(WEIR_LOG_INFO, "%s: session with the aggregator begins", l->ops.what);
		l->ops.ready(weir_session_welcome(l->session), l->ops.arg);
	}
	send_next(l);
}

static void refused(struct link *l, const struct weir_refuse *refusal)
{
	if (refusal->code == WEIR_RC_NO_SESSION) {
		weir_session_reset(l->session);
		return;
	}
	weir_log(refusal->code == WEIR_RC_BUSY ? WEIR_LOG_DEBUG : WEIR_LOG_ERR, "%s: refused: %s",
		 l->ops.what, refusal->text);
	back_off(l);
}

static void take_reply(struct link *l)
{
	weir_cleanup(msg_freep) struct weir_msg *m = NULL;
	struct weir_err err = {0};
	const void *data;
	size_t len;
	int r = weir_wire_reply_take(l->client, &data, &len);

	if (r == -EAGAIN)
		return;
	l->outstanding = false;
	if (r < 0) {
		weir_log(WEIR_LOG_WARN, "%s: %s; trying again", l->ops.what,
			 r == -ETIMEDOUT ? "no answer in time" : "connection lost");
		back_off(l);
		return;
	}
	r = weir_reply_unpack(data, len, l->ops.max_message, &m, &err);
	if (r < 0) {
		weir_log(WEIR_LOG_ERR, "%s: bad reply: %s", l->ops.what, err.text);
		back_off(l);
		return;
	}
	if (m->kind == WEIR_MSG_REFUSAL)
		refused(l, &m->refusal);
	else if (l->ops.reply(m, l->ops.arg) < 0)
		back_off(l);
	else
		l->backoff_ns = BACKOFF_MIN_NS;
}

static int on_readable(uint32_t events, void *arg)
{
	struct link *l = arg;

	(void)events;
	if (l->outstanding)
		take_reply(l);
	go_on(l);
	return 0;
}

static int on_timer(uint32_t events, void *arg)
{
	struct link *l = arg;

	(void)events;
	if (!l->waiting)
		complain(l);
	l->waiting = false;
	go_on(l);
	return 0;
}

void link_kick(struct link *l)
{
	go_on(l);
}

static struct weir_tls_files tls_files(const struct config *c)
{
	return (struct weir_tls_files){
		.ca = c->ca, .cert = c->cert, .key = c->key, .crl = c->crl, .server_name = c->server_name};
}

int link_rotate(struct link *l, const struct config *c, struct weir_err *err)
{
	const struct weir_tls_files tls = tls_files(c);

	return weir_wire_client_rotate(l->client, &tls, err);
}

int link_new(struct weir_loop *loop, const char *url, const struct config *c,
	     const struct weir_hello *self, const struct weir_key *key, const struct link_ops *ops,
	     struct link **ret, struct weir_err *err)
{
	weir_cleanup(link_freep) struct link *l = calloc(1, sizeof(*l));
	const struct weir_tls_files tls = tls_files(c);
	int r;

	if (!l)
		return -ENOMEM;
	l->ops = *ops;
	l->backoff_ns = BACKOFF_MIN_NS;
	r = weir_wire_dial(url, &tls, ops->max_message, &l->client, err);
	if (r == 0)
		r = weir_session_new(l->client, ops->kind, self, key, &l->session);
	if (r == 0)
		r = weir_loop_fd(loop, weir_wire_client_fd(l->client), EPOLLIN, on_readable, l,
				 &l->readable);
	/* Armed at once: the first expiry opens the session. */
	l->waiting = true;
	if (r == 0)
		r = weir_loop_timer(loop, 1000000, 0, on_timer, l, &l->timer);
	if (r < 0)
		return weir_err_set(err, r, "%s: %s: %s", ops->what, url, strerror(-r));
	*ret = weir_take_ptr(l);
	return 0;
}
