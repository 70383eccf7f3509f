/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a line of a bill charges for: its meter, and how much of it. A line finds the meter of the price books whose sku is
 * the longest pattern that fits its usage type, its meter, its SKU or both of the first two ("Rtn Preference: MGN, Standard
 * Data Transfer Out"), among those of its region where there are any. Meters with the same sku are one to a bill, which
 * cannot tell them apart: they go by the name of the first of them.
 */
#ifndef WEIR_BILL_CHARGE_H
#define WEIR_BILL_CHARGE_H

#include "lib/money/bill_store.h"
#include "lib/money/price.h"

enum weir_charge_kind {
	WEIR_CHARGE_USAGE,    /* of a meter's quantity: what was measured is dealt to it */
	WEIR_CHARGE_FOLLOWER, /* credit, discount or correction of a meter: is shared as the usage of that meter is */
	WEIR_CHARGE_ALONE,    /* nothing that was measured can be of it */
};
/* Why nobody was seen to cause (a part of) a line. */
enum weir_rest {
	WEIR_REST_UNMEASURED,	 /* bytes of the meter that no agent saw: an unmeasured path */
	WEIR_REST_RESOURCE,	 /* a network resource that costs while it exists */
	WEIR_REST_UNKNOWN_METER, /* network bytes that no price book names */
	WEIR_REST_NOT_USAGE,	 /* a tax or purchase of the network */
	WEIR_REST_NOT_NETWORK,
	WEIR_RESTS
};
const char *weir_rest_name(enum weir_rest r); /* "unmeasured", "resource", "unknown-meter", "not-usage", "not-network" */

struct weir_charge {
	enum weir_charge_kind kind;
	enum weir_rest rest;
	const char *meter;  /* "" where none is known */
	const struct weir_meter *list; /* the books' entry that fitted; NULL */
	const char *region; /* of the line, "" where the meter's books know no such region */
	int64_t quantity;   /* bytes, or seconds of what costs by the hour; below 0: a correction */
};

struct weir_charges;
/* The book must outlive it. */
int weir_charges_new(const struct weir_pricebook *b, struct weir_charges **ret);
void weir_charges_free(struct weir_charges *c);
static inline void weir_charges_freep(struct weir_charges **c)
{
	weir_charges_free(*c);
}
/* -ENOMEM. Texts are the line's or the book's. */
int weir_charges_of(struct weir_charges *c, const struct weir_bill_line *l, struct weir_charge *ret);
/* What a meter of the books is called beside a bill; name itself where no book has it. */
const char *weir_charges_meter(const struct weir_charges *c, const char *name);

#endif
