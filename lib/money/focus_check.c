/* SPDX-License-Identifier: Apache-2.0 */
/* The check: rows are fed to the rules that ask rows; composites are then what their parts and dependencies are. */
#include "lib/money/focus_check.h"

#include <inttypes.h>

#include "lib/money/focus_check_impl.h"

void weir_focus_report_free(struct weir_focus_report *r)
{
	if (!r)
		return;
	free(r->results);
	free(r);
}

void focus_show(const char *text, size_t len, char ret[WEIR_FOCUS_SHOWN_MAX + 1])
{
	size_t n = WEIR_MIN(len, (size_t)WEIR_FOCUS_SHOWN_MAX);

	/* Not in the middle of a character. */
	while (n && n < len && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	for (size_t i = 0; i < n; i++)
		ret[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
	ret[n] = '\0';
}

static void check_fini(struct focus_check *c)
{
	for (size_t i = 0; c->distinct && i < c->m->rule_count; i++)
		focus_distinct_free(c->distinct[i]);
	free(c->distinct);
	free(c->place);
	free(c->plan);
	free(c->applicable);
	free(c->applies);
	free(c->judged);
	weir_focus_report_free(c->report);
}

static int check_init(struct focus_check *c)
{
	size_t n = c->m->rule_count;

	c->report = calloc(1, sizeof(*c->report));
	c->place = calloc(c->m->column_count + 1, sizeof(*c->place));
	c->plan = calloc(n, 1);
	c->applicable = calloc(n, 1);
	c->applies = calloc(n, 1);
	c->judged = calloc(n, 1);
	c->distinct = calloc(n, sizeof(struct focus_distinct *));
	if (!c->report || !c->place || !c->plan || !c->applicable || !c->applies || !c->judged || !c->distinct)
		return -ENOMEM;
	c->report->results = calloc(n, sizeof(*c->report->results));
	c->row = (struct focus_row){.m = c->m, .place = c->place, .currencies = c->o->currencies};
	return c->report->results ? 0 : -ENOMEM;
}

static int read_head(struct focus_check *c)
{
	const struct weir_csv_field *f;
	struct weir_map *seen = NULL;
	int r = weir_csv_next(c->csv, &f, &c->fields, c->err);

	if (r <= 0)
		return r ? r
			 : weir_err_set(c->err, -EINVAL, "%s: is empty; a line of column names was expected",
					weir_csv_name(c->csv));
	r = weir_map_new(&seen);
	for (size_t i = 0; !r && i < c->fields; i++) {
		if (weir_map_find(seen, f[i].text, f[i].len))
			r = weir_err_set(c->err, -EINVAL, "%s:1: column %.80s stands twice", weir_csv_name(c->csv),
					 f[i].text);
		else
			r = weir_map_put(seen, f[i].text, f[i].len, (void *)(i + 1), NULL);
	}
	for (size_t i = 0; !r && i < c->m->column_count; i++) {
		size_t at = (size_t)weir_map_find(seen, c->m->columns[i], strlen(c->m->columns[i]));

		c->place[i] = at ? (int)at - 1 : FOCUS_ABSENT;
	}
	weir_map_free(seen, NULL);
	return r;
}

static bool parents_apply(const struct focus_check *c, const struct weir_focus_rule *rule)
{
	for (size_t k = 0; k < rule->parent_count; k++)
		if (c->applies[rule->parents[k]])
			return true;
	return !rule->parent_count;
}

static void note_failure(struct focus_check *c, const struct weir_focus_rule *rule, struct weir_focus_result *res)
{
	const struct weir_focus_expr *e = focus_first(c, rule->requirement);
	const struct weir_csv_field *f = NULL;

	res->status = WEIR_FOCUS_FAIL;
	if (res->rows++)
		return;
	res->first_line = weir_csv_line(c->csv);
	if (e && focus_cell(&c->row, e->column[0], &f) == FOCUS_CELL_VALUE)
		focus_show(f->text, f->len, res->value);
	else
		snprintf(res->value, sizeof(res->value), "null");
}

static int add_distinct(struct focus_check *c, size_t i)
{
	const struct weir_focus_expr *e = c->m->rules[i].requirement;
	const struct weir_csv_field *a = NULL, *b = NULL;

	if (focus_cell(&c->row, e->column[0], &a) != FOCUS_CELL_VALUE)
		return 0;
	focus_cell(&c->row, e->column[1], &b);
	return focus_distinct_add(c->distinct[i], a, b, weir_csv_line(c->csv));
}

/* In the model's order, so that those who refer have been asked before. */
static int check_row(struct focus_check *c)
{
	int r = 0;

	for (size_t k = 0; !r && k < c->m->rule_count; k++) {
		size_t i = c->m->order[k];
		const struct weir_focus_rule *rule = &c->m->rules[i];
		struct weir_focus_result *res = &c->report->results[i];
		bool above = !rule->dynamic && parents_apply(c, rule);

		c->applies[i] = above && (!rule->condition || focus_eval(&c->row, rule->condition) == FOCUS_TRUE);
		if (rule->published_requirement && above && c->plan[i] == PLAN_ROWS) {
			res->published = true;
			res->published_rows += (!rule->published_condition ||
						focus_eval(&c->row, rule->published_condition) == FOCUS_TRUE) &&
					       focus_eval(&c->row, rule->published_requirement) == FOCUS_FALSE;
		}
		if (!c->applies[i] || (c->plan[i] != PLAN_ROWS && c->plan[i] != PLAN_DISTINCT))
			continue;
		res->applied++;
		if (c->plan[i] == PLAN_DISTINCT)
			r = add_distinct(c, i);
		else if (focus_eval(&c->row, rule->requirement) == FOCUS_FALSE)
			note_failure(c, rule, res);
	}
	return r;
}

static int check_rows(struct focus_check *c)
{
	size_t count;
	int r;

	while ((r = weir_csv_next(c->csv, &c->row.fields, &count, c->err)) == 1) {
		if (count != c->fields)
			return weir_err_set(c->err, -EINVAL, "%s:%" PRIu64 ": %zu fields, where the head has %zu",
					    weir_csv_name(c->csv), weir_csv_line(c->csv), count, c->fields);
		c->report->rows++;
		r = check_row(c);
		if (r)
			return r;
	}
	return r;
}

static void judge(struct focus_check *c, size_t i);

/* A part that is only recommended, or permitted, does not make what it is a part of fail. */
static void judge_part(struct focus_check *c, size_t part, struct weir_focus_result *res, bool *ret_any)
{
	const struct weir_focus_result *p = &c->report->results[part];

	/* Declared dependencies may go in circles: what is being judged says nothing yet. */
	if (c->judged[part] == 1)
		return;
	judge(c, part);
	*ret_any |= p->status != WEIR_FOCUS_SKIP;
	if (p->status != WEIR_FOCUS_FAIL || c->m->rules[part].level != WEIR_FOCUS_MUST ||
	    res->status == WEIR_FOCUS_FAIL)
		return;
	res->status = WEIR_FOCUS_FAIL;
	snprintf(res->reason, sizeof(res->reason), "%s", c->m->rules[part].id);
}

static void judge_references(struct focus_check *c, const struct weir_focus_expr *e, struct weir_focus_result *res,
			     bool *ret_any)
{
	if (e->fn == WEIR_FOCUS_MODEL_RULE)
		judge_part(c, e->rule, res, ret_any);
	for (size_t i = 0; i < e->item_count; i++)
		judge_references(c, &e->items[i], res, ret_any);
}

static void judge(struct focus_check *c, size_t i)
{
	const struct weir_focus_rule *rule = &c->m->rules[i];
	struct weir_focus_result *res = &c->report->results[i];
	bool any = false, depends = false;

	if (c->judged[i])
		return;
	c->judged[i] = 1;
	if (c->plan[i] == PLAN_DISTINCT) {
		focus_distinct_judge(c->distinct[i], rule->requirement->count, res);
	} else if (c->plan[i] == PLAN_COMPOSITE) {
		res->composite = true;
		judge_references(c, rule->requirement, res, &any);
		for (size_t k = 0; k < rule->depend_count; k++)
			judge_part(c, rule->depends[k], res, &depends);
		/* What it depends on may break it, but is not what it demands. */
		if (!any && res->status != WEIR_FOCUS_FAIL)
			focus_skip(res, "all of its parts are skipped", "");
	}
	c->judged[i] = 2;
}

static void count(struct focus_check *c)
{
	struct weir_focus_report *report = c->report;

	for (size_t i = 0; i < c->m->rule_count; i++) {
		const struct weir_focus_result *res = &report->results[i];

		report->passed += res->status == WEIR_FOCUS_PASS;
		report->skipped += res->status == WEIR_FOCUS_SKIP;
		if (res->status == WEIR_FOCUS_FAIL && res->composite)
			report->composites_failed++;
		else if (res->status == WEIR_FOCUS_FAIL)
			report->failed[c->m->rules[i].level]++;
	}
}

int weir_focus_check(const struct weir_focus_model *m, const struct weir_focus_options *o, struct weir_csv *csv,
		     struct weir_focus_report **ret, struct weir_err *err)
{
	weir_cleanup(check_fini) struct focus_check c = {.m = m, .o = o, .csv = csv, .err = err};
	int r = check_init(&c);

	if (!r)
		r = read_head(&c);
	if (!r)
		r = focus_plan(&c);
	if (!r)
		r = check_rows(&c);
	if (r)
		return r;
	for (size_t i = 0; i < m->rule_count; i++)
		judge(&c, i);
	count(&c);
	*ret = weir_take_ptr(c.report);
	return 0;
}
