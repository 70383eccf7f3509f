/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/worker.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>

#define END_NS (2 * WEIR_NS_PER_S)

struct job {
	worker_run_fn run;
	worker_done_fn done;
	void *arg;
	int r;
};

struct worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t posted;
	/* Under the lock: jobs from `first` on, of which the first `ran` have run and wait for their done(). */
	struct job jobs[WORKER_JOBS];
	size_t first, count, ran;
	uint64_t cpu_ns, finished;
	atomic_bool ending;
	int event_fd;
	struct weir_source *source;
	int nice;
	char name[16];
	struct worker *next; /* of unfinished */
};

/* Those whose job goes on as the process ends: of the process, as that is. */
static struct worker *unfinished;

static uint64_t thread_cpu_ns(void)
{
	struct timespec t;

	return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) ? 0 : (uint64_t)t.tv_sec * WEIR_NS_PER_S + (uint64_t)t.tv_nsec;
}

static struct job *job_at(struct worker *w, size_t i)
{
	return &w->jobs[(w->first + i) % WORKER_JOBS];
}

static void *work(void *arg)
{
	struct worker *w = arg;

	pthread_setname_np(pthread_self(), w->name);
	/* Of this thread alone: Linux has it so. */
	if (w->nice && setpriority(PRIO_PROCESS, 0, w->nice))
		weir_log(WEIR_LOG_DEBUG, "thread %s keeps its niceness: %s", w->name, strerror(errno));
	pthread_mutex_lock(&w->lock);
	while (!w->ending) {
		struct job job;
		int r;

		if (w->ran == w->count) {
			pthread_cond_wait(&w->posted, &w->lock);
			continue;
		}
		job = *job_at(w, w->ran);
		pthread_mutex_unlock(&w->lock);
		r = job.run(job.arg);
		pthread_mutex_lock(&w->lock);
		job_at(w, w->ran++)->r = r;
		w->finished++;
		w->cpu_ns = thread_cpu_ns();
		if (eventfd_write(w->event_fd, 1))
			weir_log(WEIR_LOG_DEBUG, "thread %s: %s", w->name, strerror(errno));
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Without the lock while done() runs, as that may post the next one. */
static int on_event(uint32_t events, void *arg)
{
	struct worker *w = arg;
	eventfd_t n;

	(void)events;
	if (eventfd_read(w->event_fd, &n))
		return 0;
	pthread_mutex_lock(&w->lock);
	while (w->ran) {
		struct job job = *job_at(w, 0);

		w->first = (w->first + 1) % WORKER_JOBS;
		w->count--;
		w->ran--;
		pthread_mutex_unlock(&w->lock);
		job.done(job.arg, job.r);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return 0;
}

static void destroy(struct worker *w)
{
	weir_source_free(w->source);
	if (w->event_fd >= 0)
		close(w->event_fd);
	pthread_cond_destroy(&w->posted);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int worker_new(struct weir_loop *loop, const char *name, int nice, struct worker **ret)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->nice = nice;
	snprintf(w->name, sizeof(w->name), "%s", name);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->posted, NULL);
	w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = w->event_fd < 0 ? -errno : weir_loop_fd(loop, w->event_fd, EPOLLIN, on_event, w, &w->source);
	if (!r)
		r = -pthread_create(&w->thread, NULL, work, w);
	if (r) {
		destroy(w);
		return r;
	}
	*ret = w;
	return 0;
}

void worker_free(struct worker *w)
{
	struct job jobs[WORKER_JOBS];
	struct timespec until;
	size_t n = 0;
	bool idle;

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_signal(&w->posted);
	pthread_mutex_unlock(&w->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_NS / WEIR_NS_PER_S;
	idle = !pthread_timedjoin_np(w->thread, NULL, &until);
	pthread_mutex_lock(&w->lock);
	/* What the job under way owns is not ours yet. */
	for (size_t i = 0; i < w->count; i++)
		if (idle || i != w->ran)
			jobs[n++] = *job_at(w, i);
	/* The job under way stays in its place. */
	w->count = w->ran = 0;
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < n; i++)
		jobs[i].done(jobs[i].arg, -ECANCELED);
	weir_source_free(w->source);
	w->source = NULL;
	if (idle) {
		destroy(w);
		return;
	}
	pthread_detach(w->thread);
	w->next = unfinished;
	unfinished = w;
}

int worker_post(struct worker *w, worker_run_fn run, worker_done_fn done, void *arg)
{
	int r = -EBUSY;

	pthread_mutex_lock(&w->lock);
	if (w->count < WORKER_JOBS) {
		*job_at(w, w->count++) = (struct job){.run = run, .done = done, .arg = arg};
		pthread_cond_signal(&w->posted);
		r = 0;
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

bool worker_unfinished(void)
{
	return unfinished != NULL;
}

bool worker_ending(const struct worker *w)
{
	return w->ending;
}

void worker_stats(struct worker *w, struct worker_stats *ret)
{
	pthread_mutex_lock(&w->lock);
	*ret = (struct worker_stats){.cpu_ns = w->cpu_ns, .jobs = w->finished, .waiting = w->count};
	pthread_mutex_unlock(&w->lock);
}
