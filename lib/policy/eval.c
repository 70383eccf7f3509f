/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference evaluator: what a policy set means, written for reading. It looks at the policies
 * as parsed and does not trust the order of rule numbers; the compiler has its own code.
 *
 *  admin     the matching rule of lowest priority (then name, then place) decides; pass: next tier
 *  namespace nobody selects: next tier. Else one accepting rule suffices; none: denied
 *  baseline  as admin
 *  none      accepted, WEIR_NO_RULE
 *
 * Audit policies take part in a second evaluation only. What that denies and the first accepts is
 * WOULD_DENY, with the rule of the second and the limit of the first.
 */
#include <assert.h>

#include "lib/policy/model.h"

struct question {
	const struct weir_policy_set *set;
	const struct weir_subject *subject;
	const struct weir_conn *conn;
	const struct weir_route *route;
	bool with_audit;
};

static bool has_label(const struct weir_subject *s, const struct weir_label *want)
{
	for (size_t i = 0; i < s->label_count; i++)
		if (strcmp(s->labels[i].key, want->key) == 0)
			return strcmp(s->labels[i].value, want->value) == 0;
	return false;
}

static bool applies(const struct question *q, const struct weir_policy *p, enum weir_tier tier)
{
	if (p->tier != tier || (p->audit && !q->with_audit) || !p->governs[q->conn->dir])
		return false;
	if (p->namespace &&
	    (!q->subject->namespace || strcmp(p->namespace, q->subject->namespace) != 0))
		return false;
	for (size_t i = 0; i < p->label_count; i++)
		if (!has_label(q->subject, &p->labels[i]))
			return false;
	return true;
}

static bool in_cidr(const struct weir_rule_peer *p, const struct weir_addr *a)
{
	bool v4 = p->cidr.len >= 96 && weir_addr_is_v4(&p->cidr.addr);

	if (v4 != weir_addr_is_v4(a) || !weir_prefix_covers(&p->cidr, a))
		return false;
	for (size_t i = 0; i < p->except_count; i++)
		if (weir_prefix_covers(&p->except[i], a))
			return false;
	return true;
}

static bool is_peer(const struct weir_rule_peer *p, const struct question *q)
{
	if (p->has_cidr)
		return in_cidr(p, &q->conn->peer);
	if (p->list)
		return weir_list_holds(p->list, &q->conn->peer);
	if (p->path >= 0)
		return q->route->path == (enum weir_path)p->path;
	if (p->zone)
		return strcmp(p->zone, q->route->zone) == 0;
	return (!p->service || strcmp(p->service, q->route->service) == 0) &&
	       (!p->region || strcmp(p->region, q->route->region) == 0);
}

static bool matches(const struct weir_rule *rule, const struct question *q)
{
	bool peer = rule->peer_count == 0, port = rule->port_count == 0;

	if (rule->implied || rule->dir != q->conn->dir)
		return false;
	for (size_t i = 0; i < rule->peer_count && !peer; i++)
		peer = is_peer(&rule->peers[i], q);
	for (size_t i = 0; i < rule->port_count && !port; i++)
		port = rule->ports[i].proto == q->conn->proto &&
		       q->conn->port >= rule->ports[i].lo && q->conn->port <= rule->ports[i].hi;
	return peer && port;
}

/* Of two policies, does a come before b? */
static bool before(const struct weir_policy *a, const struct weir_policy *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return strcmp(a->name, b->name) < 0;
}

/* The matching rule of the tier that comes first; *ret_selected: the policy that selects, first. */
static const struct weir_rule *first_rule(const struct question *q, enum weir_tier tier,
					  const struct weir_policy **ret_selected)
{
	const struct weir_rule *best = NULL;
	const struct weir_policy *selected = NULL;

	for (size_t i = 0; i < q->set->policy_count; i++) {
		const struct weir_policy *p = q->set->policies[i];

		if (!applies(q, p, tier))
			continue;
		if (!selected || before(p, selected))
			selected = p;
		if (best && !before(p, best->policy))
			continue;
		for (size_t k = 0; k < p->rule_count; k++)
			if (matches(&p->rules[k], q)) {
				best = &p->rules[k];
				break;
			}
	}
	*ret_selected = selected;
	return best;
}

static const struct weir_rule *default_deny(const struct weir_policy *p, enum weir_dir dir)
{
	for (size_t i = 0; i < p->rule_count; i++)
		if (p->rules[i].implied && p->rules[i].dir == dir)
			return &p->rules[i];
	return NULL;
}

/* The rule that decides; NULL: nothing does, accepted. */
static const struct weir_rule *judge(const struct question *q)
{
	for (int tier = 0; tier < WEIR_TIERS; tier++) {
		const struct weir_policy *selected;
		const struct weir_rule *rule = first_rule(q, tier, &selected);

		if (rule && rule->action != WEIR_ACT_PASS)
			return rule;
		if (!rule && selected && tier == WEIR_TIER_NAMESPACE)
			return default_deny(selected, q->conn->dir);
	}
	return NULL;
}

static bool denies(const struct weir_rule *rule)
{
	return rule && rule->action == WEIR_ACT_DENY;
}

void weir_policy_eval(const struct weir_policy_set *s, const struct weir_subject *subject,
		      const struct weir_conn *c, const struct weir_route *route,
		      struct weir_decision_ref *ret)
{
	struct question q = {s, subject, c, route, false};
	const struct weir_rule *real, *would;

	assert(s->sealed);
	real = judge(&q);
	q.with_audit = true;
	would = judge(&q);
	*ret = (struct weir_decision_ref){
		.verdict = denies(real) ? WEIR_V_DENY : WEIR_V_ACCEPT,
		.rule = real ? real->number : WEIR_NO_RULE,
		.limit = real ? real->limit_number : 0,
	};
	if (!denies(real) && denies(would)) {
		ret->verdict = WEIR_V_WOULD_DENY;
		ret->rule = would->number;
	}
}
