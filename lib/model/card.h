/* SPDX-License-Identifier: Apache-2.0 */
/* A model's card: what it is for, what it was learnt from, how it does on what was held back, by slice, and what it gets wrong. */
#ifndef WEIR_MODEL_CARD_H
#define WEIR_MODEL_CARD_H

#include "lib/model/shelf.h"

struct weir_card {
	const char *use, *hash;
	const struct weir_model *model;
	const struct weir_shelf_decision *decision; /* by which it came onto the shelf; NULL = not known any more */
	const char *state;		      /* as in struct weir_shelf_item */
};

/* Appends; -ENOMEM. The text is for people, 100 columns wide; JSON is one object, without a newline. */
int weir_card_text(const struct weir_card *c, struct weir_buf *b);
int weir_card_json(const struct weir_card *c, struct weir_buf *b);

/* Appends s quoted; what is no printable ASCII is escaped. */
int weir_json_text(struct weir_buf *b, const char *s);
/* Appends a number, null when it is none. */
int weir_json_number(struct weir_buf *b, double v);

#endif
