/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows a file that grows and is exchanged: renamed with a new one in its place, or copied and cut to nothing. Lines
 * come once each, in their order, and whole. A place is where to go on: of a file known by a hash of its first bytes, since
 * an inode's number is used again; a rotated file is looked for under the names that begin with the path's.
 *
 * Not seen: what a copy-and-cut loses by itself, what was written to files that came and went between two looks, and what
 * was packed (.gz) before it was read.
 */
#ifndef AGGREGATOR_SIGNALS_TAIL_H
#define AGGREGATOR_SIGNALS_TAIL_H

#include "aggregator/config.h"

#define TAIL_HEAD_MAX 1024
#define TAIL_FROM_MAX 16

struct tail_place {
	uint64_t time_s;   /* when it was noted */
	uint64_t offset;   /* of the first line that was not read */
	uint32_t head_len; /* at most TAIL_HEAD_MAX and offset */
	uint64_t head;	   /* hash of so many first bytes */
	uint32_t file;	   /* which of the files that this process met, from 1 on; 0: of one before it */
};

enum tail_what {
	TAIL_LINE,     /* without its end; binary is possible */
	TAIL_TOO_LONG, /* one that was left out; line NULL, so below */
	TAIL_TORN,     /* a last one without an end, behind which the file was exchanged; line is what there was */
	TAIL_LOST      /* a file was not found again, or was cut: what was behind the place in it */
};
typedef void (*tail_fn)(void *arg, enum tail_what what, const char *line, size_t len);

struct tail;
/*
 * path: lent. from: places that were reached, the oldest first: the first whose file is found is where to go on, and the files
 * of those behind it are read before the path's own. None: a file that is there at the first look is read from its end on, one
 * that comes later from its start.
 */
int tail_new(const char *path, size_t line_max, const struct tail_place *from, size_t count, tail_fn fn, void *arg, struct tail **ret);
void tail_free(struct tail *t);
/* Reads what is new, at most *budget bytes, which get less. -ENOENT: the file is not there; other failures: it cannot be read. */
int tail_read(struct tail *t, size_t *budget);
/* Where to go on after all lines that came. false: nowhere yet. */
bool tail_place(const struct tail *t, struct tail_place *ret);
uint64_t tail_behind(const struct tail *t); /* bytes not read yet, of the file that is being read */

/*
 * signals_places.c: places of all files, kept across restarts: of each those of the last SIGNALS_AGAIN_S, so that what
 * happened shortly before a restart is read again; nothing is kept twice by that, since events are in memory.
 */
#define SIGNALS_AGAIN_S 600

struct signals;
struct signals_places;
/* No file is no failure, nor is one that cannot be read: then the log says so. -ENOMEM. */
int signals_places_open(const struct config *c, struct signals_places **ret);
void signals_places_free(struct signals_places *p);
/* The oldest first; *ret_count 0 = none. */
const struct tail_place *signals_places_of(struct signals_places *p, const char *path, size_t *ret_count);
/* Notes a place that was reached; path is lent. */
void signals_places_note(struct signals_places *p, const char *path, const struct tail_place *at, uint64_t now_s);
/* Writes the file when something changed: every 10 s, and when a file was exchanged or at_once. */
void signals_places_save(struct signals_places *p, uint64_t now_ns, bool at_once);

#endif
