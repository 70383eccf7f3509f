/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a bill's file: hashed as they lie there, inflated where they are gzip (also of several members). */
#include "lib/money/bill_impl.h"
#include "lib/os/crypto.h"

#include <sys/stat.h>
#include <zlib.h>

#define IN_SIZE ((size_t)128 << 10)

struct bill_source {
	int fd;
	uint64_t pos, size;
	struct weir_sha256 *hash;
	bool gzip, ended, in_member;
	uint64_t members; /* that have ended */
	z_stream z;
	uint8_t in[IN_SIZE];
	size_t at, len;
};

void bill_source_close(struct bill_source *s)
{
	if (!s)
		return;
	if (s->gzip)
		inflateEnd(&s->z);
	weir_sha256_free(s->hash);
	close(s->fd);
	free(s);
}

static int fill(struct bill_source *s)
{
	ssize_t n;

	do
		n = read(s->fd, s->in, sizeof(s->in));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	s->at = 0;
	s->len = (size_t)n;
	s->pos += (uint64_t)n;
	s->ended = n == 0;
	return n ? weir_sha256_add(s->hash, s->in, s->len) : 0;
}

int bill_source_open(int fd, struct bill_source **ret)
{
	struct bill_source *s = calloc(1, sizeof(*s));
	struct stat st;
	int r = -ENOMEM;

	if (!s) {
		close(fd);
		return r;
	}
	s->fd = fd;
	if (fstat(fd, &st) == 0)
		s->size = (uint64_t)st.st_size;
	r = weir_sha256_new(&s->hash);
	if (!r)
		r = fill(s);
	if (!r && s->len > 2 && s->in[0] == 0x1f && s->in[1] == 0x8b) {
		s->gzip = true;
		r = inflateInit2(&s->z, 15 + 16) == Z_OK ? 0 : -ENOMEM;
	}
	if (r) {
		bill_source_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

static ssize_t read_plain(struct bill_source *s, char *buf, size_t size)
{
	size_t n = WEIR_MIN(size, s->len - s->at);

	memcpy(buf, s->in + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

/* Behind a member there may be another, or zeros that padding left. */
static void begin_member(struct bill_source *s)
{
	while (s->members && s->at < s->len && !s->in[s->at])
		s->at++;
	s->in_member = s->at < s->len;
}

static ssize_t read_gzip(struct bill_source *s, char *buf, size_t size)
{
	size_t room = WEIR_MIN(size, (size_t)1 << 30);
	int code;

	if (!s->in_member)
		begin_member(s);
	if (!s->in_member)
		return 0;
	s->z.next_in = s->in + s->at;
	s->z.avail_in = (unsigned int)(s->len - s->at);
	s->z.next_out = (uint8_t *)buf;
	s->z.avail_out = (unsigned int)room;
	code = inflate(&s->z, Z_NO_FLUSH);
	s->at = s->len - s->z.avail_in;
	if (code == Z_STREAM_END) {
		s->in_member = false;
		s->members++;
		if (inflateReset(&s->z) != Z_OK)
			return -EBADMSG;
	} else if (code != Z_OK && code != Z_BUF_ERROR) {
		return -EBADMSG;
	}
	return (ssize_t)(room - s->z.avail_out);
}

ssize_t bill_source_read(struct bill_source *s, char *buf, size_t size)
{
	ssize_t n = 0;

	while (!n && size) {
		if (s->at == s->len && !s->ended) {
			int r = fill(s);

			if (r)
				return r;
		}
		if (s->ended)
			return s->gzip && s->in_member ? -EBADMSG : 0;
		n = s->gzip ? read_gzip(s, buf, size) : read_plain(s, buf, size);
	}
	return n;
}

bool bill_source_gzip(const struct bill_source *s)
{
	return s->gzip;
}

uint64_t bill_source_pos(const struct bill_source *s)
{
	return s->pos;
}

uint64_t bill_source_size(const struct bill_source *s)
{
	return s->size;
}

int bill_source_sha256(struct bill_source *s, uint8_t ret[32])
{
	return weir_sha256_end(s->hash, ret);
}
