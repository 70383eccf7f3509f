/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/money/charge.h"

#include "lib/base/clock.h"

void weir_groups_fini(struct weir_groups *g)
{
	free(g->rows);
	*g = (struct weir_groups){0};
}

uint32_t weir_groups_month(struct weir_groups *g, uint64_t time_s)
{
	if (!g->month || g->day != time_s / 86400)
		g->month = weir_time_month(time_s);
	g->day = time_s / 86400;
	return g->month;
}

static int group_add(struct weir_groups *g, const struct weir_group *row)
{
	size_t cap = g->cap ? 2 * g->cap : 16;
	struct weir_group *rows;

	if (g->count == g->cap) {
		rows = reallocarray(g->rows, cap, sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		g->rows = rows;
		g->cap = cap;
	}
	g->rows[g->count++] = *row;
	return 0;
}

/* Of another text for the same account, or of an account of the same pool. */
static size_t by_pool(const struct weir_groups *g, const struct weir_group *row)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->rows[i].meter == row->meter && g->rows[i].month == row->month && !strcmp(g->rows[i].pool, row->pool))
			return i;
	return g->count;
}

int weir_groups_find(struct weir_groups *g, const struct weir_meter *m, const char *account, uint64_t time_s,
		     uint32_t *ret)
{
	size_t slot = (((uintptr_t)m >> 5) * 7 + ((uintptr_t)account >> 3)) % WEIR_GROUPS_CACHE, i;
	struct weir_group row = {.meter = m, .account = account, .month = weir_groups_month(g, time_s)};

	if (g->cache[slot].meter == m && g->cache[slot].account == account && g->cache[slot].month == row.month) {
		*ret = g->cache[slot].group;
		return 0;
	}
	weir_meter_pool(m, account, row.pool, sizeof(row.pool));
	i = by_pool(g, &row);
	if (i == g->count) {
		int r = group_add(g, &row);

		if (r)
			return r;
	}
	g->cache[slot].meter = m;
	g->cache[slot].account = account;
	g->cache[slot].month = row.month;
	g->cache[slot].group = (uint32_t)i;
	*ret = (uint32_t)i;
	return 0;
}

char *weir_free_name(const struct weir_meter *m, char *buf, size_t size)
{
	snprintf(buf, size, "free %s", m->name);
	return buf;
}

const char *weir_route_account(const struct weir_route *r)
{
	return r->local && r->local->account ? r->local->account : "";
}
