/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before the first row each rule gets a plan, from the model, the options and the file's head: what it asks of rows, or
 * why it is not asked. A reason begins with what `weirctl export check` counts it under.
 */
#include "lib/money/focus_check_impl.h"

typedef bool (*check_fn)(const struct focus_check *c, const struct weir_focus_expr *e);

/* The first check in e for which fn says yes; references are followed once, as focus_eval() does of a row. */
static const struct weir_focus_expr *find_behind(const struct focus_check *c, const struct weir_focus_expr *e,
						 check_fn fn, bool follow)
{
	const struct weir_focus_expr *found = e && fn(c, e) ? e : NULL;

	if (found || !e)
		return found;
	if (e->fn == WEIR_FOCUS_MODEL_RULE && follow)
		return find_behind(c, c->m->rules[e->rule].requirement, fn, false);
	for (size_t i = 0; !found && i < e->item_count; i++)
		found = find_behind(c, &e->items[i], fn, follow);
	return found;
}

static const struct weir_focus_expr *find(const struct focus_check *c, const struct weir_focus_expr *e, check_fn fn)
{
	return find_behind(c, e, fn, true);
}

static bool is_unknown(const struct focus_check *c, const struct weir_focus_expr *e)
{
	(void)c;
	return e->fn == WEIR_FOCUS_UNKNOWN;
}

static bool is_of_column(const struct focus_check *c, const struct weir_focus_expr *e)
{
	(void)c;
	return e->columns > 0;
}

const struct weir_focus_expr *focus_first(const struct focus_check *c, const struct weir_focus_expr *e)
{
	return find(c, e, is_of_column);
}

static bool is_of_absent(const struct focus_check *c, const struct weir_focus_expr *e)
{
	for (size_t i = 0; e->fn != WEIR_FOCUS_COLUMN_PRESENT && i < e->columns; i++)
		if (c->place[e->column[i]] < 0)
			return true;
	return false;
}

static bool needs_currencies(const struct focus_check *c, const struct weir_focus_expr *e)
{
	return e->fn == WEIR_FOCUS_NATIONAL_CURRENCY && !c->o->currencies;
}

static bool is_missed(const struct focus_check *c, const struct weir_focus_expr *e)
{
	for (size_t i = 0; i < e->columns; i++)
		if (c->place[e->column[i]] == FOCUS_MISSED)
			return true;
	return false;
}

static bool is_reference(const struct focus_check *c, const struct weir_focus_expr *e)
{
	(void)c;
	return e->fn == WEIR_FOCUS_MODEL_RULE;
}

/* What has no answer for a row: a count over rows, a rule that is dynamic, or is made of rules again. */
static bool is_unanswered(const struct focus_check *c, const struct weir_focus_expr *e)
{
	const struct weir_focus_rule *rule;

	if (e->fn != WEIR_FOCUS_MODEL_RULE)
		return e->fn == WEIR_FOCUS_DISTINCT_COUNT;
	rule = &c->m->rules[e->rule];
	return rule->dynamic || find_behind(c, rule->requirement, is_reference, false);
}

/* OR over rules that hold without a condition: they are alternatives. */
static bool is_choice(const struct focus_check *c, const struct weir_focus_rule *rule)
{
	const struct weir_focus_expr *e = rule->requirement;

	if (!weir_focus_is_composite(rule) || e->fn != WEIR_FOCUS_OR)
		return false;
	for (size_t i = 0; i < e->item_count; i++)
		if (c->m->rules[e->items[i].rule].condition || is_unanswered(c, &e->items[i]))
			return false;
	return true;
}

static const char *choice_of(const struct focus_check *c, const struct weir_focus_rule *rule)
{
	for (size_t i = 0; i < rule->parent_count; i++)
		if (!is_choice(c, &c->m->rules[rule->parents[i]]))
			return NULL;
	return rule->parent_count ? c->m->rules[rule->parents[0]].id : NULL;
}

/* Names the first criterion that is wanting, in the rule or in those that refer to it. */
static bool is_applicable(const struct focus_check *c, size_t i, const char **ret_wanting)
{
	const struct weir_focus_rule *rule = &c->m->rules[i];
	uint64_t wanting = rule->criteria & ~c->o->criteria;

	if (wanting) {
		*ret_wanting = c->m->criteria[__builtin_ctzll(wanting)];
		return false;
	}
	for (size_t k = 0; k < rule->parent_count; k++)
		if (c->applicable[rule->parents[k]])
			return true;
	*ret_wanting = rule->parent_count ? c->m->rules[rule->parents[0]].id : NULL;
	return !rule->parent_count;
}

enum focus_plan focus_skip(struct weir_focus_result *res, const char *what, const char *name)
{
	res->status = WEIR_FOCUS_SKIP;
	snprintf(res->reason, sizeof(res->reason), "%s%s%s", what, *name ? " " : "", name);
	return PLAN_SKIP;
}

/* The first that is wanting, of those that an expression is about. */
static const char *absent_column(const struct focus_check *c, const struct weir_focus_expr *e)
{
	for (size_t i = 0; i < e->columns; i++)
		if (c->place[e->column[i]] < 0)
			return c->m->columns[e->column[i]];
	return "";
}

static enum focus_plan plan_rule(struct focus_check *c, size_t i)
{
	const struct weir_focus_rule *rule = &c->m->rules[i];
	struct weir_focus_result *res = &c->report->results[i];
	const struct weir_focus_expr *e = focus_first(c, rule->requirement);
	const char *wanting = NULL;

	res->column = e && !weir_focus_is_composite(rule) ? c->m->columns[e->column[0]] : rule->reference;
	c->applicable[i] = is_applicable(c, i, &wanting);
	if (rule->dynamic)
		return focus_skip(res, "dynamic: no data set alone can show it", "");
	if (!c->applicable[i])
		return focus_skip(
			res, rule->criteria & ~c->o->criteria ? "not applicable without" : "not applicable, as is",
			wanting);
	if (!weir_focus_is_composite(rule) && (e = find(c, rule->requirement, is_unknown)))
		return focus_skip(res, "unknown function", e->name);
	e = find(c, rule->condition, is_unknown);
	if (e) {
		/* When its parts would hold is not known either. */
		c->applicable[i] = false;
		return focus_skip(res, "unknown function", e->name);
	}
	if (rule->level == WEIR_FOCUS_MAY)
		return focus_skip(res, "a permission: nothing to break", "");
	if (rule->requirement->fn == WEIR_FOCUS_COLUMN_PRESENT)
		return PLAN_PRESENCE;
	if (weir_focus_is_composite(rule) && !is_choice(c, rule))
		return PLAN_COMPOSITE;
	if (choice_of(c, rule))
		return focus_skip(res, "an alternative of", choice_of(c, rule));
	return rule->requirement->fn == WEIR_FOCUS_DISTINCT_COUNT ? PLAN_DISTINCT : PLAN_ROWS;
}

/* A required column that is absent is one failure, and no more of the rules about it. */
static void judge_presence(struct focus_check *c, size_t i)
{
	const struct weir_focus_rule *rule = &c->m->rules[i];
	struct weir_focus_result *res = &c->report->results[i];
	size_t column = rule->requirement->column[0];

	res->applied = 1;
	if (c->place[column] >= 0)
		return;
	res->status = WEIR_FOCUS_FAIL;
	res->rows = 1;
	snprintf(res->value, sizeof(res->value), "absent");
	if (rule->level == WEIR_FOCUS_MUST)
		c->place[column] = FOCUS_MISSED;
}

/* A condition over a column that must be there and is not: nobody knows where it holds. */
static const struct weir_focus_expr *missed_condition(const struct focus_check *c,
						      const struct weir_focus_rule *rule)
{
	const struct weir_focus_expr *e = find(c, rule->condition, is_missed);

	for (size_t k = 0; !e && k < rule->parent_count; k++)
		e = find(c, c->m->rules[rule->parents[k]].condition, is_missed);
	return e;
}

/* What the head, the options and the model's own holes leave unasked. */
static int plan_rows(struct focus_check *c, size_t i)
{
	const struct weir_focus_rule *rule = &c->m->rules[i];
	struct weir_focus_result *res = &c->report->results[i];
	const struct weir_focus_expr *e = find(c, rule->requirement, is_of_absent);

	if (!e)
		e = missed_condition(c, rule);
	if (e)
		c->plan[i] = focus_skip(res, "no column", absent_column(c, e));
	else if (c->plan[i] == PLAN_ROWS && find(c, rule->requirement, is_unanswered))
		c->plan[i] = focus_skip(res, "a part of it has no answer for a single row", "");
	else if (find(c, rule->requirement, needs_currencies))
		c->plan[i] = focus_skip(res, "no list of currency codes was given", "");
	if (c->plan[i] != PLAN_DISTINCT)
		return 0;
	return focus_distinct_new(c->o->distinct_max ? c->o->distinct_max : WEIR_FOCUS_DISTINCT_MAX,
				  &c->distinct[i]);
}

int focus_plan(struct focus_check *c)
{
	int r = 0;

	for (size_t k = 0; k < c->m->rule_count; k++)
		c->plan[c->m->order[k]] = plan_rule(c, c->m->order[k]);
	for (size_t i = 0; i < c->m->rule_count; i++)
		if (c->plan[i] == PLAN_PRESENCE)
			judge_presence(c, i);
	for (size_t i = 0; !r && i < c->m->rule_count; i++)
		if (c->plan[i] == PLAN_ROWS || c->plan[i] == PLAN_DISTINCT)
			r = plan_rows(c, i);
	return r;
}
