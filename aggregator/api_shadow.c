/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about the candidate: who evaluates it, and what it would decide otherwise. */
#include "aggregator/api.h"
#include "aggregator/query_shadow.h"

static int add_flows(json_t *o, const struct query_shadow_flows *f)
{
	if (!o || json_object_set_new(o, "denied", json_integer((json_int_t)f->denied)) ||
	    json_object_set_new(o, "accepted", json_integer((json_int_t)f->accepted)) ||
	    json_object_set_new(o, "limited", json_integer((json_int_t)f->limited))) {
		json_decref(o);
		return -ENOMEM;
	}
	return 0;
}

struct nodes {
	uint64_t serial;
	json_t *items;
};

/* A node in observe mode evaluates nothing, whatever it was sent. */
static int add_node(const struct query_shadow_node *n, void *arg)
{
	const struct nodes *l = arg;
	bool evaluates = n->candidate && n->candidate == l->serial && n->mode != WEIR_MODE_OBSERVE;
	json_t *o = json_pack("{s:s,s:s,s:s,s:I,s:b,s:s,s:I,s:I}", "node", n->node, "class", n->class, "mode",
			      weir_mode_name(n->mode), "candidate", (json_int_t)n->candidate, "evaluates", evaluates,
			      "refused_reason", n->refused_reason, "since_s", (json_int_t)n->since_s, "seen_s",
			      (json_int_t)n->seen_s);
	int r = add_flows(o, &n->flows);

	return r ? r : json_array_append_new(l->items, o) ? -ENOMEM : 0;
}

static int add_rule(const struct query_shadow_rule *d, void *arg)
{
	json_t *o = json_pack("{s:s,s:s}", "node", d->node, "rule", d->rule);
	int r = add_flows(o, &d->flows);

	return r ? r : json_array_append_new(arg, o) ? -ENOMEM : 0;
}

/* The candidate's facts. Behind its end, those of the last one: there is none, but its serial. */
static json_t *facts_of(const struct gitops *g, uint64_t serial)
{
	const struct weir_approval *a = gitops_candidate(g);
	const struct weir_repo *repo = gitops_repo(g);
	bool current = a && a->manifest.serial == serial;
	char source[2 * WEIR_SHA256_LEN + 1] = "";

	if (current)
		weir_hex(a->manifest.source, sizeof(a->manifest.source), source);
	return json_pack("{s:I,s:s,s:s,s:I,s:I,s:I,s:I}", "serial", (json_int_t)serial, "state",
			 current ? "evaluated" : serial ? "ended" : "none", "source", source, "approvals",
			 (json_int_t)(current && repo ? gitops_signers(repo, a) : 0), "threshold",
			 (json_int_t)(repo ? repo->threshold : 0), "not_after_s",
			 (json_int_t)(current ? a->manifest.not_after_s : 0), "in_force",
			 (json_int_t)(gitops_approval(g) ? gitops_approval(g)->manifest.serial : 0));
}

int api_shadow(struct api_call *c, json_t **ret)
{
	const struct weir_approval *a = gitops_candidate(c->sv->gitops);
	uint64_t serial = a ? a->manifest.serial : 0, limit;
	api_auto_json json_t *o = NULL, *nodes = json_array(), *items = json_array();
	struct nodes l = {.items = nodes};
	int r = api_u64(c, "limit", 1000, 1, API_ITEMS_MAX, &limit);

	if (r)
		return r;
	if (!serial)
		r = query_shadow_last(c->sv->store, &serial);
	if (r)
		return api_store_failed(c, r);
	r = api_u64(c, "serial", serial, 0, INT64_MAX, &serial);
	if (r)
		return r;
	l.serial = serial;
	o = facts_of(c->sv->gitops, serial);
	if (!o || !nodes || !items)
		return -ENOMEM;
	r = query_shadow_nodes(c->sv->store, serial, add_node, &l);
	if (!r)
		r = query_shadow_rules(c->sv->store, serial, limit, add_rule, items);
	if (r)
		return api_store_failed(c, r);
	if (json_object_set(o, "nodes", nodes) || json_object_set(o, "items", items))
		return -ENOMEM;
	*ret = weir_take_ptr(o);
	return 0;
}
