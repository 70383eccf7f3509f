/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that somebody may exchange while a program runs: by a write, by a rename, or by a symbolic link on
 * the way that leads elsewhere. Looked at by stat, now and then; nothing is read.
 */
#ifndef WEIR_WATCH_H
#define WEIR_WATCH_H

#include "lib/base/base.h"

#define WEIR_WATCH_MAX 8

struct weir_watch {
	const char *path[WEIR_WATCH_MAX]; /* the caller's */
	size_t count;
	uint64_t seen, taken; /* what stood there: at the last look, when it was last said */
};

/* Paths that are NULL or empty are left out. What stands there now is taken. */
void weir_watch_init(struct weir_watch *w, const char *const *paths, size_t n);
/* Whether something else stands there than was taken, and, unless at_once, has stood still since the last look:
 * files that belong together are seldom exchanged at one moment. Says so once. */
bool weir_watch_moved(struct weir_watch *w, bool at_once);

#endif
