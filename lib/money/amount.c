/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic of money: exact integers, one rounding where a byte's price is a fraction. */
#include "lib/money/price.h"

typedef unsigned __int128 u128;

/* The first `bytes` of a month by the tiers alone. */
static int64_t tiers_cost(const struct weir_meter *m, uint64_t bytes)
{
	u128 sum = 0; /* nanos x unit bytes */

	for (size_t i = 0; i < m->tier_count && bytes > m->tiers[i].from_bytes; i++) {
		uint64_t end = i + 1 < m->tier_count ? m->tiers[i + 1].from_bytes : UINT64_MAX;
		uint64_t in_tier = WEIR_MIN(bytes, end) - m->tiers[i].from_bytes;

		sum += (u128)in_tier * (uint64_t)m->tiers[i].nanos_per_unit;
	}
	sum /= m->unit_bytes;
	return sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
}

int64_t weir_meter_between(const struct weir_meter *m, uint64_t from, uint64_t to)
{
	return tiers_cost(m, to) - tiers_cost(m, from);
}

/* Free bytes are the first of what is charged, and fill the tiers as others do. */
int64_t weir_meter_charge(const struct weir_meter *m, uint64_t used, uint64_t free_used, uint64_t more,
			  uint64_t *ret_free)
{
	uint64_t left = m->free_bytes > free_used ? m->free_bytes - free_used : 0;
	uint64_t is_free = WEIR_MIN(left, more);

	if (ret_free)
		*ret_free = is_free;
	return weir_meter_between(m, used + is_free, used + more);
}

int64_t weir_meter_cost(const struct weir_meter *m, uint64_t bytes)
{
	return weir_meter_charge(m, 0, 0, bytes, NULL);
}

/* A remainder takes a division of 128 bits: of few weights they are computed once. */
#define KEPT 256
struct remainders {
	uint64_t total;
	const uint64_t *weights;
	size_t n;
	u128 sum, kept[KEPT];
};

static u128 remainder_of(const struct remainders *r, size_t i)
{
	return r->n <= KEPT ? r->kept[i] : (u128)r->total * r->weights[i] % r->sum;
}

static uint64_t count_from(const struct remainders *r, u128 least)
{
	uint64_t count = 0;

	for (size_t i = 0; i < r->n; i++)
		count += remainder_of(r, i) >= least;
	return count;
}

/* The left-over units go to the largest remainders. Their threshold is found by bisection: no
 * memory is needed, so a split cannot fail. */
static void give_rest(uint64_t total, const uint64_t *weights, size_t n, u128 sum, uint64_t rest,
		      int64_t sign, int64_t *ret)
{
	struct remainders r = {.total = total, .weights = weights, .n = n, .sum = sum};
	u128 low = 0, high = sum; /* at least `rest` remainders are >= low, fewer are >= high */
	uint64_t ties;

	for (size_t i = 0; n <= KEPT && i < n; i++)
		r.kept[i] = (u128)total * weights[i] % sum;
	while (high - low > 1) {
		u128 mid = low + (high - low) / 2;

		if (count_from(&r, mid) >= rest)
			low = mid;
		else
			high = mid;
	}
	ties = rest - count_from(&r, high);
	for (size_t i = 0; i < n; i++) {
		u128 left = remainder_of(&r, i);

		if (left >= high || (left == low && ties > 0 && ties--))
			ret[i] += sign;
	}
}

void weir_split(int64_t total, const uint64_t *weights, size_t n, int64_t *ret)
{
	uint64_t size = total < 0 ? 0 - (uint64_t)total : (uint64_t)total, rest = size;
	u128 sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += weights[i];
		ret[i] = 0;
	}
	if (n == 0)
		return;
	if (sum == 0) {
		ret[0] = total;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t share = (uint64_t)((u128)size * weights[i] / sum);

		rest -= share;
		ret[i] = (int64_t)(total < 0 ? 0 - share : share);
	}
	if (rest)
		give_rest(size, weights, n, sum, rest, total < 0 ? -1 : 1, ret);
}
