/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/packet_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/syscall.h>

struct start {
	struct load *load;
	unsigned int thread;
};

/* The system call itself: library calls of the agent stay in the agent. */
static int run(int fd, const uint8_t *packet, unsigned int repeat)
{
	union bpf_attr attr = {.test = {.prog_fd = (uint32_t)fd, .data_in = (uintptr_t)packet,
					.data_size_in = LOAD_PACKET, .repeat = repeat}};

	return syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr)) ? -errno : 0;
}

static void wait_while_parked(struct load *l)
{
	if (!__atomic_load_n(&l->park, __ATOMIC_ACQUIRE))
		return;
	pthread_mutex_lock(&l->lock);
	l->parked++;
	pthread_cond_broadcast(&l->cond);
	while (l->park)
		pthread_cond_wait(&l->cond, &l->lock);
	l->parked--;
	pthread_mutex_unlock(&l->lock);
}

static void *thread_main(void *arg)
{
	struct load *l = arg;
	unsigned int thread;
	cpu_set_t cpu;

	pthread_mutex_lock(&l->lock);
	thread = l->started++;
	pthread_mutex_unlock(&l->lock);
	CPU_ZERO(&cpu);
	CPU_SET(thread % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), &cpu);
	pthread_setaffinity_np(pthread_self(), sizeof(cpu), &cpu);
	for (uint64_t i = 0; !__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE); i++) {
		uint8_t packet[LOAD_PACKET];
		unsigned int repeat = l->step(l, thread, i, packet);

		if (!repeat)
			break;
		if (run(l->fd, packet, repeat))
			l->refused[thread]++;
		else
			__atomic_store_n(&l->sent[thread], l->sent[thread] + repeat, __ATOMIC_RELEASE);
		wait_while_parked(l);
	}
	pthread_mutex_lock(&l->lock);
	l->done++;
	pthread_cond_broadcast(&l->cond);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

int load_start(struct load *l, int fd, load_step *step, void *arg)
{
	*l = (struct load){.fd = fd, .step = step, .arg = arg};
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->cond, NULL);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&l->threads[i], NULL, thread_main, l))
			return -EAGAIN;
	return 0;
}

void load_park(struct load *l)
{
	pthread_mutex_lock(&l->lock);
	__atomic_store_n(&l->park, true, __ATOMIC_RELEASE);
	while (l->parked + l->done < 2)
		pthread_cond_wait(&l->cond, &l->lock);
	pthread_mutex_unlock(&l->lock);
}

void load_go(struct load *l)
{
	pthread_mutex_lock(&l->lock);
	__atomic_store_n(&l->park, false, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&l->cond);
	pthread_mutex_unlock(&l->lock);
}

bool load_is_done(struct load *l)
{
	bool done;

	pthread_mutex_lock(&l->lock);
	done = l->done == 2;
	pthread_mutex_unlock(&l->lock);
	return done;
}

void load_join(struct load *l, bool wait)
{
	if (!wait)
		__atomic_store_n(&l->stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < 2; i++)
		pthread_join(l->threads[i], NULL);
	pthread_cond_destroy(&l->cond);
	pthread_mutex_destroy(&l->lock);
}

uint64_t load_sent(const struct load *l)
{
	return __atomic_load_n(&l->sent[0], __ATOMIC_ACQUIRE) + __atomic_load_n(&l->sent[1], __ATOMIC_ACQUIRE);
}

void load_wait(struct load *l, uint64_t packets)
{
	uint64_t from = load_sent(l);

	while (load_sent(l) - from < packets && !load_is_done(l))
		sched_yield();
}

void load_packet(uint8_t packet[LOAD_PACKET], uint16_t sport, uint32_t dst, uint16_t dport)
{
	static const uint8_t head[] = {8, 0, 0x45, 0, 0, LOAD_L3, 0, 0, 0, 0, 64, 6, 0, 0, 10, 7, 1, 11};
	uint16_t from = htons(sport), to = htons(dport);
	uint32_t be = htonl(dst);

	memset(packet, 0, LOAD_PACKET);
	memcpy(packet + 12, head, sizeof(head));
	memcpy(packet + 30, &be, 4);
	memcpy(packet + 34, &from, 2);
	memcpy(packet + 36, &to, 2);
	packet[46] = 0xa0; /* TCP header of 40 bytes */
	packet[47] = 0x02;
}
