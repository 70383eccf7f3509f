/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client half of a session: IDLE -> (hello sent) HELLO -> (challenge, proof sent) PROOF -> (welcome)
 * READY. Whatever goes wrong leads back to IDLE; the next step says hello with a new nonce.
 */
#include "lib/os/crypto.h"
#include "lib/wire/msg.h"
#include "lib/wire/wire.h"

/* A peer that does not answer a hello for so long is gone; the transport then connects anew. */
#define HANDSHAKE_NS (15ull * 1000 * 1000 * 1000)

enum session_state { IDLE, HELLO, PROOF, READY };

struct weir_session {
	struct weir_wire_client *client; /* not owned */
	const struct weir_key *key;	 /* not owned */
	enum weir_socket_kind kind;
	enum session_state state;
	struct weir_hello self;
	char *strings[6]; /* what self points to */
	struct weir_welcome welcome;
};

static void session_freep(struct weir_session **s)
{
	weir_session_free(*s);
}

int weir_session_new(struct weir_wire_client *c, enum weir_socket_kind kind, const struct weir_hello *self,
		     const struct weir_key *key, struct weir_session **ret)
{
	weir_cleanup(session_freep) struct weir_session *s = calloc(1, sizeof(*s));
	const char *from[] = {self->node, self->version, self->kernel, self->hooks, self->domain,
			      self->node_class};

	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(from); i++) {
		s->strings[i] = strdup(from[i] ? from[i] : "");
		if (!s->strings[i])
			return -ENOMEM;
	}
	s->self.wire = WEIR_WIRE_VERSION;
	s->self.node = s->strings[0];
	s->self.version = s->strings[1];
	s->self.kernel = s->strings[2];
	s->self.hooks = s->strings[3];
	s->self.domain = s->strings[4];
	s->self.node_class = s->strings[5];
	s->client = c;
	s->kind = kind;
	s->key = key;
	*ret = weir_take_ptr(s);
	return 0;
}

void weir_session_free(struct weir_session *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(s->strings); i++)
		free(s->strings[i]);
	explicit_bzero(&s->welcome, sizeof(s->welcome));
	free(s);
}

bool weir_session_ready(const struct weir_session *s)
{
	return s->state == READY;
}

const struct weir_welcome *weir_session_welcome(const struct weir_session *s)
{
	return s->state == READY ? &s->welcome : NULL;
}

const uint8_t *weir_session_token(const struct weir_session *s)
{
	return s->state == READY ? s->welcome.token : NULL;
}

void weir_session_reset(struct weir_session *s)
{
	explicit_bzero(&s->welcome, sizeof(s->welcome));
	s->state = IDLE;
}

static int send_msg(struct weir_session *s, const struct weir_msg *m, enum session_state next)
{
	weir_auto_buf struct weir_buf buf = {0};
	int r = weir_msg_pack(m, &buf);

	if (!r)
		r = weir_wire_send(s->client, buf.data, buf.len, HANDSHAKE_NS);
	if (!r)
		s->state = next;
	return r;
}

static int say_hello(struct weir_session *s, struct weir_err *err)
{
	struct weir_msg m = {.kind = WEIR_MSG_HELLO};
	int r = weir_random(s->self.nonce, sizeof(s->self.nonce));

	m.hello = s->self;
	if (!r)
		r = send_msg(s, &m, HELLO);
	if (r == -EBUSY) /* the caller's last request is still out: its end brings us back here */
		return -EAGAIN;
	return r ? weir_err_set(err, r, "hello: %s", strerror(-r)) : -EAGAIN;
}

static int prove(struct weir_session *s, const struct weir_challenge *c, struct weir_err *err)
{
	weir_auto_buf struct weir_buf text = {0};
	struct weir_msg m = {.kind = WEIR_MSG_PROOF};
	int r = weir_hello_transcript(s->self.nonce, c->nonce, s->self.node, s->kind, &text);

	m.proof.hello_id = c->hello_id;
	if (!r)
		r = weir_key_sign(s->key, text.data, text.len, m.proof.signature);
	if (!r)
		r = send_msg(s, &m, PROOF);
	return r ? weir_err_set(err, r, "proof: %s", strerror(-r)) : -EAGAIN;
}

static int handle(struct weir_session *s, const struct weir_msg *m, struct weir_err *err)
{
	if (m->kind == WEIR_MSG_CHALLENGE && s->state == HELLO)
		return prove(s, &m->challenge, err);
	if (m->kind == WEIR_MSG_WELCOME && s->state == PROOF) {
		s->welcome = m->welcome;
		s->state = READY;
		weir_wire_spread(s->client, m->welcome.spread_ms);
		return 0;
	}
	if (m->kind == WEIR_MSG_REFUSAL)
		return weir_err_set(err, -EPROTO, "refused: %s",
				    m->refusal.text[0] ? m->refusal.text : "no reason given");
	return weir_err_set(err, -EPROTO, "reply of kind %d in mid-handshake", (int)m->kind);
}

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}

int weir_session_step(struct weir_session *s, struct weir_err *err)
{
	weir_cleanup(msg_freep) struct weir_msg *m = NULL;
	const void *data;
	size_t len;
	int r;

	if (s->state == READY)
		return 0;
	if (s->state == IDLE)
		return say_hello(s, err);
	r = weir_wire_reply_take(s->client, &data, &len);
	if (r == -EAGAIN)
		return r;
	if (r) { /* broken or no answer: the transport reconnects and delivers the next hello */
		s->state = IDLE;
		return say_hello(s, err);
	}
	r = weir_reply_unpack(data, len, WEIR_CONTROL_REQ_MAX, &m, err);
	if (!r)
		r = handle(s, m, err);
	else
		r = -EPROTO;
	if (r && r != -EAGAIN)
		s->state = IDLE;
	return r;
}
