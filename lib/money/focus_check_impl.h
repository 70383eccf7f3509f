/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the check share; nobody else includes it. */
#ifndef WEIR_FOCUS_CHECK_IMPL_H
#define WEIR_FOCUS_CHECK_IMPL_H

#include "lib/money/focus_check.h"

enum focus_truth { FOCUS_FALSE, FOCUS_TRUE, FOCUS_UNKNOWN };

/* Places of a model's column in the file. */
#define FOCUS_ABSENT (-1) /* and rightly so: null in every row */
#define FOCUS_MISSED (-2) /* though it must be there, which is one failure and no more: unknown in every row */

struct focus_row {
	const struct weir_focus_model *m;
	const struct weir_csv_field *fields;
	const int *place; /* of each column of the model */
	const struct weir_map *currencies;
};

enum focus_cell { FOCUS_CELL_VALUE, FOCUS_CELL_NULL, FOCUS_CELL_UNKNOWN };

/* Nothing, "", NULL and null are null; a quoted "NULL" is a text. */
enum focus_cell focus_cell(const struct focus_row *row, size_t column, const struct weir_csv_field **ret);
enum focus_truth focus_eval(const struct focus_row *row, const struct weir_focus_expr *e);

/* Types and formats of one value that is not null. */
bool focus_is_decimal(const char *s, size_t len);
bool focus_is_string(const char *s, size_t len);
bool focus_is_datetime(const char *s, size_t len);
bool focus_format_datetime(const char *s, size_t len);
bool focus_format_numeric(const char *s, size_t len);
bool focus_format_string(const char *s, size_t len);
bool focus_format_unit(const char *s, size_t len);
bool focus_format_currency(const char *s, size_t len);
bool focus_format_key_value(const char *s, size_t len);

/* How many values of one column another has been met with. */
struct focus_distinct;
int focus_distinct_new(size_t max, struct focus_distinct **ret);
void focus_distinct_free(struct focus_distinct *d);
/* b NULL: null, which counts for the group to be there, but is no value. */
int focus_distinct_add(struct focus_distinct *d, const struct weir_csv_field *a, const struct weir_csv_field *b,
		       uint64_t line);
/* Groups that have another count than expected, into a result. */
void focus_distinct_judge(const struct focus_distinct *d, uint64_t expected, struct weir_focus_result *result);

enum focus_plan { PLAN_SKIP, PLAN_PRESENCE, PLAN_ROWS, PLAN_DISTINCT, PLAN_COMPOSITE };

struct focus_check {
	const struct weir_focus_model *m;
	const struct weir_focus_options *o;
	struct weir_csv *csv;
	struct weir_focus_report *report;
	struct focus_row row;
	int *place;
	uint8_t *plan, *applicable, *applies; /* per rule; applies is of the present row */
	uint8_t *judged;		      /* 1: under way, 2: done */
	struct focus_distinct **distinct;
	size_t fields;	      /* of the head */
	struct weir_err *err; /* of the caller */
};

/* Fills plan, applicable, and in results column and what is known before the first row. */
int focus_plan(struct focus_check *c);
enum focus_plan focus_skip(struct weir_focus_result *res, const char *what, const char *name);
/* The first check of an expression that is about a column. */
const struct weir_focus_expr *focus_first(const struct focus_check *c, const struct weir_focus_expr *e);
void focus_show(const char *text, size_t len, char ret[WEIR_FOCUS_SHOWN_MAX + 1]);

#endif
