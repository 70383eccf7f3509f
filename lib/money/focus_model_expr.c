/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions of the requirements model: a table of check functions with what each takes. */
#include "lib/money/focus_model_impl.h"

static const char column_name[] = "ColumnName", column_a[] = "ColumnAName", column_b[] = "ColumnBName";

static const struct {
	const char *name;
	const char *columns[3];
	bool items, value, rule, count;
} functions[] = {
	[WEIR_FOCUS_AND] = {"AND", .items = true},
	[WEIR_FOCUS_OR] = {"OR", .items = true},
	[WEIR_FOCUS_COLUMN_PRESENT] = {"ColumnPresent", .columns = {column_name}},
	[WEIR_FOCUS_MODEL_RULE] = {"CheckModelRule", .rule = true},
	[WEIR_FOCUS_VALUE] = {"CheckValue", .columns = {column_name}, .value = true},
	[WEIR_FOCUS_NOT_VALUE] = {"CheckNotValue", .columns = {column_name}, .value = true},
	[WEIR_FOCUS_SAME_VALUE] = {"CheckSameValue", .columns = {column_a, column_b}},
	[WEIR_FOCUS_NOT_SAME_VALUE] = {"CheckNotSameValue", .columns = {column_a, column_b}},
	[WEIR_FOCUS_DECIMAL_VALUE] = {"CheckDecimalValue", .columns = {column_name}},
	[WEIR_FOCUS_AT_LEAST] = {"CheckGreaterOrEqualThanValue", .columns = {column_name}, .value = true},
	[WEIR_FOCUS_PRODUCT] = {"ColumnByColumnEqualsColumnValue", .columns = {column_a, column_b, "ResultColumnName"}},
	[WEIR_FOCUS_DISTINCT_COUNT] = {"CheckDistinctCount", .columns = {column_a, column_b}, .count = true},
	[WEIR_FOCUS_NATIONAL_CURRENCY] = {"CheckNationalCurrency", .columns = {column_name}},
	[WEIR_FOCUS_TYPE_DECIMAL] = {"TypeDecimal", .columns = {column_name}},
	[WEIR_FOCUS_TYPE_STRING] = {"TypeString", .columns = {column_name}},
	[WEIR_FOCUS_TYPE_DATETIME] = {"TypeDateTime", .columns = {column_name}},
	[WEIR_FOCUS_FORMAT_DATETIME] = {"FormatDateTime", .columns = {column_name}},
	[WEIR_FOCUS_FORMAT_NUMERIC] = {"FormatNumeric", .columns = {column_name}},
	[WEIR_FOCUS_FORMAT_STRING] = {"FormatString", .columns = {column_name}},
	[WEIR_FOCUS_FORMAT_UNIT] = {"FormatUnit", .columns = {column_name}},
	[WEIR_FOCUS_FORMAT_CURRENCY] = {"FormatCurrency", .columns = {column_name}},
	[WEIR_FOCUS_FORMAT_KEY_VALUE] = {"FormatKeyValue", .columns = {column_name}},
};

const char *weir_focus_fn_name(enum weir_focus_fn fn)
{
	return fn < WEIR_FOCUS_UNKNOWN ? functions[fn].name : NULL;
}

static void fini(struct weir_focus_expr *e)
{
	for (size_t i = 0; i < e->item_count; i++)
		fini(&e->items[i]);
	free(e->items);
	free(e->name);
	free(e->value);
}

void focus_expr_free(struct weir_focus_expr *e)
{
	if (!e)
		return;
	fini(e);
	free(e);
}

static int intern_column(struct focus_load *l, const char *name, size_t *ret)
{
	size_t at = (size_t)weir_map_find(l->columns, name, strlen(name));
	struct weir_focus_model *m = l->m;
	int r;

	if (at) {
		*ret = at - 1;
		return 0;
	}
	if (m->column_count == WEIR_FOCUS_COLUMNS_MAX)
		return focus_bad(l, "more than %d columns", WEIR_FOCUS_COLUMNS_MAX);
	m->columns[m->column_count] = strdup(name);
	if (!m->columns[m->column_count])
		return -ENOMEM;
	*ret = m->column_count++;
	r = weir_map_put(l->columns, name, strlen(name), (void *)m->column_count, NULL);
	return r;
}

static int load_columns(struct focus_load *l, const json_t *o, struct weir_focus_expr *e)
{
	for (size_t i = 0; i < 3 && functions[e->fn].columns[i]; i++) {
		weir_auto_free char *name = NULL;
		int r = focus_string(l, o, functions[e->fn].columns[i], WEIR_FOCUS_NAME_MAX, &name);

		if (r)
			return r;
		r = intern_column(l, name, &e->column[i]);
		if (r)
			return r;
		e->columns++;
	}
	return 0;
}

static int load_value(struct focus_load *l, const json_t *o, struct weir_focus_expr *e)
{
	const json_t *v = json_object_get(o, "Value");

	if (!v)
		return focus_bad(l, "%s without a Value", functions[e->fn].name);
	if (json_is_string(v))
		return focus_string(l, o, "Value", WEIR_FOCUS_TEXT_MAX, &e->value);
	if (json_is_null(v) && e->fn != WEIR_FOCUS_AT_LEAST)
		return 0;
	if (!json_is_number(v))
		return focus_bad(l, "%s: Value must be a text, a number or null", functions[e->fn].name);
	e->value = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	if (!e->value)
		return -ENOMEM;
	return 0;
}

static int load_number(struct focus_load *l, const json_t *o, struct weir_focus_expr *e)
{
	int r = load_value(l, o, e);

	if (r || !e->value || (!json_is_number(json_object_get(o, "Value")) && e->fn != WEIR_FOCUS_AT_LEAST))
		return r;
	if (weir_decimal_parse(e->value, strlen(e->value), &e->number))
		return focus_bad(l, "%s: Value %.40s is no number that can be compared", functions[e->fn].name,
				 e->value);
	e->is_number = true;
	return 0;
}

static int load_count(struct focus_load *l, const json_t *o, struct weir_focus_expr *e)
{
	const json_t *v = json_object_get(o, "ExpectedCount");

	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > 1000000)
		return focus_bad(l, "ExpectedCount must be a number from 0 to 1000000");
	e->count = (uint64_t)json_integer_value(v);
	return 0;
}

static int load_reference(struct focus_load *l, const json_t *o, struct weir_focus_expr *e)
{
	weir_auto_free char *id = NULL;
	int r = focus_string(l, o, "ModelRuleId", WEIR_FOCUS_NAME_MAX, &id);
	size_t at;

	if (r)
		return r;
	at = (size_t)weir_map_find(l->rules, id, strlen(id));
	if (!at)
		return focus_bad(l, "refers to rule %s, which is not there", id);
	e->rule = at - 1;
	return 0;
}

static int load(struct focus_load *l, const json_t *o, unsigned int depth, struct weir_focus_expr *e);

static int load_items(struct focus_load *l, const json_t *o, unsigned int depth, struct weir_focus_expr *e)
{
	const json_t *items = json_object_get(o, "Items");
	size_t n = json_array_size(items);
	int r = 0;

	if (!n)
		return focus_bad(l, "%s needs Items", functions[e->fn].name);
	if (depth == WEIR_FOCUS_DEPTH_MAX)
		return focus_bad(l, "an expression deeper than %d", WEIR_FOCUS_DEPTH_MAX);
	if (n > WEIR_FOCUS_NODES_MAX - l->nodes)
		return focus_bad(l, "more than %d checks in all", WEIR_FOCUS_NODES_MAX);
	e->items = calloc(n, sizeof(*e->items));
	if (!e->items)
		return -ENOMEM;
	e->item_count = n;
	for (size_t i = 0; !r && i < n; i++)
		r = load(l, json_array_get(items, i), depth + 1, &e->items[i]);
	return r;
}

/* An unknown function is no error of the file: its rule is skipped by name. */
static int load(struct focus_load *l, const json_t *o, unsigned int depth, struct weir_focus_expr *e)
{
	weir_auto_free char *name = NULL;
	int r;

	if (!json_is_object(o))
		return focus_bad(l, "a check must be an object");
	if (++l->nodes > WEIR_FOCUS_NODES_MAX)
		return focus_bad(l, "more than %d checks in all", WEIR_FOCUS_NODES_MAX);
	r = focus_string(l, o, "CheckFunction", WEIR_FOCUS_NAME_MAX, &name);
	if (r)
		return r;
	for (e->fn = 0; e->fn < WEIR_FOCUS_UNKNOWN && strcmp(name, functions[e->fn].name); e->fn++)
		;
	if (e->fn == WEIR_FOCUS_UNKNOWN) {
		e->name = weir_take_ptr(name);
		return 0;
	}
	r = load_columns(l, o, e);
	if (!r && functions[e->fn].value)
		r = load_number(l, o, e);
	if (!r && functions[e->fn].count)
		r = load_count(l, o, e);
	if (!r && functions[e->fn].rule)
		r = load_reference(l, o, e);
	if (!r && functions[e->fn].items)
		r = load_items(l, o, depth, e);
	return r;
}

int focus_expr_load(struct focus_load *l, const json_t *o, struct weir_focus_expr **ret)
{
	struct weir_focus_expr *e;
	int r;

	if (!o || (json_is_object(o) && !json_object_size(o)))
		return 0;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	r = load(l, o, 1, e);
	if (r)
		focus_expr_free(e);
	else
		*ret = e;
	return r;
}

/* Rules are asked in the order of their requirements: a condition that asked a rule could go in circles. */
static int forget_references(struct weir_focus_expr *e)
{
	int r = 0;

	if (e->fn == WEIR_FOCUS_MODEL_RULE) {
		e->fn = WEIR_FOCUS_UNKNOWN;
		e->name = strdup("CheckModelRule in a condition");
		return e->name ? 0 : -ENOMEM;
	}
	for (size_t i = 0; !r && i < e->item_count; i++)
		r = forget_references(&e->items[i]);
	return r;
}

int focus_condition_load(struct focus_load *l, const json_t *o, struct weir_focus_expr **ret)
{
	int r = focus_expr_load(l, o, ret);

	return r || !*ret ? r : forget_references(*ret);
}

int focus_expr_text(struct focus_load *l, const char *json, struct weir_focus_expr **ret)
{
	json_t *o = json_loads(json, 0, NULL);
	int r = o ? focus_expr_load(l, o, ret) : -ENOMEM;

	json_decref(o);
	return r;
}
