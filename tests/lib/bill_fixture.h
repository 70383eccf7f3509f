/* SPDX-License-Identifier: Apache-2.0 */
/* Bills as texts, plain or gzip, and what a reader makes of them. */
#ifndef WEIR_TEST_BILL_FIXTURE_H
#define WEIR_TEST_BILL_FIXTURE_H

#include "lib/money/bill.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <zlib.h>

#define BILL_SAID_MAX 4096

struct bill_fixture {
	struct weir_bill_reader *reader;
	const struct weir_bill_row *row; /* of the last next() */
	char said[BILL_SAID_MAX];	 /* "file:line column: reason\n" of each bad row */
	struct weir_err err;
};

static inline void bill_fixture_bad(const struct weir_bill_bad *bad, void *arg)
{
	struct bill_fixture *f = arg;
	size_t used = strlen(f->said);

	snprintf(f->said + used, sizeof(f->said) - used, "%s:%llu %s: %s\n", bad->file, (unsigned long long)bad->line,
		 bad->column, bad->reason);
}

static inline int bill_fixture_fd(const void *data, size_t len)
{
	int fd = memfd_create("bill", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET))
		abort();
	return fd;
}

static inline int bill_fixture_bytes(struct bill_fixture *f, const void *data, size_t len)
{
	memset(f, 0, sizeof(*f));
	return weir_bill_open_fd(bill_fixture_fd(data, len), "b.csv", bill_fixture_bad, f, &f->reader, &f->err);
}

static inline int bill_fixture_open(struct bill_fixture *f, const char *text)
{
	return bill_fixture_bytes(f, text, strlen(text));
}

static inline int bill_fixture_next(struct bill_fixture *f)
{
	return weir_bill_next(f->reader, &f->row, &f->err);
}

/* A gzip member; the caller's. */
static inline unsigned char *bill_fixture_gzip(const char *text, size_t *ret_len)
{
	z_stream z = {0};
	size_t size = strlen(text) + 128;
	unsigned char *out = malloc(size);

	if (!out || deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	z.next_in = (unsigned char *)(uintptr_t)text;
	z.avail_in = (unsigned int)strlen(text);
	z.next_out = out;
	z.avail_out = (unsigned int)size;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	*ret_len = size - z.avail_out;
	deflateEnd(&z);
	return out;
}

static inline const char *bill_fixture_extra(const struct weir_bill_row *row, const char *name)
{
	for (size_t i = 0; i < row->extra_count; i++)
		if (!strcmp(row->extras[i].name, name))
			return row->extras[i].value;
	return NULL;
}

/* Where the published data lies, or NULL. */
static inline char *bill_fixture_data(const char *name)
{
	const char *dir = getenv("WEIR_DATA");
	char *path = weir_strf("%s/finops/focus/%s", dir ? dir : "../shared/data", name);

	if (path && access(path, R_OK)) {
		free(path);
		path = NULL;
	}
	return path;
}

#endif
