/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far this node's clock is from the aggregator's, by the four times of one exchange (as NTP does it):
 * the truth lies within half of the way there and back. Pure.
 */
#ifndef WEIR_AGENT_SKEW_H
#define WEIR_AGENT_SKEW_H

#include "lib/base/base.h"

struct skew {
	int64_t skew_ns;   /* node's clock less the aggregator's */
	uint64_t error_ns; /* at most so far off; 0 = not measured yet */
	uint64_t at_ns;	   /* monotonic */
};

struct skew_exchange {
	uint64_t sent_ns, got_ns;		/* node's wall clock */
	uint64_t sent_mono_ns, got_mono_ns;	/* the same in its monotonic one */
	uint64_t received_ns, replied_ns;	/* aggregator's wall clock; 0 = it does not say */
};

/* A worse measurement takes the place of a better one only when that is a minute old, or a clock moved. One
 * during which a clock was stepped is left out. */
void skew_note(struct skew *s, const struct skew_exchange *e);

#endif
