/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/reconcile.h"

#include <fnmatch.h>

#include "lib/money/price.h"

typedef __int128 i128;

const char *weir_adjustment_name(enum weir_adjustment a)
{
	static const char *const names[WEIR_ADJUSTMENTS] = {"discount", "tier", "over-measured", "rounding"};

	return (unsigned int)a < WEIR_ADJUSTMENTS ? names[a] : "?";
}

bool weir_sku_matches(const char *patterns, const char *usage)
{
	for (const char *p = patterns; *p;) {
		size_t len = strcspn(p, "|");
		char one[256];

		if (len < sizeof(one)) {
			memcpy(one, p, len);
			one[len] = '\0';
			if (!fnmatch(one, usage, FNM_NOESCAPE))
				return true;
		}
		p += len + (p[len] == '|');
	}
	return false;
}

/* The part of an amount for `bytes` of all; toward zero, so that what is left has the amount's sign. */
static int64_t part(int64_t nanos, uint64_t bytes, uint64_t all)
{
	return bytes >= all ? nanos : (int64_t)((i128)nanos * bytes / all);
}

static int64_t size(int64_t nanos)
{
	return nanos < 0 ? -nanos : nanos;
}

/* Why the claims' part of the bill is not what was measured. */
static void explain(const struct weir_billed *l, uint64_t bytes, size_t n, int64_t attributed, struct weir_parts *p)
{
	int64_t list = l->has_list ? part(l->list, bytes, l->bytes) : attributed, rest;

	memset(p->reasons, 0, sizeof(p->reasons));
	p->reasons[WEIR_ADJUST_DISCOUNT] = attributed - list;
	if (bytes > l->bytes)
		p->reasons[WEIR_ADJUST_OVER] = -part(p->measured, bytes - l->bytes, bytes);
	rest = p->adjusted - p->reasons[WEIR_ADJUST_DISCOUNT] - p->reasons[WEIR_ADJUST_OVER];
	p->reasons[size(rest) <= (int64_t)n ? WEIR_ADJUST_ROUNDING : WEIR_ADJUST_TIER] = rest;
}

int weir_reconcile(const struct weir_billed *line, struct weir_claim *claims, size_t n, struct weir_parts *ret)
{
	weir_auto_free uint64_t *weights = calloc(n + 1, sizeof(*weights));
	weir_auto_free int64_t *shares = calloc(n + 1, sizeof(*shares));
	struct weir_parts p = {0};
	uint64_t bytes = 0;
	int64_t attributed;

	if (!weights || !shares)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		weights[i] = claims[i].bytes;
		bytes += claims[i].bytes;
		p.measured += claims[i].measured;
	}
	if (!line->bytes || !bytes) { /* nobody's: what was measured is of another line */
		for (size_t i = 0; i < n; i++)
			claims[i].adjusted = -claims[i].measured;
		p.adjusted = -p.measured;
		p.unattributed = line->billed;
		p.reasons[WEIR_ADJUST_OVER] = p.adjusted;
		*ret = p;
		return 0;
	}
	attributed = part(line->billed, bytes, line->bytes);
	weir_split(attributed, weights, n, shares);
	for (size_t i = 0; i < n; i++)
		claims[i].adjusted = shares[i] - claims[i].measured;
	p.adjusted = attributed - p.measured;
	p.unattributed = line->billed - attributed;
	explain(line, bytes, n, attributed, &p);
	*ret = p;
	return 0;
}
