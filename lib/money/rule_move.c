/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R12: a workload that moves more to another region than inside its own lives in the wrong one. Both ends of its bytes are
 * priced anew, those that stay behind become the far ones.
 */
#include "lib/money/rules_impl.h"

/* Where nodes of the same cluster are: a subnet of the region in which something is measured. */
static const struct topo_subnet *subnet_in(const struct weir_savings *s, const struct topo_domain *d, const char *region)
{
	for (size_t i = 0; i < s->row_count; i++)
		if (s->rows[i].subnet && s->rows[i].domain == d && !strcmp(s->rows[i].subnet->pub.region, region))
			return s->rows[i].subnet;
	return NULL;
}

static bool is_peer(const struct weir_traffic *t, const struct weir_traffic *of)
{
	return !strcmp(t->peer_workload, of->workload) && !strcmp(t->peer_namespace, of->namespace) &&
	       !strcmp(t->domain, of->domain);
}

static bool is_same(const struct weir_traffic *t, const struct weir_traffic *of)
{
	return !strcmp(t->workload, of->workload) && !strcmp(t->namespace, of->namespace) && !strcmp(t->domain, of->domain);
}

static enum weir_path between(const struct weir_subnet *a, const char *region, const char *zone)
{
	if (strcmp(a->region, region) != 0)
		return WEIR_PATH_CROSS_REGION;
	return strcmp(a->zone, zone) ? WEIR_PATH_CROSS_ZONE : WEIR_PATH_SAME_ZONE;
}

/* Before minus after of all bytes of the workload inside the domain, its peers' side too. */
static int64_t formula(const struct weir_savings *s, const struct rules_row *first, const struct topo_subnet *to)
{
	int64_t sum = 0;

	for (size_t i = 0; i < s->row_count; i++) {
		const struct rules_row *row = &s->rows[i];
		struct weir_route r = row->route;

		if (!row->subnet || strcmp(r.peer_domain, first->domain->name) != 0 || !*r.region)
			continue;
		if (is_same(&row->t, &first->t)) {
			r.local = &to->pub;
			r.path = between(&to->pub, r.region, r.zone);
		} else if (is_peer(&row->t, &first->t)) {
			r.region = to->pub.region;
			r.zone = to->pub.zone;
			r.path = between(r.local, r.region, r.zone);
		} else {
			continue;
		}
		sum += rules_leg(s, &row->route, row->t.dir, WEIR_LEG_TRANSFER, row->t.bytes) -
		       rules_leg(s, &r, row->t.dir, WEIR_LEG_TRANSFER, row->t.bytes);
	}
	return sum;
}

static void change(struct weir_savings *s, struct rules_draft *d, const struct rules_row *row, const char *region)
{
	const char *labels = rules_labels(s, row->t.labels), *name = rules_scalar(s, row->t.workload);
	const char *namespace = rules_scalar(s, row->t.namespace), *what = rules_comment(s, d->pub.what);

	rules_yaml(s, d, WEIR_SAVING_KUBERNETES,
		   rules_text(s,
			      "# %s: %s\n# kubectl -n %s patch deployment %s --patch-file THIS\n"
			      "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: %s\n  namespace: %s\nspec:\n  template:\n"
			      "    spec:\n      nodeSelector:\n        topology.kubernetes.io/region: %s\n",
			      d->pub.id, what, rules_comment(s, row->t.namespace), rules_comment(s, row->t.workload), name,
			      namespace, rules_scalar(s, region)));
	rules_yaml(s, d, WEIR_SAVING_FLOWPOLICY,
		   rules_text(s,
			      "# SPDX-License-Identifier: Apache-2.0\n"
			      "# %s: counts, and does not deny, what still goes to the region that the workload has left.\n"
			      "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: %s-stays}\nspec:\n"
			      "  tier: admin\n  priority: 900\n  mode: audit\n  subject: {namespace: %s%s%s%s}\n  egress:\n"
			      "  - action: deny\n    to: [{region: %s}]\n",
			      d->pub.id, rules_lower(s, d->pub.id), namespace, *labels ? ", labels: {" : "", labels,
			      *labels ? "}" : "", rules_scalar(s, row->subnet->pub.region)));
}

static void propose(struct weir_savings *s, const struct rules_tally *y, const char *region)
{
	const struct rules_row *row = &s->rows[y->sample];
	const struct topo_subnet *to = subnet_in(s, row->domain, region);
	struct rules_draft *d = rules_draft(s, "R12", rules_text(s, "%s to %s", y->key, region));
	struct weir_edit *e;

	if (!d)
		return;
	d->pub.what = rules_text(s, "%s of %s in %s: in %s instead of %s", row->t.workload, row->t.namespace,
				 row->domain->name, region, row->subnet->pub.region);
	d->pub.note = "Who is asked by people or by others of the old region answers later; data may have to stay where it is.";
	d->pub.bytes = rules_bytes(y);
	d->pub.rows = y->rows;
	if (!to) {
		rules_hold(s, d, "nothing is measured in %s: has the cluster nodes there?", region);
		return;
	}
	e = rules_edit(s, d, WEIR_EDIT_MOVE);
	e->domain = e->target = row->domain->name;
	e->workload_namespace = row->t.namespace;
	e->workload = row->t.workload;
	e->subnet = to->pub.name;
	d->pub.formula_nanos = formula(s, row, to);
	change(s, d, row, region);
}

/* Of the workload's bytes inside the domain, those to each region. */
static void consider(struct weir_savings *s, const struct rules_tally *y)
{
	const char *home = s->rows[y->sample].subnet->pub.region, *best = NULL;
	uint64_t most = 0, own = 0;

	for (size_t i = 0; i < y->member_count; i++) {
		const char *region = s->rows[y->members[i]].route.region;
		uint64_t bytes = 0;

		for (size_t k = 0; k < y->member_count; k++)
			if (!strcmp(s->rows[y->members[k]].route.region, region))
				bytes += s->rows[y->members[k]].t.bytes;
		if (!strcmp(region, home)) {
			own = bytes;
		} else if (bytes > most) {
			most = bytes;
			best = region;
		}
	}
	if (best && most > own)
		propose(s, y, best);
}

void rules_find_moves(struct weir_savings *s)
{
	weir_cleanup(rules_tallies_fini) struct rules_tallies all = {.s = s};

	for (size_t i = 0; i < s->row_count && s->r == 0; i++) {
		const struct rules_row *row = &s->rows[i];

		if (row->subnet && *row->t.workload && *row->t.namespace && !strcasecmp(row->t.kind, "deployment") &&
		    !strcmp(row->route.peer_domain, row->domain->name) && *row->route.region)
			rules_tally(&all, i, "%s %s %s %s", row->domain->name, row->t.namespace, row->t.workload,
				    row->subnet->pub.region);
	}
	for (size_t i = 0; i < all.count && s->r == 0; i++)
		consider(s, all.list[i]);
}
