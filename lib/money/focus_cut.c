/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/focus_cut.h"

#include "lib/ds/map.h"

#define KEY_MAX 512

struct weir_focus_usage {
	struct weir_map *used; /* bytes as the value itself */
};
_Static_assert(sizeof(void *) >= sizeof(uint64_t), "a value holds bytes");

int weir_focus_usage_new(struct weir_focus_usage **ret)
{
	struct weir_focus_usage *u = calloc(1, sizeof(*u));
	int r = u ? weir_map_new(&u->used) : -ENOMEM;

	if (r) {
		free(u);
		return r;
	}
	*ret = u;
	return 0;
}

void weir_focus_usage_free(struct weir_focus_usage *u)
{
	if (!u)
		return;
	weir_map_free(u->used, NULL);
	free(u);
}

/* What was used before, and it is more by that now. */
static int use(struct weir_focus_usage *u, const char *pool, const char *kind, const char *meter, uint32_t month,
	       uint64_t bytes, uint64_t *ret_before)
{
	char key[KEY_MAX];
	int len = snprintf(key, sizeof(key), "%u %s%s %s", month, kind, meter, pool);
	uint64_t before;

	if (len < 0 || (size_t)len >= sizeof(key))
		return -ENAMETOOLONG;
	before = (uint64_t)(uintptr_t)weir_map_find(u->used, key, (size_t)len);
	if (!before && weir_map_count(u->used) >= WEIR_FOCUS_POOLS_MAX)
		return -E2BIG;
	*ret_before = before;
	return weir_map_put(u->used, key, (size_t)len, (void *)(uintptr_t)(before + bytes), NULL);
}

static size_t tier_at(const struct weir_meter *m, uint64_t at)
{
	size_t i = 0;

	while (i + 1 < m->tier_count && m->tiers[i + 1].from_bytes <= at)
		i++;
	return i;
}

static uint64_t tier_end(const struct weir_meter *m, size_t tier)
{
	return tier + 1 < m->tier_count ? m->tiers[tier + 1].from_bytes : UINT64_MAX;
}

/* Behind the free part, up to the next edge of either price. */
static struct weir_focus_piece next_piece(const struct weir_meter *m, uint64_t at, uint64_t end)
{
	size_t tier = tier_at(m, at), list = tier_at(m->list, at);
	uint64_t edge = WEIR_MIN(tier_end(m, tier), tier_end(m->list, list));

	return (struct weir_focus_piece){
		.from = at,
		.bytes = WEIR_MIN(edge, end) - at,
		.tier = (uint32_t)list + 1,
		.tier_from = m->list->tiers[list].from_bytes,
		.list_nanos = m->list->tiers[list].nanos_per_unit,
		.contracted_nanos = m->tiers[tier].nanos_per_unit,
	};
}

int weir_focus_cut(struct weir_focus_usage *u, const struct weir_meter *m, const char *account, uint32_t month,
		   uint64_t bytes, struct weir_focus_piece **ret, size_t *ret_n)
{
	weir_auto_free struct weir_focus_piece *pieces =
		calloc(1 + m->tier_count + m->list->tier_count, sizeof(*pieces));
	uint64_t used, free_used = 0, is_free = 0, at;
	char pool[256];
	size_t n = 0;
	int r = pieces ? use(u, weir_meter_pool(m, account, pool, sizeof(pool)), "", m->name, month, bytes, &used) : -ENOMEM;

	if (!r && m->free_bytes)
		r = use(u, weir_meter_free_pool(m, account, pool, sizeof(pool)), "free ", m->name, month, bytes, &free_used);
	if (r)
		return r;
	weir_meter_charge(m, used, free_used, bytes, &is_free);
	if (is_free)
		pieces[n++] = (struct weir_focus_piece){.from = used, .bytes = is_free};
	for (at = used + is_free; at < used + bytes; at += pieces[n++].bytes)
		pieces[n] = next_piece(m, at, used + bytes);
	*ret = weir_take_ptr(pieces);
	*ret_n = n;
	return 0;
}
