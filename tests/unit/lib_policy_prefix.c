/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle's prefixes as bytes: what was written is read back, and each way in which bytes lie is refused by its kind. */
#include "lib/policy/format.h"
#include "tests/lib/test.h"

#define CLASSES 3

static int decode(const uint8_t *bytes, size_t len, size_t n, struct weir_bundle *ret)
{
	const uint8_t *at = bytes;
	int r;

	*ret = (struct weir_bundle){.peer_classes = CLASSES};
	r = weir_prefixes_decode(ret, n, &at, bytes + len);
	return r ? r : at == bytes + len ? 0 : -EINPROGRESS;
}

static void forget(struct weir_bundle *b)
{
	free(b->prefixes);
	free(b->chunks);
}

/* A prefix is its length, how many bytes are as before, the others, its class. */
TEST(each_lie_has_its_kind)
{
	static const struct {
		const char *what;
		size_t n, len;
		uint8_t bytes[24];
		int want;
	} cases[] = {
		{"two in order", 2, 8, {8, 0, 0x20, 1, 8, 0, 0x30, 2}, 0},
		{"the shorter first", 2, 8, {8, 0, 0x20, 1, 16, 1, 0x01, 2}, 0},
		{"none", 0, 0, {0}, 0},
		{"in the wrong order", 2, 8, {8, 0, 0x30, 1, 8, 0, 0x20, 2}, -ERANGE},
		{"twice", 2, 7, {8, 0, 0x20, 1, 8, 1, 1}, -ERANGE},
		{"the longer first", 2, 8, {16, 0, 0x20, 0, 1, 8, 1, 1}, -ERANGE},
		{"bits behind its length", 1, 4, {4, 0, 0x21, 1}, -ERANGE},
		{"a class that is none", 1, 4, {8, 0, 0x20, CLASSES}, -ERANGE},
		{"a length that is none", 1, 4, {129, 0, 0x20, 1}, -EBADMSG},
		{"more in common than it has", 1, 4, {8, 2, 0x20, 1}, -EBADMSG},
		{"another spelling of what is in common", 2, 9, {8, 0, 0x20, 1, 16, 0, 0x20, 1, 1}, -EBADMSG},
		{"another spelling of a class", 1, 5, {8, 0, 0x20, 0x81, 0}, -EBADMSG},
		{"a class without an end", 1, 4, {8, 0, 0x20, 0x81}, -EBADMSG},
		{"cut short", 1, 3, {8, 0, 0x20}, -EBADMSG},
		{"more of them than there are bytes", 1000, 4, {8, 0, 0x20, 1}, -EBADMSG},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_bundle b;
		int r = decode(cases[i].bytes, cases[i].len, cases[i].n, &b);

		CHECK(r == cases[i].want, "%s: %d", cases[i].what, r);
		forget(&b);
	}
}

TEST(what_is_written_is_read)
{
	struct weir_b_prefix in[600] = {{.class = 0}};
	weir_auto_buf struct weir_buf bytes = {0};
	struct weir_bundle b;
	size_t covered = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(in); i++) { /* IPv4 by twos, then IPv6 */
		in[i].prefix.len = i < 400 ? 127 : 64;
		memcpy(in[i].prefix.addr.b, (uint8_t[16]){[0] = i < 400 ? 0 : 0x20, [2] = i < 400 ? 0 : (uint8_t)(i / 256),
							   [3] = i < 400 ? 0 : (uint8_t)i, [10] = i < 400 ? 0xff : 0,
							   [11] = i < 400 ? 0xff : 0, [14] = i < 400 ? (uint8_t)(i / 128) : 0,
							   [15] = i < 400 ? (uint8_t)(2 * i) : 0}, 16);
		in[i].class = (uint32_t)(i % CLASSES);
	}
	CHECK(!weir_prefixes_encode(in, WEIR_ARRAY_SIZE(in), &bytes));
	CHECK(!decode(bytes.data, bytes.len, WEIR_ARRAY_SIZE(in), &b) && b.prefix_count == WEIR_ARRAY_SIZE(in));
	for (size_t i = 0; i < b.prefix_count; i++)
		CHECK(!weir_prefix_cmp(&b.prefixes[i].prefix, &in[i].prefix) && b.prefixes[i].class == in[i].class, "prefix %zu", i);
	for (size_t i = 0; i < b.chunk_count; i++)
		covered += b.chunks[i + 1].first - b.chunks[i].first;
	CHECK(b.chunk_count && !b.chunks[0].first && covered == b.prefix_count, "%zu chunks of %zu prefixes", b.chunk_count, covered);
	CHECK(b.lengths[1] == (1ull << (127 - 64) | 1ull), "lengths 127 and 64 alone: %llx", (unsigned long long)b.lengths[1]);
	forget(&b);
}

TEST_MAIN(T(each_lie_has_its_kind), T(what_is_written_is_read))
