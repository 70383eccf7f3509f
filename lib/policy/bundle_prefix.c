/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prefixes of a bundle as bytes: there may be a million, so they are read, checked and cut into chunks in one pass.
 * Of each: its length, how many bytes of its address are as in the prefix before, the others that the length covers, and
 * its class (LEB128). They stand in weir_prefix_cmp order.
 *
 * Chunks are for weir_bundle_diff(): where one begins depends on the prefix that stands there and not on how many come
 * before it, so two bundles that differ in one prefix differ in one chunk or two.
 */
#include <endian.h>

#include "lib/policy/format.h"

#define CHUNK_BITS 8 /* one prefix in 256 begins a chunk */
/* Length, bytes in common, class: the shortest prefix. */
#define PREFIX_BYTES_MIN 3

int weir_prefixes_encode(const struct weir_b_prefix *prefixes, size_t n, struct weir_buf *ret)
{
	struct weir_addr last = {{0}};
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		const uint8_t *addr = prefixes[i].prefix.addr.b, len = prefixes[i].prefix.len;
		uint8_t out[2 + sizeof(last.b) + 5], bytes = (uint8_t)((len + 7) / 8), same = 0;
		size_t size = 2;
		uint32_t class = prefixes[i].class;

		while (same < bytes && addr[same] == last.b[same])
			same++;
		out[0] = len;
		out[1] = same;
		memcpy(out + size, addr + same, bytes - same);
		size += bytes - same;
		for (; class > 0x7f; class >>= 7)
			out[size++] = (uint8_t)(class | 0x80);
		out[size++] = (uint8_t)class;
		r = weir_buf_add(ret, out, size);
		last = prefixes[i].prefix.addr;
	}
	return r;
}

/* In its shortest form, at most 32 bits; NULL: it is not. */
static const uint8_t *class_in(const uint8_t *in, const uint8_t *end, uint32_t *ret)
{
	uint32_t sum = 0;

	for (unsigned int shift = 0; in < end; shift += 7) {
		uint8_t byte = *in++;

		if (shift > 28 || (shift == 28 && byte > 0xf) || (shift && !byte))
			return NULL;
		sum |= (uint32_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = sum;
			return in;
		}
	}
	return NULL;
}

/* A prefix as a number and a length: what is just written byte by byte is slow to read back. */
struct place {
	unsigned __int128 addr;
	uint8_t len;
};

static inline __attribute__((always_inline)) uint8_t byte_of(unsigned __int128 addr, uint8_t i)
{
	return (uint8_t)(addr >> 8 * (15 - i));
}

/* The first n bytes of an address. */
static inline __attribute__((always_inline)) unsigned __int128 upper(unsigned __int128 addr, uint8_t n)
{
	return n ? addr & ~(unsigned __int128)0 << 8 * (16 - n) : 0;
}

/* Moves p to the next one. *ret_sound: it has no bits behind its length, and stands behind the last one. NULL: no prefix,
 * or not its one spelling. */
static inline __attribute__((always_inline)) const uint8_t *
prefix_in(const uint8_t *in, const uint8_t *end, bool first, struct place *p, uint32_t *ret_class, bool *ret_sound)
{
	struct place now = {.len = 0};
	uint8_t same, bytes;

	if (end - in < PREFIX_BYTES_MIN)
		return NULL;
	now.len = in[0];
	same = in[1];
	bytes = (uint8_t)((now.len + 7) / 8);
	in += 2;
	if (now.len > 128 || same > bytes || end - in <= bytes - same || (same < bytes && *in == byte_of(p->addr, same)))
		return NULL;
	now.addr = upper(p->addr, same);
	for (uint8_t i = same; i < bytes; i++) /* mostly one or two */
		now.addr |= (unsigned __int128)*in++ << 8 * (15 - i);
	*ret_sound = (first || now.addr > p->addr || (now.addr == p->addr && now.len > p->len)) &&
		     (now.len == 128 || !(now.addr & ~(unsigned __int128)0 >> now.len));
	*p = now;
	if (*in < 0x80) { /* as most are */
		*ret_class = *in;
		return in + 1;
	}
	return class_in(in, end, ret_class);
}

static inline bool begins_chunk(const struct place *p)
{
	uint64_t hi = (uint64_t)(p->addr >> 64), lo = (uint64_t)p->addr;

	hi = (hi ^ p->len) * 0x9e3779b97f4a7c15ull;
	lo = (lo ^ hi >> 32) * 0xbf58476d1ce4e5b9ull;
	lo = (lo ^ lo >> 32) * 0x94d049bb133111ebull; /* neighbours differ in the lowest bits alone */
	return lo >> (64 - CHUNK_BITS) == 0;
}

/* Of the bytes behind a chunk's first prefix, to which the others are differences. */
static int end_chunk(struct weir_bundle *b, const uint8_t *behind_first, const uint8_t *end)
{
	struct weir_b_chunk *c = &b->chunks[b->chunk_count - 1];

	return weir_sha256(behind_first, (size_t)(end - behind_first), c->digest);
}

/* One chunk more, which begins at prefix i; the last one of them all stands behind the last. */
static int begin_chunk(struct weir_bundle *b, size_t i, size_t *cap)
{
	if (b->chunk_count + 1 >= *cap) {
		size_t more = *cap ? 2 * *cap : 64;
		void *p = reallocarray(b->chunks, more, sizeof(*b->chunks));

		if (!p)
			return -ENOMEM;
		b->chunks = p;
		*cap = more;
	}
	b->chunks[b->chunk_count++] = (struct weir_b_chunk){.first = (uint32_t)i};
	return 0;
}

static inline void put(struct weir_b_prefix *to, const struct place *p, uint32_t class)
{
	const uint64_t words[2] = {htobe64((uint64_t)(p->addr >> 64)), htobe64((uint64_t)p->addr)};

	*to = (struct weir_b_prefix){.prefix.len = p->len, .class = class};
	memcpy(to->prefix.addr.b, words, sizeof(words));
}

int weir_prefixes_decode(struct weir_bundle *b, size_t n, const uint8_t **in, const uint8_t *end)
{
	const uint8_t *at = *in, *behind_first = at;
	struct place p = {.len = 0};
	bool sound = true, all_sound = true;
	size_t cap = 0;
	int r = 0;

	if (n > (size_t)(end - at) / PREFIX_BYTES_MIN)
		return -EBADMSG; /* no memory for a lie */
	b->prefixes = reallocarray(NULL, n + 1, sizeof(*b->prefixes));
	if (!b->prefixes || begin_chunk(b, 0, &cap))
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *begin = at;
		uint32_t class;

		at = prefix_in(at, end, !i, &p, &class, &sound);
		if (!at)
			return -EBADMSG;
		if (i && begins_chunk(&p)) {
			r = end_chunk(b, behind_first, begin);
			if (!r)
				r = begin_chunk(b, i, &cap);
			if (r)
				return r;
			behind_first = at;
		}
		put(&b->prefixes[i], &p, class);
		behind_first = i ? behind_first : at;
		all_sound &= sound && class < b->peer_classes;
		b->lengths[p.len / 64] |= 1ull << p.len % 64;
	}
	b->prefix_count = n;
	r = end_chunk(b, behind_first, at);
	b->chunk_count -= n == 0;
	b->chunks[b->chunk_count].first = (uint32_t)n;
	*in = at;
	return r ? r : all_sound && n <= WEIR_BUNDLE_PREFIXES_MAX ? 0 : -ERANGE;
}
