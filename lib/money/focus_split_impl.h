/* SPDX-License-Identifier: Apache-2.0 */
/* What the check of columns and that of splits share. */
#ifndef WEIR_FOCUS_SPLIT_IMPL_H
#define WEIR_FOCUS_SPLIT_IMPL_H

#include "lib/ds/map.h"
#include "lib/money/decimal.h"
#include "lib/money/focus_split.h"

struct columns_check {
	enum weir_focus_version version;
	struct weir_csv *csv;
	void (*fn)(const struct weir_focus_finding *f, void *arg);
	void *arg;
	struct weir_err *err;
	struct weir_focus_columns_report report;
	size_t fields;			    /* of the head */
	int place[WEIR_FOCUS_COLS_ALL];	    /* -1: absent */
	enum weir_focus_col *of;	    /* of each field; WEIR_FOCUS_COLS_ALL: custom */
	const struct weir_csv_field *row;
	struct weir_map *origins; /* struct split_origin */
};

void columns_finding(struct columns_check *c, uint64_t line, const char *column, const char *what);
/* The text of a column in this row; NULL is null. */
const char *columns_cell(const struct columns_check *c, enum weir_focus_col col);
/* One row of a split, or what is none. -errno. */
int split_row(struct columns_check *c);
/* The sums, once all rows were seen. */
void split_end(struct columns_check *c);
void split_origin_free(void *origin);

#endif
