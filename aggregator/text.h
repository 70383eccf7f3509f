/* SPDX-License-Identifier: Apache-2.0 */
/* Small exact texts: JSON strings, money, months. Pure. */
#ifndef AGGREGATOR_TEXT_H
#define AGGREGATOR_TEXT_H

#include "bpf/abi/weir_abi.h"
#include "lib/ds/buf.h"

#define TEXT_MONEY_MAX 32

/* Appends s as a quoted JSON string; control characters are escaped, a byte that is not of UTF-8 becomes '?'. */
int text_json(struct weir_buf *b, const char *s);
/* Nano-units as a decimal, at least two decimals, never rounded: 1500000000 -> "1.50". */
char *text_money(int64_t nanos, char buf[TEXT_MONEY_MAX]);
/* Billing month of a Unix time in UTC: 202611. */
uint32_t text_month(uint64_t time_s);

/* weir_undo, as it stands in reports and in the audit log. */
const char *text_undo(uint32_t why);

#endif
