/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A month's bill, line by line, beside what was measured. What was measured of a meter, an account, a region and a time is
 * a claim; it is dealt to the usage lines of the same by quantity (largest remainder), and each line is then made of its
 * parts (weir_reconcile()). So for each line billed = measured + adjusted + unattributed, for each claim measured + adjusted
 * is its share of the bill, and the sums over lines and over claims are one, to the nano-unit.
 *
 * An account or region that is not known ("") goes with any, times with those that they touch. The more is known of a
 * claim, the earlier it is dealt; what comes later takes what is left of the lines' quantities, and only when nothing is
 * left is more dealt to a line than it has: over-measured. Lines below 0 (corrections) lessen the quantity of the lines of
 * their meter, account and region; they, credits and discounts are shared as those lines are. What finds no line is
 * over-measured as a whole.
 */
#ifndef WEIR_SETTLEMENT_H
#define WEIR_SETTLEMENT_H

#include "lib/money/bill_charge.h"
#include "lib/money/reconcile.h"

#define WEIR_SETTLEMENT_LINES_MAX 2000000u /* with a meter; some 100 bytes each. Others are not kept */
#define WEIR_SETTLEMENT_CLAIMS_MAX 1000000u

struct weir_settlement_line {
	int64_t id; /* the caller's */
	const char *meter, *account, *region, *service;
	enum weir_charge_kind kind;
	enum weir_rest rest; /* why what is unattributed is */
	int64_t from_s, to_s, quantity, billed, list;
	bool has_list;
};
struct weir_settlement_claim {
	const char *meter; /* of weir_charges_meter() */
	const char *account, *region, *team, *path;
	const char *name; /* the ledger's own name of the meter */
	int64_t from_s, to_s;
	uint64_t bytes;	  /* or seconds: */
	bool by_hour;
	int64_t measured; /* nanos, at least 0 */
	int64_t adjusted; /* of the settlement: measured + adjusted is its share of the bill */
};
struct weir_settled_share {
	const struct weir_settlement_claim *claim;
	uint64_t bytes;
	int64_t measured, adjusted; /* of this line */
};
struct weir_settled {
	const struct weir_settlement_line *line; /* NULL: what was measured, and is of no line */
	const char *meter;
	struct weir_parts parts;
	const struct weir_settled_share *shares;
	size_t share_count;
};
/* Each line, once; then what is of none. Other than 0 ends it and is given back. */
typedef int (*weir_settled_fn)(const struct weir_settled *s, void *arg);

struct weir_settlement;
int weir_settlement_new(weir_settled_fn fn, void *arg, struct weir_settlement **ret);
void weir_settlement_free(struct weir_settlement *s);
static inline void weir_settlement_freep(struct weir_settlement **s)
{
	weir_settlement_free(*s);
}
/* Copied. A line that is alone is told at once and not kept; a claim of no bytes and no money is left out. -E2BIG: too many. */
int weir_settlement_line(struct weir_settlement *s, const struct weir_settlement_line *l, struct weir_err *err);
/* The same of a line as it is stored. */
int weir_settlement_bill(struct weir_settlement *s, struct weir_charges *charges, const struct weir_bill_line *l, struct weir_err *err);
/* An account as topology and bills both write it: Azure's subscriptions stand behind a path. */
const char *weir_settlement_account(const char *text);
int weir_settlement_claim(struct weir_settlement *s, const struct weir_settlement_claim *c, struct weir_err *err);
/* How fine claims should be, in seconds: an hour or a day where usage lines are; 0: the whole month. */
int64_t weir_settlement_step(const struct weir_settlement *s);
/* Once. -ERANGE: sums beyond what fits. The order of lines and claims does not matter to the result. */
int weir_settlement_run(struct weir_settlement *s, struct weir_err *err);
/* After it, by meter, account, region, time, path, team. */
const struct weir_settlement_claim *weir_settlement_claims(const struct weir_settlement *s, size_t *ret_n);

#endif
