/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that candidates join: what is chosen in one part changes nothing in another, but where tiers are shared. */
#include "lib/money/rules_impl.h"

void rules_parts_fini(struct rules_parts *p)
{
	free(p->of_domain);
	free(p->of_draft);
}

static uint32_t root_of(const struct rules_parts *p, uint32_t domain)
{
	while (p->of_domain[domain] != domain)
		domain = p->of_domain[domain];
	return domain;
}

/* The named domain and those of *inout, one of them, become one part. */
static void join(const struct weir_savings *s, struct rules_parts *p, uint32_t *inout, const char *name)
{
	const struct topo_domain *d = name && *name ? topo_domain_at(s->now, name, WEIR_TOPOLOGY_LATEST) : NULL;
	uint32_t root;

	if (!d)
		return;
	root = root_of(p, (uint32_t)(d - s->now->domains));
	if (*inout != TOPO_NONE)
		p->of_domain[root] = root_of(p, *inout);
	*inout = root_of(p, root);
}

int rules_parts_of(const struct weir_savings *s, struct rules_parts *ret)
{
	size_t n = s->now->domain_count;
	weir_auto_free uint32_t *number = calloc(n + 1, sizeof(*number)), *parts = calloc(n + 1, sizeof(*parts));

	ret->of_domain = calloc(n + 1, sizeof(*ret->of_domain));
	ret->of_draft = calloc(s->draft_count + 1, sizeof(*ret->of_draft));
	if (!number || !parts || !ret->of_domain || !ret->of_draft)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		ret->of_domain[i] = i;
	for (size_t i = 0; i < s->draft_count; i++) {
		const struct rules_draft *d = s->drafts[i];

		ret->of_draft[i] = TOPO_NONE;
		for (size_t k = 0; k < d->edit_count && !d->pub.held; k++) {
			join(s, ret, &ret->of_draft[i], d->edits[k].domain);
			join(s, ret, &ret->of_draft[i], d->edits[k].target);
		}
	}
	for (uint32_t i = 0; i < n; i++)
		if (ret->of_domain[i] == i)
			number[i] = (uint32_t)ret->count++;
	for (uint32_t i = 0; i < n; i++)
		parts[i] = number[root_of(ret, i)];
	for (size_t i = 0; i < s->draft_count; i++)
		if (ret->of_draft[i] != TOPO_NONE)
			ret->of_draft[i] = parts[ret->of_draft[i]];
	free(ret->of_domain);
	ret->of_domain = weir_take_ptr(parts);
	return 0;
}

int rules_part_traffic(const struct weir_savings *s, const struct rules_parts *parts, uint32_t part,
		       struct weir_traffic_set **ret)
{
	weir_auto_traffic struct weir_traffic_set *set = NULL;
	struct weir_traffic t;
	int r = weir_traffic_new(&set);
	bool any = false;

	for (size_t i = 0; i < s->draft_count; i++)
		any |= parts->of_draft[i] == part;
	/* Rows of the first and the last hour keep the span, whoever's they are. */
	for (size_t i = 0; any && r == 0 && i < weir_traffic_count(s->months); i++) {
		const struct topo_domain *d;

		weir_traffic_get(s->months, i, &t);
		d = topo_domain_at(s->now, t.domain, WEIR_TOPOLOGY_LATEST);
		if (!d || parts->of_domain[d - s->now->domains] != part) {
			if (t.hour_s != s->first_s && t.hour_s != s->last_s)
				continue;
			t.bytes = 0;
		}
		r = weir_traffic_add(set, &t);
	}
	if (r == 0)
		*ret = weir_take_ptr(set);
	return r;
}
