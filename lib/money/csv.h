/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comma-separated values (RFC 4180) from a file, plain or gzip, one record at a time in bounded memory (the bounds of
 * bill.h). Fields may be quoted and then hold commas, newlines and doubled quotes; lines end in LF or CRLF; a byte-order
 * mark is skipped, as are empty lines. A quote inside an unquoted field is that character, as most writers mean it.
 */
#ifndef WEIR_CSV_H
#define WEIR_CSV_H

#include "lib/base/base.h"

struct weir_csv_field {
	char *text; /* NUL behind its end; bytes as they stand in the file, NUL among them */
	size_t len;
	bool quoted; /* "" is quoted and empty, nothing is not */
};

struct weir_csv;

/* path is also the name in messages. Whether it is gzip is seen by its first bytes. */
int weir_csv_open(const char *path, struct weir_csv **ret, struct weir_err *err);
void weir_csv_free(struct weir_csv *c);
static inline void weir_csv_freep(struct weir_csv **c)
{
	weir_csv_free(*c);
}
#define weir_auto_csv weir_cleanup(weir_csv_freep)

/*
 * The next record: 1, 0 at the end, or -errno with "path:line: what is wrong" in err. The fields are the reader's and
 * live until the next call. After a failure there is no going on.
 */
int weir_csv_next(struct weir_csv *c, const struct weir_csv_field **ret, size_t *ret_count, struct weir_err *err);
/* The line, from 1, in which the last record began. */
uint64_t weir_csv_line(const struct weir_csv *c);
const char *weir_csv_name(const struct weir_csv *c);

#endif
