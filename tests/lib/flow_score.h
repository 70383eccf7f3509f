/* SPDX-License-Identifier: Apache-2.0 */
/* Findings of a labelled world beside its events: what was found, how late, and what was told without a reason. */
#ifndef TESTS_FLOW_SCORE_H
#define TESTS_FLOW_SCORE_H

#include "tests/lib/flow_world.h"

#define FLOW_SCORE_LATE_S 60 /* behind an event's end a finding may still be of it */

struct flow_score {
	unsigned int events, found, right, wrong;
	uint64_t delay_s, delay_max_s;
};

/* A finding of another kind that says the same of the event: who sends much to a new peer runs away, and the other way round. */
static inline bool flow_score_same(enum weir_finding_kind event, enum weir_finding_kind found)
{
	bool out = found == WEIR_FINDING_RUNAWAY_EGRESS || found == WEIR_FINDING_EXFILTRATION;

	return event == found || (out && (event == WEIR_FINDING_RUNAWAY_EGRESS || event == WEIR_FINDING_EXFILTRATION ||
					  event == WEIR_FINDING_FLOOD));
}

/* Whether a finding told at at_s is of the event. */
static inline bool flow_score_of(const struct flow_event *e, const struct weir_finding *f, uint64_t at_s)
{
	bool who = e->kind == WEIR_FINDING_CROSS_ZONE ? !strcmp(e->who.namespace, f->subject.namespace) :
							 !strcmp(e->who.name, f->subject.name);

	return who && flow_score_same(e->kind, f->kind) && at_s >= e->from_s && at_s <= e->to_s + FLOW_SCORE_LATE_S;
}

#endif
