/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the bill's reader share: bytes -> records -> values by column -> a row. */
#ifndef WEIR_BILL_IMPL_H
#define WEIR_BILL_IMPL_H

#include "lib/ds/buf.h"
#include "lib/ds/map.h"
#include "lib/money/bill.h"
#include "lib/money/csv.h"

/* --- bytes (bill_source.c): inflated where the file is gzip --- */
struct bill_source;
int bill_source_open(int fd, struct bill_source **ret); /* takes fd */
void bill_source_close(struct bill_source *s);
/* Up to size bytes; 0 at the end. -EBADMSG: a gzip stream that is torn or damaged. */
ssize_t bill_source_read(struct bill_source *s, char *buf, size_t size);
bool bill_source_gzip(const struct bill_source *s);
uint64_t bill_source_pos(const struct bill_source *s);	/* bytes of the file that were read */
uint64_t bill_source_size(const struct bill_source *s);
int bill_source_sha256(struct bill_source *s, uint8_t ret[32]);

/* --- records (bill_record.c) --- */
struct bill_lines {
	struct bill_source *source;
	char *data; /* two records and what a read brings */
	size_t at, len, cap;
	uint64_t line; /* of data[at] */
	bool ended;
	bool raw; /* bytes as they stand, whether they are UTF-8 or not */
};
int bill_lines_init(struct bill_lines *l, struct bill_source *source);
void bill_lines_fini(struct bill_lines *l);
/* Makes at least `want` bytes stand at data[at] unless the file ends before; moves them, so pointers end. */
int bill_lines_fill(struct bill_lines *l, size_t want);
/* Passes over a byte-order mark at the begin. */
int bill_lines_skip_mark(struct bill_lines *l);

struct bill_record {
	uint64_t line;
	struct weir_csv_field *values;
	size_t count, cap;
	bool odd_text;
	const char *bad; /* a reason, static */
	size_t bad_column;
};
/* One CSV record, fields unquoted in place. 1, 0 at the end, -errno of the source. A record that is bad is 1 with `bad`. */
int bill_csv_next(struct bill_lines *l, struct bill_record *rec);
/* One line, without its end; 1, 0, -errno. NULL in *ret when it is over-long (it is passed over). */
int bill_line_next(struct bill_lines *l, char **ret, size_t *ret_len, uint64_t *ret_line, bool *ret_odd);

/* --- JSON (bill_json.c) --- */
/* Is the object or array at this path wanted as its text, not by its members? */
typedef bool (*bill_json_raw_fn)(const char *path, size_t len, void *arg);
/* Value: text (strings unescaped in place, numbers and raw objects as they stand), NULL for null. -errno ends the walk. */
typedef int (*bill_json_fn)(const char *path, size_t len, char *text, size_t text_len, void *arg);
/* Walks a line that holds one object; text is changed. -EINVAL: no JSON object. */
int bill_json_walk(char *text, size_t len, bill_json_raw_fn raw, bill_json_fn fn, void *arg);
/* The same for the members of one object, or for each object of an array of objects. */
int bill_json_members(char *text, size_t len, bill_json_fn fn, void *arg);
bool bill_json_is_object(const char *text, size_t len);
int bill_json_quote(struct weir_buf *b, const char *text);

/* --- columns (bill_columns.c) --- */
enum bill_kind { BILL_TEXT, BILL_COST, BILL_TIME, BILL_OTHER };
/* Values that become a row only together with others. */
enum bill_other {
	BILL_QUANTITY,	     /* of the unit that UNIT names, a block's number in front ("100 GB") is not in it */
	BILL_BLOCKS,	     /* of blocks: 3 of "100 GB" are 300 GB */
	BILL_BLOCK_UNIT,
	BILL_UNIT,
	BILL_TYPE,	     /* CUR's line item type, GCP's cost type, Azure's ChargeType */
	BILL_RI_COST,	     /* CUR: effective cost of what a reservation covered */
	BILL_SP_COST,	     /* CUR: of what a savings plan covered */
	BILL_RI_UNUSED,	     /* CUR: of a reservation's fee, what nobody used */
	BILL_SP_TOTAL,	     /* CUR: of a savings plan's fee, all of it */
	BILL_SP_USED,	     /* CUR: and what was used of it */
	BILL_CREDITS,	     /* GCP: JSON of {"amount":...} */
	BILL_CREDIT,	     /* GCP, flattened: one amount */
	BILL_INVOICE_MONTH,  /* "202409" */
	BILL_PRODUCT,	     /* CUR 2.0: JSON with the region */
	BILL_OTHERS,
};
struct bill_column {
	const char *name; /* letters and digits alone, lower case: "lineitemusagetype" */
	uint8_t kind, which;
	bool required; /* or another column of the same format, kind and which that is required */
};
struct bill_format {
	const char *name;
	const char *sign[2]; /* a header with both is of this format */
	const char *provider;
	const struct bill_column *columns; /* of one target, the first that is not absent wins */
	size_t column_count;
	const char *tag_prefix[2]; /* a column of that name and more is one tag */
};
extern const struct bill_format bill_formats[WEIR_BILL_FORMATS];

/* The effective cost and the category that a line item type means. */
enum bill_effective { BILL_EFF_BILLED, BILL_EFF_RI, BILL_EFF_SP, BILL_EFF_RI_FEE, BILL_EFF_SP_FEE, BILL_EFF_ZERO };
struct bill_type {
	const char *type, *category, *class;
	enum bill_effective effective;
};
const struct bill_type *bill_type_find(enum weir_bill_format f, const char *type); /* NULL: unknown */

/* name without case and punctuation; buf of size; returns its length. */
size_t bill_plain_name(const char *name, size_t len, char *buf, size_t size);

/* --- units (bill_unit.c) --- */
struct bill_unit {
	uint64_t block;	   /* "100 GB": 100 */
	uint64_t multiple; /* bytes of one, 0: no unit of data */
	const char *name;  /* within the text, behind the block */
};
/* Whether "GB" is 2^30 or 10^9 bytes depends on the provider. */
struct bill_unit bill_unit_of(const char *text, const char *provider);

/* --- the reader (bill.c), rows (bill_row.c) --- */
struct bill_slot {
	char *name;
	const char *tag; /* within name; NULL: no tag */
};
#define BILL_TARGETS (WEIR_BILL_TEXTS + WEIR_BILL_COSTS + WEIR_BILL_TIMES + BILL_OTHERS)
#define BILL_CHOICES 6 /* columns of one target, at most */

struct weir_bill_reader {
	char *name;
	weir_bill_bad_fn bad;
	void *bad_arg;
	struct bill_source *source;
	struct bill_lines lines;
	struct bill_record rec;
	const struct bill_format *format;
	struct bill_slot slots[WEIR_BILL_COLUMNS_MAX];
	size_t slot_count;
	struct weir_map *by_name; /* JSON: path -> slot + 1 */
	/* Slot + 1 of each target's columns, in the table's order; 0: not in this file. */
	uint16_t choice[BILL_TARGETS][BILL_CHOICES];
	uint16_t others[WEIR_BILL_COLUMNS_MAX], other_count; /* extras */
	uint16_t tags[WEIR_BILL_COLUMNS_MAX], tag_count;
	struct weir_bill_extra extras[WEIR_BILL_COLUMNS_MAX + 1];
	struct weir_buf tag_text, scratch; /* what a row's texts may point into */
	char reason[160];
	struct weir_bill_row row;
	struct weir_bill_stats stats;
};
static inline size_t bill_target(enum bill_kind kind, unsigned int which)
{
	static const size_t base[] = {
		[BILL_TEXT] = 0,
		[BILL_COST] = WEIR_BILL_TEXTS,
		[BILL_TIME] = WEIR_BILL_TEXTS + WEIR_BILL_COSTS,
		[BILL_OTHER] = WEIR_BILL_TEXTS + WEIR_BILL_COSTS + WEIR_BILL_TIMES,
	};

	return base[kind] + which;
}
/* The start of the month of time_s, or so many months later. */
int64_t bill_month_start(int64_t time_s, unsigned int later);
/* Adds a column by its name in the file (bill_header.c); the slot or -E2BIG, -ENOMEM. */
int bill_slot_add(struct weir_bill_reader *b, const char *name, size_t len);
/* Finds out what the file is, its format and, of CSV, its columns. */
int bill_header_read(struct weir_bill_reader *b, struct weir_err *err);
/* 0, or -EINVAL with the column and the reason that it is bad for. */
int bill_row_make(struct weir_bill_reader *b, const char **ret_column, const char **ret_reason);
bool bill_absent(const struct weir_csv_field *v);
/* The first value of a target that is not absent, NULL: none. *ret_name is the column that it is of, or would be. */
struct weir_csv_field *bill_find(struct weir_bill_reader *b, enum bill_kind kind, unsigned int which, const char **ret_name);
/* Both fill b->row, behind its extras: tags that are none become one. (bill_tags.c) */
int bill_tags_make(struct weir_bill_reader *b);
/* CUR 2.0 has the region within its product column, beside one or without. */
int bill_product_make(struct weir_bill_reader *b);

#endif
