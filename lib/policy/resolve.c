/* SPDX-License-Identifier: Apache-2.0 */
/* Do the services, regions and zones that rules name exist for at least one node class? */
#include "lib/policy/model.h"

struct open_peers {
	const struct weir_rule_peer **peers; /* not answered so far */
	size_t count;
};

static bool same(const char *want, const char *is)
{
	return !want || strcmp(want, is) == 0;
}

static int on_route(const struct weir_prefix *p, const struct weir_route *r, void *arg)
{
	struct open_peers *o = arg;

	(void)p;
	for (size_t i = 0; i < o->count;) {
		const struct weir_rule_peer *w = o->peers[i];

		if (same(w->service, r->service) && same(w->region, r->region) &&
		    same(w->zone, r->zone))
			memmove(&o->peers[i], &o->peers[i + 1],
				(--o->count - i) * sizeof(*o->peers));
		else
			i++;
	}
	return 0;
}

static int collect(const struct weir_policy_set *s, struct open_peers *o)
{
	for (size_t i = 0; i < s->rule_count; i++)
		for (size_t k = 0; k < s->rules[i]->peer_count; k++) {
			const struct weir_rule_peer **slot;

			if (!s->rules[i]->peers[k].unknown)
				continue;
			slot = weir_grow(&o->peers, o->count, sizeof(*slot));
			if (!slot)
				return -ENOMEM;
			*slot = &s->rules[i]->peers[k];
			o->count++;
		}
	return 0;
}

int weir_policy_set_resolve(const struct weir_policy_set *s, const struct weir_topology *t,
			    void (*report)(const char *line, void *arg), void *arg)
{
	weir_auto_free const struct weir_rule_peer **peers = NULL;
	struct open_peers o = {0};
	int r = collect(s, &o);

	peers = o.peers;
	for (size_t i = 0; r == 0 && o.count && i < weir_topology_class_count(t); i++)
		r = weir_topology_each(t, weir_topology_class(t, i), on_route, &o);
	if (r < 0)
		return r;
	for (size_t i = 0; i < o.count; i++)
		report(o.peers[i]->unknown, arg);
	return (int)WEIR_MIN(o.count, 1000u);
}
