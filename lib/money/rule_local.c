/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R07: clients ask the endpoints of their own zone; R23: readers of a log or a store do. What happens depends on where the
 * endpoints are: a zone without one goes on as before, and one with few must carry its zone's load.
 */
#include "lib/money/rules_impl.h"

#define LOAD_MAX_PCT 150 /* of the mean load of an endpoint; pods are rarely sized for more */
#define ZONES_MAX 16

static const uint16_t store_ports[] = {9092, 9093, 9094, 6379, 9042, 9200, 27017, 3306, 5432};

struct zone {
	const char *id;
	uint64_t demand;   /* bytes that its clients move */
	uint64_t cross[2]; /* of them over the boundary, by direction */
	uint32_t endpoints;
};

struct service { /* workload that is asked */
	struct zone zones[ZONES_MAX];
	size_t zone_count;
	struct weir_addr *endpoints;
	size_t endpoint_count;
};

static bool is_store(uint16_t port)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(store_ports); i++)
		if (store_ports[i] == port)
			return true;
	return false;
}

/* Most of what is asked of it is asked at the port of a store. */
static bool is_read(const struct weir_savings *s, const struct rules_tally *y)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < y->member_count; i++)
		bytes += is_store(s->rows[y->members[i]].t.port) ? s->rows[y->members[i]].t.bytes : 0;
	return bytes > rules_bytes(y) / 2;
}

static struct zone *zone_of(struct service *v, const char *id)
{
	for (size_t i = 0; i < v->zone_count; i++)
		if (!strcmp(v->zones[i].id, id))
			return &v->zones[i];
	if (v->zone_count == ZONES_MAX)
		return NULL;
	v->zones[v->zone_count] = (struct zone){.id = id};
	return &v->zones[v->zone_count++];
}

static bool new_endpoint(struct service *v, const struct weir_addr *a)
{
	struct weir_addr *slot;

	for (size_t i = 0; i < v->endpoint_count; i++)
		if (!memcmp(&v->endpoints[i], a, sizeof(*a)))
			return false;
	slot = topo_grow(&v->endpoints, &v->endpoint_count, sizeof(*slot));
	if (slot)
		*slot = *a;
	return slot != NULL;
}

static void measure(struct weir_savings *s, const struct rules_tally *y, struct service *v)
{
	for (size_t i = 0; i < y->member_count; i++) {
		const struct rules_row *row = &s->rows[y->members[i]];
		struct zone *from = zone_of(v, row->subnet->pub.zone), *to = zone_of(v, row->route.zone);

		if (!from || !to)
			continue;
		from->demand += row->t.bytes;
		if (row->route.path == WEIR_PATH_CROSS_ZONE)
			from->cross[row->t.dir & 1] += row->t.bytes;
		if (new_endpoint(v, &row->t.peer))
			to->endpoints++;
	}
}

/* Zones that have endpoints stay with them; the load of each must not be far above what all bear on average. */
static uint64_t staying(struct weir_savings *s, struct rules_draft *d, const struct service *v)
{
	uint64_t demand = 0, stays = 0;

	for (size_t i = 0; i < v->zone_count; i++)
		demand += v->zones[i].demand;
	for (size_t i = 0; i < v->zone_count; i++) {
		const struct zone *z = &v->zones[i];

		if (!z->endpoints)
			continue;
		stays += z->cross[0] + z->cross[1];
		if ((unsigned __int128)z->demand * v->endpoint_count * 100 >
		    (unsigned __int128)demand * z->endpoints * LOAD_MAX_PCT)
			rules_hold(s, d, "%u endpoint%s in %s would carry %llu %% of the mean load", z->endpoints,
				   z->endpoints == 1 ? "" : "s", z->id,
				   (unsigned long long)((unsigned __int128)z->demand * v->endpoint_count * 100 /
							((unsigned __int128)demand * z->endpoints)));
	}
	return stays;
}

static bool named(const struct weir_edit *e, const struct weir_traffic *t)
{
	return !strcmp(e->workload, t->workload) && !strcmp(e->workload_namespace, t->namespace);
}

static void edit_clients(struct weir_savings *s, struct rules_draft *d, const struct rules_tally *y, uint32_t ppm)
{
	for (size_t i = 0; i < y->member_count; i++) {
		const struct rules_row *row = &s->rows[y->members[i]];
		struct weir_edit *e;
		size_t k = 0;

		while (k < d->edit_count && !named(&d->edits[k], &row->t))
			k++;
		if (k < d->edit_count || row->route.path != WEIR_PATH_CROSS_ZONE)
			continue;
		e = rules_edit(s, d, WEIR_EDIT_LOCAL);
		e->domain = row->domain->name;
		e->workload_namespace = row->t.namespace;
		e->workload = row->t.workload;
		e->peer_namespace = row->t.peer_namespace;
		e->peer_workload = row->t.peer_workload;
		e->ppm = ppm;
	}
}

/* What the endpoints themselves moved to these clients over the boundary: the other side of the same bytes. */
static void mirror(const struct weir_savings *s, const struct rules_draft *d, uint64_t ret[2], const struct rules_row **ret_row)
{
	for (size_t i = 0; i < s->row_count; i++) {
		const struct rules_row *row = &s->rows[i];

		if (row->route.path != WEIR_PATH_CROSS_ZONE || row->t.opened)
			continue;
		for (size_t k = 0; k < d->edit_count; k++) {
			const struct weir_edit *e = &d->edits[k];

			if (strcmp(e->domain, row->t.domain) || strcmp(e->peer_workload, row->t.workload) || strcmp(e->peer_namespace, row->t.namespace) ||
			    strcmp(e->workload, row->t.peer_workload) || strcmp(e->workload_namespace, row->t.peer_namespace))
				continue;
			ret[row->t.dir & 1] += row->t.bytes;
			*ret_row = row;
			break;
		}
	}
}

static int64_t share(int64_t nanos, uint32_t ppm)
{
	return (int64_t)((__int128)nanos * ppm / 1000000);
}

/* Label of the workload, from its own rows; "" when none is known. */
static const char *label_of(struct weir_savings *s, const struct weir_traffic *asked, const char *key)
{
	for (size_t i = 0; i < s->row_count; i++) {
		const struct weir_traffic *t = &s->rows[i].t;
		weir_cleanup(rules_json_freep) json_t *labels = NULL;
		const char *found;

		if (!*t->labels || strcmp(t->workload, asked->peer_workload) || strcmp(t->namespace, asked->peer_namespace))
			continue;
		labels = rules_label_map(t->labels);
		found = json_string_value(json_object_get(labels, key));
		if (found)
			return rules_text(s, "%s", found);
	}
	return "";
}

static void change_service(struct weir_savings *s, struct rules_draft *d, const struct weir_traffic *t)
{
	rules_yaml(s, d, WEIR_SAVING_KUBERNETES,
		   rules_text(s,
			      "# %s: %s\n"
			      "# kubectl -n %s patch service %s --patch-file THIS (Kubernetes 1.34; before that PreferClose)\n"
			      "apiVersion: v1\nkind: Service\nmetadata:\n  name: %s\n  namespace: %s\nspec:\n"
			      "  trafficDistribution: PreferSameZone\n",
			      d->pub.id, rules_comment(s, d->pub.what), rules_comment(s, t->peer_namespace),
			      rules_comment(s, t->peer_workload), rules_scalar(s, t->peer_workload),
			      rules_scalar(s, t->peer_namespace)));
	d->pub.note = "The Service is taken to have its workload's name: kubectl refuses the patch otherwise.";
}

static void change_kafka(struct weir_savings *s, struct rules_draft *d, const struct weir_traffic *t, const char *cluster)
{
	rules_yaml(s, d, WEIR_SAVING_KUBERNETES,
		   rules_text(s,
			      "# %s: %s\n"
			      "# kubectl -n %s patch kafka %s --type merge --patch-file THIS\n"
			      "apiVersion: kafka.strimzi.io/v1beta2\nkind: Kafka\nmetadata:\n  name: %s\n  namespace: %s\nspec:\n"
			      "  kafka:\n    rack:\n      topologyKey: topology.kubernetes.io/zone\n    config:\n"
			      "      replica.selector.class: org.apache.kafka.common.replica.RackAwareReplicaSelector\n",
			      d->pub.id, rules_comment(s, d->pub.what), rules_comment(s, t->peer_namespace),
			      rules_comment(s, cluster), rules_scalar(s, cluster), rules_scalar(s, t->peer_namespace)));
	d->pub.note = "Readers must say where they are, by client.rack = the zone of their node: what does not goes on as before.";
}

/* A pod that is known by its uid alone, or what no Kubernetes runs, has no Service that could be named. */
static void hold_nameless(struct weir_savings *s, struct rules_draft *d, const struct weir_traffic *t)
{
	static const char *const hosts[] = {"unit", "group", "container", "host", NULL};
	const char *name = t->peer_workload;

	if (strlen(name) == 36 && strspn(name, "0123456789abcdef-") == 36 && name[8] == '-' && name[13] == '-')
		rules_hold(s, d, "its pods are known by their uid alone: which Service they are of is not");
	if (rules_is(hosts, t->kind))
		rules_hold(s, d, "%s is no workload of Kubernetes", t->workload);
}

static void propose(struct weir_savings *s, const struct rules_tally *y)
{
	const struct rules_row *row = &s->rows[y->sample], *other = NULL;
	bool store = is_read(s, y);
	struct service v = {.zone_count = 0};
	uint64_t cross[2] = {0}, back[2] = {0}, stays;
	struct rules_draft *d;
	struct weir_route r = row->route;
	const char *cluster;
	uint32_t ppm;

	measure(s, y, &v);
	for (size_t i = 0; i < v.zone_count; i++)
		for (int dir = 0; dir < 2; dir++)
			cross[dir] += v.zones[i].cross[dir];
	d = cross[0] + cross[1] ? rules_draft(s, store ? "R23" : "R07", y->key) : NULL;
	stays = d ? staying(s, d, &v) : 0;
	free(v.endpoints);
	if (!d)
		return;
	ppm = (uint32_t)((unsigned __int128)stays * 1000000 / (cross[0] + cross[1]));
	hold_nameless(s, d, &row->t);
	if (!ppm)
		rules_hold(s, d, "no zone of its clients has an endpoint");
	d->pub.what = rules_text(s, "%s of %s in %s from the %s own zone", row->t.peer_workload, row->t.peer_namespace,
				 row->domain->name, store ? "readers'" : "clients'");
	edit_clients(s, d, y, ppm);
	mirror(s, d, back, &other);
	r.path = WEIR_PATH_CROSS_ZONE;
	d->pub.bytes = cross[0] + cross[1];
	d->pub.rows = y->rows;
	d->pub.formula_nanos = share(rules_legs(s, &r, cross, WEIR_LEG_TRANSFER), ppm) +
			       (other ? share(rules_legs(s, &other->route, back, WEIR_LEG_TRANSFER), ppm) : 0);
	cluster = label_of(s, &row->t, "strimzi.io/cluster");
	if (store && *cluster)
		change_kafka(s, d, &row->t, cluster);
	else
		change_service(s, d, &row->t);
}

void rules_find_local(struct weir_savings *s)
{
	weir_cleanup(rules_tallies_fini) struct rules_tallies all = {.s = s};

	for (size_t i = 0; i < s->row_count && s->r == 0; i++) {
		const struct rules_row *row = &s->rows[i];
		enum weir_path path = row->route.path;

		if (row->subnet && row->t.opened && *row->t.workload && *row->t.peer_workload && *row->t.peer_namespace &&
		    !strcmp(row->route.peer_domain, row->domain->name) &&
		    (path == WEIR_PATH_CROSS_ZONE || path == WEIR_PATH_SAME_ZONE || path == WEIR_PATH_SAME_HOST) &&
		    *row->route.zone)
			rules_tally(&all, i, "%s %s %s", row->domain->name, row->t.peer_namespace, row->t.peer_workload);
	}
	for (size_t i = 0; i < all.count && s->r == 0; i++)
		propose(s, all.list[i]);
}
