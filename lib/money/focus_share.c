/* SPDX-License-Identifier: Apache-2.0 */
/* How an origin is shared: exact integers, and the largest remainder wherever something does not divide. */
#include "lib/money/focus_export_impl.h"

typedef unsigned __int128 u128;

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
