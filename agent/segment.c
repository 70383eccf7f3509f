/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment, all numbers in host byte order (a spool never leaves its machine):
 *
 *   header, 48 bytes:  "weirspl\n"  u32 version = 1  u32 flags (1 = folded)  u64 epoch  u64 number
 *                      12 zero bytes  u32 CRC32C of the 44 bytes before
 *   records:           u32 payload length  u32 CRC32C of sequence, length and payload
 *                      u64 sequence  payload
 *
 * Sequences of a segment rise by one. The first record that does not fit this ends the segment: a
 * crash leaves a torn record only at the end of the newest one.
 */
#include "agent/segment.h"

#include <inttypes.h>
#include <sys/stat.h>

static const char magic[8] = "weirspl\n";
#define VERSION 1
#define F_FOLDED 1u

struct header {
	char magic[8];
	uint32_t version, flags;
	uint64_t epoch, number;
	uint8_t pad[12];
	uint32_t crc;
};
_Static_assert(sizeof(struct header) == SEGMENT_HEADER, "header");

struct record {
	uint32_t len, crc;
	uint64_t sequence;
};
_Static_assert(sizeof(struct record) == SEGMENT_RECORD, "record");

void segment_crc_init(struct segment_crc *c)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i;

		for (int k = 0; k < 8; k++)
			v = v & 1 ? v >> 1 ^ 0x82f63b78u : v >> 1;
		c->table[i] = v;
	}
}

uint32_t segment_crc(const struct segment_crc *c, const void *data, size_t len, uint32_t seed)
{
	const uint8_t *p = data;
	uint32_t v = ~seed;

	while (len--)
		v = c->table[(v ^ *p++) & 0xff] ^ v >> 8;
	return ~v;
}

char *segment_name(uint64_t number, char buf[24])
{
	snprintf(buf, 24, "%016" PRIx64 ".seg", number);
	return buf;
}

bool segment_number(const char *name, uint64_t *ret)
{
	char again[24];
	uint64_t n = strtoull(name, NULL, 16);

	if (strcmp(segment_name(n, again), name))
		return false;
	*ret = n;
	return true;
}

static int pread_all(int fd, void *buf, size_t len, uint64_t at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)buf + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		done += (size_t)n;
	}
	return 0;
}

static int pwrite_all(int fd, const void *buf, size_t len, uint64_t at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, (const char *)buf + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

int segment_create(int fd, const struct segment_crc *c, const struct segment *s)
{
	struct header h = {.version = VERSION,
			   .flags = s->folded ? F_FOLDED : 0,
			   .epoch = s->epoch,
			   .number = s->number};

	memcpy(h.magic, magic, sizeof(magic));
	h.crc = segment_crc(c, &h, offsetof(struct header, crc), 0);
	return pwrite_all(fd, &h, sizeof(h), 0);
}

int segment_open(int fd, const struct segment_crc *c, struct segment *ret)
{
	struct header h;
	int r = pread_all(fd, &h, sizeof(h), 0);

	if (r < 0)
		return r;
	if (memcmp(h.magic, magic, sizeof(magic)) ||
	    h.crc != segment_crc(c, &h, offsetof(struct header, crc), 0))
		return -EILSEQ;
	if (h.version != VERSION)
		return -EPROTO;
	*ret = (struct segment){.number = h.number,
				.epoch = h.epoch,
				.size = SEGMENT_HEADER,
				.folded = h.flags & F_FOLDED};
	return 0;
}

static uint32_t record_crc(const struct segment_crc *c, uint64_t sequence, const void *data,
			   uint32_t len)
{
	uint32_t v = segment_crc(c, &sequence, sizeof(sequence), 0);

	v = segment_crc(c, &len, sizeof(len), v);
	return segment_crc(c, data, len, v);
}

int segment_read(int fd, const struct segment_crc *c, const struct segment *s, uint64_t at,
		 size_t record_max, uint64_t *ret_sequence, size_t *ret_len, struct weir_buf *ret)
{
	weir_auto_free uint8_t *data = NULL;
	struct record rec;
	int r;

	if (at + sizeof(rec) > s->size)
		return at == s->size ? -ENOENT : -EBADMSG;
	r = pread_all(fd, &rec, sizeof(rec), at);
	if (r < 0)
		return r;
	if (rec.len > record_max || rec.len > s->size - at - sizeof(rec))
		return -EBADMSG;
	if (ret) {
		data = malloc(rec.len + 1);
		if (!data)
			return -ENOMEM;
		r = pread_all(fd, data, rec.len, at + sizeof(rec));
		if (r < 0)
			return r;
		if (record_crc(c, rec.sequence, data, rec.len) != rec.crc)
			return -EBADMSG;
		r = weir_buf_add(ret, data, rec.len);
		if (r < 0)
			return r;
	}
	*ret_sequence = rec.sequence;
	*ret_len = rec.len;
	return 0;
}

int segment_scan(int fd, const struct segment_crc *c, size_t record_max, struct segment *ret,
		 uint64_t *ret_bad)
{
	struct segment s = *ret;
	uint64_t at = SEGMENT_HEADER, seq;
	struct stat st;
	size_t len;

	if (fstat(fd, &st) < 0)
		return -errno;
	s.size = (uint64_t)st.st_size;
	s.first = s.last = s.last_at = 0;
	for (;;) {
		weir_auto_buf struct weir_buf b = {.max = record_max};
		int r = segment_read(fd, c, &s, at, record_max, &seq, &len, &b);

		if (r == -ENOENT || r == -EBADMSG ||
		    (r == 0 && (seq == 0 || (s.last && seq != s.last + 1))))
			break;
		if (r < 0)
			return r;
		s.first = s.first ? s.first : seq;
		s.last = seq;
		s.last_at = at;
		at += SEGMENT_RECORD + len;
	}
	*ret_bad = s.size - at;
	s.size = at;
	*ret = s;
	return 0;
}

int segment_append(int fd, const struct segment_crc *c, struct segment *s, uint64_t sequence,
		   const void *data, size_t len)
{
	struct record rec = {.len = (uint32_t)len, .sequence = sequence};
	int r;

	rec.crc = record_crc(c, sequence, data, rec.len);
	r = pwrite_all(fd, &rec, sizeof(rec), s->size);
	if (r == 0)
		r = pwrite_all(fd, data, len, s->size + sizeof(rec));
	if (r < 0)
		return r;
	s->first = s->first ? s->first : sequence;
	s->last = sequence;
	s->last_at = s->size;
	s->size += sizeof(rec) + len;
	return 0;
}
