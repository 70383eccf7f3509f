/* SPDX-License-Identifier: Apache-2.0 */
/* Server half: a listener whose connections join the peers, and a timer that looks at them. */
#include "lib/base/clock.h"
#include "lib/wire/peers.h"

#include <pthread.h>
#include <sys/eventfd.h>

#define LOOK_MS 250

struct weir_wire_server {
	nng_stream_listener *listener;
	nng_aio *accept, *timer;
	nng_tls_config *config, *previous; /* nng 1.5.2 may still read the one before, without holding it */
	struct weir_peers *peers;
	uint64_t rotated_ns; /* of the last exchange whose connections are not renewed yet; 0 = none */
	int fd;
	pthread_mutex_t lock; /* all below; taken behind the one of the peers */
	uint64_t accept_ns;   /* of the accept under way: it has the keys of then */
	bool accepting, closing;
};

static void server_freep(struct weir_wire_server **s)
{
	weir_wire_server_free(*s);
}

static void accept_next(void *arg)
{
	struct weir_wire_server *s = arg;

	pthread_mutex_lock(&s->lock);
	if (!s->accepting && !s->closing) {
		s->accepting = true;
		s->accept_ns = weir_monotonic_ns();
		nng_stream_listener_accept(s->listener, s->accept);
	}
	pthread_mutex_unlock(&s->lock);
}

/* After a failure the timer goes on: descriptors or memory may be back by then. */
static void on_accepted(void *arg)
{
	struct weir_wire_server *s = arg;
	int rv = nng_aio_result(s->accept);
	nng_stream *stream = rv ? NULL : nng_aio_get_output(s->accept, 0);
	uint64_t since_ns;

	pthread_mutex_lock(&s->lock);
	s->accepting = false;
	since_ns = s->accept_ns;
	pthread_mutex_unlock(&s->lock);
	if (stream)
		weir_peers_join(s->peers, stream, since_ns);
	if ((!rv || rv == NNG_ECANCELED) && !weir_peers_full(s->peers))
		accept_next(s);
}

static void on_timer(void *arg)
{
	struct weir_wire_server *s = arg;

	if (nng_aio_result(s->timer))
		return;
	weir_peers_look(s->peers, weir_monotonic_ns());
	if (!weir_peers_full(s->peers))
		accept_next(s);
	nng_sleep_aio(LOOK_MS, s->timer);
}

static int listener_start(struct weir_wire_server *s, const char *url)
{
	int rv = nng_stream_listener_alloc(&s->listener, url);

	if (!rv)
		rv = nng_stream_listener_set_ptr(s->listener, NNG_OPT_TLS_CONFIG, s->config);
	if (!rv)
		rv = nng_stream_listener_set_bool(s->listener, NNG_OPT_TCP_KEEPALIVE, true);
	if (!rv)
		rv = nng_stream_listener_set_bool(s->listener, NNG_OPT_TCP_NODELAY, true);
	if (!rv)
		rv = nng_stream_listener_listen(s->listener);
	if (!rv)
		rv = nng_aio_alloc(&s->accept, on_accepted, s);
	return rv ? rv : nng_aio_alloc(&s->timer, on_timer, s);
}

int weir_wire_listen(const char *url, const struct weir_tls_files *tls, const struct weir_wire_bounds *b,
		     struct weir_wire_server **ret, struct weir_err *err)
{
	weir_cleanup(server_freep) struct weir_wire_server *s = NULL;
	weir_auto_nng_tls nng_tls_config *config = NULL;
	int r = weir_nng_url_check(url, err);

	if (!r)
		r = weir_nng_tls(tls, NNG_TLS_MODE_SERVER, &config, err);
	if (r)
		return r;
	if (!b->requests || !b->peers)
		return weir_err_set(err, -EINVAL, "listen on %s: a bound of 0", url);
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	s->config = weir_take_ptr(config);
	s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->fd < 0)
		return weir_err_set(err, -errno, "eventfd: %s", strerror(errno));
	r = weir_peers_new(b, s->fd, accept_next, s, &s->peers);
	if (r)
		return r;
	r = listener_start(s, url);
	if (r)
		return weir_nng_err(err, r, "listen on", url);
	accept_next(s);
	nng_sleep_aio(LOOK_MS, s->timer);
	*ret = weir_take_ptr(s);
	return 0;
}

void weir_wire_server_free(struct weir_wire_server *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_mutex_unlock(&s->lock);
	if (s->timer)
		nng_aio_free(s->timer);
	if (s->listener)
		nng_stream_listener_close(s->listener);
	if (s->accept)
		nng_aio_free(s->accept);
	weir_peers_free(s->peers);
	if (s->listener)
		nng_stream_listener_free(s->listener);
	weir_nng_tls_freep(&s->config);
	weir_nng_tls_freep(&s->previous);
	if (s->fd >= 0)
		close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int weir_wire_server_fd(const struct weir_wire_server *s)
{
	return s->fd;
}

int weir_wire_next(struct weir_wire_server *s, uint64_t *ret_id, const void **ret_data, size_t *ret_len)
{
	return weir_peers_next(s->peers, ret_id, ret_data, ret_len);
}

int weir_wire_reply(struct weir_wire_server *s, uint64_t id, const void *data, size_t len)
{
	return weir_peers_reply(s->peers, id, data, len);
}

int weir_wire_server_rotate(struct weir_wire_server *s, const struct weir_tls_files *tls, struct weir_err *err)
{
	weir_auto_nng_tls nng_tls_config *config = NULL;
	int r = weir_nng_tls(tls, NNG_TLS_MODE_SERVER, &config, err);

	if (r)
		return r;
	r = nng_stream_listener_set_ptr(s->listener, NNG_OPT_TLS_CONFIG, config);
	if (r)
		return weir_nng_err(err, r, "tls", "exchange of keys");
	weir_nng_tls_freep(&s->previous);
	s->previous = s->config;
	s->config = weir_take_ptr(config);
	s->rotated_ns = weir_monotonic_ns();
	nng_aio_abort(s->accept, NNG_ECANCELED); /* the one that waits was begun with the old keys */
	return 0;
}

size_t weir_wire_server_renew(struct weir_wire_server *s, uint64_t age_ns, size_t max)
{
	uint64_t now = weir_monotonic_ns(), before = now > age_ns ? now - age_ns : 0;
	size_t left = weir_peers_renew(s->peers, WEIR_MAX(before, s->rotated_ns), max);

	if (!left)
		s->rotated_ns = 0;
	return left;
}

uint32_t weir_wire_peer(struct weir_wire_server *s, uint64_t id)
{
	return weir_peers_of(s->peers, id);
}

void weir_wire_cut(struct weir_wire_server *s, uint32_t peer)
{
	weir_peers_cut(s->peers, peer);
}

void weir_wire_server_stats(struct weir_wire_server *s, struct weir_wire_stats *ret)
{
	weir_peers_stats(s->peers, ret);
}
