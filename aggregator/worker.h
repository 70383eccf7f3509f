/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread for what takes longer than a loop may be kept: models. Jobs run one after the other; what a job needs it owns
 * from worker_post() until its done() is called, which is on the loop's thread again. A job touches neither the loop nor
 * anything that the loop touches meanwhile: it asks the store by a connection of its own (store_reader()).
 */
#ifndef AGGREGATOR_WORKER_H
#define AGGREGATOR_WORKER_H

#include "lib/os/loop.h"

#define WORKER_JOBS 64 /* that wait at most */

struct worker;
/* nice: added to the niceness of the process; name: of the thread, at most 15 bytes. */
int worker_new(struct weir_loop *loop, const char *name, int nice, struct worker **ret);
/*
 * Waits two seconds at most for the job under way. done() of what is queued, and of that job if it ended, is called with
 * -ECANCELED; a job that does not end in time keeps what it owns until the process ends.
 */
void worker_free(struct worker *w);

typedef int (*worker_run_fn)(void *arg);
typedef void (*worker_done_fn)(void *arg, int r); /* r: what run returned */
/* -EBUSY: too many wait; then nothing was taken. */
int worker_post(struct worker *w, worker_run_fn run, worker_done_fn done, void *arg);
/*
 * Whether a job that did not end in time still runs: then the process leaves by _exit(), as what libraries do behind main()
 * takes from under it what it uses.
 */
bool worker_unfinished(void);
/* Whether a job should give up: the program is ending. From any thread. */
bool worker_ending(const struct worker *w);

/* Processor time of the jobs so far, and how many there were. */
struct worker_stats {
	uint64_t cpu_ns, jobs;
	size_t waiting;
};
void worker_stats(struct worker *w, struct worker_stats *ret);

#endif
