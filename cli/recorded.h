/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded traffic out of the aggregator. */
#ifndef WEIR_CLI_RECORDED_H
#define WEIR_CLI_RECORDED_H

#include "cli/cli.h"
#include "lib/money/traffic.h"

/*
 * Each row of the whole hours of [from_s, to_s), page by page, to fn, whose non-zero return ends it and is returned. *ret_rows
 * is how many there were. A line on standard error says how far it is, on a terminal.
 */
int recorded_fetch(const struct cli *c, uint64_t from_s, uint64_t to_s,
		   int (*fn)(const struct weir_traffic *t, void *arg), void *arg, uint64_t *ret_rows, struct weir_err *err);

#endif
