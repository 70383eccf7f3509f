/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/wire/peers.h"

#include <pthread.h>

#include "lib/base/clock.h"

struct peer {
	nng_pipe pipe;
	uint64_t since_ns;
	bool closing;
};

struct weir_peers {
	pthread_mutex_t lock;
	struct peer *peers; /* as many as the process has descriptors for */
	size_t count, room;
	bool ended;
};

/* With the lock held. A connection that cannot be noted would outlive an exchange of keys: it is refused. */
static bool note(struct weir_peers *p, nng_pipe pipe)
{
	if (p->count == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		struct peer *more = realloc(p->peers, room * sizeof(*more));

		if (!more)
			return false;
		p->peers = more;
		p->room = room;
	}
	p->peers[p->count++] = (struct peer){.pipe = pipe, .since_ns = weir_monotonic_ns()};
	return true;
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev ev, void *arg)
{
	struct weir_peers *p = arg;
	bool noted = true;

	pthread_mutex_lock(&p->lock);
	if (ev == NNG_PIPE_EV_ADD_PRE) {
		noted = !p->ended && note(p, pipe);
	} else {
		for (size_t i = 0; i < p->count; i++) {
			if (nng_pipe_id(p->peers[i].pipe) == nng_pipe_id(pipe)) {
				p->peers[i] = p->peers[--p->count];
				break;
			}
		}
	}
	pthread_mutex_unlock(&p->lock);
	if (!noted)
		nng_pipe_close(pipe);
}

int weir_peers_new(nng_socket sock, struct weir_peers **ret)
{
	struct weir_peers *p = calloc(1, sizeof(*p));
	int rv;

	if (!p)
		return NNG_ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	rv = nng_pipe_notify(sock, NNG_PIPE_EV_ADD_PRE, on_pipe, p);
	if (!rv)
		rv = nng_pipe_notify(sock, NNG_PIPE_EV_REM_POST, on_pipe, p);
	if (rv) { /* nothing listens yet: no notice is under way */
		nng_pipe_notify(sock, NNG_PIPE_EV_ADD_PRE, NULL, NULL);
		pthread_mutex_destroy(&p->lock);
		free(p);
		return rv;
	}
	*ret = p;
	return 0;
}

void weir_peers_end(struct weir_peers *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->ended = true;
	p->count = p->room = 0;
	free(p->peers);
	p->peers = NULL;
	pthread_mutex_unlock(&p->lock);
}

size_t weir_peers_close(struct weir_peers *p, uint64_t before_ns, size_t max)
{
	nng_pipe pipes[64];
	size_t n = 0, left = 0;

	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->count; i++) {
		struct peer *peer = &p->peers[i];

		if (peer->since_ns >= before_ns || peer->closing)
			continue;
		if (n < WEIR_MIN(max, WEIR_ARRAY_SIZE(pipes))) {
			peer->closing = true;
			pipes[n++] = peer->pipe;
		} else {
			left++;
		}
	}
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < n; i++)
		nng_pipe_close(pipes[i]);
	return left;
}
