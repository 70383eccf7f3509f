/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/audit.h"

#include "aggregator/text.h"

#include "lib/os/crypto.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>

#define PREV ",\"prev\":\""
#define HASH "\",\"hash\":\""
#define END "\"}"
#define HEX (2 * WEIR_SHA256_LEN)
#define TAIL (sizeof(PREV) - 1 + HEX + sizeof(HASH) - 1 + HEX + sizeof(END) - 1)

struct chain {
	uint64_t seq; /* of the last entry */
	uint8_t hash[WEIR_SHA256_LEN];
};

struct audit {
	int fd;
	off_t size;
	struct chain chain;
};

static void hash_freep(struct weir_sha256 **h)
{
	weir_sha256_free(*h);
}

static int chain_hash(const uint8_t prev[WEIR_SHA256_LEN], const void *entry, size_t len,
		      uint8_t ret[WEIR_SHA256_LEN])
{
	weir_cleanup(hash_freep) struct weir_sha256 *h = NULL;
	int r = weir_sha256_new(&h);

	if (!r)
		r = weir_sha256_add(h, prev, WEIR_SHA256_LEN);
	if (!r)
		r = weir_sha256_add(h, entry, len);
	return r ? r : weir_sha256_end(h, ret);
}

static int take_hex(const char *p, uint8_t ret[WEIR_SHA256_LEN])
{
	char hex[HEX + 1];

	memcpy(hex, p, HEX);
	hex[HEX] = 0;
	return weir_unhex(hex, ret, WEIR_SHA256_LEN);
}

/* One line, without its newline, against the chain so far; moves the chain on. */
static int chain_step(struct chain *c, const char *line, size_t len)
{
	uint8_t prev[WEIR_SHA256_LEN], hash[WEIR_SHA256_LEN], want[WEIR_SHA256_LEN];
	char start[40];
	const char *p = line + len - TAIL;

	snprintf(start, sizeof(start), "{\"seq\":%" PRIu64 ",", c->seq + 1);
	if (len > AUDIT_LINE_MAX || len < TAIL + strlen(start) ||
	    strncmp(line, start, strlen(start)) || memcmp(p, PREV, sizeof(PREV) - 1) ||
	    memcmp(line + len - (sizeof(END) - 1), END, sizeof(END) - 1))
		return -EBADMSG;
	p += sizeof(PREV) - 1;
	if (take_hex(p, prev) || memcmp(p + HEX, HASH, sizeof(HASH) - 1) ||
	    take_hex(p + HEX + sizeof(HASH) - 1, hash) || memcmp(prev, c->hash, sizeof(prev)))
		return -EBADMSG;
	if (chain_hash(prev, line, len - TAIL, want))
		return -ENOMEM;
	if (memcmp(hash, want, sizeof(hash)))
		return -EBADMSG;
	memcpy(c->hash, hash, sizeof(hash));
	c->seq++;
	return 0;
}

/* Every complete line; bytes behind the last newline are left to the caller (*ret_used). */
static int chain_run(struct chain *c, const char *data, size_t len, size_t *ret_used)
{
	size_t at = 0;

	while (at < len) {
		const char *nl = memchr(data + at, '\n', len - at);
		int r;

		if (!nl)
			break;
		r = chain_step(c, data + at, (size_t)(nl - (data + at)));
		if (r)
			return r;
		at = (size_t)(nl - data) + 1;
	}
	*ret_used = at;
	return 0;
}

int audit_verify(const char *data, size_t len, uint64_t *ret_bad)
{
	struct chain c = {0};
	size_t used = 0;
	int r = chain_run(&c, data, len, &used);

	if (!r && used != len)
		r = -EBADMSG;
	if (r)
		*ret_bad = c.seq + 1;
	return r;
}

/* Reads the file in pieces that end at a line, so that a log of any size needs little memory. */
static int audit_scan(struct audit *a, struct weir_err *err, const char *path)
{
	weir_auto_free char *buf = malloc(4 * AUDIT_LINE_MAX);
	size_t have = 0;

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = pread(a->fd, buf + have, 4 * AUDIT_LINE_MAX - have, a->size + (off_t)have);
		size_t used = 0;
		int r;

		if (n < 0)
			return weir_err_set(err, -errno, "%s: cannot read: %m", path);
		have += (size_t)n;
		r = chain_run(&a->chain, buf, have, &used);
		if (!r && !used && have > AUDIT_LINE_MAX)
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

	if (n != (ssize_t)b->len || fdatasync(a->fd)) {
		int r = n < 0 || n == (ssize_t)b->len ? -errno : -ENOSPC;

		/* The chain goes on from the last whole line, whatever reached the disk. */
		if (ftruncate(a->fd, a->size))
			return -errno;
		return r;
	}
	return 0;
}

int audit_add(struct audit *a, uint64_t now_ns, const char *event, ...)
{
	weir_auto_buf struct weir_buf b = {.max = AUDIT_LINE_MAX};
	uint8_t hash[WEIR_SHA256_LEN];
	char prev_hex[HEX + 1], hash_hex[HEX + 1];
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
		r = chain_hash(a->chain.hash, b.data, b.len, hash);
	if (!r)
		r = weir_buf_addf(&b, PREV "%s" HASH "%s" END "\n",
				  weir_hex(a->chain.hash, WEIR_SHA256_LEN, prev_hex),
				  weir_hex(hash, WEIR_SHA256_LEN, hash_hex));
	if (!r)
		r = write_line(a, &b);
	if (r)
		return r;
	a->size += (off_t)b.len;
	a->chain.seq++;
	memcpy(a->chain.hash, hash, sizeof(hash));
	return 0;
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
