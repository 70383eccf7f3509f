/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a directory of flow logs: buckets are laid out by account, region, year, month, day and hour. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/money/flowlog.h"
#include "lib/os/file.h"

struct found {
	char **paths;
	size_t count, cap;
	struct weir_err *err;
};

/* Takes path. There is always room for the NULL behind the last. */
static int add(struct found *f, char *path)
{
	if (f->count == WEIR_FLOWLOG_FILES_MAX) {
		int r = weir_err_set(f->err, -E2BIG, "%s: one file more than %d: take fewer days", path, WEIR_FLOWLOG_FILES_MAX);

		free(path);
		return r;
	}
	if (f->count + 1 >= f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 64;
		char **paths = reallocarray(f->paths, cap, sizeof(*paths));

		if (!paths) {
			free(path);
			return -ENOMEM;
		}
		f->paths = paths;
		f->cap = cap;
	}
	f->paths[f->count++] = path;
	f->paths[f->count] = NULL;
	return 0;
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int walk(struct found *f, const char *dir, unsigned int depth)
{
	weir_cleanup(closedirp) DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	if (!d)
		return weir_err_set(f->err, -errno, "%s: cannot read: %s", dir, strerror(errno));
	if (depth == WEIR_FLOWLOG_DEPTH_MAX)
		return weir_err_set(f->err, -E2BIG, "%s: more than %d directories deep", dir, WEIR_FLOWLOG_DEPTH_MAX);
	while (!r && (errno = 0, e = readdir(d))) {
		weir_auto_free char *path = NULL;
		struct stat st;

		if (*e->d_name == '.')
			continue;
		path = weir_strf("%s/%s", dir, e->d_name);
		if (!path)
			return -ENOMEM;
		if (lstat(path, &st))
			return weir_err_set(f->err, -errno, "%s: %s", path, strerror(errno));
		if (S_ISDIR(st.st_mode))
			r = walk(f, path, depth + 1);
		else if (S_ISREG(st.st_mode))
			r = add(f, weir_take_ptr(path));
	}
	return r;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int weir_flowlog_files(const char *path, char ***ret, struct weir_err *err)
{
	struct found f = {.err = err};
	struct stat st;
	char *copy;
	int r;

	if (stat(path, &st))
		return weir_err_set(err, -errno, "%s: cannot open: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode)) {
		r = walk(&f, path, 0);
	} else {
		copy = strdup(path);
		r = copy ? add(&f, copy) : -ENOMEM;
	}
	if (!r && !f.count)
		r = weir_err_set(err, -ENOENT, "%s: there is no file in it", path);
	if (r) {
		weir_strv_free(f.paths);
		return r;
	}
	qsort(f.paths, f.count, sizeof(*f.paths), compare);
	*ret = f.paths;
	return 0;
}
