/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of weirctl export share. */
#ifndef WEIR_CLI_EXPORT_H
#define WEIR_CLI_EXPORT_H

#include "cli/cli.h"
#include "lib/money/focus_export.h"

struct weir_repo;

/* "1.2" or "1.3" */
int export_version(const char *text, enum weir_focus_version *ret, struct weir_err *err);
/* Prints what is wrong with the file; CLI_NOT_WELL when something is. */
int export_check_columns(const struct cli *c, const char *version, const char *file, struct weir_err *err);

/* Where charges come from, and where they go: x gets those of [from_s, to_s) in periods of step_s, and what the pools of the
 * first month had used before. */
struct export_source {
	const struct cli *c;
	const struct weir_repo *repo;
	struct weir_focus_export *x;
	uint64_t from_s, to_s, step_s;
	struct weir_err *err;
};
int export_from_ledger(struct export_source *s);		       /* of the aggregator (export_ledger.c) */
int export_from_traffic(struct export_source *s, const char *const *files); /* a replay (export_replayed.c) */
/* The first second of the month of a time, UTC. */
uint64_t export_month_start(uint64_t time_s);

#endif
