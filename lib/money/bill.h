/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bills as providers write them, one row at a time in constant memory: FOCUS 1.0 to 1.4, AWS CUR 2.0 and legacy CUR,
 * Azure cost exports (actual and amortized, EA and MCA) and GCP's BigQuery export; CSV (RFC 4180) or one JSON object a
 * line, plain or gzip, whatever the file is called. Which column of which format goes where is one table:
 * lib/money/bill_columns.c. Columns are found by name, in any order, whatever their case and punctuation; what is not
 * in the table is kept as an extra.
 *
 * Amounts are integers of nano-units of the row's currency, read from their decimal digits; what is finer is rounded
 * half to even and counted. Nothing passes a floating-point number.
 */
#ifndef WEIR_BILL_H
#define WEIR_BILL_H

#include "lib/base/base.h"

#define WEIR_BILL_RECORD_MAX ((size_t)1 << 20) /* bytes of one row */
#define WEIR_BILL_FIELD_MAX ((size_t)64 << 10) /* bytes of one field */
#define WEIR_BILL_COLUMNS_MAX 1024

enum weir_bill_format { WEIR_BILL_FOCUS, WEIR_BILL_CUR, WEIR_BILL_AZURE, WEIR_BILL_GCP, WEIR_BILL_FORMATS };
const char *weir_bill_format_name(enum weir_bill_format f); /* "focus", "cur", "azure", "gcp" */

/* Texts of a row; "" is absent. */
enum weir_bill_text {
	WEIR_BILL_PROVIDER,	    /* "AWS", "Microsoft", "Google Cloud", or what a FOCUS bill says */
	WEIR_BILL_ACCOUNT,	    /* that is billed */
	WEIR_BILL_SUB_ACCOUNT,	    /* account, subscription or project that used it */
	WEIR_BILL_SUB_ACCOUNT_NAME,
	WEIR_BILL_SERVICE,
	WEIR_BILL_SERVICE_CATEGORY,
	WEIR_BILL_SKU,
	WEIR_BILL_METER,
	WEIR_BILL_USAGE_TYPE,	    /* AWS: with the region's prefix, "USW2-NatGateway-Bytes" */
	WEIR_BILL_OPERATION,
	WEIR_BILL_REGION,
	WEIR_BILL_ZONE,
	WEIR_BILL_RESOURCE,
	WEIR_BILL_CATEGORY,	    /* FOCUS' ChargeCategory: Usage, Purchase, Tax, Credit, Adjustment */
	WEIR_BILL_CLASS,	    /* FOCUS' ChargeClass: "Correction" */
	WEIR_BILL_DESCRIPTION,
	WEIR_BILL_UNIT,		    /* "Bytes" where the bill's unit is one of data, else as the bill says */
	WEIR_BILL_CURRENCY,
	WEIR_BILL_TAGS,		    /* a JSON object of texts */
	WEIR_BILL_TEXTS,
};
const char *weir_bill_text_name(enum weir_bill_text t); /* "sub_account" */

enum weir_bill_cost { WEIR_BILL_LIST, WEIR_BILL_CONTRACTED, WEIR_BILL_EFFECTIVE, WEIR_BILL_BILLED, WEIR_BILL_COSTS };
const char *weir_bill_cost_name(enum weir_bill_cost c);

enum weir_bill_time {
	WEIR_BILL_CHARGE_START, WEIR_BILL_CHARGE_END, WEIR_BILL_PERIOD_START, WEIR_BILL_PERIOD_END, WEIR_BILL_TIMES
};

/* whole + nanos / 10^9, both of one sign. */
struct weir_bill_quantity {
	int64_t whole;
	int32_t nanos;
};

struct weir_bill_extra {
	const char *name, *value; /* as in the file */
};

/* All texts are the reader's, until the next row. */
struct weir_bill_row {
	uint64_t line; /* of the file where it begins, from 1 */
	const char *text[WEIR_BILL_TEXTS];
	int64_t nanos[WEIR_BILL_COSTS];
	bool has_cost[WEIR_BILL_COSTS]; /* billed: always */
	bool has_quantity;
	struct weir_bill_quantity quantity;
	int64_t time_s[WEIR_BILL_TIMES]; /* UTC; ends are exclusive */
	const struct weir_bill_extra *extras;
	size_t extra_count;
};

/* One row that cannot be used; column is "" where it is the row as a whole. */
struct weir_bill_bad {
	const char *file;
	uint64_t line;
	const char *column, *reason;
};
typedef void (*weir_bill_bad_fn)(const struct weir_bill_bad *bad, void *arg);

struct weir_bill_stats {
	enum weir_bill_format format;
	bool json, gzip;
	uint64_t bytes_read, bytes_total;    /* of the file, as it lies there */
	uint64_t rows, bad_rows;
	uint64_t rounded_costs, rounded_quantities; /* that had digits below 10^-9 */
	uint64_t odd_tags;		     /* tags that are no JSON object: kept as an extra */
	uint64_t odd_text;		     /* rows whose bytes were no UTF-8: '?' instead */
};

struct weir_bill_reader;
/*
 * Reads as far as the header, or the first object. -EINVAL for what is no bill, lacks columns that a bill of its format
 * must have, or is a torn gzip stream; each with one line in err. name is what messages call the file.
 */
int weir_bill_open(const char *path, weir_bill_bad_fn bad, void *arg, struct weir_bill_reader **ret,
		   struct weir_err *err);
/* Takes the ownership of fd. */
int weir_bill_open_fd(int fd, const char *name, weir_bill_bad_fn bad, void *arg, struct weir_bill_reader **ret,
		      struct weir_err *err);
/*
 * 1: *ret is the next row that is well. 0: the end. Bad rows are told to `bad`, counted and passed over. -EINVAL when the
 * file ends before its gzip stream does: what came until then is not the bill.
 */
int weir_bill_next(struct weir_bill_reader *b, const struct weir_bill_row **ret, struct weir_err *err);
const struct weir_bill_stats *weir_bill_stats(const struct weir_bill_reader *b);
/* SHA-256 of the file's bytes; once weir_bill_next() has said 0. */
int weir_bill_sha256(struct weir_bill_reader *b, uint8_t ret[32]);
void weir_bill_close(struct weir_bill_reader *b);
static inline void weir_bill_closep(struct weir_bill_reader **b)
{
	weir_bill_close(*b);
}
#define weir_auto_bill weir_cleanup(weir_bill_closep)

/*
 * What kind of network transfer a row charges for: "internet", "inter-zone", "nat", ...; NULL: it charges for something
 * else. By usage type, operation, meter, SKU and description, in the order of a table (lib/money/bill_network.c).
 */
const char *weir_bill_network(const struct weir_bill_row *row);

/*
 * Decimal digits to an integer of nano-units of value * multiple: sign, digits, fraction, exponent. Exact, but for what is
 * below a nano-unit, which is rounded half to even and sets *rounded. -EINVAL: no number; -ERANGE.
 */
int weir_bill_decimal(const char *s, size_t len, uint64_t multiple, __int128 *ret, bool *rounded);
/* "2024-09-18 22:00:00", with T, fraction, Z, UTC or an offset; "2024-09-18"; "09/18/2024". UTC without an offset. */
int weir_bill_time(const char *s, int64_t *ret_s);

#endif
