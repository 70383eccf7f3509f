/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the shelf share. */
#ifndef WEIR_MODEL_SHELF_IMPL_H
#define WEIR_MODEL_SHELF_IMPL_H

#include <pthread.h>

#include "lib/model/shelf.h"

#define SHELF_SUFFIX ".model"
#define SHELF_HISTORY_FILE "history"
#define SHELF_HISTORY_BYTES_MAX ((size_t)4 << 20)
#define SHELF_LINE_MAX 1536
#define SHELF_PATH_MAX 4096

/* A model's file. */
struct shelf_entry {
	char hash[WEIR_MODEL_HASH_TEXT], name[32];
	uint32_t version;
	int64_t from_s, to_s;
	uint64_t series, points, bytes;
	unsigned int pending; /* being written: neither listed nor removed */
	bool whole;	      /* is there, with the right hash */
};

struct shelf_use {
	char name[WEIR_USE_MAX];
	struct shelf_entry *entry;
	size_t entries, entries_cap;
	struct weir_shelf_decision *decision; /* oldest first; the last one says what holds */
	size_t decisions, lines;	/* lines: of the file */
	char champion[WEIR_MODEL_HASH_TEXT], previous[WEIR_MODEL_HASH_TEXT];
};

struct weir_shelf {
	char dir[SHELF_PATH_MAX - 256];
	pthread_mutex_t lock; /* of all below; never held while a model is read, written or packed */
	struct shelf_use *use;
	size_t uses;
	void (*note)(const char *line, void *arg);
	void *note_arg;
};

static inline pthread_mutex_t *shelf_lock(struct weir_shelf *s)
{
	pthread_mutex_lock(&s->lock);
	return &s->lock;
}
static inline void shelf_unlockp(pthread_mutex_t **m)
{
	pthread_mutex_unlock(*m);
}
#define shelf_auto_lock weir_cleanup(shelf_unlockp) pthread_mutex_t

/* shelf.c */
struct shelf_use *shelf_find(struct weir_shelf *s, const char *name);
int shelf_use_init(struct shelf_use *u, const char *name);
/* The one that was champion before this one was made, "" when it is not there any more. */
void shelf_previous_of(struct shelf_use *u, const char *champion, char ret[WEIR_MODEL_HASH_TEXT]);
void shelf_note(const struct weir_shelf *s, const char *fmt, ...) WEIR_PRINTF(2, 3);
/* DIR/USE/NAME into ret; -ENAMETOOLONG. */
int shelf_path(const struct weir_shelf *s, const char *use, const char *name, char ret[SHELF_PATH_MAX]);

/* shelf_history.c */
/* One decision as a line with its newline; and back: -EBADMSG for what is not whole. len without the newline. */
int weir_shelf_decision_line(const struct weir_shelf_decision *d, struct weir_buf *b);
int weir_shelf_decision_parse(const char *line, size_t len, struct weir_shelf_decision *ret);
/* Reads the file into u, cuts a torn end off, makes a long file short. What is damaged is noted. */
int shelf_history_read(struct weir_shelf *s, struct shelf_use *u);
/* Appends, synced; then u knows it. On failure the file and u are as before. */
int shelf_history_add(struct weir_shelf *s, struct shelf_use *u, const struct weir_shelf_decision *d);

/* shelf_files.c */
/* Looks at every model of a use, removes what a kill left behind. */
int shelf_files_read(struct weir_shelf *s, struct shelf_use *u);
struct shelf_entry *shelf_entry_find(struct shelf_use *u, const char *hash);
/* Removes what is more than a use may keep. */
void shelf_prune(struct weir_shelf *s, struct shelf_use *u);
int shelf_model_read(const struct weir_shelf *s, const char *use, const char *hash, struct weir_model *ret, struct weir_err *err);
/* Was it ever champion, by what the history still says? */
bool shelf_was_champion(const struct shelf_use *u, const char *hash);

#endif
