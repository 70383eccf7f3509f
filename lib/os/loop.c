/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoll hands out a batch of source pointers, and a callback may free any source, also one whose
 * event comes later in the batch. So while a batch is handled, a freed source only loses its fn and
 * moves to the dead list; the memory goes when the batch is done.
 */
#include "lib/os/loop.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "lib/base/clock.h"

#define LOOP_BATCH 64

struct weir_source {
	struct weir_loop *loop; /* NULL once the loop is gone */
	LIST_ENTRY(weir_source) link;
	int fd;
	bool timer; /* fd is our timerfd */
	bool owned; /* nobody holds a pointer: freed with the loop */
	bool aligned;
	uint64_t period_ns;
	weir_source_fn fn; /* NULL = dead */
	void *arg;
};

LIST_HEAD(source_list, weir_source);

struct weir_loop {
	int epoll_fd, signal_fd;
	weir_signal_fn on_signal;
	void *signal_arg;
	struct source_list sources, dead;
	bool dispatching, stopped;
	int result;
};

static int source_watch(struct weir_source *s, int op, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = s};

	return epoll_ctl(s->loop->epoll_fd, op, s->fd, &ev) ? -errno : 0;
}

static struct weir_source *source_new(struct weir_loop *l, weir_source_fn fn, void *arg,
				      bool owned)
{
	struct weir_source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->loop = l;
	s->fd = -1;
	s->fn = fn;
	s->arg = arg;
	s->owned = owned;
	LIST_INSERT_HEAD(&l->sources, s, link);
	return s;
}

void weir_source_free(struct weir_source *s)
{
	struct weir_loop *l;

	if (!s)
		return;
	l = s->loop;
	if (l && s->fd >= 0)
		epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	if (s->timer)
		weir_closep(&s->fd);
	s->fd = -1;
	s->fn = NULL;
	if (l)
		LIST_REMOVE(s, link);
	if (l && l->dispatching)
		LIST_INSERT_HEAD(&l->dead, s, link);
	else
		free(s);
}

static void source_freep(struct weir_source **s)
{
	weir_source_free(*s);
}

static void loop_reap(struct weir_loop *l)
{
	struct weir_source *s;

	while ((s = LIST_FIRST(&l->dead))) {
		LIST_REMOVE(s, link);
		free(s);
	}
}

int weir_loop_fd(struct weir_loop *l, int fd, uint32_t events, weir_source_fn fn, void *arg,
		 struct weir_source **ret)
{
	weir_cleanup(source_freep) struct weir_source *s = source_new(l, fn, arg, !ret);
	int r;

	if (!s)
		return -ENOMEM;
	s->fd = fd;
	r = source_watch(s, EPOLL_CTL_ADD, events);
	if (r) {
		s->fd = -1; /* not ours in this epoll set: another source may watch it */
		return r;
	}
	if (ret)
		*ret = s;
	s = NULL;
	return 0;
}

int weir_source_events(struct weir_source *s, uint32_t events)
{
	if (s->timer || !s->loop || !s->fn)
		return -EINVAL;
	return source_watch(s, EPOLL_CTL_MOD, events);
}

static struct timespec ns_timespec(uint64_t ns)
{
	return (struct timespec){(time_t)(ns / WEIR_NS_PER_S), (long)(ns % WEIR_NS_PER_S)};
}

/* A timerfd counts on one clock for life, so a timer that changes clocks gets a new one. */
static int timer_clock(struct weir_source *s, bool aligned)
{
	weir_auto_close int fd = -1;
	int old = s->fd, r;

	if (old >= 0 && s->aligned == aligned)
		return 0;
	fd = timerfd_create(aligned ? CLOCK_REALTIME : CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	s->fd = fd;
	r = source_watch(s, EPOLL_CTL_ADD, EPOLLIN);
	if (r) {
		s->fd = old;
		return r;
	}
	weir_take_fd(&fd);
	s->aligned = aligned;
	weir_closep(&old);
	return 0;
}

static int timer_set(struct weir_source *s, uint64_t first_ns, uint64_t period_ns)
{
	bool aligned = !first_ns && period_ns;
	struct itimerspec it = {.it_interval = ns_timespec(period_ns)};
	int r, flags = 0;

	r = timer_clock(s, aligned);
	if (r)
		return r;
	if (aligned) {
		/* A step of the clock cancels the timer, which then aligns anew: no storm of
		 * expirations after a step forward, no silence after a step back. */
		first_ns = (weir_wall_ns() / period_ns + 1) * period_ns;
		flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
	}
	it.it_value = ns_timespec(first_ns);
	if (timerfd_settime(s->fd, flags, &it, NULL))
		return -errno;
	s->period_ns = period_ns;
	return 0;
}

int weir_loop_timer(struct weir_loop *l, uint64_t first_ns, uint64_t period_ns, weir_source_fn fn,
		    void *arg, struct weir_source **ret)
{
	weir_cleanup(source_freep) struct weir_source *s = source_new(l, fn, arg, !ret);
	int r;

	if (!s)
		return -ENOMEM;
	s->timer = true;
	r = timer_set(s, first_ns, period_ns);
	if (r)
		return r;
	if (ret)
		*ret = s;
	s = NULL;
	return 0;
}

int weir_source_rearm(struct weir_source *s, uint64_t first_ns, uint64_t period_ns)
{
	if (!s->timer || !s->loop || !s->fn)
		return -EINVAL;
	return timer_set(s, first_ns, period_ns);
}

static int timer_fire(struct weir_source *s)
{
	uint64_t n = 0;

	if (read(s->fd, &n, sizeof(n)) != (ssize_t)sizeof(n)) {
		if (errno == ECANCELED)
			return timer_set(s, 0, s->period_ns);
		/* EAGAIN: rearmed by a callback earlier in this batch. */
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	}
	return s->fn((uint32_t)WEIR_MIN(n, (uint64_t)UINT32_MAX), s->arg);
}

static int loop_signal(uint32_t events, void *arg)
{
	struct weir_loop *l = arg;
	struct signalfd_siginfo si;

	(void)events;
	if (read(l->signal_fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (l->on_signal)
		return l->on_signal((int)si.ssi_signo, l->signal_arg);
	if (si.ssi_signo != SIGHUP)
		weir_loop_stop(l, 0);
	return 0;
}

static int loop_signals(struct weir_loop *l)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	l->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (l->signal_fd < 0)
		return -errno;
	return weir_loop_fd(l, l->signal_fd, EPOLLIN, loop_signal, l, NULL);
}

static void loop_freep(struct weir_loop **l)
{
	weir_loop_free(*l);
}

int weir_loop_new(struct weir_loop **ret, weir_signal_fn on_signal, void *arg)
{
	weir_cleanup(loop_freep) struct weir_loop *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->epoll_fd = -1;
	l->signal_fd = -1;
	l->on_signal = on_signal;
	l->signal_arg = arg;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		return -errno;
	r = loop_signals(l);
	if (r)
		return r;
	*ret = weir_take_ptr(l);
	return 0;
}

void weir_loop_free(struct weir_loop *l)
{
	struct weir_source *s;

	if (!l)
		return;
	while ((s = LIST_FIRST(&l->sources))) {
		if (s->owned) {
			weir_source_free(s);
			continue;
		}
		LIST_REMOVE(s, link);
		s->loop = NULL;
	}
	loop_reap(l);
	weir_closep(&l->signal_fd);
	weir_closep(&l->epoll_fd);
	free(l);
}

void weir_loop_stop(struct weir_loop *l, int r)
{
	l->stopped = true;
	l->result = r;
}

static void loop_batch(struct weir_loop *l, const struct epoll_event *events, int n)
{
	l->dispatching = true;
	for (int i = 0; i < n && !l->stopped; i++) {
		struct weir_source *s = events[i].data.ptr;
		int r;

		if (!s->fn)
			continue;
		r = s->timer ? timer_fire(s) : s->fn(events[i].events, s->arg);
		if (r)
			weir_loop_stop(l, r);
	}
	l->dispatching = false;
	loop_reap(l);
}

int weir_loop_run(struct weir_loop *l)
{
	struct epoll_event events[LOOP_BATCH];
	int n;

	while (!l->stopped) {
		n = epoll_wait(l->epoll_fd, events, LOOP_BATCH, -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		loop_batch(l, events, n);
	}
	l->stopped = false;
	return l->result;
}
