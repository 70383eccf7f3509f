/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a string in a message may be: UTF-8 without control characters, bounded. The sender cleans, the
 * receiver refuses: a cgroup with a strange name must not make a node's summaries unacceptable.
 * Internal to lib/wire.
 */
#ifndef WEIR_WIRE_TEXT_H
#define WEIR_WIRE_TEXT_H

#include "lib/wire/arena.h"

#define WEIR_TEXT_MAX 4096	/* cgroup paths: PATH_MAX */
#define WEIR_NAME_MAX 256	/* domain, class, version, kernel, hooks */
#define WEIR_REASON_MAX 1024	/* refusal texts */

bool weir_text_ok(const char *s, size_t max);
/* s itself when it is fine, else a copy with every wrong byte as '?' and cut to max; NULL = "".
 * Returns NULL without memory. */
char *weir_text_clean(struct weir_arena *a, const char *s, size_t max);
/* A node's name becomes a file name: letters, digits, '.', '-', '_', not beginning with '.'. */
bool weir_text_node_ok(const char *s);

#endif
