/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nng 1.5.2's TLS stream forgets an operation that is begun after its TCP connection broke: it is neither done nor
 * timed out until the stream is closed. So no operation has a timeout of nng's; weir_conn_look closes what is late, and
 * what the system says is gone.
 */
#include "lib/wire/conn.h"

#include <endian.h>

#include "lib/base/clock.h"

/* A handshake is some 1 ms of one core at each end: a large fleet that comes at once takes its time. */
#define HANDSHAKE_NS (30 * WEIR_NS_PER_S)
/* A message whose first byte is there, in either direction. */
#define MESSAGE_NS (30 * WEIR_NS_PER_S)
/* The system is asked whether a connection still stands: so often while something is under way, and while it rests. */
#define ASK_NS WEIR_NS_PER_S
#define ASK_REST_NS (10 * WEIR_NS_PER_S)
/* The first part of a message that memory is taken for; it doubles as bytes come. */
#define PART 8192u
#define ID_BIT 0x80u

static void receive(struct weir_conn *c, uint8_t *to, size_t len)
{
	nng_iov iov = {.iov_buf = to + c->in_got, .iov_len = len - c->in_got};

	c->receiving = true;
	nng_aio_set_iov(c->rx, 1, &iov);
	nng_stream_recv(c->stream, c->rx);
}

static void transmit(struct weir_conn *c)
{
	nng_iov iov = {.iov_buf = c->out + c->out_sent, .iov_len = c->out_len - c->out_sent};

	c->transmitting = true;
	nng_aio_set_iov(c->tx, 1, &iov);
	nng_stream_send(c->stream, c->tx);
}

static bool grow(struct weir_conn *c)
{
	size_t room = WEIR_MIN(c->in_len, WEIR_MAX(PART, 2 * c->in_room));
	uint8_t *more;

	if (c->ops->room && !c->ops->room(c, room - c->in_room))
		return false;
	c->in_room = room; /* what the owner gave, whether there is memory or not */
	more = realloc(c->in, room);
	if (!more) {
		weir_conn_end(c);
		return false;
	}
	c->in = more;
	return true;
}

void weir_conn_go_on(struct weir_conn *c)
{
	if (!c->ended && (c->in_got < c->in_room || grow(c)))
		receive(c, c->in, c->in_room);
}

static void greeted(struct weir_conn *c)
{
	const uint8_t want[WEIR_CONN_HEAD] = {0, 'S', 'P', 0, 0, c->protocol ^ WEIR_CONN_REQ ^ WEIR_CONN_REP, 0, 0};

	if (memcmp(c->head, want, sizeof(want)) != 0) {
		weir_conn_end(c);
		return;
	}
	c->up = true;
	c->deadline_ns = 0;
	c->ops->up(c);
}

static void announced(struct weir_conn *c)
{
	uint64_t len;

	memcpy(&len, c->head, sizeof(len));
	len = be64toh(len);
	if (len < WEIR_CONN_ID || len > c->max + WEIR_CONN_ID) {
		weir_conn_end(c);
		return;
	}
	c->phase = WEIR_CONN_BODY;
	c->deadline_ns = weir_monotonic_ns() + MESSAGE_NS;
	c->in_len = len;
	c->in_got = 0;
	weir_conn_go_on(c);
}

static void received(struct weir_conn *c, size_t n)
{
	bool in_body = c->phase == WEIR_CONN_BODY;

	c->in_got += n;
	if (!in_body && c->in_got < sizeof(c->head)) {
		receive(c, c->head, sizeof(c->head));
	} else if (c->phase == WEIR_CONN_GREET) {
		greeted(c);
	} else if (!in_body) {
		announced(c);
	} else if (c->in_got < c->in_len) {
		weir_conn_go_on(c);
	} else if (!(c->in[0] & ID_BIT)) {
		weir_conn_end(c); /* it came by a third: nobody has such */
	} else {
		c->phase = WEIR_CONN_WHOLE;
		c->deadline_ns = 0;
		c->ops->message(c);
	}
}

static void on_received(void *arg)
{
	struct weir_conn *c = arg;

	pthread_mutex_lock(c->lock);
	c->receiving = false;
	if (nng_aio_result(c->rx) || !nng_aio_count(c->rx))
		weir_conn_end(c);
	if (!c->ended)
		received(c, nng_aio_count(c->rx));
	pthread_mutex_unlock(c->lock);
}

static void transmitted(struct weir_conn *c, size_t n)
{
	c->out_sent += n;
	if (c->out_sent < c->out_len) {
		transmit(c);
		return;
	}
	free(weir_take_ptr(c->out));
	if (!c->up) {
		receive(c, c->head, sizeof(c->head));
		return;
	}
	c->deadline_ns = 0;
	c->ops->sent(c);
}

static void on_transmitted(void *arg)
{
	struct weir_conn *c = arg;

	pthread_mutex_lock(c->lock);
	c->transmitting = false;
	if (nng_aio_result(c->tx) || !nng_aio_count(c->tx))
		weir_conn_end(c);
	if (!c->ended)
		transmitted(c, nng_aio_count(c->tx));
	pthread_mutex_unlock(c->lock);
}

int weir_conn_init(struct weir_conn *c, nng_stream *stream, uint8_t protocol, size_t max, pthread_mutex_t *lock,
		   const struct weir_conn_ops *ops)
{
	const uint8_t hello[WEIR_CONN_HEAD] = {0, 'S', 'P', 0, 0, protocol, 0, 0};
	int rv;

	*c = (struct weir_conn){.ops = ops, .lock = lock, .stream = stream, .protocol = protocol, .max = max};
	rv = nng_aio_alloc(&c->rx, on_received, c);
	if (!rv)
		rv = nng_aio_alloc(&c->tx, on_transmitted, c);
	c->out = malloc(sizeof(hello));
	if (rv || !c->out) {
		c->ended = true;
		weir_conn_fini(c);
		return rv ? rv : NNG_ENOMEM;
	}
	memcpy(c->out, hello, sizeof(hello));
	c->out_len = sizeof(hello);
	c->asked_ns = weir_monotonic_ns();
	c->deadline_ns = c->asked_ns + HANDSHAKE_NS;
	transmit(c);
	return 0;
}

void weir_conn_read(struct weir_conn *c)
{
	if (c->ended)
		return;
	free(weir_take_ptr(c->in));
	c->in_room = c->in_got = 0;
	c->phase = WEIR_CONN_WAIT;
	receive(c, c->head, sizeof(c->head));
}

uint8_t *weir_conn_text(uint32_t id, const void *data, size_t len)
{
	uint8_t *out = malloc(WEIR_CONN_HEAD + WEIR_CONN_ID + len);
	uint64_t head = htobe64(WEIR_CONN_ID + len);
	uint32_t id_be = htobe32(id | (uint32_t)ID_BIT << 24);

	if (!out)
		return NULL;
	memcpy(out, &head, sizeof(head));
	memcpy(out + WEIR_CONN_HEAD, &id_be, sizeof(id_be));
	if (len)
		memcpy(out + WEIR_CONN_HEAD + WEIR_CONN_ID, data, len);
	return out;
}

void weir_conn_write(struct weir_conn *c, uint8_t *out, size_t len)
{
	c->out = out;
	c->out_len = WEIR_CONN_HEAD + WEIR_CONN_ID + len;
	c->out_sent = 0;
	c->deadline_ns = weir_monotonic_ns() + MESSAGE_NS;
	transmit(c);
}

void weir_conn_end(struct weir_conn *c)
{
	if (c->ended)
		return;
	c->ended = true;
	nng_stream_close(c->stream);
	c->ops->ended(c);
}

bool weir_conn_gone(const struct weir_conn *c)
{
	nng_sockaddr a;

	return nng_stream_get_addr(c->stream, NNG_OPT_REMADDR, &a) != 0;
}

void weir_conn_look(struct weir_conn *c, uint64_t now_ns)
{
	bool late = c->deadline_ns && now_ns > c->deadline_ns;

	if (c->ended && !weir_conn_over(c))
		nng_stream_close(c->stream);
	if (!c->ended && !late && now_ns > c->asked_ns + (c->deadline_ns ? ASK_NS : ASK_REST_NS)) {
		c->asked_ns = now_ns;
		late = weir_conn_gone(c);
	}
	if (late)
		weir_conn_end(c);
}

bool weir_conn_over(const struct weir_conn *c)
{
	return c->ended && !c->receiving && !c->transmitting;
}

void weir_conn_fini(struct weir_conn *c)
{
	c->ended = true;
	nng_stream_close(c->stream);
	if (c->rx)
		nng_aio_free(c->rx);
	if (c->tx)
		nng_aio_free(c->tx);
	nng_stream_free(c->stream);
	free(weir_take_ptr(c->in));
	free(weir_take_ptr(c->out));
}
