/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy set + topology -> bundle of one node class.
 *
 * Peers become classes: classify.c.
 */
#include "lib/ds/map.h"
#include "lib/policy/format.h"
#include "lib/policy/model.h"

struct compiler {
	const struct weir_policy_set *set;
	struct weir_bundle *out;
	struct weir_map *strings; /* text -> offset + 1 */
};

static void compiler_fini(struct compiler *c)
{
	weir_bundle_free(c->out);
	weir_map_free(c->strings, NULL);
}

static int add_string(struct compiler *c, const char *text, uint32_t *ret)
{
	struct weir_bundle *b = c->out;
	size_t size = strlen(text) + 1;
	uintptr_t known = (uintptr_t)weir_map_find(c->strings, text, size);
	char *grown;
	int r;

	if (known) {
		*ret = (uint32_t)(known - 1);
		return 0;
	}
	r = weir_map_put(c->strings, text, size, (void *)(uintptr_t)(b->string_bytes + 1), NULL);
	if (r < 0)
		return r;
	grown = realloc(b->strings, b->string_bytes + size);
	if (!grown)
		return -ENOMEM;
	memcpy(grown + b->string_bytes, text, size);
	*ret = (uint32_t)b->string_bytes;
	b->strings = grown;
	b->string_bytes += size;
	return 0;
}

static int add_policy(struct compiler *c, const struct weir_policy *p)
{
	struct weir_bundle *b = c->out;
	struct weir_b_policy *out = weir_grow(&b->policies, b->policy_count, sizeof(*out));
	int r;

	if (!out)
		return -ENOMEM;
	b->policy_count++;
	*out = (struct weir_b_policy){
		.namespace = WEIR_B_NONE,
		.label_first = (uint32_t)b->label_count,
		.label_count = (uint32_t)p->label_count,
		.priority = p->priority,
		.tier = p->tier,
		.audit = p->audit,
	};
	r = add_string(c, p->name, &out->name);
	if (r == 0 && p->namespace)
		r = add_string(c, p->namespace, &out->namespace);
	for (size_t i = 0; r == 0 && i < p->label_count; i++) {
		struct weir_b_label *l = weir_grow(&b->labels, b->label_count, sizeof(*l));

		if (!l)
			return -ENOMEM;
		b->label_count++;
		r = add_string(c, p->labels[i].key, &l->key);
		if (r == 0)
			r = add_string(c, p->labels[i].value, &l->value);
	}
	return r;
}

static uint32_t policy_number(const struct weir_policy_set *s, const struct weir_policy *p)
{
	size_t lo = 0, hi = s->policy_count;

	while (hi - lo > 1) {
		size_t mid = (lo + hi) / 2;

		if (strcmp(s->policies[mid]->name, p->name) <= 0)
			lo = mid;
		else
			hi = mid;
	}
	return (uint32_t)lo;
}

static int add_rule(struct compiler *c, const struct weir_rule *rule)
{
	struct weir_bundle *b = c->out;
	struct weir_b_rule *out = weir_grow(&b->rules, b->rule_count, sizeof(*out));

	if (!out)
		return -ENOMEM;
	b->rule_count++;
	*out = (struct weir_b_rule){
		.policy = policy_number(c->set, rule->policy),
		.index = rule->index,
		.port_first = (uint32_t)b->port_count,
		.port_count = (uint32_t)rule->port_count,
		.limit = rule->limit_number,
		.dir = rule->dir,
		.action = rule->action,
		.implied = rule->implied,
		.any_peer = rule->peer_count == 0,
	};
	for (size_t i = 0; i < rule->port_count; i++) {
		struct weir_b_port *p = weir_grow(&b->ports, b->port_count, sizeof(*p));

		if (!p)
			return -ENOMEM;
		*p = (struct weir_b_port){rule->ports[i].lo, rule->ports[i].hi,
					  rule->ports[i].proto};
		b->port_count++;
	}
	if (rule->limited) {
		struct weir_limit *l = weir_grow(&b->limits, b->limit_count, sizeof(*l));

		if (!l)
			return -ENOMEM;
		*l = rule->limit;
		b->limit_count++;
	}
	return 0;
}

static int compiler_init(struct compiler *c)
{
	c->out = calloc(1, sizeof(*c->out));
	return c->out ? weir_map_new(&c->strings) : -ENOMEM;
}

int weir_bundle_compile(const struct weir_policy_set *s, const struct weir_topology *t,
			const char *class, const struct weir_failsafe *failsafe,
			size_t failsafe_count, struct weir_buf *ret, struct weir_err *err)
{
	weir_cleanup(compiler_fini) struct compiler c = {.set = s};
	int r = compiler_init(&c);

	if (r == 0)
		r = add_string(&c, class, &c.out->class);
	for (size_t i = 0; r == 0 && i < s->policy_count; i++)
		r = add_policy(&c, s->policies[i]);
	for (size_t i = 0; r == 0 && i < s->rule_count; i++)
		r = add_rule(&c, s->rules[i]);
	for (size_t i = 0; r == 0 && i < failsafe_count; i++) {
		struct weir_failsafe *f = weir_grow(&c.out->failsafe, i, sizeof(*f));

		if (!f)
			return -ENOMEM;
		*f = failsafe[i];
		c.out->failsafe_count++;
	}
	if (r == 0)
		r = weir_classify(s, t, class, c.out, err);
	if (r < 0)
		return r;
	r = weir_bundle_encode(c.out, ret);
	if (r == -EFBIG)
		weir_err_set(err, r, "bundle for node class '%s' is over %u bytes", class,
			     WEIR_BUNDLE_MAX);
	return r;
}
