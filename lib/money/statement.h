/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements: what each team is told of a month's bill, and what nobody is; both sum to the invoice to the nano-unit.
 *
 * Closing a month freezes version 1 of its statement in the file of bills: its lines, which bills they are of (versions,
 * hashes), the prices that were measured by, what was measured, and the time. It never changes. When a newer version of a
 * bill has come, closing the month again makes the next version: lines that correct what all versions before it say, booked
 * in the month that is open then, the one after the last closed month. So at any time the lines of all versions of a month
 * sum to its newest bill. What was booked more than 13 months ago is removed by a close.
 */
#ifndef WEIR_STATEMENT_H
#define WEIR_STATEMENT_H

#include "lib/money/settlement.h"

#define WEIR_STATEMENT_MONTHS 13
#define WEIR_STATEMENT_LINES_MAX 1000000u

struct weir_statement_line {
	const char *team; /* "" = unattributed */
	const char *account, *service, *meter, *path;
	const char *reason; /* of what is unattributed: weir_rest_name() */
	int64_t bytes, measured, adjusted, total; /* below 0 in a correction; total: measured + adjusted, or what is unattributed */
};

/* --- what a settlement says, summed up --- */
struct weir_statement;
int weir_statement_new(struct weir_statement **ret);
void weir_statement_free(struct weir_statement *s);
static inline void weir_statement_freep(struct weir_statement **s)
{
	weir_statement_free(*s);
}
int weir_statement_hear(const struct weir_settled *settled, void *statement); /* a weir_settled_fn; -E2BIG */
size_t weir_statement_count(const struct weir_statement *s);
/* The i-th line, in the order in which they were met. */
struct weir_statement_line weir_statement_at(const struct weir_statement *s, size_t i);

/* --- what is frozen, in the file of bills --- */
struct weir_statement_head {
	const char *account; /* whose bills; "" = all */
	int64_t period_s, period_end_s;
	uint64_t version;    /* 1; above it lines are corrections */
	int64_t booked_s;    /* the month that it is in: its own, or the one that was open */
	const char *currency, *measured_in; /* "" = nothing was measured */
	const char *payer;   /* teams are those who pay: "sender"; "" = those whose bytes passed, or as it was frozen */
	int64_t rate;	     /* of the currency for one of measured_in, in nanos */
	uint64_t closed_s;
	int64_t invoice, total, unattributed; /* of the bills; of this version's lines, and of those that are nobody's */
	uint64_t teams;
};
struct weir_statement_price { /* that was measured by */
	const char *meter, *region, *layer, *source, *confidence;
};
struct weir_statement_close {
	struct weir_statement_head head; /* account, period, currency, measured_in, payer, rate, closed_s: the caller's */
	const struct weir_settlement_claim *claims; /* what was measured; NULL: what an earlier version holds */
	size_t claim_count;
	const struct weir_statement_price *prices;
	size_t price_count;
};
/*
 * Begins to close; until weir_statement_freeze() or weir_statement_abort() nothing else writes to the file. Sets version and
 * booked_s of head by account and period. -EINVAL: the month is not over at closed_s, is closed and no newer bill has come, or
 * is closed for other accounts together with this one. -ENOENT: there is no bill of it.
 */
int weir_statement_begin(struct weir_bills *b, struct weir_statement_head *head, struct weir_err *err);
void weir_statement_abort(struct weir_bills *b);
/*
 * Freezes the lines, or what they correct, sets the rest of head, and says what was removed (each month once; may be NULL).
 * -EUCLEAN: they do not sum to the bills, and nothing is frozen.
 */
int weir_statement_freeze(struct weir_bills *b, struct weir_statement_close *c, const struct weir_statement *s,
			  void (*removed)(int64_t period_s, void *arg), void *arg, struct weir_err *err);

/* What was measured when the month was closed. -ENOENT: it was not. adjusted is 0. */
int weir_statement_claims(struct weir_bills *b, const char *account, int64_t period_s,
			  int (*fn)(const struct weir_settlement_claim *c, void *arg), void *arg, struct weir_err *err);
/* All statements, by month, account and version. */
int weir_statement_heads(struct weir_bills *b, int (*fn)(const struct weir_statement_head *h, void *arg), void *arg,
			 struct weir_err *err);
/* Lines of one, dearest first; team NULL: of all. */
int weir_statement_lines(struct weir_bills *b, const struct weir_statement_head *h, const char *team,
			 int (*fn)(const struct weir_statement_line *l, void *arg), void *arg, struct weir_err *err);
/* Which bills it is of: account, version, hash; and which prices. */
int weir_statement_bills(struct weir_bills *b, const struct weir_statement_head *h,
			 int (*fn)(const char *account, uint64_t version, const char *sha256, void *arg), void *arg,
			 struct weir_err *err);
int weir_statement_prices(struct weir_bills *b, const struct weir_statement_head *h,
			  int (*fn)(const struct weir_statement_price *p, void *arg), void *arg, struct weir_err *err);

#endif
