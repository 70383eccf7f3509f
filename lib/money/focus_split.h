/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CSV file of FOCUS rows against the documented columns of a version (focus_columns.h), without a requirements model:
 * names, types, where null is allowed, price times quantity, and of split charges that the ratios of an origin sum to
 * exactly 1 and its rows to what the origin is. An origin is told by weir's x_OriginCharge, of other files by what its rows
 * must have in common.
 */
#ifndef WEIR_FOCUS_SPLIT_H
#define WEIR_FOCUS_SPLIT_H

#include "lib/money/csv.h"
#include "lib/money/focus_columns.h"

#define WEIR_FOCUS_ORIGINS_MAX 500000
#define WEIR_FOCUS_FINDINGS_MAX 1000 /* that are told; all are counted */

struct weir_focus_finding {
	uint64_t line;	    /* 0: about no row */
	const char *column; /* "" of an origin */
	const char *what;
};

struct weir_focus_columns_report {
	uint64_t rows, split_rows, origins, findings;
};

/* -EINVAL: the file is no table (err says where); a finding is no error. */
int weir_focus_columns_check(enum weir_focus_version version, struct weir_csv *csv,
			     void (*fn)(const struct weir_focus_finding *f, void *arg), void *arg,
			     struct weir_focus_columns_report *ret, struct weir_err *err);

#endif
