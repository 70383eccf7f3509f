/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client half: one dialer, one connection, one request. All that happens runs on nng's threads: the end of a dial, the
 * connection's own steps, and a timer that dials anew and ends what is late. A request sent while there is no
 * connection waits for one, within its timeout. After a timeout the connection is closed: a peer that vanished
 * without a word would otherwise be asked again for minutes.
 */
#include "lib/base/clock.h"
#include "lib/os/crypto.h"
#include "lib/wire/conn.h"

#include <sys/eventfd.h>

/* The wait before a dial is random up to a bound that doubles from the first to the second. */
#define REDIAL_MIN_MS 100u
#define REDIAL_MAX_MS 5000u
#define SPREAD_MAX_MS 600000u
#define DIAL_NS (15 * WEIR_NS_PER_S)
#define TIMEOUT_NS (60 * WEIR_NS_PER_S)
/* How often the timer looks while something is under way, and when nothing is. */
#define LOOK_NS (5 * WEIR_NS_PER_S)
#define REST_NS (600 * WEIR_NS_PER_S)
#define NS_PER_MS 1000000ull

enum client_state { IDLE, WAITING, SENT, DONE };
enum link_state { AWAY, DIALING, CONNECTED };

struct weir_wire_client {
	nng_stream_dialer *dialer;
	nng_tls_config *config, *previous; /* nng 1.5.2 may still read the one before, without holding it */
	nng_aio *dial, *timer;
	int fd;
	size_t max;
	pthread_mutex_t lock; /* all below */
	bool closing;
	enum link_state link;
	struct weir_conn conn; /* CONNECTED */
	uint64_t dial_ns;      /* AWAY: when to dial; DIALING: since when. Monotonic, as all below */
	uint32_t spread_ms, backoff_ms;
	enum client_state state; /* of the request */
	uint32_t id;
	uint8_t *out; /* WAITING */
	size_t out_len;
	uint64_t deadline_ns;
	int result;
	uint8_t *reply;
	size_t reply_len;
};

static void client_freep(struct weir_wire_client **c)
{
	weir_wire_client_free(*c);
}

static struct weir_wire_client *client_of(struct weir_conn *conn)
{
	return (struct weir_wire_client *)((char *)conn - offsetof(struct weir_wire_client, conn));
}

/* With the lock held, as are all down to on_timer. */
static bool is_up(const struct weir_wire_client *c)
{
	return c->link == CONNECTED && c->conn.up && !c->conn.ended;
}

/* The timer looks again now. */
static void kick(struct weir_wire_client *c)
{
	nng_aio_abort(c->timer, NNG_EINTR);
}

static void finish(struct weir_wire_client *c, int r)
{
	c->result = r;
	c->state = DONE;
	free(weir_take_ptr(c->out));
	eventfd_write(c->fd, 1);
}

static void send_waiting(struct weir_wire_client *c)
{
	if (c->state != WAITING || !is_up(c) || c->conn.out)
		return;
	c->state = SENT;
	weir_conn_write(&c->conn, weir_take_ptr(c->out), c->out_len);
}

static void on_up(struct weir_conn *conn)
{
	struct weir_wire_client *c = client_of(conn);

	c->backoff_ms = 0;
	weir_conn_read(conn);
	send_waiting(c);
}

static void on_message(struct weir_conn *conn)
{
	struct weir_wire_client *c = client_of(conn);

	if (c->state != SENT || weir_conn_id(conn) != c->id) {
		weir_conn_end(conn); /* nobody asked */
		return;
	}
	c->reply = weir_take_ptr(conn->in);
	c->reply_len = conn->in_len;
	finish(c, 0);
	weir_conn_read(conn);
}

static void on_sent(struct weir_conn *conn)
{
	send_waiting(client_of(conn));
}

static void on_ended(struct weir_conn *conn)
{
	struct weir_wire_client *c = client_of(conn);

	if (c->state == SENT)
		finish(c, -ECONNRESET);
	kick(c);
}

static const struct weir_conn_ops ops = {.up = on_up, .message = on_message, .sent = on_sent, .ended = on_ended};

static void away(struct weir_wire_client *c)
{
	uint32_t first = WEIR_MAX(c->spread_ms, REDIAL_MIN_MS), dice = 0;

	c->backoff_ms = c->backoff_ms ? WEIR_MIN(2 * c->backoff_ms, WEIR_MAX(first, REDIAL_MAX_MS)) : first;
	(void)weir_random(&dice, sizeof(dice));
	c->link = AWAY;
	c->dial_ns = weir_monotonic_ns() + dice % (c->backoff_ms + 1) * NS_PER_MS;
}

static void on_dialed(void *arg)
{
	struct weir_wire_client *c = arg;
	int rv = nng_aio_result(c->dial);
	nng_stream *stream = rv ? NULL : nng_aio_get_output(c->dial, 0);

	pthread_mutex_lock(&c->lock);
	if (stream && c->closing) {
		nng_stream_close(stream);
		nng_stream_free(stream);
		stream = NULL;
	}
	if (stream && !weir_conn_init(&c->conn, stream, WEIR_CONN_REQ, c->max, &c->lock, &ops))
		c->link = CONNECTED;
	else
		away(c);
	kick(c);
	pthread_mutex_unlock(&c->lock);
}

static void look_at_link(struct weir_wire_client *c, uint64_t now)
{
	if (c->link == CONNECTED) {
		if (c->state == SENT && !c->conn.ended && weir_conn_gone(&c->conn))
			weir_conn_end(&c->conn);
		weir_conn_look(&c->conn, now);
		if (weir_conn_over(&c->conn)) {
			weir_conn_fini(&c->conn);
			away(c);
		}
	}
	if (c->link == DIALING && now > c->dial_ns + DIAL_NS)
		nng_aio_abort(c->dial, NNG_ETIMEDOUT);
	if (c->link == AWAY && now >= c->dial_ns) {
		c->link = DIALING;
		c->dial_ns = now;
		nng_stream_dialer_dial(c->dialer, c->dial);
	}
}

/* When the timer is to look again. */
static uint64_t wait_ns(const struct weir_wire_client *c, uint64_t now)
{
	bool asked = c->state == WAITING || c->state == SENT;
	uint64_t wait = asked || !is_up(c) ? LOOK_NS : REST_NS;

	if (c->link == AWAY)
		wait = WEIR_MIN(wait, c->dial_ns > now ? c->dial_ns - now : 0);
	if (asked)
		wait = WEIR_MIN(wait, c->deadline_ns > now ? c->deadline_ns - now : 0);
	return wait;
}

static void on_timer(void *arg)
{
	struct weir_wire_client *c = arg;
	uint64_t now = weir_monotonic_ns();

	pthread_mutex_lock(&c->lock);
	if (!c->closing) {
		if ((c->state == WAITING || c->state == SENT) && now >= c->deadline_ns) {
			finish(c, -ETIMEDOUT);
			if (is_up(c))
				weir_conn_end(&c->conn);
		}
		look_at_link(c, now);
		nng_sleep_aio((nng_duration)(wait_ns(c, weir_monotonic_ns()) / NS_PER_MS) + 1, c->timer);
	}
	pthread_mutex_unlock(&c->lock);
}

void weir_wire_spread(struct weir_wire_client *c, uint32_t ms)
{
	pthread_mutex_lock(&c->lock);
	c->spread_ms = WEIR_MIN(ms, SPREAD_MAX_MS);
	pthread_mutex_unlock(&c->lock);
}

static int dialer_start(struct weir_wire_client *c, const char *url)
{
	int rv = nng_stream_dialer_alloc(&c->dialer, url);

	if (!rv)
		rv = nng_stream_dialer_set_ptr(c->dialer, NNG_OPT_TLS_CONFIG, c->config);
	if (!rv)
		rv = nng_stream_dialer_set_bool(c->dialer, NNG_OPT_TCP_KEEPALIVE, true);
	if (!rv)
		rv = nng_stream_dialer_set_bool(c->dialer, NNG_OPT_TCP_NODELAY, true);
	if (!rv)
		rv = nng_aio_alloc(&c->dial, on_dialed, c);
	if (!rv)
		rv = nng_aio_alloc(&c->timer, on_timer, c);
	if (!rv)
		nng_sleep_aio(0, c->timer);
	return rv;
}

int weir_wire_dial(const char *url, const struct weir_tls_files *tls, size_t max_message,
		   struct weir_wire_client **ret, struct weir_err *err)
{
	weir_cleanup(client_freep) struct weir_wire_client *c = NULL;
	weir_auto_nng_tls nng_tls_config *config = NULL;
	int r = weir_nng_url_check(url, err);

	if (!r)
		r = weir_nng_tls(tls, NNG_TLS_MODE_CLIENT, &config, err);
	if (r)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	c->config = weir_take_ptr(config);
	c->max = max_message;
	c->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (c->fd < 0)
		return weir_err_set(err, -errno, "eventfd: %s", strerror(errno));
	r = dialer_start(c, url);
	if (r)
		return weir_nng_err(err, r, "dial", url);
	*ret = weir_take_ptr(c);
	return 0;
}

void weir_wire_client_free(struct weir_wire_client *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->closing = true;
	pthread_mutex_unlock(&c->lock);
	if (c->timer)
		nng_aio_stop(c->timer);
	if (c->dialer)
		nng_stream_dialer_close(c->dialer);
	if (c->dial)
		nng_aio_free(c->dial);
	if (c->link == CONNECTED)
		weir_conn_fini(&c->conn);
	if (c->timer)
		nng_aio_free(c->timer);
	if (c->dialer)
		nng_stream_dialer_free(c->dialer);
	weir_nng_tls_freep(&c->config);
	weir_nng_tls_freep(&c->previous);
	if (c->fd >= 0)
		close(c->fd);
	pthread_mutex_destroy(&c->lock);
	free(c->out);
	free(c->reply);
	free(c);
}

int weir_wire_client_fd(const struct weir_wire_client *c)
{
	return c->fd;
}

int weir_wire_send(struct weir_wire_client *c, const void *data, size_t len, uint64_t timeout_ns)
{
	eventfd_t drained;
	int r = 0;

	if (len > c->max)
		return -EMSGSIZE;
	pthread_mutex_lock(&c->lock);
	if (c->state == WAITING || c->state == SENT)
		r = -EBUSY;
	if (!r) {
		c->out = weir_conn_text((c->id + 1) & INT32_MAX, data, len);
		r = c->out ? 0 : -ENOMEM;
	}
	if (!r) { /* whatever came before is over */
		free(weir_take_ptr(c->reply));
		eventfd_read(c->fd, &drained);
		c->id = (c->id + 1) & INT32_MAX;
		c->out_len = len;
		c->state = WAITING;
		c->deadline_ns = weir_monotonic_ns() + (timeout_ns ? timeout_ns : TIMEOUT_NS);
		send_waiting(c);
		kick(c);
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

int weir_wire_reply_take(struct weir_wire_client *c, const void **ret_data, size_t *ret_len)
{
	eventfd_t drained;
	int r = -EAGAIN;

	pthread_mutex_lock(&c->lock);
	if (c->state == DONE) {
		eventfd_read(c->fd, &drained);
		c->state = IDLE;
		r = c->result;
	}
	if (!r) {
		*ret_data = c->reply + WEIR_CONN_ID;
		*ret_len = c->reply_len - WEIR_CONN_ID;
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

int weir_wire_client_rotate(struct weir_wire_client *c, const struct weir_tls_files *tls, struct weir_err *err)
{
	weir_auto_nng_tls nng_tls_config *config = NULL;
	int r = weir_nng_tls(tls, NNG_TLS_MODE_CLIENT, &config, err);

	if (r)
		return r;
	r = nng_stream_dialer_set_ptr(c->dialer, NNG_OPT_TLS_CONFIG, config);
	if (r)
		return weir_nng_err(err, r, "tls", "exchange of keys");
	weir_nng_tls_freep(&c->previous);
	c->previous = c->config;
	c->config = weir_take_ptr(config);
	pthread_mutex_lock(&c->lock);
	if (c->link == CONNECTED)
		weir_conn_end(&c->conn);
	else if (c->link == DIALING)
		nng_aio_abort(c->dial, NNG_ECANCELED); /* it was begun with the old keys */
	pthread_mutex_unlock(&c->lock);
	return 0;
}

bool weir_wire_connected(const struct weir_wire_client *c)
{
	struct weir_wire_client *m = (struct weir_wire_client *)c;
	bool up;

	pthread_mutex_lock(&m->lock);
	up = is_up(m);
	pthread_mutex_unlock(&m->lock);
	return up;
}
