/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses -> peer classes: two addresses are of one class when the same rules match them.
 *
 * Boundaries are the topology's prefixes for the node class, every cidr and except of a rule and every
 * prefix of a list that a rule names. One sweep in address order with a stack of the prefixes that are
 * open: what begins or ends changes the set of matching rules by what it says and by no more, so the
 * work grows with the prefixes, not with prefixes times rules. IPv4 and IPv6 have a set each, since a
 * prefix of one family never holds an address of the other; only the topology's routes go by nesting
 * alone. Prefixes that repeat the class around them are left out.
 */
#include "lib/policy/classes.h"
#include "lib/policy/model.h"

#define NO_ROUTE UINT32_MAX

enum event_kind { EV_FAMILY, EV_ROUTE, EV_CIDR, EV_EXCEPT, EV_LIST };
struct event {
	struct weir_prefix prefix;
	uint8_t kind;
	uint32_t at; /* into routes, members or uses */
};

struct member { /* a peer with a cidr */
	const struct weir_rule_peer *peer;
	uint32_t rule;
	uint32_t excepted; /* exceptions that are open */
};

struct rule_list {
	uint32_t *rules;
	size_t count;
};

struct use { /* a list, and the rules that name it */
	const struct weir_list *list;
	struct rule_list by;
	uint32_t open[2]; /* its prefixes, by family */
};

/* The rules that match here, by how many of their peers; of one family. */
struct matching {
	uint32_t *count;
	uint64_t *bits;
	uint64_t hash; /* of bits */
	uint32_t route; /* whose rules are counted */
	uint32_t class;
	bool changed; /* class is not that of bits */
};

struct open_bound {
	struct weir_prefix prefix;
	size_t first, end; /* events */
	uint32_t route, class;
};

struct sweep {
	const struct weir_policy_set *set;
	struct weir_bundle *out;
	struct event *events;
	size_t event_count, event_room;
	struct member *members;
	size_t member_count;
	struct use *uses;
	size_t use_count;
	struct rule_list *routes; /* rules that match by what the topology says */
	size_t route_count;
	struct matching now[2];
	struct open_bound stack[130];
	size_t depth;
	struct weir_classes classes;
};

static void sweep_fini(struct sweep *s)
{
	for (size_t i = 0; i < s->use_count; i++)
		free(s->uses[i].by.rules);
	for (size_t i = 0; i < s->route_count; i++)
		free(s->routes[i].rules);
	for (size_t i = 0; i < 2; i++) {
		free(s->now[i].count);
		free(s->now[i].bits);
	}
	free(s->events);
	free(s->members);
	free(s->uses);
	free(s->routes);
	weir_classes_fini(&s->classes);
}

static bool is_v4(const struct weir_prefix *p)
{
	return p->len >= 96 && weir_addr_is_v4(&p->addr);
}

static int add_event(struct sweep *s, const struct weir_prefix *p, enum event_kind kind, size_t at)
{
	if (s->event_count == s->event_room) {
		size_t room = s->event_room ? 2 * s->event_room : 1024;
		struct event *grown = reallocarray(s->events, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		s->events = grown;
		s->event_room = room;
	}
	s->events[s->event_count++] = (struct event){*p, (uint8_t)kind, (uint32_t)at};
	return 0;
}

static int append(struct rule_list *l, uint32_t rule)
{
	uint32_t *slot = weir_grow(&l->rules, l->count, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	*slot = rule;
	l->count++;
	return 0;
}

static int add_cidr(struct sweep *s, const struct weir_rule_peer *p, uint32_t rule)
{
	struct member *m = weir_grow(&s->members, s->member_count, sizeof(*m));
	size_t at = s->member_count;
	int r;

	if (!m)
		return -ENOMEM;
	*m = (struct member){.peer = p, .rule = rule};
	s->member_count++;
	r = add_event(s, &p->cidr, EV_CIDR, at);
	for (size_t i = 0; r == 0 && i < p->except_count; i++)
		r = add_event(s, &p->except[i], EV_EXCEPT, at);
	return r;
}

static int add_use(struct sweep *s, const struct weir_list *l, uint32_t rule)
{
	struct use *u;
	int r = 0;

	for (size_t i = 0; i < s->use_count; i++)
		if (s->uses[i].list == l)
			return append(&s->uses[i].by, rule);
	u = weir_grow(&s->uses, s->use_count, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->list = l;
	s->use_count++;
	for (size_t i = 0; r == 0 && i < l->count; i++)
		r = add_event(s, &l->prefixes[i], EV_LIST, s->use_count - 1);
	return r < 0 ? r : append(&s->uses[s->use_count - 1].by, rule);
}

static int add_rules(struct sweep *s)
{
	int r = 0;

	for (uint32_t i = 0; i < s->set->rule_count; i++)
		for (size_t k = 0; r == 0 && k < s->set->rules[i]->peer_count; k++) {
			const struct weir_rule_peer *p = &s->set->rules[i]->peers[k];

			if (p->has_cidr)
				r = add_cidr(s, p, i);
			else if (p->list)
				r = add_use(s, p->list, i);
		}
	return r;
}

static bool route_holds(const struct weir_rule_peer *want, const struct weir_route *route)
{
	if (want->has_cidr || want->list)
		return false;
	if (want->path >= 0)
		return (int)route->path == want->path;
	if (want->zone)
		return strcmp(route->zone, want->zone) == 0;
	if (want->service && strcmp(route->service, want->service) != 0)
		return false;
	return !want->region || strcmp(route->region, want->region) == 0;
}

static int on_route(const struct weir_prefix *p, const struct weir_route *route, void *arg)
{
	struct sweep *s = arg;
	struct rule_list *l = weir_grow(&s->routes, s->route_count, sizeof(*l));
	int r = 0;

	if (!l)
		return -ENOMEM;
	s->route_count++;
	for (uint32_t i = 0; i < s->set->rule_count; i++)
		for (size_t k = 0; k < s->set->rules[i]->peer_count; k++)
			if (r == 0 && route_holds(&s->set->rules[i]->peers[k], route)) {
				r = append(l, i);
				break;
			}
	return r < 0 ? r : add_event(s, p, EV_ROUTE, s->route_count - 1);
}

/* A number for a rule (Steele, Lea, Flood 2014: SplitMix64), so that a set's hash is their sum. */
static uint64_t scramble(uint32_t rule)
{
	uint64_t z = ((uint64_t)rule + 1) * 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void match(struct matching *m, uint32_t rule, bool more)
{
	if (more ? m->count[rule]++ : --m->count[rule])
		return;
	m->bits[rule / 64] ^= 1ull << rule % 64;
	m->hash += more ? scramble(rule) : -scramble(rule);
	m->changed = true;
}

static void match_all(struct matching *m, const struct rule_list *l, bool more)
{
	for (size_t i = 0; i < l->count; i++)
		match(m, l->rules[i], more);
}

static void begin(struct sweep *s, const struct event *e, bool v4)
{
	struct matching *now = &s->now[v4];

	if (e->kind == EV_CIDR)
		match(now, s->members[e->at].rule, true);
	else if (e->kind == EV_EXCEPT && s->members[e->at].excepted++ == 0)
		match(now, s->members[e->at].rule, false);
	else if (e->kind == EV_LIST && s->uses[e->at].open[v4]++ == 0)
		match_all(now, &s->uses[e->at].by, true);
}

static void end(struct sweep *s, const struct event *e, bool v4)
{
	struct matching *now = &s->now[v4];

	if (e->kind == EV_CIDR)
		match(now, s->members[e->at].rule, false);
	else if (e->kind == EV_EXCEPT && --s->members[e->at].excepted == 0)
		match(now, s->members[e->at].rule, true);
	else if (e->kind == EV_LIST && --s->uses[e->at].open[v4] == 0)
		match_all(now, &s->uses[e->at].by, false);
}

static void set_route(struct sweep *s, struct matching *m, uint32_t route)
{
	if (m->route == route)
		return;
	if (m->route != NO_ROUTE)
		match_all(m, &s->routes[m->route], false);
	if (route != NO_ROUTE)
		match_all(m, &s->routes[route], true);
	m->route = route;
}

static int class_here(struct sweep *s, struct matching *m, uint32_t *ret)
{
	int r = m->changed ? weir_classes_number(&s->classes, m->bits, m->hash, &m->class) : 0;

	if (r < 0)
		return r;
	m->changed = false;
	*ret = m->class;
	return 0;
}

static void close_until(struct sweep *s, const struct weir_prefix *next)
{
	while (s->depth && !weir_prefix_covers(&s->stack[s->depth - 1].prefix, &next->addr)) {
		const struct open_bound *b = &s->stack[--s->depth];

		for (size_t i = b->end; i > b->first; i--)
			end(s, &s->events[i - 1], is_v4(&b->prefix));
	}
}

/* All events of one prefix. */
static int bound(struct sweep *s, size_t first, size_t last)
{
	const struct weir_prefix *p = &s->events[first].prefix;
	struct weir_bundle *b = s->out;
	struct open_bound *top = &s->stack[s->depth], *around = s->depth ? top - 1 : NULL;
	bool v4 = is_v4(p);
	uint32_t class;
	int r;

	*top = (struct open_bound){*p, first, last, around ? around->route : NO_ROUTE, 0};
	for (size_t i = first; i < last; i++) {
		begin(s, &s->events[i], v4);
		if (s->events[i].kind == EV_ROUTE)
			top->route = s->events[i].at;
	}
	s->depth++;
	set_route(s, &s->now[v4], top->route);
	r = class_here(s, &s->now[v4], &class);
	if (r < 0)
		return r;
	top->class = class;
	if (class == (around ? around->class : 0))
		return 0;
	if (b->prefix_count == WEIR_BUNDLE_PREFIXES_MAX)
		return -EFBIG;
	b->prefixes[b->prefix_count++] = (struct weir_b_prefix){*p, class};
	return 0;
}

static int by_prefix(const void *pa, const void *pb)
{
	const struct event *a = pa, *b = pb;
	int c = weir_prefix_cmp(&a->prefix, &b->prefix);

	if (c == 0)
		c = (int)a->kind - (int)b->kind;
	return c ? c : (a->at > b->at) - (a->at < b->at);
}

static int sweep_all(struct sweep *s)
{
	int r = 0;

	qsort(s->events, s->event_count, sizeof(*s->events), by_prefix);
	s->out->prefixes = calloc(s->event_count, sizeof(*s->out->prefixes));
	if (!s->out->prefixes)
		return -ENOMEM;
	for (size_t first = 0, last; r == 0 && first < s->event_count; first = last) {
		const struct weir_prefix *p = &s->events[first].prefix;

		for (last = first + 1; last < s->event_count; last++)
			if (weir_prefix_cmp(p, &s->events[last].prefix))
				break;
		close_until(s, p);
		r = bound(s, first, last);
	}
	return r;
}

static int sweep_init(struct sweep *s)
{
	static const struct weir_prefix families[] = {
		{.len = 0},
		{.addr = {{[10] = 0xff, [11] = 0xff}}, .len = 96},
	};
	uint32_t none;
	int r = 0;

	weir_classes_init(&s->classes, s->set->rule_count);
	for (size_t i = 0; i < 2; i++) {
		struct matching *m = &s->now[i];

		m->count = calloc(s->set->rule_count + 1, sizeof(*m->count));
		m->bits = calloc(s->classes.words, sizeof(*m->bits));
		m->route = NO_ROUTE;
		m->changed = true;
		if (!m->count || !m->bits)
			return -ENOMEM;
		r = r < 0 ? r : add_event(s, &families[i], EV_FAMILY, 0);
	}
	/* The empty set, which is class 0 and stays it: no other comes before it. */
	return r < 0 ? r : class_here(s, &s->now[0], &none);
}

int weir_classify(const struct weir_policy_set *set, const struct weir_topology *t, const char *class,
		  struct weir_bundle *b, struct weir_err *err)
{
	weir_cleanup(sweep_fini) struct sweep s = {.set = set, .out = b};
	int r = sweep_init(&s);

	if (r < 0)
		return r;
	r = weir_topology_each(t, class, on_route, &s);
	if (r < 0)
		return weir_err_set(err, r, "the topology has no node class '%s'", class);
	r = add_rules(&s);
	if (r == 0)
		r = sweep_all(&s);
	if (r == -E2BIG)
		return weir_err_set(err, r, "more than %d peer classes for node class '%s'",
				    WEIR_PEER_CLASSES_MAX, class);
	if (r == -EFBIG)
		return weir_err_set(err, r, "more than %u prefixes for node class '%s'",
				    WEIR_BUNDLE_PREFIXES_MAX, class);
	return r < 0 ? r : weir_classes_renumber(&s.classes, b);
}
