/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model as bytes. All numbers are little-endian, doubles as their bits:
 *
 *   "WEIRMODL"      8 bytes
 *   u32 version     WEIR_FRAME_VERSION; another is refused
 *   meta            struct weir_model_meta: name, u32 version of the model's own part, i64 from, i64 to (Unix time of the
 *                   data, 0 when unknown), u64 series, u64 points, u64 seed, two lists (scores, parameters) of u32 count
 *                   and, each, a text and a double; and slices: u32 count and, each, two texts (kind, label), u64 count
 *                   and four doubles (error, before, msis, covered)
 *   u32 length      of what follows
 *   series          u32 count and, each, u64 key and i64 end: struct weir_model_series (model.h), in the order of the fit
 *   the model's own part
 *   sha256          of all before
 *
 * A text is u32 length and its bytes, printable ASCII. The hash names the model: the same bytes are the same model.
 */
#ifndef WEIR_MODEL_FRAME_H
#define WEIR_MODEL_FRAME_H

#include "lib/base/base.h"
#include "lib/ds/buf.h"
#include "lib/os/crypto.h"

#define WEIR_FRAME_VERSION 2
#define WEIR_FRAME_MAX ((size_t)64 << 20) /* bytes of a model */
#define WEIR_META_NUMBERS_MAX 64
#define WEIR_META_SLICES_MAX 96

/* A named number: a score on held-back data, or a parameter. */
struct weir_model_number {
	char name[32];
	double value;
};

struct weir_model_numbers {
	uint32_t count;
	struct weir_model_number item[WEIR_META_NUMBERS_MAX];
};

/* How a model does on a part of the data that was held back from it. What is not known is NaN. */
struct weir_model_slice {
	char kind[16], label[64]; /* "team", "shop" */
	uint64_t count;		  /* series, or planted rows */
	double error;		  /* gate.h: a series' MASE, or the share of calm rows that look stranger than what was planted */
	double before;		  /* the champion's that it was compared with */
	double msis, covered;
};

struct weir_model_slices {
	uint32_t count;
	struct weir_model_slice item[WEIR_META_SLICES_MAX];
};

struct weir_model_meta {
	char name[32];
	uint32_t version; /* of what the model packs */
	int64_t from_s, to_s;
	uint64_t series, points, seed;
	struct weir_model_numbers scores, params;
	struct weir_model_slices slices;
};

/* What does not belong into a text of a frame becomes '?', and what is too long is cut. */
void weir_meta_text(char *dst, size_t size, const char *src);
/* -E2BIG when there is no room, -EINVAL for a name that is too long. */
int weir_meta_add(struct weir_model_numbers *n, const char *name, double value);
/* NaN when there is none of that name. */
double weir_meta_get(const struct weir_model_numbers *n, const char *name);

int weir_put_u32(struct weir_buf *b, uint32_t v);
int weir_put_u64(struct weir_buf *b, uint64_t v);
int weir_put_double(struct weir_buf *b, double v);
int weir_put_doubles(struct weir_buf *b, const double *v, size_t n);
int weir_put_text(struct weir_buf *b, const char *s);

/*
 * A cursor over bytes of anybody. The first read that fails leaves bad set, and all later ones fail: a reader may read a
 * whole struct and look once.
 */
struct weir_reader {
	const uint8_t *at, *end;
	bool bad;
};

uint32_t weir_get_u32(struct weir_reader *r);
uint64_t weir_get_u64(struct weir_reader *r);
double weir_get_double(struct weir_reader *r);
/* A number of at most max; beyond, the reader is bad and 0 comes. */
size_t weir_get_count(struct weir_reader *r, size_t max);
/* n doubles; false when they are not there. */
bool weir_get_doubles(struct weir_reader *r, double *ret, size_t n);
/* As many doubles as the bytes hold, n at most n_max: malloc'ed, NULL and bad when not. */
double *weir_take_doubles(struct weir_reader *r, size_t n, size_t n_max);
bool weir_get_text(struct weir_reader *r, char *ret, size_t size);

/* The frame around a model's own bytes. */
int weir_frame_pack(const struct weir_model_meta *meta, const struct weir_buf *body, struct weir_buf *b);
/* *ret_body is a reader of the model's own bytes within data. */
int weir_frame_unpack(const uint8_t *data, size_t len, struct weir_model_meta *ret_meta, struct weir_reader *ret_body,
		      struct weir_err *err);

#endif
