/* SPDX-License-Identifier: Apache-2.0 */
/* A request's id is serial * room + slot: an answer to an older request of the slot is recognised. */
#include "lib/wire/peers.h"

#include <sys/eventfd.h>
#include <sys/queue.h>

#include "lib/base/clock.h"
#include "lib/wire/conn.h"

/* When WEIR_HANDSHAKES_MAX are under way, one that takes longer makes place: so many are well below 1 s of one core. */
#define HANDSHAKE_FULL_NS (5 * WEIR_NS_PER_S)
/* At the bound of peers, the one that has asked nothing for longest makes place, if that is so long. */
#define IDLE_FULL_NS (60 * WEIR_NS_PER_S)
/* Of requests that are coming in or wait for their turn: beyond, their senders wait. */
#define REQUESTS_MAX ((size_t)64 << 20)

enum peer_state { HANDSHAKE, READING, QUEUED, HELD, SENDING, GONE };

struct peer {
	struct weir_conn conn;
	TAILQ_ENTRY(peer) link; /* of queue or starved */
	struct weir_peers *peers;
	uint64_t since_ns;
	uint64_t active_ns; /* its last request or answer */
	uint64_t request;   /* id; QUEUED and HELD */
	uint32_t id, slot;
	bool starved;
	enum peer_state state;
};
TAILQ_HEAD(queue, peer);

struct weir_peers {
	pthread_mutex_t lock; /* all below */
	struct weir_wire_bounds bounds;
	struct queue queue, starved;
	void (*place)(void *arg);
	void *arg;
	int fd; /* not owned */
	uint64_t serial;
	struct weir_wire_stats is;
	uint32_t held, last_id;
	uint32_t top; /* slots beyond are empty */
	struct peer *slots[];
};

static struct peer *peer_of(struct weir_conn *c)
{
	return (struct peer *)c; /* its first member */
}

static bool may_grow(struct weir_conn *c, size_t more)
{
	struct peer *p = peer_of(c);
	struct weir_peers *ps = p->peers;

	if (ps->is.bytes + more > REQUESTS_MAX) {
		TAILQ_INSERT_TAIL(&ps->starved, p, link);
		p->starved = true;
		return false;
	}
	ps->is.bytes += more;
	return true;
}

static void feed(struct weir_peers *ps)
{
	struct peer *p;

	while (ps->is.bytes < REQUESTS_MAX && (p = TAILQ_FIRST(&ps->starved))) {
		TAILQ_REMOVE(&ps->starved, p, link);
		p->starved = false;
		weir_conn_go_on(&p->conn);
		if (p->starved)
			break;
	}
}

/* Its request is not needed any more. */
static void release(struct peer *p)
{
	p->peers->is.bytes -= p->conn.in_room;
	p->conn.in_room = 0;
	free(weir_take_ptr(p->conn.in));
	feed(p->peers);
}

static void on_up(struct weir_conn *c)
{
	struct peer *p = peer_of(c);

	p->peers->is.handshakes--;
	p->state = READING;
	p->active_ns = weir_monotonic_ns();
	weir_conn_read(c);
	p->peers->place(p->peers->arg);
}

static void on_message(struct weir_conn *c)
{
	struct peer *p = peer_of(c);
	struct weir_peers *ps = p->peers;

	p->active_ns = weir_monotonic_ns();
	p->request = ++ps->serial * ps->bounds.peers + p->slot;
	p->state = QUEUED;
	TAILQ_INSERT_TAIL(&ps->queue, p, link);
	eventfd_write(ps->fd, 1);
}

static void on_sent(struct weir_conn *c)
{
	struct peer *p = peer_of(c);

	p->peers->is.sending -= c->out_len;
	p->active_ns = weir_monotonic_ns();
	p->state = READING;
	weir_conn_read(c);
}

static void on_ended(struct weir_conn *c)
{
	struct peer *p = peer_of(c);
	struct weir_peers *ps = p->peers;
	enum peer_state state = p->state;

	if (state == HELD)
		return;
	p->state = GONE;
	if (p->starved)
		TAILQ_REMOVE(&ps->starved, p, link);
	p->starved = false;
	if (state == QUEUED)
		TAILQ_REMOVE(&ps->queue, p, link);
	if (state == SENDING)
		ps->is.sending -= c->out_len;
	release(p);
	if (state == HANDSHAKE) {
		ps->is.handshakes--;
		ps->place(ps->arg);
	}
}

static const struct weir_conn_ops ops = {
	.up = on_up, .message = on_message, .sent = on_sent, .ended = on_ended, .room = may_grow};

/* The one that has asked nothing for longest, if that is long enough. */
static void make_place(struct weir_peers *ps, uint64_t now)
{
	struct peer *p, *oldest = NULL;

	for (uint32_t i = 0; i < ps->top; i++) {
		p = ps->slots[i];
		if (p && p->state == READING && now - p->active_ns > IDLE_FULL_NS &&
		    (!oldest || p->active_ns < oldest->active_ns))
			oldest = p;
	}
	if (oldest)
		weir_conn_end(&oldest->conn);
}

static void join(struct weir_peers *ps, nng_stream *stream, uint64_t since_ns)
{
	uint64_t now = weir_monotonic_ns();
	struct peer *p = NULL;
	uint32_t slot = 0;

	while (slot < ps->bounds.peers && ps->slots[slot])
		slot++;
	if (slot < ps->bounds.peers)
		p = calloc(1, sizeof(*p));
	if (!p) {
		ps->is.refused++;
		make_place(ps, now);
		nng_stream_close(stream);
		nng_stream_free(stream);
		return;
	}
	*p = (struct peer){.peers = ps, .slot = slot, .since_ns = since_ns, .active_ns = now};
	if (weir_conn_init(&p->conn, stream, WEIR_CONN_REP, ps->bounds.message, &ps->lock, &ops)) {
		ps->is.refused++;
		free(p);
		return;
	}
	p->id = ++ps->last_id ? ps->last_id : ++ps->last_id;
	ps->slots[slot] = p;
	ps->top = WEIR_MAX(ps->top, slot + 1);
	ps->is.peers++;
	ps->is.handshakes++;
}

void weir_peers_join(struct weir_peers *ps, nng_stream *stream, uint64_t since_ns)
{
	pthread_mutex_lock(&ps->lock);
	join(ps, stream, since_ns);
	pthread_mutex_unlock(&ps->lock);
}

static void look_at(struct peer *p, uint64_t now)
{
	struct weir_peers *ps = p->peers;

	if (p->state == HANDSHAKE && ps->is.handshakes >= WEIR_HANDSHAKES_MAX && now - p->active_ns > HANDSHAKE_FULL_NS)
		weir_conn_end(&p->conn);
	weir_conn_look(&p->conn, now);
	if (p->state != GONE || !weir_conn_over(&p->conn))
		return;
	weir_conn_fini(&p->conn);
	ps->slots[p->slot] = NULL;
	ps->is.peers--;
	free(p);
}

void weir_peers_look(struct weir_peers *ps, uint64_t now_ns)
{
	pthread_mutex_lock(&ps->lock);
	for (uint32_t i = 0; i < ps->top; i++)
		if (ps->slots[i])
			look_at(ps->slots[i], now_ns);
	while (ps->top && !ps->slots[ps->top - 1])
		ps->top--;
	pthread_mutex_unlock(&ps->lock);
}

bool weir_peers_full(struct weir_peers *ps)
{
	bool full;

	pthread_mutex_lock(&ps->lock);
	full = ps->is.handshakes >= WEIR_HANDSHAKES_MAX;
	pthread_mutex_unlock(&ps->lock);
	return full;
}

int weir_peers_next(struct weir_peers *ps, uint64_t *ret_id, const void **ret_data, size_t *ret_len)
{
	struct peer *p = NULL;
	eventfd_t drained;

	pthread_mutex_lock(&ps->lock);
	if (ps->held < ps->bounds.requests)
		p = TAILQ_FIRST(&ps->queue);
	if (p) {
		TAILQ_REMOVE(&ps->queue, p, link);
		p->state = HELD;
		ps->held++;
	} else {
		eventfd_read(ps->fd, &drained); /* with the lock held: no request gets lost */
	}
	pthread_mutex_unlock(&ps->lock);
	if (!p)
		return -EAGAIN;
	*ret_id = p->request;
	*ret_data = p->conn.in + WEIR_CONN_ID;
	*ret_len = p->conn.in_len - WEIR_CONN_ID;
	return 0;
}

/* With the lock held. */
static struct peer *held(struct weir_peers *ps, uint64_t id)
{
	struct peer *p = ps->slots[id % ps->bounds.peers];

	return p && p->state == HELD && p->request == id ? p : NULL;
}

int weir_peers_reply(struct weir_peers *ps, uint64_t id, const void *data, size_t len)
{
	uint8_t *out;
	struct peer *p;
	int r = 0;

	pthread_mutex_lock(&ps->lock);
	p = held(ps, id);
	out = p ? weir_conn_text(weir_conn_id(&p->conn), data, len) : NULL;
	if (!p) {
		r = -ENOENT;
	} else if (!out) {
		r = -ENOMEM;
	} else {
		if (ps->held-- == ps->bounds.requests)
			eventfd_write(ps->fd, 1); /* others may wait for the place */
		release(p);
		p->state = p->conn.ended ? GONE : SENDING;
	}
	if (!r && p->state == SENDING) {
		weir_conn_write(&p->conn, weir_take_ptr(out), len);
		ps->is.sending += p->conn.out_len;
	}
	pthread_mutex_unlock(&ps->lock);
	free(out);
	return r;
}


uint32_t weir_peers_of(struct weir_peers *ps, uint64_t id)
{
	const struct peer *p;
	uint32_t peer;

	pthread_mutex_lock(&ps->lock);
	p = held(ps, id);
	peer = p ? p->id : 0;
	pthread_mutex_unlock(&ps->lock);
	return peer;
}

void weir_peers_cut(struct weir_peers *ps, uint32_t peer)
{
	pthread_mutex_lock(&ps->lock);
	for (uint32_t i = 0; i < ps->top; i++)
		if (ps->slots[i] && ps->slots[i]->id == peer)
			weir_conn_end(&ps->slots[i]->conn);
	pthread_mutex_unlock(&ps->lock);
}

size_t weir_peers_renew(struct weir_peers *ps, uint64_t before_ns, size_t max)
{
	size_t left = 0;

	pthread_mutex_lock(&ps->lock);
	for (uint32_t i = 0; i < ps->top; i++) {
		struct peer *p = ps->slots[i];

		if (!p || p->conn.ended || p->since_ns >= before_ns)
			continue;
		if (max) {
			weir_conn_end(&p->conn);
			max--;
		} else {
			left++;
		}
	}
	pthread_mutex_unlock(&ps->lock);
	return left;
}

void weir_peers_stats(struct weir_peers *ps, struct weir_wire_stats *ret)
{
	pthread_mutex_lock(&ps->lock);
	*ret = ps->is;
	pthread_mutex_unlock(&ps->lock);
}

int weir_peers_new(const struct weir_wire_bounds *b, int fd, void (*place)(void *arg), void *arg, struct weir_peers **ret)
{
	struct weir_peers *ps = calloc(1, sizeof(*ps) + b->peers * sizeof(ps->slots[0]));

	if (!ps)
		return -ENOMEM;
	pthread_mutex_init(&ps->lock, NULL);
	TAILQ_INIT(&ps->queue);
	TAILQ_INIT(&ps->starved);
	ps->bounds = *b;
	ps->fd = fd;
	ps->place = place;
	ps->arg = arg;
	*ret = ps;
	return 0;
}

void weir_peers_free(struct weir_peers *ps)
{
	if (!ps)
		return;
	weir_peers_renew(ps, UINT64_MAX, SIZE_MAX);
	for (uint32_t i = 0; i < ps->top; i++) {
		if (ps->slots[i])
			weir_conn_fini(&ps->slots[i]->conn);
		free(ps->slots[i]);
	}
	pthread_mutex_destroy(&ps->lock);
	free(ps);
}
