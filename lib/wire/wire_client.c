/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client half: one dialer, one request context, one aio that sends and then receives. nng's resend timer
 * is off: a request whose connection breaks fails once and the caller decides. nng says NNG_ECONNRESET to
 * most of them but not to all (one sent while the connection is already closing waits for ever), so the end
 * of the connection aborts what is still waiting.
 * nng 1.5.2 gives a handshake up without a word when the server is silent or too slow in it, and does not dial
 * again: where there is no connection for REDIAL_NS, the next request begins with another dialer.
 * A request sent while there is no connection waits for one, within its timeout. After a timeout the
 * connection is closed: a peer that vanished without a word would otherwise be asked again for minutes.
 */
#include "lib/base/clock.h"
#include "lib/wire/nng.h"

#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <sys/eventfd.h>

/* nng waits a random time up to a bound that doubles from the first to the second: that is the jitter. */
#define RECONNECT_MIN_MS 100u
#define RECONNECT_MAX_MS 5000
#define SPREAD_MAX_MS 600000u
#define TIMEOUT_MS 60000
/* nng's own patience with a handshake is 10 s. */
#define REDIAL_NS (12000 * NS_PER_MS)
#define NS_PER_MS 1000000ull

enum client_state { IDLE, SENDING, RECEIVING, DONE };

struct weir_wire_client {
	nng_socket sock;
	nng_dialer dialer;
	bool opened, dialing;
	nng_tls_config *config, *previous; /* nng 1.5.2 may still read the one before, without holding it */
	char *url;
	uint32_t spread_ms; /* of the caller's thread */
	uint64_t dialed_ns; /* monotonic: begin of dialing, or end of the last connection; under lock */
	nng_ctx ctx;
	nng_aio *aio;
	int fd;
	size_t max;
	pthread_mutex_t lock; /* all below */
	enum client_state state;
	bool closing;
	uint64_t deadline_ns; /* monotonic */
	int result; /* of nng */
	nng_msg *reply;
	bool connected;
	bool pipe_up; /* from before a request can be sent by it until it is gone */
	nng_pipe pipe;
};

static void client_freep(struct weir_wire_client **c)
{
	weir_wire_client_free(*c);
}

/* With the lock held, on a thread of nng. */
static void finish(struct weir_wire_client *c, int rv)
{
	c->result = rv;
	c->reply = rv ? NULL : nng_aio_get_msg(c->aio);
	c->state = DONE;
	if (rv == NNG_ETIMEDOUT && c->connected)
		nng_pipe_close(c->pipe);
	if (rv == NNG_ECONNRESET)
		c->connected = false; /* the pipe's own notice comes later */
	eventfd_write(c->fd, 1);
}

static void done(void *arg)
{
	struct weir_wire_client *c = arg;
	int rv = nng_aio_result(c->aio);
	uint64_t now = weir_monotonic_ns(), left_ms;

	pthread_mutex_lock(&c->lock);
	if (c->state == SENDING && rv)
		nng_msg_free(nng_aio_get_msg(c->aio));
	if (c->state == SENDING && !rv && c->pipe_up && !c->closing) {
		c->state = RECEIVING;
		left_ms = now < c->deadline_ns ? (c->deadline_ns - now) / NS_PER_MS : 0;
		nng_aio_set_timeout(c->aio, (nng_duration)left_ms + 1);
		nng_ctx_recv(c->ctx, c->aio); /* completes on another thread, never in here */
	} else {
		finish(c, c->state == SENDING && !rv ? NNG_ECONNRESET : rv);
	}
	pthread_mutex_unlock(&c->lock);
}

static void on_pipe(nng_pipe p, nng_pipe_ev ev, void *arg)
{
	struct weir_wire_client *c = arg;

	pthread_mutex_lock(&c->lock);
	if (c->closing) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	if (ev == NNG_PIPE_EV_ADD_PRE) {
		c->pipe = p;
		c->pipe_up = true;
	} else if (nng_pipe_id(p) == nng_pipe_id(c->pipe)) {
		c->connected = ev == NNG_PIPE_EV_ADD_POST;
		c->pipe_up = c->connected;
		c->dialed_ns = weir_monotonic_ns();
		if (!c->connected && c->state == RECEIVING)
			nng_aio_abort(c->aio, NNG_ECONNRESET);
	}
	pthread_mutex_unlock(&c->lock);
}

static int set_spread(const struct weir_wire_client *c)
{
	nng_duration first = (nng_duration)WEIR_MAX(c->spread_ms, RECONNECT_MIN_MS);
	int rv = nng_dialer_set_ms(c->dialer, NNG_OPT_RECONNMINT, first);

	return rv ? rv : nng_dialer_set_ms(c->dialer, NNG_OPT_RECONNMAXT, WEIR_MAX(first, RECONNECT_MAX_MS));
}

void weir_wire_spread(struct weir_wire_client *c, uint32_t ms)
{
	c->spread_ms = WEIR_MIN(ms, SPREAD_MAX_MS);
	(void)set_spread(c); /* the dialer may just be another: then it has it from the start */
}

static int dialer_start(struct weir_wire_client *c)
{
	int rv = nng_dialer_create(&c->dialer, c->sock, c->url);

	c->dialing = !rv;
	if (!rv)
		rv = nng_dialer_set_ptr(c->dialer, NNG_OPT_TLS_CONFIG, c->config);
	if (!rv)
		rv = nng_dialer_set_size(c->dialer, NNG_OPT_RECVMAXSZ, c->max + WEIR_NNG_HEADROOM);
	if (!rv)
		rv = set_spread(c);
	if (!rv)
		rv = nng_dialer_set_bool(c->dialer, NNG_OPT_TCP_KEEPALIVE, true);
	return rv ? rv : nng_dialer_start(c->dialer, NNG_FLAG_NONBLOCK);
}

static void redial(struct weir_wire_client *c)
{
	bool due;

	pthread_mutex_lock(&c->lock);
	due = !c->connected && weir_monotonic_ns() - c->dialed_ns > REDIAL_NS + c->spread_ms * NS_PER_MS;
	if (due)
		c->dialed_ns = weir_monotonic_ns();
	pthread_mutex_unlock(&c->lock);
	if (!due)
		return;
	if (c->dialing)
		nng_dialer_close(c->dialer);
	(void)dialer_start(c); /* a failure is one more time without a connection */
}

static int socket_start(struct weir_wire_client *c)
{
	int rv = nng_req0_open(&c->sock);

	c->opened = !rv;
	if (!rv)
		rv = nng_socket_set_ms(c->sock, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	if (!rv)
		rv = nng_pipe_notify(c->sock, NNG_PIPE_EV_ADD_PRE, on_pipe, c);
	if (!rv)
		rv = nng_pipe_notify(c->sock, NNG_PIPE_EV_ADD_POST, on_pipe, c);
	if (!rv)
		rv = nng_pipe_notify(c->sock, NNG_PIPE_EV_REM_POST, on_pipe, c);
	if (!rv)
		rv = nng_ctx_open(&c->ctx, c->sock);
	return rv ? rv : nng_aio_alloc(&c->aio, done, c);
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
	c->fd = -1;
	c->config = weir_take_ptr(config);
	c->url = strdup(url);
	if (!c->url)
		return -ENOMEM;
	c->dialed_ns = weir_monotonic_ns();
	c->max = max_message;
	c->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (c->fd < 0)
		return weir_err_set(err, -errno, "eventfd: %s", strerror(errno));
	r = socket_start(c);
	if (!r)
		r = dialer_start(c);
	if (r)
		return weir_nng_err(err, r, "dial", url);
	*ret = weir_take_ptr(c);
	return 0;
}

/*
 * The nng socket stays until the process ends, for the reason given at weir_wire_server_free. With it stays the
 * memory that its notices go to: one can be under way, whatever is asked of nng.
 */
void weir_wire_client_free(struct weir_wire_client *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->closing = true;
	pthread_mutex_unlock(&c->lock);
	if (c->aio)
		nng_aio_stop(c->aio);
	if (c->dialing)
		nng_dialer_close(c->dialer);
	if (c->aio) {
		nng_ctx_close(c->ctx);
		nng_aio_free(c->aio);
	}
	if (c->reply)
		nng_msg_free(c->reply);
	weir_nng_tls_freep(&c->config);
	weir_nng_tls_freep(&c->previous);
	if (c->fd >= 0)
		close(c->fd);
	free(c->url);
	if (!c->opened) {
		pthread_mutex_destroy(&c->lock);
		free(c);
	}
}

int weir_wire_client_fd(const struct weir_wire_client *c)
{
	return c->fd;
}

/* With the lock held: whatever came before is over. */
static void forget(struct weir_wire_client *c)
{
	eventfd_t drained;

	if (c->reply)
		nng_msg_free(weir_take_ptr(c->reply));
	eventfd_read(c->fd, &drained);
}

int weir_wire_send(struct weir_wire_client *c, const void *data, size_t len, uint64_t timeout_ns)
{
	nng_duration ms = timeout_ns ? (nng_duration)WEIR_MIN(timeout_ns / NS_PER_MS + 1, INT32_MAX)
				     : TIMEOUT_MS;
	nng_msg *m;
	bool busy;
	int rv;

	if (len > c->max)
		return -EMSGSIZE;
	rv = nng_msg_alloc(&m, len);
	if (rv)
		return weir_nng_errno(rv);
	if (len)
		memcpy(nng_msg_body(m), data, len);
	pthread_mutex_lock(&c->lock);
	busy = c->state == SENDING || c->state == RECEIVING;
	if (!busy) {
		forget(c);
		c->state = SENDING;
		c->deadline_ns = weir_monotonic_ns() + (uint64_t)ms * NS_PER_MS;
	}
	pthread_mutex_unlock(&c->lock);
	if (busy) {
		nng_msg_free(m);
		return -EBUSY;
	}
	redial(c);
	nng_aio_set_msg(c->aio, m);
	nng_aio_set_timeout(c->aio, ms);
	nng_ctx_send(c->ctx, c->aio);
	return 0;
}

int weir_wire_reply_take(struct weir_wire_client *c, const void **ret_data, size_t *ret_len)
{
	eventfd_t drained;
	int r = -EAGAIN;

	pthread_mutex_lock(&c->lock);
	if (c->state == DONE) {
		eventfd_read(c->fd, &drained);
		c->state = IDLE;
		r = !c->result ? 0 : c->result == NNG_ETIMEDOUT ? -ETIMEDOUT : -ECONNRESET;
	}
	if (!r) {
		*ret_data = nng_msg_body(c->reply);
		*ret_len = nng_msg_len(c->reply);
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

int weir_wire_client_rotate(struct weir_wire_client *c, const struct weir_tls_files *tls, struct weir_err *err)
{
	weir_auto_nng_tls nng_tls_config *config = NULL;
	bool connected;
	nng_pipe pipe;
	int r = weir_nng_tls(tls, NNG_TLS_MODE_CLIENT, &config, err);

	if (r)
		return r;
	r = nng_dialer_set_ptr(c->dialer, NNG_OPT_TLS_CONFIG, config);
	if (r)
		return weir_nng_err(err, r, "tls", "exchange of keys");
	weir_nng_tls_freep(&c->previous);
	c->previous = c->config;
	c->config = weir_take_ptr(config);
	pthread_mutex_lock(&c->lock);
	connected = c->connected;
	pipe = c->pipe;
	pthread_mutex_unlock(&c->lock);
	if (connected)
		nng_pipe_close(pipe);
	return 0;
}

bool weir_wire_connected(const struct weir_wire_client *c)
{
	struct weir_wire_client *m = (struct weir_wire_client *)c;
	bool connected;

	pthread_mutex_lock(&m->lock);
	connected = c->connected;
	pthread_mutex_unlock(&m->lock);
	return connected;
}
