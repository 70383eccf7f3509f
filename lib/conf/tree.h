/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML tree, shared by its parser and its readers only. */
#ifndef WEIR_CONF_TREE_H
#define WEIR_CONF_TREE_H

#include "lib/conf/yaml.h"

#include <stdarg.h>

#define WEIR_Y_MAX_DEPTH 32
#define WEIR_Y_MAX_NODES 100000
#define WEIR_Y_MAX_BYTES (1024 * 1024)
#define WEIR_Y_MAX_ASKED 64 /* names remembered for the "known:" list of a message */

struct weir_y {
	struct weir_ydoc *doc;
	struct weir_y *parent;
	struct weir_y *next; /* all nodes of the document, for freeing */
	enum weir_y_kind kind;
	uint32_t line, col; /* from 1 */

	/* As a child: the key under which the parent map holds it, or its index in a sequence. */
	char *key;
	uint32_t key_line, key_col;
	uint32_t index;
	bool known; /* a reader has asked for the key */

	char *text;	       /* scalar */
	struct weir_y **items; /* sequence and map */
	size_t count, cap;
	char **asked; /* keys that readers named */
	size_t asked_count;
};

struct weir_ydoc {
	char *name;
	struct weir_y *nodes;
	size_t node_count;
	struct weir_y **roots;
	size_t root_count;
};

int weir_y_add(struct weir_ydoc *d, struct weir_y *parent, enum weir_y_kind kind,
	       struct weir_y **ret);
/* As weir_y_err, but at the given place; `y` (NULL = the document) gives the path. */
int weir_y_err_at(const struct weir_ydoc *d, const struct weir_y *y, uint32_t line, uint32_t col,
		  struct weir_err *err, const char *fmt, va_list ap);

#endif
