/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of weirctl statement share. */
#ifndef WEIR_CLI_STATEMENT_H
#define WEIR_CLI_STATEMENT_H

#include "cli/prices.h"
#include "lib/base/clock.h"
#include "lib/money/statement.h"

char *statement_month(int64_t time_s, char buf[PRICES_TEXT]); /* "2026-10" */
/* Period, account, version, what it is, booked, closed and sums; NULL: no memory. */
json_t *statement_head_json(const struct weir_statement_head *h);

#endif
