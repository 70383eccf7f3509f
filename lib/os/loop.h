/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One epoll loop per program: file descriptors, timers (timerfd), signals (signalfd). Single thread.
 * Block signals (weir_loop_new does) before anything starts threads.
 */
#ifndef WEIR_LOOP_H
#define WEIR_LOOP_H

#include "lib/base/base.h"

struct weir_loop;
struct weir_source;
/* events are EPOLL* bits (for timers the number of expirations). Non-zero return stops the loop with it. */
typedef int (*weir_source_fn)(uint32_t events, void *arg);
typedef int (*weir_signal_fn)(int signo, void *arg);

/* Blocks and watches SIGTERM, SIGINT, SIGHUP; ignores SIGPIPE. on_signal NULL: the first two stop the
 * loop with 0. */
int weir_loop_new(struct weir_loop **ret, weir_signal_fn on_signal, void *arg);
/* Sources that the caller holds stay valid for weir_source_free(). */
void weir_loop_free(struct weir_loop *l);
/* Does not own fd; free the source before closing it. With ret NULL (also below) the source lives as
 * long as the loop. */
int weir_loop_fd(struct weir_loop *l, int fd, uint32_t events, weir_source_fn fn, void *arg,
		 struct weir_source **ret);
int weir_source_events(struct weir_source *s, uint32_t events);
/* First expiry after first_ns (0 = at the next multiple of period_ns of the wall clock), then every
 * period_ns (0 = one shot). CLOCK_MONOTONIC unless aligned to the wall clock. Both 0 = not armed. */
int weir_loop_timer(struct weir_loop *l, uint64_t first_ns, uint64_t period_ns, weir_source_fn fn,
		    void *arg, struct weir_source **ret);
int weir_source_rearm(struct weir_source *s, uint64_t first_ns, uint64_t period_ns);
void weir_source_free(struct weir_source *s); /* NULL allowed; safe inside its own callback */
/* Runs until a callback returns non-zero or weir_loop_stop(); returns that value. */
int weir_loop_run(struct weir_loop *l);
void weir_loop_stop(struct weir_loop *l, int r);

#endif
