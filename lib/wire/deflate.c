/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Summaries deflated and inflated: everything that knows zlib. A summary is told as a difference to a reference
 * where there is one of its kind, else it stands alone. References are known by a CRC-32 over the bytes of all
 * summaries since one that stood alone: both sides have the same, or do not take the one for the other.
 */
#include <zlib.h>

#include "lib/wire/codec.h"

#define CHUNK 16384
#define BUILD_MAX ((size_t)256 << 20)

/* Everything that the input gives. -EFBIG: more than ret's maximum; -EBADMSG: not the whole of a stream. */
static int pump(z_stream *z, int (*step)(z_stream *, int), struct weir_buf *ret)
{
	uint8_t out[CHUNK];
	int r, e;

	do {
		z->next_out = out;
		z->avail_out = sizeof(out);
		e = step(z, Z_FINISH);
		r = weir_buf_add(ret, out, sizeof(out) - z->avail_out);
	} while (!r && !z->avail_out && (e == Z_OK || e == Z_BUF_ERROR));
	if (!r && (e != Z_STREAM_END || z->avail_in))
		r = e == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
	return r;
}

static int squeeze(const ProtobufCMessage *pb, struct weir_buf *ret)
{
	size_t len = protobuf_c_message_get_packed_size(pb);
	weir_auto_free uint8_t *data = malloc(len + 1);
	z_stream z = {.next_in = data, .avail_in = (uInt)len};
	int r;

	if (!data || len > WEIR_TELEMETRY_MAX)
		return data ? -E2BIG : -ENOMEM;
	protobuf_c_message_pack(pb, data);
	if (deflateInit(&z, Z_DEFAULT_COMPRESSION) != Z_OK)
		return -ENOMEM;
	r = pump(&z, deflate, ret);
	deflateEnd(&z);
	return r;
}

static int expand(const void *data, size_t len, struct weir_buf *ret, struct weir_err *err)
{
	z_stream z = {.next_in = (Bytef *)data, .avail_in = (uInt)len};
	int r;

	if (inflateInit(&z) != Z_OK)
		return -ENOMEM;
	r = pump(&z, inflate, ret);
	inflateEnd(&z);
	if (r == -EFBIG)
		return weir_bad(err, "summary_z: inflates to more than %u bytes", WEIR_TELEMETRY_MAX);
	return r == -EBADMSG ? weir_bad(err, "summary_z: not one whole zlib stream") : r;
}

int weir_summary_deflate(const struct weir_summary *s, const struct weir_msg *ref, struct weir_buf *ret)
{
	weir_auto_arena struct weir_arena *a = NULL;
	Weir__V1__Summary *pb = NULL;
	int r = weir_arena_new(BUILD_MAX, &a);

	if (!r)
		r = ref ? weir_difference_build(s, ref, a, &pb) : -ENOENT;
	if (r == -ENOENT)
		r = weir_summary_build(s, a, &pb);
	return r ? r : squeeze(&pb->base, ret);
}

int weir_summary_inflate(const void *data, size_t len, const struct weir_msg *ref, struct weir_msg **ret,
			 struct weir_err *err)
{
	weir_auto_buf struct weir_buf plain = {.max = WEIR_TELEMETRY_MAX};
	weir_auto_arena struct weir_arena *a = NULL;
	Weir__V1__Summary *pb;
	struct weir_msg *m;
	int r = expand(data, len, &plain, err);

	if (!r)
		r = weir_unpack(&weir__v1__summary__descriptor, plain.data, plain.len, &a, (void **)&pb, err);
	if (r)
		return r;
	m = weir_arena_alloc(a, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->kind = WEIR_MSG_SUMMARY;
	m->deflated = true;
	m->z_id = (uint32_t)crc32(pb->difference ? pb->difference->reference : 0, data, (uInt)len);
	r = pb->difference ? weir_difference_check(pb, ref, a, &m->summary, err) :
			     weir_summary_check(pb, 0, a, &m->summary, err);
	if (r)
		return r;
	m->arena = weir_take_ptr(a);
	*ret = m;
	return 0;
}
