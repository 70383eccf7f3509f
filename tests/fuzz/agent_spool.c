/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spool directory of two files that anybody wrote: the input is what stands in them, split where its first
 * byte says, with checksums mended where its second byte says so, or no change would pass them.
 */
#include "agent/segment.h"
#include "agent/spool.h"
#include "lib/os/file.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>

#define FIRST "0000000000000001.seg"
#define SECOND "0000000000000002.seg"

static char dir[64];

static void leave(void)
{
	weir_auto_free char *command = weir_strf("rm -rf %s", dir);

	if (!command || system(command))
		perror(dir);
}

/* On a file system in memory, where there is one. */
static void arrive(void)
{
	snprintf(dir, sizeof(dir), "%s/weir-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	MUST(mkdtemp(dir));
	atexit(leave);
}

static void mend(uint8_t *p, size_t len)
{
	struct segment_crc c;
	uint32_t v, n;

	segment_crc_init(&c);
	if (len < SEGMENT_HEADER)
		return;
	v = segment_crc(&c, p, SEGMENT_HEADER - 4, 0);
	memcpy(p + SEGMENT_HEADER - 4, &v, sizeof(v));
	/* Of a record: length, checksum, sequence, payload. */
	for (size_t at = SEGMENT_HEADER; at + SEGMENT_RECORD <= len; at += SEGMENT_RECORD + n) {
		memcpy(&n, p + at, sizeof(n));
		if (n > len - at - SEGMENT_RECORD)
			return;
		v = segment_crc(&c, p + at + 8, 8, 0);
		v = segment_crc(&c, &n, sizeof(n), v);
		v = segment_crc(&c, p + at + SEGMENT_RECORD, n, v);
		memcpy(p + at + 4, &v, sizeof(v));
	}
}

static void put(const char *name, const uint8_t *data, size_t len, bool mended)
{
	weir_auto_free uint8_t *copy = malloc(len + 1);
	weir_auto_free char *path = weir_strf("%s/%s", dir, name);
	weir_auto_close int fd = -1;

	MUST(copy && path);
	memcpy(copy, data, len);
	if (mended)
		mend(copy, len);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	MUST(fd >= 0 && write(fd, copy, len) == (ssize_t)len);
}

static void empty(void)
{
	static const char *const names[] = {FIRST, SECOND, FIRST ".bad", SECOND ".bad", "acked"};
	weir_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++)
		(void)unlinkat(fd, names[i], 0);
}

static int fold(const void *data, size_t len, struct weir_buf *ret)
{
	return weir_buf_add(ret, data, len / 2);
}

/* Whatever stood there, what is written now is read back in order. */
static void use(struct spool *s)
{
	weir_auto_buf struct weir_buf b = {0};
	uint64_t epoch, sequence, e, n, last = 0;
	int r;

	spool_last(s, &epoch, &sequence);
	(void)spool_read_last(s, &b);
	for (int i = 0; i < 50; i++) {
		b.len = 0;
		r = spool_next(s, &e, &n, &b);
		if (r)
			break;
		MUST(e <= epoch && (e < epoch || n <= sequence));
		MUST(spool_ack(s, e, n) == 0);
	}
	if (epoch < UINT64_MAX)
		MUST(spool_append(s, epoch + 1, 1, "12345678", 8) == 0);
	spool_last(s, &e, &last);
	MUST(epoch == UINT64_MAX || (e == epoch + 1 && last == 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct spool_conf conf = {.dir = dir, .max = 1 << 20, .segment = 1 << 16, .fold = fold};
	struct weir_err note = {0}, err = {0};
	struct spool *s = NULL;
	size_t split;

	if (!*dir)
		arrive();
	if (len < 2)
		return 0;
	split = 2 + (len - 2) * data[0] / 255;
	put(FIRST, data + 2, split - 2, data[1] & 1);
	put(SECOND, data + split, len - split, data[1] & 2);
	if (spool_open(&conf, &s, &note, &err) == 0) {
		use(s);
		spool_free(s);
	} else {
		MUST(*err.text);
	}
	empty();
	return 0;
}
