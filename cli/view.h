/* SPDX-License-Identifier: Apache-2.0 */
/* The aggregator's JSON as tables: which column shows which field, and how. */
#ifndef WEIR_CLI_VIEW_H
#define WEIR_CLI_VIEW_H

#include "cli/cli.h"

#include <jansson.h>

static inline void view_json_freep(json_t **j)
{
	json_decref(*j);
}
#define view_auto_json weir_cleanup(view_json_freep)

struct view_column {
	const char *field, *title;
};

/*
 * GETs path. With --json the body is printed as it came and *ret is NULL; else *ret is the parsed
 * object, owned by the caller.
 */
int view_fetch(const struct cli *c, const char *path, json_t **ret, struct weir_err *err);
/* Prints the same with --json, and *ret is set in any case. */
int view_fetch_parsed(const struct cli *c, const char *path, json_t **ret, struct weir_err *err);
/* The same with a path that weir_strf() made; it is freed, NULL is -ENOMEM. */
int view_fetch_made(const struct cli *c, char *path, json_t **ret, struct weir_err *err);
/*
 * Prints the list root.items. columns (ended by a NULL field) choose fields and order; columns NULL =
 * the scalar fields of the first item in its order. total, when not NULL, is one more row.
 */
int view_items(const struct cli *c, const json_t *root, const struct view_column *columns,
	       const json_t *total, struct weir_err *err);
/* The same of root's list of that name, behind an empty line; nothing where the list is empty. */
int view_list(const struct cli *c, const json_t *root, const char *list, const struct view_column *columns, struct weir_err *err);
/* The fields of an object that columns name, one "title  value" line each. */
int view_fields(const struct cli *c, const json_t *object, const struct view_column *columns,
		struct weir_err *err);
/* Scalar fields of an object, one "name  value" line each, objects inside it below their name. */
int view_object(const struct cli *c, const json_t *object, struct weir_err *err);

#endif
