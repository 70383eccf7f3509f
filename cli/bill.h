/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about bills share. */
#ifndef WEIR_CLI_BILL_H
#define WEIR_CLI_BILL_H

#include "cli/cli.h"

/* Where an analyst works, who is not root and has no aggregator. */
#define BILLS_DEFAULT "weir-bills.db"

/* A month as people write it, "2026-10": its first second and that of the next, UTC. */
int bill_period(const char *period, int64_t *ret_from_s, int64_t *ret_to_s, struct weir_err *err);

#endif
