/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: JSON lines, each chained to the one before by SHA-256.
 *
 *   {"seq":N,"time_ns":T,"event":"...","fields":{...},"prev":"<64 hex>","hash":"<64 hex>"}
 *
 * hash = SHA-256(prev as 32 bytes || the line's bytes up to, not including, `,"prev":`). The first
 * prev is all zeros; seq counts from 1. An entry is on disk (fdatasync) when audit_add returns. A
 * changed, removed, inserted or reordered line breaks the chain at that line.
 */
#ifndef AGGREGATOR_AUDIT_H
#define AGGREGATOR_AUDIT_H

#include "lib/ds/buf.h"

struct audit;

/* Verifies the whole chain; cuts a torn last line (a crash in mid-write) and notes that as an entry. */
int audit_open(const char *path, uint64_t now_ns, struct audit **ret, struct weir_err *err);
void audit_close(struct audit *a);
/* fields: name, value pairs, ending with NULL; values are text. */
int audit_add(struct audit *a, uint64_t now_ns, const char *event, ...) __attribute__((sentinel));
uint64_t audit_count(const struct audit *a);
/* Calls fn for each of the last `limit` lines, oldest first; line is terminated. */
int audit_tail(const struct audit *a, size_t limit, int (*fn)(const char *line, void *arg), void *arg);

#endif
