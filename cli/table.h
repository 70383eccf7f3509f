/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned tables for people, and numbers as they read them. */
#ifndef WEIR_CLI_TABLE_H
#define WEIR_CLI_TABLE_H

#include "lib/base/base.h"

#define TABLE_COLUMNS_MAX 32
#define HUMAN_MAX 48

struct table;
int table_new(struct table **ret);
void table_free(struct table *t);
static inline void table_freep(struct table **t)
{
	table_free(*t);
}
#define table_auto weir_cleanup(table_freep)
/* All columns before the first cell. */
int table_column(struct table *t, const char *title, bool right);
/* Cells fill rows from left to right. Control bytes become '?': text from the network cannot steer
 * the terminal. */
int table_cell(struct table *t, const char *text);
/* Cuts what stands in the last column so that lines have at most so many characters; it keeps TABLE_LEAST of them. */
#define TABLE_LEAST 16
void table_fit(struct table *t, size_t width);
/* Columns two blanks apart, no blanks at the end of a line; the title line bold when colour. */
int table_print(const struct table *t, FILE *f, bool colour);

/* All fill and return buf of HUMAN_MAX bytes. */
char *human_bytes(uint64_t bytes, char *buf);	  /* "999 B", "1.46 KiB", "3.20 GiB" */
char *human_rate(uint64_t bits_per_s, char *buf); /* "50.0 Mbit/s" */
char *human_seconds(uint64_t s, char *buf);	  /* "5s", "3m12s", "2h05m", "4d03h" */
/* Rounded half away from zero to 6 decimals; to all 9 when 6 would show a cost as nothing. */
char *human_money(int64_t nanos, const char *currency, char *buf);

#endif
