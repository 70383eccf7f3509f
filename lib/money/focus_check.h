/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CSV file of FOCUS rows against a requirements model. Rows are streamed; what is kept of them is a count and the
 * first failure per rule, and for CheckDistinctCount the values met, up to a bound. Truth has three values, as in SQL:
 * a comparison with null is unknown, a rule is broken only by what is false, a condition holds only when it is true.
 */
#ifndef WEIR_FOCUS_CHECK_H
#define WEIR_FOCUS_CHECK_H

#include "lib/money/csv.h"
#include "lib/ds/map.h"
#include "lib/money/focus_model.h"

#define WEIR_FOCUS_DISTINCT_MAX 500000		     /* values that one rule may have to remember, ... */
#define WEIR_FOCUS_DISTINCT_BYTES ((size_t)64 << 20) /* ... and their bytes */
#define WEIR_FOCUS_SHOWN_MAX 80			     /* of a value that failed */

struct weir_focus_options {
	uint64_t criteria;		   /* weir_focus_criteria() */
	const struct weir_map *currencies; /* codes to anything; NULL: national currencies are not checked */
	size_t distinct_max;		   /* 0: WEIR_FOCUS_DISTINCT_MAX */
};

enum weir_focus_status { WEIR_FOCUS_PASS, WEIR_FOCUS_FAIL, WEIR_FOCUS_SKIP };

struct weir_focus_result {
	enum weir_focus_status status;
	bool composite;	     /* failed: because of its parts, which are reported themselves */
	char reason[192];    /* why it was skipped; the part because of which a composite failed */
	const char *column;  /* that it is about first; the rule's reference when it names none */
	uint64_t applied;    /* rows for which it holds */
	uint64_t rows;	     /* that break it; values, of CheckDistinctCount; 1 of an absent column */
	uint64_t first_line; /* 0: it is about no row */
	char value[WEIR_FOCUS_SHOWN_MAX + 1]; /* in that line, cut; "null" when it is */
	bool published;			      /* the rule was corrected, and as published ... */
	uint64_t published_rows;	      /* ... this many rows would break it */
};

struct weir_focus_report {
	uint64_t rows;
	struct weir_focus_result *results; /* in the order of the model's rules */
	size_t passed, skipped, composites_failed;
	size_t failed[WEIR_FOCUS_MAY]; /* by level, without composites */
};

/* -EINVAL: the file is no table (err says where); a broken rule is no error. */
int weir_focus_check(const struct weir_focus_model *m, const struct weir_focus_options *o, struct weir_csv *csv,
		     struct weir_focus_report **ret, struct weir_err *err);
void weir_focus_report_free(struct weir_focus_report *r);
static inline void weir_focus_report_freep(struct weir_focus_report **r)
{
	weir_focus_report_free(*r);
}
#define weir_auto_focus_report weir_cleanup(weir_focus_report_freep)

/* A CSV file with codes in its column currency_codes, or without a head in the first; free with weir_map_free(m, NULL). */
int weir_focus_currencies_load(const char *path, struct weir_map **ret, struct weir_err *err);

#endif
