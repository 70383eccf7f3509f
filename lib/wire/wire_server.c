/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server half: `contexts` reply contexts, each with one aio that alternates between receiving a request
 * and sending its reply. A slot goes RECEIVING -> QUEUED -> HELD -> SENDING -> RECEIVING; nng's threads
 * make the first and the last step, the caller's thread the others. An id is generation * contexts +
 * slot, so that an answer to an older request of the same slot is recognised.
 */
#include "lib/base/clock.h"
#include "lib/wire/peers.h"

#include <netinet/in.h>
#include <nng/protocol/reqrep0/rep.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

/* A peer that does not read its reply for so long is cut off, or it would keep the slot for ever. */
#define SEND_MS 30000

enum slot_state { RECEIVING, QUEUED, HELD, SENDING };

struct slot {
	struct weir_wire_server *server;
	nng_ctx ctx;
	nng_aio *aio;
	nng_msg *request; /* QUEUED and HELD */
	nng_pipe pipe;	  /* that the request came by */
	size_t sending;	  /* bytes of the reply; SENDING */
	uint64_t generation;
	enum slot_state state;
};

struct weir_wire_server {
	nng_socket sock;
	nng_listener listener;
	bool listening;
	nng_tls_config *config, *previous; /* nng 1.5.2 may still read the one before, without holding it */
	struct weir_peers *peers;
	uint64_t rotated_ns; /* of the last exchange whose connections are not renewed yet; 0 = none */
	pthread_mutex_t lock; /* slots' state, queue, closing, sending */
	size_t sending;	      /* bytes of replies that are under way */
	int fd;
	bool closing;
	uint32_t contexts, head, queued;
	uint32_t *queue; /* ring of slot numbers */
	struct slot slots[];
};

static void server_freep(struct weir_wire_server **s)
{
	weir_wire_server_free(*s);
}

static void receive(struct slot *t)
{
	nng_aio_set_timeout(t->aio, NNG_DURATION_INFINITE);
	nng_ctx_recv(t->ctx, t->aio);
}

/* On a thread of nng, with the lock held: the slot's request is there for the caller. */
static void push(struct weir_wire_server *s, struct slot *t)
{
	t->request = nng_aio_get_msg(t->aio);
	t->pipe = nng_msg_get_pipe(t->request);
	t->generation++;
	t->state = QUEUED;
	s->queue[(s->head + s->queued++) % s->contexts] = (uint32_t)(t - s->slots);
	eventfd_write(s->fd, 1);
}

static void done(void *arg)
{
	struct slot *t = arg;
	struct weir_wire_server *s = t->server;
	int rv = nng_aio_result(t->aio);
	bool again;

	pthread_mutex_lock(&s->lock);
	again = !s->closing && rv != NNG_ECLOSED && rv != NNG_ECANCELED;
	if (t->state == SENDING) {
		s->sending -= t->sending;
		if (rv)
			nng_msg_free(nng_aio_get_msg(t->aio));
		if (rv == NNG_ETIMEDOUT)
			nng_pipe_close(t->pipe);
		again = !s->closing; /* the peer's end is not ours */
		t->state = RECEIVING;
	} else if (!rv) {
		push(s, t);
		again = false;
	}
	pthread_mutex_unlock(&s->lock);
	if (again)
		receive(t);
}

static int listener_start(struct weir_wire_server *s, const char *url, size_t max_message)
{
	int rv = nng_listener_create(&s->listener, s->sock, url);

	s->listening = !rv;
	if (!rv)
		rv = nng_listener_set_ptr(s->listener, NNG_OPT_TLS_CONFIG, s->config);
	if (!rv)
		rv = nng_listener_set_size(s->listener, NNG_OPT_RECVMAXSZ, max_message + WEIR_NNG_HEADROOM);
	if (!rv)
		rv = nng_listener_set_bool(s->listener, NNG_OPT_TCP_KEEPALIVE, true);
	return rv ? rv : nng_listener_start(s->listener, 0);
}

static int slots_start(struct weir_wire_server *s)
{
	int rv = 0;

	for (uint32_t i = 0; !rv && i < s->contexts; i++) {
		struct slot *t = &s->slots[i];

		t->server = s;
		rv = nng_ctx_open(&t->ctx, s->sock);
		if (!rv)
			rv = nng_aio_alloc(&t->aio, done, t);
		if (!rv)
			receive(t);
	}
	return rv;
}

int weir_wire_listen(const char *url, const struct weir_tls_files *tls, size_t max_message,
		     uint32_t contexts, struct weir_wire_server **ret, struct weir_err *err)
{
	weir_cleanup(server_freep) struct weir_wire_server *s = NULL;
	weir_auto_nng_tls nng_tls_config *config = NULL;
	int r = weir_nng_url_check(url, err);

	if (!r)
		r = weir_nng_tls(tls, NNG_TLS_MODE_SERVER, &config, err);
	if (r)
		return r;
	if (!contexts)
		return weir_err_set(err, -EINVAL, "listen on %s: no contexts", url);
	s = calloc(1, sizeof(*s) + contexts * sizeof(s->slots[0]));
	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	s->contexts = contexts;
	s->config = weir_take_ptr(config);
	s->queue = calloc(contexts, sizeof(*s->queue));
	s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!s->queue)
		return -ENOMEM;
	if (s->fd < 0)
		return weir_err_set(err, -errno, "eventfd: %s", strerror(errno));
	r = nng_rep0_open(&s->sock);
	if (!r)
		r = weir_peers_new(s->sock, &s->peers);
	if (!r)
		r = slots_start(s);
	if (!r)
		r = listener_start(s, url, max_message);
	if (r)
		return weir_nng_err(err, r, "listen on", url);
	*ret = weir_take_ptr(s);
	return 0;
}

/*
 * Everything of ours ends here and the listener closes its connections; the nng socket itself stays until
 * the process ends: nng_close of 1.5.2 waits for ever for a connection that had a message on its way.
 */
void weir_wire_server_free(struct weir_wire_server *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_mutex_unlock(&s->lock);
	for (uint32_t i = 0; i < s->contexts; i++)
		if (s->slots[i].aio)
			nng_aio_stop(s->slots[i].aio);
	if (s->listening)
		nng_listener_close(s->listener);
	for (uint32_t i = 0; i < s->contexts; i++) {
		struct slot *t = &s->slots[i];

		if (t->aio) {
			nng_ctx_close(t->ctx);
			nng_aio_free(t->aio);
		}
		if (t->request)
			nng_msg_free(t->request);
	}
	weir_peers_end(s->peers);
	weir_nng_tls_freep(&s->config);
	weir_nng_tls_freep(&s->previous);
	if (s->fd >= 0)
		close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s->queue);
	free(s);
}

int weir_wire_server_fd(const struct weir_wire_server *s)
{
	return s->fd;
}

int weir_wire_next(struct weir_wire_server *s, uint64_t *ret_id, const void **ret_data, size_t *ret_len)
{
	struct slot *t = NULL;
	eventfd_t drained;

	pthread_mutex_lock(&s->lock);
	if (s->queued) {
		t = &s->slots[s->queue[s->head]];
		s->head = (s->head + 1) % s->contexts;
		s->queued--;
		t->state = HELD;
	} else {
		eventfd_read(s->fd, &drained); /* with the lock held: no push gets lost */
	}
	pthread_mutex_unlock(&s->lock);
	if (!t)
		return -EAGAIN;
	*ret_id = t->generation * s->contexts + (uint64_t)(t - s->slots);
	*ret_data = nng_msg_body(t->request);
	*ret_len = nng_msg_len(t->request);
	return 0;
}

size_t weir_wire_sending(struct weir_wire_server *s)
{
	size_t bytes;

	pthread_mutex_lock(&s->lock);
	bytes = s->sending;
	pthread_mutex_unlock(&s->lock);
	return bytes;
}

int weir_wire_reply(struct weir_wire_server *s, uint64_t id, const void *data, size_t len)
{
	struct slot *t = &s->slots[id % s->contexts];
	nng_msg *reply;
	bool mine;
	int rv;

	pthread_mutex_lock(&s->lock);
	mine = t->state == HELD && t->generation == id / s->contexts;
	pthread_mutex_unlock(&s->lock);
	if (!mine)
		return -ENOENT;
	rv = nng_msg_alloc(&reply, len);
	if (rv)
		return weir_nng_errno(rv);
	if (len)
		memcpy(nng_msg_body(reply), data, len);
	pthread_mutex_lock(&s->lock);
	nng_msg_free(weir_take_ptr(t->request));
	t->state = SENDING;
	t->sending = len;
	s->sending += len;
	pthread_mutex_unlock(&s->lock);
	nng_aio_set_msg(t->aio, reply);
	nng_aio_set_timeout(t->aio, SEND_MS);
	nng_ctx_send(t->ctx, t->aio);
	return 0;
}

/* The accept that waits was begun with the old keys: a connection of our own ends it. */
static void poke(nng_listener l)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	weir_auto_close int fd = -1;
	nng_sockaddr a;

	if (nng_listener_get_addr(l, NNG_OPT_LOCADDR, &a))
		return;
	fd = socket(a.s_family == NNG_AF_INET6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	v4.sin_port = a.s_in.sa_port;
	v4.sin_addr.s_addr = a.s_in.sa_addr;
	v6.sin6_port = a.s_in6.sa_port;
	memcpy(&v6.sin6_addr, a.s_in6.sa_addr, sizeof(v6.sin6_addr));
	if (a.s_family == NNG_AF_INET6)
		(void)connect(fd, (struct sockaddr *)&v6, sizeof(v6));
	else
		(void)connect(fd, (struct sockaddr *)&v4, sizeof(v4));
}

int weir_wire_server_rotate(struct weir_wire_server *s, const struct weir_tls_files *tls, struct weir_err *err)
{
	weir_auto_nng_tls nng_tls_config *config = NULL;
	int r = weir_nng_tls(tls, NNG_TLS_MODE_SERVER, &config, err);

	if (r)
		return r;
	r = nng_listener_set_ptr(s->listener, NNG_OPT_TLS_CONFIG, config);
	if (r)
		return weir_nng_err(err, r, "tls", "exchange of keys");
	weir_nng_tls_freep(&s->previous);
	s->previous = s->config;
	s->config = weir_take_ptr(config);
	poke(s->listener);
	s->rotated_ns = weir_monotonic_ns();
	return 0;
}

size_t weir_wire_server_renew(struct weir_wire_server *s, uint64_t after_ns, uint64_t age_ns, size_t max)
{
	uint64_t now = weir_monotonic_ns(), before = now > age_ns ? now - age_ns : 0;
	bool due = s->rotated_ns && now >= s->rotated_ns + after_ns;
	size_t left;

	if (due)
		before = WEIR_MAX(before, s->rotated_ns + after_ns);
	left = weir_peers_close(s->peers, before, max);
	if (due && !left)
		s->rotated_ns = 0;
	return left;
}

uint32_t weir_wire_peer(struct weir_wire_server *s, uint64_t id)
{
	struct slot *t = &s->slots[id % s->contexts];
	uint32_t peer;

	pthread_mutex_lock(&s->lock);
	peer = t->state == HELD && t->generation == id / s->contexts ? (uint32_t)nng_pipe_id(t->pipe) : 0;
	pthread_mutex_unlock(&s->lock);
	return peer;
}

void weir_wire_cut(uint32_t peer)
{
	if (peer)
		nng_pipe_close((nng_pipe){.id = peer});
}
