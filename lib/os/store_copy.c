/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of a store. A backup reads from one read transaction, so it is of one moment however long it takes; the
 * aggregator goes on writing to its log meanwhile. Either way the copy grows under a name of its own beside its
 * place, is checked and synced, and takes the place by a rename.
 */
#include "lib/os/store_db.h"

#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* Pages copied between two looks at the time: a second of the slowest disk. */
#define STEP_PAGES 512
/* Instructions of SQLite between two reports of a restore. */
#define STEP_OPS 2000
/* Besides the pages themselves. */
#define ROOM_MARGIN (1u << 20)
#define PATH_LEN 512

/* The place of a copy: its directory, and the file that grows there, which goes unless it was renamed. */
struct place {
	char dir[PATH_LEN], temp[PATH_LEN];
};

static void place_fini(struct place *p)
{
	if (*p->temp)
		unlink(p->temp);
}

static int place_init(struct place *p, const char *path, uint64_t need, struct weir_err *err)
{
	weir_auto_free char *a = strdup(path), *b = strdup(path);
	weir_auto_close int fd = -1;
	struct statvfs fs;
	uint64_t room;
	const char *name;

	if (!a || !b)
		return -ENOMEM;
	name = basename(b);
	if (snprintf(p->dir, sizeof(p->dir), "%s", dirname(a)) >= (int)sizeof(p->dir) - 1 ||
	    strlen(p->dir) + strlen(name) + 16 > sizeof(p->temp))
		return weir_err_set(err, -ENAMETOOLONG, "%s: the name is too long", path);
	if (statvfs(p->dir, &fs))
		return weir_err_set(err, -errno, "%s: %s", p->dir, strerror(errno));
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (room < need + ROOM_MARGIN)
		return weir_err_set(err, -ENOSPC, "%s: needs %llu MiB and there are %llu MiB free in %s: make room there, "
				    "or name a file elsewhere", path, (unsigned long long)((need + ROOM_MARGIN) >> 20),
				    (unsigned long long)(room >> 20), p->dir);
	snprintf(p->temp, sizeof(p->temp), "%.*s/.%.*s.XXXXXX", (int)strlen(p->dir), p->dir, (int)strlen(name), name);
	fd = mkostemp(p->temp, O_CLOEXEC);
	if (fd >= 0)
		return 0;
	*p->temp = '\0';
	return weir_err_set(err, -errno, "%s: cannot make a file there: %s", p->dir, strerror(errno));
}

static int sync_path(const char *path, int flags)
{
	weir_auto_close int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

/* The synced copy gets its name. */
static int place_take(struct place *p, const char *path, bool replace, struct weir_err *err)
{
	int r = sync_path(p->temp, O_RDWR);

	if (!r && (replace ? rename(p->temp, path) : link(p->temp, path)))
		r = -errno;
	if (r == -EEXIST)
		return weir_err_set(err, r, "%s: exists: name another file, or add --force to replace it", path);
	if (!r) {
		if (!replace)
			unlink(p->temp);
		*p->temp = '\0';
		r = sync_path(p->dir, O_RDONLY | O_DIRECTORY);
	}
	return r ? weir_err_set(err, r, "%s: cannot write: %s", path, strerror(-r)) : 0;
}

static int copy_pages(sqlite3 *from, sqlite3 *to, const char *path, weir_store_progress fn, void *arg,
		      struct weir_err *err)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int64_t size = 4096;
	int code, r;

	if (!b)
		return store_db_fail(to, path, "cannot copy", sqlite3_errcode(to), err);
	r = store_db_number(from, path, "PRAGMA page_size", &size, err);
	do {
		code = sqlite3_backup_step(b, STEP_PAGES);
		if (fn)
			fn((uint64_t)(sqlite3_backup_pagecount(b) - sqlite3_backup_remaining(b)) * (uint64_t)size,
			   (uint64_t)sqlite3_backup_pagecount(b) * (uint64_t)size, arg);
	} while (!r && (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED));
	sqlite3_backup_finish(b);
	return r || code == SQLITE_DONE ? r : store_db_fail(NULL, path, "cannot copy", code, err);
}

/* The copy becomes a file that needs no log beside it, and is looked through. */
static int finish_copy(sqlite3 *db, const char *path, struct weir_err *err)
{
	int r = store_db_exec(db, path, "PRAGMA journal_mode=DELETE", err);

	return r ? r : store_db_verify(db, path, err);
}

int weir_store_backup(const char *store, const char *file, bool replace, weir_store_progress fn, void *arg,
		      struct weir_store_copy *ret, struct weir_err *err)
{
	weir_cleanup(place_fini) struct place place = {{0}, {0}};
	struct weir_store_copy done = {0};
	auto_db *from = NULL, *to = NULL;
	struct stat st;
	int r;

	if (!replace && !lstat(file, &st))
		return weir_err_set(err, -EEXIST, "%s: exists: name another file, or add --force to replace it", file);
	r = store_db_open(store, true, &from, err);
	if (r)
		return r;
	sqlite3_db_config(from, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	r = store_db_exec(from, store, "BEGIN", err);
	if (!r)
		r = store_db_check(from, store, &done.schema, &done.bytes, err);
	if (!r)
		r = place_init(&place, file, done.bytes, err);
	if (!r)
		r = store_db_open(place.temp, true, &to, err);
	if (!r)
		r = store_db_exec(to, file, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", err);
	if (!r)
		r = copy_pages(from, to, file, fn, arg, err);
	if (!r)
		r = finish_copy(to, file, err);
	if (!r)
		r = place_take(&place, file, replace, err);
	if (!r)
		*ret = done;
	return r;
}

/* A database in use is locked where SQLite puts its shared locks: bytes 2 to 511 from 2^30 on. */
static int refuse_in_use(const char *store, struct weir_err *err)
{
	weir_auto_close int fd = open(store, O_RDWR | O_CLOEXEC);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 512};
	char who[32] = "another process";

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fcntl(fd, F_GETLK, &lock))
		return weir_err_set(err, -errno, "%s: cannot open: %s", store, strerror(errno));
	if (lock.l_type == F_UNLCK)
		return 0;
	/* A process of another namespace has no number here. */
	if (lock.l_pid > 0)
		snprintf(who, sizeof(who), "process %d", (int)lock.l_pid);
	return weir_err_set(err, -EBUSY,
			    "%s: %s has the store open: stop the aggregator (systemctl stop weir-aggregator), "
			    "restore, and start it again; agents keep what they measure meanwhile",
			    store, who);
}

struct report {
	const char *temp;
	uint64_t total;
	weir_store_progress fn;
	void *arg;
};

static int on_progress(void *arg)
{
	const struct report *p = arg;
	struct stat st;

	if (!stat(p->temp, &st))
		p->fn(WEIR_MIN((uint64_t)st.st_size, p->total), p->total, p->arg);
	return 0;
}

/* Into the temporary file, page by page in order, with free pages that can be given back. */
static int compact(sqlite3 *from, const char *file, struct report *p, struct weir_err *err)
{
	char *sql = sqlite3_mprintf("VACUUM INTO %Q", p->temp);
	int64_t mode = 0;
	int r;

	if (!sql)
		return -ENOMEM;
	r = store_db_number(from, file, "PRAGMA auto_vacuum", &mode, err);
	if (p->fn)
		sqlite3_progress_handler(from, STEP_OPS, on_progress, p);
	/* Of a file that has it already this would be a write. */
	if (!r && !mode)
		r = store_db_exec(from, file, "PRAGMA auto_vacuum=INCREMENTAL", err);
	if (!r)
		r = store_db_exec(from, file, sql, err);
	sqlite3_progress_handler(from, 0, NULL, NULL);
	sqlite3_free(sql);
	return r;
}

/* Owner and mode of the store that was there, else of the directory. */
static int own(const struct place *p, const char *store)
{
	struct stat st;

	if (stat(store, &st) && stat(p->dir, &st))
		return -errno;
	return chown(p->temp, st.st_uid, st.st_gid) || chmod(p->temp, 0640) ? -errno : 0;
}

/* The store that was there keeps everything under another name; its log is written into it first. */
static int set_aside(const char *store, uint64_t now_s, sqlite3 **ret_held, char aside[PATH_LEN], struct weir_err *err)
{
	static const char *const logs[] = {"-wal", "-shm"};
	char from[PATH_LEN + 8], to[PATH_LEN + 8];
	auto_db *db = NULL;
	int r;

	if (access(store, F_OK))
		return 0;
	if (snprintf(aside, PATH_LEN, "%s.replaced-%llu", store, (unsigned long long)now_s) >= PATH_LEN)
		return weir_err_set(err, -ENAMETOOLONG, "%s: the name is too long", store);
	r = store_db_open(store, true, &db, NULL);
	if (!r)
		r = store_db_exec(db, store,
				  "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE", NULL);
	if (r == -EBUSY)
		return weir_err_set(err, r, "%s: another process opens the store just now: stop it", store);
	/* A damaged one cannot: its log goes with it. */
	for (size_t i = 0; r && i < WEIR_ARRAY_SIZE(logs); i++) {
		snprintf(from, sizeof(from), "%s%s", store, logs[i]);
		snprintf(to, sizeof(to), "%s%s", aside, logs[i]);
		(void)rename(from, to);
	}
	if (link(store, aside))
		return weir_err_set(err, -errno, "%s: cannot set the present store aside: %s", aside, strerror(errno));
	*ret_held = weir_take_ptr(db);
	return 0;
}

int weir_store_restore(const char *file, const char *store, uint64_t now_s, weir_store_progress fn, void *arg,
		       struct weir_store_copy *ret, struct weir_err *err)
{
	weir_cleanup(place_fini) struct place place = {{0}, {0}};
	struct weir_store_copy done = {0};
	struct report report = {.temp = place.temp, .fn = fn, .arg = arg};
	auto_db *from = NULL, *held = NULL;
	struct stat st;
	int r = refuse_in_use(store, err);

	if (!r)
		r = store_db_open(file, false, &from, err);
	if (!r)
		r = store_db_check(from, file, &done.schema, &done.bytes, err);
	if (!r && done.schema > WEIR_STORE_SCHEMA)
		r = weir_err_set(err, -EINVAL, "%s: has schema %d and this program knows up to %d: use the weirctl and "
				 "weir-aggregator that wrote it, or newer ones", file, done.schema, WEIR_STORE_SCHEMA);
	if (!r)
		r = store_db_verify(from, file, err);
	if (!r)
		r = place_init(&place, store, done.bytes, err);
	report.total = done.bytes;
	if (!r)
		r = compact(from, file, &report, err);
	if (!r && !stat(place.temp, &st))
		done.bytes = (uint64_t)st.st_size;
	if (!r && own(&place, store))
		r = weir_err_set(err, -errno, "%s: cannot give the store to its owner: %s", store, strerror(errno));
	if (!r)
		r = set_aside(store, now_s, &held, done.aside, err);
	if (!r)
		r = place_take(&place, store, true, err);
	if (!r)
		*ret = done;
	return r;
}
