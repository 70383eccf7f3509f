/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines go to stderr, one line each: "<priority>program: text" under systemd (JOURNAL_STREAM
 * set), else "program: level: text". Library code logs nothing above debug: a failure is printed
 * once, by the program that handles it.
 */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H

#include "lib/base/base.h"

enum weir_log_level { WEIR_LOG_ERR, WEIR_LOG_WARN, WEIR_LOG_INFO, WEIR_LOG_DEBUG };

void weir_log_init(const char *program, enum weir_log_level max);
void weir_log(enum weir_log_level level, const char *fmt, ...) WEIR_PRINTF(2, 3);
/* Logs at error level with strerror(-r) appended; returns r. */
int weir_log_err(int r, const char *fmt, ...) WEIR_PRINTF(2, 3);

#endif
