/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy set + topology -> bundle of one node class.
 *
 * Peers become classes: two addresses are of one class when the same rules match them. Boundaries
 * are the topology's prefixes for the class and every cidr and except of a rule; between two
 * boundaries nothing changes, so one look at each prefix decides the class of what it alone covers.
 * Class 0 is "matched by no rule that names its peers"; prefixes that repeat their parent's class
 * are left out.
 */
#include "lib/ds/map.h"
#include "lib/policy/format.h"
#include "lib/policy/model.h"

#define MAX_PEER_CLASSES 65536

struct route_list {
	struct weir_route *routes;
	size_t count;
	struct weir_lpm *lpm;	 /* topology prefix -> index of routes */
	struct weir_lpm *bounds; /* every boundary; value unused */
};

struct compiler {
	const struct weir_policy_set *set;
	struct weir_bundle *out;
	struct weir_map *strings; /* text -> offset + 1 */
	struct route_list routes;
	struct weir_map *classes; /* set of matching rules (bits) -> class + 1 */
	struct weir_lpm *emitted; /* prefix -> class */
	uint8_t *bits;		  /* scratch: rules that match the prefix at hand */
	size_t bit_bytes;
};

static void compiler_fini(struct compiler *c)
{
	weir_bundle_free(c->out);
	weir_map_free(c->strings, NULL);
	weir_map_free(c->classes, NULL);
	weir_lpm_free(c->routes.lpm);
	weir_lpm_free(c->routes.bounds);
	weir_lpm_free(c->emitted);
	free(c->routes.routes);
	free(c->bits);
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

static int on_route(const struct weir_prefix *p, const struct weir_route *r, void *arg)
{
	struct route_list *l = arg;
	struct weir_route *slot = weir_grow(&l->routes, l->count, sizeof(*slot));
	int e;

	if (!slot)
		return -ENOMEM;
	*slot = *r;
	e = weir_lpm_put(l->lpm, p, (uint32_t)l->count++);
	return e < 0 ? e : weir_lpm_put(l->bounds, p, 0);
}

static int add_bounds(struct compiler *c)
{
	static const struct weir_prefix families[] = {
		{.len = 0},
		{.addr = {{[10] = 0xff, [11] = 0xff}}, .len = 96},
	};
	struct weir_lpm *bounds = c->routes.bounds;
	int r = 0;

	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(families); i++)
		r = weir_lpm_put(bounds, &families[i], 0);
	for (size_t i = 0; i < c->set->rule_count; i++)
		for (size_t k = 0; k < c->set->rules[i]->peer_count; k++) {
			const struct weir_rule_peer *p = &c->set->rules[i]->peers[k];

			if (r == 0 && p->has_cidr)
				r = weir_lpm_put(bounds, &p->cidr, 0);
			for (size_t e = 0; r == 0 && e < p->except_count; e++)
				r = weir_lpm_put(bounds, &p->except[e], 0);
		}
	return r;
}

/* Is all of p that no longer boundary covers inside outer? An IPv6 prefix holds no IPv4 address. */
static bool inside(const struct weir_prefix *outer, const struct weir_prefix *p)
{
	bool outer4 = outer->len >= 96 && weir_addr_is_v4(&outer->addr);
	bool p4 = p->len >= 96 && weir_addr_is_v4(&p->addr);

	return outer4 == p4 && p->len >= outer->len && weir_prefix_covers(outer, &p->addr);
}

static bool peer_holds(const struct weir_rule_peer *want, const struct weir_prefix *p,
		       const struct weir_route *route)
{
	if (want->has_cidr) {
		bool in = inside(&want->cidr, p);

		for (size_t i = 0; in && i < want->except_count; i++)
			in = !inside(&want->except[i], p);
		return in;
	}
	if (!route)
		return false;
	if (want->path >= 0)
		return (int)route->path == want->path;
	if (want->zone)
		return strcmp(route->zone, want->zone) == 0;
	if (want->service && strcmp(route->service, want->service) != 0)
		return false;
	return !want->region || strcmp(route->region, want->region) == 0;
}

/* Numbers the set of rules in c->bits; 0 for the empty set. */
static int class_of_bits(struct compiler *c, uint32_t *ret)
{
	struct weir_bundle *b = c->out;
	uintptr_t known = (uintptr_t)weir_map_find(c->classes, c->bits, c->bit_bytes);
	int r;

	if (known) {
		*ret = (uint32_t)(known - 1);
		return 0;
	}
	if (b->peer_classes == MAX_PEER_CLASSES)
		return -E2BIG;
	r = weir_map_put(c->classes, c->bits, c->bit_bytes,
			 (void *)(uintptr_t)(b->peer_classes + 1), NULL);
	if (r < 0)
		return r;
	*ret = b->peer_classes++;
	return 0;
}

static int on_bound(const struct weir_prefix *p, uint32_t value, void *arg)
{
	struct compiler *c = arg;
	struct weir_bundle *b = c->out;
	uint32_t at = weir_lpm_find_prefix(c->routes.lpm, p), class, parent;
	const struct weir_route *route = at == WEIR_LPM_NONE ? NULL : &c->routes.routes[at];
	struct weir_b_prefix *out;
	int r;

	(void)value;
	memset(c->bits, 0, c->bit_bytes);
	for (size_t i = 0; i < c->set->rule_count; i++)
		for (size_t k = 0; k < c->set->rules[i]->peer_count; k++)
			if (peer_holds(&c->set->rules[i]->peers[k], p, route)) {
				c->bits[i / 8] |= (uint8_t)(1 << i % 8);
				break;
			}
	r = class_of_bits(c, &class);
	if (r < 0)
		return r;
	parent = weir_lpm_find_prefix(c->emitted, p);
	if (class == (parent == WEIR_LPM_NONE ? 0 : parent))
		return 0;
	out = weir_grow(&b->prefixes, b->prefix_count, sizeof(*out));
	if (!out)
		return -ENOMEM;
	b->prefix_count++;
	out->prefix = *p;
	out->class = class;
	return weir_lpm_put(c->emitted, p, class);
}

/* Turns "class -> rules" into the ascending list of classes of each rule. */
static int list_peers(struct compiler *c)
{
	struct weir_bundle *b = c->out;

	for (size_t i = 0; i < b->rule_count; i++) {
		const void *bits;
		size_t pos = 0, len;
		void *value;

		b->rules[i].peer_first = (uint32_t)b->peer_count;
		while (weir_map_next(c->classes, &pos, &bits, &len, &value)) {
			uint32_t *slot;

			if (!(((const uint8_t *)bits)[i / 8] & (1 << i % 8)))
				continue;
			slot = weir_grow(&b->peers, b->peer_count, sizeof(*slot));
			if (!slot)
				return -ENOMEM;
			*slot = (uint32_t)((uintptr_t)value - 1);
			b->peer_count++;
			b->rules[i].peer_count++;
		}
	}
	return 0;
}

static int classify(struct compiler *c, const struct weir_topology *t, const char *class,
		    struct weir_err *err)
{
	uint32_t empty;
	int r;

	c->bit_bytes = c->set->rule_count / 8 + 1;
	c->bits = calloc(1, c->bit_bytes);
	if (!c->bits)
		return -ENOMEM;
	r = weir_topology_each(t, class, on_route, &c->routes);
	if (r < 0)
		return weir_err_set(err, r, "the topology has no node class '%s'", class);
	r = add_bounds(c);
	if (r == 0)
		r = class_of_bits(c, &empty);
	if (r == 0)
		r = weir_lpm_each(c->routes.bounds, on_bound, c);
	if (r == -E2BIG)
		return weir_err_set(err, r, "more than %d peer classes for node class '%s'",
				    MAX_PEER_CLASSES, class);
	return r < 0 ? r : list_peers(c);
}

static int compiler_init(struct compiler *c)
{
	int r;

	c->out = calloc(1, sizeof(*c->out));
	if (!c->out)
		return -ENOMEM;
	r = weir_map_new(&c->strings);
	if (r == 0)
		r = weir_map_new(&c->classes);
	if (r == 0)
		r = weir_lpm_new(&c->routes.lpm);
	if (r == 0)
		r = weir_lpm_new(&c->routes.bounds);
	return r < 0 ? r : weir_lpm_new(&c->emitted);
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
		r = classify(&c, t, class, err);
	if (r == 0)
		r = weir_bundle_encode(c.out, ret);
	if (r == -EFBIG)
		weir_err_set(err, r, "bundle for node class '%s' is over %u bytes", class,
			     WEIR_BUNDLE_MAX);
	return r;
}
