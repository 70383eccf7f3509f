/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files. A write is durable when it returns: the data is synced before the name points to it
 * and the directory after, so a reader (also one after a crash) sees old content or new.
 */
#include "lib/os/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>

#define READ_CHUNK ((size_t)16 << 10)

/* Until end of file, not by st_size: files of /proc and /sys have size 0. */
static int fd_read_all(int fd, size_t max, char **ret_data, size_t *ret_len)
{
	weir_auto_free char *data = NULL;
	size_t len = 0, cap = 0;
	ssize_t n;

	max = WEIR_MIN(max, SIZE_MAX / 4);
	for (;;) {
		if (len == cap) {
			/* One byte above max tells "too large" from "just fits". */
			size_t want = WEIR_MIN(cap ? cap * 2 : READ_CHUNK, max + 1);
			char *more = realloc(data, want + 1);

			if (!more)
				return -ENOMEM;
			data = more;
			cap = want;
		}
		n = read(fd, data + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
	}
	data[len] = '\0';
	*ret_data = weir_take_ptr(data);
	*ret_len = len;
	return 0;
}

int weir_file_read_at(int dirfd, const char *name, size_t max, char **ret_data, size_t *ret_len)
{
	weir_auto_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return fd_read_all(fd, max, ret_data, ret_len);
}

int weir_file_read(const char *path, size_t max, char **ret_data, size_t *ret_len)
{
	return weir_file_read_at(AT_FDCWD, path, max, ret_data, ret_len);
}

static int fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A directory and, in it, a temporary file whose name (a dot file) weir_dir_list() skips. */
struct temp_file {
	char *dir, *name, *path;
	int dir_fd;
};

static void temp_fini(struct temp_file *t)
{
	if (t->path)
		unlink(t->path);
	free(t->path);
	free(t->dir);
	free(t->name);
	weir_closep(&t->dir_fd);
}

/* What root writes belongs to whom the directory belongs: a key that is exchanged must stay readable to the program
 * that has a user of its own. Where root may not give it away it stays root's. */
static void give_to_owner(int dir, int fd)
{
	struct stat st;

	if (fstat(dir, &st) == 0 && st.st_uid && fchown(fd, st.st_uid, st.st_gid) < 0)
		errno = 0;
}

/* Writes and syncs the temporary file next to path. */
static int temp_write(struct temp_file *t, const char *path, const void *data, size_t len,
		      unsigned int mode)
{
	weir_auto_close int fd = -1;
	weir_auto_free char *temp = NULL;
	const char *dir;
	int r;

	t->dir = strdup(path);
	t->name = strdup(path);
	if (!t->dir || !t->name)
		return -ENOMEM;
	dir = dirname(t->dir);
	temp = weir_strf("%s/.%s.XXXXXX", dir, basename(t->name));
	if (!temp)
		return -ENOMEM;
	t->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dir_fd < 0)
		return -errno;
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	t->path = weir_take_ptr(temp);
	r = fd_write_all(fd, data, len);
	if (r)
		return r;
	if (geteuid() == 0)
		give_to_owner(t->dir_fd, fd);
	return fchmod(fd, (mode_t)mode) || fsync(fd) ? -errno : 0;
}

int weir_file_write(const char *path, const void *data, size_t len, unsigned int mode)
{
	weir_cleanup(temp_fini) struct temp_file t = {.dir_fd = -1};
	int r = temp_write(&t, path, data, len, mode);

	if (r)
		return r;
	if (rename(t.path, path))
		return -errno;
	free(weir_take_ptr(t.path));
	return fsync(t.dir_fd) ? -errno : 0;
}

int weir_file_create(const char *path, const void *data, size_t len, unsigned int mode)
{
	weir_cleanup(temp_fini) struct temp_file t = {.dir_fd = -1};
	int r = temp_write(&t, path, data, len, mode);

	if (r)
		return r;
	/* Unlike rename, link never replaces. */
	if (link(t.path, path))
		return -errno;
	return fsync(t.dir_fd) ? -errno : 0;
}

static int mkdir_one(const char *path, unsigned int mode)
{
	struct stat st;

	if (mkdir(path, (mode_t)mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &st))
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int weir_mkdir_p(const char *path, unsigned int mode)
{
	weir_auto_free char *part = strdup(path);
	int r;

	if (!part)
		return -ENOMEM;
	for (char *p = part; *p; p++) {
		if (*p != '/' || p == part)
			continue;
		*p = '\0';
		r = mkdir_one(part, mode);
		if (r)
			return r;
		*p = '/';
	}
	return mkdir_one(part, mode);
}

void weir_strv_free(char **v)
{
	if (!v)
		return;
	for (char **p = v; *p; p++)
		free(*p);
	free(v);
}

/* Symbolic links to regular files count: a Kubernetes ConfigMap volume consists of them. */
static bool entry_wanted(int dirfd, const struct dirent *e, const char *suffix)
{
	size_t len = strlen(e->d_name), tail = suffix ? strlen(suffix) : 0;
	struct stat st;

	if (e->d_name[0] == '.' || len < tail)
		return false;
	if (tail && strcmp(e->d_name + len - tail, suffix) != 0)
		return false;
	if (e->d_type == DT_REG)
		return true;
	return fstatat(dirfd, e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode);
}

static int name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
}

int weir_dir_list(int dirfd, const char *suffix, size_t max, char ***ret)
{
	/* A fresh open: closedir() closes its fd, and a dup would share the read position. */
	weir_auto_close int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weir_cleanup(dir_closep) DIR *dir = NULL;
	weir_auto_strv char **v = calloc(1, sizeof(*v));
	const struct dirent *e;
	size_t n = 0;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	fd = -1;
	if (!v)
		return -ENOMEM;
	while (errno = 0, (e = readdir(dir))) {
		char **more;

		if (!entry_wanted(dirfd, e, suffix))
			continue;
		if (n == max)
			return -E2BIG;
		more = reallocarray(v, n + 2, sizeof(*v));
		if (!more)
			return -ENOMEM;
		v = more;
		v[n + 1] = NULL;
		v[n] = strdup(e->d_name);
		if (!v[n])
			return -ENOMEM;
		n++;
	}
	if (errno)
		return -errno;
	qsort(v, n, sizeof(*v), name_cmp);
	*ret = weir_take_ptr(v);
	return 0;
}
