/* SPDX-License-Identifier: Apache-2.0 */
/* Each run has a guard timer that ends it with -ETIME, so a lost event fails instead of hanging. */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>

#include "lib/base/clock.h"
#include "lib/os/loop.h"

#define MS 1000000ull
#define GUARD (5000 * MS)

struct state {
	struct weir_loop *loop;
	struct weir_source *a, *b;
	int fired, stop_at;
	int fd;
	uint32_t events;
	int signo;
};

static int on_guard(uint32_t events, void *arg)
{
	(void)events;
	(void)arg;
	return -ETIME;
}

static int on_signal(int signo, void *arg)
{
	struct state *s = arg;

	s->signo = signo;
	return signo == SIGHUP ? 0 : 42;
}

static void state_open(struct state *s)
{
	*s = (struct state){.fd = -1};
	if (weir_loop_new(&s->loop, on_signal, s) ||
	    weir_loop_timer(s->loop, GUARD, 0, on_guard, NULL, NULL))
		abort();
}

static int count(uint32_t events, void *arg)
{
	struct state *s = arg;

	s->events = events;
	return ++s->fired == s->stop_at ? 9 : 0;
}

TEST(timer_periodic)
{
	uint64_t start = weir_monotonic_ns(), took;
	struct state s;

	state_open(&s);
	s.stop_at = 3;
	CHECK(weir_loop_timer(s.loop, 10 * MS, 5 * MS, count, &s, &s.a) == 0);
	CHECK(weir_loop_run(s.loop) == 9, "the value of the callback ends the run");
	took = weir_monotonic_ns() - start;
	/* A late wakeup may fold expirations into one, so only the first has a lower bound. */
	CHECK(took >= 10 * MS, "%llu ns", (unsigned long long)took);
	CHECK(s.events >= 1, "expirations are counted");
	weir_source_free(s.a);
	weir_loop_free(s.loop);
}

TEST(timer_one_shot_and_rearm)
{
	struct weir_source *end = NULL;
	struct state s, e;

	state_open(&s);
	e = (struct state){.stop_at = 1};
	s.stop_at = 100;
	CHECK(weir_loop_timer(s.loop, 1 * MS, 0, count, &s, &s.a) == 0);
	CHECK(weir_loop_timer(s.loop, 20 * MS, 0, count, &e, &end) == 0);
	CHECK(weir_loop_run(s.loop) == 9);
	CHECK(s.fired == 1, "%d times", s.fired);
	s.stop_at = 2;
	CHECK(weir_source_rearm(s.a, 1 * MS, 0) == 0);
	CHECK(weir_loop_run(s.loop) == 9);
	CHECK(s.fired == 2, "%d times", s.fired);
	weir_source_free(s.a);
	weir_source_free(end);
	weir_loop_free(s.loop);
}

TEST(timer_disarmed)
{
	struct weir_source *end = NULL;
	struct state s, e;

	state_open(&s);
	e = (struct state){.stop_at = 1};
	CHECK(weir_loop_timer(s.loop, 1, 1 * MS, count, &s, &s.a) == 0);
	CHECK(weir_source_rearm(s.a, 0, 0) == 0);
	CHECK(weir_loop_timer(s.loop, 10 * MS, 0, count, &e, &end) == 0);
	CHECK(weir_loop_run(s.loop) == 9);
	CHECK(s.fired == 0, "%d times", s.fired);
	weir_source_free(s.a);
	weir_source_free(end);
	weir_loop_free(s.loop);
}

TEST(timer_aligned_to_the_wall_clock)
{
	uint64_t period = 50 * MS, next, now;
	struct state s;

	state_open(&s);
	s.stop_at = 1;
	/* Created on the monotonic clock, then moved to the other one. */
	CHECK(weir_loop_timer(s.loop, GUARD, 0, count, &s, &s.a) == 0);
	next = (weir_wall_ns() / period + 1) * period;
	CHECK(weir_source_rearm(s.a, 0, period) == 0);
	CHECK(weir_loop_run(s.loop) == 9);
	now = weir_wall_ns();
	CHECK(now >= next, "%llu ns early", (unsigned long long)(next - now));
	weir_source_free(s.a);
	weir_loop_free(s.loop);
}

static int on_readable(uint32_t events, void *arg)
{
	struct state *s = arg;
	char c;

	s->events = events;
	return read(s->fd, &c, 1) == 1 ? c : -EIO;
}

TEST(fd_readable)
{
	struct state s;
	int p[2];

	state_open(&s);
	CHECK(pipe2(p, O_CLOEXEC) == 0);
	s.fd = p[0];
	CHECK(weir_loop_fd(s.loop, p[0], EPOLLIN, on_readable, &s, &s.a) == 0);
	CHECK(weir_loop_fd(s.loop, p[0], EPOLLIN, on_readable, &s, &s.b) == -EEXIST);
	CHECK(!s.b, "a failure leaves the result alone");
	CHECK(write(p[1], "\x05", 1) == 1);
	CHECK(weir_loop_run(s.loop) == 5, "the first watch outlives the refused second");
	CHECK(s.events & EPOLLIN, "%x", s.events);
	weir_source_free(s.a);
	weir_loop_free(s.loop);
	close(p[0]);
	close(p[1]);
}

TEST(fd_events_change)
{
	struct state s;
	int p[2];

	state_open(&s);
	s.stop_at = 1;
	CHECK(pipe2(p, O_CLOEXEC) == 0);
	CHECK(weir_loop_fd(s.loop, p[1], 0, count, &s, &s.a) == 0);
	CHECK(weir_source_events(s.a, EPOLLOUT) == 0);
	CHECK(weir_loop_run(s.loop) == 9);
	CHECK(s.events == EPOLLOUT, "%x", s.events);
	weir_source_free(s.a);
	weir_loop_free(s.loop);
	close(p[0]);
	close(p[1]);
}

/* Frees both sources of which both are ready; the second must not be called any more. */
static int free_both(uint32_t events, void *arg)
{
	struct state *s = arg;

	(void)events;
	s->fired++;
	weir_source_free(s->a);
	weir_source_free(s->b);
	return 0;
}

TEST(free_inside_callback)
{
	struct state s, e = {.stop_at = 1};
	int p[2], q[2];

	state_open(&s);
	CHECK(pipe2(p, O_CLOEXEC) == 0 && pipe2(q, O_CLOEXEC) == 0);
	CHECK(write(p[1], "x", 1) == 1 && write(q[1], "x", 1) == 1);
	CHECK(weir_loop_fd(s.loop, p[0], EPOLLIN, free_both, &s, &s.a) == 0);
	CHECK(weir_loop_fd(s.loop, q[0], EPOLLIN, free_both, &s, &s.b) == 0);
	CHECK(weir_loop_timer(s.loop, 10 * MS, 0, count, &e, NULL) == 0);
	CHECK(weir_loop_run(s.loop) == 9);
	CHECK(s.fired == 1, "%d times", s.fired);
	weir_loop_free(s.loop);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
}

TEST(signals)
{
	struct state s;

	state_open(&s);
	CHECK(kill(getpid(), SIGTERM) == 0);
	CHECK(weir_loop_run(s.loop) == 42);
	CHECK(s.signo == SIGTERM, "%d", s.signo);
	CHECK(kill(getpid(), SIGHUP) == 0);
	s.stop_at = 1;
	CHECK(weir_loop_timer(s.loop, 10 * MS, 0, count, &s, NULL) == 0);
	CHECK(weir_loop_run(s.loop) == 9, "SIGHUP's callback returned 0");
	CHECK(s.signo == SIGHUP, "%d", s.signo);
	weir_loop_free(s.loop);
}

TEST(signals_without_callback)
{
	struct weir_loop *l = NULL;

	CHECK(weir_loop_new(&l, NULL, NULL) == 0);
	CHECK(weir_loop_timer(l, GUARD, 0, on_guard, NULL, NULL) == 0);
	CHECK(kill(getpid(), SIGINT) == 0);
	CHECK(weir_loop_run(l) == 0);
	weir_loop_free(l);
}

TEST(stop_before_run_and_free_order)
{
	struct state s;

	state_open(&s);
	CHECK(weir_loop_timer(s.loop, 1 * MS, 0, count, &s, &s.a) == 0);
	weir_loop_stop(s.loop, 17);
	CHECK(weir_loop_run(s.loop) == 17);
	weir_loop_free(s.loop);
	CHECK(weir_source_rearm(s.a, 1, 0) == -EINVAL, "the loop is gone");
	weir_source_free(s.a);
	weir_source_free(NULL);
}

TEST_MAIN(T(timer_periodic), T(timer_one_shot_and_rearm), T(timer_disarmed),
	  T(timer_aligned_to_the_wall_clock), T(fd_readable), T(fd_events_change),
	  T(free_inside_callback), T(signals), T(signals_without_callback),
	  T(stop_before_run_and_free_order))
