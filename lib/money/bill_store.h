/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bills in an SQLite file of their own. A file is imported whole or not at all, in one transaction; what it says of an
 * account's billing period is a version of that bill, beside those that were there: nothing is ever overwritten. The same
 * bytes are imported once.
 */
#ifndef WEIR_BILL_STORE_H
#define WEIR_BILL_STORE_H

#include "lib/money/bill.h"

#define WEIR_BILLS_SCHEMA 2
#define WEIR_BILL_TOTALS_MAX 512

struct weir_bills;
/* create: makes the file where there is none. An older schema is migrated, a newer one refused (-EINVAL). */
int weir_bills_open(const char *path, bool create, struct weir_bills **ret, struct weir_err *err);
void weir_bills_close(struct weir_bills *b);
static inline void weir_bills_closep(struct weir_bills **b)
{
	weir_bills_close(*b);
}
#define weir_auto_bills weir_cleanup(weir_bills_closep)

/* Sums over rows: of one currency, and of one kind of network transfer ("" = of everything). */
struct weir_bill_total {
	char currency[16], network[24];
	uint64_t rows;
	__int128 nanos[WEIR_BILL_COSTS]; /* what is absent counts as 0 */
	__int128 bytes;			 /* nano-bytes */
};

struct weir_bill_import {
	bool strict;	   /* the first bad row ends it, and nothing is stored */
	uint64_t now_s;	   /* is kept as the time of the import */
	weir_bill_bad_fn bad;
	void (*progress)(const struct weir_bill_stats *s, void *arg); /* every few thousand rows; may be NULL */
	void *arg;
};
struct weir_bill_imported {
	struct weir_bill_stats stats;
	uint8_t sha256[32];
	bool known;	  /* the same bytes were imported before, as file_name: nothing was done */
	char file_name[256];
	size_t bills;	  /* versions made */
	uint64_t version; /* the highest of them */
	struct weir_bill_total totals[WEIR_BILL_TOTALS_MAX];
	size_t total_count;
};
/*
 * One file, or the parts of one delivery, which are one version; all of them or nothing. bills NULL: reads, checks and sums
 * alone. -EBADMSG after the first bad row when strict. The hash of several parts is that of their hashes in order.
 */
int weir_bills_import(struct weir_bills *bills, const char *const *paths, size_t n, const struct weir_bill_import *how,
		      struct weir_bill_imported *ret, struct weir_err *err);

struct weir_bill_version {
	const char *account, *provider, *format, *file;
	int64_t period_start_s, period_end_s;
	uint64_t version, imported_s, rows, bad_rows;
	const char *sha256; /* hex */
};
/* Ordered by account, period, version. What fn gives other than 0 ends it and is given back. */
int weir_bills_list(struct weir_bills *b, int (*fn)(const struct weir_bill_version *v, void *arg), void *arg,
		    struct weir_err *err);

struct weir_bill_query {
	const char *account; /* NULL: all */
	int64_t period_start_s; /* a month's start; 0: all */
	uint64_t version;	/* 0: the newest of each bill */
	const char *by;		/* of weir_bills_by */
	uint64_t limit;
};
/* "service", "sku", ..., ended by NULL: what sums can be grouped by. */
extern const char *const weir_bills_by[];
struct weir_bill_sum {
	const char *key, *currency;
	uint64_t rows;
	__int128 nanos[WEIR_BILL_COSTS], bytes; /* nano-units, nano-bytes */
};
/* Grouped by the text and the currency, by falling billed cost. -ENOENT: no bill is of that kind. */
int weir_bills_sums(struct weir_bills *b, const struct weir_bill_query *q, int (*fn)(const struct weir_bill_sum *s, void *arg),
		    void *arg, struct weir_err *err);

/* A line as it is stored; texts live until fn returns, "" is absent. */
struct weir_bill_line {
	int64_t id;
	const char *bill_account, *provider, *account, *service, *sku, *meter, *usage_type, *region, *resource, *category, *class;
	const char *network, *unit, *currency; /* account: the billed one where the line names no other */
	int64_t from_s, to_s;
	bool has_quantity, has_cost[WEIR_BILL_COSTS];
	struct weir_bill_quantity quantity;
	int64_t nanos[WEIR_BILL_COSTS];
};
/* Of each bill that q is of, in the order of the file; by and limit do not matter. -ENOENT: no bill is of that kind. */
int weir_bills_lines(struct weir_bills *b, const struct weir_bill_query *q, int (*fn)(const struct weir_bill_line *l, void *arg),
		     void *arg, struct weir_err *err);
/* Where a line stands: "file:line" of what was imported; the caller's. */
int weir_bills_line_place(struct weir_bills *b, int64_t id, char **ret, struct weir_err *err);

/* "12.345678901": of nano-units, exact; buf of 48. */
char *weir_bill_amount(__int128 nanos, char buf[48]);

#endif
