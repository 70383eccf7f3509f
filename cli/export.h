/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of weirctl export share. */
#ifndef WEIR_CLI_EXPORT_H
#define WEIR_CLI_EXPORT_H

#include "cli/cli.h"
#include "lib/money/focus_columns.h"

/* "1.2" or "1.3" */
int export_version(const char *text, enum weir_focus_version *ret, struct weir_err *err);
/* Prints what is wrong with the file; CLI_NOT_WELL when something is. */
int export_check_columns(const struct cli *c, const char *version, const char *file, struct weir_err *err);

#endif
