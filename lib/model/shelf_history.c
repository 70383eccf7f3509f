/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The history of a use: a text file, a line for each decision, the newest last. Fields are separated by tabs, '-' is an empty one:
 *
 *   weir-shelf-1  time (Unix seconds)  verdict  model  hash  champion  previous  barrier (Unix seconds)  before  after  reason  why  check
 *
 * check is the first 16 hexadecimal digits of the SHA-256 of the line up to it, its tab included. champion, previous and barrier are
 * what holds from then on, so that the last whole line tells the state and no other is needed for it. Lines are appended by one
 * write and synced; a line without a newline was torn by a crash, and is cut off when the file is opened. When there are twice as many
 * as are kept, a file of the newest half takes the place of the old one.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <sys/stat.h>

#include "lib/model/shelf_impl.h"
#include "lib/os/file.h"

#define FORMAT "weir-shelf-1"
#define FIELDS 13
#define DAMAGED SHELF_HISTORY_FILE ".damaged"
#define CHECK_TEXT 16

static const char *const verdict_names[WEIR_SHELF_VERDICTS] = {"first", "replaced", "refreshed", "kept", "refused", "rolled-back"};

const char *weir_shelf_verdict_name(enum weir_shelf_verdict v)
{
	return v < WEIR_SHELF_VERDICTS ? verdict_names[v] : "?";
}

static int check_of(const void *line, size_t len, char ret[CHECK_TEXT + 1])
{
	uint8_t hash[WEIR_SHA256_LEN];
	int r = weir_sha256(line, len, hash);

	if (!r)
		weir_hex(hash, CHECK_TEXT / 2, ret);
	return r;
}

/* Nothing but printable ASCII stands in a line; an empty field is '-'. */
static int put_text(struct weir_buf *b, const char *s)
{
	char clean[WEIR_SHELF_WHY_MAX];

	weir_meta_text(clean, sizeof(clean), s);
	return weir_buf_addf(b, "%s\t", *clean ? clean : "-");
}

int weir_shelf_decision_line(const struct weir_shelf_decision *d, struct weir_buf *b)
{
	size_t begin = b->len;
	char check[CHECK_TEXT + 1];
	int r = weir_buf_addf(b, FORMAT "\t%" PRId64 "\t%s\t", d->time_s, weir_shelf_verdict_name(d->verdict));
	const char *const names[] = {d->model, d->hash, d->champion, d->previous};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names) && !r; i++)
		r = put_text(b, names[i]);
	r = r ? r : weir_buf_addf(b, "%" PRId64 "\t%.17g\t%.17g\t", d->barrier_s, d->before, d->after);
	r = r ? r : put_text(b, d->reason);
	r = r ? r : put_text(b, d->why);
	r = r ? r : check_of(b->data + begin, b->len - begin, check);
	return r ? r : weir_buf_addf(b, "%s\n", check);
}

static int take_time(const char *s, int64_t *ret)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, 10);
	if (end == s || *end || errno)
		return -EBADMSG;
	*ret = v;
	return 0;
}

static int take_double(const char *s, double *ret)
{
	char *end;
	double v = strtod(s, &end);

	if (end == s || *end)
		return -EBADMSG;
	*ret = v;
	return 0;
}

static int take_text(const char *s, char *ret, size_t size)
{
	return weir_strcpy(ret, size, strcmp(s, "-") ? s : "") ? -EBADMSG : 0;
}

static int take_hash(const char *s, char ret[WEIR_MODEL_HASH_TEXT])
{
	uint8_t bytes[WEIR_SHA256_LEN];
	char again[WEIR_MODEL_HASH_TEXT];

	if (strcmp(s, "-") && (weir_unhex(s, bytes, sizeof(bytes)) || strcmp(weir_hex(bytes, sizeof(bytes), again), s)))
		return -EBADMSG;
	return take_text(s, ret, WEIR_MODEL_HASH_TEXT);
}

static int take_verdict(const char *s, enum weir_shelf_verdict *ret)
{
	for (int i = 0; i < WEIR_SHELF_VERDICTS; i++)
		if (!strcmp(s, verdict_names[i])) {
			*ret = (enum weir_shelf_verdict)i;
			return 0;
		}
	return -EBADMSG;
}

int weir_shelf_decision_parse(const char *line, size_t len, struct weir_shelf_decision *ret)
{
	char text[SHELF_LINE_MAX], check[CHECK_TEXT + 1], *field[FIELDS], *p = text;
	struct weir_shelf_decision d = {0};
	size_t n = 0;

	if (len >= sizeof(text) || len < CHECK_TEXT || memchr(line, '\0', len) || check_of(line, len - CHECK_TEXT, check) ||
	    memcmp(check, line + len - CHECK_TEXT, CHECK_TEXT))
		return -EBADMSG;
	memcpy(text, line, len);
	text[len] = '\0';
	for (; p && n < FIELDS; n++)
		field[n] = strsep(&p, "\t");
	if (p || n != FIELDS || strcmp(field[0], FORMAT) || take_time(field[1], &d.time_s) || take_verdict(field[2], &d.verdict) ||
	    take_text(field[3], d.model, sizeof(d.model)) || take_hash(field[4], d.hash) || take_hash(field[5], d.champion) ||
	    take_hash(field[6], d.previous) || take_time(field[7], &d.barrier_s) || take_double(field[8], &d.before) ||
	    take_double(field[9], &d.after) || take_text(field[10], d.reason, sizeof(d.reason)) || take_text(field[11], d.why, sizeof(d.why)))
		return -EBADMSG;
	*ret = d;
	return 0;
}

static void remember(struct shelf_use *u, const struct weir_shelf_decision *d)
{
	if (u->decisions == WEIR_SHELF_HISTORY)
		memmove(u->decision, u->decision + 1, --u->decisions * sizeof(*d));
	u->decision[u->decisions++] = *d;
	memcpy(u->champion, d->champion, sizeof(u->champion));
	memcpy(u->previous, d->previous, sizeof(u->previous));
}

/* The file with what is remembered alone. */
static int make_short(struct weir_shelf *s, struct shelf_use *u)
{
	weir_auto_buf struct weir_buf b = {.max = SHELF_HISTORY_BYTES_MAX};
	char path[SHELF_PATH_MAX];
	int r = shelf_path(s, u->name, SHELF_HISTORY_FILE, path);

	for (size_t i = 0; i < u->decisions && !r; i++)
		r = weir_shelf_decision_line(&u->decision[i], &b);
	r = r ? r : weir_file_write(path, b.len ? (const char *)b.data : "", b.len, 0600);
	if (!r)
		u->lines = u->decisions;
	return r;
}

/* How many are damaged. */
static size_t read_lines(struct weir_shelf *s, struct shelf_use *u, const char *data, size_t len)
{
	size_t damaged = 0, number = 0, first = 0;

	for (size_t at = 0; at < len;) {
		const char *end = memchr(data + at, '\n', len - at);
		size_t n = end ? (size_t)(end - data) - at : len - at;
		struct weir_shelf_decision d;

		number++;
		if (end && !weir_shelf_decision_parse(data + at, n, &d))
			remember(u, &d);
		else if (end && !damaged++)
			first = number;
		at += n + 1;
	}
	u->lines = number;
	if (damaged)
		shelf_note(s, "%s/%s:%zu: %zu damaged lines of the history of models are passed over; the file is kept as %s", u->name,
			   SHELF_HISTORY_FILE, first, damaged, DAMAGED);
	return damaged;
}

int shelf_history_read(struct weir_shelf *s, struct shelf_use *u)
{
	weir_auto_free char *data = NULL;
	char path[SHELF_PATH_MAX], aside[SHELF_PATH_MAX];
	size_t len;
	int r = shelf_path(s, u->name, SHELF_HISTORY_FILE, path);

	r = r ? r : weir_file_read(path, SHELF_HISTORY_BYTES_MAX, &data, &len);
	if (r == -ENOENT)
		return 0;
	if (r)
		return r;
	if (read_lines(s, u, data, len) && !shelf_path(s, u->name, DAMAGED, aside))
		weir_file_write(aside, data, len, 0600); /* for whoever wants to look */
	/* Torn, damaged or long: what stands is written anew, whole. */
	if (u->lines == u->decisions && (!len || data[len - 1] == '\n'))
		return 0;
	if (len && data[len - 1] != '\n')
		shelf_note(s, "%s/%s: the last line is torn and cut off", u->name, SHELF_HISTORY_FILE);
	return make_short(s, u);
}

static int append(const char *path, const struct weir_buf *b, bool first)
{
	weir_auto_close int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), dir = -1;
	weir_auto_free char *parent = strdup(path);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!parent)
		return -ENOMEM;
	if (write(fd, b->data, b->len) != (ssize_t)b->len || fdatasync(fd)) {
		r = errno ? -errno : -ENOSPC;
		return ftruncate(fd, st.st_size) ? -errno : r;
	}
	if (!first)
		return 0;
	*strrchr(parent, '/') = '\0';
	dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 || fsync(dir) ? -errno : 0;
}

int shelf_history_add(struct weir_shelf *s, struct shelf_use *u, const struct weir_shelf_decision *d)
{
	weir_auto_buf struct weir_buf b = {0};
	struct weir_shelf_decision again;
	char path[SHELF_PATH_MAX];
	int r = shelf_path(s, u->name, SHELF_HISTORY_FILE, path);

	r = r ? r : weir_shelf_decision_line(d, &b);
	/* As it will be read: texts cleaned. */
	r = r ? r : weir_shelf_decision_parse((const char *)b.data, b.len - 1, &again);
	r = r ? r : append(path, &b, !u->lines);
	if (r)
		return r;
	u->lines++;
	remember(u, &again);
	if (u->lines >= 2 * WEIR_SHELF_HISTORY && make_short(s, u))
		shelf_note(s, "%s/%s: cannot be made shorter: %s", u->name, SHELF_HISTORY_FILE, strerror(errno));
	return 0;
}
