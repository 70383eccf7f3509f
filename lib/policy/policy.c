/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy set: FlowPolicy documents in, sealed and numbered rules out.
 *
 *   apiVersion: weir.dev/v1alpha1
 *   kind: FlowPolicy
 *   metadata: {name: backups, labels: {team: data}}   # unique name; labels are for people
 *   spec:
 *     tier: admin              # admin | namespace | baseline
 *     priority: 100            # lower first; default 1000
 *     mode: enforce            # default; audit: count what it would deny
 *     subject: {namespace: data, labels: {app: backup}} # none: every workload, unidentified too
 *     egress:                  # ingress likewise, with `from`
 *     - action: accept         # accept | deny | pass; tier namespace: accept only
 *       to: [{service: aws/s3, region: us-east-1}, {path: nat}, {zone: use1-az1},
 *            {cidr: 10.0.0.0/8, except: [10.9.0.0/16]},
 *            {list: blocked}]                             # lists/blocked.txt; none: any peer
 *       ports: [{protocol: UDP, port: 5000, endPort: 5010}, {protocol: ICMP}]  # none: all
 *       limit: {rate: 200Mbit, mode: pace, per: node}  # with accept; see limit.c
 *
 * Rule numbers are the order in which a first-match reader must ask: by tier; inside a tier the
 * written rules by priority, policy name and place, then the default denies that the policies of
 * the namespace tier imply. Numbers are dense and the same for the same documents in any order.
 */
#include "lib/policy/model.h"

#define PRIORITY_MAX 1000000
#define PRIORITY_DEFAULT 1000

int weir_policy_set_new(struct weir_policy_set **ret)
{
	struct weir_policy_set *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

static void policy_free(struct weir_policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->rule_count; i++)
		weir_rule_fini(&p->rules[i]);
	for (size_t i = 0; i < p->label_count; i++) {
		free((char *)p->labels[i].key);
		free((char *)p->labels[i].value);
	}
	free(p->labels);
	free(p->rules);
	free(p->namespace);
	free(p->name);
	free(p);
}

static void policy_freep(struct weir_policy **p)
{
	policy_free(*p);
}

void weir_policy_set_free(struct weir_policy_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->policy_count; i++)
		policy_free(s->policies[i]);
	for (size_t i = 0; i < s->list_count; i++)
		weir_list_free(s->lists[i]);
	free(s->lists);
	free(s->policies);
	free(s->rules);
	free(s);
}

size_t weir_policy_set_rules(const struct weir_policy_set *s)
{
	return s->rule_count;
}

/* Names stand in reports, file names and rule names "policy#2". */
static int parse_name(struct weir_y *y, char **ret, struct weir_err *err)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
	const char *text;
	int r = weir_y_str(y, &text, err);

	if (r < 0)
		return r;
	if (strlen(text) >= WEIR_NAME_MAX || text[strspn(text, ok)])
		return weir_y_err(y, err,
				  "a name is lower-case letters, digits, '-' and '.', at most %d",
				  WEIR_NAME_MAX - 1);
	return weir_y_dup(y, ret, err);
}

static int parse_metadata(struct weir_y *meta, struct weir_policy *p, struct weir_err *err)
{
	struct weir_y *name, *labels;
	int r = weir_y_map(meta, err);

	if (r == 0)
		r = weir_y_get(meta, "name", &name, err);
	if (r == 0)
		r = parse_name(name, &p->name, err);
	if (r < 0)
		return r;
	labels = weir_y_find(meta, "labels"); /* for people and reports: any map of text */
	if (labels)
		r = weir_y_map(labels, err);
	for (size_t i = 0; r == 0 && labels && i < weir_y_count(labels); i++) {
		const char *unused;

		r = weir_y_str(weir_y_item(labels, i), &unused, err);
	}
	return r < 0 ? r : weir_y_end(meta, err);
}

static int parse_labels(struct weir_y *y, struct weir_policy *p, struct weir_err *err)
{
	int r = weir_y_map(y, err);

	for (size_t i = 0; r == 0 && i < weir_y_count(y); i++) {
		struct weir_label *l = weir_grow(&p->labels, p->label_count, sizeof(*l));
		char *value;

		if (!l)
			return -ENOMEM;
		p->label_count++;
		l->key = strdup(weir_y_key(y, i));
		if (!l->key)
			return -ENOMEM;
		r = weir_y_dup(weir_y_item(y, i), &value, err);
		if (r == 0)
			l->value = value;
	}
	return r;
}

static int parse_subject(struct weir_y *y, struct weir_policy *p, struct weir_err *err)
{
	struct weir_y *namespace, *labels;
	int r = weir_y_map(y, err);

	if (r < 0)
		return r;
	namespace = weir_y_find(y, "namespace");
	labels = weir_y_find(y, "labels");
	r = weir_y_end(y, err);
	if (r == 0 && namespace)
		r = weir_y_dup(namespace, &p->namespace, err);
	if (r == 0 && labels)
		r = parse_labels(labels, p, err);
	return r;
}

static int parse_head(struct weir_y *spec, struct weir_policy *p, struct weir_err *err)
{
	static const char *const tiers[] = {"admin", "namespace", "baseline", NULL};
	static const char *const modes[] = {"enforce", "audit", NULL};
	struct weir_y *tier, *priority, *mode, *subject;
	uint64_t prio = PRIORITY_DEFAULT;
	unsigned int t, m = 0;
	int r = weir_y_get(spec, "tier", &tier, err);

	if (r == 0)
		r = weir_y_enum(tier, tiers, &t, err);
	if (r < 0)
		return r;
	priority = weir_y_find(spec, "priority");
	mode = weir_y_find(spec, "mode");
	subject = weir_y_find(spec, "subject");
	if (priority)
		r = weir_y_u64(priority, 0, PRIORITY_MAX, &prio, err);
	if (r == 0 && mode)
		r = weir_y_enum(mode, modes, &m, err);
	if (r == 0 && subject)
		r = parse_subject(subject, p, err);
	if (r < 0)
		return r;
	/* Without it one forgotten line would isolate every workload of every node. */
	if (t == WEIR_TIER_NAMESPACE && !p->namespace)
		return weir_y_err(subject ? subject : tier, err,
				  "tier namespace needs subject.namespace");
	p->tier = t;
	p->priority = (uint32_t)prio;
	p->audit = m == 1;
	return 0;
}

/* A namespace-tier policy denies what it governs and nobody accepts: a last rule per direction. */
static int add_implied(struct weir_policy *p)
{
	for (int dir = WEIR_DIRS - 1; dir >= 0; dir--) {
		struct weir_rule *rule;

		if (p->tier != WEIR_TIER_NAMESPACE || !p->governs[dir])
			continue;
		rule = weir_grow(&p->rules, p->rule_count, sizeof(*rule));
		if (!rule)
			return -ENOMEM;
		p->rule_count++;
		rule->policy = p;
		rule->dir = dir;
		rule->action = WEIR_ACT_DENY;
		rule->implied = true;
	}
	return 0;
}

static int parse_spec(const struct weir_policy_set *s, struct weir_y *spec, struct weir_policy *p,
		      struct weir_err *err)
{
	static const char *const keys[WEIR_DIRS] = {"ingress", "egress"};
	int r = weir_y_map(spec, err);

	if (r == 0)
		r = parse_head(spec, p, err);
	for (int dir = WEIR_DIRS - 1; r == 0 && dir >= 0; dir--) {
		struct weir_y *rules = weir_y_find(spec, keys[dir]);

		p->governs[dir] = rules != NULL;
		if (rules)
			r = weir_rules_parse(s, p, dir, rules, err);
	}
	if (r == 0)
		r = weir_y_end(spec, err);
	if (r < 0)
		return r;
	r = add_implied(p);
	if (r == 0 && p->rule_count == 0)
		return weir_y_err(spec, err, "no rules: give egress or ingress");
	return r;
}

static int parse_policy(const struct weir_policy_set *s, struct weir_y *doc, struct weir_policy *p,
			struct weir_err *err)
{
	static const char *const versions[] = {"weir.dev/v1alpha1", NULL};
	static const char *const kinds[] = {"FlowPolicy", NULL};
	struct weir_y *version, *kind, *meta, *spec;
	unsigned int unused;
	int r = weir_y_map(doc, err);

	if (r == 0)
		r = weir_y_get(doc, "apiVersion", &version, err);
	if (r == 0)
		r = weir_y_enum(version, versions, &unused, err);
	if (r == 0)
		r = weir_y_get(doc, "kind", &kind, err);
	if (r == 0)
		r = weir_y_enum(kind, kinds, &unused, err);
	if (r == 0)
		r = weir_y_get(doc, "metadata", &meta, err);
	if (r == 0)
		r = parse_metadata(meta, p, err);
	if (r == 0)
		r = weir_y_get(doc, "spec", &spec, err);
	if (r == 0)
		r = parse_spec(s, spec, p, err);
	return r < 0 ? r : weir_y_end(doc, err);
}

int weir_policy_set_add(struct weir_policy_set *s, struct weir_y *doc, struct weir_err *err)
{
	weir_cleanup(policy_freep) struct weir_policy *p = calloc(1, sizeof(*p));
	struct weir_policy **slot;
	int r;

	if (!p)
		return -ENOMEM;
	r = parse_policy(s, doc, p, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->policy_count; i++)
		if (strcmp(s->policies[i]->name, p->name) == 0)
			return weir_y_err(doc, err, "a policy named '%s' exists already", p->name);
	if (s->policy_count == WEIR_MAX_POLICIES)
		return weir_y_err(doc, err, "more than %d policies", WEIR_MAX_POLICIES);
	slot = weir_grow(&s->policies, s->policy_count, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = weir_take_ptr(p);
	s->policy_count++;
	return 0;
}

static int cmp(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int rule_order(const void *pa, const void *pb)
{
	const struct weir_rule *a = *(struct weir_rule *const *)pa;
	const struct weir_rule *b = *(struct weir_rule *const *)pb;
	int c = cmp(a->policy->tier, b->policy->tier);

	c = c ? c : cmp(a->implied, b->implied);
	c = c ? c : cmp(a->policy->priority, b->policy->priority);
	c = c ? c : strcmp(a->policy->name, b->policy->name);
	c = c ? c : cmp(a->index, b->index);
	return c ? c : cmp(b->dir, a->dir);
}

static int policy_order(const void *a, const void *b)
{
	return strcmp((*(struct weir_policy *const *)a)->name,
		      (*(struct weir_policy *const *)b)->name);
}

/* Numbers the sorted rules; two limits of one id would share one bucket. */
static int number_rules(struct weir_policy_set *s, struct weir_err *err)
{
	for (size_t i = 0; i < s->rule_count; i++) {
		struct weir_rule *rule = s->rules[i];

		rule->number = (uint32_t)i;
		if (!rule->limited)
			continue;
		rule->limit_number = (uint32_t)++s->limit_count;
		for (size_t k = 0; k < i; k++)
			if (s->rules[k]->limited && s->rules[k]->limit.id == rule->limit.id)
				return weir_err_set(
					err, -EINVAL,
					"policies '%s' and '%s' have limits of the same "
					"identity; rename one of them",
					s->rules[k]->policy->name, rule->policy->name);
	}
	return 0;
}

int weir_policy_set_seal(struct weir_policy_set *s, struct weir_err *err)
{
	size_t n = 0, total = 0;

	for (size_t i = 0; i < s->policy_count; i++)
		total += s->policies[i]->rule_count;
	if (total > WEIR_MAX_RULES)
		return weir_err_set(err, -EINVAL, "%zu rules, more than %d", total, WEIR_MAX_RULES);
	s->rules = calloc(total + 1, sizeof(*s->rules));
	if (!s->rules)
		return -ENOMEM;
	for (size_t i = 0; i < s->policy_count; i++)
		for (size_t k = 0; k < s->policies[i]->rule_count; k++)
			s->rules[n++] = &s->policies[i]->rules[k];
	s->rule_count = total;
	if (s->policy_count)
		qsort(s->policies, s->policy_count, sizeof(*s->policies), policy_order);
	qsort(s->rules, total, sizeof(*s->rules), rule_order);
	s->sealed = true;
	return number_rules(s, err);
}
