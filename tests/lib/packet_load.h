/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic for tests of races: threads that run built packets through the loaded program by
 * BPF_PROG_RUN, one on each CPU, as fast as it goes. They stop between two calls when asked, so that a
 * test can look at a table that stands still.
 */
#ifndef WEIR_TEST_PACKET_LOAD_H
#define WEIR_TEST_PACKET_LOAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define LOAD_PACKET 74 /* bytes of frame: 60 of L3 */
#define LOAD_L3 60

struct load;
/* The packet of step i of thread `thread`; repeat at once, at least 1; 0 = this thread is done. */
typedef unsigned int load_step(const struct load *l, unsigned int thread, uint64_t i, uint8_t packet[LOAD_PACKET]);

struct load {
	int fd; /* program */
	load_step *step;
	void *arg;
	pthread_t threads[2];
	unsigned int started, parked, done; /* under lock */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool park, stop;
	uint64_t sent[2], refused[2]; /* by thread: packets that ran; calls that failed */
};

int load_start(struct load *l, int fd, load_step *step, void *arg);
/* Waits until no packet is under way; load_go() lets them go on. */
void load_park(struct load *l);
void load_go(struct load *l);
bool load_is_done(struct load *l);
/* Ends the threads, at once or (wait) when their steps are through. */
void load_join(struct load *l, bool wait);
uint64_t load_sent(const struct load *l);
/* Until so many more packets ran, or no thread is left. */
void load_wait(struct load *l, uint64_t packets);
/* A TCP SYN (IPv4) from 10.7.1.11. */
void load_packet(uint8_t packet[LOAD_PACKET], uint16_t sport, uint32_t dst, uint16_t dport);

#endif
