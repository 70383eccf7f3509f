/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_RESIDUAL_H
#define WEIR_CLI_RESIDUAL_H

#include "cli/view.h"

/* Writes what weirctl bill reconcile found (its JSON) to a file, in Prometheus' text format, whole or not at all. */
int residual_write(const char *file, const json_t *root, const char *period, struct weir_err *err);

#endif
