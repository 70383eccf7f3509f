/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob is the counts, then the histogram, each number as a base-128 varint (least significant first,
 * top bit: more follow), zeros at the end left out: most buckets are empty.
 */
#include "aggregator/store_health.h"

#include "aggregator/store_impl.h"

#define NUMBERS STORE_HEALTH_NUMBERS
#define VARINT_MAX 10
#define BLOB_MAX (NUMBERS * VARINT_MAX)

static size_t put_varint(uint8_t *out, uint64_t v)
{
	size_t n = 0;

	for (; v > 0x7f; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	return n;
}

/* Bytes taken, 0 = no number. */
static size_t get_varint(const uint8_t *p, size_t len, uint64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len && i < VARINT_MAX; i++) {
		v |= (uint64_t)(p[i] & 0x7f) << (7 * i);
		if (p[i] & 0x80)
			continue;
		*ret = v;
		return i + 1;
	}
	return 0;
}

static size_t pack(const struct store_health *h, uint8_t out[BLOB_MAX])
{
	size_t n = 0, used = 0;

	for (size_t i = 0; i < NUMBERS; i++) {
		n += put_varint(out + n, h->all[i]);
		if (h->all[i])
			used = n;
	}
	return used;
}

bool store_health_unpack(const void *data, size_t len, struct store_health *ret)
{
	struct store_health h = {0};
	const uint8_t *p = data;

	for (size_t i = 0, at = 0; at < len; i++) {
		size_t n = i < NUMBERS ? get_varint(p + at, len - at, &h.all[i]) : 0;

		if (!n)
			return false;
		at += n;
	}
	*ret = h;
	return true;
}

static void from_wire(const struct weir_sum_health *h, struct store_health *ret)
{
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->n, h->n, sizeof(ret->n));
	for (uint32_t i = 0; i < h->rtt_count; i++)
		ret->rtt[h->rtt_first + i] = h->rtt[i];
}

/* The blob in column 0 of the row st stands on. */
static int read_blob(struct store *s, sqlite3_stmt *st, struct store_health *ret)
{
	bool ok = store_health_unpack(sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0), ret);

	store_done(st);
	if (ok)
		return 0;
	snprintf(s->error, sizeof(s->error), "a row of TCP health is damaged");
	return -EUCLEAN;
}

/* last becomes the greater of both, number by number; *ret_diff what it grew by. */
static bool grow(struct store_health *last, const struct store_health *now, struct store_health *ret_diff)
{
	bool grew = false;

	for (size_t i = 0; i < NUMBERS; i++) {
		uint64_t *had = &last->all[i], has = now->all[i];

		ret_diff->all[i] = has > *had ? has - *had : 0;
		grew |= has > *had;
		*had = WEIR_MAX(*had, has);
	}
	return grew;
}

static int book(struct store *s, enum store_res res, uint64_t time_s, int64_t workload,
		const struct weir_sum_health *h, const struct store_health *diff)
{
	uint64_t bucket = time_s - time_s % store_bucket_s(res);
	struct store_health sum = {0};
	uint8_t blob[BLOB_MAX];
	sqlite3_stmt *st;
	int r = store_row(s, ST_HEALTH_GET_10S + res, &st, "uiii", bucket, workload, (int64_t)h->scope,
			  (int64_t)h->peer_class);

	if (!r)
		r = read_blob(s, st, &sum);
	if (r && r != -ENOENT)
		return r;
	for (size_t i = 0; i < NUMBERS; i++)
		sum.all[i] += diff->all[i];
	return store_run(s, ST_HEALTH_PUT_10S + res, "uiiix", bucket, workload, (int64_t)h->scope,
			 (int64_t)h->peer_class, blob, (int)pack(&sum, blob));
}

static int book_all(struct store *s, uint64_t time_s, int64_t workload, const struct weir_sum_health *h,
		    const struct store_health *diff)
{
	uint64_t hour = time_s - time_s % store_bucket_s(STORE_1H);
	uint8_t blob[BLOB_MAX];
	int r = 0;

	for (enum store_res i = 0; !r && i < STORE_HEALTH_WRITTEN; i++)
		r = book(s, i, time_s, workload, h, diff);
	if (r || hour > s->folded_s[STORE_HEALTH][STORE_1D])
		return r;
	return store_run(s, ST_HEALTH_LATE, "uiiix", hour, workload, (int64_t)h->scope, (int64_t)h->peer_class,
			 blob, (int)pack(diff, blob));
}

/* A blob that was not written by this program ends the statement, with its message. */
static void sum_blobs(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct store_health sum = {0}, h;
	uint8_t blob[BLOB_MAX];

	for (int i = 0; i < n; i++) {
		if (!store_health_unpack(sqlite3_value_blob(values[i]), (size_t)sqlite3_value_bytes(values[i]), &h)) {
			sqlite3_result_error(context, "a row of TCP health is damaged", -1);
			return;
		}
		for (size_t k = 0; k < NUMBERS; k++)
			sum.all[k] += h.all[k];
	}
	sqlite3_result_blob(context, blob, (int)pack(&sum, blob), SQLITE_TRANSIENT);
}

int store_health_function(struct store *s)
{
	int code = sqlite3_create_function(s->db, "health_sum", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, sum_blobs,
					   NULL, NULL);

	return code == SQLITE_OK ? 0 : store_fail(s, code);
}

int store_health_add(struct store *s, int64_t node, int64_t workload, uint64_t time_s,
		     const struct weir_sum_health *h)
{
	struct store_health last = {0}, now, diff;
	uint8_t blob[BLOB_MAX];
	sqlite3_stmt *st;
	int r = store_row(s, ST_HEALTH_LAST, &st, "iiiiu", node, (int64_t)h->index, (int64_t)h->peer_class,
			  (int64_t)h->scope, h->since_ns);

	if (!r)
		r = read_blob(s, st, &last);
	if (r && r != -ENOENT)
		return r;
	from_wire(h, &now);
	r = 0;
	if (grow(&last, &now, &diff))
		r = book_all(s, time_s, workload, h, &diff);
	if (r)
		return r;
	return store_run(s, ST_HEALTH_SET, "iiiiuiux", node, (int64_t)h->index, (int64_t)h->peer_class,
			 (int64_t)h->scope, h->since_ns, workload, time_s, blob, (int)pack(&last, blob));
}

int store_health_gone(struct store *s, int64_t node)
{
	return store_run(s, ST_HEALTH_GONE, "i", node);
}
