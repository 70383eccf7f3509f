/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict YAML: a file becomes a tree whose nodes remember line and column. Refused with one line
 * "file:line:col path: what is wrong": depth over 32, anchors, aliases, tags, merge keys, duplicate
 * keys, files over 1 MiB, more than 100,000 nodes, bytes that are not UTF-8, a required value that
 * is empty. Scalars stay text until a typed getter reads them ("y" and "no" are strings; booleans
 * are true and false only).
 *
 * Readers take nodes by key; weir_y_end() then refuses every key that nobody asked for. So a
 * schema is the code that reads it, and unknown fields are errors everywhere.
 */
#ifndef WEIR_YAML_H
#define WEIR_YAML_H

#include "lib/base/base.h"
#include "lib/ds/lpm.h"

enum weir_y_kind { WEIR_Y_SCALAR, WEIR_Y_SEQ, WEIR_Y_MAP };

struct weir_y; /* node; lives as long as its document */
struct weir_ydoc;

/* All documents of the text; name is used in messages. */
int weir_ydoc_parse(const char *text, size_t len, const char *name, struct weir_ydoc **ret,
		    struct weir_err *err);
int weir_ydoc_load(const char *path, struct weir_ydoc **ret, struct weir_err *err);
void weir_ydoc_free(struct weir_ydoc *d);
static inline void weir_ydoc_freep(struct weir_ydoc **d)
{
	weir_ydoc_free(*d);
}
#define weir_auto_ydoc weir_cleanup(weir_ydoc_freep)
size_t weir_ydoc_count(const struct weir_ydoc *d);
struct weir_y *weir_ydoc_root(const struct weir_ydoc *d, size_t i);

enum weir_y_kind weir_y_kind(const struct weir_y *y);
/* Formats "name:line:col path: ..." into err; returns -EINVAL. */
int weir_y_err(const struct weir_y *y, struct weir_err *err, const char *fmt, ...) WEIR_PRINTF(3, 4);
const char *weir_y_file(const struct weir_y *y);
uint32_t weir_y_line(const struct weir_y *y);

/* Maps. NULL when the key is absent (or y is no map: checked by weir_y_map). Marks the key as known. */
struct weir_y *weir_y_find(struct weir_y *y, const char *key);
/* -EINVAL with a message when absent. */
int weir_y_get(struct weir_y *y, const char *key, struct weir_y **ret, struct weir_err *err);
/* Refuses y unless it is a map / a sequence. */
int weir_y_map(struct weir_y *y, struct weir_err *err);
int weir_y_seq(struct weir_y *y, struct weir_err *err);
/* Refuses keys of map y that no find or get has named: "unknown field 'x'; known: a, b, c". */
int weir_y_end(struct weir_y *y, struct weir_err *err);
size_t weir_y_count(const struct weir_y *y); /* items of a sequence, pairs of a map */
struct weir_y *weir_y_item(const struct weir_y *y, size_t i);
const char *weir_y_key(const struct weir_y *y, size_t i); /* i-th key of a map; the value is weir_y_item */

/* The head of one of our documents: apiVersion weir.dev/v1alpha1, the kind, metadata: {name}, spec;
 * nothing else. *ret_spec is a map. */
int weir_y_head(struct weir_y *doc, const char *kind, struct weir_y **ret_spec, struct weir_err *err);

/* Scalars. The text lives as long as the document; empty text is refused. */
int weir_y_str(struct weir_y *y, const char **ret, struct weir_err *err);
/* The same as a copy, which the caller owns. */
int weir_y_dup(struct weir_y *y, char **ret, struct weir_err *err);
int weir_y_u64(struct weir_y *y, uint64_t min, uint64_t max, uint64_t *ret, struct weir_err *err);
int weir_y_bool(struct weir_y *y, bool *ret, struct weir_err *err);
/* names: NULL-terminated; *ret = index. */
int weir_y_enum(struct weir_y *y, const char *const *names, unsigned int *ret, struct weir_err *err);
/* "200Mbit", "1.5Gbit", "64kbit", "800bit" per second, decimal units; a bare number is refused. */
int weir_y_rate(struct weir_y *y, uint64_t *ret_bits_per_s, struct weir_err *err);
/* "4MiB", "64KiB", "1GiB", "1500B" (binary) and "kB MB GB" (decimal); a bare number is refused. */
int weir_y_size(struct weir_y *y, uint64_t *ret_bytes, struct weir_err *err);
/* "200ms", "2s", "10m", "24h", "7d". */
int weir_y_duration(struct weir_y *y, uint64_t *ret_ns, struct weir_err *err);
int weir_y_prefix(struct weir_y *y, struct weir_prefix *ret, struct weir_err *err);
int weir_y_addr(struct weir_y *y, struct weir_addr *ret, struct weir_err *err);
/* Decimal money "0.045" into nano-units, exactly; more than 9 decimals is refused. */
/* An amount such as 0.045, at most nine decimals: -EINVAL none, -ERANGE too large. */
int weir_nanos_parse(const char *s, int64_t *ret);
int weir_y_nanos(struct weir_y *y, int64_t *ret, struct weir_err *err);
/* "2026-11-01" or "2026-11-01T00:00:00Z" into Unix seconds. */
int weir_y_time(struct weir_y *y, uint64_t *ret_s, struct weir_err *err);

#endif
