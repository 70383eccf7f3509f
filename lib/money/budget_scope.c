/* SPDX-License-Identifier: Apache-2.0 */
/* A budget on its own, apart from its set: whose cost it covers. */
#include "lib/money/budget.h"

void weir_budget_free(struct weir_budget *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < WEIR_BUDGET_DIMS; i++)
		free(b->scope[i]);
	for (size_t i = 0; i < b->label_count; i++) {
		free(b->labels[i].key);
		free(b->labels[i].value);
	}
	free(b);
}

static void budget_freep(struct weir_budget **b)
{
	weir_budget_free(*b);
}

int weir_budget_copy(const struct weir_budget *b, struct weir_budget **ret)
{
	weir_cleanup(budget_freep) struct weir_budget *to = malloc(sizeof(*to));
	bool whole = true;

	if (!to)
		return -ENOMEM;
	*to = *b;
	for (size_t i = 0; i < WEIR_BUDGET_DIMS; i++)
		whole &= !b->scope[i] || (to->scope[i] = strdup(b->scope[i]));
	for (size_t i = 0; i < b->label_count; i++) {
		to->labels[i].key = strdup(b->labels[i].key);
		to->labels[i].value = strdup(b->labels[i].value);
		whole &= to->labels[i].key && to->labels[i].value;
	}
	if (!whole)
		return -ENOMEM;
	*ret = weir_take_ptr(to);
	return 0;
}

bool weir_budget_covers_workload(const struct weir_budget *b, const struct weir_budget_workload *w)
{
	const char *const is[WEIR_BUDGET_DIMS] = {w->team, w->namespace, w->workload, w->node};

	for (size_t i = WEIR_BUDGET_TEAM; i <= WEIR_BUDGET_NODE; i++)
		if (b->scope[i] && strcmp(b->scope[i], is[i]) != 0)
			return false;
	for (size_t i = 0; i < b->label_count; i++)
		if (!w->label || !w->label(w, b->labels[i].key, b->labels[i].value))
			return false;
	return true;
}

bool weir_budget_covers_way(const struct weir_budget *b, const char *path, const char *meter)
{
	return (!b->scope[WEIR_BUDGET_PATH] || !strcmp(b->scope[WEIR_BUDGET_PATH], path)) &&
	       (!b->scope[WEIR_BUDGET_METER] || !strcmp(b->scope[WEIR_BUDGET_METER], meter));
}
