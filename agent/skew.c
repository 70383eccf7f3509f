/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/skew.h"

#include "lib/base/clock.h"

#define STALE_NS (60 * WEIR_NS_PER_S)
/* Two clocks that were read one after the other may differ by a preemption. */
#define STEP_NS (WEIR_NS_PER_S / 1000)

static uint64_t apart(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

void skew_note(struct skew *s, const struct skew_exchange *e)
{
	uint64_t way_ns = e->got_mono_ns - e->sent_mono_ns, held_ns = e->replied_ns - e->received_ns;
	int64_t skew_ns;
	uint64_t error_ns;

	if (!e->received_ns || e->replied_ns < e->received_ns || held_ns > way_ns ||
	    apart((int64_t)(e->got_ns - e->sent_ns), (int64_t)way_ns) > STEP_NS)
		return;
	skew_ns = (int64_t)(e->sent_ns - e->received_ns) / 2 + (int64_t)(e->got_ns - e->replied_ns) / 2;
	error_ns = WEIR_MAX((way_ns - held_ns) / 2, 1u);
	if (s->error_ns && error_ns > s->error_ns && e->got_mono_ns - s->at_ns < STALE_NS &&
	    apart(skew_ns, s->skew_ns) <= error_ns + s->error_ns + STEP_NS)
		return;
	*s = (struct skew){skew_ns, error_ns, e->got_mono_ns};
}
