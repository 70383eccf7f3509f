/* SPDX-License-Identifier: Apache-2.0 */
/* The shelf's model files: which there are, whether they are whole, and which go when there are too many. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/ds/grow.h"
#include "lib/model/shelf_impl.h"
#include "lib/os/file.h"

#define FILES_MAX 4096 /* of one use: what a directory of anybody's may make us look at */

struct shelf_entry *shelf_entry_find(struct shelf_use *u, const char *hash)
{
	for (size_t i = 0; i < u->entries; i++)
		if (!strcmp(u->entry[i].hash, hash))
			return &u->entry[i];
	return NULL;
}

bool shelf_was_champion(const struct shelf_use *u, const char *hash)
{
	for (size_t i = 0; i < u->decisions; i++)
		if (!strcmp(u->decision[i].champion, hash) || !strcmp(u->decision[i].previous, hash))
			return true;
	return false;
}

static int read_bytes(const struct weir_shelf *s, const char *use, const char *hash, char **ret, size_t *ret_len, struct weir_err *err)
{
	char path[SHELF_PATH_MAX], name[WEIR_MODEL_HASH_TEXT + sizeof(SHELF_SUFFIX)], really[WEIR_MODEL_HASH_TEXT];
	weir_auto_free char *data = NULL;
	size_t len;
	int r;

	snprintf(name, sizeof(name), "%s" SHELF_SUFFIX, hash);
	r = shelf_path(s, use, name, path);
	r = r ? r : weir_file_read(path, WEIR_FRAME_MAX, &data, &len);
	if (r)
		return weir_err_set(err, r, "%s/%s: cannot be read: %s", use, name, strerror(-r));
	if (len < WEIR_SHA256_LEN || strcmp(weir_hex(data + len - WEIR_SHA256_LEN, WEIR_SHA256_LEN, really), hash))
		return weir_err_set(err, -EBADMSG, "%s/%s: this is not the model of that name", use, name);
	*ret = weir_take_ptr(data);
	*ret_len = len;
	return 0;
}

int shelf_model_read(const struct weir_shelf *s, const char *use, const char *hash, struct weir_model *ret, struct weir_err *err)
{
	weir_auto_free char *data = NULL;
	struct weir_err why = {{0}};
	size_t len;
	int r = read_bytes(s, use, hash, &data, &len, err);

	if (r)
		return r;
	r = weir_model_unpack((const uint8_t *)data, len, ret, &why);
	return r ? weir_err_set(err, r, "%s/%s" SHELF_SUFFIX ": %s", use, hash, *why.text ? why.text : strerror(-r)) : 0;
}

/* Fills in what a list says of a model; not whole when it cannot be used. */
static void look_at(struct weir_shelf *s, const char *use, struct shelf_entry *e)
{
	weir_auto_free char *data = NULL;
	weir_auto_free struct weir_model_meta *meta = malloc(sizeof(*meta));
	const struct weir_model_ops *ops;
	struct weir_reader body;
	struct weir_err err = {{0}};
	size_t len;
	int r = meta ? read_bytes(s, use, e->hash, &data, &len, &err) : -ENOMEM;

	r = r ? r : weir_frame_unpack((const uint8_t *)data, len, meta, &body, &err);
	if (!r) {
		ops = weir_model_find(meta->name);
		if (!ops || ops->version != meta->version)
			r = weir_err_set(&err, -EBADMSG, "model '%s' of version %u is none that this weir reads", meta->name, meta->version);
	}
	if (r) {
		shelf_note(s, "%s/%.16s...%s is passed over: %s", use, e->hash, SHELF_SUFFIX, *err.text ? err.text : strerror(-r));
		return;
	}
	memcpy(e->name, meta->name, sizeof(e->name));
	e->version = meta->version;
	e->from_s = meta->from_s;
	e->to_s = meta->to_s;
	e->series = meta->series;
	e->points = meta->points;
	e->bytes = len;
	e->whole = true;
}

static bool is_model_name(const char *name, char ret_hash[WEIR_MODEL_HASH_TEXT])
{
	uint8_t bytes[WEIR_SHA256_LEN];
	size_t n = WEIR_MODEL_HASH_TEXT - 1;

	if (strlen(name) != n + sizeof(SHELF_SUFFIX) - 1 || strcmp(name + n, SHELF_SUFFIX))
		return false;
	memcpy(ret_hash, name, n);
	ret_hash[n] = '\0';
	return !weir_unhex(ret_hash, bytes, sizeof(bytes));
}

int shelf_files_read(struct weir_shelf *s, struct shelf_use *u)
{
	weir_cleanup(weir_closep) int fd = -1;
	char path[SHELF_PATH_MAX];
	struct dirent *d;
	size_t seen = 0;
	DIR *dir;
	int r = shelf_path(s, u->name, ".", path);

	if (r)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;
	weir_take_fd(&fd);
	while (!r && (d = readdir(dir)) && ++seen <= FILES_MAX) {
		struct shelf_entry e = {0};

		/* A file that was being written when somebody was killed. */
		if (d->d_name[0] == '.' && (strstr(d->d_name, SHELF_SUFFIX ".") || !strncmp(d->d_name, "." SHELF_HISTORY_FILE ".", sizeof(SHELF_HISTORY_FILE) + 1)))
			unlinkat(dirfd(dir), d->d_name, 0);
		if (!is_model_name(d->d_name, e.hash))
			continue;
		r = weir_grow(&u->entry, u->entries, &u->entries_cap, sizeof(*u->entry));
		if (!r) {
			look_at(s, u->name, &e);
			u->entry[u->entries++] = e;
		}
	}
	closedir(dir);
	return r;
}

/* How much a file is worth keeping: champion, previous, the last one that was offered, then those that were champion, the newest first. */
static long worth(const struct shelf_use *u, const struct shelf_entry *e)
{
	if (e->pending || !strcmp(e->hash, u->champion))
		return 1L << 30;
	if (!strcmp(e->hash, u->previous))
		return 1L << 29;
	for (size_t i = u->decisions; e->whole && i > 0; i--) {
		const struct weir_shelf_decision *d = &u->decision[i - 1];

		if (!strcmp(d->hash, e->hash) && i == u->decisions)
			return 1L << 28;
		if (!strcmp(d->champion, e->hash) || !strcmp(d->previous, e->hash))
			return (long)i;
	}
	return 0;
}

void shelf_prune(struct weir_shelf *s, struct shelf_use *u)
{
	for (;;) {
		char name[WEIR_MODEL_HASH_TEXT + sizeof(SHELF_SUFFIX)], path[SHELF_PATH_MAX];
		size_t least = 0;

		for (size_t i = 1; i < u->entries; i++)
			if (worth(u, &u->entry[i]) < worth(u, &u->entry[least]))
				least = i;
		if (!u->entries || (u->entries <= WEIR_SHELF_MODELS_MAX && worth(u, &u->entry[least]) > 0) || worth(u, &u->entry[least]) >= 1L << 28)
			return;
		snprintf(name, sizeof(name), "%s" SHELF_SUFFIX, u->entry[least].hash);
		if (!shelf_path(s, u->name, name, path) && unlink(path) && errno != ENOENT)
			shelf_note(s, "%s/%s cannot be removed: %s", u->name, name, strerror(errno));
		u->entry[least] = u->entry[--u->entries];
	}
}
