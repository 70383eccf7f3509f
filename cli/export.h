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
	const char *payer; /* of what shares of hourly resources go by; NULL: they are not shared */
	struct weir_err *err;
};
int export_from_ledger(struct export_source *s);		       /* of the aggregator (export_ledger.c) */
int export_from_traffic(struct export_source *s, const char *const *files); /* a replay (export_replayed.c) */
/* Of a period, what each team has of each hourly resource; zeroed at first (export_shares.c). */
struct export_share {
	char *via, *team, *how; /* "domain/name"; "" = nobody's; "shared by bytes" */
	uint64_t nanos;
};
struct export_shares {
	struct export_share *rows;
	size_t n, cap;
};
void export_shares_fini(struct export_shares *s);
int export_shares_add(struct export_shares *s, const char *via, const char *team, const char *how, int64_t nanos);
/* As the aggregator allocates them. */
int export_shares_fetch(const struct export_source *s, uint64_t from_s, uint64_t to_s, struct export_shares *ret);
/* A resource's charge in parts as its shares are, or whole where there are none: always all of it. */
int export_shares_give(const struct export_source *s, const struct export_shares *shares, const struct weir_focus_charge *whole);
/* The first second of the month of a time, UTC. */
uint64_t export_month_start(uint64_t time_s);

#endif
