/* SPDX-License-Identifier: Apache-2.0 */
/* What a candidate would decide otherwise, as a summary says it: pure. */
#ifndef WEIR_AGENT_DISAGREE_H
#define WEIR_AGENT_DISAGREE_H

#include "lib/policy/bundle.h"
#include "lib/wire/msg.h"

/*
 * Rules of the candidate with a count, most flows first; counts has n entries, by rule, the last one for "no
 * rule". What a message has no room for is one entry "others", so that the sums stay. Names are the
 * bundle's.
 */
int disagree_list(const struct weir_bundle *candidate, const struct weir_disagree *counts, size_t n,
		  struct weir_sum_disagreement **ret, size_t *ret_count);

#endif
