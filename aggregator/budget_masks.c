/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/budget_masks.h"

#include "lib/money/topology.h"

#define WORKLOADS_MAX 65536 /* that are remembered */

int masks_init(struct masks *m)
{
	return weir_map_new(&m->by_workload);
}

void masks_fini(struct masks *m)
{
	if (m->by_workload)
		weir_map_free(m->by_workload, free);
	m->by_workload = NULL;
}

int masks_forget(struct masks *m)
{
	struct weir_map *empty;
	int r = weir_map_new(&empty);

	if (r)
		return r;
	weir_map_free(m->by_workload, free);
	m->by_workload = empty;
	return 0;
}

static bool has_label(const struct weir_budget_workload *w, const char *key, const char *value)
{
	return query_has_label(w->labels, key, value);
}

/* Of a workload that is not remembered. */
static int make(const struct query_charged *c, void *arg)
{
	struct masks *all = arg;
	const struct weir_budget_workload w = {c->team, c->namespace, c->name, c->node, has_label, c->labels};
	struct mask *m = calloc(1, sizeof(*m));
	int r = m ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < all->count; i++)
		if (weir_budget_covers_workload(all->budget(all->owner, i), &w))
			m->bits[i / 64] |= 1ull << i % 64;
	if (!r && weir_map_count(all->by_workload) == WORKLOADS_MAX)
		r = masks_forget(all);
	if (!r)
		r = weir_map_put(all->by_workload, &c->workload, sizeof(c->workload), m, NULL);
	if (r)
		free(m);
	return r;
}

const struct mask *mask_of(struct masks *all, struct store *s, int64_t workload, const struct query_charged *who, int *ret_r)
{
	const struct mask *m = weir_map_find(all->by_workload, &workload, sizeof(workload));

	*ret_r = 0;
	if (m)
		return m;
	*ret_r = who ? make(who, all) : query_workload(s, workload, make, all);
	return *ret_r ? NULL : weir_map_find(all->by_workload, &workload, sizeof(workload));
}

bool mask_covers(const struct masks *all, const struct mask *m, size_t i, uint8_t path, const char *meter)
{
	return m->bits[i / 64] >> i % 64 & 1 &&
	       weir_budget_covers_way(all->budget(all->owner, i), weir_path_name((enum weir_path)path), meter);
}
