/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A month's bill, settled line by line with what was measured of it: what weirctl bill reconcile shows and weirctl
 * statement close freezes. Measured is what the aggregator has of the month, as fine as the bill's lines are; or recorded
 * traffic, from the month's beginning on, that is replayed; or files that weirctl cost --by class,team,path,meter --json has
 * written: each with the time in it, or else of the whole month.
 */
#ifndef WEIR_CLI_SETTLE_H
#define WEIR_CLI_SETTLE_H

#include "cli/args.h"
#include "cli/bill.h"
#include "cli/view.h"
#include "lib/ds/map.h"
#include "lib/money/settlement.h"
#include "lib/policy/repo.h"

struct settle_question {
	const char *bills, *period, *account, *dir, *rate;
	const char *payer; /* teams are those who pay (weirctl cost --payer); NULL: those whose bytes passed */
	const char *measured[ARGS_LIST_MAX + 1], *traffic[ARGS_LIST_MAX + 1];
	bool by_workload; /* "namespace/workload" stands where a team does */
	bool months;	  /* files of other months are passed over, the question is asked of several */
};
#define SETTLE_OPTIONS(q)                                                                                          \
	{"--bills", ARGS_STR, &(q).bills}, {"--account", ARGS_STR, &(q).account}, {"--dir", ARGS_STR, &(q).dir}, \
		{"--payer", ARGS_STR, &(q).payer},                                                                \
		{"--rate", ARGS_STR, &(q).rate}, {"--measured", ARGS_LIST, (q).measured}, {"--traffic", ARGS_LIST, (q).traffic}

struct settle {
	const struct cli *c;
	const struct settle_question *q;
	struct weir_bills *bills;
	struct weir_pricebook *book;
	struct weir_charges *charges;
	struct weir_repo *repo; /* NULL: the directory holds books alone, so no class of a node is known */
	struct weir_settlement *settlement;
	struct weir_map *accounts; /* that the lines are of; what was measured of others is no matter of theirs. NULL: all are */
	int64_t from_s, to_s; /* the month */
	int64_t rate;	      /* billing currency for one of the ledger's, in nanos */
	char currency[16];    /* of the bill */
	char measured_in[16];
	struct weir_err *err;
};
/* Opens what the question names; s must be zero. create: a file of bills is written to. */
int settle_open(struct settle *s, const struct cli *c, const struct settle_question *q, weir_settled_fn fn, void *arg,
		struct weir_err *err);
/* Reads the bill, and then measured; weir_settlement_run() tells fn of each line. */
int settle_bill(struct settle *s);
int settle_measured(struct settle *s);
int settle_traffic(struct settle *s); /* of q->traffic */
/* All of it. */
int settle_run(struct settle *s);
void settle_close(struct settle *s);

/* What settle_run() is made of, for who has measured otherwise; book, charges, settlement and err must be set. */
int settle_add_line(struct settle *s, const struct weir_bill_line *l);
int settle_add_claim(struct settle *s, const struct weir_settlement_claim *c);
int settle_rate(const char *text, int64_t *ret, struct weir_err *err);
/* What was measured is in this currency: the bill's, or there is a rate. */
int settle_currency(struct settle *s, const char *currency);
#define SETTLE_NO_TEAM "(no team)"
#define SETTLE_IDLE "(idle)" /* who has what nobody used */
#define auto_settle weir_cleanup(settle_close) struct settle

#endif
