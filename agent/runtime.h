/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet costs here: the kernel can measure how long programs run, and that costs each packet some
 * tens of nanoseconds itself. So it is asked for one window at a time, every `bpf.measure`.
 */
#ifndef WEIR_AGENT_RUNTIME_H
#define WEIR_AGENT_RUNTIME_H

#include "agent/probe.h"

struct runtime {
	uint64_t every_ns, next_ns; /* monotonic; every 0 = never */
	bool measuring, complained;
	int fd; /* the kernel measures as long as it is open; -1 = not by us */
	struct probe_run began;
	uint64_t packet_ps; /* of the last sample; 0 = none yet */
};

void runtime_init(struct runtime *r, uint64_t every_ns);
void runtime_fini(struct runtime *r);
/* At the end of each window. */
void runtime_window(struct runtime *r, struct probe *p, uint64_t now_ns);
/* Pure: picoseconds per packet between two readings; 0 = no packet was measured. */
uint64_t runtime_packet_ps(const struct probe_run *from, const struct probe_run *to);

#endif
