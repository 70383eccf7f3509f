/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/disagree.h"

static uint64_t flows(const struct weir_sum_disagreement *d)
{
	return d->denied + d->accepted + d->limited;
}

static int by_flows(const void *a, const void *b)
{
	const struct weir_sum_disagreement *x = a, *y = b;

	if (flows(x) != flows(y))
		return flows(x) > flows(y) ? -1 : 1;
	return strcmp(x->rule, y->rule);
}

static void fold(struct weir_sum_disagreement *list, size_t *count)
{
	struct weir_sum_disagreement *last = &list[WEIR_SUMMARY_DISAGREEMENTS_MAX - 1];

	if (*count <= WEIR_SUMMARY_DISAGREEMENTS_MAX)
		return;
	for (size_t i = WEIR_SUMMARY_DISAGREEMENTS_MAX; i < *count; i++) {
		last->denied += list[i].denied;
		last->accepted += list[i].accepted;
		last->limited += list[i].limited;
	}
	last->rule = "others";
	*count = WEIR_SUMMARY_DISAGREEMENTS_MAX;
}

int disagree_list(const struct weir_bundle *candidate, const struct weir_disagree *counts, size_t n,
		  struct weir_sum_disagreement **ret, size_t *ret_count)
{
	struct weir_sum_disagreement *list;
	size_t used = 0, at = 0;

	for (size_t i = 0; i < n; i++)
		used += counts[i].denied || counts[i].accepted || counts[i].limited;
	list = calloc(used + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	/* The kernel counts on: what began to count since the first look comes with the next list. */
	for (size_t i = 0; i < n && at < used; i++) {
		list[at] = (struct weir_sum_disagreement){
			.rule = weir_bundle_rule_name(candidate, i < n - 1 ? (uint32_t)i : WEIR_NO_RULE),
			.denied = __atomic_load_n(&counts[i].denied, __ATOMIC_RELAXED),
			.accepted = __atomic_load_n(&counts[i].accepted, __ATOMIC_RELAXED),
			.limited = __atomic_load_n(&counts[i].limited, __ATOMIC_RELAXED),
		};
		at += flows(&list[at]) > 0;
	}
	qsort(list, at, sizeof(*list), by_flows);
	fold(list, &at);
	*ret = list;
	*ret_count = at;
	return 0;
}
