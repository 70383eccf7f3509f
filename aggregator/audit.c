/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/audit.h"

#include "aggregator/text.h"

#include "lib/os/chain.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>

/* Hashes of so many last entries are kept: what agents have seen is nearly always among them. */
#define RECENT 4096

struct audit {
	int fd;
	off_t size;
	struct weir_chain chain;
	bool held;
	struct weir_chain safe; /* that far, and to that size, it is on disk */
	off_t safe_size;
	struct weir_chain_head head; /* signed; of the last entry, or an older one */
	uint8_t recent[RECENT][WEIR_SHA256_LEN]; /* by seq % RECENT */
};

static void remember(struct audit *a)
{
	memcpy(a->recent[a->chain.seq % RECENT], a->chain.hash, WEIR_SHA256_LEN);
}

/* Every complete line; bytes behind the last newline are left to the caller (*ret_used). */
static int chain_run(struct audit *a, const char *data, size_t len, size_t *ret_used)
{
	size_t at = 0;

	while (at < len) {
		const char *nl = memchr(data + at, '\n', len - at);

		if (!nl)
			break;
		if (weir_chain_step(&a->chain, data + at, (size_t)(nl - (data + at))))
			return -EBADMSG;
		remember(a);
		at = (size_t)(nl - data) + 1;
	}
	*ret_used = at;
	return 0;
}

/* Reads the file in pieces that end at a line, so that a log of any size needs little memory. */
static int audit_scan(struct audit *a, struct weir_err *err, const char *path)
{
	weir_auto_free char *buf = malloc(4 * WEIR_CHAIN_LINE_MAX);
	size_t have = 0;

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = pread(a->fd, buf + have, 4 * WEIR_CHAIN_LINE_MAX - have, a->size + (off_t)have);
		size_t used = 0;
		int r;

		if (n < 0)
			return weir_err_set(err, -errno, "%s: cannot read: %m", path);
		have += (size_t)n;
		r = chain_run(a, buf, have, &used);
		if (!r && !used && have > WEIR_CHAIN_LINE_MAX)
			r = -EBADMSG;
		if (r)
			return weir_err_set(err, r,
					    "%s:%" PRIu64 ": the chain is broken here: the log was "
					    "edited; move the file away to start a new one",
					    path, a->chain.seq + 1);
		memmove(buf, buf + used, have - used);
		have -= used;
		a->size += (off_t)used;
		if (!n)
			return have ? 1 : 0;
	}
}

int audit_open(const char *path, uint64_t now_ns, struct audit **ret, struct weir_err *err)
{
	weir_auto_free struct audit *a = calloc(1, sizeof(*a));
	weir_auto_close int fd = -1;
	int r;

	if (!a)
		return -ENOMEM;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return weir_err_set(err, -errno, "%s: cannot open the audit log: %m", path);
	a->fd = fd;
	r = audit_scan(a, err, path);
	if (r < 0)
		return r;
	a->safe = a->chain;
	a->safe_size = a->size;
	if (r > 0) {
		if (ftruncate(fd, a->size))
			return weir_err_set(err, -errno, "%s: cannot cut a torn line: %m", path);
		r = audit_add(a, now_ns, "log-repaired", "what", "torn last line cut", NULL);
		if (r < 0)
			return weir_err_set(err, r, "%s: cannot write: %s", path, strerror(-r));
	}
	weir_take_fd(&fd);
	*ret = weir_take_ptr(a);
	return 0;
}

void audit_close(struct audit *a)
{
	if (!a)
		return;
	close(a->fd);
	free(a);
}

static int add_fields(struct weir_buf *b, va_list ap)
{
	const char *name;
	int r = 0;

	for (bool first = true; !r && (name = va_arg(ap, const char *)); first = false) {
		const char *value = va_arg(ap, const char *);

		if (!first)
			r = weir_buf_add(b, ",", 1);
		if (!r)
			r = text_json(b, name);
		if (!r)
			r = weir_buf_add(b, ":", 1);
		if (!r)
			r = text_json(b, value);
	}
	return r;
}

static int write_line(struct audit *a, const struct weir_buf *b)
{
	ssize_t n = pwrite(a->fd, b->data, b->len, a->size);

	if (n != (ssize_t)b->len) {
		int r = n < 0 ? -errno : -ENOSPC;

		/* The chain goes on from the last whole line, whatever reached the disk. */
		if (ftruncate(a->fd, a->size))
			return -errno;
		return r;
	}
	return 0;
}

/* What was added is on disk, or was never added. */
static int sync_all(struct audit *a)
{
	int r;

	if (a->chain.seq == a->safe.seq)
		return 0;
	if (!fdatasync(a->fd)) {
		a->safe = a->chain;
		a->safe_size = a->size;
		return 0;
	}
	r = -errno;
	a->chain = a->safe;
	a->size = a->safe_size;
	return ftruncate(a->fd, a->size) ? -errno : r;
}

void audit_hold(struct audit *a)
{
	a->held = true;
}

int audit_release(struct audit *a)
{
	a->held = false;
	return sync_all(a);
}

int audit_add(struct audit *a, uint64_t now_ns, const char *event, ...)
{
	weir_auto_buf struct weir_buf b = {.max = WEIR_CHAIN_LINE_MAX};
	uint8_t hash[WEIR_SHA256_LEN];
	char tail[WEIR_CHAIN_TAIL + 1];
	va_list ap;
	int r;

	r = weir_buf_addf(&b, "{\"seq\":%" PRIu64 ",\"time_ns\":%" PRIu64 ",\"event\":",
			  a->chain.seq + 1, now_ns);
	if (!r)
		r = text_json(&b, event);
	if (!r)
		r = weir_buf_addf(&b, ",\"fields\":{");
	va_start(ap, event);
	if (!r)
		r = add_fields(&b, ap);
	va_end(ap);
	if (!r)
		r = weir_buf_add(&b, "}", 1);
	if (!r)
		r = weir_chain_tail(&a->chain, b.data, b.len, tail, hash);
	if (!r)
		r = weir_buf_addf(&b, "%s\n", tail);
	if (!r)
		r = write_line(a, &b);
	if (r)
		return r;
	a->size += (off_t)b.len;
	a->chain.seq++;
	memcpy(a->chain.hash, hash, sizeof(hash));
	remember(a);
	return a->held ? 0 : sync_all(a);
}

int audit_head(struct audit *a, const struct weir_key *key, struct weir_chain_head *ret)
{
	int r = sync_all(a); /* a witness must not have seen what a crash can undo */

	if (r)
		return r;
	if (!a->chain.seq)
		return -ENOENT;
	if (a->head.seq != a->chain.seq)
		r = weir_chain_head_sign(&a->chain, key, &a->head);
	if (!r)
		*ret = a->head;
	return r;
}

/* The entry's hash, from the file. */
static int hash_of(const struct audit *a, uint64_t seq, uint8_t ret[WEIR_SHA256_LEN])
{
	weir_auto_close int fd = fcntl(a->fd, F_DUPFD_CLOEXEC, 0);
	weir_auto_fclose FILE *f = fd < 0 || lseek(fd, 0, SEEK_SET) ? NULL : fdopen(fd, "r");
	weir_auto_free char *line = NULL;
	struct weir_chain c = {0};
	size_t cap = 0;
	ssize_t len;

	if (!f)
		return -errno;
	weir_take_fd(&fd);
	while (c.seq < seq && (len = getline(&line, &cap, f)) > 0)
		if (weir_chain_step(&c, line, (size_t)len - 1))
			return -EBADMSG;
	if (c.seq != seq)
		return -ENODATA;
	memcpy(ret, c.hash, sizeof(c.hash));
	return 0;
}

int audit_holds(const struct audit *a, const struct weir_chain_head *h)
{
	uint8_t hash[WEIR_SHA256_LEN];
	int r;

	if (h->seq > a->chain.seq)
		return -ENODATA;
	if (h->seq + RECENT > a->chain.seq)
		return memcmp(a->recent[h->seq % RECENT], h->hash, sizeof(hash)) ? -EBADMSG : 0;
	r = hash_of(a, h->seq, hash);
	return r ? r : memcmp(hash, h->hash, sizeof(hash)) ? -EBADMSG : 0;
}

uint64_t audit_count(const struct audit *a)
{
	return a->chain.seq;
}

int audit_tail(const struct audit *a, size_t limit, int (*fn)(const char *line, void *arg), void *arg)
{
	/* Entries are some 400 bytes: this holds far more than any limit that the API admits. */
	size_t want = (size_t)WEIR_MIN((off_t)(4u << 20), a->size);
	weir_auto_free char *buf = malloc(want + 1);
	char *p, *end;
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	n = pread(a->fd, buf, want, a->size - (off_t)want);
	if (n < 0)
		return -errno;
	end = p = buf + n;
	*end = 0;
	while (p > buf && limit) {
		for (p--; p > buf && p[-1] != '\n'; p--)
			;
		limit--;
	}
	if (p == buf && (off_t)want < a->size) /* may be the middle of a line */
		p = memchr(buf, '\n', (size_t)n) ? strchr(buf, '\n') + 1 : end;
	while (p < end) {
		char *nl = strchr(p, '\n');
		int r;

		if (nl)
			*nl = 0;
		r = fn(p, arg);
		if (r)
			return r;
		p = nl ? nl + 1 : end;
	}
	return 0;
}
