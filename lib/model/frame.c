/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/frame.h"

#include <endian.h>
#include <math.h>

#define MAGIC "WEIRMODL"
#define MAGIC_LEN 8

void weir_meta_text(char *dst, size_t size, const char *src)
{
	size_t n = 0;

	for (; src[n] && n + 1 < size; n++)
		dst[n] = (char)(src[n] < 0x20 || src[n] > 0x7e ? '?' : src[n]);
	dst[n] = '\0';
}

int weir_meta_add(struct weir_model_numbers *n, const char *name, double value)
{
	if (n->count == WEIR_META_NUMBERS_MAX)
		return -E2BIG;
	if (weir_strcpy(n->item[n->count].name, sizeof(n->item[0].name), name))
		return -EINVAL;
	n->item[n->count++].value = value;
	return 0;
}

double weir_meta_get(const struct weir_model_numbers *n, const char *name)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (!strcmp(n->item[i].name, name))
			return n->item[i].value;
	return NAN;
}

int weir_put_u32(struct weir_buf *b, uint32_t v)
{
	v = htole32(v);
	return weir_buf_add(b, &v, sizeof(v));
}

int weir_put_u64(struct weir_buf *b, uint64_t v)
{
	v = htole64(v);
	return weir_buf_add(b, &v, sizeof(v));
}

int weir_put_double(struct weir_buf *b, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return weir_put_u64(b, bits);
}

int weir_put_doubles(struct weir_buf *b, const double *v, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = weir_put_double(b, v[i]);
	return r;
}

int weir_put_text(struct weir_buf *b, const char *s)
{
	size_t len = strlen(s);
	int r = weir_put_u32(b, (uint32_t)len);

	return r ? r : weir_buf_add(b, s, len);
}

static const uint8_t *bytes(struct weir_reader *r, size_t n)
{
	const uint8_t *at = r->at;

	if (r->bad || (size_t)(r->end - r->at) < n) {
		r->bad = true;
		return NULL;
	}
	r->at += n;
	return at;
}

uint32_t weir_get_u32(struct weir_reader *r)
{
	const uint8_t *p = bytes(r, sizeof(uint32_t));
	uint32_t v;

	if (!p)
		return 0;
	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

uint64_t weir_get_u64(struct weir_reader *r)
{
	const uint8_t *p = bytes(r, sizeof(uint64_t));
	uint64_t v;

	if (!p)
		return 0;
	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

double weir_get_double(struct weir_reader *r)
{
	uint64_t bits = weir_get_u64(r);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

size_t weir_get_count(struct weir_reader *r, size_t max)
{
	uint32_t n = weir_get_u32(r);

	if (n <= max)
		return n;
	r->bad = true;
	return 0;
}

bool weir_get_doubles(struct weir_reader *r, double *ret, size_t n)
{
	if (r->bad || (size_t)(r->end - r->at) / sizeof(double) < n)
		return !(r->bad = true);
	for (size_t i = 0; i < n; i++)
		ret[i] = weir_get_double(r);
	return true;
}

double *weir_take_doubles(struct weir_reader *r, size_t n, size_t n_max)
{
	weir_auto_free double *v = NULL;

	if (r->bad || n > n_max || (size_t)(r->end - r->at) / sizeof(double) < n || !(v = malloc((n ? n : 1) * sizeof(*v)))) {
		r->bad = true;
		return NULL;
	}
	weir_get_doubles(r, v, n);
	return weir_take_ptr(v);
}

bool weir_get_text(struct weir_reader *r, char *ret, size_t size)
{
	size_t len = weir_get_count(r, size - 1);
	const uint8_t *p = bytes(r, len);

	for (size_t i = 0; p && i < len; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			r->bad = true;
	if (r->bad)
		return false;
	memcpy(ret, p, len);
	ret[len] = '\0';
	return true;
}

static int put_numbers(struct weir_buf *b, const struct weir_model_numbers *n)
{
	int r = weir_put_u32(b, n->count);

	for (uint32_t i = 0; i < n->count && !r; i++) {
		r = weir_put_text(b, n->item[i].name);
		r = r ? r : weir_put_double(b, n->item[i].value);
	}
	return r;
}

static void get_numbers(struct weir_reader *r, struct weir_model_numbers *n)
{
	n->count = (uint32_t)weir_get_count(r, WEIR_META_NUMBERS_MAX);
	for (uint32_t i = 0; i < n->count && !r->bad; i++) {
		weir_get_text(r, n->item[i].name, sizeof(n->item[i].name));
		n->item[i].value = weir_get_double(r);
	}
}

static int put_slices(struct weir_buf *b, const struct weir_model_slices *l)
{
	int r = weir_put_u32(b, l->count);

	for (uint32_t i = 0; i < l->count && !r; i++) {
		const struct weir_model_slice *s = &l->item[i];
		const double numbers[] = {s->error, s->before, s->msis, s->covered};

		r = weir_put_text(b, s->kind);
		r = r ? r : weir_put_text(b, s->label);
		r = r ? r : weir_put_u64(b, s->count);
		r = r ? r : weir_put_doubles(b, numbers, WEIR_ARRAY_SIZE(numbers));
	}
	return r;
}

static void get_slices(struct weir_reader *r, struct weir_model_slices *l)
{
	l->count = (uint32_t)weir_get_count(r, WEIR_META_SLICES_MAX);
	for (uint32_t i = 0; i < l->count && !r->bad; i++) {
		struct weir_model_slice *s = &l->item[i];

		weir_get_text(r, s->kind, sizeof(s->kind));
		weir_get_text(r, s->label, sizeof(s->label));
		s->count = weir_get_u64(r);
		s->error = weir_get_double(r);
		s->before = weir_get_double(r);
		s->msis = weir_get_double(r);
		s->covered = weir_get_double(r);
	}
}

static int put_meta(struct weir_buf *b, const struct weir_model_meta *m)
{
	const uint64_t words[] = {(uint64_t)m->from_s, (uint64_t)m->to_s, m->series, m->points, m->seed};
	int r = weir_put_text(b, m->name);

	r = r ? r : weir_put_u32(b, m->version);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(words) && !r; i++)
		r = weir_put_u64(b, words[i]);
	r = r ? r : put_numbers(b, &m->scores);
	r = r ? r : put_numbers(b, &m->params);
	return r ? r : put_slices(b, &m->slices);
}

static void get_meta(struct weir_reader *r, struct weir_model_meta *m)
{
	weir_get_text(r, m->name, sizeof(m->name));
	m->version = weir_get_u32(r);
	m->from_s = (int64_t)weir_get_u64(r);
	m->to_s = (int64_t)weir_get_u64(r);
	m->series = weir_get_u64(r);
	m->points = weir_get_u64(r);
	m->seed = weir_get_u64(r);
	get_numbers(r, &m->scores);
	get_numbers(r, &m->params);
	get_slices(r, &m->slices);
}

int weir_frame_pack(const struct weir_model_meta *meta, const struct weir_buf *body, struct weir_buf *b)
{
	uint8_t hash[WEIR_SHA256_LEN];
	size_t begin = b->len;
	int r = body->len > WEIR_FRAME_MAX ? -EFBIG : weir_buf_add(b, MAGIC, MAGIC_LEN);

	r = r ? r : weir_put_u32(b, WEIR_FRAME_VERSION);
	r = r ? r : put_meta(b, meta);
	r = r ? r : weir_put_u32(b, (uint32_t)body->len);
	r = r || !body->len ? r : weir_buf_add(b, body->data, body->len);
	r = r ? r : weir_sha256(b->data + begin, b->len - begin, hash);
	return r ? r : weir_buf_add(b, hash, sizeof(hash));
}

/* Magic and hash: what is said of a file that is no model, or is damaged. */
static int check_whole(const uint8_t *data, size_t len, struct weir_err *err)
{
	uint8_t hash[WEIR_SHA256_LEN];
	int r;

	if (len > WEIR_FRAME_MAX || len < MAGIC_LEN + WEIR_SHA256_LEN || memcmp(data, MAGIC, MAGIC_LEN))
		return weir_err_set(err, -EBADMSG, "this is no model");
	r = weir_sha256(data, len - WEIR_SHA256_LEN, hash);
	if (r)
		return r;
	if (memcmp(hash, data + len - WEIR_SHA256_LEN, sizeof(hash)))
		return weir_err_set(err, -EBADMSG, "the model is damaged: its hash is another; take it from where it was made");
	return 0;
}

int weir_frame_unpack(const uint8_t *data, size_t len, struct weir_model_meta *ret_meta, struct weir_reader *ret_body,
		      struct weir_err *err)
{
	struct weir_model_meta meta = {0};
	struct weir_reader r = {0};
	uint32_t version;
	size_t body;
	int bad = check_whole(data, len, err);

	if (bad)
		return bad;
	r = (struct weir_reader){.at = data + MAGIC_LEN, .end = data + len - WEIR_SHA256_LEN};
	version = weir_get_u32(&r);
	if (version != WEIR_FRAME_VERSION)
		return weir_err_set(err, -EBADMSG, "the model is of format %u, this weir reads %u; fit it anew", version,
				    WEIR_FRAME_VERSION);
	get_meta(&r, &meta);
	body = weir_get_count(&r, WEIR_FRAME_MAX);
	if (r.bad || (size_t)(r.end - r.at) != body)
		return weir_err_set(err, -EBADMSG, "the model is malformed");
	*ret_meta = meta;
	*ret_body = r;
	return 0;
}
