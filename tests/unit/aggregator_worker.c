/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs of a worker: in order, on another thread, told on the loop's; bounded; ended with the program. */
#include "aggregator/worker.h"
#include "lib/base/clock.h"
#include "tests/lib/test.h"

#include <pthread.h>
#include <stdatomic.h>

#define JOBS 20

struct trial {
	struct weir_loop *loop;
	struct worker *worker;
	pthread_t here, ran_on;
	int order[JOBS], told[JOBS], cancelled;
	int ran, done;
	bool there;
	atomic_bool held, go, over;
};

struct one {
	struct trial *t;
	int number;
};

static int run(void *arg)
{
	struct one *o = arg;

	o->t->ran_on = pthread_self();
	o->t->order[o->t->ran++] = o->number;
	return o->number == 7 ? -EIO : 0;
}

static void done(void *arg, int r)
{
	struct one *o = arg;

	o->t->there = pthread_equal(pthread_self(), o->t->here);
	o->t->told[o->number] = r;
	if (++o->t->done == JOBS)
		weir_loop_stop(o->t->loop, 1);
}

static int late(uint32_t events, void *arg)
{
	struct trial *t = arg;

	(void)events;
	weir_loop_stop(t->loop, 2);
	return 0;
}

TEST(jobs_run_in_order_elsewhere_and_are_told_here)
{
	struct trial t = {.here = pthread_self()};
	struct one jobs[JOBS];
	struct worker_stats st;
	bool ordered = true;

	CHECK((weir_loop_new(&t.loop, NULL, NULL)) == (0), "a loop");
	CHECK((worker_new(t.loop, "weir-test", 5, &t.worker)) == (0), "a worker");
	CHECK((weir_loop_timer(t.loop, 60 * WEIR_NS_PER_S, 0, late, &t, NULL)) == (0), "a deadline");
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct one){&t, i};
		CHECK((worker_post(t.worker, run, done, &jobs[i])) == (0), "posted");
	}
	CHECK((weir_loop_run(t.loop)) == (1), "all are told of");
	for (int i = 0; i < JOBS; i++)
		ordered &= t.order[i] == i;
	CHECK(ordered, "in the order in which they were posted");
	CHECK(!pthread_equal(t.ran_on, t.here), "run elsewhere");
	CHECK(t.there, "told here");
	CHECK(t.told[7] == -EIO && !t.told[8], "each with what it returned");
	worker_stats(t.worker, &st);
	CHECK(st.jobs == JOBS && !st.waiting && st.cpu_ns, "counted, with its time");
	worker_free(t.worker);
	weir_loop_free(t.loop);
}

static int hold(void *arg)
{
	struct trial *t = ((struct one *)arg)->t;

	t->held = true;
	while (!t->go && !worker_ending(t->worker))
		sched_yield();
	return 0;
}

static void count(void *arg, int r)
{
	struct trial *t = ((struct one *)arg)->t;

	t->cancelled += r == -ECANCELED;
	t->done++;
}

TEST(so_many_wait_and_each_is_told_of_at_the_end)
{
	struct trial t = {.here = pthread_self()};
	struct one job = {&t, 0};
	int posted = 0;

	CHECK((weir_loop_new(&t.loop, NULL, NULL)) == (0), "a loop");
	CHECK((worker_new(t.loop, "weir-test", 0, &t.worker)) == (0), "a worker");
	CHECK((worker_post(t.worker, hold, count, &job)) == (0), "a long job");
	while (posted < 10 * WORKER_JOBS && !worker_post(t.worker, hold, count, &job))
		posted++;
	CHECK((posted) == (WORKER_JOBS - 1), "so many wait");
	worker_free(t.worker);
	CHECK((t.done) == (WORKER_JOBS), "each that was taken is told of, at the end too");
	CHECK((t.cancelled) == (WORKER_JOBS), "as ended with the program");
	weir_loop_free(t.loop);
}

static int stay(void *arg)
{
	struct trial *t = ((struct one *)arg)->t;

	t->held = true;
	while (!t->go)
		usleep(1000);
	t->over = true;
	return 0;
}

TEST(a_job_that_does_not_end_is_waited_for_two_seconds_and_told_of)
{
	struct trial t = {.here = pthread_self()};
	struct one job = {&t, 0};
	uint64_t began_ns;

	CHECK(!worker_unfinished());
	CHECK(!weir_loop_new(&t.loop, NULL, NULL) && !worker_new(t.loop, "weir-test", 0, &t.worker) && !worker_post(t.worker, stay, count, &job));
	while (!t.held)
		usleep(1000);
	began_ns = weir_monotonic_ns();
	worker_free(t.worker);
	CHECK(weir_monotonic_ns() - began_ns >= 2 * WEIR_NS_PER_S && worker_unfinished() && !t.done, "it owns what it has");
	t.go = true;
	while (!t.over)
		usleep(1000);
	weir_loop_free(t.loop);
}

TEST_MAIN(T(jobs_run_in_order_elsewhere_and_are_told_here), T(so_many_wait_and_each_is_told_of_at_the_end),
	  T(a_job_that_does_not_end_is_waited_for_two_seconds_and_told_of))
