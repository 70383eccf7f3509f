/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/signals_tail.h"

#include "lib/os/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#define CHUNK ((size_t)64 << 10)
#define SIBLINGS_MAX 1000
#define TURNS_MAX (TAIL_FROM_MAX + 2)

struct tail {
	const char *path;
	size_t line_max;
	tail_fn fn;
	void *arg;
	int fd;		  /* -1 = none */
	dev_t dev;
	ino_t ino;
	uint64_t offset;  /* read up to here */
	uint64_t line_at; /* where the line under way began */
	bool known;	  /* head and head_len are of fd */
	bool resume;	  /* from is to be found: at the start, and when the file was cut */
	bool looked;	  /* the path was looked at before */
	bool skipping;	  /* of a line that is too long */
	uint32_t head_len;
	uint64_t head;
	uint32_t file; /* counts them */
	struct tail_place from[TAIL_FROM_MAX];
	size_t from_count, from_next; /* from_next: those before it are done with */
	char *line;
	size_t len;
	char chunk[CHUNK];
};

/* FNV-1a: to tell files apart, not to resist anybody: who writes the file can write what he likes into it. */
static uint64_t hash(const char *data, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)data[i]) * 0x100000001b3ull;
	return h;
}

int tail_new(const char *path, size_t line_max, const struct tail_place *from, size_t count, tail_fn fn, void *arg, struct tail **ret)
{
	struct tail *t = calloc(1, sizeof(*t));

	if (t)
		t->line = malloc(line_max);
	if (!t || !t->line) {
		free(t);
		return -ENOMEM;
	}
	t->path = path;
	t->line_max = line_max;
	t->fn = fn;
	t->arg = arg;
	t->fd = -1;
	t->from_count = WEIR_MIN(count, (size_t)TAIL_FROM_MAX);
	if (t->from_count)
		memcpy(t->from, from, t->from_count * sizeof(*from));
	t->resume = t->from_count;
	*ret = t;
	return 0;
}

static void drop_fd(struct tail *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

void tail_free(struct tail *t)
{
	if (!t)
		return;
	drop_fd(t);
	free(t->line);
	free(t);
}

static int open_file(int dir, const char *path, struct stat *ret)
{
	weir_auto_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, ret))
		return -errno;
	return S_ISREG(ret->st_mode) ? weir_take_fd(&fd) : -EMEDIUMTYPE;
}

/* Whether a file begins so. */
static bool begins(int fd, uint32_t head_len, uint64_t head)
{
	char data[TAIL_HEAD_MAX];

	return pread(fd, data, head_len, 0) == (ssize_t)head_len && hash(data, head_len) == head;
}

static bool holds(int fd, const struct stat *st, const struct tail_place *p)
{
	return (uint64_t)st->st_size >= p->offset && begins(fd, p->head_len, p->head);
}

/* As much of it as is surely there to stay: what is before the line under way. */
static void learn_head(struct tail *t)
{
	char head[TAIL_HEAD_MAX];
	uint32_t want = (uint32_t)WEIR_MIN(t->line_at, (uint64_t)TAIL_HEAD_MAX);

	if (want == t->head_len && t->known)
		return;
	if (pread(t->fd, head, want, 0) != (ssize_t)want)
		return;
	t->head_len = want;
	t->head = hash(head, want);
	t->known = true;
}

/* From at on, in fd, which becomes t's. */
static void begin(struct tail *t, int fd, const struct stat *st, uint64_t at)
{
	drop_fd(t);
	t->fd = fd;
	t->dev = st->st_dev;
	t->ino = st->st_ino;
	t->offset = t->line_at = at;
	t->file++;
	t->len = 0;
	t->skipping = t->known = false;
	learn_head(t);
}

/* Where the last line that is whole ends: from there on lines are new. */
static uint64_t end_of_lines(struct tail *t, int fd, uint64_t size)
{
	uint64_t from = size > CHUNK ? size - CHUNK : 0;
	ssize_t n = pread(fd, t->chunk, CHUNK, (off_t)from);
	const char *last = n > 0 ? memrchr(t->chunk, '\n', (size_t)n) : NULL;

	return last ? from + (uint64_t)(last - t->chunk) + 1 : from;
}

/* A sibling of the path, its name and more, in which the place is. */
static int find_rotated(const struct tail *t, const struct tail_place *p, struct stat *ret)
{
	const char *slash = strrchr(t->path, '/'), *name = slash ? slash + 1 : t->path;
	weir_auto_free char *dir = slash ? strndup(t->path, WEIR_MAX((size_t)(slash - t->path), (size_t)1)) : strdup(".");
	weir_auto_strv char **all = NULL;
	weir_auto_close int at = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (at < 0 || weir_dir_list(at, NULL, SIBLINGS_MAX, &all))
		return -ENOENT;
	for (size_t i = 0; p->head_len && all[i]; i++) {
		weir_auto_close int fd = -1;

		if (strncmp(all[i], name, strlen(name)) || !strcmp(all[i], name))
			continue;
		fd = open_file(at, all[i], ret);
		if (fd >= 0 && holds(fd, ret, p))
			return weir_take_fd(&fd);
	}
	return -ENOENT;
}

/*
 * The first place that is found: in the path's own file, fd, or in one beside it. Where older ones are not, the file that is
 * found came after them, and nothing of it is too old.
 */
static void find_again(struct tail *t, int fd, const struct stat *st)
{
	struct stat other;

	t->resume = false;
	for (size_t i = t->from_next; i < t->from_count; i++) {
		const struct tail_place *p = &t->from[i];
		uint64_t at = i == t->from_next ? p->offset : 0;
		int rotated = holds(fd, st, p) ? -1 : find_rotated(t, p, &other);

		if (rotated < 0 && !holds(fd, st, p))
			continue;
		t->from_next = i + 1;
		if (rotated >= 0) {
			close(fd);
			begin(t, rotated, &other, at);
		} else {
			begin(t, fd, st, at);
		}
		return;
	}
	t->from_next = t->from_count;
	t->fn(t->arg, TAIL_LOST, NULL, 0);
	begin(t, fd, st, 0);
}

/* Of files that were rotated one after the other, the next behind the one that was left. */
static int find_next(struct tail *t, const struct stat *st, int fd, struct stat *ret)
{
	while (t->from_next < t->from_count) {
		const struct tail_place *p = &t->from[t->from_next++];
		int next = holds(fd, st, p) ? -1 : find_rotated(t, p, ret);

		if (next >= 0 && (ret->st_dev != t->dev || ret->st_ino != t->ino))
			return next;
		if (next >= 0)
			close(next);
	}
	return -1;
}

static int open_path(struct tail *t)
{
	struct stat st, other;
	bool first = !t->looked;
	int fd = open_file(AT_FDCWD, t->path, &st), next;

	t->looked = true;
	if (fd < 0)
		return fd;
	if (t->resume) {
		find_again(t, fd, &st);
		return 0;
	}
	next = find_next(t, &st, fd, &other);
	if (next >= 0) {
		close(fd);
		begin(t, next, &other, 0);
	} else {
		begin(t, fd, &st, first ? end_of_lines(t, fd, (uint64_t)st.st_size) : 0);
	}
	return 0;
}

static void add(struct tail *t, const char *data, size_t n)
{
	/* Where a file was cut under a writer that knows only its own offset, zeros stand before the next line. */
	if (!t->len)
		for (; n && !*data; data++)
			n--;
	if (t->skipping)
		return;
	if (n > t->line_max - t->len) {
		t->skipping = true;
		t->fn(t->arg, TAIL_TOO_LONG, NULL, 0);
		return;
	}
	memcpy(t->line + t->len, data, n);
	t->len += n;
}

static void take(struct tail *t, const char *data, size_t n)
{
	while (n) {
		const char *end = memchr(data, '\n', n);
		size_t part = end ? (size_t)(end - data) : n;

		add(t, data, part);
		t->offset += part + (end != NULL);
		if (!end)
			return;
		if (t->len && !t->skipping)
			t->fn(t->arg, TAIL_LINE, t->line, t->len);
		t->len = 0;
		t->skipping = false;
		t->line_at = t->offset;
		data = end + 1;
		n -= part + 1;
	}
}

/* Reads fd to its end, or for *budget bytes. 1: to its end. */
static int read_on(struct tail *t, size_t *budget)
{
	while (*budget) {
		ssize_t n = pread(t->fd, t->chunk, WEIR_MIN(*budget, CHUNK), (off_t)t->offset);

		if (n < 0)
			return -errno;
		if (!n)
			return 1;
		*budget -= (size_t)n;
		take(t, t->chunk, (size_t)n);
		learn_head(t);
	}
	return 0;
}

/* Nothing comes behind what fd has. */
static void leave(struct tail *t)
{
	if (t->len && !t->skipping)
		t->fn(t->arg, TAIL_TORN, t->line, t->len);
	t->len = 0;
	drop_fd(t);
	t->known = false;
}

/*
 * Whether the path names another file that has something: then its writer is there too, and what fd holds is all. An empty
 * one may have been made for a writer that still has the old one open.
 */
static bool exchanged(const struct tail *t)
{
	struct stat st;

	return !stat(t->path, &st) && (st.st_dev != t->dev || st.st_ino != t->ino) && (st.st_size > 0 || !S_ISREG(st.st_mode));
}

bool tail_place(const struct tail *t, struct tail_place *ret)
{
	if (!t->known)
		return false;
	*ret = (struct tail_place){.offset = t->line_at, .head_len = t->head_len, .head = t->head, .file = t->file};
	return true;
}

/* To nothing: what was in it and not read may be in a copy. */
static void was_cut(struct tail *t)
{
	drop_fd(t);
	t->len = 0;
	if (!tail_place(t, &t->from[0]))
		return;
	t->from_next = 0;
	t->from_count = 1;
	t->resume = true;
}

int tail_read(struct tail *t, size_t *budget)
{
	struct stat st;
	int r = 0;

	/* Each turn leaves a file for another. */
	for (int turn = 0; turn < TURNS_MAX; turn++) {
		bool next;

		if (t->fd >= 0 && (fstat(t->fd, &st) || (uint64_t)st.st_size < t->offset || !begins(t->fd, t->head_len, t->head)))
			was_cut(t);
		if (t->fd < 0)
			r = open_path(t);
		if (r)
			return r;
		next = exchanged(t);
		r = read_on(t, budget);
		if (r <= 0 || !next)
			return WEIR_MIN(r, 0);
		leave(t);
		r = 0;
	}
	return 0;
}

uint64_t tail_behind(const struct tail *t)
{
	struct stat st;

	return t->fd >= 0 && !fstat(t->fd, &st) && (uint64_t)st.st_size > t->offset ? (uint64_t)st.st_size - t->offset : 0;
}
