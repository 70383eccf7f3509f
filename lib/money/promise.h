/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A saving that was proposed, kept until its change has landed: what was promised, the edits, and how what is then can be
 * made what it would be without them. What it saved is the traffic since then without the change, minus as it is.
 */
#ifndef WEIR_MONEY_PROMISE_H
#define WEIR_MONEY_PROMISE_H

#include "lib/money/rules.h"

/* Traffic that a change keeps in its zone: how much of it crossed before. */
struct weir_crossing {
	const char *domain, *balancer; /* through a load balancer; "" = between the two: */
	const char *workload_namespace, *workload, *peer_namespace, *peer_workload;
	uint32_t ppm; /* of all bytes */
};

struct weir_promise {
	const char *id, *rule, *what, *currency;
	uint64_t saved_s, from_s, to_s; /* when it was kept; its evidence */
	int64_t month_nanos, low_nanos, high_nanos;
	int64_t extra_month_nanos; /* what the change costs besides, in a meter that no topology has */
	int64_t hour_nanos;	   /* what things that went cost an hour, which no edit brings back */
	struct weir_edit *edits, *undo;
	size_t edit_count, undo_count;
	struct weir_crossing *crossings;
	size_t crossing_count;
	char **strings; /* of all the above */
	size_t string_count;
};

/* Of the i-th that was chosen; ids of the topology and names of the traffic go into it. -ENOMEM. */
int weir_promise_of(const struct weir_savings *s, size_t i, uint64_t now_s, struct weir_promise **ret);
void weir_promise_free(struct weir_promise *p);
static inline void weir_promise_freep(struct weir_promise **p)
{
	weir_promise_free(*p);
}
#define weir_auto_promise weir_cleanup(weir_promise_freep)
/* As a file, JSON (promise_json.c), the caller's; NULL without memory. */
char *weir_promise_text(const struct weir_promise *p);
/* -EINVAL with a line that names the file and the field. */
int weir_promise_parse(const char *text, size_t len, const char *name, struct weir_promise **ret, struct weir_err *err);

struct weir_realised {
	uint64_t hours;
	int64_t actual_nanos, without_nanos; /* of the traffic, as it is and as it would be */
	int64_t saved_nanos;		     /* their difference, and what no topology has */
	int64_t month_nanos, low_nanos, high_nanos;
	bool assumed; /* the topology does not have the change: it was taken for made */
};
/* Of the traffic of `in` from landed_s on. -ENODATA: there is none; -EINVAL: the topology is neither with nor without. */
int weir_promise_realised(const struct weir_promise *p, const struct weir_savings_in *in, uint64_t landed_s,
			  struct weir_realised *ret, struct weir_err *err);

#endif
