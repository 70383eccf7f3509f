/* SPDX-License-Identifier: Apache-2.0 */
/* What an expression says of one row. */
#include "lib/money/focus_check_impl.h"

enum focus_cell focus_cell(const struct focus_row *row, size_t column, const struct weir_csv_field **ret)
{
	int place = row->place[column];
	const struct weir_csv_field *f;

	if (place < 0)
		return place == FOCUS_ABSENT ? FOCUS_CELL_NULL : FOCUS_CELL_UNKNOWN;
	f = &row->fields[place];
	if (!f->len || (!f->quoted && f->len == 4 && (!memcmp(f->text, "NULL", 4) || !memcmp(f->text, "null", 4))))
		return FOCUS_CELL_NULL;
	*ret = f;
	return FOCUS_CELL_VALUE;
}

static enum focus_truth truth(bool b)
{
	return b ? FOCUS_TRUE : FOCUS_FALSE;
}

static bool equals(const struct weir_csv_field *f, const struct weir_focus_expr *e)
{
	struct weir_decimal d;

	if (e->is_number)
		return !weir_decimal_parse(f->text, f->len, &d) && !weir_decimal_cmp(&d, &e->number);
	return strlen(e->value) == f->len && !memcmp(e->value, f->text, f->len);
}

/* CheckValue and CheckNotValue. Null is no other value's equal, so it is not that value either. */
static enum focus_truth eval_value(const struct focus_row *row, const struct weir_focus_expr *e)
{
	const struct weir_csv_field *f = NULL;
	enum focus_cell cell = focus_cell(row, e->column[0], &f);
	bool negated = e->fn == WEIR_FOCUS_NOT_VALUE;

	if (cell == FOCUS_CELL_UNKNOWN)
		return FOCUS_UNKNOWN;
	if (!e->value)
		return truth((cell == FOCUS_CELL_NULL) != negated);
	if (cell == FOCUS_CELL_NULL)
		return negated ? FOCUS_TRUE : FOCUS_UNKNOWN;
	return truth(equals(f, e) != negated);
}

static enum focus_truth eval_same(const struct focus_row *row, const struct weir_focus_expr *e)
{
	const struct weir_csv_field *a = NULL, *b = NULL;

	if (focus_cell(row, e->column[0], &a) != FOCUS_CELL_VALUE ||
	    focus_cell(row, e->column[1], &b) != FOCUS_CELL_VALUE)
		return FOCUS_UNKNOWN;
	return truth((a->len == b->len && !memcmp(a->text, b->text, a->len)) == (e->fn == WEIR_FOCUS_SAME_VALUE));
}

/* What is no number is for the rules of type and format to say. */
static bool number_of(const struct focus_row *row, size_t column, struct weir_decimal *ret)
{
	const struct weir_csv_field *f = NULL;

	return focus_cell(row, column, &f) == FOCUS_CELL_VALUE && !weir_decimal_parse(f->text, f->len, ret);
}

static enum focus_truth eval_at_least(const struct focus_row *row, const struct weir_focus_expr *e)
{
	struct weir_decimal d;

	return number_of(row, e->column[0], &d) ? truth(weir_decimal_cmp(&d, &e->number) >= 0) : FOCUS_UNKNOWN;
}

static enum focus_truth eval_product(const struct focus_row *row, const struct weir_focus_expr *e)
{
	struct weir_decimal a, b, r;

	if (!number_of(row, e->column[0], &a) || !number_of(row, e->column[1], &b) ||
	    !number_of(row, e->column[2], &r))
		return FOCUS_UNKNOWN;
	return truth(weir_decimal_is_product(&a, &b, &r));
}

/* AND is false with a false item, OR true with a true one; else unknown with an unknown one. */
static enum focus_truth eval_items(const struct focus_row *row, const struct weir_focus_expr *e)
{
	enum focus_truth decides = e->fn == WEIR_FOCUS_AND ? FOCUS_FALSE : FOCUS_TRUE;
	enum focus_truth r = e->fn == WEIR_FOCUS_AND ? FOCUS_TRUE : FOCUS_FALSE;

	for (size_t i = 0; i < e->item_count; i++) {
		enum focus_truth item = focus_eval(row, &e->items[i]);

		if (item == decides)
			return decides;
		if (item == FOCUS_UNKNOWN)
			r = FOCUS_UNKNOWN;
	}
	return r;
}

static enum focus_truth eval_rule(const struct focus_row *row, const struct weir_focus_expr *e)
{
	const struct weir_focus_rule *rule = &row->m->rules[e->rule];

	if (!rule->requirement)
		return FOCUS_UNKNOWN;
	if (rule->condition && focus_eval(row, rule->condition) != FOCUS_TRUE)
		return FOCUS_TRUE;
	return focus_eval(row, rule->requirement);
}

static bool can_compute(const char *s, size_t len)
{
	struct weir_decimal d;

	return !weir_decimal_parse(s, len, &d);
}

static enum focus_truth eval_format(const struct focus_row *row, const struct weir_focus_expr *e)
{
	static bool (*const formats[])(const char *, size_t) = {
		[WEIR_FOCUS_DECIMAL_VALUE] = can_compute,
		[WEIR_FOCUS_TYPE_DECIMAL] = focus_is_decimal,
		[WEIR_FOCUS_TYPE_STRING] = focus_is_string,
		[WEIR_FOCUS_TYPE_DATETIME] = focus_is_datetime,
		[WEIR_FOCUS_FORMAT_DATETIME] = focus_format_datetime,
		[WEIR_FOCUS_FORMAT_NUMERIC] = focus_format_numeric,
		[WEIR_FOCUS_FORMAT_STRING] = focus_format_string,
		[WEIR_FOCUS_FORMAT_UNIT] = focus_format_unit,
		[WEIR_FOCUS_FORMAT_CURRENCY] = focus_format_currency,
		[WEIR_FOCUS_FORMAT_KEY_VALUE] = focus_format_key_value,
	};
	const struct weir_csv_field *f = NULL;

	if (focus_cell(row, e->column[0], &f) != FOCUS_CELL_VALUE)
		return FOCUS_UNKNOWN;
	if (e->fn == WEIR_FOCUS_NATIONAL_CURRENCY)
		return !row->currencies ? FOCUS_UNKNOWN
					: truth(weir_map_find(row->currencies, f->text, f->len) != NULL);
	return truth(formats[e->fn](f->text, f->len));
}

enum focus_truth focus_eval(const struct focus_row *row, const struct weir_focus_expr *e)
{
	switch (e->fn) {
	case WEIR_FOCUS_AND:
	case WEIR_FOCUS_OR:
		return eval_items(row, e);
	case WEIR_FOCUS_COLUMN_PRESENT:
		return truth(row->place[e->column[0]] >= 0);
	case WEIR_FOCUS_MODEL_RULE:
		return eval_rule(row, e);
	case WEIR_FOCUS_VALUE:
	case WEIR_FOCUS_NOT_VALUE:
		return eval_value(row, e);
	case WEIR_FOCUS_SAME_VALUE:
	case WEIR_FOCUS_NOT_SAME_VALUE:
		return eval_same(row, e);
	case WEIR_FOCUS_AT_LEAST:
		return eval_at_least(row, e);
	case WEIR_FOCUS_PRODUCT:
		return eval_product(row, e);
	case WEIR_FOCUS_DISTINCT_COUNT: /* of all rows, never of one */
	case WEIR_FOCUS_UNKNOWN:
		return FOCUS_UNKNOWN;
	default:
		return eval_format(row, e);
	}
}
