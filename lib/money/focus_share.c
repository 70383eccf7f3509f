/* SPDX-License-Identifier: Apache-2.0 */
/* How an origin is shared: exact integers, and the largest remainder wherever something does not divide. */
#include "lib/money/focus_export_impl.h"

typedef unsigned __int128 u128;
typedef __int128 i128;

struct remainder {
	uint64_t left;
	size_t at;
};

static int by_remainder(const void *a, const void *b)
{
	const struct remainder *x = a, *y = b;

	return x->left != y->left ? (x->left < y->left) - (x->left > y->left) : (x->at > y->at) - (x->at < y->at);
}

int focus_costs(int64_t total, int64_t nanos_per_unit, uint64_t unit, const uint64_t *bytes, size_t n, int64_t *ret)
{
	weir_auto_free struct remainder *rest = calloc(n + 1, sizeof(*rest));
	int64_t sum = 0;

	if (!rest)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		u128 exact = (u128)bytes[i] * (uint64_t)nanos_per_unit;

		ret[i] = (int64_t)(exact / unit);
		sum += ret[i];
		rest[i] = (struct remainder){(uint64_t)(exact % unit), i};
	}
	qsort(rest, n, sizeof(*rest), by_remainder);
	for (size_t i = 0; i < n && sum < total; i++, sum++)
		ret[rest[i].at]++;
	return sum == total ? 0 : -ERANGE;
}

void focus_spread(const struct weir_focus_piece *pieces, size_t piece_count, const uint64_t *bytes, size_t n, uint64_t *ret,
		  uint64_t *scratch)
{
	memcpy(scratch, bytes, n * sizeof(*bytes));
	for (size_t k = 0; k < piece_count; k++) {
		uint64_t *row = ret + k * n;

		/* Of what is left nobody gets more than that. */
		weir_split((int64_t)pieces[k].bytes, scratch, n, (int64_t *)row);
		for (size_t i = 0; i < n; i++)
			scratch[i] -= row[i];
	}
}

/* What is left of pieces behind one: what it costs, and its bytes. */
struct rest {
	i128 nanos, bytes;
};

static i128 cost_at(const struct weir_focus_piece *p, i128 bytes, uint64_t unit)
{
	return bytes * p->contracted_nanos / unit;
}

static struct rest rest_of(const struct weir_focus_piece *pieces, size_t n, uint64_t unit)
{
	struct rest r = {0};

	for (size_t k = 0; k < n; k++) {
		r.nanos += cost_at(&pieces[k], pieces[k].bytes, unit);
		r.bytes += pieces[k].bytes;
	}
	return r;
}

/* Of `left` bytes that cost `nanos`, as many at the price of the piece as make the others cost what the rest does. */
static uint64_t at_this_price(const struct weir_focus_piece *p, const struct rest *rest, uint64_t unit, uint64_t left,
			      int64_t nanos)
{
	i128 apart = rest->nanos - cost_at(p, rest->bytes, unit), want;

	if (!apart)
		return (uint64_t)((i128)left * p->bytes / (p->bytes + rest->bytes));
	want = (rest->nanos * left - (i128)nanos * rest->bytes) / apart;
	return want < 0 ? 0 : want > left ? left : (uint64_t)want;
}

/* Makes them sum to total, none beyond what is left of it. */
static void fit(uint64_t total, const uint64_t *left, size_t n, uint64_t *ret, uint64_t *room, int64_t *more)
{
	uint64_t sum = 0;
	bool over;

	for (size_t i = 0; i < n; i++)
		sum += ret[i];
	over = sum > total;
	for (size_t i = 0; i < n; i++)
		room[i] = over ? ret[i] : left[i] - ret[i];
	weir_split((int64_t)(over ? sum - total : total - sum), room, n, more);
	for (size_t i = 0; i < n; i++)
		ret[i] = over ? ret[i] - (uint64_t)more[i] : ret[i] + (uint64_t)more[i];
}

int focus_spread_charged(const struct weir_focus_piece *pieces, size_t piece_count, uint64_t unit, const uint64_t *bytes,
			 const int64_t *nanos, size_t n, uint64_t *ret)
{
	weir_auto_free uint64_t *left = calloc(n + 1, sizeof(*left)), *room = calloc(n + 1, sizeof(*room));
	weir_auto_free int64_t *due = calloc(n + 1, sizeof(*due)), *more = calloc(n + 1, sizeof(*more));

	if (!left || !room || !due || !more)
		return -ENOMEM;
	memcpy(left, bytes, n * sizeof(*left));
	memcpy(due, nanos, n * sizeof(*due));
	for (size_t k = 0; k < piece_count; k++) {
		const struct rest rest = rest_of(pieces + k + 1, piece_count - k - 1, unit);
		uint64_t *row = ret + k * n;

		for (size_t i = 0; i < n; i++)
			row[i] = rest.bytes ? at_this_price(&pieces[k], &rest, unit, left[i], due[i]) : left[i];
		fit(pieces[k].bytes, left, n, row, room, more);
		for (size_t i = 0; i < n; i++) {
			left[i] -= row[i];
			due[i] -= (int64_t)cost_at(&pieces[k], row[i], unit);
		}
	}
	return 0;
}
