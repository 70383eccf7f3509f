/* SPDX-License-Identifier: Apache-2.0 */
/* One file of the spool: header and records; the format stands in segment.c. */
#ifndef WEIR_AGENT_SEGMENT_H
#define WEIR_AGENT_SEGMENT_H

#include "lib/ds/buf.h"

struct segment {
	uint64_t number; /* of the file name, rising */
	uint64_t epoch;
	uint64_t first, last; /* sequences; 0 = no record */
	uint64_t size;	      /* bytes that count; what stands behind them is overwritten */
	uint64_t last_at;     /* offset of the last record */
	bool folded;
};

#define SEGMENT_HEADER 48
#define SEGMENT_RECORD 16 /* bytes in front of each payload */

struct segment_crc {
	uint32_t table[256];
};
void segment_crc_init(struct segment_crc *c); /* CRC32C, reflected 0x82f63b78 */
uint32_t segment_crc(const struct segment_crc *c, const void *data, size_t len, uint32_t seed);

char *segment_name(uint64_t number, char buf[24]);
/* "0000000000000001.seg" -> 1; false for other names. */
bool segment_number(const char *name, uint64_t *ret);

int segment_create(int fd, const struct segment_crc *c, const struct segment *s);
/* -ENODATA shorter than a header, -EILSEQ not a segment, -EPROTO another version. */
int segment_open(int fd, const struct segment_crc *c, struct segment *ret);
/* Reads all records; ret->size is where the good ones end; *ret_bad = bytes behind that. */
int segment_scan(int fd, const struct segment_crc *c, size_t record_max, struct segment *ret,
		 uint64_t *ret_bad);
/* Record at offset; payload is appended to ret (NULL = only the header is read, unchecked).
 * -ENOENT at the end, -EBADMSG when damaged. */
int segment_read(int fd, const struct segment_crc *c, const struct segment *s, uint64_t at,
		 size_t record_max, uint64_t *ret_sequence, size_t *ret_len, struct weir_buf *ret);
/* Writes behind the last record and updates s; not yet durable. On failure s is unchanged. */
int segment_append(int fd, const struct segment_crc *c, struct segment *s, uint64_t sequence,
		   const void *data, size_t len);

#endif
