/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/why.h"

typedef __int128 i128;

/* So far a part may go: of two of them what is left fits too. */
#define PART_MAX ((i128)1 << 61)

const char *weir_why_name(enum weir_why_part p)
{
	static const char *const names[WEIR_WHY_PARTS] = {"volume", "price", "mix", "new", "ended"};

	return (unsigned int)p < WEIR_WHY_PARTS ? names[p] : "?";
}

/* nanos * num / den, to the nearest; halves away from zero. */
static int64_t scale(int64_t nanos, i128 num, uint64_t den)
{
	i128 n = nanos * num, q = n / den, rest = n % den;

	if (rest < 0 ? -2 * rest >= den : 2 * rest >= den)
		q += rest < 0 ? -1 : 1;
	return (int64_t)WEIR_MIN(WEIR_MAX(q, -PART_MAX), PART_MAX);
}

static bool is_nothing(const struct weir_why *w, int period)
{
	return !w->bytes[period] && !w->nanos[period];
}

/* In both periods, with bytes in both. */
static bool goes_on(const struct weir_why *w)
{
	return w->bytes[0] && w->bytes[1];
}

static void split_one(struct weir_why *w, const uint64_t all[2])
{
	int64_t change = w->nanos[1] - w->nanos[0];

	memset(w->parts, 0, sizeof(w->parts));
	if (is_nothing(w, 0)) {
		w->parts[WEIR_WHY_CAME] = change;
	} else if (is_nothing(w, 1)) {
		w->parts[WEIR_WHY_WENT] = change;
	} else if (!goes_on(w)) {
		w->parts[WEIR_WHY_PRICE] = change;
	} else {
		w->parts[WEIR_WHY_VOLUME] = scale(w->nanos[0], (i128)all[1] - all[0], all[0]);
		w->parts[WEIR_WHY_PRICE] = w->nanos[1] - scale(w->nanos[0], w->bytes[1], w->bytes[0]);
		w->parts[WEIR_WHY_MIX] = change - w->parts[WEIR_WHY_VOLUME] - w->parts[WEIR_WHY_PRICE];
	}
}

void weir_why_split(struct weir_why *leaves, size_t n)
{
	uint64_t all[2] = {0, 0};

	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < 2 && goes_on(&leaves[i]); k++)
			all[k] += leaves[i].bytes[k];
	for (size_t i = 0; i < n; i++)
		split_one(&leaves[i], all);
}
