/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the loader share; nobody else includes it. */
#ifndef WEIR_FOCUS_MODEL_IMPL_H
#define WEIR_FOCUS_MODEL_IMPL_H

#include <jansson.h>

#include "lib/ds/map.h"
#include "lib/money/focus_model.h"

struct focus_load {
	struct weir_focus_model *m;
	struct weir_map *rules, *columns; /* name to index + 1 */
	const char *name;		  /* of the file */
	const char *rule;		  /* which is read, NULL before and after them */
	size_t nodes;
	struct weir_err *err;
};

/* "file: RULE: ...": returns -EINVAL. */
int focus_bad(const struct focus_load *l, const char *fmt, ...) WEIR_PRINTF(2, 3);
/* A string of at most max bytes without NUL, as a copy; -EINVAL with a line. */
int focus_string(const struct focus_load *l, const json_t *o, const char *key, size_t max, char **ret);
/* An expression of a rule; {} and absent are none: *ret is NULL then. */
int focus_expr_load(struct focus_load *l, const json_t *o, struct weir_focus_expr **ret);
/* The same of a condition, where a reference to a rule is an unknown function. */
int focus_condition_load(struct focus_load *l, const json_t *o, struct weir_focus_expr **ret);
/* The same from the text of the table of defects. */
int focus_expr_text(struct focus_load *l, const char *json, struct weir_focus_expr **ret);
void focus_expr_free(struct weir_focus_expr *e);

#endif
