/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints that go: what workloads sent to their addresses they will send to the service's own. */
#include "lib/money/change.h"
#include "lib/money/model.h"
#include "lib/money/plan_impl.h"

struct walk {
	const struct weir_topology *before, *after;
	const struct topo_domain *now; /* the same domain after; NULL = it is gone */
	const char *domain;
	struct weir_edit *edits;
	size_t count;
};

static const struct topo_range *range_of(const struct weir_topology *t, const char *service, const char *region)
{
	for (size_t i = 0; i < t->range_count; i++)
		if (!strcmp(t->ranges[i].service, service) && !strcmp(t->ranges[i].region, region))
			return &t->ranges[i];
	return NULL;
}

static const char *region_of(const struct weir_topology *t, const struct topo_hop *h)
{
	const struct topo_domain *d = &t->domains[h->domain];
	const char *region = h->zone[0] ? topo_region(d, h->zone) : NULL;

	return region ? region : d->subnet_count ? t->subnets[d->first_subnet].pub.region : "";
}

static int look(const struct weir_prefix *p, uint32_t value, void *arg)
{
	struct walk *w = arg;
	const struct topo_hop *h = &w->before->hops[value];
	uint32_t now = w->now ? weir_lpm_find_prefix(w->now->endpoints, p) : WEIR_LPM_NONE;
	const struct topo_range *range = range_of(w->after, h->service, region_of(w->before, h));
	struct weir_edit *edit;

	if (h->balancer != TOPO_NONE || (now != WEIR_LPM_NONE && w->after->hops[now].balancer == TOPO_NONE) || !range)
		return 0;
	edit = topo_add_row(&w->edits, &w->count);
	if (!edit)
		return -ENOMEM;
	*edit = (struct weir_edit){.kind = WEIR_EDIT_ADDRESS, .domain = w->domain, .to = *p, .address = range->prefix.addr};
	return 0;
}

int plan_readdress(const struct weir_topology *before, const struct weir_topology *after, const struct weir_traffic_set *s,
		   struct weir_traffic_set **ret)
{
	struct walk w = {.before = before, .after = after};
	int r = 0;

	*ret = NULL;
	for (size_t i = 0; i < before->domain_count && !r; i++) {
		const struct topo_domain *d = &before->domains[i];

		if (!d->latest)
			continue;
		w.domain = d->name;
		w.now = topo_domain_at(after, d->name, WEIR_TOPOLOGY_LATEST);
		r = weir_lpm_each(d->endpoints, look, &w);
	}
	if (!r && w.count)
		r = weir_change_traffic(before, s, w.edits, w.count, ret);
	free(w.edits);
	return r;
}
