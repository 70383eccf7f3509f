/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet costs here. The kernel can measure how long programs run, which costs each packet some tens of
 * nanoseconds itself, and only CAP_SYS_ADMIN may ask for it, which the agent does not have. So another process asks now
 * and then, for a moment (`weir-agent --measure`, weir-measure.timer); the agent looks at each window's end what was
 * measured meanwhile, by whomever.
 */
#ifndef WEIR_AGENT_RUNTIME_H
#define WEIR_AGENT_RUNTIME_H

#include "agent/probe.h"

struct runtime { /* zero to begin with */
	bool known;
	struct probe_run last;
	uint64_t packet_ps; /* as last measured; 0 = not yet */
};

/* At the end of each window. */
void runtime_window(struct runtime *r, const struct probe *p);
/* Has the kernel measure all of its BPF programs for so long, and gives every capability up meanwhile. */
int runtime_measure(uint64_t length_ns, struct weir_err *err);
/* Pure: picoseconds per packet between two readings; 0 = no packet was measured. */
uint64_t runtime_packet_ps(const struct probe_run *from, const struct probe_run *to);

#endif
