/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: JSON lines, each chained to the one before by SHA-256.
 *
 *   {"seq":N,"time_ns":T,"event":"...","fields":{...},"prev":"<64 hex>","hash":"<64 hex>"}
 *
 * hash = SHA-256(prev as 32 bytes || the line's bytes up to, not including, `,"prev":`). The first
 * prev is all zeros; seq counts from 1. An entry is on disk (fdatasync) when audit_add returns, or those of a
 * turn of the loop together (audit_hold), and always before a head of it goes to a witness. A changed, removed, inserted or reordered line breaks the chain at that line.
 */
#ifndef AGGREGATOR_AUDIT_H
#define AGGREGATOR_AUDIT_H

#include "lib/ds/buf.h"
#include "lib/os/chain.h"

struct audit;

/* Verifies the whole chain; cuts a torn last line (a crash in mid-write) and notes that as an entry. */
int audit_open(const char *path, uint64_t now_ns, struct audit **ret, struct weir_err *err);
void audit_close(struct audit *a);
/* fields: name, value pairs, ending with NULL; values are text. */
int audit_add(struct audit *a, uint64_t now_ns, const char *event, ...) __attribute__((sentinel));
/* From audit_hold on entries wait for audit_release, which puts all of them on disk. On failure none of them was added. */
void audit_hold(struct audit *a);
int audit_release(struct audit *a);
/* The last entry, signed; the signature is made once per entry. -ENOENT for an empty log. */
int audit_head(struct audit *a, const struct weir_key *key, struct weir_chain_head *ret);
/* Whether the log holds the entry of a head. -ENODATA: the log ends before it; -EBADMSG: another entry is there.
 * One of the last few thousand costs nothing, an older one a pass through the file. */
int audit_holds(const struct audit *a, const struct weir_chain_head *h);
uint64_t audit_count(const struct audit *a);
/* Calls fn for each of the last `limit` lines, oldest first; line is terminated. */
int audit_tail(const struct audit *a, size_t limit, int (*fn)(const char *line, void *arg), void *arg);

#endif
