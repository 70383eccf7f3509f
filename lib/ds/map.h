/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash map from byte strings to pointer-sized values, open addressing, insertion-ordered iteration.
 * Keys are copied. Expected O(1); a bound on entries is the caller's to enforce.
 */
#ifndef WEIR_MAP_H
#define WEIR_MAP_H

#include "lib/base/base.h"

struct weir_map;

/* A key of several texts: appended to *len bytes in key, each with its end. -E2BIG behind size, *len is then undefined. */
int weir_map_key(char *key, size_t size, size_t *len, const char *const *texts, size_t n);

int weir_map_new(struct weir_map **ret);
/* free_value may be NULL. */
void weir_map_free(struct weir_map *m, void (*free_value)(void *));
size_t weir_map_count(const struct weir_map *m);
/* Inserts or replaces; the replaced value (or NULL) goes to *ret_old when ret_old is not NULL. */
int weir_map_put(struct weir_map *m, const void *key, size_t len, void *value, void **ret_old);
void *weir_map_find(const struct weir_map *m, const void *key, size_t len);
/* Removes and returns the value, NULL when absent. */
void *weir_map_take(struct weir_map *m, const void *key, size_t len);
/* Iterates in insertion order: start with *pos = 0; false at the end. Do not modify meanwhile. */
bool weir_map_next(const struct weir_map *m, size_t *pos, const void **ret_key, size_t *ret_len,
		   void **ret_value);

#endif
